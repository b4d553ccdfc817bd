/* Every operation on the kernel and on its model, and the comparison of the two.
 *
 * Each model_... operation first does the thing on the kernel, by its doors, then to the model, and model_compare() looks at everything: states, registers,
 * tokens, the order of every queue, who runs. What is done, others choose: test_message_random.c at random, test_message_tiny.c everything. */
#ifndef QUIRE_MESSAGE_BOTH_H
#define QUIRE_MESSAGE_BOTH_H

#include "message_model.h"

/* A system call of the running thread, on the kernel and in the model. */
static void model_call(uint64_t number, const uint64_t argument[CALL_ARGUMENTS])
{
    unsigned at = model.current;
    struct model_thread *thread = &model.thread[at];
    static uint64_t stamps;
    if (thread->has_buffer) {
        thread->stamp = ++stamps;
        memcpy(thread->real->buffer_pointer, &thread->stamp, sizeof thread->stamp);
    }
    registers_set(at, number, argument);
    (void)world_call(thread->real, number, argument);
    uint64_t copy[CALL_ARGUMENTS];
    memcpy(copy, argument, sizeof copy);
    const struct model_row *row;
    switch (number) {
    case CALL_call: call_model(at, copy); break;
    case CALL_reply_receive: reply_receive_model(at, copy); break;
    case CALL_resolve: resolve_model(at, copy); break;
    case CALL_handle_resolve: handle_resolve_model(at, copy); break;
    case CALL_receive:
        row = row_model(at, copy[0], RIGHT_RECEIVE);
        if (row == nullptr) break;
        if (copy[1] > RECEIVE_DO_NOT_WAIT) thread->number = STATUS_BAD_ARGUMENT;
        else if (!receive_model(at, row->endpoint, copy[1] == RECEIVE_WAIT, NOBODY)) thread->number = STATUS_WOULD_BLOCK;
        break;
    case CALL_notify:
        row = row_model(at, copy[0], RIGHT_NOTIFY);
        if (row == nullptr) break;
        thread->number = STATUS_OK;
        model.bits[row->endpoint] |= copy[1];
        if (model.bits[row->endpoint] == 0 || model.queue[row->endpoint].length == 0 || !model.queue_is_receivers[row->endpoint]) break;
        unsigned receiver = take_first(row->endpoint);
        deliver_bits_model(&model.thread[receiver], row->endpoint);
        wake(receiver);
        break;
    default: /* yield */
        thread->number = STATUS_OK;
        if (model.ready[priority_of(at)].length == 0) break;
        make_ready(at, false);
        switch_to_best(NOBODY);
        break;
    }
}

[[maybe_unused]] static void model_fault(uint64_t address)
{
    unsigned at = model.current;
    world_fault(model.thread[at].real, address);
    fault_model(at, FAULT_PAGE, FAULT_WRITE | 14 << 8 | (uint64_t)6 << 32, address);
}

[[maybe_unused]] static void model_tick(void)
{
    world_tick();
    if (best_waiting() == 0) return;
    if (best_waiting() <= priority_of(model.current)) {
        model.is_slice_over = true;
        return;
    }
    give_way(model.current);
    switch_to_best(NOBODY);
}

/* Of threads that do not run. */
[[maybe_unused]] static void model_stop(unsigned at)
{
    thread_stop(model.thread[at].real);
    stop_model(at);
}

/* Ends a thread that does not run and makes another in its place, perhaps in its frame. */
[[maybe_unused]] static void model_replace(unsigned at)
{
    struct model_thread *thread = &model.thread[at];
    uint64_t token = thread->token;
    unsigned priority = thread->own_priority;
    stop_model(at);
    world_end_thread(thread->real);
    for (unsigned i = 0; i < model.count_endpoints; i++)
        if (model.server[i] == at) model.server[i] = NOBODY;
    struct thread *real = world_thread(model.space[thread->space], priority, thread->has_buffer);
    cr_assert_geq(token_sequence(real->token), token_sequence(token), "an old token would become good again");
    *thread = (struct model_thread){ .real = real, .space = thread->space, .has_buffer = thread->has_buffer, .token = real->token, .priority = priority,
                                     .own_priority = priority };
}

static void model_start(unsigned at)
{
    world_start(model.thread[at].real);
    memset(model.thread[at].argument, 0, sizeof model.thread[at].argument);
    model.thread[at].number = 0;
    model.thread[at].instruction = WORLD_CODE;
    set_priority(at, model.thread[at].own_priority);
    wake(at);
}

static void model_fill(unsigned space, uint32_t handle, unsigned endpoint, uint32_t rights)
{
    uint64_t badge = space * 1000 + handle;
    world_handle(model.space[space], handle, model.endpoint[endpoint], rights, badge);
    model.row[space][handle] = (struct model_row){ true, endpoint, rights, badge };
}

[[maybe_unused]] static void model_empty(unsigned space, uint32_t handle)
{
    handle_empty(handle_row_of(model.space[space], handle));
    model.row[space][handle].is_filled = false;
}

/* Whose waits have ended, in the kernel's order: which one it takes, but not that it is all of them. */
struct ended {
    unsigned count, thread[MODEL_THREADS];
};

static void ended_add(struct ended *ended, const struct thread *real)
{
    for (unsigned i = 0; i < model.count_threads; i++)
        if (model.thread[i].real == real) ended->thread[ended->count++] = i;
}

static void ended_apply(const struct ended *ended)
{
    for (unsigned i = 0; i < ended->count; i++) {
        cr_assert_eq(model.thread[ended->thread[i]].state, THREAD_WAITING);
        end_wait_model(ended->thread[i]);
    }
}

/* Ends an endpoint and makes another in its place. */
[[maybe_unused]] static void model_renew(unsigned endpoint)
{
    struct ended ended = {};
    for (const struct link *link = model.endpoint[endpoint]->clients; link != nullptr; link = link->next)
        if (thread_of(link)->state == THREAD_WAITING) ended_add(&ended, thread_of(link));
    while (endpoint_destroy(model.endpoint[endpoint]) == STATUS_AGAIN) {
    }
    for (unsigned space = 0; space < model.count_spaces; space++) {
        for (unsigned i = 0; i < MODEL_HANDLES; i++)
            if (model.row[space][i].endpoint == endpoint) model.row[space][i].is_filled = false;
    }
    while (model.queue[endpoint].length > 0) end_wait_model(model.queue[endpoint].thread[0]);
    ended_apply(&ended);
    for (unsigned i = 0; i < model.count_threads; i++) cr_assert(model.thread[i].state != THREAD_WAITING || model.thread[i].target != endpoint);
    model.bits[endpoint] = 0;
    model.server[endpoint] = NOBODY;
    must(endpoint_create(&model.endpoint[endpoint]));
    kernel_switch(nullptr);
}

[[maybe_unused]] static void model_end_callers(unsigned space)
{
    struct ended ended = {};
    const struct caller_link *callers = &model.space[space]->callers;
    for (const struct caller_link *link = callers->previous; link != callers; link = link->previous) ended_add(&ended, thread_of(link));
    must(message_end_callers(model.space[space]));
    ended_apply(&ended);
    for (unsigned i = 0; i < model.count_threads; i++) cr_assert(model.thread[i].state != THREAD_WAITING || model.thread[i].server != space);
    kernel_switch(nullptr);
}

/* --- The comparison --- */

static void line_compare(const struct model_line *line, const struct thread *first, const char *what)
{
    for (unsigned i = 0; i < line->length; i++, first = first->queue_next)
        cr_assert_eq(first, model.thread[line->thread[i]].real, "place %u of %s", i, what);
    cr_assert_null(first, "%s is longer", what);
}

static void thread_compare(unsigned at)
{
    const struct model_thread *thread = &model.thread[at];
    const struct thread *real = thread->real;
    cr_assert_eq(real->state, thread->state, "thread %u: state %u, not %u", at, real->state, thread->state);
    cr_assert_eq(real->request, thread->request, "thread %u: request", at);
    cr_assert_eq(real->priority, thread->priority, "thread %u: priority %u, not %u", at, real->priority, thread->priority);
    cr_assert_eq(real->token, thread->token, "thread %u: token", at);
    cr_assert_eq(real->context.instruction, thread->instruction, "thread %u: instruction", at);
    cr_assert_eq(real->context.call.number, thread->number, "thread %u: status %lu, not %lu", at, (unsigned long)real->context.call.number,
                 (unsigned long)thread->number);
    for (unsigned i = 0; i < CALL_ARGUMENTS; i++)
        cr_assert_eq(real->context.call.argument[i], thread->argument[i], "thread %u: argument %u is 0x%lx, not 0x%lx", at, i,
                     (unsigned long)real->context.call.argument[i], (unsigned long)thread->argument[i]);
    if (thread->has_buffer) cr_assert_eq(memcmp(real->buffer_pointer, &thread->stamp, sizeof thread->stamp), 0, "thread %u: buffer", at);
    if (thread->state == THREAD_WAITING) cr_assert_eq(real->server, model.space[thread->server]);
}

static void model_compare(void)
{
    world_check();
    cr_assert_eq(processor.current, model.thread[model.current].real, "thread %u should run", model.current);
    cr_assert(arch_space_is_active(processor.current->space));
    for (unsigned i = 0; i < model.count_threads; i++) thread_compare(i);
    for (unsigned i = 0; i < model.count_endpoints; i++) {
        line_compare(&model.queue[i], model.endpoint[i]->queue.first, "an endpoint's queue");
        cr_assert_eq(model.endpoint[i]->bits, model.bits[i]);
    }
    cr_assert_eq(schedule_ready_priorities >> PRIORITY_LIMIT, model.is_slice_over);
    for (unsigned i = 0; i < PRIORITY_LIMIT; i++) {
        cr_assert_eq(schedule_ready_priorities >> i & 1, model.ready[i].length > 0);
        if (model.ready[i].length > 0) line_compare(&model.ready[i], model.thread[model.ready[i].thread[0]].real, "a ready queue");
    }
}

/* --- Making it --- */

static unsigned model_add(unsigned space, struct thread *real, bool has_buffer)
{
    struct model_thread *thread = &model.thread[model.count_threads];
    *thread = (struct model_thread){ .real = real, .space = space, .has_buffer = has_buffer, .token = real->token, .priority = real->priority,
                                     .own_priority = real->own_priority };
    return model.count_threads++;
}

/* The world's own two threads, `spaces` - 1 spaces of programs and `endpoints` - 1 endpoints of theirs. No rows yet but the pager's own. */
static void model_begin(uint64_t bytes, unsigned spaces, unsigned endpoints)
{
    world_begin_bytes(bytes);
    host_cycles_read = 0; /* no request takes time: among senders of a priority the first comes first */
    memset(&model, 0, sizeof model);
    model.next_page = WORLD_PLACE;
    model.count_spaces = spaces;
    model.count_endpoints = endpoints;
    model.space[0] = world.pager_space;
    model.endpoint[0] = world.endpoint;
    for (unsigned i = 1; i < spaces; i++) model.space[i] = world_space(500 + i);
    for (unsigned i = 1; i < endpoints; i++) must(endpoint_create(&model.endpoint[i]));
    model_add(0, world.pager, true);
    model_add(MODEL_SPACES, world.idler, false);
    for (unsigned i = 0; i < 2; i++) {
        struct model_thread *thread = &model.thread[i];
        thread->instruction = WORLD_CODE;
        thread->state = thread->real->state;
        thread->number = thread->real->context.call.number;
        memcpy(thread->argument, thread->real->context.call.argument, sizeof thread->argument);
    }
    model.row[0][HANDLE_PAGER] = (struct model_row){ true, 0, RIGHTS_ALL, 0 };
    line_insert(&model.queue[0], PAGER, false);
    model.queue_is_receivers[0] = true;
    model.current = IDLER;
    for (unsigned i = 0; i < endpoints; i++) model.server[i] = i == 0 ? PAGER : NOBODY;
    model.turn = NOBODY;
}

#endif
