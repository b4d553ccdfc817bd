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

/* Of 2^order frames, those rows that blocks of `held` have. */
static void rows_write(uint32_t first, unsigned order, unsigned held, struct frame_info info)
{
    uint32_t step = row_step(held);
#pragma clang loop unroll(disable)
    for (uint32_t i = 0; i < 1u << order; i += step) frame_table[first + i] = info;
}

void block_write(uint32_t first, unsigned order, enum frame_kind kind, uint8_t flags)
{
    rows_write(first, order, order, (struct frame_info){ .kind = kind, .flags = (uint8_t)(order << FRAME_ORDER_SHIFT) });
    frame_table[first].flags |= flags;
}

/* Makes 2^order frames free that are in blocks of `held` at most. */
[[gnu::noinline]] static void frames_give_back(uint32_t first, unsigned order, unsigned held)
{
    rows_write(first, order, held, (struct frame_info){ .kind = FRAME_KIND_FREE });
    bitmap_free(&frame_state.bitmap, first, order);
}

void block_give_back(uint32_t first, unsigned order)
{
    frames_give_back(first, order, order);
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

/* The bitmap's block: of programs if possible beyond the direct map. */
static inline enum bitmap_answer block_take(unsigned order, bool is_user, uint32_t limit, uint32_t *first)
{
    struct bitmap *bitmap = &frame_state.bitmap;
    if (!bitmap_may_have(bitmap, order)) return BITMAP_NONE;
    uint32_t low = is_user ? arch_direct_frames() : UINT32_MAX;
    if (low < frame_limit && bitmap_allocate_within(bitmap, order, low, limit, first) == BITMAP_FOUND) return BITMAP_FOUND;
    return bitmap_allocate_within(bitmap, order, 0, limit, first);
}

/* A block of any kind from the bitmap: what other kinds than USER need lies in the direct map, and USER blocks keep off it when there is other memory. */
[[gnu::noinline]] enum status block_allocate(unsigned order, enum frame_kind kind, uint32_t limit, frame_t *block)
{
    if (order >= FRAME_ORDERS || !block_kind_is_owned(kind)) return STATUS_BAD_ARGUMENT;
    bool is_user = kind == FRAME_KIND_USER;
    uint32_t within = !is_user && limit > arch_direct_frames() ? arch_direct_frames() : limit, first;
    for (enum bitmap_answer answer; (answer = block_take(order, is_user, within, &first)) != BITMAP_FOUND; spares_return()) {
        if (answer == BITMAP_AGAIN) return STATUS_AGAIN;
        if (!spares_are_there()) return order == 0 && limit == UINT32_MAX ? frames_are_out() : STATUS_NO_MEMORY;
    }
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

[[gnu::noinline, clang::preserve_most]] bool word_prepare(void)
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

[[gnu::noinline]] enum status frame_free_object(frame_t block, unsigned order, enum frame_kind kind)
{
    uint32_t first = block.number;
    if (order >= FRAME_ORDERS || !block_kind_is_owned(kind) || first >= frame_limit) return STATUS_BAD_FRAME;
    uint32_t limit = first + (1u << order), head;
    if (first != block_start(first, order) || limit > frame_limit) return STATUS_BAD_FRAME;
    struct frame_info *info;
    unsigned held; /* of the block looked at last: of all of them, if there is one that has more than these frames or just these */
    bool is_counted = false;
    uint32_t at = first;
    do {
        head = block_head(at);
        info = &frame_table[head];
        held = frame_order(info);
        if (info->kind != kind || (held != order && (held > GROUP_ORDER || order > GROUP_ORDER))) return STATUS_BAD_FRAME;
        is_counted |= info->count != 0;
        at = head + (1u << held);
    } while (at < limit);
    if (is_counted) return STATUS_FRAME_BUSY;
    // Commit: nothing below may fail.
    if (held == order && (order == 0 || kind == FRAME_KIND_USER) && spare_give(first, order)) return STATUS_OK;
    if (held > order) {
        rows_write(head, held, 0, (struct frame_info){ .kind = kind, .flags = info->flags & FRAME_DIRTY });
        held = 0;
    }
    frames_give_back(first, order, held);
    return STATUS_OK;
}

/* --- Splitting --- */

enum status frame_split(frame_t frame, unsigned order)
{
    struct frame_info *head = frame_find(frame);
    if (head == nullptr || head->kind != FRAME_KIND_USER) return STATUS_BAD_FRAME;
    unsigned held = frame_order(head);
    if (order >= held) return STATUS_BAD_ARGUMENT;
    if (frame.number != block_start(frame.number, order)) return STATUS_BAD_ALIGNMENT;
    if (head->count != 0) return STATUS_FRAME_BUSY;
    // Commit: nothing below may fail. The pieces are written in order of address; together they have all rows that the block had.
    uint8_t dirty = head->flags & FRAME_DIRTY;
    unsigned around = order < GROUP_ORDER ? GROUP_ORDER : order, piece;
    uint32_t first = block_start(frame.number, held);
    for (uint32_t at = first; at < first + (1u << held); at += 1u << piece) {
        uint32_t apart = at ^ frame.number; /* its highest bit: the half of which order has the one frame and not the other */
        piece = apart >> around == 0 ? order : 31 - (unsigned)__builtin_clz(apart);
        block_write(at, piece, FRAME_KIND_USER, dirty);
    }
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
