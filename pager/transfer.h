/* Transfers: memory that goes from one process to another.
 *
 * Moving gives a whole segment away: its pages come out of one space and into the other without being copied. The receiver's address is aligned like
 * the giver's, so that whole page tables go: 1 GiB for each step of the kernel, and two steps for the edges, whatever the segment is like.
 *
 * Who paid for the memory goes on paying, and is credited when whoever has it then gives it back. So the sum of all charges is the same before and after,
 * and the receiver's family bears only the row and the room in its address area. What the receiver touches for the first time is charged to who pays, too;
 * where that family has no room the receiver's own takes over all of the segment (fault.c). A family whose processes have all ended has no
 * guarantee any more, and pays until the memory goes.
 *
 * What others have put into a process has a limit (SEGMENT_GIVEN_MOST), so that nobody is filled up by who has a handle for it. */
#ifndef QUIRE_PAGER_TRANSFER_H
#define QUIRE_PAGER_TRANSFER_H

#include "process.h"

/* At most so much goes with one message: this bounds the kernel's steps. */
constexpr uint64_t TRANSFER_BYTES_MOST = LAYOUT_MMAP_MOST / 64;

/* Moves a segment of the mmap area that may change from one running process to another; *address: where it is there. LIMIT, NO_MEMORY: nothing has changed. */
enum status transfer_move(struct pager *pager, struct process *from, struct segment *segment, struct process *to, uint64_t *address);

/* At most so much is shared with one message: this bounds the kernel's steps, which go page by page. */
constexpr uint64_t TRANSFER_SHARED_MOST = (uint64_t)64 << 20;

/* Lets another running process have all pages of a segment too, all of which are there (copy_take_alone). The giver's family pays for what the other
 * one has. `protection`: of the receiver, now and at most. *address: where it is there. LIMIT, NO_MEMORY: nothing has changed. */
enum status transfer_share(struct process *from, struct segment *segment, struct process *to, uint32_t protection, uint64_t *address);

/* A pager was lost in the middle of a move: what the ledger says was on its way comes back, because the message will be handled again. */
void transfer_undo(const struct pager *pager);

#endif
