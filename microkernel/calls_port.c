/* System calls of ports. Only pagers get here (syscall.c); which ports there are, and which are the kernel's own, knows the machine's port. */
#include "calls.h"

/* BAD_ARGUMENT: no such width; no such port, or one of the kernel's own. */
static enum status port_check(uint64_t port, uint64_t width)
{
    return (width == 1 || width == 2 || width == 4) && arch_port_exists(port, (unsigned)width) ? STATUS_OK : STATUS_BAD_ARGUMENT;
}

enum status sys_port_in([[maybe_unused]] struct thread *caller, uint64_t argument[CALL_ARGUMENTS])
{
    enum status status = port_check(argument[0], argument[1]);
    if (status == STATUS_OK) argument[0] = arch_port_read((uint16_t)argument[0], (unsigned)argument[1]);
    return status;
}

enum status sys_port_out([[maybe_unused]] struct thread *caller, uint64_t argument[CALL_ARGUMENTS])
{
    enum status status = port_check(argument[0], argument[1]);
    if (status == STATUS_OK) arch_port_write((uint16_t)argument[0], (unsigned)argument[1], (uint32_t)argument[2]);
    return status;
}
