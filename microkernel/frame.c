/* Frames: the table that says who holds which, over the tiered bitmap that finds free ones.
 *
 * The table is the truth about kinds, the bitmap about what is free; both change together, after all checks. Zeroing is put off: a USER block is
 * marked dirty and zeroed when it is first mapped, unless it comes from the stock, which the idle processor fills with zeroed frames. Frames of the
 * stock count as free and are FREE in the table, but the bitmap has them as used; when it has nothing for a request, the stock goes back to it.
 *
 * Invariants (frame_check.c):
 *  1  A row is FREE and in no block (block.h) if and only if its frame is free in the bitmap or in the stock; the rest of a FREE, ABSENT or RESERVED row
 *     is zero.
 *  2  Frames of the stock are zero, direct-mapped and all different.
 *  3  count_total = frames that are neither ABSENT nor RESERVED.
 *  4  Frames below FIRST_FRAME are never anything but ABSENT or RESERVED.
 *
 * The kernel runs on one processor with interrupts off, so nothing is locked. Bitmap, stock and counts are what one lock will guard; a row of a
 * frame that is not free belongs to the lock of the space or object that holds the frame. */
#include "frame.h"

#include <assert.h>

#include "arch.h"
#include "block.h"
#include "counter.h"

static_assert(FRAME_ORDERS == BITMAP_ORDERS);

struct frame_state frame_state;
struct frame_info *frame_table;
uint32_t frame_limit;

/* --- Rows and content --- */

void block_rows_fill(uint32_t first, uint32_t count, struct frame_info info)
{
    struct frame_info *row = &frame_table[first];
#pragma clang loop unroll_count(8)
    for (uint32_t i = 0; i < count; i++) row[i] = info;
}

/* Rows of a block that are written: each, each group's, or the head's. */
static inline uint32_t row_step(unsigned order)
{
    return order <= GROUP_ORDER ? 1 : order < TOP_ORDER ? GROUP_FRAMES : 1u << TOP_ORDER;
}

void block_write(uint32_t first, unsigned order, enum frame_kind kind, uint8_t flags)
{
    struct frame_info info = { .kind = kind, .flags = (uint8_t)(order << FRAME_ORDER_SHIFT) };
    if (order <= GROUP_ORDER) {
        block_rows_fill(first, 1u << order, info);
    } else {
        for (uint32_t i = 0; i < 1u << order; i += row_step(order)) frame_table[first + i] = info;
    }
    frame_table[first].flags |= flags;
}

void block_erase(uint32_t first, unsigned order)
{
    constexpr struct frame_info free = { .kind = FRAME_KIND_FREE };
    if (order <= GROUP_ORDER) {
        block_rows_fill(first, 1u << order, free);
    } else {
        for (uint32_t i = 0; i < 1u << order; i += row_step(order)) frame_table[first + i] = free;
    }
}

void block_zero(uint32_t first, uint32_t count)
{
    counter_add(COUNTER_FRAMES_ZEROED, count);
    for (uint32_t i = first; i < first + count; i++) {
        if (i < arch_direct_frames()) {
            arch_page_zero(arch_frame_pointer((frame_t){ i }));
            continue;
        }
        void *window = arch_window_open((frame_t){ i });
        arch_page_zero(window);
        arch_window_close(window);
    }
}

void frame_clean(frame_t frame, struct frame_info *info)
{
    assert(frame.number < frame_limit && info == block_row(frame.number) && info->kind == FRAME_KIND_USER && !frame_is_unmappable(info));
    if ((info->flags & FRAME_DIRTY) == 0) return;
    unsigned order = frame_order(info);
    block_zero(block_start(frame.number, order), 1u << order);
    info->flags = (uint8_t)(info->flags & ~FRAME_DIRTY);
    info->cookie = 0;
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

/* --- Taking --- */

/* A block from the bitmap: anywhere, or below a limit. */
static inline bool block_take(unsigned order, uint32_t limit, uint32_t *first)
{
    if (limit < frame_limit) return bitmap_allocate_below(&frame_state.bitmap, order, limit, first);
    return bitmap_allocate(&frame_state.bitmap, order, first);
}

static bool stock_return(void)
{
    if (frame_state.stock_count == 0) return false;
    while (frame_state.stock_count != 0) {
        [[maybe_unused]] bool freed = bitmap_free(&frame_state.bitmap, frame_state.stock[--frame_state.stock_count].number, 0);
        assert(freed);
    }
    return true;
}

/* Everything that frame_allocate() does not do by itself. */
[[gnu::noinline]] static enum status block_allocate(unsigned order, enum frame_kind kind, uint32_t limit, frame_t *block)
{
    if (order >= FRAME_ORDERS || !block_kind_is_owned(kind)) return STATUS_BAD_ARGUMENT;
    bool is_user = kind == FRAME_KIND_USER;
    if (!is_user && limit > arch_direct_frames()) limit = arch_direct_frames();
    uint32_t first;
    while (!block_take(order, limit, &first)) {
        if (!stock_return()) return STATUS_NO_MEMORY;
    }
    // Commit: nothing below may fail.
    *block = (frame_t){ first };
    block_write(first, order, kind, is_user ? FRAME_DIRTY : 0);
    if (!is_user) block_zero(first, 1u << order);
    return STATUS_OK;
}

enum status frame_allocate(unsigned order, enum frame_kind kind, frame_t *block)
{
    if (order != 0 || !block_kind_is_owned(kind)) return block_allocate(order, kind, UINT32_MAX, block);
    if (frame_state.stock_count != 0) { /* zeroed and direct-mapped: good for every kind */
        *block = frame_state.stock[--frame_state.stock_count];
        frame_table[block->number] = (struct frame_info){ .kind = kind };
        return STATUS_OK;
    }
    uint32_t first;
    if (kind != FRAME_KIND_USER || !bitmap_allocate(&frame_state.bitmap, 0, &first)) return block_allocate(0, kind, UINT32_MAX, block);
    frame_table[first] = (struct frame_info){ .kind = FRAME_KIND_USER, .flags = FRAME_DIRTY };
    *block = (frame_t){ first };
    return STATUS_OK;
}

enum status frame_allocate_unzeroed_table(frame_t *table)
{
    uint32_t first;
    if (!block_take(0, arch_direct_frames(), &first)) {
        if (!stock_return() || !block_take(0, arch_direct_frames(), &first)) return STATUS_NO_MEMORY;
    }
    // Commit: nothing below may fail.
    frame_table[first] = (struct frame_info){ .kind = FRAME_KIND_TABLE };
    *table = (frame_t){ first };
    return STATUS_OK;
}

enum status frame_allocate_below(unsigned order, enum frame_kind kind, uint32_t limit, frame_t *block)
{
    return block_allocate(order, kind, limit == FRAME_ANYWHERE ? UINT32_MAX : limit, block);
}

enum status frame_allocate_batch(frame_t *base, uint64_t *mask)
{
    uint32_t first;
    while (!bitmap_allocate_word(&frame_state.bitmap, &first, mask)) {
        if (!stock_return()) return STATUS_NO_MEMORY;
    }
    // Commit: nothing below may fail.
    *base = (frame_t){ first };
    for (uint64_t left = *mask; left != 0; left &= left - 1)
        frame_table[first + (uint32_t)__builtin_ctzll(left)] = (struct frame_info){ .kind = FRAME_KIND_USER, .flags = FRAME_DIRTY };
    return STATUS_OK;
}

/* --- Giving back --- */

/* The blocks of [first, first + count) are of the kind and none counts anything, and they end where the range does. */
static enum status range_check(uint32_t first, uint32_t count, enum frame_kind kind)
{
    bool is_counted = false;
    for (uint32_t i = first; i < first + count; i += 1u << frame_order(&frame_table[i])) {
        const struct frame_info *info = &frame_table[i];
        if (info->kind != kind || frame_order(info) > GROUP_ORDER) return STATUS_BAD_FRAME;
        is_counted |= info->count != 0;
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

[[gnu::noinline]] static enum status block_free(frame_t block, unsigned order, enum frame_kind kind)
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
    if (held > order) block_rows_fill(block_start(first, held), 1u << held, (struct frame_info){ .kind = kind, .flags = head->flags & FRAME_DIRTY });
    [[maybe_unused]] bool freed = bitmap_free(&frame_state.bitmap, first, order);
    assert(freed);
    block_erase(first, order);
    return STATUS_OK;
}

enum status frame_free(frame_t block, unsigned order, enum frame_kind kind)
{
    if (order != 0 || !block_kind_is_owned(kind) || block.number >= frame_limit) return block_free(block, order, kind);
    struct frame_info *info = &frame_table[block.number];
    if (info->kind != kind || frame_order(info) != 0) return block_free(block, order, kind);
    if (info->count != 0) return STATUS_FRAME_BUSY;
    // Commit: nothing below may fail.
    *info = (struct frame_info){ .kind = FRAME_KIND_FREE };
    [[maybe_unused]] bool freed = bitmap_free(&frame_state.bitmap, block.number, 0);
    assert(freed);
    return STATUS_OK;
}

void frame_free_zeroed_table(frame_t table)
{
    struct frame_info *info = &frame_table[table.number];
    assert(info->kind == FRAME_KIND_TABLE && info->count == 0);
    if (frame_state.stock_count == STOCK_LIMIT) {
        [[maybe_unused]] enum status status = frame_free(table, 0, FRAME_KIND_TABLE);
        assert(status == STATUS_OK);
        return;
    }
    *info = (struct frame_info){ .kind = FRAME_KIND_FREE };
    frame_state.stock[frame_state.stock_count++] = table;
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

bool frame_prepare(void)
{
    uint32_t first;
    if (frame_state.stock_count == STOCK_LIMIT || !block_take(0, arch_direct_frames(), &first)) return false;
    block_zero(first, 1);
    frame_state.stock[frame_state.stock_count++] = (frame_t){ first };
    return true;
}

/* --- Looking --- */

struct frame_info *frame_find(frame_t frame)
{
    return frame.number < frame_limit ? block_row(frame.number) : nullptr;
}

bool frame_is_object(frame_t frame, enum frame_kind kind)
{
    assert(kind > FRAME_KIND_USER);
    return frame.number < frame_limit && frame_table[frame.number].kind == kind;
}

bool frame_is(frame_t frame, enum frame_kind kind)
{
    return frame.number < frame_limit && block_row(frame.number)->kind == kind;
}

uint64_t frame_count_free(void)
{
    return bitmap_count_free(&frame_state.bitmap) + frame_state.stock_count;
}

uint64_t frame_count_total(void)
{
    return frame_state.count_total;
}

uint32_t frame_count_table(void)
{
    return frame_limit;
}
