/* The kinds that are filled when touched: stack and mmap area. One touch of a new page is one fault and one frame, zeroed; nothing else is. */
#include "subject.h"

#include <stdio.h>

/* --- The stack --- */

void case_stack_page_by_page(void)
{
    constexpr uint64_t PAGES = 100, BELOW = 16 * PAGE_BYTES; /* below what is in use */
    struct segment_info stack = segment_of(SEGMENT_STACK);
    expect(stack.mapped_pages < 16);
    struct system_info before = system_now();
    for (uint64_t page = 1; page <= PAGES; page++) {
        volatile uint8_t *byte = byte_at(stack.limit - BELOW - page * PAGE_BYTES);
        expect(*byte == 0);
        *byte = 1;
    }
    struct system_info after = system_now();
    expect(after.faults - before.faults == PAGES);
    expect(before.free_frames - after.free_frames == PAGES);
    expect(segment_of(SEGMENT_STACK).mapped_pages == stack.mapped_pages + PAGES);
    for (uint64_t page = 1; page <= PAGES; page++) expect(*byte_at(stack.limit - BELOW - page * PAGE_BYTES) == 1);
    expect(system_now().faults == after.faults);
}

void case_stack_to_its_limit(void)
{
    struct segment_info stack = segment_of(SEGMENT_STACK);
    printf("subject: stack first=0x%lx limit=0x%lx\n", stack.first, stack.limit);
    *byte_at(stack.first) = 1;
    *byte_at(stack.limit - 1) = *byte_at(stack.limit - 1);
    expect_status(memory_unmap(stack.first, PAGE_BYTES), STATUS_IMMUTABLE);
    expect_status(memory_protect(stack.first, PAGE_BYTES, PROTECTION_EXECUTE), STATUS_IMMUTABLE);
}

[[gnu::noinline]] static uint64_t descend(uint64_t depth)
{
    volatile uint64_t part[64];
    part[0] = depth;
    return depth == UINT64_MAX ? 0 : descend(depth + 1) + part[0];
}

void case_stack_endless(void) { expect(descend(0) == 1); }

void case_stack_guard(void)
{
    uint64_t guard = segment_of(SEGMENT_STACK).first - 1;
    aim(guard);
    *byte_at(guard) = 1;
}

void case_stack_below_guard(void)
{
    uint64_t below = segment_of(SEGMENT_STACK).first - 16 * PAGE_BYTES - 1;
    aim(below);
    *byte_at(below) = 1;
}

/* --- The mmap area --- */

/* Maps and unmaps a page: from then on the pager keeps one empty region for this process. Free frames after that. */
static uint64_t free_beside_the_spare_region(void)
{
    uint64_t address = 0;
    expect_status(memory_map(PAGE_BYTES, PROTECTION_WRITE, &address), STATUS_OK);
    expect_status(memory_unmap(address, PAGE_BYTES), STATUS_OK);
    return system_now().free_frames;
}

void case_mmap_when_touched(void)
{
    constexpr uint64_t PAGES = 1000, TOUCHED = 137;
    uint64_t address = 0;
    (void)free_beside_the_spare_region();
    struct system_info before = system_now();
    expect_status(memory_map(PAGES * PAGE_BYTES, PROTECTION_WRITE, &address), STATUS_OK);
    struct system_info reserved = system_now();
    expect(reserved.free_frames == before.free_frames && reserved.faults == before.faults);
    expect(segment_at(address).mapped_pages == 0);
    /* A page in each 2 MiB first: its tables come with it. */
    for (uint64_t page = 0; page < PAGES; page += 500) (void)*byte_at(address + page * PAGE_BYTES);
    expect(segment_at(address).mapped_pages == 2);
    struct system_info touched = system_now();
    for (uint64_t i = 0; i < TOUCHED; i++) {
        uint64_t page = address + (3 * i + 1) * PAGE_BYTES;
        for (uint64_t at = 0; at < PAGE_BYTES; at++) expect(*byte_at(page + at) == 0);
        *byte_at(page) = 1;
    }
    struct system_info after = system_now();
    expect(after.faults - touched.faults == TOUCHED && touched.free_frames - after.free_frames == TOUCHED);
    expect(segment_at(address).mapped_pages == TOUCHED + 2);
    printf("subject: reserved pages=%lu frames=%lu saved=%lu\n", PAGES, before.free_frames - after.free_frames, PAGES - TOUCHED - 2);
    expect_status(memory_unmap(address, PAGES * PAGE_BYTES), STATUS_OK);
    expect(system_now().free_frames == before.free_frames);
}

/* What another one wrote never shows: pages are dirtied, given back, and taken again. */
void case_mmap_zeroed(void)
{
    constexpr uint64_t PAGES = 1024;
    for (unsigned round = 0; round < 3; round++) {
        uint64_t address = 0;
        expect_status(memory_map(PAGES * PAGE_BYTES, PROTECTION_WRITE, &address), STATUS_OK);
        for (uint64_t page = 0; page < PAGES; page++) {
            volatile uint64_t *word = (volatile uint64_t *)(uintptr_t)(address + page * PAGE_BYTES);
            uint64_t all = 0;
            for (uint64_t at = 0; at < PAGE_BYTES / sizeof *word; at++) {
                all |= word[at];
                word[at] = UINT64_MAX;
            }
            expect(all == 0);
        }
        expect_status(memory_unmap(address, PAGES * PAGE_BYTES), STATUS_OK);
    }
}

void case_mmap_reused(void)
{
    uint64_t address[8] = { 0 }, again = 0;
    for (unsigned i = 0; i < 8; i++) {
        expect_status(memory_map(3 * PAGE_BYTES, PROTECTION_WRITE, &address[i]), STATUS_OK);
        if (i > 0) expect(address[i] >= address[i - 1] + 3 * PAGE_BYTES); /* upwards */
        *byte_at(address[i]) = (uint8_t)(i + 1);
    }
    expect_status(memory_unmap(address[2], 3 * PAGE_BYTES), STATUS_OK);
    expect_status(memory_unmap(address[5], 3 * PAGE_BYTES), STATUS_OK);
    expect_status(memory_map(3 * PAGE_BYTES, PROTECTION_WRITE, &again), STATUS_OK);
    expect(again == address[2] && *byte_at(again) == 0);
    expect_status(memory_map(3 * PAGE_BYTES, PROTECTION_WRITE, &again), STATUS_OK);
    expect(again == address[5] && *byte_at(again) == 0);
    expect(*byte_at(address[1]) == 2 && *byte_at(address[3]) == 4 && *byte_at(address[7]) == 8);
}

/* Three pages of a lot of memory are touched; `pages_there` when they are, 0: no matter. */
static void map_large(uint64_t pages_there)
{
    constexpr uint64_t MIB = 1 << 20;
    static const uint64_t sizes[] = { 8 * MIB, 8 * MIB + 1, 9 * MIB, 100 * MIB, 1024 * MIB, 40 * 1024 * MIB };
    uint64_t free = free_beside_the_spare_region();
    for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        uint64_t address = 0;
        expect_status(memory_map(sizes[i], PROTECTION_WRITE, &address), STATUS_OK);
        *byte_at(address) = *byte_at(address + sizes[i] / 2) = *byte_at(address + sizes[i] - 1) = 1;
        struct segment_info info = segment_at(address);
        expect(info.first <= address && info.limit >= address + sizes[i]);
        expect(pages_there == 0 ? info.mapped_pages >= 3 : info.mapped_pages == pages_there);
        expect_status(memory_unmap(address, sizes[i]), STATUS_OK);
        expect(system_now().free_frames == free);
    }
    uint64_t unused = 77;
    expect_status(memory_map((uint64_t)1 << 40, PROTECTION_WRITE, &unused), STATUS_LIMIT);
    expect(unused == 77 && segment_of(SEGMENT_MMAP).limit == 0);
}

void case_mmap_large(void) { map_large(0); }
void case_mmap_large_by_pages(void) { map_large(3); }

void case_mmap_parts(void)
{
    uint64_t address = 0, middle;
    expect_status(memory_map(9 * PAGE_BYTES, PROTECTION_WRITE, &address), STATUS_OK);
    for (uint64_t page = 0; page < 9; page++) *byte_at(address + page * PAGE_BYTES) = (uint8_t)(page + 1);
    middle = address + 3 * PAGE_BYTES;
    expect_status(memory_protect(middle, 3 * PAGE_BYTES, PROTECTION_READ), STATUS_OK);
    expect(segment_at(middle).protection == PROTECTION_READ && segment_at(address).protection == PROTECTION_WRITE);
    expect_status(memory_unmap(middle + PAGE_BYTES, PAGE_BYTES), STATUS_OK);
    expect(segment_at(middle + PAGE_BYTES).limit == 0);
    for (uint64_t page = 0; page < 9; page++)
        if (page != 4) expect(*byte_at(address + page * PAGE_BYTES) == page + 1);
    expect_status(memory_unmap(address, 9 * PAGE_BYTES), STATUS_NOT_MAPPED); /* a hole, and nothing is changed */
    expect(segment_at(address).mapped_pages == 3);
    expect_status(memory_unmap(address + 1, PAGE_BYTES), STATUS_BAD_ALIGNMENT);
    expect_status(memory_unmap(address, 0), STATUS_BAD_LENGTH);
    expect_status(memory_unmap(UINT64_MAX - PAGE_BYTES + 1, 2 * PAGE_BYTES), STATUS_BAD_ADDRESS);
    expect_status(memory_protect(address, PAGE_BYTES, PROTECTION_WRITE | PROTECTION_EXECUTE), STATUS_WRITE_EXECUTE);
    expect_status(memory_protect(address, PAGE_BYTES, 4), STATUS_BAD_ARGUMENT);
}

/* Pieces come and go; none overlaps another, each keeps its content, none is lost. */
void case_mmap_random(void)
{
    constexpr unsigned PIECES = 64;
    static struct { uint64_t address, pages; } piece[PIECES];
    uint64_t free = free_beside_the_spare_region();
    for (unsigned i = 0; i < 4000; i++) {
        unsigned at = random_next() % PIECES;
        if (piece[at].pages != 0) {
            uint64_t last = piece[at].address + (piece[at].pages - 1) * PAGE_BYTES;
            expect(*byte_at(piece[at].address) == at + 1 && *byte_at(last + 1) == at + 1);
            expect_status(memory_unmap(piece[at].address, piece[at].pages * PAGE_BYTES), STATUS_OK);
            piece[at].pages = 0;
            continue;
        }
        piece[at].pages = 1 + random_next() % 9;
        expect_status(memory_map(piece[at].pages * PAGE_BYTES, PROTECTION_WRITE, &piece[at].address), STATUS_OK);
        uint64_t last = piece[at].address + (piece[at].pages - 1) * PAGE_BYTES;
        expect(*byte_at(piece[at].address) == 0 && *byte_at(last + 1) == 0);
        *byte_at(piece[at].address) = *byte_at(last + 1) = (uint8_t)(at + 1);
    }
    for (unsigned at = 0; at < PIECES; at++)
        if (piece[at].pages != 0) expect_status(memory_unmap(piece[at].address, piece[at].pages * PAGE_BYTES), STATUS_OK);
    expect(system_now().free_frames == free && segment_of(SEGMENT_MMAP).limit == 0);
}
