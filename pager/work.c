/* Work in steps. See work.h. */
#include "work.h"

#include <assert.h>

#include "fill.h"

static struct segment *work_find_going(const struct process *process)
{
    for (struct segment *segment = segment_above(&process->segments, 0); segment != nullptr; segment = segment_above(&process->segments, segment->limit))
        if (segment->is_going) return segment;
    return nullptr;
}

void work_add(struct pager *pager, struct process *process)
{
    assert(work_find_going(process) != nullptr && process->next_work == nullptr);
    struct process **link = &pager->work_first;
    while (*link != nullptr) link = &(*link)->next_work;
    *link = process;
    pager->is_step_next = true;
}

void work_forget(struct pager *pager, struct process *process)
{
    struct process **link = &pager->work_first;
    while (*link != nullptr && *link != process) link = &(*link)->next_work;
    if (*link != nullptr) *link = process->next_work;
    process->next_work = nullptr;
}

/* At most STEP_PAGES entries off the lower end of a segment. */
static void work_shrink(struct process *process, struct segment *segment)
{
    struct segment_table *table = &process->segments;
    struct seam_unmapped step = { 0 };
    enum status status = STATUS_OK;
    if (segment->pages > 0)
        status = seam_space_unmap(process->space, segment->first, layout_pages(segment->first, segment->limit), segment->fill->unmap_flags, &step);
    assert(status == STATUS_OK || status == STATUS_AGAIN);
    (void)status;
    uint64_t first = segment->first + (step.done_pages << PAGE_SHIFT);
    uint64_t left = segment->pages - step.unmapped_pages;
    if (left == 0 || first == segment->limit) segment_remove(table, segment);
    else segment_shorten(table, segment, segment->first, first, left);
}

void work_step(struct pager *pager)
{
    struct process *process = pager->work_first;
    if (process == nullptr) return;
    work_forget(pager, process);
    struct segment *segment = work_find_going(process);
    assert(segment != nullptr && process->wait.kind == WAIT_WORK);
    work_shrink(process, segment);
    if (work_find_going(process) != nullptr) work_add(pager, process); /* behind the others */
    else process_wake(pager, process, STATUS_OK, 0, 0);
}

void work_turn(struct pager *pager, struct pager_action *action)
{
    if (!pager->is_step_next) action->kind = ACTION_POLL;
    else work_step(pager);
    pager->is_step_next = !pager->is_step_next;
}
