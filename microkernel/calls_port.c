/* System calls of ports. Only pagers get here (syscall.c); which ports there are, and which are the kernel's own, knows the machine's port. */
#include "calls.h"

/* BAD_ARGUMENT: no such width; no such port, or one of the kernel's own. */
static enum status port_use(uint64_t argument[CALL_ARGUMENTS], bool is_write)
{
    uint64_t port = argument[0], width = argument[1];
    if ((width != 1 && width != 2 && width != 4) || !arch_port_exists(port, (unsigned)width)) return STATUS_BAD_ARGUMENT;
    if (is_write) arch_port_write((uint16_t)port, (unsigned)width, (uint32_t)argument[2]);
    else argument[0] = arch_port_read((uint16_t)port, (unsigned)width);
    return STATUS_OK;
}

enum status sys_port_in([[maybe_unused]] struct thread *caller, uint64_t argument[CALL_ARGUMENTS])
{
    return port_use(argument, false);
}

enum status sys_port_out([[maybe_unused]] struct thread *caller, uint64_t argument[CALL_ARGUMENTS])
{
    return port_use(argument, true);
}
