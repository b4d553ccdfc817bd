/* Process events: who is told of what, what is kept, and what it costs. */
#include "pager_fixture.h"

constexpr uint64_t BITS = 0x50;

static uint32_t endpoint;

static struct sim_reply watch(uint32_t number, uint64_t handle, uint64_t bits) { return sim_request(number, PROTOCOL_process_watch, handle, bits, 0); }
static struct sim_reply next(uint32_t number) { return sim_request(number, PROTOCOL_process_next_event, 0, 0, 0); }

static void begin(void)
{
    fixture_start();
    endpoint = (uint32_t)fixture_ok(sim_request(INIT, PROTOCOL_endpoint_create, 0, 0, 0));
    fixture_ok(watch(INIT, endpoint, BITS));
}

/* The bits that have come to the endpoint. */
static uint64_t bits_taken(void)
{
    struct pager_message message;
    return sim_receive(INIT, endpoint, &message) == STATUS_OK ? message.word[0] : 0;
}

static void expect_event(enum process_event kind, uint32_t number, enum process_end reason, uint64_t value)
{
    struct sim_reply reply = next(INIT);
    fixture_ok(reply);
    cr_assert_eq(reply.word[0], kind);
    cr_assert_eq(reply.word[1], number);
    cr_assert_eq(reply.word[2], GROUP_BIT | 0);
    cr_assert_eq(reply.word[3], reason);
    cr_assert_eq(reply.word[4], value);
}

Test(pager_watch, starts_and_ends_are_told)
{
    begin();
    uint32_t number;
    fixture_child(&number);
    cr_assert_eq(bits_taken(), BITS);
    expect_event(PROCESS_EVENT_STARTED, number, 0, 0);
    EXPECT(NOT_FOUND, next(INIT));
    cr_assert_eq(bits_taken(), 0);
    sim_request(number, PROTOCOL_exit, 5, 0, 0);
    cr_assert_eq(bits_taken(), BITS);
    expect_event(PROCESS_EVENT_ENDED, number, PROCESS_EXITED, 5);
    sim_touch(WX, 0x123450, FAULT_READ);
    expect_event(PROCESS_EVENT_ENDED, WX, PROCESS_BAD_ADDRESS, 0x123450);
    cr_assert_eq(memcmp(sim_text(INIT), "wx", 2), 0);
    EXPECT(NOT_FOUND, next(INIT));
    fixture_check();
}

Test(pager_watch, only_of_those_with_a_group_in_common)
{
    begin();
    struct sim_reply made = sim_request(WX, PROTOCOL_group_create, 0, 0, 0);
    uint32_t number;
    fixture_ok(sim_request_text(WX, PROTOCOL_process_start, made.word[0], "child", sizeof("child")));
    number = sim_pager.next_number;
    sim_request(number, PROTOCOL_exit, 0, 0, 0);
    cr_assert_eq(bits_taken(), 0);
    EXPECT(NOT_FOUND, next(INIT));
    /* A watcher that left is told of nothing more. */
    fixture_ok(sim_request(INIT, PROTOCOL_group_leave, GROUP_BIT | 0, 0, 0));
    sim_request(WX, PROTOCOL_exit, 0, 0, 0);
    EXPECT(NOT_FOUND, next(INIT));
    fixture_check();
}

Test(pager_watch, what_there_is_no_room_for_is_counted)
{
    begin();
    uint32_t first = 0;
    constexpr unsigned starts = WATCH_EVENTS / 2 + 3;
    for (unsigned i = 0; i < starts; i++) {
        uint32_t number;
        uint32_t handle = fixture_child(&number);
        if (i == 0) first = number;
        sim_request(number, PROTOCOL_exit, i, 0, 0);
        fixture_ok(sim_request(INIT, PROTOCOL_handle_close, handle, 0, 0));
    }
    fixture_check();
    for (unsigned i = 0; i < WATCH_EVENTS; i++) {
        struct sim_reply reply = next(INIT);
        fixture_ok(reply);
        cr_assert_eq(reply.word[1], first + i / 2);
        cr_assert_eq(reply.word[5], i + 1 == WATCH_EVENTS ? 6 : 0, "lost");
    }
    EXPECT(NOT_FOUND, next(INIT));
    uint32_t number;
    fixture_child(&number);
    expect_event(PROCESS_EVENT_STARTED, number, 0, 0);
    fixture_check();
}

Test(pager_watch, refusals)
{
    fixture_start();
    endpoint = (uint32_t)fixture_ok(sim_request(INIT, PROTOCOL_endpoint_create, 0, 0, 0));
    EXPECT(BAD_STATE, next(INIT));
    EXPECT(BAD_ARGUMENT, watch(INIT, endpoint, 0));
    EXPECT(BAD_HANDLE, watch(INIT, HANDLE_PAGER, 1));
    EXPECT(BAD_HANDLE, watch(INIT, 99, 1));
    fixture_ok(sim_request_text(INIT, PROTOCOL_name_publish, endpoint, "own", 3));
    uint64_t found = fixture_ok(sim_request_text(WX, PROTOCOL_name_find, 0, "own", 3));
    EXPECT(NO_RIGHT, watch(WX, found, 1));
    uint32_t number;
    EXPECT(NO_RIGHT, watch(INIT, fixture_child(&number), 1));
    uint64_t charge = process_charge(sim_process(INIT)), free = sim_free_frames();
    sim_fail_allocation(1);
    EXPECT(NO_MEMORY, watch(INIT, endpoint, 1));
    sim_fail_allocation(0);
    fixture_check();
    cr_assert(process_charge(sim_process(INIT)) == charge && sim_free_frames() == free);
    fixture_ok(watch(INIT, endpoint, 1));
    cr_assert_eq(process_charge(sim_process(INIT)), charge + 1);
    fixture_ok(watch(INIT, endpoint, 2));
    cr_assert_eq(process_charge(sim_process(INIT)), charge + 1);
    fixture_check();
    fixture_ok(watch(INIT, 0, 0));
    cr_assert(process_charge(sim_process(INIT)) == charge && sim_free_frames() == free);
    EXPECT(BAD_STATE, next(INIT));
    fixture_check();
}

Test(pager_watch, it_ends_with_its_endpoint)
{
    begin();
    uint32_t second = (uint32_t)fixture_ok(sim_request(INIT, PROTOCOL_endpoint_create, 0, 0, 0));
    fixture_ok(sim_request(INIT, PROTOCOL_handle_close, second, 0, 0));
    uint32_t number;
    fixture_child(&number);
    expect_event(PROCESS_EVENT_STARTED, number, 0, 0);
    fixture_ok(sim_request(INIT, PROTOCOL_handle_close, endpoint, 0, 0));
    EXPECT(BAD_STATE, next(INIT));
    sim_request(number, PROTOCOL_exit, 0, 0, 0);
    fixture_check();
}

Test(pager_watch, the_ledgers_checker_sees_what_is_broken)
{
    begin();
    struct watch *kept_watch = &sim_process(INIT)->watch;
    for (unsigned damage = 0; damage < 5; damage++) {
        struct watch kept = *kept_watch;
        fixture_check();
        switch (damage) {
        case 0: kept_watch->bits = 0; break;
        case 1: kept_watch->service_slot = 1; break;
        case 2: kept_watch->first = WATCH_EVENTS; break;
        case 3: kept_watch->count = WATCH_EVENTS + 1; break;
        default: kept_watch->ring = nullptr; break;
        }
        cr_assert_not_null(sim_check(), "damage %u", damage);
        *kept_watch = kept;
    }
    fixture_check();
}
