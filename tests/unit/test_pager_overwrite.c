/* Memory ends while a range is overwritten: the two ways that were not chosen, beside the one that was (docs/adr/0024-limits.md).
 *
 *   emptied   unmap all of it, then map anew; without memory for that the area is empty and there is an error
 *   restored  keep the old pages in a space beside, map anew; without memory for that put everything back
 *   in place  what is needed is reserved before anything changes, and the frames stay where they are (map_over)
 *
 * Each has the same work: 16 pages in three segments of two protections become one segment of zeroes that may be written. Allocation k fails, for every k. */
#include "pager_fixture.h"

#include "ledger.h"

constexpr uint64_t PAGES = 16;
constexpr uint64_t CUTS[] = { 0, 5, 10, PAGES }; /* the middle one is read-only */

static uint32_t child;
static uint64_t area;

static void scene_set(void)
{
    fixture_start_with(&(struct sim_options){ .memory_bytes = 16 << 20 });
    fixture_child(&child);
    area = fixture_ok(sim_request(child, PROTOCOL_map, PAGES * PAGE_BYTES, PROTECTION_WRITE, 0));
    for (uint64_t i = 0; i < PAGES; i++) {
        uint64_t *word = sim_touch(child, area + i * PAGE_BYTES, FAULT_WRITE);
        cr_assert_not_null(word);
        *word = 1000 + i;
    }
    EXPECT(OK, sim_request(child, PROTOCOL_protect, area + CUTS[1] * PAGE_BYTES, (CUTS[2] - CUTS[1]) * PAGE_BYTES, PROTECTION_READ));
    fixture_check();
}

/* --- What is seen of it --- */

static struct segment *segment_at(uint64_t page) { return segment_find(&sim_process(child)->segments, area + page * PAGE_BYTES); }

static bool is_as_before(void)
{
    for (uint64_t i = 0; i < PAGES; i++) {
        const struct segment *segment = segment_at(i);
        bool is_middle = i >= CUTS[1] && i < CUTS[2];
        if (segment == nullptr || segment->protection != (is_middle ? PROTECTION_READ : PROTECTION_WRITE)) return false;
        uint64_t frame;
        uint32_t attributes;
        if (!sim_page(child, area + i * PAGE_BYTES, &frame, &attributes)) return false;
        const uint64_t *word = sim_touch(child, area + i * PAGE_BYTES, FAULT_READ);
        if (word == nullptr || *word != 1000 + i) return false;
    }
    return true;
}

static bool is_new(void)
{
    for (uint64_t i = 0; i < PAGES; i++) {
        const uint64_t *word = sim_touch(child, area + i * PAGE_BYTES, FAULT_WRITE);
        if (word == nullptr || *word != 0 || segment_at(i) != segment_at(0)) return false;
    }
    return true;
}

static bool is_empty(void)
{
    for (uint64_t i = 0; i < PAGES; i++)
        if (segment_at(i) != nullptr) return false;
    return true;
}

/* --- As the pager --- */

static void commit(void)
{
    pager_settle(&sim_pager);
    ledger_commit(&sim_pager);
    sim_leave_pager();
}

static enum status request(enum protocol label, uint64_t word0, uint64_t word1, uint64_t word2)
{
    struct sim_reply reply = sim_request(child, label, word0, word1, word2);
    cr_assert_eq(reply.outcome, SIM_GOES_ON);
    return reply.label;
}

/* Brings all pages of the new segment at once. */
static enum status populate(void)
{
    sim_enter_pager();
    struct process *process = sim_process(child);
    struct segment *segment = segment_at(0);
    uint64_t charge = segment_charge_more(segment, PAGES), done = 0;
    enum status status = quota_take(&process->family->pages, charge);
    if (status == STATUS_OK) status = seam_space_fill(process->space, area, PAGES, segment->attributes, &done);
    if (status == STATUS_OK) segment_set_pages(segment, PAGES);
    else quota_remove(&process->family->pages, charge);
    commit();
    return status;
}

static enum status map_anew(void)
{
    enum status status = request(PROTOCOL_unmap, area, PAGES * PAGE_BYTES, 0);
    if (status == STATUS_OK) status = request(PROTOCOL_map_at, PAGES * PAGE_BYTES, PROTECTION_WRITE, area);
    if (status != STATUS_OK) return status;
    status = populate();
    if (status != STATUS_OK) EXPECT(OK, sim_request(child, PROTOCOL_unmap, area, PAGES * PAGE_BYTES, 0));
    return status;
}

/* --- The ways --- */

static uint64_t restore_allocations; /* that going back made */
static uint64_t least_free;          /* frames, at the worst moment that is seen */

static void see_free(void)
{
    if (sim_free_frames() < least_free) least_free = sim_free_frames();
}

static enum status way_emptied(void)
{
    enum status status = map_anew();
    see_free();
    return status;
}

/* Moves the pages of [CUTS[i], CUTS[i + 1]) between the process and the space beside; both ways. */
static enum status pages_move(space_id_t from, space_id_t to, unsigned i)
{
    uint64_t done = 0, first = area + CUTS[i] * PAGE_BYTES;
    return seam_space_move(from, first, to, first, CUTS[i + 1] - CUTS[i], &done);
}

static void pages_count(unsigned i, uint64_t pages)
{
    struct segment *segment = segment_at(CUTS[i]);
    segment_resize(&sim_process(child)->segments, segment, segment->first, segment->limit, pages);
}

/* Puts pages back; those of the first `count` segments are beside. */
static void put_back(space_id_t beside, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        cr_assert_eq(pages_move(beside, sim_process(child)->space, i), STATUS_OK);
        pages_count(i, CUTS[i + 1] - CUTS[i]);
    }
}

static void restore(space_id_t beside)
{
    if (is_empty()) {
        for (unsigned i = 0; i < 3; i++)
            EXPECT(OK, sim_request(child, PROTOCOL_map_at, (CUTS[i + 1] - CUTS[i]) * PAGE_BYTES, i == 1 ? PROTECTION_READ : PROTECTION_WRITE,
                                   area + CUTS[i] * PAGE_BYTES));
    }
    sim_enter_pager();
    put_back(beside, 3);
    commit();
}

static enum status way_restored(void)
{
    space_id_t beside;
    sim_enter_pager();
    enum status status = seam_space_create(sim_pager.endpoint, 0, &beside);
    unsigned moved = 0;
    for (; status == STATUS_OK && moved < 3; moved++) {
        status = pages_move(sim_process(child)->space, beside, moved);
        if (status != STATUS_OK) break;
        pages_count(moved, 0);
    }
    bool is_beside = moved == 3;
    if (!is_beside) put_back(beside, moved);
    commit();
    if (is_beside) status = map_anew();
    see_free();
    uint64_t before = sim_count_allocations();
    if (is_beside && status != STATUS_OK) {
        restore(beside);
        restore_allocations = sim_count_allocations() - before;
    }
    if (!is_beside && status != STATUS_OK && moved == 0 && sim_count_allocations() == 1) return status; /* there is no space beside */
    sim_enter_pager();
    struct seam_unmapped step = { 0 };
    cr_assert_eq(seam_space_unmap(beside, area, PAGES, UNMAP_FREE, &step), STATUS_OK);
    cr_assert_eq(seam_space_destroy(beside), STATUS_OK);
    sim_leave_pager();
    return status;
}

static enum status way_in_place(void)
{
    enum status status = request(PROTOCOL_map_over, area, PAGES * PAGE_BYTES, PROTECTION_WRITE);
    see_free();
    return status;
}

static const struct way {
    const char *name;
    enum status (*overwrite)(void);
    bool empties; /* what an error leaves: nothing, or all as it was */
} ways[] = {
    { "emptied", way_emptied, true },
    { "restored", way_restored, false },
    { "in place", way_in_place, false },
};

struct cost {
    uint64_t calls, allocations, frames;
};

/* One way with its k-th allocation failing; 0: none. */
static enum status way_play(const struct way *way, uint64_t k, struct cost *cost)
{
    scene_set();
    uint64_t calls = sim_count_calls(), free = least_free = sim_free_frames();
    uint64_t charged = sim_process(child)->family->pages.charged;
    sim_fail_allocation(k);
    enum status status = way->overwrite();
    *cost = (struct cost){ sim_count_calls() - calls, sim_count_allocations(), free - least_free };
    sim_fail_allocation(0);
    fixture_check();
    if (status == STATUS_OK) cr_assert(is_new(), "%s", way->name);
    else if (way->empties) cr_assert(is_empty() || is_as_before(), "%s at %lu", way->name, k);
    else cr_assert(is_as_before(), "%s at %lu", way->name, k);
    if (status != STATUS_OK && !way->empties) cr_assert_eq(sim_process(child)->family->pages.charged, charged, "%s at %lu", way->name, k);
    if (is_empty()) cr_assert_leq(sim_process(child)->family->pages.charged + PAGES, charged);
    fixture_check();
    return status;
}

static void way_fails_everywhere(const struct way *way)
{
    struct cost whole, cost;
    uint64_t errors = 0;
    cr_assert_eq(way_play(way, 0, &whole), STATUS_OK);
    for (uint64_t k = 1; k <= whole.allocations; k++) errors += way_play(way, k, &cost) != STATUS_OK;
    cr_assert_eq(errors, whole.allocations, "%s: %lu of %lu", way->name, errors, whole.allocations);
    printf("overwrite: way=\"%s\" calls=%lu allocations=%lu frames=%lu restore_allocations=%lu\n", way->name, whole.calls, whole.allocations, whole.frames,
           restore_allocations);
}

Test(pager_overwrite, emptied_on_error) { way_fails_everywhere(&ways[0]); }

/* Going back needs page tables again: so it can fail in turn, unless they were reserved before, which is the third way. */
Test(pager_overwrite, restored_on_error)
{
    restore_allocations = 0;
    way_fails_everywhere(&ways[1]);
    cr_assert_gt(restore_allocations, 0);
}

Test(pager_overwrite, in_place_nothing_is_allocated)
{
    struct cost cost;
    way_fails_everywhere(&ways[2]);
    cr_assert_eq(way_play(&ways[2], 0, &cost), STATUS_OK);
    cr_assert_eq(cost.frames, 0);
}
