/* Scheduling: one ready queue for each priority. See schedule.h.
 *
 * Invariants:
 *  1. A bit of schedule_ready_priorities is set exactly when that queue holds a thread.
 *  2. A slice runs whenever a thread waits in a queue, so that nobody holds the processor against an equal for longer than a slice.
 *  3. SLICE_OVER is set from the end of a slice in a thread above all that wait until the next switch. A server runs on its client's slice: without
 *     the mark a client whose slices end in servers above it would never give way. While it is set no thread is schedule_is_best(), so the switch
 *     comes through here.
 *  4. processor.turn is READY, or nullptr. */
#include "schedule.h"

#include <assert.h>

#include "frame.h"
#include "space.h"

struct processor processor;
struct thread_queue schedule_queues[PRIORITY_LIMIT];
uint32_t schedule_ready_priorities;
constexpr uint32_t SLICE_OVER = 1u << PRIORITY_LIMIT; /* beside the priorities */

static void start_slice(void)
{
    processor.slice_end = arch_cycles() + arch_nanoseconds_to_cycles(SLICE_NANOSECONDS);
    timer_need(processor.slice_end);
}

[[gnu::noinline]] void schedule_pay_alone(struct thread *thread)
{
    assert(thread->payer == thread->account && schedule_may_pay_alone(thread));
    uint64_t now = arch_cycles();
    processor.payer->budget.paid += now - processor.paid_until;
    processor.paid_until = now;
    processor.payer = thread;
    processor.paid_for = thread->account;
}

/* Into the queue of its priority. */
static void make_ready(struct thread *thread, bool at_front)
{
    thread_queue_insert(&schedule_queues[thread->priority], thread, at_front);
    schedule_ready_priorities |= 1u << thread->priority;
    thread->state = THREAD_READY;
}

[[gnu::noinline]] void schedule_push_front(struct thread *thread)
{
    assert(processor.slice_end != 0);
    make_ready(thread, true);
}

[[gnu::noinline]] static void queue_push(struct thread *thread, bool at_front)
{
    if (processor.slice_end == 0) start_slice(); /* invariant 2 */
    make_ready(thread, at_front);
}

[[gnu::noinline]] static void queue_remove(struct thread *thread)
{
    struct thread_queue *queue = &schedule_queues[thread->priority];
    thread_queue_remove(queue, thread);
    if (queue->first == nullptr) schedule_ready_priorities &= ~(1u << thread->priority);
    if (schedule_ready_priorities == SLICE_OVER) schedule_ready_priorities = 0;
    if (thread == processor.turn) processor.turn = nullptr;
}

/* The thread's slice is over: it goes behind the others of its priority. So does the server that answered it: the slice was theirs together, and a server that
 * went on now would spend the next one too, on other clients, before the thread can ask for anything. */
static void give_way(struct thread *thread)
{
    queue_push(thread, false);
    struct thread *server = processor.turn;
    if (server == nullptr || server->priority != thread->priority) return;
    assert(server->state == THREAD_READY);
    queue_remove(server);
    queue_push(server, false);
}

/* One more than the highest ready priority, or 0. */
static uint32_t best_limit(void)
{
    return 31u - (uint32_t)__builtin_clz((schedule_ready_priorities & ~SLICE_OVER) << 1 | 1);
}

static void run(struct thread *thread)
{
    thread->state = THREAD_RUNNING;
    processor.current = thread;
}

[[gnu::noinline]] void schedule_set_limit(struct thread *thread)
{
    bool is_plain = thread->priority == thread->own_priority && thread->budget.gift_to == 0;
    thread->priority_limit = is_plain ? 2u << thread->priority : 0;
}

[[gnu::noinline]] void schedule_set_priority(struct thread *thread, uint32_t priority)
{
    bool is_ready = thread->state == THREAD_READY && priority != thread->priority;
    if (is_ready) queue_remove(thread);
    thread->priority = (uint8_t)priority;
    schedule_set_limit(thread);
    if (is_ready) queue_push(thread, false);
}

void schedule_raise(struct thread *server, uint32_t priority)
{
    if (server->priority < priority && !server->space->is_pager) schedule_set_priority(server, priority);
}

[[gnu::noinline]] void schedule_work_for(struct thread *thread, uint64_t payer, uint32_t priority)
{
    thread->payer = payer;
    if (priority < thread->own_priority || thread->space->is_pager) priority = thread->own_priority;
    if (thread->priority != priority) schedule_set_priority(thread, priority);
}

void schedule_exhaust(void)
{
    processor.current->state = THREAD_EXHAUSTED;
    schedule_switch(nullptr);
}

void schedule_resume(struct thread *thread)
{
    assert(thread->state == THREAD_EXHAUSTED);
    timer_cancel(&thread->budget.timer);
    thread->state = THREAD_STOPPED;
    schedule_wake(thread);
}

[[gnu::noinline]] void schedule_ready(struct thread *thread)
{
    queue_push(thread, false);
}

[[gnu::noinline]] void schedule_wake(struct thread *thread)
{
    struct thread *current = processor.current;
    if (current != nullptr && thread->priority > current->priority) {
        queue_push(current, true);
        run(thread);
    } else {
        queue_push(thread, false);
    }
}

void schedule_take_turns(struct thread *server, struct thread *answered)
{
    if (answered->priority < server->priority) {
        queue_push(answered, false);
        return schedule_switch(server);
    }
    queue_push(server, true);
    processor.turn = server;
    schedule_switch(answered);
}

void schedule_remove(struct thread *thread)
{
    assert(thread->state == THREAD_READY);
    queue_remove(thread);
    thread->state = THREAD_STOPPED;
}

/* Apart, so that the most frequent switch saves no registers. */
[[gnu::noinline]] static void switch_among(struct thread *heir)
{
    bool is_slice_over = (schedule_ready_priorities & SLICE_OVER) != 0;
    schedule_ready_priorities &= ~SLICE_OVER;
    uint32_t limit = best_limit();
    if (heir != nullptr) {
        if (heir->priority + !is_slice_over >= limit) return run(heir);
        is_slice_over ? give_way(heir) : queue_push(heir, true);
    }
    if (limit == 0) {
        processor.current = nullptr;
        return;
    }
    struct thread *next = schedule_queues[limit - 1].first;
    queue_remove(next);
    run(next);
}

[[gnu::noinline]] void schedule_switch(struct thread *heir)
{
    if (heir != nullptr && schedule_is_best(heir)) run(heir);
    else switch_among(heir);
}

void schedule_yield(void)
{
    struct thread *current = processor.current;
    if (schedule_queues[current->priority].first == nullptr) return;
    queue_push(current, false);
    processor.current = nullptr;
    schedule_switch(nullptr);
}

void schedule_on_timer(uint64_t now)
{
    if (processor.slice_end == 0) return;
    if (now < processor.slice_end) {
        timer_need(processor.slice_end);
        return;
    }
    processor.slice_end = 0;
    if (schedule_ready_priorities == 0) return;
    struct thread *current = processor.current;
    if (current == nullptr || best_limit() <= current->priority) {
        if (current != nullptr) schedule_ready_priorities |= SLICE_OVER; /* invariant 3 */
        start_slice();
        return;
    }
    give_way(current);
    schedule_switch(nullptr);
}

void schedule_idle(void)
{
    while (schedule_ready_priorities == 0) {
        if (frame_prepare()) continue;
        budget_pause();
        processor.is_idle = true;
        arch_idle();
        processor.is_idle = false;
    }
    schedule_switch(nullptr);
}
