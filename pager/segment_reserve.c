/* Reserving: rows and cuts that a change needs, before it changes anything. See segment.h. */
#include "segment.h"

__attribute__((noinline)) static enum status rows_take(struct segment_table *table, uint32_t count)
{
    if (count > SEGMENT_LIMIT - table->count) return STATUS_LIMIT;
    while (table->capacity < table->count + count) {
        uint64_t used_bytes = layout_page_up(table->capacity * sizeof(struct segment));
        enum status status = slot_page_take(table->slot, (char *)table->rows + used_bytes);
        if (status != STATUS_OK) return status;
        table->capacity = (uint32_t)((used_bytes + PAGE_BYTES) / sizeof(struct segment));
    }
    return STATUS_OK;
}

enum status segment_reserve(struct segment_table *table, uint32_t count)
{
    return count <= table->capacity - table->count ? STATUS_OK : rows_take(table, count);
}

/* A map for a region where more than one segment will be. */
static enum status map_reserve(struct segment_table *table, uint64_t index, const struct segment *row)
{
    uint32_t single = directory_at(&table->directory, index)->single;
    uint32_t own = row != nullptr ? (uint32_t)((uintptr_t)row - (uintptr_t)table) : 0;
    return single != 0 && single != own ? directory_add_map(&table->directory, index) : STATUS_OK;
}

enum status segment_reserve_maps(struct segment_table *table, uint64_t first, uint64_t limit, const struct segment *row)
{
    uint64_t lower = directory_index(first), upper = directory_index(limit - 1);
    enum status status = map_reserve(table, lower, row);
    return lower == upper || status != STATUS_OK ? status : map_reserve(table, upper, row);
}

enum status segment_reserve_insert(struct segment_table *table, uint64_t first, uint64_t limit)
{
    enum status status = segment_reserve(table, 1);
    return status == STATUS_OK ? segment_reserve_maps(table, first, limit, nullptr) : status;
}

enum status segment_reserve_cuts(struct segment_table *table, uint64_t first, uint64_t limit)
{
    const uint64_t ends[] = { first, limit };
    uint32_t cuts = 0;
    enum status status = STATUS_OK;
    for (unsigned i = 0; i < 2 && status == STATUS_OK; i++) {
        const struct segment *segment = segment_find(table, ends[i]);
        if (segment == nullptr || segment->first == ends[i]) continue;
        cuts++;
        status = area_reserve_cut(&table->directory, ends[i], true);
    }
    return status == STATUS_OK ? segment_reserve(table, cuts) : status;
}

enum status segment_reserve_hole(struct segment_table *table, uint64_t first, uint64_t limit)
{
    const struct segment *lower = segment_find(table, first);
    const struct segment *upper = segment_find(table, limit);
    if (lower == upper && lower != nullptr && lower->first < first) return segment_reserve_cuts(table, first, limit);
    enum status status = lower != nullptr && lower->first < first ? area_reserve_cut(&table->directory, first, false) : STATUS_OK;
    if (status == STATUS_OK && upper != nullptr && upper->first < limit) status = area_reserve_cut(&table->directory, limit, false);
    return status;
}
