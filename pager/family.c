/* Families: quotas and their pools. See family.h.
 *
 * The sums are moved with every charge, so that a fault costs additions and comparisons and no search. */
#include "family.h"

#include <assert.h>

#include "arguments.h"
#include "pager.h"
#include "report.h"

/* What a quota still lacks to its guarantee. */
static uint64_t quota_lacks(const struct quota *quota)
{
    return quota->charged < quota->guarantee ? quota->guarantee - quota->charged : 0;
}

enum status quota_check(const struct quota *quota, uint64_t count)
{
    const struct pool *pool = quota->pool;
    assert(pool->promised <= pool->free && quota->charged <= quota->limit);
    if (count > quota->limit - quota->charged) return STATUS_LIMIT;
    uint64_t lacks = quota_lacks(quota);
    return count <= lacks || count - lacks <= pool->free - pool->promised ? STATUS_OK : STATUS_NO_MEMORY;
}

void quota_add(struct quota *quota, uint64_t count)
{
    uint64_t lacked = quota_lacks(quota);
    quota->charged += count;
    quota->pool->free -= count;
    quota->pool->promised -= lacked - quota_lacks(quota);
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
    quota->pool->free += count;
    quota->pool->promised += quota_lacks(quota) - lacked;
}

/* --- The start --- */

/* Page tables that the pager itself may need later: for its window, and for the view of the longest module. They are nobody's, and kept back. */
static uint64_t family_pages_kept(const struct pager *pager)
{
    uint64_t longest = 0;
    for (uint32_t i = 0; i < pager->count_modules; i++)
        if (module_pages(&pager->modules[i]) > longest) longest = module_pages(&pager->modules[i]);
    uint64_t window = (uintptr_t)pager->slots;
    uint64_t above = 0; /* what the slots are not charged */
    for (unsigned level = 3; level <= SEGMENT_LEVELS; level++) above += segment_tables_of(window, window + PAGER_WINDOW_BYTES, level);
    return above + (longest > 0 ? segment_tables(0, longest << PAGE_SHIFT, longest) : 0);
}

/* A kernel argument in pages, or `usual`. */
static uint64_t family_argument(const struct pager *pager, const char *key, uint64_t usual)
{
    const char *line = pager->boot->text + pager->boot->arguments_offset;
    struct text_span value;
    uint64_t pages;
    if (!arguments_find(line, BOOT_TEXT_BYTES - pager->boot->arguments_offset, key, &value)) return usual;
    if (arguments_number(value, &pages) == STATUS_OK) return pages;
    report("pager: argument refused key=%s value=%.*s", key, (int)value.count, value.first);
    return usual;
}

static bool family_promise(struct quota *quota, struct pool *pool, uint64_t guarantee, uint64_t limit)
{
    if (guarantee > limit) guarantee = limit;
    if (guarantee > pool->free - pool->promised) return false;
    *quota = (struct quota){ .pool = pool, .guarantee = guarantee, .limit = limit };
    pool->promised += guarantee;
    return true;
}

void family_initialise_all(struct pager *pager)
{
    uint64_t free = 0;
    uint64_t total = 0;
    seam_frame_count(&free, &total);
    uint64_t kept = family_pages_kept(pager);
    free = free > kept ? free - kept : 0;
    pager->pages = (struct pool){ .all = free, .free = free };
    pager->slots_free = (struct pool){ .all = PROCESS_LIMIT, .free = PROCESS_LIMIT };
    uint64_t count = 0;
    for (uint32_t i = 0; i < pager->count_modules; i++) count += module_is_program(&pager->modules[i]);
    if (count == 0) return;
    constexpr uint64_t part_guaranteed = 4; /* a quarter of the memory; the rest is for who wants it first */
    uint64_t share = free / part_guaranteed / count;
    uint64_t guarantee = family_argument(pager, "guarantee", share > FAMILY_LEAST_PAGES ? share : FAMILY_LEAST_PAGES);
    uint64_t limit = family_argument(pager, "limit", UINT64_MAX);
    for (uint32_t i = 0; i < pager->count_modules; i++) {
        struct family *family = &pager->family[i];
        if (!module_is_program(&pager->modules[i])) continue;
        if (!family_promise(&family->pages, &pager->pages, guarantee, limit)) continue;
        bool is_promised = family_promise(&family->processes, &pager->slots_free, FAMILY_PROCESSES, FAMILY_PROCESSES_MOST);
        assert(is_promised);
        (void)is_promised;
    }
    report("pager: families count=%llu free=%llu guarantee=%llu", (unsigned long long)count, (unsigned long long)free, (unsigned long long)guarantee);
}
static_assert(BOOT_MODULES * FAMILY_PROCESSES <= PROCESS_LIMIT);

void family_end_if_empty(struct family *family)
{
    if (family->processes.charged > 0) return;
    family->pages.pool->promised -= quota_lacks(&family->pages); /* it still pays for what it gave away */
    family->processes.pool->promised -= family->processes.guarantee;
    family->pages.guarantee = family->processes.guarantee = 0;
}
