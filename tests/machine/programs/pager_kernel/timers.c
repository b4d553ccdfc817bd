/* Timers of endpoints: bits after a time. */
#include "worker.h"

constexpr uint64_t MS = 1'000'000;
constexpr uint32_t OWN = HANDLE_FREE, OTHER = HANDLE_FREE + 1;

static uint64_t endpoint_make(uint32_t handle)
{
    uint64_t endpoint;
    kit_must(kernel_endpoint_create(&endpoint), "endpoint_create");
    kit_must(kernel_handle_map(kit_info->space, handle, endpoint, RIGHTS_ALL, 0), "handle_map");
    return endpoint;
}

/* Bits that have been set at the endpoint, or 0. */
static uint64_t bits_of(uint32_t handle, uint64_t flags)
{
    struct message message = {};
    enum status status = receive(handle, flags, &message);
    if (status != STATUS_WOULD_BLOCK) expect_status(status, STATUS_OK);
    return status == STATUS_OK ? message.word[0] : 0;
}

/* Lets a time pass, by the timer of OTHER. */
static void pass(uint64_t nanoseconds)
{
    kit_must(timer_set(OTHER, 1, nanoseconds), "timer_set");
    expect_equal(bits_of(OTHER, RECEIVE_WAIT), 1);
}

/* The host may let any time pass between two calls: whether a timer that was set for so many milliseconds after `begin` (cycles) may have come by now. */
static bool may_have_come(uint64_t begin, uint64_t milliseconds) { return kit_cycles() - begin >= kit_info->cycles_per_second / 1000 * milliseconds; }

void case_timers_once(void)
{
    uint64_t own = endpoint_make(OWN), other = endpoint_make(OTHER), bits;
    uint64_t begin = kit_cycles();
    expect_status(timer_set(OWN, 6, 2 * MS), STATUS_OK);
    expect_equal(bits_of(OWN, RECEIVE_WAIT), 6);
    expect(kit_cycles() - begin >= kit_info->cycles_per_second / 500);
    pass(5 * MS);
    expect_equal(bits_of(OWN, RECEIVE_DO_NOT_WAIT), 0); /* not again */

    begin = kit_cycles();
    expect_status(timer_set(OWN, 6, MS), STATUS_OK);
    expect_status(timer_set(OWN, 9, 3 * MS), STATUS_OK); /* the new one replaces it */
    bool is_late = may_have_come(begin, 1);
    pass(4 * MS);
    bits = bits_of(OWN, RECEIVE_DO_NOT_WAIT);
    expect_equal(is_late ? bits & 9 : bits, 9);

    begin = kit_cycles();
    expect_status(timer_set(OWN, 6, 3 * MS), STATUS_OK);
    expect_status(timer_set(OWN, 0, 0), STATUS_OK);
    is_late = may_have_come(begin, 3);
    expect_status(timer_set(OWN, 0, 0), STATUS_OK); /* not set: nothing happens */
    pass(4 * MS);
    bits = bits_of(OWN, RECEIVE_DO_NOT_WAIT);
    expect_equal(is_late ? bits & ~(uint64_t)6 : bits, 0);

    expect_status(timer_set(OWN, 6, 3 * MS), STATUS_OK); /* ends with its endpoint */
    kit_must(kernel_endpoint_destroy(own), "endpoint_destroy");
    pass(4 * MS);
    kit_must(kernel_endpoint_destroy(other), "endpoint_destroy");
}

void case_timers_arguments(void)
{
    uint64_t own = endpoint_make(OWN), other = endpoint_make(OTHER);
    static const struct { uint64_t bits, nanoseconds; enum status status; } rows[] = {
        { 1, UINT64_MAX, STATUS_BAD_ARGUMENT }, { 1, TIME_LIMIT_NANOSECONDS + 1, STATUS_BAD_ARGUMENT }, { 0, 1, STATUS_BAD_ARGUMENT },
        { UINT64_MAX, TIME_LIMIT_NANOSECONDS, STATUS_OK }, { 1, 1, STATUS_OK },
    };
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) expect_status(timer_set(OWN, rows[i].bits, rows[i].nanoseconds), rows[i].status);
    expect_equal(bits_of(OWN, RECEIVE_WAIT), 1); /* 1 ns, the last one */
    expect_status(timer_set(OWN, 4, 2 * MS), STATUS_OK);
    expect_status(timer_set(OWN, 1, UINT64_MAX), STATUS_BAD_ARGUMENT); /* refused: the one before goes on */
    expect_equal(bits_of(OWN, RECEIVE_WAIT), 4);
    expect_status(timer_set(HANDLE_NONE, 1, MS), STATUS_BAD_HANDLE);
    expect_status(timer_set(OTHER + 1, 1, MS), STATUS_BAD_HANDLE);
    for (uint64_t right = 1; right <= RIGHTS_ALL; right <<= 1) {
        kit_must(kernel_handle_map(kit_info->space, OWN, own, right, 0), "handle_map");
        expect_status(timer_set(OWN, 1, 0), right == RIGHT_RECEIVE ? STATUS_OK : STATUS_NO_RIGHT);
    }
    kit_must(kernel_endpoint_destroy(own), "endpoint_destroy");
    kit_must(kernel_endpoint_destroy(other), "endpoint_destroy");
}

/* Thousands at random times, half of them replaced, cancelled or ended before; each of the others sets its bits. */
void case_timers_many(void)
{
    constexpr unsigned many = 2000;
    static uint64_t endpoints[many];
    static bool is_due[many], is_late[many];
    struct random random = { 0x74696d6572 };
    uint64_t other = endpoint_make(OTHER);
    for (unsigned i = 0; i < many; i++) {
        endpoints[i] = endpoint_make(OWN);
        uint64_t begin = kit_cycles();
        kit_must(timer_set(OWN, i + 1, MS + random_below(&random, 40 * MS)), "timer_set");
        is_due[i] = i % 2 == 0 || random_below(&random, 2) == 0;
        if (is_due[i] && i % 3 == 0) kit_must(timer_set(OWN, i + 1, MS + random_below(&random, 40 * MS)), "timer_set");
        if (!is_due[i] && i % 3 != 0) kit_must(timer_set(OWN, 0, 0), "timer_set");
        is_late[i] = may_have_come(begin, 1);
        if (is_due[i] || i % 3 != 0) continue;
        kit_must(kernel_endpoint_destroy(endpoints[i]), "endpoint_destroy");
        endpoints[i] = 0;
    }
    case_check_sometimes();
    pass(42 * MS);
    for (unsigned i = 0; i < many; i++) {
        if (endpoints[i] == 0) continue;
        kit_must(kernel_handle_map(kit_info->space, OWN, endpoints[i], RIGHTS_ALL, 0), "handle_map");
        uint64_t bits = bits_of(OWN, RECEIVE_DO_NOT_WAIT);
        expect(bits == (is_due[i] ? i + 1 : 0) || (is_late[i] && bits == i + 1)); /* cancelled too late */
        kit_must(kernel_endpoint_destroy(endpoints[i]), "endpoint_destroy");
    }
    kit_must(kernel_endpoint_destroy(other), "endpoint_destroy");
}

/* Waiting alone for one time takes one setting of the hardware timer, or a few where it counts with less resolution than the clock. */
void case_timers_tickless(void)
{
    uint64_t other = endpoint_make(OTHER), before, after;
    kit_must(kernel_test_counter(COUNTER_TIMERS, &before), "test_counter");
    pass(50 * MS);
    kit_must(kernel_test_counter(COUNTER_TIMERS, &after), "test_counter");
    expect(after - before >= 1 && after - before <= 4);
    kit_must(kernel_endpoint_destroy(other), "endpoint_destroy");
}
