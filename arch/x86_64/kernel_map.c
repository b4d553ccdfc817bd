/* The kernel's half after boot. See kernel_map.h.
 *
 * What boot leaves behind is code that never runs again (.init) and its first page tables: both become free frames, as usable memory does, so they go into
 * the direct map on the way. The tables that this needs exist: the direct map has 4 KiB leaves around the kernel image. */
#include "kernel_map.h"

#include <assert.h>
#include <string.h>

#include "arch.h"
#include "bitmap.h"
#include "boot.h"
#include "cpu.h"
#include "frame.h"

struct kernel_map kernel_map;

extern char image_first[], boot_limit[], init_first[], init_limit[];

/* The 4 KiB entry of a kernel address, or nullptr where there is no table for it. */
BOOT_ONLY static pte_t *find_entry(uint64_t address)
{
    pte_t *entry = (pte_t *)(DIRECT_MAP + kernel_map.root_physical) + pte_index(address, PTE_LEVELS - 1);
    for (unsigned level = PTE_LEVELS - 1; level > 0; level--) {
        if (!pte_is_present(*entry) || pte_is_large(*entry, level)) return nullptr;
        entry = (pte_t *)arch_frame_pointer(pte_frame(*entry)) + pte_index(address, level - 1);
    }
    return entry;
}

/* Makes the frames of [first, limit), physical bytes, free. */
BOOT_ONLY static void release(uint64_t first, uint64_t limit)
{
    for (uint64_t physical = first; physical < limit; physical += PAGE_BYTES) {
        pte_t *entry = find_entry(DIRECT_MAP + physical);
        frame_t frame = physical_to_frame((physical_t){ physical });
        if (entry == nullptr || frame_adopt(frame, 1) != STATUS_OK) continue;
        *entry = physical | PTE_PRESENT | PTE_WRITE | PTE_NO_EXECUTE | (cpu_features.has_global_pages ? PTE_GLOBAL : 0);
        enum status status = frame_free(frame, 0, FRAME_KIND_USER);
        assert(status == STATUS_OK);
        (void)status;
    }
}

/* Goes away itself: nothing else runs until it has returned, and the frames that are free then still are what they were. The entry of its first page. */
BOOT_ONLY static pte_t *release_boot(void)
{
    release((uint64_t)(uintptr_t)init_first - KERNEL_BASE, (uint64_t)(uintptr_t)init_limit - KERNEL_BASE);
    release((uint64_t)(uintptr_t)image_first, (uint64_t)(uintptr_t)boot_limit);
    pte_t *entry = find_entry((uint64_t)(uintptr_t)init_first);
    assert(entry != nullptr);
    return entry;
}

/* The entries of .init are in one table: kernel.ld asserts it. */
void kernel_map_release_boot(void)
{
    pte_t *entry = release_boot();
    for (const char *page = init_first; page < init_limit; page += PAGE_BYTES) {
        assert(pte_is_present(*entry));
        *entry++ = 0;
        __asm__ volatile("invlpg (%0)" ::"r"(page) : "memory");
    }
}

unsigned arch_leaf_levels(void)
{
    return cpu_features.has_gigabyte_pages ? PTE_LEAF_LEVELS : PTE_LEAF_LEVELS - 1;
}

uint64_t arch_frames_limit(void)
{
    uint64_t frames = (uint64_t)1 << (cpu_features.physical_bits - PAGE_SHIFT);
    return frames < PTE_FRAMES_LIMIT ? frames : PTE_FRAMES_LIMIT;
}

bool arch_has_write_combining(void)
{
    return cpu_features.has_pat;
}

void arch_cache_write_back(void)
{
    __asm__ volatile("wbinvd" ::: "memory");
}

static_assert((uint64_t)BITMAP_FRAMES_LIMIT << PAGE_SHIFT <= DIRECT_MAP_LIMIT); /* arch_frame_is_direct() */
static_assert(DIRECT_MAP_ENTRY == (DIRECT_MAP >> 39 & 511) && DIRECT_MAP_LIMIT <= KERNEL_BASE - DIRECT_MAP);

void arch_root_initialise(frame_t root)
{
    const pte_t *from = (const pte_t *)(DIRECT_MAP + kernel_map.root_physical);
    pte_t *to = arch_frame_pointer(root);
    memcpy(to + DIRECT_MAP_ENTRY, from + DIRECT_MAP_ENTRY, kernel_map.direct_entries * sizeof *to);
    to[511] = from[511];
}

void arch_root_clear(frame_t root)
{
    pte_t *table = arch_frame_pointer(root);
    memset(table + DIRECT_MAP_ENTRY, 0, kernel_map.direct_entries * sizeof *table);
    table[511] = 0;
}

void *arch_window_open(frame_t frame)
{
    return arch_frame_pointer(frame);
}

void arch_window_close([[maybe_unused]] void *window)
{
}
