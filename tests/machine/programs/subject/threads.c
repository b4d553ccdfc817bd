/* Several threads in one process: each has its own stack, message buffer and answers, everything else is shared. */
#include "subject.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <quire/endpoint.h>
#include <quire/handle.h>
#include <quire/kernel_calls.h>
#include <quire/mutex.h>
#include <quire/thread.h>
#include <quire/time.h>

constexpr unsigned MANY = 8;

static uint32_t thread_of[64];
static void start(unsigned i, uint64_t (*function)(void *))
{
    expect_status(thread_start(function, (void *)(uintptr_t)i, 0, &thread_of[i]), STATUS_OK);
}
static uint64_t joined(unsigned i)
{
    uint64_t value = UINT64_MAX;
    expect_status(thread_join(thread_of[i], &value), STATUS_OK);
    return value;
}

/* --- At once: faults, calls, memory, output --- */

static uint64_t do_everything(void *argument)
{
    uint64_t self = (uintptr_t)argument, address = 0;
    struct process_self process;
    char pattern[64];
    expect(thread_self() == thread_of[self]);
    for (unsigned round = 0; round < 20; round++) {
        expect_status(memory_map(16 * PAGE_BYTES, PROTECTION_WRITE, &address), STATUS_OK);
        for (unsigned page = 0; page < 16; page++) memset((void *)(uintptr_t)(address + page * PAGE_BYTES), (int)(self + page), 100);
        expect_status(process_self(&process), STATUS_OK);
        snprintf(pattern, sizeof(pattern), "subject: thread %lu round %u\n", self, round);
        if (round % 10 == 0) expect_status(process_write(pattern, strlen(pattern)), STATUS_OK);
        yield();
        for (unsigned page = 0; page < 16; page++) expect(*byte_at(address + page * PAGE_BYTES + 99) == self + page);
        expect_status(memory_unmap(address, 16 * PAGE_BYTES), STATUS_OK);
    }
    return self * self;
}

void case_threads_at_once(void)
{
    for (unsigned i = 1; i <= MANY; i++) start(i, do_everything);
    for (unsigned i = 1; i <= MANY; i++) expect(joined(i) == i * i);
    expect(segment_of(SEGMENT_BUFFER).mapped_pages == 1);
}

void case_threads_arguments(void)
{
    uint32_t thread = 0;
    uint64_t value = 0;
    expect_status(thread_start(do_everything, nullptr, THREAD_STACK_MOST + 1, &thread), STATUS_BAD_LENGTH);
    expect_status(thread_join(0, &value), STATUS_NOT_FOUND);
    expect_status(thread_join(7, &value), STATUS_NOT_FOUND);
    expect_status(thread_join(thread_self(), &value), STATUS_BAD_ARGUMENT);
    expect_status(thread_end(thread_self()), STATUS_BAD_ARGUMENT);
    expect_status(thread_end(0), STATUS_NOT_FOUND);
    expect_status(thread_end(UINT32_MAX), STATUS_NOT_FOUND);
    expect(thread_self() == 1);
    thread_of[3] = 2;
    start(3, do_everything);
    expect(joined(3) == 9);
    expect_status(thread_join(thread_of[3], &value), STATUS_NOT_FOUND);
}

static uint64_t do_nothing([[maybe_unused]] void *argument) { return 1; }

static uint64_t wait_for_ever([[maybe_unused]] void *argument)
{
    uint32_t handle;
    expect_status(name_find("never.published", true, &handle), STATUS_OK);
    return 2;
}

/* As many as there may be, all waiting; ended from outside in every one's wait. */
void case_threads_many(void)
{
    uint32_t one_more;
    for (unsigned i = 1; i < 64; i++) start(i, wait_for_ever);
    expect_status(thread_start(do_nothing, nullptr, 0, &one_more), STATUS_LIMIT);
    for (unsigned i = 1; i < 64; i++) {
        expect_status(thread_end(thread_of[i]), STATUS_OK);
        expect(joined(i) == 0);
    }
    for (unsigned i = 1; i < 64; i++) {
        start(i, do_nothing);
        expect(joined(i) == 1);
    }
}

/* --- Locks --- */

static struct mutex lock;
static uint64_t counter;

static uint64_t count_up(void *argument)
{
    for (unsigned i = 0; i < 400; i++) {
        mutex_lock(&lock);
        uint64_t seen = counter;
        if ((i + (uintptr_t)argument) % 7 == 0) yield();
        if (i % 50 == 0) expect_status(time_sleep(TIME_MILLISECOND / 10), STATUS_OK);
        counter = seen + 1;
        mutex_unlock(&lock);
    }
    return 0;
}

void case_threads_mutex(void)
{
    for (unsigned i = 0; i < MANY; i++) start(i, count_up);
    for (unsigned i = 0; i < MANY; i++) expect(joined(i) == 0);
    expect(counter == MANY * 400);
}

static uint64_t use_heap(void *argument)
{
    unsigned char mark = (unsigned char)((uintptr_t)argument + 1);
    unsigned char *block[20] = { nullptr };
    size_t size[20] = { 0 };
    for (unsigned i = 0; i < 2000; i++) {
        unsigned at = (i * 7 + mark) % 20;
        for (size_t k = 0; block[at] != nullptr && k < size[at]; k += 31) expect(block[at][k] == mark);
        free(block[at]);
        size[at] = (i * 37 + mark * 11) % 700 + 1;
        block[at] = malloc(size[at]);
        expect(block[at] != nullptr);
        if (block[at] != nullptr) memset(block[at], mark, size[at]);
        if (i % 100 == mark) printf("subject: heap of %u at %u\n", mark, i);
        if (i % 13 == 0) yield();
    }
    for (unsigned at = 0; at < 20; at++) free(block[at]);
    return 0;
}

void case_threads_heap(void)
{
    for (unsigned i = 0; i < 4; i++) start(i, use_heap);
    for (unsigned i = 0; i < 4; i++) expect(joined(i) == 0);
}

/* --- Messages from one to the other --- */

static uint32_t own_endpoint;

static uint64_t serve_twice([[maybe_unused]] void *argument)
{
    struct message message;
    expect_status(receive(own_endpoint, RECEIVE_WAIT, &message), STATUS_OK);
    message.tag = tag_make(STATUS_OK, 0);
    message.word[0] += 1;
    expect_status(reply_receive(own_endpoint, &message), STATUS_OK);
    message.word[0] += 10;
    expect_status(reply(&message), STATUS_OK);
    return 5;
}

void case_threads_messages(void)
{
    expect_status(endpoint_create(&own_endpoint), STATUS_OK);
    start(1, serve_twice);
    struct message message = { .word = { 1 } };
    expect_status(call(own_endpoint, &message), STATUS_OK);
    expect(message.word[0] == 2);
    message.tag = 0;
    expect_status(call(own_endpoint, &message), STATUS_OK);
    expect(message.word[0] == 12);
    expect(joined(1) == 5);
}

/* --- Ends --- */

static uint64_t write_null([[maybe_unused]] void *argument)
{
    *byte_at(0) = 1;
    return 0;
}

void case_thread_faults(void)
{
    start(1, do_nothing);
    start(2, write_null);
    joined(1);
    joined(2); /* it never ends: the process does */
}

static uint64_t too_deep(void *argument)
{
    volatile char room[2000];
    room[0] = (char)(uintptr_t)argument;
    if (argument == &counter) return 0; /* never */
    return too_deep((void *)(room + 1)) + (uint64_t)room[0];
}

void case_thread_overflows(void)
{
    start(1, too_deep);
    joined(1);
}

static uint64_t ends_last([[maybe_unused]] void *argument)
{
    expect_status(time_sleep(TIME_MILLISECOND), STATUS_OK);
    return 0;
}

/* Of several threads only the one that asks is in the duplicate, whichever it is; it has a message buffer there and is the first. */
static uint64_t duplicate_self([[maybe_unused]] void *argument)
{
    uint32_t twin;
    struct process_result end = { 0 };
    expect_status(process_duplicate(&twin), STATUS_OK);
    if (twin == HANDLE_NONE) {
        printf("subject: twin of a thread is thread %u\n", thread_self());
        if (thread_self() != 1) process_exit(1);
        expect_status(time_sleep(1), STATUS_OK);
        expect_status(thread_start(do_nothing, nullptr, 0, &thread_of[2]), STATUS_OK);
        process_exit(joined(2) == 1 && thread_of[2] == 2 ? 77 : 2);
    }
    expect_status(process_wait(twin, &end), STATUS_OK);
    expect(end.reason == PROCESS_EXITED && end.value == 77);
    expect_status(handle_close(twin), STATUS_OK);
    return 3;
}

void case_thread_duplicates(void)
{
    start(1, wait_for_ever);
    start(3, duplicate_self);
    expect(joined(3) == 3);
    expect_status(thread_end(thread_of[1]), STATUS_OK);
    joined(1);
}

/* The first thread ends first. */
void case_thread_first_ends(void)
{
    start(1, ends_last);
    start(2, ends_last);
    thread_exit(9);
}

/* --- The same memory (S2-32, S2-34, S2-35) --- */

static uint64_t contested;
static uint32_t turn, wins, losses;
constexpr uint32_t TURNS = 100;

/* In each turn both want the same range; who got it gives it back when both have tried. */
static uint64_t contend(void *argument)
{
    uint32_t is_second = (uint32_t)(uintptr_t)argument;
    for (uint32_t i = 0; i < TURNS; i++) {
        while (__atomic_load_n(&turn, __ATOMIC_SEQ_CST) / 2 != i) yield();
        enum status status = memory_map_at(contested, 64 * PAGE_BYTES, PROTECTION_WRITE);
        if (status == STATUS_OK) {
            __atomic_add_fetch(&wins, 1, __ATOMIC_SEQ_CST);
            *byte_at(contested + is_second * PAGE_BYTES) = 1;
        } else {
            expect_status(status, STATUS_EXISTS);
            __atomic_add_fetch(&losses, 1, __ATOMIC_SEQ_CST);
        }
        __atomic_add_fetch(&turn, 1, __ATOMIC_SEQ_CST);
        while (__atomic_load_n(&turn, __ATOMIC_SEQ_CST) < 2 * (i + 1)) yield();
        if (status == STATUS_OK) expect_status(memory_unmap(contested, 64 * PAGE_BYTES), STATUS_OK);
        __atomic_add_fetch(&counter, 1, __ATOMIC_SEQ_CST);
        while (__atomic_load_n(&counter, __ATOMIC_SEQ_CST) < 2 * (uint64_t)(i + 1)) yield();
    }
    return 0;
}

void case_threads_same_range(void)
{
    expect_status(memory_map(64 * PAGE_BYTES, PROTECTION_WRITE, &contested), STATUS_OK);
    expect_status(memory_unmap(contested, 64 * PAGE_BYTES), STATUS_OK);
    start(0, contend);
    start(1, contend);
    joined(0);
    joined(1);
    expect(wins == TURNS && losses == TURNS);
    expect(segment_at(contested).limit == 0);
}

constexpr uint64_t TABLE = 2 << 20;
constexpr uint64_t LONG = 1 << 30; /* one page in each 2 MiB: as many steps as if all were there */
constexpr uint64_t FULL = 40 << 20;

static uint64_t going, going_bytes;
static uint32_t stage;

static uint64_t unmap_going([[maybe_unused]] void *argument)
{
    __atomic_store_n(&stage, 1, __ATOMIC_SEQ_CST);
    expect_status(memory_unmap(going, going_bytes), STATUS_OK);
    __atomic_store_n(&stage, 2, __ATOMIC_SEQ_CST);
    return 0;
}

/* The middle of a segment, so that it is cut at both ends. */
static void going_prepare(uint64_t bytes, uint64_t distance)
{
    constexpr uint64_t beside = 9 * PAGE_BYTES;
    going_bytes = bytes;
    stage = 0;
    uint64_t whole;
    expect_status(memory_map(bytes + 2 * beside, PROTECTION_WRITE, &whole), STATUS_OK);
    going = whole + beside;
    *byte_at(whole) = *byte_at(going + bytes) = 1;
    for (uint64_t at = 0; at < bytes; at += distance) *byte_at(going + at) = 1;
}

/* Entries of page tables that the kernel has looked at or written; 0 where it does not count. */
static uint64_t entries_now(void)
{
    uint64_t read = 0, written = 0;
    if (kernel_test_counter(COUNTER_ENTRIES_READ, &read) != STATUS_OK) return 0;
    expect_status(kernel_test_counter(COUNTER_ENTRIES_WRITTEN, &written), STATUS_OK);
    return read + written;
}

/* While memory goes, this thread faults, maps and unmaps. How long the longest of its deeds took, in entries and in cycles, is for the tests to
 * judge, where cycles are instructions: on a machine that others use too, the time of a pause may pass without an instruction of ours. */
static void deeds_meanwhile(const char *what)
{
    uint64_t own, address = 0, deeds = 0, most_entries = 0, most_cycles = 0;
    expect_status(memory_map(LONG, PROTECTION_WRITE, &own), STATUS_OK);
    while (__atomic_load_n(&stage, __ATOMIC_SEQ_CST) == 0) yield();
    while (__atomic_load_n(&stage, __ATOMIC_SEQ_CST) == 1) {
        uint64_t entries = entries_now(), cycles = cycle_counter();
        switch (deeds++ % 3) {
        case 0: *byte_at(own + deeds % 4096 * 2 * PAGE_BYTES) = 1; break;
        case 1: expect_status(memory_map(PAGE_BYTES, PROTECTION_WRITE, &address), STATUS_OK); break;
        case 2: expect_status(memory_unmap(address, PAGE_BYTES), STATUS_OK); break;
        }
        cycles = cycle_counter() - cycles;
        entries = entries_now() - entries;
        if (entries > most_entries) most_entries = entries;
        if (cycles > most_cycles) most_cycles = cycles;
    }
    joined(0);
    expect_status(memory_unmap(own, LONG), STATUS_OK);
    printf("subject: while memory goes what=%s deeds=%lu entries=%lu cycles=%lu\n", what, deeds, most_entries, most_cycles);
}

static void during_unmap(const char *what, uint64_t bytes, uint64_t distance)
{
    going_prepare(bytes, distance);
    start(0, unmap_going);
    deeds_meanwhile(what);
}

void case_threads_during_unmap(void)
{
    during_unmap("long", LONG, TABLE);
    during_unmap("full", FULL, PAGE_BYTES);
}

/* What goes is another process's, which ends. */
static uint32_t ending;

void case_holder(void)
{
    uint32_t handle;
    going_prepare(FULL, PAGE_BYTES);
    for (uint64_t address = 0, i = 0; i < 500; i++) expect_status(memory_map(PAGE_BYTES, i % 2 != 0 ? PROTECTION_WRITE : PROTECTION_READ, &address), STATUS_OK);
    going_prepare(LONG, TABLE);
    expect_status(endpoint_create(&handle), STATUS_OK);
    expect_status(name_publish(handle, "holds"), STATUS_OK);
    expect_status(name_find("ends", true, &handle), STATUS_OK);
}

static uint64_t wait_for_end([[maybe_unused]] void *argument)
{
    struct process_result result;
    uint32_t handle;
    expect_status(endpoint_create(&handle), STATUS_OK);
    __atomic_store_n(&stage, 1, __ATOMIC_SEQ_CST);
    expect_status(name_publish(handle, "ends"), STATUS_OK);
    expect_status(process_wait(ending, &result), STATUS_OK);
    expect(result.reason == PROCESS_EXITED && result.value == 0);
    __atomic_store_n(&stage, 2, __ATOMIC_SEQ_CST);
    return 0;
}

void case_threads_during_end(void)
{
    uint32_t holder;
    uint64_t before = system_now().free_frames;
    expect_status(process_start("subject", 1, (const char *const[]){ "holder" }, &ending), STATUS_OK);
    expect_status(name_find("holds", true, &holder), STATUS_OK);
    expect(before - system_now().free_frames > FULL / PAGE_BYTES);
    stage = 0;
    start(0, wait_for_end);
    deeds_meanwhile("end");
    expect(before - system_now().free_frames < 100);
}

static uint64_t sum_of_pages(uint64_t first, uint64_t bytes)
{
    uint64_t sum = 0;
    for (uint64_t at = first; at < first + bytes; at += PAGE_BYTES) sum = sum * 31 + *(volatile uint64_t *)(uintptr_t)at;
    return sum;
}

/* Duplicates, one after the other, of memory that another thread writes to: what each of them has once does not change any more. */
static uint64_t duplicate_what_changes([[maybe_unused]] void *argument)
{
    for (unsigned i = 0; i < 10; i++) {
        uint32_t twin;
        struct process_result end = { 0 };
        expect_status(process_duplicate(&twin), STATUS_OK);
        if (twin == HANDLE_NONE) {
            uint64_t sum = sum_of_pages(going, going_bytes);
            expect_status(time_sleep(2 * TIME_MILLISECOND), STATUS_OK);
            process_exit(sum_of_pages(going, going_bytes) == sum ? 78 : 1);
        }
        expect_status(process_wait(twin, &end), STATUS_OK);
        expect(end.reason == PROCESS_EXITED && end.value == 78);
        expect_status(handle_close(twin), STATUS_OK);
    }
    __atomic_store_n(&stage, 2, __ATOMIC_SEQ_CST);
    return 0;
}

void case_threads_during_duplicate(void)
{
    going_prepare(4 * TABLE, PAGE_BYTES);
    start(0, duplicate_what_changes);
    for (uint64_t round = 2; __atomic_load_n(&stage, __ATOMIC_SEQ_CST) < 2; round++) {
        for (uint64_t at = 0; at < going_bytes; at += PAGE_BYTES) {
            volatile uint64_t *word = (uint64_t *)(uintptr_t)(going + at);
            expect(*word == round - 1);
            *word = round;
        }
    }
    joined(0);
}

/* A touch of what goes is an error of the whole process, whoever touches: it is never mapped again. */
void case_thread_touches_going(void)
{
    going_prepare(LONG, TABLE);
    aim(going);
    start(0, unmap_going);
    for (;;) *byte_at(going) = 1;
}

/* --- Stress, with what each thread knows about its own memory as the oracle --- */

static uint64_t stress(void *argument)
{
    constexpr unsigned places = 6;
    uint64_t state = (uintptr_t)argument * 77 + 1, address[places] = { 0 }, pages[places] = { 0 };
    for (unsigned i = 0; i < 600; i++) {
        state = state * 6364136223846793005 + 1442695040888963407; /* Knuth's MMIX */
        unsigned at = (unsigned)(state >> 40) % places;
        uint64_t page = pages[at] > 0 ? (state >> 20) % pages[at] : 0;
        if (pages[at] == 0) {
            pages[at] = (state >> 50) % 20 == 0 ? 700 : (state >> 30) % 9 + 1;
            expect_status(memory_map(pages[at] * PAGE_BYTES, PROTECTION_WRITE, &address[at]), STATUS_OK);
            *(volatile uint64_t *)(uintptr_t)address[at] = address[at] ^ state;
            *(volatile uint64_t *)(uintptr_t)(address[at] + 8) = state;
        } else if ((state >> 60) % 3 != 0) {
            volatile uint64_t *word = (volatile uint64_t *)(uintptr_t)(address[at] + page * PAGE_BYTES + 16);
            expect(*word == 0 || *word == address[at] + page);
            *word = address[at] + page;
        } else {
            const volatile uint64_t *word = (volatile uint64_t *)(uintptr_t)address[at];
            expect(word[0] == (address[at] ^ word[1]));
            expect_status(memory_unmap(address[at], pages[at] * PAGE_BYTES), STATUS_OK);
            pages[at] = 0;
        }
    }
    for (unsigned at = 0; at < places; at++)
        if (pages[at] > 0) expect_status(memory_unmap(address[at], pages[at] * PAGE_BYTES), STATUS_OK);
    return 0;
}

void case_threads_stress(void)
{
    for (unsigned i = 0; i < MANY; i++) start(i, stress);
    for (unsigned i = 0; i < MANY; i++) expect(joined(i) == 0);
    expect(segment_of(SEGMENT_MMAP).limit == 0);
}
