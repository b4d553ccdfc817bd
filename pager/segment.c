/* The segments of one process: a sorted array. See segment.h.
 *
 * An array of a few hundred rows is searched in nine steps and needs no pointers to keep right; moving rows on insertion costs less than a balanced tree
 * at this size. The region directory of the mmap area takes over when there are more. */
#include "segment.h"

#include <assert.h>
#include <string.h>

#include "abi/message.h"
#include "fill.h"

static uint32_t segment_index_above(const struct segment_table *table, uint64_t address)
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

struct segment *segment_above(const struct segment_table *table, uint64_t address)
{
    uint32_t index = segment_index_above(table, address);
    return index == table->count ? nullptr : &table->rows[index];
}

struct segment *segment_find(const struct segment_table *table, uint64_t address)
{
    struct segment *segment = segment_above(table, address);
    return segment == nullptr || segment->first > address ? nullptr : segment;
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
        enum status status = family_page_take(table->family, (char *)table->rows + used_bytes);
        if (status != STATUS_OK) return status;
        table->capacity = (uint32_t)((used_bytes + PAGE_BYTES) / sizeof(struct segment));
    }
    return STATUS_OK;
}

uint64_t segment_tables_of(uint64_t first, uint64_t limit, unsigned level)
{
    constexpr unsigned bits = sizeof(void *) == 8 ? 9 : 10; /* of an address that one table decides */
    unsigned shift = PAGE_SHIFT + bits * level;
    return ((limit - 1) >> shift) - (first >> shift) + 1;
}

/* Sets what follows from range, fill and protection (invariant 6). */
static void segment_refresh(struct segment *segment)
{
    segment->attributes = (uint8_t)segment_attributes(segment->protection);
    segment->tables = (uint32_t)segment_tables_of(segment->first, segment->limit, 1);
    segment->refuses = FAULT_PRESENT;
    if (!(segment->protection & PROTECTION_WRITE)) segment->refuses |= FAULT_WRITE;
    if (!(segment->protection & PROTECTION_EXECUTE)) segment->refuses |= FAULT_EXECUTE;
    if (segment->fill->set != nullptr) segment->refuses |= FAULT_READ | FAULT_WRITE | FAULT_EXECUTE;
}

void segment_insert(struct segment_table *table, const struct segment *segment)
{
    assert(table->count < table->capacity && segment->first < segment->limit);
    uint32_t index = segment_index_above(table, segment->first);
    assert(index == table->count || table->rows[index].first >= segment->limit);
    memmove(&table->rows[index + 1], &table->rows[index], (table->count - index) * sizeof(struct segment));
    table->rows[index] = *segment;
    segment_refresh(&table->rows[index]);
    table->count++;
    table->recent = nullptr;
    quota_add(&table->family->pages, segment_charge(segment));
}

void segment_remove(struct segment_table *table, struct segment *segment)
{
    uint32_t index = (uint32_t)(segment - table->rows);
    assert(index < table->count);
    quota_remove(&table->family->pages, segment_charge(segment));
    table->count--;
    table->recent = nullptr;
    memmove(&table->rows[index], &table->rows[index + 1], (table->count - index) * sizeof(struct segment));
}

void segment_split(struct segment_table *table, struct segment *lower, uint64_t at, uint64_t pages)
{
    assert(lower->first < at && at < lower->limit && pages <= lower->pages);
    struct segment upper = *lower;
    upper.first = at;
    upper.pages -= pages;
    upper.frame += lower->fill->frame_step * (uint32_t)layout_pages(lower->first, at);
    segment_resize(table, lower, lower->first, at, pages);
    segment_insert(table, &upper);
}

static bool segment_joins(const struct segment *lower, const struct segment *upper)
{
    return lower->limit == upper->first && lower->kind == upper->kind && segment_rules_of(lower->kind)->merges && lower->fill == upper->fill
           && lower->protection == upper->protection && lower->frame + lower->fill->frame_step * layout_pages(lower->first, lower->limit) == upper->frame;
}

/* A dense segment and a sparse one are charged more together than apart; who cannot bear that keeps two rows. */
void segment_merge(struct segment_table *table, uint64_t at)
{
    struct segment *lower = segment_find(table, at - 1);
    struct segment *upper = segment_find(table, at);
    if (lower == nullptr || upper == nullptr || lower == upper || !segment_joins(lower, upper)) return;
    struct segment joined = *lower;
    joined.limit = upper->limit;
    joined.pages += upper->pages;
    uint64_t apart = segment_charge(lower) + segment_charge(upper);
    uint64_t together = segment_charge(&joined);
    if (together > apart && quota_check(&table->family->pages, together - apart) != STATUS_OK) return;
    segment_remove(table, upper);
    segment_resize(table, lower, joined.first, joined.limit, joined.pages);
}

void segment_resize(struct segment_table *table, struct segment *segment, uint64_t first, uint64_t limit, uint64_t pages)
{
    quota_remove(&table->family->pages, segment_charge(segment));
    segment->first = first;
    segment->limit = limit;
    segment->pages = pages;
    segment_refresh(segment);
    quota_add(&table->family->pages, segment_charge(segment));
}

void segment_table_release(struct segment_table *table)
{
    assert(table->count == 0);
    uint64_t bytes = layout_page_up(table->capacity * sizeof(struct segment));
    for (uint64_t at = 0; at < bytes; at += PAGE_BYTES) family_page_give(table->family, (char *)table->rows + at);
    table->capacity = 0;
}

uint64_t segment_tables(uint64_t first, uint64_t limit, uint64_t pages)
{
    uint64_t bound = 0;
    for (unsigned level = 1; level <= SEGMENT_LEVELS; level++) {
        uint64_t tables = segment_tables_of(first, limit, level);
        bound += tables < pages ? tables : pages;
    }
    return bound;
}

uint64_t segment_charge(const struct segment *segment)
{
    return segment->pages * segment->fill->page_charge + segment_tables(segment->first, segment->limit, segment->pages);
}

uint64_t segment_charge_more(const struct segment *segment, uint64_t count)
{
    uint64_t charge = count * segment->fill->page_charge;
    if (segment->pages >= segment->tables) return charge;
    return charge + segment_tables(segment->first, segment->limit, segment->pages + count) - segment_tables(segment->first, segment->limit, segment->pages);
}

void segment_set_protection(struct segment *segment, uint32_t protection)
{
    segment->protection = (uint8_t)protection;
    segment_refresh(segment);
}

uint32_t segment_attributes(uint32_t protection)
{
    uint32_t attributes = ATTRIBUTE_READ;
    if (protection & PROTECTION_WRITE) attributes |= ATTRIBUTE_WRITE;
    if (protection & PROTECTION_EXECUTE) attributes |= ATTRIBUTE_EXECUTE;
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
        struct segment anew = *row;
        segment_refresh(&anew);
        if (anew.attributes != row->attributes || anew.refuses != row->refuses || anew.tables != row->tables) return false; /* invariant 6 */
    }
    return table->count <= table->capacity && table->capacity <= SEGMENT_LIMIT + PAGE_BYTES / sizeof(struct segment);
}
