/* How a process comes to be, and how that is undone: between process*.c only. */
#ifndef QUIRE_PAGER_PROCESS_START_H
#define QUIRE_PAGER_PROCESS_START_H

#include "fill.h"
#include "pager.h"

/* A slot with an empty record, charged with the kernel objects of a process. NO_MEMORY, LIMIT. */
enum status process_slot_take(struct pager *pager, struct family *family, struct process **process);
/* Gives the slot of an ended process back that nobody names. */
void process_slot_give(struct pager *pager, struct process *process);
/* Adds a segment with the usual protection of its kind, and the pages that its fill brings at once. NO_MEMORY, LIMIT. */
enum status process_add_segment(struct process *process, enum segment_kind kind, const struct fill *fill, uint64_t first, uint64_t limit,
                                const struct fill_source *source);
/* The thread, and the way to its pager; it is stopped. NO_MEMORY. */
enum status process_add_thread(const struct pager *pager, struct process *process, frame_id_t buffer);
/* Nothing can go wrong any more: the process counts from now on. */
void process_admit(struct pager *pager, struct process *process);
/* Gives back all that a process has so far; its slot too, unless a handle names it. */
void process_undo(struct pager *pager, struct process *process);
/* The same of one that does not count yet; its memory goes in steps where it is much. */
void process_undo_in_steps(struct pager *pager, struct process *process);

#endif
