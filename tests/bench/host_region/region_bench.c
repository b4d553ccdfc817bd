/* Instructions of regions and of finding segments: run under callgrind by ./quire bench (tools/region_bench.py).
 *
 *     valgrind --tool=callgrind --collect-atstart=no --instr-atstart=no region_bench
 *
 * The pager's own sources over pages of ordinary memory. Every measurement ends in a dump of callgrind named after it; the line on standard output says for
 * how many operations. What turning the collection on and off counts by itself is measured as `switch`. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <valgrind/callgrind.h>

#include "fill.h"
#include "segment.h"
#include "tree.h"

constexpr unsigned ROUNDS = 20'000;
constexpr unsigned RING = 64;

static uint64_t random_state = 1;

static uint32_t random_below(uint32_t limit)
{
    uint64_t z = random_state += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return (uint32_t)(((z ^ z >> 31) >> 32) * limit >> 32);
}

[[noreturn]] static void fail(const char *what)
{
    fprintf(stderr, "region_bench: %s\n", what);
    exit(1);
}

/* --- What the pager's sources ask for --- */

enum status seam_page_take(void *address)
{
    memset(address, 0, PAGE_BYTES);
    return STATUS_OK;
}
void seam_page_give([[maybe_unused]] void *address) {}

static const struct fill fill = { .name = "bench", .page_charge = 1, .protections = PROTECTION_WRITE | PROTECTION_EXECUTE };
static const struct segment_rules rules = { .name = "bench", .fill = &fill, .merges = true, .protections = PROTECTION_WRITE | PROTECTION_EXECUTE };
const struct segment_rules *segment_rules_of([[maybe_unused]] enum segment_kind kind) { return &rules; }

/* --- Measurements --- */

/* A function of its own, so that each switch is the same instructions. */
__attribute__((noinline)) static void toggle(void) { CALLGRIND_TOGGLE_COLLECT; }

#define COUNTED(call) do { toggle(); call; toggle(); } while (0)

static void measure_begin(void)
{
    CALLGRIND_START_INSTRUMENTATION;
    CALLGRIND_ZERO_STATS;
}

static void measure_end(const char *name, uint64_t count)
{
    CALLGRIND_DUMP_STATS_AT(name);
    CALLGRIND_STOP_INSTRUMENTATION;
    printf("row name=%s count=%llu\n", name, (unsigned long long)count);
}

static struct region_descriptor descriptor;
static struct region_book book;
static uint32_t held[REGION_PAGES], count_held;

static void take(uint32_t pages, bool is_counted)
{
    uint32_t page;
    if (is_counted) COUNTED(page = region_allocate(&descriptor, &book, pages));
    else page = region_allocate(&descriptor, &book, pages);
    if (page == REGION_NONE) fail("no page is free");
    held[count_held++] = page;
}

static uint32_t choose(void)
{
    uint32_t at = random_below(count_held), page = held[at];
    held[at] = held[--count_held];
    return page;
}

/* A run of `pages` is taken and a random one of all that are held goes back, while `percent` of the region are in use. */
static void measure_region(uint32_t pages, unsigned percent)
{
    char name[2][48];
    snprintf(name[0], sizeof name[0], pages == 1 ? "region_allocate_%u" : "region_allocate_%2$u_pages_%1$u", percent, pages);
    snprintf(name[1], sizeof name[1], pages == 1 ? "region_free_%u" : "region_free_%2$u_pages_%1$u", percent, pages);
    for (unsigned freeing = 0; freeing < 2; freeing++) {
        count_held = 0;
        if (region_describe(&descriptor, REGION_BYTES, 2 * REGION_BYTES) != STATUS_OK) fail("not described");
        region_initialise(&descriptor, &book);
        while (region_free_pages(&descriptor) >= 2 * pages) take(pages, false);
        uint32_t most = percent == 0 ? RING / pages + 1 : REGION_PAGES / pages * percent / 100;
        while (count_held > most) (void)region_free(&descriptor, &book, choose(), pages);
        measure_begin();
        for (unsigned i = 0; i < ROUNDS; i++) {
            take(pages, !freeing);
            uint32_t page = choose();
            if (freeing) COUNTED((void)region_free(&descriptor, &book, page, pages));
            else (void)region_free(&descriptor, &book, page, pages);
        }
        measure_end(name[freeing], ROUNDS);
    }
}

/* `count` segments of one page, alternately of two protections, and those of the other kinds. */
static struct segment_table *table;
static struct pool pool = { .all = UINT64_MAX, .spare = UINT64_MAX };
static struct family family = { .pages = { .pool = &pool, .limit = UINT64_MAX } };
static uint64_t *addresses;

static void add_fixed(uint64_t first, enum segment_kind kind)
{
    struct segment segment = { .first = first, .limit = first + 16 * PAGE_BYTES, .fill = &fill, .kind = kind };
    if (segment_reserve(table, 1) != STATUS_OK) fail("no row");
    segment_insert(table, &segment);
}

static void make_segments(uint32_t count)
{
    void *memory = mmap(nullptr, SLOT_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) fail("no memory");
    struct slot *slot = memory;
    *slot = (struct slot){ .base = memory, .family = &family };
    table = (struct segment_table *)(slot + 1);
    segment_table_initialise(table, slot);
    for (uint32_t kind = SEGMENT_CODE; kind < SEGMENT_AUTOGEN; kind++) add_fixed(LAYOUT_IMAGE_FIRST * kind, (enum segment_kind)kind);
    add_fixed(LAYOUT_AUTOGEN_TOP - 16 * PAGE_BYTES, SEGMENT_AUTOGEN);
    add_fixed(LAYOUT_STACK_TOP - 16 * PAGE_BYTES, SEGMENT_STACK);
    add_fixed(LAYOUT_BUFFER_FIRST - 16 * PAGE_BYTES, SEGMENT_BUFFER);
    for (uint32_t i = 0; i < count; i++) {
        struct segment segment = { .fill = &fill, .kind = SEGMENT_MMAP, .protection = (uint8_t)(i % 2) };
        if (segment_place(table, &segment, PAGE_BYTES) != STATUS_OK) fail("no room");
        addresses[i] = segment.first + random_below(PAGE_BYTES);
    }
}

static void find(uint64_t address)
{
    struct segment *segment;
    COUNTED(segment = segment_find(table, address));
    if (segment == nullptr || address < segment->first || address >= segment->limit) fail("another segment");
}

static void measure_find(uint32_t count)
{
    char name[48];
    make_segments(count);
    snprintf(name, sizeof name, "segment_find_%u", count);
    measure_begin();
    for (unsigned i = 0; i < ROUNDS; i++) find(addresses[random_below(count)]);
    measure_end(name, ROUNDS);
    if (count != 10) return;
    measure_begin();
    for (unsigned i = 0; i < ROUNDS; i++) find(LAYOUT_IMAGE_FIRST * (SEGMENT_CODE + random_below(SEGMENT_BRK - SEGMENT_CODE + 1)) + 5);
    measure_end("segment_find_image", ROUNDS);
    measure_begin();
    for (unsigned i = 0; i < ROUNDS; i++) find(LAYOUT_STACK_TOP - 16 * PAGE_BYTES + random_below(PAGE_BYTES));
    measure_end("segment_find_stack", ROUNDS);
}

/* Runs of the mmap area come and go at random, most of them short: a mean of both. What is left then says how it lies: regions, and how many of them a free
 * block of 1 MiB can be had from. */
static void measure_area(unsigned orders, const char *name)
{
    static struct { uint64_t first, pages; } piece[600];
    make_segments(0);
    struct directory *directory = &table->directory;
    memset(piece, 0, sizeof piece);
    random_state = 7;
    measure_begin();
    for (unsigned i = 0; i < ROUNDS; i++) {
        unsigned at = random_below(600);
        enum status status = STATUS_OK;
        if (piece[at].pages != 0) {
            COUNTED(area_give(directory, piece[at].first, piece[at].first + piece[at].pages * PAGE_BYTES));
            piece[at].pages = 0;
        } else {
            piece[at].pages = (uint64_t)1 << random_below(orders);
            COUNTED(status = area_take(directory, piece[at].pages, &piece[at].first));
        }
        if (status != STATUS_OK) fail("no room");
    }
    measure_end(name, ROUNDS);
    uint32_t large = 0;
    for (uint64_t index = area_next(directory, 0); index < DIRECTORY_REGIONS; index = area_next(directory, index + 1))
        large += region_orders(&directory_at(directory, index)->descriptor) > 8;
    fprintf(stderr, "area: stacks=%u name=%s regions=%u with_1m=%u pages=%llu\n", PAGE_STACKS, name, directory->area->count_regions, large,
            (unsigned long long)directory->area->pages);
}

/* The directory's way to a region, and the tree's. */
static void measure_tree(uint32_t count)
{
    char name[48];
    struct tree tree = { 0 };
    struct tree_node *nodes = calloc(count, sizeof *nodes);
    for (uint32_t i = 0; i < count; i++) {
        if (region_describe(&nodes[i].descriptor, (2 + (uint64_t)i) * REGION_BYTES, (3 + (uint64_t)i) * REGION_BYTES) != STATUS_OK) fail("not described");
        tree_insert(&tree, &nodes[i]);
    }
    snprintf(name, sizeof name, "tree_find_%u", count);
    measure_begin();
    for (unsigned i = 0; i < ROUNDS; i++) {
        uint32_t at = random_below(count);
        const struct region_descriptor *found;
        COUNTED(found = tree_find(&tree, (2 + (uint64_t)at) * REGION_BYTES + random_below(REGION_BYTES)));
        if (found != &nodes[at].descriptor) fail("another descriptor");
    }
    measure_end(name, ROUNDS);
    free(nodes);
}

int main(void)
{
    addresses = calloc(100'000, sizeof *addresses);
    measure_begin();
    for (unsigned i = 0; i < ROUNDS; i++) COUNTED((void)0);
    measure_end("switch", ROUNDS);
    static const unsigned percents[] = { 0, 50, 95 };
    for (unsigned i = 0; i < 3; i++) measure_region(1, percents[i]);
    for (unsigned i = 0; i < 3; i++) measure_region(8, percents[i]);
    measure_area(1, "area_pages");
    measure_area(4, "area_runs_to_8");
    measure_area(8, "area_runs_to_128");
    for (uint32_t count = 10; count <= 100'000; count *= 10) measure_find(count);
    for (uint32_t count = 10; count <= 100'000; count *= 10) measure_tree(count);
    return 0;
}
