/* Frames for the tables of one step: all in one request.
 *
 * They come zeroed ahead, or side by side: of an aligned block as long as needed, the rest of which goes back at once. Both are wishes: a single frame
 * anywhere is a table too. */
#include "frame.h"

#include <assert.h>

#include "arch.h"
#include "block.h"
#include "counter.h"

/* One by one: a single one, or when memory has no row of them. */
static enum status tables_collect(frame_t tables[], unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if (frame_allocate_object(0, FRAME_KIND_TABLE, &tables[i]) == STATUS_OK) continue;
        while (i > 0) frame_free_zeroed(tables[--i], FRAME_KIND_TABLE);
        return STATUS_NO_MEMORY;
    }
    return STATUS_OK;
}

enum status frame_allocate_tables(frame_t tables[], unsigned count)
{
    assert(count >= 1 && count <= 8);
    if (count == 1) return tables_collect(tables, count);
    counter_add(COUNTER_FRAME_REQUESTS, 1);
    if (frame_state.stock_count >= count) {
        for (unsigned i = 0; i < count; i++) stock_take(FRAME_KIND_TABLE, &tables[i]);
        return STATUS_OK;
    }
    unsigned order = 32 - (unsigned)__builtin_clz(count - 1);
    uint32_t first;
    if (bitmap_allocate_within(&frame_state.bitmap, order, 0, arch_direct_frames(), &first) != BITMAP_FOUND) return tables_collect(tables, count);
    // Commit: nothing below may fail.
    block_zero(first, count);
    for (unsigned i = 0; i < 1u << order; i++) {
        if (i < count) {
            tables[i] = (frame_t){ first + i };
            frame_table[first + i] = (struct frame_info){ .kind = FRAME_KIND_TABLE };
        } else {
            bitmap_free(&frame_state.bitmap, first + i, 0);
        }
    }
    return STATUS_OK;
}
