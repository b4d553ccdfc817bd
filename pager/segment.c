/* The segments of one process: rows, and the two ways to them. See segment.h. */
#include "segment.h"

#include <assert.h>
#include <string.h>

#include "abi/message.h"
#include "fill.h"
#include "fill_copy.h"
#include "journal.h"

void segment_table_initialise(struct segment_table *table, struct slot *slot)
{
    *table = (struct segment_table){ .rows = (struct segment *)(slot->base + SLOT_ROWS), .recent = &table->nobody, .slot = slot, .family = slot->family };
    assert((uintptr_t)table < (uintptr_t)table->rows && (uintptr_t)table->rows + SLOT_ROWS_BYTES - (uintptr_t)table <= UINT32_MAX);
    for (uint32_t i = 0; i <= SEGMENT_FIXED; i++) table->fixed[i] = SEGMENT_PLACE_EMPTY;
    directory_initialise(&table->directory, slot);
}

/* --- Finding --- */

static inline struct segment *row_at(const struct segment_table *table, uint32_t distance) { return (struct segment *)((uintptr_t)table + distance); }
static inline uint32_t row_distance(const struct segment_table *table, const struct segment *row) { return (uint32_t)((uintptr_t)row - (uintptr_t)table); }

/* The place of the first of the fixed ones that ends above an address, or the last one, which is empty. Three comparisons, whatever there is. */
static inline const struct segment_place *fixed_above(const struct segment_table *table, uint64_t address)
{
    static_assert(SEGMENT_FIXED == 7);
    const struct segment_place *at = table->fixed;
    at = at[3].limit <= address ? at + 4 : at;
    at = at[1].limit <= address ? at + 2 : at;
    return at->limit <= address ? at + 1 : at;
}

__attribute__((noinline)) static struct segment *fixed_find(const struct segment_table *table, uint64_t address)
{
    const struct segment_place *place = fixed_above(table, address);
    return __builtin_expect(address >= place->first, true) ? place->row : nullptr;
}

struct segment *segment_find(const struct segment_table *table, uint64_t address)
{
    uint64_t index = directory_index(address);
    if (__builtin_expect(index >= DIRECTORY_REGIONS, false)) return fixed_find(table, address);
    struct segment *row = row_at(table, directory_row(&table->directory, index, address));
    bool is_in = address < row->limit && address >= row->first;
    return __builtin_expect(is_in, true) ? row : nullptr;
}

/* The first segment of the mmap area that ends above an address in it. */
struct segment *segment_mapped_above(const struct segment_table *table, uint64_t address)
{
    if (table->count == table->count_fixed) return nullptr; /* whatever regions are kept for the next */
    uint64_t index = directory_index(address);
    for (; (index = area_next(&table->directory, index)) < DIRECTORY_REGIONS; index++) {
        const struct region *region = directory_at(&table->directory, index);
        if (address < directory_address(index)) address = directory_address(index);
        for (uint32_t page = region->mask & (uint32_t)(address >> PAGE_SHIFT); page <= region->mask; page++) {
            struct segment *row = row_at(table, region->map[page]);
            if (row->limit > address) return row;
        }
    }
    return nullptr;
}

struct segment *segment_above(const struct segment_table *table, uint64_t address)
{
    struct segment *fixed = fixed_above(table, address)->row;
    if (fixed != nullptr && fixed->first < LAYOUT_MMAP_FIRST) return fixed;
    if (address >= LAYOUT_MMAP_LIMIT) return fixed;
    struct segment *mapped = segment_mapped_above(table, address < LAYOUT_MMAP_FIRST ? LAYOUT_MMAP_FIRST : address);
    return mapped != nullptr ? mapped : fixed;
}

/* --- Rows --- */

/* Goes before each change of a row. */
static inline void row_save(const struct segment *row) { journal_save(row, SEGMENT_KEPT_BYTES); }

static void row_count_given(struct segment_table *table, const struct segment *row, bool is_more)
{
    if (!row->is_given) return;
    table->count_given += is_more ? 1 : -1u;
    table->given_bytes += is_more ? row->limit - row->first : row->first - row->limit;
}

static struct segment *row_take(struct segment_table *table, const struct segment *segment)
{
    assert(table->count < table->capacity);
    struct segment *row = row_at(table, table->free);
    if (table->free != 0) table->free = (uint32_t)row->next;
    else row = &table->rows[table->used++];
    row_save(row);
    *row = *segment;
    table->count++;
    row_count_given(table, row, true);
    table->recent = &table->nobody;
    return row;
}

static void row_give(struct segment_table *table, struct segment *row)
{
    row_save(row);
    row_count_given(table, row, false);
    *row = (struct segment){ .next = table->free };
    table->free = row_distance(table, row);
    table->count--;
    table->recent = &table->nobody;
}

/* --- The ways to rows --- */

static void fixed_insert(struct segment_table *table, struct segment *row)
{
    assert(table->count_fixed < SEGMENT_FIXED);
    struct segment_place *at = &table->fixed[table->count_fixed++];
    for (; at > table->fixed && at[-1].limit > row->limit; at--) *at = at[-1];
    *at = (struct segment_place){ row->limit, row->first, row };
}

static void fixed_remove(struct segment_table *table, const struct segment *row)
{
    struct segment_place *at = table->fixed;
    while (at->row != row) at++;
    const struct segment_place *last = &table->fixed[--table->count_fixed];
    for (; at < last; at++) *at = at[1];
    *at = SEGMENT_PLACE_EMPTY;
}

/* The pages of region `index` that lie in [first, limit). */
struct part { uint32_t first, limit; };
static struct part part_of(uint64_t index, uint64_t first, uint64_t limit)
{
    uint64_t begin = directory_address(index), end = directory_address(index + 1);
    if (first > begin) begin = first < end ? first : end;
    if (limit < end) end = limit > begin ? limit : begin;
    return (struct part){ (uint32_t)layout_pages(directory_address(index), begin), (uint32_t)layout_pages(directory_address(index), end) };
}

/* Makes the pages of [first, limit), which were another segment's or nobody's, lead to a row; 0: to nobody. What was whoever's there has its new range. */
__attribute__((noinline)) static void mapped_set(struct segment_table *table, uint64_t first, uint64_t limit, uint32_t row)
{
    for (uint64_t index = directory_index(first); index <= directory_index(limit - 1); index++) {
        struct region *region = directory_at(&table->directory, index);
        struct part part = part_of(index, first, limit);
        if (region->mask == 0 && region->single != 0 && region->single != row) {
            const struct segment *other = row_at(table, region->single);
            struct part rest = part_of(index, other->first, other->limit);
            if (rest.first < rest.limit && (rest.first < part.first || rest.limit > part.limit)) {
                if (row == 0) continue; /* who is left there knows its range */
                directory_use_map(&table->directory, index, rest.first, rest.limit - rest.first);
            }
        }
        if (region->mask == 0) region->single = row;
        else for (uint32_t page = part.first; page < part.limit; page++) region->map[page] = row;
    }
}

/* The same for all of a segment, of which every page leads to `from` and is to lead to `to`: it is one word where the segment is one page, or all that there is
 * in its region. */
static inline void mapped_change(struct segment_table *table, uint64_t first, uint64_t limit, uint32_t from, uint32_t to)
{
    struct region *region = directory_at(&table->directory, directory_index(first));
    uint32_t *word = &region->map[first >> PAGE_SHIFT & region->mask];
    bool is_word = limit - first == PAGE_BYTES || (region->mask == 0 && directory_index(first) == directory_index(limit - 1));
    if (is_word && *word == from) *word = to;
    else mapped_set(table, first, limit, to);
}

static bool is_mapped(uint64_t address) { return directory_index(address) < DIRECTORY_REGIONS; }

/* --- Changing --- */

struct segment *segment_insert(struct segment_table *table, const struct segment *segment)
{
    assert(segment->first < segment->limit);
    struct segment *row = row_take(table, segment);
    segment_refresh(row);
    if (is_mapped(row->first)) mapped_change(table, row->first, row->limit, 0, row_distance(table, row));
    else fixed_insert(table, row);
    uint64_t charge = segment_charge(row);
    if (charge > 0) quota_add(segment_quota(table, row), charge);
    return row;
}

void segment_remove(struct segment_table *table, struct segment *row)
{
    uint64_t charge = segment_charge(row);
    if (charge > 0) quota_remove(segment_quota(table, row), charge);
    uint64_t first = row->first, limit = row->limit;
    bool is_fixed = !is_mapped(first);
    if (is_fixed) fixed_remove(table, row);
    row_give(table, row);
    if (is_fixed) return;
    mapped_change(table, first, limit, row_distance(table, row), 0);
    area_give(&table->directory, first, limit);
}

void segment_shorten(struct segment_table *table, struct segment *segment, uint64_t first, uint64_t limit, uint64_t pages)
{
    assert((segment->first == first) != (segment->limit == limit));
    if (segment->first == first) {
        row_save(segment);
        segment->frame += segment->fill->frame_step * (uint32_t)layout_pages(first, limit);
        segment_resize(table, segment, limit, segment->limit, pages);
    } else {
        segment_resize(table, segment, segment->first, first, pages);
    }
    if (!is_mapped(first)) return;
    mapped_set(table, first, limit, 0);
    area_give(&table->directory, first, limit);
}

static bool segment_joins(const struct segment *lower, const struct segment *upper)
{
    if (lower->limit != upper->first || lower->kind != upper->kind || !segment_rules_of(lower->kind)->merges) return false;
    if (lower->is_sealed != upper->is_sealed || lower->is_going || upper->is_going || lower->fill->is_whole) return false;
    if (lower->payer != upper->payer || lower->is_given != upper->is_given || lower->advice != upper->advice) return false;
    if (segment_is_copied(lower) != segment_is_copied(upper)) return false;
    return lower->fill == upper->fill && lower->protection == upper->protection
           && lower->frame + lower->fill->frame_step * layout_pages(lower->first, lower->limit) == upper->frame;
}

/* Both as one. A dense segment and a sparse one are charged more together than apart: false when the family cannot bear that. */
static bool segment_join(const struct segment_table *table, const struct segment *lower, const struct segment *upper, struct segment *joined)
{
    if (!segment_joins(lower, upper)) return false;
    *joined = *lower;
    joined->limit = upper->limit;
    copy_join(joined, lower, upper);
    joined->pages += upper->pages;
    uint64_t apart = segment_charge(lower) + segment_charge(upper);
    uint64_t together = segment_charge(joined);
    return together <= apart || quota_check(segment_quota(table, lower), together - apart) == STATUS_OK;
}

void segment_resize(struct segment_table *table, struct segment *segment, uint64_t first, uint64_t limit, uint64_t pages)
{
    quota_remove(segment_quota(table, segment), segment_charge(segment));
    bool is_fixed = !is_mapped(segment->first);
    if (is_fixed) fixed_remove(table, segment);
    row_save(segment);
    row_count_given(table, segment, false);
    segment->first = first;
    segment->limit = limit;
    segment->pages = pages;
    row_count_given(table, segment, true);
    segment_refresh(segment);
    if (is_fixed) fixed_insert(table, segment);
    quota_add(segment_quota(table, segment), segment_charge(segment));
}

/* Gives a row the range of a joined one; `first` to `limit` is what it did not have. */
static void segment_extend(struct segment_table *table, struct segment *row, const struct segment *joined, uint64_t first, uint64_t limit)
{
    row_save(row);
    row->frame = joined->frame;
    row->is_copied = joined->is_copied;
    row->shared = joined->shared;
    segment_resize(table, row, joined->first, joined->limit, joined->pages);
    mapped_set(table, first, limit, row_distance(table, row));
    table->recent = &table->nobody;
}

void segment_split(struct segment_table *table, struct segment *lower, uint64_t at, uint64_t pages)
{
    assert(is_mapped(lower->first) && lower->first < at && at < lower->limit && pages <= lower->pages);
    struct segment upper = *lower;
    upper.first = at;
    upper.pages -= pages;
    upper.frame += lower->fill->frame_step * (uint32_t)layout_pages(lower->first, at);
    segment_resize(table, lower, lower->first, at, pages);
    segment_insert(table, &upper);
}

/* The longer row stays: what leads to the shorter one is changed. */
void segment_merge(struct segment_table *table, uint64_t at)
{
    struct segment *lower = segment_find(table, at - 1);
    struct segment *upper = segment_find(table, at);
    struct segment joined;
    if (lower == nullptr || upper == nullptr || lower == upper || !segment_join(table, lower, upper, &joined)) return;
    struct segment *longer = lower->limit - lower->first >= upper->limit - upper->first ? lower : upper;
    struct segment *shorter = longer == lower ? upper : lower;
    quota_remove(segment_quota(table, shorter), segment_charge(shorter));
    segment_extend(table, longer, &joined, shorter->first, shorter->limit);
    row_give(table, shorter);
}

/* Makes a neighbour longer that differs in nothing, by the range of a new segment; NOT_FOUND: there is none. */
static enum status segment_extend_neighbour(struct segment_table *table, const struct segment *segment)
{
    struct segment joined;
    struct segment *lower = segment_find(table, segment->first - 1);
    struct segment *upper = segment_find(table, segment->limit);
    struct segment *neighbour = nullptr;
    if (lower != nullptr && segment_join(table, lower, segment, &joined)) neighbour = lower;
    else if (upper != nullptr && segment_join(table, segment, upper, &joined)) neighbour = upper;
    if (neighbour == nullptr) return STATUS_NOT_FOUND;
    enum status status = segment_reserve_maps(table, segment->first, segment->limit, neighbour);
    if (status != STATUS_OK) return status;

    // Commit: nothing below may fail.
    segment_extend(table, neighbour, &joined, segment->first, segment->limit);
    segment_merge(table, segment->limit);
    return STATUS_OK;
}

/* Whether a new segment lies in one region that has no other, and not at its beginning: then none is beside it. */
static inline bool segment_is_alone(const struct segment_table *table, const struct segment *segment)
{
    const struct region *region = directory_at(&table->directory, directory_index(segment->first));
    bool is_inside = segment->first % REGION_BYTES != 0 && (segment->first ^ segment->limit) < REGION_BYTES;
    return is_inside && (region->mask | region->single) == 0;
}

/* Inserts a segment whose range was taken, or gives the range back. */
static enum status segment_settle(struct segment_table *table, struct segment *segment)
{
    bool is_alone = segment_is_alone(table, segment);
    enum status status = is_alone ? STATUS_NOT_FOUND : segment_extend_neighbour(table, segment);
    if (status == STATUS_OK) return STATUS_OK;
    if (status == STATUS_NOT_FOUND) status = segment_reserve(table, 1);
    if (status == STATUS_OK && !is_alone) status = segment_reserve_maps(table, segment->first, segment->limit, nullptr);
    if (status != STATUS_OK) {
        area_give(&table->directory, segment->first, segment->limit);
        return status;
    }

    // Commit: nothing below may fail.
    segment_insert(table, segment);
    return STATUS_OK;
}

enum status segment_place(struct segment_table *table, struct segment *segment, uint64_t bytes)
{
    enum status status = area_take(&table->directory, bytes >> PAGE_SHIFT, &segment->first);
    if (status != STATUS_OK) return status;
    segment->limit = segment->first + bytes;
    return segment_settle(table, segment);
}

enum status segment_place_at(struct segment_table *table, struct segment *segment)
{
    enum status status = area_take_at(&table->directory, segment->first, segment->limit);
    return status == STATUS_OK ? segment_settle(table, segment) : status;
}

/* What leads to a row that is there. */
static enum status row_rebuild(struct segment_table *table, struct segment *row)
{
    row->pages = row->next = row->run = 0;
    copy_count_all(row);
    segment_refresh(row);
    if (!is_mapped(row->first)) {
        if (table->count_fixed == SEGMENT_FIXED) return STATUS_LIMIT;
        fixed_insert(table, row);
        return STATUS_OK;
    }
    enum status status = area_take_again(&table->directory, row->first, row->limit);
    if (status == STATUS_OK) status = segment_reserve_maps(table, row->first, row->limit, nullptr);
    if (status == STATUS_OK) mapped_set(table, row->first, row->limit, row_distance(table, row));
    return status;
}

enum status segment_table_rebuild(struct segment_table *table, uint32_t capacity)
{
    table->rows = segment_rows(table->slot);
    table->capacity = capacity;
    enum status status = STATUS_OK;
    for (uint32_t i = 0; i < capacity && status == STATUS_OK; i++) {
        if (table->rows[i].limit == 0) continue;
        status = row_rebuild(table, &table->rows[i]);
        table->used = i + 1;
        table->count++;
        row_count_given(table, &table->rows[i], true);
    }
    for (struct segment *row = table->rows; row < table->rows + table->used; row++) {
        if (row->limit != 0) continue;
        row->next = table->free;
        table->free = row_distance(table, row);
    }
    return status;
}

/* --- The check --- */

static bool row_check(const struct segment *row)
{
    uint32_t allowed = segment_rules_of(row->kind)->protections & row->fill->protections;
    if (row->first >= row->limit || row->first < USER_FIRST || row->limit > USER_LIMIT) return false; /* invariant 1 */
    if ((row->first | row->limit) % PAGE_BYTES != 0) return false;
    if (row->pages > layout_pages(row->first, row->limit)) return false; /* invariant 3 */
    if ((row->protection & ~allowed) != 0) return false;                 /* invariant 4 */
    if (row->is_copied && (row->fill->is_shared || !segment_is_writable(row))) return false; /* fill_copy.h */
    struct segment anew = *row;
    segment_refresh(&anew);
    return anew.attributes == row->attributes && anew.refuses == row->refuses && anew.count == row->count && anew.run_most == row->run_most; /* invariant 6 */
}

/* Every page of a segment leads to it, and is taken. Regions that it covers whole are looked at once. */
static bool mapped_check(const struct segment_table *table, const struct segment *row)
{
    for (uint64_t at = row->first; at < row->limit;) {
        uint64_t index = directory_index(at);
        const struct region *region = directory_at(&table->directory, index);
        if (region->descriptor.end == 0 || segment_find(table, at) != row) return false;
        bool has_book = region_flags(&region->descriptor) & REGION_HAS_BOOK;
        if (has_book && !region_page_is_used(&directory_page(&table->directory, index)->book, at >> PAGE_SHIFT & (REGION_PAGES - 1))) return false;
        struct part part = part_of(index, row->first, row->limit);
        bool is_rest = part.limit - part.first + region_free_pages(&region->descriptor) == REGION_PAGES && region->mask == 0;
        if (!has_book && !is_rest) return false; /* directory.h: invariant 2 */
        at = !has_book ? directory_address(index + 1) : at + PAGE_BYTES;
    }
    return true;
}

static bool fixed_check(const struct segment_table *table, const struct segment *row)
{
    const struct segment_place *place = fixed_above(table, row->first);
    return place->row == row && place->first == row->first && place->limit == row->limit;
}

bool segment_table_check(const struct segment_table *table)
{
    uint32_t count = 0;
    uint32_t given = 0;
    uint64_t given_bytes = 0;
    uint64_t mapped = 0;
    const struct segment *before = nullptr;
    for (const struct segment *row = segment_above(table, 0); row != nullptr; before = row, row = segment_above(table, row->limit)) {
        if (!row_check(row) || count++ == table->count) return false;
        given += row->is_given;
        given_bytes += row->is_given ? row->limit - row->first : 0;
        if (before != nullptr && (before->limit > row->first || before->kind > row->kind)) return false; /* invariants 1 and 2 */
        if (is_mapped(row->first) && !mapped_check(table, row)) return false;
        if (is_mapped(row->first)) mapped += layout_pages(row->first, row->limit);
        else if (!fixed_check(table, row)) return false;
    }
    if (mapped != area_pages(&table->directory) || area_check(&table->directory) != nullptr) return false; /* invariant 5 */
    if (given != table->count_given || given_bytes != table->given_bytes) return false;
    return count == table->count && table->count <= table->capacity && table->used <= table->capacity;
}
