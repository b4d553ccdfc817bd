/* Devices: leaves that name no memory, and the registry of them. See device.h.
 *
 * The registry is a struct space that no name leads to: its tables count their entries and come and go as those of any space, and nobody loads its root.
 *
 * 1. A frame named by a leaf with PTE_DEVICE has an entry in the registry, of the same level, whose share counts such leaves.
 * 2. The registry has a root only while it has entries: what is unmapped leaves no frame behind. */
#include "device.h"

#include <assert.h>

#include "boot.h"
#include "counter.h"
#include "walk.h"

#ifndef QUIRE_TEST
constexpr uint32_t DEVICE_SHARE = 1u << 9, DEVICE_SHARES = 7 * DEVICE_SHARE;
static
#endif
struct space device_registry;

static struct {
    uint64_t first, limit;
} forbidden[DEVICE_FORBIDDEN];
static unsigned count_forbidden;

/* Rows of the frame table that a step looks at: what lies below the end of memory goes in leaves no larger than this. */
constexpr uint64_t ROWS_LIMIT = 4096;

/* Where the run in hand stands in the registry. */
static struct walk known;

BOOT_ONLY void device_initialise(void)
{
    device_registry = (struct space){ 0 };
    count_forbidden = 0;
}

BOOT_ONLY void device_forbid(uint64_t first, uint64_t limit)
{
    assert(count_forbidden < DEVICE_FORBIDDEN && first < limit);
    forbidden[count_forbidden].first = first;
    forbidden[count_forbidden++].limit = limit;
}

/* Frames that entries can name and the registry has places for. */
static uint64_t frames_limit(void)
{
    return least(arch_frames_limit(), pte_entries(PTE_LEVELS - 1) * walk_pages_of(PTE_LEVELS - 1));
}

static bool frames_are_free(uint64_t first, uint64_t count)
{
    for (unsigned i = 0; i < count_forbidden; i++)
        if (first < forbidden[i].limit && forbidden[i].first < first + count) return false;
    for (uint64_t i = first; i < first + count && i < frame_limit; i++)
        if (frame_table[i].kind != FRAME_KIND_ABSENT) return false;
    return true;
}

/* Invariant 2. */
static enum status registry_begin(void)
{
    if (device_registry.root.number != 0) return STATUS_OK;
    enum status status = frame_allocate(0, FRAME_KIND_TABLE, &device_registry.root);
    if (status != STATUS_OK) device_registry.root.number = 0;
    return status;
}

static void registry_end(void)
{
    if (device_registry.root.number == 0 || device_registry.count_mapped != 0) return;
    frame_free_zeroed(device_registry.root, FRAME_KIND_TABLE);
    device_registry.root.number = 0;
}

enum status device_may_map(const struct run *run, unsigned *count_tables)
{
    unsigned level = run->level;
    walk_begin(&known, &device_registry, run->first << PAGE_SHIFT);
    if (!walk_is_open(&known, level)) return STATUS_EXISTS;
    *count_tables += known.level - level;
    if (known.level > level) return STATUS_OK;
    for (unsigned i = 0; i < run->count; i++) {
        pte_t entry = known.entry[i];
        if (!pte_is_present(entry)) continue;
        bool is_leaf = level == 0 || pte_is_large(entry, level);
        if (!is_leaf || !run->is_shared || pte_frame(entry).number != run->owner->frame.number) return STATUS_EXISTS;
        if ((entry & DEVICE_SHARES) == DEVICE_SHARES) return STATUS_TOO_MANY_MAPPINGS;
    }
    counter_add(COUNTER_ENTRIES_READ, run->count);
    return STATUS_OK;
}

void device_register(const struct run *run)
{
    unsigned added = 0;
    walk_grow(&known, run->level);
    for (unsigned i = 0; i < run->count; i++) {
        pte_t *entry = &known.entry[i];
        if (!pte_is_present(*entry)) {
            *entry = pte_make_leaf(run->owner->frame, ATTRIBUTE_READ, run->level);
            added++;
        }
        *entry += DEVICE_SHARE;
    }
    walk_add(&known, added);
    run->walk.space->count_devices += run->count;
}

/* The leaves are the largest that fit, as far as both tables reach. */
enum status device_map(const struct space *owner, struct space *space, struct user_span span, uint64_t first, uint32_t attributes, bool is_shared,
                       uint64_t *done)
{
    assert(device_attributes_check(attributes) == STATUS_OK);
    uint64_t address = span.first.address, count = span.count_pages, limit = frames_limit();
    if (first > limit || count > limit - first) return STATUS_BAD_FRAME;
    struct run run;
    run.owner = owner;
    run.is_shared = is_shared;
    run.first = first;
    if (first < frame_limit) count = least(count, ROWS_LIMIT);
    run.level = level_fit(address >> PAGE_SHIFT | first, count, arch_leaf_levels() - 1);
    run.count = entries_within(address, first << PAGE_SHIFT, run.level, count);
    if (!frames_are_free(first, run.count * walk_pages_of(run.level))) return STATUS_BAD_FRAME;
    bool is_combining = (attributes & ATTRIBUTE_CACHE) == ATTRIBUTE_WRITE_COMBINING;
    if (is_combining && !arch_has_write_combining()) attributes ^= ATTRIBUTE_WRITE_COMBINING ^ ATTRIBUTE_UNCACHED;
    run.leaf = pte_make_device((frame_t){ (uint32_t)first }, attributes, run.level);
    enum status status = registry_begin();
    if (status == STATUS_OK) status = run_map(&run, space, span, done);
    registry_end();
    return status;
}

/* --- Unmapping --- */

/* Removes one leaf: the registry's entry too when it was the only one. */
[[gnu::noinline]] enum status part_device(struct visit *visit)
{
    struct walk *walk = &visit->walk;
    unsigned level = walk->level;
    pte_t leaf = *walk->entry;
    if (!pte_is_device(leaf)) return STATUS_NOT_MAPPED;
    uint64_t pages = walk_pages_of(level);
    if (walk_pages_left(walk->address, level) != pages || visit->span.count_pages - visit->done < pages) return STATUS_BAD_ALIGNMENT;
    walk_begin(&known, &device_registry, (uint64_t)pte_leaf_frame(leaf, level).number << PAGE_SHIFT);
    assert(known.level == level && pte_is_present(*known.entry) && (*known.entry & DEVICE_SHARES) != 0);
    if (visit->owner != nullptr && pte_frame(*known.entry).number != visit->owner->frame.number) return STATUS_NO_RIGHT;

    // Commit: nothing below may fail.
    visit->count_pages = pages;
    visit->cost = 1;
    if ((pte_cache(leaf, level) & ATTRIBUTE_UNCACHED) == 0) visit->is_cached = true; /* write-combining has that bit too */
    *walk->entry = 0;
    gather_page(walk->address);
    walk->space->count_devices--;
    walk_remove(walk, 1);
    *known.entry -= DEVICE_SHARE;
    if (*known.entry & DEVICE_SHARES) return STATUS_OK;
    *known.entry = 0;
    walk_remove(&known, 1);
    return STATUS_OK;
}

enum status device_unmap(const struct space *owner, struct space *space, struct user_span span, uint64_t *done)
{
    struct visit visit;
    uint64_t changed;
    visit.deed = DEVICE;
    visit.owner = owner;
    visit.is_cached = false;
    enum status status = visit_all(&visit, space, span, done, &changed);
    if (visit.is_cached) arch_cache_write_back();
    registry_end();
    return status;
}

#ifdef QUIRE_TEST
void *device_entry(uint64_t frame, unsigned level)
{
    if (device_registry.root.number == 0) return nullptr;
    struct walk walk;
    walk_begin(&walk, &device_registry, frame << PAGE_SHIFT);
    return walk.level == level && pte_is_present(*walk.entry) ? walk.entry : nullptr;
}
#endif
