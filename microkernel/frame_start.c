/* Frames: the beginning. The table and the bitmap are built from firmware's list of memory ranges, and modules become somebody's.
 *
 * The list is swept piece by piece from frame 0 up: no array is built, any order and overlap is fine, and the stricter kind wins. */
#include "block.h"

#include <assert.h>

#include "arch.h"

/* Frames [first, limit) of the table that a range makes `kind`: the whole frames of usable memory, all frames touched by anything else. */
struct frame_span {
    uint32_t first;
    uint32_t limit;
    enum frame_kind kind;
};

static uint32_t frames_clip(uint64_t frames)
{
    return frames < frame_limit ? (uint32_t)frames : frame_limit;
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
    return (struct frame_span){ frames_clip(first), frames_clip(limit), range.kind == MEMORY_KERNEL ? FRAME_KIND_KERNEL : FRAME_KIND_RESERVED };
}

/* The piece that begins at a frame: its kind, and how far it reaches at least. The stricter kind of all ranges wins; kinds are in that order. What is
 * reserved by firmware and usable to nobody is no memory: registers of devices, tables of firmware. */
static struct frame_span piece_find(uint32_t at, const struct memory_range *ranges, size_t count_ranges)
{
    static_assert(FRAME_KIND_ABSENT < FRAME_KIND_FREE && FRAME_KIND_FREE < FRAME_KIND_RESERVED && FRAME_KIND_RESERVED < FRAME_KIND_KERNEL);
    struct frame_span piece = { at, frame_limit, FRAME_KIND_ABSENT };
    if (at < FIRST_FRAME) piece = (struct frame_span){ at, frames_clip(FIRST_FRAME), FRAME_KIND_KERNEL };
    bool is_usable = false;
    for (size_t i = 0; i < count_ranges; i++) {
        struct frame_span span = range_decode(ranges[i]);
        if (span.first >= span.limit || span.limit <= at) continue;
        if (span.first <= at) {
            if (span.kind > piece.kind) piece.kind = span.kind;
            is_usable |= span.kind == FRAME_KIND_FREE;
            if (span.limit < piece.limit) piece.limit = span.limit;
        } else if (span.first < piece.limit) {
            piece.limit = span.first;
        }
    }
    assert(at < piece.limit && piece.limit <= frame_limit);
    if (piece.kind == FRAME_KIND_RESERVED && !is_usable) piece.kind = FRAME_KIND_ABSENT;
    if (piece.kind == FRAME_KIND_KERNEL) piece.kind = FRAME_KIND_RESERVED;
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
    arch_frame_table_place(storage);
    frame_limit = rows_for(count_frames);
    frame_state = (struct frame_state){ 0 };
    bitmap_initialise(&frame_state.bitmap, frame_table + frame_limit, frame_limit);
    for (uint32_t at = 0; at < frame_limit;) {
        struct frame_span piece = piece_find(at, ranges, count_ranges);
        if (piece.kind != FRAME_KIND_ABSENT) block_rows_fill(at, piece.limit - at, (struct frame_info){ .kind = piece.kind });
        if (piece.kind == FRAME_KIND_FREE) {
            [[maybe_unused]] bool inserted = bitmap_insert_range(&frame_state.bitmap, at, piece.limit);
            assert(inserted);
            frame_state.count_total += piece.limit - at;
        }
        at = piece.limit;
    }
    if (arch_direct_frames() < frame_limit) (void)bitmap_open(&frame_state.bitmap, arch_direct_frames()); /* programs' frames come from there first */
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
