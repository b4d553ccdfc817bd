/* System calls of messages: call, reply, receive, notify, yield, resolve, handle_resolve.
 *
 * Each decodes all of its arguments first; a wrong one is a status and nothing has happened. A handle without a row is a fault to the pager, which fills the
 * row and lets the call run again, or refuses it. */
#include "calls.h"
#include "counter.h"
#include "kernel.h"
#include "message.h"
#include "schedule.h"

[[gnu::noinline]] const struct handle_row *row_with_right(const struct thread *caller, uint64_t handle, uint32_t right)
{
    const struct handle_row *row = &caller->space->rows[handle % HANDLE_ROWS]; /* an empty row has no rights */
    return row->handle == handle && (row->rights & right) != 0 ? row : nullptr;
}

[[gnu::noinline, gnu::cold]] enum status row_refuse(struct thread *caller, uint64_t handle)
{
    if (handle_find(caller->space, handle) != nullptr) return STATUS_NO_RIGHT;
    if (caller->space->pager.endpoint == nullptr || handle == HANDLE_NONE || handle > UINT32_MAX) return STATUS_BAD_HANDLE;
    kernel_on_fault(caller, FAULT_HANDLE, 0, handle);
    return STATUS_LATER;
}

enum status sys_call(struct thread *caller, [[maybe_unused]] uint64_t argument[CALL_ARGUMENTS], const struct handle_row *row)
{
    // Commit: message_send() finds a part that does not fit before it changes anything.
    caller->request = REQUEST_CALL;
    caller->badge = row->badge;
    return message_send(caller, row->endpoint) ? STATUS_LATER : STATUS_BAD_BUFFER;
}

/* Answers the request of a thread that waits with what stands in the registers of `from`. False: it stays stopped. */
static bool answer(const struct thread *from, struct thread *to)
{
    bool goes_on = true;
    uint32_t label = tag_label(from->context.call.argument[1]);
    bool is_fault = to->request == REQUEST_FAULT, is_handle = to->fault.kind == FAULT_HANDLE;
    thread_stop(to);
    if (!is_fault) message_reply(from, to);
    else if (label == FAULT_REFUSE && is_handle) to->context.call.number = from->context.call.argument[2];
    else if (label != FAULT_RETRY) goes_on = false;
    else if (is_handle) arch_context_restart_call(to);
    return goes_on;
}

/* The receiver has answered, and waits at the endpoint for what comes next; whom it has answered goes on. */
static void wait_behind(struct thread *receiver, struct endpoint *endpoint, struct thread *answered)
{
    thread_stop(answered);
    message_receive(receiver, endpoint, true, answered);
}

enum status sys_reply_receive(struct thread *caller, uint64_t argument[CALL_ARGUMENTS], const struct handle_row *row)
{
    struct thread *answered = nullptr;
    if (argument[8] != 0) {
        answered = message_find_caller(caller, argument[8]);
        if (answered == nullptr) return STATUS_STALE;
        if (!message_part_fits(caller, answered->request == REQUEST_CALL ? answered : caller)) return STATUS_BAD_BUFFER;
    }

    // Commit: nothing below may fail.
    message_service_end(caller);
    if (answered != nullptr && !answer(caller, answered)) answered = nullptr;
    if (row != nullptr) {
        (void)message_receive(caller, row->endpoint, true, answered);
        return STATUS_LATER;
    }
    if (answered != nullptr) schedule_wake(answered);
    return STATUS_OK;
}

enum status sys_receive(struct thread *caller, uint64_t argument[CALL_ARGUMENTS], const struct handle_row *row)
{
    if (argument[1] > RECEIVE_DO_NOT_WAIT) return STATUS_BAD_ARGUMENT;
    message_service_end(caller);
    return message_receive(caller, row->endpoint, argument[1] == RECEIVE_WAIT, nullptr) ? STATUS_LATER : STATUS_WOULD_BLOCK;
}

enum status sys_notify([[maybe_unused]] struct thread *caller, uint64_t argument[CALL_ARGUMENTS], const struct handle_row *row)
{
    message_notify(row->endpoint, argument[1]);
    return STATUS_OK;
}

enum status sys_yield([[maybe_unused]] struct thread *caller, [[maybe_unused]] uint64_t argument[CALL_ARGUMENTS])
{
    schedule_yield();
    return STATUS_OK;
}

enum status resolve_page(struct space *space, user_page_t page, uint64_t frame, uint32_t attributes)
{
    if (frame == FRAME_FRESH) return space_fill_page(space, page, attributes);
    if (frame == FRAME_COPY) return space_copy_page(space, page, attributes);
    return space_map_page(space, page, (frame_t){ (uint32_t)frame }, attributes);
}

/* Maps what resolve asks for into the faulting thread's space. */
static enum status resolve_map(const uint64_t *argument, struct space *space)
{
    uint32_t attributes = (uint32_t)(argument[1] & (PAGE_BYTES - 1));
    struct user_span span;
    enum status status = user_span_check(argument[1] & ~(PAGE_BYTES - 1), argument[3], &span);
    if (status != STATUS_OK) return status;
    if (span.count_pages > space_step_pages(span.first)) return STATUS_BAD_LENGTH;
    status = attributes_check(attributes);
    if (status != STATUS_OK) return status;
    if (argument[2] > UINT32_MAX) return STATUS_BAD_FRAME;
    if (span.count_pages == 1) return resolve_page(space, span.first, argument[2], attributes);
    uint64_t done;
    if (argument[2] == FRAME_COPY) return STATUS_BAD_LENGTH;
    if (argument[2] == FRAME_FRESH) return space_fill(space, span, attributes, &done);
    return space_map(space, span, (frame_t){ (uint32_t)argument[2] }, attributes, &done);
}

/* Whether it is a fault of the kind that waits for an answer. `faulted`: who has the token, or nullptr. */
static enum status fault_check(const struct thread *faulted, enum fault_kind kind)
{
    if (faulted == nullptr) return STATUS_STALE;
    return faulted->request == REQUEST_FAULT && faulted->fault.kind == kind ? STATUS_OK : STATUS_BAD_STATE;
}

enum status sys_resolve(struct thread *caller, uint64_t argument[CALL_ARGUMENTS], const struct handle_row *row)
{
    struct thread *faulted = message_find_caller(caller, argument[8]);
    enum status status = fault_check(faulted, FAULT_PAGE);
    if (status == STATUS_OK) status = resolve_map(argument, faulted->space);
    if (status != STATUS_OK) return status;

    // Commit: nothing below may fail.
    message_service_end(caller);
    wait_behind(caller, row->endpoint, faulted);
    return STATUS_LATER;
}

enum status sys_handle_resolve(struct thread *caller, uint64_t argument[CALL_ARGUMENTS], const struct handle_row *row)
{
    struct endpoint *endpoint = row->endpoint; /* the row that is filled may be the same one */
    struct thread *faulted = message_find_caller(caller, argument[8]);
    enum status status = fault_check(faulted, FAULT_HANDLE);
    if (status == STATUS_OK) status = handle_map(faulted->space, faulted->fault.word[1], argument[1], argument[3], argument[2]);
    if (status != STATUS_OK) return status;

    // Commit: nothing below may fail.
    message_service_end(caller);
    wait_behind(caller, endpoint, faulted);
    /* A call that comes next is made here: that saves a way through the caller's space, an entry and a root-table load. */
    struct call_registers *call = &faulted->context.call;
    if (processor.current != faulted || call->number != CALL_call) {
        arch_context_restart_call(faulted);
        return STATUS_LATER;
    }
    row = row_with_right(faulted, call->argument[0], RIGHT_CALL);
    status = row != nullptr ? sys_call(faulted, call->argument, row) : row_refuse(faulted, call->argument[0]);
    if (status != STATUS_LATER) call->number = status;
    return STATUS_LATER;
}
