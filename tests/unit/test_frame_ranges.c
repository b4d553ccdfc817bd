/* The frame table from what firmware says: any alignment, order and overlap, and numbers meant to do harm. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "host.h"

/* What one frame must be, asked range by range. */
static enum frame_kind kind_expected(uint32_t number, const struct memory_range *ranges, size_t count)
{
    uint64_t first = (uint64_t)number << PAGE_SHIFT, last = first + PAGE_BYTES - 1;
    bool is_usable = false, is_reserved = false, is_kernel = number < 16;
    for (size_t i = 0; i < count; i++) {
        const struct memory_range *range = &ranges[i];
        if (range->kind == MEMORY_USABLE) {
            is_usable |= range->first <= first && range->limit > last;
            continue;
        }
        bool wraps = range->limit < range->first; /* to the end of the numbers */
        if (range->first > last || range->limit == range->first || (!wraps && range->limit <= first)) continue;
        is_reserved = true;
        is_kernel |= range->kind == MEMORY_KERNEL;
    }
    if (is_kernel || (is_usable && is_reserved)) return FRAME_KIND_RESERVED;
    return is_usable ? FRAME_KIND_FREE : FRAME_KIND_ABSENT; /* what firmware alone reserves is no memory */
}

/* Builds a table, compares each row, takes all memory and gives it back. */
static void table_check(uint32_t count, const struct memory_range *ranges, size_t count_ranges)
{
    uint64_t bytes = frame_storage_bytes(count), expected = 0;
    void *storage = aligned_alloc(PAGE_BYTES, bytes + PAGE_BYTES);
    memset(storage, 0, bytes);
    memset((char *)storage + bytes, 0xee, PAGE_BYTES);
    frame_initialise(storage, count, ranges, count_ranges);
    cr_assert_eq(frame_count_table(), count);
    for (uint32_t i = 0; i < count; i++) {
        enum frame_kind kind = kind_expected(i, ranges, count_ranges);
        cr_assert_eq(frame_find((frame_t){ i })->kind, kind, "frame %u", i);
        expected += kind == FRAME_KIND_FREE;
    }
    cr_assert_eq(frame_find((frame_t){ count }), nullptr);
    cr_assert(frame_count_free() == expected && frame_count_total() == expected);
    cr_assert(frame_check_tiers() && frame_check_counts());
    /* Nothing outside what is usable is ever handed out. */
    frame_t frame, *taken = malloc((expected + 1) * sizeof *taken);
    uint64_t got = 0;
    while (frame_allocate(0, FRAME_KIND_USER, &frame) == STATUS_OK) {
        cr_assert_eq(kind_expected(frame.number, ranges, count_ranges), FRAME_KIND_FREE, "frame %u", frame.number);
        cr_assert_lt(got, expected);
        taken[got++] = frame;
    }
    cr_assert(got == expected && frame_check_tiers() && frame_check_counts());
    while (got > 0) cr_assert_eq(frame_free(taken[--got], 0, FRAME_KIND_USER), STATUS_OK);
    free(taken);
    cr_assert(frame_count_free() == expected && frame_check_tiers() && frame_check_counts());
    for (unsigned i = 0; i < PAGE_BYTES; i++) cr_assert_eq(((unsigned char *)storage)[bytes + i], 0xee);
    free(storage);
}

static void check(uint32_t count, size_t count_ranges, const struct memory_range *ranges)
{
    table_check(count, ranges, count_ranges);
}

static void machine(void)
{
    host_initialise(1 << 26);
}

Test(frame_ranges, none, .init = machine)
{
    check(0, 0, nullptr);
    check(1, 0, nullptr);
    check(5000, 0, nullptr);
}

Test(frame_ranges, as_a_pc_says, .init = machine)
{
    check(8192, 5, (struct memory_range[]){ { 0, 0x9fc00, MEMORY_USABLE }, { 0x9fc00, 0xa0000, MEMORY_RESERVED },
        { 0xf0000, 0x100000, MEMORY_RESERVED }, { 0x100000, 0x1fe0000, MEMORY_USABLE }, { 0x1fe0000, 0x2000000, MEMORY_RESERVED } });
}

Test(frame_ranges, half_frames_are_not_usable, .init = machine)
{
    check(64, 1, (struct memory_range[]){ { 0x20001, 0x20fff, MEMORY_USABLE } });
    check(64, 1, (struct memory_range[]){ { 0x1ffff, 0x22001, MEMORY_USABLE } });
    check(64, 2, (struct memory_range[]){ { 0x20000, 0x20800, MEMORY_USABLE }, { 0x20800, 0x22000, MEMORY_USABLE } });
    check(64, 2, (struct memory_range[]){ { 0x10000, 0x40000, MEMORY_USABLE }, { 0x20fff, 0x21001, MEMORY_RESERVED } });
}

Test(frame_ranges, the_stricter_kind_wins_in_any_order, .init = machine)
{
    check(100, 2, (struct memory_range[]){ { 0x20000, 0x30000, MEMORY_RESERVED }, { 0x10000, 0x60000, MEMORY_USABLE } });
    check(100, 3, (struct memory_range[]){ { 0x10000, 0x60000, MEMORY_USABLE }, { 0x28000, 0x40000, MEMORY_RESERVED },
        { 0x20000, 0x70000, MEMORY_USABLE } });
    check(100, 2, (struct memory_range[]){ { 0x10000, 0x60000, MEMORY_USABLE }, { 0x30000, 0x31000, (enum memory_kind)77 } });
    check(100, 2, (struct memory_range[]){ { 0x10000, 0x60000, MEMORY_USABLE }, { 0x30000, 0x31000, (enum memory_kind)0 } });
}

Test(frame_ranges, numbers_that_mean_harm, .init = machine)
{
    check(100, 1, (struct memory_range[]){ { 0, UINT64_MAX, MEMORY_USABLE } });
    check(100, 1, (struct memory_range[]){ { UINT64_MAX, UINT64_MAX, MEMORY_USABLE } });
    check(100, 1, (struct memory_range[]){ { UINT64_MAX, 0x50000, MEMORY_USABLE } });
    check(100, 2, (struct memory_range[]){ { 0, 0x60000, MEMORY_USABLE }, { 0x30000, 0x10000, MEMORY_RESERVED } });
    check(100, 2, (struct memory_range[]){ { 0, 0x60000, MEMORY_USABLE }, { UINT64_MAX, 0, MEMORY_RESERVED } });
    check(100, 2, (struct memory_range[]){ { 0, 0x60000, MEMORY_USABLE }, { 0, UINT64_MAX, MEMORY_RESERVED } });
    check(100, 2, (struct memory_range[]){ { 0, 0x60000, MEMORY_USABLE }, { 0x30000, 0x30000, MEMORY_RESERVED } });
    check(100, 2, (struct memory_range[]){ { 0, 0x60000, MEMORY_USABLE }, { 0x30800, 0x30800, MEMORY_RESERVED } });
    check(100, 2, (struct memory_range[]){ { 0x60000, 0x20000, MEMORY_USABLE }, { 0x63000, 0x64000, MEMORY_USABLE } });
    check(100, 1, (struct memory_range[]){ { 0x63fff, (uint64_t)1 << 52, MEMORY_USABLE } });
    /* Frame numbers that do not fit 32 bits. */
    check(100, 1, (struct memory_range[]){ { (uint64_t)1 << 44, ((uint64_t)1 << 44) + 0x100000, MEMORY_USABLE } });
}

Test(frame_ranges, random_lists, .init = machine)
{
    uint64_t seed = 20200101;
    for (unsigned world = 0; world < 400; world++) {
        struct memory_range ranges[24];
        uint32_t count = 1 + (uint32_t)(world * 37 % 3000);
        size_t count_ranges = world % 24;
        for (size_t i = 0; i < count_ranges; i++) {
            uint64_t edges[2];
            for (unsigned j = 0; j < 2; j++) {
                seed = seed * 6364136223846793005 + 1442695040888963407;
                uint64_t at = (seed >> 33) % ((uint64_t)(count + 20) << PAGE_SHIFT);
                unsigned how = seed >> 29 & 15;
                edges[j] = how < 8 ? at & ~(PAGE_BYTES - 1) : how < 14 ? at : how == 14 ? UINT64_MAX - at % 5000 : at % 3;
            }
            bool is_turned = edges[0] > edges[1] && world % 8 != 0; /* every eighth world keeps ranges that end before they begin */
            enum memory_kind kind = (seed >> 20 & 3) != 0 ? MEMORY_USABLE : (seed >> 22 & 1) != 0 ? MEMORY_KERNEL : MEMORY_RESERVED;
            ranges[i] = (struct memory_range){ edges[is_turned], edges[!is_turned], kind };
        }
        table_check(count, ranges, count_ranges);
    }
}

Test(frame_ranges, table_ends_where_the_bitmap_ends, .init = machine)
{
    cr_assert_eq(frame_storage_bytes(UINT32_MAX), frame_storage_bytes(1u << 27));
    cr_assert_eq(frame_storage_bytes(0), PAGE_BYTES, "a bitmap always has a word");
    cr_assert_eq(frame_storage_bytes(1), PAGE_BYTES);
    cr_assert_geq(frame_storage_bytes(1u << 26), (uint64_t)(1u << 26) * 8 + (1u << 26) / 8);
}
