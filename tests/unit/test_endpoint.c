/* Endpoints: pools of slots, names from outside, and the end of one with everything that hangs on it. */
#include <criterion/criterion.h>

#include "counter.h"
#include "kernel_world.h"

constexpr unsigned SLOTS = ENDPOINTS_PER_FRAME - 1; /* of a pool */
constexpr unsigned STEP = 32;                       /* endpoint.c: rows or threads of one step */

TestSuite(endpoint, .init = world_begin);

static struct endpoint *create(void)
{
    struct endpoint *endpoint;
    cr_assert_eq(endpoint_create(&endpoint), STATUS_OK);
    return endpoint;
}

/* Ends the endpoint; returns the number of steps that it took. */
static unsigned destroy(struct endpoint *endpoint)
{
    unsigned steps = 1;
    enum status status;
    while ((status = endpoint_destroy(endpoint)) == STATUS_AGAIN) {
        world_check();
        steps++;
    }
    cr_assert_eq(status, STATUS_OK);
    world_check();
    return steps;
}

Test(endpoint, names)
{
    struct endpoint *endpoint = create();
    uint64_t name = endpoint_name(endpoint);
    cr_assert_eq(endpoint_find(name), endpoint);
    cr_assert_neq(name % ENDPOINTS_PER_FRAME, 0);
    cr_assert(frame_is((frame_t){ (uint32_t)(name / ENDPOINTS_PER_FRAME) }, FRAME_KIND_ENDPOINTS));
    cr_assert_eq(destroy(endpoint), 1);
    cr_assert_null(endpoint_find(name));
    world_end();
}

Test(endpoint, forged_names)
{
    uint64_t own = endpoint_name(world.endpoint), pool = own & ~(ENDPOINTS_PER_FRAME - 1);
    cr_assert_null(endpoint_find(pool), "slot 0 is the pool's header");
    for (uint64_t slot = 0; slot < ENDPOINTS_PER_FRAME; slot++) {
        if (pool + slot != own) cr_assert_null(endpoint_find(pool + slot));
    }
    cr_assert_null(endpoint_find(0));
    cr_assert_null(endpoint_find(UINT64_MAX));
    cr_assert_null(endpoint_find(((uint64_t)1 << 32) * ENDPOINTS_PER_FRAME + own), "a frame number of 33 bits");
    cr_assert_null(endpoint_find((uint64_t)frame_count_table() * ENDPOINTS_PER_FRAME + 1));
    frame_t others[] = { world.pager_space->frame, world.pager_space->root, world.pager->frame, world.pager_buffer, { 1 }, { frame_count_table() - 1 } };
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        for (uint64_t slot = 0; slot < ENDPOINTS_PER_FRAME; slot++)
            cr_assert_null(endpoint_find(others[i].number * ENDPOINTS_PER_FRAME + slot), "frame %u", others[i].number);
    }
    world_end();
}

Test(endpoint, pools_are_filled_before_a_new_one)
{
    static struct endpoint *made[3 * SLOTS];
    uint64_t before = frame_count_free(), written = counters[COUNTER_ENTRIES_WRITTEN];
    for (unsigned i = 0; i < SLOTS - 1; i++) made[i] = create(); /* the pager's is in the first pool */
    cr_assert_eq(frame_count_free(), before);
    made[SLOTS - 1] = create();
    cr_assert_eq(frame_count_free(), before - 1);
    for (unsigned i = SLOTS; i < 3 * SLOTS; i++) made[i] = create();
    cr_assert_eq(frame_count_free(), before - 3);
    for (unsigned i = 0; i < 3 * SLOTS; i++) {
        cr_assert_eq((uintptr_t)made[i] % sizeof *made[i], 0);
        cr_assert_eq(endpoint_find(endpoint_name(made[i])), made[i]);
        for (unsigned j = 0; j < i; j++) cr_assert_neq(made[i], made[j]);
    }
    for (unsigned i = 0; i < 3 * SLOTS; i++) cr_assert(frame_is((frame_t){ (uint32_t)(endpoint_name(made[i]) / ENDPOINTS_PER_FRAME) }, FRAME_KIND_ENDPOINTS));
    for (unsigned i = 0; i < 3 * SLOTS; i++) destroy(made[i * 7 % (3 * SLOTS)]);
    cr_assert_eq(frame_count_free(), before);
    cr_assert_eq(counters[COUNTER_ENTRIES_WRITTEN], written, "pools lie in the direct map: nothing is mapped for them");
    world_end();
}

Test(endpoint, slot_of_a_full_pool_is_used_again)
{
    static struct endpoint *made[2 * SLOTS];
    for (unsigned i = 0; i < 2 * SLOTS - 1; i++) made[i] = create(); /* two full pools */
    uint64_t before = frame_count_free();
    struct endpoint *gone = made[5];
    destroy(gone);
    cr_assert_eq(create(), gone);
    cr_assert_eq(frame_count_free(), before);
    for (unsigned i = 0; i < 2 * SLOTS - 1; i++) destroy(made[i]);
    world_end();
}

Test(endpoint, new_one_is_empty)
{
    struct endpoint *first = create();
    message_notify(first, UINT64_MAX);
    destroy(first);
    struct endpoint *second = create();
    cr_assert_eq(second, first);
    cr_assert_eq(second->bits, 0);
    cr_assert_null(second->queue.first);
    cr_assert_null(second->rows);
    destroy(second);
    world_end();
}

Test(endpoint, random_pools)
{
    constexpr unsigned limit = 200;
    static struct endpoint *made[limit];
    world_seed = 31;
    cr_log_info("seed %lu", (unsigned long)world_seed);
    unsigned count = 0;
    for (unsigned step = 0; step < 4000; step++) {
        uint64_t target = step / 500 % 2 == 0 ? 70 : 30; /* grows, then shrinks */
        if (world_random(100) < target ? count < limit : count == 0) {
            made[count++] = create();
        } else {
            unsigned at = (unsigned)world_random(count);
            destroy(made[at]);
            made[at] = made[--count];
        }
    }
    while (count > 0) destroy(made[--count]);
    world_end();
}

Test(endpoint, no_memory_for_a_pool)
{
    static struct endpoint *made[SLOTS];
    for (unsigned i = 0; i < SLOTS - 1; i++) made[i] = create();
    world_leave_free(0);
    struct endpoint *endpoint = nullptr;
    cr_assert_eq(endpoint_create(&endpoint), STATUS_NO_MEMORY);
    cr_assert_null(endpoint);
    world_check();
    destroy(made[0]);
    made[0] = create(); /* a free slot needs no frame */
    cr_assert_eq(endpoint_create(&endpoint), STATUS_NO_MEMORY);
    world_give_back();
    made[SLOTS - 1] = create();
    for (unsigned i = 0; i < SLOTS; i++) destroy(made[i]);
    world_end();
}

/* --- The end of an endpoint --- */

constexpr uint32_t HANDLE = 9;

static struct space *space;
static struct endpoint *endpoint;
static struct thread *thread[2 * STEP];

/* `count` threads of one space that call the endpoint or receive from it, in order. */
static void wait_there(unsigned count, bool as_receivers)
{
    space = world_space(7);
    endpoint = create();
    world_handle(space, HANDLE, endpoint, RIGHTS_ALL, 70);
    for (unsigned i = 0; i < count; i++) world_start(thread[i] = world_thread(space, PRIORITY_PROGRAM, false));
    for (unsigned i = 0; i < count; i++) {
        cr_assert_eq(processor.current, thread[i]);
        if (as_receivers) (void)play(thread[i], receive, HANDLE);
        else (void)play(thread[i], call, HANDLE, tag_make(i, 0), i);
    }
    cr_assert_eq(processor.current, world.idler);
}

static void leave(unsigned count)
{
    for (unsigned i = 0; i < count; i++) world_end_thread(thread[i]);
    if (processor.current == nullptr || processor.current == world.idler) world_end_space(space);
    else cr_assert_fail("another thread runs");
    world_end();
}

static void expect_all_answered(unsigned count, enum status status)
{
    for (unsigned i = 0; i < count; i++) {
        cr_assert_eq(thread[i]->context.call.number, status);
        cr_assert_neq(thread[i]->state, THREAD_SENDING);
        cr_assert_neq(thread[i]->state, THREAD_RECEIVING);
        cr_assert_eq(thread[i]->request, REQUEST_NONE);
    }
}

/* Takes the threads off the processor, so that they can be ended. */
static void park(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if (thread[i]->state != THREAD_RUNNING) thread_stop(thread[i]);
    }
    if (processor.current != world.idler) {
        struct thread *running = processor.current;
        running->state = THREAD_STOPPED;
        schedule_switch(nullptr);
    }
    kernel_switch(nullptr);
    cr_assert_eq(processor.current, world.idler);
}

Test(endpoint, ends_with_queued_senders)
{
    constexpr unsigned count = 5;
    wait_there(count, false);
    cr_assert_eq(destroy(endpoint), 1);
    expect_all_answered(count, STATUS_PEER_ENDED);
    cr_assert_null(handle_find(space, HANDLE));
    park(count);
    leave(count);
}

Test(endpoint, ends_with_waiting_receivers)
{
    constexpr unsigned count = 5;
    wait_there(count, true);
    cr_assert_eq(destroy(endpoint), 1);
    expect_all_answered(count, STATUS_PEER_ENDED);
    park(count);
    leave(count);
}

Test(endpoint, ends_in_bounded_steps)
{
    constexpr unsigned count = 2 * STEP;
    wait_there(count, false);
    cr_assert_eq(endpoint_destroy(endpoint), STATUS_AGAIN); /* a row and STEP - 1 threads */
    world_check();
    unsigned answered = 0;
    for (unsigned i = 0; i < count; i++) answered += thread[i]->state != THREAD_SENDING;
    cr_assert_eq(answered, STEP - 1);
    cr_assert_eq(destroy(endpoint), 2);
    expect_all_answered(count, STATUS_PEER_ENDED);
    park(count);
    leave(count);
}

Test(endpoint, ends_with_many_rows)
{
    endpoint = create();
    space = world_space(7);
    for (uint32_t i = 0; i < HANDLE_ROWS; i++) world_handle(space, HANDLE_ROWS + i, endpoint, RIGHT_CALL, i);
    cr_assert_eq(destroy(endpoint), HANDLE_ROWS / STEP + 1);
    for (uint32_t i = 0; i < HANDLE_ROWS; i++) {
        cr_assert_null(handle_find(space, HANDLE_ROWS + i));
        cr_assert_null(space->rows[i].endpoint);
    }
    leave(0);
}

Test(endpoint, woken_thread_of_higher_priority_runs_at_once)
{
    wait_there(1, true);
    struct thread *ending = world_thread(space, PRIORITY_PROGRAM - 1, false);
    world_start(ending);
    cr_assert_eq(processor.current, ending);
    cr_assert_eq(endpoint_destroy(endpoint), STATUS_OK);
    cr_assert_eq(processor.current, thread[0], "who was answered comes before who ended the endpoint");
    cr_assert_eq(thread[0]->context.call.number, STATUS_PEER_ENDED);
    cr_assert_eq(ending->state, THREAD_READY);
    thread[1] = ending;
    park(2);
    leave(2);
}

Test(endpoint, ends_with_queued_faults)
{
    /* The pager is busy, so the fault waits at its endpoint. */
    space = world_space(7);
    thread[0] = world_thread(space, PRIORITY_PROGRAM, false);
    world_start(thread[0]);
    thread_stop(world.pager); /* nobody receives */
    world_fault(thread[0], 0xdead000);
    cr_assert_eq(thread[0]->state, THREAD_SENDING);
    host_log_clear();
    while (endpoint_destroy(world.endpoint) == STATUS_AGAIN) {
    }
    world_check();
    cr_assert_eq(thread[0]->state, THREAD_STOPPED, "nobody is left to decide");
    cr_assert_not_null(strstr(host_log_text(), "fault without pager"), "and the log says so: %s", host_log_text());
    cr_assert_not_null(strstr(host_log_text(), "addr=0xdead000"));
    cr_assert_null(space->pager.endpoint);
    must(endpoint_create(&world.endpoint)); /* world_end ends it */
    leave(1);
}
