/* segments: every kind of memory that a process has. Shows the calls of <quire/memory.h> and what each kind promises.
 *
 * It uses each kind, checks the promises, prints the table of its segments, and ends with `segments: ok` and status 0, or with the number of promises
 * that did not hold and status 1. It leaves malloc alone, because it moves the break up and down itself. */
#include <stdio.h>
#include <string.h>

#include <quire/memory.h>

static unsigned broken;

static void expect(bool holds, const char *promise)
{
    if (!holds) {
        printf("segments: broken promise: %s\n", promise);
        broken++;
    }
}

static void expect_status(enum status status, enum status expected, const char *what)
{
    if (status != expected) {
        printf("segments: broken promise: %s answered %s, not %s\n", what, status_name(status), status_name(expected));
        broken++;
    }
}

/* The segment that holds an address; all zero when none does. */
static struct segment_info segment_at(uint64_t address)
{
    struct segment_info info;
    for (uint64_t i = 0; segment_info(i, &info) == STATUS_OK; i++)
        if (info.first <= address && address < info.limit)
            return info;
    return (struct segment_info){};
}

static bool is_zero(uint64_t address, uint64_t size_bytes)
{
    const volatile char *byte = (const volatile char *)(uintptr_t)address;
    for (uint64_t i = 0; i < size_bytes; i++)
        if (byte[i] != 0)
            return false;
    return true;
}

static void print_table(void)
{
    struct segment_info info;
    uint64_t limit = 0, count = 0;
    uint32_t kind = 0;
    for (; segment_info(count, &info) == STATUS_OK; count++) {
        printf("segments: %-8s 0x%012lx 0x%012lx r%c%c mapped=%lu\n", segment_kind_name(info.kind), info.first, info.limit,
               (info.protection & PROTECTION_WRITE) != 0 ? 'w' : '-', (info.protection & PROTECTION_EXECUTE) != 0 ? 'x' : '-', info.mapped_pages);
        expect(info.first >= limit && info.limit >= info.first, "segments lie in address order and do not overlap");
        expect(info.kind >= kind, "kinds come in their order");
        limit = info.limit;
        kind = info.kind;
    }
    expect(count >= 7, "there are at least the seven kinds");
}

/* --- The image: code, data, rodata --- */

static uint32_t counter = 41; /* in data */
static uint8_t cleared[3 * PAGE_BYTES]; /* in the zero tail of data */
static const uint32_t answer = 42; /* in rodata */

[[gnu::noinline]] static uint32_t count_up(void)
{
    return *(volatile uint32_t *)&counter += 1;
}

static void use_image(void)
{
    expect(count_up() == answer, "code runs and data is writable and holds what the image says");
    expect(is_zero((uintptr_t)cleared, sizeof cleared), "data that the file does not hold is zero");
    memset(cleared, 1, sizeof cleared);

    expect(segment_at((uintptr_t)count_up).kind == SEGMENT_CODE, "a function lies in code");
    expect(segment_at((uintptr_t)&counter).kind == SEGMENT_DATA, "a variable lies in data");
    expect(segment_at((uintptr_t)&cleared[sizeof cleared - 1]).kind == SEGMENT_DATA, "a zeroed variable lies in data");
    expect(segment_at((uintptr_t)&answer).kind == SEGMENT_RODATA, "a constant lies in rodata");
    expect(segment_at((uintptr_t)count_up).protection == PROTECTION_EXECUTE, "code is r-x");
    expect(segment_at((uintptr_t)&counter).protection == PROTECTION_WRITE, "data is rw-");
    expect(segment_at((uintptr_t)&answer).protection == PROTECTION_READ, "rodata is r--");

    uint64_t code = segment_at((uintptr_t)count_up).first;
    expect(memory_unmap(code, PAGE_BYTES) != STATUS_OK, "code cannot be unmapped");
    expect(memory_protect(code, PAGE_BYTES, PROTECTION_WRITE) != STATUS_OK, "code cannot be made writable");
}

/* --- The break --- */

constexpr int64_t BRK_BYTES = 3 * PAGE_BYTES + 123;

static void use_brk(void)
{
    uint64_t start, end, again;
    expect_status(memory_brk(BRK_BYTES, &start), STATUS_OK, "brk up");
    expect(is_zero(start, BRK_BYTES), "new memory above the break is zero");
    memset((void *)(uintptr_t)start, 0xff, BRK_BYTES);
    expect(segment_at(start).kind == SEGMENT_BRK, "what brk gives lies in the brk segment");
    expect(segment_at(start).protection == PROTECTION_WRITE, "brk is rw-");

    expect_status(memory_brk(1, &end), STATUS_OK, "brk up by one byte");
    expect(end == start + BRK_BYTES, "the break moves by bytes");
    expect_status(memory_brk(-BRK_BYTES - 1, &end), STATUS_OK, "brk down");
    expect(end == start + BRK_BYTES + 1, "brk answers where the break was");
    expect_status(memory_brk(BRK_BYTES, &again), STATUS_OK, "brk up again");
    expect(again == start, "the break came back to where it began");
    uint64_t first_page = (start + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
    expect(is_zero(first_page, start + BRK_BYTES - first_page), "pages given back are zero when they come again");
}

static void give_brk_back(void)
{
    uint64_t end;
    expect_status(memory_brk(-BRK_BYTES, &end), STATUS_OK, "brk down again");
    expect(segment_at(end - 1).kind != SEGMENT_BRK, "memory below the break is gone when the break is");
}

/* --- Code made at run time --- */

typedef uint32_t made_function(void);

/* Writes `return number` as code: mov eax, imm32 is B8, ret is C3 (AMD64 Architecture Programmer's Manual, volume 3). */
static uint32_t make_and_run(uint64_t address, uint32_t number)
{
    uint8_t *code = (uint8_t *)(uintptr_t)address;
    code[0] = 0xb8;
    memcpy(code + 1, &number, sizeof number);
    code[5] = 0xc3;
    expect_status(autogen_flip(true), STATUS_OK, "autogen flip to executable");
    expect(segment_at(address).protection == PROTECTION_EXECUTE, "flipped autogen is r-x");
    uint32_t result = ((made_function *)(uintptr_t)address)();
    expect_status(autogen_flip(false), STATUS_OK, "autogen flip to writable");
    return result;
}

static void use_autogen(void)
{
    constexpr int64_t SIZE = 2 * PAGE_BYTES;
    uint64_t lowest, lower;
    expect_status(autogen_move(SIZE, &lowest), STATUS_OK, "autogen up");
    expect(is_zero(lowest, SIZE), "new autogen memory is zero");
    expect(segment_at(lowest).kind == SEGMENT_AUTOGEN, "it lies in the autogen segment");
    expect(segment_at(lowest).protection == PROTECTION_WRITE, "new autogen memory is rw-");
    expect(make_and_run(lowest, 42) == 42, "code made at run time runs");
    expect_status(autogen_move(PAGE_BYTES, &lower), STATUS_OK, "autogen more");
    expect(lower == lowest - PAGE_BYTES, "autogen grows down");
    expect(make_and_run(lower, 7) == 7 && make_and_run(lowest, 43) == 43, "code made later runs, and what was made can be replaced");
}

static void give_autogen_back(void)
{
    uint64_t lowest, nothing;
    expect_status(autogen_move(-3 * (int64_t)PAGE_BYTES, &lowest), STATUS_OK, "autogen down");
    expect(segment_at(lowest - 1).kind != SEGMENT_AUTOGEN, "autogen gives back from below");
    expect(autogen_move(-(int64_t)PAGE_BYTES, &nothing) != STATUS_OK, "autogen cannot shrink below nothing");
}

/* --- The mmap area --- */

constexpr uint64_t PAGES = 16, TOUCHED = 5;

/* Returns the address of what it mapped. */
static uint64_t use_mmap(void)
{
    uint64_t address, other;
    expect_status(memory_map(PAGES * PAGE_BYTES, PROTECTION_WRITE, &address), STATUS_OK, "map");
    expect(segment_at(address).kind == SEGMENT_MMAP, "it lies in an mmap segment");
    uint64_t before = segment_at(address).mapped_pages;
    for (uint64_t i = 0; i < TOUCHED; i++) {
        volatile uint64_t *word = (volatile uint64_t *)(uintptr_t)(address + 3 * i * PAGE_BYTES);
        expect(*word == 0, "mapped memory is zero");
        *word = i;
    }
    uint64_t after = segment_at(address).mapped_pages;
    printf("segments: touched %lu of %lu pages, mapped before %lu, after %lu\n", TOUCHED, PAGES, before, after);
    expect(after - before == TOUCHED, "pages are mapped when touched, and only those");

    expect_status(memory_protect(address, PAGES * PAGE_BYTES, PROTECTION_READ), STATUS_OK, "protect");
    expect(*(volatile uint64_t *)(uintptr_t)(address + 3 * PAGE_BYTES) == 1, "protecting keeps the content");
    expect_status(memory_map(PAGE_BYTES, PROTECTION_WRITE | PROTECTION_EXECUTE, &other), STATUS_WRITE_EXECUTE, "map writable and executable");
    expect_status(memory_map(0, PROTECTION_WRITE, &other), STATUS_BAD_LENGTH, "map of nothing");
    return address;
}

static void give_mmap_back(uint64_t address)
{
    expect_status(memory_unmap(address, PAGES * PAGE_BYTES), STATUS_OK, "unmap");
    expect(segment_at(address).kind == 0, "unmapped memory is in no segment");
    expect(memory_unmap(address, PAGES * PAGE_BYTES) != STATUS_OK, "memory is given back once");
}

/* --- The stack --- */

constexpr uint32_t STACK_DEPTH = 64;
constexpr uint64_t STACK_STEP = 1024;

/* Each level fills a kilobyte of stack with its mark and looks after it on the way back. */
[[gnu::noinline]] static uint64_t recurse(uint32_t depth)
{
    volatile uint8_t frame[STACK_STEP];
    for (uint64_t i = 0; i < STACK_STEP; i++)
        frame[i] = (uint8_t)depth;
    uint64_t sum = depth == 0 ? 0 : recurse(depth - 1);
    uint64_t kept = 0;
    while (kept < STACK_STEP && frame[kept] == (uint8_t)depth)
        kept++;
    expect(kept == STACK_STEP, "the stack keeps what is on it");
    return sum + depth;
}

static void use_stack(void)
{
    uint64_t here = (uintptr_t)__builtin_frame_address(0);
    expect(segment_at(here).kind == SEGMENT_STACK, "local variables lie in the stack segment");
    expect(segment_at(here).protection == PROTECTION_WRITE, "the stack is rw-");
    uint64_t before = segment_at(here).mapped_pages;
    expect(recurse(STACK_DEPTH) == STACK_DEPTH * (STACK_DEPTH + 1) / 2, "deep calls come back");
    uint64_t after = segment_at(here).mapped_pages;
    printf("segments: %lu KiB deep in the stack, mapped before %lu, after %lu\n", STACK_DEPTH * STACK_STEP / 1024, before, after);
    expect(after > before && after >= STACK_DEPTH * STACK_STEP / PAGE_BYTES, "the stack grows when touched");
}

int main(void)
{
    use_image();
    use_brk();
    use_autogen();
    uint64_t mapped = use_mmap();
    use_stack();
    print_table();
    give_mmap_back(mapped);
    give_autogen_back();
    give_brk_back();
    if (broken == 0)
        printf("segments: ok\n");
    else
        printf("segments: %u broken promises\n", broken);
    return broken == 0 ? 0 : 1;
}
