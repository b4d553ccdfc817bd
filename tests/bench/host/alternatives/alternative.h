/* Other ways to find free frames: what the tiered bitmap (microkernel/bitmap.h) is measured against.
 *
 * Each is small, whole, and a real allocator (tests/unit/test_alternatives.c), with the same duties: aligned blocks of every power of two, frames as
 * numbers, no memory of its own, a block that is free already is not taken back. One instance of each: this is for measuring. */
#ifndef QUIRE_ALTERNATIVE_H
#define QUIRE_ALTERNATIVE_H

#include <stddef.h>
#include <stdint.h>

constexpr unsigned ALTERNATIVE_ORDERS = 19;

struct alternative {
    const char *name;
    /* Bytes for `count` frames; a multiple of 2^18, or a power of two below that. */
    uint64_t (*storage_bytes)(uint32_t count);
    /* All frames free. The storage is zero-filled and aligned to 8. */
    void (*initialise)(void *storage, uint32_t count);
    /* Takes an aligned block of 2^order frames; false: there is none. */
    bool (*allocate)(unsigned order, uint32_t *first);
    /* Gives back what allocate() gave; false: it is not taken, and nothing has changed. */
    bool (*free)(uint32_t first, unsigned order);
};

extern const struct alternative alternative_flat;
extern const struct alternative alternative_steps_16;
extern const struct alternative alternative_steps_32;
extern const struct alternative alternative_buddy;

#endif
