/* The seam on the machine: what the loop tells it before the pager starts. */
#ifndef QUIRE_PAGER_KERNEL_MACHINE_H
#define QUIRE_PAGER_KERNEL_MACHINE_H

#include "abi/boot_info.h"

void kernel_machine_initialise(const struct boot_info *boot);

#endif
