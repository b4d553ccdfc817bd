/* The kernel's half of every space, after boot. */
#ifndef QUIRE_KERNEL_MAP_H
#define QUIRE_KERNEL_MAP_H

#include <stdint.h>

struct kernel_map {
    uint64_t root_physical;
    unsigned direct_entries; /* root entries that the direct map uses */
};
extern struct kernel_map kernel_map; /* filled by paging.c */

/* Takes boot code and boot tables out of the address space and gives their frames to everybody. Called by entry code once, when no boot code is on the
 * stack any more. */
void kernel_map_release_boot(void);

#endif
