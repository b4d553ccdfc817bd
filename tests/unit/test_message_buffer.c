/* The part of a message that lies in the message buffers: its lengths, threads without a buffer, and what stays untouched. */
#include "message_play.h"

TestSuite(message_buffer, .init = message_begin);

static unsigned char *buffer_of(const struct thread *thread)
{
    return thread->buffer_pointer;
}

static void fill(const struct thread *thread, unsigned seed)
{
    for (unsigned i = 0; i < MESSAGE_BUFFER_BYTES; i++) buffer_of(thread)[i] = (unsigned char)(i * 7 + seed);
}

/* The first `length` bytes are those of fill(seed), the others still 0xee. */
static void expect_part(const struct thread *thread, unsigned seed, uint32_t length)
{
    for (unsigned i = 0; i < MESSAGE_BUFFER_BYTES; i++) {
        unsigned expected = i < length ? (unsigned char)(i * 7 + seed) : 0xee;
        cr_assert_eq(buffer_of(thread)[i], expected, "byte %u of a part of %u", i, length);
    }
}

Test(message_buffer, lengths_both_ways)
{
    static const uint32_t lengths[] = { 0, 1, 7, 8, 63, 64, 4088, 4095, 4096 };
    for (unsigned i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        uint32_t length = lengths[i];
        world_let(client);
        fill(client, i);
        memset(buffer_of(server), 0xee, MESSAGE_BUFFER_BYTES);
        (void)play(client, call, TO_SERVER, tag_make(2, length));
        cr_assert_eq(processor.current, server);
        cr_assert_eq(server->context.call.argument[1], tag_make(2, length));
        expect_part(server, i, length);
        fill(server, i + 100);
        memset(buffer_of(client), 0xee, MESSAGE_BUFFER_BYTES);
        (void)play(server, reply_receive, SERVE, tag_make(3, length), 0, 0, 0, 0, 0, 0, client->token);
        cr_assert_eq(client->context.call.argument[1], tag_make(3, length));
        expect_part(client, i + 100, length);
    }
    world_end_all();
}

Test(message_buffer, too_long)
{
    for (uint32_t length = MESSAGE_BUFFER_BYTES + 1; length <= TAG_LENGTH_MASK; length += 1023) {
        cr_assert_eq(play(client, call, TO_SERVER, tag_make(2, length)), STATUS_BAD_BUFFER);
        cr_assert_eq(processor.current, client);
        cr_assert_eq(server->state, THREAD_RECEIVING);
    }
    cr_assert_eq(play(client, call, TO_SERVER, tag_make(2, (uint32_t)TAG_LENGTH_MASK)), STATUS_BAD_BUFFER);
    (void)play(client, call, TO_SERVER, 0);
    cr_assert_eq(play(server, reply_receive, SERVE, tag_make(0, MESSAGE_BUFFER_BYTES + 1), 0, 0, 0, 0, 0, 0, client->token), STATUS_BAD_BUFFER);
    cr_assert_eq(client->state, THREAD_WAITING, "the token is still good");
    (void)play(server, reply_receive, SERVE, 0, 0, 0, 0, 0, 0, 0, client->token);
    cr_assert_eq(processor.current, client);
    world_end_all();
}

Test(message_buffer, sender_without)
{
    struct thread *bare = world_thread(client_space, PRIORITY_PROGRAM, false);
    world_start(bare);
    world_let(bare);
    cr_assert_eq(play(bare, call, TO_SERVER, tag_make(1, 1)), STATUS_BAD_BUFFER);
    cr_assert_eq(bare->request, REQUEST_NONE);
    (void)play(bare, call, TO_SERVER, tag_make(1, 0));
    cr_assert_eq(processor.current, server);
    cr_assert_eq(play(server, reply_receive, SERVE, tag_make(1, 1), 0, 0, 0, 0, 0, 0, bare->token), STATUS_BAD_BUFFER, "nor can it be answered with a part");
    cr_assert_eq(bare->state, THREAD_WAITING);
    world_end_all();
}

Test(message_buffer, replier_without)
{
    struct thread *bare = world_thread(server_space, PRIORITY_PROGRAM, false);
    (void)play(client, call, TO_SERVER, 0);
    world_start(bare);
    world_let(bare);
    cr_assert_eq(play(bare, reply_receive, SERVE, tag_make(1, 1), 0, 0, 0, 0, 0, 0, client->token), STATUS_BAD_BUFFER);
    cr_assert_eq(client->state, THREAD_WAITING);
    (void)play(bare, reply_receive, SERVE, tag_make(1, 0), 0, 0, 0, 0, 0, 0, client->token);
    cr_assert_eq(processor.current, client);
    world_end_all();
}

Test(message_buffer, length_without_token_means_nothing)
{
    struct thread *bare = world_thread(server_space, PRIORITY_PROGRAM, false);
    world_start(bare);
    world_let(bare);
    (void)play(bare, reply_receive, SERVE, tag_make(1, 4096));
    cr_assert_eq(bare->state, THREAD_RECEIVING);
    world_end_all();
}

Test(message_buffer, waiting_receiver_without)
{
    struct thread *bare = world_thread(server_space, PRIORITY_PROGRAM, false);
    thread_stop(server);
    world_start(bare);
    world_let(bare);
    (void)play(bare, receive, SERVE);
    world_let(client);
    uint64_t token = client->token;
    cr_assert_eq(play(client, call, TO_SERVER, tag_make(1, 5)), STATUS_BAD_BUFFER);
    cr_assert_eq(processor.current, client);
    cr_assert_eq(client->token, token, "nothing was sent");
    cr_assert_eq(client->request, REQUEST_NONE);
    cr_assert_eq(bare->state, THREAD_RECEIVING);
    (void)play(client, call, TO_SERVER, tag_make(1, 0));
    cr_assert_eq(processor.current, bare);
    world_end_all();
}

/* Three senders wait: with a part, without, with. */
static struct thread *senders[3];
static void three_wait(uint32_t priority)
{
    thread_stop(server);
    thread_stop(second);
    for (unsigned i = 0; i < 3; i++) {
        world_start(senders[i] = world_thread(client_space, i == 0 ? priority : PRIORITY_PROGRAM, true));
        world_let(senders[i]);
        (void)play(senders[i], call, TO_SERVER, tag_make(i, i == 1 ? 0 : 8));
        cr_assert_eq(senders[i]->state, THREAD_SENDING);
    }
}

Test(message_buffer, queued_senders_are_passed_over)
{
    three_wait(PRIORITY_PROGRAM);
    struct thread *bare = world_thread(server_space, PRIORITY_PROGRAM, false);
    world_start(bare);
    world_let(bare);
    (void)play(bare, receive, SERVE);
    cr_assert_eq(processor.current, bare);
    cr_assert_eq(bare->context.call.argument[8], senders[1]->token);
    cr_assert_eq(senders[0]->state, THREAD_READY);
    cr_assert_eq(senders[0]->context.call.number, STATUS_BAD_BUFFER);
    cr_assert_eq(senders[2]->state, THREAD_SENDING, "who comes behind is not looked at");
    cr_assert_eq(play(bare, receive, SERVE, RECEIVE_DO_NOT_WAIT), STATUS_WOULD_BLOCK);
    cr_assert_eq(senders[2]->context.call.number, STATUS_BAD_BUFFER);
    world_end_all();
}

Test(message_buffer, passed_over_sender_above_the_receiver_runs)
{
    three_wait(PRIORITY_PROGRAM + 1);
    struct thread *bare = world_thread(server_space, PRIORITY_PROGRAM, false);
    world_start(bare);
    world_let(bare);
    (void)play(bare, receive, SERVE);
    cr_assert_eq(processor.current, senders[0], "it was answered, and comes before the receiver");
    cr_assert_eq(bare->state, THREAD_READY);
    cr_assert_eq(bare->context.call.argument[8], senders[1]->token);
    world_end_all();
}

Test(message_buffer, all_passed_over_the_receiver_waits)
{
    three_wait(PRIORITY_PROGRAM);
    thread_stop(senders[1]);
    struct thread *bare = world_thread(server_space, PRIORITY_PROGRAM, false);
    world_start(bare);
    world_let(bare);
    (void)play(bare, receive, SERVE);
    cr_assert_eq(bare->state, THREAD_RECEIVING);
    cr_assert_eq(endpoint->queue.first, bare);
    cr_assert_eq(senders[0]->context.call.number, STATUS_BAD_BUFFER);
    cr_assert_eq(senders[2]->context.call.number, STATUS_BAD_BUFFER);
    world_end_all();
}

Test(message_buffer, fault_needs_no_buffer)
{
    struct thread *bare = world_thread(world.pager_space, PRIORITY_PAGER, false);
    thread_stop(world.pager);
    world_start(bare);
    (void)play(bare, receive, HANDLE_PAGER);
    client->context.call.argument[1] = tag_make(0, 4096); /* what is in a faulting thread's registers is no message */
    world_fault(client, WORLD_PLACE);
    cr_assert_eq(processor.current, bare);
    cr_assert_eq(bare->context.call.argument[8], client->token);
    cr_assert_eq(tag_length(bare->context.call.argument[1]), 0);
    world_end_all();
}

Test(message_buffer, one_buffer_of_two_threads)
{
    struct thread *twin;
    must(thread_create(server_space, client->buffer, PRIORITY_PROGRAM, &twin));
    thread_stop(server);
    world_start(twin);
    world_let(twin);
    (void)play(twin, receive, SERVE);
    world_let(client);
    fill(client, 5);
    (void)play(client, call, TO_SERVER, tag_make(1, 4096));
    cr_assert_eq(processor.current, twin);
    expect_part(twin, 5, 4096);
    world_end_all();
}
