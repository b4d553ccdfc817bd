/* Frames: the checker's part. One step for each row of the table; see frame.h and the invariants of frame.c and block.h. */
#include "arch.h"
#include "block.h"

static bool frame_is_zero(frame_t frame)
{
    const uint64_t *words = arch_frame_pointer(frame);
    uint64_t seen = 0;
    for (unsigned i = 0; i < PAGE_BYTES / sizeof *words; i++) seen |= words[i];
    return seen == 0;
}

/* What is spare has the row of a spare block. How many such rows there are frame_check_tiers() counts. */
static bool spare_is_right(uint32_t number, unsigned order, uint8_t flags)
{
    if (number >= frame_limit || number != block_start(number, order)) return false;
    const struct frame_info *info = &frame_table[number];
    return info->kind == FRAME_KIND_SPARE && info->flags == (order << FRAME_ORDER_SHIFT | flags) && info->count == 0 && info->cookie == 0;
}

/* Counts what is spare; UINT32_MAX when some of it is not, or is there twice. */
static uint32_t spares_check(void)
{
    uint32_t count = frame_state.stock_count;
    if (count > STOCK_LIMIT) return UINT32_MAX;
    for (uint32_t i = 0; i < frame_state.stock_count; i++) {
        frame_t frame = frame_state.stock[i];
        if (!spare_is_right(frame.number, 0, 0) || !arch_frame_is_direct(frame) || !frame_is_zero(frame)) return UINT32_MAX;
        for (uint32_t j = 0; j < i; j++)
            if (frame_state.stock[j].number == frame.number) return UINT32_MAX;
    }
    for (unsigned order = 0; order < FRAME_ORDERS; order++) {
        unsigned spares = frame_state.count_spares[order];
        if (spares > SPARES) return UINT32_MAX;
        count += spares;
        for (unsigned i = 0; i < spares; i++) {
            if (!spare_is_right(frame_state.spares[order][i], order, FRAME_DIRTY)) return UINT32_MAX;
            for (unsigned j = 0; j < i; j++)
                if (frame_state.spares[order][j] == frame_state.spares[order][i]) return UINT32_MAX;
        }
    }
    return count;
}

/* A row of a block, not the head, is as block.h says. */
static bool row_is_right(uint32_t number, const struct frame_info *head)
{
    struct frame_info info = frame_table[number];
    unsigned order = frame_order(head);
    bool is_written = order < GROUP_ORDER || (order < TOP_ORDER && number % GROUP_FRAMES == 0);
    enum frame_kind kind = head->kind == FRAME_KIND_SPARE ? FRAME_KIND_USER : head->kind;
    struct frame_info expected = { .kind = FRAME_KIND_FREE };
    if (is_written) expected = (struct frame_info){ .kind = kind, .flags = (uint8_t)(order << FRAME_ORDER_SHIFT) };
    return info.kind == expected.kind && info.flags == expected.flags && info.count == 0 && info.cookie == 0;
}

static bool head_is_right(uint32_t number)
{
    const struct frame_info *info = &frame_table[number];
    unsigned order = frame_order(info);
    uint8_t others = info->flags & ~FRAME_ORDER_MASK;
    if (order >= FRAME_ORDERS || number != block_start(number, order) || 1u << order > frame_limit - number) return false;
    if (info->kind == FRAME_KIND_SPARE) return true; /* spares_check */
    if (info->kind != FRAME_KIND_USER) return others == 0;
    if (info->cookie != 0 && (info->cookie >= 1u << order || (others & FRAME_DIRTY) == 0)) return false;
    return (others & ~(FRAME_DIRTY | FRAME_FILLED)) == 0;
}

/* Rows of the bitmap and rows of the table, block by block: `left` counts the rows of the block that are still to come. */
bool frame_check_tiers(void)
{
    uint32_t count_spares = spares_check(), spares = 0, unwritten = 0;
    if (!bitmap_check(&frame_state.bitmap)) return false;
    uint64_t free = 0;
    const struct frame_info *head = nullptr;
    for (uint32_t i = 0, left = 0; i < frame_limit; i++) {
        struct frame_info info = frame_table[i];
        if (i % 64 == 0) free = bitmap_word(&frame_state.bitmap, i / 64);
        bool is_free = (free >> i % 64 & 1) != 0;
        if (left > 0) {
            left--;
            if (is_free || !row_is_right(i, head)) return false;
        } else if (block_kind_is_owned(info.kind) || info.kind == FRAME_KIND_SPARE) {
            if (is_free || !head_is_right(i)) return false;
            spares += info.kind == FRAME_KIND_SPARE;
            head = &frame_table[i];
            left = (1u << frame_order(head)) - 1;
        } else {
            if (is_free && info.kind != FRAME_KIND_FREE) return false;
            unwritten += !is_free && info.kind == FRAME_KIND_FREE;
            if (info.flags != 0 || info.count != 0 || info.cookie != 0) return false;
        }
    }
    return spares == count_spares && unwritten == frame_state.count_unwritten;
}

/* The kind that a frame has for others, without writing its row (block_find does). */
static enum frame_kind kind_at(uint32_t number)
{
    enum frame_kind kind = frame_table[number].kind;
    if (kind != FRAME_KIND_FREE) return frame_table[block_start(number, frame_order(&frame_table[number]))].kind;
    unsigned order = frame_order(&frame_table[block_start(number, GROUP_ORDER)]);
    if (order >= GROUP_ORDER) return frame_table[block_start(number, order)].kind;
    const struct frame_info *top = &frame_table[block_start(number, TOP_ORDER)];
    if (frame_order(top) == TOP_ORDER) return top->kind;
    return (bitmap_word(&frame_state.bitmap, number / 64) >> number % 64 & 1) != 0 ? FRAME_KIND_FREE : FRAME_KIND_USER;
}

bool frame_check_counts(void)
{
    uint64_t count_free = 0, count_held = 0;
    for (uint32_t i = 0; i < frame_limit; i++) {
        enum frame_kind kind = kind_at(i);
        if (kind >= FRAME_KINDS || (i < FIRST_FRAME && kind != FRAME_KIND_ABSENT && kind != FRAME_KIND_RESERVED)) return false;
        count_free += kind == FRAME_KIND_FREE || kind == FRAME_KIND_SPARE;
        count_held += kind > FRAME_KIND_RESERVED;
    }
    return count_free == frame_count_free() && count_free + count_held == frame_state.count_total;
}
