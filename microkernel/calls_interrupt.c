/* System calls of interrupts. Only pagers get here (syscall.c); the lines are checked in interrupt.c. */
#include "calls.h"
#include "interrupt.h"

enum status sys_interrupt_map(struct endpoint *endpoint, uint64_t argument[CALL_ARGUMENTS])
{
    return interrupt_map(endpoint, argument[1], argument[2]);
}

enum status sys_interrupt_unmap([[maybe_unused]] struct thread *caller, uint64_t argument[CALL_ARGUMENTS])
{
    return interrupt_unmap(argument[0]);
}

enum status sys_interrupt_acknowledge([[maybe_unused]] struct thread *caller, uint64_t argument[CALL_ARGUMENTS])
{
    return interrupt_acknowledge(argument[0]);
}
