/* Ranges: what is done to a run of a process's pages, whatever segments it goes through.
 *
 * Who changes a range checks it, reserves what its ends may cost, and then cuts: from there on the range is whole segments. */
#ifndef QUIRE_PAGER_RANGE_H
#define QUIRE_PAGER_RANGE_H

#include "process.h"

/* The whole pages of [address, address + bytes). BAD_LENGTH, BAD_ALIGNMENT, BAD_ADDRESS. */
enum status range_decode(uint64_t address, uint64_t bytes, uint64_t *limit);
/* The same, and all of them lie in segments that may change. NOT_MAPPED, IMMUTABLE. */
enum status range_check(const struct process *process, uint64_t address, uint64_t bytes, uint64_t *limit);

/* The lowest page of a segment that is mapped; its limit when there is none. */
uint64_t range_lowest(const struct process *process, const struct segment *segment);

/* Splits the large page that an address lies inside of, if there is one. Who sees memory sees nothing of it. NO_MEMORY. */
enum status range_split_page(const struct process *process, uint64_t at);
/* Whether who pays can bear cuts at the ends of [first, limit); large pages there are split. LIMIT, NO_MEMORY. */
enum status range_afford_cuts(const struct process *process, uint64_t first, uint64_t limit);
/* Cuts the segment that goes over an address, if there is one; a row is reserved, and SEGMENT_CUT_CHARGE is to be had. */
void range_cut(struct process *process, uint64_t at);

/* Checks a range and cuts it off, so that it is whole segments. As range_check(); NO_MEMORY, LIMIT. */
enum status range_isolate(struct process *process, uint64_t first, uint64_t bytes, uint64_t *limit);
/* Joins what was cut, and what has become alike. */
void range_rejoin(struct process *process, uint64_t first, uint64_t limit);

/* Gives all pages of a segment the attributes that they may have at once; returns how many had other ones. */
uint64_t range_refresh(const struct process *process, struct segment *segment);
/* Sets the protection of a segment and of the pages that it has. */
void range_set_protection(struct process *process, struct segment *segment, uint32_t protection);

#endif
