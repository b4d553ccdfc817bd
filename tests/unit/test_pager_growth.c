/* What a message costs the pager is no more, however many segments its process has, and however many processes there are.
 *
 * The pager is compiled for this test once more, so that each of its blocks and each load and store calls what counts here (cmake/host.cmake). So steps of a
 * search are counted wherever it is, and pages of the pager's memory that are touched; beside them kernel entries and entries of tables written. */
#include "counter.h"
#include "pager_fixture.h"

struct cost {
    uint64_t blocks; /* of the pager's code that ran */
    uint64_t pages;  /* of the pager's window that were touched */
    uint64_t calls;
    uint64_t entries;
};

static struct cost counted;
static bool counts;
static uint64_t calls_before, entries_before;
static uint64_t page_seen[64];

void __sanitizer_cov_trace_pc_guard(uint32_t *guard);
void __sanitizer_cov_trace_pc_guard([[maybe_unused]] uint32_t *guard) { counted.blocks += counts; }

static void touched(const void *address)
{
    uint64_t offset = (uintptr_t)address - (uintptr_t)sim_pager.slots;
    if (!counts || offset >= PAGER_WINDOW_BYTES) return;
    for (uint64_t i = 0; i < counted.pages; i++)
        if (page_seen[i] == offset / PAGE_BYTES) return;
    cr_assert_lt(counted.pages, sizeof(page_seen) / sizeof(page_seen[0]));
    page_seen[counted.pages++] = offset / PAGE_BYTES;
}

#define TOUCHES(name, type)          \
    void name(type *address);        \
    void name(type *address) { touched(address); }
TOUCHES(__sanitizer_cov_load1, uint8_t)
TOUCHES(__sanitizer_cov_load2, uint16_t)
TOUCHES(__sanitizer_cov_load4, uint32_t)
TOUCHES(__sanitizer_cov_load8, uint64_t)
TOUCHES(__sanitizer_cov_load16, __uint128_t)
TOUCHES(__sanitizer_cov_store1, uint8_t)
TOUCHES(__sanitizer_cov_store2, uint16_t)
TOUCHES(__sanitizer_cov_store4, uint32_t)
TOUCHES(__sanitizer_cov_store8, uint64_t)
TOUCHES(__sanitizer_cov_store16, __uint128_t)

static void count_begin(void)
{
    counted = (struct cost){ 0 };
    calls_before = sim_count_calls();
    entries_before = counters[COUNTER_ENTRIES_WRITTEN];
    counts = true;
}

static struct cost count_end(void)
{
    counts = false;
    counted.calls = sim_count_calls() - calls_before;
    counted.entries = counters[COUNTER_ENTRIES_WRITTEN] - entries_before;
    return counted;
}

/* --- What is measured --- */

static uint32_t group; /* that processes are started in */

static struct cost fault_existing(uint32_t number)
{
    uint64_t first = fixture_ok(sim_request_text(number, PROTOCOL_module_map, 0, "file", 4));
    cr_assert_not_null(sim_touch(number, first + 2 * PAGE_BYTES, FAULT_READ)); /* what lies around is mapped ahead: this is not */
    count_begin();
    cr_assert_not_null(sim_touch(number, first, FAULT_READ));
    struct cost cost = count_end();
    EXPECT(OK, sim_request(number, PROTOCOL_unmap, first, 3 * PAGE_BYTES, 0));
    return cost;
}

static struct cost fault_fresh(uint32_t number)
{
    uint64_t first = fixture_ok(sim_request(number, PROTOCOL_map, 64 * PAGE_BYTES, PROTECTION_WRITE, 0));
    cr_assert_not_null(sim_touch(number, first, FAULT_WRITE));
    count_begin();
    cr_assert_not_null(sim_touch(number, first + 40 * PAGE_BYTES, FAULT_WRITE));
    struct cost cost = count_end();
    EXPECT(OK, sim_request(number, PROTOCOL_unmap, first, 64 * PAGE_BYTES, 0));
    return cost;
}

static struct cost brk_grow(uint32_t number)
{
    count_begin();
    fixture_ok(sim_request(number, PROTOCOL_brk, 4 * PAGE_BYTES, 0, 0));
    struct cost cost = count_end();
    fixture_ok(sim_request(number, PROTOCOL_brk, -(uint64_t)4 * PAGE_BYTES, 0, 0));
    return cost;
}

static struct cost map_and_unmap(uint32_t number)
{
    count_begin();
    uint64_t first = fixture_ok(sim_request(number, PROTOCOL_map, PAGE_BYTES, PROTECTION_WRITE, 0));
    EXPECT(OK, sim_request(number, PROTOCOL_unmap, first, PAGE_BYTES, 0));
    return count_end();
}

static struct cost ends(uint32_t number, uint64_t handle)
{
    sim_request(sim_pager.next_number, PROTOCOL_exit, 0, 0, 0);
    EXPECT(OK, sim_request(number, PROTOCOL_handle_close, handle, 0, 0));
    return count_end();
}

static struct cost create_and_exit(uint32_t number)
{
    uint64_t word[MESSAGE_WORDS] = { group };
    count_begin();
    struct sim_reply reply = sim_call(number, HANDLE_PAGER, tag_make(PROTOCOL_process_start, sizeof("child")), word, "child", sizeof("child"));
    return ends(number, fixture_ok(reply));
}

static struct cost duplicate_and_exit(uint32_t number)
{
    count_begin();
    return ends(number, fixture_ok(sim_request(number, PROTOCOL_process_duplicate, SIM_IMAGE_FIRST, LAYOUT_STACK_TOP - 8, 0)));
}

static const struct {
    const char *name;
    struct cost (*measure)(uint32_t number);
    bool copies_segments;
} deeds[] = {
    { "fault_existing", fault_existing, false }, { "fault_fresh", fault_fresh, false }, { "brk_grow", brk_grow, false },
    { "map_and_unmap", map_and_unmap, false }, { "create_and_exit", create_and_exit, false }, { "duplicate_and_exit", duplicate_and_exit, true },
};
constexpr unsigned DEEDS = sizeof(deeds) / sizeof(deeds[0]);

/* The second time: what the first one leaves is there. */
static void measure_all(uint32_t number, bool has_segments, struct cost cost[DEEDS])
{
    for (unsigned i = 0; i < DEEDS; i++)
        for (unsigned turn = 0; turn < 3; turn++)
            if (!has_segments || !deeds[i].copies_segments) cost[i] = deeds[i].measure(number);
    fixture_check();
}

static void expect_no_more(const struct cost few[DEEDS], const struct cost many[DEEDS])
{
    for (unsigned i = 0; i < DEEDS; i++) {
        const struct cost *one = &few[i], *other = &many[i];
        cr_log_info("%s: blocks %lu %lu, pages %lu %lu, calls %lu %lu, entries %lu %lu", deeds[i].name, one->blocks, other->blocks, one->pages, other->pages,
                    one->calls, other->calls, one->entries, other->entries);
        cr_expect_leq(other->blocks, one->blocks, "%s: %lu and %lu blocks", deeds[i].name, one->blocks, other->blocks);
        cr_expect_leq(other->pages, one->pages + 1, "%s: %lu and %lu pages", deeds[i].name, one->pages, other->pages); /* a row may lie in a further one */
        cr_expect_leq(other->calls, one->calls, "%s: %lu and %lu calls", deeds[i].name, one->calls, other->calls);
        cr_expect_leq(other->entries, one->entries, "%s: %lu and %lu entries", deeds[i].name, one->entries, other->entries);
    }
}

static void begin(void)
{
    sim_image_make(&fixture_image, &fixture_shape);
    for (size_t i = 0; i < sizeof(fixture_file); i++) fixture_file[i] = (unsigned char)i;
    struct sim_module modules[] = {
        { "program,processes=1100:init", fixture_image.bytes, fixture_image.size_bytes }, { "image:child", fixture_image.bytes, fixture_image.size_bytes },
        { "data:file", fixture_file, sizeof(fixture_file) },
    };
    sim_start(&(struct sim_options){ .memory_bytes = 256 << 20, .arguments = "around=1" }, modules, sizeof(modules) / sizeof(modules[0]));
    group = 0;
    uint64_t endpoint = fixture_ok(sim_request(INIT, PROTOCOL_endpoint_create, 0, 0, 0));
    fixture_ok(sim_request(INIT, PROTOCOL_process_watch, endpoint, 1, 0)); /* starts and ends are told */
}

/* --- Segments --- */

static void among_segments(unsigned segments, struct cost cost[DEEDS])
{
    begin();
    for (unsigned i = 0; i < segments; i++)
        fixture_ok(sim_request(INIT, PROTOCOL_map, PAGE_BYTES, i % 2 == 0 ? PROTECTION_WRITE : PROTECTION_READ, 0));
    measure_all(INIT, true, cost);
}

Test(pager_growth, with_segments)
{
    static struct cost few[DEEDS], many[DEEDS];
    among_segments(10, few);
    among_segments(10'000, many);
    expect_no_more(few, many);
    cr_assert_gt(few[0].blocks, 10);
    cr_assert_gt(few[0].pages, 0);
}

/* --- Processes --- */

static void expect_started(uint32_t number, uint64_t handle)
{
    cr_assert_neq(handle, 0);
    EXPECT(OK, sim_request(number, PROTOCOL_handle_close, handle, 0, 0));
}

/* Others in the same group, or each in a group of its own; then who is measured, the last of all, with a group of its own for what it starts. */
static void among_processes(unsigned others, bool is_apart, struct cost cost[DEEDS])
{
    begin();
    uint32_t number;
    for (unsigned i = 0; i < others; i++) {
        uint32_t handle = fixture_child(&number);
        uint64_t own = is_apart ? fixture_ok(sim_request(number, PROTOCOL_group_create, 0, 0, 0)) : 0;
        for (uint64_t left = 0; is_apart && left != own;) {
            left = fixture_ok(sim_request(number, PROTOCOL_group_next, 0, 0, 0));
            if (left != own) EXPECT(OK, sim_request(number, PROTOCOL_group_leave, left, 0, 0));
        }
        if (!is_apart) expect_started(INIT, handle); /* leaving has closed the others */
    }
    expect_started(INIT, fixture_child(&number));
    if (is_apart) group = (uint32_t)fixture_ok(sim_request(number, PROTOCOL_group_create, 0, 0, 0));
    measure_all(number, false, cost);
}

static void with_processes(bool is_apart)
{
    static struct cost few[DEEDS], many[DEEDS];
    among_processes(2, is_apart, few);
    among_processes(1000, is_apart, many);
    expect_no_more(few, many);
}

Test(pager_growth, with_processes) { with_processes(false); }
Test(pager_growth, with_processes_in_other_groups) { with_processes(true); }

/* --- Names --- */

/* A name is published by each of some processes; the last one's is found by another, which has no such group in common with the others but the boot's. */
static struct cost name_find_among(unsigned processes)
{
    char name[16] = "";
    uint32_t number = INIT;
    struct cost cost = { 0 };
    begin();
    for (unsigned i = 0; i < processes; i++) {
        EXPECT(OK, sim_request(INIT, PROTOCOL_handle_close, fixture_child(&number), 0, 0));
        snprintf(name, sizeof(name), "name%u", i);
        uint64_t endpoint = fixture_ok(sim_request(number, PROTOCOL_endpoint_create, 0, 0, 0));
        fixture_ok(sim_request_text(number, PROTOCOL_name_publish, endpoint, name, strlen(name)));
    }
    for (unsigned turn = 0; turn < 3; turn++) {
        count_begin();
        uint64_t handle = fixture_ok(sim_request_text(INIT, PROTOCOL_name_find, 0, name, strlen(name)));
        cost = count_end();
        EXPECT(OK, sim_request(INIT, PROTOCOL_handle_close, handle, 0, 0));
        count_begin();
        EXPECT(NOT_FOUND, sim_request_text(INIT, PROTOCOL_name_find, 0, "nobody", 6));
        cost.blocks += count_end().blocks;
    }
    fixture_check();
    return cost;
}

Test(pager_growth, names)
{
    struct cost few = name_find_among(2), many = name_find_among(1000);
    cr_log_info("blocks %lu %lu, pages %lu %lu", few.blocks, many.blocks, few.pages, many.pages);
    cr_assert_leq(many.blocks, few.blocks + 100, "%lu and %lu", few.blocks, many.blocks); /* a few others are in the same list */
    cr_assert_leq(many.pages, few.pages + 16);
}

/* --- Devices --- */

constexpr uint64_t DEVICE = (uint64_t)3 << 30;
constexpr unsigned DEVICES = 1000;
enum { DRIVER = 1, SECOND = 2 };

/* What mapping a page of one of many devices costs. */
static uint64_t device_map(uint32_t number, unsigned device, bool is_shared, enum status wanted)
{
    uint64_t word[MESSAGE_WORDS] = { DEVICE + device * 3 * PAGE_BYTES, PAGE_BYTES, PROTECTION_WRITE, 0, is_shared };
    count_begin();
    struct sim_reply reply = sim_call(number, HANDLE_PAGER, tag_make(PROTOCOL_device_map, 0), word, nullptr, 0);
    uint64_t blocks = count_end().blocks;
    cr_assert_eq(reply.label, wanted, "device %u: %s", device, status_name(reply.label));
    return blocks;
}

/* The average of all is that of the second ten, but for what lies in the same place of a table; the first ones make the area. */
static void expect_constant(uint32_t number, bool is_shared, enum status wanted)
{
    uint64_t early = 0, all = 0;
    for (unsigned i = 0; i < DEVICES; i++) {
        uint64_t blocks = device_map(number, i, is_shared, wanted);
        if (i >= 10) all += blocks;
        if (i == 19) early = all / 10;
    }
    all /= DEVICES - 10;
    cr_log_info("of ten %lu, of all %lu", early, all);
    cr_assert_leq(all, early + 20, "%lu and %lu blocks", early, all);
}

Test(pager_growth, devices)
{
    for (unsigned is_shared = 0; is_shared < 2; is_shared++) {
        sim_image_make(&fixture_image, &fixture_shape);
        struct sim_module modules[] = {
            { "driver:init", fixture_image.bytes, fixture_image.size_bytes }, { "driver:second", fixture_image.bytes, fixture_image.size_bytes },
        };
        sim_start(&(struct sim_options){ .memory_bytes = 256 << 20 }, modules, 2);
        expect_constant(DRIVER, is_shared, STATUS_OK);
        expect_constant(SECOND, !is_shared, STATUS_EXISTS);
        expect_constant(SECOND, is_shared, is_shared ? STATUS_OK : STATUS_EXISTS);
        fixture_check();
    }
}
