/* The host port: memory, log, clock and the end of a machine that is an arena of ordinary memory.
 *
 * The arena is reserved, not filled: the host gives a page when it is touched, so a machine of many gigabytes costs a test only what it uses.
 * A machine is made anew by each test; the arena of the former one is unmapped, so a pointer kept too long faults. */
#define _GNU_SOURCE 1 /* memfd_create */
#include "host.h"

#include <assert.h>
#include <errno.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

unsigned char *host_arena;

static uint64_t arena_bytes;
uint32_t host_direct_frames;
struct frame_info *host_frame_table;
static unsigned leaf_levels;
static bool has_write_combining;
static uint64_t events[HOST_EVENTS];

/* Two pages of address space: where memory beyond the direct map is seen through, a frame at a time. */
constexpr unsigned WINDOWS = 2;
static unsigned char *window_slots;
static void *windows[WINDOWS];
static unsigned count_windows;
static int arena_file = -1;

static char log_text[HOST_LOG_BYTES];
static size_t log_length;
static uint64_t cycles;
uint64_t host_cycles_read;
static uint64_t timer_when;
static uint16_t open_lines;

static jmp_buf *landing;
static uint32_t end_code;
static const char *const end_names[] = { "returned", "machine_end", "panic", "waits for ever" };

void (*host_on_idle)(void);

/* --- For tests --- */

[[noreturn]] static void host_fail(const char *what)
{
    fprintf(stderr, "host: %s: %s\n", what, strerror(errno));
    abort();
}

static void *host_map(void *address, size_t bytes, int protection, int flags, int file, off_t offset)
{
    void *mapped = mmap(address, bytes, protection, flags, file, offset);
    if (mapped == MAP_FAILED) host_fail("mmap");
    return mapped;
}

void host_initialise(uint64_t bytes)
{
    assert(bytes != 0 && bytes % PAGE_BYTES == 0);
    if (host_arena != nullptr) munmap(host_arena, arena_bytes);
    if (arena_file >= 0) close(arena_file);
    arena_file = memfd_create("arena", 0); /* a file, so that a frame can be seen in two places */
    if (arena_file < 0 || ftruncate(arena_file, (off_t)bytes) != 0) host_fail("no arena");
    host_arena = host_map(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, arena_file, 0);
    if (window_slots == nullptr) window_slots = host_map(nullptr, WINDOWS * PAGE_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    arena_bytes = bytes;
    host_direct_frames = (uint32_t)(bytes >> PAGE_SHIFT);
    leaf_levels = PTE_LEAF_LEVELS;
    has_write_combining = true;
    count_windows = 0;
    cycles = 1000;
    host_cycles_read = 100;
    timer_when = 0;
    open_lines = 0;
    host_on_flush = nullptr;
    host_on_idle = nullptr;
    host_tlb_is_deaf = false;
    host_log_clear();
    host_activate((frame_t){ 0 });
    memset(events, 0, sizeof events);
}

void host_initialise_frames(uint64_t bytes, uint32_t reserved_frames)
{
    host_initialise(bytes);
    uint32_t count_frames = (uint32_t)(bytes >> PAGE_SHIFT);
    uint64_t storage_bytes = frame_storage_bytes(count_frames);
    assert(storage_bytes + ((uint64_t)reserved_frames << PAGE_SHIFT) < bytes);
    struct memory_range ranges[] = {
        { 0, bytes, MEMORY_USABLE },
        { 0, (uint64_t)reserved_frames << PAGE_SHIFT, MEMORY_RESERVED },
        { bytes - storage_bytes, bytes, MEMORY_RESERVED },
    };
    frame_initialise(host_arena + bytes - storage_bytes, count_frames, ranges, sizeof ranges / sizeof ranges[0]);
}

void host_set_direct_frames(uint32_t count_frames)
{
    assert(count_frames <= arena_bytes >> PAGE_SHIFT);
    host_direct_frames = count_frames;
}

void host_set_leaf_levels(unsigned levels)
{
    assert(levels >= 1 && levels <= PTE_LEAF_LEVELS);
    leaf_levels = levels;
}

void host_set_write_combining(bool has)
{
    has_write_combining = has;
}

void host_event_add(enum host_event event)
{
    events[event]++;
}

uint64_t host_count(enum host_event event)
{
    return events[event];
}

const char *host_log_text(void)
{
    return log_text;
}

void host_log_clear(void)
{
    log_length = 0;
    log_text[0] = '\0';
}

uint64_t host_timer(void)
{
    return timer_when;
}

void host_timer_stop(void)
{
    timer_when = 0;
}

uint64_t host_now(void)
{
    return cycles;
}

void host_advance(uint64_t count)
{
    cycles += count;
}

enum host_end host_run(void (*body)(void *), void *argument, uint32_t *code)
{
    jmp_buf here;
    jmp_buf *outer = landing;
    end_code = 0;
    landing = &here;
    enum host_end end = (enum host_end)setjmp(here);
    if (end == HOST_RETURNED) body(argument);
    landing = outer;
    *code = end_code;
    return end;
}

/* --- The contract: memory --- */

unsigned arch_leaf_levels(void)
{
    return leaf_levels;
}

void *arch_window_open(frame_t frame)
{
    assert(count_windows < WINDOWS);
    assert(frame.number < arena_bytes >> PAGE_SHIFT);
    host_event_add(HOST_WINDOWS);
    void *window = arch_frame_pointer(frame);
    if (!arch_frame_is_direct(frame)) {
        window = window_slots + count_windows * PAGE_BYTES;
        (void)host_map(window, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, arena_file, (off_t)frame.number << PAGE_SHIFT);
    }
    return windows[count_windows++] = window;
}

void arch_window_close([[maybe_unused]] void *window)
{
    assert(count_windows > 0 && windows[count_windows - 1] == window);
    windows[--count_windows] = nullptr;
    void *slot = window_slots + count_windows * PAGE_BYTES;
    if (window == slot) (void)host_map(slot, PAGE_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0); /* a pointer kept too long faults */
}

uint64_t arch_frames_limit(void)
{
    return PTE_FRAMES_LIMIT;
}

bool arch_has_write_combining(void)
{
    return has_write_combining;
}

void arch_cache_write_back(void)
{
    host_event_add(HOST_WRITE_BACKS);
}

/* The kernel half of the template: entries that name no memory of the arena, each one different, none for users. */
void arch_root_initialise(frame_t root)
{
    pte_t *table = arch_frame_pointer(root);
    unsigned count = pte_entries(PTE_LEVELS - 1);
    for (unsigned i = PTE_ROOT_USER_ENTRIES; i < count; i++)
        table[i] = pte_make_table((frame_t){ PTE_FRAMES_LIMIT - count + i }, PTE_LEVELS - 1) & ~PTE_USER;
}

void arch_root_clear(frame_t root)
{
    pte_t *table = arch_frame_pointer(root);
    for (unsigned i = PTE_ROOT_USER_ENTRIES; i < pte_entries(PTE_LEVELS - 1); i++) table[i] = 0;
}

/* --- The contract: machine --- */

[[noreturn]] static void machine_leave(enum host_end end, uint32_t code)
{
    end_code = code;
    if (landing != nullptr) longjmp(*landing, end);
    fprintf(stderr, "host: the machine ended (%s, code %u)\n%s", end_names[end], code, log_text);
    abort();
}

uint64_t arch_cycles(void)
{
    return cycles += host_cycles_read;
}

uint64_t arch_cycles_per_second(void)
{
    return 1'000'000'000;
}

uint64_t arch_cycles_to_nanoseconds(uint64_t count)
{
    return count;
}

uint64_t arch_nanoseconds_to_cycles(uint64_t nanoseconds)
{
    return nanoseconds;
}

void arch_timer_start(uint64_t when)
{
    timer_when = when;
}

bool arch_interrupt_exists(unsigned line)
{
    return line != HOST_OWN_LINE;
}

void arch_interrupt_open(unsigned line, bool is_open)
{
    open_lines = (uint16_t)(is_open ? open_lines | 1u << line : open_lines & ~(1u << line));
}

uint16_t host_open_lines(void)
{
    return open_lines;
}

/* Ports are bytes of memory, but for one that is the machine's own. */
static uint8_t ports[1 << 16];

bool arch_port_exists(uint64_t port, unsigned width)
{
    return port < sizeof ports && width <= sizeof ports - port && (port + width <= HOST_OWN_PORT || port > HOST_OWN_PORT);
}

uint32_t arch_port_read(uint16_t port, unsigned width)
{
    uint32_t value = 0;
    memcpy(&value, &ports[port], width);
    return value;
}

void arch_port_write(uint16_t port, unsigned width, uint32_t value)
{
    memcpy(&ports[port], &value, width);
}

void arch_idle(void)
{
    host_event_add(HOST_IDLES);
    if (host_on_idle == nullptr) machine_leave(HOST_WAITS, 0);
    host_on_idle();
}

void arch_log_write(const char *text, size_t length_bytes)
{
    size_t space_bytes = sizeof log_text - 1 - log_length;
    if (length_bytes > space_bytes) length_bytes = space_bytes;
    memcpy(log_text + log_length, text, length_bytes);
    log_length += length_bytes;
    log_text[log_length] = '\0';
}

void arch_machine_end(uint32_t code)
{
    machine_leave(HOST_MACHINE_ENDED, code);
}

void arch_panic(void)
{
    machine_leave(HOST_PANICKED, 0);
}
