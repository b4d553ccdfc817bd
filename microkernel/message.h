/* Messages: how a request reaches its receiver and how the answer comes back.
 *
 *   caller                       endpoint                      receiver
 *   call, or a fault  --------> nobody waits: SENDING queue
 *                     --------> somebody waits ------------->  receives badge, tag, words, token
 *   WAITING (in server's callers list)
 *                     <------------------------------------   reply with the token: once, by a thread of the receiving space
 *
 * Nothing here is undone half-way: everything that can be wrong is found before the first change. */
#ifndef QUIRE_MESSAGE_H
#define QUIRE_MESSAGE_H

#include "endpoint.h"
#include "space.h"
#include "thread.h"

/* Sends the running thread's request (thread->request, badge set) to the endpoint and goes on with whoever comes next. False: a call's part is too long, or the
 * sender or the receiver has no buffer for it, and the request is dropped. */
ARCH_HANDLER bool message_send(struct thread *sender, struct endpoint *endpoint);

/* Waits at the endpoint for the running thread; bits and queued senders are received at once. With `wait` false: false when there is nothing. */
ARCH_HANDLER bool message_receive(struct thread *receiver, struct endpoint *endpoint, bool wait, struct thread *heir);

/* The receiver is done with the request that it took from the queue of the endpoint (receiver->served), if it did: the time is counted for its sender. */
void message_service_end(struct thread *receiver);

/* The stopped caller that a token names, if the receiver may answer it; else nullptr. */
struct thread *message_find_caller(const struct thread *receiver, uint64_t token);
/* The same in line, for the fast paths. */
[[gnu::always_inline]] static inline struct thread *message_caller(const struct thread *receiver, uint64_t token)
{
    frame_t frame = { token_thread(token) };
    if (!frame_is_object(frame, FRAME_KIND_THREAD)) return nullptr;
    struct thread *caller = arch_frame_pointer(frame);
    if (caller->state != THREAD_WAITING || caller->token != token) return nullptr;
    return caller->server == receiver->space ? caller : nullptr;
}

/* A part in the message buffer, which the tag in the saved registers of `from` says, is no longer than a buffer, and both have one. */
bool message_part_fits(const struct thread *from, const struct thread *to);
/* Answers a call with the tag and the words in the saved registers of `from`, and the part in its buffer, which fits. The caller still waits. */
void message_reply(const struct thread *from, struct thread *to);

/* Answers every caller that waits for a reply from the space with PEER_ENDED, in bounded steps. AGAIN until done. */
enum status message_end_callers(struct space *server);

/* Sets notification bits at the endpoint. */
void message_notify(struct endpoint *endpoint, uint64_t bits);

#endif
