/* Frames: the checker's part. One step for each row of the table; see frame.h and the invariants of frame.c and block.h. */
#include "arch.h"
#include "block.h"

static bool frame_is_stocked(uint32_t number)
{
    for (uint32_t i = 0; i < frame_state.stock_count; i++) {
        if (frame_state.stock[i].number == number) return true;
    }
    return false;
}

static bool frame_is_zero(frame_t frame)
{
    const uint64_t *words = arch_frame_pointer(frame);
    uint64_t seen = 0;
    for (unsigned i = 0; i < PAGE_BYTES / sizeof *words; i++) seen |= words[i];
    return seen == 0;
}

static bool stock_check(void)
{
    for (uint32_t i = 0; i < frame_state.stock_count; i++) {
        uint32_t number = frame_state.stock[i].number;
        if (number >= frame_limit || number >= arch_direct_frames() || bitmap_is_free(&frame_state.bitmap, number, number + 1)) return false;
        for (uint32_t j = 0; j < i; j++) {
            if (frame_state.stock[j].number == number) return false;
        }
        if (frame_table[number].kind != FRAME_KIND_FREE || !frame_is_zero(frame_state.stock[i])) return false;
    }
    return true;
}

/* A row of a block, not the head, is as block.h says. */
static bool row_is_right(uint32_t number, const struct frame_info *head)
{
    struct frame_info info = frame_table[number];
    unsigned order = frame_order(head);
    bool is_written = order <= GROUP_ORDER || (order < TOP_ORDER && number % GROUP_FRAMES == 0);
    struct frame_info expected = { .kind = FRAME_KIND_FREE };
    if (is_written) expected = (struct frame_info){ .kind = head->kind, .flags = (uint8_t)(order << FRAME_ORDER_SHIFT) };
    return info.kind == expected.kind && info.flags == expected.flags && info.count == 0 && info.cookie == 0;
}

static bool head_is_right(uint32_t number)
{
    const struct frame_info *info = &frame_table[number];
    unsigned order = frame_order(info);
    uint8_t others = info->flags & ~FRAME_ORDER_MASK;
    if (order >= FRAME_ORDERS || number != block_start(number, order) || 1u << order > frame_limit - number) return false;
    if (info->kind != FRAME_KIND_USER) return others == 0;
    if (info->cookie != 0 && (info->cookie >= 1u << order || (others & FRAME_DIRTY) == 0)) return false;
    return (others & ~(FRAME_DIRTY | FRAME_FILLED)) == 0;
}

/* Rows of the bitmap and rows of the table, block by block: `left` counts the rows of the block that are still to come. */
bool frame_check_tiers(void)
{
    if (!bitmap_check(&frame_state.bitmap) || !stock_check()) return false;
    uint64_t free = 0;
    const struct frame_info *head = nullptr;
    for (uint32_t i = 0, left = 0; i < frame_limit; i++) {
        struct frame_info info = frame_table[i];
        if (i % 64 == 0) free = bitmap_word(&frame_state.bitmap, i / 64);
        bool is_free = (free >> i % 64 & 1) != 0;
        if (left > 0) {
            left--;
            if (is_free || !row_is_right(i, head)) return false;
        } else if (block_kind_is_owned(info.kind)) {
            if (is_free || !head_is_right(i)) return false;
            head = &frame_table[i];
            left = (1u << frame_order(head)) - 1;
        } else {
            is_free |= info.kind == FRAME_KIND_FREE && frame_is_stocked(i);
            if (is_free != (info.kind == FRAME_KIND_FREE)) return false;
            if (info.flags != 0 || info.count != 0 || info.cookie != 0) return false;
        }
    }
    return true;
}

bool frame_check_counts(void)
{
    uint64_t count_free = 0, count_held = 0;
    for (uint32_t i = 0; i < frame_limit; i++) {
        enum frame_kind kind = block_row(i)->kind;
        if (kind >= FRAME_KINDS || (i < FIRST_FRAME && kind != FRAME_KIND_ABSENT && kind != FRAME_KIND_RESERVED)) return false;
        count_free += kind == FRAME_KIND_FREE;
        count_held += kind > FRAME_KIND_RESERVED;
    }
    return count_free == frame_count_free() && count_free + count_held == frame_state.count_total;
}
