/* neighbour: waits until "full" is published, then uses memory as any program does, page by page and within its guarantee: stack, break, mmap area, a handle, a
 * child. Then it publishes "over", and stays until everybody else has gone: its name ends with it.
 *
 * `neighbour child` is the child. Lines: neighbour: grew WHAT pages=N, and neighbour: done failed=N */
#include <stdio.h>
#include <string.h>

#include <quire/endpoint.h>
#include <quire/memory.h>
#include <quire/process.h>
#include <quire/syscall.h>
#include <quire/system.h>

constexpr unsigned PAGES = 40; /* of each */

static int failed;

static void expect(bool holds, const char *what)
{
    if (holds) return;
    failed++;
    printf("neighbour: failed what=%s\n", what);
}

/* One page of stack each. */
[[gnu::noinline]] static unsigned grow_stack(unsigned pages)
{
    volatile uint8_t page[PAGE_BYTES];
    page[0] = (uint8_t)pages;
    unsigned below = pages > 1 ? grow_stack(pages - 1) : 0;
    return below + (page[0] == (uint8_t)pages);
}

static void grow_break(void)
{
    uint64_t first, place;
    expect(memory_brk(0, &first) == STATUS_OK, "brk");
    for (unsigned i = 0; i < PAGES; i++) expect(memory_brk((int64_t)PAGE_BYTES, &place) == STATUS_OK, "brk");
    memset((void *)(uintptr_t)first, 1, PAGES * PAGE_BYTES);
    printf("neighbour: grew break pages=%u\n", PAGES);
}

static void grow_area(void)
{
    uint64_t address;
    expect(memory_map(PAGES * PAGE_BYTES, PROTECTION_WRITE, &address) == STATUS_OK, "map");
    for (unsigned i = 0; i < PAGES; i++) {
        volatile uint8_t *byte = (volatile uint8_t *)(uintptr_t)(address + i * PAGE_BYTES);
        expect(*byte == 0, "zero");
        *byte = 1;
    }
    printf("neighbour: grew area pages=%u\n", PAGES);
}

static void start_child(void)
{
    static const char *const argument[] = { "child" };
    struct process_result result = { 0 };
    uint32_t process;
    enum status status = process_start("neighbour", 1, argument, &process);
    if (status == STATUS_OK) status = process_wait(process, &result);
    expect(status == STATUS_OK && result.reason == PROCESS_EXITED && result.value == 0, "child");
}

static uint64_t count_processes(void)
{
    struct system_info info = { 0 };
    expect(system_info(&info) == STATUS_OK, "system");
    return info.processes;
}

int main(int argc, char *argv[])
{
    uint32_t full, over;
    if (argc == 2 && strcmp(argv[1], "child") == 0) return 0;
    expect(name_find("full", true, &full) == STATUS_OK, "find");
    expect(grow_stack(PAGES) == PAGES, "stack");
    printf("neighbour: grew stack pages=%u\n", PAGES);
    grow_break();
    grow_area();
    start_child();
    expect(endpoint_create(&over) == STATUS_OK, "endpoint");
    expect(name_publish(over, "over") == STATUS_OK, "publish");
    printf("neighbour: done failed=%d\n", failed);
    for (unsigned i = 0; i < 1'000'000 && count_processes() > 1; i++) yield();
    return failed;
}
