/* Tiers in equal steps of 16 or 32, read in chunks of 32 bits: the notes' first idea of a tiered bitmap.
 *
 * Two trees over one base. In both a bit stands for `step` bits of the tier below: in `any` it is set when one of them is, in `whole` when all are. A
 * single frame goes down `any`. A larger block is looked for in that tier of `whole` in which it is a part of one group; nothing above says
 * where a group has a run long enough, so chunks are read one after the other, from where the last search ended.
 *
 * 1. any[0] and whole[0] are the same bits: set when the frame is free.
 * 2. Bit i of tier t + 1 follows from bits [i * step, (i + 1) * step) of tier t. Bits beyond the end are clear in `any` and in `whole`. */
#include <string.h>

#include "alternative.h"

constexpr unsigned TIERS = 8;

struct steps {
    unsigned shift; /* a group is 2^shift bits */
    unsigned tiers;
    uint32_t *any[TIERS];
    uint32_t *whole[TIERS];
    uint32_t bits[TIERS]; /* of each tier */
    uint32_t rotor[TIERS];
};

static uint32_t group_all(unsigned shift) { return shift == 5 ? UINT32_MAX : 0xffff; }

static uint32_t group_read(const uint32_t *chunks, unsigned shift, uint32_t group)
{
    return shift == 5 ? chunks[group] : chunks[group / 2] >> (group % 2 * 16) & 0xffff;
}

static void bit_write(uint32_t *chunks, uint32_t bit, bool value)
{
    if (value) chunks[bit / 32] |= 1u << bit % 32;
    else chunks[bit / 32] &= ~(1u << bit % 32);
}

static void bits_write(uint32_t *chunks, uint32_t first, uint32_t count, bool value)
{
    if (count >= 32) {
        memset(&chunks[first / 32], value ? 0xff : 0, count / 8);
        return;
    }
    uint32_t mask = ((1u << count) - 1) << first % 32; /* an aligned power of two: within one chunk */
    if (value) chunks[first / 32] |= mask;
    else chunks[first / 32] &= ~mask;
}

static bool bits_are_clear(const uint32_t *chunks, uint32_t first, uint32_t count)
{
    if (count < 32) return (chunks[first / 32] >> first % 32 & ((1u << count) - 1)) == 0;
    for (uint32_t i = 0; i < count / 32; i++)
        if (chunks[first / 32 + i] != 0) return false;
    return true;
}

static uint64_t chunks_of(uint32_t bits) { return ((uint64_t)bits + 31) / 32; }

static uint64_t tiers_storage_bytes(uint32_t count, unsigned shift)
{
    uint64_t chunks = chunks_of(count);
    while (count > 1u << shift) {
        count = (count + (1u << shift) - 1) >> shift;
        chunks += 2 * chunks_of(count);
    }
    return chunks * sizeof(uint32_t);
}

/* What one tier tells the next, wholly: for the beginning. */
static void tier_derive(struct steps *steps, unsigned tier)
{
    unsigned shift = steps->shift;
    for (uint32_t i = 0; i < steps->bits[tier]; i++) {
        bit_write(steps->any[tier], i, group_read(steps->any[tier - 1], shift, i) != 0);
        bit_write(steps->whole[tier], i, group_read(steps->whole[tier - 1], shift, i) == group_all(shift));
    }
}

static void tiers_initialise(struct steps *steps, unsigned shift, void *storage, uint32_t count)
{
    *steps = (struct steps){ .shift = shift, .bits = { count } };
    uint32_t *chunks = storage;
    steps->any[0] = steps->whole[0] = chunks;
    memset(chunks, 0xff, count / 8);
    for (uint32_t i = count & ~7u; i < count; i++) bit_write(chunks, i, true);
    chunks += chunks_of(count);
    while (steps->bits[steps->tiers++] > 1u << shift) {
        unsigned tier = steps->tiers;
        steps->bits[tier] = (steps->bits[tier - 1] + (1u << shift) - 1) >> shift;
        steps->any[tier] = chunks;
        steps->whole[tier] = chunks += chunks_of(steps->bits[tier]);
        chunks += chunks_of(steps->bits[tier]);
        tier_derive(steps, tier);
    }
}

/* From here on the size of a step is a constant for the compiler: each function is there twice.
 *
 * Writes an aligned block in all tiers: whole runs of bits as far as it covers them, one bit in each tier above. */
[[gnu::always_inline]] static inline void block_write(struct steps *steps, unsigned shift, uint32_t first, unsigned order, bool value)
{
    bits_write(steps->any[0], first, 1u << order, value);
    for (unsigned tier = 1; tier < steps->tiers; tier++) {
        first >>= shift;
        order = order > shift ? order - shift : 0;
        if (order > 0) {
            bits_write(steps->any[tier], first, 1u << order, value);
            bits_write(steps->whole[tier], first, 1u << order, value);
            continue;
        }
        bit_write(steps->any[tier], first, group_read(steps->any[tier - 1], shift, first) != 0);
        bit_write(steps->whole[tier], first, group_read(steps->whole[tier - 1], shift, first) == group_all(shift));
    }
}

[[gnu::always_inline]] static inline bool frame_search(const struct steps *steps, unsigned shift, uint32_t *first)
{
    uint32_t at = 0;
    for (unsigned tier = steps->tiers; tier-- > 0;) {
        uint32_t group = group_read(steps->any[tier], shift, at);
        if (group == 0) return false; /* in the highest tier only */
        at = (at << shift) + (uint32_t)__builtin_ctz(group);
    }
    *first = at;
    return true;
}

[[gnu::always_inline]] static inline bool block_search(struct steps *steps, unsigned shift, unsigned order, uint32_t *first)
{
    static const uint32_t aligned[] = { UINT32_MAX, 0x55555555, 0x11111111, 0x01010101, 0x00010001, 1 };
    unsigned tier = order / shift;
    if (tier == steps->tiers) tier--; /* all of the highest group */
    unsigned run = order - tier * shift;
    if (run > shift) return false;
    uint32_t count = (uint32_t)chunks_of(steps->bits[tier]), at = steps->rotor[tier];
    for (uint32_t seen = 0; seen < count; seen++, at = at + 1 < count ? at + 1 : 0) {
        uint32_t chunk = steps->whole[tier][at];
        if (chunk == 0) continue;
        for (unsigned i = 0; i < run; i++) chunk &= chunk >> (1u << i);
        if ((chunk &= aligned[run]) == 0) continue;
        steps->rotor[tier] = at;
        *first = (at * 32 + (uint32_t)__builtin_ctz(chunk)) << tier * shift;
        return true;
    }
    return false;
}

[[gnu::always_inline]] static inline bool tiers_allocate(struct steps *steps, unsigned shift, unsigned order, uint32_t *first)
{
    if (!(order == 0 ? frame_search(steps, shift, first) : block_search(steps, shift, order, first))) return false;
    block_write(steps, shift, *first, order, false);
    return true;
}

[[gnu::always_inline]] static inline bool tiers_free(struct steps *steps, unsigned shift, uint32_t first, unsigned order)
{
    if (!bits_are_clear(steps->any[0], first, 1u << order)) return false;
    block_write(steps, shift, first, order, true);
    return true;
}

/* --- The two sizes of step --- */

static struct steps in_16, in_32;

static uint64_t bytes_16(uint32_t count) { return tiers_storage_bytes(count, 4); }
static void initialise_16(void *storage, uint32_t count) { tiers_initialise(&in_16, 4, storage, count); }
static bool allocate_16(unsigned order, uint32_t *first) { return tiers_allocate(&in_16, 4, order, first); }
static bool free_16(uint32_t first, unsigned order) { return tiers_free(&in_16, 4, first, order); }

static uint64_t bytes_32(uint32_t count) { return tiers_storage_bytes(count, 5); }
static void initialise_32(void *storage, uint32_t count) { tiers_initialise(&in_32, 5, storage, count); }
static bool allocate_32(unsigned order, uint32_t *first) { return tiers_allocate(&in_32, 5, order, first); }
static bool free_32(uint32_t first, unsigned order) { return tiers_free(&in_32, 5, first, order); }

const struct alternative alternative_steps_16 = { "steps_16", bytes_16, initialise_16, allocate_16, free_16 };
const struct alternative alternative_steps_32 = { "steps_32", bytes_32, initialise_32, allocate_32, free_32 };
