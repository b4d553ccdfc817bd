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
#include "log.h"

static_assert(FRAME_ORDERS == BITMAP_ORDERS);

struct frame_state frame_state;
struct frame_info *frame_table;
uint32_t frame_limit;
bool frame_panics_without;

/* --- Rows and content --- */

uint32_t block_find(uint32_t number)
{
    unsigned order = frame_order(&frame_table[block_start(number, GROUP_ORDER)]);
    if (order >= GROUP_ORDER) return block_start(number, order);
    uint32_t top = block_start(number, TOP_ORDER);
    if (frame_order(&frame_table[top]) == TOP_ORDER) return top;
    if (frame_state.count_unwritten != 0 && !bitmap_is_free(&frame_state.bitmap, number, number + 1)) { /* of a batch */
        frame_table[number] = (struct frame_info){ .kind = FRAME_KIND_USER, .flags = FRAME_DIRTY };
        frame_state.count_unwritten--;
    }
    return number;
}

void block_rows_fill(uint32_t first, uint32_t count, struct frame_info info)
{
    struct frame_info *row = &frame_table[first];
#pragma clang loop unroll_count(8)
    for (uint32_t i = 0; i < count; i++) row[i] = info;
}

/* Rows of a block that are written: each, each group's, or the head's. */
static inline uint32_t row_step(unsigned order)
{
    return order < GROUP_ORDER ? 1 : order < TOP_ORDER ? GROUP_FRAMES : 1u << TOP_ORDER;
}

[[gnu::noinline]] static void block_rows_write(uint32_t first, unsigned order, struct frame_info info)
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

/* Makes a USER block that nothing refers to spare. False: there are enough. */
static inline bool spare_give(uint32_t first, unsigned order)
{
    unsigned count = frame_state.count_spares[order];
    if (count == SPARES) return false;
    frame_state.spares[order][count] = first;
    frame_state.count_spares[order] = (uint8_t)(count + 1);
    frame_table[first] = (struct frame_info){ .kind = FRAME_KIND_SPARE, .flags = (uint8_t)(order << FRAME_ORDER_SHIFT | FRAME_DIRTY) };
    return true;
}

/* The rows and the bits of a block that is nobody's any more. */
static void block_release(uint32_t first, unsigned order)
{
    block_erase(first, order);
    [[maybe_unused]] bool freed = bitmap_free(&frame_state.bitmap, first, order);
    assert(freed);
}

static bool spares_are_there(void)
{
    uint64_t counts[sizeof frame_state.count_spares / sizeof(uint64_t)];
    memcpy(counts, frame_state.count_spares, sizeof counts);
    return (counts[0] | counts[1] | counts[2] | frame_state.stock_count) != 0;
}

/* Gives spares and stock back to the bitmap. */
[[gnu::noinline]] static void spares_return(void)
{
    for (unsigned order = 0; order < FRAME_ORDERS; order++)
        while (frame_state.count_spares[order] != 0) block_release(frame_state.spares[order][--frame_state.count_spares[order]], order);
    while (frame_state.stock_count != 0) block_release(frame_state.stock[--frame_state.stock_count].number, 0);
}

/* --- Taking --- */

/* Not one frame is there for a request that sets no limit. */
[[gnu::noinline]] static enum status frames_are_out(void)
{
    if (frame_panics_without) panic("memory: no frame is free frames=%lu free=%lu", (unsigned long)frame_count_total(), (unsigned long)frame_count_free());
    return STATUS_NO_MEMORY;
}

/* The bitmap's block, below a limit. */
static inline enum bitmap_answer bitmap_take(unsigned order, uint32_t limit, uint32_t *first)
{
    if (limit < frame_limit) return bitmap_allocate_within(&frame_state.bitmap, order, 0, limit, first);
    return bitmap_allocate(&frame_state.bitmap, order, first);
}

/* The same, if possible not below `low`, and with what is spare. NO_MEMORY, AGAIN. */
static inline enum status block_take(unsigned order, uint32_t low, uint32_t limit, uint32_t *first)
{
    struct bitmap *bitmap = &frame_state.bitmap;
    for (;; spares_return()) {
        if (bitmap_may_have(bitmap, order)) {
            if (low < frame_limit && bitmap_allocate_within(bitmap, order, low, limit, first) == BITMAP_FOUND) return STATUS_OK;
            enum bitmap_answer answer = bitmap_take(order, limit, first);
            if (answer == BITMAP_FOUND) return STATUS_OK;
            if (answer == BITMAP_AGAIN) return STATUS_AGAIN;
        }
        if (!spares_are_there()) return STATUS_NO_MEMORY;
    }
}

/* A block of any kind from the bitmap: what other kinds than USER need lies in the direct map, and USER blocks keep off it when there is other memory. */
[[gnu::noinline]] static enum status block_allocate(unsigned order, enum frame_kind kind, uint32_t limit, frame_t *block)
{
    if (order >= FRAME_ORDERS || !block_kind_is_owned(kind)) return STATUS_BAD_ARGUMENT;
    bool is_user = kind == FRAME_KIND_USER;
    uint32_t low = is_user ? arch_direct_frames() : UINT32_MAX;
    if (!is_user && limit > arch_direct_frames()) limit = arch_direct_frames();
    uint32_t first;
    enum status status = block_take(order, low, limit, &first);
    if (status == STATUS_NO_MEMORY && order == 0 && (!is_user || limit == UINT32_MAX)) return frames_are_out();
    if (status != STATUS_OK) return status;
    // Commit: nothing below may fail.
    *block = (frame_t){ first };
    block_write(first, order, kind, is_user ? FRAME_DIRTY : 0);
    if (!is_user) block_zero(first, 1u << order);
    return STATUS_OK;
}

/* The open word has a free frame now, one beyond the direct map if possible; false: none is free anywhere. */
[[gnu::noinline]] static bool word_prepare(void)
{
    uint32_t direct = arch_direct_frames(), low = direct < frame_limit ? direct : 0;
    while (!bitmap_open(&frame_state.bitmap, low)) {
        if (!spares_are_there()) return false;
        spares_return();
    }
    return true;
}

/* A USER frame when none is spare, or some are zeroed. */
[[gnu::noinline]] static enum status single_allocate(frame_t *frame)
{
    if (stock_take(FRAME_KIND_USER, frame)) return STATUS_OK;
    while (!bitmap_take_frame(&frame_state.bitmap, &frame->number))
        if (!word_prepare()) return frames_are_out();
    frame_table[frame->number] = (struct frame_info){ .kind = FRAME_KIND_USER, .flags = FRAME_DIRTY };
    return STATUS_OK;
}

enum status frame_allocate_user(unsigned order, frame_t *block)
{
    counter_add(COUNTER_FRAME_REQUESTS, 1);
    if (order == 0) {
        if (frame_state.stock_count != 0 || !spare_take(0, block)) return single_allocate(block);
        return STATUS_OK;
    }
    if (order >= FRAME_ORDERS || !spare_take(order, block)) return block_allocate(order, FRAME_KIND_USER, UINT32_MAX, block);
    return STATUS_OK;
}

enum status frame_allocate_object(unsigned order, enum frame_kind kind, frame_t *block)
{
    counter_add(COUNTER_FRAME_REQUESTS, 1);
    if (order == 0 && block_kind_is_owned(kind) && stock_take(kind, block)) return STATUS_OK; /* zeroed and direct-mapped */
    return block_allocate(order, kind, UINT32_MAX, block);
}

enum status frame_allocate_unzeroed_table(frame_t *table)
{
    uint32_t first;
    if (bitmap_take(0, arch_direct_frames(), &first) != BITMAP_FOUND) return frame_allocate_object(0, FRAME_KIND_TABLE, table);
    counter_add(COUNTER_FRAME_REQUESTS, 1);
    frame_table[first] = (struct frame_info){ .kind = FRAME_KIND_TABLE };
    *table = (frame_t){ first };
    return STATUS_OK;
}

enum status frame_allocate_below(unsigned order, enum frame_kind kind, uint32_t limit, frame_t *block)
{
    counter_add(COUNTER_FRAME_REQUESTS, 1);
    return block_allocate(order, kind, limit == FRAME_ANYWHERE ? UINT32_MAX : limit, block);
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
    block_release(first, order);
    return STATUS_OK;
}

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

/* A single frame, and there are enough spare ones. */
[[gnu::noinline]] static enum status single_release(uint32_t number)
{
    frame_table[number] = (struct frame_info){ .kind = FRAME_KIND_FREE };
    [[maybe_unused]] bool freed = bitmap_free(&frame_state.bitmap, number, 0);
    assert(freed);
    return STATUS_OK;
}

enum status frame_free_user(frame_t block, unsigned order)
{
    if (order == 0 && user_is_free_to_go(block.number, 0)) return spare_give(block.number, 0) ? STATUS_OK : single_release(block.number);
    if (order == GROUP_ORDER && user_is_free_to_go(block.number, GROUP_ORDER) && spare_give(block.number, GROUP_ORDER)) return STATUS_OK;
    return frame_free_object(block, order, FRAME_KIND_USER);
}

[[gnu::noinline]] void frame_free_zeroed_table(frame_t table)
{
    struct frame_info *info = &frame_table[table.number];
    assert(info->kind == FRAME_KIND_TABLE && info->count == 0);
    if (frame_state.stock_count == STOCK_LIMIT) {
        block_release(table.number, 0);
        return;
    }
    *info = (struct frame_info){ .kind = FRAME_KIND_SPARE };
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
    if (frame_state.stock_count == STOCK_LIMIT) return false;
    if (bitmap_allocate_within(&frame_state.bitmap, 0, 0, arch_direct_frames(), &first) != BITMAP_FOUND) return false;
    block_zero(first, 1);
    frame_table[first] = (struct frame_info){ .kind = FRAME_KIND_SPARE };
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
    uint64_t count = bitmap_count_free(&frame_state.bitmap) + frame_state.stock_count;
    for (unsigned order = 0; order < FRAME_ORDERS; order++) count += (uint64_t)frame_state.count_spares[order] << order;
    return count;
}

uint64_t frame_count_total(void)
{
    return frame_state.count_total;
}

uint32_t frame_count_table(void)
{
    return frame_limit;
}
