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

static void answer(struct thread *caller, enum status status)
{
    caller->context.call.number = status;
}

/* There is no row with the right: the caller has its status, or the handle fault is under way. */
[[gnu::noinline, gnu::cold]] static void row_refuse(struct thread *caller, uint64_t handle)
{
    if (handle_find(caller->space, handle) != nullptr) answer(caller, STATUS_NO_RIGHT);
    else if (caller->space->pager.endpoint == nullptr || handle == HANDLE_NONE || handle > UINT32_MAX) answer(caller, STATUS_BAD_HANDLE);
    else kernel_on_fault(caller, FAULT_HANDLE, 0, handle);
}

/* An empty row has no rights. */
static inline struct handle_row *row_with_right(struct thread *caller, uint64_t handle, uint32_t right)
{
    struct handle_row *row = &caller->space->rows[handle % HANDLE_ROWS];
    if (row->handle == handle && (row->rights & right) != 0) return row;
    row_refuse(caller, handle);
    return nullptr;
}

[[clang::minsize]] struct handle_row *message_row(struct thread *caller, uint64_t handle, uint32_t right)
{
    return row_with_right(caller, handle, right);
}

/* The part in the message buffer fits and there is one. */
static bool length_is_good(const struct thread *sender, uint64_t tag)
{
    return tag_length(tag) == 0 || (tag_length(tag) <= MESSAGE_BUFFER_BYTES && sender->buffer_pointer != nullptr);
}

void sys_call(struct thread *caller)
{
    const uint64_t *argument = caller->context.call.argument;
    struct handle_row *row = row_with_right(caller, argument[0], RIGHT_CALL);
    if (row == nullptr) return;
    if (!length_is_good(caller, argument[1])) return answer(caller, STATUS_BAD_BUFFER);

    // Commit: message_send() finds the receiver's missing buffer before it changes anything.
    caller->request = REQUEST_CALL;
    caller->badge = row->badge;
    message_send(caller, row->endpoint);
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

[[clang::minsize]] void sys_reply_receive(struct thread *caller)
{
    const uint64_t *argument = caller->context.call.argument;
    bool waits = argument[0] != HANDLE_NONE || argument[8] == 0;
    struct handle_row *row = waits ? row_with_right(caller, argument[0], RIGHT_RECEIVE) : nullptr;
    if (waits && row == nullptr) return;
    struct thread *heir = nullptr;
    if (argument[8] != 0) {
        heir = message_find_caller(caller, argument[8]);
        if (heir == nullptr) return answer(caller, STATUS_STALE);
        if (!length_is_good(caller, argument[1])) return answer(caller, STATUS_BAD_BUFFER);
        if (heir->request == REQUEST_CALL && tag_length(argument[1]) != 0 && heir->buffer_pointer == nullptr) return answer(caller, STATUS_BAD_BUFFER);
    }

    // Commit: nothing below may fail.
    if (caller->served != 0) message_service_end(caller);
    if (heir != nullptr) {
        bool goes_on = true;
        if (heir->request == REQUEST_CALL) give_reply(caller, heir);
        else goes_on = answer_fault(caller, heir);
        message_release(heir);
        if (!goes_on) heir = nullptr;
    }
    if (waits) return (void)message_receive(caller, row->endpoint, true, heir);
    answer(caller, STATUS_OK);
    if (heir != nullptr) schedule_wake(heir);
}

[[clang::minsize]] void sys_receive(struct thread *caller)
{
    const uint64_t *argument = caller->context.call.argument;
    struct handle_row *row = row_with_right(caller, argument[0], RIGHT_RECEIVE);
    if (row == nullptr) return;
    if (argument[1] > RECEIVE_DO_NOT_WAIT) return answer(caller, STATUS_BAD_ARGUMENT);
    if (caller->served != 0) message_service_end(caller);
    if (!message_receive(caller, row->endpoint, argument[1] == RECEIVE_WAIT, nullptr)) answer(caller, STATUS_WOULD_BLOCK);
}

[[clang::minsize]] void sys_notify(struct thread *caller)
{
    const uint64_t *argument = caller->context.call.argument;
    struct handle_row *row = row_with_right(caller, argument[0], RIGHT_NOTIFY);
    if (row == nullptr) return;
    answer(caller, STATUS_OK);
    message_notify(row->endpoint, argument[1]);
}

void sys_yield(struct thread *caller)
{
    answer(caller, STATUS_OK);
    schedule_yield();
}

/* Maps what resolve asks for into the faulting thread's space. */
[[clang::minsize]] static enum status resolve_map(const uint64_t *argument, struct thread *faulted)
{
    uint64_t attributes = argument[1] & (PAGE_BYTES - 1);
    struct user_span span;
    enum status status = user_span_check(argument[1] & ~(PAGE_BYTES - 1), argument[3], &span);
    if (status != STATUS_OK) return status;
    if (span.count_pages > STEP_PAGES) return STATUS_BAD_LENGTH;
    status = attributes_check(attributes);
    if (status != STATUS_OK) return status;
    uint64_t done;
    frame_t frame = { (uint32_t)argument[2] };
    if (argument[2] > UINT32_MAX) return STATUS_BAD_FRAME;
    if (argument[2] == FRAME_COPY) return span.count_pages == 1 ? space_copy_page(faulted->space, span.first, (uint32_t)attributes) : STATUS_BAD_LENGTH;
    if (argument[2] != FRAME_FRESH) {
        if (span.count_pages == 1) return space_map_page(faulted->space, span.first, frame, (uint32_t)attributes);
        return space_map(faulted->space, span, frame, (uint32_t)attributes, &done);
    }
    if (span.count_pages == 1) return space_fill_page(faulted->space, span.first, (uint32_t)attributes);
    return space_fill(faulted->space, span, (uint32_t)attributes, &done);
}

/* Whose fault of the kind the token names; *endpoint: where the caller wants to receive next. nullptr: the caller has its status, or a handle fault is under
 * way. */
static struct thread *fault_to_resolve(struct thread *caller, enum fault_kind kind, struct endpoint **endpoint)
{
    const uint64_t *argument = caller->context.call.argument;
    const struct handle_row *row = row_with_right(caller, argument[0], RIGHT_RECEIVE);
    if (row == nullptr) return nullptr;
    *endpoint = row->endpoint;
    struct thread *faulted = message_find_caller(caller, argument[8]);
    if (faulted != nullptr && faulted->request == REQUEST_FAULT && faulted->fault.kind == kind) return faulted;
    answer(caller, faulted == nullptr ? STATUS_STALE : STATUS_BAD_STATE);
    return nullptr;
}

[[clang::minsize]] void sys_resolve(struct thread *caller)
{
    struct endpoint *endpoint;
    struct thread *faulted = fault_to_resolve(caller, FAULT_PAGE, &endpoint);
    if (faulted == nullptr) return;
    enum status status = resolve_map(caller->context.call.argument, faulted);
    if (status != STATUS_OK) return answer(caller, status);

    // Commit: nothing below may fail.
    if (caller->served != 0) message_service_end(caller);
    message_release(faulted);
    message_receive(caller, endpoint, true, faulted);
}

void sys_handle_resolve(struct thread *caller)
{
    const uint64_t *argument = caller->context.call.argument;
    struct endpoint *endpoint; /* found before the row is filled: it may be the same one */
    struct thread *faulted = fault_to_resolve(caller, FAULT_HANDLE, &endpoint);
    if (faulted == nullptr) return;
    struct endpoint *target = endpoint_find(argument[1]);
    if (target == nullptr) return answer(caller, STATUS_BAD_OBJECT);
    if (argument[3] == 0 || argument[3] > RIGHTS_ALL) return answer(caller, STATUS_BAD_ARGUMENT);

    // Commit: nothing below may fail.
    uint32_t handle = (uint32_t)faulted->fault.word[1];
    if (caller->served != 0) message_service_end(caller);
    handle_fill(handle_row_of(faulted->space, handle), handle, target, (uint32_t)argument[3], argument[2]);
    message_release(faulted);
    message_receive(caller, endpoint, true, faulted);
    /* A call that comes next is made here: that saves a way through the caller's space, an entry and a root-table load. */
    if (processor.current == faulted && faulted->context.call.number == CALL_call) sys_call(faulted);
    else arch_context_restart_call(faulted);
}
