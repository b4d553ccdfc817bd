/* The tiered bitmap: the beginning. Its storage, and the memory that the boot gives it. */
#include <assert.h>

#include "bitmap.h"
#include "bitmap_tiers.h"

/* Nodes of 2^order frames for `count` frames; at least one, so that there always is an open word. */
static uint64_t nodes_count(uint32_t count, unsigned order)
{
    return count == 0 ? 1 : ((uint64_t)count + ((1u << order) - 1)) >> order;
}

uint64_t bitmap_storage_bytes(uint32_t count)
{
    assert(count <= BITMAP_FRAMES_LIMIT);
    return nodes_count(count, GIGABYTE_ORDER) * sizeof(struct bitmap_gigabyte) + nodes_count(count, NODE_ORDER) * BITMAP_NODE_WORDS * sizeof(uint64_t);
}

void bitmap_initialise(struct bitmap *bitmap, void *storage, uint32_t count)
{
    assert(count <= BITMAP_FRAMES_LIMIT && (uintptr_t)storage % 8 == 0);
    *bitmap = (struct bitmap){ .count = count };
    bitmap->gigabytes = storage;
    bitmap->words = (uint64_t *)(bitmap->gigabytes + nodes_count(count, GIGABYTE_ORDER));
}

bool bitmap_insert_range(struct bitmap *bitmap, uint32_t first, uint32_t limit)
{
    if (first > limit || limit > bitmap->count) return false;
    while (first < limit) { /* the largest aligned block that fits, each time: at most 2 * BITMAP_ORDERS and one for each GiB */
        unsigned order = 31 - (unsigned)__builtin_clz(limit - first);
        unsigned alignment = first == 0 ? BITMAP_ORDERS - 1 : (unsigned)__builtin_ctz(first);
        if (order > alignment) order = alignment;
        if (order > BITMAP_ORDERS - 1) order = BITMAP_ORDERS - 1;
        bitmap_free(bitmap, first, order);
        first += 1u << order;
    }
    return true;
}
