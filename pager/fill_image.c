/* Fills from an image: a copy of the file's bytes, zeroes after them. See fill.h.
 *
 * Frames arrive with old content, and the kernel zeroes what is left of them before anything is copied to them or maps them.
 * The file's bytes begin on a page, so a page takes them from one frame of the module. */
#include <assert.h>

#include "fill.h"

/* One page with its content, mapped. */
static enum status image_page(space_id_t space, uint64_t address, uint32_t attributes, frame_id_t from, uint32_t bytes)
{
    frame_id_t frame;
    enum status status = seam_frame_allocate(&frame);
    if (status != STATUS_OK) return status;
    if (bytes > 0) status = seam_frame_copy(frame, 0, from, 0, bytes);
    uint64_t done = 0;
    if (status == STATUS_OK) status = seam_space_map(space, address, frame, 1, attributes, &done);
    if (status == STATUS_OK) return STATUS_OK;
    enum status undone = seam_frame_free(frame);
    assert(undone == STATUS_OK);
    (void)undone;
    return status;
}

static enum status fill_image_set(space_id_t space, const struct segment *segment, uint64_t first, uint64_t limit, const struct fill_source *source)
{
    assert(source != nullptr);
    for (uint64_t at = first; at < limit; at += PAGE_BYTES) {
        uint64_t offset = at - segment->first;
        uint64_t bytes = source->file_bytes > offset ? source->file_bytes - offset : 0;
        frame_id_t from = { source->first_frame.number + (offset >> PAGE_SHIFT) };
        enum status status = image_page(space, at, segment_attributes(segment->protection), from, (uint32_t)(bytes < PAGE_BYTES ? bytes : PAGE_BYTES));
        if (status != STATUS_OK) {
            fill_undo(space, first, at, UNMAP_FREE);
            return status;
        }
    }
    return STATUS_OK;
}

enum status fill_set_frames(space_id_t space, const struct segment *segment, uint64_t first, uint64_t limit,
                            [[maybe_unused]] const struct fill_source *source)
{
    for (uint64_t at = first; at < limit;) {
        uint64_t done = 0;
        frame_id_t frame = { segment->frame + layout_pages(segment->first, at) };
        enum status status = seam_space_map(space, at, frame, layout_pages(at, limit), segment_attributes(segment->protection), &done);
        if (status != STATUS_OK && status != STATUS_AGAIN) {
            fill_undo(space, first, at, UNMAP_KEEP);
            return status;
        }
        at += done << PAGE_SHIFT;
    }
    return STATUS_OK;
}

/* Nobody writes to these pages, and there is nothing else in them: the frames serve all who were started from the image. */
const struct fill fill_image_shared = {
    .name = "image-shared", .set = fill_set_frames, .take_out = fill_take_out, .unmap_flags = UNMAP_KEEP, .frame_step = 1, .page_charge = 0,
    .protections = PROTECTION_EXECUTE,
};

const struct fill fill_image = {
    .name = "image", .set = fill_image_set, .take_out = fill_take_out, .unmap_flags = UNMAP_FREE, .page_charge = 1,
    .protections = PROTECTION_WRITE | PROTECTION_EXECUTE,
};
