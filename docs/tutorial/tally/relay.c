/* The relay: a member of two groups. It finds the server in one of them, publishes the same name in the other, and hands every message on. */
#include "tally.h"

#include <stdio.h>

#include <quire/endpoint.h>
#include <quire/server.h>

/* A server that is a client in turn: what it is asked it asks, what it is answered it answers. */
static enum server_answer on_message(void *context, struct message *message)
{
    const uint32_t *server = context;
    struct message asked = { .tag = message->tag, .word = { message->word[0] } };
    enum status status = call(*server, &asked);
    message->tag = status == STATUS_OK ? asked.tag : tag_make(status, 0);
    message->word[0] = asked.word[0];
    return SERVER_ANSWERED;
}

static bool on_notification(void *context, uint64_t bits)
{
    const uint32_t *server = context;
    return notify(*server, bits) == STATUS_OK && (bits & TALLY_END) == 0;
}

int main(void)
{
    static const struct server relay = { .on_message = on_message, .on_notification = on_notification };
    group_t front, back;
    uint32_t handle, server;
    enum status status = group_find("front", &front);
    if (status == STATUS_OK)
        status = group_find("back", &back);
    if (status == STATUS_OK)
        status = name_find_in(back, TALLY_NAME, true, &server);
    if (status == STATUS_OK)
        status = endpoint_create(&handle);
    if (status == STATUS_OK)
        status = name_publish_in(handle, front, TALLY_NAME);
    if (status == STATUS_OK)
        status = server_run(handle, &relay, &server);
    if (status != STATUS_OK)
        printf("relay: failed: %s\n", status_name(status));
    return status == STATUS_OK ? 0 : 1;
}
