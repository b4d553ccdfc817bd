/* Frames: the table that says who holds which, over the tiered bitmap that finds free ones.
 *
 * The table is the truth about kinds, the bitmap about what is free; both change together, after all checks. Zeroing is put off: a USER frame is
 * marked dirty and zeroed when it is first mapped, unless it comes from the stock, which the idle processor fills with zeroed frames. Frames of the
 * stock count as free and are FREE in the table, but the bitmap has them as used; when it has nothing for a request, the stock goes back to it.
 *
 * Invariants (frame_check_tiers, frame_check_counts):
 *  1  A row is FREE if and only if its frame is free in the bitmap or in the stock; the rest of a FREE, ABSENT or RESERVED row is zero.
 *  2  Frames of the stock are zero, direct-mapped and all different.
 *  3  count_total = rows that are neither ABSENT nor RESERVED.
 *  4  Frames below FIRST_FRAME are never anything but ABSENT or RESERVED.
 *
 * The kernel runs on one processor with interrupts off, so nothing is locked. Bitmap, stock and counts are what one lock will guard; a row of a
 * frame that is not free belongs to the lock of the space or object that holds the frame. */
#include "frame.h"

#include <assert.h>
#include <string.h>

#include "arch.h"
#include "bitmap.h"

constexpr uint32_t FIRST_FRAME = 0x10000 >> PAGE_SHIFT; /* the first 64 KiB hold firmware tables and are never handed out */
constexpr uint32_t STOCK_LIMIT = 64;

static_assert(FRAME_ORDERS == BITMAP_ORDERS);

static struct frame_info *table;
static uint32_t count_rows;
static uint32_t count_total;
static struct bitmap bitmap;
static frame_t stock[STOCK_LIMIT];
static uint32_t stock_count;

/* --- Content --- */

static void frame_zero(frame_t frame)
{
    if (frame.number < arch_direct_frames()) {
        arch_page_zero(arch_frame_pointer(frame));
        return;
    }
    void *window = arch_window_open(frame);
    arch_page_zero(window);
    arch_window_close(window);
}

void frame_clean(frame_t frame, struct frame_info *info)
{
    assert(frame.number < count_rows && info == &table[frame.number] && info->kind == FRAME_KIND_USER);
    if ((info->flags & FRAME_DIRTY) == 0) return;
    frame_zero(frame);
    info->flags = (uint8_t)(info->flags & ~FRAME_DIRTY);
}

/* --- Taking and giving back --- */

/* Kinds that frame_allocate gives and frame_free takes. */
static bool kind_is_owned(enum frame_kind kind)
{
    return kind >= FRAME_KIND_KERNEL && kind < FRAME_KINDS;
}

static void rows_fill(uint32_t first, uint32_t count, struct frame_info info)
{
    struct frame_info *row = &table[first];
#pragma clang loop unroll_count(8)
    for (uint32_t i = 0; i < count; i++) row[i] = info;
}

/* A block from the bitmap: anywhere, or below the end of the direct map. */
static inline bool block_take(unsigned order, bool is_direct, uint32_t *first)
{
    if (is_direct && arch_direct_frames() < count_rows) return bitmap_allocate_below(&bitmap, order, arch_direct_frames(), first);
    return bitmap_allocate(&bitmap, order, first);
}

static bool stock_return(void)
{
    if (stock_count == 0) return false;
    while (stock_count != 0) {
        [[maybe_unused]] bool freed = bitmap_free(&bitmap, stock[--stock_count].number, 0);
        assert(freed);
    }
    return true;
}

/* Everything that frame_allocate() does not do by itself. */
[[gnu::noinline]] static enum status block_allocate(unsigned order, enum frame_kind kind, frame_t *block)
{
    if (order >= FRAME_ORDERS || !kind_is_owned(kind)) return STATUS_BAD_ARGUMENT;
    bool is_user = kind == FRAME_KIND_USER;
    uint32_t first;
    while (!block_take(order, !is_user, &first)) {
        if (!stock_return()) return STATUS_NO_MEMORY;
    }
    /* Commit: nothing below may fail. */
    *block = (frame_t){ first };
    rows_fill(first, 1u << order, (struct frame_info){ .kind = kind, .flags = is_user ? FRAME_DIRTY : 0 });
    if (!is_user) {
        for (uint32_t i = 0; i < 1u << order; i++) frame_zero((frame_t){ first + i });
    }
    return STATUS_OK;
}

enum status frame_allocate(unsigned order, enum frame_kind kind, frame_t *block)
{
    if (order != 0 || !kind_is_owned(kind)) return block_allocate(order, kind, block);
    if (stock_count != 0) { /* zeroed and direct-mapped: good for every kind */
        *block = stock[--stock_count];
        table[block->number] = (struct frame_info){ .kind = kind };
        return STATUS_OK;
    }
    uint32_t first;
    if (kind != FRAME_KIND_USER || !bitmap_allocate(&bitmap, 0, &first)) return block_allocate(0, kind, block);
    table[first] = (struct frame_info){ .kind = FRAME_KIND_USER, .flags = FRAME_DIRTY };
    *block = (frame_t){ first };
    return STATUS_OK;
}

/* All rows of a block are of the kind and none counts anything. */
static enum status rows_check(uint32_t first, uint32_t count, enum frame_kind kind)
{
    const struct frame_info *row = &table[first];
    uint32_t differing = 0, counted = 0;
#pragma clang loop unroll_count(8)
    for (uint32_t i = 0; i < count; i++) {
        differing |= (uint32_t)row[i].kind ^ kind;
        counted |= row[i].count;
    }
    return differing != 0 ? STATUS_BAD_FRAME : counted != 0 ? STATUS_FRAME_BUSY : STATUS_OK;
}

[[gnu::noinline]] static enum status block_free(frame_t block, unsigned order, enum frame_kind kind)
{
    if (order >= FRAME_ORDERS || !kind_is_owned(kind) || block.number >= count_rows) return STATUS_BAD_FRAME;
    uint32_t first = block.number, count = 1u << order;
    if ((first & (count - 1)) != 0 || count > count_rows - first) return STATUS_BAD_FRAME;
    enum status status = rows_check(first, count, kind);
    if (status != STATUS_OK) return status;
    /* Commit: nothing below may fail. */
    [[maybe_unused]] bool freed = bitmap_free(&bitmap, first, order);
    assert(freed);
    rows_fill(first, count, (struct frame_info){ .kind = FRAME_KIND_FREE });
    return STATUS_OK;
}

enum status frame_free(frame_t block, unsigned order, enum frame_kind kind)
{
    if (order != 0 || !kind_is_owned(kind) || block.number >= count_rows) return block_free(block, order, kind);
    struct frame_info *info = &table[block.number];
    if (info->kind != kind) return STATUS_BAD_FRAME;
    if (info->count != 0) return STATUS_FRAME_BUSY;
    /* Commit: nothing below may fail. */
    *info = (struct frame_info){ .kind = FRAME_KIND_FREE };
    [[maybe_unused]] bool freed = bitmap_free(&bitmap, block.number, 0);
    assert(freed);
    return STATUS_OK;
}

enum status frame_adopt(frame_t first, uint32_t count_frames)
{
    if (count_frames == 0) return STATUS_OK;
    if (first.number < FIRST_FRAME || !range_within(first.number, count_frames, count_rows)) return STATUS_BAD_FRAME;
    enum status status = rows_check(first.number, count_frames, FRAME_KIND_RESERVED);
    if (status != STATUS_OK) return status;
    /* Commit: nothing below may fail. Not dirty: the content is what they are adopted for. */
    rows_fill(first.number, count_frames, (struct frame_info){ .kind = FRAME_KIND_USER });
    count_total += count_frames;
    return STATUS_OK;
}

bool frame_prepare(void)
{
    uint32_t first;
    if (stock_count == STOCK_LIMIT || !block_take(0, true, &first)) return false;
    frame_zero((frame_t){ first });
    stock[stock_count++] = (frame_t){ first };
    return true;
}

/* --- Looking --- */

struct frame_info *frame_find(frame_t frame)
{
    return frame.number < count_rows ? &table[frame.number] : nullptr;
}

bool frame_is(frame_t frame, enum frame_kind kind)
{
    return frame.number < count_rows && table[frame.number].kind == kind;
}

uint64_t frame_count_free(void)
{
    return bitmap_count_free(&bitmap) + stock_count;
}

uint64_t frame_count_total(void)
{
    return count_total;
}

uint32_t frame_count_table(void)
{
    return count_rows;
}

/* --- The beginning --- */

/* Frames [first, limit) of the table that a range makes `kind`: the whole frames of usable memory, all frames touched by anything else. */
struct frame_span {
    uint32_t first;
    uint32_t limit;
    enum frame_kind kind;
};

static uint32_t frames_clip(uint64_t frames)
{
    return frames < count_rows ? (uint32_t)frames : count_rows;
}

static struct frame_span range_decode(struct memory_range range)
{
    constexpr uint64_t within = PAGE_BYTES - 1;
    uint64_t first = range.first >> PAGE_SHIFT, limit = range.limit >> PAGE_SHIFT;
    if (range.kind == MEMORY_USABLE) {
        if ((range.first & within) != 0) first++;
        return (struct frame_span){ frames_clip(first), frames_clip(limit), FRAME_KIND_FREE };
    }
    if (range.limit < range.first) limit = UINT64_MAX; /* passes the end of the numbers: reserved as far as there is memory */
    else if (range.limit == range.first) limit = first;
    else if ((range.limit & within) != 0) limit++;
    return (struct frame_span){ frames_clip(first), frames_clip(limit), FRAME_KIND_RESERVED };
}

/* The piece that begins at a frame: its kind, and how far it reaches at least. The stricter kind of all ranges wins; kinds are in that order. */
static struct frame_span piece_find(uint32_t at, const struct memory_range *ranges, size_t count_ranges)
{
    static_assert(FRAME_KIND_ABSENT < FRAME_KIND_FREE && FRAME_KIND_FREE < FRAME_KIND_RESERVED);
    struct frame_span piece = { at, count_rows, FRAME_KIND_ABSENT };
    if (at < FIRST_FRAME) piece = (struct frame_span){ at, frames_clip(FIRST_FRAME), FRAME_KIND_RESERVED };
    for (size_t i = 0; i < count_ranges; i++) {
        struct frame_span span = range_decode(ranges[i]);
        if (span.first >= span.limit || span.limit <= at) continue;
        if (span.first <= at) {
            if (span.kind > piece.kind) piece.kind = span.kind;
            if (span.limit < piece.limit) piece.limit = span.limit;
        } else if (span.first < piece.limit) {
            piece.limit = span.first;
        }
    }
    assert(at < piece.limit && piece.limit <= count_rows);
    return piece;
}

static uint32_t rows_for(uint32_t count_frames)
{
    return count_frames < BITMAP_FRAMES_LIMIT ? count_frames : BITMAP_FRAMES_LIMIT;
}

uint64_t frame_storage_bytes(uint32_t count_frames)
{
    uint64_t bytes = rows_for(count_frames) * sizeof(struct frame_info) + bitmap_storage_bytes(rows_for(count_frames));
    return (bytes + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1);
}

void frame_initialise(void *storage, uint32_t count_frames, const struct memory_range *ranges, size_t count_ranges)
{
    assert((uintptr_t)storage % PAGE_BYTES == 0);
    table = storage;
    count_rows = rows_for(count_frames);
    count_total = 0;
    stock_count = 0;
    bitmap_initialise(&bitmap, table + count_rows, count_rows);
    for (uint32_t at = 0; at < count_rows;) {
        struct frame_span piece = piece_find(at, ranges, count_ranges);
        if (piece.kind != FRAME_KIND_ABSENT) rows_fill(at, piece.limit - at, (struct frame_info){ .kind = piece.kind });
        if (piece.kind == FRAME_KIND_FREE) {
            [[maybe_unused]] bool inserted = bitmap_insert_range(&bitmap, at, piece.limit);
            assert(inserted);
            count_total += piece.limit - at;
        }
        at = piece.limit;
    }
}

/* --- The checker --- */

static bool frame_is_stocked(uint32_t number)
{
    for (uint32_t i = 0; i < stock_count; i++) {
        if (stock[i].number == number) return true;
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
    for (uint32_t i = 0; i < stock_count; i++) {
        uint32_t number = stock[i].number;
        if (number >= count_rows || number >= arch_direct_frames() || bitmap_is_free(&bitmap, number, number + 1)) return false;
        for (uint32_t j = 0; j < i; j++) {
            if (stock[j].number == number) return false;
        }
        if (table[number].kind != FRAME_KIND_FREE || !frame_is_zero(stock[i])) return false;
    }
    return true;
}

bool frame_check_tiers(void)
{
    if (!bitmap_check(&bitmap) || !stock_check()) return false;
    uint64_t free = 0;
    for (uint32_t i = 0; i < count_rows; i++) {
        struct frame_info info = table[i];
        if (i % 64 == 0) free = bitmap_word(&bitmap, i / 64);
        bool is_free = (free >> i % 64 & 1) != 0 || (info.kind == FRAME_KIND_FREE && frame_is_stocked(i));
        if (is_free != (info.kind == FRAME_KIND_FREE)) return false;
        if (info.kind <= FRAME_KIND_RESERVED && (info.flags != 0 || info.count != 0 || info.cookie != 0)) return false;
    }
    return true;
}

bool frame_check_counts(void)
{
    uint64_t rows[FRAME_KINDS] = { 0 };
    for (uint32_t i = 0; i < count_rows; i++) {
        enum frame_kind kind = table[i].kind;
        if (kind >= FRAME_KINDS || (i < FIRST_FRAME && kind != FRAME_KIND_ABSENT && kind != FRAME_KIND_RESERVED)) return false;
        rows[kind]++;
    }
    return rows[FRAME_KIND_FREE] == frame_count_free() && count_rows - rows[FRAME_KIND_ABSENT] - rows[FRAME_KIND_RESERVED] == count_total;
}
