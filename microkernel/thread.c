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

/* The highest sequence number of a thread that has ended. New threads count from here: a token that a server still holds does
 * not become good again when its frame gets another life. */
static uint32_t sequences_used;

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

/* A frame that can be a message buffer. */
static enum status buffer_check(frame_t buffer, const struct frame_info *info)
{
    if (info == nullptr || info->kind != FRAME_KIND_USER || !arch_frame_is_direct(buffer)) return STATUS_BAD_FRAME;
    if (info->count == FRAME_COUNT_LIMIT) return STATUS_TOO_MANY_MAPPINGS;
    return frame_is_unmappable(info) ? STATUS_BAD_STATE : STATUS_OK;
}

/* Holds it like a mapping does: it cannot be freed while the thread lives. */
static void buffer_hold(struct thread *thread, frame_t buffer, struct frame_info *info)
{
    if (info->flags & FRAME_DIRTY) frame_clean(buffer, info);
    info->count++;
    thread->buffer = buffer;
    thread->buffer_pointer = arch_frame_pointer(buffer);
}

enum status thread_create(struct space *space, frame_t buffer, uint32_t priority, struct thread **thread)
{
    assert(priority < PRIORITY_LIMIT);
    bool has_buffer = buffer.number != FRAME_NONE;
    struct frame_info *info = frame_find(buffer);
    enum status status = has_buffer ? buffer_check(buffer, info) : STATUS_OK;
    if (status != STATUS_OK) return status;
    frame_t frame;
    status = frame_allocate(0, FRAME_KIND_THREAD, &frame);
    if (status != STATUS_OK) return status;

    // Commit: nothing below may fail.
    struct thread *made = arch_frame_pointer(frame);
    made->frame = frame;
    made->token_sequence = sequences_used;
    made->space = space;
    made->own_priority = (uint8_t)priority;
    schedule_set_priority(made, priority);
    budget_initialise(made);
    if (has_buffer) buffer_hold(made, buffer, info);
    link_insert(&space->threads, &made->of_space);
    space->count_threads++;
    link_insert(&deadline_threads, &made->every);
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

void thread_refuse(struct thread *thread, enum status status)
{
    thread_stop(thread);
    thread->context.call.number = status;
    schedule_wake(thread);
}

void thread_log_fault_lost(const struct thread *thread)
{
    log_line("kernel", "fault without pager label=0x%lx addr=0x%lx", (unsigned long)thread->label, (unsigned long)thread->fault.word[1]);
}

void thread_end_wait(struct thread *thread)
{
    assert(thread->state == THREAD_SENDING || thread->state == THREAD_WAITING || thread->state == THREAD_RECEIVING);
    if (thread->request != REQUEST_FAULT) return thread_refuse(thread, STATUS_PEER_ENDED);
    thread_stop(thread); /* nobody is left to decide: it stays stopped until its pager, or the next one, ends it */
    thread_log_fault_lost(thread);
}

void thread_destroy(struct thread *thread)
{
    thread_stop(thread);
    if (thread->token_sequence > sequences_used) sequences_used = thread->token_sequence;
    endpoint_drop_client(thread);
    arch_vectors_forget(thread);
    budget_forget(thread);
    deadline_forget(thread);
    link_remove(&thread->of_space);
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
