/* Budgets on the machine: what is charged, lent, given, and how a server's time is shared among its clients.
 *
 * No expectation is about how fast the machine is: times are what the kernel has charged, and orders are orders of events. All cases need a clock that
 * counts instructions (case_run.h): elsewhere the host may hold the machine up for longer than a budget, at any instruction, also between the time that a
 * timer was set to and its interrupt.
 *
 * burn() uses up the processor's time and leaves out the time in which others had it: a step of the counter longer than a tenth of a millisecond. */
#include "worker.h"

#include <string.h>

constexpr uint64_t MS = 1'000'000;
constexpr uint64_t LONG = 100'000 * MS; /* a period that does not end while a case runs */
constexpr uint32_t SERVE = HANDLE_FREE, TO_SERVER = HANDLE_FREE + 1;

struct account {
    uint64_t paid, left, given;
};

static struct account account_of(uint64_t thread)
{
    struct account account = {};
    kit_must(kernel_thread_time(thread, &account.paid, &account.left, &account.given), "thread_time");
    return account;
}

/* As the kernel counts. */
static uint64_t cycles_of(uint64_t nanoseconds)
{
    constexpr unsigned fraction = 32;
    return (uint64_t)((unsigned __int128)nanoseconds * ((kit_info->cycles_per_second << fraction) / 1'000'000'000) >> fraction);
}

static void burn(uint64_t cycles)
{
    uint64_t step_limit = kit_info->cycles_per_second / 10'000, last = kit_cycles();
    for (uint64_t done = 0; done < cycles;) {
        uint64_t now = kit_cycles();
        if (now - last < step_limit) done += now - last;
        last = now;
    }
}

static enum status given_status;

static void give(uint64_t nanoseconds)
{
    given_status = give_time(TO_SERVER, nanoseconds);
}

static void ask([[maybe_unused]] uint64_t argument)
{
    struct message message = {};
    given_status = call(TO_SERVER, &message);
}

/* Gives, asks, and is answered. */
static void give_and_ask(uint64_t nanoseconds)
{
    give(nanoseconds);
    if (given_status == STATUS_OK) ask(0);
}

/* --- A server, a client, and two who have time: one of the client's process and one of another --- */

static volatile uint64_t request_cycles; /* what a request takes */

static void serve([[maybe_unused]] uint64_t argument)
{
    struct message message = {};
    while (reply_receive(SERVE, &message) == STATUS_OK) burn(request_cycles);
}

struct party {
    uint64_t endpoint;
    struct worker server, client, donor, stranger; /* the donor is a thread of the client's space */
};

/* The server waits; it lives on others. The others have what they are given here. */
static struct party party_begin(uint64_t client_nanoseconds, uint64_t period, uint64_t request)
{
    struct party party = { .server = worker_make(BADGE, PRIORITY_FIRST, THREAD_PLAIN), .client = worker_make(BADGE + 1, PRIORITY_FIRST, THREAD_PLAIN),
                           .stranger = worker_make(BADGE + 2, PRIORITY_FIRST, THREAD_PLAIN) };
    party.donor = worker_join(party.client.space, party.client.badge, PRIORITY_FIRST, THREAD_PLAIN, FRAME_NONE);
    kit_must(kernel_endpoint_create(&party.endpoint), "endpoint_create");
    kit_must(kernel_handle_map(party.server.space, SERVE, party.endpoint, RIGHT_RECEIVE, 0), "handle_map");
    kit_must(kernel_handle_map(party.client.space, TO_SERVER, party.endpoint, RIGHT_CALL, 1), "handle_map");
    kit_must(kernel_handle_map(party.stranger.space, TO_SERVER, party.endpoint, RIGHT_CALL, 2), "handle_map");
    request_cycles = cycles_of(request);
    worker_start(&party.server, serve, 0);
    kit_must(kernel_thread_budget(party.server.thread, PRIORITY_FIRST, 0, LONG), "thread_budget");
    kit_must(kernel_thread_budget(party.client.thread, PRIORITY_FIRST, client_nanoseconds, period), "thread_budget");
    kit_must(kernel_thread_budget(party.donor.thread, PRIORITY_FIRST, 200 * MS, LONG), "thread_budget");
    kit_must(kernel_thread_budget(party.stranger.thread, PRIORITY_FIRST, 200 * MS, LONG), "thread_budget");
    return party;
}

static void party_end(struct party *party)
{
    if (party->server.thread != 0) worker_leave(&party->server);
    worker_space_end(party->server.space);
    worker_leave(&party->donor);
    worker_end(&party->client);
    worker_end(&party->stranger);
    kit_must(kernel_endpoint_destroy(party->endpoint), "endpoint_destroy");
}

/* Lets the stopped worker do one thing to its end. */
static void let(const struct worker *worker, void (*function)(uint64_t), uint64_t argument)
{
    kit_must(kernel_thread_stop(worker->thread), "thread_stop");
    worker_start(worker, function, argument);
    worker_take_done(worker);
}

/* What the thread has, has given and has used is what it had. */
static void expect_total(uint64_t thread, const struct account *before)
{
    struct account now = account_of(thread);
    expect_equal(now.left + now.given + (now.paid - before->paid), before->left + before->given);
}

void case_times_gifts(void)
{
    struct party party = party_begin(20 * MS, LONG, MS);
    struct account client = account_of(party.client.thread), server = account_of(party.server.thread);
    expect_equal(client.left, cycles_of(20 * MS));
    expect_equal(server.left, 0);

    let(&party.client, give, 5 * MS);
    expect_status(given_status, STATUS_OK);
    expect_equal(account_of(party.client.thread).given, cycles_of(5 * MS));
    expect_total(party.client.thread, &client);
    worker_take_none(); /* from here on on nobody's time but its own */
    case_check_sometimes();
    let(&party.client, give, 3 * MS); /* one more to the same adds */
    expect_equal(account_of(party.client.thread).given, cycles_of(5 * MS) + cycles_of(3 * MS));
    expect_total(party.client.thread, &client);

    static const struct { uint64_t nanoseconds; enum status status; } bad[] = {
        { 20 * MS, STATUS_LIMIT }, { TIME_LIMIT_NANOSECONDS, STATUS_LIMIT },
        { TIME_LIMIT_NANOSECONDS + 1, STATUS_BAD_ARGUMENT }, { UINT64_MAX, STATUS_BAD_ARGUMENT },
    };
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        let(&party.client, give, bad[i].nanoseconds);
        expect_status(given_status, bad[i].status);
        expect_equal(account_of(party.client.thread).given, cycles_of(5 * MS) + cycles_of(3 * MS));
        expect_total(party.client.thread, &client);
    }
    let(&party.client, give, 0); /* taken back */
    expect_status(given_status, STATUS_OK);
    expect_equal(account_of(party.client.thread).given, 0);
    expect_total(party.client.thread, &client);

    kit_must(kernel_handle_map(party.client.space, TO_SERVER, party.endpoint, RIGHT_NOTIFY | RIGHT_PASS, 1), "handle_map");
    let(&party.client, give, MS);
    expect_status(given_status, STATUS_NO_RIGHT);
    expect_equal(account_of(party.client.thread).given, 0);
    expect_equal(account_of(party.server.thread).paid, server.paid); /* it never ran, and has nothing of its own */
    party_end(&party);
}

/* The server uses all of a gift, and no more than its donor had set aside. What a stranger gives is not for the client's request. */
void case_times_gifts_are_used(void)
{
    struct party party = party_begin(2 * MS, LONG, LONG);
    struct account donor = account_of(party.donor.thread);
    let(&party.donor, give, 4 * MS);
    let(&party.stranger, give, 4 * MS);
    worker_start(&party.client, ask, 0); /* runs out of 2 ms, then of the donor's 4 */
    struct thread_info info;
    struct account after = account_of(party.donor.thread);
    kit_must(kernel_thread_info(party.server.thread, &info), "thread_info");
    expect_equal(info.state, THREAD_EXHAUSTED);
    expect_equal(account_of(party.client.thread).left, 0);
    expect_equal(after.given, 0);
    expect(after.paid - donor.paid >= cycles_of(4 * MS));
    expect(after.left > cycles_of(195 * MS) && after.left < cycles_of(196 * MS)); /* 200 less the gift and what giving took */
    expect_equal(account_of(party.stranger.thread).given, cycles_of(4 * MS));
    worker_take_none();
    party_end(&party);
}

void case_times_gifts_return(void)
{
    struct party party = party_begin(50 * MS, LONG, MS);
    struct account client = account_of(party.client.thread);
    let(&party.client, give_and_ask, 8 * MS); /* by the reply */
    expect_status(given_status, STATUS_OK);
    struct account after = account_of(party.client.thread);
    expect_equal(after.given, 0);
    expect(client.left - after.left >= cycles_of(MS));
    expect(client.left - after.left < cycles_of(2 * MS));
    expect_total(party.client.thread, &client);

    let(&party.client, give, 30 * MS); /* by the end of the one that has it: its donor can use all */
    worker_leave(&party.server);
    kit_must(kernel_thread_stop(party.client.thread), "thread_stop");
    worker_start(&party.client, burn, cycles_of(LONG));
    struct thread_info info;
    kit_must(kernel_thread_info(party.client.thread, &info), "thread_info");
    expect_equal(info.state, THREAD_EXHAUSTED);
    after = account_of(party.client.thread);
    expect_equal(after.left + after.given, 0);
    expect(after.paid - client.paid >= client.left);
    party_end(&party);
}

constexpr uint64_t SHORT = 30 * MS; /* a period that a request may have to wait for */

/* Until the worker's request is answered: how often a period had to end for it. */
static uint64_t periods_of_request(const struct worker *asks)
{
    uint64_t begin = kit_cycles();
    worker_start(asks, ask, 0);
    struct message message;
    expect_status(receive(HANDLE_PAGER, RECEIVE_WAIT, &message), STATUS_OK);
    expect_equal(message.badge, asks->badge);
    return (kit_cycles() - begin) / cycles_of(SHORT);
}

/* A request of 20 ms at 3 ms a period, with a gift of its own process, of another, or none. */
static uint64_t periods_with_gift(bool of_donor, bool of_stranger)
{
    struct party party = party_begin(3 * MS, SHORT, 20 * MS);
    if (of_donor) let(&party.donor, give, 100 * MS);
    if (of_stranger) let(&party.stranger, give, 100 * MS);
    uint64_t periods = periods_of_request(&party.client);
    expect_equal(account_of(party.stranger.thread).given, of_stranger ? cycles_of(100 * MS) : 0);
    party_end(&party);
    return periods;
}

void case_times_gifts_help(void)
{
    expect_equal(periods_with_gift(false, false), 6);
    expect_equal(periods_with_gift(true, false), 0);
    expect_equal(periods_with_gift(false, true), 6);
    expect_equal(periods_with_gift(true, true), 0);
}

/* The client has given and asked nothing yet: a stranger's request, which the server takes first, finishes as if nothing had been given; then the
 * client's own with the gift, at once. */
void case_times_gifts_are_for_their_givers(void)
{
    struct party party = party_begin(3 * MS, SHORT, 20 * MS);
    kit_must(kernel_thread_budget(party.stranger.thread, PRIORITY_FIRST, 3 * MS, SHORT), "thread_budget");
    let(&party.donor, give, 100 * MS);
    expect_equal(periods_of_request(&party.stranger), 6);
    expect_equal(account_of(party.donor.thread).given, cycles_of(100 * MS));
    expect(periods_of_request(&party.client) <= 1); /* what it takes to be told when its own time is used up */
    expect(account_of(party.donor.thread).given < cycles_of(84 * MS)); /* 20 ms less a period's */
    party_end(&party);
}

/* --- Fair service --- */

constexpr unsigned FLOOD = 10, CLIENTS = 3, ASKERS = FLOOD + CLIENTS - 1; /* client 0 has FLOOD threads */
constexpr uint64_t REQUESTS = 460, WARM = 100; /* counted from the time on when all have asked */
constexpr uint64_t RARE = CLIENTS; /* the badge of the client that asks now and then */

static volatile uint64_t served[CLIENTS + 1], served_cycles[CLIENTS + 1], served_all;
static volatile uint64_t longest_delay, rare_asked_at;

/* Answers REQUESTS requests of equal length, whoever asks. */
static void serve_fairly([[maybe_unused]] uint64_t argument)
{
    struct message message = {};
    while (served_all < REQUESTS && reply_receive(SERVE, &message) == STATUS_OK) {
        uint64_t badge = message.badge, begin = kit_cycles();
        if (served_all == WARM)
            for (unsigned i = 0; i <= CLIENTS; i++) served[i] = served_cycles[i] = longest_delay = 0;
        if (badge == RARE && served_all - rare_asked_at > longest_delay) longest_delay = served_all - rare_asked_at;
        burn(request_cycles);
        served_cycles[badge] += kit_cycles() - begin;
        served[badge]++;
        served_all++;
    }
}

static void ask_always([[maybe_unused]] uint64_t argument)
{
    struct message message = {};
    while (call(TO_SERVER, &message) == STATUS_OK) message = (struct message){};
}

/* Asks, lets a time pass that is long beside a request, asks again. */
static void ask_rarely([[maybe_unused]] uint64_t argument)
{
    struct message message = {};
    do {
        kit_must(timer_set(SERVE, 1, 3 * MS), "timer_set");
        kit_must(receive(SERVE, RECEIVE_WAIT, &message), "receive");
        rare_asked_at = served_all;
        message = (struct message){};
    } while (call(TO_SERVER, &message) == STATUS_OK);
}

static struct worker client_make(uint64_t endpoint, uint64_t badge)
{
    struct worker client = worker_make(BADGE + badge, PRIORITY_PROGRAM, THREAD_PLAIN);
    kit_must(kernel_handle_map(client.space, TO_SERVER, endpoint, RIGHT_CALL, badge), "handle_map");
    return client;
}

/* Three clients that ask without end, one of them by ten threads, and one that asks now and then. */
void case_times_fair_service(void)
{
    uint64_t endpoint, own;
    struct worker askers[ASKERS], server = worker_make(BADGE, PRIORITY_PROGRAM, THREAD_PLAIN);
    kit_must(kernel_endpoint_create(&endpoint), "endpoint_create");
    kit_must(kernel_endpoint_create(&own), "endpoint_create");
    kit_must(kernel_handle_map(server.space, SERVE, endpoint, RIGHT_RECEIVE, 0), "handle_map");
    for (unsigned badge = 0; badge < CLIENTS; badge++) askers[badge] = client_make(endpoint, badge);
    for (unsigned i = CLIENTS; i < ASKERS; i++) askers[i] = worker_join(askers[0].space, BADGE, PRIORITY_PROGRAM, THREAD_PLAIN, FRAME_NONE);
    struct worker rare = client_make(endpoint, RARE);
    kit_must(kernel_handle_map(rare.space, SERVE, own, RIGHT_RECEIVE, 0), "handle_map");
    for (unsigned badge = 0; badge <= CLIENTS; badge++) served[badge] = served_cycles[badge] = 0;
    served_all = longest_delay = rare_asked_at = 0;
    request_cycles = cycles_of(MS / 4);

    for (unsigned i = 0; i < ASKERS; i++) worker_start(&askers[i], ask_always, 0);
    worker_start(&rare, ask_rarely, 0);
    worker_start(&server, serve_fairly, 0);
    struct message message;
    expect_status(receive(HANDLE_PAGER, RECEIVE_WAIT, &message), STATUS_OK);
    expect_equal(message.badge, server.badge);
    uint64_t always = served_cycles[0] + served_cycles[1] + served_cycles[2];
    for (unsigned badge = 0; badge < CLIENTS; badge++) /* a third each, within a tenth of that */
        expect(served_cycles[badge] * CLIENTS * 10 >= always * 9 && served_cycles[badge] * CLIENTS * 10 <= always * 11);
    expect(served[RARE] > 2 && served[RARE] < served[1]);
    expect(longest_delay <= CLIENTS); /* what is under way, and at most one of each other that had as little */
    kit_log("test", "fair flood=%lu one=%lu other=%lu rare=%lu delay=%lu", served[0], served[1], served[2], served[RARE], longest_delay);

    for (unsigned i = ASKERS; i-- > CLIENTS;) worker_leave(&askers[i]);
    for (unsigned badge = 0; badge < CLIENTS; badge++) worker_end(&askers[badge]);
    worker_end(&rare);
    worker_end(&server);
    kit_must(kernel_endpoint_destroy(endpoint), "endpoint_destroy");
    kit_must(kernel_endpoint_destroy(own), "endpoint_destroy");
}

/* --- The hardware timer --- */

/* The hardware timer is set this often while the workers burn 40 ms each; the pager waits. */
static uint64_t timers_set(const struct worker *workers, unsigned count)
{
    uint64_t before, after;
    for (unsigned i = 0; i < count; i++) worker_restart(&workers[i], burn, cycles_of(40 * MS));
    kit_must(kernel_test_counter(COUNTER_TIMERS, &before), "test_counter");
    struct message message;
    for (unsigned i = 0; i < count; i++) expect_status(receive(HANDLE_PAGER, RECEIVE_WAIT, &message), STATUS_OK);
    kit_must(kernel_test_counter(COUNTER_TIMERS, &after), "test_counter");
    return after - before;
}

/* A look for late faults sets the timer too, and interrupts, unless the kernel was told not to look. */
static uint64_t looks_most(void)
{
    return strstr(kit_info->text + kit_info->arguments_offset, "fault_deadline=0") != nullptr ? 0 : 1;
}

/* The timer is not set for a thread that runs alone and without limit; two share, and a limit ends, by the timer. */
void case_times_tickless(void)
{
    struct worker workers[2];
    for (unsigned i = 0; i < 2; i++) workers[i] = worker_make(BADGE + i, PRIORITY_PROGRAM, THREAD_PLAIN);
    struct counts before = counts_read();
    expect(timers_set(workers, 1) <= looks_most());
    struct counts after = counts_read();
    expect(counts_between(&before, &after).value[COUNTER_INTERRUPTS] <= 1 + looks_most()); /* 1: of the slice that began beside the pager */
    expect(timers_set(workers, 2) >= 2);
    kit_must(kernel_thread_budget(workers[0].thread, PRIORITY_PROGRAM, 10 * MS, 15 * MS), "thread_budget");
    expect(timers_set(workers, 1) >= 3);
    for (unsigned i = 0; i < 2; i++) worker_end(&workers[i]);
}
