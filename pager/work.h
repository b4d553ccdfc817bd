/* Work: what takes longer than a message may, done in steps between other messages.
 *
 * Memory is taken away in two parts. First its segments are marked as going: from then on every touch of them is an error, no request finds them, and
 * their addresses are not given out. Then their pages are taken out, STEP_PAGES entries at a time, lowest first; the row shrinks with them, and so does
 * what is charged. Frames are free when the kernel has forgotten their translations, which is before the step ends. Who asked waits until all is gone.
 *
 *   request --> segments going --> work_add --> [ pause, step, pause, a waiting message if there is one ] ... --> the last row is removed --> answer
 *
 * The end of a process is the same for all of its segments, if they are too much for one message: its first row waits for them, and the rest of its end comes
 * after the last one (process_end_going).
 *
 * Before each step the pager waits for WORK_PAUSE, so that programs run, other threads of the same process too: they fault, call and map meanwhile. The end
 * of the pause is a notification. Notifications come before messages at an endpoint, so every other one makes the pager look for a message first
 * (ACTION_POLL). So whoever wants to run, and whatever message waits, waits for one step at most.
 *
 * Invariants (pager_check):
 *  1. A row of a thread is in the list if and only if it waits for work (WAIT_WORK). Something is going in what is left of its range. Of an ended process it is
 *     the first row, without a thread.
 *  2. Every segment that is going lies in the range of one row of its process. The ranges of two rows do not meet: what is going is nobody's to take
 *     away again. */
#ifndef QUIRE_PAGER_WORK_H
#define QUIRE_PAGER_WORK_H

#include "pager.h"

/* Before each step. One of 512 pages that are there takes at most some 130,000 instructions with a kernel for tests (docs/adr/0021-threads.md). */
constexpr uint64_t WORK_PAUSE = 50'000; /* nanoseconds */
constexpr uint64_t WORK_OF_SEGMENT = 8; /* what comes with each segment counts as so many entries */

/* Takes the segments that are going in the range of a thread's wait out in steps; its call is answered after the last one. Should the thread end meanwhile,
 * the steps go on, and its row is free after the last. */
void work_add(struct pager *pager, struct process_thread *row);
/* The process ends: what is left of work goes with its memory. */
void work_forget(struct pager *pager, struct process_thread *row);
/* Makes the pager wait for the end of a pause, unless it does. */
void work_pause(struct pager *pager);
/* What the pager does at the end of a pause while there is work: a step, or a look at what waits. */
void work_turn(struct pager *pager, struct pager_action *action);
/* One step of the row whose turn it is: STEP_PAGES entries of one segment, or several that are smaller together. */
void work_step(struct pager *pager);
/* One step for a process of this family, whoever's turn it is: it needs the memory. False: there is nothing to do for any. */
bool work_hurry(struct pager *pager, const struct family *family);

#endif
