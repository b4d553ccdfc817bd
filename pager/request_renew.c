/* Requests that make memory as new in place: map_over.
 *
 * Pages are made ready first: those that stay are zeroed, of others' frames and of long segments they are given back. When that is more than one message does,
 * the answer says how far it got, and nothing else has changed; the caller says so in the next one. What it says is believed only where it is about its own
 * frames: what is to go and is still there when all should be ready begins anew. The rows change in the last message, all at once. */
#include <assert.h>

#include "fill.h"
#include "fill_copy.h"
#include "range.h"
#include "request.h"

/* To zero a page by itself takes two calls and the zeroes: as long as so many entries of a page table. */
constexpr uint64_t OF_CLEAR = 4;

/* The part of a range that lies in one segment. */
struct piece {
    struct segment *segment;
    uint64_t first, limit;
};

static struct piece piece_at(const struct process *process, uint64_t at, uint64_t first, uint64_t limit)
{
    struct segment *segment = segment_find(&process->segments, at);
    return (struct piece){ segment, segment->first > first ? segment->first : first, segment->limit < limit ? segment->limit : limit };
}

/* Its frames stay, where they are its own and that is less work than new ones. */
static bool piece_stays(const struct piece *piece)
{
    return piece->segment->fill->is_zero && !segment_is_copied(piece->segment) && layout_pages(piece->first, piece->limit) <= STEP_PAGES;
}

/* Zeroes the frames of a piece from `at` on, in place, until *left entries are used up; up to where. One large page is one block, and zeroed at once. */
static uint64_t piece_clear(const struct process *process, const struct piece *piece, uint64_t at, uint64_t *left)
{
    uint64_t page_bytes = PAGE_BYTES;
    bool may_be_large = at == piece->first && piece->limit - at == LAYOUT_TABLE_BYTES && at % LAYOUT_TABLE_BYTES == 0;
    if (may_be_large && seam_space_page_bytes(process->space, at, &page_bytes) != STATUS_OK) page_bytes = PAGE_BYTES;
    for (; at < piece->limit && *left >= OF_CLEAR; at += page_bytes, *left -= OF_CLEAR) {
        frame_id_t frame;
        if (seam_space_query(process->space, at, &frame) != STATUS_OK) continue;
        enum status status = seam_frame_zero(frame);
        assert(status == STATUS_OK);
        (void)status;
    }
    return at;
}

/* One message's work on the pages of [first, limit) from `at` on; up to where it is done. It zeroes some, and gives others back. */
static uint64_t part_prepare(struct process *process, uint64_t first, uint64_t at, uint64_t limit, bool is_long)
{
    uint64_t left = STEP_PAGES;
    while (at < limit) {
        struct piece piece = piece_at(process, at, first, limit);
        if (piece.segment->pages == 0) {
            at = piece.limit;
        } else if (piece_stays(&piece)) {
            if (left < OF_CLEAR) break;
            at = piece_clear(process, &piece, at, &left);
        } else {
            uint64_t end = is_long ? range_step(process, at, piece.limit) : piece.limit;
            uint64_t pages = layout_pages(at, end), entries = pages < STEP_PAGES ? pages : STEP_PAGES;
            if (entries > left) break;
            range_discard(process, piece.segment, at, end);
            left -= entries;
            at = end;
        }
    }
    return at;
}

/* A segment becomes one of the fill that map would give it. */
static void segment_renew(struct process *process, struct segment *segment, const struct fill *fill, uint32_t protection)
{
    const struct piece all = { segment, segment->first, segment->limit };
    if (segment->pages > 0 && !piece_stays(&all)) range_discard(process, segment, segment->first, segment->limit);
    segment_set_copied(segment, false);
    segment->fill = fill;
    segment->frame = FRAME_FRESH;
    range_set_protection(process, segment, protection);
}

enum status request_map_over(struct pager *pager, const struct request *request, struct answer *answer)
{
    struct process *process = request->caller;
    struct segment_table *table = &process->segments;
    uint64_t first = request->word[0], prepared = request->word[3], limit;
    bool is_long;
    const struct fill *fill = pager->map_policy == MAP_LARGE ? &fill_large : segment_rules_of(SEGMENT_MMAP)->fill;
    const struct range_rules rules = { .takes_frames = true };
    enum status status = request_check_protection(request->word[2]);
    if (status == STATUS_OK && prepared % PAGE_BYTES != 0) status = STATUS_BAD_ARGUMENT;
    if (status == STATUS_OK) status = range_prepare(process, first, request->word[1], &rules, &limit, &is_long);
    if (status != STATUS_OK) return status;
    uint64_t at = prepared < limit - first ? part_prepare(process, first, first + prepared, limit, is_long) : limit;
    answer->word[1] = at - first;
    if (at < limit) return STATUS_OK;

    // Commit: nothing below may fail.
    range_cut(process, first);
    range_cut(process, limit);
    if (is_long && segment_find(table, first)->pages > 0) {
        answer->word[1] = 0; /* pages have come again */
    } else {
        for (struct segment *row = segment_find(table, first); row != nullptr && row->first < limit; row = segment_find(table, row->limit))
            segment_renew(process, row, fill, (uint32_t)request->word[2]);
        answer->word[0] = limit - first;
    }
    range_rejoin(process, first, limit);
    return STATUS_OK;
}
