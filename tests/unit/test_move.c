/* Moving: what it costs at each alignment, accounting, holes, refusals, progress, the sender's translations. */
#include <criterion/criterion.h>
#include <string.h>

#include "check.h"
#include "counter.h"
#include "host.h"
#include "space.h"

constexpr uint64_t GIGABYTE = (uint64_t)1 << 30;
constexpr uint64_t LARGE = (uint64_t)2 << 20;
constexpr uint64_t FROM = 8 * GIGABYTE;
constexpr uint64_t TO = 20 * GIGABYTE;

static struct space *sender, *receiver;
static uint64_t counted[COUNTERS];

static void begin(void)
{
    host_initialise_frames((uint64_t)64 << 20, 16);
    cr_assert_eq(space_create(&sender), STATUS_OK);
    cr_assert_eq(space_create(&receiver), STATUS_OK);
}

static void end(void)
{
    cr_assert_eq(check_run(), 0, "%s", host_log_text());
}

TestSuite(move, .init = begin, .fini = end);

static void count_begin(void) { memcpy(counted, counters, sizeof counted); }
static uint64_t count_of(enum counter counter) { return counters[counter] - counted[counter]; }

static struct user_span span_of(uint64_t address, uint64_t count_pages) { return (struct user_span){ { address }, count_pages }; }

static void fill(struct space *space, uint64_t address, uint64_t count_pages)
{
    for (uint64_t total = 0, done; total < count_pages; total += done) {
        enum status status = space_fill(space, span_of(address + total * PAGE_BYTES, count_pages - total), ATTRIBUTE_WRITE, &done);
        cr_assert(status == STATUS_OK || status == STATUS_AGAIN);
    }
}

static uint64_t move(uint64_t from, uint64_t to, uint64_t count_pages)
{
    uint64_t done = 0, moved = 0;
    cr_assert_eq(space_move(sender, (user_page_t){ from }, receiver, span_of(to, count_pages), &done, &moved), STATUS_OK);
    cr_assert_eq(done, count_pages);
    return moved;
}

/* Frames of a range, 0 where there is none. */
static void frames_of(struct space *space, uint64_t address, uint32_t *frames, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        struct host_translation found;
        frames[i] = host_walk(space->root, address + i * PAGE_BYTES, &found) ? found.frame.number : 0;
    }
}

Test(move, a_gigabyte_is_one_entry)
{
    fill(sender, FROM + 3 * PAGE_BYTES, 5);
    fill(sender, FROM + 100 * LARGE, 512);
    fill(sender, FROM + GIGABYTE - 7 * PAGE_BYTES, 7);
    static uint32_t before[3][512], after[3][512];
    const uint64_t places[] = { 0, 100 * LARGE, GIGABYTE - LARGE };
    for (unsigned i = 0; i < 3; i++) frames_of(sender, FROM + places[i], before[i], 512);
    uint64_t mapped = sender->count_mapped, tables = sender->count_tables;
    host_activate(sender->root);
    cr_assert_not_null(host_load(FROM + 3 * PAGE_BYTES));
    count_begin();
    cr_assert_eq(move(FROM, TO, GIGABYTE / PAGE_BYTES), 5 + 512 + 7);
    cr_assert_eq(count_of(COUNTER_ENTRIES_WRITTEN), 2 + 1 + 1, "one entry there and gone here, and a table of each above it");
    cr_assert_eq(count_of(COUNTER_TABLES_ALLOCATED), 1);
    cr_assert(count_of(COUNTER_FLUSHES) == 1 && count_of(COUNTER_FRAMES_ZEROED) <= 1);
    cr_assert_null(host_load(FROM + 3 * PAGE_BYTES), "the sender faults");
    for (unsigned i = 0; i < 3; i++) {
        frames_of(receiver, TO + places[i], after[i], 512);
        cr_assert(memcmp(before[i], after[i], sizeof before[i]) == 0, "part %u", i);
    }
    cr_assert(sender->count_mapped == 0 && sender->count_tables == 0, "accounting moves too");
    cr_assert(receiver->count_mapped == mapped && receiver->count_tables == tables);
}

Test(move, entries_of_two_mebibytes)
{
    for (uint64_t i = 0; i < 512; i += 37) fill(sender, FROM + i * LARGE + 9 * PAGE_BYTES, 2);
    fill(sender, FROM + 5 * LARGE, 512);
    uint64_t mapped = sender->count_mapped, total = 0, steps = 0, count = GIGABYTE / PAGE_BYTES;
    uint64_t to = TO + 3 * LARGE;
    count_begin();
    for (enum status status = STATUS_AGAIN; status == STATUS_AGAIN; steps++) {
        uint64_t done = 0, moved = 0;
        status = space_move(sender, (user_page_t){ FROM + total * PAGE_BYTES }, receiver, span_of(to + total * PAGE_BYTES, count - total), &done, &moved);
        cr_assert(status == STATUS_AGAIN || status == STATUS_OK);
        total += done;
        cr_assert_eq(sender->count_mapped + receiver->count_mapped, mapped);
        cr_assert_eq(check_run(), 0, "%s", host_log_text());
    }
    cr_assert(total == count && steps <= 2);
    cr_assert_eq(receiver->count_mapped, mapped);
    cr_assert_leq(count_of(COUNTER_ENTRIES_WRITTEN), 2 * 15 + 8, "two for each table or leaf, none below");
}

Test(move, edges_by_pages_and_the_middle_by_tables)
{
    constexpr uint64_t first = FROM + LARGE - 3 * PAGE_BYTES, count = 3 + 512 + 5;
    host_set_leaf_levels(1);
    fill(sender, first, count);
    host_set_leaf_levels(3);
    static uint32_t before[count], after[count];
    frames_of(sender, first, before, count);
    count_begin();
    cr_assert_eq(move(first, TO + LARGE - 3 * PAGE_BYTES, count), count);
    cr_assert_eq(count_of(COUNTER_ENTRIES_WRITTEN), 2 * (3 + 1 + 5) + 4 + 4, "eight entries and one table move; four tables come and four go");
    frames_of(receiver, TO + LARGE - 3 * PAGE_BYTES, after, count);
    cr_assert(memcmp(before, after, sizeof before) == 0);
    cr_assert(sender->count_tables == 0 && receiver->count_tables == 5);
}

Test(move, other_alignment_goes_by_pages)
{
    fill(sender, FROM, 512);
    static uint32_t before[512], after[512];
    frames_of(sender, FROM, before, 512);
    count_begin();
    uint64_t total = 0;
    for (enum status status = STATUS_AGAIN; status == STATUS_AGAIN;) {
        uint64_t done = 0, moved = 0;
        status = space_move(sender, (user_page_t){ FROM + total * PAGE_BYTES }, receiver, span_of(TO + (total + 1) * PAGE_BYTES, 512 - total), &done, &moved);
        cr_assert(status == STATUS_OK || status == STATUS_AGAIN);
        total += done;
    }
    cr_assert_eq(total, 512);
    frames_of(receiver, TO + PAGE_BYTES, after, 512);
    cr_assert(memcmp(before, after, sizeof before) == 0, "a large leaf is split, its data kept");
    cr_assert(sender->count_mapped == 0 && receiver->count_mapped == 512);
}

Test(move, within_a_space)
{
    fill(sender, FROM, 10);
    uint64_t done, moved;
    cr_assert_eq(space_move(sender, (user_page_t){ FROM }, sender, span_of(FROM + 9 * PAGE_BYTES, 10), &done, &moved), STATUS_BAD_ARGUMENT);
    cr_assert_eq(space_move(sender, (user_page_t){ FROM + 9 * PAGE_BYTES }, sender, span_of(FROM, 10), &done, &moved), STATUS_BAD_ARGUMENT);
    cr_assert_eq(space_move(sender, (user_page_t){ FROM }, sender, span_of(FROM + 10 * PAGE_BYTES, 10), &done, &moved), STATUS_OK);
    cr_assert(moved == 10 && sender->count_mapped == 10 && sender->count_tables == 3);
    cr_assert_eq(space_move(sender, (user_page_t){ FROM }, sender, span_of(FROM + GIGABYTE, GIGABYTE / PAGE_BYTES), &done, &moved), STATUS_OK);
    cr_assert(moved == 10 && sender->count_tables == 3, "the tables have gone along");
    cr_assert_eq(space_query(sender, (user_page_t){ FROM + GIGABYTE + 10 * PAGE_BYTES }, &(struct translation){ 0 }), STATUS_OK);
}

Test(move, the_destination_must_be_empty)
{
    fill(sender, FROM + 5 * PAGE_BYTES, 1);
    uint64_t done = 77, moved = 77;
    const uint64_t places[] = { 0, 5 * PAGE_BYTES, 511 * PAGE_BYTES, LARGE, GIGABYTE - PAGE_BYTES };
    for (unsigned i = 0; i < sizeof places / sizeof places[0]; i++) {
        fill(receiver, TO + places[i], 1);
        cr_assert_eq(space_move(sender, (user_page_t){ FROM }, receiver, span_of(TO, GIGABYTE / PAGE_BYTES), &done, &moved), STATUS_ALREADY_MAPPED);
        cr_assert(done == 77 && sender->count_mapped == 1);
        struct unmap_result result;
        cr_assert_eq(space_unmap(receiver, span_of(TO + places[i], 1), UNMAP_FREE, &result), STATUS_OK);
    }
    fill(receiver, TO + 9 * PAGE_BYTES, 1); /* where the sender has nothing */
    cr_assert_eq(space_move(sender, (user_page_t){ FROM + 8 * PAGE_BYTES }, receiver, span_of(TO + 8 * PAGE_BYTES, 9), &done, &moved), STATUS_ALREADY_MAPPED);
    enum status hole = space_move(receiver, (user_page_t){ TO + GIGABYTE }, sender, span_of(FROM + 5 * PAGE_BYTES, 9), &done, &moved);
    cr_assert_eq(hole, STATUS_ALREADY_MAPPED, "a hole too");
}

/* Without memory for a table nothing changes, whatever would be first. */
Test(move, no_memory_changes_nothing)
{
    fill(sender, FROM, 512);
    fill(sender, FROM + LARGE, 3);
    frame_t frame;
    uint64_t done, moved;
    for (unsigned left = 4; left-- > 0;) {
        while (frame_count_free() > left) cr_assert_eq(frame_allocate(0, FRAME_KIND_KERNEL, &frame), STATUS_OK);
        uint64_t mapped = sender->count_mapped;
        cr_assert_eq(space_move(sender, (user_page_t){ FROM }, receiver, span_of(TO + PAGE_BYTES, 600), &done, &moved), STATUS_NO_MEMORY);
        cr_assert(sender->count_mapped == mapped && receiver->count_mapped == 0 && receiver->count_tables == 0 && frame_count_free() == left);
    }
}

Test(move, empty_ranges_and_the_whole_half)
{
    uint64_t count = (USER_LIMIT - USER_FIRST) / PAGE_BYTES, total = 0;
    fill(sender, USER_FIRST, 3);
    fill(sender, USER_LIMIT - 2 * PAGE_BYTES, 2);
    unsigned steps = 0;
    for (enum status status = STATUS_AGAIN; status == STATUS_AGAIN; steps++) {
        uint64_t done = 0, moved = 0;
        uint64_t address = USER_FIRST + total * PAGE_BYTES;
        status = space_move(sender, (user_page_t){ address }, receiver, span_of(address, count - total), &done, &moved);
        cr_assert(status == STATUS_OK || status == STATUS_AGAIN);
        cr_assert_gt(done, 0);
        total += done;
    }
    cr_assert(total == count && steps < 100);
    cr_assert(sender->count_mapped == 0 && sender->count_tables == 0 && receiver->count_mapped == 5);
}
