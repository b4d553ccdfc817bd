/* Entries of the host port are those of x86-64, bit for bit: the tests then run the table algorithm over the very format that the machine reads.
 *
 * The tests of spaces run over the other formats too (cmake/host.cmake, QUIRE_PTE). */
#ifndef QUIRE_HOST_PTE_H
#define QUIRE_HOST_PTE_H

#ifndef QUIRE_PTE
#define QUIRE_PTE "../x86_64/pte.h"
#endif
#include QUIRE_PTE

#endif
