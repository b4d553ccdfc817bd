/* Quantities as types: a frame number is not an address and a physical address is not a virtual one.
 *
 * Each is a one-member struct, so that mixing two of them does not compile. Ranges are half-open: first, limit. */
#ifndef QUIRE_TYPES_H
#define QUIRE_TYPES_H

#include <stddef.h>
#include <stdint.h>

#include "abi/memory.h"
#include "abi/status.h"

/* Number of a 4 KiB frame of physical memory: physical address / 4096. 32 bits reach 16 TiB. */
typedef struct { uint32_t number; } frame_t;

/* Physical address in bytes. */
typedef struct { uint64_t address; } physical_t;

/* User address of a page: a multiple of PAGE_BYTES in [USER_FIRST, USER_LIMIT). Made by user_span_check() only. */
typedef struct { uint64_t address; } user_page_t;

/* A checked run of user pages. Untrusted numbers become this type exactly once (space.h: user_span_check). */
struct user_span {
    user_page_t first;
    uint64_t count_pages; /* at least 1 */
};

static inline physical_t frame_to_physical(frame_t frame)
{
    return (physical_t){ (uint64_t)frame.number << PAGE_SHIFT };
}

static inline frame_t physical_to_frame(physical_t physical)
{
    return (frame_t){ (uint32_t)(physical.address >> PAGE_SHIFT) };
}

/* The one family of range checks. True when [first, first + length) lies within [0, limit) and length is not zero; never wraps. */
static inline bool range_within(uint64_t first, uint64_t length, uint64_t limit)
{
    return length != 0 && first <= limit && length <= limit - first;
}

#endif
