/* Faults: decided from the segment alone. See fault.h.
 *
 * The path of a fault that is resolved makes no call: the segment is found, its fill says which frame, and the action carries both to `resolve`. While faults
 * are traced it maps first and answers then, because the line names the frame, which only the kernel knows.
 *
 * Invariants:
 *  1. A page is charged and counted in its segment when the action is made; when the kernel refuses it, it is taken back before anything else.
 *  2. fault_repeats counts faults at fault_address since a page was last mapped for the process. */
#include "fault.h"

#include <assert.h>

#include "fill.h"
#include "report.h"

/* True when the same fault has come too often with nothing mapped in between. */
static bool fault_is_loop(struct process *process, uint64_t address)
{
    process->fault_repeats = process->fault_address == address ? process->fault_repeats + 1 : 1;
    process->fault_address = address;
    return process->fault_repeats >= FAULT_REPEATS;
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

static void fault_end(struct pager *pager, struct process *process, const struct fault_view *view, enum process_end reason)
{
    report_fatal(view, reason);
    process_end(pager, process, reason, view->message->word[1]);
}

/* With the trace: map, learn the frame, tell, let the thread go on. */
static void fault_resolve_traced(struct pager *pager, struct process *process, const struct fault_view *view, frame_id_t frame,
                                 struct pager_action *action)
{
    uint64_t page = layout_page_down(view->message->word[1]);
    uint32_t attributes = segment_attributes(view->segment);
    uint64_t done = 0;
    enum status status;
    if (frame.number == FRAME_FRESH) status = seam_space_fill(process->space, page, 1, attributes, &done);
    else status = seam_space_map(process->space, page, frame, 1, attributes, &done);
    if (status != STATUS_OK) {
        fault_resolve_refused(pager, view->message, status, action);
        return;
    }
    status = seam_space_query(process->space, page, &frame);
    assert(status == STATUS_OK);
    report_resolved(view, frame.number, 1);
    action_reply(action, view->message->token, FAULT_RETRY);
}

static void fault_resolve(struct pager *pager, struct process *process, const struct fault_view *view, struct segment *segment,
                          struct pager_action *action)
{
    uint64_t page = layout_page_down(view->message->word[1]);
    frame_id_t frame = { 0 };
    if (quota_take(&process->family->pages, segment_charge_page(segment)) != STATUS_OK) {
        fault_end(pager, process, view, PROCESS_OUT_OF_MEMORY);
        return;
    }
    segment->fill->touch(pager, segment, page, &frame);
    action_resolve(action, view->message->token, page, segment_attributes(segment), frame);
    segment->pages++; /* invariant 1 */
    process->fault_repeats_kept = process->fault_repeats;
    process->fault_repeats = 0;
    pager->count_faults++;
    if (pager->trace & TRACE_FAULTS) fault_resolve_traced(pager, process, view, frame, action);
}

static void fault_page(struct pager *pager, struct process *process, const struct pager_message *message, struct pager_action *action)
{
    uint64_t address = message->word[1];
    struct segment *segment = segment_find(&process->segments, address);
    struct fault_view view = { process, message, segment };
    if (segment == nullptr) {
        fault_end(pager, process, &view, fault_outside(process, address));
    } else if (!fault_is_allowed(segment, message->word[0])) {
        fault_end(pager, process, &view, PROCESS_PROTECTION);
    } else if (segment->fill->touch != nullptr && !(message->word[0] & FAULT_PRESENT)) {
        fault_resolve(pager, process, &view, segment, action);
    } else if (fault_is_loop(process, address)) {
        fault_end(pager, process, &view, PROCESS_FAULT_LOOP);
    } else {
        action_reply(action, message->token, FAULT_RETRY); /* the page is there and may be used so: the entry has changed since */
    }
}

void fault_resolve_refused(struct pager *pager, const struct pager_message *message, enum status status, struct pager_action *action)
{
    assert((message->tag & TAG_FAULT) && tag_label(message->tag) == FAULT_PAGE && status != STATUS_OK);
    action_wait(action);
    struct process *process = process_of_badge(pager, message->badge).process;
    assert(process != nullptr); /* nothing happens between an action and its refusal */
    uint64_t address = message->word[1];
    struct segment *segment = segment_find(&process->segments, address);
    assert(segment != nullptr && segment->pages > 0);
    segment->pages--; /* invariant 1 */
    quota_remove(&process->family->pages, segment_charge_page(segment));
    pager->count_faults--;
    process->fault_repeats = process->fault_repeats_kept; /* invariant 2 */
    struct fault_view view = { process, message, segment };
    if (status != STATUS_ALREADY_MAPPED) fault_end(pager, process, &view, PROCESS_OUT_OF_MEMORY);
    else if (fault_is_loop(process, address)) fault_end(pager, process, &view, PROCESS_FAULT_LOOP);
    else action_reply(action, message->token, FAULT_RETRY);
}

static void fault_of_handle(struct pager *pager, struct process *process, const struct pager_message *message, struct pager_action *action)
{
    struct fault_view view = { process, message, nullptr };
    enum status status = holding_map(pager, process, message->word[1]);
    if (pager->trace & TRACE_FAULTS) report_handle(&view, status);
    action_reply(action, message->token, status == STATUS_OK ? FAULT_RETRY : FAULT_REFUSE);
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
    case FAULT_PAGE: fault_page(pager, parts.process, message, action); break;
    case FAULT_HANDLE: fault_of_handle(pager, parts.process, message, action); break;
    case FAULT_EXCEPTION: fault_exception(pager, parts.process, message); break;
    default: break; /* the kernel makes no other */
    }
}
