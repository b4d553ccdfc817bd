/* Instructions that a program may not execute, and those whose exceptions end it. The numbers of the vectors are in cases.def. */
#include "subject.h"

/* An address that can be read and written, in rdi. */
static uint64_t place[4];

#define EXECUTES(name, text)                                                                                                                   \
    void case_##name(void)                                                                                                                     \
    {                                                                                                                                          \
        __asm__ volatile(text : : "D"((uintptr_t)place) : "rax", "rbx", "rcx", "rdx", "rsi", "r8", "r9", "r10", "r11", "memory", "cc");         \
    }

EXECUTES(divide_by_zero, "xor %%ecx, %%ecx\n\txor %%edx, %%edx\n\tdiv %%ecx")
/* Again and again: an interrupt right behind popfq takes the flag away. */
EXECUTES(single_step, "mov $1000, %%ecx\n1:\tpushfq\n\torl $0x100, (%%rsp)\n\tpopfq\n\tnop\n\tnop\n\tdec %%ecx\n\tjnz 1b")
EXECUTES(breakpoint, "int3")
EXECUTES(undefined, "ud2")
/* A control word with the exception for a division by zero let through: 0x37b is 0x37f without bit 2. Its like for vectors, 19, QEMU 7.2 never raises. */
EXECUTES(x87_error, "fninit\n\tmovw $0x37b, (%%rdi)\n\tfldcw (%%rdi)\n\tfld1\n\tfldz\n\tfdivrp\n\tfwait")
EXECUTES(interrupt_128, "int $0x80")
EXECUTES(interrupt_8, "int $8")
EXECUTES(halt, "hlt")
EXECUTES(clear_interrupts, "cli")
EXECUTES(set_interrupts, "sti")
EXECUTES(read_port, "mov $0x3f8, %%edx\n\tin %%dx, %%al")
EXECUTES(write_debug_exit, "mov $0xf4, %%edx\n\tmov $0x10, %%eax\n\tout %%eax, %%dx")
EXECUTES(read_root, "mov %%cr3, %%rcx")
EXECUTES(write_root, "xor %%ecx, %%ecx\n\tmov %%rcx, %%cr3")
EXECUTES(write_control_0, "xor %%ecx, %%ecx\n\tmov %%rcx, %%cr0")
EXECUTES(write_control_4, "xor %%ecx, %%ecx\n\tmov %%rcx, %%cr4")
EXECUTES(write_debug_register, "mov %%rdi, %%dr0")
EXECUTES(write_model_register, "mov $0xc0000082, %%ecx\n\txor %%eax, %%eax\n\txor %%edx, %%edx\n\twrmsr")
EXECUTES(read_model_register, "mov $0xc0000080, %%ecx\n\trdmsr")
EXECUTES(load_descriptors, "lgdt (%%rdi)")
EXECUTES(load_gates, "lidt (%%rdi)")
EXECUTES(load_task, "mov $0x28, %%ecx\n\tltr %%cx")
EXECUTES(load_kernel_data, "mov $0x10, %%ecx\n\tmov %%ecx, %%ss")
EXECUTES(invalidate_page, "invlpg (%%rdi)")
EXECUTES(invalidate_caches, "wbinvd")
EXECUTES(swap_gs, "swapgs")
EXECUTES(return_from_call, "sysretq")

/* POPF leaves the privilege level for ports and the interrupt flag as they were, without an exception (AMD64 manual, volume 3). */
void case_forbidden_flags(void)
{
    constexpr uint64_t INTERRUPT = 0x200, PORTS = 0x3000;
    uint64_t flags;
    __asm__ volatile("pushfq\n\tandq $~0x200, (%%rsp)\n\torq $0x3000, (%%rsp)\n\tpopfq\n\tpushfq\n\tpop %0" : "=r"(flags) : : "cc", "memory");
    expect((flags & INTERRUPT) != 0);
    expect((flags & PORTS) == 0);
}
