/* Faults that nobody answers: told once, when they are a deadline old, with who owes the answer. */
#include <criterion/criterion.h>

#include "message_play.h"

constexpr uint64_t SECOND = 1'000'000'000, HALF = SECOND / 2, PAGE = WORLD_PLACE;

static void begin(void)
{
    message_begin();
    host_cycles_read = 0; /* time passes when a test says so */
    host_timer_stop();
    timer_ended();
    deadline_begin(false, 1);
    host_log_clear();
}

TestSuite(deadline, .init = begin);

/* Time passes; the timer fires whenever it is due. Returns how often. */
static unsigned pass(uint64_t nanoseconds)
{
    uint64_t end = host_now() + nanoseconds;
    unsigned count = 0;
    while (host_timer() != 0 && host_timer() <= end) {
        if (host_timer() > host_now()) host_advance(host_timer() - host_now());
        host_timer_stop();
        kernel_on_timer(true);
        count++;
    }
    host_advance(end - host_now());
    world_check_now();
    return count;
}

/* Lines of late faults in the log. */
static unsigned count_told(void)
{
    unsigned count = 0;
    for (const char *at = host_log_text(); (at = strstr(at, "kernel: fault unanswered")) != nullptr; at++) count++;
    return count;
}

/* The processor has one thread, so that no slice asks for the timer. */
static void leave_alone(struct thread *thread)
{
    world_let(thread);
    for (unsigned i = 0; i < 3; i++) {
        struct thread *other = i == 0 ? client : i == 1 ? second : world.idler;
        if (other != thread && other->state == THREAD_READY) thread_stop(other);
    }
    pass(SECOND); /* the slice that ran ends */
}

Test(deadline, no_fault_no_timer)
{
    leave_alone(client);
    cr_assert_eq(host_timer(), 0);
    cr_assert_eq(pass(100 * SECOND), 0);
    cr_assert_eq(count_told(), 0);
    world_end_all();
}

Test(deadline, an_answered_fault_costs_one_look)
{
    world_fault(client, PAGE);
    (void)play(world.pager, reply_receive, HANDLE_PAGER, FAULT_RETRY, 0, 0, 0, 0, 0, 0, world.pager->context.call.argument[8]);
    leave_alone(client);
    cr_assert_eq(pass(100 * SECOND), 0);
    cr_assert_eq(count_told(), 0);
    cr_assert_eq(fault_marks, FAULT_UNWATCHED);
    world_end_all();
}

Test(deadline, told_once_between_one_and_one_and_a_half)
{
    for (uint64_t late = 0; late < HALF; late += HALF / 8) {
        world_let(second);
        world_fault(second, PAGE); /* begins the looks */
        uint64_t token = world.pager->context.call.argument[8];
        (void)play(world.pager, receive, HANDLE_PAGER);
        pass(late);
        world_let(client);
        world_fault(client, 2 * PAGE);
        uint64_t client_token = world.pager->context.call.argument[8];
        (void)play(world.pager, reply_receive, HANDLE_PAGER, FAULT_RETRY, 0, 0, 0, 0, 0, 0, token);
        host_log_clear();
        pass(SECOND - 1);
        cr_assert_eq(count_told(), 0, "late %lu", (unsigned long)late);
        pass(HALF + 1);
        cr_assert_eq(count_told(), 1, "late %lu", (unsigned long)late);
        cr_assert_not_null(strstr(host_log_text(), "addr=0x80000000"));
        pass(100 * SECOND);
        cr_assert_eq(count_told(), 1);
        cr_assert_eq(fault_marks, FAULT_UNWATCHED, "the told one keeps nobody awake");
        if (processor.current != world.pager) {
            message_notify(world.endpoint, 1);
            kernel_switch(nullptr);
        }
        (void)play(world.pager, reply_receive, HANDLE_PAGER, FAULT_RETRY, 0, 0, 0, 0, 0, 0, client_token);
    }
    world_end_all();
}

Test(deadline, the_line_says_who_owes_the_answer)
{
    char text[300];
    world_fault(client, PAGE); /* received; the pager works on it */
    pass(2 * SECOND);
    snprintf(text, sizeof text,
             "fault unanswered label=0x%lx thread=0x%x space=0x%x kind=1 addr=0x%lx ip=0x%lx received=1 seconds=1 pager=0x%x threads=running\n", client->label,
             client->frame.number, client_space->frame.number, PAGE, WORLD_CODE, world.pager_space->frame.number);
    cr_assert_not_null(strstr(host_log_text(), text), "%s", host_log_text());

    thread_stop(second); /* its fault waits in the queue, and the pager is stopped */
    processor.current->state = THREAD_STOPPED;
    processor.current = nullptr;
    world_start(second);
    kernel_switch(nullptr);
    world_fault(second, 3 * PAGE);
    pass(2 * SECOND);
    snprintf(text, sizeof text, "received=0 seconds=1 pager=0x%x threads=stopped\n", world.pager_space->frame.number);
    cr_assert_not_null(strstr(host_log_text(), text), "%s", host_log_text());
    world_end_all();
}

Test(deadline, many_are_looked_at_in_steps)
{
    constexpr unsigned many = 150;
    static struct thread *threads[many];
    for (unsigned i = 0; i < many; i++) {
        threads[i] = world_thread(client_space, PRIORITY_PROGRAM + 1, false);
        world_start(threads[i]);
        world_fault(threads[i], PAGE + i * PAGE_BYTES);
        if (processor.current == world.pager) (void)play(world.pager, receive, HANDLE_PAGER);
    }
    leave_alone(client);
    unsigned looks = pass(SECOND); /* and one has passed */
    cr_assert_geq(looks, many, "one is told in each step");
    cr_assert_eq(count_told(), many);

    /* Those that end in the middle of a round do not lead it astray. */
    for (unsigned i = 0; i < many; i++) thread_stop(threads[i]);
    for (unsigned i = 0; i < many; i++) {
        world_start(threads[i]);
        world_fault(threads[i], PAGE);
        if (processor.current == world.pager) (void)play(world.pager, receive, HANDLE_PAGER);
    }
    host_log_clear();
    unsigned ended = 0;
    for (unsigned i = 0; i < 8; i++) {
        if (host_timer() > host_now()) host_advance(host_timer() - host_now());
        host_timer_stop();
        kernel_on_timer(true); /* a step */
        for (unsigned n = 0; n < 12 && ended < many; n++) thread_destroy(threads[many - 1 - ended++]);
        world_check_now();
    }
    pass(3 * SECOND);
    cr_assert_eq(ended, 8 * 12);
    cr_assert_geq(count_told(), many - ended);
    world_end_all();
}

Test(deadline, noting_sets_the_timer_once)
{
    cr_assert_eq(deadline_note(), 0, "no fault is traced");
    cr_assert_eq(fault_marks, 0);
    cr_assert(timer_check(deadline_timer()));
    uint64_t when = deadline_timer()->when;
    cr_assert_eq(when, host_now() + HALF);
    host_advance(1);
    fault_marks = FAULT_TRACED | FAULT_UNWATCHED;
    cr_assert_eq(deadline_note(), host_now(), "traced: the time");
    cr_assert_eq(deadline_timer()->when, when, "as it was set");
    cr_assert_eq(timer_take(when)->kind, TIMER_DEADLINE);
    deadline_look(when); /* nobody waits: no further look */
    cr_assert_eq(deadline_timer()->rank, 0);
    cr_assert_eq(fault_marks, FAULT_TRACED | FAULT_UNWATCHED);
    deadline_begin(false, 0);
    world_end_all();
}

Test(deadline, off)
{
    deadline_begin(false, 0);
    world_fault(client, PAGE);
    pass(1000 * SECOND);
    cr_assert_eq(count_told(), 0);
    world_end_all();
}
