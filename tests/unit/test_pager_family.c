/* Families: what is charged, what is guaranteed while another family takes all it can, and what is refused with which status. */
#include "pager_fixture.h"

static struct quota *pages_quota(uint32_t number) { return &sim_process(number)->family->pages; }
static uint64_t charged(uint32_t number) { return pages_quota(number)->charged; }
static uint64_t guarantee(uint32_t number) { return pages_quota(number)->guarantee; }

/* The sum over a family, by counting. */
static uint64_t counted(uint32_t number)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < PROCESS_LIMIT; i++) {
        const struct process *process = sim_pager.process[i];
        if (process != nullptr && process->family == sim_process(number)->family) sum += process_charge(process);
    }
    return sum;
}

static void start_small(const char *arguments)
{
    fixture_start_with(&(struct sim_options){ .memory_bytes = 16 << 20, .arguments = arguments });
}

/* Moves by less and less until not even a page is to be had. */
static void take_by(uint32_t number, enum protocol label)
{
    for (uint64_t delta = 4 << 20; delta >= PAGE_BYTES; delta /= 2)
        while (sim_request(number, label, delta, 0, 0).label == STATUS_OK) {}
}

static void hog_brk(uint32_t number) { take_by(number, PROTOCOL_brk); }
static void hog_autogen(uint32_t number) { take_by(number, PROTOCOL_autogen_move); }

static void hog_processes(uint32_t number)
{
    while (sim_request_text(number, PROTOCOL_process_start, 0, "child", sizeof("child")).label == STATUS_OK) {}
    hog_brk(number);
}

static void hog_endpoints(uint32_t number)
{
    while (sim_request(number, PROTOCOL_endpoint_create, 0, 0, 0).label == STATUS_OK) {}
    hog_brk(number);
}

static void hog_segments(uint32_t number)
{
    fixture_ok(sim_request(number, PROTOCOL_autogen_move, PAGE_BYTES, 0, 0)); /* its row, before there is none left */
    for (uint64_t i = 0; sim_request(number, PROTOCOL_map, PAGE_BYTES, i % 2 == 0 ? PROTECTION_WRITE : PROTECTION_READ, 0).label == STATUS_OK; i++) {}
    hog_autogen(number);
}

/* Sparse touches need a page table each: the hog ends at one of them, its children stay with all they have. */
static void hog_tables(uint32_t number)
{
    uint32_t child = 0;
    fixture_ok(sim_request(number, PROTOCOL_brk, PAGE_BYTES, 0, 0)); /* the first page needs tables, which may be more than there is at the end */
    fixture_ok(sim_request_text(number, PROTOCOL_process_start, 0, "child", sizeof("child")));
    child = sim_pager.next_number;
    uint64_t first = fixture_ok(sim_request(child, PROTOCOL_map, (uint64_t)60 << 30, PROTECTION_WRITE, 0));
    for (uint64_t at = first; sim_process(child)->state == PROCESS_RUNNING && pages_quota(number)->pool->spare > 4;
         at += (uint64_t)2 << 20)
        cr_assert_not_null(sim_touch(child, at, FAULT_WRITE));
    hog_brk(number);
}

static void (*const hogs[])(uint32_t) = { hog_brk, hog_autogen, hog_processes, hog_endpoints, hog_segments, hog_tables };

/* Stack and break of a program grow page by page until the guarantee is used up. */
static void uses_its_guarantee(uint32_t number)
{
    uint64_t stack = LAYOUT_STACK_TOP - 8;
    while (charged(number) + 2 + 2 * SEGMENT_LEVELS <= guarantee(number)) {
        uint8_t *touched = sim_touch(number, stack, FAULT_WRITE);
        cr_assert_not_null(touched, "charged %lu of %lu\n%s", charged(number), guarantee(number), sim_log());
        fixture_ok(sim_request(number, PROTOCOL_brk, PAGE_BYTES, 0, 0));
        stack -= PAGE_BYTES;
    }
}

Test(pager_family, a_guarantee_holds_whatever_another_family_takes)
{
    for (size_t i = 0; i < sizeof(hogs) / sizeof(hogs[0]); i++) {
        start_small("");
        uint64_t before = charged(INIT);
        cr_assert_gt(guarantee(INIT), before + 50);
        hogs[i](WX);
        cr_assert_eq(charged(INIT), before);
        fixture_check();
        cr_assert_eq(sim_pager.pages.spare, 0, "hog %zu has left %lu", i, sim_pager.pages.spare);
        uses_its_guarantee(INIT);
        fixture_check();
    }
}

Test(pager_family, what_is_beyond_the_guarantee_is_refused_when_all_is_taken)
{
    start_small("");
    hog_brk(WX);
    uint64_t lacks = guarantee(INIT) - charged(INIT);
    EXPECT(NO_MEMORY, sim_request(INIT, PROTOCOL_brk, lacks * PAGE_BYTES, 0, 0)); /* with its tables it is more */
    fixture_ok(fixture_whole(INIT, PROTOCOL_brk, (lacks - SEGMENT_LEVELS) * PAGE_BYTES, 0, 0));
    EXPECT(NO_MEMORY, sim_request(INIT, PROTOCOL_brk, PAGE_BYTES, 0, 0));
    EXPECT(NO_MEMORY, sim_request(INIT, PROTOCOL_endpoint_create, 0, 0, 0));
    EXPECT(NO_MEMORY, sim_request_text(INIT, PROTOCOL_process_start, 0, "child", sizeof("child")));
    fixture_check();
    cr_assert_null(sim_touch(INIT, LAYOUT_STACK_TOP - 8, FAULT_WRITE));
    cr_assert(fixture_logged("pid=1 name=init reason=out-of-memory"), "%s", sim_log());
    fixture_check();
}

Test(pager_family, one_alone_may_have_all_but_the_promises)
{
    start_small("");
    hog_brk(WX);
    cr_assert_gt(charged(WX), guarantee(WX) * 3);
    cr_assert_eq(sim_pager.pages.promised, guarantee(INIT) - charged(INIT));
    sim_request(WX, PROTOCOL_exit, 0, 0, 0);
    cr_assert_eq(sim_pager.family[2].pages.charged, 0);
    fixture_check();
    hog_brk(INIT); /* with the family its guarantee has ended */
    cr_assert_eq(pool_free(&sim_pager.pages), 0);
    fixture_check();
}

Test(pager_family, children_are_of_their_parents_family)
{
    fixture_start();
    uint32_t child;
    uint64_t before = charged(INIT);
    fixture_child(&child);
    cr_assert_eq(sim_process(child)->family, sim_process(INIT)->family);
    cr_assert_neq(sim_process(WX)->family, sim_process(INIT)->family);
    fixture_ok(sim_request_text(child, PROTOCOL_process_start, 0, "child", sizeof("child")));
    uint32_t grandchild = sim_pager.next_number;
    cr_assert_eq(sim_process(grandchild)->family, sim_process(INIT)->family);
    cr_assert_eq(charged(INIT), counted(INIT));
    sim_request(child, PROTOCOL_exit, 0, 0, 0);
    cr_assert_eq(sim_process(INIT)->family->processes.charged, 3); /* an ended one has its slot as long as somebody may ask */
    fixture_ok(sim_request(grandchild, PROTOCOL_brk, 100 * PAGE_BYTES, 0, 0));
    cr_assert_gt(charged(INIT), before + 100);
    cr_assert_eq(charged(INIT), counted(INIT));
    fixture_check();
}

Test(pager_family, limit_caps_each_family)
{
    start_small("guarantee=100 limit=300");
    cr_assert_eq(guarantee(INIT), 100);
    uint64_t room = 300 - charged(WX);
    EXPECT(LIMIT, sim_request(WX, PROTOCOL_brk, (room + 1) * PAGE_BYTES, 0, 0));
    EXPECT(LIMIT, sim_request(WX, PROTOCOL_autogen_move, (room + 1) * PAGE_BYTES, 0, 0));
    hog_autogen(WX);
    EXPECT(LIMIT, sim_request(WX, PROTOCOL_endpoint_create, 0, 0, 0));
    EXPECT(LIMIT, sim_request_text(WX, PROTOCOL_process_start, 0, "child", sizeof("child")));
    cr_assert_leq(charged(WX), 300);
    fixture_check();
    cr_assert_null(sim_touch(WX, LAYOUT_STACK_TOP - 8, FAULT_WRITE));
    cr_assert(fixture_logged("pid=2 name=wx reason=out-of-memory"));
    hog_brk(INIT);
    cr_assert_gt(charged(INIT), 290);
    fixture_check();
}

Test(pager_family, arguments_are_read)
{
    start_small("guarantee=much limit=");
    cr_assert(fixture_logged("pager: argument refused key=guarantee value=much"), "%s", sim_log());
    cr_assert(fixture_logged("pager: argument refused key=limit value="));
    cr_assert_geq(guarantee(INIT), FAMILY_LEAST_PAGES);
    cr_assert_eq(pages_quota(INIT)->limit, UINT64_MAX);
    start_small("guarantee=0");
    cr_assert_eq(guarantee(INIT), 0);
    start_small("guarantee=500 limit=200");
    cr_assert_eq(guarantee(INIT), 200);
}

Test(pager_family, a_program_whose_guarantee_is_not_there_is_refused)
{
    start_small("guarantee=2200");
    cr_assert(fixture_logged("process: started pid=1 name=init"));
    cr_assert(fixture_logged("process: not started name=wx status=NO_MEMORY"), "%s", sim_log());
    fixture_check();
    sim_request(INIT, PROTOCOL_exit, 0, 0, 0);
    cr_assert_eq(sim_pager.pages.promised, 0);
}

/* What the lines of two programs say. */
static void start_named(const char *one, const char *other, const char *arguments)
{
    sim_image_make(&fixture_image, &fixture_shape);
    struct sim_module modules[] = {
        { one, fixture_image.bytes, fixture_image.size_bytes }, { other, fixture_image.bytes, fixture_image.size_bytes },
        { "image:child", fixture_image.bytes, fixture_image.size_bytes },
    };
    sim_start(&(struct sim_options){ .memory_bytes = 16 << 20, .arguments = arguments }, modules, 3);
    fixture_check();
}

static void expect_terms(uint32_t number, uint64_t guaranteed, uint64_t limit, uint64_t processes)
{
    cr_assert_eq(guarantee(number), guaranteed, "%lu", guarantee(number));
    cr_assert_eq(pages_quota(number)->limit, limit, "%lu", pages_quota(number)->limit);
    cr_assert_eq(sim_process(number)->family->processes.limit, processes);
}

Test(pager_family, a_line_names_guarantee_and_limits)
{
    start_named("program,guarantee=300,limit=500,processes=3:one", "other", nullptr);
    expect_terms(1, 300, 500, 3);
    uint64_t rest = sim_pager.pages.all - 300;
    expect_terms(2, rest / 4, UINT64_MAX, FAMILY_PROCESSES_MOST); /* its share of what nobody has named */
    cr_assert(fixture_logged("pager: family named name=one guarantee=300 limit=500 processes=3"), "%s", sim_log());
    cr_assert_not(fixture_logged("family named name=other"));
    hog_brk(1);
    EXPECT(LIMIT, sim_request(1, PROTOCOL_brk, PAGE_BYTES, 0, 0));
    cr_assert(charged(1) > 490 && charged(1) <= 500);
    fixture_check();
    start_named("program,processes=3:one", "program,processes=5000:other", nullptr);
    for (unsigned i = 0; i < 2; i++) fixture_ok(sim_request_text(1, PROTOCOL_process_start, 0, "child", sizeof("child")));
    EXPECT(LIMIT, sim_request_text(1, PROTOCOL_process_start, 0, "child", sizeof("child")));
    cr_assert_eq(sim_process(1)->family->processes.guarantee, 3);
    cr_assert_eq(sim_process(2)->family->processes.limit, 5000);
    cr_assert_eq(sim_process(2)->family->processes.guarantee, FAMILY_PROCESSES);
    fixture_check();
}

/* What is named for one program goes before what is said of all; the other of the two gives way. */
Test(pager_family, named_terms_go_before_the_arguments)
{
    start_named("program,limit=150:one", "program,guarantee=700:other", "guarantee=200 limit=600");
    expect_terms(1, 150, 150, FAMILY_PROCESSES_MOST);
    expect_terms(2, 700, 700, FAMILY_PROCESSES_MOST);
    start_named("program,guarantee=50:one", "program,limit=900:other", "guarantee=200 limit=600");
    expect_terms(1, 50, 600, FAMILY_PROCESSES_MOST);
    expect_terms(2, 200, 900, FAMILY_PROCESSES_MOST);
}

/* Each such line has a result: the program is not there, or not started, and the other one has what it would have. */
Test(pager_family, hostile_terms)
{
    static const char *const left_out[][2] = {
        { "program,guarantee=18446744073709551616:one", "term without a number" }, { "program,guarantee=3,limit=2:one", "guarantee above the limit" },
        { "program,limit=0:one", "limit of nothing" }, { "program,memory=9:one", "unknown term of a program" },
    };
    char line[120];
    for (unsigned i = 0; i < sizeof(left_out) / sizeof(left_out[0]); i++) {
        start_named(left_out[i][0], "init", nullptr);
        snprintf(line, sizeof(line), "pager: module left out text=\"%s\" status=BAD_ARGUMENT reason=\"%s\"", left_out[i][0], left_out[i][1]);
        cr_assert(fixture_logged(line), "%s", sim_log());
        cr_assert_str_eq(sim_process(1)->name, "init");
        cr_assert_eq(sim_pager.count_running, 1);
    }
    uint64_t pages = sim_pager.pages.all;
    for (uint64_t wanted = pages + 1; wanted != 0; wanted = wanted == UINT64_MAX ? 0 : UINT64_MAX) { /* more than there is */
        snprintf(line, sizeof(line), "program,guarantee=%lu:one", wanted);
        start_named(line, "init", nullptr);
        snprintf(line, sizeof(line), "pager: family refused name=one guarantee=%lu limit=18446744073709551615 processes=256", wanted);
        cr_assert(fixture_logged(line), "%s", sim_log());
        cr_assert(fixture_logged("process: not started name=one status=NO_MEMORY"), "%s", sim_log());
        cr_assert_str_eq(sim_process(1)->name, "init");
        expect_terms(1, pages / 4, UINT64_MAX, FAMILY_PROCESSES_MOST);
    }
    snprintf(line, sizeof(line), "program,guarantee=%lu:one", pages / 2 + 1); /* each may be had, both may not: the first one is */
    char other[120];
    snprintf(other, sizeof(other), "program,guarantee=%lu:other", pages / 2 + 1);
    start_named(line, other, nullptr);
    cr_assert(fixture_logged("process: started pid=1 name=one") && fixture_logged("pager: family refused name=other"), "%s", sim_log());
    cr_assert_eq(sim_pager.pages.promised + charged(1), pages / 2 + 1);
    snprintf(line, sizeof(line), "program,limit=%lu:one", UINT64_MAX); /* a limit above the memory is none */
    start_named(line, "init", nullptr);
    cr_assert_eq(sim_pager.count_running, 2);
}

/* Whoever starts whom, all are counted; another program of the boot still gets its own. */
Test(pager_family, a_process_bomb_leaves_slots_for_others)
{
    fixture_start();
    uint32_t last = WX;
    uint64_t started = 0;
    for (;;) {
        struct sim_reply reply = sim_request_text(last, PROTOCOL_process_start, 0, "child", sizeof("child"));
        if (reply.label != STATUS_OK) {
            cr_assert_eq(reply.label, STATUS_LIMIT, "%s", status_name(reply.label));
            break;
        }
        last = sim_pager.next_number; /* a chain: each starts the next */
        started++;
    }
    cr_assert_eq(started, FAMILY_PROCESSES_MOST - 1);
    EXPECT(LIMIT, sim_request_text(WX, PROTOCOL_process_start, 0, "child", sizeof("child")));
    fixture_check();
    for (unsigned i = 1; i < FAMILY_PROCESSES; i++) fixture_ok(sim_request_text(INIT, PROTOCOL_process_start, 0, "child", sizeof("child")));
    sim_request(last, PROTOCOL_exit, 0, 0, 0);
    EXPECT(LIMIT, sim_request_text(WX, PROTOCOL_process_start, 0, "child", sizeof("child"))); /* its parent may still ask */
    sim_end(last - 1);
    fixture_ok(sim_request_text(WX, PROTOCOL_process_start, 0, "child", sizeof("child")));
    fixture_check();
}

/* 32 families at most, so even when some take all they may, each has its guaranteed slots. */
Test(pager_family, slots_are_guaranteed_to_thirty_families)
{
    static struct sim_module modules[BOOT_MODULES];
    sim_image_make(&fixture_image, &fixture_shape);
    for (unsigned i = 0; i < BOOT_MODULES; i++)
        modules[i] = (struct sim_module){ i == 0 ? "image:child" : "program,processes=1000:init", fixture_image.bytes, fixture_image.size_bytes };
    sim_start(&(struct sim_options){ .memory_bytes = 512 << 20 }, modules, BOOT_MODULES);
    for (uint32_t number = 1; number < BOOT_MODULES; number++)
        while (sim_request_text(number, PROTOCOL_process_start, 0, "child", sizeof("child")).label == STATUS_OK) {}
    fixture_check();
    cr_assert_eq(sim_pager.slots_free.spare, 0);
    for (uint32_t number = 1; number < BOOT_MODULES; number++) cr_assert_geq(sim_process(number)->family->processes.charged, FAMILY_PROCESSES, "%u", number);
}

Test(pager_family, what_is_lacking_and_what_nobody_was_promised_add_up)
{
    start_small("guarantee=300");
    const struct quota *quota = pages_quota(INIT);
    uint64_t most = quota->guarantee - quota->charged + sim_pager.pages.spare;
    cr_assert_eq(quota_check(quota, most), STATUS_OK);
    cr_assert_eq(quota_check(quota, most + 1), STATUS_NO_MEMORY);
}

/* A program that cannot be started keeps nothing from the others. */
Test(pager_family, a_program_that_is_not_started_is_promised_nothing)
{
    sim_image_make(&fixture_image, &fixture_shape);
    struct sim_module modules[] = { { "init", fixture_image.bytes, fixture_image.size_bytes }, { "broken", "no image", 8 } };
    sim_start(&(struct sim_options){ .memory_bytes = 16 << 20 }, modules, 2);
    cr_assert_eq(sim_pager.pages.promised, guarantee(INIT) - charged(INIT));
    cr_assert_eq(sim_pager.slots_free.promised, FAMILY_PROCESSES - 1);
    fixture_check();
}

/* One endpoint can be all that keeps a frame: 32 of one family in 32 frames, when those of another one between them have gone. */
Test(pager_family, endpoints_are_charged_a_page_each)
{
    fixture_start();
    uint64_t first = fixture_ok(sim_request(INIT, PROTOCOL_endpoint_create, 0, 0, 0));
    uint64_t before = charged(INIT);
    uint64_t second = fixture_ok(sim_request(INIT, PROTOCOL_endpoint_create, 0, 0, 0));
    cr_assert_eq(charged(INIT), before + 1);
    EXPECT(OK, sim_request(INIT, PROTOCOL_handle_close, second, 0, 0));
    EXPECT(OK, sim_request(INIT, PROTOCOL_handle_close, first, 0, 0));
    cr_assert_eq(charged(INIT), before - 1);
    fixture_check();
}

/* Modules are the boot's; who maps one is charged its tables. */
Test(pager_family, pages_of_modules_are_not_charged)
{
    fixture_start();
    uint64_t first = fixture_ok(sim_request_text(INIT, PROTOCOL_module_map, 0, "file", 4));
    uint64_t before = charged(INIT);
    for (unsigned i = 0; i < 3; i++) cr_assert_not_null(sim_touch(INIT, first + i * PAGE_BYTES, FAULT_READ));
    cr_assert_eq(charged(INIT), before + SEGMENT_LEVELS);
    cr_assert_eq(sim_request(INIT, PROTOCOL_process_self, 0, 0, 0).word[1], charged(INIT));
    EXPECT(OK, sim_request(INIT, PROTOCOL_unmap, first, sizeof(fixture_file), 0));
    cr_assert_eq(charged(INIT), before);
    fixture_check();
}

Test(pager_family, a_page_that_the_kernel_refuses_is_not_charged)
{
    fixture_start();
    uint32_t child;
    fixture_child(&child);
    uint64_t before = charged(INIT) - process_charge(sim_process(child));
    sim_fail_resolve(STATUS_ALREADY_MAPPED);
    cr_assert_not_null(sim_touch(child, LAYOUT_STACK_TOP - 8, FAULT_WRITE));
    cr_assert_eq(charged(INIT), counted(INIT));
    sim_fail_resolve(STATUS_NO_MEMORY);
    cr_assert_null(sim_touch(child, LAYOUT_STACK_TOP - 100'000, FAULT_WRITE));
    cr_assert_eq(charged(INIT), before + SLOT_SPARE_CHARGE); /* its record, a page of rows, and the tables that the pager needs to have them */
    fixture_check();
}

/* At the limit: an end can always be given back, a hole may need tables, and neighbours that cannot be joined stay two. */
Test(pager_family, giving_back_at_the_limit)
{
    start_small("limit=400");
    uint64_t first = fixture_ok(sim_request(INIT, PROTOCOL_map, 40 * PAGE_BYTES, PROTECTION_WRITE, 0));
    for (unsigned i = 0; i < 40; i += 2) cr_assert_not_null(sim_touch(INIT, first + i * PAGE_BYTES, FAULT_WRITE));
    hog_brk(INIT);
    cr_assert_eq(charged(INIT), 400);
    EXPECT(LIMIT, sim_request(INIT, PROTOCOL_unmap, first + 21 * PAGE_BYTES, PAGE_BYTES, 0)); /* a page that was not there */
    EXPECT(LIMIT, sim_request(INIT, PROTOCOL_protect, first, PAGE_BYTES, PROTECTION_READ));
    cr_assert_eq(charged(INIT), 400);
    fixture_check();
    EXPECT(OK, sim_request(INIT, PROTOCOL_unmap, first + 36 * PAGE_BYTES, 4 * PAGE_BYTES, 0));
    EXPECT(OK, sim_request(INIT, PROTOCOL_unmap, first, 2 * PAGE_BYTES, 0));
    cr_assert_eq(charged(INIT), 397);
    EXPECT(LIMIT, sim_request(INIT, PROTOCOL_unmap, first + 20 * PAGE_BYTES, PAGE_BYTES, 0)); /* two pages say which segment is where */
    cr_assert_leq(charged(INIT), 399); /* what was taken for it before it was refused is kept for the next time */
    EXPECT(OK, sim_request(INIT, PROTOCOL_unmap, first + 30 * PAGE_BYTES, 6 * PAGE_BYTES, 0));
    EXPECT(OK, sim_request(INIT, PROTOCOL_unmap, first + 20 * PAGE_BYTES, PAGE_BYTES, 0));
    cr_assert_leq(charged(INIT), 400);
    fixture_check();
}

Test(pager_family, neighbours_are_joined_only_where_that_can_be_charged)
{
    start_small("limit=700");
    uint64_t dense = fixture_ok(sim_request(INIT, PROTOCOL_map, (uint64_t)8 << 30, PROTECTION_WRITE, 0));
    EXPECT(OK, sim_request(INIT, PROTOCOL_protect, dense, 300 * PAGE_BYTES, PROTECTION_READ));
    for (unsigned i = 0; i < 300; i++) cr_assert_not_null(sim_touch(INIT, dense + i * PAGE_BYTES, FAULT_READ));
    uint64_t sparse = dense + 300 * PAGE_BYTES;
    cr_assert_not_null(sim_touch(INIT, sparse, FAULT_WRITE));
    hog_brk(INIT);
    uint64_t before = charged(INIT);
    EXPECT(OK, sim_request(INIT, PROTOCOL_protect, dense, 300 * PAGE_BYTES, PROTECTION_WRITE));
    cr_assert_eq(charged(INIT), before);
    cr_assert_eq(segment_find(&sim_process(INIT)->segments, dense)->limit, sparse); /* two */
    fixture_check();
    EXPECT(OK, sim_request(INIT, PROTOCOL_unmap, dense, (uint64_t)8 << 30, 0));
    cr_assert_leq(charged(INIT), before - 300);
    fixture_check();
}

/* --- Random deeds of two families in little memory --- */

static uint64_t state;

static uint64_t draw(uint64_t limit)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (state >> 11) % limit;
}

static uint32_t draw_process(void)
{
    for (;;) {
        const struct process *process = sim_pager.process[draw(24)];
        if (process != nullptr && process->state == PROCESS_RUNNING) return process->number;
    }
}

static void do_something(uint32_t number)
{
    uint64_t bytes = (1 + draw(600)) * PAGE_BYTES;
    const struct process *process = sim_process(number);
    const struct segment *segment = sim_segment(process, (uint32_t)draw(process->segments.count));
    uint64_t page = segment->first + draw(layout_pages(segment->first, segment->limit)) * PAGE_BYTES;
    switch (draw(12)) {
    case 0: sim_request(number, PROTOCOL_brk, draw(3) == 0 ? -bytes : bytes, 0, 0); break;
    case 1: sim_request(number, PROTOCOL_autogen_move, draw(3) == 0 ? -bytes : bytes, 0, 0); break;
    case 2: sim_request(number, PROTOCOL_map, draw(8) == 0 ? bytes << 10 : bytes, draw(2), 0); break;
    case 3: sim_request(number, PROTOCOL_unmap, page, (1 + draw(20)) * PAGE_BYTES, 0); break;
    case 4: sim_request(number, PROTOCOL_protect, page, (1 + draw(20)) * PAGE_BYTES, draw(3)); break;
    case 5: sim_request(number, PROTOCOL_endpoint_create, 0, 0, 0); break;
    case 6: if (sim_pager.count_running < 20) sim_request_text(number, PROTOCOL_process_start, 0, "child", sizeof("child")); break;
    case 7: if (number > WX && draw(4) == 0) sim_end(number); break;
    case 8: sim_request(number, PROTOCOL_handle_close, HOLDING_FIRST + draw(8) + (1 << HOLDING_SLOT_BITS), 0, 0); break;
    default: /* init and wx touch within what they may have only */
        if (number > WX) sim_touch(number, page, segment->protection & PROTECTION_WRITE ? FAULT_WRITE : FAULT_READ);
    }
}

static void runs(uint64_t seed)
{
    cr_log_info("seed %lu", seed);
    state = seed;
    start_small(seed % 2 == 0 ? "" : "guarantee=200 limit=1500");
    for (unsigned step = 0; step < 3000; step++) {
        sim_fail_allocation(draw(10) == 0 ? 1 + draw(20) : 0);
        do_something(draw_process());
        sim_fail_allocation(0);
        if (step % 20 == 0) fixture_check();
        if (sim_process(INIT) == nullptr || sim_process(WX) == nullptr) { /* a child had no room, and its family's largest was one of them */
            cr_assert(fixture_logged("memory: short "), "%s", sim_log());
            fixture_check();
            start_small(seed % 2 == 0 ? "" : "guarantee=200 limit=1500");
            continue;
        }
        for (uint32_t number = INIT; number <= WX; number++)
            cr_assert_eq(quota_check(pages_quota(number), guarantee(number) > charged(number) ? guarantee(number) - charged(number) : 0), STATUS_OK);
    }
    fixture_check();
}

Test(pager_family, random_deeds_keep_sums_and_guarantees_1) { runs(1); }
Test(pager_family, random_deeds_keep_sums_and_guarantees_2) { runs(2); }
Test(pager_family, random_deeds_keep_sums_and_guarantees_3) { runs(3); }
Test(pager_family, random_deeds_keep_sums_and_guarantees_4) { runs(4); }
