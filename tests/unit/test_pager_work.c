/* Taking memory away in steps: what is going cannot be used, others are served between steps, and each step is bounded. */
#include "pager_fixture.h"

#include "fault.h"
#include "work.h"

constexpr uint64_t PAGES = 3 * STEP_PAGES + 5;
constexpr uint64_t TOKEN = 0x7777;

static struct pager_action action;

/* A message as the kernel would deliver it; what the pager would do about it stays in `action`. */
static void deliver(uint32_t number, uint64_t label, uint64_t word0, uint64_t word1)
{
    struct pager_message message = { .badge = process_badge(sim_process(number)), .tag = label, .word = { word0, word1 }, .token = TOKEN + number };
    pager_handle(&sim_pager, &message, &action);
}

static void wake(void)
{
    struct pager_message message = { .tag = TAG_NOTIFICATION, .word = { 1 } };
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
    cr_assert_eq(sim_pager.work_first, sim_process(INIT));
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
    cr_assert_eq(action.token, TOKEN + INIT);
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
    struct pager_message fault = { .badge = process_badge(sim_process(WX)), .tag = FAULT_PAGE | TAG_FAULT, .word = { FAULT_WRITE, other }, .token = 9 };
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
        .badge = process_badge(sim_process(number)), .tag = FAULT_PAGE | TAG_FAULT, .word = { FAULT_WRITE, first }, .token = 9,
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
