/* Requests for memory: brk, autogen, and the mmap area.
 *
 * Each checks its words, reserves what it needs, asks the kernel, and then changes the segments: a status other than OK leaves everything as it was.
 *
 * brk and autogen move by one step at most, and the caller asks again for the rest. Another thread that moved them in between would get a piece out of the
 * middle: so from the first step to the last one thread has both for itself (`mover`). It keeps that when a step is refused, and goes back as it came. While a
 * duplicate of the process is on its way nobody moves or flips them. */
#include <assert.h>

#include "fill.h"
#include "journal.h"
#include "range.h"
#include "report.h"
#include "request.h"
#include "settle.h"

/* --- Segments that move: brk and autogen --- */

constexpr uint64_t GROW_BYTES = FILL_STEP_PAGES << PAGE_SHIFT, SHRINK_BYTES = STEP_PAGES << PAGE_SHIFT;

/* Whether another thread is in the middle of a move, or a duplicate gets them as they are. */
static bool is_moved_by_another(const struct process *process, const struct process_thread *thread)
{
    if (process_is_duplicated(process)) return true;
    return process->mover != 0 && process->mover != thread->number && process_thread_find(process, process->mover) != nullptr;
}

/* Whoever moved has done a step, the last one or not. */
static void memory_set_mover(struct process *process, const struct process_thread *thread, bool is_last)
{
    uint64_t mover = is_last ? 0 : thread->number;
    if (process->mover == mover) return;
    journal_save(&process->mover, sizeof(process->mover));
    process->mover = mover;
}

/* Whether who pays can bear a kind's segment with [first, limit) added at one end. */
static enum status memory_afford(const struct process *process, enum segment_kind kind, uint64_t first, uint64_t limit)
{
    const struct segment *segment = segment_find_kind(&process->segments, kind);
    struct segment grown = { .first = first, .limit = limit, .fill = segment_rules_of(kind)->fill };
    if (segment != nullptr && segment->first == limit) grown.limit = segment->limit;
    else if (segment != nullptr) grown.first = segment->first;
    grown.pages = layout_pages(grown.first, grown.limit);
    return quota_check(&process->family->pages, segment_charge(&grown) - (segment != nullptr ? segment_charge(segment) : 0));
}

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
    enum status status = segment->fill->take_out(process->space, segment, first, limit, layout_pages(first, limit), &gone);
    if (status != STATUS_OK) return status;

    // Commit: nothing below may fail.
    uint64_t left = segment->pages - gone;
    if (left == 0) segment_remove(&process->segments, segment);
    else segment_resize(&process->segments, segment, segment->limit == limit ? segment->first : limit, segment->limit == limit ? first : segment->limit, left);
    return STATUS_OK;
}

enum status request_brk([[maybe_unused]] struct pager *pager, const struct request *request, struct answer *answer)
{
    struct process *process = request->caller;
    int64_t target;
    if (is_moved_by_another(process, request->thread)) return STATUS_AGAIN;
    if (__builtin_add_overflow((int64_t)process->break_address, (int64_t)request->word[0], &target)) return STATUS_RANGE_WRAPS;
    if (target < (int64_t)process->break_first) return STATUS_BAD_ARGUMENT;
    if ((uint64_t)target > layout_page_down(process->autogen_low)) return STATUS_LIMIT;
    uint64_t old_limit = layout_page_up(process->break_address);
    uint64_t new_limit = layout_page_up((uint64_t)target);
    bool is_far_up = new_limit > old_limit && new_limit - old_limit > GROW_BYTES, is_far_down = new_limit < old_limit && old_limit - new_limit > SHRINK_BYTES;
    enum status status = STATUS_OK;
    if (is_far_up) {
        status = memory_afford(process, SEGMENT_BRK, old_limit, new_limit);
        target = (int64_t)(new_limit = old_limit + GROW_BYTES);
    } else if (is_far_down) {
        target = (int64_t)(new_limit = old_limit - SHRINK_BYTES);
    }
    if (status == STATUS_OK && new_limit > old_limit)
        status = memory_grow(process, SEGMENT_BRK, old_limit, new_limit, segment_rules_of(SEGMENT_BRK)->protection);
    if (new_limit < old_limit) status = memory_shrink(process, SEGMENT_BRK, new_limit, old_limit);
    if (status != STATUS_OK) return status;
    memory_set_mover(process, request->thread, !is_far_up && !is_far_down);
    answer->word[0] = process->break_address;
    answer->word[1] = (uint64_t)target - process->break_address;
    journal_save(&process->break_address, sizeof(process->break_address));
    process->break_address = (uint64_t)target;
    return STATUS_OK;
}

enum status request_autogen_move([[maybe_unused]] struct pager *pager, const struct request *request, struct answer *answer)
{
    struct process *process = request->caller;
    int64_t target;
    if (is_moved_by_another(process, request->thread)) return STATUS_AGAIN;
    if (__builtin_sub_overflow((int64_t)process->autogen_low, (int64_t)request->word[0], &target)) return STATUS_RANGE_WRAPS;
    if (target > (int64_t)LAYOUT_AUTOGEN_TOP) return STATUS_BAD_ARGUMENT;
    if (target < (int64_t)layout_page_up(process->break_address)) return STATUS_LIMIT;
    uint64_t old_first = layout_page_down(process->autogen_low);
    uint64_t new_first = layout_page_down((uint64_t)target);
    bool is_far_down = new_first < old_first && old_first - new_first > GROW_BYTES, is_far_up = new_first > old_first && new_first - old_first > SHRINK_BYTES;
    enum status status = STATUS_OK;
    if (is_far_down) {
        status = memory_afford(process, SEGMENT_AUTOGEN, new_first, old_first);
        target = (int64_t)(new_first = old_first - GROW_BYTES);
    } else if (is_far_up) {
        target = (int64_t)(new_first = old_first + SHRINK_BYTES);
    }
    if (status == STATUS_OK && new_first < old_first) status = memory_grow(process, SEGMENT_AUTOGEN, new_first, old_first, process->autogen_protection);
    if (new_first > old_first) status = memory_shrink(process, SEGMENT_AUTOGEN, old_first, new_first);
    if (status != STATUS_OK) return status;
    memory_set_mover(process, request->thread, !is_far_up && !is_far_down);
    answer->word[1] = process->autogen_low - (uint64_t)target;
    journal_save(&process->autogen_low, sizeof(process->autogen_low));
    process->autogen_low = (uint64_t)target;
    answer->word[0] = process->autogen_low;
    return STATUS_OK;
}

enum status request_autogen_flip([[maybe_unused]] struct pager *pager, const struct request *request, struct answer *answer)
{
    struct process *process = request->caller;
    if (request->word[0] > 1) return STATUS_BAD_ARGUMENT;
    answer->word[0] = 1;
    if (process->is_write_execute) return STATUS_OK; /* it is both, and stays so */
    uint32_t protection = request->word[0] == 1 ? PROTECTION_EXECUTE : PROTECTION_WRITE;
    struct segment *segment = segment_find_kind(&process->segments, SEGMENT_AUTOGEN);
    bool is_long = segment != nullptr && segment->pages > STEP_PAGES;
    if (process_is_duplicated(process)) {
        answer->word[0] = 0;
        return STATUS_OK;
    }
    if (is_long && settle_is_due(process)) {
        answer->word[0] = 0;
        answer->word[1] = settle_step(process);
        return STATUS_OK;
    }

    // Commit: nothing below may fail.
    if (is_long) {
        segment_set_protection(segment, protection);
        settle_begin(process, segment);
        answer->word[1] = settle_step(process);
    } else if (segment != nullptr) {
        range_set_protection(process, segment, protection);
    }
    journal_save(&process->autogen_protection, sizeof(process->autogen_protection));
    process->autogen_protection = protection;
    return STATUS_OK;
}

/* --- The mmap area --- */

enum status request_check_protection(uint64_t asked)
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

enum status request_map(struct pager *pager, const struct request *request, struct answer *answer)
{
    enum status status = request_check_protection(request->word[1]);
    if (status != STATUS_OK) return status;
    if ((request->word[2] | request->word[3]) != 0) return request_map_options(request, answer);
    if (pager->map_policy != MAP_TOUCHED) return request_map_policy(pager, request, 0, answer);
    struct segment segment = { .fill = segment_rules_of(SEGMENT_MMAP)->fill, .frame = FRAME_FRESH, .protection = (uint8_t)request->word[1] };
    status = memory_place(request->caller, &segment, request->word[0]);
    if (status != STATUS_OK) return status;
    answer->word[0] = segment.first;
    return STATUS_OK;
}

enum status request_map_at(struct pager *pager, const struct request *request, struct answer *answer)
{
    uint64_t first = request->word[2];
    uint64_t limit;
    enum status status = request_check_protection(request->word[1]);
    if (status == STATUS_OK) status = range_decode(first, request->word[0], &limit);
    if (status != STATUS_OK) return status;
    if (first < LAYOUT_MMAP_FIRST || limit > LAYOUT_MMAP_LIMIT) return STATUS_BAD_ADDRESS;
    if (limit - first > LAYOUT_MMAP_MOST) return STATUS_LIMIT;
    if (pager->map_policy != MAP_TOUCHED) return request_map_policy(pager, request, first, answer);
    struct segment segment = {
        .first = first, .limit = limit, .fill = segment_rules_of(SEGMENT_MMAP)->fill, .frame = FRAME_FRESH, .kind = SEGMENT_MMAP,
        .protection = (uint8_t)request->word[1],
    };
    return segment_place_at(&request->caller->segments, &segment);
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
