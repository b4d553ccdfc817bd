/* The request that makes memory of the mmap area longer or shorter, in place.
 *
 * Only the difference is touched: what comes is a new part of the segment, without pages; what goes is an unmap of the end, in steps where that is long. */
#include "fill.h"
#include "range.h"
#include "request.h"

/* Whether a segment can have more pages of the sort that it has: those of modules, devices and others are what they are. Nobody makes others pay for more. */
static bool resize_may_grow(const struct segment *segment) { return segment->fill->is_zero && !segment->is_given; }

/* What comes differs in nothing from the segment, and who pays can bear both as one: so it becomes a part of it. */
static enum status segment_lengthen(struct segment_table *table, const struct segment *segment, uint64_t limit)
{
    struct segment more = *segment, longer = *segment;
    longer.limit = limit;
    enum status status = quota_check(segment_quota(table, segment), segment_charge(&longer) - segment_charge(segment));
    if (status != STATUS_OK) return status;
    more.first = segment->limit;
    more.limit = limit;
    more.pages = 0;
    return segment_place_at(table, &more);
}

static enum status resize_grow(struct process *process, const struct segment *segment, uint64_t address, uint64_t bytes, uint64_t limit)
{
    if (!resize_may_grow(segment)) return STATUS_IMMUTABLE;
    if (bytes > LAYOUT_MMAP_LIMIT - address) return STATUS_BAD_ADDRESS;
    if (segment->limit > limit) return STATUS_EXISTS; /* what is in the way is of the same segment */
    return segment_lengthen(&process->segments, segment, address + bytes);
}

static enum status resize_shrink(struct pager *pager, const struct request *request, uint64_t first, uint64_t limit, struct answer *answer)
{
    const uint64_t word[MESSAGE_WORDS] = { first, limit - first };
    struct request end = *request;
    end.word = word;
    return request_unmap(pager, &end, answer);
}

enum status request_resize(struct pager *pager, const struct request *request, struct answer *answer)
{
    struct process *process = request->caller;
    uint64_t address = request->word[0];
    uint64_t limit;
    enum status status = range_check(process, address, request->word[1], &limit);
    if (status != STATUS_OK) return status;
    const struct segment *segment = segment_find(&process->segments, address);
    if (segment->limit < limit || request->word[2] == 0) return STATUS_BAD_LENGTH;
    if (request->word[2] > LAYOUT_MMAP_MOST) return STATUS_LIMIT;
    uint64_t bytes = layout_page_up(request->word[2]);
    if (bytes > limit - address) return resize_grow(process, segment, address, bytes, limit);
    return bytes == limit - address ? STATUS_OK : resize_shrink(pager, request, address + bytes, limit, answer);
}
