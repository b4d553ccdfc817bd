/* Range checks: range_within (microkernel/types.h) and the checks of what comes from outside (microkernel/space.c), with what they promise.
 *
 * Proved: range_within, user_span_check, attributes_check */
#include "builtins.h"

#include "types.h"

/*@ assigns \nothing;
    ensures \result == (length != 0 && first + length <= limit ? 1 : 0); */
static inline bool range_within(uint64_t first, uint64_t length, uint64_t limit);

/* The first check that fails names the status; whatever the two numbers, nothing wraps on the way. The result is written with OK only. */
/*@ requires \valid(span);
    assigns *span;
    behavior checked:
        assumes count_pages != 0 && address % PAGE_BYTES == 0 && address >= USER_FIRST && address + count_pages * PAGE_BYTES <= USER_LIMIT;
        ensures \result == STATUS_OK;
        ensures span->first.address == address && span->count_pages == count_pages;
    behavior empty:
        assumes count_pages == 0;
        ensures \result == STATUS_BAD_LENGTH && *span == \old(*span);
    behavior misaligned:
        assumes count_pages != 0 && address % PAGE_BYTES != 0;
        ensures \result == STATUS_BAD_ALIGNMENT && *span == \old(*span);
    behavior wraps:
        assumes count_pages != 0 && address % PAGE_BYTES == 0 && address + count_pages * PAGE_BYTES > 0xffffffffffffffff;
        ensures \result == STATUS_RANGE_WRAPS && *span == \old(*span);
    behavior outside:
        assumes count_pages != 0 && address % PAGE_BYTES == 0 && address + count_pages * PAGE_BYTES <= 0xffffffffffffffff
            && (address < USER_FIRST || address + count_pages * PAGE_BYTES > USER_LIMIT);
        ensures \result == STATUS_BAD_ADDRESS && *span == \old(*span);
    complete behaviors;
    disjoint behaviors; */
enum status user_span_check(uint64_t address, uint64_t count_pages, struct user_span *span);

/*@ assigns \nothing;
    ensures \result == STATUS_BAD_ARGUMENT <==> (attributes & ~(uint64_t)ATTRIBUTES_ALL) != 0;
    ensures \result == STATUS_WRITE_EXECUTE <==> (attributes & ~(uint64_t)ATTRIBUTES_ALL) == 0 && (attributes & 3) == 3 && (attributes & 4) == 0;
    ensures \result == STATUS_OK || \result == STATUS_BAD_ARGUMENT || \result == STATUS_WRITE_EXECUTE; */
static inline enum status attributes_check(uint64_t attributes);

#include "microkernel/space.c"
