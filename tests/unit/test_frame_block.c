/* Blocks of frames: rows of every order, parts and sums of blocks, splitting, batches, limits, cleaning in steps; at random against a naive list. */
#include <criterion/criterion.h>
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

static unsigned order_at(uint32_t number) { return frame_order(frame_find((frame_t){ number })); }

Test(frame_block, every_frame_leads_to_its_head)
{
    host_initialise_frames(2560 * MEBIBYTE, 16);
    for (unsigned order = 0; order < FRAME_ORDERS; order++) {
        frame_t block = take(order);
        struct frame_info *head = frame_find(block);
        cr_assert(frame_order(head) == order && (head->flags & FRAME_DIRTY) != 0 && head->kind == FRAME_KIND_USER);
        for (uint32_t i = 0; i < 1u << order; i += order < 12 ? 1 : 997)
            cr_assert_eq(frame_find((frame_t){ block.number + i }), head, "order %u frame %u", order, i);
        uint32_t last = block.number + (1u << order) - 1;
        cr_assert(frame_find((frame_t){ last }) == head && frame_is((frame_t){ last }, FRAME_KIND_USER));
        if (last + 1 < frame_limit) cr_assert_neq(frame_find((frame_t){ last + 1 }), head);
        cr_assert_neq(frame_find((frame_t){ block.number - 1 }), head);
        check_all();
        cr_assert_eq(frame_free(block, order, FRAME_KIND_USER), STATUS_OK);
        cr_assert(frame_is((frame_t){ last }, FRAME_KIND_SPARE), "set aside, all of it");
        check_all();
    }
    cr_assert_eq(frame_count_free(), frame_count_total());
}

/* What is counted on one frame is counted on the block. */
Test(frame_block, one_count)
{
    host_initialise_frames(64 * MEBIBYTE, 16);
    for (unsigned order = 1; order < 12; order++) {
        frame_t block = take(order), last = { block.number + (1u << order) - 1 };
        frame_find(last)->count++;
        cr_assert_eq(frame_find(block)->count, 1);
        cr_assert_eq(frame_free(block, order, FRAME_KIND_USER), STATUS_FRAME_BUSY);
        cr_assert_eq(frame_split(last, 0), STATUS_FRAME_BUSY);
        cr_assert_eq(frame_free(last, 0, FRAME_KIND_USER), order <= FRAME_CLEAN_ORDER ? STATUS_FRAME_BUSY : STATUS_BAD_FRAME);
        frame_find(last)->count--;
        cr_assert_eq(frame_free(block, order, FRAME_KIND_USER), STATUS_OK);
    }
    check_all();
}

Test(frame_block, parts_and_sums)
{
    host_initialise_frames(64 * MEBIBYTE, 16);
    uint64_t free = frame_count_free();
    frame_t block = take(6);
    cr_assert_eq(frame_free((frame_t){ block.number + 8 }, 2, FRAME_KIND_USER), STATUS_OK, "a part of a block");
    check_all();
    for (uint32_t i = 0; i < 64; i++) {
        bool is_free = i >= 8 && i < 12;
        cr_assert(frame_is((frame_t){ block.number + i }, is_free ? FRAME_KIND_FREE : FRAME_KIND_USER));
        if (!is_free) cr_assert(order_at(block.number + i) == 0 && (frame_find((frame_t){ block.number + i })->flags & FRAME_DIRTY));
    }
    cr_assert_eq(frame_free(block, 6, FRAME_KIND_USER), STATUS_BAD_FRAME, "a part is free");
    cr_assert_eq(frame_free((frame_t){ block.number + 32 }, 5, FRAME_KIND_USER), STATUS_OK, "singles that are a block together");
    cr_assert_eq(frame_free((frame_t){ block.number + 16 }, 4, FRAME_KIND_USER), STATUS_OK);
    cr_assert_eq(frame_free((frame_t){ block.number + 12 }, 2, FRAME_KIND_USER), STATUS_OK);
    cr_assert_eq(frame_free(block, 3, FRAME_KIND_USER), STATUS_OK);
    cr_assert_eq(frame_count_free(), free);
    block = take(11);
    cr_assert_eq(frame_free(block, 9, FRAME_KIND_USER), STATUS_BAD_FRAME, "a large block goes back whole, or is split first");
    cr_assert_eq(frame_free((frame_t){ block.number + 5 }, 0, FRAME_KIND_USER), STATUS_BAD_FRAME);
    cr_assert_eq(frame_split(block, 9), STATUS_OK);
    cr_assert(order_at(block.number) == 9 && order_at(block.number + 512) == 9 && order_at(block.number + 1024) == 10);
    cr_assert_eq(frame_free(block, 11, FRAME_KIND_USER), STATUS_BAD_FRAME);
    check_all();
}

Test(frame_block, splitting)
{
    host_initialise_frames(2560 * MEBIBYTE, 16);
    uint64_t free = frame_count_free();
    frame_t block = take(18), inside = { block.number + 77777 };
    cr_assert_eq(frame_split(inside, 18), STATUS_BAD_ARGUMENT);
    cr_assert_eq(frame_split(inside, UINT32_MAX), STATUS_BAD_ARGUMENT);
    cr_assert_eq(frame_split(inside, 4), STATUS_BAD_ALIGNMENT);
    cr_assert_eq(frame_split((frame_t){ 3 }, 0), STATUS_BAD_FRAME);
    cr_assert_eq(frame_split((frame_t){ UINT32_MAX }, 0), STATUS_BAD_FRAME);
    check_all();
    cr_assert_eq(frame_split(inside, 0), STATUS_OK);
    check_all();
    cr_assert_eq(order_at(inside.number), 0);
    cr_assert_eq(order_at(inside.number & ~511u), 0);
    cr_assert_eq(frame_split(inside, 0), STATUS_BAD_ARGUMENT, "there is nothing to split");
    uint32_t at = block.number, seen = 0;
    while (at < block.number + (1u << 18)) {
        cr_assert(frame_find((frame_t){ at })->flags & FRAME_DIRTY, "pieces are as dirty as the whole");
        unsigned order = order_at(at);
        cr_assert_eq(frame_free((frame_t){ at }, order, FRAME_KIND_USER), STATUS_OK);
        at += 1u << order;
        seen++;
    }
    cr_assert_eq(seen, 512 + 9, "512 frames around it and one block of each order from 9 to 17");
    cr_assert_eq(frame_count_free(), free);
    check_all();
}

Test(frame_block, batches)
{
    host_initialise_frames(8 * MEBIBYTE, 20);
    uint64_t free = frame_count_free(), got = 0;
    cr_assert(frame_prepare() && frame_prepare());
    frame_t base;
    uint64_t mask;
    static bool is_taken[2048];
    while (frame_allocate_batch(&base, &mask) == STATUS_OK) {
        cr_assert_neq(mask, 0);
        for (uint32_t i = 0; i < 64; i++) {
            if ((mask >> i & 1) == 0) continue;
            uint32_t number = base.number + i;
            cr_assert(!is_taken[number] && frame_is((frame_t){ number }, FRAME_KIND_USER) && order_at(number) == 0);
            cr_assert(frame_find((frame_t){ number })->flags & FRAME_DIRTY);
            is_taken[number] = true;
            got++;
        }
        check_all();
    }
    cr_assert(got == free && frame_count_free() == 0, "all frames, those of the stock too");
    for (uint32_t i = 0; i < 2048; i++)
        if (is_taken[i]) cr_assert_eq(frame_free((frame_t){ i }, 0, FRAME_KIND_USER), STATUS_OK);
    cr_assert_eq(frame_count_free(), free);
}

Test(frame_block, below_a_limit)
{
    host_initialise_frames(64 * MEBIBYTE, 16);
    frame_t frame;
    cr_assert_eq(frame_allocate_below(5, FRAME_KIND_USER, 64, &frame), STATUS_OK);
    cr_assert_eq(frame.number, 32, "aligned, and the only one that is not reserved");
    cr_assert_eq(frame_allocate_below(5, FRAME_KIND_USER, 64, &frame), STATUS_NO_MEMORY);
    uint32_t count = 0;
    while (frame_allocate_below(4, FRAME_KIND_USER, 4096, &frame) == STATUS_OK) {
        cr_assert_leq(frame.number + 16, 4096);
        count++;
    }
    cr_assert_eq(count, 4096 / 16 - 1 - 2);
    cr_assert_eq(frame_allocate_below(4, FRAME_KIND_USER, FRAME_ANYWHERE, &frame), STATUS_OK);
    cr_assert_geq(frame.number, 4096);
    cr_assert_eq(frame_allocate_below(FRAME_ORDERS, FRAME_KIND_USER, 4096, &frame), STATUS_BAD_ARGUMENT);
    check_all();
}

Test(frame_block, cleaning_in_steps)
{
    host_initialise_frames(64 * MEBIBYTE, 16);
    frame_t block = take(11);
    memset(arch_frame_pointer(block), 0xa5, 2048 * PAGE_BYTES);
    struct frame_info *info = frame_find(block);
    const unsigned char *bytes = arch_frame_pointer(block);
    for (unsigned step = 1; step < 4; step++) {
        cr_assert(frame_is_unmappable(info));
        cr_assert_eq(frame_clean_step((frame_t){ block.number + 3 }, info), STATUS_AGAIN);
        cr_assert(bytes[step * 512 * PAGE_BYTES - 1] == 0 && bytes[step * 512 * PAGE_BYTES] == 0xa5);
        check_all();
    }
    cr_assert_eq(frame_clean_step(block, info), STATUS_OK);
    cr_assert(!frame_is_unmappable(info) && info->cookie == 0 && bytes[2048 * PAGE_BYTES - 1] == 0);
    memset(arch_frame_pointer(block), 0xa5, PAGE_BYTES);
    cr_assert_eq(frame_clean_step(block, info), STATUS_AGAIN, "zeroing again begins at the beginning");
    cr_assert(bytes[0] == 0 && frame_is_unmappable(info));
    cr_assert_eq(frame_free(block, 11, FRAME_KIND_USER), STATUS_OK);
    check_all();
    block = take(9);
    memset(arch_frame_pointer(block), 0xa5, 512 * PAGE_BYTES);
    frame_clean((frame_t){ block.number + 100 }, frame_find(block));
    bytes = arch_frame_pointer(block);
    cr_assert(bytes[0] == 0 && bytes[512 * PAGE_BYTES - 1] == 0 && (frame_find(block)->flags & FRAME_DIRTY) == 0);
}

Test(frame_block, zeroed_tables_come_back_first)
{
    host_initialise_frames(8 * MEBIBYTE, 16);
    frame_t table, other;
    cr_assert_eq(frame_allocate(0, FRAME_KIND_TABLE, &table), STATUS_OK);
    uint64_t free = frame_count_free();
    frame_free_zeroed(table, FRAME_KIND_TABLE);
    cr_assert(frame_count_free() == free + 1 && frame_is(table, FRAME_KIND_SPARE));
    check_all();
    cr_assert_eq(frame_allocate(0, FRAME_KIND_TABLE, &other), STATUS_OK);
    cr_assert_eq(other.number, table.number);
    while (frame_prepare()) continue;
    frame_free_zeroed(table, FRAME_KIND_TABLE);
    cr_assert(frame_is(table, FRAME_KIND_FREE), "the stock is full: into the bitmap");
    check_all();
}

/* Rows of a block that disagree are seen. */
Test(frame_block, check_sees_damage)
{
    host_initialise_frames(2560 * MEBIBYTE, 16);
    static const unsigned orders[] = { 3, 9, 12, 18 };
    for (size_t i = 0; i < sizeof orders / sizeof orders[0]; i++) {
        frame_t block = take(orders[i]);
        uint32_t places[] = { block.number + 1, block.number + (1u << orders[i]) - 1, block.number + (1u << orders[i]) / 2 };
        for (unsigned place = 0; place < 3; place++) {
            struct frame_info *row = &frame_table[places[place]], kept = *row;
            row->count = 1;
            cr_assert_not(frame_check_tiers());
            *row = kept;
            row->flags ^= 1 << FRAME_ORDER_SHIFT;
            cr_assert_not(frame_check_tiers());
            *row = kept;
            row->kind = FRAME_KIND_KERNEL;
            cr_assert_not(frame_check_tiers());
            *row = kept;
        }
        struct frame_info *head = frame_find(block), kept = *head;
        head->cookie = 1u << orders[i];
        cr_assert_not(frame_check_tiers());
        *head = kept;
        head->flags = (uint8_t)((head->flags & ~FRAME_ORDER_MASK) | (orders[i] - 1) << FRAME_ORDER_SHIFT);
        cr_assert_not(frame_check_tiers());
        *head = kept;
        cr_assert(frame_check_tiers());
        cr_assert_eq(frame_free(block, orders[i], FRAME_KIND_USER), STATUS_OK);
    }
}

/* --- At random --- */

constexpr uint32_t FRAMES = 16384;
static uint8_t owner[FRAMES]; /* order + 1 at the first frame of a block, 255 within it, 0 free */

static void model_take(uint32_t first, unsigned order)
{
    for (uint32_t i = 0; i < 1u << order; i++) {
        cr_assert_eq(owner[first + i], 0, "frame %u is somebody's", first + i);
        owner[first + i] = i == 0 ? (uint8_t)(order + 1) : 255;
    }
}

static void model_give(uint32_t first, unsigned order) { memset(owner + first, 0, 1u << order); }

static void model_compare(void)
{
    uint64_t held = 0;
    for (uint32_t i = 0, head = 0; i < FRAMES; i++) {
        if (owner[i] != 0 && owner[i] != 255) head = i;
        held += owner[i] != 0;
        if (owner[i] == 0) cr_assert(!frame_is((frame_t){ i }, FRAME_KIND_USER));
        else cr_assert_eq(frame_find((frame_t){ i }), &frame_table[head], "frame %u", i);
    }
    cr_assert_eq(frame_count_free() + held, frame_count_total());
    check_all();
}

Test(frame_block, at_random)
{
    host_initialise_frames((uint64_t)FRAMES << PAGE_SHIFT, 16);
    uint64_t seed = 20260101;
    for (unsigned step = 0; step < 20000; step++) {
        seed = seed * 6364136223846793005 + 1442695040888963407;
        uint32_t what = seed >> 60 & 3, place = (uint32_t)(seed >> 33) % FRAMES;
        unsigned order = (unsigned)(seed >> 20 & 15);
        if (order > 12) order = 0;
        frame_t frame;
        while (place > 0 && owner[place] == 255) place--;
        unsigned held = owner[place] - 1u;
        if (what < 2) {
            if (frame_allocate(order, FRAME_KIND_USER, &frame) == STATUS_OK) model_take(frame.number, order);
        } else if (owner[place] != 0 && what == 2) {
            cr_assert_eq(frame_free((frame_t){ place }, held, FRAME_KIND_USER), STATUS_OK);
            model_give(place, held);
        } else if (owner[place] != 0) {
            enum status status = frame_split((frame_t){ place }, order);
            cr_assert_eq(status, order < held ? STATUS_OK : STATUS_BAD_ARGUMENT);
            if (status == STATUS_OK) {
                model_give(place, held);
                for (unsigned at = held; at > GROUP_ORDER && at > order; at--) model_take(place + (1u << (at - 1)), at - 1);
                unsigned group = held > GROUP_ORDER ? (order > GROUP_ORDER ? order : GROUP_ORDER) : held;
                for (uint32_t i = 0; i < 1u << group; i += 1u << order) model_take(place + i, order);
            }
        }
        if (step % 500 == 0) model_compare();
    }
    model_compare();
}
