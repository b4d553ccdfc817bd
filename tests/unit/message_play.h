/* Two programs and a server on a small world: what the tests of messages begin with.
 *
 *   client, second   threads of client_space; handle TO_SERVER may call, HANDLE_NOTIFY may notify
 *   server           thread of server_space; handle SERVE may receive; it waits there when message_begin() is done
 * All three have message buffers and one priority; the idler runs when they all wait. */
#ifndef QUIRE_MESSAGE_PLAY_H
#define QUIRE_MESSAGE_PLAY_H

#include <criterion/criterion.h>

#include "kernel_world.h"

constexpr uint32_t TO_SERVER = 9, NOTIFIES = 10, ALL_RIGHTS = 11, SERVE = 12;
constexpr uint64_t CLIENT_BADGE = 70, SERVER_BADGE = 80, CALL_BADGE = 0xb0;

static struct space *client_space, *server_space;
static struct endpoint *endpoint;
static struct thread *client, *second, *server;

[[maybe_unused]] static void message_begin(void)
{
    world_begin();
    client_space = world_space(CLIENT_BADGE);
    server_space = world_space(SERVER_BADGE);
    must(endpoint_create(&endpoint));
    world_handle(client_space, TO_SERVER, endpoint, RIGHT_CALL, CALL_BADGE);
    world_handle(client_space, NOTIFIES, endpoint, RIGHT_NOTIFY, CALL_BADGE);
    world_handle(client_space, ALL_RIGHTS, endpoint, RIGHTS_ALL, CALL_BADGE);
    world_handle(server_space, SERVE, endpoint, RIGHTS_ALL, 0);
    client = world_thread(client_space, PRIORITY_PROGRAM, true);
    second = world_thread(client_space, PRIORITY_PROGRAM, true);
    server = world_thread(server_space, PRIORITY_PROGRAM, true);
    world_start(server);
    (void)play(server, receive, SERVE);
    world_start(client);
    world_start(second);
    cr_assert_eq(processor.current, client);
}

/* The registers of a thread that has been answered. */
#define expect_registers(thread, status, ...) registers_compare((thread), (status), (const uint64_t[CALL_ARGUMENTS]){ __VA_ARGS__ }, __LINE__)
[[maybe_unused]] static void registers_compare(const struct thread *thread, enum status status, const uint64_t expected[CALL_ARGUMENTS], int line)
{
    cr_assert_eq(thread->context.call.number, status, "line %d: status %lu", line, (unsigned long)thread->context.call.number);
    for (unsigned i = 0; i < CALL_ARGUMENTS; i++) {
        cr_assert_eq(thread->context.call.argument[i], expected[i], "line %d: argument %u is 0x%lx, not 0x%lx", line, i,
                     (unsigned long)thread->context.call.argument[i], (unsigned long)expected[i]);
    }
}

#endif
