/* What is set aside in front of the bitmap, batches without rows, memory beyond the direct map, and contiguous blocks below a limit. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "block.h"
#include "host.h"

constexpr uint64_t MEBIBYTE = 1 << 20;

static void check_all(void)
{
    cr_assert(frame_check_tiers());
    cr_assert(frame_check_counts());
}

static frame_t take(unsigned order)
{
    frame_t frame;
    cr_assert_eq(frame_allocate(order, FRAME_KIND_USER, &frame), STATUS_OK);
    return frame;
}

/* Of every order: what went last comes first, marked dirty, and nobody can use or free it meanwhile. */
Test(frame_spare, last_given_first_taken)
{
    host_initialise_frames(2560 * MEBIBYTE, 16);
    for (unsigned order = 0; order < FRAME_ORDERS; order++) {
        frame_t block = take(order), last = { block.number + (1u << order) - 1 };
        struct frame_info *head = frame_find(block);
        head->flags = (uint8_t)(order << FRAME_ORDER_SHIFT); /* somebody has cleaned it */
        uint64_t free = frame_count_free();
        cr_assert_eq(frame_free(block, order, FRAME_KIND_USER), STATUS_OK);
        cr_assert_eq(frame_count_free(), free + (1u << order));
        cr_assert(!frame_is(block, FRAME_KIND_USER) && !frame_is(last, FRAME_KIND_USER));
        cr_assert_eq(frame_free(block, order, FRAME_KIND_USER), STATUS_BAD_FRAME, "order %u twice", order);
        cr_assert_eq(frame_free(last, 0, FRAME_KIND_USER), STATUS_BAD_FRAME, "the end of order %u", order);
        cr_assert_eq(frame_split(block, 0), STATUS_BAD_FRAME);
        check_all();
        frame_t again = take(order);
        cr_assert_eq(again.number, block.number);
        cr_assert(head->kind == FRAME_KIND_USER && frame_order(head) == order && (head->flags & FRAME_DIRTY) && head->count == 0);
        cr_assert_eq(frame_find(last), head);
        cr_assert_eq(frame_free(again, order, FRAME_KIND_USER), STATUS_OK);
    }
    check_all();
}

/* More than there is room for, then all memory as one kind of block: nothing stays aside when it is wanted. */
Test(frame_spare, all_of_it_comes_back)
{
    host_initialise_frames(64 * MEBIBYTE, 16);
    static const unsigned orders[] = { 0, 1, 5, 8, 9, 10, 12 };
    frame_t taken[20];
    for (unsigned i = 0; i < sizeof orders / sizeof orders[0]; i++) {
        unsigned count = 0;
        while (count < 20 && frame_allocate(orders[i], FRAME_KIND_USER, &taken[count]) == STATUS_OK) count++;
        while (count > 0) cr_assert_eq(frame_free(taken[--count], orders[i], FRAME_KIND_USER), STATUS_OK);
        check_all();
    }
    cr_assert(frame_prepare() && frame_prepare());
    cr_assert_eq(frame_count_free(), frame_count_total());
    frame_t block;
    while (frame_allocate(12, FRAME_KIND_USER, &block) == STATUS_OK) check_all();
    while (frame_allocate(0, FRAME_KIND_USER, &block) == STATUS_OK) continue;
    cr_assert_eq(frame_count_free(), 0);
    check_all();
}

/* No row of a batch is written before somebody asks; then each is a single dirty USER frame like any other. */
Test(frame_spare, frames_of_batches)
{
    host_initialise_frames(8 * MEBIBYTE, 20);
    uint64_t free = frame_count_free();
    frame_t base;
    uint64_t mask;
    do cr_assert_eq(frame_allocate_batch(&base, &mask), STATUS_OK);
    while (mask != UINT64_MAX);
    cr_assert_eq(frame_table[base.number].kind, FRAME_KIND_FREE);
    check_all();
    struct frame_info *info = frame_find((frame_t){ base.number + 5 });
    cr_assert(info == &frame_table[base.number + 5] && info->kind == FRAME_KIND_USER && info->flags == FRAME_DIRTY && info->count == 0);
    cr_assert_eq(frame_table[base.number + 6].kind, FRAME_KIND_FREE);
    check_all();
    cr_assert_eq(frame_split((frame_t){ base.number + 7 }, 0), STATUS_BAD_ARGUMENT, "a single frame");
    cr_assert_eq(frame_free((frame_t){ base.number + 6 }, 0, FRAME_KIND_TABLE), STATUS_BAD_FRAME);
    cr_assert_eq(frame_free((frame_t){ base.number + 6 }, 0, FRAME_KIND_USER), STATUS_OK);
    cr_assert_eq(frame_free((frame_t){ base.number + 6 }, 0, FRAME_KIND_USER), STATUS_BAD_FRAME, "twice");
    cr_assert_eq(frame_free((frame_t){ base.number + 32 }, 5, FRAME_KIND_USER), STATUS_OK, "32 that nobody has touched, as one block");
    cr_assert_eq(frame_free((frame_t){ base.number + 32 }, 5, FRAME_KIND_USER), STATUS_BAD_FRAME, "twice");
    cr_assert_eq(frame_free((frame_t){ base.number + 40 }, 0, FRAME_KIND_USER), STATUS_BAD_FRAME, "a free one is nobody's");
    check_all();
    for (uint32_t i = 0; i < 32; i++)
        if (i != 6) cr_assert_eq(frame_free((frame_t){ base.number + i }, 0, FRAME_KIND_USER), STATUS_OK);
    cr_assert(frame_count_free() < free, "batches before this one");
    check_all();
}

/* Programs' memory keeps off the direct map while there is other memory, one by one, in blocks and in batches; objects find theirs. */
Test(frame_spare, programs_keep_off_the_direct_map)
{
    constexpr uint32_t direct = 2048, count = 8192;
    host_initialise((uint64_t)count << PAGE_SHIFT);
    host_set_direct_frames(direct);
    struct memory_range all = { 0, (uint64_t)count << PAGE_SHIFT, MEMORY_USABLE };
    void *storage = aligned_alloc(PAGE_BYTES, frame_storage_bytes(count));
    memset(storage, 0, frame_storage_bytes(count));
    frame_initialise(storage, count, &all, 1);
    frame_t frame;
    uint64_t mask;
    for (unsigned i = 0; i < 300; i++) cr_assert_geq(take(0).number, direct);
    for (unsigned order = 1; order < 11; order++) cr_assert_geq(take(order).number, direct, "order %u", order);
    for (unsigned i = 0; i < 10; i++) {
        cr_assert_eq(frame_allocate_batch(&frame, &mask), STATUS_OK);
        cr_assert_geq(frame.number, direct);
    }
    cr_assert_eq(frame_allocate(3, FRAME_KIND_KERNEL, &frame), STATUS_OK);
    cr_assert_lt(frame.number, direct);
    uint32_t below = 0;
    while (frame_allocate(0, FRAME_KIND_USER, &frame) == STATUS_OK) below += frame.number < direct;
    cr_assert_eq(below, direct - 16 - 8, "and take it when there is nothing else");
    check_all();
    free(storage);
}

/* A block below a limit is there if and only if an aligned free run is, seen frame by frame; it is consecutive by being a block. */
Test(frame_spare, contiguous_below_a_limit)
{
    constexpr uint32_t count = 16384;
    host_initialise_frames((uint64_t)count << PAGE_SHIFT, 16);
    static bool is_used[count];
    uint64_t seed = 31;
    frame_t frame;
    memset(is_used, true, sizeof is_used);
    for (uint32_t i = 0; i < count; i++) is_used[i] = !frame_is((frame_t){ i }, FRAME_KIND_FREE);
    for (unsigned step = 0; step < 4000; step++) {
        seed = seed * 6364136223846793005 + 1442695040888963407;
        unsigned order = (unsigned)(seed >> 60) % 12;
        uint32_t limit = (uint32_t)(seed >> 33) % count, size = 1u << order, first = 0;
        bool has = false;
        for (uint32_t at = 0; at + size <= limit && !has; at += size) has = memchr(is_used + at, true, size) == nullptr;
        enum status status;
        while ((status = frame_allocate_below(order, FRAME_KIND_USER, limit, &frame)) == STATUS_AGAIN) continue;
        if (limit != FRAME_ANYWHERE) cr_assert_eq(status, has ? STATUS_OK : STATUS_NO_MEMORY, "order %u below %u", order, limit);
        first = frame.number;
        if (status == STATUS_OK) {
            cr_assert(first % size == 0 && (limit == FRAME_ANYWHERE || first + size <= limit));
            cr_assert_null(memchr(is_used + first, true, size));
            memset(is_used + first, true, size);
        }
        if (step % 3 != 0 && status == STATUS_OK) { /* a part of it goes back, so that memory is in pieces */
            unsigned part = order > 8 ? order : order / 2;
            cr_assert_eq(frame_free(frame, part, FRAME_KIND_USER), STATUS_OK);
            memset(is_used + first, false, 1u << part);
        }
        if (step % 200 == 0) check_all();
    }
    check_all();
}

/* The only request that may have to be repeated: more hints are wrong than one search follows. Each line had a run of eight once, and has lone frames now. */
Test(frame_spare, wrong_hints_are_followed_in_steps)
{
    constexpr uint32_t lines = 4 * BITMAP_MISSES, count = lines * GROUP_FRAMES;
    host_initialise_frames((uint64_t)count << PAGE_SHIFT, 16);
    frame_t frame;
    while (frame_allocate(0, FRAME_KIND_USER, &frame) == STATUS_OK) continue;
    for (uint32_t line = 0; line < lines; line++) /* not in the first 64 KiB, nor where the table lies: at the end of each line */
        for (uint32_t i = 504; i < 512; i++) (void)frame_free((frame_t){ line * GROUP_FRAMES + i }, 0, FRAME_KIND_USER);
    while (frame_allocate(0, FRAME_KIND_USER, &frame) == STATUS_OK) continue;
    for (uint32_t line = 0; line < lines; line++) (void)frame_free((frame_t){ line * GROUP_FRAMES + 506 }, 0, FRAME_KIND_USER);
    uint64_t free = frame_count_free();
    cr_assert_geq(free, lines - 4);
    static const unsigned exact[] = { 9, 18 };
    for (unsigned i = 0; i < 2; i++) cr_assert_eq(frame_allocate(exact[i], FRAME_KIND_USER, &frame), STATUS_NO_MEMORY, "order %u is never repeated", exact[i]);
    unsigned repeated = 0;
    enum status status;
    for (; (status = frame_allocate(3, FRAME_KIND_USER, &frame)) == STATUS_AGAIN; repeated++) {
        cr_assert_lt(repeated, lines / BITMAP_MISSES + 1, "it never ends");
        cr_assert_eq(frame_count_free(), free, "an unfinished search changes nothing but hints");
        check_all();
    }
    cr_assert_eq(status, STATUS_NO_MEMORY);
    cr_assert_geq(repeated, 2, "%u steps: the hints were not wrong", repeated);
    cr_assert_eq(frame_allocate(3, FRAME_KIND_USER, &frame), STATUS_NO_MEMORY, "the second time nothing is wrong");
    check_all();
}

/* What asks for blocks inside the kernel does without when a search must go on: tables of a step come one by one then. */
Test(frame_spare, tables_do_not_wait_for_a_row_of_frames)
{
    constexpr uint32_t lines = 2 * BITMAP_MISSES, count = lines * GROUP_FRAMES;
    host_initialise_frames((uint64_t)count << PAGE_SHIFT, 16);
    frame_t frame, tables[8];
    while (frame_allocate(0, FRAME_KIND_USER, &frame) == STATUS_OK) continue;
    for (uint32_t line = 0; line < lines; line++)
        for (uint32_t i = 504; i < 512; i++) (void)frame_free((frame_t){ line * GROUP_FRAMES + i }, 0, FRAME_KIND_USER);
    while (frame_allocate(0, FRAME_KIND_USER, &frame) == STATUS_OK) continue;
    for (uint32_t line = 0; line < lines; line++) (void)frame_free((frame_t){ line * GROUP_FRAMES + 506 }, 0, FRAME_KIND_USER);
    cr_assert_eq(frame_allocate_tables(tables, 8), STATUS_OK);
    for (unsigned i = 0; i < 8; i++) cr_assert(frame_is(tables[i], FRAME_KIND_TABLE));
    check_all();
}
