/* Entries and the way out.
 *
 * SYSCALL: the stub in user code gave up rcx, r11, r14, r15; everything else is saved into the running thread's frame, whose first bytes are its struct
 * arch_context. Exceptions and interrupts from user mode push straight into that frame, because the task segment's stack pointer is the end of the context.
 * The kernel has one stack; it is empty at each entry and left empty at each exit, so its top is a constant. */
#include "layout.h"

        .text
        .global syscall_entry, resume, vector_table

/* AMD64 manual vol. 3, SYSCALL: rcx = user rip, r11 = user flags, rsp unchanged. */
        .balign 64
syscall_entry:
        mov %rsp, processor + PROCESSOR_USER_STACK(%rip)
        mov processor + PROCESSOR_CURRENT(%rip), %rsp
        mov %rax, CONTEXT_NUMBER(%rsp)
        mov %rdi, CONTEXT_ARGUMENT + 0(%rsp)
        mov %rsi, CONTEXT_ARGUMENT + 8(%rsp)
        mov %rdx, CONTEXT_ARGUMENT + 16(%rsp)
        mov %r10, CONTEXT_ARGUMENT + 24(%rsp)
        mov %r8, CONTEXT_ARGUMENT + 32(%rsp)
        mov %r9, CONTEXT_ARGUMENT + 40(%rsp)
        mov %r12, CONTEXT_ARGUMENT + 48(%rsp)
        mov %r13, CONTEXT_ARGUMENT + 56(%rsp)
        mov %rbx, CONTEXT_ARGUMENT + 64(%rsp)
        mov %rbp, CONTEXT_RBP(%rsp)
        mov %rcx, CONTEXT_RIP(%rsp)
        mov %r11, CONTEXT_FLAGS(%rsp)
        movq $VECTOR_SYSCALL, CONTEXT_VECTOR(%rsp)
        mov processor + PROCESSOR_USER_STACK(%rip), %rcx
        mov %rcx, CONTEXT_RSP(%rsp)
        mov %rsp, %rdi
        lea kernel_stack_top(%rip), %rsp
        xor %ebp, %ebp
        call kernel_on_call

/* Goes on with processor.current. */
resume:
        mov processor + PROCESSOR_CURRENT(%rip), %rsp
        cmpl $VECTOR_SYSCALL, CONTEXT_VECTOR(%rsp)
        jne resume_by_iret
        mov CONTEXT_RIP(%rsp), %rcx
        mov %rcx, %r11
        shr $47, %r11                   /* SYSRET to a non-canonical address faults in ring 0 (CVE-2012-0217) */
        jnz resume_by_iret
        mov CONTEXT_FLAGS(%rsp), %r11
        and $FLAGS_USER_ALLOWED, %r11d
        or $FLAGS_ALWAYS, %r11d
        mov CONTEXT_NUMBER(%rsp), %rax
        mov CONTEXT_ARGUMENT + 0(%rsp), %rdi
        mov CONTEXT_ARGUMENT + 8(%rsp), %rsi
        mov CONTEXT_ARGUMENT + 16(%rsp), %rdx
        mov CONTEXT_ARGUMENT + 24(%rsp), %r10
        mov CONTEXT_ARGUMENT + 32(%rsp), %r8
        mov CONTEXT_ARGUMENT + 40(%rsp), %r9
        mov CONTEXT_ARGUMENT + 48(%rsp), %r12
        mov CONTEXT_ARGUMENT + 56(%rsp), %r13
        mov CONTEXT_ARGUMENT + 64(%rsp), %rbx
        mov CONTEXT_RBP(%rsp), %rbp
        xor %r14d, %r14d
        xor %r15d, %r15d
        mov CONTEXT_RSP(%rsp), %rsp
        sysretq

resume_by_iret:
        andl $FLAGS_USER_ALLOWED, CONTEXT_FLAGS(%rsp)
        orl $FLAGS_ALWAYS, CONTEXT_FLAGS(%rsp)
        movl $0, CONTEXT_FLAGS + 4(%rsp)
        movq $SELECTOR_USER_CODE, CONTEXT_CS(%rsp)
        movq $SELECTOR_USER_DATA, CONTEXT_SS(%rsp)
pop_all:
        pop %rax
        pop %rdi
        pop %rsi
        pop %rdx
        pop %r10
        pop %r8
        pop %r9
        pop %r12
        pop %r13
        pop %rbx
        pop %r14
        pop %r15
        pop %rbp
        pop %rcx
        pop %r11
        add $16, %rsp                   /* vector, error */
        iretq

        .macro push_all
        push %r11
        push %rcx
        push %rbp
        push %r15
        push %r14
        push %rbx
        push %r13
        push %r12
        push %r9
        push %r8
        push %r10
        push %rdx
        push %rsi
        push %rdi
        push %rax
        cld
        .endm

/* Stack: vector, error, rip, cs, flags, rsp, ss. */
exception:
        testb $3, 24(%rsp)
        jz exception_in_kernel
        push_all
        mov %rsp, %rdi                  /* the thread's frame */
        lea kernel_stack_top(%rip), %rsp
        xor %ebp, %ebp
        call trap_from_user
        jmp resume

exception_in_kernel:
        push_all
        mov %rsp, %rdi
        call trap_from_kernel           /* comes back only for an interrupt of the idle processor */
        jmp pop_all

/* Vectors with a stack of their own. No use of GS: the kernel has none. */
special:
        push_all
        mov %rsp, %rdi
        call trap_special               /* comes back only for a debug exception of user code, which is now in its thread's frame */
        mov processor + PROCESSOR_CURRENT(%rip), %rdi
        lea kernel_stack_top(%rip), %rsp
        xor %ebp, %ebp
        call trap_from_user
        jmp resume

/* One entry of 16 bytes for each vector: 0 to 31 exceptions, 32 timer, 33 spurious interrupt. An error code is pushed by the processor for some: AMD64 manual
 * vol. 2, 8.2; the others get a zero. */
        .balign 16
vector_table:
        .set number, 0
        .rept 34
        .balign 16
        .if number != 8 && (number < 10 || number > 14) && number != 17 && number != 21 && number != 29 && number != 30
        push $0
        .endif
        push $number
        .if number == 1 || number == 2 || number == 8 || number == 18
        jmp special
        .else
        jmp exception
        .endif
        .set number, number + 1
        .endr
