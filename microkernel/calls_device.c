/* System calls of device mappings. Only pagers get here (syscall.c); the space of the caller is the owner of what it maps. */
#include "calls.h"
#include "device.h"
#include "page.h"

enum status sys_device_map(struct thread *caller, uint64_t argument[CALL_ARGUMENTS])
{
    struct range range;
    enum status status = page_range(argument, argument[3], &range);
    if (status == STATUS_OK) status = device_attributes_check(argument[4]);
    if (status != STATUS_OK) return status;
    if (argument[5] > DEVICE_SHARED) return STATUS_BAD_ARGUMENT;
    return device_map(caller->space, range.space, range.span, argument[2], (uint32_t)argument[4], argument[5] == DEVICE_SHARED, &argument[0]);
}

enum status sys_device_unmap(struct thread *caller, uint64_t argument[CALL_ARGUMENTS])
{
    struct range range;
    enum status status = page_range(argument, argument[2], &range);
    if (status != STATUS_OK) return status;
    return device_unmap(caller->space, range.space, range.span, &argument[0]);
}
