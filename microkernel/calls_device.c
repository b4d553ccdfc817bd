/* System calls of device mappings. Only pagers get here (syscall.c); the space of the caller is the owner of what it maps. */
#include "calls.h"
#include "device.h"
#include "schedule.h"

enum status sys_device_map(struct space *space, struct user_span span, uint64_t argument[CALL_ARGUMENTS])
{
    enum status status = device_attributes_check(argument[4]);
    if (status != STATUS_OK) return status;
    if (argument[5] > DEVICE_SHARED) return STATUS_BAD_ARGUMENT;
    const struct space *owner = processor.current->space;
    return device_map(owner, space, span, argument[2], (uint32_t)argument[4], argument[5] == DEVICE_SHARED, &argument[0]);
}

enum status sys_device_unmap(struct space *space, struct user_span span, uint64_t argument[CALL_ARGUMENTS])
{
    return device_unmap(processor.current->space, space, span, &argument[0]);
}
