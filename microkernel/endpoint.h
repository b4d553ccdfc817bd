/* Endpoints: where calls arrive.
 *
 * An endpoint is a slot of 128 bytes in a pool frame; slot 0 of the frame is the pool's header. A queue holds the threads that wait here, either to send or
 * to receive, never both. Notification bits stay in `bits` until somebody receives.
 *
 * Invariants:
 *  1. queue_is_receivers says what the queue holds; an empty queue holds senders.
 *  2. Receivers wait only while there are neither senders nor bits.
 *  3. `clients` holds each living thread whose latest request came here (thread.h, invariant 4). */
#ifndef QUIRE_ENDPOINT_H
#define QUIRE_ENDPOINT_H

#include "abi/call.h"
#include "handle.h"
#include "thread.h"
#include "types.h"

struct endpoint {
    struct thread_queue queue;
    uint64_t bits;           /* notification bits not yet received */
    struct link *rows;       /* of handle rows that name this endpoint */
    struct link *clients;    /* of threads, see invariant 3 */
    bool queue_is_receivers;
    bool is_used;
    uint64_t server;         /* account of the thread that received here last by the ordinary path; 0: none yet */
    uint64_t served_now;     /* what the sender chosen last had been served (message.c); never less than before */
    uint64_t served_most;    /* the most that any sender has */
    uint64_t timer_bits;     /* set when the timer is due */
    struct timer timer;
    alignas(128) char end[];
};
static_assert(sizeof(struct endpoint) == PAGE_BYTES / ENDPOINTS_PER_FRAME);

/* NO_MEMORY. */
enum status endpoint_create(struct endpoint **endpoint);
/* Ends an endpoint in bounded steps: empties its rows, answers PEER_ENDED to everyone in its queue and to everyone whose request was received here and is
 * not answered yet. AGAIN until done. */
enum status endpoint_destroy(struct endpoint *endpoint);
/* The living endpoint of a name, or nullptr; and the name of an endpoint. */
struct endpoint *endpoint_find(uint64_t name);
uint64_t endpoint_name(const struct endpoint *endpoint);

/* A request of the thread goes here; and the thread ends. */
void endpoint_take_client(struct endpoint *endpoint, struct thread *thread);
void endpoint_drop_client(struct thread *thread);

/* Queue operations. The caller keeps the invariants. */
void endpoint_push(struct endpoint *endpoint, struct thread *thread, bool is_receiver);
void endpoint_remove(struct endpoint *endpoint, struct thread *thread);

#endif
