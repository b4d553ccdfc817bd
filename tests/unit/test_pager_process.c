/* Processes come and go: ends in every state, nothing is left behind, others do not notice; output; the end of the machine. */
#include "counter.h"
#include "pager_fixture.h"

/* Frames that are free when only init and wx are there and init has what it needs for handles. */
static uint64_t settle(void)
{
    uint32_t number;
    uint32_t handle = fixture_child(&number);
    sim_request(number, PROTOCOL_exit, 0, 0, 0);
    EXPECT(OK, sim_request(INIT, PROTOCOL_handle_close, handle, 0, 0));
    fixture_ok(sim_request(INIT, PROTOCOL_endpoint_create, 0, 0, 0));
    return sim_free_frames();
}

static void state_fresh([[maybe_unused]] uint32_t number) {}

static void state_memory(uint32_t number)
{
    fixture_ok(sim_request(number, PROTOCOL_brk, 100'000, 0, 0));
    fixture_ok(sim_request(number, PROTOCOL_autogen_move, 100'000, 0, 0));
    uint64_t first = fixture_ok(sim_request(number, PROTOCOL_map, 100'000, PROTECTION_WRITE, 0));
    for (uint64_t i = 0; i < 100'000; i += 3 * PAGE_BYTES) cr_assert_not_null(sim_touch(number, first + i, FAULT_WRITE));
    first = fixture_ok(sim_request_text(number, PROTOCOL_module_map, 0, "file", 4));
    cr_assert_not_null(sim_touch(number, first, FAULT_READ));
    cr_assert_not_null(sim_touch(number, LAYOUT_STACK_TOP - 100'000, FAULT_WRITE));
}

static void state_server(uint32_t number)
{
    uint64_t handle = fixture_ok(sim_request(number, PROTOCOL_endpoint_create, 0, 0, 0));
    EXPECT(OK, sim_request_text(number, PROTOCOL_name_publish, handle, "server", 6));
}

static void state_parent(uint32_t number)
{
    for (unsigned i = 0; i < 3; i++) {
        fixture_ok(sim_request_text(number, PROTOCOL_process_start, 0, "child", sizeof("child")));
        if (i > 0) sim_request(sim_pager.next_number, PROTOCOL_exit, i, 0, 0);
        else sim_exception(sim_pager.next_number, 0, 0);
    }
}

static void state_output(uint32_t number)
{
    EXPECT(OK, sim_request_text(number, PROTOCOL_write, 0, "half a line", 11));
}

static void end_exit(uint32_t number) { cr_assert_eq(sim_request(number, PROTOCOL_exit, 1, 0, 0).outcome, SIM_GONE); }
static void end_wild(uint32_t number) { cr_assert_null(sim_touch(number, 0x10, FAULT_WRITE)); }
static void end_exception(uint32_t number) { cr_assert_eq(sim_exception(number, 6, 0), SIM_GONE); }

static void end_memory(uint32_t number)
{
    sim_fail_resolve(STATUS_NO_MEMORY);
    cr_assert_null(sim_touch(number, LAYOUT_STACK_TOP - 1'000'000, FAULT_WRITE));
}

Test(pager_process, every_end_in_every_state_gives_everything_back)
{
    static void (*const states[])(uint32_t) = { state_fresh, state_memory, state_server, state_parent, state_output };
    static void (*const ends[])(uint32_t) = { end_exit, end_wild, end_exception, end_memory };
    fixture_start();
    uint64_t free = settle();
    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
        for (size_t j = 0; j < sizeof(ends) / sizeof(ends[0]); j++) {
            uint32_t number;
            uint32_t handle = fixture_child(&number);
            states[i](number);
            fixture_check();
            ends[j](number);
            cr_assert_eq(sim_process(number)->state, PROCESS_ENDED);
            fixture_check();
            EXPECT(OK, sim_request(INIT, PROTOCOL_handle_close, handle, 0, 0));
            cr_assert_null(sim_process(number));
            cr_assert_eq(sim_free_frames(), free, "state %zu, end %zu: %ld frames", i, j, (long)(free - sim_free_frames()));
            cr_assert_eq(sim_pager.count_running, 2);
            fixture_check();
        }
    }
}

/* A process that waits is ended from outside: there is no request for that yet, so the test asks the pager itself. */
Test(pager_process, ends_while_it_waits)
{
    fixture_start();
    uint64_t free = settle();
    for (unsigned kind = 0; kind < 2; kind++) {
        uint32_t number;
        uint32_t handle = fixture_child(&number);
        if (kind == 0) {
            cr_assert_eq(sim_request_text(number, PROTOCOL_name_find, 1, "never", 5).outcome, SIM_WAITS);
        } else {
            uint64_t child = fixture_ok(sim_request_text(number, PROTOCOL_process_start, 0, "child", sizeof("child")));
            uint64_t word[MESSAGE_WORDS] = { 0 };
            cr_assert_eq(sim_call(number, (uint32_t)child, PROTOCOL_process_wait, word, nullptr, 0).outcome, SIM_WAITS);
            sim_end(number);
            number = sim_pager.next_number;
        }
        sim_end(number);
        cr_assert_eq(sim_look(number).outcome, SIM_GONE);
        EXPECT(OK, sim_request(INIT, PROTOCOL_handle_close, handle, 0, 0));
        cr_assert_eq(sim_free_frames(), free);
        fixture_check();
    }
}

/* Answers that wait for their turn while one of their receivers ends: the others still come. */
Test(pager_process, ends_while_its_answer_is_due)
{
    for (unsigned ended = 0; ended < 3; ended++) {
        fixture_start();
        uint32_t number[3];
        for (unsigned i = 0; i < 3; i++) {
            fixture_child(&number[i]);
            cr_assert_eq(sim_request_text(number[i], PROTOCOL_name_find, 1, "never", 5).outcome, SIM_WAITS);
        }
        sim_enter_pager();
        for (unsigned i = 0; i < 3; i++) process_thread_wake(&sim_pager, &sim_process(number[i])->first, STATUS_OK, i, 0);
        process_end(&sim_pager, sim_process(number[ended]), PROCESS_EXITED, 0);
        cr_assert_null(pager_check(&sim_pager), "%s", pager_check(&sim_pager));
        sim_leave_pager();
        EXPECT(OK, sim_request(INIT, PROTOCOL_process_self, 0, 0, 0));
        for (unsigned i = 0; i < 3; i++) {
            struct sim_reply reply = sim_look(number[i]);
            cr_assert_eq(reply.outcome, i == ended ? SIM_GONE : SIM_GOES_ON);
            if (i != ended) cr_assert_eq(reply.word[0], i);
        }
        fixture_check();
    }
}

Test(pager_process, callers_of_a_server_that_ends_are_told)
{
    fixture_start();
    uint32_t server;
    uint32_t clients[3];
    fixture_child(&server);
    state_server(server);
    uint32_t receive = (uint32_t)(HOLDING_FIRST | 1 << HOLDING_SLOT_BITS);
    uint64_t word[MESSAGE_WORDS] = { 0 };
    for (unsigned i = 0; i < 3; i++) {
        fixture_child(&clients[i]);
        uint64_t handle = fixture_ok(sim_request_text(clients[i], PROTOCOL_name_find, 0, "server", 6));
        cr_assert_eq(sim_call(clients[i], (uint32_t)handle, 0, word, nullptr, 0).outcome, SIM_WAITS);
    }
    struct pager_message message;
    cr_assert_eq(sim_receive(server, receive, &message), STATUS_OK); /* one is being served, two wait */
    end_wild(server);
    for (unsigned i = 0; i < 3; i++) cr_assert_eq(sim_look(clients[i]).call, STATUS_PEER_ENDED, "%u", i);
    EXPECT(NOT_FOUND, sim_request_text(clients[0], PROTOCOL_name_find, 0, "server", 6));
    fixture_check();
}

Test(pager_process, two_hundred_processes)
{
    fixture_start();
    uint64_t free = settle();
    static uint32_t handle[200];
    static uint32_t number[200];
    for (unsigned i = 0; i < 200; i++) handle[i] = fixture_child(&number[i]);
    cr_assert_eq(fixture_ok(sim_request(INIT, PROTOCOL_system_info, 0, 0, 0)), sim_free_frames());
    cr_assert_eq(sim_request(INIT, PROTOCOL_system_info, 0, 0, 0).word[2], 202);
    for (unsigned i = 0; i < 200; i++) {
        *(uint32_t *)sim_touch(number[i], LAYOUT_STACK_TOP - 8, FAULT_WRITE) = i;
        if (i % 3 == 0) end_wild(number[i]);
    }
    for (unsigned i = 0; i < 200; i++) {
        if (i % 3 == 0) continue;
        cr_assert_eq(*(uint32_t *)sim_touch(number[i], LAYOUT_STACK_TOP - 8, FAULT_READ), i);
        end_exit(number[i]);
    }
    for (unsigned i = 0; i < 200; i++) {
        fixture_ended(handle[i], i % 3 == 0 ? PROCESS_BAD_ADDRESS : PROCESS_EXITED, i % 3 == 0 ? 0x10 : 1);
        EXPECT(OK, sim_request(INIT, PROTOCOL_handle_close, handle[i], 0, 0));
    }
    cr_assert_eq(sim_free_frames() + 2, free, "but two pages of handles");
    fixture_check();
}

Test(pager_process, processes_of_a_family_have_a_limit)
{
    fixture_start();
    uint64_t free = settle();
    enum status status = STATUS_OK;
    unsigned count = 0;
    while (status == STATUS_OK && count <= PROCESS_LIMIT) {
        struct sim_reply reply = sim_request_text(INIT, PROTOCOL_process_start, 0, "child", sizeof("child"));
        status = reply.label;
        if (status != STATUS_OK) break;
        count++;
        EXPECT(OK, sim_request(INIT, PROTOCOL_handle_close, reply.word[0], 0, 0));
    }
    cr_assert_eq(status, STATUS_LIMIT, "%s", status_name(status));
    cr_assert_eq(count, FAMILY_PROCESSES_MOST - 1);
    fixture_check();
    for (unsigned i = 0; i < count; i++) end_exit(sim_pager.next_number - i);
    cr_assert_eq(sim_free_frames(), free);
    fixture_check();
    fixture_child(&count);
}

/* --- The process itself --- */

Test(pager_process, a_process_learns_its_number_and_its_charge)
{
    fixture_start();
    struct sim_reply reply = sim_request(WX, PROTOCOL_process_self, 0, 0, 0);
    cr_assert_eq(fixture_ok(reply), WX);
    uint64_t before = reply.word[1];
    cr_assert_gt(before, 10);
    cr_assert_not_null(sim_touch(WX, LAYOUT_STACK_TOP - 8, FAULT_WRITE));
    reply = sim_request(WX, PROTOCOL_process_self, 0, 0, 0);
    cr_assert_eq(reply.word[1], before + 4); /* the page and three tables of its own */
}

Test(pager_process, output_is_logged_line_by_line)
{
    fixture_start();
    sim_log_clear();
    EXPECT(OK, sim_request_text(INIT, PROTOCOL_write, 0, "Hello ", 6));
    cr_assert_not(fixture_logged("out:"));
    EXPECT(OK, sim_request_text(INIT, PROTOCOL_write, 0, "world\nsecond\n\nrest", 18));
    cr_assert(fixture_logged("out: pid=1 name=init | Hello world\n"), "%s", sim_log());
    cr_assert(fixture_logged("out: pid=1 name=init | second\n"));
    cr_assert(fixture_logged("out: pid=1 name=init | \n"));
    cr_assert_not(fixture_logged("rest"));
    sim_request(INIT, PROTOCOL_exit, 0, 0, 0);
    cr_assert(fixture_logged("out: pid=1 name=init | rest\n"));
}

Test(pager_process, output_is_escaped_and_cut_at_the_line_limit)
{
    fixture_start();
    EXPECT(OK, sim_request_text(INIT, PROTOCOL_write, 0, "a\tb\\c\x1b[31m\xff\n", 12));
    cr_assert(fixture_logged("| a\\x09b\\x5cc\\x1b[31m\\xff\n"), "%s", sim_log());
    char text[OUTPUT_LINE_BYTES + 11];
    memset(text, 'x', sizeof(text));
    text[sizeof(text) - 1] = '\n';
    sim_log_clear();
    EXPECT(OK, sim_request_text(INIT, PROTOCOL_write, 0, text, sizeof(text)));
    cr_assert(fixture_logged("out: pid=1 name=init + xxxxxxxxxx\n"), "%s", sim_log());
    EXPECT(OK, sim_request_text(INIT, PROTOCOL_write, 0, "y\n", 2));
    cr_assert(fixture_logged("out: pid=1 name=init | y\n"));
    char large[1025] = { 'x' };
    EXPECT(BAD_LENGTH, sim_request_text(INIT, PROTOCOL_write, 0, large, sizeof(large)));
    EXPECT(OK, sim_request_text(INIT, PROTOCOL_write, 0, large, sizeof(large) - 1));
    EXPECT(BAD_LENGTH, sim_request_text(INIT, PROTOCOL_write, 0, "", 0));
}

Test(pager_process, requests_are_traced)
{
    fixture_start_with(&(struct sim_options){ .trace = TRACE_CALLS | TRACE_PROCESSES });
    cr_assert(fixture_logged("process: segment pid=1 kind=code first=0x400000 limit=0x402000 protection=2 pages=2 fill=image"), "%s", sim_log());
    sim_request(INIT, PROTOCOL_brk, 16, 0, 0);
    cr_assert(fixture_logged("request: pid=1 name=brk w0=0x10 w1=0x0 w2=0x0 bytes=0 status=OK result=0x406000"), "%s", sim_log());
    sim_request(INIT, (enum protocol)999, 16, 0, 0);
    cr_assert(fixture_logged("request: pid=1 name=unknown w0=0x10 w1=0x0 w2=0x0 bytes=0 status=BAD_CALL"));
}

/* --- The end of the machine --- */

static void ends_machine(const char *arguments, uint64_t status, bool is_wild, uint32_t wanted)
{
    fixture_start_with(&(struct sim_options){ .arguments = arguments });
    sim_request(WX, PROTOCOL_exit, 0, 0, 0);
    cr_assert_eq(sim_ended(), 0);
    if (is_wild) end_wild(INIT);
    else sim_request(INIT, PROTOCOL_exit, status, 0, 0);
    cr_assert(fixture_logged("pager: idle processes=0 faults=0 free="));
    cr_assert_eq(sim_ended(), wanted);
}

Test(pager_process, the_machine_ends_well_when_all_exited_with_0) { ends_machine("end=exit", 0, false, 1 + 0); }
Test(pager_process, the_machine_ends_badly_when_one_did_not) { ends_machine("a end=exit b", 3, false, 1 + 1); }
Test(pager_process, the_machine_ends_badly_when_one_was_ended) { ends_machine("end=exit", 0, true, 1 + 1); }
Test(pager_process, the_machine_stays_when_it_was_not_asked_to_end) { ends_machine("end=stay", 0, false, 0); }

Test(pager_process, children_that_fail_are_their_parents_business)
{
    fixture_start_with(&(struct sim_options){ .arguments = "end=exit" });
    uint32_t number;
    fixture_child(&number);
    end_wild(number);
    sim_request(WX, PROTOCOL_exit, 0, 0, 0);
    sim_request(INIT, PROTOCOL_exit, 0, 0, 0);
    cr_assert_eq(sim_ended(), 1 + 0);
}

/* What a start and an end cost beside instructions: kernel entries of the pager, frames zeroed. */
Test(pager_process, a_start_and_an_end_are_few_calls)
{
    fixture_start();
    uint64_t calls = 0, zeroed = 0;
    for (unsigned round = 0; round < 3; round++) { /* the first takes what later ones find */
        calls = sim_count_calls();
        zeroed = counters[COUNTER_FRAMES_ZEROED];
        uint32_t number;
        uint32_t handle = fixture_child(&number);
        sim_request(number, PROTOCOL_exit, 0, 0, 0);
        EXPECT(OK, sim_request(INIT, PROTOCOL_handle_close, handle, 0, 0));
        calls = sim_count_calls() - calls;
        zeroed = counters[COUNTER_FRAMES_ZEROED] - zeroed;
        cr_assert_eq(sim_pager.count_spare_slots, 1);
        fixture_check();
    }
    cr_assert_leq(calls, 36, "%llu", (unsigned long long)calls);
    cr_assert_leq(zeroed, 9, "%llu", (unsigned long long)zeroed); /* of some 13 that are taken: the others come back zeroed from the last one */
}

/* A slot that kept its pages shows nothing of who had it, and its next owner pays for it. */
Test(pager_process, slots_are_empty_when_they_are_kept)
{
    fixture_start();
    for (unsigned round = 0; round < 3; round++) {
        uint32_t number;
        uint32_t handle = fixture_child(&number);
        state_memory(number);
        state_output(number);
        uint32_t index = sim_process(number)->index;
        sim_request(number, PROTOCOL_exit, 0, 0, 0);
        EXPECT(OK, sim_request(INIT, PROTOCOL_handle_close, handle, 0, 0));
        cr_assert_eq(sim_pager.spare_slot[sim_pager.count_spare_slots - 1], index);
        const struct process *empty = (const struct process *)(sim_pager.slots + index * SLOT_BYTES);
        const unsigned char *record = (const unsigned char *)empty, *rows = (const unsigned char *)segment_rows(&empty->slot);
        cr_assert(record[0] == 0 && memcmp(record, record + 1, offsetof(struct process, slot) - 1) == 0);
        cr_assert(rows[0] == 0 && memcmp(rows, rows + 1, PAGE_BYTES - 1) == 0);
        cr_assert(empty->segments.count == 0 && empty->holdings.capacity == 0 && empty->line_bytes == 0);
        fixture_check();
    }
}
