/* Scheduling: priorities, turns inside one, the slice, the idle processor; and random operations against lists kept by hand. */
#include <criterion/criterion.h>

#include "kernel_world.h"

static struct space *space;
static uint64_t free_before;

static void begin(void)
{
    host_initialise_frames((uint64_t)2 << 20, WORLD_RESERVED);
    free_before = frame_count_free();
    cr_assert_eq(space_create(&space), STATUS_OK);
}

TestSuite(schedule, .init = begin);

static struct thread *make(uint32_t priority)
{
    return world_thread(space, priority, false);
}

/* The hardware timer fires when the slice is over. */
static void slice_ends(void)
{
    host_timer_stop();
    host_advance(SLICE_NANOSECONDS);
    timer_ended();
    schedule_on_timer(arch_cycles());
}

/* The running thread stops and the next one runs. */
static struct thread *next(void)
{
    if (processor.current != nullptr) processor.current->state = THREAD_STOPPED;
    schedule_switch(nullptr);
    cr_assert(processor.current == nullptr || processor.current->state == THREAD_RUNNING);
    world_check();
    return processor.current;
}

/* A server has answered and has its next request: the answered thread, then the server, then others; one below the server waits. */
Test(schedule, an_answered_thread_goes_first)
{
    struct thread *server = make(3), *answered = make(3), *other = make(3), *low = make(2);
    schedule_ready(server);
    schedule_ready(other);
    cr_assert_eq(next(), server);
    schedule_take_turns(server, answered);
    cr_assert_eq(processor.current, answered);
    cr_assert_eq(next(), server);
    schedule_take_turns(server, low);
    cr_assert_eq(processor.current, server);
    cr_assert_eq(next(), other);
    cr_assert_eq(next(), low);
    cr_assert_eq(next(), nullptr);
}

/* The slice ends while the answered thread runs: the server does not go on with the next slice before that thread has asked again. */
Test(schedule, a_slice_is_the_answered_threads_and_its_servers)
{
    struct thread *server = make(3), *answered = make(3), *other = make(3);
    schedule_ready(server);
    schedule_ready(other);
    cr_assert_eq(next(), server);
    schedule_take_turns(server, answered);
    slice_ends();
    cr_assert_eq(processor.current, other);
    cr_assert_eq(next(), answered);
    cr_assert_eq(next(), server);
    cr_assert_eq(next(), nullptr);
}

/* The same where it ended before, in the server, while only lower ones waited. */
Test(schedule, a_slice_that_ended_in_the_server_is_no_loss_of_whom_it_answers)
{
    struct thread *server = make(3), *answered = make(3), *low = make(2);
    schedule_ready(server);
    schedule_ready(low);
    cr_assert_eq(next(), server);
    slice_ends();
    cr_assert_eq(processor.current, server);
    schedule_take_turns(server, answered);
    cr_assert_eq(processor.current, answered);
    cr_assert_eq(next(), server);
    cr_assert_eq(next(), low);
    cr_assert_eq(next(), nullptr);
}

Test(schedule, highest_first_then_first_come)
{
    struct thread *low = make(0), *first = make(3), *second = make(3), *high = make(PRIORITY_LIMIT - 1), *third = make(3);
    schedule_ready(low);
    schedule_ready(first);
    schedule_ready(second);
    schedule_ready(high);
    schedule_ready(third);
    cr_assert_eq(schedule_ready_priorities, 1u << 0 | 1u << 3 | 1u << (PRIORITY_LIMIT - 1));
    cr_assert_eq(next(), high);
    cr_assert_eq(next(), first);
    cr_assert_eq(next(), second);
    cr_assert_eq(next(), third);
    cr_assert_eq(next(), low);
    cr_assert_null(next());
    cr_assert_eq(schedule_ready_priorities, 0);
}

Test(schedule, best_is_who_nothing_ready_comes_before)
{
    struct thread *a = make(3), *b = make(3), *c = make(4);
    cr_assert(schedule_is_best(a));
    schedule_ready(b);
    cr_assert(schedule_is_best(a)); /* an equal does not come before */
    schedule_ready(c);
    cr_assert_not(schedule_is_best(a));
    cr_assert(schedule_is_best(c));
    struct thread *highest = make(PRIORITY_LIMIT - 1);
    schedule_ready(make(PRIORITY_LIMIT - 1));
    cr_assert(schedule_is_best(highest));
    cr_assert_not(schedule_is_best(c));
}

Test(schedule, yield_goes_round_one_priority)
{
    struct thread *a = make(2), *b = make(2), *low = make(1);
    schedule_ready(a);
    schedule_ready(low);
    cr_assert_eq(next(), a);
    schedule_yield(); /* nobody of its priority: nothing happens */
    cr_assert_eq(processor.current, a);
    schedule_ready(b);
    schedule_yield();
    cr_assert_eq(processor.current, b);
    schedule_yield();
    cr_assert_eq(processor.current, a);
    cr_assert_eq(b->state, THREAD_READY);
    world_check();
}

Test(schedule, wake_preempts_below_only)
{
    struct thread *a = make(2), *b = make(2), *equal = make(2), *high = make(5), *low = make(1);
    schedule_ready(a);
    schedule_ready(b);
    cr_assert_eq(next(), a);
    schedule_wake(equal);
    schedule_wake(low);
    cr_assert_eq(processor.current, a);
    schedule_wake(high);
    cr_assert_eq(processor.current, high);
    cr_assert_eq(a->state, THREAD_READY);
    cr_assert_eq(next(), a, "who was preempted comes before those who waited");
    cr_assert_eq(next(), b);
    cr_assert_eq(next(), equal);
    cr_assert_eq(next(), low);
}

Test(schedule, wake_without_a_running_thread)
{
    struct thread *a = make(2);
    schedule_wake(a);
    cr_assert_null(processor.current);
    cr_assert_eq(a->state, THREAD_READY);
    cr_assert_eq(next(), a);
}

Test(schedule, heir_runs_unless_something_comes_before)
{
    struct thread *heir = make(2), *equal = make(2), *high = make(3);
    schedule_ready(equal);
    schedule_switch(heir);
    cr_assert_eq(processor.current, heir, "an heir does not queue behind equals");
    heir->state = THREAD_STOPPED;
    schedule_ready(high);
    schedule_switch(heir);
    cr_assert_eq(processor.current, high);
    cr_assert_eq(next(), heir, "the heir waits before its equals");
    cr_assert_eq(next(), equal);
}

Test(schedule, remove_from_every_place_of_a_queue)
{
    for (unsigned place = 0; place < 3; place++) {
        struct thread *thread[3];
        for (unsigned i = 0; i < 3; i++) schedule_ready(thread[i] = make(4));
        schedule_remove(thread[place]);
        cr_assert_eq(thread[place]->state, THREAD_STOPPED);
        world_check();
        for (unsigned i = 0; i < 3; i++) {
            if (i != place) cr_assert_eq(next(), thread[i]);
        }
        cr_assert_null(next());
    }
}

Test(schedule, timer_runs_only_while_somebody_waits)
{
    struct thread *a = make(2), *b = make(2);
    cr_assert_eq(host_timer(), 0);
    schedule_switch(a);
    cr_assert_eq(host_timer(), 0, "one thread needs no timer");
    schedule_ready(b);
    cr_assert_eq(host_timer(), processor.slice_end);
    cr_assert_eq(processor.slice_end, host_now() + SLICE_NANOSECONDS);
    slice_ends();
    cr_assert_eq(processor.current, b);
    cr_assert_eq(host_timer(), processor.slice_end);
    cr_assert_eq(processor.slice_end, host_now() + SLICE_NANOSECONDS);
    schedule_remove(a);
    slice_ends();
    cr_assert_eq(processor.current, b);
    cr_assert_eq(host_timer(), 0);
    cr_assert_eq(processor.slice_end, 0);
}

Test(schedule, timer_is_not_set_again_while_it_runs)
{
    schedule_ready(make(1));
    host_timer_stop(); /* as if some of the slice were over: another start would be seen */
    schedule_ready(make(1));
    schedule_ready(make(5));
    cr_assert_eq(host_timer(), 0);
    cr_assert_neq(processor.slice_end, 0);
}

Test(schedule, slice_ends_for_the_running_thread_only)
{
    struct thread *high = make(5), *a = make(2), *b = make(2);
    schedule_switch(high);
    schedule_ready(a);
    schedule_ready(b);
    slice_ends();
    cr_assert_eq(processor.current, high, "those below wait");
    cr_assert_eq(next(), a);
    slice_ends();
    cr_assert_eq(processor.current, b);
    slice_ends();
    cr_assert_eq(processor.current, a);
}

Test(schedule, slice_that_ends_in_a_server_above_counts)
{
    struct thread *server = make(5), *client = make(2), *other = make(2), *low = make(1);
    schedule_ready(other);
    schedule_ready(low);
    schedule_switch(client);
    cr_assert_eq(processor.current, client);
    client->state = THREAD_STOPPED; /* it calls */
    schedule_switch(server);
    slice_ends();
    cr_assert_eq(processor.current, server, "nobody is above it");
    cr_assert_neq(processor.slice_end, 0);
    cr_assert_not(schedule_is_best(client), "its reply must not take a fast path past those who wait");
    server->state = THREAD_STOPPED; /* it replies */
    schedule_switch(client);
    cr_assert_eq(processor.current, other, "or a client whose slices end in its servers would never give way");
    cr_assert_eq(client->state, THREAD_READY);
    cr_assert(schedule_is_best(other), "once");
    cr_assert_eq(next(), client);
    client->state = THREAD_STOPPED;
    schedule_switch(server);
    slice_ends();
    server->state = THREAD_STOPPED;
    schedule_switch(client);
    cr_assert_eq(processor.current, client, "nobody of its priority waits");
    cr_assert_eq(low->state, THREAD_READY);
    cr_assert(schedule_is_best(client));
    world_check();
}

static struct thread *awaited;

static void wake_awaited(void)
{
    cr_assert(processor.is_idle);
    if (host_count(HOST_IDLES) == 3) schedule_ready(awaited);
    else kernel_on_timer(false);
}

Test(schedule, idle_prepares_frames_then_waits)
{
    awaited = make(2);
    frame_t frame;
    cr_assert_eq(frame_allocate(0, FRAME_KIND_USER, &frame), STATUS_OK);
    cr_assert_eq(frame_free(frame, 0, FRAME_KIND_USER), STATUS_OK);
    host_on_idle = wake_awaited;
    kernel_switch(nullptr);
    cr_assert_eq(host_count(HOST_IDLES), 3);
    cr_assert_eq(processor.current, awaited);
    cr_assert_not(processor.is_idle);
    cr_assert_not(frame_prepare(), "the stock was filled while nothing ran");
    cr_assert(arch_space_is_active(space));
    world_check();
}

static void idle_for_ever(void *)
{
    kernel_switch(nullptr);
}

Test(schedule, idle_waits_for_ever)
{
    uint32_t code;
    cr_assert_eq(host_run(idle_for_ever, nullptr, &code), HOST_WAITS);
}

/* --- Against lists kept by hand --- */

constexpr unsigned THREADS = 12;

struct lists {
    struct thread *thread[THREADS];
    struct thread *queue[PRIORITY_LIMIT][THREADS];
    unsigned length[PRIORITY_LIMIT];
    struct thread *current;
    bool is_slice_over;
};
static struct lists lists;

static void lists_insert(struct thread *thread, bool at_front)
{
    struct thread **queue = lists.queue[thread->priority];
    unsigned length = lists.length[thread->priority]++;
    if (at_front) memmove(queue + 1, queue, length * sizeof *queue);
    queue[at_front ? 0 : length] = thread;
}

static void lists_remove(struct thread *thread)
{
    struct thread **queue = lists.queue[thread->priority];
    unsigned at = 0;
    while (queue[at] != thread) at++;
    unsigned length = --lists.length[thread->priority];
    memmove(queue + at, queue + at + 1, (length - at) * sizeof *queue);
}

static bool lists_holds(const struct thread *thread)
{
    for (unsigned i = 0; i < lists.length[thread->priority]; i++) {
        if (lists.queue[thread->priority][i] == thread) return true;
    }
    return false;
}

static int lists_best(void)
{
    int best = PRIORITY_LIMIT - 1;
    while (best >= 0 && lists.length[best] == 0) best--;
    return best;
}

static void lists_run_best(void)
{
    int best = lists_best();
    lists.is_slice_over = false;
    lists.current = best < 0 ? nullptr : lists.queue[best][0];
    if (best >= 0) lists_remove(lists.current);
}

static void lists_compare(void)
{
    cr_assert_eq(processor.current, lists.current);
    unsigned ready = 0;
    for (unsigned i = 0; i < THREADS; i++) {
        struct thread *thread = lists.thread[i];
        bool is_ready = lists_holds(thread);
        ready += is_ready;
        cr_assert_eq(thread->state, thread == lists.current ? THREAD_RUNNING : is_ready ? THREAD_READY : THREAD_STOPPED);
    }
    for (unsigned priority = 0; priority < PRIORITY_LIMIT; priority++) {
        cr_assert_eq(schedule_ready_priorities >> priority & 1, lists.length[priority] != 0);
        for (unsigned i = 0; i < lists.length[priority]; i++) {
            const struct thread *after = i + 1 < lists.length[priority] ? lists.queue[priority][i + 1] : nullptr;
            cr_assert_eq(lists.queue[priority][i]->queue_next, after);
        }
    }
    cr_assert_eq(schedule_ready_priorities >> PRIORITY_LIMIT, lists.is_slice_over);
    cr_assert(ready == 0 || processor.slice_end != 0, "somebody waits, and no timer runs");
    world_check();
}

static void random_step(void)
{
    struct thread *thread = lists.thread[world_random(THREADS)];
    bool is_stopped = thread != lists.current && !lists_holds(thread);
    switch (world_random(7)) {
    case 0:
        if (!is_stopped) return;
        schedule_ready(thread);
        lists_insert(thread, false);
        return;
    case 1:
        if (!is_stopped) return;
        schedule_wake(thread);
        if (lists.current == nullptr || thread->priority <= lists.current->priority) {
            lists_insert(thread, false);
        } else {
            lists_insert(lists.current, true);
            lists.current = thread;
        }
        return;
    case 2:
        if (is_stopped || thread == lists.current) return;
        schedule_remove(thread);
        lists_remove(thread);
        if (lists_best() < 0) lists.is_slice_over = false;
        return;
    case 3:
        if (lists.current == nullptr) return;
        schedule_yield();
        if (lists.length[lists.current->priority] == 0) return;
        lists_insert(lists.current, false);
        lists_run_best();
        return;
    case 4:
        slice_ends();
        if (lists.current == nullptr || lists_best() < 0) return;
        if (lists_best() < (int)lists.current->priority) {
            lists.is_slice_over = true;
            return;
        }
        lists_insert(lists.current, false);
        lists_run_best();
        return;
    case 5:
        if (lists.current != nullptr) lists.current->state = THREAD_STOPPED;
        schedule_switch(nullptr);
        lists_run_best();
        return;
    default:
        if (!is_stopped) return;
        if (lists.current != nullptr) lists.current->state = THREAD_STOPPED;
        schedule_switch(thread);
        if ((int)thread->priority >= lists_best() + lists.is_slice_over) {
            lists.current = thread;
            lists.is_slice_over = false;
        } else {
            lists_insert(thread, !lists.is_slice_over);
            lists_run_best();
        }
        return;
    }
}

Test(schedule, random_operations)
{
    world_seed = 20261120;
    cr_log_info("seed %lu", (unsigned long)world_seed);
    for (unsigned i = 0; i < THREADS; i++) lists.thread[i] = make(i % 5 == 0 ? PRIORITY_LIMIT - 1 : (uint32_t)world_random(PRIORITY_LIMIT));
    for (unsigned step = 0; step < 20000; step++) {
        random_step();
        lists_compare();
    }
    if (processor.current != nullptr) (void)next();
    while (next() != nullptr) {
    }
    for (unsigned i = 0; i < THREADS; i++) thread_destroy(lists.thread[i]);
    world_end_space(space);
    cr_assert_eq(frame_count_free(), free_before);
}
