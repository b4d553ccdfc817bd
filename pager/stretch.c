/* Stretches. See stretch.h. */
#include "stretch.h"

#include <assert.h>

#include "fill.h"
#include "fill_copy.h"
#include "range.h"

constexpr uint64_t LOOK_FIRST = 16; /* pages of memory that grows down are looked for from the top, twice as many each time */
constexpr uint64_t LOOK_MOST = 4 * STEP_PAGES; /* entries that such a look goes over at most: few of them are there, and what is not there is quickly seen */
constexpr uint64_t GAP_MOST = 64 * PAGE_BYTES; /* between two segments: to look at more empty entries costs more than another entry of the kernel */

static bool grows_down(const struct segment *segment) { return segment_rules_of(segment->kind)->grows == GROWS_DOWN; }

bool stretch_leaves_out(const struct segment *segment) { return segment->is_going || segment->fill->is_pinned; }

static bool stretch_takes(const struct stretch *stretch, const struct segment *segment)
{
    if (stretch_leaves_out(segment) || segment->fill->is_each_ones || grows_down(segment)) return false;
    if (grows_down(stretch->part[0])) return false;
    return segment->first - stretch->limit <= GAP_MOST && copy_attributes(segment) == stretch->attributes;
}

static void stretch_append(struct stretch *stretch, struct segment *segment)
{
    stretch->part[stretch->count++] = segment;
    stretch->limit = segment->limit;
    stretch->pages += segment->pages;
}

struct stretch stretch_from(struct segment *segment)
{
    struct stretch stretch = { .first = segment->first, .attributes = copy_attributes(segment), .count = 0 };
    stretch_append(&stretch, segment);
    return stretch;
}

bool stretch_add(struct stretch *stretch, struct segment *segment)
{
    if (!stretch_takes(stretch, segment)) return false;
    stretch_append(stretch, segment);
    return true;
}

uint64_t stretch_work(const struct stretch *stretch)
{
    constexpr uint64_t each = LAYOUT_TABLE_BYTES >> PAGE_SHIFT;
    uint64_t work = STRETCH_OF_EACH * stretch->count + stretch->pages;
    uint64_t looked = layout_pages(stretch->first, stretch->limit);
    /* Each page may lie in a table of its own; the others are not there. */
    if (looked > each * (1 + stretch->pages)) looked = stretch->pages * each + looked / each;
    if (stretch->pages == 0) return work;
    if (!grows_down(stretch->part[0])) return work + looked;
    return looked <= LOOK_MOST ? work + stretch->pages : UINT64_MAX;
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

enum status stretch_share(const struct process *from, const struct process *to, const struct stretch *stretch, uint64_t stack)
{
    const struct segment *segment = stretch->part[0];
    uint64_t left = stretch->pages;
    bool is_down = grows_down(segment);
    bool is_stack = is_down && stack >= segment->first && stack < segment->limit && (segment->attributes & ATTRIBUTE_WRITE);
    enum status status;
    if (is_stack) status = share_stack(from, to, stretch, stack, &left);
    else if (is_down) status = share_down(from, to, stretch->first, stretch->limit, stretch->attributes, &left);
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

/* --- Parts --- */

/* The lowest block that has pages, of those of a size that lie side by side in a range, the last one perhaps cut. One of them has. */
static uint64_t block_lowest(const struct process *from, uint64_t first, uint64_t limit, uint64_t bytes)
{
    while (limit - first > bytes) {
        uint64_t middle = first + (((limit - first) / 2 + bytes - 1) & ~(bytes - 1));
        if (range_count(from, first, middle) > 0) limit = middle;
        else first = middle;
    }
    return first;
}

static uint64_t least(uint64_t one, uint64_t other) { return one < other ? one : other; }

/* Each count of a range that is cut inside of a table, lowest or upper, looks at all of the table's entries there: so the pieces are counted once. */
void stretch_find_part(const struct process *from, struct stretch_part *part)
{
    constexpr uint64_t lower = LAYOUT_TABLE_BYTES, upper = lower * (lower >> PAGE_SHIFT);
    uint64_t limit = part->limit;
    uint64_t end = least(limit, (part->first & ~(lower - 1)) + lower), far = least(limit, (end + upper - 1) & ~(upper - 1));
    uint64_t here = range_count(from, part->first, end), next = range_count(from, end, far), there = range_count(from, far, limit);
    part->left = here + next + there;
    uint64_t looked = layout_pages(part->first, end) + (end < limit ? limit % lower >> PAGE_SHIFT : 0) + (far < limit ? STEP_PAGES : 0);
    part->room -= least(part->room, looked / 2);
    if (here > 0 || part->left == 0) return;
    uint64_t first = next > 0 ? end : block_lowest(from, far, limit, upper);
    part->first = block_lowest(from, first, next > 0 ? far : least(limit, first + upper), lower);
}

/* The pages that the next call is asked for. With nearly all the room that there is, the kernel may end it after a step's entries, for which holes that are
 * whole tables count little. */
static uint64_t part_pages(const struct stretch_part *part, bool is_down)
{
    uint64_t pages = layout_pages(part->first, part->limit);
    uint64_t most = part->room < STRETCH_ROOM - STRETCH_ROOM / 8 ? (part->room + 1) / 2 : is_down ? STEP_PAGES : pages;
    return least(pages, most);
}

enum status stretch_share_part(const struct process *from, const struct process *to, const struct segment *segment, struct stretch_part *part)
{
    bool is_down = grows_down(segment);
    uint64_t attributes = copy_attributes(segment);
    while (part->first < part->limit && part->left > 0 && part->room > 0) {
        uint64_t pages = part_pages(part, is_down), before = part->left;
        struct seam_shared step = { .done_pages = pages };
        enum status status;
        if (is_down) {
            uint64_t first = part->limit - (pages << PAGE_SHIFT);
            status = share_range(from, to, first, part->limit, attributes, &part->left);
            part->limit = first;
        } else {
            status = seam_space_share(from->space, part->first, to->space, part->first, pages, attributes, &step);
            if (status == STATUS_AGAIN) status = STATUS_OK;
            if (status == STATUS_OK) {
                part->first += step.done_pages << PAGE_SHIFT;
                part->left -= step.shared_pages;
            }
        }
        if (status != STATUS_OK) return status;
        uint64_t work = least(step.done_pages, STEP_PAGES) + before - part->left;
        part->room -= least(part->room, work);
    }
    return STATUS_OK;
}
