/* Budgets: who pays for the time that a thread runs.
 *
 * Every thread has an account: so many cycles (capacity) in each period, or no limit. At each moment one account pays for what runs:
 *   - the payer of the running thread. A thread pays itself; a thread that works on a request is paid by whoever paid for the sender: `payer` goes
 *     along with the message and lasts until the thread receives again. That is what a call lends, and all that the fast paths do about time:
 *     nothing is counted while the payer is the same.
 *   - when the payer has nothing left, what threads of the payer's process have given to the thread (budget_give), then the thread's own account: a
 *     server finishes a request of a client that has run out, on time that it was given for such cases. What other processes have given does not pay
 *     for it: a gift helps the requests of its giver's process and no others.
 *   - when there is none of these, the thread is EXHAUSTED until the period of its payer, or its own, ends.
 * Time is charged by the cycle counter when who pays changes and when the timer fires.
 *
 * A gift does not leave the giver's account: it is a part set aside that only the other thread may use. What is left of it is there again when a
 * call to that server is answered, when either thread ends, or when the giver takes it back. So no time is made: `left + gift <= capacity` in every
 * limited account, always.
 *
 * Threads that a pager limits together have a purse: the account of another thread, which is charged in place of theirs. Their own hold nothing then,
 * so they have nothing to give either. When the thread of the purse ends they get no more time.
 *
 * Accounts are named, not pointed at: a thread may end while servers run on its time, and a name of it is then the name of nothing.
 *
 * Invariants (budget_check):
 *  1. left + gift <= capacity where there is a limit; gift <= TIME_LIMIT always; gift is 0 without gift_to, which is not the thread itself.
 *  2. A giver's priority_limit is 0: its replies take the ordinary path, where the gift is looked at.
 *  3. An account with a purse holds nothing and is granted nothing. */
#ifndef QUIRE_BUDGET_H
#define QUIRE_BUDGET_H

#include "abi/call.h"
#include "abi/status.h"
#include "timer.h"

struct thread;

struct budget {
    uint64_t capacity; /* cycles in each period, or TIME_UNLIMITED */
    uint64_t period;   /* cycles */
    uint64_t left;     /* cycles of this period, without the gift; nothing where there is no limit */
    uint64_t renewal;  /* when this period ends */
    uint64_t paid;     /* cycles in all that this account has paid, or was charged in its place */
    uint64_t purse;    /* name of the account that is charged in place of this one, or 0 */
    uint64_t gift;     /* cycles set aside for gift_to */
    uint64_t gift_to;  /* an account's name, or 0 */
    struct timer timer;    /* of an EXHAUSTED thread: when it may go on */
};

/* An account without limit for a new thread, which pays itself. */
void budget_initialise(struct thread *thread);
/* The thread of an account's name, or nullptr: it has ended. */
struct thread *budget_find(uint64_t account);

/* Charges whoever pays for the time since the last time. Returns the time now. */
uint64_t budget_charge(void);
/* Finds who pays from now on for the running thread. False: nobody can, and its timer is set to when somebody will. */
bool budget_begin(struct thread *thread);
/* Nobody pays: the processor is idle. */
void budget_pause(void);
/* After the timer: looks again who pays if the payer has nothing left. */
void budget_on_timer(void);

/* A thread that has not run: it pays from the account of another one, from now on. */
void budget_pay_from(struct thread *thread, const struct thread *purse);
/* Gives the thread, from now on, so many cycles in each period; the first period begins now. TIME_UNLIMITED: no limit. It has no purse any more. */
void budget_limit(struct thread *thread, uint64_t capacity, uint64_t period);
/* Sets cycles of the giver's account aside for the thread, for what it does for the giver's space. LIMIT: it has not as many left. BAD_STATE: both are
 * one. A gift to another thread is taken back first. */
enum status budget_give(struct thread *giver, struct thread *to, uint64_t cycles);
/* The unused part of a gift is the giver's again. Returns how much that was. */
uint64_t budget_return(struct thread *giver);
/* A call of the giver is over: its gift to a thread of the space that had the call returns. */
void budget_answered(struct thread *giver);
/* The thread ends: gifts to and from it return, its account is nobody's. */
void budget_forget(struct thread *thread);

bool budget_check(const struct thread *thread);

#endif
