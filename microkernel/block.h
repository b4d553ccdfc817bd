/* Blocks: how the rows of the frame table say which frames belong together. Internal to frame*.c, space*.c and check*.c.
 *
 *   order     rows that are written                           all other rows of the block
 *   0 - 8     every row: kind and order                       -
 *   9 - 17    the first row of each 512 frames (group head)   FREE and zero, as they were when the block was free
 *   18        the head                                        FREE and zero
 *   batch     none                                            FREE and zero
 *
 * Content mark, count and cookie stand in the head alone. So taking 2 MiB or 1 GiB writes one row, and taking 512 MiB 256. The price: a row that says FREE may
 * lie in a block, which the row of its group or of its 1 GiB tells; and when they know of none and the bitmap has the frame as used, it is a single USER frame,
 * dirty, that came with a batch and that nobody has asked about: block_find() writes its row now.
 *
 *  1  Rows of one block agree in kind and order, but for the head of a spare block, which says SPARE; in all but the head flags other than the order, count
 *     and cookie are zero.
 *  2  A row that does not say FREE is about its own block: so the way from a single frame to its row is one load.
 *  3  Frames of the bitmap are used when their row says FREE, no block has them, and they are one of the count_unwritten frames of batches. */
#ifndef QUIRE_BLOCK_H
#define QUIRE_BLOCK_H

#include <string.h>

#include "arch.h"
#include "bitmap.h"
#include "counter.h"
#include "frame.h"

constexpr unsigned GROUP_ORDER = 9;
constexpr uint32_t GROUP_FRAMES = 1u << GROUP_ORDER;
constexpr unsigned TOP_ORDER = FRAME_ORDERS - 1;
constexpr uint32_t STOCK_LIMIT = 64;
constexpr unsigned SPARES = 7; /* of each order */
constexpr uint32_t FIRST_FRAME = 0x10000 >> PAGE_SHIFT; /* the first 64 KiB hold firmware tables and are never handed out */

/* What frame*.c keep. */
struct frame_state {
    uint32_t count_total;
    uint32_t count_unwritten;             /* frames of batches whose rows say FREE */
    uint32_t stock_count;                 /* single frames that are zero */
    uint8_t count_spares[24];             /* of each order; a multiple of 8 for a quick look at all */
    uint32_t spares[FRAME_ORDERS][SPARES]; /* heads of USER blocks and single frames given back a moment ago; the last one goes first */
    frame_t stock[STOCK_LIMIT];
    struct bitmap bitmap;
};
extern struct frame_state frame_state;

#define frame_table (arch_frame_table())
extern uint32_t frame_limit; /* rows */

static inline uint32_t block_start(uint32_t number, unsigned order)
{
    return number >> order << order;
}

/* block_head() of a frame whose own row says FREE. */
uint32_t block_find(uint32_t number);

/* The first frame of the block that holds a frame below frame_limit; the frame itself when it is in no block. */
static inline uint32_t block_head(uint32_t number)
{
    const struct frame_info *info = &frame_table[number];
    if (__builtin_expect(info->kind != FRAME_KIND_FREE, true)) return block_start(number, frame_order(info));
    return block_find(number);
}

/* The same as a row; of a frame below frame_limit. */
static inline struct frame_info *block_row(uint32_t number)
{
    return &frame_table[block_head(number)];
}

/* Kinds that frame_allocate gives and frame_free takes. */
static inline bool block_kind_is_owned(enum frame_kind kind)
{
    return kind >= FRAME_KIND_KERNEL && kind < FRAME_KINDS;
}

/* Takes a frame that was zeroed ahead for a kind that is in no block. */
static inline bool stock_take(enum frame_kind kind, frame_t *frame)
{
    if (frame_state.stock_count == 0) return false;
    *frame = frame_state.stock[--frame_state.stock_count];
    frame_table[frame->number] = (struct frame_info){ .kind = kind };
    return true;
}

/* Fills rows of the table. */
static inline void block_rows_fill(uint32_t first, uint32_t count, struct frame_info info)
{
    uint64_t row;
    memcpy(&row, &info, sizeof row);
    arch_words_fill(&frame_table[first], row, count);
}

/* Writes the rows of a block: kind and order, and `flags` in the head. */
void block_write(uint32_t first, unsigned order, enum frame_kind kind, uint8_t flags);
/* Zeroes frames. */
void block_zero(uint32_t first, uint32_t count);

/* Zeroes one that most likely is direct-mapped. */
static inline void single_zero(uint32_t number)
{
    if (__builtin_expect(!arch_frame_is_direct((frame_t){ number }), false)) {
        block_zero(number, 1);
        return;
    }
    counter_add(COUNTER_FRAMES_ZEROED, 1);
    arch_page_zero(arch_frame_pointer((frame_t){ number }));
}

/* --- Spares, and the ways between frame.c and frame_block.c --- */

/* Makes a USER block or a single frame that nothing refers to spare. False: there are enough. */
static inline bool spare_give(uint32_t first, unsigned order)
{
    unsigned count = frame_state.count_spares[order];
    if (count == SPARES) return false;
    frame_state.spares[order][count] = first;
    frame_state.count_spares[order] = (uint8_t)(count + 1);
    frame_table[first] = (struct frame_info){ .kind = FRAME_KIND_SPARE, .flags = (uint8_t)(order << FRAME_ORDER_SHIFT | FRAME_DIRTY) };
    return true;
}

/* A block of any kind from the bitmap. `limit`: UINT32_MAX for none. BAD_ARGUMENT, NO_MEMORY, AGAIN. */
enum status block_allocate(unsigned order, enum frame_kind kind, uint32_t limit, frame_t *block);
/* The rows and the bits of a block that is nobody's any more. */
void block_give_back(uint32_t first, unsigned order);
/* The open word has a free frame now, one beyond the direct map if possible; false: none is free anywhere. */
[[clang::preserve_most]] bool word_prepare(void);
/* Not one frame is there for a request that sets no limit. */
enum status frames_are_out(void);

#endif
