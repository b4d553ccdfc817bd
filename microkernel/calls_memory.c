/* System calls of frames and spaces. Only pagers get here (syscall.c).
 *
 * Names are numbers from outside: each becomes an object by its frame's kind, each range a checked span, before anything else looks at it. What a pager
 * can reach this way is USER frames and its kind of objects; kernel, table and device frames answer BAD_FRAME or BAD_OBJECT. */
#include "arch.h"
#include "calls.h"
#include "message.h"
#include "schedule.h"
#include "space.h"

#include <string.h>

/* The row of the block of a USER frame from outside, or nullptr. */
static struct frame_info *user_frame(uint64_t number)
{
    struct frame_info *info = number <= UINT32_MAX ? frame_find((frame_t){ (uint32_t)number }) : nullptr;
    return info != nullptr && info->kind == FRAME_KIND_USER ? info : nullptr;
}

enum status sys_frame_allocate([[maybe_unused]] struct thread *caller, uint64_t argument[CALL_ARGUMENTS])
{
    if (argument[0] >= FRAME_ORDERS) return STATUS_BAD_ARGUMENT;
    frame_t frame;
    /* A single one that is named is copied into mostly; who wants zeroes has space_fill. */
    enum status status = argument[0] == 0 ? frame_allocate_dirty(&frame) : frame_allocate((unsigned)argument[0], FRAME_KIND_USER, &frame);
    if (status == STATUS_OK) argument[0] = frame.number;
    return status;
}

enum status sys_frame_allocate_below([[maybe_unused]] struct thread *caller, uint64_t argument[CALL_ARGUMENTS])
{
    if (argument[0] >= FRAME_ORDERS) return STATUS_BAD_ARGUMENT;
    frame_t frame;
    uint32_t limit = argument[1] < UINT32_MAX ? (uint32_t)argument[1] : UINT32_MAX;
    enum status status = frame_allocate_below((unsigned)argument[0], FRAME_KIND_USER, limit, &frame);
    if (status == STATUS_OK) argument[0] = frame.number;
    return status;
}

enum status sys_frame_batch([[maybe_unused]] struct thread *caller, uint64_t argument[CALL_ARGUMENTS])
{
    frame_t base;
    uint64_t mask;
    enum status status = frame_allocate_batch(&base, &mask);
    if (status != STATUS_OK) return status;
    argument[0] = base.number;
    argument[1] = mask;
    return STATUS_OK;
}

enum status sys_frame_split([[maybe_unused]] struct thread *caller, uint64_t argument[CALL_ARGUMENTS])
{
    if (argument[0] > UINT32_MAX) return STATUS_BAD_FRAME;
    if (argument[1] >= FRAME_ORDERS) return STATUS_BAD_ARGUMENT;
    return frame_split((frame_t){ (uint32_t)argument[0] }, (unsigned)argument[1]);
}

enum status sys_frame_free([[maybe_unused]] struct thread *caller, uint64_t argument[CALL_ARGUMENTS])
{
    if (argument[0] > UINT32_MAX) return STATUS_BAD_FRAME;
    if (argument[1] >= FRAME_ORDERS) return STATUS_BAD_ARGUMENT;
    return frame_free((frame_t){ (uint32_t)argument[0] }, (unsigned)argument[1], FRAME_KIND_USER);
}

enum status sys_frame_copy([[maybe_unused]] struct thread *caller, uint64_t argument[CALL_ARGUMENTS])
{
    struct frame_info *target = user_frame(argument[0]), *source = user_frame(argument[2]);
    if (target == nullptr || source == nullptr) return STATUS_BAD_FRAME;
    frame_t to = { (uint32_t)argument[0] }, from = { (uint32_t)argument[2] };
    uint64_t length = argument[4];
    uint64_t last = PAGE_BYTES - length; /* offset */
    if (length == 0 || length > PAGE_BYTES || argument[1] > last || argument[3] > last) return STATUS_BAD_LENGTH;
    if (frame_is_unmappable(source) || frame_is_unmappable(target)) return STATUS_BAD_STATE;

    // Commit: nothing below may fail.
    frame_clean(from, source); /* old content is nobody's to copy */
    if (length == PAGE_BYTES && frame_order(target) == 0) target->flags &= (uint8_t)~FRAME_DIRTY;
    else frame_clean(to, target);
    char *destination = arch_window_open(to);
    const char *origin = arch_window_open(from);
    memmove(destination + argument[1], origin + argument[3], length);
    arch_window_close((void *)origin);
    arch_window_close(destination);
    return STATUS_OK;
}

enum status sys_frame_zero([[maybe_unused]] struct thread *caller, uint64_t argument[CALL_ARGUMENTS])
{
    struct frame_info *info = user_frame(argument[0]);
    return info != nullptr ? frame_clean_step((frame_t){ (uint32_t)argument[0] }, info) : STATUS_BAD_FRAME;
}

enum status sys_frame_count([[maybe_unused]] struct thread *caller, uint64_t argument[CALL_ARGUMENTS])
{
    argument[0] = frame_count_free();
    argument[1] = frame_count_total();
    return STATUS_OK;
}

enum status sys_space_create([[maybe_unused]] struct thread *caller, uint64_t argument[CALL_ARGUMENTS])
{
    struct endpoint *pager = endpoint_find(argument[0]);
    if (pager == nullptr) return STATUS_BAD_OBJECT;
    struct space *space;
    enum status status = space_create(&space);
    if (status != STATUS_OK) return status;
    handle_fill(&space->pager, HANDLE_PAGER, pager, RIGHT_CALL, argument[1]);
    argument[0] = space->frame.number;
    return STATUS_OK;
}

enum status sys_space_destroy(struct space *space, [[maybe_unused]] uint64_t argument[CALL_ARGUMENTS])
{
    if (space == processor.current->space || space->count_threads != 0) return STATUS_BAD_STATE;
    enum status status = message_end_callers(space);
    if (status != STATUS_OK) return status;
    if (space->count_mapped == 0) { /* the last step */
        for (struct handle_row *row = space->rows; row != space->rows + HANDLE_ROWS; row++)
            if (row->endpoint != nullptr) handle_empty(row);
        handle_empty(&space->pager);
    }
    return space_destroy(space);
}
