/* Groups: who can find, call and be passed what; joining, leaving, ending, also in the middle of calls. */
#include "group_play.h"

/* --- Who has to do with whom --- */

Test(pager_group, matrix_of_three_processes)
{
    static const char *const names[] = { "", "one", "two", "relay" };
    static const bool meets[4][4] = { { 0 }, { 0, true, false, true }, { 0, false, true, true }, { 0, true, true, true } };
    begin();
    for (uint32_t owner = 1; owner <= 3; owner++) {
        uint64_t endpoint = new_endpoint(owner);
        fixture_ok(publish(owner, endpoint, 0, names[owner]));
        for (uint32_t finder = 1; finder <= 3; finder++) {
            /* The relay published in the first of its groups, a. */
            bool finds = owner == RELAY ? finder != IN_B : meets[finder][owner];
            struct sim_reply reply = find(finder, 0, names[owner]);
            cr_assert_eq(reply.label, finds ? STATUS_OK : STATUS_NOT_FOUND, "%u finds %s: %s", finder, names[owner], status_name(reply.label));
            if (!finds || finder == owner) continue;
            cr_assert_eq(call_it(finder, reply.word[0]).outcome, SIM_WAITS);
            struct pager_message message;
            cr_assert_eq(sim_receive(owner, (uint32_t)endpoint, &message), STATUS_OK);
            sim_reply_to(owner, (uint32_t)endpoint, &message);
        }
    }
    fixture_check();
    /* The relay has handles for both, and can pass neither to the other: they have no group in common. */
    uint64_t to_one = fixture_ok(find(RELAY, 0, "one")), to_two = fixture_ok(find(RELAY, 0, "two"));
    constexpr uint64_t rights = RIGHT_CALL | RIGHT_NOTIFY | RIGHT_PASS | RIGHT_NARROW;
    EXPECT(NOT_MEMBER, pass(RELAY, to_one, rights, to_two));
    EXPECT(NOT_MEMBER, pass(RELAY, to_two, rights, to_one));
    fixture_ok(pass(RELAY, new_endpoint(RELAY), rights, to_one));
    fixture_check();
}

Test(pager_group, names_of_different_groups_do_not_collide)
{
    begin();
    uint64_t a = group_named(RELAY, "a"), b = group_named(RELAY, "b");
    uint64_t one = new_endpoint(IN_A);
    fixture_ok(publish(IN_A, one, 0, "echo"));
    fixture_ok(publish(IN_B, new_endpoint(IN_B), b, "echo"));
    uint64_t third = new_endpoint(RELAY);
    EXPECT(EXISTS, publish(RELAY, third, a, "echo"));
    EXPECT(EXISTS, publish(RELAY, third, b, "echo"));
    EXPECT(NOT_MEMBER, publish(IN_A, one, b, "other"));
    EXPECT(NOT_MEMBER, find(IN_A, b, "echo"));
    EXPECT(BAD_ARGUMENT, find(IN_A, 5, "echo"));
    EXPECT(BAD_ARGUMENT, find(IN_A, a | (uint64_t)1 << 32, "echo"));
    cr_assert_lt(a, b);
    struct pager_message message;
    static const struct { bool by_a; uint32_t receiver; } cases[] = { { true, IN_A }, { false, IN_B } };
    for (unsigned i = 0; i < 2; i++) {
        uint64_t handle = fixture_ok(find(RELAY, cases[i].by_a ? a : b, "echo"));
        fixture_ok(sim_request(RELAY, PROTOCOL_handle_close, handle, 0, 0));
    }
    /* Without a group: the one of the lowest number first. */
    uint64_t handle = fixture_ok(find(RELAY, 0, "echo"));
    cr_assert_eq(sim_notify(RELAY, (uint32_t)handle, 1), STATUS_OK);
    cr_assert_eq(sim_receive(IN_A, (uint32_t)one, &message), STATUS_OK);
    fixture_check();
}

Test(pager_group, boot_groups_are_found_by_their_members)
{
    begin();
    EXPECT(NOT_MEMBER, with_name(IN_A, PROTOCOL_group_find, 0, 0, "b"));
    EXPECT(NOT_FOUND, with_name(IN_A, PROTOCOL_group_find, 0, 0, "c"));
    EXPECT(NOT_FOUND, with_name(IN_A, PROTOCOL_group_find, 0, 0, "boot"));
    EXPECT(BAD_LENGTH, with_name(IN_A, PROTOCOL_group_find, 0, 0, ""));
    uint64_t a = group_named(RELAY, "a"), b = group_named(RELAY, "b");
    cr_assert_eq(fixture_ok(sim_request(RELAY, PROTOCOL_group_next, 0, 0, 0)), a);
    cr_assert_eq(fixture_ok(sim_request(RELAY, PROTOCOL_group_next, a, 0, 0)), b);
    EXPECT(NOT_FOUND, sim_request(RELAY, PROTOCOL_group_next, b, 0, 0));
    EXPECT(BAD_ARGUMENT, sim_request(RELAY, PROTOCOL_group_next, 1, 0, 0));
}

Test(pager_group, a_child_is_in_one_group_of_its_starter)
{
    begin();
    uint64_t a = group_named(RELAY, "a"), b = group_named(RELAY, "b");
    uint32_t number;
    child_in(RELAY, b, &number);
    cr_assert_eq(fixture_ok(sim_request(number, PROTOCOL_group_next, 0, 0, 0)), b);
    EXPECT(NOT_FOUND, sim_request(number, PROTOCOL_group_next, b, 0, 0));
    child_in(RELAY, 0, &number);
    cr_assert_eq(fixture_ok(sim_request(number, PROTOCOL_group_next, 0, 0, 0)), a);
    EXPECT(NOT_MEMBER, sim_request_text(IN_A, PROTOCOL_process_start, b, "child", sizeof("child")));
    fixture_ok(leave(IN_A, a));
    EXPECT(NOT_MEMBER, sim_request_text(IN_A, PROTOCOL_process_start, 0, "child", sizeof("child")));
    EXPECT(NOT_MEMBER, publish(IN_A, new_endpoint(IN_A), 0, "x"));
    EXPECT(NOT_MEMBER, find(IN_A, 0, "x"));
    fixture_check();
}

/* --- Invitations --- */

Test(pager_group, joining_by_invitation)
{
    begin();
    struct sim_reply made = sim_request(RELAY, PROTOCOL_group_create, 0, 0, 0);
    uint64_t group = fixture_ok(made), handle = made.word[1];
    fixture_ok(publish(IN_A, new_endpoint(IN_A), 0, "one"));
    fixture_ok(publish(IN_B, new_endpoint(IN_B), 0, "two"));
    uint64_t to_one = fixture_ok(find(RELAY, 0, "one")), to_two = fixture_ok(find(RELAY, 0, "two"));
    uint64_t invitation = fixture_ok(pass(RELAY, handle, RIGHT_CALL, to_one));
    EXPECT(BAD_HANDLE, join(IN_A, handle + (1 << HOLDING_SLOT_BITS)));
    EXPECT(NO_RIGHT, end_group(IN_A, invitation));
    EXPECT(NO_RIGHT, pass(RELAY, handle, RIGHTS_ALL, to_one));
    cr_assert_eq(call_it(IN_A, invitation).call, STATUS_BAD_OBJECT);
    cr_assert_eq(fixture_ok(join(IN_A, invitation)), group);
    EXPECT(EXISTS, join(IN_A, invitation));
    uint64_t second = fixture_ok(pass(RELAY, handle, RIGHT_CALL | RIGHT_PASS, to_two));
    fixture_ok(join(IN_B, second));
    fixture_check();
    /* Now the two that were strangers meet. */
    uint64_t endpoint = new_endpoint(IN_B);
    fixture_ok(publish(IN_B, endpoint, group, "private"));
    uint64_t found = fixture_ok(find(IN_A, group, "private"));
    cr_assert_eq(sim_notify(IN_A, (uint32_t)found, 1), STATUS_OK);
    EXPECT(BAD_OBJECT, join(IN_A, found));
    /* An invitation that is taken back before it is used. */
    uint32_t number;
    uint64_t child = child_in(RELAY, 0, &number);
    uint64_t third = fixture_ok(pass(RELAY, handle, RIGHT_CALL, child));
    cr_assert_eq(fixture_ok(sim_request(RELAY, PROTOCOL_handle_revoke, handle, 0, 0)), 3);
    EXPECT(STALE, join(number, third));
    fixture_check();
    fixture_ok(end_group(RELAY, handle));
    cr_assert_eq(sim_notify(IN_A, (uint32_t)found, 1), STATUS_STALE);
    EXPECT(STALE, end_group(RELAY, handle));
    fixture_check();
}

Test(pager_group, first_and_last_id)
{
    begin();
    sim_pager.next_group = GROUP_ID_LAST;
    struct sim_reply last = sim_request(IN_A, PROTOCOL_group_create, 0, 0, 0);
    cr_assert_eq(fixture_ok(last), GROUP_BIT | GROUP_ID_LAST);
    struct sim_reply next = sim_request(IN_A, PROTOCOL_group_create, 0, 0, 0);
    cr_assert_eq(fixture_ok(next), GROUP_BIT | 2, "0 and 1 are taken by the boot's");
    fixture_check();
    fixture_ok(leave(IN_A, GROUP_BIT | 0));
    fixture_ok(leave(RELAY, GROUP_BIT | 0));
    sim_pager.next_group = 0;
    cr_assert_eq(fixture_ok(sim_request(IN_A, PROTOCOL_group_create, 0, 0, 0)), GROUP_BIT | 0);
    fixture_ok(publish(IN_A, new_endpoint(IN_A), GROUP_BIT | 0, "x"));
    fixture_ok(find(IN_A, GROUP_BIT | 0, "x"));
    fixture_ok(publish(IN_A, new_endpoint(IN_A), GROUP_BIT | GROUP_ID_LAST, "x"));
    fixture_ok(find(IN_A, GROUP_BIT | GROUP_ID_LAST, "x"));
    fixture_check();
    fixture_ok(end_group(IN_A, last.word[1]));
    EXPECT(NOT_MEMBER, find(IN_A, GROUP_BIT | GROUP_ID_LAST, "x"));
    fixture_check();
}

/* --- Leaving --- */

Test(pager_group, leaving_in_the_middle_of_calls)
{
    begin();
    uint64_t a = group_named(IN_A, "a");
    uint64_t endpoint = new_endpoint(IN_A);
    fixture_ok(publish(IN_A, endpoint, 0, "one"));
    uint32_t number[3];
    uint64_t handle[3];
    for (unsigned i = 0; i < 3; i++) {
        child_in(IN_A, 0, &number[i]);
        handle[i] = fixture_ok(find(number[i], 0, "one"));
    }
    cr_assert_eq(call_it(number[0], handle[0]).outcome, SIM_WAITS);
    cr_assert_eq(call_it(number[1], handle[1]).outcome, SIM_WAITS);
    struct pager_message message;
    cr_assert_eq(sim_receive(IN_A, (uint32_t)endpoint, &message), STATUS_OK);
    fixture_ok(leave(IN_A, a));
    fixture_check();
    cr_assert_eq(sim_look(number[0]).outcome, SIM_WAITS, "received: may be answered");
    cr_assert_eq(sim_look(number[1]).call, STATUS_STALE, "queued");
    cr_assert_eq(call_it(number[2], handle[2]).call, STATUS_STALE, "later");
    EXPECT(NOT_FOUND, find(number[2], 0, "one"));
    message.word[0] = 42;
    sim_reply_to(IN_A, (uint32_t)endpoint, &message);
    cr_assert_eq(sim_look(number[0]).word[0], 42);
    EXPECT(NOT_MEMBER, leave(IN_A, a));
    fixture_check();
}

/* Who leaves keeps what rests on another group in common. */
Test(pager_group, another_common_group_keeps_the_handles)
{
    begin();
    uint64_t a = group_named(RELAY, "a");
    struct sim_reply made = sim_request(RELAY, PROTOCOL_group_create, 0, 0, 0);
    fixture_ok(publish(IN_A, new_endpoint(IN_A), 0, "one"));
    uint64_t to_one = fixture_ok(find(RELAY, 0, "one"));
    fixture_ok(join(IN_A, fixture_ok(pass(RELAY, made.word[1], RIGHT_CALL, to_one))));
    fixture_ok(leave(RELAY, a));
    cr_assert_eq(sim_notify(RELAY, (uint32_t)to_one, 1), STATUS_OK);
    fixture_check();
    fixture_ok(leave(RELAY, made.word[0]));
    cr_assert_eq(sim_notify(RELAY, (uint32_t)to_one, 1), STATUS_STALE);
    fixture_check();
}

Test(pager_group, ending_takes_every_member_out)
{
    begin();
    struct sim_reply made = sim_request(RELAY, PROTOCOL_group_create, 0, 0, 0);
    uint32_t number[2];
    uint64_t child[2];
    for (unsigned i = 0; i < 2; i++) child[i] = child_in(RELAY, made.word[0], &number[i]);
    fixture_ok(publish(number[0], new_endpoint(number[0]), 0, "service"));
    uint64_t found = fixture_ok(find(number[1], 0, "service"));
    cr_assert_eq(with_name(number[1], PROTOCOL_name_find, 1, 0, "never").outcome, SIM_WAITS);
    fixture_ok(end_group(RELAY, made.word[1]));
    fixture_check();
    cr_assert_eq(sim_look(number[1]).label, STATUS_NOT_MEMBER, "who waits for a name that can never come is told");
    cr_assert_eq(sim_notify(number[1], (uint32_t)found, 1), STATUS_STALE);
    for (unsigned i = 0; i < 2; i++) {
        EXPECT(NOT_FOUND, sim_request(number[i], PROTOCOL_group_next, 0, 0, 0));
        cr_assert_eq(call_it(RELAY, child[i]).call, STATUS_STALE, "the starter's handle rested on the group");
    }
    EXPECT(STALE, join(RELAY, made.word[1]));
    fixture_check();
}

/* The wait that was received goes on, although the handle is gone. */
Test(pager_group, a_starter_that_left_still_hears_of_the_end)
{
    begin();
    uint64_t a = group_named(IN_A, "a");
    uint32_t number;
    uint64_t child = child_in(IN_A, 0, &number);
    uint64_t word[MESSAGE_WORDS] = { 0 };
    cr_assert_eq(sim_call(IN_A, (uint32_t)child, PROTOCOL_process_wait, word, nullptr, 0).outcome, SIM_WAITS);
    fixture_ok(leave(number, a));
    fixture_check();
    sim_request(number, PROTOCOL_exit, 9, 0, 0);
    cr_assert_eq(sim_look(IN_A).word[1], 9);
    fixture_check();
}

Test(pager_group, exit_removes_membership)
{
    begin();
    struct sim_reply made = sim_request(IN_A, PROTOCOL_group_create, 0, 0, 0);
    uint32_t number;
    uint64_t child = child_in(IN_A, 0, &number);
    uint64_t invitation = fixture_ok(pass(IN_A, made.word[1], RIGHT_CALL, child));
    sim_request(IN_A, PROTOCOL_exit, 0, 0, 0);
    EXPECT(STALE, join(number, invitation));
    fixture_check();
    sim_stop();
}

/* --- Memory --- */

Test(pager_group, pages_are_charged_and_come_back)
{
    begin();
    fixture_ok(sim_request(IN_A, PROTOCOL_endpoint_create, 0, 0, 0));
    uint64_t charge = process_charge(sim_process(IN_A)), free = sim_free_frames();
    uint64_t group[4];
    for (unsigned i = 0; i < 4; i++) {
        group[i] = fixture_ok(sim_request(IN_A, PROTOCOL_group_create, 0, 0, 0));
        cr_assert_eq(process_charge(sim_process(IN_A)) - charge, i >= 1, "1 + %u groups", i + 1);
        fixture_check();
    }
    for (unsigned i = 0; i < 4; i++) fixture_ok(leave(IN_A, group[3 - i]));
    cr_assert_eq(process_charge(sim_process(IN_A)), charge);
    cr_assert_eq(sim_free_frames(), free);
    fixture_check();
}

Test(pager_group, a_process_has_a_limit)
{
    begin();
    enum status status = STATUS_OK;
    unsigned count = 0;
    while (status == STATUS_OK) {
        struct sim_reply made = sim_request(IN_A, PROTOCOL_group_create, 0, 0, 0);
        status = made.label;
        if (status != STATUS_OK) break;
        fixture_ok(sim_request(IN_A, PROTOCOL_handle_close, made.word[1], 0, 0));
        count++;
    }
    cr_assert_eq(status, STATUS_LIMIT);
    cr_assert_eq(count, 1 + 3 * GROUP_PAGE_SLOTS);
    fixture_check();
    sim_request(IN_A, PROTOCOL_exit, 0, 0, 0);
    fixture_check();
    sim_stop();
}

Test(pager_group, failing_allocations_change_nothing)
{
    begin();
    fixture_ok(sim_request(IN_A, PROTOCOL_group_create, 0, 0, 0));
    for (uint64_t n = 1; n < 4; n++) {
        uint64_t charge = process_charge(sim_process(IN_A)), free = sim_free_frames();
        if (!FAILS_AT(n, sim_request(IN_A, PROTOCOL_group_create, 0, 0, 0))) return;
        cr_assert_eq(sim_free_frames() + process_charge(sim_process(IN_A)), free + charge);
        cr_assert_eq(sim_process(IN_A)->groups.count, 2);
    }
    cr_assert_fail("group_create allocates without end");
}

/* --- The checker sees what is broken --- */

Test(pager_group, the_ledgers_checker_sees_what_is_broken)
{
    begin();
    uint64_t endpoint = new_endpoint(IN_A);
    fixture_ok(publish(IN_A, endpoint, 0, "one"));
    uint64_t found = fixture_ok(find(RELAY, 0, "one"));
    uint64_t group = sim_request(IN_A, PROTOCOL_group_create, 0, 0, 0).word[1];
    struct process *process = sim_process(IN_A), *relay = sim_process(RELAY);
    struct holding *rows[3] = { row_of(IN_A, endpoint), row_of(RELAY, found), row_of(IN_A, group) };
    for (unsigned damage = 0; damage < 16; damage++) {
        struct process kept = *process, kept_relay = *relay;
        struct service kept_service = process->services.rows[0];
        struct holding kept_rows[3] = { *rows[0], *rows[1], *rows[2] };
        fixture_check();
        switch (damage) {
        case 0: process->groups.count++; break;
        case 1: process->groups.entry[0] = 5; break;
        case 2: process->groups.entry[1] = process->groups.entry[0]; break;
        case 3: relay->groups.entry[0] = GROUP_PRESENT | 77; break; /* it holds a handle of one that it has no group with */
        case 4: rows[1]->rights |= RIGHT_RECEIVE; break;
        case 5: rows[1]->depth = 2; break;
        case 6: rows[1]->depth = 0; rows[1]->before.slot = 0; break;
        case 7: rows[0]->after.slot++; break;
        case 8: rows[1]->service_slot = 3; break;
        case 9: rows[2]->group = GROUP_PRESENT | 99; break;
        case 10: rows[1]->is_passed = true; break;
        case 11: process->services.rows[0].name.group = GROUP_PRESENT | 50; break;
        case 12: process->services.rows[0].name_slot++; break;
        case 13: rows[0]->depth = 1; break;
        case 14: rows[1]->process_index = (uint16_t)sim_process(IN_B)->index; break;
        default: rows[2]->rights = 0; break;
        }
        cr_assert_not_null(sim_check(), "damage %u", damage);
        *process = kept;
        *relay = kept_relay;
        process->services.rows[0] = kept_service;
        for (unsigned i = 0; i < 3; i++) *rows[i] = kept_rows[i];
    }
    fixture_check();
}
