/* A naive model of threads, endpoints and messages: arrays in place of lists, searched in place of linked, with the registers of every thread.
 *
 * Nothing here touches the kernel: message_both.h does each thing on both and compares.
 *
 * Thread 0 is the pager's, thread 1 the idler, which never waits. Endpoint 0 is the pager's: faults go there. */
#ifndef QUIRE_MESSAGE_MODEL_H
#define QUIRE_MESSAGE_MODEL_H

#include <criterion/criterion.h>

#include "kernel_world.h"

constexpr unsigned MODEL_THREADS = 10, MODEL_ENDPOINTS = 3, MODEL_SPACES = 4;
constexpr unsigned PAGER = 0, IDLER = 1, NOBODY = MODEL_THREADS;
constexpr uint64_t MODEL_HANDLES = HANDLE_ROWS; /* numbers below this, so that each has a row of its own */

struct model_thread {
    struct thread *real;
    unsigned space, endpoint, server;
    unsigned target; /* the endpoint of its latest request */
    enum thread_state state;
    enum thread_request request;
    bool has_buffer;
    uint64_t badge, token, instruction;
    uint64_t number, argument[CALL_ARGUMENTS];
    uint64_t fault_kind, fault_word[MESSAGE_WORDS];
    uint64_t stamp; /* first word of the message buffer */
    unsigned priority, own_priority;
};

struct model_line { /* a queue */
    unsigned length, thread[MODEL_THREADS];
};

struct model_row {
    bool is_filled;
    unsigned endpoint;
    uint32_t rights;
    uint64_t badge;
};

static struct {
    unsigned count_threads, count_endpoints, count_spaces;
    struct space *space[MODEL_SPACES];
    struct endpoint *endpoint[MODEL_ENDPOINTS];
    struct model_thread thread[MODEL_THREADS];
    struct model_row row[MODEL_SPACES][MODEL_HANDLES];
    struct model_line ready[PRIORITY_LIMIT], queue[MODEL_ENDPOINTS];
    bool queue_is_receivers[MODEL_ENDPOINTS];
    unsigned server[MODEL_ENDPOINTS]; /* who received there last */
    uint64_t bits[MODEL_ENDPOINTS];
    unsigned current;
    bool is_slice_over; /* it ended in a thread above all that wait: the next heir gives way to its equals */
    unsigned turn;      /* the server that waits for the thread that it answered last, or NOBODY */
    uint64_t next_page;
} model;

/* --- Lines --- */

static void line_insert(struct model_line *line, unsigned thread, bool at_front)
{
    if (at_front) memmove(line->thread + 1, line->thread, line->length * sizeof line->thread[0]);
    line->thread[at_front ? 0 : line->length] = thread;
    line->length++;
}

static void line_remove(struct model_line *line, unsigned thread)
{
    unsigned at = 0;
    while (line->thread[at] != thread) at++;
    line->length--;
    memmove(line->thread + at, line->thread + at + 1, (line->length - at) * sizeof line->thread[0]);
}

/* --- Who runs --- */

static unsigned priority_of(unsigned thread)
{
    return model.thread[thread].priority;
}

static void make_ready(unsigned thread, bool at_front)
{
    model.thread[thread].state = THREAD_READY;
    line_insert(&model.ready[priority_of(thread)], thread, at_front);
}

static void leave_ready(unsigned thread)
{
    line_remove(&model.ready[priority_of(thread)], thread);
    if (model.turn == thread) model.turn = NOBODY;
}

/* Its slice is over; the server that answered it goes behind it. */
static void give_way(unsigned thread)
{
    unsigned server = model.turn;
    make_ready(thread, false);
    if (server == NOBODY || priority_of(server) != priority_of(thread)) return;
    leave_ready(server);
    make_ready(server, false);
}

static void run_thread(unsigned thread)
{
    model.thread[thread].state = THREAD_RUNNING;
    model.current = thread;
}

/* The highest priority that waits, plus 1; 0 when nobody waits. */
static unsigned best_waiting(void)
{
    unsigned best = PRIORITY_LIMIT;
    while (best > 0 && model.ready[best - 1].length == 0) best--;
    return best;
}

/* Gives the processor to the heir, or to whoever comes before it. */
static void switch_to_best(unsigned heir)
{
    unsigned best = best_waiting();
    bool is_over = model.is_slice_over;
    model.is_slice_over = false;
    if (heir != NOBODY && priority_of(heir) + 1 >= best + is_over) {
        run_thread(heir);
        return;
    }
    if (heir != NOBODY && is_over) give_way(heir);
    else if (heir != NOBODY) make_ready(heir, true);
    unsigned first = model.ready[best - 1].thread[0];
    leave_ready(first);
    run_thread(first);
}

static void set_priority(unsigned thread, unsigned priority)
{
    bool moves = model.thread[thread].state == THREAD_READY && priority != priority_of(thread);
    if (moves) leave_ready(thread);
    model.thread[thread].priority = priority;
    if (moves) line_insert(&model.ready[priority], thread, false);
}

static void wake(unsigned thread)
{
    if (priority_of(thread) > priority_of(model.current)) {
        make_ready(model.current, true);
        run_thread(thread);
    } else {
        make_ready(thread, false);
    }
}

/* --- Messages --- */

static uint64_t incarnation_of(unsigned space)
{
    return space == 0 ? (uint64_t)WORLD_INCARNATION << TAG_INCARNATION_SHIFT : 0;
}

static bool fits_model(const struct model_thread *sender, const struct model_thread *receiver)
{
    return sender->request == REQUEST_FAULT || tag_length(sender->argument[1]) == 0 || receiver->has_buffer;
}

static void deliver_model(struct model_thread *from, struct model_thread *to)
{
    bool is_fault = from->request == REQUEST_FAULT;
    to->number = STATUS_OK;
    to->argument[0] = from->badge;
    to->argument[1] = (is_fault ? from->fault_kind | TAG_FAULT : from->argument[1] & TAG_SENDER_MASK) | incarnation_of(to->space);
    memcpy(to->argument + 2, is_fault ? from->fault_word : from->argument + 2, sizeof from->fault_word);
    to->argument[8] = from->token;
    if (!is_fault && tag_length(from->argument[1]) != 0) to->stamp = from->stamp;
    from->state = THREAD_WAITING;
    from->server = to->space;
    to->priority = to->space != 0 && from->priority > to->own_priority ? from->priority : to->own_priority;
}

static void deliver_bits_model(struct model_thread *to, unsigned endpoint)
{
    memset(to->argument, 0, sizeof to->argument);
    to->number = STATUS_OK;
    to->argument[1] = TAG_NOTIFICATION | incarnation_of(to->space);
    to->argument[2] = model.bits[endpoint];
    to->priority = to->own_priority;
    model.bits[endpoint] = 0;
}

static unsigned take_first(unsigned endpoint)
{
    unsigned first = model.queue[endpoint].thread[0];
    line_remove(&model.queue[endpoint], first);
    return first;
}

/* Of the highest priority the first. */
static unsigned take_best(unsigned endpoint)
{
    const struct model_line *line = &model.queue[endpoint];
    unsigned best = line->thread[0];
    for (unsigned i = 1; i < line->length; i++)
        if (priority_of(line->thread[i]) > priority_of(best)) best = line->thread[i];
    line_remove(&model.queue[endpoint], best);
    return best;
}

static void wait_at(unsigned thread, unsigned endpoint, enum thread_state state, unsigned heir)
{
    model.thread[thread].state = state;
    model.thread[thread].endpoint = endpoint;
    model.queue_is_receivers[endpoint] = state == THREAD_RECEIVING;
    line_insert(&model.queue[endpoint], thread, false);
    switch_to_best(heir);
}

static void send_model(unsigned at, unsigned endpoint, enum thread_request request)
{
    struct model_thread *sender = &model.thread[at];
    bool has_receiver = model.queue[endpoint].length > 0 && model.queue_is_receivers[endpoint];
    sender->request = request;
    if (has_receiver && !fits_model(sender, &model.thread[model.queue[endpoint].thread[0]])) {
        sender->request = REQUEST_NONE;
        sender->number = STATUS_BAD_BUFFER;
        return;
    }
    sender->token += TOKEN_NEXT;
    sender->target = endpoint;
    if (!has_receiver) {
        unsigned server = model.server[endpoint];
        if (server != NOBODY && model.thread[server].space != 0 && priority_of(server) < sender->priority) set_priority(server, sender->priority);
        wait_at(at, endpoint, THREAD_SENDING, NOBODY);
        return;
    }
    unsigned receiver = take_first(endpoint);
    deliver_model(sender, &model.thread[receiver]);
    switch_to_best(receiver);
}

/* Returns false when nothing is there and the receiver does not wait. */
static bool receive_model(unsigned at, unsigned endpoint, bool wait, unsigned heir)
{
    struct model_thread *receiver = &model.thread[at];
    bool received = model.bits[endpoint] != 0;
    if (received) deliver_bits_model(receiver, endpoint);
    while (!received && model.queue[endpoint].length > 0 && !model.queue_is_receivers[endpoint]) {
        unsigned number = take_best(endpoint);
        struct model_thread *sender = &model.thread[number];
        received = fits_model(sender, receiver);
        if (received) {
            deliver_model(sender, receiver);
        } else {
            sender->request = REQUEST_NONE;
            sender->number = STATUS_BAD_BUFFER;
            make_ready(number, false);
        }
    }
    if (!received && !wait) receiver->priority = receiver->own_priority;
    model.server[endpoint] = at;
    if (received || !wait) {
        bool is_heir_first = heir != NOBODY && priority_of(heir) >= priority_of(at);
        if (heir != NOBODY) make_ready(is_heir_first ? at : heir, is_heir_first);
        if (is_heir_first) model.turn = at;
        switch_to_best(is_heir_first ? heir : at);
        return received;
    }
    wait_at(at, endpoint, THREAD_RECEIVING, heir);
    return true;
}

static void fault_model(unsigned at, uint64_t kind, uint64_t tried, uint64_t address)
{
    struct model_thread *thread = &model.thread[at];
    thread->fault_kind = kind;
    const uint64_t word[MESSAGE_WORDS] = { tried, address, thread->instruction, WORLD_STACK, thread->real->label, 0 };
    memcpy(thread->fault_word, word, sizeof word);
    thread->badge = thread->real->space->pager.badge;
    send_model(at, 0, REQUEST_FAULT);
}

/* The row of a handle with a right, or nullptr and the model's thread has its status or its fault. */
static const struct model_row *row_model(unsigned at, uint64_t handle, uint64_t right)
{
    struct model_thread *thread = &model.thread[at];
    const struct model_row *row = handle < MODEL_HANDLES ? &model.row[thread->space][handle] : nullptr;
    if (handle == HANDLE_NONE || handle > UINT32_MAX || ((row == nullptr || !row->is_filled) && thread->space == 0)) {
        thread->number = STATUS_BAD_HANDLE;
    } else if (row == nullptr || !row->is_filled) {
        fault_model(at, FAULT_HANDLE, 0, handle);
    } else if ((row->rights & right) == 0) {
        thread->number = STATUS_NO_RIGHT;
    } else {
        return row;
    }
    return nullptr;
}

/* The thread of a token that the running one may answer, or NOBODY. */
static unsigned caller_of(uint64_t token)
{
    for (unsigned i = 0; i < model.count_threads; i++) {
        const struct model_thread *caller = &model.thread[i];
        if (caller->state == THREAD_WAITING && caller->token == token && caller->server == model.thread[model.current].space) return i;
    }
    return NOBODY;
}

static bool length_is_good_model(const struct model_thread *thread, uint64_t tag)
{
    return tag_length(tag) == 0 || (tag_length(tag) <= MESSAGE_BUFFER_BYTES && thread->has_buffer);
}

static void release(unsigned at)
{
    model.thread[at].state = THREAD_STOPPED;
    model.thread[at].request = REQUEST_NONE;
}

/* Takes a thread that does not run out of everything. */
static void stop_model(unsigned at)
{
    struct model_thread *thread = &model.thread[at];
    if (thread->state == THREAD_READY) leave_ready(at);
    if (best_waiting() == 0) model.is_slice_over = false;
    if (thread->state == THREAD_SENDING || thread->state == THREAD_RECEIVING) line_remove(&model.queue[thread->endpoint], at);
    release(at);
}

static void end_wait_model(unsigned at)
{
    bool is_fault = model.thread[at].request == REQUEST_FAULT;
    stop_model(at);
    if (is_fault) return;
    model.thread[at].number = STATUS_PEER_ENDED;
    wake(at);
}

/* --- Operations --- */

static void registers_set(unsigned at, uint64_t number, const uint64_t argument[CALL_ARGUMENTS])
{
    model.thread[at].number = number;
    memcpy(model.thread[at].argument, argument, sizeof model.thread[at].argument);
}

static void call_model(unsigned at, const uint64_t *argument)
{
    const struct model_row *row = row_model(at, argument[0], RIGHT_CALL);
    if (row == nullptr) return;
    model.thread[at].badge = row->badge;
    if (length_is_good_model(&model.thread[at], argument[1])) send_model(at, row->endpoint, REQUEST_CALL);
    else model.thread[at].number = STATUS_BAD_BUFFER;
}

/* What the reply makes of the caller; true: it goes on. */
static bool reply_model(struct model_thread *from, struct model_thread *to)
{
    const uint64_t *argument = from->argument;
    if (to->request == REQUEST_CALL) {
        to->number = STATUS_OK;
        memcpy(to->argument, argument, sizeof to->argument);
        to->argument[0] = to->argument[8] = 0;
        to->argument[1] &= TAG_SENDER_MASK;
        if (tag_length(argument[1]) != 0) to->stamp = from->stamp;
        return true;
    }
    bool is_handle = to->fault_kind == FAULT_HANDLE;
    if (tag_label(argument[1]) == FAULT_RETRY) {
        if (is_handle) to->instruction -= HOST_CALL_BYTES;
        return true;
    }
    if (tag_label(argument[1]) != FAULT_REFUSE || !is_handle) return false;
    to->number = argument[2];
    return true;
}

static void reply_receive_model(unsigned at, const uint64_t *argument)
{
    bool waits = argument[0] != HANDLE_NONE || argument[8] == 0;
    const struct model_row *row = waits ? row_model(at, argument[0], RIGHT_RECEIVE) : nullptr;
    if (waits && row == nullptr) return;
    struct model_thread *thread = &model.thread[at];
    unsigned caller = NOBODY;
    if (argument[8] != 0) {
        caller = caller_of(argument[8]);
        if (caller == NOBODY) {
            thread->number = STATUS_STALE;
            return;
        }
        struct model_thread *to = &model.thread[caller];
        if (!length_is_good_model(thread, argument[1]) || (to->request == REQUEST_CALL && tag_length(argument[1]) != 0 && !to->has_buffer)) {
            thread->number = STATUS_BAD_BUFFER;
            return;
        }
        bool goes_on = reply_model(thread, to);
        release(caller);
        if (!goes_on) caller = NOBODY;
    }
    if (waits) {
        (void)receive_model(at, row->endpoint, true, caller);
        return;
    }
    thread->number = STATUS_OK;
    if (caller != NOBODY) wake(caller);
}

static void resolve_model(unsigned at, const uint64_t *argument)
{
    struct model_thread *thread = &model.thread[at];
    if (thread->space != 0) {
        thread->number = STATUS_DENIED;
        return;
    }
    const struct model_row *row = row_model(at, argument[0], RIGHT_RECEIVE);
    if (row == nullptr) return;
    unsigned caller = caller_of(argument[8]);
    if (caller == NOBODY) {
        thread->number = STATUS_STALE;
    } else if (model.thread[caller].request != REQUEST_FAULT || model.thread[caller].fault_kind != FAULT_PAGE) {
        thread->number = STATUS_BAD_STATE;
    } else if ((argument[1] & (PAGE_BYTES - 1)) > ATTRIBUTES_ALL) {
        thread->number = STATUS_BAD_ARGUMENT;
    } else {
        release(caller);
        (void)receive_model(at, row->endpoint, true, caller);
    }
}

/* Empties what the row held, fills it, and lets the call go on: in the kernel when its thread is the next to run. */
static void handle_resolve_model(unsigned at, const uint64_t *argument)
{
    struct model_thread *thread = &model.thread[at];
    if (thread->space != 0) {
        thread->number = STATUS_DENIED;
        return;
    }
    const struct model_row *row = row_model(at, argument[0], RIGHT_RECEIVE);
    if (row == nullptr) return;
    unsigned caller = caller_of(argument[8]), endpoint = 0;
    while (endpoint < model.count_endpoints && endpoint_name(model.endpoint[endpoint]) != argument[1]) endpoint++;
    if (caller == NOBODY) {
        thread->number = STATUS_STALE;
    } else if (model.thread[caller].request != REQUEST_FAULT || model.thread[caller].fault_kind != FAULT_HANDLE) {
        thread->number = STATUS_BAD_STATE;
    } else if (endpoint == model.count_endpoints) {
        thread->number = STATUS_BAD_OBJECT;
    } else if (argument[3] == 0 || argument[3] > RIGHTS_ALL) {
        thread->number = STATUS_BAD_ARGUMENT;
    } else {
        struct model_thread *to = &model.thread[caller];
        unsigned waits_at = row->endpoint;
        model.row[to->space][to->fault_word[1]] = (struct model_row){ true, endpoint, (uint32_t)argument[3], argument[2] };
        release(caller);
        (void)receive_model(at, waits_at, true, caller);
        if (model.current == caller && to->number == CALL_call) call_model(caller, memcpy((uint64_t[CALL_ARGUMENTS]){}, to->argument, sizeof to->argument));
        else to->instruction -= HOST_CALL_BYTES;
    }
}

#endif
