/* Taking memory away in steps, stopped after each of them: whatever another thread does in between, what comes out is what one step would have left.
 *
 * A range that is a little too long for one of the kernel's steps lies between neighbours of its own segment: it shares its first and its last page table with
 * them and has one in the middle to itself. It goes in steps of one page and of more. After each step the other thread faults, maps, unmaps and protects beside
 * the range and in what has gone of it, and tries what may not be done; the ledger, the kernel and the page tables are checked and compared. */
#include "pager_fixture.h"

#include "microkernel/calls.h"
#include "microkernel/space.h"

constexpr uint64_t P = PAGE_BYTES;
constexpr uint64_t BESIDE = 8;                            /* pages, on either side */
constexpr uint64_t BEFORE = 12, AFTER = 6;                /* pages of the range in the tables that it shares */
constexpr uint64_t LONG = BEFORE + STEP_PAGES + AFTER;
constexpr uint64_t TABLE = LAYOUT_MMAP_FIRST + 64 * LAYOUT_UNIT + LAYOUT_TABLE_BYTES; /* that the range has to itself */
constexpr uint64_t FIRST = TABLE - BEFORE * P, LIMIT = FIRST + LONG * P;
constexpr uint64_t LOWER = FIRST - BESIDE * P;
constexpr uint64_t ELSEWHERE = TABLE + 4 * LAYOUT_UNIT;
static_assert(LAYOUT_TABLE_BYTES == STEP_PAGES * P);

/* Which pages of the range are there; the last one always is. */
static const struct pattern {
    const char *name;
    uint64_t every;
} patterns[] = { { "all", 1 }, { "every third", 3 }, { "the last", LONG } };

static bool is_there(const struct pattern *pattern, uint64_t page) { return (LONG - 1 - page) % pattern->every == 0; }

static const struct space *space_of(uint32_t number) { return space_find(sim_process(number)->space.number); }

static uint32_t second_thread(uint32_t number)
{
    return sim_thread_of(number, fixture_ok(sim_request(number, PROTOCOL_thread_create, LAYOUT_IMAGE_FIRST, LAYOUT_STACK_TOP, 0)));
}

static void put(uint32_t number, uint64_t address, uint64_t value)
{
    uint64_t *word = sim_touch(number, address, FAULT_WRITE);
    cr_assert_not_null(word, "%s", sim_log());
    *word = value;
}

static uint64_t get(uint32_t number, uint64_t address)
{
    const uint64_t *word = sim_touch(number, address, FAULT_READ);
    cr_assert_not_null(word, "%s", sim_log());
    return *word;
}

/* The range between its neighbours: how many of its pages are there. */
static uint64_t scene_set(uint32_t number, const struct pattern *pattern)
{
    uint64_t pages = 0;
    EXPECT(OK, sim_request(number, PROTOCOL_map_at, (LONG + 2 * BESIDE) * P, PROTECTION_WRITE, LOWER));
    for (uint64_t i = 0; i < BESIDE; i++) {
        put(number, LOWER + i * P, i + 1);
        put(number, LIMIT + i * P, i + 101);
    }
    EXPECT(OK, sim_request(number, PROTOCOL_advise, FIRST, LONG * P, ADVICE_RANDOM)); /* no page but those that are touched */
    for (uint64_t i = 0; i < LONG; i++) {
        if (!is_there(pattern, i)) continue;
        put(number, FIRST + i * P, i);
        pages++;
    }
    return pages;
}

/* What is left in the end. */
struct outcome {
    uint64_t mapped, tables, charged, free, segments;
    struct { uint64_t first, limit, pages; } segment[32];
};

static struct outcome outcome_of(uint32_t number)
{
    struct process *process = sim_process(number);
    struct outcome outcome = {
        .mapped = space_of(number)->count_mapped, .tables = space_of(number)->count_tables, .charged = process->family->pages.charged,
        .free = sim_free_frames(), .segments = process->segments.count,
    };
    cr_assert_leq(outcome.segments, 32);
    for (uint32_t i = 0; i < outcome.segments; i++) {
        const struct segment *segment = sim_segment(process, i);
        outcome.segment[i].first = segment->first;
        outcome.segment[i].limit = segment->limit;
        outcome.segment[i].pages = segment->pages;
    }
    return outcome;
}

static void expect_alike(const struct outcome *one, const struct outcome *other, const char *pattern, uint64_t step)
{
    cr_assert_eq(one->mapped, other->mapped, "%s, %lu: %lu and %lu pages", pattern, step, one->mapped, other->mapped);
    cr_assert_eq(one->tables, other->tables, "%s, %lu: %lu and %lu tables", pattern, step, one->tables, other->tables);
    cr_assert_eq(one->charged, other->charged, "%s, %lu: charged %lu and %lu", pattern, step, one->charged, other->charged);
    cr_assert_eq(one->free, other->free, "%s, %lu: free %lu and %lu", pattern, step, one->free, other->free);
    cr_assert_eq(one->segments, other->segments, "%s, %lu: %lu and %lu segments", pattern, step, one->segments, other->segments);
    for (uint32_t i = 0; i < one->segments; i++) cr_assert_eq(memcmp(&one->segment[i], &other->segment[i], sizeof(one->segment[i])), 0, "segment %u", i);
}

/* Where the part begins that is still going; LIMIT: nowhere. */
static uint64_t going_from(uint32_t number)
{
    struct process *process = sim_process(number);
    for (uint32_t i = 0; i < process->segments.count; i++)
        if (sim_segment(process, i)->is_going) return sim_segment(process, i)->first;
    return LIMIT;
}

/* What is mapped of the range is what was and has not gone yet: the page tables, asked page by page, and the count of the kernel. */
static void expect_gone_below(uint32_t number, const struct pattern *pattern, uint64_t at, uint64_t others)
{
    uint64_t left = 0;
    for (uint64_t i = 0; i < LONG; i++) {
        uint64_t frame;
        uint32_t attributes;
        bool is_mapped = sim_page(number, FIRST + i * P, &frame, &attributes);
        cr_assert_eq(is_mapped, FIRST + i * P >= at && is_there(pattern, i), "%s: page %lu", pattern->name, i);
        left += is_mapped;
    }
    cr_assert_eq(space_of(number)->count_mapped, others + left);
}

/* All that another thread may do meanwhile, and what it may not; when it is done, all is as it was. */
static void deeds_meanwhile(uint32_t other, uint64_t at, unsigned turn)
{
    uint64_t beside = turn % BESIDE * P;
    cr_assert_eq(get(other, LOWER + beside), turn % BESIDE + 1); /* neighbours in the same tables */
    cr_assert_eq(get(other, LIMIT + beside), turn % BESIDE + 101);
    EXPECT(OK, sim_request(other, PROTOCOL_discard, LIMIT + beside, P, 0));
    cr_assert_eq(get(other, LIMIT + beside), 0); /* a fault there */
    put(other, LIMIT + beside, turn % BESIDE + 101);
    EXPECT(OK, sim_request(other, PROTOCOL_protect, LOWER, BESIDE * P, PROTECTION_READ));
    EXPECT(OK, sim_request(other, PROTOCOL_protect, LOWER, BESIDE * P, PROTECTION_WRITE));
    uint64_t mapped = fixture_ok(sim_request(other, PROTOCOL_map, 3 * P, PROTECTION_WRITE, 0));
    put(other, mapped + P, turn);
    EXPECT(OK, sim_request(other, PROTOCOL_unmap, mapped, 3 * P, 0));
    if (at > FIRST) { /* the page that has gone last is anybody's */
        EXPECT(OK, sim_request(other, PROTOCOL_map_at, P, PROTECTION_WRITE, at - P));
        cr_assert_eq(get(other, at - P), 0);
        EXPECT(OK, sim_request(other, PROTOCOL_unmap, at - P, P, 0));
    }
    EXPECT(EXISTS, sim_request(other, PROTOCOL_map_at, P, PROTECTION_WRITE, at));
    EXPECT(EXISTS, sim_request(other, PROTOCOL_map_at, P, PROTECTION_WRITE, LIMIT - P));
    EXPECT(NOT_MAPPED, sim_request(other, PROTOCOL_unmap, at, P, 0));
    EXPECT(NOT_MAPPED, sim_request(other, PROTOCOL_protect, LOWER, (LONG + 2 * BESIDE) * P, PROTECTION_READ));
    EXPECT(NOT_MAPPED, sim_request(other, PROTOCOL_discard, LIMIT - P, P, 0));
}

/* 0: the whole step of the kernel, and nobody does anything meanwhile. */
static struct outcome play(const struct pattern *pattern, uint64_t step)
{
    fixture_start();
    uint32_t other = second_thread(INIT);
    fixture_ok(sim_request(other, PROTOCOL_map_at, P, PROTECTION_WRITE, ELSEWHERE)); /* who maps there takes no page for its records later */
    put(other, ELSEWHERE, 1);
    uint64_t mapped = fixture_ok(sim_request(other, PROTOCOL_map, P, PROTECTION_WRITE, 0));
    put(other, mapped, 1);
    uint64_t pages = scene_set(INIT, pattern);
    uint64_t others = space_of(INIT)->count_mapped - pages, free = sim_free_frames(), tables = space_of(INIT)->count_tables;
    fixture_check();
    sim_step_pages(step);
    sim_hold_time(true);
    cr_assert_eq(sim_request(INIT, PROTOCOL_unmap, FIRST, LONG * P, 0).outcome, SIM_WAITS);
    unsigned pauses = 0;
    for (uint64_t before = FIRST; sim_look(INIT).outcome == SIM_WAITS; pauses++) {
        uint64_t at = going_from(INIT), unmaps = sim_count_call(CALL_space_unmap);
        cr_assert_leq(at - before, (step != 0 ? step : STEP_PAGES) * P);
        expect_gone_below(INIT, pattern, at, others);
        if (step != 0 && at < LIMIT) {
            deeds_meanwhile(other, at, pauses);
            fixture_check();
            expect_gone_below(INIT, pattern, at, others);
            unmaps = sim_count_call(CALL_space_unmap);
        }
        cr_assert_eq(going_from(INIT), at); /* none of it brought a step */
        before = at;
        sim_pause();
        cr_assert_leq(sim_count_call(CALL_space_unmap) - unmaps, 1);
    }
    fixture_ok(sim_look(INIT));
    sim_hold_time(false);
    sim_step_pages(0);
    if (step != 0) cr_assert_geq(pauses, LONG / step);
    expect_gone_below(INIT, pattern, LIMIT, others);
    cr_assert_eq(tables - space_of(INIT)->count_tables, pattern->every < LONG); /* the one that nobody else had, with its last page */
    cr_assert_eq(sim_free_frames() - free, pages + tables - space_of(INIT)->count_tables);
    for (uint64_t i = 0; i < BESIDE; i++) {
        cr_assert_eq(get(other, LOWER + i * P), i + 1);
        cr_assert_eq(get(other, LIMIT + i * P), i + 101);
    }
    fixture_check();
    return outcome_of(INIT);
}

static void stops_everywhere(const struct pattern *pattern)
{
    static const uint64_t steps[] = { 1, 2, 7, 64, STEP_PAGES - 1, STEP_PAGES };
    struct outcome at_once = play(pattern, 0);
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        struct outcome in_steps = play(pattern, steps[i]);
        expect_alike(&at_once, &in_steps, pattern->name, steps[i]);
    }
}

Test(pager_steps, all_pages_are_there) { stops_everywhere(&patterns[0]); }
Test(pager_steps, every_third_page_is_there) { stops_everywhere(&patterns[1]); }
Test(pager_steps, the_last_page_is_there) { stops_everywhere(&patterns[2]); }

/* Wherever it is stopped, a fault at what has gone or is going ends the process, and its end leaves nothing. Pages that are still there can be used. */
Test(pager_steps, a_touch_ends_the_process_at_every_place)
{
    constexpr uint64_t step = 16;
    fixture_start();
    uint32_t number;
    uint64_t free = 0;
    for (unsigned stop = 0, was_last = 0; !was_last; stop++) {
        uint32_t handle = fixture_child(&number);
        uint32_t other = second_thread(number);
        scene_set(number, &patterns[1]);
        sim_step_pages(step);
        sim_hold_time(true);
        cr_assert_eq(sim_request(number, PROTOCOL_unmap, FIRST, LONG * P, 0).outcome, SIM_WAITS);
        for (unsigned i = 0; i < stop; i++) sim_pause();
        uint64_t at = going_from(number), touched = stop % 2 == 0 ? LIMIT - 2 * P : at - P;
        cr_assert_eq(at, FIRST + stop * step * P);
        cr_assert_eq(get(other, LIMIT - P), LONG - 1);
        cr_assert_null(sim_touch(other, touched, stop % 3 == 0 ? FAULT_WRITE : FAULT_READ));
        was_last = at + step * P >= LIMIT;
        sim_hold_time(false);
        sim_step_pages(0);
        sim_run();
        fixture_ended(handle, PROCESS_BAD_ADDRESS, touched);
        EXPECT(OK, sim_request(INIT, PROTOCOL_handle_close, handle, 0, 0));
        fixture_check();
        if (stop > 0) cr_assert_eq(sim_free_frames(), free);
        free = sim_free_frames();
    }
}

/* A pager that takes over looks at all of a space: with steps of a few pages that has no end. */
static void steps_are_whole(void) { sim_step_pages(0); }

/* Lost before or after any call or message, the pager is followed by one that goes on with the steps. */
static struct outcome play_lost(uint64_t point)
{
    fixture_start();
    uint64_t pages = scene_set(INIT, &patterns[0]), others = space_of(INIT)->count_mapped - pages;
    sim_step_pages(128);
    sim_lose(point, 0, steps_are_whole);
    EXPECT(OK, sim_request(INIT, PROTOCOL_unmap, FIRST, LONG * P, 0));
    sim_lose(0, 0, nullptr);
    sim_step_pages(0);
    expect_gone_below(INIT, &patterns[0], LIMIT, others);
    for (uint64_t i = 0; i < BESIDE; i++) {
        cr_assert_eq(get(INIT, LOWER + i * P), i + 1);
        cr_assert_eq(get(INIT, LIMIT + i * P), i + 101);
    }
    fixture_check();
    return outcome_of(INIT);
}

Test(pager_steps, the_pager_is_lost_at_every_point)
{
    struct outcome undisturbed = play_lost(0);
    for (uint64_t point = 1; sim_count_lost() == point - 1; point++) {
        struct outcome lost = play_lost(point);
        expect_alike(&undisturbed, &lost, "lost", point);
    }
    cr_log_info("lost %lu times", sim_count_lost());
    cr_assert_gt(sim_count_lost(), 20, "%lu", sim_count_lost());
}
