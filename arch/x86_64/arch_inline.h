/* The direct map. */
#ifndef QUIRE_ARCH_INLINE_H
#define QUIRE_ARCH_INLINE_H

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

/* Fills a page with zeroes. REP STOSQ counts as one instruction for each word, and real processors do it a line at a time. */
static inline void arch_page_zero(void *page)
{
    uint64_t count = PAGE_BYTES / 8;
    __asm__ volatile("rep stosq" : "+D"(page), "+c"(count) : "a"(0) : "memory");
}

#endif
