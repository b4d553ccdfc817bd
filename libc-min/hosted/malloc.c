/* The heap: malloc and its kind over the break, large blocks over the mmap area.
 *
 * Boundary tags let a block find both neighbours and merge with them when it is freed; free blocks hang in lists by size, and a word with one bit
 * for each list finds the first that fits. So malloc and free look at a few words whatever the heap's size, and memory comes together again.
 *
 *   used   | size, flags | payload ...                            |     the payload starts at a multiple of 16
 *   free   | size, flags | next | previous | ...           | size |     size again in the last word
 *   large  | size, LARGE | payload ...                            |     a mapping of its own, given back at once
 *
 * An area is what one or several moves of the break in a row gave: a pointer to the area before it, blocks, and a used block of size 0, its fence.
 * When somebody else moved the break in between, the next move begins another area.
 *
 * 1. Sizes are multiples of UNIT and at least BLOCK_LEAST, whose four words hold a free block.
 * 2. BEFORE_USED in a block's flags says that the one before it is used; then the word in front belongs to that one's payload.
 * 3. No two free blocks are neighbours.
 * 4. Every free block hangs in the list of its size, and a list's bit is set exactly when it is not empty.
 * 5. Blocks in the heap are looked at and changed by who has `heap_lock`; of a used block the payload, LARGE and the size are its owner's to read. */
#include "heap.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <quire/memory.h>
#include <quire/mutex.h>

constexpr size_t UNIT = 16;
constexpr size_t BLOCK_LEAST = 2 * UNIT;
constexpr size_t HEADER = sizeof(uint64_t);
constexpr size_t LARGE_LEAST = 128 << 10; /* from here on a mapping costs less than the memory it may hold up in the heap */
constexpr size_t SIZE_LIMIT = (size_t)1 << 40;
constexpr size_t GROW_LEAST = 64 << 10;   /* the break moves by at least this, one message for sixteen pages */
constexpr size_t EXACT_LISTS = 32;        /* one for each size below 32 units; then one for each power of two */
constexpr size_t LISTS = 64;
constexpr unsigned TRIES = 8;             /* blocks of a list of mixed sizes that one search looks at */

enum : uint64_t { USED = 1, BEFORE_USED = 2, LARGE = 4, FLAGS = UNIT - 1 };

struct block {
    uint64_t size_flags;
    struct block *next, *previous; /* in a free block only */
};

struct area {
    struct area *before;
    struct block first[];
};

static struct {
    struct block *list[LISTS];
    uint64_t list_bits;
    struct area *area;   /* the newest; nullptr before the first */
    struct block *fence; /* its end */
} heap;
static struct mutex heap_lock;

/* --- Blocks --- */

static size_t block_size(const struct block *block) { return block->size_flags & ~FLAGS; }
static bool block_is_used(const struct block *block) { return (block->size_flags & USED) != 0; }
static void *block_payload(struct block *block) { return (char *)block + HEADER; }
static struct block *payload_block(void *payload) { return (struct block *)(void *)((char *)payload - HEADER); }
static struct block *block_at(struct block *block, size_t offset) { return (struct block *)(void *)((char *)block + offset); }
static struct block *block_after(struct block *block) { return block_at(block, block_size(block)); }

static struct block *block_before(struct block *block)
{
    assert((block->size_flags & BEFORE_USED) == 0);
    return (struct block *)(void *)((char *)block - ((uint64_t *)block)[-1]);
}

static size_t list_of(size_t size)
{
    size_t units = size / UNIT;
    if (units < EXACT_LISTS)
        return units;
    size_t list = EXACT_LISTS - 5 + (size_t)(63 - __builtin_clzll(units)); /* 2^5 units stand in the first list of mixed sizes */
    assert(list < LISTS);
    return list;
}
static_assert(EXACT_LISTS == 1 << 5);

static void list_insert(struct block *block)
{
    size_t list = list_of(block_size(block));
    block->previous = nullptr;
    block->next = heap.list[list];
    if (block->next != nullptr)
        block->next->previous = block;
    heap.list[list] = block;
    heap.list_bits |= (uint64_t)1 << list;
}

static void list_remove(struct block *block)
{
    size_t list = list_of(block_size(block));
    assert((block->previous == nullptr) == (heap.list[list] == block));
    if (block->next != nullptr)
        block->next->previous = block->previous;
    if (block->previous != nullptr)
        block->previous->next = block->next;
    else if ((heap.list[list] = block->next) == nullptr)
        heap.list_bits &= ~((uint64_t)1 << list);
}

/* A free block of at least `size` bytes, or nullptr. Only the list of its own size may hold some that are too small; there the search ends early, but
 * never before the block that was freed last. */
static struct block *list_find(size_t size)
{
    size_t list = list_of(size);
    struct block *block = heap.list[list];
    for (unsigned tries = 0; block != nullptr && tries < TRIES; block = block->next, tries++)
        if (block_size(block) >= size)
            return block;
    uint64_t larger = list + 1 < 64 ? heap.list_bits >> (list + 1) << (list + 1) : 0;
    return larger != 0 ? heap.list[__builtin_ctzll(larger)] : nullptr;
}

/* Makes [block, block + size) one free block; it is in no list yet and what stands before it is used. Merges it with a free block behind it. */
static void block_release(struct block *block, size_t size)
{
    struct block *after = block_at(block, size);
    if (!block_is_used(after)) {
        list_remove(after);
        size += block_size(after);
        after = block_at(block, size);
    }
    block->size_flags = size | BEFORE_USED;
    ((uint64_t *)after)[-1] = size;
    after->size_flags &= ~BEFORE_USED;
    list_insert(block);
}

/* Takes `size` bytes from the front of a block of `whole` bytes that is in no list; the rest, if it can be a block, is free again. */
static void *block_take(struct block *block, size_t whole, size_t size)
{
    assert(whole >= size);
    uint64_t before = block->size_flags & BEFORE_USED;
    if (whole - size < BLOCK_LEAST)
        size = whole;
    block->size_flags = size | USED | before;
    if (size < whole)
        block_release(block_at(block, size), whole - size);
    else
        block_after(block)->size_flags |= BEFORE_USED;
    return block_payload(block);
}

/* --- The break --- */

/* Makes [start, limit) the newest area, all of it one block that is not yet free. */
static struct block *area_begin(uint64_t start)
{
    struct area *area = (struct area *)(uintptr_t)((start + UNIT - 1) & ~(uint64_t)(UNIT - 1));
    area->before = heap.area;
    area->first->size_flags = BEFORE_USED;
    heap.area = area;
    return area->first;
}

/* Moves the break so that a free block of at least `size` bytes exists and is found first. False: there is no memory. */
static bool heap_grow(size_t size)
{
    size_t growth = size + 3 * UNIT; /* what a new area loses: alignment at both ends, pointer, fence */
    growth = growth < GROW_LEAST ? GROW_LEAST : (growth + PAGE_BYTES - 1) & ~(size_t)(PAGE_BYTES - 1);
    uint64_t start;
    if (memory_brk((int64_t)growth, &start) != STATUS_OK)
        return false;

    /* The old fence becomes the header of what is new, if that follows at once. */
    bool follows = heap.fence != nullptr && start - ((uintptr_t)heap.fence + HEADER) < UNIT;
    struct block *block = follows ? heap.fence : area_begin(start);
    heap.fence = (struct block *)(uintptr_t)(((start + growth) & ~(uint64_t)(UNIT - 1)) - HEADER);
    heap.fence->size_flags = USED;
    size_t gained = (size_t)((char *)heap.fence - (char *)block);
    if ((block->size_flags & BEFORE_USED) == 0) {
        block = block_before(block);
        list_remove(block);
        gained += block_size(block);
    }
    block_release(block, gained);
    return true;
}

/* --- Large blocks --- */

static void *large_allocate(size_t size_bytes)
{
    size_t size = (size_bytes + UNIT + PAGE_BYTES - 1) & ~(size_t)(PAGE_BYTES - 1);
    uint64_t address;
    if (memory_map(size, PROTECTION_WRITE, &address) != STATUS_OK)
        return nullptr;
    struct block *block = (struct block *)(uintptr_t)(address + UNIT - HEADER);
    block->size_flags = size | USED | LARGE;
    return block_payload(block);
}

static void large_free(struct block *block)
{
    enum status status = memory_unmap((uintptr_t)block + HEADER - UNIT, block_size(block));
    assert(status == STATUS_OK);
    (void)status;
}

/* --- Public --- */

static size_t block_size_for(size_t size_bytes)
{
    size_t size = (size_bytes + HEADER + UNIT - 1) & ~(UNIT - 1);
    return size < BLOCK_LEAST ? BLOCK_LEAST : size;
}

/* How many bytes the caller may use. */
static size_t payload_size(const struct block *block)
{
    return block_size(block) - ((block->size_flags & LARGE) != 0 ? UNIT : HEADER);
}

static struct block *block_check(void *memory)
{
    struct block *block = payload_block(memory);
    assert((uintptr_t)memory % UNIT == 0);
    assert(block_is_used(block) && block_size(block) >= BLOCK_LEAST);
    return block;
}

static void *heap_allocate(size_t size)
{
    struct block *block = list_find(size);
    if (block == nullptr) {
        if (!heap_grow(size))
            return nullptr;
        block = list_find(size);
    }
    assert(block != nullptr && !block_is_used(block));
    list_remove(block);
    return block_take(block, block_size(block), size);
}

void *malloc(size_t size_bytes)
{
    if (size_bytes > SIZE_LIMIT)
        return nullptr;
    if (size_bytes >= LARGE_LEAST)
        return large_allocate(size_bytes);
    mutex_lock(&heap_lock);
    void *memory = heap_allocate(block_size_for(size_bytes));
    mutex_unlock(&heap_lock);
    return memory;
}

static void heap_free(struct block *block)
{
    size_t size = block_size(block);
    if ((block->size_flags & BEFORE_USED) == 0) {
        block->size_flags &= ~USED; /* a second free of it finds this, whatever it is part of by then */
        block = block_before(block);
        list_remove(block);
        size += block_size(block);
    }
    block_release(block, size);
}

void free(void *memory)
{
    if (memory == nullptr)
        return;
    struct block *block = block_check(memory);
    if ((block->size_flags & LARGE) != 0) {
        large_free(block);
        return;
    }
    mutex_lock(&heap_lock);
    heap_free(block);
    mutex_unlock(&heap_lock);
}

void *calloc(size_t count, size_t size_bytes)
{
    size_t size;
    if (__builtin_mul_overflow(count, size_bytes, &size))
        return nullptr;
    void *memory = malloc(size);
    if (memory != nullptr && size < LARGE_LEAST) /* a fresh mapping is zero */
        memset(memory, 0, size);
    return memory;
}

/* Makes a block of the heap larger or smaller where it is. False: it cannot. */
static bool heap_resize(struct block *block, size_t size)
{
    size_t whole = block_size(block);
    struct block *after = block_after(block);
    if (size > whole) {
        if (block_is_used(after) || whole + block_size(after) < size)
            return false;
        list_remove(after);
        whole += block_size(after);
    }
    block_take(block, whole, size);
    return true;
}

/* The same for any block. */
static bool block_resize(struct block *block, size_t size_bytes)
{
    if ((block->size_flags & LARGE) != 0 || size_bytes >= LARGE_LEAST)
        return size_bytes <= payload_size(block) && size_bytes >= payload_size(block) / 2;
    mutex_lock(&heap_lock);
    bool is_done = heap_resize(block, block_size_for(size_bytes));
    mutex_unlock(&heap_lock);
    return is_done;
}

void *realloc(void *memory, size_t size_bytes)
{
    if (memory == nullptr)
        return malloc(size_bytes);
    struct block *block = block_check(memory);
    if (size_bytes <= SIZE_LIMIT && block_resize(block, size_bytes))
        return memory;
    void *moved = malloc(size_bytes);
    if (moved != nullptr) {
        size_t old = payload_size(block);
        memcpy(moved, memory, old < size_bytes ? old : size_bytes);
        free(memory);
    }
    return moved;
}

/* --- Checking --- */

static void area_check(struct area *area, struct heap_state *state)
{
    bool before_used = true;
    struct block *block = area->first;
    for (; block_size(block) != 0; block = block_after(block)) {
        size_t size = block_size(block);
        assert(size >= BLOCK_LEAST && (block->size_flags & LARGE) == 0);
        assert(((block->size_flags & BEFORE_USED) != 0) == before_used);
        assert(before_used || block_is_used(block));
        assert(block_is_used(block) || ((uint64_t *)block_after(block))[-1] == size);
        before_used = block_is_used(block);
        *(before_used ? &state->blocks_used : &state->blocks_free) += 1;
        *(before_used ? &state->bytes_used : &state->bytes_free) += size;
    }
    assert(block_is_used(block) && ((block->size_flags & BEFORE_USED) != 0) == before_used);
    assert(area != heap.area || block == heap.fence);
}

struct heap_state heap_check(void)
{
    struct heap_state state = {};
    for (struct area *area = heap.area; area != nullptr; area = area->before)
        area_check(area, &state);
    size_t listed = 0;
    for (size_t list = 0; list < LISTS; list++) {
        assert((heap.list[list] != nullptr) == ((heap.list_bits >> list & 1) != 0));
        for (struct block *block = heap.list[list]; block != nullptr; block = block->next, listed++) {
            assert(!block_is_used(block) && list_of(block_size(block)) == list);
            assert(block->next == nullptr || block->next->previous == block);
        }
    }
    assert(listed == state.blocks_free);
    return state;
}
