/* The checker of handle rows, threads and queues: invariants 8 and 9.
 *
 * Rows and queues are linked lists in objects of known frames. Each element is checked before it is followed, and each list is as long as the
 * elements that claim to be in it: so none is in two lists, and none is left out. The heads of the ready queues are the scheduler's own; of READY
 * threads the links among themselves are checked.
 *
 * 1. No list is followed for more steps than there are elements altogether. */
#ifdef QUIRE_TEST
#include "check_parts.h"
#include "endpoint.h"
#include "schedule.h"
#include "space.h"
#include "thread.h"

static struct endpoint *endpoint_of(const struct endpoint *pointer)
{
    if (check_object(pointer, FRAME_KIND_ENDPOINTS) == nullptr || (uintptr_t)pointer % sizeof *pointer != 0) return nullptr;
    return pointer->is_used && (uintptr_t)pointer % PAGE_BYTES != 0 ? (struct endpoint *)pointer : nullptr;
}

static const struct thread *thread_at(const struct thread *pointer)
{
    const void *thread = check_object(pointer, FRAME_KIND_THREAD);
    return thread == pointer ? pointer : nullptr;
}

/* --- 8: handle rows --- */

/* Returns true when the row is filled, and with a living endpoint. */
static bool row_check(const struct handle_row *row, uint32_t frame)
{
    if (row->endpoint == nullptr) {
        if (row->handle != HANDLE_NONE || row->rights != 0) check_fail(INVARIANT_HANDLES, "empty row", frame, row->handle, 0);
        return false;
    }
    if (endpoint_of(row->endpoint) == nullptr) {
        check_fail(INVARIANT_HANDLES, "endpoint of a row is not alive", frame, row->handle, 1);
        return false;
    }
    if (row->rights & ~(uint32_t)RIGHTS_ALL) check_fail(INVARIANT_HANDLES, "rights of a row", frame, row->rights, RIGHTS_ALL);
    return true;
}

static uint32_t rows_of_space(const struct space *space, uint32_t frame)
{
    uint32_t filled = row_check(&space->pager, frame) ? 1 : 0;
    for (uint32_t i = 0; i < HANDLE_ROWS; i++) {
        if (!row_check(&space->rows[i], frame)) continue;
        filled++;
        if (space->rows[i].handle == HANDLE_NONE || space->rows[i].handle % HANDLE_ROWS != i)
            check_fail(INVARIANT_HANDLES, "handle of a row", frame, space->rows[i].handle, i);
    }
    return filled;
}

/* Follows an endpoint's rows for at most `limit` steps. */
static uint32_t rows_of_endpoint(const struct endpoint *endpoint, uint32_t frame, uint32_t limit)
{
    uint32_t count = 0;
    struct link *const *back = &endpoint->rows;
    for (struct link *link = endpoint->rows; link != nullptr; back = &link->next, link = link->next) {
        const struct handle_row *row = handle_row_of_link(link);
        if (count++ == limit || check_object(row, FRAME_KIND_SPACE) == nullptr || row->endpoint != endpoint || link->back != back) {
            check_fail(INVARIANT_HANDLES, "list of an endpoint's rows", frame, count, limit);
            break;
        }
    }
    return count;
}

void check_handles(void)
{
    void *object;
    uint32_t filled = 0, listed = 0;
    for (frame_t frame = { 0 }; check_next(FRAME_KIND_SPACE, &frame, &object); frame.number++)
        filled += rows_of_space(object, frame.number);
    for (frame_t frame = { 0 }; check_next(FRAME_KIND_ENDPOINTS, &frame, &object); frame.number++) {
        const struct endpoint *slots = object;
        for (unsigned i = 1; i < ENDPOINTS_PER_FRAME; i++)
            if (slots[i].is_used) listed += rows_of_endpoint(&slots[i], frame.number, filled);
    }
    if (filled != listed) check_fail(INVARIANT_HANDLES, "filled rows in lists", 0, listed, filled);
}

/* --- 9: threads and queues --- */

struct census {
    uint32_t threads;
    uint32_t queued;  /* SENDING, RECEIVING */
    uint32_t waiting;
    uint32_t clients; /* their latest request went to a living endpoint */
};

static void thread_check_links(const struct thread *thread)
{
    const struct thread *next = thread->queue_next;
    if (next == nullptr) return;
    if (thread_at(next) == nullptr || next->queue_previous != thread || next->state != thread->state
        || (thread->state != THREAD_READY && next->endpoint != thread->endpoint))
        check_fail(INVARIANT_QUEUES, "neighbour in a queue", thread->frame.number, thread->state, 0);
}

static void thread_check_one(const struct thread *thread, frame_t frame, struct census *census)
{
    census->threads++;
    if (thread->frame.number != frame.number) check_fail(INVARIANT_QUEUES, "frame of a thread", frame.number, thread->frame.number, frame.number);
    const struct space *space = check_object(thread->space, FRAME_KIND_SPACE);
    if (space == nullptr || space != thread->space) {
        check_fail(INVARIANT_QUEUES, "space of a thread", frame.number, 0, 1);
        return;
    }
    bool is_good = thread_check(thread) || !budget_check(thread); /* that one is invariant 11's to name */
    if (thread->state > THREAD_EXHAUSTED || thread->priority >= PRIORITY_LIMIT || !is_good) {
        check_fail(INVARIANT_QUEUES, "state of a thread", frame.number, thread->state, thread->priority);
        return;
    }
    thread_check_links(thread);
    if ((thread->state == THREAD_RUNNING) != (processor.current == thread)) check_fail(INVARIANT_QUEUES, "who is running", frame.number, thread->state, 0);
    census->queued += thread->state == THREAD_SENDING || thread->state == THREAD_RECEIVING;
    census->waiting += thread->state == THREAD_WAITING;
    census->clients += thread->client_of != nullptr;
    if (thread->state == THREAD_WAITING && thread->client_of == nullptr) check_fail(INVARIANT_QUEUES, "client of nobody waits", frame.number, 0, 1);
}

static uint32_t queue_of_endpoint(const struct endpoint *endpoint, uint32_t frame, uint32_t limit)
{
    uint32_t count = 0;
    enum thread_state state = endpoint->queue_is_receivers ? THREAD_RECEIVING : THREAD_SENDING;
    const struct thread *previous = nullptr;
    for (const struct thread *thread = endpoint->queue.first; thread != nullptr; previous = thread, thread = thread->queue_next) {
        if (count++ == limit || thread_at(thread) == nullptr || thread->endpoint != endpoint || thread->queue_previous != previous || thread->state != state) {
            check_fail(INVARIANT_QUEUES, "queue of an endpoint", frame, count, limit);
            return count;
        }
    }
    if (endpoint->queue.last != previous) check_fail(INVARIANT_QUEUES, "end of an endpoint's queue", frame, count, limit);
    return count;
}

static uint32_t threads_of_space(const struct space *space, uint32_t limit)
{
    uint32_t count = 0;
    struct link *const *back = &space->threads;
    for (const struct link *link = space->threads; link != nullptr; back = &link->next, link = link->next) {
        const struct thread *thread = check_object(link, FRAME_KIND_THREAD);
        if (count++ == limit || thread == nullptr || link != &thread->of_space || thread->space != space || link->back != back) {
            check_fail(INVARIANT_QUEUES, "list of a space's threads", space->frame.number, count, limit);
            return count;
        }
    }
    if (count != space->count_threads) check_fail(INVARIANT_QUEUES, "threads of a space", space->frame.number, space->count_threads, count);
    return count;
}

static uint32_t callers_of_space(const struct space *space, uint32_t limit)
{
    uint32_t count = 0;
    const struct caller_link *previous = &space->callers;
    for (const struct caller_link *link = previous->next; link != &space->callers; previous = link, link = link->next) {
        const struct thread *thread = check_object(link, FRAME_KIND_THREAD);
        if (count++ == limit || thread == nullptr || link != &thread->caller || link->previous != previous || thread->server != space
            || thread->state != THREAD_WAITING) {
            check_fail(INVARIANT_QUEUES, "ring of a space's callers", space->frame.number, count, limit);
            return count;
        }
    }
    if (space->callers.previous != previous) check_fail(INVARIANT_QUEUES, "end of a space's callers", space->frame.number, count, limit);
    return count;
}

static uint32_t clients_of_endpoint(const struct endpoint *endpoint, uint32_t frame, uint32_t limit)
{
    uint32_t count = 0;
    struct link *const *back = &endpoint->clients;
    for (const struct link *link = endpoint->clients; link != nullptr; back = &link->next, link = link->next) {
        const struct thread *thread = check_object(link, FRAME_KIND_THREAD);
        if (count++ == limit || thread == nullptr || link != &thread->of_client || thread->client_of != endpoint || link->back != back) {
            check_fail(INVARIANT_QUEUES, "list of an endpoint's clients", frame, count, limit);
            return count;
        }
    }
    return count;
}

void check_threads(void)
{
    void *object;
    struct census census = { 0 };
    uint32_t queued = 0, listed = 0, calling = 0, clients = 0;
    for (frame_t frame = { 0 }; check_next(FRAME_KIND_THREAD, &frame, &object); frame.number++)
        thread_check_one(object, frame, &census);
    for (frame_t frame = { 0 }; check_next(FRAME_KIND_ENDPOINTS, &frame, &object); frame.number++) {
        const struct endpoint *slots = object;
        for (unsigned i = 1; i < ENDPOINTS_PER_FRAME; i++)
            if (slots[i].is_used) {
                queued += queue_of_endpoint(&slots[i], frame.number, census.threads);
                clients += clients_of_endpoint(&slots[i], frame.number, census.threads);
            }
    }
    for (frame_t frame = { 0 }; check_next(FRAME_KIND_SPACE, &frame, &object); frame.number++) {
        listed += threads_of_space(object, census.threads);
        calling += callers_of_space(object, census.threads);
    }
    if (queued != census.queued) check_fail(INVARIANT_QUEUES, "threads in endpoint queues", 0, queued, census.queued);
    if (calling != census.waiting) check_fail(INVARIANT_QUEUES, "threads in rings of callers", 0, calling, census.waiting);
    if (clients != census.clients) check_fail(INVARIANT_QUEUES, "threads in lists of clients", 0, clients, census.clients);
    if (listed != census.threads) check_fail(INVARIANT_QUEUES, "threads in spaces", 0, listed, census.threads);
    if (processor.current != nullptr && thread_at(processor.current) == nullptr) check_fail(INVARIANT_QUEUES, "the running thread", 0, 0, 1);
}
#endif
