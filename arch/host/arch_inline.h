/* The direct map of the host port: physical memory is one arena, frame 0 at its start. */
#ifndef QUIRE_ARCH_INLINE_H
#define QUIRE_ARCH_INLINE_H

#include <string.h>

extern unsigned char *host_arena;
extern struct frame_info *host_frame_table [[gnu::visibility("hidden")]]; /* of this program: no table of addresses leads there */
extern uint32_t host_direct_frames; /* host_set_direct_frames() */

static inline uint32_t arch_direct_frames(void) { return host_direct_frames; }
static inline bool arch_frame_is_direct(frame_t frame) { return frame.number < host_direct_frames; }

static inline void *arch_frame_pointer(frame_t frame)
{
    return host_arena + ((uint64_t)frame.number << PAGE_SHIFT);
}

static inline frame_t arch_pointer_frame(const void *pointer)
{
    return (frame_t){ (uint32_t)((uint64_t)((const unsigned char *)pointer - host_arena) >> PAGE_SHIFT) };
}

static inline struct frame_info *arch_frame_table(void) { return host_frame_table; }
static inline void arch_frame_table_place(void *storage) { host_frame_table = storage; }

static inline void arch_words_fill(void *words, uint64_t word, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) memcpy((unsigned char *)words + 8 * i, &word, sizeof word);
}

static inline void *arch_near(void *part)
{
    return part;
}

#endif
