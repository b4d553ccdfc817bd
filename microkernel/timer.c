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

/* Puts the merge of two trees at a place, *link of `parent`, and makes the ranks above it right. */
static void merge(struct timer *one, struct timer *other, struct timer *parent, struct timer **link)
{
    while (one != nullptr && other != nullptr) { /* along their right sides */
        if (other->when < one->when) {
            struct timer *later = one;
            one = other;
            other = later;
        }
        *link = one;
        one->parent = parent;
        one->rank = 0; /* is counted anew */
        parent = one;
        link = &one->right;
        one = one->right;
    }
    struct timer *rest = one != nullptr ? one : other; /* a tree already */
    *link = rest;
    if (rest != nullptr) rest->parent = parent;
    for (; parent != nullptr; parent = parent->parent) {
        struct timer *left = parent->left, *right = parent->right;
        if (rank_of(left) < rank_of(right)) {
            parent->left = right;
            parent->right = left;
        }
        uint8_t rank = (uint8_t)(rank_of(parent->right) + 1);
        if (rank == parent->rank) return; /* so are those above */
        parent->rank = rank;
    }
}

void timer_cancel(struct timer *timer)
{
    if (timer->rank == 0) return;
    struct timer *parent = timer->parent;
    merge(timer->left, timer->right, parent, parent == nullptr ? &timer_root : parent->left == timer ? &parent->left : &parent->right);
    timer->rank = 0;
    timer->parent = timer->left = timer->right = nullptr;
}

void timer_set(struct timer *timer, uint64_t when)
{
    timer_cancel(timer);
    timer->when = when;
    timer->rank = 1;
    merge(timer_root, timer, nullptr, &timer_root);
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
