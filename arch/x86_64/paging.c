/* The kernel's own tables. See paging.h and layout.h.
 *
 * Made from a run of pages that is reserved beforehand, reached through the boot tables' map of the first 4 GiB. Nothing in the kernel's half changes after
 * boot but what boot itself leaves behind (kernel_map.c), so new spaces copy a few entries of the root and are complete.
 *
 * Invariants:
 *  1. No kernel page is writable and executable, none has the user bit.
 *  2. The kernel image is not in the direct map: its text has no writable alias. */
#include "paging.h"

#include <assert.h>
#include <string.h>

#include "arch.h"
#include "boot_source.h"
#include "cpu.h"
#include "kernel_map.h"
#include "log.h"
#include "window.h"

constexpr uint64_t FIRST_RESERVABLE = 0x100000; /* below 1 MiB live the firmware's data */
constexpr uint64_t BOOT_MAP_LIMIT = (uint64_t)4 << 30;
constexpr uint64_t LARGE_PAGE_BYTES = (uint64_t)2 << 20;
constexpr pte_t KERNEL_TABLE = PTE_PRESENT | PTE_WRITE;

extern char image_first[], image_limit[], init_first[], init_limit[], text_first[], text_limit[];
extern char rodata_first[], rodata_limit[], data_first[], data_limit[], stack_guard[];

static uint64_t pages_next, pages_limit; /* physical: the reserved run of table pages */

constexpr unsigned WINDOW_TABLES = 8; /* of 2 MiB */
static struct window_span window_spans[1 + WINDOW_TABLES];
static frame_t window_stock[1]; /* one table is enough for what there is */
static struct window window;

static bool overlaps(const struct memory_range *range, uint64_t first, uint64_t limit)
{
    return range->first < limit && first < range->limit;
}

/* The end of the reserved range that [first, limit) meets, or 0. */
static uint64_t reserved_until(const struct boot_source *source, uint64_t first, uint64_t limit)
{
    for (size_t i = 0; i < source->count_ranges; i++) {
        if (source->ranges[i].kind != MEMORY_USABLE && overlaps(&source->ranges[i], first, limit)) return source->ranges[i].limit;
    }
    return 0;
}

uint64_t paging_reserve(struct boot_source *source, uint64_t bytes, uint64_t limit, const char *purpose)
{
    uint64_t alignment = bytes < LARGE_PAGE_BYTES ? PAGE_BYTES : LARGE_PAGE_BYTES;
    for (size_t i = 0; i < source->count_ranges; i++) {
        const struct memory_range *range = &source->ranges[i];
        if (range->kind != MEMORY_USABLE) continue;
        uint64_t end = range->limit < limit ? range->limit : limit;
        uint64_t first = range->first < FIRST_RESERVABLE ? FIRST_RESERVABLE : range->first;
        for (;;) {
            first = (first + alignment - 1) & ~(alignment - 1);
            if (first >= end || end - first < bytes) break;
            uint64_t next = reserved_until(source, first, first + bytes);
            if (next == 0) {
                boot_source_add_range(source, first, first + bytes, MEMORY_KERNEL);
                return first;
            }
            first = next;
        }
    }
    panic("boot: not enough memory for %s bytes=%lu", purpose, bytes);
}

uint32_t paging_count_frames(const struct boot_source *source)
{
    uint64_t limit = 0;
    for (size_t i = 0; i < source->count_ranges; i++) {
        if (source->ranges[i].kind == MEMORY_USABLE && source->ranges[i].limit > limit) limit = source->ranges[i].limit;
    }
    if (limit > DIRECT_MAP_LIMIT) limit = DIRECT_MAP_LIMIT;
    return (uint32_t)(limit >> PAGE_SHIFT);
}

static pte_t *table_pointer(uint64_t physical)
{
    return (pte_t *)(DIRECT_MAP + physical);
}

static uint64_t new_table(void)
{
    if (pages_next == pages_limit) panic("boot: too few pages were reserved for the kernel's tables");
    uint64_t physical = pages_next;
    pages_next += PAGE_BYTES;
    memset(table_pointer(physical), 0, PAGE_BYTES);
    return physical;
}

/* The largest leaf level that address, frame and length allow. */
static unsigned leaf_level(uint64_t address, uint64_t physical, uint64_t bytes)
{
    unsigned level = cpu_features.has_gigabyte_pages ? 2 : 1;
    while (level > 0) {
        uint64_t size = (uint64_t)1 << pte_shift(level);
        if (((address | physical) & (size - 1)) == 0 && bytes >= size) break;
        level--;
    }
    return level;
}

/* The table of a level that holds an address's entry, made where it is missing. Physical. */
static uint64_t table_for(uint64_t address, unsigned below)
{
    uint64_t table = kernel_map.root_physical;
    for (unsigned level = PTE_LEVELS - 1; level > below; level--) {
        pte_t *entry = table_pointer(table) + pte_index(address, level);
        assert(!pte_is_present(*entry) || !pte_is_large(*entry, level));
        if (!pte_is_present(*entry)) *entry = new_table() | KERNEL_TABLE;
        table = *entry & PTE_ADDRESS;
    }
    return table;
}

static void map(uint64_t address, uint64_t physical, uint64_t bytes, pte_t bits)
{
    while (bytes > 0) {
        unsigned leaf = leaf_level(address, physical, bytes);
        pte_t *entry = table_pointer(table_for(address, leaf)) + pte_index(address, leaf);
        uint64_t size = (uint64_t)1 << pte_shift(leaf);
        do { /* the entries of one table, as far as the level stays the same */
            *entry++ = physical | bits | (leaf != 0 ? PTE_LARGE : 0);
            address += size;
            physical += size;
            bytes -= size;
        } while (pte_index(address, leaf) != 0 && bytes >= size);
    }
}

/* Maps usable memory [first, limit), whole pages only, without the kernel image (invariant 2). */
static void map_direct(uint64_t first, uint64_t limit, pte_t bits)
{
    uint64_t hole_first = (uint64_t)(uintptr_t)image_first, hole_limit = (uint64_t)(uintptr_t)image_limit;
    first = (first + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1);
    limit &= ~(PAGE_BYTES - 1);
    if (first < hole_first) {
        uint64_t end = limit < hole_first ? limit : hole_first;
        if (first < end) map(DIRECT_MAP + first, first, end - first, bits);
    }
    if (first < hole_limit) first = hole_limit;
    if (first < limit) map(DIRECT_MAP + first, first, limit - first, bits);
}

static void map_section(const char *first, const char *limit, pte_t bits)
{
    for (const char *page = first; page < limit; page += PAGE_BYTES) {
        if (page != stack_guard) map((uint64_t)(uintptr_t)page, (uint64_t)(uintptr_t)page - KERNEL_BASE, PAGE_BYTES, bits);
    }
}

void paging_map_frame_table(uint64_t physical, uint64_t bytes)
{
    map(FRAME_TABLE, physical, bytes, PTE_PRESENT | PTE_WRITE | PTE_NO_EXECUTE | (cpu_features.has_global_pages ? PTE_GLOBAL : 0));
}

/* --- The window of devices --- */

/* Begins the window with registers at `address`. */
static void map_registers(uint64_t physical, uint64_t address, pte_t bits)
{
    window_stock[0] = physical_to_frame((physical_t){ new_table() });
    window = (struct window){
        .first = DEVICE_WINDOW,
        .table = physical_to_frame((physical_t){ table_for(DEVICE_WINDOW, 1) }),
        .level = 1,
        .count = WINDOW_TABLES,
        .bits = bits,
        .spans = window_spans,
        .tables = window_stock,
        .count_tables = 1,
    };
    window_initialise(&window);
    struct window_request request = {
        .at = address,
        .is_fixed = true,
        .count_pages = 1,
        .frame = physical >> PAGE_SHIFT,
        .attributes = ATTRIBUTE_WRITE | ATTRIBUTE_UNCACHED,
    };
    if (window_allocate(&window, &request, &address) != STATUS_OK) panic("boot: no place for registers at physical=0x%lx", physical);
}

/* Table pages that are certainly enough: for each range the tables at its two ends, one directory for each GiB, the image, the frame table and the device
 * window. */
static uint64_t count_table_pages(const struct boot_source *source)
{
    uint64_t gibibytes = ((uint64_t)paging_count_frames(source) >> 18) + 1;
    return 18 + 8 * source->count_ranges + gibibytes + gibibytes / 512;
}

void paging_initialise(struct boot_source *source, uint64_t apic_physical)
{
    uint64_t bytes = count_table_pages(source) * PAGE_BYTES;
    pages_next = paging_reserve(source, bytes, BOOT_MAP_LIMIT, "the kernel's page tables");
    pages_limit = pages_next + bytes;
    kernel_map.root_physical = new_table();

    pte_t bits = PTE_PRESENT | (cpu_features.has_global_pages ? PTE_GLOBAL : 0);
    for (size_t i = 0; i < source->count_ranges; i++) {
        const struct memory_range *range = &source->ranges[i];
        uint64_t limit = range->limit < DIRECT_MAP_LIMIT ? range->limit : DIRECT_MAP_LIMIT;
        if (range->kind == MEMORY_USABLE && range->first < limit) map_direct(range->first, limit, bits | PTE_WRITE | PTE_NO_EXECUTE);
    }
    map_section(init_first, init_limit, bits);
    map_section(text_first, text_limit, bits);
    map_section(rodata_first, rodata_limit, bits | PTE_NO_EXECUTE);
    map_section(data_first, data_limit, bits | PTE_WRITE | PTE_NO_EXECUTE);
    map_registers(apic_physical, DEVICE_WINDOW, bits & PTE_GLOBAL);
    kernel_map.direct_entries = (paging_count_frames(source) >> 27) + 1; /* 2^27 frames, 512 GiB, to an entry */
    cpu_write_cr3(kernel_map.root_physical);
}
