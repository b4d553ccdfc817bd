/* Requests that say how memory is to be: map with options, populate, advise; and what comes without options under a policy (fill=).
 *
 * map without options is in request_memory.c, and pays two comparisons for these. */
#include "fill.h"
#include "populate.h"
#include "range.h"
#include "request.h"

/* --- map with options --- */

struct map_wish {
    uint64_t bytes;      /* whole pages */
    uint64_t align;      /* in pages, a power of two */
    uint64_t hint;       /* 0: none */
    uint64_t at;         /* there and nowhere else; 0: anywhere */
    bool is_large;
    bool is_large_only;
    bool populates;      /* as much as one message may */
    bool is_at_once;     /* all of it, or nothing: no more than one message may */
};

static enum status wish_check_bytes(uint64_t bytes)
{
    if (bytes == 0) return STATUS_BAD_LENGTH;
    return bytes > LAYOUT_MMAP_MOST ? STATUS_LIMIT : STATUS_OK;
}

/* Large pages begin where such a page does. */
static void wish_align(struct map_wish *wish)
{
    uint64_t large = LAYOUT_TABLE_BYTES >> PAGE_SHIFT;
    if (wish->is_large && wish->bytes >= LAYOUT_TABLE_BYTES && wish->align < large) wish->align = large;
}

static enum status wish_decode(const struct request *request, struct map_wish *wish)
{
    uint64_t options = request->word[2], alignment = options & MAPPING_ALIGNMENT;
    if (options & ~(uint64_t)(MAPPING_ALIGNMENT | MAPPING_POPULATE | MAPPING_LARGE | MAPPING_LARGE_ONLY)) return STATUS_BAD_ARGUMENT;
    if (alignment != 0 && (alignment < MAPPING_ALIGNMENT_LEAST || alignment > MAPPING_ALIGNMENT_MOST)) return STATUS_BAD_ALIGNMENT;
    enum status status = wish_check_bytes(request->word[0]);
    if (status != STATUS_OK) return status;
    *wish = (struct map_wish){
        .bytes = layout_page_up(request->word[0]), .align = (uint64_t)1 << (alignment != 0 ? alignment - PAGE_SHIFT : 0), .hint = request->word[3],
        .is_large_only = options & MAPPING_LARGE_ONLY, .is_large = options & (MAPPING_LARGE | MAPPING_LARGE_ONLY), .populates = options & MAPPING_POPULATE,
    };
    if (wish->is_large_only && !wish->populates) return STATUS_BAD_ARGUMENT;
    if (wish->is_large_only && wish->bytes % LAYOUT_TABLE_BYTES != 0) return STATUS_BAD_LENGTH;
    wish_align(wish);
    return STATUS_OK;
}

/* Room at the address, at the hint, or anywhere. */
static enum status wish_place(struct directory *directory, const struct map_wish *wish, uint64_t *first)
{
    *first = wish->at;
    if (wish->at != 0) return area_take_at(directory, wish->at, wish->at + wish->bytes);
    bool is_inside = wish->hint >= LAYOUT_MMAP_FIRST && wish->hint < LAYOUT_MMAP_LIMIT && wish->bytes <= LAYOUT_MMAP_LIMIT - wish->hint;
    if (is_inside && wish->hint % (wish->align << PAGE_SHIFT) == 0) {
        enum status status = area_take_at(directory, wish->hint, wish->hint + wish->bytes);
        *first = wish->hint;
        if (status != STATUS_EXISTS) return status;
    }
    return area_take_aligned(directory, wish->bytes >> PAGE_SHIFT, wish->align, first);
}

/* All pages of a segment that has none, or none of them. */
static enum status wish_bring(struct process *process, struct segment *segment)
{
    enum status status = STATUS_OK;
    uint64_t at = segment->first, done = 0;
    for (; at < segment->limit && status == STATUS_OK; at += done) status = populate(process, at, segment->limit, false, &done);
    if (status == STATUS_OK) return STATUS_OK;
    fill_undo(process->space, segment->first, at, segment->fill->unmap_flags);
    segment_resize(&process->segments, segment, segment->first, segment->limit, 0);
    return status;
}

/* Maps what is wished, at *first; *there: bytes whose pages are there. */
static enum status wish_map(struct process *process, const struct map_wish *wish, uint8_t protection, uint64_t *first, uint64_t *there)
{
    struct segment_table *table = &process->segments;
    struct segment wanted = {
        .fill = wish->is_large ? &fill_large : segment_rules_of(SEGMENT_MMAP)->fill, .frame = FRAME_FRESH, .kind = SEGMENT_MMAP, .protection = protection,
    };
    enum status status = wish_place(&table->directory, wish, &wanted.first);
    if (status != STATUS_OK) return status;
    wanted.limit = wanted.first + wish->bytes;
    status = segment_reserve_insert(table, wanted.first, wanted.limit);
    if (status != STATUS_OK) {
        area_give(&table->directory, wanted.first, wanted.limit);
        return status;
    }
    struct segment *segment = segment_insert(table, &wanted);
    if (wish->populates) status = populate(process, wanted.first, wanted.limit, wish->is_large_only, there);
    if (wish->is_at_once) status = wish_bring(process, segment);
    if (status != STATUS_OK) {
        segment_remove(table, segment);
        return status;
    }

    // Commit: nothing below may fail.
    if (wish->is_at_once) *there = wish->bytes;
    segment_merge(table, wanted.first);
    segment_merge(table, wanted.limit);
    *first = wanted.first;
    return STATUS_OK;
}

enum status request_map_options(const struct request *request, struct answer *answer)
{
    struct map_wish wish;
    enum status status = wish_decode(request, &wish);
    if (status != STATUS_OK) return status;
    return wish_map(request->caller, &wish, (uint8_t)request->word[1], &answer->word[0], &answer->word[1]);
}

enum status request_map_policy(const struct pager *pager, const struct request *request, uint64_t at, struct answer *answer)
{
    enum status status = wish_check_bytes(request->word[0]);
    if (status != STATUS_OK) return status;
    struct map_wish wish = { .bytes = layout_page_up(request->word[0]), .align = 1, .at = at, .is_large = pager->map_policy == MAP_LARGE };
    wish.is_at_once = pager->map_policy == MAP_ONCE && wish.bytes <= MAP_ONCE_BYTES_MOST;
    wish_align(&wish);
    uint64_t first, there = 0;
    status = wish_map(request->caller, &wish, (uint8_t)request->word[1], &first, &there);
    if (status != STATUS_OK || at != 0) return status;
    answer->word[0] = first;
    answer->word[1] = there;
    return STATUS_OK;
}

/* --- Memory that is there --- */

/* The whole pages of a range that lies in segments of any kind; up to where the last one ends that one message looks at. */
static enum status range_find(const struct process *process, uint64_t address, uint64_t bytes, uint64_t *limit)
{
    enum status status = range_decode(address, bytes, limit);
    if (status != STATUS_OK) return status;
    uint64_t at = address;
    for (uint32_t looked = 0; at < *limit && looked < RANGE_LOOK; looked++) {
        const struct segment *segment = segment_find(&process->segments, at);
        if (segment == nullptr || segment->is_going) return STATUS_NOT_MAPPED;
        at = segment->limit;
    }
    if (at < *limit) *limit = at;
    return STATUS_OK;
}

enum status request_populate([[maybe_unused]] struct pager *pager, const struct request *request, struct answer *answer)
{
    uint64_t limit;
    bool large_only = request->word[2] == POPULATE_LARGE_ONLY;
    if (request->word[2] > POPULATE_LARGE_ONLY) return STATUS_BAD_ARGUMENT;
    enum status status = range_find(request->caller, request->word[0], request->word[1], &limit);
    if (status != STATUS_OK) return status;
    if (large_only && (request->word[0] | layout_page_up(request->word[1])) % LAYOUT_TABLE_BYTES != 0) return STATUS_BAD_ALIGNMENT;
    return populate(request->caller, request->word[0], limit, large_only, &answer->word[0]);
}

static enum status advise_how(const struct request *request, uint32_t advice, uint64_t *done)
{
    struct process *process = request->caller;
    uint64_t first = request->word[0], limit;
    bool is_long; /* no page is looked at, only segments */
    const struct range_rules rules = { 0 };
    enum status status = range_prepare(process, first, request->word[1], &rules, &limit, &is_long);
    if (status != STATUS_OK) return status;

    // Commit: nothing below may fail.
    range_cut(process, first);
    range_cut(process, limit);
    for (struct segment *at = segment_find(&process->segments, first); at != nullptr && at->first < limit; at = segment_find(&process->segments, at->limit))
        segment_set_advice(at, advice);
    range_rejoin(process, first, limit);
    *done = limit - first;
    return STATUS_OK;
}

/* As far as it goes: what cannot be had now comes when it is touched, or never. */
static enum status advise_will_need(const struct request *request, uint64_t *done)
{
    uint64_t limit;
    enum status status = range_find(request->caller, request->word[0], request->word[1], &limit);
    if (status == STATUS_OK && populate(request->caller, request->word[0], limit, false, done) != STATUS_OK) *done = limit - request->word[0];
    return status;
}

enum status request_advise(struct pager *pager, const struct request *request, struct answer *answer)
{
    switch (request->word[2]) {
    case ADVICE_NORMAL:
    case ADVICE_SEQUENTIAL:
    case ADVICE_RANDOM: return advise_how(request, (uint32_t)request->word[2], &answer->word[0]);
    case ADVICE_WILL_NEED: return advise_will_need(request, &answer->word[0]);
    case ADVICE_DO_NOT_NEED: return request_discard(pager, request, answer);
    default: return STATUS_BAD_ARGUMENT;
    }
}
