/* Families: a program of the boot and everything that it started, itself or through others. What they hold is charged to them together.
 *
 * Pages and process slots are each a *pool* that all families draw on, and each family has a *quota* of each:
 *
 *   free                what no family has, of which
 *   promised            is kept for families that have less than their guarantee
 *   charged             what one family has
 *   guarantee, limit    what it always gets, whatever the others do; the most that it gets
 *
 * A family gets more when, after that, what is promised to the others is still there. So one that stays within its guarantee is never refused, and one that
 * takes all it can takes nothing from the others' guarantees.
 *
 * Pages are charged as upper bounds where only the kernel could say more (page tables, frames that endpoints share), so that the pool never says that a
 * frame is free which is not: granting asks nobody.
 *
 * Invariants (pager_check):
 *  1. pool: free + everything charged = all; promised = what all families lack to their guarantees; promised <= free.
 *  2. quota: charged <= limit. Pages: charged = process_charge() of all members, and segment_charge() of what they gave to processes of other families;
 *    processes: charged = the slots of all members, ended ones too. */
#ifndef QUIRE_PAGER_FAMILY_H
#define QUIRE_PAGER_FAMILY_H

#include "kernel.h"

struct pager;

struct pool {
    uint64_t all;
    uint64_t free;
    uint64_t promised;
};

struct quota {
    struct pool *pool;
    uint64_t charged;
    uint64_t guarantee;
    uint64_t limit;
};

struct family {
    struct quota pages;
    struct quota processes;
};

constexpr uint64_t FAMILY_LEAST_PAGES = 64; /* guaranteed to each family, unless the kernel argument guarantee= says otherwise */
constexpr uint64_t FAMILY_PROCESSES = 16;   /* slots guaranteed to each family */
constexpr uint64_t FAMILY_PROCESSES_MOST = 256;

/* Whether `count` more may be charged: LIMIT (the quota's own), NO_MEMORY (the rest is promised to others). Changes nothing. */
enum status quota_check(const struct quota *quota, uint64_t count);
/* Charges `count`, after quota_check(), or where it is sure that as much is given back before the next message. */
void quota_add(struct quota *quota, uint64_t count);
/* Both in one, for a fault. */
enum status quota_take(struct quota *quota, uint64_t count);
/* The same where all of `count` is within the guarantee, or nothing of it; false: it is not so, or it is refused, and nothing has changed. */
static inline bool quota_take_quick(struct quota *quota, uint64_t count)
{
    struct pool *pool = quota->pool;
    uint64_t charged = quota->charged + count;
    if (charged > quota->guarantee) {
        if (quota->charged < quota->guarantee || charged > quota->limit || count > pool->free - pool->promised) return false;
    } else {
        pool->promised -= count;
    }
    quota->charged = charged;
    pool->free -= count;
    return true;
}
void quota_remove(struct quota *quota, uint64_t count);

/* Counts what is free, and promises each program of the boot its guarantee, in order, as long as there is enough. */
void family_initialise_all(struct pager *pager);
/* A family without a process has ended: what is promised to it goes back, what it gave away stays charged to it until that goes. Any other one stays as it
 * is. */
void family_end_if_empty(struct family *family);

#endif
