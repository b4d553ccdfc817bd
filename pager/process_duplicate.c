/* Duplicates: a process made from another one. See process.h.
 *
 * The duplicate has the same segments at the same addresses. Their pages are the same frames: those of memory that may be written to as lazy copies, of which
 * neither may write to any until it has its own (fault.c); those of memory that is shared with others stay shared; those of modules are shared as ever.
 * What each
 * process has for itself, its message buffer, is new and empty; frames that a
 * device may be told of are the parent's alone. All of it is charged, as if it were copied already: so a copy is never refused later.
 *
 * Order: rows and pages of the duplicate, then its thread, its handles. Any of it may fail, and all of it is undone by what ends a process. Only when
 * nothing can fail any more the parent's segments are marked; until then its pages may get back what they had.
 *
 * Kernel steps: one for each 512 pages that are there, all in one message, as at the end of a process. */
#include <assert.h>
#include <string.h>

#include "process_start.h"
#include "range.h"

constexpr uint64_t LOOK_FIRST = 16; /* pages of memory that grows down are looked for from the top, twice as many each time */

static bool is_copied_then(const struct segment *segment)
{
    const struct fill *fill = segment->fill;
    return segment_is_writable(segment) && !fill->is_shared && !fill->is_each_ones && !fill->is_pinned;
}

/* Shares what is mapped in [first, limit), and takes the pages from *left. */
static enum status share_range(const struct process *from, const struct process *to, uint64_t first, uint64_t limit, uint64_t attributes, uint64_t *left)
{
    while (first < limit && *left > 0) {
        struct seam_shared step = { 0 };
        enum status status = seam_space_share(from->space, first, to->space, first, layout_pages(first, limit), attributes, &step);
        if (status != STATUS_OK && status != STATUS_AGAIN) return status;
        first += step.done_pages << PAGE_SHIFT;
        *left -= step.shared_pages;
    }
    return STATUS_OK;
}

/* All pages of a segment; none on failure. */
static enum status share_segment(const struct process *from, const struct process *to, const struct segment *segment)
{
    uint64_t attributes = segment->is_copied ? ATTRIBUTE_EXECUTE | SHARE_COPY : ATTRIBUTES_ALL;
    uint64_t left = segment->pages;
    enum status status = STATUS_OK;
    if (segment_rules_of(segment->kind)->grows == GROWS_DOWN) {
        uint64_t look = LOOK_FIRST << PAGE_SHIFT;
        for (uint64_t limit = segment->limit; left > 0 && status == STATUS_OK; limit -= look, look *= 2) {
            if (look > limit - segment->first) look = limit - segment->first;
            assert(look > 0);
            status = share_range(from, to, limit - look, limit, attributes, &left);
        }
    } else {
        status = share_range(from, to, segment->first, segment->limit, attributes, &left);
    }
    assert(status != STATUS_OK || left == 0);
    if (status == STATUS_OK) return STATUS_OK;
    uint64_t gone;
    enum status undone = fill_unmap(to->space, segment->first, segment->limit, UNMAP_KEEP, segment->pages - left, &gone);
    assert(undone == STATUS_OK && gone == segment->pages - left);
    (void)undone;
    return status;
}

/* The same segment for the duplicate, with its pages. */
static enum status duplicate_segment(const struct process *from, struct process *to, const struct segment *segment)
{
    struct segment_table *table = &to->segments;
    struct segment row = *segment;
    row.payer = 0;
    row.is_given = false;
    row.is_copied = is_copied_then(segment);
    row.next = row.run = 0;
    bool is_mapped = directory_index(row.first) < DIRECTORY_REGIONS;
    enum status status = is_mapped ? area_take_again(&table->directory, row.first, row.limit) : segment_reserve(table, 1);
    if (status != STATUS_OK) return status;
    if (is_mapped) status = segment_reserve_insert(table, row.first, row.limit);
    if (status == STATUS_OK) status = quota_check(&to->family->pages, segment_charge(&row));
    if (status == STATUS_OK) status = share_segment(from, to, &row);
    if (status == STATUS_OK) segment_insert(table, &row);
    else if (is_mapped) area_give(&table->directory, row.first, row.limit);
    return status;
}

/* The buffer of its one thread, whichever of the parent's that is a duplicate of. */
static enum status duplicate_buffer(struct process *to, const struct segment *segment, frame_id_t *buffer)
{
    enum status status = seam_frame_allocate(buffer);
    if (status != STATUS_OK) return status;
    struct fill_source source = { .first_frame = *buffer };
    status = process_add_segment(to, segment->kind, segment->fill, segment->first, segment->first + PAGE_BYTES, &source);
    if (status == STATUS_OK) return STATUS_OK;
    enum status undone = seam_frame_free(*buffer);
    assert(undone == STATUS_OK);
    (void)undone;
    return status;
}

static enum status duplicate_memory(const struct process *from, struct process *to, frame_id_t *buffer)
{
    const struct segment_table *table = &from->segments;
    enum status status = STATUS_OK;
    for (const struct segment *segment = segment_above(table, 0); segment != nullptr && status == STATUS_OK; segment = segment_above(table, segment->limit)) {
        if (segment->is_going || segment->fill->is_pinned) continue;
        if (segment->fill->is_each_ones) status = duplicate_buffer(to, segment, buffer);
        else status = duplicate_segment(from, to, segment);
    }
    return status;
}

static enum status duplicate_groups(const struct process *from, struct process *to)
{
    enum status status = STATUS_OK;
    for (uint32_t group = group_set_next(&from->groups, GROUP_NONE); group != GROUP_NONE && status == STATUS_OK;
         group = group_set_next(&from->groups, group))
        status = group_join(to, group);
    return status;
}

static enum status duplicate_build(struct pager *pager, const struct process *from, struct process *to, uint64_t instruction, uint64_t stack)
{
    memcpy(to->name, from->name, sizeof(to->name));
    to->is_write_execute = from->is_write_execute;
    to->break_first = from->break_first;
    to->break_address = from->break_address;
    to->autogen_low = from->autogen_low;
    to->autogen_protection = from->autogen_protection;
    frame_id_t buffer = { FRAME_NONE };
    enum status status = duplicate_groups(from, to);
    if (status == STATUS_OK) status = seam_space_create(pager->endpoint, process_badge(to), &to->space);
    if (status == STATUS_OK) status = duplicate_memory(from, to, &buffer);
    if (status == STATUS_OK) status = process_add_thread(pager, to, buffer);
    if (status == STATUS_OK) status = holding_duplicate(pager, from, to);
    return status == STATUS_OK ? seam_thread_start(to->first.thread, instruction, stack, 0) : status;
}

enum status process_duplicate(struct pager *pager, struct process *parent, uint64_t instruction, uint64_t stack, struct process **process)
{
    struct process *made;
    enum status status = process_slot_take(pager, parent->family, &made);
    if (status != STATUS_OK) return status;
    status = duplicate_build(pager, parent, made, instruction, stack);
    struct segment_table *table = &parent->segments;
    if (status != STATUS_OK) {
        process_undo(pager, made);
        for (struct segment *segment = segment_above(table, 0); segment != nullptr; segment = segment_above(table, segment->limit))
            if (is_copied_then(segment) && !segment->is_copied && !segment->is_going) range_refresh(parent, segment);
        return status;
    }

    // Commit: nothing below may fail.
    for (struct segment *segment = segment_above(table, 0); segment != nullptr; segment = segment_above(table, segment->limit))
        if (is_copied_then(segment) && !segment->is_copied && !segment->is_going) segment_set_copied(segment, true);
    process_admit(pager, made);
    *process = made;
    return STATUS_OK;
}
