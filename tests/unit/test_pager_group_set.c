/* Sets of group ids: the edges of the layout, a random walk beside a naive set, and the bitmap as the alternative. */
#include <criterion/criterion.h>

#include <stdlib.h>
#include <string.h>

#include "group_set.h"

static struct group_set set;
static uint32_t pages_taken, pages_given;

static uint32_t entry(uint32_t id) { return GROUP_PRESENT | id; }

static void insert_into(struct group_set *to, uint32_t id)
{
    struct group_page *page = nullptr;
    if (group_set_wants_page(to)) {
        page = aligned_alloc(PAGE_BYTES, PAGE_BYTES);
        memset(page, 0, PAGE_BYTES);
        pages_taken++;
    }
    group_set_insert(to, entry(id), page);
}
static void insert(uint32_t id) { insert_into(&set, id); }

static void drop_from(struct group_set *from, uint32_t id)
{
    struct group_page *page = group_set_remove(from, entry(id));
    if (page == nullptr) return;
    pages_given++;
    free(page);
}
static void drop(uint32_t id) { drop_from(&set, id); }

static void expect(uint32_t count, uint32_t pages)
{
    cr_assert_eq(set.count, count, "%u ids, not %u", set.count, count);
    cr_assert_eq(group_set_count_pages(&set), pages, "%u pages, not %u", group_set_count_pages(&set), pages);
    cr_assert_eq(pages_taken - pages_given, pages);
    cr_assert(group_set_check(&set));
}

Test(pager_group_set, pages_come_with_the_third_group_and_when_one_is_full)
{
    expect(0, 0);
    insert(10);
    expect(1, 0);
    insert(11);
    expect(2, 0);
    insert(12);
    expect(3, 1);
    for (uint32_t id = 13; set.count < GROUP_SET_INLINE + GROUP_PAGE_SLOTS; id++) insert(id);
    expect(1024, 1);
    insert(0);
    expect(1025, 2);
    for (uint32_t id = 5000; set.count < GROUP_SET_INLINE + 3 * GROUP_PAGE_SLOTS; id++) insert(id);
    expect(3068, 3);
    for (uint32_t id = 10; id < 5000; id++) cr_assert_eq(group_set_contains(&set, entry(id)), id < 1034, "%u", id);
}

Test(pager_group_set, first_and_last_id)
{
    uint32_t edges[] = { 0, GROUP_ID_LAST, 1, GROUP_ID_LAST - 1 };
    for (unsigned i = 0; i < 4; i++) {
        cr_assert_not(group_set_contains(&set, entry(edges[i])));
        insert(edges[i]);
        cr_assert(group_set_contains(&set, entry(edges[i])));
    }
    expect(4, 1);
    cr_assert_eq(group_set_next(&set, GROUP_NONE), entry(0));
    cr_assert_eq(group_set_next(&set, entry(0)), entry(1));
    cr_assert_eq(group_set_next(&set, entry(1)), entry(GROUP_ID_LAST - 1));
    cr_assert_eq(group_set_next(&set, entry(GROUP_ID_LAST - 1)), entry(GROUP_ID_LAST));
    cr_assert_eq(group_set_next(&set, entry(GROUP_ID_LAST)), GROUP_NONE);
    for (unsigned i = 4; i-- > 0;) drop(edges[i]);
    expect(0, 0);
}

/* Ids with one home form one chain, around the end of the page; each is taken out once, in every place of it. */
Test(pager_group_set, removing_keeps_chains_whole)
{
    constexpr uint32_t length = 8;
    insert(GROUP_ID_LAST);
    insert(GROUP_ID_LAST - 1);
    for (uint32_t victim = 0; victim < length; victim++) {
        uint32_t ids[length];
        for (uint32_t i = 0; i < length; i++) ids[i] = GROUP_PAGE_SLOTS * (i + 1) + GROUP_PAGE_SLOTS - 4 + i % 3;
        for (uint32_t i = 0; i < length; i++) insert(ids[i]);
        drop(ids[victim]);
        expect(2 + length - 1, 1);
        for (uint32_t i = 0; i < length; i++) cr_assert_eq(group_set_contains(&set, entry(ids[i])), i != victim);
        for (uint32_t i = 0; i < length; i++)
            if (i != victim) drop(ids[i]);
        expect(2, 0);
    }
}

/* A page that empties leaves the list from its front, middle and end. */
Test(pager_group_set, empty_pages_go_back)
{
    for (unsigned order = 0; order < 6; order++) {
        static const uint8_t orders[6][3] = { { 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 }, { 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 } };
        for (uint32_t id = 0; id < GROUP_SET_INLINE + 3 * GROUP_PAGE_SLOTS; id++) insert(id);
        expect(GROUP_SET_INLINE + 3 * GROUP_PAGE_SLOTS, 3);
        for (uint32_t part = 0; part < 3; part++) {
            for (uint32_t i = 0; i < GROUP_PAGE_SLOTS; i++) drop(GROUP_SET_INLINE + orders[order][part] * GROUP_PAGE_SLOTS + i);
            expect(GROUP_SET_INLINE + (2 - part) * GROUP_PAGE_SLOTS, 2 - part);
        }
        drop(0);
        drop(1);
        expect(0, 0);
    }
}

Test(pager_group_set, clearing_hands_over_every_page)
{
    for (uint32_t id = 0; id < 2500; id++) insert(id);
    uint32_t pages = group_set_count_pages(&set);
    for (struct group_page *page = group_set_clear(&set); page != nullptr; pages--) {
        struct group_page *next = group_page_next(page);
        free(page);
        page = next;
    }
    cr_assert_eq(pages, 0);
    cr_assert(group_set_check(&set) && set.count == 0);
}

Test(pager_group_set, meeting)
{
    struct group_set other = { { entry(7), entry(9) }, 2, nullptr };
    struct group_set none = { 0 };
    for (uint32_t id = 100; id < 2000; id++) insert(id);
    cr_assert_not(group_set_meets(&set, &other));
    cr_assert_not(group_set_meets(&set, &none));
    cr_assert_not(group_set_meets(&none, &none));
    insert(9);
    cr_assert(group_set_meets(&set, &other) && group_set_meets(&other, &set) && group_set_meets(&set, &set));
    drop(9);
    cr_assert_not(group_set_meets(&other, &set));
}

/* --- Beside a naive set --- */

static uint32_t seed = 20261;
static uint32_t random_below(uint32_t limit)
{
    seed = seed * 1664525 + 1013904223;
    return (uint32_t)((uint64_t)seed * limit >> 32);
}

Test(pager_group_set, random_walk_beside_a_naive_set)
{
    static uint32_t oracle[4000];
    uint32_t count = 0, removed = 0, refused = 0;
    for (uint32_t step = 0; step < 40000; step++) {
        bool grows = random_below(100) < (step / 8000 % 2 == 0 ? 65 : 30);
        uint32_t id = random_below(8) == 0 ? GROUP_ID_LAST - random_below(40) : random_below(3) * GROUP_PAGE_SLOTS + random_below(2500);
        uint32_t at = 0;
        while (at < count && oracle[at] != id) at++;
        cr_assert_eq(group_set_contains(&set, entry(id)), at < count, "step %u id %u", step, id);
        if (grows && at == count && count < 4000) {
            insert(id);
            oracle[count++] = id;
        } else if (!grows && count > 0) {
            if (at == count) at = random_below(count);
            drop(oracle[at]);
            oracle[at] = oracle[--count];
            removed++;
        } else {
            refused++;
        }
        cr_assert_eq(set.count, count);
        if (step % 500 == 0) cr_assert(group_set_check(&set), "step %u", step);
    }
    cr_log_info("seed 20261: %u in the end, %u removed, %u skipped", count, removed, refused);
    cr_assert(removed > 5000 && pages_given > 0);
    while (count > 0) drop(oracle[--count]);
    expect(0, 0);
}

/* --- The first idea of the notes: a bitmap for each process --- */

/* All that the set can do, on one page of bits. */
constexpr uint32_t BITMAP_WORDS = PAGE_BYTES / sizeof(uint64_t), BITMAP_IDS = PAGE_BYTES * 8;

struct bitmap {
    uint64_t word[BITMAP_WORDS];
};

static bool bitmap_contains(const struct bitmap *bitmap, uint32_t id) { return bitmap->word[id / 64] >> id % 64 & 1; }
static void bitmap_change(struct bitmap *bitmap, uint32_t id) { bitmap->word[id / 64] ^= (uint64_t)1 << id % 64; }

static bool bitmap_meets(const struct bitmap *one, const struct bitmap *other)
{
    uint64_t common = 0;
    for (uint32_t i = 0; i < BITMAP_WORDS; i++) common |= one->word[i] & other->word[i];
    return common != 0;
}

/* The first id from `from` on, or BITMAP_IDS. */
static uint32_t bitmap_next(const struct bitmap *bitmap, uint32_t from)
{
    while (from < BITMAP_IDS && !bitmap_contains(bitmap, from)) from++;
    return from;
}

/* Both, in one after the other: as many ids, and the same. */
static void expect_same(const struct group_set *in, const struct bitmap *bitmap)
{
    uint32_t count = 0, group = GROUP_NONE;
    for (uint32_t id = bitmap_next(bitmap, 0); id < BITMAP_IDS; id = bitmap_next(bitmap, id + 1), count++)
        cr_assert_eq(group = group_set_next(in, group), entry(id));
    cr_assert_eq(group_set_next(in, group), GROUP_NONE);
    cr_assert_eq(in->count, count);
}

/* Two processes join and leave, by sets and by bitmaps: members, all groups in order, whether they have one in common, nothing left in the end. */
Test(pager_group_set, bitmap_does_the_same_for_small_ids)
{
    static struct bitmap bitmap[2];
    struct group_set sets[2] = {};
    unsigned met = 0, looked = 0;
    for (uint32_t step = 0; step < 20'000; step++) {
        uint32_t which = random_below(2), id = random_below(step / 100 % 2 == 0 ? BITMAP_IDS : 600);
        bool is_there = bitmap_contains(&bitmap[which], id);
        cr_assert_eq(group_set_contains(&sets[which], entry(id)), is_there);
        if (is_there) drop_from(&sets[which], id);
        else insert_into(&sets[which], id);
        bitmap_change(&bitmap[which], id);
        bool has_common = bitmap_meets(&bitmap[0], &bitmap[1]);
        if (step % 16 == 0) cr_assert_eq(group_set_meets(&sets[0], &sets[1]), has_common);
        met += has_common;
        looked++;
        if (step % 400 == 0) expect_same(&sets[which], &bitmap[which]);
        if (step % 1000 != 999) continue;
        for (id = bitmap_next(&bitmap[which], 0); id < BITMAP_IDS; id = bitmap_next(&bitmap[which], id + 1)) {
            drop_from(&sets[which], id); /* one of them ends */
            bitmap_change(&bitmap[which], id);
        }
        expect_same(&sets[which], &bitmap[which]);
        cr_assert_eq(group_set_count_pages(&sets[which]), 0);
    }
    cr_assert(met > 0 && met < looked);
    for (uint32_t which = 0; which < 2; which++)
        for (uint32_t id = bitmap_next(&bitmap[which], 0); id < BITMAP_IDS; id = bitmap_next(&bitmap[which], id + 1)) drop_from(&sets[which], id);
    cr_assert_eq(pages_given, pages_taken);
    /* What docs/adr/0016-groups.md says of both. */
    cr_assert_eq(sizeof(struct group_set), 24);
    cr_assert_eq(BITMAP_IDS, 32'768);
    cr_assert_eq(((uint64_t)GROUP_ID_LAST + 1) / 8, (uint64_t)256 << 20); /* bytes of a bitmap that holds every id */
}
