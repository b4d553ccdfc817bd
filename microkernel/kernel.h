/* The kernel's doors: what a port calls.
 *
 * Each is entered with interrupts off, on the processor's own kernel stack, the interrupted thread's registers saved in its frame. Each returns with
 * processor.current set to the thread that the port must resume, its root and vectors loaded. */
#ifndef QUIRE_KERNEL_H
#define QUIRE_KERNEL_H

#include "boot.h"
#include "schedule.h"
#include "thread.h"

/* A system call of the running thread. */
ARCH_HANDLER void kernel_on_call(struct thread *caller);
/* An exception of the running thread: a page fault with its address, or any other. `tried`: word 0 of the message (abi/message.h). */
ARCH_HANDLER void kernel_on_exception(struct thread *thread, enum fault_kind kind, uint64_t tried, uint64_t address);
/* Word 0 of a fault's message: FAULT_... access of a page fault, the processor's vector and error code. */
static inline uint64_t fault_tried(uint64_t access, uint64_t vector, uint64_t error)
{
    return access | vector << 8 | error << 32;
}
/* The one-shot timer has ended. `from_user`: a thread was interrupted; else the idle processor was. */
ARCH_HANDLER void kernel_on_timer(bool from_user);
/* A device has asked by its line, which is closed now. `from_user`: as above. */
ARCH_HANDLER void kernel_on_interrupt(unsigned line, bool from_user);

/* The last step of every door: waits while nothing can run, then loads what the thread that runs next needs. `entered`: the thread that was running, and so
 * is loaded; it cannot have ended in its own entry. */
ARCH_HANDLER void kernel_switch(const struct thread *entered);
ARCH_HANDLER static inline void kernel_leave(const struct thread *entered)
{
    const struct thread *current = processor.current;
    if (current != entered || current->payer != processor.paid_for) kernel_switch(entered);
}

/* Inside an entry: turns what the running thread has met into a message to its pager. */
ARCH_HANDLER void kernel_on_fault(struct thread *thread, enum fault_kind kind, uint64_t tried, uint64_t address);

/* Brings the system up from checked boot information: log, frames are ready (frame_initialise was called by the port). Loads the first module as the pager
 * and returns with processor.current set to its thread. Panics, with a message, when that cannot be done. */
void kernel_start(const struct boot_source *source, uint64_t cycles_at_entry);

#endif
