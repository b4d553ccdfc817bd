/* Entries and the way out.
 *
 * SYSCALL: the stub in user code gave up rcx, r11, r10, rbx; everything else is saved into the running thread's struct arch_context. Exceptions and
 * interrupts from user mode push straight into that, because the task segment's stack pointer is its end.
 * The kernel has one stack; it is empty at each entry and left empty at each exit, so its top is a constant. */
#include "layout.h"

/* abi/syscall.def; fast.c asserts them */
#define CALL_NUMBER_CALL 1
#define CALL_NUMBER_REPLY_RECEIVE 2
#define CALL_NUMBER_NOTIFY 4
#define CALL_NUMBER_RESOLVE 56
#define CALL_NUMBER_SPACE_MAP 26
#define CALL_NUMBER_SPACE_UNMAP 28
#define VECTOR_PAGE_FAULT 14

#define CR0_TASK_SWITCHED 8
#define TAG_LENGTH_SHIFT 16
#define TAG_LENGTH_MASK 0x1fff
#define MESSAGE_BUFFER_BYTES 4096

        .macro pop_to_rbp
        pop %rax
        pop %rdi
        pop %rsi
        pop %rdx
        pop %r14
        pop %r8
        pop %r9
        pop %r12
        pop %r13
        pop %r15
        pop %r10
        pop %rbx
        pop %rbp
        .endm

        .text
        .global syscall_entry, resume, vector_entries
        .global fast_slow, fast_slow_saved, fast_slow_fault, fast_resume, fast_resume_saved, save_arguments, switch_vectors_over, message_part

/* AMD64 manual vol. 3, SYSCALL: rcx = user rip, r11 = user flags, rsp unchanged.
 *
 * What every call needs is saved here; then the registers are those of a fast path (fast.h): the message words stay where they are. A fast path that does
 * not apply ends in fast_slow with the same registers. The field of the vector holds VECTOR_SYSCALL whenever a thread runs in user mode. */
        .balign 16
syscall_entry:
        mov processor + PROCESSOR_CURRENT(%rip), %r10
        mov %rsp, THREAD_CONTEXT + CONTEXT_RSP(%r10)
        mov %rbp, THREAD_CONTEXT + CONTEXT_RBP(%r10)
        mov %rcx, THREAD_CONTEXT + CONTEXT_RIP(%r10)
        mov %r11, THREAD_CONTEXT + CONTEXT_FLAGS(%r10)
        mov %r10, %rcx
        lea kernel_stack_top(%rip), %rsp
        cmp $CALL_NUMBER_CALL, %rax
        je fast_call
        cmp $CALL_NUMBER_REPLY_RECEIVE, %rax
        je fast_reply_receive
        jb fast_version                 /* 0 */
        cmp $CALL_NUMBER_SPACE_MAP, %rax
        je fast_page
        cmp $CALL_NUMBER_SPACE_UNMAP, %rax
        je fast_page
fast_slow:
        mov %rax, THREAD_CONTEXT + CONTEXT_NUMBER(%rcx)
        call save_arguments
        cmp $CALL_NUMBER_RESOLVE, %rax
        je fast_resolve
        cmp $CALL_NUMBER_NOTIFY, %rax
        je fast_notify
fast_slow_saved:
        mov %rcx, %r12
        lea kernel_stack_top(%rip), %rsp
        call kernel_on_call

/* Goes on with processor.current. */
resume:
        mov processor + PROCESSOR_CURRENT(%rip), %rsp
        add $THREAD_CONTEXT, %rsp
        cmpl $VECTOR_SYSCALL, CONTEXT_VECTOR(%rsp)
        jne resume_by_iret
        cmpl $USER_LIMIT_HIGH, CONTEXT_RIP + 4(%rsp) /* SYSRET to a non-canonical address faults in ring 0 (CVE-2012-0217) */
        ja resume_by_iret
        pop_to_rbp                      /* r10 and rbx: what the thread had in them at its last trap */
        mov CONTEXT_RIP - CONTEXT_RCX(%rsp), %rcx
        mov CONTEXT_FLAGS - CONTEXT_RCX(%rsp), %r11
        and $FLAGS_USER, %r11d
        mov CONTEXT_RSP - CONTEXT_RCX(%rsp), %rsp
        sysretq

/* The end of a fast path: message words, badge (rdi), tag (rsi), token (r15) and the thread to go on with (rcx) are in registers. */
        .balign 16
fast_resume:
        xor %eax, %eax
        cmpl $USER_LIMIT_HIGH, THREAD_CONTEXT + CONTEXT_RIP + 4(%rcx)
        ja fast_resume_by_iret
        mov THREAD_CONTEXT + CONTEXT_RBP(%rcx), %rbp
        mov THREAD_CONTEXT + CONTEXT_FLAGS(%rcx), %r11
        mov THREAD_CONTEXT + CONTEXT_RSP(%rcx), %rsp
        mov THREAD_CONTEXT + CONTEXT_RIP(%rcx), %rcx
        and $FLAGS_USER, %r11d
        xor %r10d, %r10d
        xor %ebx, %ebx
        sysretq

fast_resume_by_iret:
        mov %rax, THREAD_CONTEXT + CONTEXT_NUMBER(%rcx)
        call save_arguments
        jmp resume

/* The arguments of a call, into the context of the thread in rcx. */
save_arguments:
        mov %rdi, THREAD_CONTEXT + CONTEXT_ARGUMENT + 0(%rcx)
        mov %rsi, THREAD_CONTEXT + CONTEXT_ARGUMENT + 8(%rcx)
        mov %rdx, THREAD_CONTEXT + CONTEXT_ARGUMENT + 16(%rcx)
        mov %r14, THREAD_CONTEXT + CONTEXT_ARGUMENT + 24(%rcx)
        mov %r8, THREAD_CONTEXT + CONTEXT_ARGUMENT + 32(%rcx)
        mov %r9, THREAD_CONTEXT + CONTEXT_ARGUMENT + 40(%rcx)
        mov %r12, THREAD_CONTEXT + CONTEXT_ARGUMENT + 48(%rcx)
        mov %r13, THREAD_CONTEXT + CONTEXT_ARGUMENT + 56(%rcx)
        mov %r15, THREAD_CONTEXT + CONTEXT_ARGUMENT + 64(%rcx)
        ret

/* The end of a fast path whose thread was stopped by a trap: everything is in its context (rcx). */
fast_resume_saved:
        lea THREAD_CONTEXT(%rcx), %rsp
resume_by_iret:
        andq $FLAGS_USER, CONTEXT_FLAGS(%rsp)
        movq $SELECTOR_USER_CODE, CONTEXT_CS(%rsp)
        movq $SELECTOR_USER_DATA, CONTEXT_SS(%rsp)
        movq $VECTOR_SYSCALL, CONTEXT_VECTOR(%rsp) /* unless a trap comes next, which pushes its own */
pop_all:
        pop_to_rbp
        pop %rcx
        pop %r11
        add $16, %rsp                   /* vector, error */
        iretq

/* switch.h: the vector registers for the thread in r10, whose vectors_user is in rbx, where nothing has to be saved or loaded. Zero flag: they are so now. */
switch_vectors_over:
        test %rbx, %rbx
        je 1f
        cmp %r10, switch_state + SWITCH_VECTORS_OWNER(%rip)
        jne 2f
        mov %rbx, switch_state + SWITCH_VECTORS_USER(%rip)
        clts
        ret
1:      mov %rbx, switch_state + SWITCH_VECTORS_USER(%rip)
        mov %cr0, %rbx
        or $CR0_TASK_SWITCHED, %rbx
        mov %rbx, %cr0
        cmp %ebx, %ebx
2:      ret

/* fast.c: copies the part in the message buffer of the thread in rcx to that of the one in r10, as long as the tag in rsi says: whole words, then the
 * bytes that are left. Carry flag: done; else it does not fit, and nothing has happened. Changes rbx alone. */
message_part:
        mov %esi, %ebx
        shr $TAG_LENGTH_SHIFT, %ebx
        and $TAG_LENGTH_MASK, %ebx
        cmp $MESSAGE_BUFFER_BYTES + 1, %ebx
        jae 2f
        push %rdi
        push %rsi
        push %rcx
        mov THREAD_BUFFER_POINTER(%rcx), %rsi
        mov THREAD_BUFFER_POINTER(%r10), %rdi
        test %rsi, %rsi
        je 1f
        test %rdi, %rdi
        je 1f
        mov %ebx, %ecx
        shr $3, %ecx
        rep movsq
        mov %ebx, %ecx
        and $7, %ecx
        rep movsb
        stc
1:      pop %rcx
        pop %rsi
        pop %rdi
2:      ret

        .macro push_all
        push %r11
        push %rcx
        push %rbp
        push %rbx
        push %r10
        push %r15
        push %r13
        push %r12
        push %r9
        push %r8
        push %r14
        push %rdx
        push %rsi
        push %rdi
        push %rax
        cld
        .endm

/* An entry for each vector: 0 to 31 exceptions, 32 timer, 33 spurious interrupt, 40 to 55 lines of devices (pic.h). An error code is pushed by the processor
 * for some: AMD64 manual vol. 2, 8.2; the others get a zero. Where they are is needed at boot only. */
        .pushsection .init.vectors, "a"
        .balign 8
        .type vector_entries, @object   /* no code: a listing shows it as data */
        .size vector_entries, 56 * 8
vector_entries:
        .popsection
        .set number, 0
        .rept 56
        .if number == 24                /* a jump is two bytes up to here */
exception_plain_far:
        jmp exception_plain
exception_far:
        jmp exception
        .endif
        .if number == 15
vector_reserved:
        .endif
1:      .if number == 1 || number == 2 || number == 18
        push $0
        push $number
        jmp special
        .elseif number == 8
        push $number
        jmp special
        .elseif number == 17 || number >= 10 && number <= 14 || number == 21
        push $number
        jmp exception_far
        .elseif number == 29 || number == 30
        push $number
        jmp exception
        .elseif number < 22
        push $number
        jmp exception_plain_far
        .elseif number == 28 || number == 32 || number == 33 || number >= 40
        push $number
        jmp exception_plain
        .endif
        .pushsection .init.vectors
        .if number >= 34 && number < 40 /* between the spurious interrupt and the devices */
        .quad vector_ignored
        .elseif number >= 22 && number < 28 || number == 31 /* no processor has these */
        .quad vector_reserved
        .else
        .quad 1b
        .endif
        .popsection
        .set number, number + 1
        .endr

/* Stack: vector, rip, cs, flags, rsp, ss. */
exception_plain:
        push (%rsp)
        movq $0, 8(%rsp)
/* Stack: vector, error, rip, cs, flags, rsp, ss. */
exception:
        push_all
        testb $3, CONTEXT_CS(%rsp)
        jz exception_in_kernel
        cmpb $0, cpu_features + CPU_FEATURES_SMAP(%rip)
        je 1f
        clac                            /* the user's AC flag would open user memory to the kernel: AMD64 manual vol. 2, 5.6.6 */
1:      lea -THREAD_CONTEXT(%rsp), %rcx  /* the thread */
        lea kernel_stack_top(%rip), %rsp
        cmpl $VECTOR_PAGE_FAULT, THREAD_CONTEXT + CONTEXT_VECTOR(%rcx)
        je fast_fault
fast_slow_fault:
        mov %rcx, %r12
        lea kernel_stack_top(%rip), %rsp
        call trap_from_user
        jmp resume

exception_in_kernel:
        mov %rsp, %r12
        call trap_from_kernel           /* comes back only for an interrupt of the idle processor */
        jmp pop_all

/* Vectors with a stack of their own. No use of GS: the kernel has none. */
special:
        push_all
        mov %rsp, %r12
        call trap_special               /* comes back only for a debug exception of user code, which is now in its thread's frame */
        mov processor + PROCESSOR_CURRENT(%rip), %r12
        lea kernel_stack_top(%rip), %rsp
        call trap_from_user
        jmp resume

/* Any other vector: an interrupt that nobody asked for, such as a spurious one of the old controllers, which wants no answer. */
        .global vector_ignored
vector_ignored:
        iretq
