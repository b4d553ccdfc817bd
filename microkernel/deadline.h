/* Deadlines of faults: a fault that its pager does not answer is told in the log, once, with what the pager's threads are at.
 *
 * Nothing is kept for a fault and nothing is counted: while somebody may wait, all threads are looked at every half of the deadline, in bounded steps, and
 * each fault that was there at a look a deadline ago is told. So a fault is told when it is between 1 and 1.5 deadlines old. The look's timer is set by the
 * first fault after a look that found none waiting: it costs the other faults nothing, and without faults there is no timer.
 *
 * Invariants:
 *  1. deadline_threads holds every thread there is.
 *  2. While a deadline is asked for and FAULT_UNWATCHED is not set, the timer is set. */
#ifndef QUIRE_DEADLINE_H
#define QUIRE_DEADLINE_H

#include "thread.h"

constexpr uint64_t DEADLINE_SECONDS = 10; /* unless the kernel argument fault_deadline says otherwise */
constexpr uint64_t DEADLINE_SECONDS_MOST = 24 * 3600;

/* What the next fault has to do beside its message; 0: nothing, which is all that the fast path asks. */
constexpr uint32_t FAULT_TRACED = 1, FAULT_UNWATCHED = 2;
extern uint32_t fault_marks;

extern struct link *deadline_threads;

/* At the start: traced faults carry the time; a fault that waits for so long is told. 0: none is. */
void deadline_begin(bool is_traced, uint64_t seconds);
/* A fault begins while fault_marks is not 0. Returns the time if faults are traced, else 0. */
uint64_t deadline_note(void);
/* Cycles since the latest request of the thread was first seen, here, by one of the looks or by thread_info. */
uint64_t deadline_age(struct thread *thread, uint64_t now);
/* The timer of kind TIMER_DEADLINE is due. */
void deadline_look(uint64_t now);
/* The thread ends. */
void deadline_forget(const struct thread *thread);

/* The timer, for the checker. */
const struct timer *deadline_timer(void);

#endif
