/* Frames: who holds which 4 KiB of physical memory.
 *
 * The frame table has eight bytes for each frame from 0 to the end of memory; the tiered bitmap beside it (bitmap.h) finds free ones.
 *
 *             frame_allocate                      frame_free
 *   FREE ---------------------> any kind below ---------------> FREE
 *   ABSENT and RESERVED never change.
 *
 * Rules. A frame has one kind. USER frames count their mappings; only a count of zero may be freed. A freed frame loses its kind and cookie at once.
 * Content: a frame taken as a kernel object or table arrives zeroed. A USER frame arrives marked dirty (old content) and is zeroed, at the latest,
 * when it is mapped for the first time (frame_clean): so nothing old ever reaches a new owner, and frames that are overwritten anyway are
 * zeroed never. */
#ifndef QUIRE_FRAME_H
#define QUIRE_FRAME_H

#include "types.h"

enum frame_kind : uint8_t {
    FRAME_KIND_ABSENT = 0, /* not memory */
    FRAME_KIND_FREE,
    FRAME_KIND_RESERVED,   /* firmware, kernel image, boot information, bad memory */
    FRAME_KIND_KERNEL,     /* frame table, bitmap, per-processor data */
    FRAME_KIND_TABLE,      /* page table; `count` = live entries, `cookie` = frame of its space */
    FRAME_KIND_USER,       /* data of programs; `count` = mappings, `cookie` is the pager's */
    FRAME_KIND_SPACE,
    FRAME_KIND_THREAD,
    FRAME_KIND_ENDPOINTS,
    FRAME_KINDS,
};

constexpr uint8_t FRAME_DIRTY = 1; /* flag: may hold old content */
constexpr uint16_t FRAME_COUNT_LIMIT = UINT16_MAX;
constexpr uint32_t FRAME_ORDERS = 19; /* orders 0 (4 KiB) to 18 (1 GiB) */

struct frame_info {
    enum frame_kind kind;
    uint8_t flags;
    uint16_t count;
    uint32_t cookie;
};
static_assert(sizeof(struct frame_info) == 8);

enum memory_kind : uint32_t { MEMORY_USABLE = 1, MEMORY_RESERVED = 2 };

/* A range of physical memory in bytes, as firmware says it: any alignment, any order, overlaps allowed (the stricter kind wins). */
struct memory_range {
    uint64_t first;
    uint64_t limit;
    enum memory_kind kind;
};

/* Bytes that frame_initialise needs for `count` frames: frame table and bitmap, a multiple of PAGE_BYTES. */
uint64_t frame_storage_bytes(uint32_t count_frames);

/* Builds the frame table for frames [0, count_frames) in `storage` (page aligned, zero-filled, frame_storage_bytes long). Whole usable frames become
 * FREE, except those touched by a reserved range. The caller passes its own storage, image and modules as reserved ranges. */
void frame_initialise(void *storage, uint32_t count_frames, const struct memory_range *ranges, size_t count_ranges);

/* Takes an aligned block of 2^order frames. USER frames arrive dirty, every other kind zeroed and below arch_direct_frames().
 * NO_MEMORY, BAD_ARGUMENT (order). Commits nothing on failure. */
enum status frame_allocate(unsigned order, enum frame_kind kind, frame_t *block);

/* Gives a block back. BAD_FRAME: not exactly a block of allocated frames of `kind`, misaligned, out of range; FRAME_BUSY: a count is not 0. */
enum status frame_free(frame_t block, unsigned order, enum frame_kind kind);

/* Makes RESERVED frames of [first, first + count) USER frames (modules handed to the pager). BAD_FRAME when one is of another kind. */
enum status frame_adopt(frame_t first, uint32_t count_frames);

/* The entry of a frame, or nullptr beyond the table. */
struct frame_info *frame_find(frame_t frame);
/* True when the frame exists and has the kind. */
bool frame_is(frame_t frame, enum frame_kind kind);

/* Zeroes a dirty frame and drops the mark. */
void frame_clean(frame_t frame, struct frame_info *info);

/* The idle processor's work: zeroes one free frame ahead of need; false when the stock of zeroed frames is full. */
bool frame_prepare(void);

uint64_t frame_count_free(void);
uint64_t frame_count_total(void); /* frames that are memory: every kind but ABSENT and RESERVED */
uint32_t frame_count_table(void); /* rows of the frame table */

/* For the checker (check.c), one step for each frame. Tiers: the bitmap follows from its lowest tier and says what the table says; the stock is zero.
 * Counts: free and total recounted from the table, no unknown kind, the first 64 KiB never held. */
bool frame_check_tiers(void);
bool frame_check_counts(void);

#endif
