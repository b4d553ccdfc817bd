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
    struct pool *next; /* pools with a free slot */
    struct pool **link;
    uint32_t used;     /* bit n: slot n; bit 0 is this header */
    frame_t frame;
};
static_assert(sizeof(struct pool) <= sizeof(struct endpoint));

constexpr uint32_t POOL_EMPTY = 1;
constexpr uint32_t POOL_FULL = UINT32_MAX;
constexpr unsigned DESTROY_STEP = 32; /* rows and threads handled in one step */

static struct pool *pools;

static struct pool *pool_of(const struct endpoint *endpoint)
{
    return (struct pool *)((uintptr_t)endpoint & ~(uintptr_t)(PAGE_BYTES - 1));
}

static void pool_link(struct pool *pool)
{
    pool->next = pools;
    pool->link = &pools;
    if (pools != nullptr) pools->link = &pool->next;
    pools = pool;
}

static void pool_unlink(struct pool *pool)
{
    *pool->link = pool->next;
    if (pool->next != nullptr) pool->next->link = pool->link;
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
        pool_link(fresh);
    }
    struct pool *pool = pools;
    unsigned slot = (unsigned)__builtin_ctz(~pool->used);
    pool->used |= 1u << slot;
    if (pool->used == POOL_FULL) pool_unlink(pool);
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
    if (pool->used == POOL_FULL) pool_link(pool);
    pool->used &= ~(1u << (unsigned)(endpoint - (struct endpoint *)pool));
    if (pool->used != POOL_EMPTY) return;
    pool_unlink(pool);
    enum status status = frame_free(pool->frame, 0, FRAME_KIND_ENDPOINTS);
    assert(status == STATUS_OK);
    (void)status;
}

enum status endpoint_destroy(struct endpoint *endpoint)
{
    for (unsigned step = 0; step < DESTROY_STEP; step++) {
        if (endpoint->rows != nullptr) {
            handle_empty(endpoint->rows);
        } else if (endpoint->queue.first != nullptr) {
            struct thread *first = endpoint->queue.first;
            if (first->state == THREAD_SENDING) endpoint_drop_client(first);
            thread_end_wait(first);
        } else if (endpoint->clients != nullptr) {
            struct thread *client = endpoint->clients;
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

uint64_t endpoint_name(const struct endpoint *endpoint)
{
    const struct pool *pool = pool_of(endpoint);
    return (uint64_t)pool->frame.number * ENDPOINTS_PER_FRAME + (uint64_t)(endpoint - (const struct endpoint *)pool);
}

void endpoint_drop_client(struct thread *thread)
{
    if (thread->client_of == nullptr) return;
    *thread->client_link = thread->client_next;
    if (thread->client_next != nullptr) thread->client_next->client_link = thread->client_link;
    thread->client_of = nullptr;
}

void endpoint_take_client(struct endpoint *endpoint, struct thread *thread)
{
    endpoint_drop_client(thread);
    thread->client_of = endpoint;
    thread->client_next = endpoint->clients;
    thread->client_link = &endpoint->clients;
    if (thread->client_next != nullptr) thread->client_next->client_link = &thread->client_next;
    endpoint->clients = thread;
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
