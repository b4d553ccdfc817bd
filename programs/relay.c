/* relay: lets a group use a service of another one. Shows groups, names in a group, and that a server may be a client in turn.
 *
 *   relay NAME BACK FRONT     finds NAME in the group BACK, publishes it in FRONT, hands every message on and every answer back
 *
 * It must be started in both: `program@BACK@FRONT:relay NAME BACK FRONT`. Processes of FRONT cannot have a handle for the service behind it, because
 * they have no group in common; so all that reaches it has gone through here, and could be looked at. It ends when the name is gone. */
#include <stdio.h>

#include <quire/endpoint.h>
#include <quire/process.h>
#include <quire/server.h>

constexpr uint64_t BIT_NEWS = (uint64_t)1 << 63; /* of our own: a process started or ended */

struct relay {
    const char *name;
    group_t back;
    uint32_t server; /* the handle in the group behind */
};

/* Words, label and text go through as they are: a text is in this process's message buffer now, and call() and the answer send it from there. */
static enum server_answer on_message(void *context, struct message *message)
{
    struct relay *relay = context;
    struct message passed = *message;
    enum status status = call(relay->server, &passed);
    passed.token = message->token;
    *message = passed;
    if (status != STATUS_OK)
        message->tag = tag_make(status, 0);
    return SERVER_ANSWERED;
}

static bool name_is_there(const struct relay *relay)
{
    uint32_t handle;
    enum status status = name_find_in(relay->back, relay->name, false, &handle);
    if (status == STATUS_OK)
        status = handle_close(handle);
    return status == STATUS_OK;
}

static bool on_notification(void *context, uint64_t bits)
{
    struct relay *relay = context;
    struct process_news news;
    if ((bits & ~BIT_NEWS) != 0 && notify(relay->server, bits & ~BIT_NEWS) != STATUS_OK)
        return false;
    if ((bits & BIT_NEWS) == 0)
        return true;
    while (process_next_event(&news) == STATUS_OK)
        if (news.kind == PROCESS_EVENT_ENDED)
            printf("relay: %s has ended\n", news.name);
    return name_is_there(relay);
}

static enum status begin(struct relay *relay, const char *front_name, uint32_t *handle)
{
    group_t front;
    enum status status = group_find(front_name, &front);
    if (status == STATUS_OK)
        status = name_find_in(relay->back, relay->name, true, &relay->server);
    if (status == STATUS_OK)
        status = endpoint_create(handle);
    if (status == STATUS_OK)
        status = process_watch(*handle, BIT_NEWS);
    return status == STATUS_OK ? name_publish_in(*handle, front, relay->name) : status;
}

int main(int argc, char *argv[])
{
    if (argc != 4) {
        printf("relay: usage: relay NAME BACK FRONT\n");
        return 1;
    }
    static const struct server server = { .on_message = on_message, .on_notification = on_notification };
    struct relay relay = { .name = argv[1] };
    uint32_t handle;
    enum status status = group_find(argv[2], &relay.back);
    if (status == STATUS_OK)
        status = begin(&relay, argv[3], &handle);
    if (status == STATUS_OK)
        status = server_run(handle, &server, &relay);
    printf("relay: %s\n", status == STATUS_OK ? "ok" : status_name(status));
    return status == STATUS_OK ? 0 : 1;
}
