/* Endpoints, handles, names, waiting for processes: through the kernel's real endpoints and rows. */
#include "pager_fixture.h"

static uint32_t new_endpoint(uint32_t number)
{
    return (uint32_t)fixture_ok(sim_request(number, PROTOCOL_endpoint_create, 0, 0, 0));
}

static struct sim_reply find(uint32_t number, const char *name, bool wait)
{
    return sim_request_text(number, PROTOCOL_name_find, wait, name, strlen(name));
}

static struct sim_reply publish(uint32_t number, uint32_t handle, const char *name)
{
    return sim_request_text(number, PROTOCOL_name_publish, handle, name, strlen(name));
}

Test(pager_handle, a_call_reaches_the_server_and_comes_back)
{
    fixture_start();
    uint32_t number;
    fixture_child(&number);
    uint32_t receive = new_endpoint(INIT);
    EXPECT(OK, publish(INIT, receive, "echo"));
    uint32_t handle = (uint32_t)fixture_ok(find(number, "echo", false));
    uint64_t word[MESSAGE_WORDS] = { 1, 2, 3, 4, 5, 6 };
    cr_assert_eq(sim_call(number, handle, tag_make(9, 0), word, nullptr, 0).outcome, SIM_WAITS);
    struct pager_message message;
    cr_assert_eq(sim_receive(INIT, receive, &message), STATUS_OK);
    cr_assert_eq(tag_label(message.tag), 9);
    cr_assert_eq(message.word[5], 6);
    cr_assert_neq(message.badge, 0);
    message.word[0] = 42;
    sim_reply_to(INIT, receive, &message);
    cr_assert_eq(sim_look(number).word[0], 42);
    fixture_check();
}

Test(pager_handle, a_finder_can_call_but_not_receive)
{
    fixture_start();
    EXPECT(OK, publish(INIT, new_endpoint(INIT), "echo"));
    uint32_t handle = (uint32_t)fixture_ok(find(WX, "echo", false));
    struct pager_message message;
    cr_assert_eq(sim_receive(WX, handle, &message), STATUS_NO_RIGHT);
    EXPECT(NO_RIGHT, publish(WX, handle, "mine"));
    fixture_check();
}

Test(pager_handle, names_are_unique_and_checked)
{
    fixture_start();
    uint32_t first = new_endpoint(INIT);
    uint32_t second = new_endpoint(INIT);
    EXPECT(OK, publish(INIT, first, "a-name"));
    EXPECT(EXISTS, publish(INIT, second, "a-name"));
    EXPECT(EXISTS, publish(INIT, first, "another"));
    EXPECT(BAD_LENGTH, publish(INIT, second, ""));
    EXPECT(BAD_LENGTH, publish(INIT, second, "123456789012345678901234567890123"));
    EXPECT(OK, publish(INIT, second, "12345678901234567890123456789012"));
    EXPECT(BAD_ARGUMENT, publish(INIT, second, "with space"));
    EXPECT(BAD_ARGUMENT, publish(INIT, second, "\x80"));
    EXPECT(BAD_HANDLE, publish(INIT, 0, "x"));
    EXPECT(BAD_HANDLE, publish(INIT, HANDLE_PAGER, "x"));
    EXPECT(BAD_HANDLE, publish(INIT, first + (1 << HOLDING_SLOT_BITS), "x"));
    EXPECT(NOT_FOUND, find(INIT, "nobody", false));
    EXPECT(BAD_ARGUMENT, sim_request_text(INIT, PROTOCOL_name_find, 2, "nobody", 6));
    fixture_check();
}

Test(pager_handle, finders_wait_until_a_name_is_published)
{
    fixture_start();
    uint32_t number[3];
    for (unsigned i = 0; i < 3; i++) {
        fixture_child(&number[i]);
        cr_assert_eq(find(number[i], i == 2 ? "other" : "late", true).outcome, SIM_WAITS);
    }
    fixture_check();
    uint32_t handle = new_endpoint(INIT);
    EXPECT(OK, publish(INIT, handle, "late"));
    for (unsigned i = 0; i < 2; i++) {
        struct sim_reply reply = sim_look(number[i]);
        cr_assert_eq(reply.outcome, SIM_GOES_ON);
        cr_assert_eq(reply.label, STATUS_OK);
        cr_assert_geq(reply.word[0], 1 << HOLDING_SLOT_BITS);
        uint64_t word[MESSAGE_WORDS] = { 0 };
        cr_assert_eq(sim_call(number[i], (uint32_t)reply.word[0], 0, word, nullptr, 0).outcome, SIM_WAITS);
    }
    cr_assert_eq(sim_look(number[2]).outcome, SIM_WAITS);
    fixture_check();
    EXPECT(OK, sim_request(INIT, PROTOCOL_handle_close, handle, 0, 0));
    for (unsigned i = 0; i < 2; i++) cr_assert_eq(sim_look(number[i]).call, STATUS_PEER_ENDED);
    fixture_check();
}

/* The kernel stops a caller until it is answered; should a second message of it come, the first one's answer must not get lost. */
Test(pager_handle, a_second_message_of_a_caller_that_waits_is_refused)
{
    fixture_start();
    cr_assert_eq(find(WX, "late", true).outcome, SIM_WAITS);
    uint64_t token = sim_process(WX)->first.wait.token;
    struct pager_message message = { .badge = process_badge(sim_process(WX)), .tag = PROTOCOL_process_self, .token = token + TOKEN_NEXT };
    struct pager_action action;
    pager_handle(&sim_pager, &message, &action);
    cr_assert_eq(action.token, token + TOKEN_NEXT);
    cr_assert_eq(tag_label(action.tag), STATUS_BAD_STATE);
    cr_assert_eq(sim_process(WX)->first.wait.token, token);
    EXPECT(OK, publish(INIT, new_endpoint(INIT), "late"));
    cr_assert_eq(sim_look(WX).label, STATUS_OK);
    fixture_check();
}

Test(pager_handle, closing_the_receiving_handle_ends_the_endpoint_and_its_name)
{
    fixture_start();
    uint32_t receive = new_endpoint(INIT);
    EXPECT(OK, publish(INIT, receive, "echo"));
    uint32_t handle = (uint32_t)fixture_ok(find(WX, "echo", false));
    uint64_t word[MESSAGE_WORDS] = { 0 };
    cr_assert_eq(sim_call(WX, handle, 0, word, nullptr, 0).outcome, SIM_WAITS);
    EXPECT(OK, sim_request(INIT, PROTOCOL_handle_close, receive, 0, 0));
    cr_assert_eq(sim_look(WX).call, STATUS_PEER_ENDED);
    cr_assert_eq(sim_call(WX, handle, 0, word, nullptr, 0).call, STATUS_STALE);
    EXPECT(STALE, sim_request(INIT, PROTOCOL_handle_close, receive, 0, 0));
    EXPECT(NOT_FOUND, find(WX, "echo", false));
    EXPECT(STALE, sim_request(WX, PROTOCOL_handle_close, handle, 0, 0));
    cr_assert_eq(sim_call(WX, handle, 0, word, nullptr, 0).call, STATUS_STALE);
    fixture_check();
}

/* A service's slot is used again: a handle of its former use must not reach the new one. */
Test(pager_handle, a_handle_of_a_former_endpoint_reaches_nobody)
{
    fixture_start();
    uint32_t receive = new_endpoint(INIT);
    EXPECT(OK, publish(INIT, receive, "echo"));
    uint32_t handle = (uint32_t)fixture_ok(find(WX, "echo", false));
    EXPECT(OK, sim_request(INIT, PROTOCOL_handle_close, receive, 0, 0));
    uint32_t again = new_endpoint(INIT);
    cr_assert_neq(again, receive);
    uint64_t word[MESSAGE_WORDS] = { 0 };
    cr_assert_eq(sim_call(WX, handle, 0, word, nullptr, 0).call, STATUS_STALE);
    cr_assert_eq(sim_call(INIT, receive, 0, word, nullptr, 0).call, STATUS_STALE);
    fixture_check();
}

Test(pager_handle, handles_of_one_row_push_each_other_out_and_come_back)
{
    fixture_start();
    uint32_t handles[60];
    for (unsigned i = 0; i < 60; i++) handles[i] = new_endpoint(INIT);
    EXPECT(LIMIT, (new_endpoint(INIT), new_endpoint(INIT), new_endpoint(INIT), new_endpoint(INIT), sim_request(INIT, PROTOCOL_endpoint_create, 0, 0, 0)));
    EXPECT(OK, publish(INIT, handles[59], "last"));
    for (unsigned i = 0; i < 130; i++) fixture_ok(find(INIT, "last", false));
    struct pager_message message;
    /* Every row has been used by several handles; HANDLE_PAGER's row too. */
    for (unsigned i = 0; i < 60; i++) cr_assert_eq(sim_receive(INIT, handles[i], &message), STATUS_WOULD_BLOCK);
    for (uint32_t slot = 66; slot < 66 + HANDLE_ROWS; slot++) {
        uint32_t handle = slot | 1 << HOLDING_SLOT_BITS;
        cr_assert_eq(sim_receive(INIT, handle, &message), STATUS_NO_RIGHT, "%u", slot);
        cr_assert_eq(fixture_ok(sim_request(INIT, PROTOCOL_process_self, 0, 0, 0)), INIT);
    }
    fixture_check();
}

Test(pager_handle, handles_have_a_limit)
{
    fixture_start();
    EXPECT(OK, publish(INIT, new_endpoint(INIT), "a"));
    enum status status = STATUS_OK;
    unsigned count = 0;
    while (status == STATUS_OK) {
        status = find(WX, "a", false).label;
        count += status == STATUS_OK;
    }
    cr_assert_eq(status, STATUS_LIMIT);
    cr_assert_eq(count, HOLDING_LIMIT - HOLDING_FIRST);
    fixture_check();
    EXPECT(OK, sim_request(WX, PROTOCOL_handle_close, 100 | 1 << HOLDING_SLOT_BITS, 0, 0));
    cr_assert_eq(fixture_ok(find(WX, "a", false)), (100 | 2 << HOLDING_SLOT_BITS));
    fixture_check();
}

Test(pager_handle, unknown_handles_are_refused)
{
    fixture_start();
    uint64_t word[MESSAGE_WORDS] = { 0 };
    static const uint32_t handles[] = { 2, 63, 64, 65, 255, 256, 258, 1 << 20, UINT32_MAX };
    for (size_t i = 0; i < sizeof(handles) / sizeof(handles[0]); i++) {
        cr_assert_eq(sim_call(INIT, handles[i], 0, word, nullptr, 0).call, STATUS_BAD_HANDLE, "%x", handles[i]);
        EXPECT(BAD_HANDLE, sim_request(INIT, PROTOCOL_handle_close, handles[i], 0, 0));
    }
    EXPECT(BAD_HANDLE, sim_request(INIT, PROTOCOL_handle_close, HANDLE_PAGER, 0, 0));
    EXPECT(BAD_HANDLE, sim_request(INIT, PROTOCOL_handle_close, (uint64_t)1 << 40, 0, 0));
    fixture_check();
}

/* --- Processes --- */

Test(pager_handle, a_process_is_waited_for)
{
    fixture_start();
    uint32_t number;
    uint32_t handle = fixture_child(&number);
    uint64_t word[MESSAGE_WORDS] = { 0 };
    cr_assert_eq(sim_call(INIT, handle, PROTOCOL_process_wait, word, nullptr, 0).outcome, SIM_WAITS);
    fixture_check();
    cr_assert_eq(sim_request(number, PROTOCOL_exit, 7, 0, 0).outcome, SIM_GONE);
    struct sim_reply reply = sim_look(INIT);
    cr_assert_eq(reply.outcome, SIM_GOES_ON);
    cr_assert_eq(reply.word[0], PROCESS_EXITED);
    cr_assert_eq(reply.word[1], 7);
    fixture_ended(handle, PROCESS_EXITED, 7);
    EXPECT(OK, sim_request(INIT, PROTOCOL_handle_close, handle, 0, 0));
    cr_assert_null(sim_process(number));
    cr_assert_eq(sim_call(INIT, handle, PROTOCOL_process_wait, word, nullptr, 0).call, STATUS_STALE);
    fixture_check();
}

Test(pager_handle, a_process_handle_takes_process_wait_only)
{
    fixture_start();
    uint32_t number;
    uint32_t handle = fixture_child(&number);
    uint64_t word[MESSAGE_WORDS] = { 0 };
    for (uint32_t label = 0; label < 64; label++) {
        if (label == PROTOCOL_process_wait) continue;
        cr_assert_eq(sim_call(INIT, handle, label, word, nullptr, 0).label, STATUS_BAD_CALL, "%u", label);
    }
    EXPECT(BAD_CALL, sim_request(INIT, PROTOCOL_process_wait, 0, 0, 0));
    EXPECT(NO_RIGHT, publish(INIT, handle, "process"));
    fixture_check();
}

Test(pager_handle, a_process_outlives_the_one_that_started_it)
{
    fixture_start();
    uint32_t number;
    fixture_child(&number);
    sim_request(INIT, PROTOCOL_exit, 0, 0, 0);
    cr_assert_null(sim_process(INIT));
    cr_assert_not_null(sim_touch(number, LAYOUT_STACK_TOP - 8, FAULT_WRITE));
    fixture_check();
    sim_request(number, PROTOCOL_exit, 0, 0, 0);
    cr_assert_null(sim_process(number));
    fixture_check();
}

Test(pager_handle, failing_allocations_change_nothing)
{
    fixture_start();
    for (uint64_t n = 1; n < 6; n++) {
        uint64_t charge = process_charge(sim_process(INIT)), free = sim_free_frames();
        if (!FAILS_AT(n, sim_request(INIT, PROTOCOL_endpoint_create, 0, 0, 0))) return;
        cr_assert_eq(sim_free_frames() + process_charge(sim_process(INIT)), free + charge);
    }
    cr_assert_fail("endpoint_create allocates without end");
}

/* A waiter that cannot get a page for its handle is told so; the others get theirs. */
Test(pager_handle, a_waiter_without_memory_is_answered_too)
{
    fixture_start();
    uint32_t number[2];
    for (unsigned i = 0; i < 2; i++) {
        fixture_child(&number[i]);
        fixture_fill_handles(number[i]);
        cr_assert_eq(find(number[i], "late", true).outcome, SIM_WAITS);
    }
    uint32_t handle = new_endpoint(INIT);
    sim_fail_allocation(1);
    EXPECT(OK, publish(INIT, handle, "late"));
    sim_fail_allocation(0);
    cr_assert_eq(sim_look(number[0]).label, STATUS_NO_MEMORY);
    cr_assert_eq(sim_look(number[1]).label, STATUS_OK);
    fixture_check();
}
