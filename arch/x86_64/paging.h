/* The kernel's own tables, made once at boot. */
#ifndef QUIRE_PAGING_H
#define QUIRE_PAGING_H

#include "boot.h"

/* Finds `bytes` of usable memory outside every reserved range, page aligned, and where it is that long to 2 MiB, below `limit`, and reserves it in `source`.
 * Panics when there is none. */
uint64_t paging_reserve(struct boot_source *source, uint64_t bytes, uint64_t limit, const char *purpose);

/* Maps the storage of the frame table (whole pages) to its place. */
void paging_map_frame_table(uint64_t physical, uint64_t bytes);

/* Makes the kernel's half as layout.h draws it and loads it: afterwards the boot tables and the identity map are gone. */
void paging_initialise(struct boot_source *source, uint64_t apic_physical);

/* End of the highest usable frame, as a frame number. */
uint32_t paging_count_frames(const struct boot_source *source);

#endif
