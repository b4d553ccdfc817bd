/* Who waits for whom: chains and circles, through names, ends, and calls in every state. */
#include "pager_fixture.h"

constexpr unsigned SERVERS = 4;
static uint32_t number[SERVERS], endpoint[SERVERS], to[SERVERS][SERVERS];

static uint32_t find(uint32_t who, const char *name) { return (uint32_t)fixture_ok(sim_request_text(who, PROTOCOL_name_find, 0, name, strlen(name))); }

/* Four children, each with an endpoint, and handles for the endpoints of all others. */
static void begin(void)
{
    fixture_start();
    for (unsigned i = 0; i < SERVERS; i++) {
        fixture_child(&number[i]);
        endpoint[i] = (uint32_t)fixture_ok(sim_request(number[i], PROTOCOL_endpoint_create, 0, 0, 0));
        char name[] = { (char)('a' + i), '\0' };
        fixture_ok(sim_request_text(number[i], PROTOCOL_name_publish, endpoint[i], name, 1));
    }
    for (unsigned i = 0; i < SERVERS; i++)
        for (unsigned k = 0; k < SERVERS; k++) to[i][k] = find(number[i], (char[]){ (char)('a' + k), '\0' });
    sim_log_clear();
}

static void calls(unsigned who, unsigned whom)
{
    uint64_t word[MESSAGE_WORDS] = { 0 };
    cr_assert_eq(sim_call(number[who], to[who][whom], tag_make(1, 0), word, nullptr, 0).outcome, SIM_WAITS);
}

static void receives(unsigned who)
{
    struct pager_message message;
    cr_assert_eq(sim_receive(number[who], endpoint[who], &message), STATUS_OK);
}

static void expect_report(uint64_t waiting, uint64_t deadlocks)
{
    struct sim_reply reply = sim_request(INIT, PROTOCOL_wait_report, 0, 0, 0);
    cr_assert_eq(fixture_ok(reply), waiting, "%lu wait\n%s", reply.word[0], sim_log());
    cr_assert_eq(reply.word[1], deadlocks, "%lu deadlocks\n%s", reply.word[1], sim_log());
    fixture_check();
}

static void expect_line(const char *format, uint32_t first, uint32_t second)
{
    char text[100];
    snprintf(text, sizeof(text), format, first, second);
    cr_assert(fixture_logged(text), "no line %s in\n%s", text, sim_log());
}

Test(pager_waits, nobody_waits)
{
    begin();
    expect_report(0, 0);
    cr_assert_not(fixture_logged("wait:"));
}

Test(pager_waits, chains_are_no_deadlock)
{
    begin();
    calls(0, 1);
    receives(1);
    calls(1, 2);
    calls(3, 1);
    cr_assert_eq(sim_request_text(WX, PROTOCOL_name_find, 1, "late", 4).outcome, SIM_WAITS);
    expect_report(4, 0);
    expect_line("wait: pid=%u name=child for=reply of=%u cycles=", number[0], number[1]);
    expect_line("wait: pid=%u name=child for=receive of=%u cycles=", number[1], number[2]);
    expect_line("wait: pid=%u name=child for=receive of=%u cycles=", number[3], number[1]);
    expect_line("wait: pid=%u name=wx for=name text=late", WX, 0);
    cr_assert_not(fixture_logged("deadlock"));
}

/* What was true at one look is nothing at the next: who waited for one that goes on waits in a circle now, and who waited has ended. */
Test(pager_waits, each_look_is_a_new_one)
{
    begin();
    calls(0, 1);
    calls(3, 1);
    expect_report(2, 0);
    struct pager_message message;
    cr_assert_eq(sim_receive(number[1], endpoint[1], &message), STATUS_OK);
    sim_reply_to(number[1], endpoint[1], &message);
    sim_end(number[3]);
    calls(0, 2);
    receives(2);
    calls(2, 0);
    expect_report(2, 1);
    expect_report(2, 1);
}

Test(pager_waits, circles_are_named)
{
    begin();
    calls(0, 1);
    receives(1);
    calls(1, 2);
    receives(2);
    calls(2, 0);
    calls(3, 0); /* waits for them, but is not one of them */
    expect_report(4, 1);
    char text[60];
    snprintf(text, sizeof(text), "wait: deadlock pids=%u,%u,%u\n", number[0], number[1], number[2]);
    cr_assert(fixture_logged(text), "%s", sim_log());
    sim_end(number[2]);
    expect_report(2, 0);
}

Test(pager_waits, two_circles_and_one_of_a_single_process)
{
    begin();
    calls(0, 1);
    calls(1, 0);
    calls(2, 3);
    calls(3, 3);
    expect_report(4, 2);
    expect_line("wait: deadlock pids=%u,%u\n", number[0], number[1]);
    expect_line("wait: deadlock pids=%u\n", number[3], 0);
}

Test(pager_waits, who_waits_for_an_end_can_be_in_a_circle)
{
    begin();
    uint32_t starter = number[0], child;
    uint64_t handle = fixture_ok(sim_request_text(starter, PROTOCOL_process_start, 0, "child", sizeof("child")));
    child = sim_pager.next_number;
    uint32_t back = find(child, "a");
    uint64_t word[MESSAGE_WORDS] = { 0 };
    cr_assert_eq(sim_call(starter, (uint32_t)handle, PROTOCOL_process_wait, word, nullptr, 0).outcome, SIM_WAITS);
    expect_report(1, 0);
    cr_assert_eq(sim_call(child, back, tag_make(1, 0), word, nullptr, 0).outcome, SIM_WAITS);
    expect_report(2, 1);
    expect_line("wait: pid=%u name=child for=end of=%u tid=1\n", starter, child);
    expect_line("wait: deadlock pids=%u,%u\n", starter, child);
}

Test(pager_waits, only_of_those_with_a_group_in_common)
{
    begin();
    calls(0, 1);
    calls(1, 0);
    struct sim_reply made = sim_request(INIT, PROTOCOL_group_create, 0, 0, 0);
    fixture_ok(made);
    fixture_ok(sim_request(INIT, PROTOCOL_group_leave, GROUP_BIT | 0, 0, 0));
    expect_report(0, 0);
    cr_assert_not(fixture_logged("wait:"));
}

/* What the timer brings: the first look sees the waits, the second one finds them still there. */
static void look(void)
{
    struct pager_message message = { .tag = TAG_NOTIFICATION, .word = { WAKE_FOR_WAITS } };
    struct pager_action action;
    sim_enter_pager();
    pager_handle(&sim_pager, &message, &action);
    sim_leave_pager();
}

Test(pager_waits, waits_that_last_are_reported)
{
    begin();
    cr_assert_eq(sim_request_text(WX, PROTOCOL_name_find, 1, "late", 4).outcome, SIM_WAITS);
    look();
    cr_assert_not(fixture_logged("wait:"));
    look();
    cr_assert(fixture_logged("wait: pid=2 name=wx for=name text=late"), "%s", sim_log());
    fixture_ok(sim_request_text(number[0], PROTOCOL_name_publish, (fixture_ok(sim_request(number[0], PROTOCOL_endpoint_create, 0, 0, 0))), "late", 4));
    sim_look(WX);
    sim_log_clear();
    look();
    look();
    cr_assert_not(fixture_logged("wait:"), "%s", sim_log());
    calls(0, 1);
    calls(1, 0);
    look();
    cr_assert_not(fixture_logged("wait:"), "%s", sim_log());
    look();
    cr_assert(fixture_logged("wait: deadlock pids="), "%s", sim_log());
    fixture_check();
}

Test(pager_waits, the_period_is_an_argument)
{
    static const struct { const char *text; uint64_t seconds; bool refused; } cases[] = {
        { "", 0, false }, { "waits=5", 5, false }, { "waits=0", 0, false }, { "waits=x", 0, true }, { "waits=86401", 0, true }, { "waits=86400", 86400, false },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint64_t before = sim_count_call(CALL_timer_set);
        sim_log_clear();
        fixture_start_with(&(struct sim_options){ .arguments = cases[i].text });
        cr_assert_eq(sim_pager.waits_seconds, cases[i].seconds, "%s", cases[i].text);
        cr_assert_eq(fixture_logged("argument refused key=waits"), cases[i].refused, "%s", cases[i].text);
        cr_assert_eq(sim_count_call(CALL_timer_set) - before, cases[i].seconds > 0);
    }
}
