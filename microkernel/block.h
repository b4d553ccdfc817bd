/* Blocks: how the rows of the frame table say which frames belong together. Internal to frame*.c, space*.c and check*.c.
 *
 *   order     rows that are written                           all other rows of the block
 *   0 - 9     every row: kind and order                       -
 *   10 - 17   the first row of each 512 frames (group head)   FREE and zero, as they were when the block was free
 *   18        the head                                        FREE and zero
 *
 * Content mark, count and cookie stand in the head alone. So taking 1 GiB writes one row and taking 512 MiB writes 256, and the rows in between are right again
 * when the block is given back. The price: a row that says FREE may lie in a block, which the row of its group or of its 1 GiB tells.
 *
 *  1  Rows of one block agree in kind and order; in all but the head flags other than the order, count and cookie are zero.
 *  2  A row that does not say FREE is about its own block: so the way from a single frame to its row is one load. */
#ifndef QUIRE_BLOCK_H
#define QUIRE_BLOCK_H

#include "bitmap.h"
#include "frame.h"

constexpr unsigned GROUP_ORDER = 9;
constexpr uint32_t GROUP_FRAMES = 1u << GROUP_ORDER;
constexpr unsigned TOP_ORDER = FRAME_ORDERS - 1;
constexpr uint32_t STOCK_LIMIT = 64;
constexpr uint32_t FIRST_FRAME = 0x10000 >> PAGE_SHIFT; /* the first 64 KiB hold firmware tables and are never handed out */

/* What frame*.c keep. */
struct frame_state {
    uint32_t count_total;
    struct bitmap bitmap;
    frame_t stock[STOCK_LIMIT];
    uint32_t stock_count;
};
extern struct frame_state frame_state;

extern struct frame_info *frame_table;
extern uint32_t frame_limit; /* rows */

static inline uint32_t block_start(uint32_t number, unsigned order)
{
    return number >> order << order;
}

/* The first frame of the block that holds a frame below frame_limit; the frame itself when it is in no block. */
static inline uint32_t block_head(uint32_t number)
{
    const struct frame_info *info = &frame_table[number];
    if (__builtin_expect(info->kind != FRAME_KIND_FREE, true)) return block_start(number, frame_order(info));
    unsigned order = frame_order(&frame_table[block_start(number, GROUP_ORDER)]);
    if (order > GROUP_ORDER) return block_start(number, order);
    uint32_t top = block_start(number, TOP_ORDER);
    return frame_order(&frame_table[top]) == TOP_ORDER ? top : number;
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

/* Fills rows of the table. */
void block_rows_fill(uint32_t first, uint32_t count, struct frame_info info);
/* Writes the rows of a block: kind and order, and `flags` in the head. */
void block_write(uint32_t first, unsigned order, enum frame_kind kind, uint8_t flags);
/* Makes the rows of a block FREE. */
void block_erase(uint32_t first, unsigned order);
/* Zeroes frames. */
void block_zero(uint32_t first, uint32_t count);

#endif
