/* Faults: what is mapped, what ends a process and says so, and that nobody else notices. */
#include "fill_copy.h"
#include "pager_fixture.h"

Test(pager_fault, the_stack_grows_where_it_is_touched)
{
    fixture_start();
    uint64_t top = LAYOUT_STACK_TOP;
    uint64_t low = top - LAYOUT_STACK_USUAL;
    struct segment *stack = segment_find_kind(&sim_process(INIT)->segments, SEGMENT_STACK);
    cr_assert_eq(stack->pages, 0);
    unsigned char *word = sim_touch(INIT, top - 8, FAULT_WRITE);
    for (unsigned i = 0; i < 8; i++) cr_assert_eq(word[i], 0);
    cr_assert_not_null(sim_touch(INIT, top - 3 * PAGE_BYTES, FAULT_WRITE));
    cr_assert_not_null(sim_touch(INIT, low, FAULT_READ));
    cr_assert_eq(stack->pages, 3);
    uint64_t frame;
    uint32_t attributes;
    cr_assert(sim_page(INIT, low, &frame, &attributes));
    cr_assert_eq(attributes, ATTRIBUTE_WRITE);
    cr_assert_not(sim_page(INIT, low + PAGE_BYTES, &frame, &attributes));
    fixture_check();
}

Test(pager_fault, a_resolved_fault_costs_one_call_of_the_pager)
{
    fixture_start();
    sim_touch(INIT, LAYOUT_STACK_TOP - 1, FAULT_WRITE);
    uint64_t calls = sim_count_calls();
    uint64_t resolves = sim_count_call(CALL_resolve);
    cr_assert_not_null(sim_touch(INIT, LAYOUT_STACK_TOP - PAGE_BYTES - 1, FAULT_WRITE));
    cr_assert_eq(sim_count_calls(), calls + 1);
    cr_assert_eq(sim_count_call(CALL_resolve), resolves + 1);
    cr_assert_eq(sim_pager.count_faults, 2);
}

Test(pager_fault, a_traced_fault_says_what_was_done)
{
    fixture_start_with(&(struct sim_options){ .trace = TRACE_FAULTS });
    cr_assert_not_null(sim_touch(INIT, LAYOUT_STACK_TOP - 8, FAULT_WRITE));
    uint64_t frame;
    uint32_t attributes;
    cr_assert(sim_page(INIT, LAYOUT_STACK_TOP - 8, &frame, &attributes));
    char line[200];
    snprintf(line, sizeof(line), "fault: pid=1 tid=1 addr=0x%llx access=write ip=0x400000 segment=stack action=map frame=0x%llx pages=1 cost=",
             (unsigned long long)(LAYOUT_STACK_TOP - 8), (unsigned long long)frame);
    cr_assert(fixture_logged(line), "%s\n%s", line, sim_log());
    cr_assert_eq(sim_pager.count_faults, 1);
    fixture_check();
}

Test(pager_fault, a_traced_fault_of_a_module_names_its_own_frame)
{
    fixture_start_with(&(struct sim_options){ .trace = TRACE_FAULTS });
    uint64_t first = fixture_ok(sim_request_text(INIT, PROTOCOL_module_map, 0, "file", 4));
    const unsigned char *page = sim_touch(INIT, first + PAGE_BYTES, FAULT_READ);
    cr_assert_eq(memcmp(page, fixture_file + PAGE_BYTES, PAGE_BYTES), 0);
    char text[100];
    snprintf(text, sizeof(text), "access=read ip=0x400002 segment=mmap action=map frame=0x%llx pages=1 cost=",
             (unsigned long long)sim_pager.modules[3].first_frame.number + 1);
    cr_assert(fixture_logged(text), "%s\n%s", text, sim_log());
    fixture_check();
}

Test(pager_fault, without_trace_nothing_is_logged)
{
    fixture_start();
    sim_log_clear();
    cr_assert_not_null(sim_touch(INIT, LAYOUT_STACK_TOP - 8, FAULT_WRITE));
    cr_assert_str_empty(sim_log());
}

/* A child does one wrong thing and ends; init goes on. */
static void ends(uint64_t address, uint64_t access, enum process_end reason, const char *line)
{
    fixture_start();
    uint32_t number;
    uint32_t handle = fixture_child(&number);
    sim_log_clear();
    cr_assert_null(sim_touch(number, address, access));
    cr_assert(fixture_logged(line), "%s\n%s", line, sim_log());
    cr_assert(fixture_logged("process: ended pid=3 name=child reason="));
    fixture_ended(handle, reason, address);
    cr_assert_not_null(sim_touch(INIT, LAYOUT_STACK_TOP - 8, FAULT_WRITE));
    fixture_check();
}

Test(pager_fault, null_ends_the_process)
{
    ends(0, FAULT_READ, PROCESS_BAD_ADDRESS,
         "fault: pid=3 tid=1 addr=0x0 access=read ip=0x400000 segment=none nearest=code(0x400000-0x402000) action=end reason=bad-address");
}

Test(pager_fault, below_the_stack_is_an_overflow)
{
    ends(LAYOUT_STACK_TOP - LAYOUT_STACK_USUAL - 1, FAULT_WRITE, PROCESS_STACK_OVERFLOW, "segment=none nearest=stack(");
}

/* The high-water mark is where the stack has come to, whatever was passed over on the way. */
Test(pager_fault, an_overflow_tells_how_far_the_stack_has_come)
{
    static const uint64_t depths[] = { 0, 1, 5, 511, 512, 777, LAYOUT_STACK_USUAL / PAGE_BYTES };
    for (size_t i = 0; i < sizeof(depths) / sizeof(depths[0]); i++) {
        fixture_start();
        uint32_t number;
        fixture_child(&number);
        if (depths[i] > 0) cr_assert_not_null(sim_touch(number, LAYOUT_STACK_TOP - depths[i] * PAGE_BYTES, FAULT_WRITE));
        const struct segment *stack = segment_find_kind(&sim_process(number)->segments, SEGMENT_STACK);
        uint64_t frame, high = stack->first;
        uint32_t attributes;
        while (high < stack->limit && !sim_page(number, high, &frame, &attributes)) high += PAGE_BYTES;
        cr_assert_leq(high, LAYOUT_STACK_TOP - depths[i] * PAGE_BYTES);
        char line[160];
        snprintf(line, sizeof(line), "stack: pid=3 tid=1 first=0x%lx limit=0x%lx high=0x%lx pages=%lu", LAYOUT_STACK_TOP - LAYOUT_STACK_USUAL,
                 LAYOUT_STACK_TOP, high, stack->pages);
        sim_log_clear();
        cr_assert_null(sim_touch(number, LAYOUT_STACK_TOP - LAYOUT_STACK_USUAL - 1, FAULT_WRITE));
        cr_assert(fixture_logged(line), "%s\n%s", line, sim_log());
        fixture_check();
    }
}

Test(pager_fault, the_end_of_the_guard_is_an_overflow)
{
    ends(LAYOUT_STACK_TOP - LAYOUT_STACK_USUAL - LAYOUT_STACK_GUARD, FAULT_WRITE, PROCESS_STACK_OVERFLOW, "reason=stack-overflow");
}

Test(pager_fault, below_the_guard_is_a_bad_address)
{
    ends(LAYOUT_STACK_TOP - LAYOUT_STACK_USUAL - LAYOUT_STACK_GUARD - 1, FAULT_WRITE, PROCESS_BAD_ADDRESS, "reason=bad-address");
}

Test(pager_fault, above_the_stack_is_a_bad_address)
{
    ends(LAYOUT_STACK_TOP, FAULT_WRITE, PROCESS_BAD_ADDRESS, "nearest=stack(");
}

Test(pager_fault, above_everything_is_a_bad_address)
{
    ends(USER_LIMIT - 1, FAULT_WRITE, PROCESS_BAD_ADDRESS, "nearest=buffer(");
}

Test(pager_fault, kernel_addresses_are_bad_addresses)
{
    ends(UINT64_MAX, FAULT_READ, PROCESS_BAD_ADDRESS, "addr=0xffffffffffffffff access=read");
}

Test(pager_fault, writing_code_is_against_its_protection)
{
    ends(SIM_IMAGE_FIRST, FAULT_WRITE, PROCESS_PROTECTION, "access=write ip=0x400000 segment=code nearest=code(");
}

Test(pager_fault, writing_rodata_is_against_its_protection)
{
    ends(SIM_IMAGE_FIRST + 5 * PAGE_BYTES, FAULT_WRITE, PROCESS_PROTECTION, "segment=rodata");
}

Test(pager_fault, executing_data_is_against_its_protection)
{
    ends(SIM_IMAGE_FIRST + 2 * PAGE_BYTES, FAULT_EXECUTE, PROCESS_PROTECTION, "access=execute ip=0x400000 segment=data");
}

Test(pager_fault, executing_the_stack_is_against_its_protection)
{
    ends(LAYOUT_STACK_TOP - 8, FAULT_EXECUTE, PROCESS_PROTECTION, "segment=stack");
}

Test(pager_fault, exceptions_end_the_process_by_name)
{
    static const struct { uint32_t vector; uint32_t error; const char *name; } cases[] = {
        { 0, 0, "divide-error" }, { 3, 0, "breakpoint" }, { 6, 0, "invalid-opcode" }, { 13, 0x18, "general-protection" }, { 31, 0, "reserved" },
        { 17, 0, "alignment-check" }, { 255, 0, "reserved" },
    };
    fixture_start();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint32_t number;
        uint32_t handle = fixture_child(&number);
        sim_log_clear();
        cr_assert_eq(sim_exception(number, cases[i].vector, cases[i].error), SIM_GONE);
        char line[200];
        snprintf(line, sizeof(line), "fault: pid=%u tid=1 exception=%s vector=%u error=0x%x ip=0x400000 segment=code action=end reason=exception", number,
                 cases[i].name, cases[i].vector, cases[i].error);
        cr_assert(fixture_logged(line), "%s\n%s", line, sim_log());
        fixture_ended(handle, PROCESS_EXCEPTION, cases[i].vector);
        fixture_check();
    }
}

Test(pager_fault, the_same_fault_three_times_ends_the_process)
{
    fixture_start();
    uint32_t number;
    uint32_t handle = fixture_child(&number);
    cr_assert_eq(sim_fault(number, FAULT_READ, SIM_IMAGE_FIRST), SIM_GOES_ON);
    cr_assert_eq(sim_fault(number, FAULT_READ, SIM_IMAGE_FIRST), SIM_GOES_ON);
    cr_assert_eq(sim_fault(number, FAULT_READ, SIM_IMAGE_FIRST), SIM_GONE);
    fixture_ended(handle, PROCESS_FAULT_LOOP, SIM_IMAGE_FIRST);
    fixture_check();
}

Test(pager_fault, other_addresses_and_mappings_in_between_are_no_loop)
{
    fixture_start();
    uint32_t number;
    fixture_child(&number);
    for (unsigned i = 0; i < 10; i++) {
        cr_assert_eq(sim_fault(number, FAULT_READ, SIM_IMAGE_FIRST), SIM_GOES_ON);
        cr_assert_eq(sim_fault(number, FAULT_READ, SIM_IMAGE_FIRST + 1), SIM_GOES_ON);
    }
    for (unsigned i = 0; i < 10; i++) {
        cr_assert_eq(sim_fault(number, FAULT_READ, SIM_IMAGE_FIRST), SIM_GOES_ON);
        cr_assert_not_null(sim_touch(number, LAYOUT_STACK_TOP - 1 - i * PAGE_BYTES, FAULT_WRITE));
    }
    fixture_check();
}

Test(pager_fault, a_page_that_came_meanwhile_is_tried_again)
{
    fixture_start();
    uint32_t number;
    uint32_t handle = fixture_child(&number);
    uint64_t address = LAYOUT_STACK_TOP - 8;
    cr_assert_not_null(sim_touch(number, address, FAULT_WRITE));
    struct segment *stack = segment_find_kind(&sim_process(number)->segments, SEGMENT_STACK);
    /* The kernel answers ALREADY_MAPPED to the resolve; the segment's count must not change. */
    cr_assert_eq(sim_fault(number, FAULT_WRITE, address), SIM_GOES_ON);
    cr_assert_eq(stack->pages, 1);
    cr_assert_eq(sim_pager.count_faults, 1);
    fixture_check();
    cr_assert_eq(sim_fault(number, FAULT_WRITE, address), SIM_GOES_ON);
    cr_assert_eq(sim_fault(number, FAULT_WRITE, address), SIM_GONE);
    fixture_ended(handle, PROCESS_FAULT_LOOP, address);
    fixture_check();
}

Test(pager_fault, out_of_memory_ends_the_process_that_asked)
{
    fixture_start();
    uint32_t number;
    uint32_t handle = fixture_child(&number);
    sim_fail_resolve(STATUS_NO_MEMORY);
    cr_assert_null(sim_touch(number, LAYOUT_STACK_TOP - 8, FAULT_WRITE));
    fixture_ended(handle, PROCESS_OUT_OF_MEMORY, LAYOUT_STACK_TOP - 8);
    cr_assert(fixture_logged("addr=0x7ffffefffff8 access=write ip=0x400000 segment=stack nearest=stack(0x7ffffe800000-0x7fffff000000) action=end "
                             "reason=out-of-memory"), "%s", sim_log());
    fixture_check();
}

Test(pager_fault, out_of_memory_with_trace_ends_the_process_too)
{
    fixture_start_with(&(struct sim_options){ .trace = TRACE_FAULTS });
    uint32_t number;
    uint32_t handle = fixture_child(&number);
    sim_fail_allocation(1);
    cr_assert_null(sim_touch(number, LAYOUT_STACK_TOP - 8, FAULT_WRITE));
    fixture_ended(handle, PROCESS_OUT_OF_MEMORY, LAYOUT_STACK_TOP - 8);
    fixture_check();
}

Test(pager_fault, really_out_of_memory)
{
    fixture_start_with(&(struct sim_options){ .memory_bytes = 2 << 20 });
    uint32_t number;
    uint32_t handle = fixture_child(&number);
    uint64_t first = fixture_ok(sim_request(number, PROTOCOL_map, 16 << 20, PROTECTION_WRITE, 0));
    uint64_t at = first;
    while (sim_touch(number, at, FAULT_WRITE) != nullptr) at += PAGE_BYTES;
    cr_assert_lt(at, first + (16 << 20));
    fixture_ended(handle, PROCESS_OUT_OF_MEMORY, at);
    cr_assert_not_null(sim_touch(INIT, LAYOUT_STACK_TOP - 8, FAULT_WRITE));
    fixture_check();
}

/* Whoever asks hears that there is no more while everybody still runs; only who touches then has no page. */
static void refused_first(const char *arguments, enum status wanted)
{
    fixture_start_with(&(struct sim_options){ .memory_bytes = 4 << 20, .arguments = arguments });
    uint32_t number;
    uint32_t handle = fixture_child(&number);
    uint64_t at = fixture_ok(sim_request(number, PROTOCOL_map, 16 << 20, PROTECTION_WRITE, 0));
    struct sim_reply asked;
    for (unsigned i = 0; (asked = sim_request(number, PROTOCOL_brk, PAGE_BYTES, 0, 0)).label == STATUS_OK; i++, at += PAGE_BYTES) {
        cr_assert_lt(i, 1024);
        if (i % 8 == 0) cr_assert_not_null(sim_touch(number, at, FAULT_WRITE));
    }
    cr_assert_eq(asked.label, wanted, "%s", status_name(asked.label));
    cr_assert_eq(sim_request(INIT, PROTOCOL_brk, 4 * PAGE_BYTES, 0, 0).label, wanted); /* another member as well */
    cr_assert(sim_process(INIT)->state == PROCESS_RUNNING && sim_process(number)->state == PROCESS_RUNNING);
    cr_assert(!fixture_logged("memory: short") && !fixture_logged("out-of-memory"), "%s", sim_log());
    fixture_check();

    const struct quota *quota = &sim_process(number)->family->pages;
    char line[250];
    do {
        snprintf(line, sizeof(line), "memory: short pid=%u ends=%u pages=%lu family=0 charged=%lu guarantee=%lu limit=%lu free=%lu promised=%lu", number,
                 number, process_charge(sim_process(number)), quota->charged, quota->guarantee, quota->limit, pool_free(quota->pool), quota->pool->promised);
        at += PAGE_BYTES;
    } while (sim_touch(number, at, FAULT_WRITE) != nullptr);
    cr_assert(fixture_logged(line), "%s\n%s", line, sim_log());
    fixture_ended(handle, PROCESS_OUT_OF_MEMORY, at);
    cr_assert_eq(sim_process(INIT)->state, PROCESS_RUNNING);
    fixture_check();
}

Test(pager_fault, requests_are_refused_before_anybody_ends) { refused_first("around=1", STATUS_NO_MEMORY); }
Test(pager_fault, requests_are_refused_before_anybody_ends_at_a_limit) { refused_first("around=1 guarantee=100 limit=200", STATUS_LIMIT); }

/* A kernel without a frame for what was granted: what is kept for later goes back first, then the one ends that a refused charge would have ended. */
Test(pager_fault, a_frame_that_is_not_there_is_a_shortage)
{
    fixture_start();
    uint32_t small, large;
    fixture_child(&small);
    uint32_t handle = fixture_child(&large);
    fixture_ok(sim_request(large, PROTOCOL_brk, 200 * PAGE_BYTES, 0, 0));
    uint64_t first = fixture_ok(sim_request(large, PROTOCOL_map, PAGE_BYTES, PROTECTION_WRITE, 0));
    EXPECT(OK, sim_request(large, PROTOCOL_unmap, first, PAGE_BYTES, 0)); /* its region stays */
    cr_assert_not_null(sim_process(large)->segments.directory.area);
    sim_fail_resolve(STATUS_NO_MEMORY);
    cr_assert_not_null(sim_touch(small, LAYOUT_STACK_TOP - 8, FAULT_WRITE));
    cr_assert_null(sim_process(large)->segments.directory.area);
    cr_assert(!fixture_logged("memory: short"), "%s", sim_log());
    fixture_check();

    sim_fail_resolve(STATUS_NO_MEMORY);
    cr_assert_not_null(sim_touch(small, LAYOUT_STACK_TOP - 8 - PAGE_BYTES, FAULT_WRITE));
    char line[60];
    snprintf(line, sizeof(line), "memory: short pid=%u ends=%u pages=", small, large);
    cr_assert(fixture_logged(line), "%s", sim_log());
    fixture_ended(handle, PROCESS_OUT_OF_MEMORY, 0);
    cr_assert_eq(sim_process(small)->state, PROCESS_RUNNING);
    fixture_check();
}

Test(pager_fault, late_messages_of_ended_processes_are_dropped)
{
    fixture_start();
    struct pager_action action;
    uint32_t number;
    uint32_t handle = fixture_child(&number);
    uint64_t badge = process_badge(sim_process(number));
    sim_request(number, PROTOCOL_exit, 0, 0, 0);
    EXPECT(OK, sim_request(INIT, PROTOCOL_handle_close, handle, 0, 0));
    struct pager_message fault = { .badge = badge, .tag = FAULT_PAGE | TAG_FAULT, .word = { FAULT_READ, 0x1000 }, .token = 77 };
    pager_handle(&sim_pager, &fault, &action);
    cr_assert_eq(action.kind, ACTION_WAIT);
    fixture_child(&number);
    cr_assert_eq(process_badge(sim_process(number)) & 0xfff, badge & 0xfff); /* the slot has another process now */
    pager_handle(&sim_pager, &fault, &action);
    cr_assert_eq(action.kind, ACTION_WAIT);
    struct pager_message request = { .badge = badge, .tag = PROTOCOL_process_self, .token = 78 };
    pager_handle(&sim_pager, &request, &action);
    cr_assert_eq(action.kind, ACTION_REPLY);
    cr_assert_eq(action.token, 78);
    cr_assert_eq(tag_label(action.tag), STATUS_STALE);
    fixture_check();
}

/* --- Pages mapped ahead --- */

static uint64_t mapped(uint64_t address) { return segment_find(&sim_process(INIT)->segments, address)->pages; }

Test(pager_fault, who_touches_in_order_has_pages_mapped_ahead)
{
    fixture_start();
    uint64_t first = fixture_ok(sim_request(INIT, PROTOCOL_map, 512 * PAGE_BYTES, PROTECTION_WRITE, 0));
    uint64_t faults = sim_pager.count_faults;
    for (uint64_t i = 0; i < 2; i++) cr_assert_not_null(sim_touch(INIT, first + i * PAGE_BYTES, FAULT_WRITE));
    cr_assert_eq(mapped(first), 2); /* not before it is clear */
    for (uint64_t i = 2; i < 256; i++) {
        const char *byte = sim_touch(INIT, first + i * PAGE_BYTES, FAULT_WRITE);
        cr_assert_eq(*byte, 0);
        cr_assert_leq(mapped(first), 4 * (i + 1)); /* never more ahead than three times what was touched */
    }
    cr_assert_eq(sim_pager.count_faults - faults, 6);
    fixture_check();
    /* What is ahead ends with the segment. */
    for (uint64_t i = 256; i < 512; i++) cr_assert_not_null(sim_touch(INIT, first + i * PAGE_BYTES, FAULT_WRITE));
    cr_assert_eq(mapped(first), 512);
    fixture_check();
}

Test(pager_fault, who_touches_here_and_there_has_single_pages)
{
    fixture_start();
    uint64_t first = fixture_ok(sim_request(INIT, PROTOCOL_map, 512 * PAGE_BYTES, PROTECTION_WRITE, 0));
    for (uint64_t i = 0; i < 8; i++) cr_assert_not_null(sim_touch(INIT, first + i * PAGE_BYTES, FAULT_WRITE));
    uint64_t before = mapped(first);
    for (uint64_t i = 0; i < 50; i++) cr_assert_not_null(sim_touch(INIT, first + (500 - 7 * i) * PAGE_BYTES, FAULT_WRITE));
    cr_assert_eq(mapped(first), before + 50);
    fixture_check();
}

Test(pager_fault, pages_ahead_that_are_there_are_left_alone)
{
    fixture_start();
    uint64_t first = fixture_ok(sim_request(INIT, PROTOCOL_map, 64 * PAGE_BYTES, PROTECTION_WRITE, 0));
    for (uint64_t i = 0; i < 64; i += 2) *(char *)sim_touch(INIT, first + i * PAGE_BYTES, FAULT_WRITE) = (char)i;
    for (uint64_t i = 0; i < 64; i++) cr_assert_eq(*(char *)sim_touch(INIT, first + i * PAGE_BYTES, FAULT_READ), i % 2 == 0 ? (char)i : 0);
    for (uint64_t i = 20; i < 30; i++) EXPECT(OK, sim_request(INIT, PROTOCOL_discard, first + i * PAGE_BYTES, PAGE_BYTES, 0));
    for (uint64_t i = 20; i < 64; i++) cr_assert_not_null(sim_touch(INIT, first + i * PAGE_BYTES, FAULT_READ)); /* a run that meets what is there */
    cr_assert_eq(mapped(first), 64);
    fixture_check();
}

Test(pager_fault, nothing_ahead_where_memory_is_short)
{
    fixture_start_with(&(struct sim_options){ .arguments = "limit=120" });
    uint32_t number;
    uint32_t handle = fixture_child(&number);
    uint64_t first = fixture_ok(sim_request(number, PROTOCOL_map, 512 * PAGE_BYTES, PROTECTION_WRITE, 0));
    uint64_t touched = 0;
    while (touched < 512 && sim_touch(number, first + touched * PAGE_BYTES, FAULT_WRITE) != nullptr) touched++;
    cr_assert_gt(touched, 20); /* as long as there was a page there was this one */
    cr_assert_eq(sim_process(INIT)->family->pages.charged <= sim_process(INIT)->family->pages.limit, true);
    fixture_ended(handle, PROCESS_OUT_OF_MEMORY, first + touched * PAGE_BYTES);
    fixture_check();
}

Test(pager_fault, one_page_a_fault_where_that_was_asked_for)
{
    fixture_start_with(&(struct sim_options){ .arguments = "around=1" });
    uint64_t first = fixture_ok(sim_request(INIT, PROTOCOL_map, 64 * PAGE_BYTES, PROTECTION_WRITE, 0));
    uint64_t faults = sim_pager.count_faults;
    for (uint64_t i = 0; i < 64; i++) cr_assert_not_null(sim_touch(INIT, first + i * PAGE_BYTES, FAULT_WRITE));
    cr_assert_eq(sim_pager.count_faults - faults, 64);
    fixture_check();
}

Test(pager_fault, a_refused_run_is_taken_back_and_the_page_comes_alone)
{
    fixture_start();
    uint64_t first = fixture_ok(sim_request(INIT, PROTOCOL_map, 64 * PAGE_BYTES, PROTECTION_WRITE, 0));
    for (uint64_t i = 0; i < 2; i++) cr_assert_not_null(sim_touch(INIT, first + i * PAGE_BYTES, FAULT_WRITE));
    sim_fail_resolve(STATUS_NO_MEMORY);
    cr_assert_not_null(sim_touch(INIT, first + 2 * PAGE_BYTES, FAULT_WRITE));
    cr_assert_eq(mapped(first), 3);
    fixture_check();
}

/* How many pages others may have too is counted down before the kernel has copied one: when it refuses, nothing is known but that all may be. */
Test(pager_fault, a_refused_copy_counts_no_page_as_its_own)
{
    static const enum status refusals[] = { STATUS_NOT_MAPPED, STATUS_ALREADY_MAPPED };
    for (uint64_t pages = 1; pages <= 3; pages++)
        for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
            fixture_start();
            uint64_t first = fixture_ok(sim_request(INIT, PROTOCOL_map, pages * PAGE_BYTES, PROTECTION_WRITE, 0));
            for (uint64_t page = 0; page < pages; page++) *(char *)sim_touch(INIT, first + page * PAGE_BYTES, FAULT_WRITE) = 'a';
            fixture_ok(sim_request(INIT, PROTOCOL_process_duplicate, SIM_IMAGE_FIRST, LAYOUT_STACK_TOP - 64, 0));
            uint32_t twin = sim_pager.next_number;
            const struct segment *segment = segment_find(&sim_process(twin)->segments, first);
            uint64_t faults = sim_pager.count_faults;
            sim_fail_resolve(refusals[i]);
            cr_assert_eq(sim_fault(twin, FAULT_WRITE | FAULT_PRESENT, first), SIM_GOES_ON);
            cr_assert_eq(segment_shared_pages(segment), pages, "%u", segment_shared_pages(segment));
            cr_assert_eq(sim_pager.count_faults, faults);
            fixture_check();
            for (uint64_t page = 0; page < pages; page++) {
                *(char *)sim_touch(twin, first + page * PAGE_BYTES, FAULT_WRITE) = 'b';
                cr_assert_eq(segment_shared_pages(segment), pages - 1 - page);
                cr_assert_eq(*(char *)sim_touch(INIT, first + page * PAGE_BYTES, FAULT_READ), 'a');
                fixture_check();
            }
        }
}
