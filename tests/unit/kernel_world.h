/* A small world on the host's kernel, in which a test plays every program: it sets the registers of the running thread and enters the kernel by its doors.
 *
 * The world has a pager as the kernel's start makes it, and an idler of the lowest priority: when all others wait, the idler runs and the test has a thread to
 * go on with. After each entry the checker has found nothing. At the end everything that was made is ended, and as many frames are free as before.
 * Nothing here is of Criterion, so the fuzz target uses it too. */
#ifndef QUIRE_KERNEL_WORLD_H
#define QUIRE_KERNEL_WORLD_H

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "abi/message.h"
#include "calls.h"
#include "check.h"
#include "deadline.h"
#include "device.h"
#include "endpoint.h"
#include "host.h"
#include "kernel.h"
#include "log.h"
#include "message.h"
#include "schedule.h"
#include "space.h"
#include "thread.h"

constexpr uint32_t WORLD_RESERVED = 16;
constexpr uint64_t WORLD_CODE = 0x400000, WORLD_STACK = 0x800000, WORLD_PLACE = 0x40000000;
constexpr uint32_t WORLD_INCARNATION = 1;

struct world {
    struct space *pager_space, *idle_space;
    struct thread *pager, *idler;
    struct endpoint *endpoint; /* the pager's */
    frame_t pager_buffer;
    uint64_t free_before;
};
static struct world world;

/* The checker runs after so many entries; world_check_now() runs it at once. */
static unsigned world_check_each = 1;
static unsigned world_entries;

/* The checker is content, else its line is shown. */
static inline void world_check_now(void)
{
    if (check_run() == 0) return;
    fprintf(stderr, "%s\n", host_log_text());
    abort();
}

static inline void world_check(void)
{
    if (++world_entries % world_check_each == 0) world_check_now();
}

#define must(status) assert((status) == STATUS_OK)

/* A space whose faults go to the pager with the badge. */
[[maybe_unused]] static struct space *world_space(uint64_t badge)
{
    struct space *space;
    must(space_create(&space));
    handle_fill(&space->pager, HANDLE_PAGER, world.endpoint, RIGHT_CALL, badge);
    return space;
}

[[maybe_unused]] static frame_t world_frame(void)
{
    frame_t frame;
    must(frame_allocate(0, FRAME_KIND_USER, &frame));
    return frame;
}

/* A stopped thread; its label is its number among the calls of this function, from 1. */
[[maybe_unused]] static struct thread *world_thread(struct space *space, uint32_t priority, bool has_buffer)
{
    static uint64_t label;
    struct thread *thread;
    frame_t buffer = has_buffer ? world_frame() : (frame_t){ FRAME_NONE };
    must(thread_create(space, buffer, priority, &thread));
    thread->label = ++label;
    return thread;
}

/* Lets a stopped thread run: at once, if it comes before the running one, else behind the others of its priority. */
[[maybe_unused]] static void world_start(struct thread *thread)
{
    arch_context_start(thread, WORLD_CODE, WORLD_STACK, 0);
    schedule_work_alone(thread);
    schedule_wake(thread);
    if (processor.current != nullptr) kernel_switch(nullptr);
}

[[maybe_unused]] static void world_end_thread(struct thread *thread)
{
    frame_t buffer = thread->buffer;
    thread_destroy(thread);
    if (buffer.number != FRAME_NONE && frame_find(buffer)->count == 0) must(frame_free(buffer, 0, FRAME_KIND_USER));
}

[[maybe_unused]] static struct endpoint *world_endpoint(struct space *space, uint32_t handle, uint32_t rights, uint64_t badge)
{
    struct endpoint *endpoint;
    must(endpoint_create(&endpoint));
    handle_fill(handle_row_of(space, handle), handle, endpoint, rights, badge);
    return endpoint;
}

[[maybe_unused]] static void world_handle(struct space *space, uint32_t handle, struct endpoint *endpoint, uint32_t rights, uint64_t badge)
{
    handle_fill(handle_row_of(space, handle), handle, endpoint, rights, badge);
}

/* Enters the kernel by a system call of the running thread. Returns what is in its status register then: its status, if it goes on. */
static inline enum status world_call(struct thread *thread, uint64_t number, const uint64_t argument[CALL_ARGUMENTS])
{
    assert(thread == processor.current);
    thread->context.call.number = number;
    memcpy(thread->context.call.argument, argument, sizeof thread->context.call.argument);
    kernel_on_call(thread);
    world_check();
    return (enum status)thread->context.call.number;
}
#define play(thread, name, ...) world_call((thread), CALL_##name, (const uint64_t[CALL_ARGUMENTS]){ __VA_ARGS__ })

/* A page fault of the running thread. */
[[maybe_unused]] static void world_fault(struct thread *thread, uint64_t address)
{
    assert(thread == processor.current);
    kernel_on_exception(thread, FAULT_PAGE, fault_tried(FAULT_WRITE, 14, 6), address);
    world_check();
}

/* The slice ends; no time passes. */
[[maybe_unused]] static void world_tick(void)
{
    host_timer_stop();
    if (processor.slice_end != 0) processor.slice_end = host_now();
    kernel_on_timer(true);
    world_check();
}

/* Lets a ready thread run: the others of its priority give way. Nobody above it may be ready. */
[[maybe_unused]] static void world_let(struct thread *thread)
{
    for (unsigned turns = 0; processor.current != thread; turns++) {
        assert(turns < 64);
        (void)play(processor.current, yield);
    }
}

[[maybe_unused]] static void world_end_space(struct space *space)
{
    assert(space->count_threads == 0);
    while (message_end_callers(space) == STATUS_AGAIN) {
    }
    for (unsigned i = 0; i < HANDLE_ROWS; i++) handle_empty(&space->rows[i]);
    handle_empty(&space->pager);
    enum status status;
    while ((status = space_destroy(space)) == STATUS_AGAIN) {
    }
    must(status);
}

/* The pager as start.c makes it, waiting for messages; then the idler runs. */
[[maybe_unused]] static void world_begin_bytes(uint64_t bytes)
{
    host_initialise_frames(bytes, WORLD_RESERVED);
    device_initialise();
    memset(&processor, 0, sizeof processor);
    timer_ended();
    deadline_begin(false, 0);
    world.free_before = frame_count_free();
    must(space_create(&world.pager_space));
    must(endpoint_create(&world.endpoint));
    world.pager_space->is_pager = true;
    world.pager_space->incarnation_tag = (uint64_t)WORLD_INCARNATION << TAG_INCARNATION_SHIFT;
    world.pager = world_thread(world.pager_space, PRIORITY_PAGER, true);
    world.pager_buffer = world.pager->buffer;
    world_handle(world.pager_space, HANDLE_PAGER, world.endpoint, RIGHTS_ALL, 0);
    world.idle_space = world_space(0);
    world.idler = world_thread(world.idle_space, 0, false);
    world_start(world.idler);
    world_start(world.pager);
    kernel_switch(nullptr);
    assert(processor.current == world.pager);
    (void)play(world.pager, receive, HANDLE_PAGER, RECEIVE_WAIT);
    assert(processor.current == world.idler);
}

[[maybe_unused]] static void world_begin(void)
{
    world_begin_bytes((uint64_t)2 << 20);
}

/* Ends what world_begin made; everything else must have been ended. Nothing runs, and nothing is lost. */
[[maybe_unused]] static void world_end(void)
{
    world_check_now();
    if (processor.current != nullptr) {
        processor.current->state = THREAD_STOPPED; /* as a processor that is taken out of use */
        processor.current = nullptr;
    }
    host_activate((frame_t){ 0 });
    world_end_thread(world.pager);
    world_end_thread(world.idler);
    world_end_space(world.pager_space);
    world_end_space(world.idle_space);
    enum status status;
    while ((status = endpoint_destroy(world.endpoint)) == STATUS_AGAIN) {
    }
    must(status);
    world_check_now();
    assert(schedule_ready_priorities == 0);
    assert(frame_count_free() == world.free_before);
}

/* Ends every thread, space and endpoint there is, whoever made it, whatever it is in; then nothing is lost but USER frames that nobody maps, freed here. */
[[maybe_unused]] static void world_end_all(void)
{
    if (processor.current != nullptr) {
        processor.current->state = THREAD_STOPPED;
        processor.current = nullptr;
    }
    host_activate((frame_t){ 0 });
    for (uint32_t i = 0; i < frame_count_table(); i++)
        if (frame_is((frame_t){ i }, FRAME_KIND_THREAD)) thread_destroy(thread_find(i));
    assert(schedule_ready_priorities == 0);
    for (uint32_t i = 0; i < frame_count_table(); i++) {
        if (frame_is((frame_t){ i }, FRAME_KIND_SPACE)) world_end_space(space_find(i));
    }
    for (uint64_t name = 0; name < frame_count_table() * ENDPOINTS_PER_FRAME; name++) {
        struct endpoint *endpoint = endpoint_find(name);
        if (endpoint != nullptr) must(endpoint_destroy(endpoint)); /* no rows, no threads: one step */
    }
    world_check_now();
    for (uint32_t i = 0; i < frame_count_table(); i++)
        if (frame_is((frame_t){ i }, FRAME_KIND_USER)) must(frame_free((frame_t){ i }, 0, FRAME_KIND_USER));
    world_check_now();
    assert(frame_count_free() == world.free_before);
}

/* Takes frames until only `count` are free; world_give_back() returns them. */
static frame_t world_taken[4096];
static uint32_t world_count_taken;
[[maybe_unused]] static void world_leave_free(uint64_t count)
{
    while (frame_count_free() > count) {
        assert(world_count_taken < sizeof world_taken / sizeof world_taken[0]);
        world_taken[world_count_taken++] = world_frame();
    }
    assert(frame_count_free() == count);
}
[[maybe_unused]] static void world_give_back(void)
{
    while (world_count_taken > 0) must(frame_free(world_taken[--world_count_taken], 0, FRAME_KIND_USER));
}

/* Numbers that are the same in each run (splitmix64). */
static uint64_t world_seed;
[[maybe_unused]] static uint64_t world_random(uint64_t limit)
{
    uint64_t z = world_seed += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return (z ^ z >> 31) % limit;
}

#endif
