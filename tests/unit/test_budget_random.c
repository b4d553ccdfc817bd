/* Budgets at random beside a naive model: who pays for each nanosecond, what a call lends, gifts, periods, other budgets, ends in every state.
 *
 * The model knows nothing of when the kernel looks: it keeps for each thread what it was granted, what is left of that together with what it has set aside,
 * and for whom each server works. After each entry every account has to be what the model says, to the nanosecond; and a new period may only begin when
 * the last one has ended. So time that is made, lost, or charged to somebody who has nothing to do with it is seen at the step at which it happens. */
#include <criterion/criterion.h>

#include "kernel_world.h"

constexpr unsigned CLIENTS = 4, SERVERS = 2, THREADS = CLIENTS + SERVERS; /* servers behind the clients; server 0 is a client of server 1 */
constexpr unsigned CLIENTS_PER_SPACE = 2; /* which may help each other's requests */
constexpr uint32_t TO = 9, SERVE = 12;
constexpr uint64_t MS = 1'000'000, NOBODY = UINT64_MAX;

/* A thread as the model sees it. `life`: which of the threads that had its place, so that a name of an earlier one is a name of nothing. */
struct account {
    struct thread *thread;
    uint64_t life, lender, lender_life; /* who pays when it runs: a place, itself too */
    uint64_t purse, purse_life; /* whose account is charged in place of its own; NOBODY */
    uint64_t capacity, total, gift, gift_to, gift_life, paid, renewal, period;
};
static struct account account[THREADS];
static struct space *space[THREADS]; /* of the thread in that place */
static struct endpoint *endpoint_of[SERVERS];
static uint64_t lives, count_exhausted, count_gifts_used, count_gifts_not_meant, count_from_purses;
static uint64_t count_lent, count_periods, count_ended[THREAD_EXHAUSTED + 1];

static bool is_limited(const struct account *of) { return of->capacity != TIME_UNLIMITED; }
static bool lives_still(uint64_t place, uint64_t life) { return place != NOBODY && account[place].life == life; }
static struct account *charged_for(struct account *of) { return lives_still(of->purse, of->purse_life) ? &account[of->purse] : of; }
static bool has_time(struct account *of)
{
    const struct account *charged = charged_for(of);
    return !is_limited(charged) || charged->total > charged->gift;
}
static bool gives_to(const struct account *giver, unsigned to) { return giver->gift > 0 && giver->gift_to == to && giver->gift_life == account[to].life; }

static unsigned place_of(const struct thread *thread)
{
    for (unsigned i = 0; i < THREADS; i++)
        if (account[i].thread == thread) return i;
    return THREADS; /* the idler */
}

static void pay(struct account *payer, uint64_t time)
{
    struct account *charged = charged_for(payer);
    payer->paid += time;
    if (charged != payer) charged->paid += time;
    if (is_limited(charged)) charged->total -= time;
    count_from_purses += charged != payer;
}

/* A time passes in which nobody enters the kernel: one account pays for it. */
static void charge(uint64_t time)
{
    unsigned runs = place_of(processor.current);
    if (runs == THREADS || time == 0) return;
    struct account *of = &account[runs];
    unsigned payer = lives_still(of->lender, of->lender_life) ? (unsigned)of->lender : runs;
    if (has_time(&account[payer])) {
        count_lent += payer != runs;
        return pay(&account[payer], time);
    }
    for (unsigned giver = 0; giver < THREADS; giver++) {
        if (!gives_to(&account[giver], runs) || space[giver] != space[payer]) {
            count_gifts_not_meant += gives_to(&account[giver], runs);
            continue;
        }
        if (processor.payer != account[giver].thread) continue; /* which of several: the kernel's choice */
        cr_assert_geq(account[giver].gift, time);
        account[giver].gift -= time;
        count_gifts_used++;
        return pay(&account[giver], time);
    }
    for (unsigned giver = 0; giver < THREADS; giver++)
        cr_assert(!gives_to(&account[giver], runs) || space[giver] != space[payer], "thread %u has a gift and does not use it", runs);
    cr_assert(has_time(of), "thread %u runs on time that nobody has", runs);
    pay(of, time);
}

/* Who runs after its lender has ended works for itself from then on, and lends its own time. */
static void forget_ended_lender(void)
{
    unsigned runs = place_of(processor.current);
    if (runs == THREADS || lives_still(account[runs].lender, account[runs].lender_life)) return;
    account[runs].lender = runs;
    account[runs].lender_life = account[runs].life;
}

/* Every account is what the model says. */
static void compare(void)
{
    forget_ended_lender();
    (void)budget_charge(); /* as thread_time does */
    for (unsigned i = 0; i < THREADS; i++) {
        struct account *of = &account[i];
        const struct budget *budget = &of->thread->budget;
        if (of->gift > 0 && budget->gift == 0 && !lives_still(of->gift_to, of->gift_life)) of->gift = 0; /* whom it was for has ended: it returns some time */
        if (is_limited(of) && budget->renewal != of->renewal) {
            cr_assert_leq(of->renewal, host_now(), "a period begins before the last one has ended");
            cr_assert_eq(budget->renewal, host_now() + of->period);
            of->renewal = budget->renewal;
            of->total = of->capacity;
            count_periods++;
        }
        cr_assert_eq(budget->paid, of->paid, "thread %u has paid %lu, the model %lu", i, budget->paid, of->paid);
        cr_assert_eq(budget->gift, of->gift, "thread %u gives %lu, the model %lu", i, budget->gift, of->gift);
        if (!is_limited(of)) continue;
        cr_assert_eq(budget->left + budget->gift, of->total, "thread %u has %lu and %lu, the model %lu", i, budget->left, budget->gift, of->total);
        cr_assert_leq(of->total, of->capacity);
        if (of->thread->state == THREAD_EXHAUSTED) count_exhausted++;
    }
    world_check();
}

static void pass(uint64_t time)
{
    uint64_t end = host_now() + time;
    for (;;) {
        uint64_t next = host_timer() != 0 && host_timer() < end ? host_timer() : end;
        if (next > host_now()) {
            charge(next - host_now());
            host_advance(next - host_now());
        }
        if (host_timer() == 0 || host_timer() > host_now()) break;
        host_timer_stop();
        kernel_on_timer(true);
        compare();
    }
    compare();
}

/* --- What threads do --- */

/* The running thread makes a call. Whoever's request was delivered by it lends its time to the server that has it now. */
#define act(runs, ...) act_and_see((runs), __VA_ARGS__)
static enum status act_and_see(unsigned runs, uint64_t number, const uint64_t argument[CALL_ARGUMENTS])
{
    enum thread_state before[THREADS];
    for (unsigned i = 0; i < THREADS; i++) before[i] = account[i].thread->state;
    enum status status = world_call(account[runs].thread, number, argument);
    for (unsigned i = 0; i < THREADS; i++) {
        const struct thread *thread = account[i].thread;
        if (thread->state != THREAD_WAITING || before[i] == THREAD_WAITING || thread->request != REQUEST_CALL) continue;
        for (unsigned server = CLIENTS; server < THREADS; server++) {
            if (space[server] != thread->server) continue;
            account[server].lender = account[i].lender;
            account[server].lender_life = account[i].lender_life;
        }
    }
    return status;
}

static void give(unsigned runs, unsigned server, uint64_t time)
{
    struct account *of = &account[runs];
    uint64_t to = CLIENTS + server;
    if (!lives_still(of->gift_to, of->gift_life) && of->thread->budget.gift_to == 0) of->gift = 0;
    bool is_known = budget_find(endpoint_of[server]->server) == account[to].thread;
    enum status status = act(runs, CALL_give_time, (const uint64_t[CALL_ARGUMENTS]){ TO + server, time });
    if (time == 0) {
        of->gift = 0;
    } else if (is_known) {
        if (of->gift_to != to || of->gift_life != account[to].life) of->gift = 0; /* another gift is taken back first, */
        bool is_enough = time <= (is_limited(of) ? of->total - of->gift : TIME_LIMIT);
        cr_assert_eq(status, is_enough ? STATUS_OK : STATUS_LIMIT); /* also when there is not enough for this one */
        if (is_enough) of->gift += time;
        if (is_enough) of->gift_to = to;
        if (is_enough) of->gift_life = account[to].life;
    } else {
        cr_assert_eq(status, STATUS_NOT_FOUND);
    }
}

/* Answers one of those who wait for the server, if there is one, and receives the next. */
static void answer(unsigned runs)
{
    uint64_t token = 0;
    unsigned first = (unsigned)world_random(THREADS);
    for (unsigned i = 0; i < THREADS && token == 0; i++) {
        struct account *of = &account[(first + i) % THREADS];
        if (of->thread->state != THREAD_WAITING || of->thread->server != space[runs]) continue;
        token = of->thread->token;
        if (of->gift_to == runs || !lives_still(of->gift_to, of->gift_life)) of->gift = 0;
    }
    (void)act(runs, CALL_reply_receive, (const uint64_t[CALL_ARGUMENTS]){ SERVE, 0, 0, 0, 0, 0, 0, 0, token });
}

static void look(unsigned runs)
{
    enum status status = act(runs, CALL_receive, (const uint64_t[CALL_ARGUMENTS]){ SERVE, RECEIVE_DO_NOT_WAIT });
    if (status != STATUS_WOULD_BLOCK) return;
    account[runs].lender = runs;
    account[runs].lender_life = account[runs].life;
}

/* --- What their pager does --- */

static void limit(unsigned of)
{
    struct account *one = &account[of];
    one->purse = NOBODY;
    one->capacity = world_random(4) == 0 ? TIME_UNLIMITED : world_random(4) * MS;
    one->period = (4 + world_random(12)) * MS;
    one->total = one->capacity;
    one->gift = 0;
    one->renewal = host_now() + one->period;
    budget_limit(one->thread, one->capacity, one->period);
}

/* A new thread that pays from another one's account; it may be one that does so itself, and then gets what that one's own holds: nothing. */
static void pay_from(struct account *one, uint64_t purse)
{
    one->purse = purse;
    one->purse_life = account[purse].life;
    one->capacity = one->total = 0;
    one->thread->budget.left = 0;
    budget_pay_from(one->thread, account[purse].thread);
    one->period = one->thread->budget.period;
}

static void begin_thread(unsigned of)
{
    struct account *one = &account[of];
    one->thread = world_thread(space[of], PRIORITY_PROGRAM, false);
    lives++;
    *one = (struct account){ .thread = one->thread, .life = lives, .lender = of, .lender_life = lives, .capacity = TIME_UNLIMITED };
    one->gift_to = one->purse = NOBODY;
    limit(of);
    uint64_t purse = world_random(2 * THREADS);
    if (purse < THREADS && purse != of && account[purse].thread != nullptr) pay_from(one, purse);
    arch_context_start(one->thread, WORLD_CODE, WORLD_STACK, 0);
    schedule_work_alone(one->thread);
    schedule_ready(one->thread);
}

static void end_and_begin(unsigned of)
{
    if (account[of].thread->state == THREAD_RUNNING) return;
    count_ended[account[of].thread->state]++;
    world_end_thread(account[of].thread);
    begin_thread(of);
}

static void step(void)
{
    unsigned runs = place_of(processor.current), other = (unsigned)world_random(THREADS), server = (unsigned)world_random(SERVERS);
    bool is_server = runs >= CLIENTS && runs < THREADS;
    switch (world_random(16)) {
    case 0:
        limit(other);
        break;
    case 1:
        if (world_random(4) == 0) end_and_begin(other);
        break;
    case 2: case 3: case 4: case 5: case 6:
        pass(world_random(3 * MS / 2));
        break;
    case 7:
        if (runs < THREADS) (void)act(runs, CALL_yield, (const uint64_t[CALL_ARGUMENTS]){ 0 });
        break;
    case 8: case 9:
        if (runs < CLIENTS) give(runs, server, world_random(3) * MS / 2);
        break;
    default:
        if (runs < CLIENTS) (void)act(runs, CALL_call, (const uint64_t[CALL_ARGUMENTS]){ TO + server });
        else if (is_server && world_random(8) == 0) look(runs);
        else if (runs == CLIENTS && world_random(4) == 0) (void)act(runs, CALL_call, (const uint64_t[CALL_ARGUMENTS]){ TO + 1 });
        else if (is_server) answer(runs);
        else pass(world_random(MS));
    }
    kernel_switch(nullptr);
    compare();
}

static void run(uint64_t seed)
{
    world_seed = seed;
    world_check_each = 8;
    world_begin();
    host_cycles_read = 0; /* time passes when a test says so */
    for (unsigned i = 0; i < THREADS; i++) space[i] = i < CLIENTS && i % CLIENTS_PER_SPACE != 0 ? space[i - 1] : world_space(i);
    for (unsigned i = 0; i < SERVERS; i++) endpoint_of[i] = world_endpoint(space[CLIENTS + i], SERVE, RIGHTS_ALL, 0);
    for (unsigned i = 0; i < THREADS; i++)
        for (unsigned k = 0; k < SERVERS; k++)
            if (i != CLIENTS + k && (i == 0 || space[i] != space[i - 1])) world_handle(space[i], TO + k, endpoint_of[k], RIGHT_CALL, i);
    for (unsigned i = 0; i < THREADS; i++) begin_thread(i);
    kernel_switch(nullptr);
    for (unsigned i = 0; i < 20'000; i++) step();
    world_end_all();
}

/* What is worth nothing if it has not happened. */
Test(budget_random, against_the_model)
{
    for (uint64_t seed = 1; seed <= 4; seed++) run(seed);
    cr_assert_gt(count_exhausted, 1000);
    cr_assert_gt(count_gifts_used, 100);
    cr_assert_gt(count_gifts_not_meant, 100);
    cr_assert_gt(count_from_purses, 1000);
    cr_assert_gt(count_lent, 1000);
    cr_assert_gt(count_periods, 1000);
    static const enum thread_state states[] = { THREAD_READY, THREAD_SENDING, THREAD_WAITING, THREAD_RECEIVING, THREAD_EXHAUSTED };
    for (unsigned i = 0; i < sizeof states / sizeof states[0]; i++) cr_assert_gt(count_ended[states[i]], 10, "ends in state %u", states[i]);
}
