/* Threads of a process: started and ended, each waits by itself, and what they do at once. */
#include "pager_fixture.h"

#include "fault.h"
#include "ledger.h"

constexpr uint64_t CODE = LAYOUT_IMAGE_FIRST;
constexpr uint64_t STACK = LAYOUT_STACK_TOP - 1'000'000;

static struct sim_reply create(uint32_t number) { return sim_request(number, PROTOCOL_thread_create, CODE, STACK, 7); }
static uint32_t created(uint32_t number)
{
    struct sim_reply reply = create(number);
    uint64_t thread = fixture_ok(reply);
    cr_assert_eq(reply.word[1], LAYOUT_BUFFER_FIRST + (thread - 1) % THREAD_LIMIT * PAGE_BYTES);
    return sim_thread_of(number, thread);
}
static uint64_t charge(uint32_t number) { return process_charge(sim_process(number)); }
static struct sim_reply find_and_wait(uint32_t thread, const char *name) { return sim_request_text(thread, PROTOCOL_name_find, 1, name, strlen(name)); }

Test(pager_thread, one_is_started_and_ended)
{
    fixture_start();
    uint64_t before = charge(INIT), free = sim_free_frames();
    uint32_t second = created(INIT);
    cr_assert_eq(second, sim_thread_of(INIT, 2));
    cr_assert_eq(charge(INIT), before + 3, "its frame, its buffer, a page of rows: %lu", charge(INIT) - before);
    fixture_check();
    cr_assert_eq(fixture_ok(sim_request(second, PROTOCOL_process_self, 0, 0, 0)), INIT);
    EXPECT(OK, sim_request_text(second, PROTOCOL_write, 0, "from the second\n", 16));
    cr_assert(fixture_logged("| from the second\n"), "its buffer is its own");
    cr_assert_eq(sim_request(second, PROTOCOL_thread_end, 0, 0, 0).outcome, SIM_GONE);
    fixture_check();
    cr_assert_eq(charge(INIT), before + 1, "the page of rows stays");
    cr_assert_eq(sim_free_frames() + 1, free);
    cr_assert_eq(created(INIT), sim_thread_of(INIT, 2 + THREAD_LIMIT), "a number does not come back, its place does");
    EXPECT(OK, sim_request(INIT, PROTOCOL_thread_end, 2, 0, 0)); /* it has ended: nothing happens */
    EXPECT(OK, sim_request(INIT, PROTOCOL_thread_end, 2 + THREAD_LIMIT, 0, 0));
    fixture_check();
}

Test(pager_thread, hostile_arguments)
{
    fixture_start();
    uint64_t before = charge(INIT), free = sim_free_frames();
    EXPECT(BAD_ADDRESS, sim_request(INIT, PROTOCOL_thread_create, USER_LIMIT, STACK, 0));
    EXPECT(BAD_ADDRESS, sim_request(INIT, PROTOCOL_thread_create, CODE, USER_LIMIT + 1, 0));
    EXPECT(BAD_ADDRESS, sim_request(INIT, PROTOCOL_thread_create, UINT64_MAX, UINT64_MAX, UINT64_MAX));
    cr_assert_eq(charge(INIT), before);
    cr_assert_eq(sim_free_frames(), free);
    for (uint64_t number = 0; number < 3; number++) EXPECT(NOT_FOUND, sim_request(INIT, PROTOCOL_thread_wait, number == 1 ? UINT64_MAX : number, 0, 0));
    EXPECT(BAD_ARGUMENT, sim_request(INIT, PROTOCOL_thread_wait, 1, 0, 0));
    EXPECT(NOT_FOUND, sim_request(INIT, PROTOCOL_thread_end, 2, 0, 0));
    EXPECT(NOT_FOUND, sim_request(INIT, PROTOCOL_thread_end, UINT64_MAX, 0, 0));
    EXPECT(NOT_FOUND, sim_request(INIT, PROTOCOL_thread_end, (uint64_t)1 << 32 | 1, 0, 0));
    EXPECT(IMMUTABLE, sim_request(INIT, PROTOCOL_unmap, LAYOUT_BUFFER_FIRST, PAGE_BYTES, 0));
    fixture_check();
}

Test(pager_thread, a_process_has_a_limited_number)
{
    fixture_start();
    uint32_t number, last = 0;
    uint32_t handle = fixture_child(&number);
    uint64_t free = sim_free_frames();
    for (uint32_t i = 2; i <= THREAD_LIMIT; i++) last = created(number);
    EXPECT(LIMIT, create(number));
    fixture_check();
    cr_assert_eq(fixture_ok(sim_request(last, PROTOCOL_process_self, 0, 0, 0)), number);
    EXPECT(OK, sim_request(last, PROTOCOL_thread_end, 5, 0, 0)); /* in the middle: its place is the next that is used */
    fixture_check();
    cr_assert_eq(created(number), sim_thread_of(number, 5 + THREAD_LIMIT));
    for (uint64_t i = THREAD_LIMIT; i > 1; i--) {
        EXPECT(OK, sim_request(number, PROTOCOL_thread_end, i == 5 ? 5 + THREAD_LIMIT : i, 0, 0));
        cr_assert_eq(sim_process(number)->count_threads, i - 1);
        fixture_check();
    }
    cr_assert_eq(sim_free_frames() + THREAD_PAGES_MOST, free);
    sim_request(number, PROTOCOL_exit, 0, 0, 0);
    EXPECT(OK, sim_request(INIT, PROTOCOL_handle_close, handle, 0, 0));
    fixture_check();
}

Test(pager_thread, the_process_ends_with_the_last)
{
    fixture_start();
    uint32_t number;
    uint32_t handle = fixture_child(&number);
    uint32_t second = created(number);
    cr_assert_eq(sim_request(sim_thread_of(number, 1), PROTOCOL_thread_end, 0, 9, 0).outcome, SIM_GONE);
    fixture_check();
    cr_assert_eq(fixture_ok(sim_request(second, PROTOCOL_map, PAGE_BYTES, PROTECTION_WRITE, 0)) % PAGE_BYTES, 0); /* it goes on without the first */
    cr_assert_eq(fixture_ok(create(second)), 1 + THREAD_LIMIT, "the first place is free again");
    EXPECT(OK, sim_request(second, PROTOCOL_thread_end, 1 + THREAD_LIMIT, 0, 0));
    cr_assert_eq(sim_request(second, PROTOCOL_thread_end, 2, 41, 0).outcome, SIM_GONE);
    fixture_ended(handle, PROCESS_EXITED, 41);
    fixture_check();
}

/* Whichever allocation fails: a status, and nothing has changed. At the second thread, and where a page of rows is full. */
Test(pager_thread, every_allocation_may_fail)
{
    static const uint32_t before[] = { 1, 1 + THREADS_PER_PAGE };
    for (size_t i = 0; i < 2; i++) {
        fixture_start();
        while (sim_process(INIT)->count_threads < before[i]) created(INIT);
        uint64_t charged = charge(INIT), free = sim_free_frames();
        uint64_t k = 1;
        for (; FAILS_AT(k, create(INIT)); k++) {
            cr_assert_eq(charge(INIT), charged, "%lu", k);
            cr_assert_eq(sim_free_frames(), free, "%lu", k);
        }
        cr_assert_gt(k, 3, "%lu", k);
        sim_stop();
    }
}

Test(pager_thread, its_family_pays)
{
    fixture_start();
    struct quota *pages = &sim_process(INIT)->family->pages;
    uint64_t limit = pages->limit;
    for (uint64_t room = 0; room < 3; room++) {
        pages->limit = pages->charged + room;
        EXPECT(LIMIT, create(INIT));
        pages->limit = limit;
        fixture_check();
    }
    pages->limit = pages->charged + 3;
    created(INIT);
    pages->limit = limit;
    fixture_check();
}

/* --- Waiting --- */

Test(pager_thread, each_waits_by_itself)
{
    fixture_start();
    uint32_t number;
    uint32_t handle = fixture_child(&number);
    uint64_t word[MESSAGE_WORDS] = { 0 };
    uint32_t second = created(INIT), third = created(INIT), fourth = created(INIT);
    cr_assert_eq(find_and_wait(second, "a").outcome, SIM_WAITS);
    cr_assert_eq(find_and_wait(third, "b").outcome, SIM_WAITS);
    cr_assert_eq(sim_call(fourth, handle, tag_make(PROTOCOL_process_wait, 0), word, nullptr, 0).outcome, SIM_WAITS);
    fixture_check();
    uint64_t endpoint = fixture_ok(sim_request(INIT, PROTOCOL_endpoint_create, 0, 0, 0));
    fixture_ok(sim_request_text(INIT, PROTOCOL_name_publish, endpoint, "b", 1));
    cr_assert_eq(sim_look(second).outcome, SIM_WAITS);
    cr_assert_neq(fixture_ok(sim_look(third)), 0);
    fixture_check();
    sim_request(number, PROTOCOL_exit, 5, 0, 0);
    cr_assert_eq(fixture_ok(sim_look(fourth)), PROCESS_EXITED);
    cr_assert_eq(sim_look(fourth).word[1], 5);
    cr_assert_eq(sim_look(second).outcome, SIM_WAITS);
    EXPECT(OK, sim_request(INIT, PROTOCOL_thread_end, 2, 0, 0));
    cr_assert_eq(sim_look(second).outcome, SIM_GONE);
    fixture_check();
}

Test(pager_thread, one_waits_for_the_end_of_another)
{
    fixture_start();
    uint32_t second = created(INIT), third = created(INIT), fourth = created(INIT);
    cr_assert_eq(sim_request(second, PROTOCOL_thread_wait, 4, 0, 0).outcome, SIM_WAITS);
    cr_assert_eq(sim_request(third, PROTOCOL_thread_wait, 4, 0, 0).outcome, SIM_WAITS);
    cr_assert_eq(sim_request(INIT, PROTOCOL_thread_wait, 2, 0, 0).outcome, SIM_WAITS);
    fixture_check();
    cr_assert_eq(sim_request(fourth, PROTOCOL_thread_end, 0, 0, 0).outcome, SIM_GONE);
    fixture_ok(sim_look(second));
    fixture_ok(sim_look(third));
    cr_assert_eq(sim_look(INIT).outcome, SIM_WAITS);
    EXPECT(OK, sim_request(third, PROTOCOL_thread_wait, 4, 0, 0)); /* at once: it has ended */
    EXPECT(OK, sim_request(third, PROTOCOL_thread_end, 2, 0, 0));
    fixture_ok(sim_look(INIT));
    fixture_check();
}

Test(pager_thread, a_process_is_stuck_when_all_of_it_is)
{
    fixture_start();
    uint32_t number;
    fixture_child(&number);
    uint32_t second = created(number);
    cr_assert_eq(sim_request(second, PROTOCOL_thread_wait, 1, 0, 0).outcome, SIM_WAITS);
    sim_log_clear();
    struct sim_reply reply = sim_request(INIT, PROTOCOL_wait_report, 0, 0, 0);
    cr_assert_eq(fixture_ok(reply), 1);
    cr_assert_eq(reply.word[1], 0, "its first thread goes on\n%s", sim_log());
    char line[80];
    snprintf(line, sizeof(line), "wait: pid=%u name=child for=thread of=%u tid=2 which=1\n", number, number);
    cr_assert(fixture_logged(line), "%s", sim_log());
    cr_assert_eq(sim_request(sim_thread_of(number, 1), PROTOCOL_thread_wait, 2, 0, 0).outcome, SIM_WAITS);
    reply = sim_request(INIT, PROTOCOL_wait_report, 0, 0, 0);
    cr_assert_eq(fixture_ok(reply), 2);
    cr_assert_eq(reply.word[1], 1, "each waits for the other\n%s", sim_log());
    sim_end(number);
    fixture_check();
}

/* --- Ends in every state --- */

static uint32_t server, server_handle;

static void state_idle([[maybe_unused]] uint32_t thread) {}
static void state_name(uint32_t thread) { cr_assert_eq(find_and_wait(thread, "never").outcome, SIM_WAITS); }
static void state_thread(uint32_t thread) { cr_assert_eq(sim_request(thread, PROTOCOL_thread_wait, 1, 0, 0).outcome, SIM_WAITS); }
static void state_process(uint32_t thread)
{
    uint64_t word[MESSAGE_WORDS] = { 0 };
    uint64_t handle = fixture_ok(sim_request_text(thread, PROTOCOL_process_start, 0, "child", sizeof("child")));
    cr_assert_eq(sim_call(thread, (uint32_t)handle, tag_make(PROTOCOL_process_wait, 0), word, nullptr, 0).outcome, SIM_WAITS);
}
static void state_sending(uint32_t thread)
{
    uint64_t word[MESSAGE_WORDS] = { 0 };
    uint64_t handle = fixture_ok(sim_request_text(thread, PROTOCOL_name_find, 0, "server", 6));
    cr_assert_eq(sim_call(thread, (uint32_t)handle, 0, word, nullptr, 0).outcome, SIM_WAITS);
}
static void state_served(uint32_t thread)
{
    struct pager_message message;
    state_sending(thread);
    cr_assert_eq(sim_receive(server, server_handle, &message), STATUS_OK);
}
static void state_memory(uint32_t thread)
{
    uint64_t first = fixture_ok(sim_request(thread, PROTOCOL_map, 10 * PAGE_BYTES, PROTECTION_WRITE, 0));
    for (uint64_t i = 0; i < 10; i += 3) cr_assert_not_null(sim_touch(thread, first + i * PAGE_BYTES, FAULT_WRITE));
}

static void end_process(uint32_t number, [[maybe_unused]] uint32_t thread) { sim_request(sim_thread_of(number, 1), PROTOCOL_exit, 0, 0, 0); }
static void end_fault(uint32_t number, [[maybe_unused]] uint32_t thread) { cr_assert_null(sim_touch(sim_thread_of(number, 1), 0x10, FAULT_WRITE)); }
static void end_thread_first(uint32_t number, uint32_t thread)
{
    EXPECT(OK, sim_request(sim_thread_of(number, 1), PROTOCOL_thread_end, thread / SIM_THREADS, 0, 0));
    cr_assert_eq(sim_look(thread).outcome, SIM_GONE);
    cr_assert_eq(sim_process(number)->count_threads, 1);
    fixture_check();
    end_process(number, thread);
}

Test(pager_thread, every_end_in_every_state_gives_everything_back)
{
    static void (*const states[])(uint32_t) = { state_idle, state_name, state_thread, state_process, state_sending, state_served, state_memory };
    static void (*const ends[])(uint32_t, uint32_t) = { end_process, end_fault, end_thread_first };
    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
        for (size_t j = 0; j < sizeof(ends) / sizeof(ends[0]); j++) {
            fixture_start();
            uint32_t number;
            fixture_child(&server);
            server_handle = (uint32_t)fixture_ok(sim_request(server, PROTOCOL_endpoint_create, 0, 0, 0));
            fixture_ok(sim_request_text(server, PROTOCOL_name_publish, server_handle, "server", 6));
            EXPECT(OK, sim_request(INIT, PROTOCOL_handle_close, fixture_child(&number), 0, 0));
            sim_end(number);
            uint64_t free = sim_free_frames();
            EXPECT(OK, sim_request(INIT, PROTOCOL_handle_close, fixture_child(&number), 0, 0));
            uint32_t thread = created(number);
            states[i](thread);
            fixture_check();
            ends[j](number, thread);
            cr_assert_null(sim_process(number));
            fixture_check();
            if (sim_pager.count_running == 4) sim_end(sim_pager.next_number); /* the grandchild */
            cr_assert_eq(sim_free_frames(), free, "state %zu end %zu: %ld frames", i, j, (long)(free - sim_free_frames()));
            fixture_check();
        }
    }
}

/* Threads whose answers are due, and one of them ends before it gets its own. */
Test(pager_thread, one_ends_while_its_answer_is_due)
{
    for (uint32_t ended = 0; ended < 3; ended++) {
        fixture_start();
        uint32_t thread[3];
        for (unsigned i = 0; i < 3; i++) cr_assert_eq(find_and_wait(thread[i] = created(INIT), "never").outcome, SIM_WAITS);
        sim_enter_pager();
        struct process *process = sim_process(INIT);
        for (unsigned i = 0; i < 3; i++) process_thread_wake(&sim_pager, process_thread_find(process, i + 2), STATUS_OK, i, 0);
        process_thread_end(&sim_pager, process, process_thread_find(process, ended + 2));
        ledger_commit(&sim_pager);
        cr_assert_null(pager_check(&sim_pager), "%s", pager_check(&sim_pager));
        sim_leave_pager();
        EXPECT(OK, sim_request(INIT, PROTOCOL_process_self, 0, 0, 0));
        for (unsigned i = 0; i < 3; i++) {
            struct sim_reply reply = sim_look(thread[i]);
            cr_assert_eq(reply.outcome, i == ended ? SIM_GONE : SIM_GOES_ON);
            if (i != ended) cr_assert_eq(reply.word[0], i);
        }
        fixture_check();
    }
}

/* --- At once --- */

/* Two want the same range: one has it, the other gets a status and nothing (S2-35). */
Test(pager_thread, one_of_two_gets_a_range)
{
    fixture_start();
    uint32_t second = created(INIT);
    uint64_t first = fixture_ok(sim_request(INIT, PROTOCOL_map, 16 * PAGE_BYTES, PROTECTION_WRITE, 0));
    EXPECT(OK, sim_request(INIT, PROTOCOL_unmap, first, 16 * PAGE_BYTES, 0));
    uint64_t charged = charge(INIT);
    uint32_t count = sim_process(INIT)->segments.count;
    for (unsigned turn = 0; turn < 2; turn++) {
        uint32_t winner = turn == 0 ? sim_thread_of(INIT, 1) : second, loser = turn == 0 ? second : sim_thread_of(INIT, 1);
        EXPECT(OK, sim_request(winner, PROTOCOL_map_at, 8 * PAGE_BYTES, PROTECTION_WRITE, first + 4 * PAGE_BYTES));
        uint64_t with_one = charge(INIT);
        EXPECT(EXISTS, sim_request(loser, PROTOCOL_map_at, 8 * PAGE_BYTES, PROTECTION_WRITE, first + 4 * PAGE_BYTES));
        EXPECT(EXISTS, sim_request(loser, PROTOCOL_map_at, 16 * PAGE_BYTES, PROTECTION_WRITE, first));
        cr_assert_eq(charge(INIT), with_one);
        cr_assert_eq(sim_process(INIT)->segments.count, count + 1);
        EXPECT(OK, sim_request(loser, PROTOCOL_map_at, 4 * PAGE_BYTES, PROTECTION_READ, first)); /* what was not taken is free */
        EXPECT(OK, sim_request(loser, PROTOCOL_unmap, first, 12 * PAGE_BYTES, 0));
        cr_assert_eq(charge(INIT), charged);
        fixture_check();
    }
}

Test(pager_thread, all_touch_the_same_page)
{
    fixture_start();
    uint32_t thread[4];
    for (unsigned i = 0; i < 4; i++) thread[i] = created(INIT);
    uint64_t first = fixture_ok(sim_request(INIT, PROTOCOL_map, PAGE_BYTES, PROTECTION_WRITE, 0));
    for (unsigned i = 0; i < 4; i++) cr_assert_eq(sim_fault(thread[i], FAULT_WRITE, first), SIM_GOES_ON); /* all but the first come too late */
    cr_assert_eq(segment_find(&sim_process(INIT)->segments, first)->pages, 1);
    fixture_check();
}

/* What may not be written right below a thread's stack is the end of that stack for this thread, and for no other. */
static void end_below_a_stack(bool by_its_thread)
{
    fixture_start();
    uint32_t number;
    uint32_t handle = fixture_child(&number);
    uint64_t area = fixture_ok(sim_request(number, PROTOCOL_map, 8 * PAGE_BYTES, PROTECTION_WRITE, 0));
    EXPECT(OK, sim_request(number, PROTOCOL_protect, area, 3 * PAGE_BYTES, PROTECTION_READ));
    uint64_t thread = fixture_ok(sim_request(number, PROTOCOL_thread_create, LAYOUT_IMAGE_FIRST, area + 8 * PAGE_BYTES - 8, 0));
    uint64_t other = fixture_ok(sim_request(number, PROTOCOL_thread_create, LAYOUT_IMAGE_FIRST, LAYOUT_STACK_TOP - 8 * PAGE_BYTES, 0));
    uint32_t toucher = sim_thread_of(number, by_its_thread ? thread : other);
    cr_assert_not_null(sim_touch(toucher, area + 3 * PAGE_BYTES, FAULT_WRITE));
    cr_assert_null(sim_touch(toucher, area + 3 * PAGE_BYTES - 8, FAULT_WRITE));
    fixture_ended(handle, by_its_thread ? PROCESS_STACK_OVERFLOW : PROCESS_PROTECTION, area + 3 * PAGE_BYTES - 8);
    char line[160];
    snprintf(line, sizeof(line), "stack: pid=%u tid=%lu first=0x%lx limit=0x%lx high=0x%lx pages=1", number, thread, area + 3 * PAGE_BYTES,
             area + 8 * PAGE_BYTES, area + 3 * PAGE_BYTES);
    cr_assert_eq(fixture_logged(line), by_its_thread, "%s\n%s", line, sim_log());
    fixture_check();
}

Test(pager_thread, a_thread_overflows_its_stack) { end_below_a_stack(true); }
Test(pager_thread, another_thread_only_may_not_write_there) { end_below_a_stack(false); }

/* The same fault again and again is a loop when it is one thread's, and nothing has changed (invariant 2 of fault.c). */
Test(pager_thread, a_fault_loop_is_one_threads)
{
    fixture_start();
    uint32_t number;
    uint32_t handle = fixture_child(&number);
    uint32_t thread[FAULT_REPEATS];
    for (unsigned i = 0; i < FAULT_REPEATS; i++) thread[i] = created(number);
    uint64_t first = fixture_ok(sim_request(number, PROTOCOL_map, 4 * PAGE_BYTES, PROTECTION_WRITE, 0));
    cr_assert_not_null(sim_touch(number, first, FAULT_WRITE));
    constexpr uint64_t again = FAULT_WRITE | FAULT_PRESENT;
    for (unsigned i = 0; i < FAULT_REPEATS; i++)
        for (unsigned k = 1; k < FAULT_REPEATS; k++) cr_assert_eq(sim_fault(thread[i], again, first), SIM_GOES_ON);
    EXPECT(OK, sim_request(thread[1], PROTOCOL_protect, first + 2 * PAGE_BYTES, PAGE_BYTES, PROTECTION_READ));
    for (unsigned k = 1; k < FAULT_REPEATS; k++) cr_assert_eq(sim_fault(thread[0], again, first), SIM_GOES_ON); /* another may have changed it */
    cr_assert_not_null(sim_touch(thread[1], first + PAGE_BYTES, FAULT_WRITE));
    for (unsigned k = 1; k < FAULT_REPEATS; k++) cr_assert_eq(sim_fault(thread[0], again, first), SIM_GOES_ON);
    cr_assert_eq(sim_fault(thread[0], again, first), SIM_GONE);
    fixture_ended(handle, PROCESS_FAULT_LOOP, first);
    fixture_check();
}
