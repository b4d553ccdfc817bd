/* Scheduling: who runs next. Priorities, round robin inside one, no timer while there is nobody to share with.
 *
 * The running thread is in no queue. Changing who runs is an assignment to processor.current; the port loads what the new thread needs when the
 * kernel is left (kernel.c), so a chain of switches inside one entry costs one. */
#ifndef QUIRE_SCHEDULE_H
#define QUIRE_SCHEDULE_H

#include <assert.h>

#include "thread.h"

struct processor {
    struct thread *current;  /* offset 0 is known to entry.S */
    uint64_t paid_for;       /* the payer that pays now; 0: who pays is looked for at each switch (budget.h) */
    struct thread *payer;    /* whose account pays; nullptr: nobody's */
    uint64_t paid_until;     /* charged up to here */
    uint64_t slice_end;      /* 0: no slice runs */
    struct thread *turn;     /* the server that waits for the thread that it answered last to have its turn; or nullptr */
    bool is_gift;            /* a gift of the payer pays */
    bool is_unlimited;       /* the payer's own account pays, without a limit: nothing but the sum is counted */
    bool is_idle;
};
extern struct processor processor;
extern uint32_t schedule_ready_priorities; /* bit n: a thread of priority n is ready; above them a mark of schedule.c */

extern struct thread_queue schedule_queues[PRIORITY_LIMIT];

/* A call from the running thread may hand the processor to the receiver: it does not run at less than the caller's priority, and nothing ready comes
 * before the caller. */
static inline bool schedule_may_serve(const struct thread *receiver, const struct thread *caller)
{
    return receiver->priority_limit > caller->priority_limit - 1; /* neither is 0 */
}

/* Nothing that is ready comes before the thread. May say no though it is so; then schedule_switch() decides. */
static inline bool schedule_is_best(const struct thread *thread)
{
    return schedule_ready_priorities < thread->priority_limit;
}

/* What pays now has no limit, nor has the thread's own account. */
static inline bool schedule_may_pay_alone(const struct thread *thread)
{
    return processor.is_unlimited && thread->budget.capacity == TIME_UNLIMITED;
}

/* The most frequent change of who pays: from one account without limit to the running thread's own, without one either. */
void schedule_pay_alone(struct thread *thread);

/* The running thread gives way while a slice runs, and is the next of its priority. */
void schedule_push_front(struct thread *thread);

constexpr uint64_t SLICE_NANOSECONDS = 10'000'000;

/* What the thread runs at from now on. Of a READY thread too. */
void schedule_set_priority(struct thread *thread, uint32_t priority);
/* A sender waits for the server: it runs at no less than the sender's priority until it receives again, or those between would hold up the sender. A
 * pager keeps its own: it decides about priorities, and what it puts above itself is meant to be there. */
void schedule_raise(struct thread *server, uint32_t priority);
/* From now on the thread works for who is paid for by the account and has the priority, as above; or for nobody but itself: it pays, at its own priority. */
void schedule_work_for(struct thread *thread, uint64_t payer, uint32_t priority);
static inline void schedule_work_alone(struct thread *thread)
{
    schedule_work_for(thread, thread->account, 0);
}
/* Recomputes priority_limit. */
void schedule_set_limit(struct thread *thread);
/* Takes the running thread, for which nobody can pay, off the processor. */
void schedule_exhaust(void);
/* Lets an EXHAUSTED thread go on. */
void schedule_resume(struct thread *thread);

/* Puts a thread into its ready queue. */
void schedule_ready(struct thread *thread);
/* The same, and lets it run now if it comes before the running thread. */
void schedule_wake(struct thread *thread);
/* Takes a READY thread out of its queue; its state becomes STOPPED. */
void schedule_remove(struct thread *thread);
/* The running thread has stopped running (its state says why): `heir` runs if nothing ready comes before it, else it waits; nullptr: the best ready
 * one. */
void schedule_switch(struct thread *heir);
/* The running server has answered a thread and has the next request already. The answered thread goes first, and then the server before others of its
 * priority: so whoever was answered can ask again at once, and the server chooses among all who want something. When the slice ends between the two, both go
 * behind the others, in this order. */
void schedule_take_turns(struct thread *server, struct thread *answered);
/* The running thread gives way to others of its priority. */
void schedule_yield(void);
/* The slice is over: the running thread goes behind the others of its priority. If they are all below it, the next thread that it hands the
 * processor to goes behind its own equals: the slice was that one's. */
void schedule_on_timer(uint64_t now);
/* Waits until something is ready; called when processor.current is nullptr. */
void schedule_idle(void);

#endif
