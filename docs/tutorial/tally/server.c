/* The server: it keeps a sum, to which everybody who finds its name may add. */
#include "tally.h"

#include <stdio.h>

#include <quire/endpoint.h>
#include <quire/server.h>

struct tally {
    uint64_t sum;
};

/* Whatever a client sends arrives here: every word is checked before it is used. */
static enum status add(struct tally *tally, uint64_t number)
{
    if (number > TALLY_MOST)
        return STATUS_LIMIT;
    tally->sum += number;
    return STATUS_OK;
}

static enum server_answer on_message(void *context, struct message *message)
{
    struct tally *tally = context;
    enum status status = STATUS_BAD_CALL;
    if (tag_label(message->tag) == TALLY_ADD)
        status = add(tally, message->word[0]);
    *message = (struct message){ .tag = tag_make(status, 0), .word = { tally->sum }, .token = message->token };
    return SERVER_ANSWERED;
}

/* Returns whether to go on. */
static bool on_notification(void *context, uint64_t bits)
{
    (void)context;
    return (bits & TALLY_END) == 0;
}

static void on_end(void *context)
{
    const struct tally *tally = context;
    printf("server: the sum is %lu\n", tally->sum);
}

int main(void)
{
    static const struct server server = { .on_message = on_message, .on_notification = on_notification, .on_end = on_end };
    struct tally tally = {};
    uint32_t handle;
    enum status status = endpoint_create(&handle);
    if (status == STATUS_OK)
        status = name_publish(handle, TALLY_NAME);
    if (status == STATUS_OK)
        status = server_run(handle, &server, &tally);
    if (status != STATUS_OK)
        printf("server: failed: %s\n", status_name(status));
    return status == STATUS_OK ? 0 : 1;
}
