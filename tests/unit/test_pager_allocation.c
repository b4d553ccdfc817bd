/* Every allocation of every request for memory fails once: the request is refused and nothing has changed, or it has done all of its work without it.
 *
 * One loop over a table of requests and a table of what lies in the mmap area. Each failure has a machine of its own, since what a refused request leaves
 * behind (a page for more rows, a map of a region) would spare the next one allocations. A request that was refused succeeds when it comes again, with the
 * same result as if it had never been refused. */
#include "pager_fixture.h"

constexpr uint64_t P = PAGE_BYTES;
constexpr uint64_t LARGE = LARGE_PAGE_BYTES;

/* --- What is there --- */

static uint64_t map(uint64_t bytes, uint64_t options)
{
    uint64_t first = fixture_ok(sim_request(INIT, PROTOCOL_map, bytes, PROTECTION_WRITE, options));
    fixture_check();
    return first;
}

static void touch(uint64_t first, uint64_t pages, uint64_t step)
{
    for (uint64_t i = 1; i < pages; i += step) *(uint64_t *)sim_touch(INIT, first + i * P, FAULT_WRITE) = i + 1;
}

/* Small pages, some of which are there, in a region with a book. */
static uint64_t make_small(void)
{
    uint64_t first = map(64 * P, 0);
    touch(first, 64, 3);
    return first;
}

/* The same, lazily copied: every page may be another process's too. */
static uint64_t make_copied(void)
{
    uint64_t first = make_small();
    fixture_ok(sim_request(INIT, PROTOCOL_process_duplicate, SIM_IMAGE_FIRST, LAYOUT_STACK_TOP - 8, 0));
    return first;
}

/* One segment that covers regions whole, so that they have no book. */
static uint64_t make_regions(void)
{
    uint64_t first = map(2 * REGION_BYTES, 0);
    cr_assert_eq(first % REGION_BYTES, 0);
    touch(first, 2 * REGION_PAGES, 61);
    return first;
}

static uint64_t make_large(void)
{
    uint64_t first = map(2 * LARGE, MAPPING_LARGE | MAPPING_POPULATE);
    touch(first, 2 * LARGE / P, 7);
    return first;
}

/* Both: regions without a book, and large pages on both sides of their border. */
static uint64_t make_large_regions(void)
{
    uint64_t first = map(2 * REGION_BYTES, MAPPING_LARGE);
    cr_assert_eq(first % REGION_BYTES, 0);
    touch(first, LARGE / P, 7);
    touch(first + REGION_BYTES - LARGE, 2 * LARGE / P, 7);
    return first;
}

static const struct layout {
    const char *name;
    uint64_t (*make)(void); /* where it begins */
    uint64_t pages;
    uint64_t from, count;   /* the pages that requests are about */
} layouts[] = {
    { "small", make_small, 64, 10, 20 },
    { "copied", make_copied, 64, 10, 20 },
    { "regions", make_regions, 2 * REGION_PAGES, 500, 30 },
    { "regions, border", make_regions, 2 * REGION_PAGES, REGION_PAGES - 15, 30 },
    { "regions, end", make_regions, 2 * REGION_PAGES, 1000, 2 * REGION_PAGES - 1000 },
    { "regions, steps", make_regions, 2 * REGION_PAGES, 600, 3000 },
    { "large", make_large, 2 * LARGE / P, 500, 30 },
    { "large, whole", make_large, 2 * LARGE / P, 0, 512 },
    { "large regions", make_large_regions, 2 * REGION_PAGES, 200, 30 },
    { "large regions, border", make_large_regions, 2 * REGION_PAGES, REGION_PAGES - 15, 30 },
};

/* --- What is asked --- */

/* Words as they stand; words 0 and 1 are the range; word 2 is counted from the layout's end; words 0 and 1 are all of it, word 2 is counted from its bytes. */
enum subject : uint8_t { NEW, OF_RANGE, BEHIND, OF_ALL };

static const struct deed {
    const char *name;
    enum protocol label;
    enum subject subject;
    bool may_do_less; /* and says so */
    uint64_t word[3];
    const char *text;
} deeds[] = {
    { "unmap", PROTOCOL_unmap, OF_RANGE, false, {}, "" },
    { "protect", PROTOCOL_protect, OF_RANGE, false, { 0, 0, PROTECTION_READ }, "" },
    { "map_over", PROTOCOL_map_over, OF_RANGE, false, { 0, 0, PROTECTION_WRITE }, "" },
    { "discard", PROTOCOL_discard, OF_RANGE, false, {}, "" },
    { "seal", PROTOCOL_seal, OF_RANGE, false, {}, "" },
    { "advise: sequential", PROTOCOL_advise, OF_RANGE, false, { 0, 0, ADVICE_SEQUENTIAL }, "" },
    { "advise: random", PROTOCOL_advise, OF_RANGE, false, { 0, 0, ADVICE_RANDOM }, "" },
    { "advise: not needed", PROTOCOL_advise, OF_RANGE, false, { 0, 0, ADVICE_DO_NOT_NEED }, "" },
    { "advise: needed", PROTOCOL_advise, OF_RANGE, true, { 0, 0, ADVICE_WILL_NEED }, "" },
    { "populate", PROTOCOL_populate, OF_RANGE, true, {}, "" },
    { "map", PROTOCOL_map, NEW, false, { 3 * P, PROTECTION_WRITE, 0 }, "" },
    { "map of regions", PROTOCOL_map, NEW, false, { 2 * REGION_BYTES + P, PROTECTION_READ, 0 }, "" },
    { "map, populated", PROTOCOL_map, NEW, true, { 2 * LARGE, PROTECTION_WRITE, MAPPING_LARGE | MAPPING_POPULATE }, "" },
    { "map_at", PROTOCOL_map_at, BEHIND, false, { 5 * P, PROTECTION_WRITE, P }, "" },
    { "map_at, beside", PROTOCOL_map_at, BEHIND, false, { 5 * P, PROTECTION_WRITE, 0 }, "" },
    { "map_at of regions", PROTOCOL_map_at, BEHIND, false, { 3 * REGION_BYTES, PROTECTION_WRITE, 9 * P }, "" },
    { "resize, longer", PROTOCOL_resize, OF_ALL, false, { 0, 0, 5 * P }, "" },
    { "resize by regions", PROTOCOL_resize, OF_ALL, false, { 0, 0, 3 * REGION_BYTES }, "" },
    { "resize, shorter", PROTOCOL_resize, OF_ALL, false, { 0, 0, -(uint64_t)(7 * P) }, "" },
    { "module_map", PROTOCOL_module_map, NEW, false, {}, "file" },
    { "brk", PROTOCOL_brk, NEW, false, { 3 << 20 }, "" },
    { "autogen_move", PROTOCOL_autogen_move, NEW, false, { 3 << 20 }, "" },
};

/* What does its range, or its move, in parts. unmap and seal do all of it. */
static bool is_asked_again(const struct deed *deed)
{
    bool is_move = deed->label == PROTOCOL_brk || deed->label == PROTOCOL_autogen_move;
    return is_move || (deed->subject == OF_RANGE && deed->label != PROTOCOL_unmap && deed->label != PROTOCOL_seal);
}

static struct sim_reply ask(const struct deed *deed, const struct layout *layout, uint64_t first, bool whole)
{
    uint64_t word[MESSAGE_WORDS] = { deed->word[0], deed->word[1], deed->word[2] };
    if (deed->subject == OF_RANGE) {
        word[0] = first + layout->from * P;
        word[1] = layout->count * P;
    }
    if (deed->subject == BEHIND) word[2] += first + layout->pages * P;
    if (deed->subject == OF_ALL) {
        word[0] = first;
        word[1] = layout->pages * P;
        word[2] += word[1];
    }
    if (whole && is_asked_again(deed)) return fixture_whole(INIT, deed->label, word[0], word[1], word[2]);
    size_t bytes = strlen(deed->text);
    struct sim_reply reply = sim_call(INIT, HANDLE_PAGER, tag_make(deed->label, (uint32_t)bytes), word, deed->text, bytes);
    cr_assert(reply.outcome == SIM_GOES_ON && reply.call == STATUS_OK, "%s", deed->name);
    return reply;
}

/* --- What can be seen of it --- */

static void add(uint64_t *digest, uint64_t number)
{
    for (unsigned i = 0; i < 64; i += 8) *digest = (*digest ^ (number >> i & 0xff)) * 0x100000001b3; /* FNV-1a */
}

/* All segments of the program and all of its pages, and where these lie, if that is asked. */
static uint64_t view(bool with_frames)
{
    uint64_t digest = 0xcbf29ce484222325;
    const struct process *process = sim_process(INIT);
    for (const struct segment *at = segment_above(&process->segments, 0); at != nullptr; at = segment_above(&process->segments, at->limit)) {
        const uint64_t rows[] = { at->first, at->limit, at->kind, at->protection, at->advice, at->is_sealed, at->is_going, at->pages, (uintptr_t)at->fill };
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) add(&digest, rows[i]);
        for (uint64_t page = at->first; page < at->limit; page += P) {
            uint64_t frame;
            uint32_t attributes;
            if (!sim_page(INIT, page, &frame, &attributes)) continue;
            add(&digest, page);
            add(&digest, attributes);
            if (at->kind != SEGMENT_BUFFER) add(&digest, *(const uint64_t *)sim_touch(INIT, page, FAULT_READ)); /* the request stands there */
            if (with_frames) add(&digest, frame);
        }
    }
    return digest;
}

/* --- The loop --- */

struct result {
    struct sim_reply reply;
    uint64_t view;
};

static bool is_as(const struct result *wanted, const struct sim_reply *reply)
{
    return reply->label == wanted->reply.label && reply->word[0] == wanted->reply.word[0] && reply->word[1] == wanted->reply.word[1];
}

/* The n-th allocation fails; whether there was one. n = 0: none fails, and `wanted` is set. */
static bool play(const struct layout *layout, const struct deed *deed, uint64_t n, struct result *wanted)
{
    fixture_start_with(&(struct sim_options){ .memory_bytes = 32 << 20 });
    uint64_t first = layout->make();
    uint64_t before = view(true), frames = sim_free_frames() + process_charge(sim_process(INIT));
    sim_fail_allocation(n);
    struct sim_reply reply = ask(deed, layout, first, n == 0 || !deed->may_do_less);
    bool has_failed = n > 0 && sim_count_allocations() >= n;
    sim_fail_allocation(0);
    fixture_check();
    if (n == 0) {
        cr_assert_eq(reply.label, STATUS_OK, "%s, %s: %s", layout->name, deed->name, status_name(reply.label));
        *wanted = (struct result){ reply, view(false) };
        return true;
    }
    cr_assert(reply.label == STATUS_OK || (has_failed && reply.label == STATUS_NO_MEMORY), "%s, %s, %lu: %s", layout->name, deed->name, n,
              status_name(reply.label));
    if (reply.label == STATUS_NO_MEMORY) {
        cr_assert_eq(view(true), before, "%s, %s, %lu: something has changed", layout->name, deed->name, n);
        cr_assert_eq(sim_free_frames() + process_charge(sim_process(INIT)), frames, "%s, %s, %lu: %ld frames", layout->name, deed->name, n,
                     (long)(sim_free_frames() + process_charge(sim_process(INIT)) - frames));
    }
    bool is_again = reply.label == STATUS_NO_MEMORY || (deed->may_do_less && deed->subject == OF_RANGE);
    if (is_again) reply = ask(deed, layout, first, true);
    fixture_check();
    if (has_failed && !is_again && deed->may_do_less) return true;
    cr_assert(is_as(wanted, &reply), "%s, %s, %lu: another answer, %s %lx %lx", layout->name, deed->name, n, status_name(reply.label), reply.word[0],
              reply.word[1]);
    cr_assert_eq(view(false), wanted->view, "%s, %s, %lu: another result", layout->name, deed->name, n);
    return has_failed;
}

static void plays_all(const struct layout *layout)
{
    uint64_t failures = 0;
    for (size_t i = 0; i < sizeof(deeds) / sizeof(deeds[0]); i++) {
        struct result wanted;
        uint64_t n = 1;
        play(layout, &deeds[i], 0, &wanted);
        while (play(layout, &deeds[i], n, &wanted)) n += n < 40 ? 1 : n / 4; /* so many only where each page is brought by itself: one is as the other */
        cr_log_info("%s, %s: %lu allocations", layout->name, deeds[i].name, n - 1);
        failures += n - 1;
    }
    cr_assert_geq(failures, 20);
}

static void plays_layouts(size_t first, size_t limit)
{
    for (size_t i = first; i < limit; i++) plays_all(&layouts[i]);
}

Test(pager_allocation, small_pages) { plays_layouts(0, 2); }
Test(pager_allocation, regions_that_one_segment_covers) { plays_layouts(2, 6); }
Test(pager_allocation, large_pages) { plays_layouts(6, sizeof(layouts) / sizeof(layouts[0])); }
