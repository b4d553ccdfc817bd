/* Recovery: a pager begins with the ledger of one that was lost.
 *
 *   journal undone --> records that hold --> what leads to them --> compared with the kernel's tables --> what nobody names goes --> the message in hand
 *
 * What was being changed is as it was before the message. The kernel may be ahead of that: pages that no segment has any more are gone already, or pages are
 * there for a segment that is not; so pages are counted from the kernel's tables, and what lies outside of every segment is taken out. Threads, spaces,
 * endpoints and frames that no record names are given back. Then the message that was in hand is answered, or handled again.
 *
 * A record whose sum is wrong costs its process, and those who hold handles that came through it these handles: the rest goes on. */
#ifndef QUIRE_PAGER_RECOVER_H
#define QUIRE_PAGER_RECOVER_H

#include "ledger.h"

/* Takes over; the ledger's action says what the loop does first. `pager` is all zero. BAD_BOOT_INFO; BAD_STATE: there is no ledger to begin with. */
enum status pager_recover(struct pager *pager, const struct boot_info *boot);

/* recover_kernel.c: the kernel's side. The pages of a running process are those that its segments have, and are counted. False: its space is gone. */
bool recover_pages(struct process *process);
/* Gives back what the kernel holds and no record names. */
void recover_sweep(const struct pager *pager);

#endif
