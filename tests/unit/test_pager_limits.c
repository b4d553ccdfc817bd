/* Families that programs found: what they are given, what comes back, who may do what with them. */
#include "pager_fixture.h"

#include "thread.h"

struct terms {
    uint64_t guarantee, limit, processes_guarantee, processes_limit;
};

static void start_small(const char *arguments)
{
    fixture_start_with(&(struct sim_options){ .memory_bytes = 16 << 20, .arguments = arguments });
}

static struct family *family_of(uint32_t number) { return sim_process(number)->family; }

static struct sim_reply found(uint32_t number, struct terms terms)
{
    const uint64_t word[MESSAGE_WORDS] = { terms.guarantee, terms.limit, terms.processes_guarantee, terms.processes_limit };
    return sim_call(number, HANDLE_PAGER, tag_make(PROTOCOL_family_create, 0), word, nullptr, 0);
}

static struct sim_reply change(uint32_t number, uint64_t handle, struct terms terms)
{
    const uint64_t word[MESSAGE_WORDS] = { handle, terms.guarantee, terms.limit, terms.processes_guarantee, terms.processes_limit };
    return sim_call(number, HANDLE_PAGER, tag_make(PROTOCOL_family_limit, 0), word, nullptr, 0);
}

static struct sim_reply start_in(uint32_t number, uint64_t family)
{
    const uint64_t word[MESSAGE_WORDS] = { 0, family };
    return sim_call(number, HANDLE_PAGER, tag_make(PROTOCOL_process_start, sizeof("child")), word, "child", sizeof("child"));
}

static const struct terms usual = { 100, 300, 2, 5 };

/* A family of init's, with a process in it. */
static uint64_t family, handle;
static uint32_t member;
static void begin(const char *arguments)
{
    start_small(arguments);
    family = fixture_ok(found(INIT, usual));
    handle = fixture_ok(start_in(INIT, family));
    member = sim_pager.next_number;
}

/* What all families of a tree are guaranteed and may have. */
static void expect_sums(uint32_t root, uint64_t guarantee, uint64_t limit)
{
    uint64_t guarantees = 0, limits = 0;
    for (uint32_t i = 0; i < FAMILY_LIMIT; i++) {
        const struct family *row = &sim_pager.family[i];
        if (row->pages.pool == nullptr || row->root != root) continue;
        guarantees += row->pages.guarantee;
        limits += row->pages.limit;
    }
    cr_assert_eq(guarantees, guarantee, "%lu", guarantees);
    cr_assert_eq(limits, limit, "%lu", limits);
}

Test(pager_limits, what_a_family_gets_its_founder_gives)
{
    start_small("guarantee=400 limit=1000");
    family = fixture_ok(found(INIT, usual));
    const struct family *founded = &sim_pager.family[BOOT_MODULES];
    cr_assert_eq(founded->pages.guarantee, 100);
    cr_assert_eq(founded->pages.limit, 300);
    cr_assert_eq(founded->processes.guarantee, 2);
    cr_assert_eq(founded->processes.limit, 5);
    cr_assert_eq(family_of(INIT)->pages.guarantee, 300);
    cr_assert_eq(family_of(INIT)->pages.limit, 700);
    cr_assert_eq(family_of(INIT)->processes.guarantee, FAMILY_PROCESSES - 2);
    cr_assert_eq(family_of(INIT)->processes.limit, FAMILY_PROCESSES_MOST - 5);
    expect_sums(0, 400, 1000);
    fixture_check();
    EXPECT(OK, sim_request(INIT, PROTOCOL_handle_close, family, 0, 0));
    cr_assert_eq(family_of(INIT)->pages.guarantee, 400);
    cr_assert_eq(family_of(INIT)->pages.limit, 1000);
    cr_assert_eq(family_of(INIT)->processes.limit, FAMILY_PROCESSES_MOST);
    fixture_check();
}

Test(pager_limits, what_is_started_in_a_family_is_charged_to_it)
{
    begin("guarantee=400 limit=1000");
    uint64_t before = family_of(INIT)->pages.charged;
    cr_assert_eq(family_of(member), &sim_pager.family[BOOT_MODULES]);
    cr_assert_eq(family_of(member)->pages.charged, process_charge(sim_process(member)));
    fixture_ok(sim_request(member, PROTOCOL_brk, 150 * PAGE_BYTES, 0, 0));
    EXPECT(LIMIT, sim_request(member, PROTOCOL_brk, 200 * PAGE_BYTES, 0, 0));
    fixture_ok(start_in(member, 0)); /* of its own family */
    cr_assert_eq(family_of(sim_pager.next_number), family_of(member));
    cr_assert_eq(family_of(INIT)->pages.charged, before);
    cr_assert_eq(family_of(member)->processes.charged, 2);
    fixture_check();
}

/* The member and the handle keep it; with the last of both it is over. */
Test(pager_limits, it_lasts_as_long_as_somebody_is_in_it_or_may_come)
{
    begin("guarantee=400 limit=1000");
    EXPECT(OK, sim_request(INIT, PROTOCOL_handle_close, family, 0, 0));
    expect_sums(0, 400, 1000);
    cr_assert_eq(family_of(member)->pages.limit, 300);
    sim_request(member, PROTOCOL_exit, 0, 0, 0);
    cr_assert_eq(family_of(INIT)->pages.limit, 700); /* its record is there as long as init may ask */
    EXPECT(OK, sim_request(INIT, PROTOCOL_handle_close, handle, 0, 0));
    cr_assert_eq(family_of(INIT)->pages.limit, 1000);
    cr_assert_eq(family_of(INIT)->pages.guarantee, 400);
    fixture_check();
    cr_assert_eq(fixture_ok(found(INIT, usual)) != 0, true);
    cr_assert(!family_is_free(&sim_pager, &sim_pager.family[BOOT_MODULES])); /* the same row */
    fixture_check();
}

Test(pager_limits, wrong_terms_change_nothing)
{
    start_small("guarantee=400 limit=1000");
    static const struct { struct terms terms; enum status status; } cases[] = {
        { { 301, 300, 2, 5 }, STATUS_BAD_ARGUMENT },    { { 100, 300, 6, 5 }, STATUS_BAD_ARGUMENT },  { { 0, 0, 0, 1 }, STATUS_BAD_ARGUMENT },
        { { 0, 10, 0, 0 }, STATUS_BAD_ARGUMENT },       { { 401, 500, 0, 1 }, STATUS_LIMIT },         { { 0, 1001, 0, 1 }, STATUS_LIMIT },
        { { 0, 601, 0, 1 }, STATUS_LIMIT },             { { 0, UINT64_MAX, 0, 1 }, STATUS_LIMIT },    { { UINT64_MAX, UINT64_MAX, 0, 1 }, STATUS_LIMIT },
        { { 0, 10, 17, 20 }, STATUS_LIMIT },            { { 0, 10, 0, 257 }, STATUS_LIMIT },          { { 0, 10, 0, 241 }, STATUS_LIMIT },
        { { 0, 10, 0, UINT64_MAX }, STATUS_LIMIT },     { { 0, 600, 0, 1 }, STATUS_OK },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct sim_reply reply = found(INIT, cases[i].terms);
        cr_assert_eq(reply.label, cases[i].status, "%zu: %s", i, status_name(reply.label));
        expect_sums(0, 400, 1000);
        fixture_check();
    }
}

/* What has been used of a guarantee can be promised again only out of what is spare. */
Test(pager_limits, what_is_promised_must_be_there)
{
    start_small("guarantee=400");
    fixture_ok(sim_request(INIT, PROTOCOL_endpoint_create, 0, 0, 0)); /* a page for handles is there */
    while (sim_request(INIT, PROTOCOL_brk, 16 * PAGE_BYTES, 0, 0).label == STATUS_OK) {}
    while (sim_request(WX, PROTOCOL_brk, PAGE_BYTES, 0, 0).label == STATUS_OK) {}
    cr_assert_lt(sim_pager.pages.spare, 20);
    EXPECT(NO_MEMORY, found(INIT, (struct terms){ 100, 200, 0, 1 }));
    fixture_check();
    fixture_ok(found(INIT, (struct terms){ 0, 200, 0, 1 }));
    fixture_check();
}

Test(pager_limits, terms_may_change_later)
{
    begin("guarantee=400 limit=1000");
    uint64_t charged = family_of(member)->pages.charged;
    EXPECT(OK, change(INIT, family, (struct terms){ 200, 400, 3, 6 }));
    cr_assert_eq(family_of(member)->pages.guarantee, 200);
    cr_assert_eq(family_of(INIT)->pages.guarantee, 200);
    cr_assert_eq(family_of(INIT)->processes.limit, FAMILY_PROCESSES_MOST - 6);
    EXPECT(LIMIT, change(INIT, family, (struct terms){ 0, charged - 1, 0, 1 }));
    EXPECT(LIMIT, change(INIT, family, (struct terms){ 401, 401, 0, 1 }));
    EXPECT(BAD_ARGUMENT, change(INIT, family, (struct terms){ 2, 1, 0, 1 }));
    EXPECT(BAD_ARGUMENT, change(INIT, family, (struct terms){ 1, 400, 0, 0 }));
    EXPECT(OK, change(INIT, family, (struct terms){ 0, charged, 0, 1 }));
    EXPECT(LIMIT, sim_request(member, PROTOCOL_brk, PAGE_BYTES, 0, 0));
    expect_sums(0, 400, 1000);
    fixture_check();
}

Test(pager_limits, rights)
{
    begin("guarantee=400 limit=1000");
    uint64_t passed = fixture_ok(sim_request(INIT, PROTOCOL_handle_pass, family, RIGHT_CALL, handle));
    fixture_ok(start_in(member, passed));
    EXPECT(NO_RIGHT, change(member, passed, usual));
    uint64_t looking = fixture_ok(sim_request(INIT, PROTOCOL_handle_pass, family, RIGHT_NOTIFY, handle));
    EXPECT(NO_RIGHT, start_in(member, looking));
    struct sim_reply info = sim_request(member, PROTOCOL_family_info, looking, 0, 0);
    fixture_ok(info);
    cr_assert_eq(info.word[0], family_of(member)->pages.charged);
    cr_assert_eq(info.word[1], 100);
    cr_assert_eq(info.word[2], 300);
    cr_assert_eq(info.word[3], 2);
    cr_assert_eq(info.word[4], 2);
    cr_assert_eq(info.word[5], 5);
    EXPECT(NO_RIGHT, sim_request(INIT, PROTOCOL_handle_pass, family, RIGHTS_ALL, handle));
    EXPECT(BAD_OBJECT, sim_request(INIT, PROTOCOL_family_info, handle, 0, 0));
    EXPECT(BAD_OBJECT, start_in(INIT, handle));
    EXPECT(BAD_OBJECT, change(INIT, handle, usual));
    EXPECT(BAD_OBJECT, sim_request(INIT, PROTOCOL_group_join, family, 0, 0));
    EXPECT(BAD_OBJECT, sim_request(INIT, PROTOCOL_handle_pass, handle, RIGHT_CALL, family));
    EXPECT(BAD_HANDLE, start_in(INIT, 77));
    EXPECT(BAD_HANDLE, sim_request(INIT, PROTOCOL_family_info, UINT64_MAX, 0, 0));
    fixture_ok(sim_request(INIT, PROTOCOL_handle_revoke, family, 0, 0));
    EXPECT(STALE, start_in(member, passed));
    EXPECT(STALE, sim_request(member, PROTOCOL_family_info, looking, 0, 0));
    const uint64_t word[MESSAGE_WORDS] = { 0 };
    struct sim_reply called = sim_call(INIT, (uint32_t)family, tag_make(1, 0), word, nullptr, 0);
    cr_assert_eq(called.call, STATUS_BAD_OBJECT, "%s", status_name(called.call));
    fixture_check();
}

/* One in another: the inner one's founder ends first, and the outer one's founder has its place. */
Test(pager_limits, a_founder_may_end_first)
{
    begin("guarantee=400 limit=1000");
    uint64_t inner = fixture_ok(found(member, (struct terms){ 50, 100, 1, 2 }));
    fixture_ok(start_in(member, inner));
    uint32_t last = sim_pager.next_number;
    cr_assert_eq(family_of(last)->parent, BOOT_MODULES);
    cr_assert_eq(family_of(member)->pages.guarantee, 50);
    cr_assert_eq(family_of(member)->pages.limit, 200);
    EXPECT(OK, sim_request(INIT, PROTOCOL_handle_close, family, 0, 0));
    sim_request(member, PROTOCOL_exit, 0, 0, 0);
    EXPECT(OK, sim_request(INIT, PROTOCOL_handle_close, handle, 0, 0));
    cr_assert_eq(family_of(last)->parent, 0);
    cr_assert_eq(family_of(INIT)->pages.guarantee, 350);
    cr_assert_eq(family_of(INIT)->pages.limit, 900);
    expect_sums(0, 400, 1000);
    fixture_check();
    sim_request(last, PROTOCOL_exit, 0, 0, 0);
    cr_assert_eq(family_of(INIT)->pages.limit, 1000);
    fixture_check();
}

/* With the whole family of the boot gone, what was founded below it keeps what it has, and leaves it to nobody. */
Test(pager_limits, a_family_of_the_boot_may_end_first)
{
    begin("guarantee=400 limit=1000");
    sim_request(INIT, PROTOCOL_exit, 0, 0, 0);
    cr_assert_eq(family_of(member)->parent, FAMILY_NONE);
    cr_assert_eq(sim_pager.family[0].pages.guarantee, 0);
    fixture_check();
    fixture_ok(sim_request(member, PROTOCOL_brk, 150 * PAGE_BYTES, 0, 0));
    uint64_t inner = fixture_ok(found(member, (struct terms){ 20, 50, 1, 2 }));
    fixture_ok(start_in(member, inner));
    uint32_t last = sim_pager.next_number;
    sim_request(member, PROTOCOL_exit, 0, 0, 0);
    cr_assert_eq(family_of(last)->parent, FAMILY_NONE);
    fixture_check();
    sim_request(last, PROTOCOL_exit, 0, 0, 0);
    sim_request(WX, PROTOCOL_exit, 0, 0, 0);
    cr_assert_eq(pool_free(&sim_pager.pages), sim_pager.pages.all);
    cr_assert_eq(sim_pager.pages.promised, 0);
}

/* What it gave away it pays for after its end, and the limit goes back page by page. */
Test(pager_limits, what_was_given_away_goes_back_later)
{
    begin("guarantee=400 limit=1000");
    uint64_t first = fixture_ok(sim_request(member, PROTOCOL_map, 20 * PAGE_BYTES, PROTECTION_WRITE, 0));
    for (unsigned i = 0; i < 20; i++) cr_assert_not_null(sim_touch(member, first + i * PAGE_BYTES, FAULT_WRITE));
    uint64_t endpoint = fixture_ok(sim_request(INIT, PROTOCOL_endpoint_create, 0, 0, 0));
    uint64_t to_init = fixture_ok(sim_request(INIT, PROTOCOL_handle_pass, endpoint, RIGHT_CALL, handle));
    uint64_t there = fixture_ok(sim_request(member, PROTOCOL_segment_move, first, 20 * PAGE_BYTES, to_init));
    EXPECT(OK, sim_request(INIT, PROTOCOL_handle_close, family, 0, 0));
    sim_request(member, PROTOCOL_exit, 0, 0, 0);
    EXPECT(OK, sim_request(INIT, PROTOCOL_handle_close, handle, 0, 0));
    struct family *ended = &sim_pager.family[BOOT_MODULES];
    cr_assert_eq(ended->pages.charged, 20 + SEGMENT_LEVELS);
    cr_assert_eq(ended->pages.limit, 20 + SEGMENT_LEVELS);
    cr_assert_eq(family_of(INIT)->pages.limit, 1000 - 20 - SEGMENT_LEVELS);
    cr_assert_eq(family_of(INIT)->pages.guarantee, 400);
    cr_assert_not(family_is_free(&sim_pager, ended));
    fixture_check();
    EXPECT(OK, sim_request(INIT, PROTOCOL_unmap, there, 15 * PAGE_BYTES, 0));
    cr_assert_eq(ended->pages.limit, 5 + SEGMENT_LEVELS);
    expect_sums(0, 400, 1000);
    fixture_check();
    EXPECT(OK, sim_request(INIT, PROTOCOL_unmap, there + 15 * PAGE_BYTES, 5 * PAGE_BYTES, 0));
    cr_assert(family_is_free(&sim_pager, ended));
    cr_assert_eq(family_of(INIT)->pages.limit, 1000);
    fixture_check();
}

/* Each program of the boot has its part of the rows, whatever another one founds. */
Test(pager_limits, rows_are_shared_out)
{
    fixture_start();
    uint32_t each = family_rows_each(&sim_pager);
    cr_assert_eq(each, (FAMILY_LIMIT - BOOT_MODULES) / 2);
    for (uint32_t number = INIT; number <= WX; number++) {
        for (uint32_t i = 0; i < each; i++) fixture_ok(found(number, (struct terms){ 1, 4, 0, 1 }));
        EXPECT(LIMIT, found(number, (struct terms){ 1, 4, 0, 1 }));
    }
    fixture_check();
    sim_request(WX, PROTOCOL_exit, 0, 0, 0);
    EXPECT(LIMIT, found(INIT, (struct terms){ 1, 4, 0, 1 }));
    fixture_check();
}

Test(pager_limits, nested_as_deep_as_there_are_rows)
{
    fixture_start();
    uint32_t number = INIT;
    uint32_t each = family_rows_each(&sim_pager);
    for (uint32_t i = 0; i < each; i++) {
        uint64_t inner = fixture_ok(found(number, (struct terms){ 0, 4000 - 60 * i, 0, 200 - 2 * i }));
        fixture_ok(start_in(number, inner));
        number = sim_pager.next_number;
    }
    EXPECT(LIMIT, found(number, (struct terms){ 0, 10, 0, 1 }));
    fixture_check();
    for (uint32_t i = 0; i < each; i += 2) sim_end(INIT + 2 + i); /* every other one */
    fixture_check();
    for (uint32_t i = 1; i < each; i += 2) sim_end(INIT + 2 + i);
    fixture_check();
    sim_end(INIT);
    fixture_check();
}

/* The k-th allocation fails: nothing has changed. */
Test(pager_limits, founding_without_memory)
{
    for (uint64_t k = 1;; k++) {
        start_small("guarantee=400 limit=1000");
        fixture_fill_handles(INIT);
        if (!FAILS_AT(k, found(INIT, usual))) {
            cr_assert_gt(k, 1);
            break;
        }
        expect_sums(0, 400, 1000);
        cr_assert_eq(family_of(INIT)->pages.limit, 1000);
    }
}

/* --- Time --- */

constexpr uint64_t MS = 1'000'000;

static struct sim_reply limit_time(uint64_t which, uint64_t nanoseconds, uint64_t period)
{
    return sim_request(INIT, PROTOCOL_family_time, which, nanoseconds, period);
}

static const struct budget *budget_of(thread_id_t thread) { return &thread_find(thread.number)->budget; }

Test(pager_limits, members_pay_from_one_account)
{
    start_small("guarantee=400 limit=1000");
    family = fixture_ok(found(INIT, usual));
    uint64_t charged = sim_pager.family[BOOT_MODULES].pages.charged;
    fixture_ok(limit_time(family, 3 * MS, 10 * MS));
    cr_assert_eq(sim_pager.family[BOOT_MODULES].pages.charged, charged + PURSE_PAGES);
    fixture_check();
    fixture_ok(start_in(INIT, family));
    member = sim_pager.next_number;
    fixture_ok(start_in(member, 0)); /* of its own family */
    const struct process *one = sim_process(member), *other = sim_process(member + 1);
    fixture_ok(sim_request(member, PROTOCOL_thread_create, LAYOUT_IMAGE_FIRST, 0x1000, 0));
    const struct thread *purse = thread_find(one->family->time.purse.number);
    cr_assert_eq(purse->budget.capacity, arch_nanoseconds_to_cycles(3 * MS));
    cr_assert_eq(budget_of(one->first.thread)->purse, purse->account);
    cr_assert_eq(budget_of(other->first.thread)->purse, purse->account);
    cr_assert_eq(budget_of(process_thread_at(one, 1)->thread)->purse, purse->account);
    cr_assert_eq(budget_of(sim_process(INIT)->first.thread)->purse, 0);
    EXPECT(LIMIT, found(member, (struct terms){ 0, 50, 0, 1 }));
    fixture_ok(limit_time(family, TIME_UNLIMITED, 10 * MS));
    cr_assert_eq(purse->budget.capacity, TIME_UNLIMITED);
    fixture_ok(limit_time(family, 0, 10 * MS));
    cr_assert_eq(purse->budget.capacity, 0);
    fixture_check();
}

Test(pager_limits, what_a_family_used)
{
    begin("guarantee=400 limit=1000");
    struct sim_reply clock = sim_request(member, PROTOCOL_family_clock, 0, 0, 0);
    fixture_ok(clock);
    cr_assert_eq(clock.word[0], TIME_UNLIMITED);
    cr_assert_eq(clock.word[3], TIME_UNLIMITED);
    uint64_t limited = fixture_ok(found(INIT, (struct terms){ 0, 100, 0, 1 }));
    fixture_ok(limit_time(limited, 3 * MS, 10 * MS));
    clock = sim_request(INIT, PROTOCOL_family_clock, limited, 0, 0);
    fixture_ok(clock);
    cr_assert_eq(clock.word[0], 3 * MS);
    cr_assert_eq(clock.word[1], 10 * MS);
    cr_assert_eq(clock.word[2], 0);
    cr_assert_eq(clock.word[3], arch_nanoseconds_to_cycles(3 * MS));
    EXPECT(BAD_HANDLE, sim_request(INIT, PROTOCOL_family_clock, 7777, 0, 0));
    EXPECT(BAD_OBJECT, sim_request(INIT, PROTOCOL_family_clock, handle, 0, 0));
}

Test(pager_limits, wrong_limits_of_time)
{
    begin("guarantee=400 limit=1000");
    EXPECT(BAD_STATE, limit_time(family, MS, 10 * MS)); /* somebody is in it */
    uint64_t empty = fixture_ok(found(INIT, (struct terms){ 0, 1, 0, 1 }));
    EXPECT(BAD_ARGUMENT, limit_time(empty, 0, 0));
    EXPECT(BAD_ARGUMENT, limit_time(empty, 0, TIME_PERIOD_LEAST - 1));
    EXPECT(BAD_ARGUMENT, limit_time(empty, 0, TIME_PERIOD_MOST + 1));
    EXPECT(BAD_ARGUMENT, limit_time(empty, 10 * MS + 1, 10 * MS));
    EXPECT(BAD_ARGUMENT, limit_time(empty, TIME_UNLIMITED - 1, 10 * MS));
    EXPECT(BAD_HANDLE, limit_time(7777, MS, 10 * MS));
    EXPECT(BAD_OBJECT, limit_time(handle, MS, 10 * MS));
    uint64_t copy = fixture_ok(sim_request(INIT, PROTOCOL_handle_duplicate, empty, RIGHT_CALL, 0));
    EXPECT(NO_RIGHT, limit_time(copy, MS, 10 * MS));
    fixture_ok(limit_time(empty, MS, 10 * MS));
    cr_assert_eq(sim_pager.family[BOOT_MODULES + 1].pages.charged, 1);
    EXPECT(OK, sim_request(INIT, PROTOCOL_handle_close, empty, 0, 0)); /* the copy holds it */
    cr_assert_neq(sim_pager.family[BOOT_MODULES + 1].time.purse.number, 0);
    EXPECT(OK, sim_request(INIT, PROTOCOL_handle_close, copy, 0, 0));
    cr_assert_eq(sim_pager.family[BOOT_MODULES + 1].time.purse.number, 0);
    expect_sums(0, 400, 1000);
    fixture_check();
}

Test(pager_limits, limiting_time_without_memory)
{
    for (uint64_t k = 1;; k++) {
        start_small("guarantee=400 limit=1000");
        family = fixture_ok(found(INIT, usual));
        if (!FAILS_AT(k, limit_time(family, MS, 10 * MS))) {
            cr_assert_gt(k, 1);
            break;
        }
        cr_assert_eq(sim_pager.family[BOOT_MODULES].pages.charged, 0);
    }
}

Test(pager_limits, what_there_is_of_memory)
{
    begin("guarantee=400 limit=1000");
    struct sim_reply info = sim_request(member, PROTOCOL_memory_info, 0, 0, 0);
    fixture_ok(info);
    const struct quota *quota = &family_of(member)->pages;
    cr_assert_eq(info.word[0], quota->limit - quota->charged);
    cr_assert_eq(info.word[1], quota->charged);
    cr_assert_eq(info.word[2], 100);
    cr_assert_eq(info.word[3], 300);
    cr_assert_eq(info.word[4], pool_free(&sim_pager.pages));
    cr_assert_eq(info.word[5], sim_pager.pages.promised);
    fixture_ok(fixture_whole(member, PROTOCOL_brk, (info.word[0] - SEGMENT_LEVELS) * PAGE_BYTES, 0, 0));
    EXPECT(LIMIT, sim_request(member, PROTOCOL_brk, PAGE_BYTES, 0, 0));
    start_small("");
    info = sim_request(INIT, PROTOCOL_memory_info, 0, 0, 0);
    cr_assert_eq(info.word[0], family_of(INIT)->pages.guarantee - family_of(INIT)->pages.charged + sim_pager.pages.spare);
    struct sim_reply own = sim_request(INIT, PROTOCOL_family_info, 0, 0, 0);
    cr_assert_eq(own.word[0], info.word[1]);
    cr_assert_eq(own.word[1], info.word[2]);
    cr_assert_eq(own.word[2], info.word[3]);
    cr_assert_eq(own.word[3], 1);
    cr_assert_eq(own.word[4], FAMILY_PROCESSES);
    cr_assert_eq(own.word[5], FAMILY_PROCESSES_MOST);
}
