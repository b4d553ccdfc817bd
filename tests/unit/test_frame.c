/* Frames: the table from firmware's ranges, taking and giving back by kind, adoption, content, the stock of zeroed frames, hostile arguments. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "host.h"

constexpr uint64_t MEBIBYTE = 1 << 20;

static void check_all(void)
{
    cr_assert(frame_check_tiers());
    cr_assert(frame_check_counts());
}

static frame_t take(unsigned order, enum frame_kind kind)
{
    frame_t frame;
    cr_assert_eq(frame_allocate(order, kind, &frame), STATUS_OK);
    check_all();
    return frame;
}

static bool is_zero(frame_t frame)
{
    static const unsigned char zero[PAGE_BYTES];
    return memcmp(arch_frame_pointer(frame), zero, PAGE_BYTES) == 0;
}

static bool is_free(frame_t frame)
{
    return frame_is(frame, FRAME_KIND_FREE) || frame_is(frame, FRAME_KIND_SPARE);
}

static void scribble(frame_t frame)
{
    memset(arch_frame_pointer(frame), 0xa5, PAGE_BYTES);
}

/* The usual machine, every free frame full of old content. */
static void start(uint64_t bytes)
{
    host_initialise_frames(bytes, 20);
    for (uint32_t i = 0; i < frame_count_table(); i++) {
        if (frame_is((frame_t){ i }, FRAME_KIND_FREE)) scribble((frame_t){ i });
    }
    check_all();
}

Test(frame, start_counts_what_is_there)
{
    host_initialise_frames(16 * MEBIBYTE, 20);
    uint64_t storage_frames = frame_storage_bytes(4096) / PAGE_BYTES;
    cr_assert_eq(frame_count_table(), 4096u);
    cr_assert_eq(frame_count_total(), 4096 - 20 - storage_frames);
    cr_assert_eq(frame_count_free(), frame_count_total());
    check_all();
}

Test(frame, kinds_come_as_promised)
{
    start(16 * MEBIBYTE);
    for (unsigned kind = FRAME_KIND_KERNEL; kind < FRAME_KINDS; kind++) {
        uint64_t free = frame_count_free();
        frame_t frame = take(0, (enum frame_kind)kind);
        struct frame_info *info = frame_find(frame);
        cr_assert(frame_is(frame, (enum frame_kind)kind) && info->count == 0 && info->cookie == 0);
        cr_assert_eq(info->flags, kind == FRAME_KIND_USER ? FRAME_DIRTY : 0);
        cr_assert_eq(is_zero(frame), kind != FRAME_KIND_USER);
        cr_assert_eq(frame_count_free(), free - 1);
        scribble(frame);
        info->cookie = 77;
        cr_assert_eq(frame_free(frame, 0, (enum frame_kind)kind), STATUS_OK);
        cr_assert(is_free(frame) && info->cookie == 0 && info->kind == FRAME_KIND_SPARE && info->flags == FRAME_DIRTY);
        cr_assert_eq(frame_count_free(), free);
        check_all();
    }
}

Test(frame, blocks_of_every_order)
{
    start(64 * MEBIBYTE);
    for (unsigned order = 0; order < FRAME_ORDERS; order++) {
        frame_t block = { 0 };
        enum status status = frame_allocate(order, order % 2 ? FRAME_KIND_USER : FRAME_KIND_TABLE, &block);
        cr_assert_eq(status, order <= 12 ? STATUS_OK : STATUS_NO_MEMORY, "order %u", order);
        check_all();
        if (status != STATUS_OK) continue;
        cr_assert(block.number >= 16 && block.number % (1u << order) == 0);
        for (uint32_t i = 0; i < 1u << order; i++) {
            cr_assert(frame_is((frame_t){ block.number + i }, order % 2 ? FRAME_KIND_USER : FRAME_KIND_TABLE));
            if (order % 2 == 0) cr_assert(is_zero((frame_t){ block.number + i }));
        }
        cr_assert_eq(frame_free(block, order, order % 2 ? FRAME_KIND_USER : FRAME_KIND_TABLE), STATUS_OK);
        check_all();
    }
}

Test(frame, user_block_is_given_back_frame_by_frame)
{
    start(16 * MEBIBYTE);
    uint64_t free = frame_count_free();
    frame_t block = take(4, FRAME_KIND_USER);
    for (uint32_t i = 0; i < 16; i++) cr_assert_eq(frame_free((frame_t){ block.number + i }, 0, FRAME_KIND_USER), STATUS_OK);
    cr_assert_eq(frame_count_free(), free);
    check_all();
    /* And single frames that make a block go back as one. */
    frame_t single;
    for (uint32_t i = 0; i < 64; i++) single = take(0, FRAME_KIND_USER);
    block.number = (single.number - 16) & ~15u;
    cr_assert_eq(frame_free(block, 4, FRAME_KIND_USER), STATUS_OK);
    cr_assert_eq(frame_count_free(), free - 48);
    check_all();
}

Test(frame, bad_requests)
{
    start(16 * MEBIBYTE);
    frame_t frame = { 42 };
    cr_assert_eq(frame_allocate(FRAME_ORDERS, FRAME_KIND_USER, &frame), STATUS_BAD_ARGUMENT);
    cr_assert_eq(frame_allocate(64, FRAME_KIND_USER, &frame), STATUS_BAD_ARGUMENT);
    cr_assert_eq(frame_allocate(UINT32_MAX, FRAME_KIND_USER, &frame), STATUS_BAD_ARGUMENT);
    cr_assert_eq(frame_allocate(0, FRAME_KIND_ABSENT, &frame), STATUS_BAD_ARGUMENT);
    cr_assert_eq(frame_allocate(0, FRAME_KIND_FREE, &frame), STATUS_BAD_ARGUMENT);
    cr_assert_eq(frame_allocate(0, FRAME_KIND_RESERVED, &frame), STATUS_BAD_ARGUMENT);
    cr_assert_eq(frame_allocate(0, FRAME_KINDS, &frame), STATUS_BAD_ARGUMENT);
    cr_assert_eq(frame_allocate(13, FRAME_KIND_USER, &frame), STATUS_NO_MEMORY);
    cr_assert_eq(frame.number, 42u);
    cr_assert_eq(frame_count_free(), frame_count_total());
    check_all();
}

Test(frame, bad_frees_change_nothing)
{
    start(16 * MEBIBYTE);
    frame_t block = take(3, FRAME_KIND_USER), table = take(0, FRAME_KIND_TABLE);
    uint64_t free = frame_count_free();
    struct { uint32_t frame; unsigned order; enum frame_kind kind; } bad[] = {
        { block.number, 0, FRAME_KIND_TABLE }, { block.number, 4, FRAME_KIND_USER }, { block.number + 1, 1, FRAME_KIND_USER },
        { block.number, FRAME_ORDERS, FRAME_KIND_USER }, { block.number, UINT32_MAX, FRAME_KIND_USER }, { block.number, 32, FRAME_KIND_USER },
        { table.number, 0, FRAME_KIND_USER }, { table.number, 0, FRAME_KIND_SPACE }, { 4096, 0, FRAME_KIND_USER }, { UINT32_MAX, 0, FRAME_KIND_USER },
        { 0, 0, FRAME_KIND_RESERVED }, { 0, 18, FRAME_KIND_RESERVED }, { 4000, 0, FRAME_KIND_RESERVED }, { 2000, 0, FRAME_KIND_FREE },
        { 4000, 0, FRAME_KIND_ABSENT }, { block.number, 0, FRAME_KINDS }, { block.number, 0, (enum frame_kind)255 }, { 0, 12, FRAME_KIND_USER },
        { UINT32_MAX - 7, 3, FRAME_KIND_USER },
    };
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        cr_assert_eq(frame_free((frame_t){ bad[i].frame }, bad[i].order, bad[i].kind), STATUS_BAD_FRAME, "case %u", i);
        cr_assert_eq(frame_count_free(), free);
    }
    check_all();
    cr_assert_eq(frame_free(block, 3, FRAME_KIND_USER), STATUS_OK);
    cr_assert_eq(frame_free(block, 3, FRAME_KIND_USER), STATUS_BAD_FRAME, "twice");
    cr_assert_eq(frame_free(block, 0, FRAME_KIND_USER), STATUS_BAD_FRAME, "a part of it");
    check_all();
}

Test(frame, mapped_frames_stay)
{
    start(16 * MEBIBYTE);
    frame_t block = take(2, FRAME_KIND_USER);
    frame_find((frame_t){ block.number + 3 })->count = 1;
    cr_assert_eq(frame_free(block, 2, FRAME_KIND_USER), STATUS_FRAME_BUSY);
    cr_assert_eq(frame_free((frame_t){ block.number + 3 }, 0, FRAME_KIND_USER), STATUS_FRAME_BUSY);
    for (uint32_t i = 0; i < 4; i++) cr_assert(frame_is((frame_t){ block.number + i }, FRAME_KIND_USER));
    frame_find((frame_t){ block.number + 3 })->count = 0;
    cr_assert_eq(frame_free(block, 2, FRAME_KIND_USER), STATUS_OK);
    frame_t table = take(0, FRAME_KIND_TABLE);
    frame_find(table)->count = FRAME_COUNT_LIMIT;
    cr_assert_eq(frame_free(table, 0, FRAME_KIND_TABLE), STATUS_FRAME_BUSY);
}

Test(frame, adoption)
{
    start(16 * MEBIBYTE);
    uint64_t total = frame_count_total(), free = frame_count_free();
    cr_assert_eq(frame_adopt((frame_t){ 15 }, 1), STATUS_BAD_FRAME, "the first 64 KiB");
    cr_assert_eq(frame_adopt((frame_t){ 10 }, 8), STATUS_BAD_FRAME);
    cr_assert_eq(frame_adopt((frame_t){ 18 }, 3), STATUS_BAD_FRAME, "the third is free");
    cr_assert_eq(frame_adopt((frame_t){ 4090 }, 10), STATUS_BAD_FRAME, "beyond the table");
    cr_assert_eq(frame_adopt((frame_t){ 18 }, UINT32_MAX), STATUS_BAD_FRAME);
    cr_assert_eq(frame_adopt((frame_t){ UINT32_MAX }, 2), STATUS_BAD_FRAME);
    cr_assert_eq(frame_adopt((frame_t){ 18 }, 0), STATUS_OK);
    cr_assert_eq(frame_count_total(), total);
    scribble((frame_t){ 18 });
    cr_assert_eq(frame_adopt((frame_t){ 18 }, 2), STATUS_OK);
    cr_assert(frame_count_total() == total + 2 && frame_count_free() == free);
    check_all();
    frame_clean((frame_t){ 18 }, frame_find((frame_t){ 18 }));
    cr_assert_not(is_zero((frame_t){ 18 }), "its content is what it was adopted for");
    cr_assert_eq(frame_adopt((frame_t){ 18 }, 1), STATUS_BAD_FRAME, "twice");
    cr_assert_eq(frame_free((frame_t){ 18 }, 1, FRAME_KIND_USER), STATUS_OK);
    cr_assert_eq(frame_count_free(), free + 2);
    check_all();
}

Test(frame, clean_zeroes_once)
{
    start(16 * MEBIBYTE);
    frame_t frame = take(0, FRAME_KIND_USER);
    frame_clean(frame, frame_find(frame));
    cr_assert(is_zero(frame) && frame_find(frame)->flags == 0);
    scribble(frame);
    frame_clean(frame, frame_find(frame));
    cr_assert_not(is_zero(frame), "not dirty in the sense of the mark: new content stays");
}

Test(frame, beyond_the_direct_map)
{
    start(16 * MEBIBYTE);
    host_set_direct_frames(1000);
    uint32_t beyond = 0, below = 0;
    frame_t frame;
    while (frame_allocate(0, FRAME_KIND_TABLE, &frame) == STATUS_OK) {
        cr_assert_lt(frame.number, 1000u);
        below++;
    }
    cr_assert_eq(below, 1000u - 20);
    cr_assert_not(frame_prepare(), "no frame below is left to prepare");
    check_all();
    uint64_t windows = host_count(HOST_WINDOWS);
    while (frame_allocate(0, FRAME_KIND_USER, &frame) == STATUS_OK) {
        cr_assert_geq(frame.number, 1000u);
        frame_clean(frame, frame_find(frame));
        cr_assert(is_zero(frame));
        beyond++;
    }
    cr_assert_eq(host_count(HOST_WINDOWS) - windows, beyond);
    cr_assert_eq(frame_count_free(), 0u);
    check_all();
}

Test(frame, stock_of_zeroed_frames)
{
    start(16 * MEBIBYTE);
    uint64_t free = frame_count_free();
    unsigned prepared = 0;
    while (frame_prepare()) {
        prepared++;
        check_all();
    }
    cr_assert_eq(prepared, 64u);
    cr_assert_eq(frame_count_free(), free, "frames of the stock are free");
    frame_t frame = take(0, FRAME_KIND_USER);
    cr_assert(frame_find(frame)->flags == 0 && is_zero(frame), "zeroed ahead of need");
    frame_t table = take(0, FRAME_KIND_TABLE);
    cr_assert(is_zero(table));
    cr_assert(frame_prepare() && frame_prepare() && !frame_prepare());
    cr_assert_eq(frame_free(frame, 0, FRAME_KIND_USER), STATUS_OK);
    cr_assert_eq(frame_free(table, 0, FRAME_KIND_TABLE), STATUS_OK);
    /* All memory can be had, the stock included. */
    uint64_t taken = 0;
    while (frame_allocate(0, FRAME_KIND_USER, &frame) == STATUS_OK) taken++;
    cr_assert(taken == free && frame_count_free() == 0);
    check_all();
}

/* Who writes all of a frame gets one that was given back dirty, and leaves the zeroed ones to others; any, when there is none. */
Test(frame, what_is_written_whole_is_taken_dirty)
{
    start(16 * MEBIBYTE);
    while (frame_prepare()) continue;
    frame_t used = take(0, FRAME_KIND_USER), frame;
    cr_assert_eq(frame_free(used, 0, FRAME_KIND_USER), STATUS_OK);
    cr_assert_eq(frame_allocate_dirty(&frame), STATUS_OK);
    cr_assert(frame.number == used.number && (frame_find(frame)->flags & FRAME_DIRTY));
    check_all();
    cr_assert_eq(frame_allocate_dirty(&frame), STATUS_OK);
    cr_assert(frame_find(frame)->flags == 0 && is_zero(frame), "none was given back dirty");
    uint64_t taken = 0;
    while (frame_allocate_dirty(&frame) == STATUS_OK) taken++;
    cr_assert(taken > 0 && frame_count_free() == 0);
    check_all();
}

Test(frame, stock_gives_way_to_a_block)
{
    /* Free are frames 2048-4095 of a memory that is reserved everywhere else: one block of order 11. */
    constexpr uint32_t count = 8192;
    host_initialise(32 * MEBIBYTE);
    struct memory_range ranges[] = { { 8 * MEBIBYTE, 16 * MEBIBYTE, MEMORY_USABLE } };
    void *storage = aligned_alloc(PAGE_BYTES, frame_storage_bytes(count));
    memset(storage, 0, frame_storage_bytes(count));
    frame_initialise(storage, count, ranges, 1);
    for (unsigned i = 0; i < 10; i++) cr_assert(frame_prepare());
    frame_t block = take(11, FRAME_KIND_USER);
    cr_assert_eq(block.number, 2048u);
    cr_assert_eq(frame_find(block)->flags, FRAME_DIRTY | 11 << FRAME_ORDER_SHIFT);
    cr_assert_eq(frame_count_free(), 0u);
    cr_assert_not(frame_prepare());
    free(storage);
}

Test(frame, check_sees_damage)
{
    start(16 * MEBIBYTE);
    frame_t used = take(0, FRAME_KIND_USER), free = { 2000 };
    cr_assert(frame_prepare());
    struct frame_info *info = frame_find(free), *row = frame_find(used);
    info->kind = FRAME_KIND_USER;
    cr_assert_not(frame_check_tiers());
    cr_assert_not(frame_check_counts());
    info->kind = FRAME_KIND_FREE;
    info->cookie = 1;
    cr_assert_not(frame_check_tiers());
    info->cookie = 0;
    row->kind = FRAME_KIND_FREE;
    cr_assert_not(frame_check_tiers());
    row->kind = FRAME_KINDS;
    cr_assert_not(frame_check_counts());
    row->kind = FRAME_KIND_SPARE;
    cr_assert_not(frame_check_tiers());
    cr_assert_not(frame_check_counts());
    row->kind = FRAME_KIND_USER;
    check_all();
    frame_find((frame_t){ 3 })->kind = FRAME_KIND_USER;
    cr_assert_not(frame_check_counts());
    frame_find((frame_t){ 3 })->kind = FRAME_KIND_RESERVED;
    check_all();
    /* A frame of the stock must be zero: find it, it is the one that is spare. */
    for (uint32_t i = 20; i < 4096; i++) {
        frame_t frame = { i };
        if (!frame_is(frame, FRAME_KIND_SPARE)) continue;
        cr_assert(is_zero(frame));
        ((unsigned char *)arch_frame_pointer(frame))[4095] = 1;
        cr_assert_not(frame_check_tiers());
        return;
    }
    cr_assert_fail("no zeroed frame found");
}
