/* System calls over ranges of a space. Only pagers get here (syscall.c). Compiled for speed: a pager makes them all day.
 *
 * A name from outside becomes a space by its frame's kind, a range a checked span, before anything else looks at them. */
#include "arch.h"
#include "calls.h"
#include "page.h"

/* Decodes the space and the span that every range call begins with. */
static inline enum status decode_range(uint64_t frame, uint64_t address, uint64_t count_pages, struct space **space, struct user_span *span)
{
    *space = page_space(frame);
    if (*space == nullptr) return STATUS_BAD_OBJECT;
    return user_span_check(address, count_pages, span);
}

enum status sys_space_map([[maybe_unused]] struct thread *caller, uint64_t argument[CALL_ARGUMENTS])
{
    struct space *space;
    struct user_span span;
    enum status status = decode_range(argument[0], argument[1], argument[3], &space, &span);
    if (status == STATUS_OK) status = attributes_check(argument[4]);
    if (status != STATUS_OK) return status;
    if (argument[2] > UINT32_MAX) return STATUS_BAD_FRAME;
    if (span.count_pages == 1) {
        status = space_map_page(space, span.first, (frame_t){ (uint32_t)argument[2] }, (uint32_t)argument[4]);
        if (status == STATUS_OK) argument[0] = 1;
        return status;
    }
    return space_map(space, span, (frame_t){ (uint32_t)argument[2] }, (uint32_t)argument[4], &argument[0]);
}

enum status sys_space_fill([[maybe_unused]] struct thread *caller, uint64_t argument[CALL_ARGUMENTS])
{
    struct space *space;
    struct user_span span;
    enum status status = decode_range(argument[0], argument[1], argument[2], &space, &span);
    if (status == STATUS_OK) status = attributes_check(argument[3]);
    if (status != STATUS_OK) return status;
    return space_fill(space, span, (uint32_t)argument[3], &argument[0]);
}

enum status sys_space_unmap([[maybe_unused]] struct thread *caller, uint64_t argument[CALL_ARGUMENTS])
{
    struct space *space;
    struct user_span span;
    enum status status = decode_range(argument[0], argument[1], argument[2], &space, &span);
    if (status != STATUS_OK) return status;
    if (argument[3] > UNMAP_FREE) return STATUS_BAD_ARGUMENT;
    struct unmap_result result;
    if (span.count_pages == 1 && argument[3] == UNMAP_FREE && space_unmap_page(space, span.first, true, &result)) { /* what else is quick came not here */
        argument[0] = argument[1] = 1;
        argument[2] = result.freed_frames;
        return STATUS_OK;
    }
    status = space_unmap(space, span, argument[3], &result);
    if (status != STATUS_OK && status != STATUS_AGAIN) return status;
    argument[0] = result.done_pages;
    argument[1] = result.unmapped_pages;
    argument[2] = result.freed_frames;
    return status;
}

enum status sys_space_protect([[maybe_unused]] struct thread *caller, uint64_t argument[CALL_ARGUMENTS])
{
    struct space *space;
    struct user_span span;
    enum status status = decode_range(argument[0], argument[1], argument[2], &space, &span);
    if (status == STATUS_OK) status = attributes_check(argument[3]);
    if (status != STATUS_OK) return status;
    return space_protect(space, span, (uint32_t)argument[3], &argument[0], &argument[1]);
}

enum status sys_space_query([[maybe_unused]] struct thread *caller, uint64_t argument[CALL_ARGUMENTS])
{
    struct space *space;
    struct user_span span;
    enum status status = decode_range(argument[0], argument[1], 1, &space, &span);
    if (status != STATUS_OK) return status;
    struct translation translation;
    status = space_query(space, span.first, &translation);
    if (status != STATUS_OK) return status;
    argument[0] = translation.frame.number;
    argument[1] = translation.attributes;
    argument[2] = translation.page_bytes;
    return STATUS_OK;
}

enum status sys_space_move([[maybe_unused]] struct thread *caller, uint64_t argument[CALL_ARGUMENTS])
{
    struct space *from, *to;
    struct user_span from_span, to_span;
    enum status status = decode_range(argument[0], argument[1], argument[4], &from, &from_span);
    if (status == STATUS_OK) status = decode_range(argument[2], argument[3], argument[4], &to, &to_span);
    if (status != STATUS_OK) return status;
    return space_move(from, from_span.first, to, to_span, &argument[0], &argument[1]);
}

enum status sys_space_share([[maybe_unused]] struct thread *caller, uint64_t argument[CALL_ARGUMENTS])
{
    struct space *from, *to;
    struct user_span from_span, to_span;
    uint64_t attributes = argument[5] & ~SHARE_COPY;
    enum status status = decode_range(argument[0], argument[1], argument[4], &from, &from_span);
    if (status == STATUS_OK) status = decode_range(argument[2], argument[3], argument[4], &to, &to_span);
    if (status == STATUS_OK) status = attributes_check(attributes);
    if (status != STATUS_OK) return status;
    if ((argument[5] & SHARE_COPY) && (attributes & ATTRIBUTE_WRITE)) return STATUS_BAD_ARGUMENT;
    return space_share(from, from_span, to, to_span.first, (uint32_t)argument[5], &argument[0], &argument[1]);
}

enum status sys_space_harvest([[maybe_unused]] struct thread *caller, uint64_t argument[CALL_ARGUMENTS])
{
    struct space *space;
    struct user_span span;
    enum status status = decode_range(argument[0], argument[1], argument[2], &space, &span);
    if (status != STATUS_OK) return status;
    if (span.count_pages > HARVEST_PAGES) return STATUS_BAD_LENGTH;
    space_harvest(space, span, &argument[0], &argument[1]);
    return STATUS_OK;
}
