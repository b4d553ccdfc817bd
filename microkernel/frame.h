/* Frames: who holds which 4 KiB of physical memory.
 *
 * The frame table has eight bytes for each frame from 0 to the end of memory; the tiered bitmap beside it (bitmap.h) finds free ones.
 *
 *             frame_allocate                      frame_free
 *   FREE ---------------------> any kind below ---------------> FREE
 *     ^       frame_prepare                        frame_free     |
 *     +---- SPARE: free too, set aside: what was given back last, and frames zeroed ahead of need
 *   ABSENT and RESERVED never change.
 *
 * Frames are taken and given back in *blocks*: aligned runs of 2^order frames with one kind, one content mark and one count. The first row of a block, its
 * head, says all of it (block.h); frame_find() leads there from any of its frames.
 *
 * Rules. A frame has one kind. A USER block counts the leaf entries that refer to any part of it; only a count of zero may be freed. A freed block loses its
 * kind and cookie at once.
 * Content: a block taken for kernel objects or tables arrives zeroed. A USER block arrives marked dirty (old content) and is zeroed, at the latest,
 * when it is mapped for the first time (frame_clean): so nothing old ever reaches a new owner, and frames that are overwritten anyway are
 * zeroed never. A dirty block above FRAME_CLEAN_ORDER is too long for that: it is not mappable until frame_clean_step() has gone over it. */
#ifndef QUIRE_FRAME_H
#define QUIRE_FRAME_H

#include <assert.h>

#include "types.h"

enum frame_kind : uint8_t {
    FRAME_KIND_ABSENT = 0, /* no memory, or none of ours: a device may be there (device.h) */
    FRAME_KIND_FREE,
    FRAME_KIND_SPARE,      /* free, but the bitmap has it as used: at hand for the next request */
    FRAME_KIND_RESERVED,   /* kernel image, modules, frame table; what is called usable and reserved at once */
    FRAME_KIND_KERNEL,     /* frame table, bitmap, per-processor data */
    FRAME_KIND_TABLE,      /* page table; `count` = live entries, `cookie`: walk.h */
    FRAME_KIND_USER,       /* data of programs; `count` = leaf entries, `cookie` = frames that frame_clean_step has zeroed */
    FRAME_KIND_SPACE,
    FRAME_KIND_THREAD,
    FRAME_KIND_ENDPOINTS,
    FRAME_KINDS,
};

constexpr uint8_t FRAME_ORDER_MASK = 31; /* flags of a row: order of its block, */
constexpr unsigned FRAME_ORDER_SHIFT = 0; /* in the lowest bits: a shift by the flags is one by the order */
constexpr uint8_t FRAME_DIRTY = 32;  /* flag of a head: may hold old content; of a table that is on its way out: entries are left in it */
constexpr uint8_t FRAME_FILLED = 64; /* flag of a head: taken by space_fill, so nobody knows the block by its name */
constexpr uint8_t FRAME_MARK = 128;  /* flag: the checker has been here; never set outside of it */
constexpr uint16_t FRAME_COUNT_LIMIT = UINT16_MAX;
constexpr uint32_t FRAME_ORDERS = 19;       /* orders 0 (4 KiB) to 18 (1 GiB) */
constexpr unsigned FRAME_CLEAN_ORDER = 9;   /* blocks up to this one are zeroed in one go */
constexpr uint32_t FRAME_CLEAN_STEP = 512;  /* frames that frame_clean_step zeroes */
constexpr uint32_t FRAME_ANYWHERE = 0;      /* frame_allocate_below: no limit */

/* Kernel argument oom=panic: a request for a single frame that finds none ends the machine with a message, in place of NO_MEMORY. A block that is not there
 * while single frames are is a status in any case. */
extern bool frame_panics_without;

struct frame_info {
    alignas(8) enum frame_kind kind; /* a row is read and written as one word */
    uint8_t flags;
    uint16_t count;
    uint32_t cookie;
};
static_assert(sizeof(struct frame_info) == 8);

/* RESERVED: what firmware does not give; no memory where nobody calls it usable too. KERNEL: what the kernel and its modules lie in. */
enum memory_kind : uint32_t { MEMORY_USABLE = 1, MEMORY_RESERVED = 2, MEMORY_KERNEL = 3 };

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

/* Takes an aligned block of 2^order frames. USER blocks arrive dirty or zeroed, as their row says, and from beyond the direct map if there is memory;
 * every other kind arrives zeroed and from below.
 * NO_MEMORY, BAD_ARGUMENT (order, kind). AGAIN: the search was long (bitmap.h); the same request goes on; never for orders 0, 9, 18.
 * Commits nothing on failure. At most 256 rows are written, whatever the order; a miss gives back what is spare first (up to 3,600 rows). */
static inline enum status frame_allocate(unsigned order, enum frame_kind kind, frame_t *block);

/* The same, of frames below `limit` (for devices that reach no further); FRAME_ANYWHERE: no limit. */
enum status frame_allocate_below(unsigned order, enum frame_kind kind, uint32_t limit, frame_t *block);

/* Takes 1 to 8 zeroed frames for tables in one request: frames zeroed ahead if there are enough, else frames in a row; where memory has no such row, one by
 * one. NO_MEMORY: none is taken. */
enum status frame_allocate_tables(frame_t tables[], unsigned count);

/* Takes a frame for a table as it is: the caller writes every entry before the table is used. NO_MEMORY. */
enum status frame_allocate_unzeroed_table(frame_t *table);

/* Takes a USER frame for who writes all of it: one that was given back dirty, while there is one, so that zeroed ones stay for who needs them. NO_MEMORY. */
enum status frame_allocate_dirty(frame_t *frame);

/* Takes up to 64 single dirty USER frames at once: base + i for each set bit i of the mask, which is not 0. No row is written (block.h). NO_MEMORY. */
enum status frame_allocate_batch(frame_t *base, uint64_t *mask);

/* So many single USER frames can be taken: frame_allocate_user(0, ...) will not fail that often, if nothing else is taken meanwhile. NO_MEMORY. */
enum status frame_require(unsigned count);

/* The two halves of frame_allocate. */
enum status frame_allocate_user(unsigned order, frame_t *block);
enum status frame_allocate_object(unsigned order, enum frame_kind kind, frame_t *block);

static inline enum status frame_allocate(unsigned order, enum frame_kind kind, frame_t *block)
{
    return kind == FRAME_KIND_USER ? frame_allocate_user(order, block) : frame_allocate_object(order, kind, block);
}

/* Gives 2^order frames back: a block, smaller blocks that together are one (up to order 9), or a part of one (up to order 9; what is left of it is
 * single frames then). BAD_FRAME: not such frames of `kind`, misaligned, out of range; FRAME_BUSY: a count is not 0. */
static inline enum status frame_free(frame_t block, unsigned order, enum frame_kind kind);

/* The two halves of frame_free. */
enum status frame_free_user(frame_t block, unsigned order);
enum status frame_free_object(frame_t block, unsigned order, enum frame_kind kind);

static inline enum status frame_free(frame_t block, unsigned order, enum frame_kind kind)
{
    return kind == FRAME_KIND_USER ? frame_free_user(block, order) : frame_free_object(block, order, kind);
}

/* The same for who knows that it can be. */
static inline void frame_release(frame_t block, unsigned order, enum frame_kind kind)
{
    [[maybe_unused]] enum status status = frame_free(block, order, kind);
    assert(status == STATUS_OK);
}

/* Gives the frame of an object or a table back that is all zero: it need not be zeroed for its next owner. */
void frame_free_zeroed(frame_t frame, enum frame_kind kind);

/* Breaks the unmapped USER block that holds `frame`, so that a block of `order` begins there. Up to order 9 the 2 MiB around it become blocks of `order`,
 * what else there is stays in blocks as large as possible. At most about 1,500 rows are written. BAD_FRAME (no USER frame), BAD_ALIGNMENT (frame and order),
 * BAD_ARGUMENT (order: not below the block's), FRAME_BUSY (mapped). */
enum status frame_split(frame_t frame, unsigned order);

/* Makes RESERVED frames of [first, first + count) single USER frames (modules handed to the pager). BAD_FRAME when one is of another kind. */
enum status frame_adopt(frame_t first, uint32_t count_frames);

/* The head's row of the block that holds a frame; for frames in no block their own row. nullptr beyond the table. */
struct frame_info *frame_find(frame_t frame);
/* True when the frame exists and has the kind. */
bool frame_is(frame_t frame, enum frame_kind kind);
/* The same for the kinds of objects, whose blocks are single frames: one load. */
bool frame_is_object(frame_t frame, enum frame_kind kind);
/* The object of a kind that is in the frame of a number from outside, or nullptr. */
void *frame_object(uint64_t number, enum frame_kind kind);

static inline unsigned frame_order(const struct frame_info *info)
{
    return (info->flags & FRAME_ORDER_MASK) >> FRAME_ORDER_SHIFT;
}

/* A dirty block that is too long to be zeroed in one go. */
static inline bool frame_is_unmappable(const struct frame_info *info)
{
    static_assert(FRAME_DIRTY == FRAME_ORDER_MASK + 1 && FRAME_ORDER_SHIFT == 0); /* so flag and order are one number */
    return (info->flags & (FRAME_DIRTY | FRAME_ORDER_MASK)) > (FRAME_DIRTY | FRAME_CLEAN_ORDER);
}

/* Zeroes the block of a frame when it is dirty, and drops the mark. `info`: frame_find(frame), mappable. */
void frame_clean(frame_t frame, struct frame_info *info);

/* Zeroes the USER block of a frame, dirty or not, FRAME_CLEAN_STEP frames a call. AGAIN until all of it is done; meanwhile a block above
 * FRAME_CLEAN_ORDER is dirty. `info`: frame_find(frame). */
enum status frame_clean_step(frame_t frame, struct frame_info *info);

/* The idle processor's work: zeroes one free frame ahead of need; false when the stock of zeroed frames is full, or no frame is there for it. */
bool frame_prepare(void);

uint64_t frame_count_free(void);
uint64_t frame_count_total(void); /* frames that are memory: every kind but ABSENT and RESERVED */
uint32_t frame_count_table(void); /* rows of the frame table */

/* For the checker (check.c), one step for each frame. Tiers: the bitmap follows from its lowest tier and says what the table says, rows of one block agree;
 * the stock is zero.
 * Counts: free and total recounted from the table, no unknown kind, the first 64 KiB never held. */
bool frame_check_tiers(void);
bool frame_check_counts(void);

#endif
