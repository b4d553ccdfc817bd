/* System calls over ranges of a space. Only pagers get here (syscall.c), and with a space and a range that have been checked. */
#include "arch.h"
#include "calls.h"
#include "page.h"

enum status sys_space_map(struct space *space, struct user_span span, uint64_t argument[CALL_ARGUMENTS])
{
    enum status status = attributes_check(argument[4]);
    if (status != STATUS_OK) return status;
    if (argument[2] > UINT32_MAX) return STATUS_BAD_FRAME;
    if (span.count_pages == 1) { /* not one for the fast path: the tables are missing, or the frame is none that is mapped as it is */
        status = space_map_leaf(space, span.first, (frame_t){ (uint32_t)argument[2] }, (uint32_t)argument[4], 0);
        if (status == STATUS_OK) argument[0] = 1;
        return status;
    }
    return space_map(space, span, (frame_t){ (uint32_t)argument[2] }, (uint32_t)argument[4], &argument[0]);
}

enum status sys_space_fill(struct space *space, struct user_span span, uint64_t argument[CALL_ARGUMENTS])
{
    enum status status = attributes_check(argument[3]);
    return status == STATUS_OK ? space_fill(space, span, (uint32_t)argument[3], &argument[0]) : status;
}

enum status sys_space_unmap(struct space *space, struct user_span span, uint64_t argument[CALL_ARGUMENTS])
{
    if (argument[3] > UNMAP_FREE) return STATUS_BAD_ARGUMENT;
    struct unmap_result *result = (struct unmap_result *)argument;
    static_assert(offsetof(struct unmap_result, unmapped_pages) == sizeof argument[0] && offsetof(struct unmap_result, freed_frames) == 2 * sizeof argument[0]);
    return space_unmap(space, span, argument[3], result);
}

enum status sys_space_protect(struct space *space, struct user_span span, uint64_t argument[CALL_ARGUMENTS])
{
    enum status status = attributes_check(argument[3]);
    return status == STATUS_OK ? space_protect(space, span, (uint32_t)argument[3], &argument[0], &argument[1]) : status;
}

enum status sys_space_count(struct space *space, struct user_span span, uint64_t argument[CALL_ARGUMENTS])
{
    return space_count(space, span, &argument[0], &argument[1]);
}

enum status sys_space_query(struct space *space, uint64_t argument[CALL_ARGUMENTS])
{
    struct user_span span;
    enum status status = user_span_check(argument[1], 1, &span);
    if (status != STATUS_OK) return status;
    struct translation translation;
    status = space_query(space, span.first, &translation);
    if (status != STATUS_OK) return status;
    argument[0] = translation.frame.number;
    argument[1] = translation.attributes;
    argument[2] = translation.page_bytes;
    return STATUS_OK;
}

/* Moves or shares. */
static enum status transfer(struct space *space, struct user_span span, uint64_t argument[CALL_ARGUMENTS], bool is_moving)
{
    struct user_span there;
    struct space *to = page_space(argument[2]);
    if (to == nullptr) return STATUS_BAD_OBJECT;
    uint32_t attributes = TRANSFER_MOVE;
    enum status status = user_span_check(argument[3], span.count_pages, &there);
    if (status == STATUS_OK && !is_moving) {
        attributes = (uint32_t)argument[5];
        status = attributes_check(argument[5] & ~SHARE_COPY);
        if (status == STATUS_OK && (attributes & SHARE_COPY) && (attributes & ATTRIBUTE_WRITE)) status = STATUS_BAD_ARGUMENT;
    }
    if (status != STATUS_OK) return status;
    return space_transfer(space, span, to, there.first, attributes, &argument[0], &argument[1]);
}

enum status sys_space_move(struct space *space, struct user_span span, uint64_t argument[CALL_ARGUMENTS])
{
    return transfer(space, span, argument, true);
}

enum status sys_space_share(struct space *space, struct user_span span, uint64_t argument[CALL_ARGUMENTS])
{
    return transfer(space, span, argument, false);
}

enum status sys_space_harvest(struct space *space, struct user_span span, uint64_t argument[CALL_ARGUMENTS])
{
    if (span.count_pages > HARVEST_PAGES) return STATUS_BAD_LENGTH;
    space_harvest(space, span, &argument[0], &argument[1]);
    return STATUS_OK;
}
