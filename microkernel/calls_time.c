/* System calls of time: budgets, gifts, timers.
 *
 * Times come in nanoseconds and are kept in cycles; what is longer than TIME_LIMIT_NANOSECONDS is refused, so no sum of times wraps. */
#include "budget.h"
#include "calls.h"
#include "endpoint.h"
#include "message.h"
#include "schedule.h"
#include "space.h"

enum status sys_give_time(struct thread *caller, uint64_t argument[CALL_ARGUMENTS], const struct handle_row *row)
{
    struct thread *to = budget_find(row->endpoint->server);
    if (argument[1] > TIME_LIMIT_NANOSECONDS) return STATUS_BAD_ARGUMENT;
    if (argument[1] == 0) {
        budget_return(caller);
        return STATUS_OK;
    }
    return to == nullptr ? STATUS_NOT_FOUND : budget_give(caller, to, arch_nanoseconds_to_cycles(argument[1]));
}

enum status sys_timer_set([[maybe_unused]] struct thread *caller, uint64_t argument[CALL_ARGUMENTS], const struct handle_row *row)
{
    if (argument[2] > TIME_LIMIT_NANOSECONDS || (argument[2] != 0 && argument[1] == 0)) return STATUS_BAD_ARGUMENT;
    struct endpoint *endpoint = row->endpoint;
    timer_cancel(&endpoint->timer);
    if (argument[2] == 0) return STATUS_OK;
    endpoint->timer_bits = argument[1];
    timer_set(&endpoint->timer, arch_cycles() + arch_nanoseconds_to_cycles(argument[2]));
    return STATUS_OK;
}

enum status sys_thread_budget(struct thread *thread, uint64_t argument[CALL_ARGUMENTS])
{
    bool is_limited = argument[2] != TIME_UNLIMITED;
    if (argument[1] >= PRIORITY_LIMIT || argument[3] > TIME_LIMIT_NANOSECONDS) return STATUS_BAD_ARGUMENT;
    if (is_limited && (argument[3] == 0 || argument[2] > argument[3])) return STATUS_BAD_ARGUMENT;

    // Commit: nothing below may fail.
    bool is_raised = thread->priority != thread->own_priority && thread->priority > argument[1];
    thread->own_priority = (uint8_t)argument[1];
    schedule_set_priority(thread, is_raised ? thread->priority : thread->own_priority);
    budget_limit(thread, is_limited ? arch_nanoseconds_to_cycles(argument[2]) : TIME_UNLIMITED, arch_nanoseconds_to_cycles(argument[3]));
    return STATUS_OK;
}

enum status sys_thread_time(struct thread *thread, uint64_t argument[CALL_ARGUMENTS])
{
    budget_charge();
    const struct budget *budget = arch_near(&thread->budget);
    argument[0] = budget->paid;
    argument[1] = budget->capacity == TIME_UNLIMITED ? TIME_UNLIMITED : budget->left;
    argument[2] = budget->gift;
    return STATUS_OK;
}
