/* Threads: made, started, stopped and ended in each state, and who runs when. */
#include "worker.h"

constexpr uint32_t QUIET = HANDLE_FREE; /* in the worker: an endpoint where the pager does not wait */

enum state { STATE_STOPPED, STATE_READY, STATE_SENDING, STATE_WAITING_CALL, STATE_WAITING_FAULT, STATE_RECEIVING, STATES };

struct subject {
    struct worker worker;
    uint64_t endpoint;
    uint64_t token;
};

static void read_null(uint64_t address)
{
    (void)*(volatile uint8_t *)address;
}

/* A worker in the state. */
static struct subject subject_make(enum state state)
{
    struct subject subject = { .worker = worker_make(BADGE, state == STATE_READY ? PRIORITY_PROGRAM : PRIORITY_FIRST, THREAD_PLAIN) };
    kit_must(kernel_endpoint_create(&subject.endpoint), "endpoint_create");
    kit_must(kernel_handle_map(subject.worker.space, QUIET, subject.endpoint, RIGHTS_ALL, BADGE), "handle_map");
    kit_must(kernel_handle_map(subject.worker.space, HANDLE_PAGER, kit_info->endpoint, RIGHT_CALL, BADGE), "handle_map");
    struct message message = {};
    switch (state) {
    case STATE_STOPPED:
    case STATES: break;
    case STATE_READY: worker_start(&subject.worker, read_null, 0); break;
    case STATE_SENDING: worker_start_exchange(&subject.worker, 0, (struct exchange){ .kind = EXCHANGE_CALL, .handle = QUIET }); break;
    case STATE_WAITING_CALL:
        worker_start_exchange(&subject.worker, 0, (struct exchange){ .kind = EXCHANGE_CALL, .handle = HANDLE_PAGER });
        worker_take(&message);
        break;
    case STATE_WAITING_FAULT:
        worker_start(&subject.worker, read_null, 0);
        worker_take(&message);
        break;
    case STATE_RECEIVING: worker_start_exchange(&subject.worker, 0, (struct exchange){ .kind = EXCHANGE_RECEIVE, .handle = QUIET }); break;
    }
    subject.token = message.token;
    return subject;
}

static void subject_end(struct subject *subject)
{
    worker_end(&subject->worker);
    kit_must(kernel_endpoint_destroy(subject->endpoint), "endpoint_destroy");
}

/* Nothing of a thread that was stopped is left in a queue or waits for an answer. */
static void expect_gone(const struct subject *subject)
{
    static const uint64_t nothing[MESSAGE_WORDS];
    struct message message;
    kit_must(kernel_handle_map(kit_info->space, HANDLE_FREE, subject->endpoint, RIGHTS_ALL, 0), "handle_map");
    expect_status(receive(HANDLE_FREE, RECEIVE_DO_NOT_WAIT, &message), STATUS_WOULD_BLOCK);
    expect_status(notify(HANDLE_FREE, 1), STATUS_OK);
    expect_status(receive(HANDLE_FREE, RECEIVE_DO_NOT_WAIT, &message), STATUS_OK); /* not the stopped receiver took it */
    if (subject->token != 0) expect_status(worker_answer(subject->token, FAULT_RETRY, nothing), STATUS_STALE);
    worker_take_none();
}

void case_threads_start_in_each_state(void)
{
    for (enum state state = STATE_READY; state < STATES; state++) {
        struct subject subject = subject_make(state);
        expect_status(kernel_thread_start(subject.worker.thread, 0x400000, 0, 0), STATUS_BAD_STATE);
        subject_end(&subject);
    }
}

void case_threads_stop_in_each_state(void)
{
    for (enum state state = 0; state < STATES; state++) {
        struct subject subject = subject_make(state);
        expect_status(kernel_thread_stop(subject.worker.thread), STATUS_OK);
        expect_status(kernel_thread_stop(subject.worker.thread), STATUS_OK);
        expect_gone(&subject);
        worker_start(&subject.worker, worker_exchange, 1); /* and it runs again, from the beginning */
        struct message message;
        if (state == STATE_READY) expect_status(receive(HANDLE_PAGER, RECEIVE_WAIT, &message), STATUS_OK);
        else worker_take(&message);
        expect_equal(message.badge, BADGE);
        subject_end(&subject);
    }
}

void case_threads_destroy_in_each_state(void)
{
    for (enum state state = 0; state < STATES; state++) {
        struct subject subject = subject_make(state);
        uint64_t thread = subject.worker.thread;
        expect_refused(STATUS_BAD_STATE, CALL_space_destroy, subject.worker.space);
        worker_leave(&subject.worker);
        expect_gone(&subject);
        expect_status(kernel_thread_destroy(thread), STATUS_BAD_OBJECT);
        expect_status(kernel_thread_stop(thread), STATUS_BAD_OBJECT);
        expect_status(kernel_thread_start(thread, 0x400000, 0, 0), STATUS_BAD_OBJECT);
        worker_space_end(subject.worker.space);
        kit_must(kernel_endpoint_destroy(subject.endpoint), "endpoint_destroy");
    }
}

void case_threads_running(void)
{
    expect_refused(STATUS_BAD_STATE, CALL_thread_destroy, kit_info->thread);
    expect_refused(STATUS_BAD_STATE, CALL_thread_stop, kit_info->thread);
    expect_refused(STATUS_BAD_STATE, CALL_thread_start, kit_info->thread, 0x400000, 0x500000, 0);
    expect_refused(STATUS_BAD_STATE, CALL_space_destroy, kit_info->space);
}

void case_threads_start_arguments(void)
{
    struct worker worker = worker_make(BADGE, PRIORITY_FIRST, THREAD_PLAIN);
    static const uint64_t bad[] = { USER_LIMIT, USER_LIMIT + 1, ADDRESS_NOT_CANONICAL, (uint64_t)1 << 63, ADDRESS_KERNEL, 0xffffffff80200000, ~(uint64_t)0 };
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        expect_refused(STATUS_BAD_ADDRESS, CALL_thread_start, worker.thread, bad[i], 0x500000, 0);
        if (bad[i] != USER_LIMIT) expect_refused(STATUS_BAD_ADDRESS, CALL_thread_start, worker.thread, 0x400000, bad[i], 0);
    }
    struct message message;
    expect_status(kernel_thread_start(worker.thread, USER_LIMIT - 1, USER_LIMIT, 0), STATUS_OK);
    worker_take(&message);
    expect_equal(message.word[1], USER_LIMIT - 1);
    expect_equal(message.word[3], USER_LIMIT);
    worker_end(&worker);
}

void case_threads_many(void)
{
    constexpr unsigned threads = 40;
    struct worker workers[threads];
    uint64_t space = worker_space(BADGE);
    for (unsigned i = 0; i < threads; i++) {
        workers[i] = worker_join(space, BADGE, PRIORITY_FIRST, THREAD_PLAIN, FRAME_NONE);
        worker_start(&workers[i], read_null, i);
    }
    for (unsigned i = 0; i < threads; i++) {
        struct message message;
        worker_take(&message);
        expect_equal(message.word[1], i);
        expect_equal(token_thread(message.token), workers[i].thread);
    }
    worker_take_none();
    for (unsigned i = 0; i < threads; i++) worker_leave(&workers[i * 7 % threads]);
    worker_space_end(space);
}

/* --- Who runs --- */

static volatile uint64_t turn;
static volatile uint64_t runs[8];
static volatile uint64_t count_runs;

/* Waits until it is its turn, hands it on; `who` in the low bit, rounds above. No call is made, so only the timer lets the other run. */
static void take_turns(uint64_t who_and_rounds)
{
    uint64_t who = who_and_rounds & 1;
    for (uint64_t round = 0; round < who_and_rounds >> 1; round++) {
        while (turn % 2 != who) {
        }
        turn++;
    }
}

static void note_run(uint64_t who)
{
    runs[count_runs++ % 8] = who;
}

static void note_calls(uint64_t handle)
{
    struct message message = {};
    while (reply_receive((uint32_t)handle, &message) == STATUS_OK) note_run(2);
}

void case_threads_preempted(void)
{
    constexpr uint64_t rounds = 4;
    turn = 0;
    struct worker even = worker_make(BADGE, PRIORITY_PROGRAM, THREAD_PLAIN), odd = worker_make(BADGE + 1, PRIORITY_PROGRAM, THREAD_PLAIN);
    worker_start(&even, take_turns, rounds << 1);
    worker_start(&odd, take_turns, rounds << 1 | 1);
    struct message message;
    expect_status(receive(HANDLE_PAGER, RECEIVE_WAIT, &message), STATUS_OK);
    expect_equal(message.word[2], 0);
    expect_status(receive(HANDLE_PAGER, RECEIVE_WAIT, &message), STATUS_OK);
    expect_equal(message.word[2], 0);
    expect_equal(turn, 2 * rounds);
    worker_end(&even);
    worker_end(&odd);
}

void case_threads_priorities(void)
{
    static const uint32_t priorities[] = { 0, 3, 1, 5, 3 };
    static const uint64_t order[] = { 3, 1, 4, 2, 0 };
    struct worker workers[5];
    count_runs = 0;
    for (unsigned i = 0; i < 5; i++) {
        workers[i] = worker_make(BADGE + i, priorities[i], THREAD_PLAIN);
        worker_start(&workers[i], note_run, i);
    }
    expect_equal(count_runs, 0); /* the pager comes before all of them */
    for (unsigned i = 0; i < 5; i++) {
        struct message message;
        expect_status(receive(HANDLE_PAGER, RECEIVE_WAIT, &message), STATUS_OK);
        expect_equal(message.badge, BADGE + order[i]);
        expect_equal(runs[i], order[i]);
    }
    for (unsigned i = 0; i < 5; i++) worker_end(&workers[i]);
    struct worker first = worker_make(BADGE, PRIORITY_FIRST, THREAD_PLAIN);
    worker_start(&first, note_run, 9);
    expect_equal(count_runs, 6); /* and this one before the pager */
    worker_take_done(&first);
    worker_end(&first);
    struct worker equal = worker_make(BADGE, PRIORITY_PAGER, THREAD_PLAIN);
    worker_start(&equal, note_run, 9);
    expect_equal(count_runs, 6); /* and an equal one not */
    worker_end(&equal);
}

/* The thread that a reply lets go on comes after one of higher priority that is ready; a server that a call wakes runs at the caller's. */
void case_threads_priorities_of_messages(void)
{
    uint64_t endpoint;
    struct worker low = worker_make(BADGE, PRIORITY_PROGRAM, THREAD_PLAIN), high = worker_make(BADGE + 1, PRIORITY_PROGRAM + 1, THREAD_PLAIN);
    struct message message;
    kit_must(kernel_handle_map(low.space, HANDLE_PAGER, kit_info->endpoint, RIGHT_CALL, 1), "handle_map");
    worker_start_exchange(&low, 0, (struct exchange){ .kind = EXCHANGE_CALL, .handle = HANDLE_PAGER });
    expect_status(receive(HANDLE_PAGER, RECEIVE_WAIT, &message), STATUS_OK);
    worker_start(&high, note_run, 1);
    message.tag = 0;
    expect_status(reply_receive(HANDLE_PAGER, &message), STATUS_OK);
    expect_equal(message.badge, high.badge);
    expect(!exchanges[0].is_over);
    expect_status(receive(HANDLE_PAGER, RECEIVE_WAIT, &message), STATUS_OK);
    expect_equal(message.badge, low.badge);

    kit_must(kernel_endpoint_create(&endpoint), "endpoint_create");
    kit_must(kernel_handle_map(low.space, QUIET, endpoint, RIGHT_RECEIVE, 0), "handle_map");
    kit_must(kernel_handle_map(kit_info->space, QUIET, endpoint, RIGHT_CALL, 0), "handle_map");
    worker_restart(&low, note_calls, QUIET);
    message = (struct message){};
    expect_status(call(QUIET, &message), STATUS_OK); /* now the server waits */
    count_runs = 0;
    worker_restart(&high, note_run, 1);
    expect_status(call(QUIET, &message), STATUS_OK);
    expect(count_runs == 1 && runs[0] == 2); /* the server, for the pager; then the pager goes on */
    expect_status(receive(HANDLE_PAGER, RECEIVE_WAIT, &message), STATUS_OK); /* now the other one runs */
    expect_equal(message.badge, high.badge);
    worker_end(&low);
    worker_end(&high);
    kit_must(kernel_endpoint_destroy(endpoint), "endpoint_destroy");
}

static void note_and_yield(uint64_t who)
{
    for (unsigned i = 0; i < 3; i++) {
        note_run(who);
        yield();
    }
}

void case_threads_yield(void)
{
    count_runs = 0;
    struct worker one = worker_make(BADGE, PRIORITY_PROGRAM, THREAD_PLAIN), other = worker_make(BADGE + 1, PRIORITY_PROGRAM, THREAD_PLAIN);
    struct worker lower = worker_make(BADGE + 2, PRIORITY_PROGRAM - 1, THREAD_PLAIN);
    worker_start(&lower, note_and_yield, 3);
    worker_start(&one, note_and_yield, 1);
    worker_start(&other, note_and_yield, 2);
    struct message message;
    for (unsigned i = 0; i < 3; i++) expect_status(receive(HANDLE_PAGER, RECEIVE_WAIT, &message), STATUS_OK);
    static const uint64_t order[8] = { 3, 2, 1, 2, 1, 2, 3, 3 };
    for (unsigned i = 0; i < 8; i++) expect_equal(runs[i], order[i]); /* the ninth run stands in place 0 */
    worker_end(&one);
    worker_end(&other);
    worker_end(&lower);
}
