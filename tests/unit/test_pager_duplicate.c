/* Duplicates of large processes: messages of bounded work, between which others go on. Each page is in the duplicate as it was when its turn came; whatever
 * ends or fails in between, nothing is lost and nothing stays. */
#include "share_play.h"

#include "microkernel/counter.h"
#include "stretch.h"

constexpr uint64_t TABLE_PAGES = LAYOUT_TABLE_BYTES / P;
/* Entries of page tables that one message writes or looks at: what is shared, the tables that come for it, and what is counted or given back. */
constexpr uint64_t ENTRIES_MOST = 2500;
/* The same where most entries are of upper tables and lead nowhere. */
constexpr uint64_t ENTRIES_FAR_MOST = 4000;

static uint64_t entries(void) { return counters[COUNTER_ENTRIES_READ] + counters[COUNTER_ENTRIES_WRITTEN]; }

static void begin_large(void) { begin_with(&(struct sim_options){ .memory_bytes = (uint64_t)96 << 20 }); }

static uint32_t second_thread(uint32_t number) { return sim_thread_of(number, fixture_ok(sim_request(number, PROTOCOL_thread_create, ENTRY, STACK, 0))); }

/* One message for a duplicate, and what it may take. */
static struct sim_reply ask_within(uint32_t thread, uint64_t most)
{
    uint64_t before = entries();
    struct sim_reply reply = sim_request(thread, PROTOCOL_process_duplicate, ENTRY, STACK, 0);
    cr_assert_eq(reply.outcome, SIM_GOES_ON);
    cr_assert_leq(entries() - before, most, "%lu entries", entries() - before);
    fixture_check();
    return reply;
}
static struct sim_reply ask(uint32_t thread) { return ask_within(thread, ENTRIES_MOST); }

/* The rest of a duplicate: its number. */
static uint32_t finish(uint32_t thread)
{
    struct sim_reply reply;
    do reply = ask(thread);
    while (reply.label == STATUS_AGAIN);
    struct holding *row;
    cr_assert_eq(holding_find(sim_process(thread % SIM_THREADS), fixture_ok(reply), &row), STATUS_OK);
    return holding_process(&sim_pager, row)->number;
}

static uint64_t value_of(uint64_t page) { return page * 0x9e3779b97f4a7c15; }

/* Writes a word to a page of each `distance` of a range that is there. */
static void fill(uint32_t number, uint64_t first, uint64_t pages, uint64_t distance)
{
    for (uint64_t i = 0; i < pages; i += distance) {
        uint64_t *word = sim_touch(number, first + i * P, FAULT_WRITE);
        cr_assert_not_null(word, "%s", sim_log());
        *word = value_of(first + i * P);
    }
}

static uint64_t word_of(uint32_t number, uint64_t address)
{
    const uint64_t *word = sim_touch(number, address, FAULT_READ);
    cr_assert_not_null(word, "pid %u %lx\n%s", number, address, sim_log());
    return *word;
}

static void expect(uint32_t number, uint64_t first, uint64_t pages, uint64_t distance)
{
    for (uint64_t i = 0; i < pages; i += distance) cr_assert_eq(word_of(number, first + i * P), value_of(first + i * P), "pid %u page %lu", number, i);
}

static uint64_t filled(uint32_t number, uint64_t pages, uint64_t distance)
{
    uint64_t first = map(number, pages);
    EXPECT(OK, fixture_whole(number, PROTOCOL_advise, first, pages * P, ADVICE_RANDOM)); /* no page but those that are touched */
    fill(number, first, pages, distance);
    return first;
}

/* --- How much a message does --- */

static uint64_t place_brk(void)
{
    uint64_t first = sim_process(INIT)->break_first;
    EXPECT(OK, fixture_whole(INIT, PROTOCOL_brk, 5 * TABLE_PAGES * P, 0, 0));
    fill(INIT, first, 5 * TABLE_PAGES, 1);
    return first;
}
static uint64_t place_autogen(void)
{
    EXPECT(OK, fixture_whole(INIT, PROTOCOL_autogen_move, 5 * TABLE_PAGES * P, 0, 0));
    uint64_t first = LAYOUT_AUTOGEN_TOP - 5 * TABLE_PAGES * P;
    fill(INIT, first, 5 * TABLE_PAGES, 1);
    return first;
}
static uint64_t place_stack(void)
{
    uint64_t first = LAYOUT_STACK_TOP - 3 * TABLE_PAGES * P;
    fill(INIT, first, 3 * TABLE_PAGES, 1);
    return first;
}
static uint64_t place_dense(void) { return filled(INIT, 20 * TABLE_PAGES, 1); }
static uint64_t place_far_apart(void) { return filled(INIT, 100 * TABLE_PAGES, TABLE_PAGES); }
static uint64_t place_empty(void) { return filled(INIT, (uint64_t)8 << 18, (uint64_t)3 << 18); }
static uint64_t place_few_at_the_top(void)
{
    uint64_t first = map(INIT, 40 * TABLE_PAGES);
    fill(INIT, first + 39 * TABLE_PAGES * P, TABLE_PAGES, 3);
    return first;
}

static const struct { const char *name; uint64_t (*place)(void); uint64_t pages, distance; unsigned least, most; uint64_t entries; } places[] = {
    { "brk", place_brk, 5 * TABLE_PAGES, 1, 5, 7, 2200 },
    { "autogen", place_autogen, 5 * TABLE_PAGES, 1, 5, 7, 2200 },
    { "stack", place_stack, 3 * TABLE_PAGES, 1, 3, 5, 2200 },
    { "all pages", place_dense, 20 * TABLE_PAGES, 1, 20, 22, 2200 },
    { "a page in each table", place_far_apart, 100 * TABLE_PAGES, TABLE_PAGES, 40, 60, ENTRIES_MOST },
    { "three pages in 8 GiB", place_empty, (uint64_t)8 << 18, (uint64_t)3 << 18, 2, 4, ENTRIES_FAR_MOST },
};

Test(pager_duplicate, no_message_does_more_than_a_step)
{
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        begin_large();
        uint64_t first = places[i].place(), segments = sim_process(INIT)->segments.count, before = charged(INIT);
        uint64_t own = process_charge(sim_process(INIT));
        unsigned messages = 1;
        while (ask_within(INIT, places[i].entries).label == STATUS_AGAIN) messages++;
        cr_assert(messages >= places[i].least && messages <= places[i].most, "%s: %u", places[i].name, messages);
        uint32_t twin = sim_pager.next_number;
        cr_assert_eq(sim_process(twin)->segments.count, segments);
        cr_assert_leq(charged(INIT) - before, own + 8, "what it has is charged once");
        cr_assert_geq(charged(INIT) - before, sim_process(twin)->segments.rows[0].pages);
        for (uint64_t page = 0; page < places[i].pages; page += places[i].distance)
            if (page % 7 == 0) put(INIT, first + page * P + 8, 1);
        expect(twin, first, places[i].pages, places[i].distance);
        for (uint64_t page = 0; page < places[i].pages; page += places[i].distance) cr_assert_eq(get(twin, first + page * P + 8), 0);
        fill(twin, first, places[i].pages, places[i].distance);
        fixture_check();
        sim_end(INIT);
        sim_run();
        expect(twin, first, places[i].pages, places[i].distance);
        fixture_check();
        sim_stop();
    }
}

/* What is small goes at once, whatever little there is in much room. */
Test(pager_duplicate, a_small_process_is_one_message)
{
    begin_large();
    fill(INIT, map(INIT, 200), 200, 1);
    EXPECT(OK, fixture_whole(INIT, PROTOCOL_brk, 100 * P, 0, 0));
    for (unsigned i = 0; i < 10; i++) map(INIT, (uint64_t)1 << 18);
    EXPECT(OK, ask(INIT));
    begin_large();
    uint64_t sparse = map(INIT, 4 * TABLE_PAGES);
    fill(INIT, sparse, 10, 1);
    EXPECT(OK, ask(INIT));
    expect(sim_pager.next_number, sparse, 10, 1);
    begin_large();
    uint64_t top = place_few_at_the_top();
    EXPECT(AGAIN, ask(INIT));
    uint32_t twin = finish(INIT);
    expect(twin, top + 39 * TABLE_PAGES * P, TABLE_PAGES, 3);
}

Test(pager_duplicate, many_segments_are_many_messages)
{
    constexpr uint64_t count = 1500;
    begin_large();
    uint64_t first = fixture_ok(sim_request(INIT, PROTOCOL_map, 2 * count * P, PROTECTION_WRITE, 0));
    for (uint64_t i = 0; i < count; i++) EXPECT(OK, sim_request(INIT, PROTOCOL_protect, first + 2 * i * P, P, PROTECTION_READ));
    uint64_t segments = sim_process(INIT)->segments.count;
    unsigned messages = 1;
    while (ask(INIT).label == STATUS_AGAIN) messages++;
    cr_assert_geq(messages, 2 * count * STRETCH_OF_EACH / STRETCH_ROOM);
    cr_assert_eq(sim_process(sim_pager.next_number)->segments.count, segments);
}

/* --- Others go on --- */

/* A page that another thread writes to has what was there before where its turn is over, else what has been written. */
Test(pager_duplicate, each_page_is_as_it_was_at_its_turn)
{
    constexpr uint64_t pages = 6 * TABLE_PAGES;
    begin_large();
    uint64_t first = filled(INIT, pages, 1), fresh = filled(INIT, pages, 4);
    uint32_t other = second_thread(INIT);
    EXPECT(AGAIN, ask(INIT));
    EXPECT(AGAIN, ask(INIT));
    for (uint64_t i = 0; i < pages; i += 5) put(other, first + i * P, 0xaa);
    for (uint64_t i = 1; i < pages; i += 4) put(other, fresh + i * P, 0xbb);
    uint64_t faults = sim_pager.count_faults;
    for (uint64_t i = 0; i < pages; i += 5) put(other, first + i * P, 0xaa);
    cr_assert_eq(sim_pager.count_faults, faults, "who has written once has the page alone");
    uint32_t twin = finish(INIT);
    uint64_t before = 0, after = 0;
    for (uint64_t i = 0; i < pages; i++) {
        bool is_written = i % 5 == 0 && get(twin, first + i * P) == 0xaa;
        if (!is_written) cr_assert_eq(word_of(twin, first + i * P), value_of(first + i * P), "page %lu", i);
        before += i % 5 == 0 && !is_written;
        after += is_written;
        cr_assert(!is_written || before > 0, "in address order");
    }
    cr_assert(before > 100 && after > 100, "%lu %lu", before, after);
    for (uint64_t i = 1; i < pages; i += 4) cr_assert_eq(get(twin, fresh + i * P), 0xbb);
    expect(twin, fresh, pages, 4);
    fixture_check();
}

/* What lies at an address is what was there at its turn: unmapped before or after, mapped anew, with other rights. */
Test(pager_duplicate, memory_changes_between_the_messages)
{
    constexpr uint64_t pages = 8 * TABLE_PAGES;
    for (unsigned change = 0; change < 9; change++) {
        begin_large();
        uint64_t first = filled(INIT, pages, 1), limit = first + pages * P;
        uint32_t other = second_thread(INIT), child;
        uint64_t handle = fixture_child(&child);
        const uint64_t over[MESSAGE_WORDS] = { limit - 100 * P, 100 * P, PROTECTION_WRITE };
        for (unsigned i = 0; i < 3; i++) EXPECT(AGAIN, ask(INIT));
        uint64_t at_page = sim_process(INIT)->making.at;
        cr_assert(at_page > first + TABLE_PAGES * P && at_page < limit - 3 * TABLE_PAGES * P);
        switch (change) {
        case 0: EXPECT(OK, sim_request(other, PROTOCOL_unmap, limit - 10 * P, 10 * P, 0)); break;
        case 1: EXPECT(OK, sim_request(other, PROTOCOL_unmap, at_page - 3 * P, 6 * P, 0)); break;
        case 2: EXPECT(OK, sim_request(other, PROTOCOL_protect, at_page - 3 * P, 6 * P, PROTECTION_READ)); break;
        case 3: EXPECT(OK, sim_request(other, PROTOCOL_unmap, first, 100 * P, 0)); break;
        case 4:
            EXPECT(OK, sim_request(other, PROTOCOL_unmap, at_page, 100 * P, 0));
            EXPECT(OK, sim_request(other, PROTOCOL_map_at, 50 * P, PROTECTION_WRITE, at_page));
            put(other, at_page + 7 * P, 0xcc);
            break;
        case 5: EXPECT(OK, sim_call(other, HANDLE_PAGER, tag_make(PROTOCOL_map_over, 0), over, nullptr, 0)); break;
        case 6: EXPECT(OK, sim_request(other, PROTOCOL_resize, first, pages * P, (pages + 20) * P)); fill(other, limit, 20, 1); break;
        case 7: EXPECT(OK, sim_request(other, PROTOCOL_segment_move, limit - 200 * P, 200 * P, handle)); break;
        default: EXPECT(OK, sim_request(other, PROTOCOL_seal, at_page + 20 * P, 100 * P, 0)); break;
        }
        fixture_check();
        uint32_t twin = finish(INIT);
        const struct segment_table *table = &sim_process(twin)->segments;
        uint64_t until = change == 0 ? limit - 10 * P : change == 7 ? limit - 200 * P : change == 5 ? limit - 100 * P : limit;
        for (uint64_t page = first; page < until; page += P) {
            bool is_unmapped = change == 1 && page >= at_page && page < at_page + 3 * P;
            bool is_new = change == 4 && page >= at_page && page < at_page + 50 * P;
            bool is_hole = change == 4 && page >= at_page + 50 * P && page < at_page + 100 * P;
            const struct segment *row = segment_find(table, page);
            cr_assert_eq(row == nullptr, is_unmapped || is_hole, "change %u page %lu", change, (page - first) / P);
            if (row == nullptr) continue;
            uint64_t wanted = !is_new ? value_of(page) : page == at_page + 7 * P ? 0xcc : 0;
            cr_assert_eq(word_of(twin, page), wanted, "change %u page %lu", change, (page - first) / P);
            bool is_read_only = change == 2 && page >= at_page && page < at_page + 3 * P;
            cr_assert_eq(row->protection, is_read_only ? PROTECTION_READ : PROTECTION_WRITE);
            cr_assert_eq(row->is_sealed, change == 8 && page >= at_page + 20 * P && page < at_page + 120 * P);
        }
        cr_assert_eq(segment_find(table, limit - P) == nullptr, change == 0 || change == 7);
        if (change == 5) cr_assert_eq(word_of(twin, limit - P), 0);
        if (change == 6) expect(twin, limit, 20, 1);
        /* The place is as good as any: what is free can be mapped, all can go. */
        for (uint64_t page = first; change != 8 && page < limit; page += 64 * P)
            if (segment_find(table, page) == nullptr) EXPECT(OK, sim_request(twin, PROTOCOL_map_at, P, PROTECTION_WRITE, page));
        for (uint64_t page = first; page < limit; page += P)
            if (segment_find(table, page) != nullptr && !segment_find(table, page)->is_sealed) EXPECT(OK, sim_request(twin, PROTOCOL_unmap, page, P, 0));
        fixture_check();
        if (change != 8) EXPECT(OK, sim_request(twin, PROTOCOL_map_at, pages * P, PROTECTION_WRITE, first));
        sim_end(twin);
        sim_run();
        fixture_check();
        sim_stop();
    }
}

/* brk and autogen are one segment each: they wait. So does another duplicate. */
Test(pager_duplicate, brk_and_autogen_wait)
{
    begin_large();
    filled(INIT, 4 * TABLE_PAGES, 1);
    fixture_ok(sim_request(INIT, PROTOCOL_brk, 5 * P, 0, 0));
    fixture_ok(sim_request(INIT, PROTOCOL_autogen_move, 5 * P, 0, 0));
    uint32_t other = second_thread(INIT);
    EXPECT(AGAIN, ask(INIT));
    EXPECT(AGAIN, sim_request(other, PROTOCOL_brk, P, 0, 0));
    EXPECT(AGAIN, sim_request(other, PROTOCOL_autogen_move, P, 0, 0));
    cr_assert_eq(fixture_ok(sim_request(other, PROTOCOL_autogen_flip, 1, 0, 0)), 0);
    EXPECT(AGAIN, ask(other));
    uint32_t twin = finish(INIT);
    cr_assert_eq(sim_process(twin)->break_address, sim_process(INIT)->break_address);
    fixture_ok(sim_request(other, PROTOCOL_brk, P, 0, 0));
    fixture_ok(sim_request(other, PROTOCOL_autogen_move, P, 0, 0));
    cr_assert_eq(fixture_ok(sim_request(other, PROTOCOL_autogen_flip, 1, 0, 0)), 1);
    finish(other);
}

/* --- Ends and refusals in the middle --- */

enum middle { THREAD_ENDS, PROCESS_ENDS, NO_GROUP, TOO_MUCH, BAD_STACK, MIDDLES };

/* In the middle, after each number of messages: what there was of the duplicate goes, a step at a time. */
Test(pager_duplicate, it_is_given_up_in_the_middle)
{
    constexpr uint64_t pages = 3 * TABLE_PAGES + 100;
    for (enum middle middle = 0; middle < MIDDLES; middle++)
        for (unsigned after = 1; after < 4; after++) {
            begin_with(&(struct sim_options){ .memory_bytes = (uint64_t)64 << 20, .arguments = middle == TOO_MUCH ? "limit=3600" : nullptr });
            uint64_t free = sim_free_frames();
            uint32_t number, other;
            fixture_child(&number);
            uint64_t first = filled(number, pages, 1);
            other = second_thread(number);
            uint64_t before = charged(number), used = sim_free_frames(), running = sim_pager.count_running;
            sim_hold_time(true);
            for (unsigned i = 0; i < after; i++) EXPECT(AGAIN, ask(other));
            if (middle == THREAD_ENDS) EXPECT(OK, sim_request(number, PROTOCOL_thread_end, 2, 0, 0));
            if (middle == PROCESS_ENDS) cr_assert_eq(sim_request(number, PROTOCOL_exit, 0, 0, 0).outcome, SIM_GONE);
            if (middle == NO_GROUP) {
                uint64_t group = fixture_ok(sim_request(number, PROTOCOL_group_next, 0, 0, 0));
                EXPECT(OK, sim_request(number, PROTOCOL_group_leave, group, 0, 0));
                EXPECT(NOT_MEMBER, ask(other));
            }
            if (middle == TOO_MUCH) {
                constexpr uint64_t most = 400;
                uint64_t more = map(INIT, most); /* of the same family */
                for (uint64_t i = 0; i < most && charged(INIT) + 8 < 3600; i++) put(INIT, more + i * P, 1);
                struct sim_reply reply;
                do reply = ask(other);
                while (reply.label == STATUS_AGAIN);
                cr_assert_eq(reply.label, STATUS_LIMIT, "%s", status_name(reply.label));
                EXPECT(OK, sim_request(INIT, PROTOCOL_unmap, more, most * P, 0));
            }
            if (middle == BAD_STACK) {
                struct sim_reply reply;
                do reply = sim_request(other, PROTOCOL_process_duplicate, ENTRY, (uint64_t)1 << 63, 0);
                while (reply.label == STATUS_AGAIN);
                cr_assert_eq(reply.label, STATUS_BAD_ADDRESS, "%s", status_name(reply.label));
            }
            while (sim_pager.work_first != nullptr) {
                uint64_t looked = entries();
                sim_pause();
                cr_assert_leq(entries() - looked, ENTRIES_MOST);
                fixture_check();
            }
            sim_hold_time(false);
            cr_assert(middle == PROCESS_ENDS || !process_is_duplicated(sim_process(number)));
            fixture_check();
            if (middle == PROCESS_ENDS) {
                cr_assert_leq(free - sim_free_frames(), 24, "%lu", free - sim_free_frames());
            } else {
                cr_assert_eq(sim_pager.count_running, running);
                cr_assert(charged(number) <= before + 8 && sim_free_frames() + 24 >= used, "%u after %u: %lu %lu", middle, after, charged(number), before);
                uint64_t left = sim_free_frames();
                fill(number, first, pages, 1); /* nobody else has its pages */
                cr_assert_eq(sim_free_frames(), left);
                fixture_check();
            }
            sim_stop();
        }
}

/* The k-th allocation fails, for every k: nothing stays of the duplicate, and asking again makes it. */
Test(pager_duplicate, it_fails_at_each_allocation)
{
    constexpr uint64_t pages = 2 * TABLE_PAGES;
    uint64_t k = 1;
    for (bool is_done = false; !is_done; k++) {
        begin_with(&(struct sim_options){ .memory_bytes = (uint64_t)32 << 20 });
        uint64_t first = filled(INIT, pages, 1), apart = filled(INIT, 9 * TABLE_PAGES, 2 * TABLE_PAGES), before = charged(INIT);
        uint64_t free = sim_free_frames(), running = sim_pager.count_running;
        sim_fail_allocation(k);
        struct sim_reply reply = fixture_duplicate(INIT, ENTRY, STACK);
        is_done = sim_count_allocations() < k;
        sim_fail_allocation(0);
        fixture_check();
        cr_assert(is_done ? reply.label == STATUS_OK : reply.label == STATUS_OK || reply.label == STATUS_NO_MEMORY, "%lu: %s", k, status_name(reply.label));
        if (reply.label == STATUS_NO_MEMORY) {
            sim_run();
            fixture_check();
            cr_assert(sim_pager.count_running == running && charged(INIT) <= before + 8 && sim_free_frames() + 24 >= free, "allocation %lu", k);
            reply = fixture_duplicate(INIT, ENTRY, STACK);
        }
        fixture_ok(reply);
        uint32_t twin = sim_pager.next_number;
        fill(INIT, first, 9, 1);
        expect(twin, first, pages, 1);
        expect(twin, apart, 9 * TABLE_PAGES, 2 * TABLE_PAGES);
        fixture_check();
        sim_stop();
    }
    cr_assert_gt(k, 10);
}

/* The pager is lost at any point, in any of the messages: who asks again gets a duplicate, whole. */
Test(pager_duplicate, the_pager_is_lost)
{
    constexpr uint64_t pages = 2 * TABLE_PAGES + 9;
    uint64_t points = 0;
    for (uint64_t at_point = 0; at_point <= points; at_point += at_point < 20 ? 1 : 3) {
        begin_with(&(struct sim_options){ .memory_bytes = (uint64_t)16 << 20 });
        uint64_t first = filled(INIT, pages, 1);
        sim_lose(at_point, 0, nullptr);
        struct sim_reply reply = fixture_duplicate(INIT, ENTRY, STACK);
        if (at_point == 0) points = sim_count_points();
        sim_lose(0, 0, nullptr);
        fixture_ok(reply);
        fixture_check();
        struct holding *row;
        cr_assert_eq(holding_find(sim_process(INIT), reply.word[0], &row), STATUS_OK);
        uint32_t twin = holding_process(&sim_pager, row)->number;
        put(INIT, first + 8, 1);
        expect(twin, first, pages, 1);
        cr_assert_eq(get(twin, first + 8), 0);
        sim_end(twin);
        sim_run();
        fixture_check();
        sim_stop();
    }
    cr_assert_gt(points, 20);
}
