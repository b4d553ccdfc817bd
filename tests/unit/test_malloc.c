/* libc-min's heap over a break and an mmap area that this test plays: alignment, content, merging, exhaustion, and a long random run.
 *
 * heap_check() asserts every invariant of malloc.c; a broken one aborts the test. */
#include <criterion/criterion.h>

#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "libipc/include/quire/memory.h"
#include "libipc/include/quire/mutex.h"

/* One thread: nobody ever waits. */
void mutex_wait([[maybe_unused]] struct mutex *mutex) { cr_assert_fail("a mutex is taken twice"); }
void mutex_tell([[maybe_unused]] struct mutex *mutex) { cr_assert_fail("nobody waits"); }

void *quire_malloc(size_t size_bytes);
void *quire_calloc(size_t count, size_t size_bytes);
void *quire_realloc(void *memory, size_t size_bytes);
void quire_free(void *memory);

#define malloc quire_malloc
#define calloc quire_calloc
#define realloc quire_realloc
#define free quire_free
#include "libc-min/hosted/malloc.c"
#undef malloc
#undef calloc
#undef realloc
#undef free

/* --- The memory below the heap --- */

constexpr size_t BREAK_BYTES = 64 << 20;

static char *break_first;
static size_t break_used;
static size_t break_limit = BREAK_BYTES;
static size_t mappings;

enum status memory_brk(int64_t delta_bytes, uint64_t *previous)
{
    if (break_first == nullptr)
        break_first = mmap(nullptr, BREAK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    cr_assert_geq(delta_bytes, 0);
    if ((size_t)delta_bytes > break_limit - break_used)
        return STATUS_NO_MEMORY;
    *previous = (uintptr_t)break_first + break_used;
    break_used += (size_t)delta_bytes;
    return STATUS_OK;
}

enum status memory_map(uint64_t size_bytes, uint32_t protection, uint64_t *address)
{
    cr_assert_eq(size_bytes % PAGE_BYTES, 0);
    cr_assert_eq(protection, PROTECTION_WRITE);
    void *memory = mmap(nullptr, size_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return STATUS_NO_MEMORY;
    mappings++;
    *address = (uintptr_t)memory;
    return STATUS_OK;
}

enum status memory_unmap(uint64_t address, uint64_t size_bytes)
{
    mappings--;
    return munmap((void *)address, size_bytes) == 0 ? STATUS_OK : STATUS_NOT_FOUND;
}

/* --- Tests --- */

Test(malloc, blocks_are_aligned_and_apart)
{
    char *block[200];
    for (size_t i = 0; i < 200; i++) {
        block[i] = quire_malloc(i);
        cr_assert_not_null(block[i]);
        cr_assert_eq((uintptr_t)block[i] % 16, 0);
        memset(block[i], (int)i, i);
        heap_check();
    }
    for (size_t i = 0; i < 200; i++)
        for (size_t j = 0; j < i; j++)
            cr_assert_eq((unsigned char)block[i][j], i);
    for (size_t i = 0; i < 200; i++)
        quire_free(block[i]);
    quire_free(nullptr);
    struct heap_state state = heap_check();
    cr_expect_eq(state.blocks_used, 0);
    cr_expect_eq(state.blocks_free, 1, "everything merged again");
}

Test(malloc, freed_neighbours_merge_in_every_order)
{
    static const unsigned order[6][3] = { { 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 }, { 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 } };
    for (size_t i = 0; i < 6; i++) {
        void *block[3], *fence_before = quire_malloc(40);
        for (size_t j = 0; j < 3; j++)
            block[j] = quire_malloc(1000);
        void *fence_after = quire_malloc(40);
        for (size_t j = 0; j < 3; j++) {
            quire_free(block[order[i][j]]);
            heap_check();
        }
        void *whole = quire_malloc(3000);
        cr_expect_eq(whole, block[0], "the three are one block again, order %zu", i);
        quire_free(whole);
        quire_free(fence_before);
        quire_free(fence_after);
        cr_expect_eq(heap_check().blocks_free, 1);
    }
}

Test(malloc, memory_is_used_again_and_the_break_stays)
{
    void *first = quire_malloc(5000);
    quire_free(first);
    size_t used = break_used;
    for (size_t i = 0; i < 10000; i++)
        quire_free(quire_malloc(16 + i % 5000));
    cr_expect_eq(break_used, used);
}

Test(malloc, large_blocks_are_mappings_and_go_back)
{
    char *large = quire_malloc(200000);
    cr_assert_not_null(large);
    cr_expect_eq(mappings, 1);
    cr_expect_eq((uintptr_t)large % 16, 0);
    memset(large, 1, 200000);
    large = quire_realloc(large, 400000);
    cr_expect_eq(mappings, 1);
    cr_expect_eq(large[199999], 1);
    large = quire_realloc(large, 100);
    cr_expect_eq(mappings, 0, "a small remainder moves to the heap");
    cr_expect_eq(large[99], 1);
    quire_free(large);
    char *limit = quire_malloc(128 << 10);
    cr_expect_eq(mappings, 1);
    memset(limit, 1, 128 << 10);
    quire_free(limit);
    cr_expect_eq(mappings, 0);
    char *below = quire_malloc((128 << 10) - 1);
    cr_expect_eq(mappings, 0);
    memset(below, 1, (128 << 10) - 1);
    heap_check();
    quire_free(below);
}

Test(malloc, calloc_zeroes_and_checks_the_product)
{
    char *dirty = quire_malloc(3000);
    memset(dirty, 0xff, 3000);
    quire_free(dirty);
    char *clean = quire_calloc(300, 10);
    cr_expect_eq(clean, dirty);
    for (size_t i = 0; i < 3000; i++)
        cr_assert_eq(clean[i], 0);
    cr_expect_null(quire_calloc(SIZE_MAX / 2, 3));
    cr_expect_null(quire_calloc((size_t)1 << 33, (size_t)1 << 31));
    quire_free(clean);
}

Test(malloc, realloc_keeps_the_content)
{
    unsigned char *block = quire_realloc(nullptr, 10);
    memset(block, 7, 10);
    void *fence = nullptr;
    for (size_t size = 20; size < 300000; size += size / 3) {
        block = quire_realloc(block, size);
        for (size_t i = 0; i < size / 2; i++)
            cr_assert(i >= 10 || block[i] == 7);
        if (size > 1000 && fence == nullptr)
            fence = quire_malloc(10); /* right behind it, so that it has to move */
        heap_check();
    }
    for (size_t size = 300000; size > 10; size -= size / 3) {
        block = quire_realloc(block, size);
        cr_assert_eq(block[0], 7);
        cr_assert_eq(block[9], 7);
        heap_check();
    }
    quire_free(fence);
    quire_free(block);
    cr_expect_eq(heap_check().blocks_used, 0);
    cr_expect_eq(mappings, 0);
}

Test(malloc, realloc_grows_in_place_into_free_memory)
{
    char *block = quire_malloc(100);
    cr_expect_eq(quire_realloc(block, 5000), block);
    cr_expect_eq(quire_realloc(block, 50), block);
    heap_check();
    quire_free(block);
    cr_expect_eq(heap_check().blocks_free, 1);
}

Test(malloc, realloc_takes_a_free_neighbour_of_exactly_the_right_size)
{
    char *block = quire_malloc(88), *after = quire_malloc(88), *fence = quire_malloc(88); /* 96 bytes each with the header */
    quire_free(after);
    cr_expect_eq(quire_realloc(block, 2 * 96 - 8), block);
    heap_check();
    cr_expect_neq(quire_realloc(block, 2 * 96 - 7), block, "the next one is used");
    quire_free(fence);
}

Test(malloc, a_new_area_has_room_for_what_made_it_necessary)
{
    for (size_t size = (64 << 10) - 64; size < (64 << 10) + 64; size++) {
        for (size_t shift = 0; shift < 17; shift += 8) {
            uint64_t previous;
            (void)!memory_brk((int64_t)(PAGE_BYTES + shift), &previous);
            char *block = quire_malloc(size);
            cr_assert_not_null(block);
            memset(block, 1, size);
        }
        break_used = 0; /* the break went back, the heap begins anew */
        heap = (typeof(heap)){};
    }
}

Test(malloc, no_memory_is_an_answer_and_changes_nothing)
{
    break_limit = 256 << 10;
    void *block[1000], *last = nullptr;
    size_t blocks = 0;
    while (blocks < 1000 && (last = quire_malloc(1000)) != nullptr)
        block[blocks++] = last;
    cr_expect_gt(blocks, 200);
    cr_expect_lt(blocks, 262);
    cr_expect_null(quire_malloc(100000));
    cr_expect_null(quire_realloc(block[0], 100000));
    cr_expect_null(quire_malloc(SIZE_MAX));
    cr_expect_null(quire_malloc(SIZE_MAX - 15));
    struct heap_state state = heap_check();
    cr_expect_eq(state.blocks_used, blocks);
    for (size_t i = 0; i < blocks; i++)
        quire_free(block[i]);
    cr_expect_eq(heap_check().blocks_free, 1);
    cr_expect_not_null(quire_malloc(100000));
}

Test(malloc, a_break_moved_by_somebody_else_begins_another_area)
{
    uint64_t previous;
    (void)!memory_brk(5, &previous); /* the first area does not begin aligned */
    char *first = quire_malloc(60000);
    (void)!memory_brk(333, &previous);
    char *foreign = (char *)previous;
    memset(foreign, 0x55, 333);
    char *second = quire_malloc(60000), *third = quire_malloc(60000);
    memset(first, 1, 60000);
    memset(second, 2, 60000);
    memset(third, 3, 60000);
    heap_check();
    cr_expect_eq((uintptr_t)second % 16, 0);
    for (size_t i = 0; i < 333; i++)
        cr_assert_eq(foreign[i], 0x55);
    quire_free(second);
    quire_free(first);
    quire_free(third);
    cr_expect_eq(heap_check().blocks_free, 2, "areas do not merge, what is inside one does");
}

Test(malloc, random_run_against_a_model)
{
    constexpr unsigned SEED = 77, SLOTS = 300, STEPS = 60000;
    cr_log_info("seed %u", SEED);
    srand(SEED);
    static struct { unsigned char *memory; size_t size; unsigned char mark; } slot[SLOTS];
    for (unsigned step = 0; step < STEPS; step++) {
        unsigned i = (unsigned)rand() % SLOTS;
        size_t size = (size_t)rand() % (rand() % 50 == 0 ? 300000 : rand() % 4 == 0 ? 8000 : 200);
        for (size_t j = 0; j < slot[i].size; j += 1 + slot[i].size / 7)
            cr_assert_eq(slot[i].memory[j], slot[i].mark, "step %u", step);
        if (slot[i].memory != nullptr && rand() % 3 != 0) {
            quire_free(slot[i].memory);
            slot[i].memory = nullptr;
            slot[i].size = 0;
            continue;
        }
        size_t kept = slot[i].size < size ? slot[i].size : size;
        slot[i].memory = quire_realloc(slot[i].memory, size);
        cr_assert_not_null(slot[i].memory);
        for (size_t j = 0; j < kept; j += 1 + kept / 7)
            cr_assert_eq(slot[i].memory[j], slot[i].mark, "step %u", step);
        slot[i].mark = (unsigned char)rand();
        slot[i].size = size;
        memset(slot[i].memory, slot[i].mark, size);
        if (step % 100 == 0)
            heap_check();
    }
    for (unsigned i = 0; i < SLOTS; i++)
        quire_free(slot[i].memory);
    struct heap_state state = heap_check();
    cr_expect_eq(state.blocks_used, 0);
    cr_expect_eq(state.blocks_free, 1);
    cr_expect_eq(mappings, 0);
}

Test(malloc, a_second_free_is_caught, .signal = SIGABRT)
{
    void *before = quire_malloc(100), *block = quire_malloc(100);
    quire_free(before);
    quire_free(block);
    quire_free(block);
}

Test(malloc, a_foreign_address_is_caught, .signal = SIGABRT)
{
    char *block = quire_malloc(100);
    quire_free(block + 8);
}
