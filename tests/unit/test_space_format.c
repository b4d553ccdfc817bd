/* The table format itself: indices at every boundary, entries that say back what was put into them, and what the algorithm makes of both.
 *
 * Run over each format (cmake/host.cmake). The index is recounted here by division, level by level, from the number of entries alone. */
#include <criterion/criterion.h>

#include "check.h"
#include "fill_page.h"
#include "host.h"
#include "space.h"
#include "table_format.h"

/* Bytes that one entry of a level stands for, by multiplication. */
static uint64_t reach_of(unsigned level)
{
    uint64_t bytes = PAGE_BYTES;
    for (unsigned i = 0; i < level; i++) bytes *= pte_entries(i);
    return bytes;
}

static void index_check(uint64_t address)
{
    for (unsigned level = 0; level < PTE_LEVELS; level++) {
        unsigned expected = (unsigned)(address / reach_of(level) % pte_entries(level));
        cr_assert_eq(pte_index(address, level), expected, "address %lx level %u: %u, expected %u", address, level, pte_index(address, level), expected);
    }
}

Test(space_format, index_at_every_boundary)
{
    for (unsigned level = 0; level < PTE_LEVELS; level++) {
        cr_assert_eq((uint64_t)1 << pte_shift(level), reach_of(level));
        for (uint64_t i = 0; i < pte_entries(level); i++) {
            uint64_t address = i * reach_of(level);
            for (unsigned upper = level + 1; upper <= PTE_LEVELS; upper++) { /* the same index below the first and the last entries above */
                uint64_t above = upper == PTE_LEVELS ? 0 : (uint64_t)(pte_entries(upper) - 1) * reach_of(upper);
                index_check(address + above);
                index_check(address + above + reach_of(level) - 1);
                if (address + above != 0) index_check(address + above - 1);
            }
        }
    }
}

/* Both edges of the user part, and of the canonical hole where the format has one: all indices at their ends. */
Test(space_format, index_at_the_edges)
{
    const uint64_t user_part = (uint64_t)PTE_ROOT_USER_ENTRIES * reach_of(PTE_LEVELS - 1);
    cr_assert_leq(USER_LIMIT, user_part);
    static const uint64_t edges[] = { 0, USER_FIRST - 1, USER_FIRST, USER_LIMIT - 1, USER_LIMIT, USER_LIMIT + PAGE_BYTES - 1 };
    for (size_t i = 0; i < sizeof edges / sizeof edges[0]; i++) index_check(edges[i]);
    index_check(user_part - 1);
    index_check(user_part);
    cr_assert_eq(pte_index(user_part - 1, PTE_LEVELS - 1), PTE_ROOT_USER_ENTRIES - 1, "the last user address is below the last user entry");
    cr_assert_eq(pte_index(USER_LIMIT - PAGE_BYTES, PTE_LEVELS - 1), PTE_ROOT_USER_ENTRIES - 1);
    for (unsigned level = 0; level + 1 < PTE_LEVELS; level++) {
        cr_assert_eq(pte_index(user_part - 1, level), pte_entries(level) - 1);
        cr_assert_eq(pte_index(user_part, level), 0);
    }
    if (PTE_LEVELS < 4) return;
    index_check(0x0000'8000'0000'0000); /* not canonical, first and last; the kernel's half, first and last */
    index_check(0xffff'7fff'ffff'ffff);
    index_check(0xffff'8000'0000'0000);
    index_check(UINT64_MAX);
    cr_assert_eq(pte_index(0xffff'8000'0000'0000, PTE_LEVELS - 1), PTE_ROOT_USER_ENTRIES, "the kernel's half begins where the user's ends");
}

/* --- Entries --- */

static const uint32_t frame_numbers[] = { 0, 1, 0x3ff, 0x400, 0xf'fc00, PTE_FRAMES_LIMIT - 1 };

Test(space_format, leaves_say_what_was_put_in)
{
    for (unsigned level = 0; level < PTE_LEAF_LEVELS; level++) {
        uint32_t alignment = (uint32_t)(reach_of(level) >> PAGE_SHIFT);
        for (size_t i = 0; i < sizeof frame_numbers / sizeof frame_numbers[0]; i++) {
            frame_t frame = { frame_numbers[i] / alignment * alignment };
            for (uint32_t attributes = 0; attributes <= ATTRIBUTES_ALL; attributes++) {
                if (attributes_check(attributes) != STATUS_OK) continue;
                constexpr uint32_t both = ATTRIBUTE_WRITE | ATTRIBUTE_EXECUTE;
                uint32_t expected = (attributes & both) == both ? attributes : attributes & ~(uint32_t)ATTRIBUTE_WRITE_EXECUTE;
                pte_t leaf = pte_make_leaf(frame, attributes, level);
                cr_assert(pte_is_present(leaf) && pte_is_well_formed(leaf, level, true) && pte_is_large(leaf, level) == (level != 0));
                cr_assert_eq(pte_frame(leaf).number, frame.number);
                cr_assert_eq(pte_attributes(leaf), expected, "level %u attributes %u: %u", level, attributes, pte_attributes(leaf));
                pte_t noted = leaf | PTE_ACCESSED | PTE_DIRTY, read_only = pte_protect(noted, ATTRIBUTE_READ, level);
                cr_assert(pte_is_same(leaf, noted));
                cr_assert_eq(pte_attributes(read_only), ATTRIBUTE_READ | ATTRIBUTE_ACCESSED | ATTRIBUTE_DIRTY);
                cr_assert_eq(pte_frame(read_only).number, frame.number);
                cr_assert(pte_is_same(pte_protect(read_only, attributes, level), leaf));
            }
        }
    }
}

Test(space_format, tables_are_no_leaves)
{
    for (unsigned level = 1; level < PTE_LEVELS; level++) {
        for (size_t i = 0; i < sizeof frame_numbers / sizeof frame_numbers[0]; i++) {
            pte_t entry = pte_make_table((frame_t){ frame_numbers[i] }, level);
            cr_assert(pte_is_present(entry) && !pte_is_large(entry, level) && pte_is_well_formed(entry, level, false));
            cr_assert_eq(pte_frame(entry).number, frame_numbers[i]);
        }
        pte_t odd = pte_make_table((frame_t){ 1 }, level) | PTE_GLOBAL;
        cr_assert(!pte_is_well_formed(odd, level, false));
    }
    cr_assert(!pte_is_well_formed(pte_make_leaf((frame_t){ 1 }, ATTRIBUTE_READ, 1), 1, true), "a large leaf is aligned");
    /* PAE, Intel SDM vol. 3, table 4-8: an entry of the root with a right faults when it is loaded. */
    pte_t root = pte_make_table((frame_t){ 1 }, PTE_LEVELS - 1);
    cr_assert_eq((root & (PTE_WRITE | PTE_USER)) == 0, PTE_LEVELS == 3);
}

/* The pieces of a large leaf are the small leaves that would have been made instead. */
Test(space_format, split_gives_the_small_leaves)
{
    for (unsigned level = 1; level < PTE_LEAF_LEVELS; level++) {
        frame_t frame = { (uint32_t)(2 * reach_of(level) >> PAGE_SHIFT) };
        for (uint32_t attributes = 0; attributes <= ATTRIBUTES_ALL; attributes++) {
            if (attributes_check(attributes) != STATUS_OK) continue;
            pte_t piece = pte_split(pte_make_leaf(frame, attributes, level) | PTE_DIRTY, level);
            uint32_t step = (uint32_t)(reach_of(level - 1) >> PAGE_SHIFT);
            for (uint32_t i = 0; i < pte_entries(level - 1); i++, piece = pte_next(piece, level - 1)) {
                pte_t expected = pte_make_leaf((frame_t){ frame.number + i * step }, attributes, level - 1);
                cr_assert_eq(piece, expected | PTE_DIRTY, "level %u piece %u", level, i);
            }
        }
    }
}

/* --- The algorithm over the format --- */

static struct space *space;

static void begin(uint64_t bytes)
{
    host_initialise_frames(bytes, 16);
    cr_assert_eq(space_create(&space), STATUS_OK);
}

/* One page on each side of every boundary that an index has, in turn: found by another walk, and nothing beside it. */
Test(space_format, pages_beside_each_boundary)
{
    begin((uint64_t)16 << 20);
    frame_t frames;
    cr_assert_eq(frame_allocate(1, FRAME_KIND_USER, &frames), STATUS_OK);
    for (unsigned level = 0; level < PTE_LEVELS; level++) {
        unsigned limit = level == PTE_LEVELS - 1 ? PTE_ROOT_USER_ENTRIES : pte_entries(level);
        for (uint64_t i = 1; i < limit; i++) {
            uint64_t boundary = (level == PTE_LEVELS - 1 ? 0 : FORMAT_EDGE) + i * reach_of(level);
            uint64_t done;
            struct user_span span;
            cr_assert_eq(user_span_check(boundary - PAGE_BYTES, 2, &span), STATUS_OK, "level %u entry %lu", level, i);
            cr_assert_eq(space_map(space, span, frames, ATTRIBUTE_WRITE, &done), level == 0 ? STATUS_OK : STATUS_AGAIN, "a step is in one table");
            cr_assert_eq(done, level == 0 ? 2 : 1);
            struct user_span rest = { { boundary }, 1 };
            if (level != 0) cr_assert_eq(space_map(space, rest, (frame_t){ frames.number + 1 }, ATTRIBUTE_WRITE, &done), STATUS_OK);
            struct host_translation found;
            cr_assert(host_walk(space->root, boundary - 1, &found) && found.frame.number == frames.number, "level %u entry %lu", level, i);
            cr_assert(host_walk(space->root, boundary, &found) && found.frame.number == frames.number + 1, "level %u entry %lu", level, i);
            cr_assert(!host_walk(space->root, boundary - PAGE_BYTES - 1, &found) && !host_walk(space->root, boundary + PAGE_BYTES, &found));
            struct unmap_result result;
            cr_assert_eq(space_unmap(space, span, UNMAP_KEEP, &result), STATUS_OK);
            cr_assert(result.unmapped_pages == 2 && space->count_tables == 0 && space->count_mapped == 0);
        }
    }
    cr_assert_eq(check_run(), 0, "%s", host_log_text());
}

/* A large leaf loses a part at its beginning, in its middle, at its end: the rest keeps its frames, and one table is taken. */
Test(space_format, part_of_a_large_leaf)
{
    static const unsigned parts[][2] = { { 0, 1 }, { 5, 2 }, { 511, 1 }, { FORMAT_TABLE_PAGES - 1, 1 }, { 1, 400 } };
    for (unsigned i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        begin((uint64_t)32 << 20);
        frame_t block;
        cr_assert_eq(frame_allocate(FORMAT_TABLE_ORDER, FRAME_KIND_USER, &block), STATUS_OK);
        cr_assert(format_map_large(space, FORMAT_MIDDLE, block, ATTRIBUTE_WRITE));
        cr_assert_eq(check_run(), 0, "%s", host_log_text());
        uint64_t tables = space->count_tables;
        host_activate(space->root);
        for (unsigned page = 0; page < FORMAT_TABLE_PAGES; page += 97) cr_assert_not_null(host_load(FORMAT_MIDDLE + page * PAGE_BYTES));
        struct unmap_result result;
        struct user_span span;
        cr_assert_eq(user_span_check(FORMAT_MIDDLE + parts[i][0] * PAGE_BYTES, parts[i][1], &span), STATUS_OK);
        cr_assert_eq(space_unmap(space, span, UNMAP_KEEP, &result), STATUS_OK);
        cr_assert(result.unmapped_pages == parts[i][1] && space->count_tables == tables + 1);
        cr_assert_null(host_tlb_stale());
        for (unsigned page = 0; page < FORMAT_TABLE_PAGES; page++) {
            struct host_translation found;
            bool is_there = host_walk(space->root, FORMAT_MIDDLE + page * PAGE_BYTES, &found);
            cr_assert_eq(is_there, page < parts[i][0] || page >= parts[i][0] + parts[i][1]);
            if (is_there) cr_assert(found.frame.number == block.number + page && found.level == 0);
        }
        cr_assert_eq(check_run(), 0, "%s", host_log_text());
    }
}

/* A subtree and the pages on both sides of it change places: whole tables go by their upper entry where both addresses have the alignment of the format. */
Test(space_format, pages_move_between_spaces)
{
    constexpr uint64_t count = 3 + 2 * FORMAT_TABLE_PAGES + 5, from = FORMAT_MIDDLE - 3 * PAGE_BYTES, to = FORMAT_EDGE - 3 * PAGE_BYTES;
    begin((uint64_t)64 << 20);
    struct space *receiver;
    cr_assert_eq(space_create(&receiver), STATUS_OK);
    uint64_t done, moved, pages[] = { 0, 2, 3, 4, FORMAT_TABLE_PAGES, FORMAT_TABLE_PAGES + 3, 2 * FORMAT_TABLE_PAGES + 2, count - 1 };
    constexpr unsigned count_pages = sizeof pages / sizeof pages[0];
    frame_t frames[count_pages];
    for (unsigned i = 0; i < count_pages; i++)
        cr_assert_eq(fill_page(space, (user_page_t){ from + pages[i] * PAGE_BYTES }, ATTRIBUTE_WRITE, &frames[i]), STATUS_OK);
    host_activate(space->root);
    for (unsigned i = 0; i < count_pages; i++) cr_assert_not_null(host_load(from + pages[i] * PAGE_BYTES));
    uint64_t total = 0, total_moved = 0, tables = space->count_tables;
    for (enum status status = STATUS_AGAIN; status == STATUS_AGAIN; total += done, total_moved += moved) {
        struct user_span span = { { to + total * PAGE_BYTES }, count - total };
        status = space_move(space, (user_page_t){ from + total * PAGE_BYTES }, receiver, span, &done, &moved);
        cr_assert((status == STATUS_OK || status == STATUS_AGAIN) && done > 0, "%s", status_name(status));
        cr_assert_null(host_tlb_stale());
    }
    cr_assert(total == count && total_moved == count_pages && space->count_mapped == 0 && receiver->count_mapped == count_pages);
    cr_assert(space->count_tables == 0);
    cr_assert_eq(receiver->count_tables, tables + (PTE_LEVELS == 4), "with four levels the index into the root changes at one of the places only");
    for (unsigned i = 0; i < count_pages; i++) {
        struct host_translation found;
        cr_assert(host_walk(receiver->root, to + pages[i] * PAGE_BYTES, &found) && found.frame.number == frames[i].number);
        cr_assert(!host_walk(space->root, from + pages[i] * PAGE_BYTES, &found));
    }
    cr_assert_eq(check_run(), 0, "%s", host_log_text());
}
