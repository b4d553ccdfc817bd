/* The tiered bitmap: finds and marks free frames in a few word reads, whatever the size of memory.
 *
 * A pure data structure over storage that the caller brings: numbers in, numbers out, no lock, no memory of its own. A set bit is a free unit.
 *
 *   tier   node              units            orders   its bits                 what its parents know of it
 *   0      line, 2 MiB       512 frames       0 - 8    eight words              bit of the line in masks 0-8 of its gigabyte
 *   1      gigabyte          512 lines        9 - 17   mask 9 of the gigabyte   bit of the gigabyte in masks 0-17 of the top
 *   2      top, 512 GiB      512 gigabytes    18       mask 18 of the top       -
 *
 * The tiers are the machine's page sizes. A unit whose parts are all free is one bit in its own tier and nothing below; so a block of 2 MiB or 1 GiB is
 * one bit, and memory of zeroes is a bitmap without a free frame.
 *
 * Every other mask is a *hint*: bit set means that a node may have a run of 2^k free units, bit clear that it has none. Giving back sets the hints that
 * are not set yet - nearly always they are. Taking touches none. A search that follows a hint and finds nothing clears it, so each wrong turn was paid for
 * by a block given back; and it gives up after some of them (BITMAP_AGAIN). No wrong turns are counted for orders 0, 9 and 18: those hints are
 * right but for the line of single frames, and a gigabyte's is one look.
 *
 * Above the top stands one word with a bit for each order that the top has: most refusals look at nothing else.
 *
 * A search goes from broken memory to whole units, and each time to the lowest address: large blocks survive, and high lines become whole. Single frames
 * come from one word until it is used up, then from the same line while it has any, then from the same gigabyte.
 *
 * Orders run from 0 (one frame) to 18; a block of order k is aligned to 2^k frames. */
#ifndef QUIRE_BITMAP_H
#define QUIRE_BITMAP_H

#include <stddef.h>
#include <stdint.h>

constexpr unsigned BITMAP_ORDERS = 19;
constexpr uint32_t BITMAP_FRAMES_LIMIT = (uint32_t)1 << 27; /* most frames that one bitmap can hold: 512 GiB */
constexpr unsigned BITMAP_NODE_WORDS = 8;                   /* a node has 512 units */
constexpr unsigned BITMAP_MISSES = 64;                      /* hints that one search finds wrong before it gives up */

struct bitmap_gigabyte {
    uint64_t masks[10][BITMAP_NODE_WORDS]; /* one bit for each line; 9 is the truth, the others are hints */
};

struct bitmap {
    uint64_t *words;                   /* one for each 64 frames; zero where the line or the gigabyte is wholly free */
    struct bitmap_gigabyte *gigabytes; /* mask 9 is zero where the gigabyte is wholly free */
    uint32_t count;                    /* frames [0, count) are held */
    uint32_t count_free;
    uint32_t open_word;                /* where single frames were taken last */
    uint32_t orders;                   /* bit k: mask k of the top may have bits; a hint for all of them */
    uint64_t top[BITMAP_ORDERS][BITMAP_NODE_WORDS]; /* one bit for each gigabyte; 18 is the truth, the others are hints */
};

/* AGAIN: too many hints were wrong and are gone now; the same request goes on where this one ended. Never for orders 0, 9 and 18. */
enum bitmap_answer : uint32_t { BITMAP_FOUND, BITMAP_NONE, BITMAP_AGAIN };

/* Bytes of storage for `count` frames: 0.128 a frame, and up to 704 more. `count` at most BITMAP_FRAMES_LIMIT. */
uint64_t bitmap_storage_bytes(uint32_t count);

/* Makes a bitmap without a free frame. `storage` is zero-filled, aligned to 8, bitmap_storage_bytes(count) long, and stays with the bitmap. */
void bitmap_initialise(struct bitmap *bitmap, void *storage, uint32_t count);

/* Makes the used frames of [first, limit) free, in steps that do not depend on its length. False: the range is not within the bitmap (nothing
 * changed). An empty range is fine. */
bool bitmap_insert_range(struct bitmap *bitmap, uint32_t first, uint32_t limit);

/* False: certainly there is no such block. True: there may be one. `order` below BITMAP_ORDERS. */
static inline bool bitmap_may_have(const struct bitmap *bitmap, unsigned order)
{
    return (bitmap->orders & (1u << order | (order < 9 ? 1u << 9 : 0) | 1u << 18)) != 0;
}

/* Takes a block of 2^order frames from those below `limit`, and from `low` on, rounded up to the next unit that must be broken, at least to the next line.
 * NONE: there is none (or no such order). Without FOUND nothing has changed but hints. */
enum bitmap_answer bitmap_allocate_within(struct bitmap *bitmap, unsigned order, uint32_t low, uint32_t limit, uint32_t *first);

/* Goes to another open word, one with a free frame: from frame `low` on if there is one, else anywhere. False: no frame is free. */
bool bitmap_open(struct bitmap *bitmap, uint32_t low);

/* Takes the first free frame of the open word. False: bitmap_open() first. */
static inline bool bitmap_take_frame(struct bitmap *bitmap, uint32_t *frame)
{
    uint64_t *word = &bitmap->words[bitmap->open_word], mask = *word;
    if (mask == 0) return false;
    *frame = bitmap->open_word * 64 + (uint32_t)__builtin_ctzll(mask);
    *word = mask & (mask - 1);
    bitmap->count_free--;
    return true;
}

/* Takes all free frames of the open word at once: frame base + i for each set bit i of the mask. Answers how many; 0: bitmap_open() first. */
static inline uint32_t bitmap_take_word(struct bitmap *bitmap, uint32_t *base, uint64_t *mask)
{
    uint32_t word = bitmap->open_word;
    uint64_t taken = bitmap->words[word];
    if (taken == 0) return 0;
    uint32_t count = taken == UINT64_MAX ? 64 : (uint32_t)__builtin_popcountll(taken); /* where memory is fresh there is nothing to count */
    bitmap->words[word] = 0;
    bitmap->open_word = (word + 1) % 8 == 0 ? word : word + 1;
    bitmap->count_free -= count;
    *base = word * 64;
    *mask = taken;
    return count;
}

/* Makes a block of used frames free: bitmap_can_free(). */
void bitmap_free(struct bitmap *bitmap, uint32_t first, unsigned order);
/* The block is aligned, within the bitmap, and no frame of it is free. One step for each 64 frames: for asserts and tests (bitmap_check.c). */
bool bitmap_can_free(const struct bitmap *bitmap, uint32_t first, unsigned order);

/* The free frames of one word, whatever tier knows it: bit i is frame 64 * word + i. The word is within the bitmap. */
uint64_t bitmap_word(const struct bitmap *bitmap, uint32_t word);

static inline uint32_t bitmap_count_free(const struct bitmap *bitmap)
{
    return bitmap->count_free;
}

/* Recounts every tier from the one below, hints against what they must say, and the free frames (bitmap_check.c). One step for each word of memory. */
bool bitmap_check(const struct bitmap *bitmap);

#endif
