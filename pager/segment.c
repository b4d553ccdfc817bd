/* The segments of one process: a sorted array. See segment.h.
 *
 * An array of a few hundred rows is searched in nine steps and needs no pointers to keep right; moving rows on insertion costs less than a balanced tree
 * at this size. The region directory of the mmap area takes over when there are more. */
#include "segment.h"

#include <assert.h>
#include <string.h>

#include "fill.h"

uint32_t segment_index_above(const struct segment_table *table, uint64_t address)
{
    uint32_t low = 0;
    uint32_t high = table->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (table->rows[middle].limit > address) high = middle;
        else low = middle + 1;
    }
    return low;
}

struct segment *segment_find(const struct segment_table *table, uint64_t address)
{
    uint32_t index = segment_index_above(table, address);
    if (index == table->count || table->rows[index].first > address) return nullptr;
    return &table->rows[index];
}

struct segment *segment_find_kind(const struct segment_table *table, enum segment_kind kind)
{
    for (uint32_t i = 0; i < table->count; i++)
        if (table->rows[i].kind == kind) return &table->rows[i];
    return nullptr;
}

const struct segment *segment_nearest(const struct segment_table *table, uint64_t address)
{
    if (table->count == 0) return nullptr;
    uint32_t index = segment_index_above(table, address);
    if (index == table->count) return &table->rows[index - 1];
    if (index == 0) return &table->rows[0];
    const struct segment *above = &table->rows[index];
    const struct segment *below = &table->rows[index - 1];
    return address - below->limit < above->first - address ? below : above;
}

bool segment_find_free(const struct segment_table *table, uint64_t first, uint64_t limit, uint64_t bytes, uint64_t *address)
{
    assert(bytes > 0 && bytes % PAGE_BYTES == 0);
    uint64_t candidate = first;
    for (uint32_t i = segment_index_above(table, first); i < table->count && table->rows[i].first < limit; i++) {
        const struct segment *row = &table->rows[i];
        if (row->first > candidate && row->first - candidate >= bytes) break;
        candidate = row->limit;
    }
    if (candidate >= limit || limit - candidate < bytes) return false;
    *address = candidate;
    return true;
}

uint64_t segment_bytes(const struct segment_table *table, uint64_t first, uint64_t limit)
{
    uint64_t bytes = 0;
    for (uint32_t i = segment_index_above(table, first); i < table->count && table->rows[i].first < limit; i++)
        bytes += table->rows[i].limit - table->rows[i].first;
    return bytes;
}

enum status segment_reserve(struct segment_table *table, uint32_t count)
{
    if (count > SEGMENT_LIMIT - table->count) return STATUS_LIMIT;
    while (table->capacity < table->count + count) {
        uint64_t used_bytes = layout_page_up(table->capacity * sizeof(struct segment));
        enum status status = seam_page_take((char *)table->rows + used_bytes);
        if (status != STATUS_OK) return status;
        table->capacity = (uint32_t)((used_bytes + PAGE_BYTES) / sizeof(struct segment));
    }
    return STATUS_OK;
}

void segment_insert(struct segment_table *table, const struct segment *segment)
{
    assert(table->count < table->capacity && segment->first < segment->limit);
    uint32_t index = segment_index_above(table, segment->first);
    assert(index == table->count || table->rows[index].first >= segment->limit);
    memmove(&table->rows[index + 1], &table->rows[index], (table->count - index) * sizeof(struct segment));
    table->rows[index] = *segment;
    table->count++;
}

void segment_remove(struct segment_table *table, uint32_t index)
{
    assert(index < table->count);
    table->count--;
    memmove(&table->rows[index], &table->rows[index + 1], (table->count - index) * sizeof(struct segment));
}

void segment_split(struct segment_table *table, uint32_t index, uint64_t at, uint64_t pages)
{
    struct segment *lower = &table->rows[index];
    assert(lower->first < at && at < lower->limit && pages <= lower->pages);
    struct segment upper = *lower;
    upper.first = at;
    upper.pages -= pages;
    upper.module_page += (uint32_t)layout_pages(lower->first, at);
    lower->limit = at;
    lower->pages = pages;
    segment_insert(table, &upper);
}

static bool segment_joins(const struct segment *lower, const struct segment *upper)
{
    return lower->limit == upper->first && lower->kind == upper->kind && segment_rules_of(lower->kind)->merges && lower->fill == upper->fill
           && lower->protection == upper->protection && lower->module == upper->module
           && (lower->fill->unmap_flags == UNMAP_FREE || lower->module_page + layout_pages(lower->first, lower->limit) == upper->module_page);
}

void segment_merge(struct segment_table *table, uint32_t index)
{
    assert(index < table->count);
    if (index + 1 < table->count && segment_joins(&table->rows[index], &table->rows[index + 1])) {
        table->rows[index].limit = table->rows[index + 1].limit;
        table->rows[index].pages += table->rows[index + 1].pages;
        segment_remove(table, index + 1);
    }
    if (index > 0 && segment_joins(&table->rows[index - 1], &table->rows[index])) {
        table->rows[index - 1].limit = table->rows[index].limit;
        table->rows[index - 1].pages += table->rows[index].pages;
        segment_remove(table, index);
    }
}

void segment_table_release(struct segment_table *table)
{
    assert(table->count == 0);
    uint64_t bytes = layout_page_up(table->capacity * sizeof(struct segment));
    for (uint64_t at = 0; at < bytes; at += PAGE_BYTES) seam_page_give((char *)table->rows + at);
    table->capacity = 0;
}

uint64_t segment_charge(const struct segment *segment)
{
    constexpr unsigned bits = sizeof(void *) == 8 ? 9 : 10; /* of an address that one table decides */
    constexpr unsigned levels = sizeof(void *) == 8 ? 3 : 1;
    uint64_t charge = segment->pages;
    for (unsigned level = 1; level <= levels; level++) {
        unsigned shift = PAGE_SHIFT + bits * level;
        uint64_t tables = ((segment->limit - 1) >> shift) - (segment->first >> shift) + 1;
        charge += tables < segment->pages ? tables : segment->pages;
    }
    return charge;
}

uint32_t segment_attributes(const struct segment *segment)
{
    uint32_t attributes = ATTRIBUTE_READ;
    if (segment->protection & PROTECTION_WRITE) attributes |= ATTRIBUTE_WRITE;
    if (segment->protection & PROTECTION_EXECUTE) attributes |= ATTRIBUTE_EXECUTE;
    if ((attributes & ATTRIBUTE_WRITE) && (attributes & ATTRIBUTE_EXECUTE)) attributes |= ATTRIBUTE_WRITE_EXECUTE;
    return attributes;
}

bool segment_table_check(const struct segment_table *table)
{
    for (uint32_t i = 0; i < table->count; i++) {
        const struct segment *row = &table->rows[i];
        const struct segment_rules *rules = segment_rules_of(row->kind);
        uint32_t allowed = rules->protections & row->fill->protections;
        if (row->first >= row->limit || row->first < USER_FIRST || row->limit > USER_LIMIT) return false; /* invariant 1 */
        if ((row->first | row->limit) % PAGE_BYTES != 0) return false;
        if (i > 0 && row[-1].limit > row->first) return false;
        if (i > 0 && row[-1].kind > row->kind) return false;                 /* invariant 2 */
        if (row->pages > layout_pages(row->first, row->limit)) return false; /* invariant 3 */
        if ((row->protection & ~allowed) != 0) return false;                 /* invariant 4 */
    }
    return table->count <= table->capacity && table->capacity <= SEGMENT_LIMIT + PAGE_BYTES / sizeof(struct segment);
}
