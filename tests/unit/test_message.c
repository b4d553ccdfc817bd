/* Calls and replies: words, badges, tags, tokens; deferred replies. The other parts: test_message_end.c,
 * test_message_buffer.c, test_message_fault.c; test_message_random.c holds the model. */
#include "message_play.h"

TestSuite(message, .init = message_begin);

Test(message, call_and_reply)
{
    (void)play(client, call, TO_SERVER, tag_make(0x1234, 0), 1, 2, 3, 4, 5, 6, 99);
    cr_assert_eq(processor.current, server, "a call to a waiting server switches straight to it");
    cr_assert_eq(client->state, THREAD_WAITING);
    uint64_t token = client->token;
    cr_assert_eq(token_thread(token), client->frame.number);
    expect_registers(server, STATUS_OK, CALL_BADGE, 0x1234, 1, 2, 3, 4, 5, 6, token);
    (void)play(server, reply_receive, SERVE, tag_make(7, 0), 11, 12, 13, 14, 15, 16, token);
    cr_assert_eq(processor.current, client, "a reply goes on with the caller, not with the one that is next in turn");
    expect_registers(client, STATUS_OK, 0, 7, 11, 12, 13, 14, 15, 16, 0);
    cr_assert_eq(server->state, THREAD_RECEIVING);
    world_end_all();
}

Test(message, nobody_receives_yet)
{
    thread_stop(server);
    (void)play(client, call, TO_SERVER, tag_make(1, 0), 10);
    cr_assert_eq(client->state, THREAD_SENDING);
    (void)play(second, call, ALL_RIGHTS, tag_make(2, 0), 20);
    world_start(server);
    (void)play(server, receive, SERVE);
    cr_assert_eq(processor.current, server);
    expect_registers(server, STATUS_OK, CALL_BADGE, 1, 10, 0, 0, 0, 0, 0, client->token);
    cr_assert_eq(client->state, THREAD_WAITING);
    cr_assert_eq(second->state, THREAD_SENDING);
    (void)play(server, reply_receive, SERVE, 5, 6, 0, 0, 0, 0, 0, client->token);
    expect_registers(server, STATUS_OK, CALL_BADGE, 2, 20, 0, 0, 0, 0, 0, second->token);
    cr_assert_eq(server->state, THREAD_READY, "the next one was waiting already");
    cr_assert_eq(processor.current, client, "who was answered can ask again before the server goes on");
    expect_registers(client, STATUS_OK, 0, 5, 6);
    world_end_all();
}

/* A handle is revoked: what is queued through it ends, what has been received goes on, and other states are left alone. */
Test(message, cancelled_while_nobody_has_received_it)
{
    thread_stop(server);
    (void)play(client, call, TO_SERVER, tag_make(1, 0), 10);
    (void)play(second, call, ALL_RIGHTS, tag_make(2, 0), 20);
    thread_stop(world.pager);
    world_start(world.pager);
    uint64_t name = client->frame.number;
    cr_assert_eq(play(world.pager, thread_cancel, name, ALL_RIGHTS), STATUS_BAD_STATE, "another handle");
    cr_assert_eq(play(world.pager, thread_cancel, name, TO_SERVER), STATUS_OK);
    cr_assert_eq(client->state, THREAD_READY);
    cr_assert_eq(client->context.call.number, STATUS_STALE);
    cr_assert_eq(play(world.pager, thread_cancel, name, TO_SERVER), STATUS_BAD_STATE, "it does not wait any more");
    cr_assert_eq(play(world.pager, thread_cancel, client_space->frame.number, TO_SERVER), STATUS_BAD_OBJECT);
    cr_assert_eq(play(world.pager, thread_cancel, world.pager->frame.number, TO_SERVER), STATUS_BAD_STATE, "it runs");
    thread_stop(client);
    world_start(server);
    (void)play(world.pager, receive, HANDLE_PAGER, RECEIVE_WAIT);
    world_let(server);
    (void)play(server, receive, SERVE);
    expect_registers(server, STATUS_OK, CALL_BADGE, 2, 20, 0, 0, 0, 0, 0, second->token);
    (void)play(server, receive, SERVE);
    thread_stop(world.pager);
    world_start(world.pager);
    cr_assert_eq(play(world.pager, thread_cancel, second->frame.number, ALL_RIGHTS), STATUS_BAD_STATE, "it was received");
    cr_assert_eq(play(world.pager, thread_cancel, server->frame.number, SERVE), STATUS_BAD_STATE, "it receives");
    world_end_all();
}

/* A fault waits in the same queue; only its pager ends it. */
Test(message, cancelling_is_for_calls)
{
    thread_stop(server);
    thread_stop(world.pager);
    world_fault(client, WORLD_PLACE);
    world_start(world.pager);
    client->context.call.argument[0] = TO_SERVER;
    cr_assert_eq(play(world.pager, thread_cancel, client->frame.number, TO_SERVER), STATUS_BAD_STATE);
    world_end_all();
}

Test(message, tags_are_the_kernels)
{
    (void)play(client, call, TO_SERVER, ~(TAG_LENGTH_MASK << TAG_LENGTH_SHIFT));
    cr_assert_eq(server->context.call.argument[1], TAG_LABEL_MASK, "a sender's flags and incarnation are dropped");
    (void)play(server, reply_receive, SERVE, ~(TAG_LENGTH_MASK << TAG_LENGTH_SHIFT), 0, 0, 0, 0, 0, 0, client->token);
    cr_assert_eq(client->context.call.argument[1], TAG_LABEL_MASK);
    world_end_all();
}

Test(message, incarnation_of_a_pager)
{
    world_handle(client_space, TO_SERVER, world.endpoint, RIGHT_CALL, 5);
    (void)play(client, call, TO_SERVER, tag_make(3, 0) | (uint64_t)0xffff << TAG_INCARNATION_SHIFT | TAG_FAULT);
    cr_assert_eq(processor.current, world.pager);
    expect_registers(world.pager, STATUS_OK, 5, tag_make(3, 0) | (uint64_t)WORLD_INCARNATION << TAG_INCARNATION_SHIFT, 0, 0, 0, 0, 0, 0, client->token);
    world_end_all();
}

/* --- Tokens --- */

/* A token that is not good: nothing is answered, nothing received, the server goes on. */
static void expect_stale(uint64_t token)
{
    enum thread_state before = client->state;
    cr_assert_eq(play(server, reply_receive, SERVE, 0, 0, 0, 0, 0, 0, 0, token), STATUS_STALE, "token 0x%lx", (unsigned long)token);
    cr_assert_eq(processor.current, server);
    cr_assert_eq(server->state, THREAD_RUNNING);
    cr_assert_eq(client->state, before);
}

Test(message, token_is_good_once)
{
    (void)play(client, call, TO_SERVER, 0);
    uint64_t token = client->token;
    (void)play(server, reply_receive, SERVE, 0, 0, 0, 0, 0, 0, 0, token);
    (void)play(client, call, TO_SERVER, 0);
    cr_assert_neq(client->token, token);
    expect_stale(token);
    expect_stale(client->token + TOKEN_NEXT);
    expect_stale(client->token ^ 1);
    expect_stale(second->token);
    expect_stale(server->token);
    expect_stale(UINT64_MAX);
    expect_stale(1);
    (void)play(server, reply_receive, SERVE, 0, 0, 0, 0, 0, 0, 0, client->token);
    cr_assert_eq(processor.current, client);
    world_end_all();
}

Test(message, token_is_good_for_the_receiving_space)
{
    struct space *third_space = world_space(90);
    struct thread *third = world_thread(third_space, PRIORITY_PROGRAM, false), *helper = world_thread(server_space, PRIORITY_PROGRAM, false);
    world_handle(third_space, SERVE, endpoint, RIGHTS_ALL, 0);
    (void)play(client, call, TO_SERVER, 0);
    uint64_t token = client->token;
    world_start(third);
    world_let(third);
    cr_assert_eq(play(third, reply_receive, SERVE, 0, 0, 0, 0, 0, 0, 0, token), STATUS_STALE);
    cr_assert_eq(client->state, THREAD_WAITING);
    world_start(helper); /* another thread of the server may answer */
    world_let(helper);
    (void)play(helper, reply_receive, SERVE, 4, 0, 0, 0, 0, 0, 0, token);
    cr_assert_eq(processor.current, client);
    expect_registers(client, STATUS_OK, 0, 4);
    world_end_all();
}

Test(message, token_of_a_caller_that_was_stopped)
{
    (void)play(client, call, TO_SERVER, 0);
    uint64_t token = client->token;
    thread_stop(client);
    expect_stale(token);
    world_start(client);
    expect_stale(token);
    world_let(client);
    (void)play(client, call, TO_SERVER, 0); /* waits: the server is not receiving */
    world_let(server);
    expect_stale(token);
    expect_stale(client->token); /* sent, not yet received */
    world_end_all();
}

Test(message, token_of_another_life_of_the_frame)
{
    (void)play(client, call, TO_SERVER, 0);
    uint64_t token = client->token;
    frame_t frame = client->frame;
    thread_destroy(client);
    cr_assert_eq(play(server, reply_receive, SERVE, 0, 0, 0, 0, 0, 0, 0, token), STATUS_STALE);
    struct thread *made;
    do {
        must(thread_create(client_space, (frame_t){ FRAME_NONE }, PRIORITY_PROGRAM, &made));
    } while (made->frame.number != frame.number);
    world_start(made);
    (void)play(server, receive, SERVE);
    world_let(made);
    (void)play(made, call, TO_SERVER, 0);
    cr_assert_neq(made->token, token);
    cr_assert_eq(play(server, reply_receive, SERVE, 0, 0, 0, 0, 0, 0, 0, token), STATUS_STALE);
    cr_assert_eq(made->state, THREAD_WAITING);
    world_end_all();
}

Test(message, replies_in_any_order)
{
    constexpr unsigned count = 5;
    static const unsigned order[count] = { 3, 0, 4, 2, 1 };
    struct thread *caller[count];
    uint64_t token[count];
    thread_stop(second);
    for (unsigned i = 0; i < count; i++) {
        world_start(caller[i] = world_thread(client_space, PRIORITY_PROGRAM, false));
        world_let(caller[i]);
        (void)play(caller[i], call, TO_SERVER, tag_make(i, 0));
        cr_assert_eq(processor.current, server);
        token[i] = server->context.call.argument[8];
        (void)play(server, receive, SERVE);
    }
    for (unsigned i = 0; i < count; i++) {
        message_notify(endpoint, 1); /* wakes the server */
        world_let(server);
        (void)play(server, reply_receive, SERVE, 0, order[i], 0, 0, 0, 0, 0, token[order[i]]);
        cr_assert_eq(processor.current, caller[order[i]]);
        cr_assert_eq(caller[order[i]]->context.call.argument[2], order[i]);
        (void)play(caller[order[i]], yield);
        (void)play(processor.current, yield);
    }
    cr_assert_eq(server_space->callers.next, &server_space->callers);
    world_end_all();
}

/* --- Handles of a call --- */

Test(message, rights)
{
    cr_assert_eq(play(client, call, NOTIFIES, 0), STATUS_NO_RIGHT);
    cr_assert_eq(play(client, notify, TO_SERVER, 1), STATUS_NO_RIGHT);
    cr_assert_eq(play(client, receive, TO_SERVER), STATUS_NO_RIGHT);
    cr_assert_eq(play(client, reply_receive, NOTIFIES), STATUS_NO_RIGHT);
    cr_assert_eq(play(client, call, HANDLE_NONE, 0), STATUS_BAD_HANDLE);
    cr_assert_eq(play(client, call, (uint64_t)1 << 32 | TO_SERVER, 0), STATUS_BAD_HANDLE);
    cr_assert_eq(server->state, THREAD_RECEIVING);
    cr_assert_eq(processor.current, client);
    world_end_all();
}

Test(message, receive_flags)
{
    cr_assert_eq(play(client, receive, ALL_RIGHTS, RECEIVE_DO_NOT_WAIT + 1), STATUS_BAD_ARGUMENT);
    cr_assert_eq(play(client, receive, ALL_RIGHTS, (uint64_t)1 << 32), STATUS_BAD_ARGUMENT);
    cr_assert_eq(play(client, receive, ALL_RIGHTS, RECEIVE_DO_NOT_WAIT), STATUS_WOULD_BLOCK);
    cr_assert_eq(processor.current, client);
    cr_assert_eq(endpoint->queue.first, server, "the server is still the only receiver");
    world_end_all();
}

/* --- Priorities --- */

Test(message, server_below_its_caller_runs_at_the_callers_priority)
{
    struct thread *low = world_thread(server_space, PRIORITY_PROGRAM - 1, false);
    thread_stop(server);
    thread_stop(second);
    (void)play(client, receive, ALL_RIGHTS); /* waits */
    thread_stop(client);
    world_start(low);
    (void)play(low, receive, SERVE);
    world_start(client);
    world_start(second);
    (void)play(client, call, TO_SERVER, 0);
    cr_assert_eq(processor.current, low, "or those between would hold up the caller");
    cr_assert_eq(low->priority, PRIORITY_PROGRAM);
    cr_assert_eq(client->state, THREAD_WAITING);
    (void)play(low, reply_receive, SERVE, 0, 0, 0, 0, 0, 0, 0, client->token);
    cr_assert_eq(processor.current, client);
    message_notify(endpoint, 1);
    cr_assert_eq(low->priority, PRIORITY_PROGRAM - 1, "bits are nobody's request");
    world_end_all();
}

Test(message, reply_to_a_caller_above_preempts)
{
    struct thread *high = world_thread(client_space, PRIORITY_PROGRAM + 2, false);
    world_start(high);
    (void)play(high, call, TO_SERVER, 0);
    world_let(server);
    (void)play(server, reply_receive, SERVE, 0, 0, 0, 0, 0, 0, 0, high->token);
    cr_assert_eq(processor.current, high);
    world_end_all();
}

Test(message, reply_to_a_caller_above_while_another_message_waits)
{
    struct thread *high = world_thread(client_space, PRIORITY_PROGRAM + 2, false);
    world_let(second);
    (void)play(second, call, TO_SERVER, 0);
    world_let(client);
    (void)play(client, call, TO_SERVER, tag_make(8, 0));
    world_start(high);
    (void)play(high, call, TO_SERVER, 0);
    cr_assert_eq(processor.current, server, "somebody above waits for it");
    cr_assert_eq(server->priority, PRIORITY_PROGRAM + 2);
    (void)play(server, reply_receive, SERVE, 0, 0, 0, 0, 0, 0, 0, second->token);
    cr_assert_eq(processor.current, server);
    cr_assert_eq(high->state, THREAD_WAITING, "who is above is chosen before who came first");
    (void)play(server, reply_receive, SERVE, 0, 0, 0, 0, 0, 0, 0, high->token);
    cr_assert_eq(processor.current, high, "the server has its next message, but the caller comes first");
    cr_assert_eq(server->state, THREAD_READY);
    cr_assert_eq(server->context.call.argument[1], tag_make(8, 0));
    (void)play(high, receive, ALL_RIGHTS);
    cr_assert_eq(processor.current, server, "it goes on before its equals");
    world_end_all();
}

/* --- Notifications --- */

Test(message, bits_wake_one_receiver)
{
    (void)play(client, notify, NOTIFIES, 0x11);
    cr_assert_eq(client->context.call.number, STATUS_OK);
    cr_assert_eq(server->state, THREAD_READY, "an equal waits its turn");
    expect_registers(server, STATUS_OK, 0, TAG_NOTIFICATION, 0x11);
    cr_assert_eq(endpoint->bits, 0);
    world_end_all();
}

Test(message, bits_merge_until_received)
{
    thread_stop(server);
    (void)play(client, notify, NOTIFIES, 1);
    (void)play(client, notify, NOTIFIES, 4);
    (void)play(client, notify, NOTIFIES, 0);
    cr_assert_eq(play(client, receive, ALL_RIGHTS, RECEIVE_DO_NOT_WAIT), STATUS_OK);
    expect_registers(client, STATUS_OK, 0, TAG_NOTIFICATION, 5);
    cr_assert_eq(play(client, receive, ALL_RIGHTS, RECEIVE_DO_NOT_WAIT), STATUS_WOULD_BLOCK);
    world_end_all();
}

Test(message, no_bits_wake_nobody)
{
    (void)play(client, notify, NOTIFIES, 0);
    cr_assert_eq(server->state, THREAD_RECEIVING);
    world_end_all();
}

Test(message, bits_come_before_messages)
{
    thread_stop(server);
    (void)play(client, call, TO_SERVER, tag_make(1, 0));
    (void)play(second, notify, NOTIFIES, 2);
    cr_assert_eq(play(second, receive, ALL_RIGHTS), STATUS_OK);
    expect_registers(second, STATUS_OK, 0, TAG_NOTIFICATION, 2);
    cr_assert_eq(play(second, receive, ALL_RIGHTS), STATUS_OK);
    cr_assert_eq(second->context.call.argument[8], client->token);
    world_end_all();
}

Test(message, bits_go_to_the_receiver_that_came_first)
{
    struct thread *helper = world_thread(server_space, PRIORITY_PROGRAM, false);
    world_start(helper);
    world_let(helper);
    (void)play(helper, receive, SERVE);
    message_notify(endpoint, 8);
    cr_assert_eq(server->state, THREAD_READY);
    cr_assert_eq(helper->state, THREAD_RECEIVING);
    world_end_all();
}

Test(message, bits_for_a_receiver_above_the_notifying_pager)
{
    struct thread *high = world_thread(server_space, PRIORITY_LIMIT - 1, false);
    thread_stop(server);
    world_start(high);
    (void)play(high, receive, SERVE);
    message_notify(world.endpoint, 1);
    kernel_switch(nullptr);
    cr_assert_eq(processor.current, world.pager);
    world_handle(world.pager_space, NOTIFIES, endpoint, RIGHT_NOTIFY, 0);
    cr_assert_eq(play(world.pager, notify, NOTIFIES, 2), STATUS_OK);
    cr_assert_eq(processor.current, high);
    cr_assert(arch_space_is_active(server_space));
    cr_assert_eq(world.pager->state, THREAD_READY);
    (void)play(high, receive, SERVE);
    cr_assert_eq(processor.current, world.pager);
    expect_registers(world.pager, STATUS_OK, NOTIFIES, 2);
    world_end_all();
}

Test(message, many_receivers_are_served_in_order)
{
    struct thread *helper[3];
    thread_stop(second);
    for (unsigned i = 0; i < 3; i++) {
        world_start(helper[i] = world_thread(server_space, PRIORITY_PROGRAM, false));
        world_let(helper[i]);
        (void)play(helper[i], receive, SERVE);
    }
    (void)play(client, call, TO_SERVER, 0);
    cr_assert_eq(processor.current, server);
    thread_stop(client);
    world_start(client);
    world_let(client);
    (void)play(client, call, TO_SERVER, 0);
    cr_assert_eq(processor.current, helper[0]);
    thread_stop(helper[1]);
    thread_stop(client);
    world_start(client);
    world_let(client);
    (void)play(client, call, TO_SERVER, 0);
    cr_assert_eq(processor.current, helper[2]);
    world_end_all();
}
