/* The direct map. */
#ifndef QUIRE_ARCH_INLINE_H
#define QUIRE_ARCH_INLINE_H

static inline void *arch_frame_pointer(frame_t frame)
{
    return (void *)(DIRECT_MAP + ((uint64_t)frame.number << PAGE_SHIFT));
}

#endif
