/* Sets of group ids. See group_set.h.
 *
 * A page is filled to its last entry before another one is taken, and is searched from an id's home onwards, around the end. Removing shifts back what would be
 * cut off from its home, so that no mark of a former entry stays behind and a page never gets slower with age. */
#include "group_set.h"

#include <assert.h>

static uint32_t page_count(const struct group_page *page) { return page->next_and_count % PAGE_BYTES; }

struct group_page *group_page_next(const struct group_page *page)
{
    return (struct group_page *)(page->next_and_count - page_count(page));
}

/* Where an entry belongs: neighbouring ids go to neighbouring places, so that ids given out in a row never meet. */
static uint32_t home_of(uint32_t group) { return (group & GROUP_ID_LAST) % GROUP_PAGE_SLOTS; }
static uint32_t place_behind(uint32_t place) { return place + 1 == GROUP_PAGE_SLOTS ? 0 : place + 1; }

/* The place of an entry, or GROUP_PAGE_SLOTS. */
static uint32_t page_find(const struct group_page *page, uint32_t group)
{
    uint32_t place = home_of(group);
    for (uint32_t steps = 0; steps < GROUP_PAGE_SLOTS && page->entry[place] != GROUP_NONE; steps++) {
        if (page->entry[place] == group) return place;
        place = place_behind(place);
    }
    return GROUP_PAGE_SLOTS;
}

static void page_insert(struct group_page *page, uint32_t group)
{
    assert(page_count(page) < GROUP_PAGE_SLOTS);
    uint32_t place = home_of(group);
    while (page->entry[place] != GROUP_NONE) place = place_behind(place);
    page->entry[place] = group;
    page->next_and_count++;
}

/* Empties a place. What lies behind it moves up when its home is at or before the gap, until an empty place ends the chain (invariant 2). */
static void page_remove(struct group_page *page, uint32_t gap)
{
    page->next_and_count--;
    uint32_t place = gap;
    for (uint32_t steps = 1; steps < GROUP_PAGE_SLOTS; steps++) {
        place = place_behind(place);
        uint32_t group = page->entry[place];
        if (group == GROUP_NONE) break;
        uint32_t from_home = (place + GROUP_PAGE_SLOTS - home_of(group)) % GROUP_PAGE_SLOTS;
        uint32_t from_gap = (place + GROUP_PAGE_SLOTS - gap) % GROUP_PAGE_SLOTS;
        if (from_home < from_gap) continue;
        page->entry[gap] = group;
        gap = place;
    }
    page->entry[gap] = GROUP_NONE;
}

static struct group_page *page_with_room(const struct group_set *set)
{
    struct group_page *page = set->pages;
    while (page != nullptr && page_count(page) == GROUP_PAGE_SLOTS) page = group_page_next(page);
    return page;
}

bool group_set_contains(const struct group_set *set, uint32_t group)
{
    assert(group & GROUP_PRESENT);
    for (unsigned i = 0; i < GROUP_SET_INLINE; i++)
        if (set->entry[i] == group) return true;
    for (const struct group_page *page = set->pages; page != nullptr; page = group_page_next(page))
        if (page_find(page, group) != GROUP_PAGE_SLOTS) return true;
    return false;
}

bool group_set_meets(const struct group_set *one, const struct group_set *other)
{
    const struct group_set *few = one->count <= other->count ? one : other;
    const struct group_set *many = few == one ? other : one;
    for (unsigned i = 0; i < GROUP_SET_INLINE; i++)
        if (few->entry[i] != GROUP_NONE && group_set_contains(many, few->entry[i])) return true;
    for (const struct group_page *page = few->pages; page != nullptr; page = group_page_next(page))
        for (uint32_t i = 0; i < GROUP_PAGE_SLOTS; i++)
            if (page->entry[i] != GROUP_NONE && group_set_contains(many, page->entry[i])) return true;
    return false;
}

bool group_set_wants_page(const struct group_set *set)
{
    for (unsigned i = 0; i < GROUP_SET_INLINE; i++)
        if (set->entry[i] == GROUP_NONE) return false;
    return page_with_room(set) == nullptr;
}

void group_set_insert(struct group_set *set, uint32_t group, struct group_page *page)
{
    assert(!group_set_contains(set, group) && group_set_wants_page(set) == (page != nullptr));
    set->count++;
    for (unsigned i = 0; i < GROUP_SET_INLINE; i++) {
        if (set->entry[i] != GROUP_NONE) continue;
        set->entry[i] = group;
        return;
    }
    if (page != nullptr) {
        page->next_and_count = (uintptr_t)set->pages;
        set->pages = page;
    }
    page_insert(page_with_room(set), group);
}

/* Takes a page out of the list; `before` leads to it, nullptr: it is the first. */
static void page_unlink(struct group_set *set, struct group_page *before, struct group_page *page)
{
    assert(page_count(page) == 0);
    uintptr_t next = page->next_and_count;
    if (before == nullptr) set->pages = (struct group_page *)next;
    else before->next_and_count = next | page_count(before);
}

struct group_page *group_set_remove(struct group_set *set, uint32_t group)
{
    assert(group_set_contains(set, group));
    set->count--;
    for (unsigned i = 0; i < GROUP_SET_INLINE; i++) {
        if (set->entry[i] != group) continue;
        set->entry[i] = GROUP_NONE;
        return nullptr;
    }
    struct group_page *before = nullptr;
    struct group_page *page = set->pages;
    while (page_find(page, group) == GROUP_PAGE_SLOTS) {
        before = page;
        page = group_page_next(page);
    }
    page_remove(page, page_find(page, group));
    if (page_count(page) > 0) return nullptr;
    page_unlink(set, before, page);
    return page;
}

struct group_page *group_set_clear(struct group_set *set)
{
    struct group_page *pages = set->pages;
    *set = (struct group_set){ 0 };
    return pages;
}

static uint32_t nearer(uint32_t entry, uint32_t after, uint32_t best)
{
    return entry > after && (best == GROUP_NONE || entry < best) ? entry : best;
}

uint32_t group_set_next(const struct group_set *set, uint32_t after)
{
    uint32_t best = GROUP_NONE;
    for (unsigned i = 0; i < GROUP_SET_INLINE; i++) best = nearer(set->entry[i], after, best);
    for (const struct group_page *page = set->pages; page != nullptr; page = group_page_next(page))
        for (uint32_t i = 0; i < GROUP_PAGE_SLOTS; i++) best = nearer(page->entry[i], after, best);
    return best;
}

uint32_t group_set_count_pages(const struct group_set *set)
{
    uint32_t count = 0;
    for (const struct group_page *page = set->pages; page != nullptr; page = group_page_next(page)) count++;
    return count;
}

static bool page_check(const struct group_page *page)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < GROUP_PAGE_SLOTS; i++) {
        if (page->entry[i] == GROUP_NONE) continue;
        count++;
        if (!(page->entry[i] & GROUP_PRESENT) || page_find(page, page->entry[i]) != i) return false;
    }
    return count > 0 && count == page_count(page);
}

bool group_set_check(const struct group_set *set)
{
    uint32_t count = 0;
    for (unsigned i = 0; i < GROUP_SET_INLINE; i++) count += set->entry[i] != GROUP_NONE;
    for (const struct group_page *page = set->pages; page != nullptr; page = group_page_next(page)) {
        if (!page_check(page)) return false;
        count += page_count(page);
    }
    if (count != set->count) return false;
    uint32_t distinct = 0;
    for (uint32_t group = group_set_next(set, GROUP_NONE); group != GROUP_NONE; group = group_set_next(set, group)) distinct++;
    return distinct == count;
}
