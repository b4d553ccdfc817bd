/* Duplicates: a process made from another one. See process.h.
 *
 * The duplicate has the same segments at the same addresses. Their pages are the same frames: those of memory that may be written to as lazy copies
 * (fill_copy.h); those of memory that is shared with others stay shared; those of modules are shared as ever. What each process has for itself, its message
 * buffer, is new and empty; frames that a device may be told of are the parent's alone. All of it is charged, as if it were copied already.
 *
 * Order: rows and pages of the duplicate, then its thread, its handles. Any of it may fail, and all of it is undone by what ends a process. Only when
 * nothing can fail any more the parent's segments are marked; until then its pages may get back what they had.
 *
 * A small process is duplicated by one message. Of a larger one each message shares a part of the memory, in address order (stretch.h), and the thread that
 * asks is told to ask again. Other threads and processes go on meanwhile:
 *
 *   asked --> slot, space --> [ rows and pages, up to the room of a message --> AGAIN --> asked again ] ... --> thread, handles --> it counts
 *
 * In between no slot leads to the duplicate (`making`), so that nobody meets it. The parent's segments of which pages have been shared are marked with the
 * message that did it, and stay so whatever becomes of the duplicate. What others do to the parent's memory in between is in the duplicate where the parts
 * have not got to yet: each page is there as it was when its turn came. Where a segment has changed that is there in part, what is there becomes a segment
 * of its own, and what has come instead another one. brk and autogen, of which there is one segment each, stay as they are until all is there.
 *
 * Who asks again is there to be told what went wrong. When its thread ends instead, or the parent,
 * what there is goes as the memory of an ended process does. */
#include <assert.h>
#include <string.h>

#include "fill.h"
#include "fill_copy.h"
#include "process_start.h"
#include "range.h"
#include "stretch.h"

constexpr uint64_t ROOM_LEAST = STRETCH_ROOM / 16; /* no part is begun for less */

/* A message's work on a duplicate. */
struct duplication {
    const struct process *from;
    struct process *to;
    uint64_t instruction, stack; /* where it begins */
    struct making at;            /* how far it is */
    uint64_t room;               /* for what this message may still do */
    uint64_t touched;            /* pages of the parent's segments below may have been shared */
    bool has_unmarked;           /* segments of the parent will have to be marked, */
    bool is_long;                /* whatever comes of it, since it takes several messages or may */
};

/* What a segment of the duplicate begins as. */
static struct segment row_of(const struct segment *segment)
{
    struct segment row = *segment;
    row.payer = 0;
    row.is_given = false;
    row.is_copied = copy_is_due(segment);
    row.shared = SHARED_ALL;
    row.next = row.run = 0;
    return row;
}

static bool is_mapped(uint64_t address) { return directory_index(address) < DIRECTORY_REGIONS; }

/* What the parent's pages lose now, whether or not a duplicate comes of it. */
static void segment_note(struct duplication *work, struct segment *segment)
{
    copy_count_all(segment);
    if (!segment->is_copied && copy_is_due(segment)) work->has_unmarked = true;
    work->touched = segment->limit;
}

static void range_give(struct segment_table *table, uint64_t first, uint64_t limit)
{
    if (is_mapped(first)) area_give(&table->directory, first, limit);
}

/* Takes a range, and rows for segments in it. */
static enum status range_take(struct segment_table *table, uint64_t first, uint64_t limit, uint32_t count)
{
    if (!is_mapped(first)) return segment_reserve(table, count);
    enum status status = area_take_again(&table->directory, first, limit);
    if (status != STATUS_OK) return status;
    status = segment_reserve_insert(table, first, limit);
    if (status != STATUS_OK) range_give(table, first, limit);
    return status;
}

/* The same segments for the duplicate, with their pages. */
static enum status duplicate_stretch(struct duplication *work, const struct stretch *stretch)
{
    struct segment_table *table = &work->to->segments;
    uint64_t charge = 0;
    for (uint32_t i = 0; i < stretch->count; i++) {
        segment_note(work, stretch->part[i]);
        charge += segment_charge(stretch->part[i]);
    }
    enum status status = range_take(table, stretch->first, stretch->limit, stretch->count);
    if (status != STATUS_OK) return status;
    status = quota_check(&work->to->family->pages, charge);
    if (status == STATUS_OK) status = stretch_share(work->from, work->to, stretch, work->stack);
    if (status != STATUS_OK) {
        range_give(table, stretch->first, stretch->limit);
        return status;
    }

    // Commit: nothing below may fail.
    for (uint32_t i = 0; i < stretch->count; i++) {
        struct segment row = row_of(stretch->part[i]);
        segment_insert(table, &row);
    }
    return STATUS_OK;
}

/* --- Parts of segments --- */

/* A row for what a segment has from a place on, still without pages. */
static enum status part_begin(struct duplication *work, const struct segment *segment)
{
    struct segment_table *table = &work->to->segments;
    struct segment row = row_of(segment);
    if (row.first < work->at.at) {
        row.frame += row.fill->frame_step * (uint32_t)layout_pages(row.first, work->at.at);
        row.first = work->at.at;
    }
    row.pages = 0;
    enum status status = range_take(table, row.first, row.limit, 1);
    if (status != STATUS_OK) return status;

    // Commit: nothing below may fail.
    work->at.row = segment_insert(table, &row);
    work->at.at = row.first;
    work->at.down = row.limit;
    return STATUS_OK;
}

/* Whether what is still to come of a row is as it was when the row was made. */
static bool part_goes_on(const struct segment *row, const struct segment *segment, uint64_t at)
{
    if (segment->first > at || segment->limit < row->limit || stretch_leaves_out(segment)) return false;
    if (segment->kind != row->kind || segment->fill != row->fill || segment->protection != row->protection) return false;
    if (segment->advice != row->advice || segment->is_sealed != row->is_sealed || copy_is_due(segment) != row->is_copied) return false;
    return segment->frame + segment->fill->frame_step * layout_pages(segment->first, at) == row->frame + row->fill->frame_step * layout_pages(row->first, at);
}

/* Nothing more comes to a row: it ends where it has got to. */
static enum status part_end(struct duplication *work)
{
    struct segment_table *table = &work->to->segments;
    struct segment *row = work->at.row;
    assert(is_mapped(row->first)); /* no other kind changes meanwhile */
    work->at.row = nullptr;
    if (row->first == work->at.at) {
        segment_remove(table, row);
    } else {
        enum status status = area_reserve_cut(&table->directory, work->at.at, false);
        if (status != STATUS_OK) return status;
        segment_shorten(table, row, work->at.at, row->limit, row->pages);
    }
    area_trim(&table->directory); /* what comes there instead finds the place free, and not kept for another */
    return STATUS_OK;
}

/* What of the segment is still to be shared for its row. */
static struct stretch_part part_left(const struct duplication *work, const struct segment *segment)
{
    struct stretch_part part = { .first = work->at.at, .limit = work->at.down, .left = segment->pages, .room = work->room };
    if (part.first == segment->first && part.limit == segment->limit) return part;
    if (segment->pages == layout_pages(segment->first, segment->limit)) part.left = layout_pages(part.first, part.limit);
    else stretch_find_part(work->from, &part);
    return part;
}

/* Shares as much of a segment as there is room for. */
static enum status duplicate_part(struct duplication *work, struct segment *segment)
{
    work->is_long = true;
    enum status status = work->at.row == nullptr ? part_begin(work, segment) : STATUS_OK;
    if (status != STATUS_OK) return status;
    struct segment *row = work->at.row;
    struct stretch_part part = part_left(work, segment);
    uint64_t left = part.left;
    status = quota_check(&work->to->family->pages, segment_charge_more(row, left));
    if (status != STATUS_OK) return status;
    segment_note(work, segment);
    status = stretch_share_part(work->from, work->to, segment, &part);
    segment_resize(&work->to->segments, row, row->first, row->limit, row->pages + left - part.left);
    if (status != STATUS_OK) return status;
    bool is_done = part.left == 0;
    work->room = part.room > STRETCH_OF_EACH ? part.room - STRETCH_OF_EACH : 0;
    work->at.at = is_done ? row->limit : part.first;
    work->at.down = part.limit;
    if (is_done) work->at.row = nullptr;
    return STATUS_OK;
}

/* --- Together --- */

/* A segment, with its neighbours outside of the mmap area. */
static struct stretch stretch_of(const struct segment_table *table, struct segment *segment)
{
    struct stretch stretch = stretch_from(segment);
    if (is_mapped(segment->first)) return stretch;
    uint32_t place = 0;
    while (segment_fixed(table, place) != segment) place++;
    while (++place < table->count_fixed && stretch_add(&stretch, segment_fixed(table, place))) {}
    return stretch;
}

/* What begins with a segment, as a whole, or a part of it; AGAIN: there is no room left. */
static enum status duplicate_next(struct duplication *work, struct segment *segment)
{
    if (work->at.row == nullptr && segment->first >= work->at.at) {
        struct stretch stretch = stretch_of(&work->from->segments, segment);
        uint64_t takes = stretch_work(&stretch);
        if (takes <= work->room) {
            work->room -= takes;
            work->at.at = stretch.limit;
            return duplicate_stretch(work, &stretch);
        }
    }
    return work->room >= ROOM_LEAST ? duplicate_part(work, segment) : STATUS_AGAIN;
}

/* All memory that is still missing, or as much as there is room for: AGAIN. */
static enum status duplicate_memory(struct duplication *work)
{
    const struct segment_table *table = &work->from->segments;
    enum status status = STATUS_OK;
    for (struct segment *segment; status == STATUS_OK && (segment = segment_above(table, work->at.at)) != nullptr;) {
        if (work->at.row != nullptr && !part_goes_on(work->at.row, segment, work->at.at)) status = part_end(work);
        else if (stretch_leaves_out(segment) || segment->fill->is_each_ones) work->at.at = segment->limit;
        else status = duplicate_next(work, segment);
    }
    return status;
}

/* The buffer of its one thread, whichever of the parent's that is a duplicate of. */
static enum status duplicate_buffer(const struct process *from, struct process *to, frame_id_t *buffer)
{
    const struct segment *segment = segment_find_kind(&from->segments, SEGMENT_BUFFER);
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

static enum status duplicate_groups(const struct process *from, struct process *to)
{
    enum status status = STATUS_OK;
    for (uint32_t group = group_set_next(&from->groups, GROUP_NONE); group != GROUP_NONE && status == STATUS_OK;
         group = group_set_next(&from->groups, group))
        status = group_join(to, group);
    return status;
}

/* A slot and a space; nothing is left on failure. */
static enum status duplicate_begin(struct pager *pager, struct process *parent, struct duplication *work)
{
    enum status status = process_slot_take(pager, parent->family, &work->to);
    if (status != STATUS_OK) return status;
    struct process *to = work->to;
    memcpy(to->name, parent->name, sizeof(to->name));
    to->is_write_execute = parent->is_write_execute;
    to->break_first = parent->break_first;
    to->break_address = parent->break_address;
    to->autogen_low = parent->autogen_low;
    to->autogen_protection = parent->autogen_protection;
    status = seam_space_create(pager->endpoint, process_badge(to), &to->space);
    if (status != STATUS_OK) process_undo(pager, to);
    return status;
}

/* All memory is there. */
static enum status duplicate_rest(struct pager *pager, const struct duplication *work)
{
    const struct process *from = work->from;
    struct process *to = work->to;
    frame_id_t buffer = { FRAME_NONE };
    enum status status = duplicate_groups(from, to);
    if (status == STATUS_OK) status = duplicate_buffer(from, to, &buffer);
    if (status == STATUS_OK) status = process_add_thread(pager, to, buffer);
    if (status == STATUS_OK) status = holding_duplicate(pager, from, to);
    return status == STATUS_OK ? seam_thread_start(to->first.thread, work->instruction, work->stack, 0) : status;
}

/* Takes up what earlier messages have made. */
static void duplicate_resume(struct pager *pager, struct process *parent, struct duplication *work)
{
    work->at = parent->making;
    work->to = parent->making.process;
    work->is_long = true;
    parent->making = (struct making){ 0 };
    pager->process[work->to->index] = work->to;
}

/* Leaves the rest to the next message. */
static void duplicate_leave(struct pager *pager, struct process *parent, const struct duplication *work, uint64_t thread)
{
    parent->making = work->at;
    parent->making.process = work->to;
    parent->making.thread = thread;
    pager->process[work->to->index] = nullptr;
}

enum status process_duplicate(struct pager *pager, struct process *parent, const struct process_thread *thread, uint64_t instruction, uint64_t stack,
                              struct process **process)
{
    struct duplication work = { .from = parent, .instruction = instruction, .stack = stack, .room = STRETCH_ROOM };
    bool is_begun = process_is_duplicated(parent);
    enum status status = STATUS_OK;
    if (is_begun) duplicate_resume(pager, parent, &work);
    else status = duplicate_begin(pager, parent, &work);
    if (status != STATUS_OK) return status;
    uint64_t first = work.at.at;
    status = duplicate_memory(&work);
    bool has_more = status == STATUS_AGAIN;
    if (status == STATUS_OK) status = duplicate_rest(pager, &work);
    if (has_more) duplicate_leave(pager, parent, &work, thread->number);
    else if (status != STATUS_OK && is_begun) process_undo_in_steps(pager, work.to);
    else if (status != STATUS_OK) process_undo(pager, work.to);
    if (work.has_unmarked) copy_settle(parent, first, work.touched, status == STATUS_OK || has_more || work.is_long);
    if (status != STATUS_OK) return status;

    // Commit: nothing below may fail.
    work.to->peer = parent->index;
    process_admit(pager, work.to);
    *process = work.to;
    return STATUS_OK;
}

void process_duplicate_abandon(struct pager *pager, struct process *parent)
{
    struct duplication work = { 0 };
    duplicate_resume(pager, parent, &work);
    process_undo_in_steps(pager, work.to);
}
