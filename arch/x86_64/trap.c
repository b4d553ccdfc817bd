/* Exceptions and interrupts: what each one is, and the panic's view of the processor.
 *
 * From user mode every exception becomes a fault message. From the kernel there is one that is expected, an interrupt of the idle processor; anything else is
 * the kernel's own fault, or the machine's. */
#include <string.h>

#include "apic.h"
#include "cpu.h"
#include "kernel.h"
#include "log.h"
#include "machine.h"
#include "pic.h"
#include "schedule.h"
#include "trap.h"

constexpr uint64_t VECTOR_DEBUG = 1;

/* The kernel's trap that a panic is about, if it is about one. */
static const struct arch_context *broken_context;

/* The kernel's own fault, or one of the machine. */
[[noreturn]] static void broken(const struct arch_context *context)
{
    broken_context = context;
    panic("kernel fault vector=%lu error=0x%lx addr=0x%lx ip=0x%lx", context->vector, context->error, cpu_read_cr2(), context->rip);
}

/* The timer, a line of a device, or a spurious interrupt, which needs no end-of-interrupt: AMD64 manual vol. 2, 16.4.7. */
ARCH_HANDLER static void on_interrupt(unsigned vector, bool from_user)
{
    unsigned line = vector - PIC_VECTOR;
    if (vector == APIC_TIMER_VECTOR) {
        apic_end_of_interrupt();
        kernel_on_timer(from_user);
    } else if (line < PIC_LINES && pic_take(line)) {
        kernel_on_interrupt(line, from_user);
    }
}

void trap_from_user(struct thread *thread)
{
    const struct arch_context *context = &thread->context;
    uint64_t vector = context->vector, error = context->error, address = 0;
    if (vector >= APIC_TIMER_VECTOR) return on_interrupt((unsigned)vector, true); /* those below are exceptions */
    uint64_t tried = fault_tried(0, vector, error);
    enum fault_kind kind = FAULT_EXCEPTION;
    if (vector == VECTOR_PAGE_FAULT) {
        if (error & ERROR_RESERVED) broken(context);
        kind = FAULT_PAGE;
        tried = page_fault_tried(error);
        address = cpu_read_cr2();
    }
    kernel_on_exception(thread, kind, tried, address);
}

void trap_from_kernel(const struct arch_context *context)
{
    if (!processor.is_idle || context->vector < APIC_TIMER_VECTOR) broken(context);
    on_interrupt((unsigned)context->vector, false);
}

void trap_special(const struct arch_context *context)
{
    if (context->vector != VECTOR_DEBUG || (context->cs & 3) != 3) broken(context);
    memcpy(&processor.current->context, context, sizeof *context);
}

/* As they stand in the context. */
static void log_registers(const struct arch_context *context)
{
    static const char names[][7] = { "rax", "rdi", "rsi", "rdx", "r14", "r8", "r9", "r12", "r13", "r15", "r10", "rbx", "rbp", "rcx", "r11", "vector", "error",
                                     "rip", "cs", "rflags", "rsp", "ss" };
    constexpr unsigned words = sizeof *context / sizeof(uint64_t);
    static_assert(sizeof names / sizeof names[0] == words && words % 8 != 0);
    for (unsigned i = 0; i < words; i++) {
        if (i % 8 == 0) log_begin("panic");
        log_add("%s=0x%lx ", names[i], ((const uint64_t *)context)[i]);
        if (i % 8 == 7) log_end();
    }
    log_end();
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
