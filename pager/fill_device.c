/* Fills with what is no memory: registers of devices, memory of their own. See fill.h.
 *
 * The kernel refuses memory and what it needs for itself, and knows who maps which page. It has one owner for all that this pager maps; who may share with whom
 * among drivers is decided before (request_device.c). */
#include "fill.h"

static enum status device_set(space_id_t space, const struct segment *segment, uint64_t first, uint64_t limit, uint32_t cache, uint64_t flags)
{
    for (uint64_t at = first; at < limit;) {
        uint64_t done = 0, frame = segment->frame + layout_pages(segment->first, at);
        uint32_t attributes = segment_attributes(segment->protection) | cache;
        enum status status = seam_device_map(space, at, frame, layout_pages(at, limit), attributes, flags, &done);
        if (status != STATUS_OK && status != STATUS_AGAIN) {
            fill_unmap_device(space, first, at);
            return status;
        }
        at += done << PAGE_SHIFT;
    }
    return STATUS_OK;
}

static enum status fill_device_set(space_id_t space, const struct segment *segment, uint64_t first, uint64_t limit, const struct fill_source *source)
{
    return device_set(space, segment, first, limit, source->cache, DEVICE_ALONE);
}

static enum status fill_device_shared_set(space_id_t space, const struct segment *segment, uint64_t first, uint64_t limit, const struct fill_source *source)
{
    return device_set(space, segment, first, limit, source->cache, DEVICE_SHARED);
}

void fill_unmap_device(space_id_t space, uint64_t first, uint64_t limit)
{
    while (first < limit) {
        uint64_t done = 0;
        enum status status = seam_device_unmap(space, first, layout_pages(first, limit), &done);
        first += status == STATUS_OK || status == STATUS_AGAIN ? done << PAGE_SHIFT : PAGE_BYTES; /* not there: the pager was lost right after it */
    }
}

/* Pages that are not there count as gone: there is nothing else to be done about them. */
static enum status fill_device_take_out(space_id_t space, [[maybe_unused]] const struct segment *segment, uint64_t first, uint64_t limit, uint64_t pages,
                                        uint64_t *gone)
{
    fill_unmap_device(space, first, limit);
    *gone = pages;
    return STATUS_OK;
}

const struct fill fill_device = {
    .name = "device", .set = fill_device_set, .take_out = fill_device_take_out, .unmap_flags = UNMAP_KEEP, .frame_step = 1, .page_charge = 0,
    .protections = PROTECTION_WRITE, .is_pinned = true, .is_whole = true, .is_exclusive = true, .has_registry = true,
};

const struct fill fill_device_shared = {
    .name = "device-shared", .set = fill_device_shared_set, .take_out = fill_device_take_out, .unmap_flags = UNMAP_KEEP, .frame_step = 1, .page_charge = 0,
    .protections = PROTECTION_WRITE, .is_pinned = true, .is_whole = true, .has_registry = true,
};
