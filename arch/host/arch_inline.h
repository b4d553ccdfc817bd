/* The direct map of the host port: physical memory is one arena, frame 0 at its start. */
#ifndef QUIRE_ARCH_INLINE_H
#define QUIRE_ARCH_INLINE_H

#include <string.h>

extern unsigned char *host_arena;
extern uint32_t host_direct_frames; /* host_set_direct_frames() */

static inline uint32_t arch_direct_frames(void) { return host_direct_frames; }
static inline bool arch_frame_is_direct(frame_t frame) { return frame.number < host_direct_frames; }

static inline void *arch_frame_pointer(frame_t frame)
{
    return host_arena + ((uint64_t)frame.number << PAGE_SHIFT);
}

static inline void arch_page_zero(void *page)
{
    memset(page, 0, PAGE_BYTES);
}

#endif
