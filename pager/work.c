/* Work in steps. See work.h. */
#include "work.h"

#include <assert.h>

#include "fill.h"
#include "waits.h"

/* The first segment that is going of what a row waits for. */
static struct segment *work_find_going(const struct process *process, const struct wait *wait)
{
    const struct segment_table *table = &process->segments;
    for (struct segment *segment = segment_above(table, wait->word[0]); segment != nullptr && segment->first < wait->word[1];
         segment = segment_above(table, segment->limit))
        if (segment->is_going) return segment;
    return nullptr;
}

void work_add(struct pager *pager, struct process_thread *row)
{
    assert(row->wait.kind == WAIT_WORK && row->next_work == nullptr);
    struct process_thread **link = &pager->work_first;
    while (*link != nullptr) link = &(*link)->next_work;
    *link = row;
    pager->is_step_next = true;
}

void work_forget(struct pager *pager, struct process_thread *row)
{
    struct process_thread **link = &pager->work_first;
    while (*link != nullptr && *link != row) link = &(*link)->next_work;
    if (*link != nullptr) *link = row->next_work;
    row->next_work = nullptr;
}

/* At most STEP_PAGES entries off the lower end of a segment; up to where it is gone. */
static uint64_t work_shrink(struct process *process, struct segment *segment)
{
    space_id_t space = process_memory(process);
    struct segment_table *table = &process->segments;
    struct seam_unmapped step = { 0 };
    enum status status = STATUS_OK;
    if (segment->pages > 0)
        status = seam_space_unmap(space, segment->first, layout_pages(segment->first, segment->limit), segment->fill->unmap_flags, &step);
    assert(status == STATUS_OK || status == STATUS_AGAIN);
    (void)status;
    uint64_t first = segment->first + (step.done_pages << PAGE_SHIFT);
    uint64_t left = segment->pages - step.unmapped_pages;
    uint64_t limit = segment->limit;
    if (left > 0 && first < limit) {
        segment_shorten(table, segment, segment->first, first, left);
        return first;
    }
    segment_remove(table, segment);
    return limit;
}

/* All that a row waited for is gone. */
static void work_done(struct pager *pager, struct process_thread *row)
{
    struct process *process = process_of_thread(pager, row);
    if (process->state == PROCESS_ENDED) process_end_going(pager, process);
    else if (row->thread.number != 0) process_thread_wake(pager, row, STATUS_OK, 0, 0);
    else process_thread_forget(process, row);
}

/* Entries that a segment, or the first step of it, takes at most. */
static uint64_t work_of(const struct segment *segment)
{
    uint64_t pages = layout_pages(segment->first, segment->limit);
    return WORK_OF_SEGMENT + (pages < STEP_PAGES ? pages : STEP_PAGES);
}

/* One segment, or a part of it; several where they are small. */
static void work_do(struct pager *pager, struct process_thread *row)
{
    work_forget(pager, row);
    struct process *process = process_of_thread(pager, row);
    struct segment *segment = work_find_going(process, &row->wait);
    assert(segment != nullptr && row->wait.kind == WAIT_WORK);
    process_thread_save(row);
    uint64_t done = 0, limit;
    do {
        done += work_of(segment);
        limit = segment->limit;
        row->wait.word[0] = work_shrink(process, segment); /* what is mapped below it from now on is somebody else's business */
        segment = work_find_going(process, &row->wait);
    } while (segment != nullptr && row->wait.word[0] == limit && done + work_of(segment) <= STEP_PAGES);
    if (segment != nullptr) work_add(pager, row); /* behind the others */
    else work_done(pager, row);
    if (pager->work_first == nullptr) waits_begin(pager); /* the timer is theirs again */
}

void work_step(struct pager *pager)
{
    if (pager->work_first != nullptr) work_do(pager, pager->work_first);
}

bool work_hurry(struct pager *pager, const struct family *family)
{
    struct process_thread *row = pager->work_first;
    while (row != nullptr && process_of_thread(pager, row)->family != family) row = row->next_work;
    if (row != nullptr) work_do(pager, row);
    return row != nullptr;
}

void work_pause(struct pager *pager)
{
    if (pager->is_pausing) return;
    pager->is_pausing = true;
    seam_timer_set(WAKE_FOR_WORK, WORK_PAUSE);
}

void work_turn(struct pager *pager, struct pager_action *action)
{
    if (pager->is_step_next) {
        work_step(pager);
    } else {
        action->kind = ACTION_POLL;
    }
    pager->is_step_next = !pager->is_step_next;
}
