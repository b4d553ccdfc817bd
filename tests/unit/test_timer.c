/* The tree of timers: order, bounds, every way out; and the one hardware timer. */
#include <criterion/criterion.h>

#include "kernel_world.h"

constexpr unsigned TIMERS = 500;
static struct timer timers[TIMERS];

static void begin(void)
{
    host_initialise_frames((uint64_t)2 << 20, WORLD_RESERVED);
    memset(timers, 0, sizeof timers);
}

TestSuite(timer, .init = begin);

static void check_all(void)
{
    for (unsigned i = 0; i < TIMERS; i++) cr_assert(timer_check(&timers[i]), "timer %u", i);
}

Test(timer, none)
{
    cr_assert_eq(timer_next(), TIME_NEVER);
    cr_assert_null(timer_take(UINT64_MAX));
    timer_cancel(&timers[0]); /* not set: nothing happens */
    check_all();
}

Test(timer, the_first_comes_first)
{
    static const uint64_t when[] = { 50, 10, 90, 10, 30, UINT64_MAX - 1 };
    for (unsigned i = 0; i < 6; i++) timer_set(&timers[i], when[i]);
    cr_assert_null(timer_take(9));
    cr_assert_eq(timer_take(10)->when, 10);
    cr_assert_eq(timer_take(10)->when, 10);
    cr_assert_null(timer_take(10));
    cr_assert_eq(timer_take(100), &timers[4]);
    timer_set(&timers[2], 5); /* anew, earlier */
    cr_assert_eq(timer_next(), 5);
    timer_set(&timers[2], 95); /* and later */
    cr_assert_eq(timer_take(100), &timers[0]);
    cr_assert_eq(timer_take(100), &timers[2]);
    cr_assert_null(timer_take(100));
    cr_assert_eq(timer_take(UINT64_MAX), &timers[5]);
    check_all();
}

Test(timer, right_paths_stay_short)
{
    for (unsigned i = 0; i < TIMERS; i++) timer_set(&timers[i], i % 2 == 0 ? TIMERS - i : i);
    for (unsigned i = 0; i < TIMERS; i++) {
        unsigned steps = 0;
        for (const struct timer *timer = &timers[i]; timer != nullptr; timer = timer->right) steps++;
        cr_assert_leq(steps, 9, "log2(500) and no more");
    }
    check_all();
}

Test(timer, random_operations)
{
    world_seed = 20261121;
    cr_log_info("seed %lu", (unsigned long)world_seed);
    for (unsigned step = 0; step < 50'000; step++) {
        struct timer *timer = &timers[world_random(TIMERS)];
        switch (world_random(4)) {
        case 0: timer_cancel(timer); break;
        case 1: {
            uint64_t first = TIME_NEVER;
            for (unsigned i = 0; i < TIMERS; i++)
                if (timers[i].rank != 0 && timers[i].when < first) first = timers[i].when;
            cr_assert_eq(timer_next(), first);
            const struct timer *taken = timer_take(world_random(1000));
            cr_assert(taken == nullptr || (taken->when == first && taken->rank == 0));
            break;
        }
        default: timer_set(timer, world_random(1000)); break;
        }
        if (step % 100 == 0) check_all();
    }
    check_all();
}

Test(timer, hardware_is_set_for_the_earliest_only)
{
    timer_need(1000);
    cr_assert_eq(host_timer(), 1000);
    host_timer_stop();
    timer_need(1000);
    timer_need(2000);
    cr_assert_eq(host_timer(), 0, "it fires early enough");
    timer_need(500);
    cr_assert_eq(host_timer(), 500);
    timer_ended();
    timer_need(TIME_NEVER);
    cr_assert_eq(host_timer(), 500, "nothing was asked for");
    timer_need(3000);
    cr_assert_eq(host_timer(), 3000);
}

/* --- The call --- */

constexpr uint32_t SERVE = 9, WITHOUT = 10;
static struct space *space;
static struct thread *program;
static struct endpoint *endpoint;

static void begin_world(void)
{
    world_begin();
    space = world_space(7);
    program = world_thread(space, PRIORITY_PROGRAM, false);
    endpoint = world_endpoint(space, SERVE, RIGHT_RECEIVE, 0);
    world_handle(space, WITHOUT, endpoint, RIGHTS_ALL & ~(uint32_t)RIGHT_RECEIVE, 0);
    world_start(program);
}

/* Time passes, and the timer fires if it was set for then. */
static void pass(uint64_t nanoseconds)
{
    host_advance(nanoseconds);
    if (host_timer() == 0 || host_timer() > host_now()) return;
    host_timer_stop();
    kernel_on_timer(true);
    world_check();
}

TestSuite(timer_set, .init = begin_world);

Test(timer_set, sets_bits_once)
{
    cr_assert_eq(play(program, timer_set, SERVE, 6, 1'000'000), STATUS_OK);
    (void)play(program, receive, SERVE);
    pass(900'000);
    cr_assert_eq(program->state, THREAD_RECEIVING);
    pass(200'000);
    cr_assert_eq(processor.current, program);
    cr_assert_eq(program->context.call.argument[2], 6);
    cr_assert_eq(program->context.call.argument[1], TAG_NOTIFICATION);
    pass(10'000'000);
    cr_assert_eq(endpoint->bits, 0);
    world_end_all();
}

Test(timer_set, bits_stay_until_received)
{
    cr_assert_eq(play(program, timer_set, SERVE, 6, 1000), STATUS_OK);
    pass(5000);
    cr_assert_eq(endpoint->bits, 6);
    cr_assert_eq(play(program, receive, SERVE), STATUS_OK);
    cr_assert_eq(program->context.call.argument[2], 6);
    world_end_all();
}

Test(timer_set, is_replaced_and_taken_back)
{
    cr_assert_eq(play(program, timer_set, SERVE, 1, 1'000'000), STATUS_OK);
    cr_assert_eq(play(program, timer_set, SERVE, 2, 5'000'000), STATUS_OK);
    pass(2'000'000);
    cr_assert_eq(endpoint->bits, 0);
    pass(4'000'000);
    cr_assert_eq(endpoint->bits, 2);
    cr_assert_eq(play(program, timer_set, SERVE, 4, 1000), STATUS_OK);
    cr_assert_eq(play(program, timer_set, SERVE, 0, 0), STATUS_OK);
    pass(5'000'000);
    cr_assert_eq(endpoint->bits, 2);
    world_end_all();
}

Test(timer_set, bad_arguments)
{
    cr_assert_eq(play(program, timer_set, WITHOUT, 1, 1000), STATUS_NO_RIGHT);
    cr_assert_eq(play(program, timer_set, HANDLE_NONE, 1, 1000), STATUS_BAD_HANDLE);
    cr_assert_eq(play(program, timer_set, SERVE, 0, 1000), STATUS_BAD_ARGUMENT);
    cr_assert_eq(play(program, timer_set, SERVE, 1, TIME_LIMIT_NANOSECONDS + 1), STATUS_BAD_ARGUMENT);
    cr_assert_eq(play(program, timer_set, SERVE, 1, UINT64_MAX), STATUS_BAD_ARGUMENT);
    cr_assert_eq(endpoint->timer.rank, 0);
    cr_assert_eq(play(program, timer_set, SERVE, 1, TIME_LIMIT_NANOSECONDS), STATUS_OK);
    cr_assert_gt(endpoint->timer.when, host_now());
    world_end_all();
}

Test(timer_set, an_endpoint_that_ends_has_no_timer)
{
    cr_assert_eq(play(program, timer_set, SERVE, 1, 1000), STATUS_OK);
    cr_assert_eq(endpoint_destroy(endpoint), STATUS_OK);
    cr_assert_eq(timer_next(), TIME_NEVER);
    pass(5000);
    world_end_all();
}

/* Thousands that are due at once are handled a few at a time, and all of them. */
Test(timer_set, many_at_once)
{
    constexpr unsigned many = 300;
    static struct endpoint *others[many];
    for (unsigned i = 0; i < many; i++) {
        must(endpoint_create(&others[i]));
        others[i]->timer_bits = 1;
        timer_set(&others[i]->timer, host_now() + 10'000);
    }
    unsigned entries = 0, ended = 0;
    host_advance(20'000);
    while (ended < many) {
        cr_assert_neq(host_timer(), 0, "what is left is asked for again");
        host_timer_stop();
        kernel_on_timer(true);
        unsigned now = 0;
        for (unsigned i = 0; i < many; i++) now += others[i]->bits == 1;
        cr_assert(now > ended && now - ended <= 16, "%u in one entry", now - ended);
        ended = now;
        entries++;
    }
    cr_assert_geq(entries, many / 16);
    world_end_all();
}
