/* Requests for memory: brk, autogen, and the mmap area.
 *
 * Each checks its words, reserves what it needs, asks the kernel, and then changes the segments: a status other than OK leaves everything as it was. */
#include <assert.h>

#include "fill.h"
#include "report.h"
#include "request.h"

/* --- Segments that move: brk and autogen --- */

static enum status memory_grow(struct process *process, enum segment_kind kind, uint64_t first, uint64_t limit, uint32_t protection)
{
    struct segment *segment = segment_find_kind(&process->segments, kind);
    struct segment fresh = {
        .first = first, .limit = limit, .fill = segment_rules_of(kind)->fill, .frame = FRAME_FRESH, .kind = kind, .protection = (uint8_t)protection,
    };
    if (segment == nullptr) {
        enum status status = segment_reserve(&process->segments, 1);
        if (status != STATUS_OK) return status;
    }
    struct segment grown = segment != nullptr ? *segment : fresh;
    if (grown.first == limit) grown.first = first;
    else grown.limit = limit;
    grown.pages = layout_pages(grown.first, grown.limit);
    enum status status = quota_check(&process->family->pages, segment_charge(&grown) - (segment != nullptr ? segment_charge(segment) : 0));
    if (status == STATUS_OK) status = fresh.fill->set(process->space, &fresh, first, limit, nullptr);
    if (status != STATUS_OK) return status;

    // Commit: nothing below may fail.
    if (segment == nullptr) segment_insert(&process->segments, &grown);
    else segment_resize(&process->segments, segment, grown.first, grown.limit, grown.pages);
    return STATUS_OK;
}

/* Takes [first, limit) off one end of the kind's segment. */
static enum status memory_shrink(struct process *process, enum segment_kind kind, uint64_t first, uint64_t limit)
{
    struct segment *segment = segment_find_kind(&process->segments, kind);
    assert(segment != nullptr && (segment->first == first || segment->limit == limit));
    uint64_t gone = 0;
    enum status status = fill_unmap(process->space, first, limit, segment->fill->unmap_flags, layout_pages(first, limit), &gone);
    if (status != STATUS_OK) return status;

    // Commit: nothing below may fail.
    uint64_t left = segment->pages - layout_pages(first, limit);
    if (left == 0) segment_remove(&process->segments, segment);
    else segment_resize(&process->segments, segment, segment->limit == limit ? segment->first : limit, segment->limit == limit ? first : segment->limit, left);
    return STATUS_OK;
}

enum status request_brk([[maybe_unused]] struct pager *pager, const struct request *request, struct answer *answer)
{
    struct process *process = request->caller;
    int64_t target;
    if (__builtin_add_overflow((int64_t)process->break_address, (int64_t)request->word[0], &target)) return STATUS_RANGE_WRAPS;
    if (target < (int64_t)process->break_first) return STATUS_BAD_ARGUMENT;
    if ((uint64_t)target > layout_page_down(process->autogen_low)) return STATUS_LIMIT;
    uint64_t old_limit = layout_page_up(process->break_address);
    uint64_t new_limit = layout_page_up((uint64_t)target);
    enum status status = STATUS_OK;
    if (new_limit > old_limit) status = memory_grow(process, SEGMENT_BRK, old_limit, new_limit, segment_rules_of(SEGMENT_BRK)->protection);
    if (new_limit < old_limit) status = memory_shrink(process, SEGMENT_BRK, new_limit, old_limit);
    if (status != STATUS_OK) return status;
    answer->word[0] = process->break_address;
    process->break_address = (uint64_t)target;
    return STATUS_OK;
}

enum status request_autogen_move([[maybe_unused]] struct pager *pager, const struct request *request, struct answer *answer)
{
    struct process *process = request->caller;
    int64_t target;
    if (__builtin_sub_overflow((int64_t)process->autogen_low, (int64_t)request->word[0], &target)) return STATUS_RANGE_WRAPS;
    if (target > (int64_t)LAYOUT_AUTOGEN_TOP) return STATUS_BAD_ARGUMENT;
    if (target < (int64_t)layout_page_up(process->break_address)) return STATUS_LIMIT;
    uint64_t old_first = layout_page_down(process->autogen_low);
    uint64_t new_first = layout_page_down((uint64_t)target);
    enum status status = STATUS_OK;
    if (new_first < old_first) status = memory_grow(process, SEGMENT_AUTOGEN, new_first, old_first, process->autogen_protection);
    if (new_first > old_first) status = memory_shrink(process, SEGMENT_AUTOGEN, old_first, new_first);
    if (status != STATUS_OK) return status;
    process->autogen_low = (uint64_t)target;
    answer->word[0] = process->autogen_low;
    return STATUS_OK;
}

/* Sets the attributes of all pages of a range; returns how many had other ones. Nothing is split where no page is large, or none lies half in the range. */
static uint64_t memory_set_attributes(const struct process *process, uint64_t first, uint64_t limit, uint32_t attributes)
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

static void memory_set_protection(const struct process *process, struct segment *segment, uint32_t protection)
{
    segment_set_protection(segment, protection);
    if (segment->pages > 0) memory_set_attributes(process, segment->first, segment->limit, segment_attributes(segment->protection));
}

enum status request_autogen_flip([[maybe_unused]] struct pager *pager, const struct request *request, [[maybe_unused]] struct answer *answer)
{
    struct process *process = request->caller;
    if (request->word[0] > 1) return STATUS_BAD_ARGUMENT;
    if (process->is_write_execute) return STATUS_OK; /* it is both, and stays so */
    uint32_t protection = request->word[0] == 1 ? PROTECTION_EXECUTE : PROTECTION_WRITE;
    struct segment *segment = segment_find_kind(&process->segments, SEGMENT_AUTOGEN);
    if (segment != nullptr) memory_set_protection(process, segment, protection);
    process->autogen_protection = protection;
    return STATUS_OK;
}

/* --- The mmap area --- */

static enum status memory_check_protection(uint64_t asked)
{
    if (asked & ~(uint64_t)(PROTECTION_WRITE | PROTECTION_EXECUTE)) return STATUS_BAD_ARGUMENT;
    return asked == (PROTECTION_WRITE | PROTECTION_EXECUTE) ? STATUS_WRITE_EXECUTE : STATUS_OK;
}

/* Reserves a range of the mmap area for `segment`, which has everything but its place. */
static enum status memory_place(struct process *process, struct segment *segment, uint64_t bytes)
{
    if (bytes == 0) return STATUS_BAD_LENGTH;
    if (bytes > LAYOUT_MMAP_MOST) return STATUS_LIMIT;
    segment->kind = SEGMENT_MMAP;
    return segment_place(&process->segments, segment, layout_page_up(bytes));
}

enum status request_map([[maybe_unused]] struct pager *pager, const struct request *request, struct answer *answer)
{
    enum status status = memory_check_protection(request->word[1]);
    if (status != STATUS_OK) return status;
    struct segment segment = { .fill = segment_rules_of(SEGMENT_MMAP)->fill, .frame = FRAME_FRESH, .protection = (uint8_t)request->word[1] };
    status = memory_place(request->caller, &segment, request->word[0]);
    if (status != STATUS_OK) return status;
    answer->word[0] = segment.first;
    return STATUS_OK;
}

enum status request_module_map(struct pager *pager, const struct request *request, struct answer *answer)
{
    if (request->text_bytes == 0 || request->text_bytes > MODULE_NAME_BYTES) return STATUS_BAD_LENGTH;
    const struct module *module = module_find(pager, (struct text_span){ request->text, request->text_bytes });
    if (module == nullptr) return STATUS_NOT_FOUND;
    struct segment segment = { .fill = &fill_module, .protection = PROTECTION_READ, .frame = (uint32_t)module->first_frame.number };
    enum status status = memory_place(request->caller, &segment, module->size_bytes);
    if (status != STATUS_OK) return status;
    answer->word[0] = segment.first;
    answer->word[1] = module->size_bytes;
    return STATUS_OK;
}

/* The whole pages of [address, address + bytes), all of them in segments that may change. */
static enum status memory_check_range(const struct process *process, uint64_t address, uint64_t bytes, uint64_t *limit)
{
    if (bytes == 0) return STATUS_BAD_LENGTH;
    if (address % PAGE_BYTES != 0) return STATUS_BAD_ALIGNMENT;
    if (address < USER_FIRST || address >= USER_LIMIT || bytes > USER_LIMIT - address) return STATUS_BAD_ADDRESS;
    *limit = layout_page_up(address + bytes);
    const struct segment_table *table = &process->segments;
    uint64_t at = address;
    while (at < *limit) {
        const struct segment *segment = segment_find(table, at);
        if (segment == nullptr) return STATUS_NOT_MAPPED;
        if (segment_rules_of(segment->kind)->is_immutable) return STATUS_IMMUTABLE;
        at = segment->limit;
    }
    return STATUS_OK;
}

/* Pages mapped in the part of a segment below `at`. The kernel has no call that counts, and says how many entries it changed: so their rights are changed and
 * changed back, while the process waits for its answer. */
static uint64_t memory_count_below(const struct process *process, const struct segment *segment, uint64_t at)
{
    if (segment->pages == 0) return 0;
    if (segment->pages == layout_pages(segment->first, segment->limit)) return layout_pages(segment->first, at);
    uint32_t usual = segment_attributes(segment->protection);
    uint64_t count = memory_set_attributes(process, segment->first, at, usual == ATTRIBUTE_READ ? ATTRIBUTE_EXECUTE : ATTRIBUTE_READ);
    if (count > 0) memory_set_attributes(process, segment->first, at, usual);
    return count;
}

/* Rows that cutting at both ends of a range takes. */
static uint32_t memory_count_cuts(const struct process *process, uint64_t first, uint64_t limit)
{
    const struct segment *lower = segment_find(&process->segments, first);
    const struct segment *upper = segment_find(&process->segments, limit);
    return (lower != nullptr && lower->first < first) + (upper != nullptr && upper->first < limit);
}

static void memory_cut(struct process *process, uint64_t at)
{
    struct segment *segment = segment_find(&process->segments, at);
    if (segment == nullptr || segment->first == at) return;
    segment_split(&process->segments, segment, at, memory_count_below(process, segment, at));
}

/* Takes [first, limit) of a segment away: all of it, or one end. */
static void memory_take_away(struct process *process, struct segment *segment, uint64_t first, uint64_t limit)
{
    uint64_t gone = 0;
    enum status status = fill_unmap(process->space, first, limit, segment->fill->unmap_flags, segment->pages, &gone);
    assert(status == STATUS_OK && gone <= segment->pages);
    (void)status;
    if (segment->first == first && segment->limit == limit) segment_remove(&process->segments, segment);
    else segment_shorten(&process->segments, segment, first, limit, segment->pages - gone);
}

enum status request_unmap([[maybe_unused]] struct pager *pager, const struct request *request, [[maybe_unused]] struct answer *answer)
{
    struct process *process = request->caller;
    struct segment_table *table = &process->segments;
    uint64_t first = request->word[0];
    uint64_t limit;
    enum status status = memory_check_range(process, first, request->word[1], &limit);
    if (status != STATUS_OK) return status;
    const struct segment *lower = segment_find(table, first);
    bool is_hole = lower->first < first && lower->limit > limit;
    status = segment_reserve_hole(table, first, limit);
    /* Taking off one end makes a segment's charge smaller; a hole may need a table more on each level, where the pages that go do not make up for it. */
    if (status == STATUS_OK && is_hole) status = quota_check(&process->family->pages, SEGMENT_CUT_CHARGE);
    if (status != STATUS_OK) return status;

    // Commit: nothing below may fail. Pages of the mmap area come one by one, so that none is large and has to be split.
    if (is_hole) memory_cut(process, limit);
    for (uint64_t at = first; at < limit;) {
        struct segment *segment = segment_find(table, at);
        uint64_t end = segment->limit < limit ? segment->limit : limit;
        memory_take_away(process, segment, at, end);
        at = end;
    }
    return STATUS_OK;
}

enum status request_protect([[maybe_unused]] struct pager *pager, const struct request *request, [[maybe_unused]] struct answer *answer)
{
    struct process *process = request->caller;
    struct segment_table *table = &process->segments;
    uint64_t first = request->word[0];
    uint64_t limit;
    enum status status = memory_check_protection(request->word[2]);
    if (status == STATUS_OK) status = memory_check_range(process, first, request->word[1], &limit);
    if (status != STATUS_OK) return status;
    uint32_t cuts = memory_count_cuts(process, first, limit);
    status = segment_reserve_cuts(table, first, limit);
    if (status == STATUS_OK) status = quota_check(&process->family->pages, cuts * SEGMENT_CUT_CHARGE);
    if (status != STATUS_OK) return status;
    uint32_t protection = (uint32_t)request->word[2];
    for (const struct segment *segment = segment_find(table, first); segment != nullptr && segment->first < limit;
         segment = segment_find(table, segment->limit))
        if (protection & ~(uint32_t)segment->fill->protections) return STATUS_IMMUTABLE;

    // Commit: nothing below may fail, see request_unmap.
    memory_cut(process, first);
    memory_cut(process, limit);
    uint64_t at = first;
    while (at < limit) {
        struct segment *segment = segment_find(table, at);
        memory_set_protection(process, segment, protection);
        segment_merge(table, at);
        at = segment_find(table, at)->limit;
    }
    segment_merge(table, limit);
    return STATUS_OK;
}

enum status request_segment_info([[maybe_unused]] struct pager *pager, const struct request *request, struct answer *answer)
{
    const struct segment_table *table = &request->caller->segments;
    if (request->word[0] >= table->count) return STATUS_NOT_FOUND;
    const struct segment *segment = segment_above(table, 0);
    for (uint64_t i = 0; i < request->word[0]; i++) segment = segment_above(table, segment->limit);
    answer->word[0] = segment->kind;
    answer->word[1] = segment->first;
    answer->word[2] = segment->limit;
    answer->word[3] = segment->protection;
    answer->word[4] = segment->pages;
    return STATUS_OK;
}
