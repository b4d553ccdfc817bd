/* A server: four functions and a loop.
 *
 *            receive ──► on_message ──► answered ─┐
 *   on_start    ▲ │                               │
 *       └───────┘ └────► on_notification ──► true ┤
 *               └─────────────────────────────────┘    false, or the endpoint ends ──► on_end
 *
 * Answer and next wait are one kernel entry. A server with one thread needs no locks: one message is finished before the next comes. */
#ifndef QUIRE_SERVER_H
#define QUIRE_SERVER_H

#include <quire/syscall.h>

enum server_answer : uint32_t {
    SERVER_ANSWERED, /* the message now holds the reply: tag (its label is for the two to agree on, by custom a status) and words */
    SERVER_LATER,    /* nothing is sent now; the function kept message->token, and server_reply answers it */
};

struct server {
    void (*on_start)(void *context);                            /* before the first wait; may be nullptr */
    enum server_answer (*on_message)(void *context, struct message *message); /* somebody called; longer text is in the message buffer */
    bool (*on_notification)(void *context, uint64_t bits);      /* bits were set; false ends the loop; may be nullptr: ignored */
    void (*on_end)(void *context);                              /* after the last message; may be nullptr */
};

/* Serves the endpoint of the handle until on_notification says no more (STATUS_OK) or waiting fails (STATUS_BAD_HANDLE, STATUS_NO_RIGHT,
 * STATUS_STALE: the handle is closed; STATUS_PEER_ENDED). Who still waits for an answer then gets STATUS_PEER_ENDED when the process ends. */
enum status server_run(uint32_t handle, const struct server *server, void *context);

/* Answers a message that was left for later, in any order, from any of the functions: tag and words are the reply, the token says whose. The message
 * buffer is sent along as far as the tag says. STATUS_STALE: who asked has ended, or was answered already. */
enum status server_reply(const struct message *message);

/* Gives up the message of a token that was left for later: who asked is answered with the label STATUS_PEER_ENDED and no words. A server that keeps a
 * token and does neither lets its caller wait until it ends. STATUS_STALE: who asked has ended, or was answered already. */
enum status server_drop(uint64_t token);

#endif
