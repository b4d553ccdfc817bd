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

[[gnu::noinline]] static void part_copy(const struct thread *from, struct thread *to, uint32_t length)
{
    memcpy(to->buffer_pointer, from->buffer_pointer, length);
}

void message_copy_part(const struct thread *from, struct thread *to)
{
    uint32_t length = tag_length(from->context.call.argument[ARGUMENT_TAG]);
    if (length != 0) part_copy(from, to, length);
}

/* True when the request can be handed to the receiver: a part in the buffer needs a buffer at both ends. */
static bool fits(const struct thread *sender, const struct thread *receiver)
{
    return sender->request == REQUEST_FAULT || tag_length(sender->context.call.argument[ARGUMENT_TAG]) == 0 || receiver->buffer_pointer != nullptr;
}

/* Hands the sender's request to the receiver; the sender waits for the answer. The receiver's state is the caller's business. */
[[gnu::noinline]] static void deliver(struct thread *sender, struct thread *receiver)
{
    bool is_fault = sender->request == REQUEST_FAULT;
    const uint64_t *from = sender->context.call.argument;
    uint64_t *argument = receiver->context.call.argument;
    uint64_t tag = is_fault ? sender->fault.kind | TAG_FAULT : from[ARGUMENT_TAG] & TAG_SENDER_MASK;
    message_copy_words(is_fault ? sender->fault.word : &from[ARGUMENT_WORDS], &argument[ARGUMENT_WORDS]);
    receiver->context.call.number = STATUS_OK;
    argument[ARGUMENT_BADGE] = sender->badge;
    argument[ARGUMENT_TAG] = tag | receiver->space->incarnation_tag;
    argument[ARGUMENT_TOKEN] = sender->token;
    receiver->payer = sender->payer;
    if (receiver->priority != receiver->own_priority) schedule_set_priority(receiver, receiver->own_priority);
    schedule_raise(receiver, sender->priority);
    struct space *server = receiver->space;
    sender->state = THREAD_WAITING;
    sender->server = server;
    caller_insert(&server->callers, &sender->caller);
    assert(thread_check(sender));
    if (!is_fault) message_copy_part(sender, receiver);
}

static void deliver_bits(struct thread *receiver, struct endpoint *endpoint)
{
    struct call_registers *call = &receiver->context.call;
    thread_work_alone(receiver);
    memset(call, 0, sizeof *call);
    call->number = STATUS_OK;
    call->argument[ARGUMENT_TAG] = TAG_NOTIFICATION | receiver->space->incarnation_tag;
    call->argument[ARGUMENT_WORDS] = endpoint->bits;
    endpoint->bits = 0;
}

bool message_send(struct thread *sender, struct endpoint *endpoint)
{
    assert(sender == processor.current && sender->request != REQUEST_NONE);
    struct thread *receiver = endpoint->queue_is_receivers ? endpoint->queue.first : nullptr;
    if (receiver != nullptr && !fits(sender, receiver)) {
        sender->request = REQUEST_NONE;
        return false;
    }

    // Commit: nothing below may fail.
    sender->token += TOKEN_NEXT;
    if (sender->client_of != endpoint) endpoint_take_client(endpoint, sender);
    if (receiver == nullptr) {
        struct thread *server = budget_find(endpoint->server);
        if (server != nullptr) schedule_raise(server, sender->priority);
        sender->state = THREAD_SENDING;
        endpoint_push(endpoint, sender, false);
    } else {
        endpoint_remove(endpoint, receiver);
        deliver(sender, receiver);
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
    const struct handle_row *row = sender->request == REQUEST_FAULT ? &space->pager : handle_find(space, sender->context.call.argument[0]);
    return row == nullptr || row->endpoint != endpoint ? nullptr : handle_served(row);
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
    for (unsigned i = 1; i < CHOICES && sender != nullptr; i++, sender = sender->queue_next)
        if (comes_before(sender, best, endpoint)) best = sender;
    if (sender == nullptr) return best;
    sender = endpoint->queue.last;
    for (unsigned i = 0; i < CHOICES && sender->queue_previous != nullptr; i++, sender = sender->queue_previous)
        if (comes_before(sender, best, endpoint)) best = sender;
    return best;
}

/* What was paid so far for the request that the receiver works on. */
static uint64_t paid_for_request(const struct thread *receiver)
{
    const struct thread *payer = budget_find(receiver->payer);
    return receiver->budget.paid + (payer == nullptr || payer == receiver ? 0 : payer->budget.paid);
}

/* The receiver begins with a sender that was chosen among others. */
static void service_begin(struct thread *receiver, const struct thread *sender, struct endpoint *endpoint)
{
    endpoint->served_now = served_before(sender, endpoint);
    budget_charge();
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
    budget_charge();
    uint64_t paid = paid_for_request(receiver), begin = receiver->served_begin;
    *served = served_before(sender, endpoint) + (paid > begin ? paid - begin : 0);
    if (*served > endpoint->served_most) endpoint->served_most = *served;
}

/* The next queued sender whose request fits; those before it are answered BAD_BUFFER. */
static struct thread *next_sender(struct endpoint *endpoint, const struct thread *receiver)
{
    while (!endpoint->queue_is_receivers && endpoint->queue.first != nullptr) {
        struct thread *sender = choose(endpoint);
        endpoint_remove(endpoint, sender);
        if (fits(sender, receiver)) return sender;
        sender->state = THREAD_STOPPED;
        sender->request = REQUEST_NONE;
        sender->context.call.number = STATUS_BAD_BUFFER;
        schedule_ready(sender);
    }
    return nullptr;
}

bool message_receive(struct thread *receiver, struct endpoint *endpoint, bool wait, struct thread *heir)
{
    assert(receiver == processor.current);
    bool received = true;
    if (endpoint->bits != 0) {
        deliver_bits(receiver, endpoint);
    } else {
        struct thread *sender = next_sender(endpoint, receiver);
        received = sender != nullptr;
        if (received) {
            deliver(sender, receiver);
            service_begin(receiver, sender, endpoint);
        } else if (!wait) {
            thread_work_alone(receiver);
        }
    }
    endpoint->server = receiver->account;
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

void message_release(struct thread *caller)
{
    assert(caller->state == THREAD_WAITING);
    if (caller->budget.gift_to != 0 && caller->request == REQUEST_CALL) budget_answered(caller);
    caller_remove(&caller->caller);
    caller->state = THREAD_STOPPED;
    caller->request = REQUEST_NONE;
    assert(thread_check(caller));
}

[[clang::minsize]] enum status message_end_callers(struct space *server)
{
    for (unsigned step = 0; step < END_STEP; step++) {
        if (server->callers.next == &server->callers) return STATUS_OK;
        thread_end_wait(thread_of_caller(server->callers.previous));
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
