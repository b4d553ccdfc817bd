/* The pager is lost at every step, and another one begins with what the ledger says (pager/recover.h). */
#include "ledger_play.h"

#include "ledger.h"
#include "sim_script.h"

static uint32_t third, third_number;

/* --- Deeds: each is done whole, however often the pager is lost in it --- */

static void deed_map(void) { mapped = fixture_ok(sim_request(child_number, PROTOCOL_map, 20 * PAGE_BYTES, PROTECTION_WRITE, 0)); }
static void deed_touch(void) { memory_write(child_number, kept_address + PAGE_BYTES, 7); }
static void deed_unmap(void) { EXPECT(OK, sim_request(child_number, PROTOCOL_unmap, kept_address + 4 * PAGE_BYTES, 3 * PAGE_BYTES, 0)); }
static void deed_protect(void) { EXPECT(OK, sim_request(child_number, PROTOCOL_protect, kept_address + 4 * PAGE_BYTES, 3 * PAGE_BYTES, PROTECTION_READ)); }
static void deed_grow(void) { fixture_ok(sim_request(child_number, PROTOCOL_brk, 5 * PAGE_BYTES, 0, 0)); }
static void deed_shrink(void) { fixture_ok(sim_request(child_number, PROTOCOL_brk, (uint64_t)-(2 * (int64_t)PAGE_BYTES), 0, 0)); }
static void deed_autogen(void) { fixture_ok(sim_request(child_number, PROTOCOL_autogen_move, 3 * PAGE_BYTES, 0, 0)); }
static void deed_start(void) { third = fixture_child(&third_number); }
static void deed_exit(void) { cr_assert_eq(sim_request(child_number, PROTOCOL_exit, 3, 0, 0).outcome, SIM_GONE); }
static void deed_fault(void) { cr_assert_eq(sim_fault(child_number, FAULT_READ, PAGE_BYTES * 5), SIM_GONE); }
static void deed_endpoint(void) { fixture_ok(sim_request(child_number, PROTOCOL_endpoint_create, 0, 0, 0)); }
static void deed_duplicate(void) { fixture_ok(sim_request(INIT, PROTOCOL_handle_duplicate, child, RIGHT_CALL | RIGHT_PASS, 0)); }
/* Memory goes to the child, over a table's end and with a hole. */
static void deed_move(void)
{
    uint64_t first = fixture_ok(sim_request(INIT, PROTOCOL_map, LAYOUT_TABLE_BYTES + 3 * PAGE_BYTES, PROTECTION_WRITE, 0));
    uint64_t last = first + LAYOUT_TABLE_BYTES + PAGE_BYTES;
    memory_write(INIT, first, 11);
    memory_write(INIT, last, 12);
    uint64_t there = fixture_ok(sim_request(INIT, PROTOCOL_segment_move, first, LAYOUT_TABLE_BYTES + 3 * PAGE_BYTES, child));
    memory_expect(child_number, there, 11);
    memory_expect(child_number, there + (last - first), 12);
}
static struct sim_reply family_request(enum protocol label, uint64_t word0, uint64_t word1, uint64_t word2, uint64_t word3, uint64_t word4)
{
    const uint64_t word[MESSAGE_WORDS] = { word0, word1, word2, word3, word4 };
    return sim_call(INIT, HANDLE_PAGER, tag_make(label, 0), word, nullptr, 0);
}
/* Founds a family, gives it other terms, limits its time, starts a process in it. */
static void deed_family(void)
{
    uint64_t family = fixture_ok(family_request(PROTOCOL_family_create, 5, 100, 1, 3, 0));
    fixture_ok(family_request(PROTOCOL_family_limit, family, 10, 90, 1, 4));
    fixture_ok(family_request(PROTOCOL_family_time, family, 2'000'000, 10'000'000, 0, 0));
    const uint64_t word[MESSAGE_WORDS] = { 0, family };
    fixture_ok(sim_call(INIT, HANDLE_PAGER, tag_make(PROTOCOL_process_start, sizeof("child")), word, "child", sizeof("child")));
    const struct family *founded = sim_process(sim_pager.next_number)->family;
    cr_assert_eq(founded->pages.guarantee, 10);
    cr_assert_eq(founded->processes.limit, 4);
    cr_assert_eq(founded->time.nanoseconds, 2'000'000);
    cr_assert_neq(founded->time.purse.number, 0);
}
/* The same, and its end. */
static void deed_family_end(void)
{
    uint64_t limit = sim_process(INIT)->family->pages.limit;
    uint64_t family = fixture_ok(family_request(PROTOCOL_family_create, 5, 100, 1, 3, 0));
    cr_assert_eq(sim_process(INIT)->family->pages.limit, limit - 100);
    fixture_ok(family_request(PROTOCOL_family_time, family, 2'000'000, 10'000'000, 0, 0));
    EXPECT(OK, sim_request(INIT, PROTOCOL_handle_close, family, 0, 0));
    cr_assert_eq(sim_process(INIT)->family->pages.limit, limit);
}
static void deed_thread(void) { cr_assert_eq(fixture_ok(sim_request(child_number, PROTOCOL_thread_create, LAYOUT_IMAGE_FIRST, 0x1000, 0)), threads[1] + 1); }
static void deed_thread_end(void)
{
    EXPECT(OK, sim_request(child_number, PROTOCOL_thread_end, threads[1], 0, 0));
    cr_assert_eq(sim_process(child_number)->count_threads, 2);
}
static void deed_thread_end_itself(void)
{
    cr_assert_eq(sim_request(sim_thread_of(child_number, threads[1]), PROTOCOL_thread_end, 0, 0, 0).outcome, SIM_GONE);
    cr_assert_eq(sim_process(child_number)->count_threads, 2);
}
/* One waits for the other, which ends. */
static void deed_thread_wait(void)
{
    uint32_t waiter = sim_thread_of(child_number, threads[0]);
    cr_assert_eq(sim_request(waiter, PROTOCOL_thread_wait, threads[1], 0, 0).outcome, SIM_WAITS);
    deed_thread_end();
    EXPECT(OK, sim_look(waiter));
}
/* The thread that gives memory back is ended before the steps are done. */
static void deed_work(void)
{
    constexpr uint64_t pages = STEP_PAGES + 9;
    uint32_t worker = sim_thread_of(child_number, threads[1]);
    uint64_t first = fixture_ok(sim_request(worker, PROTOCOL_map, pages * PAGE_BYTES, PROTECTION_WRITE, 0));
    memory_write(worker, first, 1);
    memory_write(worker, first + (pages - 1) * PAGE_BYTES, 1);
    sim_hold_time(true);
    struct sim_reply reply = sim_request(worker, PROTOCOL_unmap, first, pages * PAGE_BYTES, 0);
    cr_assert_eq(reply.outcome, SIM_WAITS);
    sim_pause();
    deed_thread_end();
    sim_hold_time(false);
    sim_run();
}
static void deed_group(void) { fixture_ok(sim_request(child_number, PROTOCOL_group_create, 0, 0, 0)); }

/* The child has pages that init writes, and a duplicate that sees what was there when it was made. */
static void deed_share(void)
{
    uint64_t first = fixture_ok(sim_request(INIT, PROTOCOL_map, 3 * PAGE_BYTES, PROTECTION_WRITE, 0));
    for (uint64_t page = 0; page < 3; page++) memory_write(INIT, first + page * PAGE_BYTES, page);
    const uint64_t word[MESSAGE_WORDS] = { first, 3 * PAGE_BYTES, child, PROTECTION_WRITE };
    uint64_t there = fixture_ok(sim_call(INIT, HANDLE_PAGER, tag_make(PROTOCOL_segment_share, 0), word, nullptr, 0));
    memory_write(INIT, first + PAGE_BYTES, 21);
    memory_write(child_number, there + 2 * PAGE_BYTES, 22);
    memory_expect(child_number, there + PAGE_BYTES, 21);
    memory_expect(INIT, first + 2 * PAGE_BYTES, 22);
}
static void deed_fork(void)
{
    memory_write(child_number, kept_address + PAGE_BYTES, 31);
    fixture_ok(sim_request(child_number, PROTOCOL_process_duplicate, SIM_IMAGE_FIRST, LAYOUT_STACK_TOP - 8, 0));
    uint32_t twin = sim_pager.next_number;
    memory_write(child_number, kept_address + PAGE_BYTES, 32);
    memory_expect(twin, kept_address + PAGE_BYTES, 31);
    memory_write(twin, kept_address + PAGE_BYTES, 33);
    memory_expect(child_number, kept_address + PAGE_BYTES, 32);
    memory_expect(twin, kept_address, KEPT);
}

static const struct deed deeds[] = {
    { "map", deed_map, 1, 0 },           { "touch", deed_touch, 0, 0 },         { "unmap", deed_unmap, 1, 0 },
    { "protect", deed_protect, 2, 0 },   { "grow", deed_grow, 0, 0 },           { "shrink", deed_shrink, 0, 0 },
    { "autogen", deed_autogen, 1, 0 },   { "start", deed_start, 0, 1 },         { "exit", deed_exit, -1000, 0 },
    { "fault", deed_fault, -1000, 0 },   { "endpoint", deed_endpoint, 0, 1 },   { "duplicate", deed_duplicate, 0, 1 },
    { "group", deed_group, 0, 1 },       { "move", deed_move, 1, 0 },           { "family", deed_family, 0, 2 },
    { "share", deed_share, 1, 0 },       { "fork", deed_fork, 0, 1 },
    { "family end", deed_family_end, 0, 0 }, { "thread", deed_thread, 0, 0 },
    { "thread end", deed_thread_end, 0, 0 }, { "thread end itself", deed_thread_end_itself, 0, 0 },
    { "thread wait", deed_thread_wait, 0, 0 }, { "work", deed_work, 0, 0 },
};

/* Lost at a step of a deed, and once more in the recovery: at its first steps, then ever further on. */
Test(pager_ledger, a_pager_may_be_lost_in_its_recovery)
{
    static const size_t which[] = { 2, 5, 7, 8, 10, 16, 17 };
    for (size_t i = 0; i < sizeof(which) / sizeof(which[0]); i++) {
        const struct deed *deed = &deeds[which[i]];
        uint64_t points = points_of(deed);
        for (uint64_t at = 1; at <= points; at += points / 6 + 1)
            for (uint64_t again = 1; again < 100'000; again += again / 2 + 1) deed_play(deed, at, again);
    }
}

/* --- Damage --- */

static uint64_t damage_offset;
static char *damage_base;
static void damage_byte(void) { damage_base[damage_offset] ^= 0x5a; }

/* Flips one byte where the next pager finds it: whose record that is ends, and nobody else notices. */
static void damage_play(char *base, uint64_t offset, uint32_t victim)
{
    damage_base = base;
    damage_offset = offset;
    sim_log_clear();
    sim_lose(1, 0, damage_byte);
    uint32_t witness = victim == INIT ? child_number : (uint32_t)INIT;
    struct sim_reply reply = sim_request(witness, PROTOCOL_process_self, 0, 0, 0);
    sim_lose(0, 0, nullptr);
    cr_assert_eq(reply.outcome, SIM_GOES_ON, "byte %lu\n%s", offset, sim_log());
    const char *failed = sim_check();
    cr_assert_null(failed, "byte %lu: %s\n%s", offset, failed, sim_log());
    cr_assert_null(sim_process(victim), "byte %lu is not noticed\n%s", offset, sim_log());
    cr_assert(fixture_logged("record damaged"), "%s", sim_log());
    if (witness == INIT) memory_expect(INIT, mapped, KEPT);
    sim_stop();
}

Test(pager_ledger, a_damaged_record_costs_its_process)
{
    for (uint64_t offset = offsetof(struct process, record.sum); offset < PROCESS_KEPT_BYTES; offset++) {
        if (offset >= offsetof(struct process, record.before) && offset < sizeof(struct record)) continue; /* counts only while the journal is not empty */
        scene_set();
        damage_play((char *)sim_process(child_number), offset, child_number);
    }
}

Test(pager_ledger, a_damaged_row_costs_its_process)
{
    for (uint64_t offset = 0; offset < 8 * sizeof(struct segment); offset++) {
        if (offset % sizeof(struct segment) >= SEGMENT_KEPT_BYTES) continue;
        scene_set();
        damage_play((char *)sim_process(child_number)->segments.rows, offset, child_number);
    }
    for (uint64_t offset = 0; offset < sizeof(struct process_thread); offset++) {
        if (offset >= THREAD_KEPT_BYTES) continue;
        scene_set();
        damage_play((char *)process_thread_at(sim_process(child_number), 1), offset, child_number);
    }
    for (uint64_t offset = 0; offset < sizeof(struct holding); offset++) {
        scene_set();
        fixture_ok(sim_request(child_number, PROTOCOL_endpoint_create, 0, 0, 0));
        damage_play((char *)&sim_process(child_number)->holdings.rows[HOLDING_FIRST], offset, child_number);
    }
}

/* One copy of what does not change makes up for the other. */
Test(pager_ledger, the_head_of_the_ledger_is_there_twice)
{
    for (uint64_t offset = 0; offset < sizeof(struct ledger_numbers); offset++) {
        scene_set();
        sim_lose(1, 0, damage_byte);
        damage_base = (char *)&sim_pager.ledger->numbers[offset % 2];
        damage_offset = offset;
        EXPECT(OK, sim_request(INIT, PROTOCOL_process_self, 0, 0, 0));
        sim_lose(0, 0, nullptr);
        fixture_check();
    }
    for (uint64_t offset = 0; offset < sizeof(struct ledger_families); offset += 37) {
        scene_set();
        sim_lose(1, 0, damage_byte);
        damage_base = (char *)&sim_pager.ledger->families[offset % 2];
        damage_offset = offset;
        EXPECT(OK, sim_request(INIT, PROTOCOL_process_self, 0, 0, 0));
        sim_lose(0, 0, nullptr);
        fixture_check();
    }
}

/* A journal that cannot be put back costs the process that was being changed. */
Test(pager_ledger, a_damaged_journal_costs_the_process_that_was_being_changed)
{
    const struct deed *deed = &deeds[3];
    uint64_t points = points_of(deed);
    for (uint64_t at = 1; at <= points; at++) {
        for (uint64_t word = 0; word < 12; word++) {
            scene_set();
            sim_lose(at, 0, damage_byte);
            damage_base = (char *)&sim_pager.ledger->journal.entry[word];
            damage_offset = at % 8;
            sim_request(child_number, PROTOCOL_protect, kept_address + 4 * PAGE_BYTES, 3 * PAGE_BYTES, PROTECTION_READ);
            sim_lose(0, 0, nullptr);
            fixture_check();
            memory_expect(INIT, mapped, KEPT);
        }
    }
}

Test(pager_ledger, a_pager_may_be_lost_at_every_step)
{
    deeds_play(deeds, sizeof(deeds) / sizeof(deeds[0]));
}

/* A pager that takes over looks at all of a space: with steps of a few pages that has no end. */
static void steps_are_whole(void) { sim_step_pages(0); }

/* Random deeds of several programs; in every third the pager is lost somewhere. */
Test(pager_ledger, random_deeds_survive_losses)
{
    for (uint64_t seed = 1; seed <= 8; seed++) {
        uint64_t state = seed;
        sim_script_start(SIM_SCRIPT_MEMORY);
        for (unsigned step = 0; step < 400 && sim_process(1) != nullptr; step++) {
            uint8_t bytes[96];
            for (size_t i = 0; i < sizeof(bytes); i++) {
                state = state * 6364136223846793005 + 1442695040888963407; /* Knuth's MMIX */
                bytes[i] = (uint8_t)(state >> 56);
            }
            sim_lose(step % 3 == 0 ? 1 + (state >> 33) % 10 : 0, 0, steps_are_whole);
            sim_script_step(bytes, sizeof(bytes), 8);
            sim_lose(0, 0, nullptr);
            sim_fail_allocation(0);
            const char *failed = sim_check();
            cr_assert_null(failed, "seed %lu step %u: %s\n%s", seed, step, failed, sim_log());
            sim_log_clear();
        }
        sim_stop();
    }
    cr_assert_gt(sim_count_lost(), 200, "%lu", sim_count_lost());
}
