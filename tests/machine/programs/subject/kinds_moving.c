/* The kinds that move: the break goes up, autogen goes down; both are filled when moved, by whole pages, and give back what they leave. */
#include "subject.h"

#include <stdio.h>
#include <string.h>

static uint64_t page_up(uint64_t address) { return (address + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1); }

/* The promised order, with every kind there is. */
void case_order_of_kinds(void)
{
    static const char *const wanted = "code data rodata brk autogen mmap stack buffer ";
    char seen[128] = "";
    size_t used = 0;
    uint64_t unused, limit = 0;
    struct segment_info info;
    expect_status(memory_brk(1, &unused), STATUS_OK);
    expect_status(autogen_move(1, &unused), STATUS_OK);
    expect_status(memory_map(1, PROTECTION_WRITE, &unused), STATUS_OK);
    for (uint64_t i = 0; segment_info(i, &info) == STATUS_OK; i++) {
        used += (size_t)snprintf(seen + used, sizeof seen - used, "%s ", segment_kind_name(info.kind));
        expect(used < sizeof seen);
        printf("subject: segment kind=%s first=0x%lx limit=0x%lx pages=%lu\n", segment_kind_name(info.kind), info.first, info.limit, info.mapped_pages);
        expect(info.first >= limit && info.limit > info.first);
        limit = info.limit;
    }
    expect(strcmp(seen, wanted) == 0);
}

void case_brk_at_once(void)
{
    constexpr uint64_t PAGES = 1200;
    uint64_t start = 0, again = 0;
    expect_status(memory_brk(0, &start), STATUS_OK);
    struct system_info before = system_now();
    expect_status(memory_brk(PAGES * PAGE_BYTES, &again), STATUS_OK);
    expect(again == start);
    struct system_info grown = system_now();
    expect(before.free_frames - grown.free_frames >= PAGES && before.free_frames - grown.free_frames <= PAGES + 8);
    expect(segment_at(start).mapped_pages == PAGES);
    for (uint64_t at = 0; at < PAGES * PAGE_BYTES; at += 512) expect(*byte_at(start + at) == 0);
    memset((void *)(uintptr_t)start, 0xff, PAGES * PAGE_BYTES);
    expect(system_now().faults == before.faults);

    expect_status(memory_brk(-(int64_t)(PAGES / 2 * PAGE_BYTES), &again), STATUS_OK);
    expect(again == start + PAGES * PAGE_BYTES);
    expect(system_now().free_frames >= grown.free_frames + PAGES / 2);
    expect_status(memory_brk(PAGES / 2 * PAGE_BYTES, &again), STATUS_OK);
    for (uint64_t page = PAGES / 2; page < PAGES; page++) expect(*byte_at(start + page * PAGE_BYTES + 8) == 0);
    expect(*byte_at(start + PAGES / 2 * PAGE_BYTES - 1) == 0xff);
    expect_status(memory_brk(-(int64_t)(PAGES * PAGE_BYTES), &again), STATUS_OK);
    expect(system_now().free_frames == before.free_frames && segment_at(start).limit == 0);
}

void case_brk_by_bytes(void)
{
    uint64_t start = 0, at = 0;
    expect_status(memory_brk(0, &start), STATUS_OK);
    uint64_t free = system_now().free_frames;
    for (uint64_t i = 0; i < 3 * PAGE_BYTES; i += 3) {
        expect_status(memory_brk(3, &at), STATUS_OK);
        expect(at == start + i);
        *byte_at(at + 2) = 1;
    }
    expect(segment_at(start).mapped_pages == 3);
    for (uint64_t i = 3 * PAGE_BYTES; i > 0; i -= 3) {
        expect_status(memory_brk(-3, &at), STATUS_OK);
        expect(at == start + i);
    }
    expect_status(memory_brk(1, &at), STATUS_OK);
    expect(segment_at(start).mapped_pages == 1 && *byte_at(start) == 0);
    expect_status(memory_brk(-1, &at), STATUS_OK);
    expect(system_now().free_frames == free);
}

/* 10,000 steps against a number that says where the break has to be. Every page that comes new is zero. */
void case_brk_random_walk(void)
{
    uint64_t start = 0, at = 0, unused, refused = 0;
    expect_status(memory_brk(0, &start), STATUS_OK);
    uint64_t free = system_now().free_frames, here = start;
    for (unsigned i = 0; i < 10'000; i++) {
        int64_t delta = (int64_t)(random_next() % 262'144) - 131'072;
        bool is_too_low = (int64_t)here + delta < (int64_t)start;
        expect_status(memory_brk(delta, &at), is_too_low ? STATUS_BAD_ARGUMENT : STATUS_OK);
        refused += is_too_low;
        if (is_too_low) continue;
        expect(at == here);
        uint64_t next = (uint64_t)((int64_t)here + delta);
        for (uint64_t page = page_up(here); page < next; page += PAGE_BYTES) {
            expect(*byte_at(page) == 0 && *byte_at(page + PAGE_BYTES - 1) == 0);
            *byte_at(page) = *byte_at(page + PAGE_BYTES - 1) = 0x77;
        }
        here = next;
    }
    expect(refused > 10 && refused < 9000);
    expect_status(memory_brk(-(int64_t)(here - start), &unused), STATUS_OK);
    expect(system_now().free_frames == free && segment_at(start).limit == 0);
}

/* Break and autogen grow towards each other. */
void case_brk_meets_autogen(void)
{
    uint64_t start = 0, at = 0, lowest = 0, again = 0;
    expect_status(memory_brk(5000, &start), STATUS_OK);
    expect_status(autogen_move(5000, &lowest), STATUS_OK);
    *byte_at(start) = 1;
    *byte_at(lowest) = 2;
    uint64_t free = system_now().free_frames, gap = lowest - start;
    expect_status(memory_brk((int64_t)gap, &at), STATUS_LIMIT);
    expect_status(autogen_move((int64_t)gap, &at), STATUS_LIMIT);
    expect_status(memory_brk(INT64_MAX - (int64_t)start - 5000, &at), STATUS_LIMIT);
    expect_status(memory_brk(INT64_MAX, &at), STATUS_RANGE_WRAPS);
    expect_status(memory_brk((int64_t)(gap - 2 * PAGE_BYTES), &at), STATUS_NO_MEMORY); /* there is room, but not so much memory */
    expect(system_now().free_frames == free);
    expect_status(memory_brk(0, &again), STATUS_OK);
    expect(again == start + 5000);
    expect_status(autogen_move(0, &again), STATUS_OK);
    expect(again == lowest && *byte_at(start) == 1 && *byte_at(lowest) == 2);
}

void case_brk_refusals(void)
{
    uint64_t start = 0, at = 77;
    expect_status(memory_brk(100, &start), STATUS_OK);
    uint64_t free = system_now().free_frames;
    expect_status(memory_brk(-101, &at), STATUS_BAD_ARGUMENT);
    expect_status(memory_brk(INT64_MIN, &at), STATUS_BAD_ARGUMENT);
    expect_status(memory_brk((int64_t)1 << 40, &at), STATUS_NO_MEMORY);
    expect(at == 77 && system_now().free_frames == free);
    expect_status(memory_unmap(segment_at(start).first, PAGE_BYTES), STATUS_IMMUTABLE);
    expect_status(memory_protect(segment_at(start).first, PAGE_BYTES, PROTECTION_READ), STATUS_IMMUTABLE);
}

void case_brk_read_given_back(void)
{
    uint64_t start = 0, unused;
    expect_status(memory_brk(4 * PAGE_BYTES, &start), STATUS_OK);
    uint64_t page = page_up(start) + PAGE_BYTES;
    *byte_at(page) = 1;
    expect_status(memory_brk(-(int64_t)(4 * PAGE_BYTES), &unused), STATUS_OK);
    aim(page);
    (void)*byte_at(page);
}

void case_autogen_at_once(void)
{
    constexpr uint64_t PAGES = 700;
    uint64_t lowest = 0, lower = 0;
    struct system_info before = system_now();
    expect_status(autogen_move(PAGES * PAGE_BYTES, &lowest), STATUS_OK);
    expect(segment_at(lowest).mapped_pages == PAGES && segment_at(lowest).kind == SEGMENT_AUTOGEN);
    for (uint64_t at = 0; at < PAGES * PAGE_BYTES; at += 512) expect(*byte_at(lowest + at) == 0);
    memset((void *)(uintptr_t)lowest, 0xff, PAGES * PAGE_BYTES);
    for (unsigned i = 1; i <= 5; i++) {
        expect_status(autogen_move(PAGE_BYTES, &lower), STATUS_OK);
        expect(lower == lowest - i * PAGE_BYTES && *byte_at(lower) == 0 && *byte_at(lower + PAGE_BYTES - 1) == 0);
    }
    expect(system_now().faults == before.faults);
    expect_status(autogen_move(-(int64_t)((PAGES + 5) * PAGE_BYTES), &lower), STATUS_OK);
    expect(system_now().free_frames == before.free_frames);
    expect_status(autogen_move(-1, &lower), STATUS_BAD_ARGUMENT);
}

/* mov eax, number; ret (AMD64 manual, volume 3: B8 and C3). */
static void put_code(uint64_t address, uint32_t number)
{
    uint8_t code[] = { 0xb8, 0, 0, 0, 0, 0xc3 };
    memcpy(code + 1, &number, sizeof number);
    memcpy((void *)(uintptr_t)address, code, sizeof code);
}

static uint32_t run_code(uint64_t address) { return ((uint32_t(*)(void))(uintptr_t)address)(); }

void case_autogen_runs(void)
{
    uint64_t lowest = 0;
    expect_status(autogen_move(4 * PAGE_BYTES, &lowest), STATUS_OK);
    for (uint32_t round = 0; round < 10; round++) {
        expect(segment_at(lowest).protection == PROTECTION_WRITE);
        for (uint32_t page = 0; page < 4; page++) put_code(lowest + page * PAGE_BYTES, round * 100 + page);
        expect_status(autogen_flip(true), STATUS_OK);
        expect(segment_at(lowest).protection == PROTECTION_EXECUTE);
        for (uint32_t page = 0; page < 4; page++) expect(run_code(lowest + page * PAGE_BYTES) == round * 100 + page);
        expect_status(autogen_flip(false), STATUS_OK);
    }
}

void case_autogen_random_walk(void)
{
    uint64_t top = 0, at = 0, size = 0;
    expect_status(autogen_move(0, &top), STATUS_OK);
    uint64_t free = system_now().free_frames;
    for (unsigned i = 0; i < 2000; i++) {
        int64_t delta = (int64_t)(random_next() % 262'144) - 131'072;
        bool is_too_small = (int64_t)size + delta < 0;
        expect_status(autogen_move(delta, &at), is_too_small ? STATUS_BAD_ARGUMENT : STATUS_OK);
        if (is_too_small) continue;
        size = (uint64_t)((int64_t)size + delta);
        expect(at == top - size);
        if (size > 0) *byte_at(at) = 1;
    }
    expect_status(autogen_move(-(int64_t)size, &at), STATUS_OK);
    expect(system_now().free_frames == free);
}

/* In a program that was started with the option, both at once. */
void case_autogen_both(void)
{
    uint64_t lowest = 0, unused;
    expect_status(autogen_move(PAGE_BYTES, &lowest), STATUS_OK);
    expect(segment_at(lowest).protection == (PROTECTION_WRITE | PROTECTION_EXECUTE));
    for (uint32_t round = 0; round < 10; round++) {
        put_code(lowest, round);
        expect(run_code(lowest) == round);
    }
    expect_status(autogen_flip(true), STATUS_OK);
    put_code(lowest, 77);
    expect(run_code(lowest) == 77);
    /* The option is for autogen alone. */
    expect_status(memory_map(PAGE_BYTES, PROTECTION_WRITE | PROTECTION_EXECUTE, &unused), STATUS_WRITE_EXECUTE);
    printf("subject: both result=ok\n");
}
