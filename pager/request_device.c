/* Requests of drivers: memory for devices. Only processes whose module line says "driver" get an answer other than NO_RIGHT. */
#include "contiguous.h"
#include "fill.h"
#include "request.h"

struct contiguous_wish {
    uint64_t bytes; /* whole pages */
    unsigned order; /* of the first frame's number */
    uint64_t limit; /* of frames; 0: none */
};

static enum status wish_decode(const struct request *request, struct contiguous_wish *wish)
{
    uint64_t alignment = request->word[2];
    enum status status = request_check_protection(request->word[1]);
    if (status != STATUS_OK) return status;
    if (request->word[1] & PROTECTION_EXECUTE) return STATUS_BAD_ARGUMENT;
    if (alignment != 0 && (alignment < PAGE_SHIFT || alignment > PAGE_SHIFT + CONTIGUOUS_ORDER_MOST)) return STATUS_BAD_ALIGNMENT;
    if (request->word[0] == 0) return STATUS_BAD_LENGTH;
    if (request->word[0] > CONTIGUOUS_BYTES_MOST) return STATUS_LIMIT;
    if (request->word[3] != 0 && request->word[3] < PAGE_BYTES) return STATUS_NO_MEMORY; /* no frame is there */
    *wish = (struct contiguous_wish){ layout_page_up(request->word[0]), alignment != 0 ? (unsigned)alignment - PAGE_SHIFT : 0, request->word[3] >> PAGE_SHIFT };
    return STATUS_OK;
}

/* Frames for a segment, and its pages; or nothing. */
static enum status contiguous_fill(const struct process *process, struct segment *segment, const struct contiguous_wish *wish)
{
    frame_id_t first;
    enum status status = quota_check(&process->family->pages, segment_charge(segment));
    if (status == STATUS_OK) status = contiguous_take(segment->pages, wish->order, wish->limit, &first);
    if (status != STATUS_OK) return status;
    segment->frame = (uint32_t)first.number;
    status = segment->fill->set(process->space, segment, segment->first, segment->limit, nullptr);
    if (status != STATUS_OK) contiguous_give(first, segment->pages);
    return status;
}

enum status request_map_contiguous([[maybe_unused]] struct pager *pager, const struct request *request, struct answer *answer)
{
    struct process *process = request->caller;
    struct segment_table *table = &process->segments;
    struct contiguous_wish wish;
    if (!process->is_driver) return STATUS_NO_RIGHT;
    enum status status = wish_decode(request, &wish);
    if (status != STATUS_OK) return status;
    struct segment segment = { .fill = &fill_contiguous, .kind = SEGMENT_MMAP, .protection = (uint8_t)request->word[1], .pages = wish.bytes >> PAGE_SHIFT };
    status = area_take(&table->directory, segment.pages, &segment.first);
    if (status != STATUS_OK) return status;
    segment.limit = segment.first + wish.bytes;
    status = segment_reserve_insert(table, segment.first, segment.limit);
    if (status == STATUS_OK) status = contiguous_fill(process, &segment, &wish);
    if (status != STATUS_OK) {
        area_give(&table->directory, segment.first, segment.limit);
        return status;
    }

    // Commit: nothing below may fail.
    segment_insert(table, &segment);
    answer->word[0] = segment.first;
    answer->word[1] = (uint64_t)segment.frame << PAGE_SHIFT;
    return STATUS_OK;
}

enum status request_segment_physical([[maybe_unused]] struct pager *pager, const struct request *request, struct answer *answer)
{
    const struct process *process = request->caller;
    uint64_t address = request->word[0];
    if (!process->is_driver) return STATUS_NO_RIGHT;
    const struct segment *segment = segment_find(&process->segments, address);
    if (segment == nullptr || segment->is_going) return STATUS_NOT_MAPPED;
    if (!segment->fill->is_pinned) return STATUS_BAD_STATE;
    answer->word[0] = ((uint64_t)segment->frame << PAGE_SHIFT) + (address - segment->first);
    return STATUS_OK;
}
