/* What is in the memory of programs is what they wrote (tests/sim/sim_contents.h): after each kind of request, at random, and that a bug would be seen. */
#include "pager_fixture.h"

#include "sim_contents.h"
#include "sim_script.h"

constexpr uint64_t P = PAGE_BYTES;
constexpr uint64_t PAGES = 12;

static uint32_t child, child_number;
static uint64_t first; /* of PAGES pages of init's, each second one written to */

static void begin(void)
{
    fixture_start();
    sim_contents_begin();
    child = fixture_child(&child_number);
    first = fixture_ok(sim_request(INIT, PROTOCOL_map, PAGES * P, PROTECTION_WRITE, 0));
    for (uint64_t page = 0; page < PAGES; page += 2) cr_assert(sim_contents_write(INIT, first + page * P));
    fixture_check();
}

static uint64_t share(void)
{
    for (uint64_t page = 1; page < PAGES; page += 2) sim_touch(INIT, first + page * P, FAULT_WRITE);
    const uint64_t word[MESSAGE_WORDS] = { first, PAGES * P, child, PROTECTION_WRITE };
    return fixture_ok(sim_call(INIT, HANDLE_PAGER, tag_make(PROTOCOL_segment_share, 0), word, nullptr, 0));
}

static uint32_t duplicate(void)
{
    fixture_ok(sim_request(INIT, PROTOCOL_process_duplicate, SIM_IMAGE_FIRST, LAYOUT_STACK_TOP - 8, 0));
    return sim_pager.next_number;
}

static void *frame_of(uint32_t number, uint64_t address) { return sim_touch(number, address, FAULT_READ); }

/* A bug puts other bytes into a page, or it does not put what it should: the check says so, and says nothing once they are as they were. */
static void expect_seen(uint32_t number, uint64_t page, const void *bytes, const char *what)
{
    char kept[PAGE_BYTES];
    char *frame = frame_of(number, page);
    memcpy(kept, frame, P);
    cr_assert_null(sim_contents_check(), "%s", sim_contents_check());
    memcpy(frame, bytes, P);
    const char *failed = sim_check();
    cr_assert(failed != nullptr && strstr(failed, what) != nullptr, "%s", failed);
    memcpy(frame, kept, P);
    cr_assert_null(sim_contents_check());
}

static const char zeroes[PAGE_BYTES];
static const void *others(void)
{
    static char bytes[PAGE_BYTES];
    memset(bytes, 0x55, sizeof(bytes));
    return bytes;
}

Test(pager_contents, memory_that_was_written_and_memory_that_was_not)
{
    begin();
    expect_seen(INIT, first + 2 * P, zeroes, "not what was written");
    expect_seen(INIT, first + 2 * P, frame_of(INIT, first + 4 * P), "not what was written"); /* another page's */
    expect_seen(INIT, first + 7 * P, others(), "not zero");
    cr_assert_geq(sim_contents_count_stamped(), PAGES / 2);
    cr_assert_gt(sim_contents_count_zero(), 0);
}

/* A copy that is not made: the page that the writer gets is fresh, or it is the other one's still. */
Test(pager_contents, copies)
{
    begin();
    uint32_t twin = duplicate();
    fixture_check();
    char before[PAGE_BYTES];
    for (unsigned stamps = 0; stamps < 2; stamps++) cr_assert(sim_contents_write(INIT, first)); /* both words */
    fixture_check();
    memcpy(before, frame_of(INIT, first), P);
    expect_seen(twin, first, before, "not what was written"); /* the writer's word is seen by the twin */
    cr_assert(sim_contents_write(twin, first + 2 * P));
    fixture_check();
    char fresh[PAGE_BYTES];
    memcpy(fresh, frame_of(twin, first + 2 * P), P);
    const uint64_t *old = frame_of(INIT, first + 2 * P);
    uint64_t *words = (uint64_t *)fresh;
    for (size_t i = 0; i < P / sizeof(uint64_t); i++)
        if (words[i] == old[i]) words[i] = 0; /* what was copied, and not written since */
    expect_seen(twin, first + 2 * P, fresh, "not what was written");
}

/* The kernel lets somebody write to a page that is another one's too, as if it had been copied. */
Test(pager_contents, a_copy_that_is_not_made)
{
    begin();
    uint32_t twin = duplicate();
    uint64_t done, changed;
    sim_enter_pager();
    cr_assert_eq(seam_space_protect(sim_process(INIT)->space, first, 1, ATTRIBUTE_WRITE, &done, &changed), STATUS_OK);
    sim_leave_pager();
    cr_assert_null(sim_contents_check());
    cr_assert(sim_contents_write(INIT, first));
    const char *failed = sim_contents_check();
    cr_assert_not_null(failed);
    char wanted[40];
    snprintf(wanted, sizeof(wanted), "pid=%u page=0x%lx", twin, first);
    cr_assert_not_null(strstr(failed, wanted), "%s", failed);
}

Test(pager_contents, shared_memory)
{
    begin();
    uint64_t there = share();
    fixture_check();
    cr_assert(sim_contents_write(child_number, there + P));
    cr_assert(sim_contents_write(INIT, first + 3 * P));
    fixture_check();
    uint32_t twin = duplicate(); /* shares too */
    cr_assert(sim_contents_write(twin, first + 5 * P));
    fixture_check();
    expect_seen(child_number, there + 5 * P, zeroes, "not what was written");
    EXPECT(OK, sim_request(child_number, PROTOCOL_discard, there, 4 * P, 0));
    for (uint64_t page = 0; page < 4; page++) sim_touch(child_number, there + page * P, FAULT_READ);
    fixture_check();
    expect_seen(child_number, there + 2 * P, others(), "not zero"); /* zeroes that were not made */
    cr_assert(sim_contents_write(child_number, there + 2 * P));
    fixture_check();
}

Test(pager_contents, memory_that_moves)
{
    begin();
    const uint64_t word[MESSAGE_WORDS] = { first + 2 * P, 8 * P, child };
    uint64_t there = fixture_ok(sim_call(INIT, HANDLE_PAGER, tag_make(PROTOCOL_segment_move, 0), word, nullptr, 0));
    fixture_check();
    uint64_t stamped = sim_contents_count_stamped();
    cr_assert_null(sim_contents_check());
    cr_assert_eq(sim_contents_count_stamped(), stamped + PAGES); /* each is there, and is looked at twice: by segment and by what was written */
    expect_seen(child_number, there + 2 * P, zeroes, "not what was written");
    EXPECT(OK, sim_request(child_number, PROTOCOL_unmap, there, 8 * P, 0));
    fixture_check();
}

Test(pager_contents, memory_that_becomes_new)
{
    begin();
    EXPECT(OK, sim_request(INIT, PROTOCOL_map_over, first, 3 * P, PROTECTION_WRITE));
    EXPECT(OK, sim_request(INIT, PROTOCOL_discard, first + 6 * P, 3 * P, 0));
    fixture_ok(sim_request(INIT, PROTOCOL_populate, first, PAGES * P, 0));
    fixture_check();
    cr_assert(sim_contents_write(INIT, first + 2 * P));
    EXPECT(OK, sim_request(INIT, PROTOCOL_advise, first + 2 * P, P, ADVICE_DO_NOT_NEED));
    fixture_check();
    cr_assert(sim_contents_write(INIT, first + 4 * P));
    uint64_t top = fixture_ok(sim_request(INIT, PROTOCOL_brk, 4 * P, 0, 0));
    cr_assert(sim_contents_write(INIT, top + 3 * P));
    fixture_ok(sim_request(INIT, PROTOCOL_brk, (uint64_t)-(2 * (int64_t)P), 0, 0));
    fixture_ok(sim_request(INIT, PROTOCOL_brk, 2 * P, 0, 0));
    fixture_check();
    expect_seen(INIT, first + 2 * P, others(), "not zero");
}

/* Pages that the pager loses are seen, whatever its counts say. */
Test(pager_contents, pages_that_are_lost)
{
    begin();
    sim_enter_pager();
    struct seam_unmapped step = { 0 };
    cr_assert_eq(seam_space_unmap(sim_process(INIT)->space, first + 4 * P, 1, UNMAP_FREE, &step), STATUS_OK);
    sim_leave_pager();
    cr_assert_not_null(strstr(sim_contents_check(), "is gone"));
}

/* Scripts of several programs, with short memory and failing allocations: a good part of what is compared was written to. */
Test(pager_contents, random_deeds)
{
    uint64_t state = 77;
    for (unsigned round = 0; round < 6; round++) {
        sim_script_start(round % 2 == 0 ? SIM_SCRIPT_MEMORY : 8 * SIM_SCRIPT_MEMORY);
        for (unsigned step = 0; step < 3000 && sim_process(INIT) != nullptr; step++) {
            uint8_t bytes[96];
            for (size_t i = 0; i < sizeof(bytes); i++) {
                state = state * 6364136223846793005 + 1442695040888963407; /* Knuth's MMIX */
                bytes[i] = (uint8_t)(state >> 56);
            }
            sim_script_step(bytes, sizeof(bytes), 12);
            if (step % 20 != 0) continue;
            sim_fail_allocation(0);
            const char *failed = sim_check();
            cr_assert_null(failed, "round %u step %u: %s", round, step, failed);
        }
        sim_fail_allocation(0);
    }
    cr_log_info("%lu stamped pages and %lu zero ones were compared", sim_contents_count_stamped(), sim_contents_count_zero());
    cr_assert_gt(sim_contents_count_stamped(), 10'000);
    cr_assert_gt(sim_contents_count_zero(), 10'000);
}
