/* Messages: deliver, receive, release. See message.h.
 *
 * Words are copied once, from the saved registers of one thread to those of the other; a longer part is copied once, from message buffer to message
 * buffer, and only the copy is looked at.
 *
 * Invariants:
 *  1. A token is good while its thread is WAITING with that sequence number for that server; every way out of WAITING ends it. */
#include "message.h"

#include <assert.h>
#include <string.h>

#include "schedule.h"

constexpr unsigned ARGUMENT_BADGE = 0;
constexpr unsigned ARGUMENT_TAG = 1;
constexpr unsigned ARGUMENT_WORDS = 2;
constexpr unsigned ARGUMENT_TOKEN = 8;
constexpr unsigned END_STEP = 32;

[[gnu::noinline]] struct thread *message_find_caller(const struct thread *receiver, uint64_t token)
{
    return message_caller(receiver, token);
}

[[gnu::noinline]] bool message_part_fits(const struct thread *from, const struct thread *to)
{
    uint32_t length = tag_length(from->context.call.argument[ARGUMENT_TAG]);
    return length == 0 || (length <= MESSAGE_BUFFER_BYTES && from->buffer_pointer != nullptr && to->buffer_pointer != nullptr);
}

[[gnu::noinline]] static void part_copy(const struct thread *from, struct thread *to)
{
    uint32_t length = tag_length(from->context.call.argument[ARGUMENT_TAG]);
    if (length != 0) memcpy(to->buffer_pointer, from->buffer_pointer, length);
}

/* True when the request can be handed to the receiver: a fault has no part. */
static bool fits(const struct thread *sender, const struct thread *receiver)
{
    return sender->request == REQUEST_FAULT || message_part_fits(sender, receiver);
}

/* Writes a message into the registers of whom it is for. */
[[gnu::noinline]] static void give(struct thread *to, uint64_t badge, uint64_t tag, const uint64_t words[MESSAGE_WORDS], uint64_t token)
{
    struct call_registers *call = &to->context.call;
    call->number = STATUS_OK;
    call->argument[ARGUMENT_BADGE] = badge;
    call->argument[ARGUMENT_TAG] = tag;
    call->argument[ARGUMENT_TOKEN] = token;
    memcpy(&call->argument[ARGUMENT_WORDS], words, MESSAGE_WORDS * sizeof words[0]);
}

void message_reply(const struct thread *from, struct thread *to)
{
    const uint64_t *argument = from->context.call.argument;
    give(to, 0, argument[ARGUMENT_TAG] & TAG_SENDER_MASK, &argument[ARGUMENT_WORDS], 0);
    part_copy(from, to);
}

/* Hands the sender's request to the receiver; the sender waits for the answer. The receiver's state is the caller's business. */
[[gnu::noinline]] static void deliver(struct thread *sender, struct thread *receiver)
{
    bool is_fault = sender->request == REQUEST_FAULT;
    const uint64_t *from = sender->context.call.argument;
    struct space *server = receiver->space;
    uint64_t tag = is_fault ? sender->fault.kind | TAG_FAULT : from[ARGUMENT_TAG] & TAG_SENDER_MASK;
    give(receiver, sender->badge, tag | server->incarnation_tag, is_fault ? sender->fault.word : &from[ARGUMENT_WORDS], sender->token);
    schedule_work_for(receiver, sender->payer, sender->priority);
    sender->state = THREAD_WAITING;
    sender->server = server;
    caller_insert(&server->callers, &sender->caller);
    assert(thread_check(sender));
    if (!is_fault) part_copy(sender, receiver);
}

static void deliver_bits(struct thread *receiver, struct endpoint *endpoint)
{
    struct call_registers *call = &receiver->context.call;
    schedule_work_alone(receiver);
    memset(call, 0, sizeof *call);
    call->number = STATUS_OK;
    call->argument[ARGUMENT_TAG] = TAG_NOTIFICATION | receiver->space->incarnation_tag;
    call->argument[ARGUMENT_WORDS] = endpoint->bits;
    endpoint->bits = 0;
}

bool message_send(struct thread *sender, struct endpoint *endpoint)
{
    assert(sender == processor.current && sender->request != REQUEST_NONE);
    bool is_awaited = endpoint->queue_is_receivers;
    struct thread *receiver = endpoint->queue.first;
    if (!fits(sender, is_awaited ? receiver : sender)) {
        sender->request = REQUEST_NONE;
        return false;
    }

    // Commit: nothing below may fail.
    sender->token_sequence++;
    if (sender->client_of != endpoint) endpoint_take_client(endpoint, sender);
    if (is_awaited) {
        endpoint_remove(endpoint, receiver);
        deliver(sender, receiver);
    } else {
        struct thread *server = budget_find(endpoint->server);
        if (server != nullptr) schedule_raise(server, sender->priority);
        sender->state = THREAD_SENDING;
        endpoint_push(endpoint, sender, false);
        receiver = nullptr;
    }
    schedule_switch(receiver);
    return true;
}

/* --- The choice among senders ---
 *
 * The highest priority first; among equals the one whose handle has had the least of the servers' time, as start-time fair queueing does it (P.
 * Goyal and others, SIGCOMM 1996): a sender that was away begins at served_now, so it neither saves up turns nor waits for those who have had many.
 * Looked at are the CHOICES senders that wait longest and the CHOICES that came last: a newcomer is seen at once, however many threads another
 * client lets queue. */

constexpr unsigned CHOICES = 32;

/* Where the sender's time is counted, or nullptr: its row is empty by now. */
[[gnu::noinline]] static uint64_t *served_of(const struct thread *sender, const struct endpoint *endpoint)
{
    struct space *space = sender->space;
    uint64_t handle = sender->context.call.argument[0];
    if (sender->request == REQUEST_FAULT) return space->pager.endpoint == endpoint ? &space->pager_served : nullptr;
    const struct handle_row *row = handle_find(space, handle);
    return row != nullptr && row->endpoint == endpoint ? &space->served[handle % HANDLE_ROWS] : nullptr;
}

/* What the sender has had of the endpoint's time, as far as it counts. */
[[gnu::noinline]] static uint64_t served_before(const struct thread *sender, const struct endpoint *endpoint)
{
    const uint64_t *served = served_of(sender, endpoint);
    if (served == nullptr) return endpoint->served_most;
    return *served > endpoint->served_now ? *served : endpoint->served_now;
}

static bool comes_before(const struct thread *sender, const struct thread *other, const struct endpoint *endpoint)
{
    if (sender->priority != other->priority) return sender->priority > other->priority;
    return served_before(sender, endpoint) < served_before(other, endpoint);
}

static struct thread *choose(const struct endpoint *endpoint)
{
    struct thread *best = endpoint->queue.first, *sender = best->queue_next;
    for (unsigned i = 1; i < 2 * CHOICES && sender != nullptr; i++) {
        if (comes_before(sender, best, endpoint)) best = sender;
        sender = i < CHOICES - 1 ? sender->queue_next : i == CHOICES - 1 ? endpoint->queue.last : sender->queue_previous;
    }
    return best;
}

/* What was paid up to now for the request that the receiver works on. */
[[gnu::noinline]] static uint64_t paid_for_request(const struct thread *receiver)
{
    budget_charge();
    uint64_t paid = receiver->budget.paid;
    if (receiver->payer == receiver->account) return paid;
    const struct thread *payer = budget_find(receiver->payer);
    return payer == nullptr ? paid : paid + payer->budget.paid;
}

/* The receiver begins with a sender that was chosen among others. */
static void service_begin(struct thread *receiver, const struct thread *sender, struct endpoint *endpoint)
{
    endpoint->served_now = served_before(sender, endpoint);
    receiver->served = sender->token;
    receiver->served_begin = paid_for_request(receiver);
}

[[clang::minsize]] void message_service_end(struct thread *receiver)
{
    if (receiver->served == 0) return;
    const struct thread *sender = message_find_caller(receiver, receiver->served);
    receiver->served = 0;
    struct endpoint *endpoint = sender == nullptr ? nullptr : sender->client_of;
    uint64_t *served = endpoint == nullptr ? nullptr : served_of(sender, endpoint);
    if (served == nullptr) return;
    uint64_t paid = paid_for_request(receiver), begin = receiver->served_begin;
    *served = served_before(sender, endpoint) + (paid > begin ? paid - begin : 0);
    if (*served > endpoint->served_most) endpoint->served_most = *served;
}

/* The next queued sender whose request fits; those before it are answered BAD_BUFFER. */
static struct thread *next_sender(struct endpoint *endpoint, const struct thread *receiver)
{
    while (!endpoint->queue_is_receivers && endpoint->queue.first != nullptr) {
        struct thread *sender = choose(endpoint);
        if (fits(sender, receiver)) {
            endpoint_remove(endpoint, sender);
            return sender;
        }
        thread_stop(sender);
        sender->context.call.number = STATUS_BAD_BUFFER;
        schedule_ready(sender);
    }
    return nullptr;
}

bool message_receive(struct thread *receiver, struct endpoint *endpoint, bool wait, struct thread *heir)
{
    assert(receiver == processor.current);
    bool received = true;
    endpoint->server = receiver->account;
    if (endpoint->bits != 0) {
        deliver_bits(receiver, endpoint);
    } else {
        struct thread *sender = next_sender(endpoint, receiver);
        received = sender != nullptr;
        if (received) {
            deliver(sender, receiver);
            service_begin(receiver, sender, endpoint);
        } else if (!wait) {
            schedule_work_alone(receiver);
        }
    }
    if (received || !wait) {
        if (heir != nullptr) schedule_take_turns(receiver, heir);
        else schedule_switch(receiver); /* a sender that was passed over may come first */
        return received;
    }
    receiver->state = THREAD_RECEIVING;
    endpoint_push(endpoint, receiver, true);
    schedule_switch(heir);
    return true;
}

[[clang::minsize]] enum status message_end_callers(struct space *server)
{
    for (unsigned step = 0; step < END_STEP; step++) {
        if (server->callers.next == &server->callers) return STATUS_OK;
        thread_end_wait(thread_of(server->callers.previous));
    }
    return STATUS_AGAIN;
}

[[clang::minsize]] void message_notify(struct endpoint *endpoint, uint64_t bits)
{
    endpoint->bits |= bits;
    if (endpoint->bits == 0 || !endpoint->queue_is_receivers) return;
    struct thread *receiver = endpoint->queue.first;
    endpoint_remove(endpoint, receiver);
    deliver_bits(receiver, endpoint);
    schedule_wake(receiver);
}
