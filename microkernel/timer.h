/* Timers: what happens at a time, and the one hardware timer that all of them share.
 *
 * A timer is a member of the object that it is about: an endpoint whose bits are to be set, a thread whose budget is renewed. They stand in one
 * leftist tree (C. Crane, 1972; D. Knuth, The Art of Computer Programming vol. 3, 5.2.3): the first one is the root, and setting, cancelling and
 * taking the first cost at most as many steps as the logarithm of how many are set, whatever a program does. No memory beside the objects.
 *
 * Times are values of the cycle counter. The hardware timer is a one-shot that is set to the earliest time that somebody has asked for; while nobody has,
 * there are no interrupts.
 *
 * Invariants (timer_check):
 *  1. No timer is due before the one above it, and each one's `parent` is the one above.
 *  2. rank is 1 + the rank of the right child (0 where there is none), and no right child has a higher rank than the left one: so a path that always
 *     goes right has at most log2(n + 1) steps. */
#ifndef QUIRE_TIMER_H
#define QUIRE_TIMER_H

#include "types.h"

enum timer_kind : uint8_t { TIMER_NOTIFY, TIMER_RENEW, TIMER_DEADLINE }; /* member of an endpoint, of a thread; the one of deadline.h */

struct timer {
    uint64_t when;
    struct timer *parent, *left, *right;
    uint8_t rank; /* 0: not set */
    enum timer_kind kind;
};

constexpr uint64_t TIME_NEVER = UINT64_MAX;
constexpr uint64_t TIME_LIMIT = (uint64_t)1 << 62; /* in cycles; more than TIME_LIMIT_NANOSECONDS at 16 GHz */

/* Sets a timer, anew if it is set. */
void timer_set(struct timer *timer, uint64_t when);
/* Takes it back; nothing happens when it is not set. */
void timer_cancel(struct timer *timer);
/* Takes the first timer if it is due, else nullptr. */
struct timer *timer_take(uint64_t now);
/* When the first one is due, or TIME_NEVER. */
uint64_t timer_next(void);
/* The invariants hold for the timer and those next to it. For assert and the checker. */
bool timer_check(const struct timer *timer);

/* Asks for a timer interrupt at a time or before it. */
void timer_need(uint64_t when);
/* The hardware timer has ended: nothing is asked for now. */
void timer_ended(void);

#endif
