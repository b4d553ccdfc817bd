/* Requests for parts of the mmap area: unmap, protect, discard, seal, and what the segments are. map_over is in request_renew.c.
 *
 * Each checks its range, reserves what cutting its ends may cost, and then cannot fail. A long range is done in parts (range.h), for which the caller asks one
 * after the other: protect has set the protection of a part when it answers, and leaves the pages to settle.h. */
#include <assert.h>

#include "fill.h"
#include "range.h"
#include "request.h"
#include "settle.h"
#include "work.h"

/* Takes [first, limit) of a segment away: all of it, or one end. */
static void segment_take_away(struct process *process, struct segment *segment, uint64_t first, uint64_t limit)
{
    uint64_t gone = 0;
    enum status status = segment->pages > 0 ? segment->fill->take_out(process->space, segment, first, limit, segment->pages, &gone) : STATUS_OK;
    assert(status == STATUS_OK && gone <= segment->pages);
    (void)status;
    if (segment->first == first && segment->limit == limit) segment_remove(&process->segments, segment);
    else segment_shorten(&process->segments, segment, first, limit, segment->pages - gone);
}

/* Leaves a range that is too long for one step to work.h. False: it is not long, or there is no room to cut it off; then it goes at once. */
static bool segment_unmap_later(struct pager *pager, const struct request *request, uint64_t first, uint64_t limit)
{
    struct process *process = request->caller;
    struct segment_table *table = &process->segments;
    uint64_t pages = 0;
    for (const struct segment *segment = segment_find(table, first); segment != nullptr && segment->first < limit;
         segment = segment_find(table, segment->limit)) {
        if (segment->fill->is_whole) return false; /* in one step: a few entries */
        pages += segment->pages;
    }
    if (pages == 0 || layout_pages(first, limit) <= STEP_PAGES) return false;
    if (segment_reserve_cuts(table, first, limit) != STATUS_OK) return false;
    if (range_afford_cuts(process, first, limit) != STATUS_OK) return false;

    // Commit: nothing below may fail.
    range_cut(process, first);
    range_cut(process, limit);
    for (struct segment *segment = segment_find(table, first); segment != nullptr && segment->first < limit; segment = segment_find(table, segment->limit))
        segment_set_going(segment);
    process_thread_save(request->thread);
    request->thread->wait = (struct wait){ .kind = WAIT_WORK, .token = request->token, .word = { first, limit } };
    work_add(pager, request->thread);
    return true;
}

/* Whether a range is a whole segment that may go, in one step: then there is nothing to reserve, to cut or to look for. */
static bool segment_may_go(const struct segment *segment, uint64_t first, uint64_t bytes)
{
    uint64_t length = segment->limit - segment->first;
    if (segment->first != first || layout_page_up(bytes) != length) return false;
    if (segment_rules_of(segment->kind)->is_immutable || segment->is_sealed || segment->is_going) return false;
    return length <= STEP_PAGES << PAGE_SHIFT;
}

/* Any range. */
__attribute__((noinline)) static enum status request_unmap_range(struct pager *pager, const struct request *request, struct answer *answer)
{
    struct process *process = request->caller;
    struct segment_table *table = &process->segments;
    uint64_t first = request->word[0];
    uint64_t limit;
    enum status status = range_check(process, first, request->word[1], &limit);
    if (status != STATUS_OK) return status;
    const struct segment *lower = segment_find(table, first);
    bool is_hole = lower->first < first && lower->limit > limit;
    status = segment_reserve_hole(table, first, limit);
    /* Taking off one end makes a segment's charge smaller; a hole may need a table more on each level, where the pages that go do not make up for it. */
    if (status == STATUS_OK && is_hole) status = quota_check(segment_quota(table, lower), SEGMENT_CUT_CHARGE);
    if (status == STATUS_OK && is_hole) status = range_split_page(process, limit);
    if (status != STATUS_OK) return status;
    answer->is_deferred = segment_unmap_later(pager, request, first, limit);
    if (answer->is_deferred) return STATUS_OK;

    // Commit: nothing below may fail. Giving back takes no memory, whatever size the pages have.
    if (is_hole) range_cut(process, limit);
    for (uint64_t at = first; at < limit;) {
        struct segment *segment = segment_find(table, at);
        uint64_t end = segment->limit < limit ? segment->limit : limit;
        segment_take_away(process, segment, at, end);
        at = end;
    }
    return STATUS_OK;
}

enum status request_unmap(struct pager *pager, const struct request *request, struct answer *answer)
{
    struct segment *segment = segment_find(&request->caller->segments, request->word[0]);
    if (segment == nullptr || !segment_may_go(segment, request->word[0], request->word[1])) return request_unmap_range(pager, request, answer);

    // Commit: nothing below may fail.
    segment_take_away(request->caller, segment, segment->first, segment->limit);
    return STATUS_OK;
}

enum status request_protect([[maybe_unused]] struct pager *pager, const struct request *request, struct answer *answer)
{
    struct process *process = request->caller;
    struct segment_table *table = &process->segments;
    uint64_t first = request->word[0], limit;
    uint32_t protection = (uint32_t)request->word[2];
    bool is_long;
    const struct range_rules rules = { .protection = protection, .takes_parts = true };
    enum status status = request_check_protection(request->word[2]);
    if (status == STATUS_OK) status = range_prepare(process, first, request->word[1], &rules, &limit, &is_long);
    if (status != STATUS_OK) return status;
    if (is_long && settle_is_due(process)) {
        answer->word[1] = settle_step(process);
        return STATUS_OK;
    }

    // Commit: nothing below may fail, see request_unmap.
    range_cut(process, first);
    range_cut(process, limit);
    answer->word[0] = limit - first;
    if (is_long) {
        struct segment *segment = segment_find(table, first);
        segment_set_protection(segment, protection);
        settle_begin(process, segment);
        answer->word[1] = settle_step(process);
    }
    for (uint64_t at = first; at < limit; at = segment_find(table, at)->limit) {
        if (!is_long) range_set_protection(process, segment_find(table, at), protection);
        segment_merge(table, at);
    }
    segment_merge(table, limit);
    return STATUS_OK;
}

enum status request_settle([[maybe_unused]] struct pager *pager, const struct request *request, struct answer *answer)
{
    if (settle_is_due(request->caller)) answer->word[0] = settle_step(request->caller);
    return STATUS_OK;
}

enum status request_seal([[maybe_unused]] struct pager *pager, const struct request *request, [[maybe_unused]] struct answer *answer)
{
    struct process *process = request->caller;
    uint64_t first = request->word[0];
    uint64_t limit;
    enum status status = range_isolate(process, first, request->word[1], &limit);
    if (status != STATUS_OK) return status;
    for (struct segment *at = segment_find(&process->segments, first); at != nullptr && at->first < limit; at = segment_find(&process->segments, at->limit))
        segment_set_sealed(at);
    range_rejoin(process, first, limit);
    return STATUS_OK;
}

enum status request_discard([[maybe_unused]] struct pager *pager, const struct request *request, struct answer *answer)
{
    struct process *process = request->caller;
    uint64_t limit;
    bool is_long;
    const struct range_rules rules = { .takes_frames = true };
    enum status status = range_check_part(process, request->word[0], request->word[1], &rules, &limit);
    if (status != STATUS_OK) return status;
    limit = range_part(process, request->word[0], limit, &is_long);
    if (is_long) limit = range_step(process, request->word[0], limit);
    answer->word[0] = limit - request->word[0];
    for (uint64_t at = request->word[0]; at < limit;) {
        struct segment *segment = segment_find(&process->segments, at);
        uint64_t end = segment->limit < limit ? segment->limit : limit;
        range_discard(process, segment, at, end);
        at = end;
    }
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
