/* Scheduling: who runs next. Priorities, round robin inside one, no timer while there is nobody to share with.
 *
 * The running thread is in no queue. Changing who runs is an assignment to processor.current; the port loads what the new thread needs when the kernel is left
 * (kernel.c), so a chain of switches inside one entry costs one. */
#ifndef QUIRE_SCHEDULE_H
#define QUIRE_SCHEDULE_H

#include "thread.h"

struct processor {
    struct thread *current;  /* offset 0 is known to entry.S */
    bool is_timer_running;
    bool is_idle;
};
extern struct processor processor;
extern uint32_t schedule_ready_priorities; /* bit n: a thread of priority n is ready; above them a mark of schedule.c */

/* Nothing that is ready comes before the thread. May say no though it is so; then schedule_switch() decides. */
static inline bool schedule_is_best(const struct thread *thread)
{
    return schedule_ready_priorities < thread->priority_limit;
}

constexpr uint64_t SLICE_NANOSECONDS = 10'000'000;

/* Puts a thread into its ready queue. */
void schedule_ready(struct thread *thread);
/* The same, and lets it run now if it comes before the running thread. */
void schedule_wake(struct thread *thread);
/* Takes a READY thread out of its queue; its state becomes STOPPED. */
void schedule_remove(struct thread *thread);
/* The running thread has stopped running (its state says why): `heir` runs if nothing ready comes before it, else it waits; nullptr: the best ready one. */
void schedule_switch(struct thread *heir);
/* The running thread gives way to others of its priority. */
void schedule_yield(void);
/* The slice is over: the running thread goes behind the others of its priority. If they are all below it, the next thread that it hands the processor to goes
 * behind its own equals: the slice was that one's. */
void schedule_on_timer(void);
/* Waits until something is ready; called when processor.current is nullptr. */
void schedule_idle(void);

#endif
