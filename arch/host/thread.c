/* Threads of the host port: a context that is filled and read, never run. A test plays the program: it sets call registers and calls the kernel's doors. */
#include "thread.h"

#include <assert.h>

#include "counter.h"
#include "host.h"
#include "space.h"

void arch_context_start(struct thread *thread, uint64_t instruction, uint64_t stack, uint64_t argument)
{
    thread->context = (struct arch_context){ .instruction = instruction, .stack = stack };
    thread->context.call.argument[0] = argument;
}

void arch_context_restart_call(struct thread *thread)
{
    thread->context.instruction -= HOST_CALL_BYTES;
}

uint64_t arch_context_instruction(const struct thread *thread)
{
    return thread->context.instruction;
}

uint64_t arch_context_stack(const struct thread *thread)
{
    return thread->context.stack;
}

bool arch_space_is_active(const struct space *space)
{
    return host_root_is_active(space->root);
}

/* A root that is loaded already stays, with its translations. */
void arch_thread_switch(struct thread *to)
{
    assert(to->space != nullptr);
    if (arch_space_is_active(to->space)) return;
    counter_add(COUNTER_ROOT_LOADS, 1);
    host_activate(to->space->root);
}

void arch_vectors_initialise(struct thread *thread)
{
    thread->vectors.mark = HOST_VECTORS_INITIAL;
}

void arch_vectors_forget(struct thread *thread)
{
    thread->vectors.mark = 0;
}
