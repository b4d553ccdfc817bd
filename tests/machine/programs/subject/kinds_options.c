/* Memory as a program asks for it: aligned, at once, in large pages, with advice. */
#include "subject.h"

#include <quire/kernel_calls.h>
#include <stdio.h>

static void write_marks(uint64_t address, uint64_t pages)
{
    for (uint64_t page = 0; page < pages; page++) *byte_at(address + page * PAGE_BYTES + page % PAGE_BYTES) = (uint8_t)(page * 5 + 1);
}

static void expect_marks(uint64_t address, uint64_t first, uint64_t limit)
{
    for (uint64_t page = first; page < limit; page++) expect(*byte_at(address + page * PAGE_BYTES + page % PAGE_BYTES) == (uint8_t)(page * 5 + 1));
}

void case_mmap_options(void)
{
    uint64_t address = 0, other = 0;
    struct memory_options options = { .alignment_bytes = (uint64_t)1 << 30, .populate = true };
    expect_status(memory_map_with(10 * PAGE_BYTES, PROTECTION_WRITE, &options, &address), STATUS_OK);
    expect(address % options.alignment_bytes == 0 && segment_at(address).mapped_pages == 10);
    uint64_t faults = system_now().faults;
    write_marks(address, 10);
    expect(system_now().faults == faults);
    options = (struct memory_options){ .hint = address + 64 * PAGE_BYTES };
    expect_status(memory_map_with(PAGE_BYTES, PROTECTION_WRITE, &options, &other), STATUS_OK);
    expect(other == options.hint);
    expect_status(memory_map_with(PAGE_BYTES, PROTECTION_WRITE, &options, &other), STATUS_OK);
    expect(other != options.hint);
    options = (struct memory_options){ .alignment_bytes = 3 * PAGE_BYTES };
    expect_status(memory_map_with(PAGE_BYTES, PROTECTION_WRITE, &options, &other), STATUS_BAD_ALIGNMENT);
    options = (struct memory_options){ .alignment_bytes = (uint64_t)1 << 31 };
    expect_status(memory_map_with(PAGE_BYTES, PROTECTION_WRITE, &options, &other), STATUS_BAD_ALIGNMENT);
}

/* Two large pages, all there: no fault, one segment; a part with another protection, a part given back, the rest as it was. */
void case_mmap_large_pages(void)
{
    constexpr uint64_t PAGES = 2 * LARGE_PAGE_BYTES / PAGE_BYTES;
    uint64_t address = 0, unused = 0;
    struct memory_options options = { .pages = MEMORY_PAGES_LARGE_ONLY };
    struct system_info before = system_now();
    expect_status(memory_map_with(2 * LARGE_PAGE_BYTES, PROTECTION_WRITE, &options, &address), STATUS_OK);
    struct system_info after = system_now();
    expect(address % LARGE_PAGE_BYTES == 0 && segment_at(address).mapped_pages == PAGES);
    expect(before.free_frames - after.free_frames <= PAGES + 16); /* no table for each of them: those of the levels above, and the ledger's */
    write_marks(address, PAGES);
    expect(system_now().faults == after.faults);
    expect_status(memory_protect(address + 100 * PAGE_BYTES, 3 * PAGE_BYTES, PROTECTION_READ), STATUS_OK);
    expect_status(memory_unmap(address + 500 * PAGE_BYTES, 20 * PAGE_BYTES), STATUS_OK);
    expect_marks(address, 0, 500);
    expect_marks(address, 520, PAGES);
    expect(system_now().faults == after.faults);
    *byte_at(address) = 77;
    expect(*byte_at(address) == 77 && segment_at(address + 100 * PAGE_BYTES).protection == PROTECTION_READ);
    expect_status(memory_map_with(LARGE_PAGE_BYTES + 1, PROTECTION_WRITE, &options, &unused), STATUS_BAD_LENGTH);
    expect_status(memory_unmap(address, 500 * PAGE_BYTES), STATUS_OK);
    expect_status(memory_unmap(address + 520 * PAGE_BYTES, (PAGES - 520) * PAGE_BYTES), STATUS_OK);
}

/* A wish for large pages is a fault for each of them, or for each page where there is no room for a whole one. */
void case_mmap_large_touched(void)
{
    uint64_t address = 0;
    struct memory_options options = { .pages = MEMORY_PAGES_LARGE };
    expect_status(memory_map_with(LARGE_PAGE_BYTES + 2 * PAGE_BYTES, PROTECTION_WRITE, &options, &address), STATUS_OK);
    uint64_t faults = system_now().faults;
    write_marks(address, LARGE_PAGE_BYTES / PAGE_BYTES + 2);
    expect(system_now().faults == faults + 3);
    expect_marks(address, 0, LARGE_PAGE_BYTES / PAGE_BYTES + 2);
}

/* Longer and shorter in place: what stays is as it was, what comes is zero and comes when it is touched, what goes is given back. */
void case_mmap_resized(void)
{
    constexpr uint64_t PAGES = 3000;
    uint64_t address = 0, behind = 0;
    expect_status(memory_map(2 * PAGES * PAGE_BYTES, PROTECTION_WRITE, &address), STATUS_OK);
    expect_status(memory_resize(address, 2 * PAGES * PAGE_BYTES, 3 * PAGE_BYTES), STATUS_OK); /* so there is room above */
    write_marks(address, 3);
    struct system_info before = system_now();
    expect_status(memory_resize(address, 3 * PAGE_BYTES, PAGES * PAGE_BYTES - 5), STATUS_OK);
    expect(segment_at(address).first == address && segment_at(address).limit == address + PAGES * PAGE_BYTES && segment_at(address).mapped_pages == 3);
    expect(before.free_frames - system_now().free_frames <= 4);
    for (uint64_t page = 3; page < PAGES; page++) expect(*byte_at(address + page * PAGE_BYTES) == 0);
    write_marks(address, PAGES);
    expect_status(memory_map_at(address + PAGES * PAGE_BYTES, PAGE_BYTES, PROTECTION_READ), STATUS_OK);
    expect_status(memory_resize(address, PAGES * PAGE_BYTES, (PAGES + 1) * PAGE_BYTES), STATUS_EXISTS);
    expect_status(memory_resize(address, PAGES * PAGE_BYTES, 0), STATUS_BAD_LENGTH);
    expect_status(memory_resize(address, PAGES * PAGE_BYTES, UINT64_MAX), STATUS_LIMIT);
    expect_status(memory_resize(segment_at((uint64_t)(uintptr_t)case_mmap_resized).first, PAGE_BYTES, 2 * PAGE_BYTES), STATUS_IMMUTABLE);
    expect_marks(address, 0, PAGES);
    uint64_t free = system_now().free_frames;
    expect_status(memory_resize(address, PAGES * PAGE_BYTES, 100 * PAGE_BYTES), STATUS_OK); /* in steps: all is free when the answer comes */
    expect(system_now().free_frames + 4 >= free + PAGES - 100); /* where a large page was cut, its rest needs a table */
    expect_marks(address, 0, 100);
    expect_status(memory_seal(address, 100 * PAGE_BYTES), STATUS_OK);
    expect_status(memory_resize(address, 100 * PAGE_BYTES, 101 * PAGE_BYTES), STATUS_IMMUTABLE);
    expect_status(memory_map(PAGE_BYTES, PROTECTION_WRITE, &behind), STATUS_OK);
    expect_marks(address, 0, 100);
}

/* What the kernel has counted since the line before. */
static void tell_counts(const char *what)
{
    static const enum counter counted[] = { COUNTER_ENTRIES_WRITTEN, COUNTER_ENTRIES_READ, COUNTER_TABLES_FREED, COUNTER_FLUSHES };
    constexpr size_t COUNTED = sizeof counted / sizeof counted[0];
    static uint64_t before[COUNTED];
    uint64_t since[COUNTED];
    for (size_t i = 0; i < COUNTED; i++) {
        uint64_t now;
        expect_status(kernel_test_counter(counted[i], &now), STATUS_OK);
        since[i] = now - before[i];
    }
    printf("subject: gibibyte what=%s written=%lu read=%lu freed=%lu flushes=%lu\n", what, since[0], since[1], since[2], since[3]);
    for (size_t i = 0; i < COUNTED; i++) expect_status(kernel_test_counter(counted[i], &before[i]), STATUS_OK);
}

/* A GiB at an address that is a multiple of one: in large pages that are there at once; then a small page in each of its page tables. */
void case_gibibyte(void)
{
    constexpr uint64_t BYTES = (uint64_t)1 << 30;
    static const struct { const char *name; enum memory_pages pages; } turns[] = { { "large", MEMORY_PAGES_LARGE_ONLY }, { "small", MEMORY_PAGES_USUAL } };
    for (size_t turn = 0; turn < sizeof turns / sizeof turns[0]; turn++) {
        struct memory_options options = { .alignment_bytes = BYTES, .pages = turns[turn].pages };
        uint64_t address = 0;
        tell_counts("begins");
        uint64_t faults = system_now().faults;
        expect_status(memory_map_with(BYTES, PROTECTION_WRITE, &options, &address), STATUS_OK);
        expect(address % BYTES == 0);
        for (uint64_t at = turn; at < BYTES; at += LARGE_PAGE_BYTES) *byte_at(address + at) = (uint8_t)(at / LARGE_PAGE_BYTES + 1);
        tell_counts(turns[turn].name);
        printf("subject: gibibyte faults=%lu pages=%lu\n", system_now().faults - faults, segment_at(address).mapped_pages);
        for (uint64_t at = turn; at < BYTES; at += LARGE_PAGE_BYTES) expect(*byte_at(address + at) == (uint8_t)(at / LARGE_PAGE_BYTES + 1));
        tell_counts("seen");
        expect_status(memory_unmap(address, BYTES), STATUS_OK);
        tell_counts("gone");
        expect(segment_at(address).limit == 0);
    }
}

void case_mmap_advice(void)
{
    constexpr uint64_t PAGES = 256;
    uint64_t address = 0, faults;
    expect_status(memory_map(PAGES * PAGE_BYTES, PROTECTION_WRITE, &address), STATUS_OK);
    expect_status(memory_advise(address, PAGES * PAGE_BYTES, ADVICE_RANDOM), STATUS_OK);
    faults = system_now().faults;
    write_marks(address, PAGES);
    expect(system_now().faults == faults + PAGES);
    expect_status(memory_advise(address, PAGES * PAGE_BYTES, ADVICE_DO_NOT_NEED), STATUS_OK);
    expect(segment_at(address).mapped_pages == 0);
    expect_status(memory_advise(address, PAGES * PAGE_BYTES, ADVICE_SEQUENTIAL), STATUS_OK);
    faults = system_now().faults;
    write_marks(address, PAGES);
    expect(system_now().faults == faults + PAGES / 128);
    expect_status(memory_discard(address, PAGES * PAGE_BYTES), STATUS_OK);
    expect_status(memory_advise(address, PAGES * PAGE_BYTES, ADVICE_WILL_NEED), STATUS_OK);
    expect(segment_at(address).mapped_pages == PAGES);
    expect_status(memory_discard(address, PAGES * PAGE_BYTES), STATUS_OK);
    expect_status(memory_populate(address + PAGE_BYTES, 3 * PAGE_BYTES), STATUS_OK);
    expect(segment_at(address).mapped_pages == 3);
    expect_status(memory_advise(address, PAGE_BYTES, (enum advice)ADVICES), STATUS_BAD_ARGUMENT);
    expect_status(memory_populate(address, (uint64_t)1 << 40), STATUS_NOT_MAPPED);
}
