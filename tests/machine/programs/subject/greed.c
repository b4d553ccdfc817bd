/* Taking all the memory that is to be had: the program gets statuses, or ends alone; what it took comes back when it ends. What others are guaranteed
 * stays free. */
#include "subject.h"

#include <stdio.h>
#include <string.h>

#include <quire/endpoint.h>
#include <quire/syscall.h>

#include "../victim.h"

/* Moves by `delta` as often as it works, then by less, down to a page; returns what it got. */
static uint64_t take(enum status (*move)(int64_t delta, uint64_t *place), int64_t delta)
{
    uint64_t taken = 0, place = 0;
    for (; delta >= (int64_t)PAGE_BYTES; delta /= 4) {
        enum status status;
        while ((status = move(delta, &place)) == STATUS_OK) taken += (uint64_t)delta;
        expect(status == STATUS_NO_MEMORY);
    }
    return taken;
}

static void touch_all(uint64_t first, uint64_t size_bytes)
{
    for (uint64_t at = 0; at < size_bytes; at += PAGE_BYTES) {
        if (*byte_at(first + at) != 0) {
            expect(*byte_at(first + at) == 0);
            return;
        }
        *byte_at(first + at) = 0xaa;
    }
}

void case_fault_storm(void)
{
    uint64_t before = system_now().faults;
    for (unsigned round = 0; round < 200; round++) {
        uint64_t address = 0;
        expect_status(memory_map(64 * PAGE_BYTES, PROTECTION_WRITE, &address), STATUS_OK);
        touch_all(address, 64 * PAGE_BYTES);
        expect_status(memory_unmap(address, 64 * PAGE_BYTES), STATUS_OK);
    }
    uint64_t faults = system_now().faults - before;
    printf("subject: touched pages=%u faults=%lu\n", 200 * 64, faults);
    expect(faults > 200 && faults < 200 * 64 / 4); /* in order: most pages come with others */
}

/* Every frame that is to be had gets written: modules and everybody else's memory are not among them. */
void case_memory_by_brk(void)
{
    uint64_t start = 0, module = 0, size;
    expect_status(module_map("some.data", &module, &size), STATUS_OK);
    expect(*byte_at(module) == 's');
    expect_status(memory_brk(0, &start), STATUS_OK);
    uint64_t taken = take(memory_brk, 16 << 20);
    struct system_info info = system_now();
    uint64_t left = info.free_frames;
    printf("subject: took pages=%lu left=%lu\n", taken / PAGE_BYTES, left);
    expect(left > 0 && left < info.all_frames / 4); /* at most a quarter is promised to others */
    touch_all((start + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1), taken - PAGE_BYTES);
    expect(memcmp((const char *)(uintptr_t)module, "some data\n", size) == 0);
    expect_status(memory_brk(-(int64_t)taken, &start), STATUS_OK);
    expect(system_now().free_frames >= taken / PAGE_BYTES);
}

void case_memory_by_autogen(void)
{
    uint64_t lowest = 0;
    uint64_t taken = take(autogen_move, 16 << 20);
    printf("subject: took pages=%lu left=%lu\n", taken / PAGE_BYTES, system_now().free_frames);
    expect_status(autogen_move(0, &lowest), STATUS_OK);
    touch_all(lowest, taken);
}

/* Reserving is free, touching is not: it ends at some page, alone. */
void case_memory_by_mmap(void)
{
    uint64_t address = 0, size = (uint64_t)1 << 33;
    expect_status(memory_map(size, PROTECTION_WRITE, &address), STATUS_OK);
    touch_all(address, size);
}

/* With no frame left everybody who wants none goes on; when another one of the family touches memory, who has it all ends, and that one goes on. */
void case_memory_and_others(void)
{
    uint32_t victim, handle, process, refused;
    struct process_result result;
    struct message toucher, message = { .tag = tag_make(0, 0) };
    expect_status(name_find(VICTIM_NAME, false, &victim), STATUS_OK);
    expect_status(endpoint_create(&handle), STATUS_OK);
    expect_status(name_publish(handle, "full"), STATUS_OK);
    expect_status(process_start("subject", 1, (const char *const[]){ "toucher" }, &process), STATUS_OK);
    expect_status(receive(handle, RECEIVE_WAIT, &toucher), STATUS_OK); /* it waits for the answer, and needs no memory for that */
    take(memory_brk, 16 << 20);
    expect_status(process_start("subject", 1, (const char *const[]){ "nothing" }, &refused), STATUS_NO_MEMORY);
    expect_status(call(victim, &message), STATUS_OK);
    expect_status(reply(&toucher), STATUS_OK);
    (void)!process_wait(process, &result); /* the end comes here */
    expect(false);
}

/* Addresses cost what is written down about them, however many they are, and are not without end. */
void case_address_space(void)
{
    uint64_t address, reserved = 0, free = system_now().free_frames;
    enum status status;
    expect_status(memory_map(UINT64_MAX, PROTECTION_WRITE, &address), STATUS_LIMIT);
    expect_status(memory_map((uint64_t)1 << 63, PROTECTION_WRITE, &address), STATUS_LIMIT);
    expect_status(memory_map(USER_LIMIT, PROTECTION_WRITE, &address), STATUS_LIMIT);
    while ((status = memory_map((uint64_t)1 << 30, PROTECTION_WRITE, &address)) == STATUS_OK && reserved < 1000) reserved++;
    expect(status == STATUS_LIMIT && reserved > 0);
    uint64_t frames = free - system_now().free_frames;
    printf("subject: reserved gib=%lu frames=%lu\n", reserved, frames);
    expect(frames <= reserved * 8);
    expect_status(memory_unmap(segment_of(SEGMENT_MMAP).first, reserved << 30), STATUS_OK);
    expect(segment_of(SEGMENT_MMAP).limit == 0);
}

/* Segments that cannot be joined to their neighbours: as many as there is memory for their rows. Each can be given back. */
void case_segments(void)
{
    constexpr uint64_t most = 5'000;
    uint64_t address, count = 0;
    enum status status;
    while (count < most && (status = memory_map(PAGE_BYTES, count % 2 == 0 ? PROTECTION_WRITE : PROTECTION_READ, &address)) == STATUS_OK) count++;
    expect(count == most || ((status == STATUS_LIMIT || status == STATUS_NO_MEMORY) && count > 100));
    printf("subject: segments count=%lu\n", count);
    for (uint64_t i = 0; i < count; i++) expect_status(memory_unmap(segment_of(SEGMENT_MMAP).first, PAGE_BYTES), STATUS_OK);
    expect(segment_of(SEGMENT_MMAP).limit == 0);
    expect_status(memory_brk(PAGE_BYTES, &address), STATUS_OK);
    expect_status(autogen_move(PAGE_BYTES, &address), STATUS_OK);
}
