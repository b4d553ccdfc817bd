/* What a segment is charged, what its pages may, which one is nearest. See segment.h.
 *
 * Charges are bounds, so that nobody has to be asked: each page needs at most one table of its own on each level, and a range at most those that it touches. */
#include <assert.h>

#include "fill.h"
#include "journal.h"
#include "segment.h"

uint64_t segment_tables_of(uint64_t first, uint64_t limit, unsigned level)
{
    constexpr unsigned bits = sizeof(void *) == 8 ? 9 : 10; /* of an address that one table decides */
    unsigned shift = PAGE_SHIFT + bits * level;
    return ((limit - 1) >> shift) - (first >> shift) + 1;
}

uint64_t segment_tables(uint64_t first, uint64_t limit, uint64_t pages)
{
    if (pages == 0) return 0;
    uint64_t bound = 0;
    for (unsigned level = 1; level <= SEGMENT_LEVELS; level++) {
        uint64_t tables = segment_tables_of(first, limit, level);
        bound += tables < pages ? tables : pages;
    }
    return bound;
}

uint64_t segment_charge(const struct segment *segment)
{
    uint64_t tables = segment_tables(segment->first, segment->limit, segment->pages);
    if (segment->fill->has_registry) tables += tables + SEGMENT_LEVELS + 1; /* of the registry: one more on each level, and a root */
    return segment->pages * segment->fill->page_charge + tables;
}

uint64_t segment_charge_more(const struct segment *segment, uint64_t count)
{
    uint64_t charge = count * segment->fill->page_charge;
    if (segment->pages >= segment_tables_of(segment->first, segment->limit, 1)) return charge;
    return charge + segment_tables(segment->first, segment->limit, segment->pages + count) - segment_tables(segment->first, segment->limit, segment->pages);
}

uint32_t segment_attributes(uint32_t protection)
{
    uint32_t attributes = ATTRIBUTE_READ;
    if (protection & PROTECTION_WRITE) attributes |= ATTRIBUTE_WRITE;
    if (protection & PROTECTION_EXECUTE) attributes |= ATTRIBUTE_EXECUTE;
    if ((attributes & ATTRIBUTE_WRITE) && (attributes & ATTRIBUTE_EXECUTE)) attributes |= ATTRIBUTE_WRITE_EXECUTE;
    return attributes;
}

bool segment_is_writable(const struct segment *segment)
{
    return segment_rules_of(segment->kind)->protections & segment->fill->protections & PROTECTION_WRITE;
}

enum status segment_take_over(struct segment_table *table, struct segment *segment)
{
    uint64_t charge = segment_charge(segment);
    enum status status = quota_check(&table->family->pages, charge);
    if (status != STATUS_OK) return status;

    // Commit: nothing below may fail.
    quota_remove(segment_quota(table, segment), charge);
    journal_save(segment, SEGMENT_KEPT_BYTES);
    segment->payer = 0;
    quota_add(segment_quota(table, segment), charge);
    segment_set_protection(segment, segment->protection); /* what follows from the row is another now */
    return STATUS_OK;
}

struct segment *segment_find_kind(const struct segment_table *table, enum segment_kind kind)
{
    for (uint32_t i = 0; i < table->count_fixed; i++)
        if (table->fixed[i].row->kind == kind) return table->fixed[i].row;
    struct segment *mapped = segment_mapped_above(table, LAYOUT_MMAP_FIRST);
    return mapped != nullptr && mapped->kind == kind ? mapped : nullptr;
}

/* For the line of a fault that ends a process: looks through all of them. */
const struct segment *segment_nearest(const struct segment_table *table, uint64_t address)
{
    const struct segment *below = nullptr;
    for (const struct segment *row = segment_above(table, 0); row != nullptr; row = segment_above(table, row->limit)) {
        if (row->limit <= address) below = row;
        else return below != nullptr && address - below->limit < row->first - address ? below : row;
    }
    return below;
}
