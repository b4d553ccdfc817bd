/* Budgets: what a call lends, what happens when it is used up, gifts, and which sender is served next. */
#include <criterion/criterion.h>

#include "message_play.h"

constexpr uint64_t MS = 1'000'000;

static void begin(void)
{
    message_begin();
    host_cycles_read = 0; /* time passes when a test says so */
}

TestSuite(budget, .init = begin);

/* Time passes in the running thread; the timer fires if it was set for then. */
static void pass(uint64_t nanoseconds)
{
    host_advance(nanoseconds);
    if (host_timer() != 0 && host_timer() <= host_now()) {
        host_timer_stop();
        kernel_on_timer(true);
    }
    world_check_now();
}

static void limit(struct thread *thread, uint64_t capacity, uint64_t period)
{
    budget_limit(thread, capacity, period);
    kernel_switch(nullptr);
    world_check_now();
}

Test(budget, used_up_until_the_period_ends)
{
    thread_stop(second);
    limit(client, 2 * MS, 10 * MS);
    pass(MS);
    cr_assert_eq(processor.current, client);
    pass(MS);
    cr_assert_eq(client->state, THREAD_EXHAUSTED);
    cr_assert_eq(processor.current, world.idler);
    cr_assert_eq(client->budget.left, 0);
    pass(7 * MS);
    cr_assert_eq(client->state, THREAD_EXHAUSTED);
    pass(MS);
    cr_assert_eq(processor.current, client);
    cr_assert_eq(client->budget.left, 2 * MS);
    cr_assert_eq(client->budget.paid, 2 * MS);
    world_end_all();
}

Test(budget, a_call_lends_and_a_reply_gives_back)
{
    thread_stop(second);
    limit(client, 5 * MS, 100 * MS);
    uint64_t own = server->budget.paid, before = client->budget.paid;
    pass(MS);
    (void)play(client, call, TO_SERVER, 0);
    cr_assert_eq(processor.current, server);
    pass(2 * MS);
    (void)play(server, reply_receive, SERVE, 0, 0, 0, 0, 0, 0, 0, client->token);
    cr_assert_eq(processor.current, client);
    pass(MS);
    (void)budget_charge();
    cr_assert_eq(client->budget.left, MS, "its own time and the server's");
    cr_assert_eq(client->budget.paid - before, 4 * MS);
    cr_assert_eq(server->budget.paid, own);
    world_end_all();
}

Test(budget, a_server_goes_on_with_its_own)
{
    thread_stop(second);
    limit(client, MS, 100 * MS);
    budget_limit(server, 3 * MS, 50 * MS);
    (void)play(client, call, TO_SERVER, 0);
    pass(MS);
    cr_assert_eq(processor.current, server, "its client has run out, the server has not");
    pass(3 * MS);
    cr_assert_eq(server->state, THREAD_EXHAUSTED);
    cr_assert_eq(server->budget.left + client->budget.left, 0);
    pass(50 * MS);
    cr_assert_eq(processor.current, server, "the next period of its own comes first");
    world_end_all();
}

/* Its pager grants a client nothing for a while: who works for it finds out when it is granted time again, at the end of a period. */
Test(budget, a_server_whose_client_was_granted_nothing_goes_on)
{
    thread_stop(second);
    limit(client, 5 * MS, 20 * MS);
    budget_limit(server, 0, 1000 * MS);
    (void)play(client, call, TO_SERVER, 0);
    pass(MS);
    cr_assert_eq(processor.current, server);
    limit(client, 0, 10 * MS);
    cr_assert_eq(server->state, THREAD_EXHAUSTED);
    pass(MS);
    limit(client, 3 * MS, 20 * MS);
    cr_assert_eq(server->state, THREAD_EXHAUSTED, "nobody can find it");
    pass(9 * MS);
    cr_assert_eq(processor.current, server);
    pass(3 * MS);
    cr_assert_eq(server->state, THREAD_EXHAUSTED);
    cr_assert_eq(client->budget.left, 0);
    world_end_all();
}

Test(budget, a_client_that_ends_leaves_the_server_running)
{
    limit(client, MS, 100 * MS);
    (void)play(client, call, TO_SERVER, 0);
    thread_destroy(client);
    kernel_switch(nullptr);
    cr_assert_eq(processor.current, server);
    cr_assert_eq(processor.payer, server);
    world_check_now();
    world_end_all();
}

/* --- Purses --- */

/* A thread of the client's space that never runs; client and second pay from its account. */
static struct thread *begin_purse(uint64_t capacity, uint64_t period)
{
    struct thread *purse = world_thread(client_space, PRIORITY_PROGRAM, false);
    budget_limit(purse, capacity, period);
    budget_pay_from(client, purse);
    budget_pay_from(second, purse);
    processor.paid_for = 0;
    kernel_switch(nullptr);
    world_check_now();
    return purse;
}

Test(budget, threads_with_one_purse_use_it_together)
{
    struct thread *purse = begin_purse(6 * MS, 20 * MS);
    pass(4 * MS);
    cr_assert_eq(processor.current, client);
    (void)play(client, yield);
    cr_assert_eq(processor.current, second);
    (void)budget_charge();
    cr_assert_eq(purse->budget.left, 2 * MS);
    pass(2 * MS);
    cr_assert_eq(second->state, THREAD_EXHAUSTED);
    cr_assert_eq(client->state, THREAD_EXHAUSTED, "there is none for the other either");
    cr_assert_eq(processor.current, world.idler);
    cr_assert_eq(purse->budget.paid, 6 * MS);
    cr_assert_eq(client->budget.paid, 4 * MS);
    cr_assert_eq(second->budget.paid, 2 * MS);
    pass(14 * MS);
    cr_assert(processor.current == client || processor.current == second);
    cr_assert_eq(purse->budget.left, 6 * MS, "one period, whoever looks first");
    pass(6 * MS);
    cr_assert_eq(processor.current, world.idler);
    cr_assert_eq(purse->budget.paid, 12 * MS);
    world_end_all();
}

Test(budget, a_call_lends_the_purse)
{
    struct thread *purse = begin_purse(6 * MS, 20 * MS);
    budget_limit(server, 0, 1000 * MS);
    thread_stop(second);
    (void)play(client, call, TO_SERVER, 0);
    cr_assert_eq(processor.current, server);
    pass(6 * MS);
    cr_assert_eq(server->state, THREAD_EXHAUSTED);
    cr_assert_eq(purse->budget.left, 0);
    cr_assert_eq(client->budget.paid, 6 * MS);
    pass(14 * MS);
    cr_assert_eq(processor.current, server, "the purse's period, not the client's");
    world_end_all();
}

Test(budget, what_is_in_a_purse_cannot_be_given)
{
    struct thread *purse = begin_purse(6 * MS, 20 * MS);
    (void)play(client, call, TO_SERVER, 0);
    (void)play(server, reply_receive, SERVE, 0, 0, 0, 0, 0, 0, 0, client->token);
    cr_assert_eq(play(client, give_time, TO_SERVER, 1), STATUS_LIMIT);
    cr_assert_eq(purse->budget.left + purse->budget.paid, 6 * MS);
    world_end_all();
}

Test(budget, a_purse_without_limit_counts)
{
    struct thread *purse = begin_purse(TIME_UNLIMITED, 0);
    pass(5 * MS);
    (void)play(client, call, TO_SERVER, 0);
    (void)play(server, reply_receive, SERVE, 0, 0, 0, 0, 0, 0, 0, client->token);
    pass(5 * MS);
    (void)budget_charge();
    cr_assert_eq(purse->budget.paid, client->budget.paid + second->budget.paid);
    cr_assert_geq(purse->budget.paid, 10 * MS);
    world_end_all();
}

/* Who paid from it gets nothing more, until its pager gives it a budget of its own. */
Test(budget, the_end_of_a_purse)
{
    struct thread *purse = begin_purse(6 * MS, 20 * MS);
    thread_stop(second);
    pass(MS);
    thread_destroy(purse);
    pass(5 * MS);
    cr_assert_eq(client->state, THREAD_EXHAUSTED);
    pass(1000 * MS);
    cr_assert_eq(client->state, THREAD_EXHAUSTED);
    limit(client, 2 * MS, 10 * MS);
    cr_assert_eq(processor.current, client);
    pass(2 * MS);
    cr_assert_eq(client->state, THREAD_EXHAUSTED);
    world_end_all();
}

static uint64_t all_left(void)
{
    (void)budget_charge();
    return client->budget.left + client->budget.gift + second->budget.left + second->budget.gift;
}

Test(budget, gifts)
{
    budget_limit(second, 20 * MS, 1000 * MS);
    limit(client, MS, 1000 * MS);
    budget_limit(server, 0, 1000 * MS); /* lives on others */
    cr_assert_eq(play(client, give_time, TO_SERVER, 2 * MS), STATUS_LIMIT);
    cr_assert_eq(play(client, give_time, TO_SERVER, UINT64_MAX), STATUS_BAD_ARGUMENT);
    cr_assert_eq(play(client, give_time, NOTIFIES, MS), STATUS_NO_RIGHT);
    (void)play(client, call, TO_SERVER, 0);
    cr_assert_eq(processor.current, server);
    uint64_t total = all_left();
    pass(MS);
    cr_assert_eq(server->state, THREAD_EXHAUSTED);
    cr_assert_eq(processor.current, second);
    cr_assert_eq(all_left(), total - MS);
    cr_assert_eq(play(second, give_time, TO_SERVER, 5 * MS), STATUS_OK);
    cr_assert_eq(all_left(), total - MS, "nothing is made, nothing is lost");
    cr_assert_eq(second->budget.left, 15 * MS);
    cr_assert_eq(second->budget.gift, 5 * MS);
    world_let(server);
    pass(2 * MS);
    (void)play(server, reply_receive, SERVE, 0, 0, 0, 0, 0, 0, 0, client->token);
    cr_assert_eq(client->state, THREAD_EXHAUSTED, "it is answered, and has nothing to go on with");
    cr_assert_eq(second->budget.gift, 3 * MS);
    world_let(second);
    cr_assert_eq(play(second, give_time, TO_SERVER, 0), STATUS_OK);
    cr_assert_eq(second->budget.left, 18 * MS);
    cr_assert_eq(second->budget.gift, 0);
    world_end_all();
}

/* A thread of another space than the client's, with an unlimited budget and a right to call the server. */
static struct thread *begin_stranger(void)
{
    struct space *space = world_space(90);
    world_handle(space, TO_SERVER, endpoint, RIGHT_CALL, 0x99);
    struct thread *stranger = world_thread(space, PRIORITY_PROGRAM, false);
    world_start(stranger);
    return stranger;
}

/* A server that lives on others works for a client that has run out: a stranger's gift leaves it where it is, one of the client's process does not. */
Test(budget, a_gift_is_for_the_process_that_gave_it)
{
    struct thread *stranger = begin_stranger();
    limit(client, MS, 1000 * MS);
    budget_limit(server, 0, 1000 * MS);
    (void)play(client, call, TO_SERVER, 0);
    pass(MS);
    cr_assert_eq(server->state, THREAD_EXHAUSTED);
    world_let(stranger);
    cr_assert_eq(play(stranger, give_time, TO_SERVER, 5 * MS), STATUS_OK);
    cr_assert_eq(server->state, THREAD_READY, "it looks again,");
    for (unsigned turns = 0; turns < 4; turns++) (void)play(processor.current, yield);
    cr_assert_eq(server->state, THREAD_EXHAUSTED, "and finds nothing");
    world_let(second);
    cr_assert_eq(stranger->budget.gift, 5 * MS);
    cr_assert_eq(play(second, give_time, TO_SERVER, 5 * MS), STATUS_OK);
    world_let(server);
    thread_stop(second);
    thread_stop(stranger);
    pass(2 * MS);
    cr_assert_eq(processor.current, server);
    (void)budget_charge();
    cr_assert_eq(second->budget.gift, 3 * MS);
    (void)play(server, reply_receive, SERVE, 0, 0, 0, 0, 0, 0, 0, client->token);
    cr_assert_eq(stranger->budget.gift, 5 * MS);
    world_end_all();
}

/* However many strangers give, the gift that is meant is found; and whoever has used up its own is passed by. */
Test(budget, gifts_of_many)
{
    constexpr unsigned many = 80;
    struct thread *stranger[many];
    for (unsigned i = 0; i < many; i++) {
        world_let(stranger[i] = begin_stranger());
        cr_assert_eq(play(stranger[i], give_time, TO_SERVER, MS), STATUS_OK);
        world_let(client);
        thread_stop(stranger[i]);
    }
    for (unsigned i = 0; i < 62; i++) (void)world_thread(client_space, PRIORITY_PROGRAM, false); /* 64 with the client and second, which are the oldest */
    world_let(second);
    cr_assert_eq(play(second, give_time, TO_SERVER, 5 * MS), STATUS_OK);
    world_let(client);
    thread_stop(second);
    budget_limit(server, 0, 1000 * MS);
    limit(client, MS, 1000 * MS);
    (void)play(client, call, TO_SERVER, 0);
    pass(MS);
    cr_assert_eq(processor.current, server);
    cr_assert_eq(processor.payer, second);
    pass(5 * MS);
    cr_assert_eq(server->state, THREAD_EXHAUSTED);
    cr_assert_eq(second->budget.gift_to, 0, "a gift that has been used up is none");
    for (unsigned i = 0; i < many; i++) cr_assert_eq(stranger[i]->budget.gift, MS);
    world_end_all();
}

Test(budget, a_gift_returns_by_the_reply_and_by_the_end)
{
    limit(client, 10 * MS, 1000 * MS);
    thread_stop(second);
    cr_assert_eq(play(client, give_time, TO_SERVER, 4 * MS), STATUS_OK);
    (void)play(client, call, TO_SERVER, 0);
    (void)play(server, reply_receive, SERVE, 0, 0, 0, 0, 0, 0, 0, client->token);
    cr_assert_eq(processor.current, client);
    cr_assert_eq(client->budget.gift, 0);
    cr_assert_eq(client->budget.left, 10 * MS, "%lu", (unsigned long)client->budget.left);
    cr_assert_eq(play(client, give_time, TO_SERVER, 4 * MS), STATUS_OK);
    thread_destroy(server);
    world_check_now();
    (void)budget_return(client);
    cr_assert_eq(client->budget.left, 10 * MS, "%lu", (unsigned long)client->budget.left);
    world_end_all();
}

Test(budget, a_gift_to_one_that_has_ended_is_used_by_its_giver)
{
    limit(client, 10 * MS, 1000 * MS);
    thread_stop(second);
    cr_assert_eq(play(client, give_time, TO_SERVER, 8 * MS), STATUS_OK);
    thread_destroy(server);
    pass(2 * MS);
    cr_assert_eq(processor.current, client);
    cr_assert_eq(client->budget.gift, 0);
    pass(8 * MS);
    cr_assert_eq(client->state, THREAD_EXHAUSTED);
    cr_assert_eq(client->budget.paid, 10 * MS);
    world_end_all();
}

/* Eight threads of one client and one of another, every request takes a millisecond: each client gets half. */
Test(budget, the_time_of_a_server_is_shared_among_handles)
{
    constexpr unsigned many = 8, rounds = 200;
    struct thread *quiet = begin_stranger(), *flood[many];
    flood[0] = client;
    flood[1] = second;
    for (unsigned i = 2; i < many; i++) world_start(flood[i] = world_thread(client_space, PRIORITY_PROGRAM, false));
    uint64_t badge = 0, token = 0;
    unsigned served[2] = { 0 }, longest = 0, waits = 0;
    for (unsigned i = 0; i <= many; i++) {
        struct thread *caller = i < many ? flood[i] : quiet;
        world_let(caller);
        (void)play(caller, call, TO_SERVER, 0);
        if (i == 0) token = server->context.call.argument[8];
    }
    for (unsigned i = 0; i < rounds; i++) {
        world_let(server);
        host_advance(MS);
        struct thread *answered = message_find_caller(server, token);
        (void)play(server, reply_receive, SERVE, 0, 0, 0, 0, 0, 0, 0, token);
        badge = server->context.call.argument[0];
        token = server->context.call.argument[8];
        bool is_quiet = badge == 0x99;
        served[is_quiet]++;
        waits = is_quiet ? 0 : waits + 1;
        if (served[1] > 1 && waits > longest) longest = waits;
        cr_assert_eq(processor.current, answered, "who was answered goes first, and asks again at once");
        (void)play(answered, call, TO_SERVER, 0);
        cr_assert_eq(processor.current, server);
    }
    cr_assert(served[1] * 10 >= served[0] * 9 && served[0] * 10 >= served[1] * 9, "%u of the quiet one, %u of the others", served[1], served[0]);
    cr_assert_leq(longest, 2, "the quiet one waits for at most two requests");
    world_end_all();
}
