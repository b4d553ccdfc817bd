/* Endpoints: pools of slots, and the queue of each. See endpoint.h.
 *
 * Pools with a free slot are linked, so that making an endpoint never searches; a pool without endpoints goes back to the free frames. */
#include "endpoint.h"

#include <assert.h>
#include <string.h>

#include "frame.h"
#include "interrupt.h"

/* Slot 0 of a pool frame. */
struct pool {
    struct link link;  /* in `pools` while a slot is free; first, so that it stands for the pool */
    uint32_t used;     /* bit n: slot n; bit 0 is this header */
    frame_t frame;
};
static_assert(sizeof(struct pool) <= sizeof(struct endpoint));

constexpr uint32_t POOL_EMPTY = 1;
constexpr uint32_t POOL_FULL = UINT32_MAX;
constexpr unsigned DESTROY_STEP = 32; /* rows and threads handled in one step */

static struct link *pools; /* those with a free slot */

static struct pool *pool_of(const struct endpoint *endpoint)
{
    return (struct pool *)((uintptr_t)endpoint & ~(uintptr_t)(PAGE_BYTES - 1));
}

enum status endpoint_create(struct endpoint **endpoint)
{
    if (pools == nullptr) {
        frame_t frame;
        enum status status = frame_allocate(0, FRAME_KIND_ENDPOINTS, &frame);
        if (status != STATUS_OK) return status;
        struct pool *fresh = arch_frame_pointer(frame);
        fresh->frame = frame;
        fresh->used = POOL_EMPTY;
        link_insert(&pools, &fresh->link);
    }
    struct pool *pool = (struct pool *)pools;
    unsigned slot = (unsigned)__builtin_ctz(~pool->used);
    pool->used |= 1u << slot;
    if (pool->used == POOL_FULL) link_remove(&pool->link);
    struct endpoint *made = (struct endpoint *)pool + slot;
    memset(made, 0, sizeof *made);
    made->is_used = true;
    *endpoint = made;
    return STATUS_OK;
}

static void endpoint_free(struct endpoint *endpoint)
{
    struct pool *pool = pool_of(endpoint);
    timer_cancel(&endpoint->timer);
    interrupt_forget(endpoint);
    endpoint->is_used = false;
    if (pool->used == POOL_FULL) link_insert(&pools, &pool->link);
    pool->used &= ~(1u << (unsigned)(endpoint - (struct endpoint *)pool));
    if (pool->used != POOL_EMPTY) return;
    link_remove(&pool->link);
    frame_release(pool->frame, 0, FRAME_KIND_ENDPOINTS);
}

enum status endpoint_destroy(struct endpoint *endpoint)
{
    for (unsigned step = 0; step < DESTROY_STEP; step++) {
        if (endpoint->rows != nullptr) {
            handle_empty(handle_row_of_link(endpoint->rows));
        } else if (endpoint->queue.first != nullptr) {
            struct thread *first = endpoint->queue.first;
            if (first->state == THREAD_SENDING) endpoint_drop_client(first);
            thread_end_wait(first);
        } else if (endpoint->clients != nullptr) {
            struct thread *client = thread_of(endpoint->clients);
            endpoint_drop_client(client);
            if (client->state == THREAD_WAITING) thread_end_wait(client);
        } else {
            endpoint_free(endpoint);
            return STATUS_OK;
        }
    }
    return STATUS_AGAIN;
}

struct endpoint *endpoint_find(uint64_t name)
{
    struct endpoint *endpoints = frame_object(name / ENDPOINTS_PER_FRAME, FRAME_KIND_ENDPOINTS);
    unsigned slot = (unsigned)(name % ENDPOINTS_PER_FRAME);
    return endpoints != nullptr && slot != 0 && endpoints[slot].is_used ? &endpoints[slot] : nullptr;
}

[[gnu::noinline]] uint64_t endpoint_name(const struct endpoint *endpoint)
{
    const struct pool *pool = pool_of(endpoint);
    return (uint64_t)pool->frame.number * ENDPOINTS_PER_FRAME + (uint64_t)(endpoint - (const struct endpoint *)pool);
}

void endpoint_drop_client(struct thread *thread)
{
    if (thread->client_of == nullptr) return;
    link_remove(&thread->of_client);
    thread->client_of = nullptr;
}

[[gnu::noinline]] void endpoint_take_client(struct endpoint *endpoint, struct thread *thread)
{
    if (thread->client_of != nullptr) link_remove_here(&thread->of_client);
    thread->client_of = endpoint;
    link_insert_here(&endpoint->clients, &thread->of_client);
}

[[gnu::noinline]] void endpoint_push(struct endpoint *endpoint, struct thread *thread, bool is_receiver)
{
    assert(endpoint->queue.first == nullptr || endpoint->queue_is_receivers == is_receiver);
    endpoint->queue_is_receivers = is_receiver;
    thread->endpoint = endpoint;
    thread_queue_insert(&endpoint->queue, thread, false);
}

[[gnu::noinline]] void endpoint_remove(struct endpoint *endpoint, struct thread *thread)
{
    assert(thread->endpoint == endpoint);
    thread_queue_remove(&endpoint->queue, thread);
    if (endpoint->queue.first == nullptr) endpoint->queue_is_receivers = false; /* invariant 1 */
}
