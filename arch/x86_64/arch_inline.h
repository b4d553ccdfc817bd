/* The direct map, and the frame table. */
#ifndef QUIRE_ARCH_INLINE_H
#define QUIRE_ARCH_INLINE_H

#include <assert.h>

/* It has every frame that the frame table has: a machine with more memory keeps the rest to itself (bitmap.h). */
static inline uint32_t arch_direct_frames(void) { return UINT32_MAX; }
static inline bool arch_frame_is_direct(frame_t) { return true; }

static inline void *arch_frame_pointer(frame_t frame)
{
    uint64_t page = frame.number | (uint64_t)((int64_t)DIRECT_MAP >> PAGE_SHIFT);
    __asm__("" : "+r"(page)); /* the base is added here, as four bytes of an instruction, and not anew for each member of what is there */
    void *pointer = (void *)(page << PAGE_SHIFT);
    __builtin_assume(pointer != nullptr);
    return pointer;
}

static inline frame_t arch_pointer_frame(const void *pointer)
{
    return (frame_t){ (uint32_t)((uint64_t)pointer >> PAGE_SHIFT) & INT32_MAX };
}

constexpr uint64_t FRAME_TABLE_ADDRESS = FRAME_TABLE;

/* The address of a row is one part of an instruction, and nothing is loaded for it. */
static inline struct frame_info *arch_frame_table(void) { return (struct frame_info *)FRAME_TABLE_ADDRESS; }
static inline void arch_frame_table_place([[maybe_unused]] void *storage) { assert(storage == arch_frame_table()); }

/* REP STOSQ counts as one instruction for each word, and real processors do it a line at a time. */
static inline void arch_words_fill(void *words, uint64_t word, uint64_t count)
{
    __asm__ volatile("rep stosq" : "+D"(words), "+c"(count) : "a"(word) : "memory");
}

/* Its members are then addressed from there, by offsets of one byte. */
static inline void *arch_near(void *part)
{
    __asm__("" : "+r"(part));
    return part;
}

#endif
