/* Threads: made, stopped, ended. See thread.h for the states.
 *
 * Everything that a thread can be part of is left in constant time: queues are doubly linked, lists keep the pointer that points at them. */
#include "thread.h"

#include <assert.h>
#include <string.h>

#include "deadline.h"
#include "endpoint.h"
#include "frame.h"
#include "log.h"
#include "schedule.h"
#include "space.h"

/* The highest sequence number of a thread that has ended, in its place in a token. New threads count from here: a token that a server still holds does
 * not become good again when its frame gets another life. */
static uint64_t tokens_used;

[[gnu::noinline]] void thread_queue_insert(struct thread_queue *queue, struct thread *thread, bool at_front)
{
    struct thread *next = at_front ? queue->first : nullptr, *previous = at_front ? nullptr : queue->last;
    thread->queue_next = next;
    thread->queue_previous = previous;
    *(next != nullptr ? &next->queue_previous : &queue->last) = thread;
    *(previous != nullptr ? &previous->queue_next : &queue->first) = thread;
}

[[gnu::noinline]] void thread_queue_remove(struct thread_queue *queue, struct thread *thread)
{
    struct thread *next = thread->queue_next, *previous = thread->queue_previous;
    *(next != nullptr ? &next->queue_previous : &queue->last) = previous;
    *(previous != nullptr ? &previous->queue_next : &queue->first) = next;
    thread->queue_next = thread->queue_previous = nullptr;
}

/* Holds a message buffer like a mapping does: it cannot be freed while the thread lives. */
static enum status buffer_hold(frame_t buffer)
{
    if (!frame_is(buffer, FRAME_KIND_USER) || !arch_frame_is_direct(buffer)) return STATUS_BAD_FRAME;
    struct frame_info *info = frame_find(buffer);
    if (info->count == FRAME_COUNT_LIMIT) return STATUS_TOO_MANY_MAPPINGS;
    if (frame_is_unmappable(info)) return STATUS_BAD_STATE;
    if (info->flags & FRAME_DIRTY) frame_clean(buffer, info);
    info->count++;
    return STATUS_OK;
}

enum status thread_create(struct space *space, uint64_t label, frame_t buffer, uint32_t priority, bool has_vectors, struct thread **thread)
{
    assert(priority < PRIORITY_LIMIT);
    frame_t frame;
    enum status status = frame_allocate(0, FRAME_KIND_THREAD, &frame);
    if (status != STATUS_OK) return status;
    if (buffer.number != FRAME_NONE) {
        status = buffer_hold(buffer);
        if (status != STATUS_OK) {
            enum status undone = frame_free(frame, 0, FRAME_KIND_THREAD);
            assert(undone == STATUS_OK);
            (void)undone;
            return status;
        }
    }

    // Commit: nothing below may fail.
    struct thread *made = arch_frame_pointer(frame);
    made->frame = frame;
    made->token = tokens_used | frame.number;
    made->space = space;
    made->label = label;
    made->own_priority = (uint8_t)priority;
    schedule_set_priority(made, priority);
    budget_initialise(made);
    made->vectors_user = has_vectors ? made : nullptr;
    made->buffer = buffer;
    if (buffer.number != FRAME_NONE) made->buffer_pointer = arch_frame_pointer(buffer);
    made->space_next = space->threads;
    made->space_link = &space->threads;
    if (space->threads != nullptr) space->threads->space_link = &made->space_next;
    space->threads = made;
    space->count_threads++;
    caller_insert(&deadline_threads, &made->every);
    if (has_vectors) arch_vectors_initialise(made);
    assert(thread_check(made));
    *thread = made;
    return STATUS_OK;
}

void thread_stop(struct thread *thread)
{
    assert(thread_check(thread) && thread->state != THREAD_RUNNING);
    switch (thread->state) {
    case THREAD_READY:
        schedule_remove(thread);
        break;
    case THREAD_SENDING:
    case THREAD_RECEIVING:
        endpoint_remove(thread->endpoint, thread);
        break;
    case THREAD_WAITING:
        if (thread->budget.gift_to != 0 && thread->request == REQUEST_CALL) budget_answered(thread);
        caller_remove(&thread->caller);
        break;
    case THREAD_EXHAUSTED:
        timer_cancel(&thread->budget.timer);
        break;
    case THREAD_STOPPED:
    case THREAD_RUNNING:
        break;
    }
    thread->state = THREAD_STOPPED;
    thread->request = REQUEST_NONE;
    assert(thread_check(thread));
}

void thread_log_fault_lost(const struct thread *thread)
{
    log_line("kernel", "fault without pager label=0x%lx addr=0x%lx", (unsigned long)thread->label, (unsigned long)thread->fault.word[1]);
}

void thread_end_wait(struct thread *thread)
{
    assert(thread->state == THREAD_SENDING || thread->state == THREAD_WAITING || thread->state == THREAD_RECEIVING);
    bool is_fault = thread->request == REQUEST_FAULT;
    thread_stop(thread);
    if (is_fault) { /* nobody is left to decide: it stays stopped until its pager, or the next one, ends it */
        thread_log_fault_lost(thread);
        return;
    }
    thread->context.call.number = STATUS_PEER_ENDED;
    schedule_wake(thread);
}

void thread_destroy(struct thread *thread)
{
    thread_stop(thread);
    uint64_t sequence = thread->token & ~(uint64_t)UINT32_MAX;
    if (sequence > tokens_used) tokens_used = sequence;
    endpoint_drop_client(thread);
    arch_vectors_forget(thread);
    budget_forget(thread);
    deadline_forget(thread);
    *thread->space_link = thread->space_next;
    if (thread->space_next != nullptr) thread->space_next->space_link = thread->space_link;
    thread->space->count_threads--;
    if (thread->buffer.number != FRAME_NONE) frame_find(thread->buffer)->count--;
    frame_t frame = thread->frame;
    memset(thread, 0, sizeof *thread); /* nothing else was ever written to its frame, so it is zero for whoever gets it */
    frame_free_zeroed(frame, FRAME_KIND_THREAD);
}

bool thread_check(const struct thread *thread)
{
    bool in_endpoint = thread->state == THREAD_SENDING || thread->state == THREAD_RECEIVING;
    bool has_request = thread->state == THREAD_SENDING || thread->state == THREAD_WAITING;
    if (in_endpoint && thread->endpoint == nullptr) return false;
    if (thread->state == THREAD_WAITING && (thread->server == nullptr || thread->caller.next->previous != &thread->caller)) return false;
    if (thread->state != THREAD_READY && !in_endpoint && (thread->queue_next != nullptr || thread->queue_previous != nullptr)) return false;
    return has_request == (thread->request != REQUEST_NONE) && budget_check(thread);
}
