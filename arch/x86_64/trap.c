/* Exceptions and interrupts: what each one is, and the panic's view of the processor.
 *
 * From user mode every exception becomes a fault message. From the kernel there is one that is expected, an interrupt of the idle processor; anything else is
 * the kernel's own fault. Error code of a page fault: AMD64 manual vol. 2, 8.4.2. */
#include <string.h>

#include "apic.h"
#include "cpu.h"
#include "kernel.h"
#include "log.h"
#include "machine.h"
#include "pic.h"
#include "schedule.h"
#include "trap.h"

constexpr uint64_t VECTOR_DEBUG = 1, VECTOR_PAGE_FAULT = 14;
constexpr uint64_t ERROR_PRESENT = 1, ERROR_WRITE = 2, ERROR_RESERVED = 8, ERROR_FETCH = 16;

/* The kernel's trap that a panic is about, if it is about one. */
static const struct arch_context *broken_context;

static void on_page_fault(struct thread *thread, const struct arch_context *context)
{
    uint64_t address = cpu_read_cr2();
    uint64_t error = context->error;
    if (error & ERROR_RESERVED) panic("reserved bits in a page table addr=0x%lx", address);
    uint64_t access = error & ERROR_FETCH ? FAULT_EXECUTE : error & ERROR_WRITE ? FAULT_WRITE : FAULT_READ;
    if (error & ERROR_PRESENT) access |= FAULT_PRESENT;
    kernel_on_exception(thread, FAULT_PAGE, access, VECTOR_PAGE_FAULT, error, address);
}

/* A device asks; false: the vector is none of theirs. */
static bool on_device(uint64_t vector, bool from_user)
{
    unsigned line = (unsigned)vector - PIC_VECTOR;
    if (line >= PIC_LINES) return false;
    if (pic_take(line)) kernel_on_interrupt(line, from_user);
    return true;
}

void trap_from_user(struct thread *thread)
{
    const struct arch_context *context = &thread->context;
    switch (context->vector) {
    case VECTOR_PAGE_FAULT:
        on_page_fault(thread, context);
        break;
    case APIC_TIMER_VECTOR:
        apic_end_of_interrupt();
        kernel_on_timer(true);
        break;
    case APIC_SPURIOUS_VECTOR:
        break; /* needs no end-of-interrupt: AMD64 manual vol. 2, 16.4.7 */
    default:
        if (on_device(context->vector, true)) break;
        kernel_on_exception(thread, FAULT_EXCEPTION, 0, context->vector, context->error, 0);
        break;
    }
}

void trap_from_kernel(const struct arch_context *context)
{
    if (processor.is_idle && context->vector == APIC_TIMER_VECTOR) {
        apic_end_of_interrupt();
        kernel_on_timer(false);
        return;
    }
    if (context->vector == APIC_SPURIOUS_VECTOR) return;
    if (processor.is_idle && on_device(context->vector, false)) return;
    broken_context = context;
    panic("kernel fault vector=%lu error=0x%lx addr=0x%lx ip=0x%lx", context->vector, context->error, cpu_read_cr2(), context->rip);
}

void trap_special(const struct arch_context *context)
{
    if (context->vector == VECTOR_DEBUG && (context->cs & 3) == 3) {
        memcpy(&processor.current->context, context, sizeof *context);
        return;
    }
    broken_context = context;
    panic("vector=%lu (1 debug, 2 NMI, 8 double fault, 18 machine check) error=0x%lx ip=0x%lx", context->vector, context->error, context->rip);
}

static void log_registers(const struct arch_context *context)
{
    const struct call_registers *call = &context->call;
    log_line("panic", "rax=0x%lx rbx=0x%lx rcx=0x%lx rdx=0x%lx rsi=0x%lx rdi=0x%lx", call->number, context->rbx, context->rcx, call->argument[2],
             call->argument[1], call->argument[0]);
    log_line("panic", "r8=0x%lx r9=0x%lx r10=0x%lx r11=0x%lx r12=0x%lx r13=0x%lx r14=0x%lx r15=0x%lx", call->argument[4], call->argument[5],
             context->r10, context->r11, call->argument[6], call->argument[7], call->argument[3], call->argument[8]);
    log_line("panic", "rip=0x%lx cs=0x%lx rflags=0x%lx rsp=0x%lx ss=0x%lx rbp=0x%lx", context->rip, context->cs, context->flags, context->rsp, context->ss,
             context->rbp);
}

extern const char kernel_stack[], kernel_stack_top[], init_first[], text_first[], text_limit[], boot_ends[];

/* The word points into the kernel's text, right behind a call: of a function, or through a register. What runs at boot only is there until it is over. */
static bool is_behind_call(uintptr_t word)
{
    bool is_booting = ((const uintptr_t *)kernel_stack_top)[-1] == (uintptr_t)boot_ends;
    if (word < (uintptr_t)(is_booting ? init_first : text_first) + 5 || word > (uintptr_t)text_limit) return false;
    const uint8_t *code = (const uint8_t *)word;
    return code[-5] == 0xe8 || (code[-2] == 0xff && (code[-1] & 0xf8) == 0xd0); /* AMD64 manual vol. 3, CALL (Near) */
}

/* One line for each word on the kernel stack that can be a return address: there are no frame pointers. */
static void log_backtrace(uintptr_t stack)
{
    if (stack % sizeof stack != 0 || stack < (uintptr_t)kernel_stack) return;
    for (unsigned left = 32; left > 0 && stack < (uintptr_t)kernel_stack_top; stack += sizeof stack) {
        uintptr_t word = *(const uintptr_t *)stack;
        if (!is_behind_call(word)) continue;
        log_line("panic", "backtrace ip=0x%lx", word);
        left--;
    }
}

void arch_panic(void)
{
    uint64_t cr3 = cpu_read_cr3();
    const struct thread *thread = processor.current;
    log_line("panic", "cr2=0x%lx cr3=0x%lx thread=0x%x label=0x%lx", cpu_read_cr2(), cr3, thread == nullptr ? 0 : thread->frame.number,
             thread == nullptr ? 0 : thread->label);
    if (broken_context != nullptr) log_registers(broken_context);
    uintptr_t stack;
    __asm__("mov %%rsp, %0" : "=r"(stack));
    log_backtrace(broken_context != nullptr ? broken_context->rsp : stack);
    machine_stop(MACHINE_PANIC);
}

void arch_idle(void)
{
    __asm__ volatile("sti\n\thlt\n\tcli" ::: "memory");
}
