/* Threads on this processor: contexts, root table, vector state.
 *
 * Vector state is switched eagerly between threads that have one. A thread without (the pager is built so) leaves the registers alone: they keep the last
 * owner's state, and CR0.TS makes every use of them an exception. docs/adr/0006-entry.md says why that is safe. */
#include <assert.h>
#include <string.h>

#include "cpu.h"
#include "space.h"
#include "switch.h"
#include "thread.h"

static_assert(offsetof(struct thread, context) == THREAD_CONTEXT); /* entry.S */

struct switch_state switch_state;

[[gnu::noinline]] void arch_context_start(struct thread *thread, uint64_t instruction, uint64_t stack, uint64_t argument)
{
    thread->context = (struct arch_context){ .rip = instruction, .rsp = stack, .flags = FLAGS_ALWAYS };
    thread->context.call.argument[0] = argument;
}

void arch_context_restart_call(struct thread *thread)
{
    assert(thread->context.vector == VECTOR_SYSCALL);
    thread->context.rip -= 2; /* length of SYSCALL */
}

uint64_t arch_context_instruction(const struct thread *thread)
{
    return thread->context.rip;
}

uint64_t arch_context_stack(const struct thread *thread)
{
    return thread->context.rsp;
}

static void vectors_save(struct thread *thread)
{
    if (cpu_features.has_xsave) __asm__ volatile("xsave64 %0" : "+m"(thread->vectors) : "a"(-1), "d"(-1)); /* all that XCR0 has */
    else __asm__ volatile("fxsave64 %0" : "+m"(thread->vectors));
}

static void vectors_load(const struct thread *thread)
{
    if (cpu_features.has_xsave) __asm__ volatile("xrstor64 %0" ::"m"(thread->vectors), "a"(-1), "d"(-1));
    else __asm__ volatile("fxrstor64 %0" ::"m"(thread->vectors));
}

void arch_vectors_initialise(struct thread *thread)
{
    static_assert(offsetof(struct thread, vectors) % 64 == 0);
    constexpr uint16_t x87_control = 0x37f; /* all exceptions masked: AMD64 manual vol. 1, 6.2.3 */
    constexpr uint32_t sse_control = 0x1f80;
    memcpy(thread->vectors.area, &x87_control, sizeof x87_control);
    memcpy(thread->vectors.area + 24, &sse_control, sizeof sse_control);
}

void arch_vectors_forget(struct thread *thread)
{
    assert(switch_state.vectors_user != thread); /* another one makes the call, and has been switched to */
    if (switch_state.vectors_owner == thread) switch_state.vectors_owner = nullptr; /* its frame may become another thread */
}

/* The thread has vector state, and it is not in the registers. */
static void vectors_switch(struct thread *to)
{
    switch_state.vectors_user = to;
    cpu_vectors_allow();
    if (switch_state.vectors_owner != nullptr) vectors_save(switch_state.vectors_owner);
    vectors_load(to);
    switch_state.vectors_owner = to;
}

void arch_thread_switch(struct thread *to)
{
    switch_to(to, to->space);
    cpu_clear_selectors();
    if (!switch_vectors_easily(to)) vectors_switch(to);
}

bool arch_space_is_active(const struct space *space)
{
    return space->root_address == switch_state.root_address;
}

void arch_tlb_invalidate(user_page_t page)
{
    __asm__ volatile("invlpg (%0)" ::"r"(page.address) : "memory");
}

void arch_tlb_flush(void)
{
    cpu_write_cr3(cpu_read_cr3());
}
