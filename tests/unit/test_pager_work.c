/* Taking memory away in steps: what is going cannot be used, others are served between steps, and each step is bounded. */
#include "pager_fixture.h"

#include "fault.h"
#include "work.h"

constexpr uint64_t PAGES = 3 * STEP_PAGES + 5;
constexpr uint64_t TOKEN = (uint64_t)0x7777 << 32; /* and the thread */

static struct pager_action action;

/* A message as the kernel would deliver it; what the pager would do about it stays in `action`. */
static uint64_t token_of(uint32_t number) { return TOKEN | sim_process(number)->first.thread.number; }

static void deliver(uint32_t number, uint64_t label, uint64_t word0, uint64_t word1)
{
    struct pager_message message = { .badge = process_badge(sim_process(number)), .tag = label, .word = { word0, word1 }, .token = token_of(number) };
    pager_handle(&sim_pager, &message, &action);
}

static void wake(void)
{
    struct pager_message message = { .tag = TAG_NOTIFICATION, .word = { WAKE_FOR_WORK } };
    pager_handle(&sim_pager, &message, &action);
}

/* Every page of a range of INIT's mmap area. */
static uint64_t touched(uint64_t pages)
{
    uint64_t first = fixture_ok(sim_request(INIT, PROTOCOL_map, pages * PAGE_BYTES, PROTECTION_WRITE, 0));
    for (uint64_t i = 0; i < pages; i++) cr_assert_not_null(sim_touch(INIT, first + i * PAGE_BYTES, FAULT_WRITE));
    return first;
}

Test(pager_work, a_range_goes_in_bounded_steps)
{
    fixture_start();
    uint64_t first = touched(PAGES);
    uint64_t before = sim_free_frames();
    sim_enter_pager();
    deliver(INIT, PROTOCOL_unmap, first, PAGES * PAGE_BYTES);
    cr_assert_eq(action.kind, ACTION_WAIT);
    cr_assert_eq(sim_pager.work_first, &sim_process(INIT)->first);
    cr_assert_eq(sim_free_frames(), before); /* removed first, unmapped after */
    cr_assert(segment_find(&sim_process(INIT)->segments, first)->is_going);
    unsigned steps = 0;
    while (sim_pager.work_first != nullptr) {
        uint64_t free = sim_free_frames();
        uint64_t unmaps = sim_count_call(CALL_space_unmap);
        wake();
        if (action.kind == ACTION_POLL) continue; /* nothing waits: the next notification comes at once */
        steps++;
        cr_assert_leq(sim_count_call(CALL_space_unmap) - unmaps, 1);
        cr_assert_leq(sim_free_frames() - free, STEP_PAGES + 4); /* and the tables that became empty */
        cr_assert_null(pager_check(&sim_pager));
    }
    cr_assert_eq(steps, 4);
    cr_assert_eq(action.kind, ACTION_REPLY);
    cr_assert_eq(action.token, token_of(INIT));
    cr_assert_eq(tag_label(action.tag), STATUS_OK);
    cr_assert_null(segment_find(&sim_process(INIT)->segments, first));
    cr_assert_geq(sim_free_frames(), before + PAGES);
}

Test(pager_work, others_are_served_between_steps)
{
    fixture_start();
    uint64_t first = touched(PAGES);
    uint64_t other = fixture_ok(sim_request(WX, PROTOCOL_map, 4 * PAGE_BYTES, PROTECTION_WRITE, 0));
    sim_enter_pager();
    deliver(INIT, PROTOCOL_unmap, first, PAGES * PAGE_BYTES);
    wake();
    cr_assert_neq(action.kind, ACTION_POLL); /* a step */
    wake();
    cr_assert_eq(action.kind, ACTION_POLL); /* and now somebody else */
    uint64_t unmaps = sim_count_call(CALL_space_unmap);
    deliver(WX, PROTOCOL_map, PAGE_BYTES, PROTECTION_WRITE);
    cr_assert_eq(action.kind, ACTION_REPLY);
    cr_assert_eq(tag_label(action.tag), STATUS_OK);
    struct pager_message fault = {
        .badge = process_badge(sim_process(WX)), .tag = FAULT_PAGE | TAG_FAULT, .word = { FAULT_WRITE, other, [4] = 1 }, .token = 9,
    };
    pager_handle(&sim_pager, &fault, &action);
    cr_assert_eq(action.kind, ACTION_RESOLVE);
    cr_assert_eq(sim_count_call(CALL_space_unmap), unmaps); /* no step was done on the way of another's fault */
    cr_assert_not_null(sim_pager.work_first);
    pager_resolve_failed(&sim_pager, &fault, STATUS_ALREADY_MAPPED, &action); /* it was never made */
    while (sim_pager.work_first != nullptr) wake();
    cr_assert_null(pager_check(&sim_pager));
}

Test(pager_work, a_touch_in_between_is_an_error)
{
    fixture_start();
    uint32_t number;
    uint32_t handle = fixture_child(&number);
    uint64_t first = fixture_ok(sim_request(number, PROTOCOL_map, PAGES * PAGE_BYTES, PROTECTION_WRITE, 0));
    for (uint64_t i = 0; i < PAGES; i++) cr_assert_not_null(sim_touch(number, first + i * PAGE_BYTES, FAULT_WRITE));
    sim_enter_pager();
    deliver(number, PROTOCOL_unmap, first, PAGES * PAGE_BYTES);
    wake();
    struct pager_message fault = {
        .badge = process_badge(sim_process(number)), .tag = FAULT_PAGE | TAG_FAULT, .word = { FAULT_WRITE, first, [4] = 1 }, .token = 9,
    };
    struct fault_answer answer;
    cr_assert(!fault_quick(&sim_pager, &fault, &answer));
    pager_handle(&sim_pager, &fault, &action);
    sim_leave_pager();
    fixture_ended(handle, PROCESS_BAD_ADDRESS, first); /* and its end took what was left, in the middle of the work */
    cr_assert_null(sim_pager.work_first);
    fixture_check();
}

Test(pager_work, a_small_or_empty_range_goes_at_once)
{
    fixture_start();
    uint64_t first = touched(STEP_PAGES);
    fixture_ok(sim_request(INIT, PROTOCOL_unmap, first, STEP_PAGES * PAGE_BYTES, 0));
    uint64_t huge = fixture_ok(sim_request(INIT, PROTOCOL_map, (uint64_t)1 << 30, PROTECTION_WRITE, 0));
    uint64_t calls = sim_count_call(CALL_space_unmap);
    fixture_ok(sim_request(INIT, PROTOCOL_unmap, huge, (uint64_t)1 << 30, 0));
    cr_assert_leq(sim_count_call(CALL_space_unmap), calls + 8); /* nothing was there: pages of the ledger only */
    fixture_check();
}

Test(pager_work, the_answer_comes_when_all_is_gone)
{
    fixture_start();
    uint64_t first = touched(PAGES);
    cr_assert_not_null(sim_touch(INIT, first, FAULT_READ));
    struct sim_reply reply = sim_request(INIT, PROTOCOL_unmap, first, PAGES * PAGE_BYTES, 0);
    cr_assert_eq(reply.outcome, SIM_GOES_ON);
    cr_assert_eq(reply.label, STATUS_OK);
    EXPECT(NOT_MAPPED, sim_request(INIT, PROTOCOL_unmap, first, PAGES * PAGE_BYTES, 0));
    fixture_check();
}

/* --- Several threads: sim_hold_time() keeps the pager in its pauses, and sim_pause() ends one --- */

static uint32_t second_thread(uint32_t number)
{
    return sim_thread_of(number, fixture_ok(sim_request(number, PROTOCOL_thread_create, LAYOUT_IMAGE_FIRST, LAYOUT_STACK_TOP, 0)));
}

/* While one thread's unmap goes on, another faults, maps and unmaps; none of it brings a step, and a step never does more than one call. */
Test(pager_work, another_thread_goes_on_between_steps)
{
    fixture_start();
    uint32_t other = second_thread(INIT);
    uint64_t first = touched(PAGES);
    uint64_t own = fixture_ok(sim_request(other, PROTOCOL_map, 64 * PAGE_BYTES, PROTECTION_WRITE, 0));
    sim_hold_time(true);
    cr_assert_eq(sim_request(INIT, PROTOCOL_unmap, first, PAGES * PAGE_BYTES, 0).outcome, SIM_WAITS);
    unsigned pauses = 0;
    for (; sim_look(INIT).outcome == SIM_WAITS; pauses++) {
        uint64_t unmaps = sim_count_call(CALL_space_unmap);
        *(uint64_t *)sim_touch(other, own + pauses * PAGE_BYTES, FAULT_WRITE) = pauses;
        uint64_t mapped = fixture_ok(sim_request(other, PROTOCOL_map, PAGE_BYTES, PROTECTION_WRITE, 0));
        cr_assert_eq(sim_count_call(CALL_space_unmap), unmaps, "no step on its way");
        fixture_ok(sim_request(other, PROTOCOL_unmap, mapped, PAGE_BYTES, 0));
        fixture_check();
        unmaps = sim_count_call(CALL_space_unmap);
        sim_pause();
        cr_assert_leq(sim_count_call(CALL_space_unmap) - unmaps, 1, "%u", pauses);
    }
    cr_assert_eq(pauses, 4);
    fixture_ok(sim_look(INIT));
    for (unsigned i = 0; i < pauses; i++) cr_assert_eq(*(uint64_t *)sim_touch(other, own + i * PAGE_BYTES, FAULT_READ), i);
    fixture_check();
}

Test(pager_work, two_threads_take_turns)
{
    fixture_start();
    uint32_t other = second_thread(INIT), third = second_thread(INIT);
    uint64_t first = touched(PAGES), own = touched(PAGES);
    sim_hold_time(true);
    cr_assert_eq(sim_request(INIT, PROTOCOL_unmap, first, PAGES * PAGE_BYTES, 0).outcome, SIM_WAITS);
    cr_assert_eq(sim_request(other, PROTOCOL_unmap, own, PAGES * PAGE_BYTES, 0).outcome, SIM_WAITS);
    fixture_check();
    unsigned pauses = 0;
    for (; sim_look(other).outcome == SIM_WAITS; pauses++) {
        if (pauses == 2) EXPECT(NOT_MAPPED, sim_request(third, PROTOCOL_unmap, own, PAGES * PAGE_BYTES, 0)); /* what is going is gone */
        sim_pause();
        fixture_check();
    }
    cr_assert_eq(pauses, 8);
    fixture_ok(sim_look(INIT));
    fixture_ok(sim_look(other));
}

/* Where the first steps have been, another thread maps again, and takes that away too: each is answered for its own. */
Test(pager_work, what_is_gone_is_free_for_others)
{
    fixture_start();
    uint32_t other = second_thread(INIT);
    uint64_t first = touched(2 * PAGES);
    sim_hold_time(true);
    cr_assert_eq(sim_request(INIT, PROTOCOL_unmap, first, 2 * PAGES * PAGE_BYTES, 0).outcome, SIM_WAITS);
    EXPECT(EXISTS, sim_request(other, PROTOCOL_map_at, PAGE_BYTES, PROTECTION_WRITE, first + PAGE_BYTES));
    for (unsigned i = 0; i < 4; i++) sim_pause();
    EXPECT(OK, sim_request(other, PROTOCOL_map_at, (STEP_PAGES + 2) * PAGE_BYTES, PROTECTION_WRITE, first + PAGE_BYTES));
    for (uint64_t i = 1; i < STEP_PAGES + 2; i += 100) cr_assert_not_null(sim_touch(other, first + i * PAGE_BYTES, FAULT_WRITE));
    cr_assert_eq(sim_request(other, PROTOCOL_unmap, first + PAGE_BYTES, (STEP_PAGES + 2) * PAGE_BYTES, 0).outcome, SIM_WAITS);
    fixture_check();
    sim_hold_time(false);
    sim_pause();
    sim_run();
    fixture_ok(sim_look(other));
    fixture_ok(sim_look(INIT));
    fixture_check();
}

/* The thread that asked ends, the memory goes all the same; and so it does when the process ends. */
Test(pager_work, the_work_of_a_thread_that_ends_is_done)
{
    for (unsigned with_process = 0; with_process < 2; with_process++) {
        fixture_start();
        uint32_t number;
        fixture_child(&number);
        uint32_t other = second_thread(number);
        uint64_t first = fixture_ok(sim_request(number, PROTOCOL_map, PAGES * PAGE_BYTES, PROTECTION_WRITE, 0));
        for (uint64_t i = 0; i < PAGES; i++) cr_assert_not_null(sim_touch(number, first + i * PAGE_BYTES, FAULT_WRITE));
        uint64_t free = sim_free_frames();
        sim_hold_time(true);
        cr_assert_eq(sim_request(other, PROTOCOL_unmap, first, PAGES * PAGE_BYTES, 0).outcome, SIM_WAITS);
        sim_pause();
        EXPECT(OK, sim_request(number, PROTOCOL_thread_end, 2, 0, 0));
        cr_assert_eq(sim_look(other).outcome, SIM_GONE);
        EXPECT(OK, sim_request(number, PROTOCOL_thread_wait, 2, 0, 0));
        fixture_check();
        cr_assert_not_null(sim_pager.work_first);
        if (with_process == 1) sim_end(number);
        sim_hold_time(false);
        sim_run();
        cr_assert_null(sim_pager.work_first);
        fixture_check();
        cr_assert_geq(sim_free_frames(), free + PAGES);
        if (with_process == 0) cr_assert_eq(second_thread(number), sim_thread_of(number, 2 + THREAD_LIMIT));
    }
}

/* A fault that the shortest way answers leaves the work as it is: it goes on. */
Test(pager_work, goes_on_after_a_quick_fault)
{
    fixture_start();
    uint64_t first = touched(PAGES);
    uint64_t other = fixture_ok(sim_request(WX, PROTOCOL_map, 64 * PAGE_BYTES, PROTECTION_WRITE, 0));
    cr_assert_not_null(sim_touch(WX, other, FAULT_WRITE));
    sim_hold_time(true);
    cr_assert_eq(sim_request(INIT, PROTOCOL_unmap, first, PAGES * PAGE_BYTES, 0).outcome, SIM_WAITS);
    for (uint64_t i = 1; i < 32 && sim_look(INIT).outcome == SIM_WAITS; i++) {
        cr_assert_not_null(sim_touch(WX, other + 2 * i * PAGE_BYTES, FAULT_WRITE));
        sim_pause();
    }
    fixture_ok(sim_look(INIT));
    fixture_check();
}
