/* Settling: pages get the rights that their segment has already.
 *
 * A protection is set in the segment at once, and in the pages of a long one in steps: whoever asked asks again until all is settled. Up to then a page there
 * may still have the rights of before, never more than either. Who touches one in a way that it may not yet gets there: the fault settles that page. What is
 * unmapped, mapped or protected there meanwhile has its own rights at once, and keeps them: a step gives each page those of the segment that it lies in.
 *
 * A process has one such range at a time. Who wants another one, or to give memory of it away, does a step of this one instead and is told to ask again: so it
 * gets done, whether or not its thread goes on.
 *
 * Invariant: all pages outside of the range have the rights of their segments. */
#ifndef QUIRE_PAGER_SETTLE_H
#define QUIRE_PAGER_SETTLE_H

#include "process.h"

/* Whether something is left of a range. */
static inline bool settle_is_due(const struct process *process) { return process->unsettled.first < process->unsettled.limit; }
/* The rights of a segment's pages are to be settled in steps. None is due. */
void settle_begin(struct process *process, struct segment *segment);
/* One step; how many bytes are left afterwards. */
uint64_t settle_step(struct process *process);
/* Settles the page of an address, which lies in a segment, if it is due. */
bool settle_page(struct process *process, struct segment *segment, uint64_t address);

#endif
