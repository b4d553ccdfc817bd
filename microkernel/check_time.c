/* The checker of time, invariant 11, and of the lines of devices, a part of 8.
 *
 * Each account is recomputed from what stands in its thread. */
#ifdef QUIRE_TEST
#include "check_parts.h"
#include "deadline.h"
#include "endpoint.h"
#include "interrupt.h"
#include "thread.h"

/* How many threads the list of all of them has; more than `limit`: it is none, or has no end. */
static uint32_t count_list(uint32_t limit)
{
    uint32_t count = 0;
    struct link *const *back = &deadline_threads;
    for (const struct link *link = deadline_threads; link != nullptr && count <= limit; back = &link->next, link = link->next, count++) {
        const struct thread *thread = check_object(link, FRAME_KIND_THREAD);
        if (thread == nullptr || link != &thread->every || link->back != back) return limit + 1;
    }
    return count;
}

static bool timer_is_good(const struct thread *thread)
{
    return timer_check(&thread->budget.timer) && (thread->budget.timer.rank == 0 || thread->state == THREAD_EXHAUSTED);
}

/* Lines of devices name endpoints, as handle rows do. */
static void check_lines(void)
{
    for (unsigned line = 0; line < INTERRUPT_LINES; line++) {
        uint64_t bits;
        const struct endpoint *endpoint = interrupt_endpoint(line, &bits);
        if (endpoint == nullptr) continue;
        const struct endpoint *slots = check_object(endpoint, FRAME_KIND_ENDPOINTS);
        bool is_slot = slots != nullptr && ((uintptr_t)endpoint - (uintptr_t)slots) % sizeof *slots == 0 && endpoint != slots;
        if (!is_slot || !endpoint->is_used || bits == 0) check_fail(INVARIANT_HANDLES, "line of a device", line, bits, 0);
    }
}

void check_time(void)
{
    check_lines();
    void *object;
    uint32_t threads = 0;
    for (frame_t frame = { 0 }; check_next(FRAME_KIND_THREAD, &frame, &object); frame.number++) {
        const struct thread *thread = object;
        threads++;
        if (thread->account == 0 || (uint32_t)thread->account != frame.number)
            check_fail(INVARIANT_TIME, "name of an account", frame.number, thread->account, frame.number);
        else if (!budget_check(thread))
            check_fail(INVARIANT_TIME, "more time than granted", frame.number, thread->budget.left, thread->budget.capacity);
        else if (!timer_is_good(thread))
            check_fail(INVARIANT_TIME, "timer of a thread", frame.number, thread->budget.timer.when, thread->state);
    }
    if (count_list(threads) != threads) check_fail(INVARIANT_TIME, "list of threads", 0, count_list(threads), threads);
    if (!timer_check(deadline_timer())) check_fail(INVARIANT_TIME, "timer of late faults", 0, deadline_timer()->when, deadline_timer()->rank);
    for (frame_t frame = { 0 }; check_next(FRAME_KIND_ENDPOINTS, &frame, &object); frame.number++) {
        const struct endpoint *slots = object;
        for (unsigned i = 1; i < ENDPOINTS_PER_FRAME; i++)
            if (slots[i].is_used && !timer_check(&slots[i].timer)) check_fail(INVARIANT_TIME, "timer of an endpoint", frame.number, slots[i].timer.when, i);
    }
}
#endif
