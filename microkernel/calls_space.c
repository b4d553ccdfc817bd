/* System calls over ranges of a space. Only pagers get here (syscall.c). Compiled for speed: a pager makes them all day.
 *
 * A name from outside becomes a space by its frame's kind, a range a checked span, before anything else looks at them. */
#include "arch.h"
#include "calls.h"
#include "page.h"

enum status page_range(const uint64_t place[2], uint64_t count_pages, struct range *range)
{
    range->space = page_space(place[0]);
    return range->space != nullptr ? user_span_check(place[1], count_pages, &range->span) : STATUS_BAD_OBJECT;
}

/* The same with attributes. */
static enum status page_range_with(const uint64_t place[2], uint64_t count_pages, uint64_t attributes, struct range *range)
{
    enum status status = page_range(place, count_pages, range);
    return status == STATUS_OK ? attributes_check(attributes) : status;
}

enum status sys_space_map([[maybe_unused]] struct thread *caller, uint64_t argument[CALL_ARGUMENTS])
{
    struct range range;
    enum status status = page_range_with(argument, argument[3], argument[4], &range);
    if (status != STATUS_OK) return status;
    if (argument[2] > UINT32_MAX) return STATUS_BAD_FRAME;
    if (range.span.count_pages == 1) {
        status = space_map_page(range.space, range.span.first, (frame_t){ (uint32_t)argument[2] }, (uint32_t)argument[4]);
        if (status == STATUS_OK) argument[0] = 1;
        return status;
    }
    return space_map(range.space, range.span, (frame_t){ (uint32_t)argument[2] }, (uint32_t)argument[4], &argument[0]);
}

enum status sys_space_fill([[maybe_unused]] struct thread *caller, uint64_t argument[CALL_ARGUMENTS])
{
    struct range range;
    enum status status = page_range_with(argument, argument[2], argument[3], &range);
    if (status != STATUS_OK) return status;
    return space_fill(range.space, range.span, (uint32_t)argument[3], &argument[0]);
}

enum status sys_space_unmap([[maybe_unused]] struct thread *caller, uint64_t argument[CALL_ARGUMENTS])
{
    struct range range;
    enum status status = page_range(argument, argument[2], &range);
    uint64_t flags = argument[3];
    if (status != STATUS_OK) return status;
    if (flags > UNMAP_FREE) return STATUS_BAD_ARGUMENT;
    struct unmap_result *result = (struct unmap_result *)argument;
    static_assert(offsetof(struct unmap_result, unmapped_pages) == sizeof argument[0] && offsetof(struct unmap_result, freed_frames) == 2 * sizeof argument[0]);
    return space_unmap(range.space, range.span, flags, result);
}

enum status sys_space_protect([[maybe_unused]] struct thread *caller, uint64_t argument[CALL_ARGUMENTS])
{
    struct range range;
    enum status status = page_range_with(argument, argument[2], argument[3], &range);
    if (status != STATUS_OK) return status;
    return space_protect(range.space, range.span, (uint32_t)argument[3], &argument[0], &argument[1]);
}

enum status sys_space_count([[maybe_unused]] struct thread *caller, uint64_t argument[CALL_ARGUMENTS])
{
    struct range range;
    enum status status = page_range(argument, argument[2], &range);
    return status == STATUS_OK ? space_count(range.space, range.span, &argument[0], &argument[1]) : status;
}

enum status sys_space_query([[maybe_unused]] struct thread *caller, uint64_t argument[CALL_ARGUMENTS])
{
    struct range range;
    enum status status = page_range(argument, 1, &range);
    if (status != STATUS_OK) return status;
    struct translation translation;
    status = space_query(range.space, range.span.first, &translation);
    if (status != STATUS_OK) return status;
    argument[0] = translation.frame.number;
    argument[1] = translation.attributes;
    argument[2] = translation.page_bytes;
    return STATUS_OK;
}

/* Moves or shares. */
static enum status transfer(uint64_t argument[CALL_ARGUMENTS], bool is_moving)
{
    struct range from, to;
    uint32_t attributes = TRANSFER_MOVE;
    enum status status = page_range(argument, argument[4], &from);
    if (status == STATUS_OK) status = page_range(argument + 2, argument[4], &to);
    if (status == STATUS_OK && !is_moving) {
        attributes = (uint32_t)argument[5];
        status = attributes_check(argument[5] & ~SHARE_COPY);
        if (status == STATUS_OK && (attributes & SHARE_COPY) && (attributes & ATTRIBUTE_WRITE)) status = STATUS_BAD_ARGUMENT;
    }
    if (status != STATUS_OK) return status;
    return space_transfer(from.space, from.span, to.space, to.span.first, attributes, &argument[0], &argument[1]);
}

enum status sys_space_move([[maybe_unused]] struct thread *caller, uint64_t argument[CALL_ARGUMENTS])
{
    return transfer(argument, true);
}

enum status sys_space_share([[maybe_unused]] struct thread *caller, uint64_t argument[CALL_ARGUMENTS])
{
    return transfer(argument, false);
}

enum status sys_space_harvest([[maybe_unused]] struct thread *caller, uint64_t argument[CALL_ARGUMENTS])
{
    struct range range;
    enum status status = page_range(argument, argument[2], &range);
    if (status != STATUS_OK) return status;
    if (range.span.count_pages > HARVEST_PAGES) return STATUS_BAD_LENGTH;
    space_harvest(range.space, range.span, &argument[0], &argument[1]);
    return STATUS_OK;
}
