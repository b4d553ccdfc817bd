/* The end of a process. See process.h.
 *
 * Ending works on whatever is there, so that a start that fails half way is undone by the same lines. Order: first nothing runs in it any more (thread), then
 * what others see of it goes (services, handles), then its memory, then its slot.
 *
 * The memory goes at once where that is as much work as one step of an unmap at most. Else all segments are going, as those of an unmap (work.h), and the first
 * row of the process waits for that. From its retirement on no record names what is left, so a pager that takes over gives it back itself. */
#include <assert.h>

#include "fill.h"
#include "ledger.h"
#include "output.h"
#include "process_start.h"
#include "report.h"
#include "work.h"

/* Goes before changes of several parts of the record. */
static void process_save(const struct process *process)
{
    journal_save(&process->badge, offsetof(struct process, name) - offsetof(struct process, badge));
    process_thread_save(&process->first);
}

/* Parts of an image whose frames are the module's: what lies between them goes first, then they go together. */
struct module_parts {
    uint64_t first, limit, pages;
};

static void module_parts_take_out(space_id_t space, const struct module_parts *parts)
{
    uint64_t gone = 0;
    enum status status = fill_unmap(space, parts->first, parts->limit, UNMAP_KEEP, parts->pages, &gone);
    assert(status == STATUS_OK && gone == parts->pages);
    (void)status;
}

static void segment_empty(space_id_t space, const struct segment *segment)
{
    uint64_t gone = 0;
    enum status status = fill_unmap_all(space, segment, &gone);
    assert(status == STATUS_OK && gone == segment->pages);
    (void)status;
}

static void process_empty_memory(struct process *process, space_id_t space)
{
    constexpr uint64_t gap_most = 64 * PAGE_BYTES; /* to look at more empty entries costs more than another entry of the kernel */
    struct segment_table *table = &process->segments;
    struct module_parts parts = { 0 };
    for (uint32_t i = 0; i < table->count_fixed; i++) {
        const struct segment *segment = segment_fixed(table, i);
        if (segment->fill->unmap_flags != UNMAP_KEEP || segment->limit > LAYOUT_IMAGE_LIMIT) {
            segment_empty(space, segment);
            continue;
        }
        if (segment->first - parts.limit > gap_most) {
            module_parts_take_out(space, &parts);
            parts = (struct module_parts){ .first = segment->first };
        }
        parts.limit = segment->limit;
        parts.pages += segment->pages;
    }
    module_parts_take_out(space, &parts);
    uint64_t at = LAYOUT_MMAP_FIRST;
    for (const struct segment *segment; (segment = segment_mapped_above(table, at)) != nullptr; at = segment->limit) segment_empty(space, segment);
}

/* Nothing is mapped in the space any more: what led there goes, and what was counted for it. */
static void process_end_space(struct process *process, space_id_t space)
{
    segment_table_clear(&process->segments);
    enum status status = STATUS_OK;
    if (space.number != 0) {
        do status = seam_space_destroy(space);
        while (status == STATUS_AGAIN);
    }
    assert(status == STATUS_OK);
    (void)status;
    quota_remove(&process->family->pages, PROCESS_OBJECTS + process->count_threads * THREAD_OBJECTS);
    process->count_threads = 0;
}

/* Whether its memory is more work than one step: pages and their tables, and the segments themselves. */
static bool memory_is_large(const struct process *process)
{
    const struct segment_table *table = &process->segments;
    uint64_t entries = 0;
    for (uint32_t i = 0; i < table->count_fixed; i++) entries += segment_fixed(table, i)->pages * (1 + SEGMENT_LEVELS);
    if (entries <= STEP_PAGES && table->count == table->count_fixed) return false; /* most are small */
    entries = 0;
    for (const struct segment *row = segment_above(table, 0); row != nullptr && entries <= STEP_PAGES; row = segment_above(table, row->limit))
        entries += WORK_OF_SEGMENT + row->pages + segment_tables(row->first, row->limit, row->pages);
    return entries > STEP_PAGES;
}

/* Leaves the memory to work.h, but for what goes as a whole: that is a few entries. */
static void memory_leave(struct pager *pager, struct process *process, space_id_t space)
{
    struct segment_table *table = &process->segments;
    for (struct segment *row = segment_above(table, 0); row != nullptr;) {
        uint64_t limit = row->limit;
        if (row->fill->is_whole) {
            segment_empty(space, row);
            segment_remove(table, row);
        } else {
            segment_set_going(row);
        }
        row = segment_above(table, limit);
    }
    quota_remove(&process->family->pages, process->count_threads * THREAD_OBJECTS);
    process->count_threads = 0;
    process->going = space;
    process->first.wait = (struct wait){ .kind = WAIT_WORK, .word = { USER_FIRST, USER_LIMIT } };
    pager->count_going++;
    work_add(pager, &process->first);
}

static void process_tell_waiters(struct pager *pager, struct process *ended)
{
    while (ended->waiters != nullptr) {
        struct process_thread *row = ended->waiters;
        ended->waiters = row->wait.next;
        process_thread_wake(pager, row, STATUS_OK, ended->reason, ended->value);
    }
}

void process_finish(struct pager *pager, struct process *process)
{
    process_tell_waiters(pager, process);
    if (process->references == 0) process_slot_give(pager, process);
}

void process_end_going(struct pager *pager, struct process *process)
{
    space_id_t space = process->going;
    process->going = (space_id_t){ 0 };
    process->first = (struct process_thread){ 0 };
    pager->count_going--;
    process_end_space(process, space);
    process_finish(pager, process);
}

/* Of a finished record process_end() has saved what changes here. Up to where the record is retired it can be undone. */
static void process_take_apart(struct pager *pager, struct process *process, bool in_steps)
{
    uint64_t sequence = pager->ledger->journal.sequence;
    process_thread_end_all(process);
    watch_end(pager, process);
    alarm_end(pager, process);
    holding_close_all(pager, process);
    bool has_emptied = group_leave_all(pager, process);
    if (sequence != pager->ledger->journal.sequence) process_save(process); /* there were so many handles that the journal was full */
    space_id_t space = process->space;
    process->space = (space_id_t){ 0 };
    process->state = PROCESS_ENDED;
    process->badge = 0;
    process->first = (struct process_thread){ 0 };
    ledger_retire(process);
    ledger_commit(pager);
    group_give_pages(process);
    holding_give_pages(process);
    process_thread_give_pages(process);
    service_release(process);
    if (in_steps && memory_is_large(process)) {
        if (process->record.magic != RECORD_ENDED) ledger_remember_ended(process);
        memory_leave(pager, process, space);
    } else {
        process_empty_memory(process, space);
        process_end_space(process, space);
        process_finish(pager, process);
    }
    if (has_emptied) holding_sweep_groups(pager);
}

void process_undo(struct pager *pager, struct process *process) { process_take_apart(pager, process, false); }
void process_undo_in_steps(struct pager *pager, struct process *process) { process_take_apart(pager, process, true); }

/* Nothing of the process waits any more, or is to be answered. */
static void process_end_waits(struct pager *pager, const struct process *process)
{
    uint32_t places = process_thread_places(process);
    for (uint32_t place = 0; place < places; place++) {
        struct process_thread *row = process_thread_at(process, place);
        if (row->wait.kind == WAIT_NOTHING) continue;
        process_thread_leave(pager, row);
        process_thread_save(row);
        row->wait = (struct wait){ 0 };
    }
}

void process_end(struct pager *pager, struct process *process, enum process_end reason, uint64_t value)
{
    assert(process->state == PROCESS_RUNNING);
    pager->ledger->ending = (struct ledger_ending){ process->number, reason, value };
    if (process_is_duplicated(process)) process_duplicate_abandon(pager, process);
    output_flush(process);
    bool is_good = reason == PROCESS_EXITED && value == 0;
    if (!is_good || process_is_told(pager, process))
        report("process: ended pid=%u name=%s reason=%s value=0x%llx pages=%llu", process->number, process->name, process_end_name(reason),
               (unsigned long long)value, (unsigned long long)process_charge(process));
    process_end_waits(pager, process);
    process_save(process);
    process->reason = reason;
    process->value = value;
    if (process->is_from_boot && (reason != PROCESS_EXITED || value != 0)) pager->has_failed = true;
    pager->count_running--;
    watch_tell(pager, process, PROCESS_EVENT_ENDED);
    process_take_apart(pager, process, true);
    ledger_commit(pager);
    pager->ledger->ending = (struct ledger_ending){ 0 };
}
