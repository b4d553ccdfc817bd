/* Duplicates of a large process: random deeds of another thread between the messages, failures and losses, against what each page has been meanwhile. */
#include "share_play.h"

constexpr uint64_t TABLE_PAGES = LAYOUT_TABLE_BYTES / P;

static uint32_t second_thread(uint32_t number) { return sim_thread_of(number, fixture_ok(sim_request(number, PROTOCOL_thread_create, ENTRY, STACK, 0))); }

constexpr unsigned PAGES = 3 * TABLE_PAGES + 37, STATES = 6;
constexpr uint16_t ABSENT = 256;
/* What each page has been since the first message. */
static struct { uint16_t count, state[STATES]; } been[PAGES]; /* the latest last; full: it may be any */
static uint64_t range_first;
static uint64_t seed_state;

static uint64_t draw(uint64_t limit)
{
    seed_state = seed_state * 6364136223846793005 + 1442695040888963407;
    return (seed_state >> 33) % limit;
}

static uint16_t now(unsigned page) { return been[page].state[been[page].count - 1]; }

static void becomes(unsigned page, uint16_t state)
{
    if (been[page].count == STATES) been[page].state[STATES - 1] = state;
    else been[page].state[been[page].count++] = state;
}

static void forget_what_was(void)
{
    for (unsigned page = 0; page < PAGES; page++) {
        been[page].state[0] = now(page);
        been[page].count = 1;
    }
}

/* Something that another thread does to a few pages. */
static void deed(uint32_t thread)
{
    unsigned page = (unsigned)draw(PAGES), count = 1 + (unsigned)draw(draw(4) == 0 ? 300 : 5);
    if (count > PAGES - page) count = PAGES - page;
    uint64_t address = range_first + page * P;
    enum { UNMAP, MAP, DISCARD, PROTECT, BRK, WRITE } kind = (unsigned)draw(8);
    struct sim_reply reply = { .label = STATUS_OK };
    if (kind == UNMAP) reply = sim_request(thread, PROTOCOL_unmap, address, count * P, 0);
    if (kind == MAP) reply = sim_request(thread, PROTOCOL_map_at, count * P, PROTECTION_WRITE, address);
    if (kind == DISCARD) reply = fixture_whole(thread, PROTOCOL_discard, address, count * P, 0);
    if (kind == PROTECT) reply = fixture_whole(thread, PROTOCOL_protect, address, count * P, draw(2) ? PROTECTION_READ : PROTECTION_WRITE);
    if (kind == BRK) reply = sim_request(thread, PROTOCOL_brk, P, 0, 0);
    cr_assert(kind != BRK || reply.label == (process_is_duplicated(sim_process(INIT)) ? STATUS_AGAIN : STATUS_OK) || reply.label == STATUS_NO_MEMORY);
    for (unsigned i = page; i < page + count; i++) {
        if (kind < PROTECT && reply.label == STATUS_OK) becomes(i, kind == UNMAP ? ABSENT : 0);
        const struct segment *row = segment_find(&sim_process(INIT)->segments, range_first + i * P);
        if (kind < WRITE || row == nullptr || !(row->protection & PROTECTION_WRITE)) continue;
        unsigned char value = (unsigned char)draw(256);
        put(thread, range_first + i * P, value);
        becomes(i, value);
    }
}

static void expect_states(uint32_t twin)
{
    for (unsigned page = 0; page < PAGES; page++) {
        uint64_t address = range_first + page * P;
        bool is_there = segment_find(&sim_process(twin)->segments, address) != nullptr;
        uint16_t state = is_there ? get(twin, address) : ABSENT;
        bool is_one = been[page].count == STATES;
        for (unsigned i = 0; i < been[page].count; i++) is_one = is_one || been[page].state[i] == state;
        cr_assert(is_one, "page %u is %u, has been %u", page, state, now(page));
    }
}

static void plays(uint64_t seed)
{
    cr_log_info("seed %lu", seed);
    seed_state = seed;
    begin_with(&(struct sim_options){ .memory_bytes = (uint64_t)32 << 20 });
    range_first = map(INIT, PAGES);
    for (unsigned page = 0; page < PAGES; page++) {
        been[page].count = 0;
        becomes(page, 0);
    }
    for (unsigned page = 0; page < PAGES; page += 1 + (unsigned)draw(3)) {
        put(INIT, range_first + page * P, 1);
        becomes(page, 1);
    }
    fixture_ok(sim_request(INIT, PROTOCOL_brk, 9 * P, 0, 0));
    uint32_t other = second_thread(INIT), asker = second_thread(INIT);
    unsigned made = 0, long_ones = 0;
    for (unsigned round = 0; round < 12; round++) {
        forget_what_was();
        struct sim_reply reply;
        do {
            if (draw(6) == 0) sim_fail_allocation(1 + draw(40));
            else if (draw(9) == 0) sim_lose(1 + draw(200), 0, nullptr);
            reply = sim_request(asker, PROTOCOL_process_duplicate, ENTRY, STACK, 0);
            sim_fail_allocation(0);
            long_ones += reply.label == STATUS_AGAIN;
            for (uint64_t i = draw(9); i > 0 && reply.label == STATUS_AGAIN; i--) deed(other);
            sim_lose(0, 0, nullptr);
            fixture_check();
            if (reply.label != STATUS_AGAIN || draw(12) != 0 || asker / SIM_THREADS + THREAD_LIMIT >= SIM_THREAD_LIMIT) continue;
            EXPECT(OK, sim_request(other, PROTOCOL_thread_end, asker / SIM_THREADS, 0, 0));
            asker = second_thread(INIT);
            cr_assert(!process_is_duplicated(sim_process(INIT)));
        } while (reply.label == STATUS_AGAIN);
        if (reply.label == STATUS_NO_MEMORY) continue;
        struct holding *row;
        cr_assert_eq(holding_find(sim_process(INIT), fixture_ok(reply), &row), STATUS_OK);
        uint32_t twin = holding_process(&sim_pager, row)->number;
        expect_states(twin);
        for (unsigned i = 0; i < 50; i++) deed(other);
        fixture_check();
        sim_end(twin);
        sim_run();
        fixture_check();
        EXPECT(OK, sim_request(INIT, PROTOCOL_handle_close, reply.word[0], 0, 0));
        made++;
    }
    cr_assert(made > 2 && long_ones > made, "%u %u", made, long_ones);
    sim_stop();
}

Test(pager_duplicate_random, random_deeds_between_the_messages)
{
    for (uint64_t seed = 1; seed <= 12; seed++) plays(seed);
}
