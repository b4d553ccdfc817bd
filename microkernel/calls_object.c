/* System calls of threads, endpoints, handles and the machine. Only pagers get here, but for version and log (syscall.c).
 *
 * A pager names threads by frame and endpoints by frame and slot; the frame's kind decides whether the name is good. */
#include "arch.h"
#include "budget.h"
#include "calls.h"
#include "deadline.h"
#include "endpoint.h"
#include "frame.h"
#include "log.h"
#include "message.h"
#include "schedule.h"
#include "space.h"

#ifdef QUIRE_TEST
#include "check.h"
#include "counter.h"
#endif

enum status sys_version([[maybe_unused]] struct thread *caller, uint64_t argument[CALL_ARGUMENTS])
{
    argument[0] = ABI_VERSION;
    return STATUS_OK;
}

enum status sys_log(struct thread *caller, uint64_t argument[CALL_ARGUMENTS])
{
#ifdef NDEBUG
    if (!caller->space->is_pager) return STATUS_DENIED;
#endif
    if (caller->buffer_pointer == nullptr) return STATUS_BAD_BUFFER;
    if (argument[0] == 0 || argument[0] > MESSAGE_BUFFER_BYTES) return STATUS_BAD_LENGTH;
    log_user_line(caller->space->is_pager ? nullptr : "user", caller->buffer_pointer, argument[0]); /* a program cannot speak for others */
    return STATUS_OK;
}

enum status sys_thread_create(struct space *space, uint64_t argument[CALL_ARGUMENTS])
{
    if (argument[2] > UINT32_MAX) return STATUS_BAD_FRAME;
    if (argument[3] >= PRIORITY_LIMIT || argument[4] > THREAD_VECTORS) return STATUS_BAD_ARGUMENT;
    const struct thread *purse = thread_find(argument[5]);
    if (argument[5] != 0 && purse == nullptr) return STATUS_BAD_OBJECT;
    struct thread *thread;
    enum status status = thread_create(space, (frame_t){ (uint32_t)argument[2] }, (uint32_t)argument[3], &thread);
    if (status != STATUS_OK) return status;
    thread->label = argument[1];
    if (argument[4] == THREAD_VECTORS) {
        thread->vectors_user = thread;
        arch_vectors_initialise(thread);
    }
    if (purse != nullptr) budget_pay_from(thread, purse);
    argument[0] = thread->frame.number;
    return STATUS_OK;
}

enum status sys_thread_destroy(struct thread *thread, [[maybe_unused]] uint64_t argument[CALL_ARGUMENTS])
{
    if (thread == processor.current) return STATUS_BAD_STATE;
    if (thread->space->count_threads == 1) { /* nobody is left to answer */
        thread_stop(thread);
        enum status status = message_end_callers(thread->space);
        if (status != STATUS_OK) return status;
    }
    thread_destroy(thread);
    return STATUS_OK;
}

enum status sys_thread_start(struct thread *thread, uint64_t argument[CALL_ARGUMENTS])
{
    if (thread == processor.current || thread->state != THREAD_STOPPED) return STATUS_BAD_STATE;
    if (!range_within(argument[1], 1, USER_LIMIT) || argument[2] > USER_LIMIT) return STATUS_BAD_ADDRESS;
    arch_context_start(thread, argument[1], argument[2], argument[3]);
    schedule_work_alone(thread);
    schedule_wake(thread);
    return STATUS_OK;
}

enum status sys_thread_stop(struct thread *thread, [[maybe_unused]] uint64_t argument[CALL_ARGUMENTS])
{
    if (thread == processor.current) return STATUS_BAD_STATE;
    thread_stop(thread);
    return STATUS_OK;
}

/* For revoking a handle: the row's emptying ends what comes, this what is queued; what a server has received already it may answer. */
enum status sys_thread_cancel(struct thread *thread, uint64_t argument[CALL_ARGUMENTS])
{
    if (thread->state != THREAD_SENDING || thread->request != REQUEST_CALL || thread->context.call.argument[0] != argument[1]) return STATUS_BAD_STATE;
    thread_refuse(thread, STATUS_STALE);
    return STATUS_OK;
}

/* How long a thread waits is not noted where it begins to wait, which has to be quick: who asks twice learns that it has been there all the time. */
enum status sys_thread_info(struct thread *thread, uint64_t argument[CALL_ARGUMENTS])
{
    bool is_asking = thread->request != REQUEST_NONE;
    const struct endpoint *endpoint = is_asking ? thread->client_of : thread->state == THREAD_RECEIVING ? thread->endpoint : nullptr;
    uint32_t kind = thread->request == REQUEST_FAULT ? thread->fault.kind : 0;
    if (!is_asking) thread->seen_token = 0;
    uint64_t cycles = deadline_age(thread, arch_cycles());
    argument[0] = thread->state | (uint32_t)thread->request << 8 | kind << 16;
    argument[1] = endpoint != nullptr ? endpoint_name(endpoint) : 0;
    argument[2] = thread->state == THREAD_WAITING ? thread->server->frame.number : 0;
    argument[3] = thread->label;
    argument[4] = cycles;
    return STATUS_OK;
}

enum status sys_endpoint_create([[maybe_unused]] struct thread *caller, uint64_t argument[CALL_ARGUMENTS])
{
    struct endpoint *endpoint;
    enum status status = endpoint_create(&endpoint);
    if (status == STATUS_OK) argument[0] = endpoint_name(endpoint);
    return status;
}

enum status sys_endpoint_destroy(struct endpoint *endpoint, [[maybe_unused]] uint64_t argument[CALL_ARGUMENTS])
{
    return endpoint_destroy(endpoint);
}

enum status sys_handle_map(struct space *space, uint64_t argument[CALL_ARGUMENTS])
{
    return handle_map(space, argument[1], argument[2], argument[3], argument[4]);
}

enum status sys_handle_unmap(struct space *space, uint64_t argument[CALL_ARGUMENTS])
{
    struct handle_row *row = handle_find(space, argument[1]);
    if (row == nullptr) return STATUS_BAD_HANDLE;
    handle_empty(row);
    return STATUS_OK;
}

enum status sys_machine_end([[maybe_unused]] struct thread *caller, uint64_t argument[CALL_ARGUMENTS])
{
    uint64_t code = argument[0];
    if (code > UINT32_MAX) return STATUS_BAD_ARGUMENT; /* cut to 32 bits it might say success */
    log_line("kernel", "end code=%lu", (unsigned long)code);
    arch_machine_end((uint32_t)code);
}

#ifdef QUIRE_TEST
enum status sys_test_space(struct space *space, uint64_t argument[CALL_ARGUMENTS])
{
    argument[0] = space->count_mapped;
    argument[1] = space->count_tables;
    return STATUS_OK;
}

enum status sys_test_check([[maybe_unused]] struct thread *caller, uint64_t argument[CALL_ARGUMENTS])
{
    argument[0] = check_run();
    return STATUS_OK;
}

enum status sys_test_counter([[maybe_unused]] struct thread *caller, uint64_t argument[CALL_ARGUMENTS])
{
    if (argument[0] >= COUNTERS) return STATUS_BAD_ARGUMENT;
    argument[0] = counters[argument[0]];
    return STATUS_OK;
}
#endif
