/* How many words of the mmap area's free regions a request reads: each at most once, whatever is taken; none where a run lies ready.
 *
 * The area is compiled for this test once more, so that each load calls what counts here (cmake/host.cmake: -fsanitize-coverage=trace-loads). */
#include "pager_fixture.h"

static struct directory *directory;
static uintptr_t words_first, words_limit;
static unsigned count_reads;

void __sanitizer_cov_load8(uint64_t *address);
void __sanitizer_cov_load8(uint64_t *address)
{
    count_reads += (uintptr_t)address >= words_first && (uintptr_t)address < words_limit;
}

static void begin(void)
{
    fixture_start();
    sim_enter_pager();
    directory = &sim_process(INIT)->segments.directory;
    uint64_t address;
    cr_assert_eq(area_take(directory, 1, &address), STATUS_OK);
    words_first = (uintptr_t)directory->area->free;
    words_limit = words_first + sizeof(directory->area->free);
}

/* What a request reads, and where it has its memory; 0: there is no such run. */
static unsigned reads_of(uint64_t count, uint64_t align, uint64_t *address)
{
    count_reads = 0;
    enum status status = align > 1 ? area_take_aligned(directory, count, align, address) : area_take(directory, count, address);
    unsigned reads = count_reads;
    cr_assert(status == STATUS_OK || status == STATUS_LIMIT, "%s", status_name(status));
    if (status == STATUS_LIMIT) *address = 0;
    return reads;
}

static void give(uint64_t address, uint64_t count) { area_give(directory, address, address + count * PAGE_BYTES); }

/* The words of the regions that are taken are read again when their bits go: a run has so many of them, and a bit on both sides. */
static unsigned changes_of(uint64_t count) { return (unsigned)(count / REGION_PAGES + 2); }

Test(pager_area_reads, what_lies_ready_reads_nothing)
{
    begin();
    for (unsigned i = 0; i < 500; i++) {
        uint64_t address;
        cr_assert_eq(reads_of(1 + i % 3, 1, &address), 0, "%u", i);
    }
}

Test(pager_area_reads, a_run_is_found_where_the_first_free_one_is)
{
    begin();
    uint64_t address;
    unsigned reads = reads_of(3 * REGION_PAGES, 1, &address);
    cr_assert_leq(reads, 1 + changes_of(3 * REGION_PAGES), "%u", reads);
}

/* What is asked for beyond all that may be taken is refused by one number. */
Test(pager_area_reads, a_full_area_is_refused_without_a_look)
{
    begin();
    constexpr uint64_t most = LAYOUT_MMAP_MOST / PAGE_BYTES;
    uint64_t address;
    unsigned reads = reads_of(most - area_pages(directory), 1, &address);
    cr_assert(address == directory_address(1) && reads <= AREA_WORDS + changes_of(most), "%lx %u", address, reads);
    cr_assert_eq(area_pages(directory), most);
    static const struct { uint64_t count, align; } wishes[] = { { 4, 1 }, { REGION_PAGES, 1 }, { 100 * REGION_PAGES, 1 }, { REGION_PAGES, 4 * REGION_PAGES } };
    for (size_t i = 0; i < sizeof(wishes) / sizeof(wishes[0]); i++) {
        reads = reads_of(wishes[i].count, wishes[i].align, &address);
        cr_assert(address == 0 && reads == 0, "%zu: %lx %u", i, address, reads);
    }
}

/* Every second region taken, up to the end: no run is longer than one region, so each word is looked at, once. */
Test(pager_area_reads, each_word_is_read_once)
{
    begin();
    constexpr uint64_t most = LAYOUT_MMAP_MOST / PAGE_BYTES;
    static uint64_t taken[DIRECTORY_REGIONS];
    uint32_t count = 0;
    uint64_t address;
    for (uint64_t index = 2; index < DIRECTORY_REGIONS && area_pages(directory) + 4 < most; index += 2) {
        uint64_t first = directory_address(index) + 8 * PAGE_BYTES;
        cr_assert_eq(area_take_at(directory, first, first + 3 * PAGE_BYTES), STATUS_OK); /* no stack takes three pages */
        taken[count++] = first;
    }
    cr_assert_eq(count, DIRECTORY_REGIONS / 2 - 1);
    static const struct { uint64_t count, align; } wishes[] = {
        { 2 * REGION_PAGES, 1 }, { 100 * REGION_PAGES, 1 }, { 2 * REGION_PAGES, 4 * REGION_PAGES }, { 70 * REGION_PAGES, 128 * REGION_PAGES },
    };
    for (size_t i = 0; i < sizeof(wishes) / sizeof(wishes[0]); i++) {
        unsigned reads = reads_of(wishes[i].count, wishes[i].align, &address);
        cr_assert(address == 0 && reads == AREA_WORDS, "%zu: %u", i, reads);
    }
    /* A hole of three regions at the end is found (one that is empty is kept), and a single region in the first word. */
    for (uint32_t i = count - 2; i < count; i++) give(taken[i], 3);
    unsigned reads = reads_of(3 * REGION_PAGES, 1, &address);
    cr_assert(address >= directory_address(DIRECTORY_REGIONS - 6) && reads <= AREA_WORDS + changes_of(3 * REGION_PAGES), "%lx %u", address, reads);
    reads = reads_of(REGION_PAGES, 1, &address);
    cr_assert(address == directory_address(1) && reads <= 1 + changes_of(REGION_PAGES), "%lx %u", address, reads);
    const char *failed = area_check(directory);
    cr_assert_null(failed, "%s", failed);
}
