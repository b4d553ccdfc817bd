/* Memory: one touch of a page that is there, of a fresh one, zeroed ahead or not, a mebibyte touched or grown, a page mapped and unmapped. */
#include <abi/memory.h>
#include <quire/memory.h>
#include <quire/time.h>

#include "samples.h"

constexpr uint64_t MEBIBYTE = 1 << 20;
constexpr uint64_t MEBIBYTE_PAGES = MEBIBYTE / PAGE_BYTES;
constexpr unsigned ROUNDS = 64; /* of a mebibyte */

static inline void store(uint64_t address) { *(volatile uint64_t *)address = address; }

/* Pages of a module are there already: a fault only maps them. */
static void fault_existing(void)
{
    uint64_t address, size;
    must(module_map("pages", &address, &size), "module_map");
    samples_begin();
    uint64_t pages = size / PAGE_BYTES;
    constexpr uint64_t stride = 514; /* nothing lies beside what was touched before; 1025 pages: it comes to each once */
    for (uint64_t i = 0, page = 0; i < SAMPLES / 2; i++, page = (page + stride) % pages) {
        uint64_t first = cycles();
        (void)*(volatile uint64_t *)(address + page * PAGE_BYTES);
        samples_add(first, cycles());
    }
    samples_report("program_fault_existing", 1);
    must(memory_unmap(address, size), "unmap");
}

/* Fresh pages far from each other, so that nothing is mapped around them: in each 2 MiB from another place in turn. */
constexpr uint64_t FRESH_ROOM = 64 * MEBIBYTE, FRESH_PAGES = FRESH_ROOM / PAGE_BYTES;
constexpr uint64_t FRESH_STRIDE = 4099; /* a prime: comes to every page, never to the next one */

static uint64_t fresh_map(void)
{
    uint64_t address;
    must(memory_map(FRESH_ROOM, PROTECTION_WRITE, &address), "map");
    for (uint64_t at = 0; at < FRESH_ROOM; at += 512 * PAGE_BYTES) store(address + at); /* tables are there */
    return address;
}

static void fault_fresh(void)
{
    uint64_t address = fresh_map();
    samples_begin();
    for (uint64_t i = 0, page = 7; i < SAMPLES; i++, page = (page + FRESH_STRIDE) % FRESH_PAGES) {
        uint64_t first = cycles();
        store(address + page * PAGE_BYTES);
        samples_add(first, cycles());
    }
    samples_report("program_fault_fresh", 1);
    must(memory_unmap(address, FRESH_ROOM), "unmap");
}

/* The same for frames that the idle processor has zeroed: it keeps up to 64, so nobody runs for a while before each 32 pages. */
static void fault_fresh_prezeroed(void)
{
    constexpr uint64_t pages_awake = 32;
    uint64_t address = fresh_map();
    samples_begin();
    for (uint64_t i = 0, page = 7; i < SAMPLES; i++, page = (page + FRESH_STRIDE) % FRESH_PAGES) {
        if (i % pages_awake == 0) must(time_sleep(TIME_MILLISECOND), "sleep");
        uint64_t first = cycles();
        store(address + page * PAGE_BYTES);
        samples_add(first, cycles());
    }
    samples_report("program_fault_fresh_prezeroed", 1);
    must(memory_unmap(address, FRESH_ROOM), "unmap");
}

static void mmap_touch(void)
{
    samples_begin();
    for (unsigned round = 0; round < ROUNDS; round++) {
        uint64_t address;
        must(memory_map(MEBIBYTE, PROTECTION_WRITE, &address), "map");
        uint64_t first = cycles();
        for (uint64_t at = 0; at < MEBIBYTE; at += PAGE_BYTES) store(address + at);
        samples_add(first, cycles());
        must(memory_unmap(address, MEBIBYTE), "unmap");
    }
    samples_report("mmap_touch_1m_per_page", MEBIBYTE_PAGES);
}

static void brk_grow(void)
{
    samples_begin();
    for (unsigned round = 0; round < ROUNDS; round++) {
        uint64_t previous;
        uint64_t first = cycles();
        enum status status = memory_brk(MEBIBYTE, &previous);
        samples_add(first, cycles());
        must(status, "brk");
        must(memory_brk(-(int64_t)MEBIBYTE, &previous), "brk");
    }
    samples_report("brk_grow_1m_per_page", MEBIBYTE_PAGES);
}

static void mmap_munmap(void)
{
    samples_begin();
    for (unsigned i = 0; i < SAMPLES; i++) {
        uint64_t address;
        uint64_t first = cycles();
        enum status mapped = memory_map(PAGE_BYTES, PROTECTION_WRITE, &address);
        enum status unmapped = memory_unmap(address, PAGE_BYTES);
        samples_add(first, cycles());
        must(mapped, "map");
        must(unmapped, "unmap");
    }
    samples_report("mmap_munmap_4k", 1);

    samples_begin();
    for (unsigned i = 0; i < SAMPLES; i++) {
        uint64_t address;
        uint64_t first = cycles();
        must(memory_map(PAGE_BYTES, PROTECTION_WRITE, &address), "map");
        store(address);
        must(memory_unmap(address, PAGE_BYTES), "unmap");
        samples_add(first, cycles());
    }
    samples_report("mmap_touch_munmap_4k", 1);
}

/* Memory made as new at its place, every page written: in one request, or unmapped and mapped anew. */
static void renew_over(uint64_t address, uint64_t bytes) { must(memory_map_over(address, bytes, PROTECTION_WRITE), "map_over"); }
static void renew_anew(uint64_t address, uint64_t bytes)
{
    must(memory_unmap(address, bytes), "unmap");
    must(memory_map_at(address, bytes, PROTECTION_WRITE), "map_at");
}

static void renew(const char *name, void (*way)(uint64_t, uint64_t), uint64_t bytes, unsigned rounds)
{
    uint64_t address;
    must(memory_map(bytes, PROTECTION_WRITE, &address), "map");
    for (uint64_t at = 0; at < bytes; at += PAGE_BYTES) store(address + at);
    samples_begin();
    for (unsigned round = 0; round < rounds; round++) {
        uint64_t first = cycles();
        way(address, bytes);
        for (uint64_t at = 0; at < bytes; at += PAGE_BYTES) store(address + at);
        samples_add(first, cycles());
    }
    samples_report(name, 1);
    must(memory_unmap(address, bytes), "unmap");
}

void bench_faults(void)
{
    fault_existing();
    fault_fresh();
}

void bench_prezeroed(void) { fault_fresh_prezeroed(); }

void bench_growth(void)
{
    mmap_touch();
    brk_grow();
}

void bench_mapping(void) { mmap_munmap(); }

void bench_renewing(void)
{
    renew("map_over_4k", renew_over, PAGE_BYTES, SAMPLES);
    renew("map_anew_4k", renew_anew, PAGE_BYTES, SAMPLES);
    renew("map_over_64k", renew_over, 16 * PAGE_BYTES, ROUNDS);
    renew("map_anew_64k", renew_anew, 16 * PAGE_BYTES, ROUNDS);
    renew("map_over_2m", renew_over, 2 * MEBIBYTE, ROUNDS / 4);
    renew("map_anew_2m", renew_anew, 2 * MEBIBYTE, ROUNDS / 4);
}
