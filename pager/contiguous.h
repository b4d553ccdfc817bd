/* Frames that lie side by side: taken as one block, kept as single frames. */
#ifndef QUIRE_PAGER_CONTIGUOUS_H
#define QUIRE_PAGER_CONTIGUOUS_H

#include "kernel.h"

constexpr unsigned CONTIGUOUS_ORDER_MOST = 18; /* of the kernel's blocks: 1 GiB */
constexpr uint64_t CONTIGUOUS_BYTES_MOST = (uint64_t)64 << 20; /* of one segment: bounds the steps of taking it */

/* Takes `count` frames whose first number is a multiple of 2^order, all with numbers below `limit` (0: any). NO_MEMORY: no block of the power of two that
 * holds them is free there. */
enum status contiguous_take(uint64_t count, unsigned order, uint64_t limit, frame_id_t *first);
/* Gives back frames side by side that are mapped nowhere. */
void contiguous_give(frame_id_t first, uint64_t count);

#endif
