/* Timers: the tree and the hardware timer. See timer.h.
 *
 * Everything is merging: a timer that is set is a tree of one, and one that goes away leaves the merge of its children. */
#include "timer.h"

#include <assert.h>

#include "arch.h"
#include "counter.h"

static struct timer *timer_root;
static uint64_t programmed = TIME_NEVER; /* when the hardware timer fires */

static unsigned rank_of(const struct timer *timer)
{
    return timer == nullptr ? 0 : timer->rank;
}

/* Puts ranks right from a timer upwards; with `until_same` as far as they change. */
static void restore(struct timer *timer, bool until_same)
{
    for (; timer != nullptr; timer = timer->parent) {
        if (rank_of(timer->left) < rank_of(timer->right)) {
            struct timer *left = timer->left;
            timer->left = timer->right;
            timer->right = left;
        }
        uint8_t rank = (uint8_t)(rank_of(timer->right) + 1);
        if (rank == timer->rank && until_same) return;
        timer->rank = rank;
    }
}

/* Merges two trees along their right sides. The parent of the result is nullptr. */
static struct timer *merge(struct timer *one, struct timer *other)
{
    struct timer *merged = nullptr, *last = nullptr, **link = &merged;
    while (one != nullptr || other != nullptr) {
        if (one == nullptr || (other != nullptr && other->when < one->when)) {
            struct timer *later = one;
            one = other;
            other = later;
        }
        *link = one;
        one->parent = last;
        if (other == nullptr) break; /* what is left is a tree already */
        last = one;
        link = &one->right;
        one = one->right;
    }
    restore(last, false);
    return merged;
}

void timer_cancel(struct timer *timer)
{
    if (timer->rank == 0) return;
    struct timer *parent = timer->parent, *below = merge(timer->left, timer->right);
    if (below != nullptr) below->parent = parent;
    if (parent == nullptr) timer_root = below;
    else if (parent->left == timer) parent->left = below;
    else parent->right = below;
    restore(parent, true);
    timer->rank = 0;
    timer->parent = timer->left = timer->right = nullptr;
}

void timer_set(struct timer *timer, uint64_t when)
{
    timer_cancel(timer);
    timer->when = when;
    timer->rank = 1;
    timer_root = merge(timer_root, timer);
    assert(timer_check(timer));
    timer_need(when);
}

uint64_t timer_next(void)
{
    return timer_root == nullptr ? TIME_NEVER : timer_root->when;
}

struct timer *timer_take(uint64_t now)
{
    struct timer *first = timer_root;
    if (first == nullptr || first->when > now) return nullptr;
    timer_cancel(first);
    return first;
}

bool timer_check(const struct timer *timer)
{
    if (timer->rank == 0) return timer->parent == nullptr && timer->left == nullptr && timer->right == nullptr;
    const struct timer *parent = timer->parent;
    if (parent == nullptr ? timer_root != timer : parent->when > timer->when || (parent->left != timer && parent->right != timer)) return false;
    if (timer->left != nullptr && (timer->left->parent != timer || timer->left->when < timer->when)) return false;
    if (timer->right != nullptr && (timer->right->parent != timer || timer->right->when < timer->when)) return false;
    return rank_of(timer->right) <= rank_of(timer->left) && timer->rank == rank_of(timer->right) + 1;
}

void timer_need(uint64_t when)
{
    if (when >= programmed) return;
    programmed = when;
    counter_add(COUNTER_TIMERS, 1);
    arch_timer_start(when);
}

void timer_ended(void)
{
    programmed = TIME_NEVER;
}
