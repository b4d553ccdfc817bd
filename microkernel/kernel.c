/* The kernel's doors: faults, timer, and the way out. See kernel.h.
 *
 * A fault becomes a message to the pager of the space, exactly like a call: it is kept in the thread until it is answered. A fault of the first pager has
 * nobody to go to: it is a crash, told with everything known, and the machine ends. */
#include "kernel.h"

#include <assert.h>

#include "abi/boot_info.h"
#include "counter.h"
#include "log.h"
#include "message.h"
#include "schedule.h"
#include "space.h"

/* Apart, so that a switch to another thread needs no stack. */
[[gnu::noinline]] static void wait_and_switch(const struct thread *entered)
{
    schedule_idle();
    if (processor.current != entered) arch_thread_switch(processor.current);
}

void kernel_switch(const struct thread *entered)
{
    if (processor.current == nullptr) return wait_and_switch(entered);
    assert(processor.current->state == THREAD_RUNNING && processor.current != entered);
    arch_thread_switch(processor.current);
}

/* The first pager broke: nobody can answer its faults. */
[[noreturn]] static void pager_crashed(const struct thread *thread, enum fault_kind kind, uint64_t vector, uint64_t error, uint64_t address)
{
    log_line("kernel", "pager crashed kind=%u vector=%lu error=0x%lx addr=0x%lx ip=0x%lx sp=0x%lx", (unsigned)kind, (unsigned long)vector,
             (unsigned long)error, (unsigned long)address, (unsigned long)arch_context_instruction(thread), (unsigned long)arch_context_stack(thread));
    arch_machine_end(1);
}

void kernel_on_fault(struct thread *thread, enum fault_kind kind, uint64_t access, uint64_t vector, uint64_t error, uint64_t address)
{
    assert(thread == processor.current && thread->state == THREAD_RUNNING);
    struct handle_row *pager = &thread->space->pager;
    if (thread->space->is_pager && pager->endpoint == nullptr) pager_crashed(thread, kind, vector, error, address);
    thread->fault.kind = kind;
    thread->fault.word[0] = access | vector << 8 | error << 32;
    thread->fault.word[1] = address;
    thread->fault.word[2] = arch_context_instruction(thread);
    thread->fault.word[3] = arch_context_stack(thread);
    thread->fault.word[4] = thread->label;
    thread->fault.word[5] = log_trace & TRACE_FAULTS ? arch_cycles() : 0;
    thread->badge = pager->badge;
    if (pager->endpoint == nullptr) {
        thread_log_fault_lost(thread);
        thread->state = THREAD_STOPPED;
        schedule_switch(nullptr);
        return;
    }
    thread->request = REQUEST_FAULT;
    message_send(thread, pager->endpoint);
}

void kernel_on_exception(struct thread *thread, enum fault_kind kind, uint64_t access, uint64_t vector, uint64_t error, uint64_t address)
{
    counter_add(COUNTER_ENTRIES, 1);
    kernel_on_fault(thread, kind, access, vector, error, address);
    kernel_leave(thread);
}

void kernel_on_timer(bool from_user)
{
    const struct thread *entered = processor.current;
    schedule_on_timer();
    if (!from_user) return; /* the idle loop looks at the queues itself */
    counter_add(COUNTER_ENTRIES, 1);
    counter_add(COUNTER_INTERRUPTS, 1);
    kernel_leave(entered);
}
