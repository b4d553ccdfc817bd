/* A binary buddy system with free lists: nine bytes a frame, in links and a state.
 *
 * The lists are doubly linked through arrays beside the frames, so that a buddy is taken out of the middle of its list and no frame is touched.
 * What is given back must be what was taken: a part of a block has no state of its own.
 *
 * 1. states[i]: order of the free block that begins at i; the same with USED for a taken one; INSIDE for what is no block's first frame.
 * 2. Bit k of `filled` is set when list k is not empty. */
#include <string.h>

#include "alternative.h"

constexpr uint8_t USED = 0x40;
constexpr uint8_t INSIDE = 0xff;
constexpr uint32_t NONE = UINT32_MAX;

struct links { uint32_t next, previous; };

static struct links *links;
static uint8_t *states;
static uint32_t count_frames;
static uint32_t lists[ALTERNATIVE_ORDERS];
static uint32_t filled;

static uint64_t buddy_storage_bytes(uint32_t count)
{
    return (uint64_t)count * (sizeof(struct links) + 1);
}

static void list_push(uint32_t block, unsigned order)
{
    uint32_t next = lists[order];
    links[block] = (struct links){ next, NONE };
    if (next != NONE) links[next].previous = block;
    lists[order] = block;
    states[block] = (uint8_t)order;
    filled |= 1u << order;
}

static void list_remove(uint32_t block, unsigned order)
{
    struct links at = links[block];
    if (at.next != NONE) links[at.next].previous = at.previous;
    if (at.previous != NONE) links[at.previous].next = at.next;
    else if ((lists[order] = at.next) == NONE) filled &= ~(1u << order);
}

static void buddy_initialise(void *storage, uint32_t count)
{
    links = storage;
    states = (uint8_t *)(links + count);
    count_frames = count;
    filled = 0;
    memset(states, INSIDE, count);
    memset(lists, 0xff, sizeof lists);
    for (uint32_t at = count; at > 0;) { /* downwards, so that the lists begin at the lowest address */
        unsigned order = (unsigned)__builtin_ctz(at);
        if (order > ALTERNATIVE_ORDERS - 1) order = ALTERNATIVE_ORDERS - 1;
        at -= 1u << order;
        list_push(at, order);
    }
}

static bool buddy_allocate(unsigned order, uint32_t *first)
{
    uint32_t enough = filled >> order << order;
    if (enough == 0) return false;
    unsigned from = (unsigned)__builtin_ctz(enough);
    uint32_t block = lists[from];
    list_remove(block, from);
    while (from > order) {
        from--;
        list_push(block + (1u << from), from);
    }
    states[block] = (uint8_t)order | USED;
    *first = block;
    return true;
}

static bool buddy_free(uint32_t first, unsigned order)
{
    if (first >= count_frames || states[first] != (order | USED)) return false;
    states[first] = INSIDE;
    while (order < ALTERNATIVE_ORDERS - 1) {
        uint32_t other = first ^ 1u << order;
        if (other >= count_frames || states[other] != order) break;
        list_remove(other, order);
        states[other] = INSIDE;
        first &= other;
        order++;
    }
    list_push(first, order);
    return true;
}

const struct alternative alternative_buddy = { "buddy", buddy_storage_bytes, buddy_initialise, buddy_allocate, buddy_free };
