/* Work: what takes longer than a message may, done in steps between other messages.
 *
 * Memory is taken away in two parts. First its segments are marked as going: from then on every touch of them is an error, no request finds them, and
 * their addresses are not given out. Then their pages are taken out, STEP_PAGES entries at a time, lowest first; the row shrinks with them, and so does
 * what is charged. Frames are free when the kernel has forgotten their translations, which is before the step ends. Who asked waits until all is gone.
 *
 *   request --> segments going --> work_add --> [ a step, a waiting message if there is one ] ... --> the last row is removed --> answer
 *
 * A notification to itself brings the pager back after each step. Notifications come before messages at an endpoint, so every other one makes it look for a
 * message first (ACTION_POLL). So the fault of another process waits for one step at most.
 *
 * Invariants (pager_check):
 *  1. A process is in the list if and only if it has a segment that is going; it is running, and waits (WAIT_WORK). */
#ifndef QUIRE_PAGER_WORK_H
#define QUIRE_PAGER_WORK_H

#include "pager.h"

/* Takes the segments of a process that are going out of it in steps; its call is answered after the last one. */
void work_add(struct pager *pager, struct process *process);
/* A process ends: what it has left of work goes with its memory. */
void work_forget(struct pager *pager, struct process *process);
/* What the pager does when its own notification comes while there is work: a step, or a look at what waits. */
void work_turn(struct pager *pager, struct pager_action *action);
/* One step of the process whose turn it is. */
void work_step(struct pager *pager);

#endif
