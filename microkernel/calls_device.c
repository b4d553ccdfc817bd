/* System calls of device mappings. Only pagers get here (syscall.c); the space of the caller is the owner of what it maps. */
#include "calls.h"
#include "device.h"

enum status sys_device_map(struct thread *caller, uint64_t argument[CALL_ARGUMENTS])
{
    struct space *space = space_find(argument[0]);
    if (space == nullptr) return STATUS_BAD_OBJECT;
    struct user_span span;
    enum status status = user_span_check(argument[1], argument[3], &span);
    if (status == STATUS_OK) status = device_attributes_check(argument[4]);
    if (status != STATUS_OK) return status;
    if (argument[5] > DEVICE_SHARED) return STATUS_BAD_ARGUMENT;
    return device_map(caller->space, space, span, argument[2], (uint32_t)argument[4], argument[5] == DEVICE_SHARED, &argument[0]);
}

enum status sys_device_unmap(struct thread *caller, uint64_t argument[CALL_ARGUMENTS])
{
    struct space *space = space_find(argument[0]);
    if (space == nullptr) return STATUS_BAD_OBJECT;
    struct user_span span;
    enum status status = user_span_check(argument[1], argument[2], &span);
    if (status != STATUS_OK) return status;
    return device_unmap(caller->space, space, span, &argument[0]);
}
