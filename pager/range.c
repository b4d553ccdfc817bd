/* Ranges: checks, cuts, attributes. See range.h. */
#include "range.h"

#include <assert.h>

#include "fill.h"
#include "fill_copy.h"
#include "journal.h"

/* Sets the attributes of all pages of a range; returns how many had other ones. No page lies half in the range: range_split_page() was called. */
static uint64_t range_set_attributes(const struct process *process, uint64_t first, uint64_t limit, uint32_t attributes)
{
    uint64_t changed = 0;
    while (first < limit) {
        uint64_t done = 0;
        uint64_t pages = 0;
        enum status status = seam_space_protect(process->space, first, layout_pages(first, limit), attributes, &done, &pages);
        assert(status == STATUS_OK || status == STATUS_AGAIN);
        if (status != STATUS_OK && status != STATUS_AGAIN) break;
        changed += pages;
        first += done << PAGE_SHIFT;
    }
    return changed;
}

void range_set_protection(struct process *process, struct segment *segment, uint32_t protection)
{
    process->changes++;
    segment_set_protection(segment, protection);
    range_refresh(process, segment);
}

uint64_t range_refresh_part(const struct process *process, struct segment *segment, uint64_t first, uint64_t limit)
{
    uint32_t attributes = segment_rest_attributes(segment);
    if (segment_is_copied(segment)) copy_count_all(segment);
    return segment->pages > 0 ? range_set_attributes(process, first, limit, attributes) : 0;
}

uint64_t range_refresh(const struct process *process, struct segment *segment)
{
    return range_refresh_part(process, segment, segment->first, segment->limit);
}

enum status range_decode(uint64_t address, uint64_t bytes, uint64_t *limit)
{
    if (bytes == 0) return STATUS_BAD_LENGTH;
    if (address % PAGE_BYTES != 0) return STATUS_BAD_ALIGNMENT;
    if (address < USER_FIRST || address >= USER_LIMIT || bytes > USER_LIMIT - address) return STATUS_BAD_ADDRESS;
    *limit = layout_page_up(address + bytes);
    return STATUS_OK;
}

/* Whether a segment that reaches into [first, limit) may change there. */
static inline enum status range_check_segment(const struct segment *segment, uint64_t first, uint64_t limit)
{
    if (segment == nullptr || segment->is_going) return STATUS_NOT_MAPPED;
    if (segment_rules_of(segment->kind)->is_immutable || segment->is_sealed) return STATUS_IMMUTABLE;
    return segment->fill->is_whole && (segment->first < first || segment->limit > limit) ? STATUS_IMMUTABLE : STATUS_OK;
}

enum status range_check(const struct process *process, uint64_t address, uint64_t bytes, uint64_t *limit)
{
    enum status status = range_decode(address, bytes, limit);
    for (uint64_t at = address; status == STATUS_OK && at < *limit;) {
        const struct segment *segment = segment_find(&process->segments, at);
        status = range_check_segment(segment, address, *limit);
        if (status == STATUS_OK) at = segment->limit;
    }
    return status;
}

static bool rules_allow(const struct range_rules *rules, const struct fill *fill)
{
    if ((rules->protection & ~(uint32_t)fill->protections) != 0) return false;
    return !(rules->takes_frames && fill->is_pinned) && !(rules->takes_parts && fill->is_whole);
}

enum status range_check_part(const struct process *process, uint64_t address, uint64_t bytes, const struct range_rules *rules, uint64_t *limit)
{
    enum status status = range_decode(address, bytes, limit);
    if (status != STATUS_OK) return status;
    bool breaks_rules = false; /* told after what else is wrong with the range */
    uint64_t at = address;
    for (uint32_t looked = 0; at < *limit && looked < RANGE_LOOK; looked++) {
        const struct segment *segment = segment_find(&process->segments, at);
        status = range_check_segment(segment, address, *limit);
        if (status != STATUS_OK) return status;
        if (!rules_allow(rules, segment->fill)) breaks_rules = true;
        at = segment->limit;
    }
    return breaks_rules ? STATUS_IMMUTABLE : STATUS_OK;
}

/* Entries of page tables that a part of a segment takes at most: each page may stand in a table of its own, all of which is looked at, and so
 * is one for each table that is not there. */
static uint64_t range_entries(const struct segment *segment, uint64_t first, uint64_t limit)
{
    constexpr uint64_t each = LAYOUT_TABLE_BYTES >> PAGE_SHIFT;
    if (segment->fill->is_whole) return 0; /* nobody changes its pages */
    uint64_t pages = layout_pages(first, limit);
    if (segment->pages == 0) return 0;
    return segment->pages < pages / each ? segment->pages * each + pages / each : pages;
}

uint64_t range_part(const struct process *process, uint64_t first, uint64_t limit, bool *is_long)
{
    uint64_t entries = 0, at = first;
    *is_long = false;
    if (layout_pages(first, limit) <= STEP_PAGES / (1 + RANGE_OF_EACH)) return limit; /* whatever lies there */
    while (at < limit && entries < STEP_PAGES) {
        const struct segment *segment = segment_find(&process->segments, at);
        assert(segment != nullptr);
        uint64_t end = segment->limit < limit ? segment->limit : limit, own = range_entries(segment, at, end);
        if (at == first) *is_long = own > STEP_PAGES;
        else if (entries + RANGE_OF_EACH + own > STEP_PAGES) break;
        entries += RANGE_OF_EACH + own;
        at = end;
    }
    return at;
}

uint64_t range_step(const struct process *process, uint64_t at, uint64_t limit)
{
    constexpr uint64_t holes_most = STEP_PAGES / 4 * LAYOUT_TABLE_BYTES; /* each table that is not there is an entry, looked at up to three times */
    uint64_t end = layout_table_end(at), most = LAYOUT_TABLE_BYTES;
    if (limit - at > holes_most) limit = at + holes_most;
    for (uint32_t looked = 0; end < limit && looked < RANGE_LOOK; looked++) {
        uint64_t bytes = most < limit - end ? most : limit - end, done = 0, mapped = 0, page_bytes = 0;
        enum status status = seam_space_count(process->space, end, bytes >> PAGE_SHIFT, &done, &mapped);
        assert(status == STATUS_OK || status == STATUS_AGAIN);
        (void)status;
        if (mapped == 0) {
            end += done << PAGE_SHIFT;
            most *= 2;
        } else if (seam_space_page_bytes(process->space, end, &page_bytes) == STATUS_OK && page_bytes > PAGE_BYTES) {
            end += page_bytes - end % page_bytes;
        } else if (most > LAYOUT_TABLE_BYTES) {
            most = LAYOUT_TABLE_BYTES;
        } else {
            break;
        }
    }
    return end < limit ? end : limit;
}

/* Rights that are not the usual ones. */
static uint32_t attributes_other(uint32_t usual) { return usual == ATTRIBUTE_READ ? ATTRIBUTE_EXECUTE : ATTRIBUTE_READ; }

uint64_t range_count(const struct process *process, uint64_t first, uint64_t limit)
{
    uint64_t count = 0;
    while (first < limit) {
        uint64_t done = 0, mapped = 0;
        enum status status = seam_space_count(process->space, first, layout_pages(first, limit), &done, &mapped);
        assert(status == STATUS_OK || status == STATUS_AGAIN);
        if (status != STATUS_OK && status != STATUS_AGAIN) break;
        count += mapped;
        first += done << PAGE_SHIFT;
    }
    return count;
}

/* Pages mapped in the part of a segment below `at`. */
static uint64_t range_count_below(const struct process *process, const struct segment *segment, uint64_t at)
{
    if (segment->pages == 0) return 0;
    if (segment->pages == layout_pages(segment->first, segment->limit)) return layout_pages(segment->first, at);
    return range_count(process, segment->first, at);
}

uint64_t range_lowest(const struct process *process, const struct segment *segment)
{
    uint64_t lowest = segment->first, limit = segment->limit; /* nothing below the one, something below the other */
    if (segment->pages == 0) return limit;
    while (limit - lowest > PAGE_BYTES) {
        uint64_t middle = lowest + (layout_pages(lowest, limit) / 2 << PAGE_SHIFT);
        if (range_count(process, lowest, middle) > 0) limit = middle;
        else lowest = middle;
    }
    return lowest;
}

/* The kernel splits what is to differ in part: so the page at the address gets other rights, and its old ones again. */
enum status range_split_page(const struct process *process, uint64_t at)
{
    struct segment *segment = segment_find(&process->segments, at);
    uint64_t first = at & ~(LAYOUT_TABLE_BYTES - 1);
    if (first == at || segment == nullptr || segment->pages < LAYOUT_TABLE_BYTES >> PAGE_SHIFT) return STATUS_OK;
    if (first < segment->first || segment->limit - first < LAYOUT_TABLE_BYTES) return STATUS_OK;
    uint64_t page_bytes = 0;
    if (seam_space_page_bytes(process->space, at, &page_bytes) != STATUS_OK || page_bytes == PAGE_BYTES) return STATUS_OK;
    uint64_t done = 0, changed = 0;
    uint32_t usual = segment_rest_attributes(segment);
    if (segment_is_copied(segment)) copy_count_all(segment);
    enum status status = seam_space_protect(process->space, at, 1, attributes_other(usual), &done, &changed);
    if (status == STATUS_OK) range_set_attributes(process, at, at + PAGE_BYTES, usual);
    return status;
}

enum status range_afford_cuts(const struct process *process, uint64_t first, uint64_t limit)
{
    const struct segment_table *table = &process->segments;
    const struct segment *lower = segment_find(table, first);
    const struct segment *upper = segment_find(table, limit);
    bool cuts_lower = lower != nullptr && lower->first < first;
    bool cuts_upper = upper != nullptr && upper->first < limit;
    /* Both draw on one pool, so each has to find there what both need. */
    uint64_t charge = (cuts_lower + cuts_upper) * SEGMENT_CUT_CHARGE;
    enum status status = cuts_lower ? quota_check(segment_quota(table, lower), charge) : STATUS_OK;
    if (status == STATUS_OK && cuts_upper) status = quota_check(segment_quota(table, upper), charge);
    if (status == STATUS_OK && cuts_lower) status = range_split_page(process, first);
    return status == STATUS_OK && cuts_upper ? range_split_page(process, limit) : status;
}

void range_cut(struct process *process, uint64_t at)
{
    struct segment *segment = segment_find(&process->segments, at);
    if (segment == nullptr || segment->first == at) return;
    segment_split(&process->segments, segment, at, range_count_below(process, segment, at));
}

enum status range_isolate(struct process *process, uint64_t first, uint64_t bytes, uint64_t *limit)
{
    enum status status = range_check(process, first, bytes, limit);
    if (status == STATUS_OK) status = segment_reserve_cuts(&process->segments, first, *limit);
    if (status == STATUS_OK) status = range_afford_cuts(process, first, *limit);
    if (status != STATUS_OK) return status;

    // Commit: nothing below may fail.
    range_cut(process, first);
    range_cut(process, *limit);
    return STATUS_OK;
}

enum status range_prepare(struct process *process, uint64_t first, uint64_t bytes, const struct range_rules *rules, uint64_t *part, bool *is_long)
{
    uint64_t limit;
    enum status status = range_check_part(process, first, bytes, rules, &limit);
    if (status == STATUS_OK) status = segment_reserve_cuts(&process->segments, first, limit);
    if (status == STATUS_OK) status = range_afford_cuts(process, first, limit);
    if (status == STATUS_OK) *part = range_part(process, first, limit, is_long);
    return status;
}

void range_discard(struct process *process, struct segment *segment, uint64_t first, uint64_t limit)
{
    uint64_t gone = 0;
    enum status status = segment->fill->take_out(process->space, segment, first, limit, segment->pages, &gone);
    assert(status == STATUS_OK && gone <= segment->pages);
    (void)status;
    segment->run = 0;
    segment_resize(&process->segments, segment, segment->first, segment->limit, segment->pages - gone);
}

void range_rejoin(struct process *process, uint64_t first, uint64_t limit)
{
    constexpr uint64_t words = 32; /* of the journal: the two rows of a merge */
    for (uint64_t at = first; at < limit; at = segment_find(&process->segments, at)->limit) {
        journal_make_room(words);
        segment_merge(&process->segments, at);
    }
    journal_make_room(words);
    segment_merge(&process->segments, limit);
}
