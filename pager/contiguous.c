/* Frames side by side. See contiguous.h.
 *
 * The kernel hands out blocks of powers of two. What the block has more than was asked for goes back at once, in the largest blocks that fit; the rest is
 * broken into single frames, a group of 512 with each call. */
#include "contiguous.h"

#include <assert.h>

constexpr unsigned GROUP_ORDER = 9; /* a block up to this one is broken by one call, and goes back by one whatever it was broken into */

/* Makes a block of 2^order frames begin at a frame, if a larger one holds it. */
static void block_break(uint64_t frame, unsigned order)
{
    enum status status = seam_frame_split((frame_id_t){ frame }, order);
    assert(status == STATUS_OK || status == STATUS_BAD_ARGUMENT);
    (void)status;
}

void contiguous_give(frame_id_t first, uint64_t count)
{
    for (uint64_t at = first.number, limit = first.number + count; at < limit;) {
        unsigned order = 0;
        while (order < GROUP_ORDER && at % ((uint64_t)2 << order) == 0 && limit - at >= (uint64_t)2 << order) order++;
        block_break(at, order);
        enum status status = seam_frame_free_block((frame_id_t){ at }, order);
        assert(status == STATUS_OK);
        (void)status;
        at += (uint64_t)1 << order;
    }
}

enum status contiguous_take(uint64_t count, unsigned order, uint64_t limit, frame_id_t *first)
{
    while ((uint64_t)1 << order < count) order++;
    if (order > CONTIGUOUS_ORDER_MOST) return STATUS_NO_MEMORY;
    enum status status;
    do status = seam_frame_allocate_below(order, limit, first);
    while (status == STATUS_AGAIN);
    if (status != STATUS_OK) return status;
    for (uint64_t at = 0; at < count; at += (uint64_t)1 << GROUP_ORDER) block_break(first->number + at, 0);
    contiguous_give((frame_id_t){ first->number + count }, ((uint64_t)1 << order) - count);
    return STATUS_OK;
}
