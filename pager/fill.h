/* Fills: how the pages of a segment come to be. One record of functions each, in a file of its own.
 *
 *   fill_image         the file's bytes, zeroes after them: all at once, when the program is started (fill_image.c)
 *   fill_image_shared  the frames of a module themselves, read-only: all at once, when the program is started (fill_image.c)
 *   fill_zero_at_once  zeroes: at once, when the segment is moved (fill_zero.c)
 *   fill_zero_touched  zeroes: each page when it is touched (fill_zero.c)
 *   fill_large         zeroes: a large page when it is touched, or pages where there is none (fill_large.c)
 *   fill_module        the frames of a module themselves, read-only: each page when it is touched (fill_module.c)
 *   fill_contiguous    frames side by side that the pager took for it: at once (fill_contiguous.c)
 *   fill_device        what is no memory: at once (fill_device.c); fill_device_shared: the same, and others may have it as well
 *   fill_frame         one frame that the pager made: at once (fill_frame.c)
 *   fill_shared        other processes' frames: all at once, when they are shared; zeroes where they were given back (fill_shared.c)
 *
 * Pages that are copied when they are written to are no fill of their own: they come as others do before they are duplicated (fill_copy.h).
 *
 * `set` brings all pages of [first, limit), which lies in the segment and has none; on any status but OK it has changed nothing. nullptr: pages come when
 * they are touched, from the segment's `frame`: FRAME_FRESH with a step of 0, or consecutive frames with a step of 1. Pages of fills with `set` are always
 * there, so that a fault for one means "try again".
 *
 * `take_out` takes the pages of a part of the segment away, from below, until `pages` are gone; *gone counts them. Every fill has one. */
#ifndef QUIRE_PAGER_FILL_H
#define QUIRE_PAGER_FILL_H

#include "kernel.h"
#include "segment.h"

struct pager;

/* What `set` takes pages from, beside the segment itself. */
struct fill_source {
    frame_id_t first_frame; /* fill_image: of the module, where the segment's first page is; fill_frame: the frame */
    uint64_t file_bytes;    /* fill_image: from there on, then zeroes */
    uint32_t cache;         /* fill_device: ATTRIBUTE_CACHE */
};

constexpr uint8_t FILL_PAGE_CHARGE_MOST = 1;

/* Pages that one message brings: to zero one takes longer than another entry of a page table. */
constexpr uint64_t FILL_STEP_PAGES = STEP_PAGES / 2;

struct fill {
    const char *name;
    enum status (*set)(space_id_t space, const struct segment *segment, uint64_t first, uint64_t limit, const struct fill_source *source);
    enum status (*take_out)(space_id_t space, const struct segment *segment, uint64_t first, uint64_t limit, uint64_t pages, uint64_t *gone);
    uint64_t unmap_flags;     /* UNMAP_FREE: the frames are the segment's; UNMAP_KEEP: somebody else's */
    uint8_t frame_step;       /* from the frame of a page to that of the next */
    uint8_t page_charge;      /* for each page mapped: 1; 0 where the frame is the boot's */
    uint8_t protections;      /* mask of PROTECTION_... that such pages may have */
    uint16_t fault_pages;     /* that a fault brings, aligned, where the segment has them all; 0: by the faults before it (fault.h) */
    bool is_pinned;           /* pages keep their frames as long as the memory is there: discard and map_over are refused */
    bool is_zero;             /* its pages begin as zeroes and are nobody else's: they can be made so again in place */
    bool is_whole;            /* its memory goes as a whole and in one step or not at all, and is neither protected, moved nor joined */
    bool is_exclusive;        /* no other process may have a page of it */
    bool has_registry;        /* the kernel keeps a registry of its pages, whose tables are charged too */
    bool is_shared;           /* who writes is seen by others, also by a duplicate of the process */
    bool is_each_ones;        /* a duplicate of the process gets one of its own, with nothing of this one in it */
};

extern const struct fill fill_image;
extern const struct fill fill_image_shared;
extern const struct fill fill_zero_at_once;
extern const struct fill fill_zero_touched;
extern const struct fill fill_large;
extern const struct fill fill_module;
extern const struct fill fill_contiguous;
extern const struct fill fill_device;
extern const struct fill fill_device_shared;
extern const struct fill fill_frame;
extern const struct fill fill_shared[4]; /* by the protections that it may have */

/* A `set` that maps frames side by side from the segment's `frame` on. */
enum status fill_set_frames(space_id_t space, const struct segment *segment, uint64_t first, uint64_t limit, const struct fill_source *source);
/* Takes the pages of a range out of a space, from below, in the kernel's bounded steps, until `pages` entries are gone; *gone counts them. Where a range begins
 * or ends inside a large page that page is split, by one of its own frames if there is no other. NO_MEMORY only on machines whose memory is not all within the
 * kernel's reach: who may be there has split it before (range_afford_cuts). */
enum status fill_unmap(space_id_t space, uint64_t first, uint64_t limit, uint64_t flags, uint64_t pages, uint64_t *gone);
/* A `take_out`: the same with the flags of the segment's fill. */
enum status fill_take_out(space_id_t space, const struct segment *segment, uint64_t first, uint64_t limit, uint64_t pages, uint64_t *gone);
/* Takes the pages of devices out of a range, holes allowed. */
void fill_unmap_device(space_id_t space, uint64_t first, uint64_t limit);
/* All pages of a segment: of one that grows down from above first. As fill_unmap. */
enum status fill_unmap_all(space_id_t space, const struct segment *segment, uint64_t *gone);
/* Takes back what `set` has brought so far. */
void fill_undo(space_id_t space, uint64_t first, uint64_t limit, uint64_t flags);

#endif
