/* Duplicates: a process made from another one. See process.h.
 *
 * The duplicate has the same segments at the same addresses. Their pages are the same frames: those of memory that may be written to as lazy copies
 * (fill_copy.h); those of memory that is shared with others stay shared; those of modules are shared as ever. What each process has for itself, its message
 * buffer, is new and empty; frames that a device may be told of are the parent's alone. All of it is charged, as if it were copied already.
 *
 * Order: rows and pages of the duplicate, then its thread, its handles. Any of it may fail, and all of it is undone by what ends a process. Only when
 * nothing can fail any more the parent's segments are marked; until then its pages may get back what they had.
 *
 * Kernel steps: one for each 512 pages that are there, all in one message, as at the end of a process. */
#include <assert.h>
#include <string.h>

#include "fill.h"
#include "fill_copy.h"
#include "process_start.h"
#include "range.h"

constexpr uint64_t LOOK_FIRST = 16; /* pages of memory that grows down are looked for from the top, twice as many each time */
constexpr uint64_t GAP_MOST = 64 * PAGE_BYTES; /* between two segments: to look at more empty entries costs more than another entry of the kernel */

/* Memory that one walk serves: a segment, or neighbours outside of the mmap area whose pages a duplicate gets alike. */
struct stretch {
    uint64_t first, limit;
    uint64_t attributes;
    uint64_t pages; /* all of its segments' */
    uint32_t count;
    struct segment *part[SEGMENT_FIXED];
};

/* What a duplicate begins with, and whether segments of the parent will have to be marked for it. */
struct beginning {
    uint64_t instruction, stack;
    frame_id_t buffer;
    bool has_unmarked;
};

static bool is_left_out(const struct segment *segment) { return segment->is_going || segment->fill->is_pinned; }
static bool is_mapped(const struct segment *segment) { return directory_index(segment->first) < DIRECTORY_REGIONS; }

static bool stretch_takes(const struct stretch *stretch, const struct segment *segment)
{
    if (is_left_out(segment) || segment->fill->is_each_ones || segment_rules_of(segment->kind)->grows == GROWS_DOWN) return false;
    if (segment_rules_of(stretch->part[0]->kind)->grows == GROWS_DOWN) return false;
    return segment->first - stretch->limit <= GAP_MOST && copy_attributes(segment) == stretch->attributes;
}

static void stretch_add(struct stretch *stretch, struct segment *segment)
{
    stretch->part[stretch->count++] = segment;
    stretch->limit = segment->limit;
    stretch->pages += segment->pages;
}

static struct stretch stretch_from(struct segment *segment)
{
    struct stretch stretch = { .first = segment->first, .attributes = copy_attributes(segment), .count = 0 };
    stretch_add(&stretch, segment);
    return stretch;
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

/* Shares what grows down: it has its pages at the top. */
static enum status share_down(const struct process *from, const struct process *to, uint64_t first, uint64_t limit, uint64_t attributes, uint64_t *left)
{
    enum status status = STATUS_OK;
    for (uint64_t look = LOOK_FIRST << PAGE_SHIFT; first < limit && *left > 0 && status == STATUS_OK; limit -= look, look *= 2) {
        if (look > limit - first) look = limit - first;
        status = share_range(from, to, limit - look, limit, attributes, left);
    }
    return status;
}

/* A page that both will write to at once: the duplicate has a copy from the start, and neither has a fault there. */
static enum status copy_page(const struct process *from, const struct process *to, uint64_t page, const struct segment *segment, uint64_t *left)
{
    frame_id_t theirs, ours;
    if (seam_space_query(from->space, page, &theirs) != STATUS_OK) return STATUS_OK;
    enum status status = seam_frame_allocate(&ours);
    if (status != STATUS_OK) return status;
    uint64_t done;
    status = seam_frame_copy(ours, 0, theirs, 0, PAGE_BYTES);
    if (status == STATUS_OK) status = seam_space_map(to->space, page, ours, 1, segment->attributes, &done);
    if (status == STATUS_OK) {
        --*left;
        return STATUS_OK;
    }
    enum status undone = seam_frame_free(ours);
    assert(undone == STATUS_OK);
    (void)undone;
    return status;
}

/* The segment of the stack where the duplicate begins: nothing else may be in the way of the page that is copied. */
static enum status share_stack(const struct process *from, const struct process *to, const struct stretch *stretch, uint64_t stack, uint64_t *left)
{
    uint64_t page = layout_page_down(stack), above = page + PAGE_BYTES;
    enum status status = copy_page(from, to, page, stretch->part[0], left);
    if (status == STATUS_OK) status = share_range(from, to, above, stretch->limit, stretch->attributes, left);
    return status == STATUS_OK ? share_down(from, to, stretch->first, page, stretch->attributes, left) : status;
}

/* All pages of a stretch; none on failure. */
static enum status share_stretch(const struct process *from, const struct process *to, const struct stretch *stretch, uint64_t stack)
{
    const struct segment *segment = stretch->part[0];
    uint64_t left = stretch->pages;
    bool grows_down = segment_rules_of(segment->kind)->grows == GROWS_DOWN;
    bool is_stack = grows_down && stack >= segment->first && stack < segment->limit && (segment->attributes & ATTRIBUTE_WRITE);
    enum status status;
    if (is_stack) status = share_stack(from, to, stretch, stack, &left);
    else if (grows_down) status = share_down(from, to, stretch->first, stretch->limit, stretch->attributes, &left);
    else status = share_range(from, to, stretch->first, stretch->limit, stretch->attributes, &left);
    assert(status != STATUS_OK || left == 0);
    if (status == STATUS_OK) return STATUS_OK;
    left = stretch->pages - left;
    for (uint32_t i = 0; i < stretch->count; i++) {
        uint64_t gone;
        const struct segment *part = stretch->part[i];
        enum status undone = part->fill->take_out(to->space, part, part->first, part->limit, left, &gone);
        assert(undone == STATUS_OK);
        (void)undone;
        left -= gone;
    }
    assert(left == 0);
    return status;
}

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

/* What the parent's pages lose now, whether or not a duplicate comes of it. */
static void stretch_note(const struct stretch *stretch, struct beginning *beginning)
{
    for (uint32_t i = 0; i < stretch->count; i++) {
        copy_count_all(stretch->part[i]);
        if (!stretch->part[i]->is_copied && copy_is_due(stretch->part[i])) beginning->has_unmarked = true;
    }
}

/* The same segments for the duplicate, with their pages. */
static enum status duplicate_stretch(const struct process *from, struct process *to, const struct stretch *stretch, struct beginning *beginning)
{
    struct segment_table *table = &to->segments;
    stretch_note(stretch, beginning);
    bool is_in_area = is_mapped(stretch->part[0]);
    enum status status = is_in_area ? area_take_again(&table->directory, stretch->first, stretch->limit) : segment_reserve(table, stretch->count);
    if (status != STATUS_OK) return status;
    if (is_in_area) status = segment_reserve_insert(table, stretch->first, stretch->limit);
    uint64_t charge = 0;
    for (uint32_t i = 0; i < stretch->count; i++) charge += segment_charge(stretch->part[i]);
    if (status == STATUS_OK) status = quota_check(&to->family->pages, charge);
    if (status == STATUS_OK) status = share_stretch(from, to, stretch, beginning->stack);
    if (status != STATUS_OK) {
        if (is_in_area) area_give(&table->directory, stretch->first, stretch->limit);
        return status;
    }

    // Commit: nothing below may fail.
    for (uint32_t i = 0; i < stretch->count; i++) {
        struct segment row = row_of(stretch->part[i]);
        segment_insert(table, &row);
    }
    return STATUS_OK;
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

static enum status duplicate_memory(const struct process *from, struct process *to, struct beginning *beginning)
{
    const struct segment_table *table = &from->segments;
    enum status status = STATUS_OK;
    for (uint32_t i = 0; i < table->count_fixed && status == STATUS_OK;) {
        struct segment *segment = segment_fixed(table, i++);
        if (segment->fill->is_each_ones) {
            status = duplicate_buffer(to, segment, &beginning->buffer);
        } else if (!is_left_out(segment)) {
            struct stretch stretch = stretch_from(segment);
            while (i < table->count_fixed && stretch_takes(&stretch, segment_fixed(table, i))) stretch_add(&stretch, segment_fixed(table, i++));
            status = duplicate_stretch(from, to, &stretch, beginning);
        }
    }
    uint64_t at = LAYOUT_MMAP_FIRST;
    for (struct segment *segment; status == STATUS_OK && (segment = segment_mapped_above(table, at)) != nullptr; at = segment->limit) {
        if (is_left_out(segment)) continue;
        struct stretch stretch = stretch_from(segment);
        status = duplicate_stretch(from, to, &stretch, beginning);
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

static enum status duplicate_build(struct pager *pager, const struct process *from, struct process *to, struct beginning *beginning)
{
    memcpy(to->name, from->name, sizeof(to->name));
    to->is_write_execute = from->is_write_execute;
    to->break_first = from->break_first;
    to->break_address = from->break_address;
    to->autogen_low = from->autogen_low;
    to->autogen_protection = from->autogen_protection;
    enum status status = duplicate_groups(from, to);
    if (status == STATUS_OK) status = seam_space_create(pager->endpoint, process_badge(to), &to->space);
    if (status == STATUS_OK) status = duplicate_memory(from, to, beginning);
    if (status == STATUS_OK) status = process_add_thread(pager, to, beginning->buffer);
    if (status == STATUS_OK) status = holding_duplicate(pager, from, to);
    return status == STATUS_OK ? seam_thread_start(to->first.thread, beginning->instruction, beginning->stack, 0) : status;
}

enum status process_duplicate(struct pager *pager, struct process *parent, uint64_t instruction, uint64_t stack, struct process **process)
{
    struct process *made;
    enum status status = process_slot_take(pager, parent->family, &made);
    if (status != STATUS_OK) return status;
    struct beginning beginning = { instruction, stack, { FRAME_NONE }, false };
    status = duplicate_build(pager, parent, made, &beginning);
    if (status != STATUS_OK) process_undo(pager, made);
    if (beginning.has_unmarked) copy_settle(parent, status == STATUS_OK);
    if (status != STATUS_OK) return status;

    // Commit: nothing below may fail.
    made->peer = parent->index;
    process_admit(pager, made);
    *process = made;
    return STATUS_OK;
}
