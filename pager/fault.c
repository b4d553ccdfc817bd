/* Faults: decided from the segment alone. See fault.h.
 *
 * The path of a fault that is resolved makes no call: the segment is found, its row says which frame, and the action carries both to `resolve`. While faults
 * are traced it maps first and answers then, because the line names the frame, which only the kernel knows.
 *
 * Who touches pages in order gets more than one with a fault, four times as many each time, as long as the faults come where they are expected next. A fault
 * anywhere else maps its page alone. What is mapped ahead lies in the segment and in the page table of the page that was touched, so that it needs no other
 * table; pages that are there already make the kernel refuse all of it, and the page is mapped alone.
 *
 * A segment may say more: with large pages a fault brings one, with ADVICE_SEQUENTIAL as many as may come, with ADVICE_RANDOM always one. The first two leave
 * the quick path (segment.h: refuses), since they come seldom; the third one stays on it.
 *
 * Invariants:
 *  1. Pages are charged and counted in their segment when the action is made; when the kernel refuses it, they are taken back before anything else.
 *  2. fault_repeats of a thread counts its faults at fault_address since something changed for the process: a page was mapped, or a protection set. Threads
 *     that touch a page at once, or while another changes what may be done there, get there in the end. */
#include "fault.h"

#include <assert.h>

#include "fill.h"
#include "fill_copy.h"
#include "range.h"
#include "report.h"
#include "settle.h"
#include "shortage.h"
#include "work.h"

/* True when the same fault of the same thread has come too often with nothing changed in between. */
static bool fault_is_loop(const struct process *process, const struct fault_view *view)
{
    struct process_thread *row = process_thread_find(process, view->message->word[4]);
    uint64_t address = view->message->word[1];
    if (row == nullptr) return false; /* it has ended */
    bool is_same = row->fault_address == address && row->fault_changes == process->changes;
    row->fault_repeats = is_same ? row->fault_repeats + 1 : 1;
    row->fault_address = address;
    row->fault_changes = process->changes;
    return row->fault_repeats >= FAULT_REPEATS;
}

static bool fault_is_allowed(const struct segment *segment, uint64_t access)
{
    if ((access & FAULT_WRITE) && !(segment->protection & PROTECTION_WRITE)) return false;
    return !(access & FAULT_EXECUTE) || (segment->protection & PROTECTION_EXECUTE);
}

/* An address in no segment: below a segment that grows down it is an overflow of that one. */
static enum process_end fault_outside(const struct process *process, uint64_t address)
{
    const struct segment *above = segment_above(&process->segments, address);
    if (above == nullptr) return PROCESS_BAD_ADDRESS;
    return above->first - address <= segment_rules_of(above->kind)->guard_bytes ? PROCESS_STACK_OVERFLOW : PROCESS_BAD_ADDRESS;
}

/* Against the protection of a segment: where the stack of the thread begins right above it, that one has overflowed (thread_start of libipc). */
static enum process_end fault_forbidden(const struct process *process, const struct segment *segment, uint64_t thread)
{
    const struct process_thread *row = process_thread_find(process, thread);
    const struct segment *stack = row != nullptr && row->stack > 0 ? segment_find(&process->segments, row->stack - 1) : nullptr;
    return stack != nullptr && stack->first == segment->limit ? PROCESS_STACK_OVERFLOW : PROCESS_PROTECTION;
}

/* How far the stack has come that has overflowed: the one right above an address outside of all segments, or else the thread's. */
static void fault_report_overflow(const struct process *process, const struct fault_view *view)
{
    const struct segment *stack = segment_above(&process->segments, view->message->word[1]);
    if (view->segment != nullptr) stack = segment_find(&process->segments, process_thread_find(process, view->message->word[4])->stack - 1);
    report_overflow(view, stack, range_lowest(process, stack));
}

static void fault_end(struct pager *pager, struct process *process, const struct fault_view *view, enum process_end reason)
{
    report_fatal(view, reason);
    if (reason == PROCESS_STACK_OVERFLOW) fault_report_overflow(process, view);
    process_end(pager, process, reason, view->message->word[1]);
}

/* At most `count` pages from `page` on: those that the segment and the table have. */
static inline uint64_t fault_pages(const struct segment *segment, uint64_t page, uint64_t count)
{
    uint64_t end = layout_table_end(page) < segment->limit ? layout_table_end(page) : segment->limit;
    return count < layout_pages(page, end) ? count : layout_pages(page, end);
}

/* What a fault at a page brings, by the faults before it: how many pages from that one on, and how many faults in order there were then. */
struct fault_step {
    uint64_t count;
    uint64_t next; /* where the next fault is expected */
    uint8_t run;
};

static inline struct fault_step fault_step(const struct segment *segment, uint64_t page, uint32_t most)
{
    struct fault_step step = { 1, page + PAGE_BYTES, 0 };
    if (page != segment->next) return step;
    step.run = (uint8_t)(segment->run + (segment->run < segment->run_most));
    if (segment->run < FAULT_RUN_LEAST) return step;
    uint64_t count = FAULT_RUN_PAGES << 2 * (segment->run - FAULT_RUN_LEAST);
    step.count = fault_pages(segment, page, count < most ? count : most);
    step.next = page + (step.count << PAGE_SHIFT);
    return step;
}
static_assert(FAULT_RUN_PAGES << 2 * (SEGMENT_RUN_MOST - FAULT_RUN_LEAST) >= FAULT_AROUND_MOST);

/* The same where the segment says more than the faults before. May begin below the page, at *first. */
static struct fault_step fault_extent(const struct segment *segment, uint64_t *first, uint32_t most)
{
    uint64_t count = segment->fill->fault_pages;
    uint64_t begin = count > 0 ? *first - *first % (count << PAGE_SHIFT) : *first;
    bool has_room = begin >= segment->first && layout_pages(begin, segment->limit) >= count;
    bool is_aligned = count > 0 && has_room && layout_pages(segment->first, segment->limit) - segment->pages >= count;
    if (is_aligned) *first = begin;
    struct fault_step step = fault_step(segment, *first, most);
    if (is_aligned) step.count = count;
    else if (segment->advice == ADVICE_SEQUENTIAL) step.count = fault_pages(segment, *first, most);
    step.next = *first + (step.count << PAGE_SHIFT);
    return step;
}

/* Remembers where the next fault is expected, and counts the answer. */
static inline void fault_count(struct pager *pager, struct process *process, struct segment *segment, struct fault_step step)
{
    segment->run = step.run;
    segment->next = step.next;
    process->changes++;
    pager->count_faults++;
    pager->count_resolving = step.count;
}

bool fault_quick(struct pager *pager, const struct pager_message *message, struct fault_answer *answer)
{
    if (!(message->tag & TAG_FAULT) || tag_label(message->tag) != FAULT_PAGE) return false;
    const struct process *named = pager->process[message->badge % PROCESS_LIMIT];
    if (named == nullptr || named->badge != message->badge) return false;
    struct process *process = pager->process[message->badge % PROCESS_LIMIT];
    struct segment *segment = process->segments.recent;
    uint64_t place = (message->word[1] - segment->first) >> PAGE_SHIFT;
    if (place >= segment->count || ((uint8_t)message->word[0] & segment->refuses) != 0) return false;
    uint64_t page = layout_page_down(message->word[1]), frame = segment->frame;
    struct fault_step step = fault_step(segment, page, pager->around);
    if (frame != FRAME_FRESH) frame += place; /* nobody is charged for it (segment.h: refuses) */
    else if (!quota_take_quick(&process->family->pages, step.count)) return false;
    segment->pages += step.count; /* invariant 1 */
    fault_count(pager, process, segment, step);
    *answer = (struct fault_answer){ page | segment->attributes, frame, step.count };
    return true;
}

/* With the trace: map, learn the frame, tell, let the thread go on. */
static void fault_resolve_traced(struct pager *pager, struct process *process, const struct fault_view *view, const struct fault_answer *answer,
                                 struct pager_action *action)
{
    uint64_t page = layout_page_down(answer->page);
    uint32_t attributes = view->segment->attributes;
    uint64_t done = 0;
    frame_id_t frame = { answer->frame };
    enum status status;
    if (frame.number == FRAME_FRESH) status = seam_space_fill(process->space, page, answer->count_pages, attributes, &done);
    else status = seam_space_map(process->space, page, frame, answer->count_pages, attributes, &done);
    if (status != STATUS_OK) {
        fault_resolve_refused(pager, view->message, status, action);
        return;
    }
    status = seam_space_query(process->space, page, &frame);
    assert(status == STATUS_OK);
    report_resolved(view, "map", frame.number, answer->count_pages);
    action_reply(action, view->message->token, FAULT_RETRY);
}

/* Charges what a fault brings: as many pages as it would, or one; to who pays for the segment, or else to the toucher's own family. */
static enum status fault_charge(struct process *process, struct segment *segment, uint64_t *count)
{
    enum status status = quota_take(segment_quota(&process->segments, segment), segment_charge_more(segment, *count));
    if (status != STATUS_OK && *count > 1) {
        *count = 1;
        status = quota_take(segment_quota(&process->segments, segment), segment_charge_more(segment, 1));
    }
    /* Who gave the memory cannot pay for more of it: who uses it takes over what it costs. */
    if (status != STATUS_OK && segment->payer != 0 && segment_take_over(&process->segments, segment) == STATUS_OK)
        status = quota_take(segment_quota(&process->segments, segment), segment_charge_more(segment, *count));
    return status;
}

/* There is no page for who touches: what is going brings some, or a process ends. */
static void fault_short(struct pager *pager, struct process *process, const struct fault_view *view, struct pager_action *action)
{
    if (work_hurry(pager, process->family) || shortage_end_another(pager, process)) action_reply(action, view->message->token, FAULT_RETRY);
    else fault_end(pager, process, view, PROCESS_OUT_OF_MEMORY);
}

/* Brings the page of a fault, and others with it unless it is to come alone. */
static void fault_resolve(struct pager *pager, struct process *process, const struct fault_view *view, struct segment *segment, bool is_alone,
                          struct pager_action *action)
{
    uint64_t touched = layout_page_down(view->message->word[1]), page = touched;
    struct fault_step step = is_alone ? fault_step(segment, page, 1) : fault_extent(segment, &page, pager->around);
    while (fault_charge(process, segment, &step.count) != STATUS_OK) {
        if (shortage_trim(pager, process->family)) continue;
        fault_short(pager, process, view, action);
        return;
    }
    if (step.count == 1 && page != touched) { /* fewer than the large page that begins below it */
        page = touched;
        step = fault_step(segment, page, 1);
    }
    segment_set_pages(segment, segment->pages + step.count); /* invariant 1 */
    fault_count(pager, process, segment, step);
    uint64_t frame = segment->frame + segment->fill->frame_step * layout_pages(segment->first, page);
    struct fault_answer answer = { page | segment->attributes, frame, step.count };
    action_resolve(action, view->message->token, &answer);
    if (pager->trace & TRACE_FAULTS) fault_resolve_traced(pager, process, view, &answer, action);
}

/* A write to a page that others may have too. It is charged already: so it comes whatever the family has left. Where there never was a second thread the page
 * was shared up to now: nobody else can have had the same fault. */
static void fault_copy(struct pager *pager, struct process *process, const struct fault_view *view, struct segment *segment, struct pager_action *action)
{
    if (process->last_thread == PROCESS_THREAD_FIRST) copy_count_one(segment);
    uint64_t page = layout_page_down(view->message->word[1]);
    struct fault_answer answer = { page | view->segment->attributes, FRAME_COPY, 1 };
    if (pager->trace & TRACE_FAULTS) {
        frame_id_t frame = { 0 };
        enum status status = seam_space_query(process->space, page, &frame);
        (void)status; /* when it is not there any more, the kernel will say so */
        report_resolved(view, "copy", frame.number, 1);
    }
    process->changes++;
    pager->count_faults++;
    pager->count_resolving = 0;
    action_resolve(action, view->message->token, &answer);
}

static void fault_page(struct pager *pager, struct process *process, const struct pager_message *message, bool is_alone, struct pager_action *action)
{
    uint64_t address = message->word[1];
    struct segment *segment = segment_find(&process->segments, address);
    struct fault_view view = { process, message, segment };
    if (segment != nullptr && pager->is_quick) process->segments.recent = segment;
    if (segment == nullptr || segment->is_going) {
        fault_end(pager, process, &view, fault_outside(process, address));
    } else if (!fault_is_allowed(segment, message->word[0])) {
        fault_end(pager, process, &view, fault_forbidden(process, segment, message->word[4]));
    } else if (segment->fill->set == nullptr && !(message->word[0] & FAULT_PRESENT)) {
        fault_resolve(pager, process, &view, segment, is_alone, action);
    } else if (copy_is_wanted(segment, message->word[0])) {
        fault_copy(pager, process, &view, segment, action);
    } else if (settle_page(process, segment, address)) {
        action_reply(action, message->token, FAULT_RETRY);
    } else if (fault_is_loop(process, &view)) {
        fault_end(pager, process, &view, PROCESS_FAULT_LOOP);
    } else {
        action_reply(action, message->token, FAULT_RETRY); /* the page is there and may be used so: the entry has changed since */
    }
}

/* The kernel had no frame for what was granted. The bound of all charges (quota.h) is there so that this never comes; should it come, it is a shortage as
 * any other. What members give back are frames again, so the fault is tried anew: each time there is less to give, fewer steps are left, or fewer run. */
static void fault_without_frame(struct pager *pager, struct process *process, const struct fault_view *view, struct pager_action *action)
{
    if (shortage_trim(pager, process->family)) action_reply(action, view->message->token, FAULT_RETRY);
    else fault_short(pager, process, view, action);
}

void fault_resolve_refused(struct pager *pager, const struct pager_message *message, enum status status, struct pager_action *action)
{
    assert((message->tag & TAG_FAULT) && tag_label(message->tag) == FAULT_PAGE && status != STATUS_OK);
    action_wait(action);
    struct process *process = process_of_badge(pager, message->badge).process;
    assert(process != nullptr); /* nothing happens between an action and its refusal */
    uint64_t address = message->word[1];
    struct segment *segment = segment_find(&process->segments, address);
    uint64_t count = pager->count_resolving;
    assert(segment != nullptr && segment->pages >= count);
    segment_set_pages(segment, segment->pages - count); /* invariant 1 */
    if (count == 0) copy_count_all(segment); /* it was to be copied */
    quota_remove(segment_quota(&process->segments, segment), segment_charge_more(segment, count));
    pager->count_faults--;
    process->changes--; /* invariant 2 */
    struct fault_view view = { process, message, segment };
    segment->run = 0;
    if (status == STATUS_STALE) return; /* the thread has gone on: its fault was resolved by a pager that is lost */
    if (count > 1) fault_page(pager, process, message, true, action); /* some of them are there already, or there is not so much memory: this page alone */
    else if (status == STATUS_NO_MEMORY) fault_without_frame(pager, process, &view, action);
    else if (status != STATUS_ALREADY_MAPPED && status != STATUS_NOT_MAPPED) fault_end(pager, process, &view, PROCESS_OUT_OF_MEMORY);
    else if (fault_is_loop(process, &view)) fault_end(pager, process, &view, PROCESS_FAULT_LOOP);
    else action_reply(action, message->token, FAULT_RETRY);
}

static void fault_of_handle(struct pager *pager, struct process *process, const struct pager_message *message, struct pager_action *action)
{
    struct fault_view view = { process, message, nullptr };
    struct holding_row row;
    enum status status = holding_row(pager, process, message->word[1], &row);
    if (pager->trace & TRACE_FAULTS) report_handle(&view, status);
    if (status == STATUS_OK) {
        action_handle(action, message->token, &row);
        return;
    }
    action_reply(action, message->token, FAULT_REFUSE);
    action->word[0] = status;
}

static void fault_exception(struct pager *pager, struct process *process, const struct pager_message *message)
{
    struct fault_view view = { process, message, segment_find(&process->segments, message->word[2]) };
    report_exception(&view);
    process_end(pager, process, PROCESS_EXCEPTION, message->word[0] >> 8 & 0xff);
}

void fault_handle(struct pager *pager, const struct pager_message *message, struct pager_action *action)
{
    struct badge_parts parts = process_of_badge(pager, message->badge);
    if (parts.process == nullptr || parts.holder != nullptr) return; /* of a process that has ended meanwhile */
    switch (tag_label(message->tag)) {
    case FAULT_PAGE: fault_page(pager, parts.process, message, false, action); break;
    case FAULT_HANDLE: fault_of_handle(pager, parts.process, message, action); break;
    case FAULT_EXCEPTION: fault_exception(pager, parts.process, message); break;
    default: break; /* the kernel makes no other */
    }
}
