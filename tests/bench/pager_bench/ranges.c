/* Ranges: 512 pages mapped, protected, unmapped in one call; 1 GiB moved; one page that is 1 GiB. Per page: the whole call, divided.
 *
 * The 512 pages are all of one lowest table, which comes with them and goes with them; the tables above it stay. Their frames are aligned otherwise, so that
 * each page has an entry of its own. */
#include "bench.h"

constexpr uint64_t GIGABYTE = (uint64_t)1 << 30;
constexpr unsigned RANGE_SAMPLES = 256;
constexpr uint64_t PAGES = STEP_PAGES;
constexpr uint64_t RANGE = 6 * GIGABYTE;
constexpr uint64_t HUGE = 30 * GIGABYTE;

static uint64_t block; /* of order 10, zeroed */

static void block_take(unsigned order, uint64_t *frame)
{
    enum status status;
    kit_must(kernel_frame_allocate(order, frame), "frame_allocate");
    do status = kernel_frame_zero(*frame);
    while (status == STATUS_AGAIN);
    kit_must(status, "frame_zero");
}

static void map(uint32_t attributes)
{
    uint64_t done = 0;
    kit_must(kernel_space_map(kit_info->space, RANGE, block + 1, PAGES, attributes, &done), "map_512");
    if (done != PAGES) kit_must(STATUS_BAD_LENGTH, "map_512");
}

static void unmap(void)
{
    uint64_t done, unmapped = 0, freed;
    kit_must(kernel_space_unmap(kit_info->space, RANGE, PAGES, UNMAP_KEEP, &done, &unmapped, &freed), "unmap_512");
    if (unmapped != PAGES) kit_must(STATUS_BAD_LENGTH, "unmap_512");
}

static void protect(uint32_t attributes)
{
    uint64_t done, changed = 0;
    kit_must(kernel_space_protect(kit_info->space, RANGE, PAGES, attributes, &done, &changed), "protect_512");
    if (changed != PAGES) kit_must(STATUS_BAD_LENGTH, "protect_512");
}

static void touch(void)
{
    for (uint64_t i = 0; i < PAGES; i += 7) *(volatile uint64_t *)(RANGE + i * PAGE_BYTES) = i;
}

static void measure(const char *name, void (*before)(void), void (*what)(void), void (*after)(void))
{
    bench_begin();
    for (unsigned i = 0; i < RANGE_SAMPLES; i++) {
        before();
        uint64_t first = kit_cycles();
        what();
        bench_sample(first, kit_cycles());
        after();
    }
    bench_report_each(name, PAGES);
}

static void nothing(void) {}
static void map_for_writing(void) { map(ATTRIBUTE_WRITE); }
static void map_and_touch(void) { map(ATTRIBUTE_WRITE), touch(); }
static void protect_from_writing(void) { protect(ATTRIBUTE_READ); }

/* A gigabyte of the caller with a thousand pages in it, in tables of every kind, is moved to and fro. `shift`: how far the other place is from being aligned
 * to 1 GiB. */
static void move_gigabyte(const char *name, uint64_t shift)
{
    uint64_t place[2] = { 10 * GIGABYTE, 20 * GIGABYTE + shift }, done, moved;
    for (uint64_t i = 0; i < 512; i += 16)
        kit_must(kernel_space_fill(kit_info->space, place[0] + i * PAGES * PAGE_BYTES, i % 64 == 0 ? PAGES : 9, ATTRIBUTE_WRITE, &done), name);
    bench_begin();
    for (unsigned i = 0; i < RANGE_SAMPLES; i++) {
        uint64_t total = 0;
        enum status status = STATUS_AGAIN;
        uint64_t first = kit_cycles();
        while (status == STATUS_AGAIN) {
            status = kernel_space_move(kit_info->space, place[i % 2] + total * PAGE_BYTES, kit_info->space, place[1 - i % 2] + total * PAGE_BYTES,
                                       GIGABYTE / PAGE_BYTES - total, &done, &moved);
            total += done;
        }
        bench_sample(first, kit_cycles());
        kit_must(status, name);
    }
    bench_report(name);
    uint64_t unmapped, freed;
    for (uint64_t total = 0; total < GIGABYTE / PAGE_BYTES; total += done) {
        uint64_t address = place[RANGE_SAMPLES % 2] + total * PAGE_BYTES, left = GIGABYTE / PAGE_BYTES - total;
        enum status status = kernel_space_unmap(kit_info->space, address, left, UNMAP_FREE, &done, &unmapped, &freed);
        if (status != STATUS_AGAIN) kit_must(status, name);
    }
}

/* In a machine with less memory the result is missing; tools/verb_bench.py boots one that has enough. */
static void map_gigabyte(void)
{
    uint64_t frame, done, unmapped, freed;
    if (kernel_frame_allocate(18, &frame) != STATUS_OK) return;
    kit_must(kernel_frame_free(frame, 18), "frame_free");
    block_take(18, &frame);
    bench_begin();
    for (unsigned i = 0; i < RANGE_SAMPLES; i++) {
        uint64_t first = kit_cycles();
        enum status status = kernel_space_map(kit_info->space, HUGE, frame, GIGABYTE / PAGE_BYTES, ATTRIBUTE_WRITE, &done);
        bench_sample(first, kit_cycles());
        kit_must(status, "map_1g_huge");
        kit_must(kernel_space_unmap(kit_info->space, HUGE, GIGABYTE / PAGE_BYTES, UNMAP_KEEP, &done, &unmapped, &freed), "unmap_1g");
    }
    bench_report("map_1g_huge");
    kit_must(kernel_frame_free(frame, 18), "frame_free");
}

void bench_ranges(void)
{
    uint64_t frame, done;
    kit_must(kernel_frame_allocate(0, &frame), "frame_allocate");
    kit_must(kernel_space_map(kit_info->space, RANGE + PAGES * PAGE_BYTES, frame, 1, ATTRIBUTE_READ, &done), "space_map");
    block_take(10, &block);
    measure("map_512_per_page", nothing, map_for_writing, unmap);
    measure("unmap_512_per_page", map_and_touch, unmap, nothing);
    measure("protect_512_per_page", map_and_touch, protect_from_writing, unmap);
    move_gigabyte("move_1g_aligned", 0);
    move_gigabyte("move_1g_2m_aligned", PAGES * PAGE_BYTES);
    map_gigabyte();
}
