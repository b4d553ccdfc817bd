/* The tiered bitmap: finds and marks free frames in a few word reads, whatever the size of memory.
 *
 * A pure data structure over storage that the caller brings: numbers in, numbers out, no lock, no memory of its own. A set bit is a free frame.
 *
 *   tier      covers                 children      its masks
 *   word      64 frames (256 KiB)    64 frames     one: the frames that are free
 *   line      512 frames (2 MiB)     8 words       seven bytes, one for each order 0-6
 *   group     32 Ki frames (128 MiB) 64 lines      ten words, one for each order 0-9
 *   section   2 Mi frames (8 GiB)    64 groups     sixteen words, one for each order 0-15
 *   top       512 GiB                64 sections   twenty words, one for each order 0-18 and one for sections wholly free
 *
 * Mask k of a node has the bit of each child in which an aligned block of 2^k free frames can be had *without breaking a unit that is wholly free*:
 * a wholly free child is in the last mask only. So a search for order k looks at mask k, then at the masks of wholly free words, lines, groups,
 * sections: memory that is broken already is used first, large blocks survive, and an empty set of masks at the top is a refusal.
 *
 * The open word. Single frames come from one word that has been taken out of the tiers (they see it as used), so that nothing above it is counted
 * again for each frame. It goes back when a larger block is wanted that is not found without it.
 *
 * Orders run from 0 (one frame) to 18; a block of order k is aligned to 2^k frames. */
#ifndef QUIRE_BITMAP_H
#define QUIRE_BITMAP_H

#include <stddef.h>
#include <stdint.h>

constexpr unsigned BITMAP_ORDERS = 19;
constexpr uint32_t BITMAP_FRAMES_LIMIT = (uint32_t)1 << 27; /* most frames that one bitmap can hold: 512 GiB */
constexpr unsigned BITMAP_SLOTS = 20;                       /* masks of the top */
constexpr uint32_t BITMAP_NO_WORD = UINT32_MAX;

struct bitmap_group { uint64_t lines[10]; };
struct bitmap_section { uint64_t groups[16]; };

struct bitmap {
    uint64_t open_mask;     /* free frames of the open word */
    uint32_t open_word;     /* its number, or BITMAP_NO_WORD */
    uint32_t count;         /* frames [0, count) are held */
    uint32_t count_free;
    uint64_t *words;        /* valid where the line says "partly free" */
    uint64_t *lines;        /* byte k: mask of order k; valid where the group says "partly free" */
    struct bitmap_group *groups;     /* valid where the section says "partly free" */
    struct bitmap_section *sections; /* always valid */
    uint64_t top[BITMAP_SLOTS];
};

/* Bytes of storage for `count` frames: 0.143 a frame, and up to 208 more. `count` at most BITMAP_FRAMES_LIMIT. */
uint64_t bitmap_storage_bytes(uint32_t count);

/* Makes a bitmap without a free frame. `storage` is zero-filled, aligned to 8, bitmap_storage_bytes(count) long, and stays with the bitmap. */
void bitmap_initialise(struct bitmap *bitmap, void *storage, uint32_t count);

/* Makes the used frames of [first, limit) free, in steps that do not depend on its length. False: the range is not within the bitmap (nothing
 * changed), or some of it was free already (what lies before that is free now). An empty range is fine. */
bool bitmap_insert_range(struct bitmap *bitmap, uint32_t first, uint32_t limit);

/* Takes a block of 2^order frames. False: there is none (or no such order), and nothing has changed. */
bool bitmap_allocate(struct bitmap *bitmap, unsigned order, uint32_t *first);

/* The same from frames below `limit` only. */
bool bitmap_allocate_below(struct bitmap *bitmap, unsigned order, uint32_t limit, uint32_t *first);

/* Takes all free frames of one word at once: frame base + i for each set bit i of the mask. False: no frame is free. */
bool bitmap_allocate_word(struct bitmap *bitmap, uint32_t *base, uint64_t *mask);

/* Makes a block of used frames free. False: a frame of it is free already, it is misaligned or not within the bitmap; nothing has changed. */
bool bitmap_free(struct bitmap *bitmap, uint32_t first, unsigned order);

/* True when every frame of [first, limit) is free; false also for an empty range and for one beyond the bitmap. One step for each 64 frames. */
bool bitmap_is_free(const struct bitmap *bitmap, uint32_t first, uint32_t limit);

/* The free frames of one word, whatever tier knows it: bit i is frame 64 * word + i. The word is within the bitmap. */
uint64_t bitmap_word(const struct bitmap *bitmap, uint32_t word);

static inline uint32_t bitmap_count_free(const struct bitmap *bitmap)
{
    return bitmap->count_free;
}

/* Recounts every tier from the one below and the free frames from all (bitmap_check.c). For the checker: one step for each word of memory. */
bool bitmap_check(const struct bitmap *bitmap);

#endif
