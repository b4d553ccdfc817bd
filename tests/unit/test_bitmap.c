/* The tiered bitmap: every order, exhaustion, boundaries, preferences, hostile arguments, and that its check sees damage. */
#include "bitmap_model.h"

/* Storage of large memories is touched where it is used only. */
static void *sparse_storage(uint32_t count)
{
    void *storage = mmap(nullptr, bitmap_storage_bytes(count), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    cr_assert_neq(storage, MAP_FAILED);
    return storage;
}

Test(bitmap, metadata_is_an_eighth_of_a_byte_a_frame_and_little_more)
{
    cr_assert_leq(bitmap_storage_bytes(1u << 26), (uint64_t)(1u << 26) * 128 / 1000);
    cr_assert_leq(bitmap_storage_bytes(1), 704ul);
    cr_assert_leq(bitmap_storage_bytes(0), 704ul);
}

Test(bitmap, new_one_has_nothing_free)
{
    struct bitmap_model model;
    model_make(&model, 70000, 0);
    model_check_frames(&model);
    uint32_t first;
    uint64_t mask;
    for (unsigned order = 0; order < BITMAP_ORDERS; order++) cr_assert_not(bitmap_take(&model.bitmap, order, UINT32_MAX, &first));
    cr_assert_not(bitmap_word_take(&model.bitmap, &first, &mask));
    model_drop(&model);
}

/* In an otherwise used memory of any size, one block is found by all orders that it can serve and by no other. */
Test(bitmap, the_only_block_is_found)
{
    static const uint32_t counts[] = { 1u << 18, (1u << 21) + 12345, 1u << 26 };
    for (unsigned i = 0; i < 3; i++) {
        for (unsigned order = 0; order < BITMAP_ORDERS; order++) {
            uint32_t last = (counts[i] - (1u << order)) & ~((1u << order) - 1);
            struct bitmap bitmap;
            bitmap_initialise(&bitmap, sparse_storage(counts[i]), counts[i]);
            cr_assert(bitmap_insert_range(&bitmap, last, last + (1u << order)));
            for (unsigned smaller = 0; smaller <= order; smaller++) {
                uint32_t first;
                cr_assert_not(bitmap_take(&bitmap, order + 1, UINT32_MAX, &first));
                cr_assert(bitmap_take(&bitmap, smaller, UINT32_MAX, &first));
                cr_assert(first >= last && first + (1u << smaller) <= last + (1u << order));
                if (smaller != order) cr_assert_not(bitmap_take(&bitmap, order, UINT32_MAX, &first));
                cr_assert(bitmap_give(&bitmap, first & ~((1u << smaller) - 1), smaller), "order %u of %u", smaller, order);
            }
            cr_assert(bitmap_is_free(&bitmap, last, last + (1u << order)) && bitmap_count_free(&bitmap) == 1u << order && bitmap_check(&bitmap));
            munmap(bitmap.gigabytes, bitmap_storage_bytes(counts[i]));
        }
    }
}

Test(bitmap, every_order_until_nothing_is_left_and_back)
{
    struct bitmap_model model;
    model_make(&model, (1u << 19) + 300, 0);
    model_insert(&model, 0, model.count_units);
    for (unsigned order = 6; order < BITMAP_ORDERS; order++) {
        uint32_t first, taken = 0;
        while (bitmap_take(&model.bitmap, order, UINT32_MAX, &first)) {
            cr_assert((first & ((1u << order) - 1)) == 0 && model_all_are(&model, first, 1u << order, 1));
            memset(model.is_free + first, 0, 1u << order);
            taken++;
        }
        cr_assert_eq(taken, model.count_units >> order, "order %u", order);
        cr_assert(bitmap_check(&model.bitmap));
        cr_assert_eq(bitmap_count_free(&model.bitmap), model.count_units - (taken << order));
        for (uint32_t block = 0; block < taken; block++) cr_assert(bitmap_give(&model.bitmap, block << order, order));
        memset(model.is_free, 1, model.count_units);
        cr_assert(bitmap_check(&model.bitmap) && bitmap_count_free(&model.bitmap) == model.count_units);
    }
    model_drop(&model);
}

Test(bitmap, frames_until_nothing_is_left_and_back)
{
    struct bitmap_model model;
    model_make(&model, 33333, 0);
    model_insert(&model, 0, model.count_units);
    for (unsigned order = 0; order < 6; order++) {
        uint32_t first, taken = 0;
        while (bitmap_take(&model.bitmap, order, UINT32_MAX, &first)) {
            cr_assert(model_all_are(&model, first, 1u << order, 1));
            memset(model.is_free + first, 0, 1u << order);
            taken++;
        }
        cr_assert_eq(taken, model.count_units >> order);
        cr_assert(bitmap_check(&model.bitmap));
        for (uint32_t block = taken; block-- > 0;) cr_assert(bitmap_give(&model.bitmap, block << order, order));
        memset(model.is_free, 1, model.count_units);
    }
    uint32_t first;
    cr_assert(bitmap_take(&model.bitmap, 15, UINT32_MAX, &first), "single frames have grown together to 128 MiB");
    model_drop(&model);
}

/* Block of one order, given back in pieces of another, in both directions. */
Test(bitmap, blocks_split_and_merge_over_all_tiers)
{
    for (unsigned large = 0; large < BITMAP_ORDERS; large++) {
        for (unsigned small = large > 9 ? large - 9 : 0; small <= large; small++) {
            struct bitmap_model model;
            model_make(&model, 1u << 18, 0);
            model_insert(&model, 0, 1u << 18);
            uint32_t first;
            cr_assert(bitmap_take(&model.bitmap, large, UINT32_MAX, &first));
            for (uint32_t at = 0; at < 1u << large; at += 1u << small) cr_assert(bitmap_give(&model.bitmap, first + at, small));
            cr_assert(bitmap_check(&model.bitmap));
            for (uint32_t at = 0; at < 1u << large; at += 1u << small) {
                uint32_t piece;
                cr_assert(bitmap_take(&model.bitmap, small, UINT32_MAX, &piece));
            }
            cr_assert(bitmap_give(&model.bitmap, 0, large), "pieces come from one place");
            cr_assert(bitmap_take(&model.bitmap, 18, UINT32_MAX, &first) && first == 0, "%u in pieces of %u", large, small);
            model_drop(&model);
        }
    }
}

Test(bitmap, broken_memory_is_used_first)
{
    for (unsigned order = 0; order < BITMAP_ORDERS - 1; order++) {
        struct bitmap bitmap;
        constexpr uint32_t count = 1u << 22;
        bitmap_initialise(&bitmap, sparse_storage(count), count);
        cr_assert(bitmap_insert_range(&bitmap, 0, 1u << 21)); /* 8 GiB in one piece */
        uint32_t first, alone = count - (1u << 18);           /* and behind it one block of memory that is broken already */
        cr_assert(bitmap_insert_range(&bitmap, alone, alone + (1u << order)));
        cr_assert(bitmap_take(&bitmap, order, UINT32_MAX, &first));
        cr_assert_eq(first, alone, "order %u", order);
        munmap(bitmap.gigabytes, bitmap_storage_bytes(count));
    }
}

Test(bitmap, single_frames_stay_in_their_line)
{
    struct bitmap_model model;
    model_make(&model, 1024, 0);
    model_insert(&model, 0, 32);
    model_insert(&model, 512, 544);
    model_insert(&model, 576, 672); /* a whole word and half a word */
    uint32_t first;
    for (unsigned i = 0; i < 33; i++) cr_assert(bitmap_take(&model.bitmap, 0, UINT32_MAX, &first));
    cr_assert_eq(first, 512u);
    cr_assert(bitmap_give(&model.bitmap, 0, 0));
    for (unsigned i = 0; i < 127; i++) {
        cr_assert(bitmap_take(&model.bitmap, 0, UINT32_MAX, &first));
        cr_assert(first >= 512, "not 0, which is in another line");
    }
    cr_assert(bitmap_take(&model.bitmap, 0, UINT32_MAX, &first) && first == 0);
    model_drop(&model);
}

Test(bitmap, small_requests_leave_large_blocks_whole)
{
    struct bitmap_model model;
    model_make(&model, 1u << 18, 0);
    model_insert(&model, 0, 1u << 18);
    uint32_t first;
    for (unsigned i = 0; i < 512; i++) cr_assert(bitmap_take(&model.bitmap, 0, UINT32_MAX, &first));
    unsigned blocks = 0;
    while (bitmap_take(&model.bitmap, 9, UINT32_MAX, &first)) blocks++;
    cr_assert_eq(blocks, 511u);
    model_drop(&model);
}

Test(bitmap, limits_in_the_middle_of_every_tier)
{
    static const uint32_t limits[] = { 0, 1, 63, 64, 65, 511, 512, 513, 5000, 32767, 32768, 32769, 100000,
        (1u << 18) + 5, (1u << 21) + 70000, UINT32_MAX - 1 };
    struct bitmap_model model;
    model_make(&model, (1u << 21) + 100000, 0);
    model_insert(&model, 0, model.count_units);
    for (unsigned i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        for (unsigned order = 0; order < BITMAP_ORDERS; order++) {
            uint32_t first;
            if (model_allocate_below(&model, order, limits[i], &first)) cr_assert(model_free(&model, first, order));
        }
    }
    model_check_frames(&model);
    model_drop(&model);
}

Test(bitmap, ranges_end_anywhere)
{
    static const uint32_t edges[] = { 0, 1, 15, 63, 64, 65, 100, 511, 512, 700, 4096, 32767, 32768, 40000, 65536, 65537, 69999, 70000 };
    constexpr unsigned count = sizeof edges / sizeof edges[0];
    for (unsigned i = 0; i < count; i++) {
        for (unsigned j = i; j < count; j++) {
            struct bitmap_model model;
            model_make(&model, 70000, 0);
            model_insert(&model, edges[i], edges[j]);
            model_check(&model);
            uint32_t first = edges[i], limit = edges[j];
            cr_assert_eq(bitmap_is_free(&model.bitmap, first, limit), first != limit);
            if (first != 0) cr_assert_not(bitmap_is_free(&model.bitmap, first - 1, limit));
            cr_assert_not(bitmap_is_free(&model.bitmap, first, limit + 1));
            model_drop(&model);
        }
    }
}

Test(bitmap, hostile_arguments_change_nothing)
{
    struct bitmap_model model;
    model_make(&model, 1000, 0);
    model_insert(&model, 100, 900);
    uint32_t first = 42;
    for (unsigned order = BITMAP_ORDERS; order < 70; order++) {
        cr_assert_not(bitmap_take(&model.bitmap, order, UINT32_MAX, &first));
        cr_assert_not(bitmap_take(&model.bitmap, order, 1000, &first));
        cr_assert_not(bitmap_give(&model.bitmap, 0, order));
    }
    cr_assert_not(bitmap_take(&model.bitmap, UINT32_MAX, UINT32_MAX, &first));
    cr_assert_eq(first, 42u);
    cr_assert_not(bitmap_give(&model.bitmap, 1000, 0));
    cr_assert_not(bitmap_give(&model.bitmap, UINT32_MAX, 0));
    cr_assert_not(bitmap_give(&model.bitmap, 992, 4), "reaches beyond the end");
    cr_assert_not(bitmap_give(&model.bitmap, 1, 1), "misaligned");
    cr_assert_not(bitmap_give(&model.bitmap, 96, 3), "half free");
    cr_assert_not(bitmap_give(&model.bitmap, 512, 8), "free");
    cr_assert_not(bitmap_give(&model.bitmap, 0, 7), "the last frames are free");
    cr_assert_not(bitmap_insert_range(&model.bitmap, 900, 1001));
    cr_assert_not(bitmap_insert_range(&model.bitmap, 950, 940));
    cr_assert_not(bitmap_give(&model.bitmap, 100, 0), "free");
    cr_assert(bitmap_insert_range(&model.bitmap, 5, 5));
    cr_assert_not(bitmap_is_free(&model.bitmap, 100, 1001));
    cr_assert_not(bitmap_is_free(&model.bitmap, 200, 100));
    model_check_frames(&model);
    model_drop(&model);
}

/* The checker must see every damaged word, whichever tier it is in. */
Test(bitmap, check_sees_damage)
{
    struct bitmap_model model;
    model_make(&model, (1u << 18) + 40000, 0);
    model_insert(&model, 0, model.count_units);
    uint32_t first;
    for (unsigned i = 0; i < 70; i++) cr_assert(bitmap_take(&model.bitmap, 0, UINT32_MAX, &first)); /* the only lone word, and 6 of another one */
    cr_assert(bitmap_give(&model.bitmap, first, 0) && bitmap_check(&model.bitmap));
    struct bitmap *bitmap = &model.bitmap;
    const uint32_t broken = 1u << 18; /* in the first gigabyte everything is one unit, the second is broken */
    uint64_t *truths[] = { bitmap->words, bitmap->words + broken / 64 + 1, bitmap->words + (broken + 20000) / 64, bitmap->words + (broken + 40000) / 64,
        bitmap->gigabytes[0].masks[9], bitmap->gigabytes[1].masks[9], bitmap->gigabytes[1].masks[9] + 1, bitmap->gigabytes[1].masks[9] + 7, bitmap->top[18],
        bitmap->top[18] + 7, bitmap->gigabytes[0].masks[0], bitmap->top[0] + 1, bitmap->top[9] + 1, bitmap->top[5] + 1 };
    for (unsigned i = 0; i < sizeof truths / sizeof truths[0]; i++) {
        for (unsigned bit = 0; bit < 64; bit++) {
            *truths[i] ^= (uint64_t)1 << bit;
            cr_assert_not(bitmap_check(&model.bitmap), "damage %u bit %u", i, bit);
            *truths[i] ^= (uint64_t)1 << bit;
        }
    }
    /* Hints that are missing, for every order: of the line that single frames broke, and of its gigabyte, where lines 1 to 77 are whole. */
    for (unsigned k = 0; k <= 14; k++) {
        uint64_t *hints[] = { &bitmap->top[k][0], k < 9 ? &bitmap->gigabytes[1].masks[k][0] : nullptr };
        for (unsigned i = 0; i < 2 && hints[i] != nullptr; i++) {
            uint64_t bit = i == 0 ? 2 : 1;
            cr_assert((*hints[i] & bit) != 0, "hint %u", k);
            *hints[i] ^= bit;
            cr_assert_not(bitmap_check(&model.bitmap), "hint %u is missing in tier %u", k, i);
            *hints[i] ^= bit;
        }
        bitmap->orders ^= 1u << k;
        cr_assert_not(bitmap_check(&model.bitmap), "order %u is missing", k);
        bitmap->orders ^= 1u << k;
    }
    cr_assert(bitmap_check(&model.bitmap));
    model.bitmap.count_free++;
    cr_assert_not(bitmap_check(&model.bitmap));
    model_drop(&model);
}
