/* The loop of a server.
 *
 * 1. A message is answered at most once: its token is cleared where nothing is to be sent, and the kernel takes a token once only.
 * 2. An answer that finds nobody, because who asked has ended, does not end the server: it goes on with the next message. */
#include <quire/server.h>

#include <assert.h>

static enum status serve(uint32_t handle, const struct server *server, void *context)
{
    struct message message;
    enum status status = receive(handle, RECEIVE_WAIT, &message);
    while (status == STATUS_OK) {
        if ((message.tag & TAG_NOTIFICATION) != 0) {
            if (server->on_notification != nullptr && !server->on_notification(context, message.word[0]))
                return STATUS_OK;
            message.token = 0;
        } else if (server->on_message(context, &message) == SERVER_LATER) {
            message.token = 0;
        }
        status = reply_receive(handle, &message);
        if (status == STATUS_STALE) status = receive(handle, RECEIVE_WAIT, &message); /* invariant 2 */
    }
    return status;
}

enum status server_run(uint32_t handle, const struct server *server, void *context)
{
    assert(server->on_message != nullptr);
    if (server->on_start != nullptr)
        server->on_start(context);
    enum status status = serve(handle, server, context);
    if (server->on_end != nullptr)
        server->on_end(context);
    return status;
}

/* An answer alone: without a handle the kernel does not wait. */
enum status server_reply(const struct message *message)
{
    if (message->token == 0)
        return STATUS_STALE;
    struct message reply = *message;
    return reply_receive(HANDLE_NONE, &reply);
}

enum status server_drop(uint64_t token)
{
    return server_reply(&(struct message){ .token = token, .tag = tag_make(STATUS_PEER_ENDED, 0) });
}
