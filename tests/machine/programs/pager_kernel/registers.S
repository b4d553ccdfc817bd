/* Registers: functions for workers that fill, compare and report all of them. A difference ends at ud2; agreement returns. */

        .bss
        .balign 8
        .global registers_seen
registers_seen: .skip 17 * 8
argument: .skip 8
stack:  .skip 8

        .macro fill
        mov %rdi, argument(%rip)
        mov %rsp, stack(%rip)
        mov $0x71000001, %rax
        mov $0x71000002, %rbx
        mov $0x71000003, %rcx
        mov $0x71000004, %rdx
        mov $-0x71000005, %rsi
        mov $-0x71000006, %rbp
        mov $0x71000008, %r8
        mov $0x71000009, %r9
        mov $0x7100000a, %r10
        mov $-0x7100000b, %r11
        mov $0x7100000c, %r12
        mov $0x7100000d, %r13
        mov $0x7100000e, %r14
        mov $-0x7100000f, %r15
        .endm

        .macro same register, value
        cmp $\value, \register
        jne different
        .endm

        .macro compare
        cmp argument(%rip), %rdi
        jne different
        cmp stack(%rip), %rsp
        jne different
        same %rax, 0x71000001
        same %rbx, 0x71000002
        same %rcx, 0x71000003
        same %rdx, 0x71000004
        same %rsi, -0x71000005
        same %rbp, -0x71000006
        same %r8, 0x71000008
        same %r9, 0x71000009
        same %r10, 0x7100000a
        same %r11, -0x7100000b
        same %r12, 0x7100000c
        same %r13, 0x7100000d
        same %r14, 0x7100000e
        same %r15, -0x7100000f
        .endm

        .text
        .global registers_keep_fault, registers_keep_interrupt, registers_keep_call, registers_keep_message, registers_report, registers_wild_stack

/* (address): a fault at the address keeps registers and flags. */
registers_keep_fault:
        fill
        stc
        std
        movb $1, (%rdi)
        jnc different
        pushfq
        testl $0x400, (%rsp)            /* DF */
        jz different
        popfq
        cld
        compare
        ret

/* (address of a word): keeps registers while it spins until the word is not 0. */
registers_keep_interrupt:
        fill
1:      cmpq $0, (%rdi)
        je 1b
        compare
        ret

/* The call `version` changes rax and rdi, loses rcx, r11, r10, rbx, and leaves nothing of the kernel in those. */
registers_keep_call:
        fill
        xor %eax, %eax
        syscall
next:   same %rax, 0
        same %rdi, 1
        same %r10, 0
        same %rbx, 0
        lea next(%rip), %rdi
        cmp %rdi, %rcx
        jne different
        mov argument(%rip), %rdi
        mov $0x71000001, %rax
        mov $0x71000002, %rbx
        mov $0x71000003, %rcx
        mov $0x7100000a, %r10
        mov $-0x7100000b, %r11
        compare
        ret

/* (handle of a server that sends everything back): a message keeps rbp and rsp, brings the words, and leaves nothing of the kernel or of the server. */
registers_keep_message:
        fill
        mov $1, %eax                    /* call */
        xor %esi, %esi
        syscall
        same %rax, 0
        same %rdi, 0
        same %rsi, 0
        same %rdx, 0x71000004
        same %r14, 0x7100000e
        same %r8, 0x71000008
        same %r9, 0x71000009
        same %r12, 0x7100000c
        same %r13, 0x7100000d
        same %r15, 0
        same %r10, 0
        same %rbx, 0
        same %rbp, -0x71000006
        cmp stack(%rip), %rsp
        jne different
        ret

/* (stack pointer): calls the kernel with that stack pointer, keeps it, then reads address 8. */
registers_wild_stack:
        mov %rdi, %rsp
        mov %rdi, %r12
        xor %eax, %eax
        syscall
        cmp %rsp, %r12
        jne different
        same %rdi, 1
        mov 8, %rax
        ud2

/* Writes rax, rbx, rcx, rdx, rsi, rdi, rbp, rsp, r8 to r15 and the flags to registers_seen. */
registers_report:
        mov %rax, registers_seen + 0(%rip)
        mov %rbx, registers_seen + 8(%rip)
        mov %rcx, registers_seen + 16(%rip)
        mov %rdx, registers_seen + 24(%rip)
        mov %rsi, registers_seen + 32(%rip)
        mov %rdi, registers_seen + 40(%rip)
        mov %rbp, registers_seen + 48(%rip)
        mov %rsp, registers_seen + 56(%rip)
        mov %r8, registers_seen + 64(%rip)
        mov %r9, registers_seen + 72(%rip)
        mov %r10, registers_seen + 80(%rip)
        mov %r11, registers_seen + 88(%rip)
        mov %r12, registers_seen + 96(%rip)
        mov %r13, registers_seen + 104(%rip)
        mov %r14, registers_seen + 112(%rip)
        mov %r15, registers_seen + 120(%rip)
        pushfq
        pop registers_seen + 128(%rip)
        ret

different:
        ud2

        .section .note.GNU-stack, "", @progbits
