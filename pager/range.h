/* Ranges: what is done to a run of a process's pages, whatever segments it goes through.
 *
 * Who changes a range checks it, reserves what its ends may cost, and then cuts: from there on the range is whole segments.
 *
 * A long range takes several messages: each does a part of it, STEP_PAGES entries of page tables at most, where every segment counts as RANGE_OF_EACH beside
 * its own, and says how far it got. */
#ifndef QUIRE_PAGER_RANGE_H
#define QUIRE_PAGER_RANGE_H

#include "process.h"

/* The whole pages of [address, address + bytes). BAD_LENGTH, BAD_ALIGNMENT, BAD_ADDRESS. */
enum status range_decode(uint64_t address, uint64_t bytes, uint64_t *limit);
/* The same, and all of them lie in segments that may change. NOT_MAPPED, IMMUTABLE. */
enum status range_check(const struct process *process, uint64_t address, uint64_t bytes, uint64_t *limit);

constexpr uint64_t RANGE_OF_EACH = 8;
constexpr uint32_t RANGE_LOOK = STEP_PAGES / RANGE_OF_EACH; /* segments that one message looks at */

/* What a request asks of each segment of its range. */
struct range_rules {
    uint32_t protection;  /* PROTECTION_... that its pages may have */
    bool takes_frames;    /* pages may get other frames than they have */
    bool takes_parts;     /* it need not be treated as a whole */
};
/* As range_check(), for a request that does its range in parts: the first RANGE_LOOK segments of it are checked. IMMUTABLE also for what breaks the rules. */
enum status range_check_part(const struct process *process, uint64_t address, uint64_t bytes, const struct range_rules *rules, uint64_t *limit);
/* Where the part ends that one message does of [first, limit), which was checked: behind the segments that are not too much together, or behind the first one
 * alone, whatever it is; *is_long: that one is more than one message may do. */
uint64_t range_part(const struct process *process, uint64_t first, uint64_t limit, bool *is_long);
/* Where a step ends that begins at a page of a segment, up to `limit` in it: behind one page table's entries, and holes and large pages that follow. */
uint64_t range_step(const struct process *process, uint64_t at, uint64_t limit);

/* Pages mapped in a range. */
uint64_t range_count(const struct process *process, uint64_t first, uint64_t limit);
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
/* range_check_part(), and all of the range can be cut off; *part: where range_part() ends. NO_MEMORY, LIMIT. */
enum status range_prepare(struct process *process, uint64_t first, uint64_t bytes, const struct range_rules *rules, uint64_t *part, bool *is_long);
/* Takes the pages of [first, limit) out of a segment that stays. */
void range_discard(struct process *process, struct segment *segment, uint64_t first, uint64_t limit);
/* Joins what was cut, and what has become alike. */
void range_rejoin(struct process *process, uint64_t first, uint64_t limit);

/* Gives the pages of a part of a segment, or all of them, the attributes that they may have at once; returns how many had other ones. */
uint64_t range_refresh_part(const struct process *process, struct segment *segment, uint64_t first, uint64_t limit);
uint64_t range_refresh(const struct process *process, struct segment *segment);
/* Sets the protection of a segment and of the pages that it has. */
void range_set_protection(struct process *process, struct segment *segment, uint32_t protection);

#endif
