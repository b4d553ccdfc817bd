/* The kernel's doors: faults, timer, and the way out. See kernel.h.
 *
 * A fault becomes a message to the pager of the space, exactly like a call: it is kept in the thread until it is answered. A fault of the first pager has
 * nobody to go to: it is a crash, told with everything known, and the machine ends. */
#include "kernel.h"

#include <assert.h>

#include "abi/boot_info.h"
#include "counter.h"
#include "deadline.h"
#include "interrupt.h"
#include "log.h"
#include "message.h"
#include "schedule.h"
#include "space.h"

constexpr unsigned TIMERS_STEP = 16;    /* timers that end in one entry */
constexpr unsigned EXHAUSTED_STEP = 32; /* threads for which nobody can pay, taken off in one entry */

/* Apart, so that a switch to another thread needs no stack. */
[[gnu::noinline]] ARCH_HANDLER static void find_and_switch(const struct thread *entered)
{
    for (unsigned i = 0;; i++) {
        if (processor.current == nullptr) schedule_idle();
        if (processor.current->payer == processor.paid_for || budget_begin(processor.current)) break;
        if (i == EXHAUSTED_STEP) {
            timer_need(0); /* it runs on nobody's time until the next entry, which is at once */
            break;
        }
        schedule_exhaust();
    }
    if (processor.current != entered) arch_thread_switch(processor.current);
}

void kernel_switch(const struct thread *entered)
{
    struct thread *current = processor.current;
    if (current == nullptr) return find_and_switch(entered);
    if (current->payer != processor.paid_for) {
        if (current->payer != current->account || !schedule_may_pay_alone(current)) return find_and_switch(entered);
        schedule_pay_alone(current);
    }
    assert(current->state == THREAD_RUNNING);
    if (current != entered) arch_thread_switch(current);
}

/* The first pager broke: nobody can answer its faults. */
[[noreturn]] static void pager_crashed(const struct fault *fault)
{
    const uint64_t *word = fault->word;
    log_line("kernel", "pager crashed kind=%u vector=%u error=0x%lx addr=0x%lx ip=0x%lx sp=0x%lx", fault->kind, (uint8_t)(word[0] >> 8),
             (unsigned long)(word[0] >> 32), (unsigned long)word[1], (unsigned long)word[2], (unsigned long)word[3]);
    arch_machine_end(1);
}

void kernel_on_fault(struct thread *thread, enum fault_kind kind, uint64_t tried, uint64_t address)
{
    assert(thread == processor.current && thread->state == THREAD_RUNNING);
    struct handle_row *pager = &thread->space->pager;
    struct fault *fault = arch_near(&thread->fault);
    fault->kind = kind;
    fault->word[0] = tried;
    fault->word[1] = address;
    fault->word[2] = arch_context_instruction(thread);
    fault->word[3] = arch_context_stack(thread);
    fault->word[4] = thread->label;
    fault->word[5] = fault_marks != 0 ? deadline_note() : 0;
    thread->badge = pager->badge;
    if (pager->endpoint == nullptr) {
        if (thread->space->is_pager) pager_crashed(fault);
        thread_log_fault_lost(thread);
        thread->state = THREAD_STOPPED;
        schedule_switch(nullptr);
        return;
    }
    thread->request = REQUEST_FAULT;
    (void)message_send(thread, pager->endpoint); /* a fault has no part in a buffer */
}

void kernel_on_exception(struct thread *thread, enum fault_kind kind, uint64_t tried, uint64_t address)
{
    counter_add(COUNTER_ENTRIES, 1);
    kernel_on_fault(thread, kind, tried, address);
    kernel_leave(thread);
}

/* Lets happen what is due, a bounded number of it: what is left is due at once again. */
static void timers_end(uint64_t now)
{
    struct timer *timer;
    for (unsigned i = 0; i < TIMERS_STEP && (timer = timer_take(now)) != nullptr; i++) {
        if (timer->kind == TIMER_RENEW) {
            schedule_resume((struct thread *)((char *)timer - offsetof(struct thread, budget.timer)));
        } else if (timer->kind == TIMER_DEADLINE) {
            deadline_look(now);
        } else {
            struct endpoint *endpoint = (struct endpoint *)((char *)timer - offsetof(struct endpoint, timer));
            message_notify(endpoint, endpoint->timer_bits);
        }
    }
    timer_need(timer_next());
}

static void leave_interrupt(const struct thread *entered, bool from_user)
{
    if (!from_user) return; /* the idle loop looks at the queues itself */
    counter_add(COUNTER_ENTRIES, 1);
    counter_add(COUNTER_INTERRUPTS, 1);
    kernel_leave(entered);
}

void kernel_on_timer(bool from_user)
{
    const struct thread *entered = processor.current;
    uint64_t now = budget_charge();
    timer_ended();
    timers_end(now);
    schedule_on_timer(now);
    budget_on_timer();
    leave_interrupt(entered, from_user);
}

void kernel_on_interrupt(unsigned line, bool from_user)
{
    const struct thread *entered = processor.current;
    interrupt_deliver(line);
    leave_interrupt(entered, from_user);
}
