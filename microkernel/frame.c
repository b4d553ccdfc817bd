/* Frames: the table that says who holds which, over the tiered bitmap that finds free ones.
 *
 * The table is the truth about kinds, the bitmap about what is free; both change together, after all checks. Zeroing is put off: a USER block is
 * marked dirty and zeroed when it is first mapped, unless it comes from the stock, which the idle processor fills with zeroed frames.
 *
 * In front of the bitmap stand a few blocks of each order that were given back last (spares), and the stock. They are free, and SPARE in the table, but
 * the bitmap has them as used. Most requests are met there: a few instructions, in memory that is in the cache still. When the bitmap has nothing for a
 * request, they all go back to it, so a block is found if there is one.
 *
 * Invariants (frame_check.c):
 *  1  A frame that is free in the bitmap has a FREE row and is in no block (block.h); the rest of a FREE, ABSENT or RESERVED row is zero.
 *  2  A head says SPARE if and only if it is in the stock or in the spares of its order: clean there, dirty here, and not counted by anyone.
 *  3  Frames of the stock are zero and direct-mapped.
 *  4  count_total = frames that are neither ABSENT nor RESERVED; count_unwritten = used frames with a FREE row, in no block.
 *  5  Frames below FIRST_FRAME are never anything but ABSENT or RESERVED.
 *
 * The kernel runs on one processor with interrupts off, so nothing is locked. Bitmap, spares, stock and counts are what one lock will guard, the spares and
 * the stock perhaps one for each processor; a row of a frame that is not free belongs to the lock of the space or object that holds the frame. */
#include "frame.h"

#include <assert.h>
#include <string.h>

#include "arch.h"
#include "block.h"
#include "counter.h"

static_assert(FRAME_ORDERS == BITMAP_ORDERS);

struct frame_state frame_state;
uint32_t frame_limit;

/* --- Rows and content --- */

[[clang::minsize]] uint32_t block_find(uint32_t number)
{
    unsigned order = frame_order(&frame_table[block_start(number, GROUP_ORDER)]);
    if (order >= GROUP_ORDER) return block_start(number, order);
    uint32_t top = block_start(number, TOP_ORDER);
    if (frame_order(&frame_table[top]) == TOP_ORDER) return top;
    if (frame_state.count_unwritten != 0 && (bitmap_word(&frame_state.bitmap, number / 64) >> number % 64 & 1) == 0) { /* of a batch */
        frame_table[number] = (struct frame_info){ .kind = FRAME_KIND_USER, .flags = FRAME_DIRTY };
        frame_state.count_unwritten--;
    }
    return number;
}

void block_zero(uint32_t first, uint32_t count)
{
    counter_add(COUNTER_FRAMES_ZEROED, count);
    for (uint32_t i = first; i < first + count; i++) {
        if (arch_frame_is_direct((frame_t){ i })) {
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

/* --- Spares --- */

/* Takes the spare block that was given back last; its other rows are right already. */
static inline bool spare_take(unsigned order, frame_t *block)
{
    unsigned count = frame_state.count_spares[order];
    if (count == 0) return false;
    frame_state.count_spares[order] = (uint8_t)(count - 1);
    *block = (frame_t){ frame_state.spares[order][count - 1] };
    frame_table[block->number].kind = FRAME_KIND_USER;
    return true;
}

/* --- Taking --- */

/* A zeroed frame, or one of the open word: a USER one when none is spare, or some are zeroed. */
[[gnu::noinline]] static enum status single_allocate(enum frame_kind kind, frame_t *frame)
{
    bool is_user = kind == FRAME_KIND_USER;
    if (stock_take(kind, frame)) return STATUS_OK;
    if (!is_user && arch_direct_frames() < frame_limit) return block_allocate(0, kind, UINT32_MAX, frame); /* the open word may lie beyond the direct map */
    while (!bitmap_take_frame(&frame_state.bitmap, &frame->number))
        if (!word_prepare()) return frames_are_out();
    frame_table[frame->number] = (struct frame_info){ .kind = kind, .flags = is_user ? FRAME_DIRTY : 0 };
    if (!is_user) single_zero(frame->number);
    return STATUS_OK;
}

enum status frame_allocate_user(unsigned order, frame_t *block)
{
    counter_add(COUNTER_FRAME_REQUESTS, 1);
    if (order == 0) {
        if (frame_state.stock_count != 0 || !spare_take(0, block)) return single_allocate(FRAME_KIND_USER, block);
        return STATUS_OK;
    }
    if (order >= FRAME_ORDERS || !spare_take(order, block)) return block_allocate(order, FRAME_KIND_USER, UINT32_MAX, block);
    return STATUS_OK;
}

enum status frame_allocate_dirty(frame_t *frame)
{
    if (!spare_take(0, frame)) return frame_allocate_user(0, frame);
    counter_add(COUNTER_FRAME_REQUESTS, 1);
    return STATUS_OK;
}

enum status frame_allocate_object(unsigned order, enum frame_kind kind, frame_t *block)
{
    counter_add(COUNTER_FRAME_REQUESTS, 1);
    return order == 0 && block_kind_is_owned(kind) ? single_allocate(kind, block) : block_allocate(order, kind, UINT32_MAX, block);
}

enum status frame_allocate_unzeroed_table(frame_t *table)
{
    if (frame_allocate_dirty(table) != STATUS_OK) return STATUS_NO_MEMORY;
    if (arch_frame_is_direct(*table)) {
        frame_table[table->number] = (struct frame_info){ .kind = FRAME_KIND_TABLE };
        return STATUS_OK;
    }
    frame_release(*table, 0, FRAME_KIND_USER);
    return frame_allocate_object(0, FRAME_KIND_TABLE, table);
}

enum status frame_allocate_batch(frame_t *base, uint64_t *mask)
{
    counter_add(COUNTER_FRAME_REQUESTS, 1);
    uint32_t count;
    while ((count = bitmap_take_word(&frame_state.bitmap, &base->number, mask)) == 0)
        if (!word_prepare()) return frames_are_out();
    frame_state.count_unwritten += count;
    return STATUS_OK;
}

/* --- Giving back --- */

/* A USER block in the usual state, to which nothing refers: its row says so in one look, and for these orders a block is where its row is. */
static inline bool user_is_free_to_go(uint32_t number, unsigned order)
{
    static_assert(offsetof(struct frame_info, cookie) == sizeof(uint32_t));
    if (number >= frame_limit) return false;
    struct frame_info expected = { .kind = FRAME_KIND_USER, .flags = (uint8_t)(order << FRAME_ORDER_SHIFT) }, ignored = { .flags = FRAME_DIRTY | FRAME_FILLED };
    uint32_t found, wanted, mask; /* kind, flags and count */
    memcpy(&found, &frame_table[number], sizeof found);
    memcpy(&wanted, &expected, sizeof wanted);
    memcpy(&mask, &ignored, sizeof mask);
    return (found & ~mask) == wanted;
}

enum status frame_free_user(frame_t block, unsigned order)
{
    if (order == 0 && user_is_free_to_go(block.number, 0)) {
        if (spare_give(block.number, 0)) return STATUS_OK;
        frame_table[block.number] = (struct frame_info){ .kind = FRAME_KIND_FREE };
        bitmap_free(&frame_state.bitmap, block.number, 0);
        return STATUS_OK;
    }
    if (order == GROUP_ORDER && user_is_free_to_go(block.number, GROUP_ORDER) && spare_give(block.number, GROUP_ORDER)) return STATUS_OK;
    return frame_free_object(block, order, FRAME_KIND_USER);
}

[[gnu::noinline]] void frame_free_zeroed(frame_t frame, [[maybe_unused]] enum frame_kind kind)
{
    struct frame_info *info = &frame_table[frame.number];
    assert(info->kind == kind && kind != FRAME_KIND_USER && info->count == 0);
    if (frame_state.stock_count == STOCK_LIMIT) {
        block_give_back(frame.number, 0);
        return;
    }
    *info = (struct frame_info){ .kind = FRAME_KIND_SPARE };
    frame_state.stock[frame_state.stock_count++] = frame;
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

[[gnu::noinline]] void *frame_object(uint64_t number, enum frame_kind kind)
{
    frame_t frame = { (uint32_t)number };
    return number <= UINT32_MAX && frame_is_object(frame, kind) ? arch_frame_pointer(frame) : nullptr;
}

bool frame_is(frame_t frame, enum frame_kind kind)
{
    return frame.number < frame_limit && block_row(frame.number)->kind == kind;
}
