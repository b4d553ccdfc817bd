/* PVH: the door that `qemu -kernel` uses.
 *
 * An ELF note of the kernel names a 32-bit entry point; ebx holds the physical address of the start structure. Modules come as one bundle
 * (libimage/bundle.h). Source: Xen public headers, arch-x86/hvm/start_info.h and elfnote.h. */
#ifndef QUIRE_PVH_H
#define QUIRE_PVH_H

#define PVH_NOTE_TYPE 18       /* XEN_ELFNOTE_PHYS32_ENTRY: the descriptor is the physical entry address; the note's name is "Xen" */
#define PVH_MAGIC 0x336ec578   /* first word of the start structure */

#ifndef __ASSEMBLER__

#include <stddef.h>
#include <stdint.h>

#include "boot.h"
#include "refusal.h"

constexpr uint32_t PVH_MEMORY_ROWS = 4096; /* a longer memory map is refused */

/* Reads the start structure at physical address `physical`. All memory is read through `memory`, which answers with a pointer to `length` bytes at
 * a physical address, or with nullptr when they cannot all be read. Nothing is read there after the return.
 * OK or BAD_BOOT_INFO; then `*source` is all zero and `where` is the row of the memory map, module list or bundle that was refused, or 0.
 * Modules of the list behind the first are counted in left_out_modules. */
enum status pvh_read(uint64_t physical, const void *(*memory)(uint64_t physical, uint64_t length), struct boot_source *source,
                     struct refusal *refusal);

#endif
#endif
