/* The checker: runs all its parts, remembers what failed first. See check.h.
 *
 * Every part looks at everything, so one run logs at most one line for each invariant. Parts that follow pointers or frame numbers check them first: a
 * damaged structure is a finding, not a fault. */
#ifdef QUIRE_TEST
#include "check_parts.h"

#include "block.h"
#include "log.h"

static uint32_t failed; /* bit n: invariant n */

void check_fail(enum invariant invariant, const char *what, uint64_t where, uint64_t found, uint64_t expected)
{
    if (failed & 1u << invariant) return;
    failed |= 1u << invariant;
    log_line("check", "invariant=%u what=\"%s\" at=0x%lx found=0x%lx expected=0x%lx", (unsigned)invariant, what, (unsigned long)where,
             (unsigned long)found, (unsigned long)expected);
}

void *check_object(const void *pointer, enum frame_kind kind)
{
    uintptr_t base = (uintptr_t)arch_frame_pointer((frame_t){ 0 });
    uintptr_t offset = (uintptr_t)pointer - base;
    if ((uintptr_t)pointer < base || offset >> PAGE_SHIFT >= arch_direct_frames()) return nullptr;
    frame_t frame = { (uint32_t)(offset >> PAGE_SHIFT) };
    return frame_is(frame, kind) ? arch_frame_pointer(frame) : nullptr;
}

bool check_next(enum frame_kind kind, frame_t *frame, void **object)
{
    uint32_t number = frame->number, limit = frame_limit;
    while (number < limit && frame_table[number].kind != kind)
        number++;
    *frame = (frame_t){ number };
    if (number == limit) return false;
    *object = arch_frame_pointer(*frame);
    return true;
}

[[gnu::noinline]] uint32_t check_run(void) /* a function of its own: tests stop the machine here (tests/machine/test_twin.py) */
{
    failed = 0;
    if (!frame_check_tiers()) check_fail(INVARIANT_TIERS, "bitmap, stock or free rows", 0, 0, 0);
    if (!frame_check_counts()) check_fail(INVARIANT_SUM, "rows of the frame table", 0, frame_count_free(), frame_count_total());
    check_spaces();
    check_handles();
    check_threads();
    check_time();
    return failed == 0 ? 0 : (uint32_t)__builtin_ctz(failed);
}
#endif
