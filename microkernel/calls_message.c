/* System calls of messages: call, reply, receive, notify, yield, resolve, handle_resolve.
 *
 * Each decodes all of its arguments first; a wrong one is a status and nothing has happened. A handle without a row is a fault to the pager, which fills the
 * row and lets the call run again, or refuses it.
 *
 * clang::minsize: what is not on the way of a call that misses its row, which has a goal; usual replies and page faults have fast paths. */
#include "calls.h"
#include "counter.h"
#include "kernel.h"
#include "message.h"
#include "schedule.h"

[[gnu::noinline, gnu::cold]] enum status row_refuse(struct thread *caller, uint64_t handle)
{
    if (handle_find(caller->space, handle) != nullptr) return STATUS_NO_RIGHT;
    if (caller->space->pager.endpoint == nullptr || handle == HANDLE_NONE || handle > UINT32_MAX) return STATUS_BAD_HANDLE;
    kernel_on_fault(caller, FAULT_HANDLE, 0, handle);
    return STATUS_LATER;
}

/* The part in the message buffer fits and there is one. */
static bool length_is_good(const struct thread *sender, uint64_t tag)
{
    return tag_length(tag) == 0 || (tag_length(tag) <= MESSAGE_BUFFER_BYTES && sender->buffer_pointer != nullptr);
}

enum status sys_call(struct thread *caller, uint64_t argument[CALL_ARGUMENTS], const struct handle_row *row)
{
    if (!length_is_good(caller, argument[1])) return STATUS_BAD_BUFFER;

    // Commit: message_send() finds the receiver's missing buffer before it changes anything.
    caller->request = REQUEST_CALL;
    caller->badge = row->badge;
    return message_send(caller, row->endpoint) ? STATUS_LATER : STATUS_BAD_BUFFER;
}

/* Hands a reply's tag and words to the caller of a call. */
static void give_reply(struct thread *from, struct thread *to)
{
    uint64_t *argument = to->context.call.argument;
    const uint64_t *source = from->context.call.argument;
    argument[0] = 0;
    argument[1] = source[1] & TAG_SENDER_MASK;
    message_copy_words(&source[2], &argument[2]);
    argument[8] = 0;
    to->context.call.number = STATUS_OK;
    message_copy_part(from, to);
}

/* Lets a faulted thread go on as the reply says; false: it stays stopped. */
static bool answer_fault(const struct thread *from, struct thread *to)
{
    uint32_t label = tag_label(from->context.call.argument[1]);
    if (label == FAULT_RETRY) {
        if (to->fault.kind == FAULT_HANDLE) arch_context_restart_call(to);
        return true;
    }
    if (label == FAULT_REFUSE && to->fault.kind == FAULT_HANDLE) {
        to->context.call.number = from->context.call.argument[2];
        return true;
    }
    return false;
}

[[clang::minsize]] enum status sys_reply_receive(struct thread *caller, uint64_t argument[CALL_ARGUMENTS])
{
    bool waits = argument[0] != HANDLE_NONE || argument[8] == 0;
    const struct handle_row *row = waits ? row_with_right(caller, argument[0], RIGHT_RECEIVE) : nullptr;
    if (waits && row == nullptr) return row_refuse(caller, argument[0]);
    struct thread *heir = nullptr;
    if (argument[8] != 0) {
        heir = message_find_caller(caller, argument[8]);
        if (heir == nullptr) return STATUS_STALE;
        if (!length_is_good(caller, argument[1])) return STATUS_BAD_BUFFER;
        if (heir->request == REQUEST_CALL && tag_length(argument[1]) != 0 && heir->buffer_pointer == nullptr) return STATUS_BAD_BUFFER;
    }

    // Commit: nothing below may fail.
    message_service_end(caller);
    if (heir != nullptr) {
        bool goes_on = true;
        if (heir->request == REQUEST_CALL) give_reply(caller, heir);
        else goes_on = answer_fault(caller, heir);
        message_release(heir);
        if (!goes_on) heir = nullptr;
    }
    if (waits) {
        (void)message_receive(caller, row->endpoint, true, heir);
        return STATUS_LATER;
    }
    if (heir != nullptr) schedule_wake(heir);
    return STATUS_OK;
}

[[clang::minsize]] enum status sys_receive(struct thread *caller, uint64_t argument[CALL_ARGUMENTS], const struct handle_row *row)
{
    if (argument[1] > RECEIVE_DO_NOT_WAIT) return STATUS_BAD_ARGUMENT;
    message_service_end(caller);
    return message_receive(caller, row->endpoint, argument[1] == RECEIVE_WAIT, nullptr) ? STATUS_LATER : STATUS_WOULD_BLOCK;
}

[[clang::minsize]] enum status sys_notify([[maybe_unused]] struct thread *caller, uint64_t argument[CALL_ARGUMENTS], const struct handle_row *row)
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
[[clang::minsize]] static enum status resolve_map(const uint64_t *argument, struct space *space)
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

[[clang::minsize]] enum status sys_resolve(struct thread *caller, uint64_t argument[CALL_ARGUMENTS], const struct handle_row *row)
{
    struct thread *faulted = message_find_caller(caller, argument[8]);
    enum status status = fault_check(faulted, FAULT_PAGE);
    if (status == STATUS_OK) status = resolve_map(argument, faulted->space);
    if (status != STATUS_OK) return status;

    // Commit: nothing below may fail.
    message_service_end(caller);
    message_release(faulted);
    message_receive(caller, row->endpoint, true, faulted);
    return STATUS_LATER;
}

enum status sys_handle_resolve(struct thread *caller, uint64_t argument[CALL_ARGUMENTS], const struct handle_row *row)
{
    struct endpoint *endpoint = row->endpoint, *target = endpoint_find(argument[1]); /* the row that is filled may be the same one */
    struct thread *faulted = message_find_caller(caller, argument[8]);
    enum status status = fault_check(faulted, FAULT_HANDLE);
    if (status != STATUS_OK) return status;
    if (target == nullptr) return STATUS_BAD_OBJECT;
    if (argument[3] == 0 || argument[3] > RIGHTS_ALL) return STATUS_BAD_ARGUMENT;

    // Commit: nothing below may fail.
    uint32_t handle = (uint32_t)faulted->fault.word[1];
    message_service_end(caller);
    handle_fill(handle_row_of(faulted->space, handle), handle, target, (uint32_t)argument[3], argument[2]);
    message_release(faulted);
    message_receive(caller, endpoint, true, faulted);
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
