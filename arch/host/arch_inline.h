/* The direct map of the host port: physical memory is one arena, frame 0 at its start. */
#ifndef QUIRE_ARCH_INLINE_H
#define QUIRE_ARCH_INLINE_H

extern unsigned char *host_arena;

static inline void *arch_frame_pointer(frame_t frame)
{
    return host_arena + ((uint64_t)frame.number << PAGE_SHIFT);
}

#endif
