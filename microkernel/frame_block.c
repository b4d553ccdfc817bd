/* Frames: blocks of every order, and what is asked seldom.
 *
 * One text for all orders and kinds, compiled for size. What nearly every request needs is in frame.c, where the invariants stand; it comes here when nothing
 * is spare, or what goes back is no block that may be spare. */
#include <assert.h>
#include <string.h>

#include "arch.h"
#include "block.h"
#include "counter.h"
#include "log.h"

bool frame_panics_without;

/* --- Rows --- */

/* Rows of a block that are written: each, each group's, or the head's. */
static inline uint32_t row_step(unsigned order)
{
    return order < GROUP_ORDER ? 1 : order < TOP_ORDER ? GROUP_FRAMES : 1u << TOP_ORDER;
}

static void block_rows_write(uint32_t first, unsigned order, struct frame_info info)
{
    uint32_t step = row_step(order);
#pragma clang loop unroll(disable)
    for (uint32_t i = 0; i < 1u << order; i += step) frame_table[first + i] = info;
}

void block_write(uint32_t first, unsigned order, enum frame_kind kind, uint8_t flags)
{
    block_rows_write(first, order, (struct frame_info){ .kind = kind, .flags = (uint8_t)(order << FRAME_ORDER_SHIFT) });
    frame_table[first].flags |= flags;
}

void block_erase(uint32_t first, unsigned order)
{
    block_rows_write(first, order, (struct frame_info){ .kind = FRAME_KIND_FREE });
}

/* The cookie says how far an earlier call came. */
enum status frame_clean_step(frame_t frame, struct frame_info *info)
{
    assert(frame.number < frame_limit && info == block_row(frame.number) && info->kind == FRAME_KIND_USER);
    unsigned order = frame_order(info);
    uint32_t count = 1u << order, done = info->cookie;
    assert(done < count);
    uint32_t step = count - done < FRAME_CLEAN_STEP ? count - done : FRAME_CLEAN_STEP;
    block_zero(block_start(frame.number, order) + done, step);
    if (done + step < count) {
        info->flags |= FRAME_DIRTY;
        info->cookie = done + step;
        return STATUS_AGAIN;
    }
    info->flags = (uint8_t)(info->flags & ~FRAME_DIRTY);
    info->cookie = 0;
    return STATUS_OK;
}

/* --- Spares --- */

[[gnu::noinline]] void block_give_back(uint32_t first, unsigned order)
{
    block_erase(first, order);
    [[maybe_unused]] bool freed = bitmap_free(&frame_state.bitmap, first, order);
    assert(freed);
}

[[gnu::always_inline]] static inline bool spares_are_there(void)
{
    uint64_t counts[sizeof frame_state.count_spares / sizeof(uint64_t)];
    memcpy(counts, frame_state.count_spares, sizeof counts);
    return (counts[0] | counts[1] | counts[2] | frame_state.stock_count) != 0;
}

/* Gives spares and stock back to the bitmap. */
[[gnu::noinline]] static void spares_return(void)
{
    for (unsigned order = 0; order < FRAME_ORDERS; order++)
        while (frame_state.count_spares[order] != 0) block_give_back(frame_state.spares[order][--frame_state.count_spares[order]], order);
    while (frame_state.stock_count != 0) block_give_back(frame_state.stock[--frame_state.stock_count].number, 0);
}

/* --- Taking --- */

[[gnu::noinline]] enum status frames_are_out(void)
{
    if (frame_panics_without) panic("memory: no frame is free frames=%lu free=%lu", (unsigned long)frame_count_total(), (unsigned long)frame_count_free());
    return STATUS_NO_MEMORY;
}

/* The bitmap's block: of programs if possible beyond the direct map, and with what is spare. NO_MEMORY, AGAIN. */
static inline enum status block_take(unsigned order, bool is_user, uint32_t limit, uint32_t *first)
{
    struct bitmap *bitmap = &frame_state.bitmap;
    for (;; spares_return()) {
        if (bitmap_may_have(bitmap, order)) {
            uint32_t low = is_user ? arch_direct_frames() : UINT32_MAX;
            if (low < frame_limit && bitmap_allocate_within(bitmap, order, low, limit, first) == BITMAP_FOUND) return STATUS_OK;
            enum bitmap_answer answer = bitmap_take(order, limit, first);
            if (answer == BITMAP_FOUND) return STATUS_OK;
            if (answer == BITMAP_AGAIN) return STATUS_AGAIN;
        }
        if (!spares_are_there()) return STATUS_NO_MEMORY;
    }
}

/* A block of any kind from the bitmap: what other kinds than USER need lies in the direct map, and USER blocks keep off it when there is other memory. */
[[gnu::noinline]] enum status block_allocate(unsigned order, enum frame_kind kind, uint32_t limit, frame_t *block)
{
    if (order >= FRAME_ORDERS || !block_kind_is_owned(kind)) return STATUS_BAD_ARGUMENT;
    bool is_user = kind == FRAME_KIND_USER;
    if (!is_user && limit > arch_direct_frames()) limit = arch_direct_frames();
    uint32_t first;
    enum status status = block_take(order, is_user, limit, &first);
    if (status == STATUS_NO_MEMORY && order == 0 && (!is_user || limit == UINT32_MAX)) return frames_are_out();
    if (status != STATUS_OK) return status;
    // Commit: nothing below may fail.
    *block = (frame_t){ first };
    block_write(first, order, kind, is_user ? FRAME_DIRTY : 0);
    if (!is_user) block_zero(first, 1u << order);
    return STATUS_OK;
}

enum status frame_allocate_below(unsigned order, enum frame_kind kind, uint32_t limit, frame_t *block)
{
    counter_add(COUNTER_FRAME_REQUESTS, 1);
    return block_allocate(order, kind, limit == FRAME_ANYWHERE ? UINT32_MAX : limit, block);
}

[[gnu::noinline]] bool word_prepare(void)
{
    uint32_t direct = arch_direct_frames(), low = direct < frame_limit ? direct : 0;
    while (!bitmap_open(&frame_state.bitmap, low)) {
        if (!spares_are_there()) return false;
        spares_return();
    }
    return true;
}

bool frame_prepare(void)
{
    uint32_t first;
    if (frame_state.stock_count == STOCK_LIMIT) return false;
    if (bitmap_allocate_within(&frame_state.bitmap, 0, 0, arch_direct_frames(), &first) != BITMAP_FOUND) return false;
    block_zero(first, 1);
    frame_table[first] = (struct frame_info){ .kind = FRAME_KIND_SPARE };
    frame_state.stock[frame_state.stock_count++] = (frame_t){ first };
    return true;
}

/* --- Giving back --- */

/* The blocks of [first, first + count) are of the kind and none counts anything, and they end where the range does. */
static enum status range_check(uint32_t first, uint32_t count, enum frame_kind kind)
{
    bool is_counted = false;
    for (uint32_t i = first; i < first + count;) {
        const struct frame_info *info = block_row(i);
        if (info->kind != kind || frame_order(info) > GROUP_ORDER) return STATUS_BAD_FRAME;
        is_counted |= info->count != 0;
        i += 1u << frame_order(info);
    }
    return is_counted ? STATUS_FRAME_BUSY : STATUS_OK;
}

/* What can be given back besides a whole block: a part of one, or several. BAD_FRAME, FRAME_BUSY. */
static enum status part_check(uint32_t first, unsigned order, enum frame_kind kind, const struct frame_info *head)
{
    if (order > GROUP_ORDER || frame_order(head) > GROUP_ORDER) return STATUS_BAD_FRAME;
    if (frame_order(head) > order) return head->count != 0 ? STATUS_FRAME_BUSY : STATUS_OK;
    return range_check(first, 1u << order, kind);
}

[[gnu::noinline]] enum status frame_free_object(frame_t block, unsigned order, enum frame_kind kind)
{
    if (order >= FRAME_ORDERS || !block_kind_is_owned(kind) || block.number >= frame_limit) return STATUS_BAD_FRAME;
    uint32_t first = block.number, count = 1u << order;
    if (first != block_start(first, order) || count > frame_limit - first) return STATUS_BAD_FRAME;
    struct frame_info *head = block_row(first);
    if (head->kind != kind) return STATUS_BAD_FRAME;
    unsigned held = frame_order(head);
    enum status status = held != order ? part_check(first, order, kind, head) : head->count != 0 ? STATUS_FRAME_BUSY : STATUS_OK;
    if (status != STATUS_OK) return status;
    // Commit: nothing below may fail.
    if (held == order && kind == FRAME_KIND_USER && spare_give(first, order)) return STATUS_OK;
    if (held > order) block_rows_fill(block_start(first, held), 1u << held, (struct frame_info){ .kind = kind, .flags = head->flags & FRAME_DIRTY });
    else if (held < order) block_rows_fill(first, count, (struct frame_info){ .kind = FRAME_KIND_FREE });
    block_give_back(first, order);
    return STATUS_OK;
}

/* --- Splitting and adopting --- */

/* From the block's order down to `order` or to a group, halving: the half without the frame is written as a block of its own. */
static unsigned block_halve(uint32_t frame, unsigned held, unsigned order, uint8_t dirty)
{
    block_erase(block_start(frame, held), held);
    unsigned limit = order < GROUP_ORDER ? GROUP_ORDER : order;
    while (held > limit) {
        held--;
        block_write(block_start(frame, held) ^ 1u << held, held, FRAME_KIND_USER, dirty);
    }
    block_write(block_start(frame, held), held, FRAME_KIND_USER, dirty);
    return held;
}

enum status frame_split(frame_t frame, unsigned order)
{
    if (!frame_is(frame, FRAME_KIND_USER)) return STATUS_BAD_FRAME;
    struct frame_info *head = block_row(frame.number);
    unsigned held = frame_order(head);
    if (order >= held) return STATUS_BAD_ARGUMENT;
    if (frame.number != block_start(frame.number, order)) return STATUS_BAD_ALIGNMENT;
    if (head->count != 0) return STATUS_FRAME_BUSY;
    // Commit: nothing below may fail.
    uint8_t dirty = head->flags & FRAME_DIRTY;
    if (held > GROUP_ORDER) held = block_halve(frame.number, held, order, dirty);
    if (held == order) return STATUS_OK;
    uint32_t first = block_start(frame.number, held);
    for (uint32_t i = 0; i < 1u << held; i += 1u << order) block_write(first + i, order, FRAME_KIND_USER, dirty);
    return STATUS_OK;
}

enum status frame_adopt(frame_t first, uint32_t count_frames)
{
    if (count_frames == 0) return STATUS_OK;
    if (first.number < FIRST_FRAME || !range_within(first.number, count_frames, frame_limit)) return STATUS_BAD_FRAME;
    for (uint32_t i = first.number; i < first.number + count_frames; i++)
        if (frame_table[i].kind != FRAME_KIND_RESERVED) return STATUS_BAD_FRAME;
    // Commit: nothing below may fail. Not dirty: the content is what they are adopted for.
    block_rows_fill(first.number, count_frames, (struct frame_info){ .kind = FRAME_KIND_USER });
    frame_state.count_total += count_frames;
    return STATUS_OK;
}

/* --- Counting --- */

uint64_t frame_count_free(void)
{
    uint64_t count = bitmap_count_free(&frame_state.bitmap) + frame_state.stock_count;
    for (unsigned order = 0; order < FRAME_ORDERS; order++) count += (uint64_t)frame_state.count_spares[order] << order;
    return count;
}

enum status frame_require(unsigned count)
{
    return frame_state.bitmap.count_free >= count || frame_count_free() >= count ? STATUS_OK : frames_are_out();
}

uint64_t frame_count_total(void)
{
    return frame_state.count_total;
}

uint32_t frame_count_table(void)
{
    return frame_limit;
}
