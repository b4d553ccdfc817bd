/* The other way of taking memory away in steps (S2-33), built small on the simulated machine and compared with the one that was chosen (S2-34): what it
 * costs those who did nothing but lie under the same entry of an upper table.
 *
 * "marked": the entry that is above all of the range is taken out, here into a space that nobody runs in, the range is unmapped there in steps, and the
 * entry is put back. Whoever touches anything under it meanwhile waits until then. "removed": the segment is gone already, and the steps go on in the space
 * itself; what is beside the range stays mapped. In both a touch comes before each step, to a page beside the range, and is counted until it can go on. */
#include "pager_fixture.h"

#include "microkernel/counter.h"

constexpr uint64_t BASE = (uint64_t)8 << 30;
constexpr unsigned STEPS_MOST = 1024;

struct stall {
    uint64_t steps;    /* of at most STEP_PAGES */
    uint64_t waits;    /* touches that found nothing */
    uint64_t longest;  /* one of them, in entries of page tables read and written */
    uint64_t entries;  /* all that was read and written */
};

static uint64_t entries_now(void) { return counters[COUNTER_ENTRIES_READ] + counters[COUNTER_ENTRIES_WRITTEN]; }

static void must(enum status status) { cr_assert(status == STATUS_OK || status == STATUS_AGAIN, "%s", status_name(status)); }

static void move_all(space_id_t from, space_id_t to, uint64_t bytes)
{
    for (uint64_t at = 0; at < bytes;) {
        uint64_t done = 0;
        must(seam_space_move(from, BASE + at, to, BASE + at, (bytes - at) >> PAGE_SHIFT, &done));
        at += done << PAGE_SHIFT;
    }
}

static void unmap_all(space_id_t space, uint64_t bytes)
{
    for (uint64_t at = 0; at < bytes;) {
        struct seam_unmapped step = { 0 };
        must(seam_space_unmap(space, BASE + at, (bytes - at) >> PAGE_SHIFT, UNMAP_FREE, &step));
        at += step.done_pages << PAGE_SHIFT;
    }
}

/* Unmaps [0, going) of an entry of `bytes`, of which every `distance` bytes a page is there. */
static struct stall play(bool is_marked, uint64_t bytes, uint64_t going, uint64_t distance)
{
    struct stall stall = { 0 };
    static uint64_t came[STEPS_MOST]; /* when a touch came that waits */
    space_id_t space, limbo;
    must(seam_space_create(sim_pager.endpoint, 1, &space));
    must(seam_space_create(sim_pager.endpoint, 2, &limbo));
    uint64_t done;
    for (uint64_t at = 0; at < bytes; at += distance) must(seam_space_fill(space, BASE + at, 1, ATTRIBUTE_WRITE, &done));
    uint64_t begin = entries_now(), looks = 0; /* of touches: a walk where something is, less where the upper entry is out */
    if (is_marked) move_all(space, limbo, bytes);
    for (uint64_t at = 0; at < going;) {
        frame_id_t frame;
        struct seam_unmapped step = { 0 };
        cr_assert_lt(stall.steps, STEPS_MOST);
        uint64_t before = entries_now();
        bool is_there = seam_space_query(space, BASE + bytes - distance, &frame) == STATUS_OK;
        looks += entries_now() - before;
        if (!is_there) came[stall.waits++] = entries_now() - looks;
        must(seam_space_unmap(is_marked ? limbo : space, BASE + at, (going - at) >> PAGE_SHIFT, UNMAP_FREE, &step));
        at += step.done_pages << PAGE_SHIFT;
        stall.steps++;
    }
    if (is_marked) move_all(limbo, space, bytes);
    stall.entries = entries_now() - begin - looks;
    uint64_t end = entries_now() - looks;
    for (uint64_t i = 0; i < stall.waits; i++)
        if (end - came[i] > stall.longest) stall.longest = end - came[i];
    frame_id_t frame;
    cr_assert_eq(seam_space_query(space, BASE + bytes - distance, &frame), STATUS_OK);
    unmap_all(space, bytes);
    must(seam_space_destroy(space));
    must(seam_space_destroy(limbo));
    return stall;
}

Test(pager_stall, what_lies_beside_the_range)
{
    static const struct {
        const char *what;
        uint64_t bytes, going, distance;
    } cases[] = {
        { "2 MiB, half of it", LAYOUT_TABLE_BYTES, LAYOUT_TABLE_BYTES / 2, PAGE_BYTES },
        { "1 GiB, all but 2 MiB", (uint64_t)1 << 30, ((uint64_t)1 << 30) - LAYOUT_TABLE_BYTES, LAYOUT_TABLE_BYTES },
    };
    fixture_start();
    sim_enter_pager();
    for (size_t i = 0; i < 2; i++) {
        struct stall marked = play(true, cases[i].bytes, cases[i].going, cases[i].distance);
        struct stall removed = play(false, cases[i].bytes, cases[i].going, cases[i].distance);
        cr_log_info("%s: marked steps=%lu waits=%lu longest=%lu all=%lu; removed steps=%lu waits=%lu all=%lu", cases[i].what, marked.steps, marked.waits,
                    marked.longest, marked.entries, removed.steps, removed.waits, removed.entries);
        cr_assert_eq(removed.waits, 0, "what is beside the range stays mapped");
        cr_assert_eq(marked.waits, marked.steps, "every touch waits");
        cr_assert_gt(marked.longest * 10, marked.entries * 8, "the first one for nearly all of it");
        cr_assert_leq(removed.entries * 100, marked.entries * 101, "neither is more work than the other");
    }
    sim_leave_pager();
    fixture_check();
}
