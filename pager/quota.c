/* Quotas. See quota.h.
 *
 * The sums are moved with every charge, so that a fault costs additions and comparisons and no search. */
#include "quota.h"

#include <assert.h>

uint64_t quota_left(const struct quota *quota)
{
    uint64_t below_limit = quota->limit - quota->charged;
    uint64_t there = quota_lacks(quota) + quota->pool->spare;
    return below_limit < there ? below_limit : there;
}

enum status quota_check(const struct quota *quota, uint64_t count)
{
    assert(quota->charged <= quota->limit);
    if (count > quota->limit - quota->charged) return STATUS_LIMIT;
    uint64_t lacks = quota_lacks(quota);
    return count <= lacks || count - lacks <= quota->pool->spare ? STATUS_OK : STATUS_NO_MEMORY;
}

void quota_add(struct quota *quota, uint64_t count)
{
    uint64_t lacked = quota_lacks(quota);
    quota->charged += count;
    uint64_t kept = lacked - quota_lacks(quota); /* of it, what was promised */
    quota->pool->promised -= kept;
    quota->pool->spare -= count - kept;
}

enum status quota_take(struct quota *quota, uint64_t count)
{
    enum status status = quota_check(quota, count);
    if (status == STATUS_OK) quota_add(quota, count);
    return status;
}

void quota_remove(struct quota *quota, uint64_t count)
{
    assert(count <= quota->charged);
    uint64_t lacked = quota_lacks(quota);
    quota->charged -= count;
    uint64_t kept = quota_lacks(quota) - lacked;
    quota->pool->promised += kept;
    quota->pool->spare += count - kept;
    if (quota->heir != nullptr) quota->pool->is_inherited = true; /* not at once: what goes may be charged anew in the same message */
}

/* --- Terms --- */

static void quota_write_terms(struct quota *quota, uint64_t guarantee, uint64_t limit)
{
    quota->guarantee = quota->quick_guarantee = guarantee;
    quota->limit = quota->quick_limit = limit;
}

void quota_begin_empty(struct quota *quota, struct pool *pool) { *quota = (struct quota){ .pool = pool }; }

bool quota_begin(struct quota *quota, struct pool *pool, struct quota_terms terms)
{
    assert(terms.guarantee <= terms.limit);
    if (terms.guarantee > pool->spare) return false;
    quota_begin_empty(quota, pool);
    quota_write_terms(quota, terms.guarantee, terms.limit);
    pool->spare -= terms.guarantee;
    pool->promised += terms.guarantee;
    return true;
}

/* What `source` has after `quota` has got `terms`. */
static struct quota quota_after(const struct quota *source, const struct quota *quota, struct quota_terms terms)
{
    struct quota after = *source;
    quota_write_terms(&after, source->guarantee + quota->guarantee - terms.guarantee, source->limit + quota->limit - terms.limit);
    return after;
}

enum status quota_check_terms(const struct quota *source, const struct quota *quota, struct quota_terms terms)
{
    assert(source->pool == quota->pool && source->heir == nullptr && quota->heir == nullptr);
    if (terms.guarantee > terms.limit) return STATUS_BAD_ARGUMENT;
    if (terms.limit < quota->charged) return STATUS_LIMIT;
    if (terms.guarantee > source->guarantee + quota->guarantee || terms.limit > source->limit + quota->limit) return STATUS_LIMIT;
    struct quota after = quota_after(source, quota, terms);
    if (after.limit < after.charged || after.limit < after.guarantee) return STATUS_LIMIT;
    struct quota changed = *quota;
    quota_write_terms(&changed, terms.guarantee, terms.limit);
    uint64_t lacked = quota_lacks(source) + quota_lacks(quota);
    uint64_t lack = quota_lacks(&after) + quota_lacks(&changed);
    return lack <= lacked || lack - lacked <= source->pool->spare ? STATUS_OK : STATUS_NO_MEMORY;
}

void quota_set_terms(struct quota *source, struct quota *quota, struct quota_terms terms)
{
    struct pool *pool = source->pool;
    uint64_t lacked = quota_lacks(source) + quota_lacks(quota);
    *source = quota_after(source, quota, terms);
    quota_write_terms(quota, terms.guarantee, terms.limit);
    uint64_t lack = quota_lacks(source) + quota_lacks(quota);
    pool->promised += lack - lacked;
    pool->spare -= lack - lacked;
    assert(pool->promised <= pool->all && pool->spare <= pool->all);
}

void quota_settle(struct quota *quota)
{
    if (quota->heir != nullptr) quota_set_terms(quota->heir, quota, (struct quota_terms){ 0, quota->charged });
}

void quota_give_up(struct quota *quota, struct quota *heir)
{
    struct pool *pool = quota->pool;
    if (heir != nullptr) {
        assert(heir->heir == nullptr);
        quota->heir = heir;
        quota_settle(quota);
        return;
    }
    pool->promised -= quota_lacks(quota);
    pool->spare += quota_lacks(quota);
    quota->guarantee = quota->quick_guarantee = 0;
}
