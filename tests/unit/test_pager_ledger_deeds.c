/* The pager is lost at every step of each further request that changes memory, handles or groups; and when the journal is full. See test_pager_ledger.c. */
#include "ledger_play.h"

#include "ledger.h"

constexpr uint64_t P = PAGE_BYTES;

static const struct segment *at(uint64_t address) { return segment_find(&sim_process(child_number)->segments, address); }
static struct sim_reply ask(uint32_t number, enum protocol label, uint64_t word0, uint64_t word1, uint64_t word2, uint64_t word3)
{
    const uint64_t word[MESSAGE_WORDS] = { word0, word1, word2, word3 };
    return sim_call(number, HANDLE_PAGER, tag_make(label, 0), word, nullptr, 0);
}
static struct sim_reply of_child(enum protocol label, uint64_t word0, uint64_t word1, uint64_t word2)
{
    return ask(child_number, label, word0, word1, word2, 0);
}

/* --- Memory. Of the scene's twelve pages 0, 3, 6 and 9 were written to --- */

static void deed_discard(void)
{
    EXPECT(OK, of_child(PROTOCOL_discard, kept_address + 2 * P, 6 * P, 0));
    cr_assert_eq(at(kept_address)->pages, 2);
    memory_expect(child_number, kept_address + 3 * P, 0);
    memory_expect(child_number, kept_address + 6 * P, 0);
}
static void deed_seal(void)
{
    EXPECT(OK, of_child(PROTOCOL_seal, kept_address + 4 * P, 3 * P, 0));
    EXPECT(IMMUTABLE, of_child(PROTOCOL_unmap, kept_address + 4 * P, P, 0));
    memory_expect(child_number, kept_address + 6 * P, KEPT + 6);
}
static void deed_map_over(void)
{
    EXPECT(OK, of_child(PROTOCOL_map_over, kept_address + 3 * P, 5 * P, PROTECTION_READ));
    cr_assert_eq(at(kept_address + 3 * P)->protection, PROTECTION_READ);
    cr_assert_eq(at(kept_address)->protection, PROTECTION_WRITE);
    memory_expect(child_number, kept_address + 3 * P, 0);
    memory_expect(child_number, kept_address + 6 * P, 0);
}
/* Longer than what keeps its frames. */
static void deed_map_over_long(void)
{
    constexpr uint64_t pages = STEP_PAGES + 20;
    uint64_t first = fixture_ok(of_child(PROTOCOL_map, pages * P, PROTECTION_WRITE, 0));
    memory_write(child_number, first, 1);
    memory_write(child_number, first + (pages - 1) * P, 2);
    EXPECT(OK, fixture_whole(child_number, PROTOCOL_map_over, first, pages * P, PROTECTION_WRITE));
    memory_expect(child_number, first, 0);
    memory_expect(child_number, first + (pages - 1) * P, 0);
}
static void deed_advise(void)
{
    EXPECT(OK, of_child(PROTOCOL_advise, kept_address + 4 * P, 3 * P, ADVICE_RANDOM));
    cr_assert_eq(at(kept_address + 5 * P)->advice, ADVICE_RANDOM);
    cr_assert_eq(at(kept_address)->advice, ADVICE_NORMAL);
    cr_assert_eq(at(kept_address + 7 * P)->advice, ADVICE_NORMAL);
    memory_expect(child_number, kept_address + 6 * P, KEPT + 6);
}
static void deed_will_need(void)
{
    cr_assert_eq(fixture_ok(of_child(PROTOCOL_advise, kept_address, 12 * P, ADVICE_WILL_NEED)), 12 * P);
    cr_assert_eq(at(kept_address)->pages, 12);
}
static void deed_populate(void)
{
    cr_assert_eq(fixture_ok(of_child(PROTOCOL_populate, kept_address + P, 9 * P, 0)), 9 * P);
    cr_assert_eq(at(kept_address)->pages, 10);
    for (uint64_t page = 0; page < 10; page++) memory_expect(child_number, kept_address + page * P, page % 3 == 0 ? KEPT + page : 0);
}
static void deed_map_populated(void)
{
    uint64_t first = fixture_ok(of_child(PROTOCOL_map, 20 * P, PROTECTION_WRITE, MAPPING_POPULATE));
    cr_assert_eq(at(first)->pages, 20);
}
static void deed_map_at(void)
{
    uint64_t place = LAYOUT_MMAP_FIRST + 3 * REGION_BYTES - 2 * P; /* over the end of a region */
    EXPECT(OK, of_child(PROTOCOL_map_at, 5 * P, PROTECTION_WRITE, place));
    cr_assert(at(place) != nullptr && at(place) == at(place + 4 * P));
    EXPECT(EXISTS, of_child(PROTOCOL_map_at, P, PROTECTION_WRITE, place + P));
}
/* Beside memory that it becomes one with. */
static void deed_map_at_beside(void)
{
    EXPECT(OK, of_child(PROTOCOL_map_at, 4 * P, PROTECTION_WRITE, kept_address + 12 * P));
    cr_assert_eq(at(kept_address)->limit, kept_address + 16 * P);
}
static void deed_module_map(void)
{
    uint64_t first = fixture_ok(sim_request_text(child_number, PROTOCOL_module_map, 0, "file", 4));
    cr_assert_eq(*(unsigned char *)sim_touch(child_number, first + 2 * P, FAULT_READ), fixture_file[2 * P]);
}
static void deed_flip(void)
{
    fixture_ok(of_child(PROTOCOL_autogen_move, 2 * P, 0, 0));
    EXPECT(OK, of_child(PROTOCOL_autogen_flip, 1, 0, 0));
    cr_assert_eq(at(LAYOUT_AUTOGEN_TOP - P)->protection, PROTECTION_EXECUTE);
}
/* What was given away comes back: a part of a segment, and all of it. */
static void deed_give_back(void)
{
    uint64_t there = fixture_ok(ask(INIT, PROTOCOL_map, 8 * P, PROTECTION_WRITE, 0, 0));
    memory_write(INIT, there + 2 * P, 41);
    memory_write(INIT, there + 5 * P, 42);
    uint64_t first = fixture_ok(ask(INIT, PROTOCOL_segment_move, there, 8 * P, child, 0));
    EXPECT(OK, of_child(PROTOCOL_unmap, first + 4 * P, 4 * P, 0));
    memory_expect(child_number, first + 2 * P, 41);
    EXPECT(OK, of_child(PROTOCOL_unmap, first, 4 * P, 0));
    cr_assert_null(at(first));
}

/* --- Handles --- */

static uint64_t endpoint_of(uint32_t number) { return fixture_ok(sim_request(number, PROTOCOL_endpoint_create, 0, 0, 0)); }
static uint64_t pass(uint64_t handle, uint64_t rights) { return fixture_ok(ask(INIT, PROTOCOL_handle_pass, handle, rights, child, 0)); }

static void deed_pass(void)
{
    uint64_t there = pass(endpoint_of(INIT), RIGHT_NOTIFY);
    cr_assert_eq(sim_notify(child_number, (uint32_t)there, 1), STATUS_OK);
    cr_assert_eq(sim_request_text(child_number, PROTOCOL_name_publish, there, "deed", 4).label, STATUS_NO_RIGHT);
}
static void deed_revoke(void)
{
    uint64_t endpoint = endpoint_of(INIT);
    uint64_t copy = fixture_ok(ask(INIT, PROTOCOL_handle_duplicate, endpoint, RIGHT_NOTIFY | RIGHT_PASS | RIGHT_NARROW, 0, 0));
    uint64_t there = pass(copy, RIGHT_NOTIFY), other = pass(endpoint, RIGHT_NOTIFY);
    cr_assert_eq(sim_notify(child_number, (uint32_t)there, 1), STATUS_OK); /* the kernel has a row of it */
    EXPECT(OK, ask(INIT, PROTOCOL_handle_revoke, copy, 0, 0, 0));
    cr_assert_eq(sim_notify(child_number, (uint32_t)there, 1), STATUS_STALE);
    cr_assert_eq(sim_notify(child_number, (uint32_t)other, 1), STATUS_OK);
    cr_assert_eq(sim_notify(INIT, (uint32_t)copy, 1), STATUS_OK);
}
static void deed_close(void)
{
    uint64_t endpoint = endpoint_of(INIT), there = pass(endpoint, RIGHT_NOTIFY);
    EXPECT(OK, ask(INIT, PROTOCOL_handle_close, endpoint, 0, 0, 0)); /* the endpoint ends with it */
    cr_assert_eq(sim_notify(child_number, (uint32_t)there, 1), STATUS_STALE);
}
static void deed_narrow(void)
{
    uint64_t there = pass(endpoint_of(INIT), RIGHT_NOTIFY | RIGHT_CALL | RIGHT_NARROW);
    EXPECT(OK, of_child(PROTOCOL_handle_narrow, there, RIGHT_NOTIFY, 0));
    cr_assert_eq(sim_process(child_number)->holdings.rows[there % HOLDING_LIMIT].rights, RIGHT_NOTIFY);
}
static void deed_name(void)
{
    fixture_ok(sim_request_text(INIT, PROTOCOL_name_publish, endpoint_of(INIT), "deed", 4));
    uint64_t there = fixture_ok(sim_request_text(child_number, PROTOCOL_name_find, 0, "deed", 4));
    cr_assert_eq(sim_notify(child_number, (uint32_t)there, 1), STATUS_OK);
}
static void deed_watch(void)
{
    uint64_t endpoint = endpoint_of(INIT);
    EXPECT(OK, ask(INIT, PROTOCOL_process_watch, endpoint, 2, 0, 0));
    EXPECT(OK, ask(INIT, PROTOCOL_memory_watch, endpoint, 4, 20, 0));
    sim_end(child_number);
    EXPECT(OK, ask(INIT, PROTOCOL_process_next_event, 0, 0, 0, 0));
}

/* --- Groups --- */

static void deed_leave(void)
{
    uint64_t group = fixture_ok(of_child(PROTOCOL_group_create, 0, 0, 0));
    EXPECT(OK, of_child(PROTOCOL_group_leave, group, 0, 0));
    EXPECT(NOT_MEMBER, of_child(PROTOCOL_group_leave, group, 0, 0));
}
/* The child is invited, joins and leaves: what was published in the group goes, and the handle that was found by it. */
static void deed_join_and_leave(void)
{
    struct sim_reply made = ask(INIT, PROTOCOL_group_create, 0, 0, 0, 0);
    uint64_t group = fixture_ok(made);
    uint64_t there = pass(made.word[1], RIGHT_CALL);
    cr_assert_eq(fixture_ok(of_child(PROTOCOL_group_join, there, 0, 0)), group);
    EXPECT(OK, of_child(PROTOCOL_group_leave, group, 0, 0));
    cr_assert_eq(fixture_ok(of_child(PROTOCOL_group_join, there, 0, 0)), group);
}
static void deed_group_end(void)
{
    struct sim_reply made = ask(INIT, PROTOCOL_group_create, 0, 0, 0, 0);
    uint64_t group = fixture_ok(made), there = pass(made.word[1], RIGHT_CALL);
    fixture_ok(of_child(PROTOCOL_group_join, there, 0, 0));
    EXPECT(OK, ask(INIT, PROTOCOL_group_end, made.word[1], 0, 0, 0));
    EXPECT(NOT_MEMBER, of_child(PROTOCOL_group_leave, group, 0, 0));
    EXPECT(STALE, of_child(PROTOCOL_group_join, there, 0, 0));
}

static const struct deed memory_deeds[] = {
    { "discard", deed_discard, 0, 0 },           { "seal", deed_seal, 2, 0 },           { "map over", deed_map_over, 2, 0 },
    { "map over long", deed_map_over_long, 1, 0 }, { "advise", deed_advise, 2, 0 },     { "will need", deed_will_need, 0, 0 },
    { "populate", deed_populate, 0, 0 },         { "map populated", deed_map_populated, 1, 0 }, { "map at", deed_map_at, 1, 0 },
    { "map at beside", deed_map_at_beside, 0, 0 }, { "module map", deed_module_map, 1, 0 }, { "flip", deed_flip, 1, 0 },
    { "give back", deed_give_back, 0, 0 },
};
static const struct deed handle_deeds[] = {
    { "pass", deed_pass, 0, 2 },   { "revoke", deed_revoke, 0, 3 }, { "close", deed_close, 0, 0 }, { "narrow", deed_narrow, 0, 2 },
    { "name", deed_name, 0, 2 },   { "watch", deed_watch, -1000, 1 },
    { "leave", deed_leave, 0, 0 }, { "join and leave", deed_join_and_leave, 0, 2 }, { "group end", deed_group_end, 0, 0 },
};

Test(pager_ledger_deeds, of_memory_are_done_whole) { deeds_play(memory_deeds, sizeof(memory_deeds) / sizeof(memory_deeds[0])); }
Test(pager_ledger_deeds, of_handles_and_groups_are_done_whole) { deeds_play(handle_deeds, sizeof(handle_deeds) / sizeof(handle_deeds[0])); }

/* --- A journal that is full --- */

/* `count` handles of one endpoint of init's, found by children, and one of the child's own that stays. */
constexpr uint64_t FOUND_MOST = 240; /* of a process */
static uint64_t full_endpoint, full_copy;
static void full_scene(uint64_t count)
{
    fixture_start_with(&(struct sim_options){ .memory_bytes = MEMORY });
    full_endpoint = endpoint_of(INIT);
    full_copy = fixture_ok(ask(INIT, PROTOCOL_handle_duplicate, full_endpoint, RIGHT_NOTIFY | RIGHT_PASS | RIGHT_NARROW, 0, 0));
    fixture_ok(sim_request_text(INIT, PROTOCOL_name_publish, full_endpoint, "full", 4));
    while (count > 0) {
        uint32_t finder;
        child = fixture_child(&finder);
        for (uint64_t i = 0; i < FOUND_MOST && count > 0; i++, count--) fixture_ok(sim_request_text(finder, PROTOCOL_name_find, 0, "full", 4));
    }
    fixture_check();
}

/* More handles than this cannot be revoked in one change: each is a row in the journal. */
constexpr uint64_t FITS = JOURNAL_WORDS / (1 + sizeof(struct holding) / sizeof(uint64_t));

static uint64_t count_found(void)
{
    uint64_t count = 0;
    for (uint32_t i = 0; i < PROCESS_LIMIT; i++) {
        const struct process *process = sim_pager.process[i];
        for (uint32_t slot = HOLDING_FIRST; process != nullptr && process->number != INIT && slot < process->holdings.used; slot++)
            count += process->holdings.rows[slot].kind == HOLDING_SERVICE;
    }
    return count;
}

/* Revokes all of them; the pager is lost at a point, 0: it is not, and once more `again` points later. How many points there are, and how often the journal was
 * committed. */
static struct full { uint64_t points, commits; } full_play(uint64_t count, uint64_t point, uint64_t again)
{
    full_scene(count);
    uint64_t sequence = sim_pager.ledger->journal.sequence;
    sim_lose(point, again, nullptr);
    struct sim_reply reply = ask(INIT, PROTOCOL_handle_revoke, full_endpoint, 0, 0, 0);
    struct full full = { sim_count_points(), sim_pager.ledger->journal.sequence - sequence };
    sim_lose(0, 0, nullptr);
    cr_assert_eq(reply.label, STATUS_OK, "%lu handles, lost at %lu", count, point);
    const char *failed = sim_check();
    cr_assert_null(failed, "%lu handles, lost at %lu: %s", count, point, failed);
    cr_assert(point == 0 || fixture_logged("lost=0"), "%lu handles, lost at %lu\n%s", count, point, sim_log());
    cr_assert_eq(count_found(), 0);
    cr_assert_eq(sim_notify(INIT, (uint32_t)full_endpoint, 1), STATUS_OK);
    cr_assert(point != 0 || reply.word[0] == count + 1);
    return full;
}

/* The fewest handles that are more than one change, between some that are one and some that are two. */
static uint64_t border_find(void)
{
    uint64_t one = FITS / 2, two = FITS + 1;
    cr_assert_eq(full_play(one, 0, 0).commits, 1);
    cr_assert_eq(full_play(two, 0, 0).commits, 2);
    while (two - one > 1) {
        uint64_t middle = (one + two) / 2;
        if (full_play(middle, 0, 0).commits == 1) one = middle;
        else two = middle;
    }
    return two;
}

/* Lost at points before, at and behind the one where the journal is full, once and in the recovery too: the revocation is done whole, nobody is lost. */
Test(pager_ledger_deeds, a_journal_that_is_full_loses_nothing)
{
    uint64_t border = border_find();
    cr_assert(border > FITS - 40 && border <= FITS, "%lu of %lu", border, FITS);
    for (uint64_t count = border - 1; count <= border + 1; count++) {
        uint64_t points = full_play(count, 0, 0).points, beside = points - 8 * (points / count);
        for (uint64_t point = 1; point < beside; point += points / 5) full_play(count, point, 0);
        for (uint64_t point = beside; point <= points; point++) full_play(count, point, 0);
    }
    uint64_t points = full_play(FITS + 60, 0, 0).points, at = points * border / (FITS + 60);
    for (uint64_t point = at - 10; point <= at + 10; point++) full_play(FITS + 60, point, point % 2 == 0 ? 0 : 3);
}

/* A range of more segments than the journal has room for: all are changed, and joined in the end, wherever the pager is lost. */
Test(pager_ledger_deeds, a_range_of_more_segments_than_the_journal_holds)
{
    constexpr uint64_t count = JOURNAL_WORDS / (1 + SEGMENT_KEPT_BYTES / sizeof(uint64_t)) + 20, place = LAYOUT_MMAP_FIRST + P;
    static const struct { enum protocol label; uint64_t word2; uint32_t segments; bool is_in_parts; } requests[] = {
        { PROTOCOL_advise, ADVICE_RANDOM, count, true }, { PROTOCOL_seal, 0, count, false }, { PROTOCOL_protect, PROTECTION_READ, 1, true },
        { PROTOCOL_map_over, PROTECTION_WRITE, 1, true }, { PROTOCOL_unmap, 0, 0, false },
    };
    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        uint64_t points = 1;
        for (uint64_t point = 0; point <= points; point += points / 9 + 1) {
            fixture_start_with(&(struct sim_options){ .memory_bytes = 2 * MEMORY });
            uint32_t segments = sim_process(INIT)->segments.count;
            for (uint64_t page = 0; page < count; page++)
                EXPECT(OK, ask(INIT, PROTOCOL_map_at, P, page % 2 == 0 ? PROTECTION_READ : PROTECTION_WRITE, place + page * P, 0));
            for (uint64_t page = 1; page < count; page += 2 * (count / 8)) memory_write(INIT, place + page * P, page);
            sim_lose(point, 0, nullptr);
            if (requests[i].is_in_parts) EXPECT(OK, fixture_whole(INIT, requests[i].label, place, count * P, requests[i].word2));
            else EXPECT(OK, ask(INIT, requests[i].label, place, count * P, requests[i].word2, 0));
            if (point == 0) points = sim_count_points();
            sim_lose(0, 0, nullptr);
            const char *failed = sim_check();
            cr_assert_null(failed, "request %zu lost at %lu: %s", i, point, failed);
            cr_assert_eq(sim_process(INIT)->segments.count, segments + requests[i].segments, "request %zu lost at %lu", i, point);
            cr_assert(point == 0 || fixture_logged("lost=0"), "%s", sim_log());
        }
    }
}

/* The owner ends: its endpoint goes, and more handles with it than one change may close. */
Test(pager_ledger_deeds, an_end_with_more_handles_than_the_journal_holds)
{
    uint64_t points = 1;
    for (uint64_t point = 0; point <= points; point += point < points / 2 ? points / 8 + 1 : points / 40 + 1) {
        full_scene(FITS + 30);
        sim_lose(point, 0, nullptr);
        EXPECT(OK, ask(INIT, PROTOCOL_handle_close, full_endpoint, 0, 0, 0));
        if (point == 0) points = sim_count_points();
        sim_lose(0, 0, nullptr);
        fixture_check();
        cr_assert_eq(count_found(), 0);
        cr_assert(point == 0 || fixture_logged("lost=0"), "%s", sim_log());
        sim_stop();
        full_scene(FITS + 30);
        sim_lose(point, 0, nullptr);
        sim_end(INIT);
        sim_lose(0, 0, nullptr);
        fixture_check();
        cr_assert_eq(count_found(), 0);
        cr_assert(sim_process(INIT) == nullptr || sim_process(INIT)->state == PROCESS_ENDED);
        sim_stop();
    }
}
