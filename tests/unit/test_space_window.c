/* Windows to memory beyond the direct map, over each table format: what a port with little address space lives by. The direct map ends at 8 MiB. */
#include <signal.h>

#include "space_fixture.h"

constexpr uint32_t DIRECT = 2048;
constexpr uint32_t HIGH = 5000; /* a frame beyond it */

static void begin_small(void)
{
    begin();
    host_set_direct_frames(DIRECT);
}

TestSuite(space_window, .init = begin_small);

static void *open_high(uint32_t number) { return arch_window_open((frame_t){ number }); }

Test(space_window, a_pattern_survives_the_slot)
{
    uint64_t *first = open_high(HIGH);
    memset(first, 0xa5, PAGE_BYTES);
    arch_window_close(first);
    uint64_t *again = open_high(HIGH + 1);
    cr_assert_eq(again, first, "slots are fixed");
    cr_assert_eq(again[7], 0, "and show the other frame, not what they showed before");
    memset(again, 0x5a, PAGE_BYTES);
    arch_window_close(again);
    again = open_high(HIGH);
    for (unsigned i = 0; i < PAGE_BYTES / 8; i++) cr_assert_eq(again[i], 0xa5a5a5a5a5a5a5a5);
    arch_window_close(again);
}

Test(space_window, slots_are_distinct_and_lie_in_no_memory)
{
    unsigned char *first = open_high(HIGH), *second = open_high(HIGH + 1);
    cr_assert(first + PAGE_BYTES <= second || second + PAGE_BYTES <= first);
    for (unsigned i = 0; i < 2; i++) {
        unsigned char *slot = i == 0 ? first : second;
        cr_assert(slot + PAGE_BYTES <= host_arena || slot >= host_arena + MACHINE_BYTES);
        extern char edata[], __executable_start[]; /* of this program, which the kernel is a part of */
        cr_assert((char *)slot > edata || (char *)slot + PAGE_BYTES <= __executable_start);
    }
    *first = 1;
    *second = 2;
    cr_assert(*first == 1 && host_arena[(uint64_t)HIGH << PAGE_SHIFT] == 1, "it is the frame itself");
    cr_assert_eq(host_arena[(uint64_t)(HIGH + 1) << PAGE_SHIFT], 2);
    arch_window_close(second);
    arch_window_close(first);
}

Test(space_window, a_closed_one_faults, .signal = SIGSEGV)
{
    volatile unsigned char *window = open_high(HIGH);
    *window = 1;
    arch_window_close((void *)window);
    signal(SIGSEGV, SIG_DFL); /* not the sanitizer's report */
    *window = 2;
}

Test(space_window, a_third_is_asserted, .signal = SIGABRT)
{
    for (uint32_t i = 0; i < 3; i++) open_high(HIGH + i);
}

/* Old content beyond the direct map is zeroed through the window before a program sees it, and tables stay below. */
Test(space_window, pages_beyond_the_direct_map)
{
    uint32_t limit = frame_count_table();
    memset(host_arena + ((uint64_t)DIRECT << PAGE_SHIFT), 0xee, 64 * PAGE_BYTES);
    uint64_t done = 0, count = frame_count_free() - 600, windows = host_count(HOST_WINDOWS), high = 0, reached = 0;
    for (uint64_t at = 0; at < count; at += done) {
        enum status status = space_fill(space, span_of(MIDDLE + at * PAGE_BYTES, count - at), ATTRIBUTE_WRITE, &done);
        if (status == STATUS_NO_MEMORY) break; /* tables come from below the direct map's end, and all of it is used */
        cr_assert(status == STATUS_OK || status == STATUS_AGAIN);
        reached = at + done;
    }
    for (uint64_t at = 0; at < reached; at++) {
        struct translation translation;
        cr_assert_eq(space_query(space, page_of(MIDDLE + at * PAGE_BYTES), &translation), STATUS_OK);
        uint32_t number = translation.frame.number;
        if (number < DIRECT || number >= DIRECT + 64) continue;
        high++;
        for (unsigned i = 0; i < PAGE_BYTES; i += 64) cr_assert_eq(host_arena[((uint64_t)number << PAGE_SHIFT) + i], 0, "frame %u shows old content", number);
    }
    cr_assert_gt(high, 0);
    cr_assert_gt(host_count(HOST_WINDOWS), windows);
    for (uint32_t i = 0; i < limit; i++)
        if (frame_is((frame_t){ i }, FRAME_KIND_TABLE)) cr_assert_lt(i, DIRECT);
    end();
}
