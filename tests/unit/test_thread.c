/* Threads: every state by stop, destroy and start; what a thread holds; names from outside; no memory for one. */
#include <criterion/criterion.h>

#include "kernel_world.h"

constexpr uint32_t HANDLE = 9;

/* What a thread is in when something is done to it. */
enum situation { IN_STOPPED, IN_READY, IN_SENDING_CALL, IN_SENDING_FAULT, IN_WAITING_CALL, IN_WAITING_FAULT, IN_RECEIVING, SITUATIONS };
static const enum thread_state state_in[SITUATIONS] = { THREAD_STOPPED, THREAD_READY,   THREAD_SENDING,  THREAD_SENDING,
                                                        THREAD_WAITING, THREAD_WAITING, THREAD_RECEIVING };

static struct space *space, *server_space;
static struct endpoint *endpoint;
static struct thread *before, *thread, *after; /* neighbours in whatever queue or list it is */
static struct thread *server;

static void begin(void)
{
    world_begin();
    space = world_space(7);
    server_space = world_space(8);
    must(endpoint_create(&endpoint));
    world_handle(space, HANDLE, endpoint, RIGHTS_ALL, 70);
    world_handle(server_space, HANDLE, endpoint, RIGHTS_ALL, 80);
    before = world_thread(space, PRIORITY_PROGRAM, false);
    thread = world_thread(space, PRIORITY_PROGRAM, true);
    after = world_thread(space, PRIORITY_PROGRAM, false);
    server = world_thread(server_space, PRIORITY_PROGRAM, false);
}

TestSuite(thread, .init = begin);

/* The pager runs and keeps running: faults wait at its endpoint. */
static void pager_busy(void)
{
    message_notify(world.endpoint, 1);
    kernel_switch(nullptr);
    cr_assert_eq(processor.current, world.pager);
}

static void call_each(void)
{
    struct thread *each[] = { before, thread, after };
    for (unsigned i = 0; i < 3; i++) {
        world_start(each[i]);
        world_let(each[i]);
        (void)play(each[i], call, HANDLE, tag_make(3, 0));
    }
}

static void fault_each(void)
{
    struct thread *each[] = { before, thread, after };
    for (unsigned i = 0; i < 3; i++) {
        world_start(each[i]);
        world_let(each[i]);
        world_fault(each[i], WORLD_PLACE);
        if (processor.current == world.pager) (void)play(world.pager, receive, HANDLE_PAGER);
    }
}

/* Brings the three into the situation, side by side; the idler runs, or the busy pager. */
static void bring(enum situation situation)
{
    world_let(world.idler);
    switch (situation) {
    case IN_STOPPED:
        break;
    case IN_READY:
        pager_busy(); /* so that they stay ready */
        world_start(before);
        world_start(thread);
        world_start(after);
        break;
    case IN_SENDING_CALL:
        call_each();
        break;
    case IN_SENDING_FAULT:
        thread_stop(world.pager); /* nobody receives */
        fault_each();
        break;
    case IN_WAITING_CALL:
        world_start(server);
        for (unsigned i = 0; i < 3; i++) {
            struct thread *each[] = { before, thread, after };
            world_let(server);
            (void)play(server, receive, HANDLE);
            world_start(each[i]);
            world_let(each[i]);
            (void)play(each[i], call, HANDLE, tag_make(3, 0));
            cr_assert_eq(processor.current, server);
        }
        break;
    case IN_WAITING_FAULT:
        fault_each();
        break;
    case IN_RECEIVING:
    case SITUATIONS: {
        struct thread *each[] = { before, thread, after };
        for (unsigned i = 0; i < 3; i++) {
            world_start(each[i]);
            world_let(each[i]);
            (void)play(each[i], receive, HANDLE);
        }
    }
    }
    cr_assert_eq(before->state, state_in[situation]);
    cr_assert_eq(thread->state, state_in[situation]);
    cr_assert_eq(after->state, state_in[situation]);
    world_check();
}

Test(thread_situations, stopped)
{
    for (enum situation situation = 0; situation < SITUATIONS; situation++) {
        begin();
        bring(situation);
        uint64_t token = thread->token;
        thread_stop(thread);
        cr_assert_eq(thread->state, THREAD_STOPPED);
        cr_assert_eq(thread->request, REQUEST_NONE);
        cr_assert_null(thread->queue_next);
        cr_assert_null(thread->queue_previous);
        cr_assert_null(message_find_caller(server, token), "a token of a stopped thread is good for nobody");
        cr_assert_null(message_find_caller(world.pager, token));
        world_check();
        thread_stop(thread); /* again: nothing */
        cr_assert_eq(before->state, state_in[situation]);
        cr_assert_eq(after->state, state_in[situation]);
        world_check();
        thread_stop(before);
        thread_stop(after);
        world_check();
        world_end_all();
    }
}

Test(thread_situations, destroyed)
{
    for (enum situation situation = 0; situation < SITUATIONS; situation++) {
        begin();
        bring(situation);
        uint64_t free_before = frame_count_free();
        frame_t frame = thread->frame, buffer = thread->buffer;
        uint32_t threads = space->count_threads;
        thread_destroy(thread);
        world_check();
        cr_assert_null(thread_find(frame.number));
        cr_assert_eq(space->count_threads, threads - 1);
        cr_assert_eq(frame_count_free(), free_before + 1);
        cr_assert_eq(frame_find(buffer)->count, 0);
        thread_destroy(after);
        world_check();
        thread_destroy(before);
        world_check();
        world_end_all();
    }
}

Test(thread_situations, started)
{
    for (enum situation situation = 0; situation < SITUATIONS; situation++) {
        begin();
        bring(situation);
        if (processor.current != world.pager) {
            if (world.pager->state == THREAD_STOPPED) world_start(world.pager);
            else message_notify(world.endpoint, 1);
            if (processor.current != world.pager) world_tick();
        }
        cr_assert_eq(processor.current, world.pager);
        uint64_t name = thread->frame.number;
        enum status expected = situation == IN_STOPPED ? STATUS_OK : STATUS_BAD_STATE;
        cr_assert_eq(play(world.pager, thread_start, name, WORLD_CODE + 16, WORLD_STACK + 32, 5), expected);
        if (expected == STATUS_OK) {
            cr_assert_eq(thread->state, THREAD_READY);
            cr_assert_eq(thread->context.instruction, WORLD_CODE + 16);
            cr_assert_eq(thread->context.stack, WORLD_STACK + 32);
            cr_assert_eq(thread->context.call.argument[0], 5);
        } else {
            cr_assert_eq(thread->state, state_in[situation]);
            cr_assert_neq(thread->context.instruction, WORLD_CODE + 16);
        }
        cr_assert_eq(play(world.pager, thread_stop, name), STATUS_OK);
        cr_assert_eq(play(world.pager, thread_start, name, WORLD_CODE + 16, WORLD_STACK, 5), STATUS_OK);
        cr_assert_eq(play(world.pager, thread_destroy, name), STATUS_OK);
        cr_assert_eq(play(world.pager, thread_destroy, name), STATUS_BAD_OBJECT);
        world_end_all();
    }
}

Test(thread, running_one_ends_others_not_itself)
{
    pager_busy();
    uint64_t own = world.pager->frame.number;
    cr_assert_eq(play(world.pager, thread_stop, own), STATUS_BAD_STATE);
    cr_assert_eq(play(world.pager, thread_destroy, own), STATUS_BAD_STATE);
    cr_assert_eq(play(world.pager, thread_start, own, WORLD_CODE, WORLD_STACK), STATUS_BAD_STATE);
    cr_assert_eq(processor.current, world.pager);
    world_end_all();
}

Test(thread, start_checks_addresses)
{
    pager_busy();
    uint64_t name = thread->frame.number;
    cr_assert_eq(play(world.pager, thread_start, name, USER_LIMIT, WORLD_STACK), STATUS_BAD_ADDRESS);
    cr_assert_eq(play(world.pager, thread_start, name, UINT64_MAX, WORLD_STACK), STATUS_BAD_ADDRESS);
    cr_assert_eq(play(world.pager, thread_start, name, (uint64_t)1 << 63, WORLD_STACK), STATUS_BAD_ADDRESS);
    cr_assert_eq(play(world.pager, thread_start, name, WORLD_CODE, USER_LIMIT + 1), STATUS_BAD_ADDRESS);
    cr_assert_eq(play(world.pager, thread_start, name, WORLD_CODE, UINT64_MAX), STATUS_BAD_ADDRESS);
    cr_assert_eq(thread->state, THREAD_STOPPED);
    cr_assert_eq(play(world.pager, thread_start, name, USER_LIMIT - 1, USER_LIMIT), STATUS_OK);
    world_end_all();
}

Test(thread, start_clears_what_the_registers_held)
{
    pager_busy();
    memset(&thread->context, 0xa5, sizeof thread->context);
    cr_assert_eq(play(world.pager, thread_start, thread->frame.number, WORLD_CODE, WORLD_STACK, 9), STATUS_OK);
    struct arch_context expected = { .instruction = WORLD_CODE, .stack = WORLD_STACK };
    expected.call.argument[0] = 9;
    cr_assert_eq(memcmp(&thread->context, &expected, sizeof expected), 0);
    world_end_all();
}

Test(thread, started_with_higher_priority_runs_at_once)
{
    pager_busy();
    struct thread *high = world_thread(space, PRIORITY_LIMIT - 1, false), *equal = world_thread(space, PRIORITY_PAGER, false);
    cr_assert_eq(play(world.pager, thread_start, equal->frame.number, WORLD_CODE, WORLD_STACK), STATUS_OK);
    cr_assert_eq(processor.current, world.pager);
    cr_assert_eq(play(world.pager, thread_start, high->frame.number, WORLD_CODE, WORLD_STACK), STATUS_OK);
    cr_assert_eq(processor.current, high);
    cr_assert(arch_space_is_active(space));
    (void)play(high, receive, HANDLE);
    cr_assert_eq(processor.current, world.pager, "who was preempted goes on before its equals");
    world_end_all();
}

/* --- Making one --- */

Test(thread, create_decodes_everything)
{
    pager_busy();
    uint64_t at = space->frame.number, free_before = frame_count_free();
    cr_assert_eq(play(world.pager, thread_create, 0, 1, FRAME_NONE, 2), STATUS_BAD_OBJECT);
    cr_assert_eq(play(world.pager, thread_create, thread->frame.number, 1, FRAME_NONE, 2), STATUS_BAD_OBJECT);
    cr_assert_eq(play(world.pager, thread_create, at | (uint64_t)1 << 32, 1, FRAME_NONE, 2), STATUS_BAD_OBJECT);
    cr_assert_eq(play(world.pager, thread_create, at, 1, (uint64_t)1 << 32, 2), STATUS_BAD_FRAME);
    cr_assert_eq(play(world.pager, thread_create, at, 1, space->frame.number, 2), STATUS_BAD_FRAME);
    cr_assert_eq(play(world.pager, thread_create, at, 1, space->root.number, 2), STATUS_BAD_FRAME);
    cr_assert_eq(play(world.pager, thread_create, at, 1, 3, 2), STATUS_BAD_FRAME, "a reserved frame");
    cr_assert_eq(play(world.pager, thread_create, at, 1, frame_count_table(), 2), STATUS_BAD_FRAME);
    cr_assert_eq(play(world.pager, thread_create, at, 1, FRAME_NONE, PRIORITY_LIMIT), STATUS_BAD_ARGUMENT);
    cr_assert_eq(play(world.pager, thread_create, at, 1, FRAME_NONE, UINT64_MAX), STATUS_BAD_ARGUMENT);
    cr_assert_eq(play(world.pager, thread_create, at, 1, FRAME_NONE, 2, THREAD_VECTORS + 1), STATUS_BAD_ARGUMENT);
    cr_assert_eq(frame_count_free(), free_before);
    cr_assert_eq(play(world.pager, thread_create, at, 0xabc, FRAME_NONE, 2, THREAD_VECTORS), STATUS_OK);
    struct thread *made = thread_find(world.pager->context.call.argument[0]);
    cr_assert_not_null(made);
    cr_assert_eq(made->label, 0xabc);
    cr_assert_eq(made->vectors_user, made);
    cr_assert_eq(made->vectors.mark, HOST_VECTORS_INITIAL);
    cr_assert_eq(made->state, THREAD_STOPPED);
    world_end_all();
}

/* Nothing of a thread is left in its frame, whose next owner finds zeroes. */
Test(thread, a_frame_ends_as_zeroes)
{
    struct thread *made;
    cr_assert_eq(thread_create(space, thread->buffer, 2, &made), STATUS_OK);
    made->label = UINT64_MAX;
    made->vectors_user = made;
    memset(&made->context, 0x5a, sizeof(made->context));
    memset(&made->vectors, 0x5a, sizeof(made->vectors));
    memset(&made->fault, 0x5a, sizeof(made->fault));
    frame_t frame = made->frame;
    thread_destroy(made);
    const unsigned char *bytes = arch_frame_pointer(frame);
    cr_assert(frame_is(frame, FRAME_KIND_SPARE));
    cr_assert(bytes[0] == 0 && memcmp(bytes, bytes + 1, PAGE_BYTES - 1) == 0);
    world_end_all();
}

Test(thread, names)
{
    cr_assert_eq(thread_find(thread->frame.number), thread);
    cr_assert_null(thread_find((uint64_t)1 << 32 | thread->frame.number));
    cr_assert_null(thread_find(space->frame.number));
    cr_assert_null(thread_find(space->root.number));
    cr_assert_null(thread_find(0));
    cr_assert_null(thread_find(UINT64_MAX));
    cr_assert_null(thread_find(frame_count_table()));
    world_end_all();
}

Test(thread, buffer_is_held_while_the_thread_lives)
{
    frame_t buffer = thread->buffer;
    struct thread *second;
    cr_assert_eq(frame_find(buffer)->count, 1);
    cr_assert_eq(frame_free(buffer, 0, FRAME_KIND_USER), STATUS_FRAME_BUSY);
    cr_assert_eq(thread_create(space, buffer, 2, &second), STATUS_OK); /* two threads may share one */
    cr_assert_eq(frame_find(buffer)->count, 2);
    world_check();
    thread_destroy(thread);
    cr_assert_eq(frame_free(buffer, 0, FRAME_KIND_USER), STATUS_FRAME_BUSY);
    thread_destroy(second);
    cr_assert_eq(frame_free(buffer, 0, FRAME_KIND_USER), STATUS_OK);
    world_end_all();
}

Test(thread, buffer_is_clean)
{
    frame_t frame = world_frame();
    memset(arch_frame_pointer(frame), 0xa5, PAGE_BYTES);
    cr_assert_eq(frame_free(frame, 0, FRAME_KIND_USER), STATUS_OK);
    frame_t again = world_frame();
    cr_assert_eq(again.number, frame.number);
    struct thread *made;
    cr_assert_eq(thread_create(space, again, 2, &made), STATUS_OK);
    static const char zero[PAGE_BYTES];
    cr_assert_eq(memcmp(made->buffer_pointer, zero, PAGE_BYTES), 0);
    world_end_all();
}

Test(thread, buffer_that_is_mapped_too_often)
{
    frame_t buffer = world_frame();
    struct frame_info *info = frame_find(buffer);
    uint64_t free_before = frame_count_free();
    struct thread *made = nullptr;
    info->count = FRAME_COUNT_LIMIT;
    cr_assert_eq(thread_create(space, buffer, 2, &made), STATUS_TOO_MANY_MAPPINGS);
    info->count = 0;
    cr_assert_null(made);
    cr_assert_eq(frame_count_free(), free_before);
    world_check();
    world_end_all();
}

Test(thread, buffer_beyond_the_direct_map)
{
    frame_t buffer = { 400 }, low = world_frame();
    while (!frame_is(buffer, FRAME_KIND_USER)) (void)world_frame();
    must(frame_free(low, 0, FRAME_KIND_USER));
    host_set_direct_frames(400);
    struct thread *made = nullptr;
    cr_assert_eq(thread_create(space, buffer, 2, &made), STATUS_BAD_FRAME);
    cr_assert_null(made);
    host_set_direct_frames(frame_count_table());
    world_check();
    world_end_all();
}

Test(thread, no_memory)
{
    frame_t buffer = world_frame();
    world_leave_free(0);
    struct thread *made = nullptr;
    cr_assert_eq(thread_create(space, buffer, 2, &made), STATUS_NO_MEMORY);
    cr_assert_null(made);
    cr_assert_eq(frame_find(buffer)->count, 0);
    world_check();
    world_give_back();
    cr_assert_eq(thread_create(space, buffer, 2, &made), STATUS_OK);
    world_end_all();
}

Test(thread, new_one_is_clean_in_an_old_frame)
{
    memset(&thread->context, 0xa5, sizeof thread->context);
    frame_t frame = thread->frame;
    thread_destroy(thread);
    struct thread *made;
    do { /* until the frame comes around again */
        must(thread_create(space, (frame_t){ FRAME_NONE }, 2, &made));
    } while (made->frame.number != frame.number);
    static const struct arch_context clean;
    cr_assert_eq(memcmp(&made->context, &clean, sizeof clean), 0);
    cr_assert_null(made->buffer_pointer);
    cr_assert_eq(made->request, REQUEST_NONE);
    world_end_all();
}

Test(thread, random_lives)
{
    constexpr unsigned limit = 20;
    struct thread *made[limit];
    unsigned count = 0;
    world_seed = 17;
    cr_log_info("seed %lu", (unsigned long)world_seed);
    struct space *spaces[] = { space, server_space };
    for (unsigned step = 0; step < 5000; step++) {
        if (world_random(2) == 0 && count < limit) {
            made[count++] = world_thread(spaces[world_random(2)], (uint32_t)world_random(PRIORITY_LIMIT), world_random(3) == 0);
        } else if (count > 0) {
            unsigned at = (unsigned)world_random(count);
            if (made[at] == processor.current) (void)play(made[at], receive, HANDLE); /* it cannot end while it runs */
            switch (world_random(3)) {
            case 0:
                world_end_thread(made[at]);
                made[at] = made[--count];
                break;
            case 1:
                if (made[at]->state == THREAD_STOPPED) world_start(made[at]);
                break;
            default:
                thread_stop(made[at]);
                break;
            }
        }
        world_check();
    }
    world_end_all();
}
