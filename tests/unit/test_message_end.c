/* Nobody waits for who has ended: servers, their threads and endpoints that end while calls are queued, received, answered. */
#include "message_play.h"

TestSuite(message_end, .init = message_begin);

/* --- The server ends --- */

Test(message_end, callers_of_an_ending_space)
{
    struct thread *high = world_thread(client_space, PRIORITY_PROGRAM + 1, false);
    (void)play(client, call, TO_SERVER, 0);
    (void)play(server, receive, SERVE);
    world_start(high);
    (void)play(high, call, TO_SERVER, 0);
    (void)play(server, receive, SERVE);
    world_let(second);
    cr_assert_eq(message_end_callers(server_space), STATUS_OK);
    cr_assert_eq(processor.current, high, "who comes first runs first");
    expect_registers(high, STATUS_PEER_ENDED, TO_SERVER);
    expect_registers(client, STATUS_PEER_ENDED, TO_SERVER);
    cr_assert_eq(server_space->callers.next, &server_space->callers);
    kernel_switch(nullptr);
    world_end_all();
}

Test(message_end, many_callers_of_an_ending_space)
{
    constexpr unsigned count = 70, step = 32;
    static struct thread *caller[count];
    thread_stop(second);
    for (unsigned i = 0; i < count; i++) {
        world_start(caller[i] = world_thread(client_space, PRIORITY_PROGRAM, false));
        world_let(caller[i]);
        (void)play(caller[i], call, TO_SERVER, 0);
        (void)play(server, receive, SERVE);
    }
    cr_assert_eq(message_end_callers(server_space), STATUS_AGAIN);
    world_check();
    unsigned waiting = 0;
    for (unsigned i = 0; i < count; i++) waiting += caller[i]->state == THREAD_WAITING;
    cr_assert_eq(waiting, count - step);
    cr_assert_eq(message_end_callers(server_space), STATUS_AGAIN);
    cr_assert_eq(message_end_callers(server_space), STATUS_OK);
    world_check();
    world_end_all();
}

Test(message_end, server_thread_ends_the_callers_stay)
{
    (void)play(client, call, TO_SERVER, 0);
    struct thread *helper = world_thread(server_space, PRIORITY_PROGRAM, false);
    (void)play(server, receive, SERVE);
    thread_destroy(server);
    cr_assert_eq(client->state, THREAD_WAITING, "another thread of the space may still answer");
    world_start(helper);
    world_let(helper);
    (void)play(helper, reply_receive, SERVE, 3, 0, 0, 0, 0, 0, 0, client->token);
    expect_registers(client, STATUS_OK, 0, 3);
    world_end_all();
}

Test(message_end, last_thread_of_a_server_ends)
{
    struct thread *helper = world_thread(server_space, PRIORITY_PROGRAM, false);
    (void)play(client, call, TO_SERVER, 0);
    (void)play(server, receive, SERVE);
    message_notify(world.endpoint, 1);
    kernel_switch(nullptr);
    cr_assert_eq(play(world.pager, thread_destroy, server->frame.number), STATUS_OK);
    cr_assert_eq(client->state, THREAD_WAITING, "another thread of the space may still answer");
    cr_assert_eq(play(world.pager, thread_destroy, helper->frame.number), STATUS_OK);
    cr_assert_eq(client->state, THREAD_READY);
    cr_assert_eq(client->context.call.number, STATUS_PEER_ENDED);
    world_end_all();
}

Test(message_end, last_thread_of_a_server_ends_in_steps)
{
    constexpr unsigned count = 70;
    static struct thread *caller[count];
    thread_stop(second);
    for (unsigned i = 0; i < count; i++) {
        world_start(caller[i] = world_thread(client_space, PRIORITY_PROGRAM, false));
        world_let(caller[i]);
        (void)play(caller[i], call, TO_SERVER, 0);
        (void)play(server, receive, SERVE);
    }
    message_notify(world.endpoint, 1);
    kernel_switch(nullptr);
    cr_assert_eq(play(world.pager, thread_destroy, server->frame.number), STATUS_AGAIN);
    cr_assert_eq(server->state, THREAD_STOPPED, "nothing is received between the steps");
    cr_assert_eq(caller[0]->context.call.number, STATUS_PEER_ENDED, "who has waited longest is told first");
    cr_assert_eq(caller[count - 1]->state, THREAD_WAITING);
    cr_assert_eq(play(world.pager, thread_destroy, server->frame.number), STATUS_AGAIN);
    cr_assert_eq(play(world.pager, thread_destroy, server->frame.number), STATUS_OK);
    for (unsigned i = 0; i < count; i++) cr_assert_eq(caller[i]->context.call.number, STATUS_PEER_ENDED);
    cr_assert_eq(server_space->callers.next, &server_space->callers);
    world_end_all();
}

/* --- The endpoint ends --- */

Test(message_end, endpoint_ends_with_callers_in_every_state)
{
    struct thread *sending = world_thread(client_space, PRIORITY_PROGRAM, false), *other = world_thread(client_space, PRIORITY_PROGRAM, false);
    struct endpoint *second_endpoint;
    must(endpoint_create(&second_endpoint));
    world_handle(client_space, TO_SERVER + 20, second_endpoint, RIGHT_CALL, 0);
    world_handle(server_space, SERVE + 20, second_endpoint, RIGHT_RECEIVE, 0);
    (void)play(client, call, TO_SERVER, 0);
    uint64_t token = client->token;
    (void)play(server, receive, SERVE + 20);
    world_start(other);
    world_let(other);
    (void)play(other, call, TO_SERVER + 20, 0); /* by the other endpoint, to the same server */
    cr_assert_eq(other->state, THREAD_WAITING);
    world_start(sending);
    world_let(sending);
    (void)play(sending, call, TO_SERVER, 0);
    cr_assert_eq(sending->state, THREAD_SENDING);
    cr_assert_eq(client->state, THREAD_WAITING);

    while (endpoint_destroy(endpoint) == STATUS_AGAIN) {
    }
    world_check();
    cr_assert_eq(client->context.call.number, STATUS_PEER_ENDED, "received there, not answered");
    cr_assert_eq(sending->context.call.number, STATUS_PEER_ENDED, "not received yet");
    cr_assert_eq(client->state, THREAD_READY);
    cr_assert_eq(other->state, THREAD_WAITING, "its call came by another endpoint");
    world_let(server);
    cr_assert_eq(play(server, reply_receive, SERVE + 20, 0, 0, 0, 0, 0, 0, 0, token), STATUS_STALE, "there is nothing left to answer");
    (void)play(server, reply_receive, SERVE + 20, 9, 0, 0, 0, 0, 0, 0, other->token);
    expect_registers(other, STATUS_OK, 0, 9);
    world_end_all();
}

Test(message_end, endpoint_ends_after_the_answer)
{
    (void)play(client, call, TO_SERVER, 0);
    (void)play(server, reply_receive, SERVE, 7, 0, 0, 0, 0, 0, 0, client->token);
    while (endpoint_destroy(endpoint) == STATUS_AGAIN) {
    }
    world_check();
    cr_assert_eq(processor.current, client);
    expect_registers(client, STATUS_OK, 0, 7);
    cr_assert_null(client->client_of);
    world_end_all();
}

Test(message_end, endpoint_of_faults_ends)
{
    struct endpoint *faults;
    must(endpoint_create(&faults));
    struct space *space = world_space(77);
    handle_fill(&space->pager, HANDLE_PAGER, faults, RIGHT_CALL, 77);
    world_handle(server_space, SERVE + 20, faults, RIGHT_RECEIVE, 0);
    struct thread *faulting = world_thread(space, PRIORITY_PROGRAM, false);
    world_let(client);
    message_notify(endpoint, 1);
    world_let(server);
    (void)play(server, receive, SERVE + 20);
    world_start(faulting);
    world_let(faulting);
    world_fault(faulting, WORLD_PLACE);
    cr_assert_eq(faulting->state, THREAD_WAITING);
    cr_assert_eq(faulting->server, server_space);
    while (endpoint_destroy(faults) == STATUS_AGAIN) {
    }
    world_check();
    cr_assert_eq(faulting->state, THREAD_STOPPED, "nobody is left to decide");
    world_end_all();
}

Test(message_end, space_destroy_answers_its_callers)
{
    (void)play(client, call, TO_SERVER, 0);
    (void)play(server, receive, SERVE);
    thread_destroy(server);
    message_notify(world.endpoint, 1);
    kernel_switch(nullptr);
    cr_assert_eq(processor.current, world.pager);
    cr_assert_eq(play(world.pager, space_destroy, server_space->frame.number), STATUS_OK);
    cr_assert_eq(client->state, THREAD_READY);
    cr_assert_eq(client->context.call.number, STATUS_PEER_ENDED);
    world_end_all();
}
