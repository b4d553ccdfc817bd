/* Devices: what may be mapped, who may take it away, the bits of its entries, and that the registry knows all of it at a constant price. */
#include "device.h"
#include "space_fixture.h"

/* Physical places: a hole in memory, and beyond its end; within what each format's entries and registry reach. */
constexpr uint64_t BEYOND = 0xd0000; /* frame of 3.25 GiB */
constexpr uint64_t HOLE = 4096;      /* frame of 16 MiB, of begin_with_hole() */
constexpr uint64_t HOLE_PAGES = 2040;

static struct space *owner, *stranger;
static uint64_t free_before;

/* Memory with a hole that nobody calls usable, and in it what firmware calls reserved. */
static void begin_with_hole(void)
{
    host_initialise(MACHINE_BYTES);
    uint32_t frames = (uint32_t)(MACHINE_BYTES >> PAGE_SHIFT);
    uint64_t storage = frame_storage_bytes(frames), hole = HOLE << PAGE_SHIFT, hole_limit = (HOLE + HOLE_PAGES) << PAGE_SHIFT;
    struct memory_range ranges[] = {
        { 0, hole, MEMORY_USABLE },
        { hole + 64 * PAGE_BYTES, hole + 80 * PAGE_BYTES, MEMORY_RESERVED }, /* tables of firmware */
        { hole_limit, MACHINE_BYTES, MEMORY_USABLE },
        { 0x100000, 0x110000, MEMORY_RESERVED }, /* in usable memory */
        { 0x200000, 0x280000, MEMORY_KERNEL },
        { MACHINE_BYTES - storage, MACHINE_BYTES, MEMORY_KERNEL },
    };
    frame_initialise(host_arena + MACHINE_BYTES - storage, frames, ranges, sizeof ranges / sizeof ranges[0]);
    cr_assert_eq(space_create(&space), STATUS_OK);
    cr_assert_eq(space_create(&owner), STATUS_OK);
    cr_assert_eq(space_create(&stranger), STATUS_OK);
    free_before = frame_count_free();
}

static void end_devices(void)
{
    end();
    cr_assert_eq(frame_count_free(), free_before, "frames are lost");
    cr_assert_eq(device_registry.root.number, 0, "an empty registry keeps no frame");
}

TestSuite(space_device, .init = begin_with_hole);

static enum status device(uint64_t address, uint64_t first, uint64_t count, uint32_t attributes)
{
    uint64_t done = 0;
    enum status status = device_map(owner, space, span_of(address, count), first, attributes, false, &done);
    if (status == STATUS_OK) cr_assert_eq(done, count);
    return status;
}

static enum status device_away(uint64_t address, uint64_t count)
{
    uint64_t done = 0;
    enum status status = device_unmap(owner, space, span_of(address, count), &done);
    if (status == STATUS_OK) cr_assert_eq(done, count);
    return status;
}

static pte_t entry_at(uint64_t address, unsigned *level)
{
    struct host_translation found;
    cr_assert(host_walk(space->root, address, &found));
    *level = found.level;
    return found.entry;
}

/* --- Entries --- */

/* The manual's bits, spelt out: PWT 3, PCD 4, PAT 7 or, in a large leaf, 12; writing 1. */
static pte_t cache_bits(uint32_t attributes, unsigned level)
{
    switch (attributes & ATTRIBUTE_CACHE) {
    case ATTRIBUTE_UNCACHED: return 0x18;
    case ATTRIBUTE_WRITE_THROUGH: return 0x08;
    case ATTRIBUTE_WRITE_COMBINING: return level == 0 ? 0x98 : 0x1018;
    default: return 0;
    }
}

Test(space_device, every_cache_attribute_with_every_right_as_asked)
{
    for (unsigned large = 0; large < 2; large++) {
        uint64_t count = large ? FORMAT_TABLE_PAGES : 3;
        for (uint32_t attributes = 0; attributes <= ATTRIBUTES_DEVICE; attributes++) {
            if (device_attributes_check(attributes) != STATUS_OK) continue;
            cr_assert_eq(device(MIDDLE, BEYOND, count, attributes), STATUS_OK);
            unsigned level;
            pte_t entry = entry_at(MIDDLE, &level);
            cr_assert_eq(level, large);
            pte_t choosing = level == 0 ? 0x98 : 0x1018;
            cr_assert_eq(entry & choosing, cache_bits(attributes, level), "attributes %u entry %lx", attributes, (unsigned long)entry);
            cr_assert_eq((entry & 2) != 0, (attributes & ATTRIBUTE_WRITE) != 0);
            struct translation translation;
            cr_assert_eq(space_query(space, page_of(MIDDLE + (count - 1) * PAGE_BYTES), &translation), STATUS_OK);
            cr_assert_eq(translation.frame.number, BEYOND + count - 1);
            cr_assert_eq(translation.attributes, attributes);
            end();
            cr_assert_eq(device_away(MIDDLE, count), STATUS_OK);
        }
    }
    end_devices();
}

Test(space_device, the_rows_of_the_table_are_what_entries_choose)
{
    /* AMD64 manual vol. 2, 7.8: row 4 * PAT + 2 * PCD + PWT; 0 uncached, 1 combining, 4 through, 6 back. */
    const struct { uint32_t attributes; unsigned type; } wanted[] = {
        { 0, 6 }, { ATTRIBUTE_UNCACHED, 0 }, { ATTRIBUTE_WRITE_THROUGH, 4 }, { ATTRIBUTE_WRITE_COMBINING, 1 },
    };
    for (unsigned i = 0; i < 4; i++) {
        uint32_t bits = pat_encode(wanted[i].attributes, 0);
        unsigned row = (bits >> 7 & 1) * 4 + (bits >> 4 & 1) * 2 + (bits >> 3 & 1);
        cr_assert_eq(PAT_VALUE >> 8 * row & 0xff, wanted[i].type);
        cr_assert_eq(row < 4 || (PAT_VALUE >> 8 * (row - 4) & 0xff) == 0, true, "without the PAT bit write-combining is uncached");
    }
}

Test(space_device, without_write_combining_it_is_uncached)
{
    host_set_write_combining(false);
    cr_assert_eq(device(MIDDLE, BEYOND, 1, ATTRIBUTE_WRITE_COMBINING | ATTRIBUTE_WRITE), STATUS_OK);
    struct translation translation;
    cr_assert_eq(space_query(space, page_of(MIDDLE), &translation), STATUS_OK);
    cr_assert_eq(translation.attributes, ATTRIBUTE_UNCACHED | ATTRIBUTE_WRITE);
    cr_assert_eq(device_away(MIDDLE, 1), STATUS_OK);
    end_devices();
}

Test(space_device, memory_is_write_back_only)
{
    for (uint64_t attributes = 8; attributes < 64; attributes++) cr_assert_eq(attributes_check(attributes), STATUS_BAD_ARGUMENT);
    for (uint32_t other = 1; other < 64; other++)
        if (other & ~(uint32_t)ATTRIBUTES_DEVICE) cr_assert_eq(device_attributes_check(other), STATUS_BAD_ARGUMENT, "%u", other);
    cr_assert_eq(device_attributes_check((uint64_t)1 << 32), STATUS_BAD_ARGUMENT);
}

/* What went through the caches is written back when it is unmapped, so that the next attribute finds nothing old. */
Test(space_device, caches_are_written_back_after_cached_mappings_only)
{
    const uint32_t attributes[] = { 0, ATTRIBUTE_WRITE_THROUGH, ATTRIBUTE_UNCACHED, ATTRIBUTE_WRITE_COMBINING };
    for (unsigned i = 0; i < 4; i++) {
        uint64_t before = host_count(HOST_WRITE_BACKS);
        cr_assert_eq(device(MIDDLE, BEYOND, 2, attributes[i]), STATUS_OK);
        cr_assert_eq(device_away(MIDDLE, 2), STATUS_OK);
        cr_assert_eq(host_count(HOST_WRITE_BACKS) - before, i < 2);
    }
    end_devices();
}

/* --- What may be mapped --- */

Test(space_device, memory_is_refused_and_the_bitmap_untouched)
{
    frame_t user = take(0);
    const uint64_t refused[] = { 0, 15, 16, 0x100, 0x200, 0x27f, HOLE - 1, HOLE + HOLE_PAGES, user.number, space->frame.number, space->root.number,
                                 (MACHINE_BYTES >> PAGE_SHIFT) - 1 };
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        cr_assert_eq(device(MIDDLE, refused[i], 1, 0), STATUS_BAD_FRAME, "frame %lx", (unsigned long)refused[i]);
    cr_assert_eq(device(MIDDLE, HOLE - 1, 2, 0), STATUS_BAD_FRAME);
    cr_assert_eq(device(MIDDLE, HOLE + HOLE_PAGES - 1, 2, 0), STATUS_BAD_FRAME, "the last page is memory");
    cr_assert_eq(device(MIDDLE, (MACHINE_BYTES >> PAGE_SHIFT) - 1, 2, 0), STATUS_BAD_FRAME);
    cr_assert_eq(frame_free(user, 0, FRAME_KIND_USER), STATUS_OK);
    uint64_t free = frame_count_free(), total = frame_count_total();
    cr_assert_eq(device(MIDDLE, HOLE + 60, 30, ATTRIBUTE_UNCACHED), STATUS_OK, "a hole, and the firmware's tables in it");
    cr_assert_eq(frame_count_free(), free - 2 * BELOW_ROOT - 1, "tables of the space and of the registry, nothing else");
    cr_assert_eq(frame_count_total(), total);
    for (uint64_t i = HOLE; i < HOLE + HOLE_PAGES; i++) cr_assert_eq(frame_find((frame_t){ (uint32_t)i })->kind, FRAME_KIND_ABSENT);
    cr_assert_eq(device_away(MIDDLE, 30), STATUS_OK);
    end_devices();
}

Test(space_device, hostile_numbers)
{
    const uint64_t wild[] = { PTE_FRAMES_LIMIT, (uint64_t)PTE_FRAMES_LIMIT + 1, (uint64_t)1 << 32, (uint64_t)1 << 52, UINT64_MAX, UINT64_MAX - 5,
                              (uint64_t)1 << 63 };
    for (size_t i = 0; i < sizeof wild / sizeof wild[0]; i++) {
        cr_assert_eq(device(MIDDLE, wild[i], 1, 0), STATUS_BAD_FRAME);
        cr_assert_eq(device(MIDDLE, wild[i], 7, 0), STATUS_BAD_FRAME);
        cr_assert_eq(device(MIDDLE, wild[i] - 1, FORMAT_TABLE_PAGES * 3, 0), STATUS_BAD_FRAME);
    }
    end_devices();
}

Test(space_device, what_the_port_forbids)
{
    device_forbid(0xfee10, 0xfee11);
    device_forbid(0xfec00, 0xfed00);
    cr_assert_eq(device(MIDDLE, 0xfee10, 1, 0), STATUS_BAD_FRAME);
    cr_assert_eq(device(MIDDLE, 0xfee0f, 3, 0), STATUS_BAD_FRAME);
    cr_assert_eq(device(MIDDLE, 0xfec00, 512, 0), STATUS_BAD_FRAME);
    cr_assert_eq(device(MIDDLE, 0xfed00, 0x100, 0), STATUS_OK);
    cr_assert_eq(device_away(MIDDLE, 0x100), STATUS_OK);
    end_devices();
}

/* --- Who has it --- */

Test(space_device, overlaps_are_refused_unless_shared_by_the_owner)
{
    uint64_t done;
    cr_assert_eq(device(MIDDLE, BEYOND + 10, 10, 0), STATUS_OK);
    uint64_t other = MIDDLE + 100 * PAGE_BYTES, left = frame_count_free();
    for (uint64_t first = BEYOND + 1; first < BEYOND + 20; first += 3)
        cr_assert_eq(device(other, first, 10, 0), STATUS_EXISTS, "first %lx", (unsigned long)first);
    cr_assert_eq(device_map(stranger, space, span_of(other, 10), BEYOND + 10, 0, true, &done), STATUS_EXISTS, "a stranger shares nothing");
    cr_assert_eq(device(MIDDLE + 5 * PAGE_BYTES, BEYOND + 50, 1, 0), STATUS_ALREADY_MAPPED);
    cr_assert_eq(frame_count_free(), left);
    for (unsigned i = 1; i < 7; i++) /* with leaves that name it 2 to 7 times */
        cr_assert_eq(device_map(owner, i % 2 ? stranger : space, span_of(other + i * 0x10000, 10), BEYOND + 10, 0, true, &done), STATUS_OK);
    cr_assert_eq(device_map(owner, space, span_of(other, 10), BEYOND + 10, 0, true, &done), STATUS_TOO_MANY_MAPPINGS);
    end();
    cr_assert_eq(device_away(MIDDLE, 10), STATUS_OK);
    cr_assert_eq(device(MIDDLE, BEYOND + 10, 1, 0), STATUS_EXISTS, "six leaves are left");
    for (unsigned i = 1; i < 7; i++) cr_assert_eq(device_unmap(owner, i % 2 ? stranger : space, span_of(other + i * 0x10000, 10), &done), STATUS_OK);
    end_devices();
}

Test(space_device, large_and_small_leaves_do_not_overlap_either)
{
    cr_assert_eq(device(MIDDLE, BEYOND, FORMAT_TABLE_PAGES, 0), STATUS_OK);
    uint64_t small = MIDDLE + 8 * FORMAT_TABLE_BYTES, done;
    cr_assert_eq(device(small, BEYOND, 1, 0), STATUS_EXISTS);
    cr_assert_eq(device(small, BEYOND + FORMAT_TABLE_PAGES - 1, 1, 0), STATUS_EXISTS);
    cr_assert_eq(device_map(owner, space, span_of(small, 1), BEYOND, 0, true, &done), STATUS_EXISTS, "shares are of one size");
    cr_assert_eq(device(small, BEYOND + FORMAT_TABLE_PAGES + 3, 1, 0), STATUS_OK);
    cr_assert_eq(device(small + 4 * FORMAT_TABLE_BYTES, BEYOND + FORMAT_TABLE_PAGES, FORMAT_TABLE_PAGES, 0), STATUS_EXISTS);
    cr_assert_eq(device_map(owner, space, span_of(small + 4 * FORMAT_TABLE_BYTES, FORMAT_TABLE_PAGES), BEYOND, 0, true, &done), STATUS_OK);
    end();
    cr_assert_eq(device_away(small + 4 * FORMAT_TABLE_BYTES, FORMAT_TABLE_PAGES), STATUS_OK);
    cr_assert_eq(device_away(small, 1), STATUS_OK);
    cr_assert_eq(device_away(MIDDLE + PAGE_BYTES, 1), STATUS_BAD_ALIGNMENT, "a large leaf goes whole");
    cr_assert_eq(device_away(MIDDLE, FORMAT_TABLE_PAGES - 1), STATUS_BAD_ALIGNMENT);
    cr_assert_eq(device_away(MIDDLE, FORMAT_TABLE_PAGES), STATUS_OK);
    end_devices();
}

Test(space_device, double_and_foreign_unmapping)
{
    uint64_t done;
    cr_assert_eq(device_away(MIDDLE, 1), STATUS_NOT_MAPPED);
    cr_assert_eq(device(MIDDLE, BEYOND, 4, 0), STATUS_OK);
    cr_assert_eq(device_unmap(stranger, space, span_of(MIDDLE, 4), &done), STATUS_NO_RIGHT);
    cr_assert_eq(device_unmap(owner, stranger, span_of(MIDDLE, 4), &done), STATUS_NOT_MAPPED);
    end();
    cr_assert_eq(device_away(MIDDLE, 4), STATUS_OK);
    cr_assert_eq(device_away(MIDDLE, 4), STATUS_NOT_MAPPED);
    map(MIDDLE, 1, take(0), ATTRIBUTE_WRITE);
    cr_assert_eq(device_away(MIDDLE, 1), STATUS_NOT_MAPPED, "memory is not a device");
    unmap(MIDDLE, 1, UNMAP_FREE);
    end_devices();
}

/* --- The registry's price --- */

Test(space_device, a_thousand_mappings_at_a_constant_price)
{
    uint64_t most = 0, sum = 0, done;
    for (unsigned i = 0; i < 1000; i++) {
        count_begin();
        cr_assert_eq(device(MIDDLE + i * 2 * PAGE_BYTES, BEYOND + i * 7 % 1000 * 3, 1, 0), STATUS_OK);
        uint64_t read = count_of(COUNTER_ENTRIES_READ);
        sum += read;
        if (read > most) most = read;
    }
    /* One walk of the space, one of the registry, the place in each looked at once more: no entry of another mapping is ever read. */
    cr_assert_leq(most, 2 * PTE_LEVELS + 2);
    cr_assert_leq(sum, 1000 * (2 * PTE_LEVELS + 2));
    end();
    for (unsigned i = 0; i < 1000; i++) {
        count_begin();
        cr_assert_eq(device_map(owner, stranger, span_of(MIDDLE, 1), BEYOND + i * 3, 0, false, &done), STATUS_EXISTS);
        cr_assert_leq(count_of(COUNTER_ENTRIES_READ), 2 * PTE_LEVELS + 2);
        count_begin();
        cr_assert_eq(device_unmap(stranger, space, span_of(MIDDLE + i * 2 * PAGE_BYTES, 1), &done), STATUS_NO_RIGHT);
        cr_assert_leq(count_of(COUNTER_ENTRIES_READ), 2 * PTE_LEVELS);
    }
    for (unsigned i = 0; i < 1000; i++) {
        count_begin();
        cr_assert_eq(device_away(MIDDLE + i * 2 * PAGE_BYTES, 1), STATUS_OK);
        cr_assert_leq(count_of(COUNTER_ENTRIES_READ), 2 * PTE_LEVELS);
        cr_assert_eq(device_away(MIDDLE + i * 2 * PAGE_BYTES, 1), STATUS_NOT_MAPPED);
    }
    end_devices();
}

Test(space_device, long_ranges_go_in_steps_with_large_leaves)
{
    uint64_t done, at = 0, steps = 0, count = 5 * FORMAT_TABLE_PAGES + 9;
    enum status status;
    do {
        status = device_map(owner, space, span_of(MIDDLE - 5 * PAGE_BYTES + at * PAGE_BYTES, count - at), BEYOND - 5 + at, ATTRIBUTE_UNCACHED, false, &done);
        at += done;
        steps++;
        end();
    } while (status == STATUS_AGAIN);
    cr_assert(status == STATUS_OK && at == count && steps == 3, "edge, large leaves, edge; %lu steps", (unsigned long)steps);
    cr_assert_eq(space->count_devices, 5 + 5 + 4);
    for (at = 0; at < count; at += done) {
        status = device_unmap(owner, space, span_of(MIDDLE - 5 * PAGE_BYTES + at * PAGE_BYTES, count - at), &done);
        cr_assert(status == STATUS_AGAIN || (status == STATUS_OK && at + done == count));
        end();
    }
    end_devices();
}

Test(space_device, no_memory_for_tables_changes_nothing)
{
    for (unsigned left = 0; left < 2 * BELOW_ROOT + 1; left++) {
        static frame_t taken[MACHINE_BYTES >> PAGE_SHIFT];
        unsigned count = 0;
        while (frame_count_free() > left) cr_assert_eq(frame_allocate(0, FRAME_KIND_KERNEL, &taken[count++]), STATUS_OK);
        cr_assert_eq(device(MIDDLE, BEYOND, 3, 0), STATUS_NO_MEMORY, "%u frames are too few", left);
        cr_assert_eq(frame_count_free(), left);
        cr_assert_eq(space->count_mapped, 0);
        while (count > 0) cr_assert_eq(frame_free(taken[--count], 0, FRAME_KIND_KERNEL), STATUS_OK);
    }
    cr_assert_eq(device(MIDDLE, BEYOND, 3, 0), STATUS_OK);
    cr_assert_eq(device_away(MIDDLE, 3), STATUS_OK);
    end_devices();
}

/* --- What else happens to a space --- */

Test(space_device, other_calls_take_devices_for_holes)
{
    map(MIDDLE, 2, take(1), ATTRIBUTE_WRITE);
    cr_assert_eq(device(MIDDLE + 2 * PAGE_BYTES, BEYOND, 3, ATTRIBUTE_UNCACHED | ATTRIBUTE_WRITE), STATUS_OK);
    cr_assert_eq(device(MIDDLE + FORMAT_TABLE_BYTES, BEYOND + FORMAT_TABLE_PAGES, FORMAT_TABLE_PAGES, 0), STATUS_OK);
    uint64_t done = 0, changed = 0, moved = 0, at = 0;
    while (at < 2 * FORMAT_TABLE_PAGES) {
        (void)space_protect(space, span_of(MIDDLE + at * PAGE_BYTES, 2 * FORMAT_TABLE_PAGES - at), ATTRIBUTE_READ, &done, &changed);
        cr_assert_eq(changed, at == 0 ? 2 : 0);
        at += done;
    }
    end();
    for (at = 0; at < 2 * FORMAT_TABLE_PAGES; at += done) {
        user_page_t from = page_of(MIDDLE + at * PAGE_BYTES);
        enum status status = space_move(space, from, stranger, span_of(MIDDLE + at * PAGE_BYTES, 2 * FORMAT_TABLE_PAGES - at), &done, &moved);
        cr_assert(status == STATUS_OK || status == STATUS_AGAIN);
        cr_assert_eq(moved, at == 0 ? 2 : 0);
    }
    cr_assert_eq(stranger->count_mapped, 2);
    cr_assert_eq(space->count_mapped, 3 + FORMAT_TABLE_PAGES);
    end();
    struct unmap_result result;
    for (at = 0; at < 2 * FORMAT_TABLE_PAGES; at += result.done_pages) {
        (void)space_unmap(space, span_of(MIDDLE + at * PAGE_BYTES, 2 * FORMAT_TABLE_PAGES - at), UNMAP_FREE, &result);
        cr_assert_eq(result.unmapped_pages, 0);
    }
    cr_assert_eq(space->count_devices, 4);
    cr_assert_eq(device_away(MIDDLE + 2 * PAGE_BYTES, 3), STATUS_OK);
    cr_assert_eq(device_away(MIDDLE + FORMAT_TABLE_BYTES, FORMAT_TABLE_PAGES), STATUS_OK);
    cr_assert_eq(space_unmap(stranger, span_of(MIDDLE, 2), UNMAP_FREE, &result), STATUS_OK);
    end_devices();
}

Test(space_device, ending_a_space_drops_its_devices)
{
    uint64_t done;
    map(MIDDLE, 1, take(0), ATTRIBUTE_WRITE);
    cr_assert_eq(device(MIDDLE + 2 * PAGE_BYTES, BEYOND, 300, 0), STATUS_OK);
    cr_assert_eq(device(MIDDLE + FORMAT_TABLE_BYTES, BEYOND + FORMAT_TABLE_PAGES, FORMAT_TABLE_PAGES, 0), STATUS_OK);
    cr_assert_eq(device_map(owner, stranger, span_of(MIDDLE, 10), BEYOND + 5, 0, true, &done), STATUS_OK);
    unsigned steps = 0;
    enum status status;
    while ((status = space_destroy(space)) == STATUS_AGAIN) {
        cr_assert_lt(++steps, 8);
        end();
    }
    cr_assert_eq(status, STATUS_OK);
    free_before += 2; /* control frame and root */
    cr_assert_eq(device_registry.count_mapped, 10, "what another space shares stays");
    cr_assert_eq(device_unmap(owner, stranger, span_of(MIDDLE, 10), &done), STATUS_OK);
    end_devices();
}

Test(space_device, translations_are_forgotten)
{
    host_activate(space->root);
    cr_assert_eq(device(MIDDLE, HOLE, 40, 0), STATUS_OK); /* the arena has bytes there, so that they can be loaded */
    cr_assert_eq(host_count(HOST_FLUSHES) + host_count(HOST_INVALIDATIONS), 0, "new entries cost nothing");
    for (unsigned i = 0; i < 40; i++) cr_assert_not_null(host_load(MIDDLE + i * PAGE_BYTES));
    cr_assert_eq(device_away(MIDDLE, 40), STATUS_OK);
    cr_assert_null(host_tlb_stale());
    cr_assert_eq(host_count(HOST_FLUSHES), 1);
    host_activate((frame_t){ 0 });
    end_devices();
}

/* --- The checker sees it --- */

Test(space_device, checker_names_what_is_broken)
{
    cr_assert_eq(device(MIDDLE, BEYOND, 2, 0), STATUS_OK);
    pte_t *known = device_entry(BEYOND, 0), kept = *known;
    *known += DEVICE_SHARE;
    cr_assert_eq(check_run(), 2, "a count too high");
    *known = 0;
    cr_assert_eq(check_run(), 1, "not registered");
    *known = kept;
    space->count_devices++;
    cr_assert_eq(check_run(), 6);
    space->count_devices--;
    end();
    cr_assert_eq(device_away(MIDDLE, 2), STATUS_OK);
    end_devices();
}
