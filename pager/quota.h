/* Quotas: shares of something that there is a pool of, pages or process slots or the like.
 *
 *   all                 what there is: spare + promised + everything charged
 *   promised            kept for quotas that have less than their guarantee
 *   spare               what nobody has and nobody was promised
 *   charged             what one quota has
 *   guarantee, limit    what it always gets, whatever the others do; the most that it gets
 *
 * A quota gets what it lacks to its guarantee from what is promised, and more from what is spare. So one within its guarantee is never refused, and one that
 * takes all it can takes nothing from the others' guarantees.
 *
 * Guarantee and limit go from quota to quota: what one gets another one loses, so their sums do not change, and neither does what all of them together may
 * take. One that is given up leaves both to its heir; what it is still charged goes on being its own until it is given back.
 *
 * Invariants (pager_check):
 *  1. pool: spare + promised + everything charged = all; promised = what all quotas lack to their guarantees.
 *  2. quota: charged <= limit, guarantee <= limit; quick_guarantee <= guarantee, quick_limit <= limit.
 *  3. With an heir: guarantee 0, and between two messages limit = charged. */
#ifndef QUIRE_PAGER_QUOTA_H
#define QUIRE_PAGER_QUOTA_H

#include <stdint.h>

#include "abi/status.h"

struct pool {
    uint64_t all;
    uint64_t promised;
    uint64_t spare;
    uint64_t floor;    /* below it nothing spare goes by the quick way: somebody wants to be told (alarm.h) */
    bool is_inherited; /* something was given back that has an heir: quota_settle() is due */
};

struct quota {
    struct pool *pool;
    uint64_t charged;
    uint64_t guarantee;
    uint64_t limit;
    uint64_t quick_guarantee; /* up to which nobody need be asked or told; else the guarantee */
    uint64_t quick_limit;     /* the same for the limit */
    struct quota *heir;       /* it was given up: who gets what it has, as it is given back */
};

struct quota_terms {
    uint64_t guarantee;
    uint64_t limit;
};

/* What nobody has. */
static inline uint64_t pool_free(const struct pool *pool) { return pool->promised + pool->spare; }
/* What a quota lacks to its guarantee. */
static inline uint64_t quota_lacks(const struct quota *quota)
{
    return quota->charged < quota->guarantee ? quota->guarantee - quota->charged : 0;
}
/* The most that could be charged now. */
uint64_t quota_left(const struct quota *quota);

/* Whether `count` more may be charged: LIMIT (the quota's own), NO_MEMORY (the rest is promised to others). Changes nothing. */
enum status quota_check(const struct quota *quota, uint64_t count);
/* Charges `count`, after quota_check(), or where it is sure that as much is given back before the next message. */
void quota_add(struct quota *quota, uint64_t count);
/* Both in one, for a fault. */
enum status quota_take(struct quota *quota, uint64_t count);
/* The same where all of `count` is within the guarantee, or nothing of it, and nobody is to be told; false: it is not so, or it is refused, and nothing has
 * changed. */
static inline bool quota_take_quick(struct quota *quota, uint64_t count)
{
    struct pool *pool = quota->pool;
    uint64_t charged = quota->charged + count;
    if (charged > quota->quick_guarantee) {
        if (quota->charged < quota->guarantee || charged > quota->quick_limit || count > pool->spare - pool->floor) return false;
        pool->spare -= count;
    } else {
        pool->promised -= count;
    }
    quota->charged = charged;
    return true;
}
void quota_remove(struct quota *quota, uint64_t count);

/* An empty quota of a pool, which sets aside what is guaranteed. False: there is not so much spare. */
bool quota_begin(struct quota *quota, struct pool *pool, struct quota_terms terms);
/* An empty one without a guarantee, whose limit is nothing. */
void quota_begin_empty(struct quota *quota, struct pool *pool);

/* Whether a quota may get other terms, the difference from `source`. BAD_ARGUMENT: more is guaranteed than the limit. LIMIT: `source` has not so much
 * to give, or the quota has more than its limit would be. NO_MEMORY: `source` has used what it would give a guarantee of, and there is not so much
 * spare. */
enum status quota_check_terms(const struct quota *source, const struct quota *quota, struct quota_terms terms);
/* Gives it these terms, after quota_check_terms(). */
void quota_set_terms(struct quota *source, struct quota *quota, struct quota_terms terms);
/* Gives a quota up: its guarantee goes to the heir at once, its limit as far as it is not used, and the rest by quota_settle(). nullptr: what is
 * promised is spare again, the limit stays. Who gives an heir up sees to those who have it as theirs. */
void quota_give_up(struct quota *quota, struct quota *heir);
/* Gives the heir of a quota, if it has one, what has come back since. */
void quota_settle(struct quota *quota);

#endif
