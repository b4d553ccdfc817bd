/* The host port itself: what other tests rely on must notice what it is there to notice. */
#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>

#include "fill_page.h"
#include "host.h"
#include "log.h"
#include "space.h"

constexpr uint64_t PLACE = (uint64_t)7 << 30;

static void begin(void)
{
    host_initialise_frames((uint64_t)4 << 20, 16);
}

TestSuite(host, .init = begin);

static void end_machine(void *argument) { arch_machine_end(*(uint32_t *)argument); }
static void do_panic([[maybe_unused]] void *argument) { panic("test reason=%d", 7); }
static void wait_for_ever([[maybe_unused]] void *argument) { arch_idle(); }
static void do_nothing([[maybe_unused]] void *argument) { }

Test(host, run_says_how_it_came_back)
{
    uint32_t code = 5, given = 3;
    cr_assert_eq(host_run(do_nothing, nullptr, &code), HOST_RETURNED);
    cr_assert_eq(host_run(end_machine, &given, &code), HOST_MACHINE_ENDED);
    cr_assert_eq(code, 3);
    cr_assert_eq(host_run(wait_for_ever, nullptr, &code), HOST_WAITS);
    cr_assert_eq(host_run(do_panic, nullptr, &code), HOST_PANICKED);
    cr_assert_not_null(strstr(host_log_text(), "panic: test reason=7\n"));
}

Test(host, end_outside_a_run_aborts, .signal = SIGABRT)
{
    arch_machine_end(0);
}

static unsigned idles;
static void on_idle(void) { idles++; }

Test(host, idle_calls_the_test)
{
    host_on_idle = on_idle;
    arch_idle();
    cr_assert(idles == 1 && host_count(HOST_IDLES) == 1);
}

Test(host, log_keeps_the_first_lines)
{
    for (unsigned i = 0; i < HOST_LOG_BYTES / 8; i++)
        arch_log_write("0123456789", 10);
    cr_assert_eq(strlen(host_log_text()), HOST_LOG_BYTES - 1);
    host_log_clear();
    cr_assert_str_empty(host_log_text());
}

Test(host, windows_close_in_reverse_order, .signal = SIGABRT)
{
    void *first = arch_window_open((frame_t){ 20 });
    arch_window_open((frame_t){ 21 });
    arch_window_close(first);
}

Test(host, third_window, .signal = SIGABRT)
{
    for (uint32_t i = 20; i < 23; i++)
        arch_window_open((frame_t){ i });
}

/* An entry that changes behind the buffer's back is stale until it is invalidated. */
Test(host, pointers_lead_back_to_their_frames)
{
    for (uint32_t number = 0; number < frame_count_table(); number++) {
        const char *page = arch_frame_pointer((frame_t){ number });
        cr_assert_eq(arch_pointer_frame(page).number, number);
        cr_assert_eq(arch_pointer_frame(page + PAGE_BYTES - 1).number, number);
    }
}

Test(host, stale_translations_are_seen)
{
    struct space *space;
    frame_t frame;
    cr_assert_eq(space_create(&space), STATUS_OK);
    cr_assert_eq(fill_page(space, (user_page_t){ PLACE }, ATTRIBUTE_WRITE, &frame), STATUS_OK);
    host_activate(space->root);
    cr_assert_null(host_load(PLACE + PAGE_BYTES), "a page fault");
    cr_assert_eq(host_load(PLACE + 5), (char *)arch_frame_pointer(frame) + 5);
    cr_assert_null(host_tlb_stale());
    frame_t table = space->root;
    for (unsigned level = PTE_LEVELS - 1; level > 0; level--)
        table = pte_frame(((pte_t *)arch_frame_pointer(table))[pte_index(PLACE, level)]);
    pte_t *entry = (pte_t *)arch_frame_pointer(table) + pte_index(PLACE, 0), kept = *entry;
    *entry = pte_protect(kept, ATTRIBUTE_READ, 0);
    cr_assert_not_null(host_tlb_stale(), "fewer rights");
    *entry = pte_next(kept, 0);
    cr_assert_not_null(host_tlb_stale(), "another frame");
    *entry = 0;
    cr_assert_not_null(host_tlb_stale(), "no entry");
    cr_assert_not_null(host_load(PLACE), "it still remembers");
    arch_tlb_invalidate((user_page_t){ PLACE + PAGE_BYTES });
    cr_assert_not_null(host_tlb_stale(), "another page was invalidated");
    arch_tlb_invalidate((user_page_t){ PLACE });
    cr_assert_null(host_tlb_stale());
    cr_assert_null(host_load(PLACE));
    cr_assert(host_count(HOST_INVALIDATIONS) == 2 && host_count(HOST_FLUSHES) == 0);
    *entry = kept;
    cr_assert_not_null(host_load(PLACE));
    *entry = 0;
    arch_tlb_flush();
    cr_assert_null(host_tlb_stale());
}

Test(host, new_machine_forgets_the_old)
{
    memset(arch_frame_pointer((frame_t){ 30 }), 1, PAGE_BYTES);
    log_line("test", "line");
    arch_timer_start(9);
    host_initialise((uint64_t)1 << 40); /* memory that is not touched costs nothing */
    cr_assert_eq(*(unsigned char *)arch_frame_pointer((frame_t){ 30 }), 0);
    cr_assert(host_timer() == 0 && host_log_text()[0] == '\0' && arch_direct_frames() == 1u << 28);
}
