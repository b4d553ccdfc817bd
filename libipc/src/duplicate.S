/* Where a process becomes two (process_duplicate in process.c).
 *
 * What a caller of a C function counts on is put on the stack, which the duplicate has a copy of: its thread begins at the second entrance with the same stack
 * pointer, and both leave by the same way (System V ABI for AMD64, 3.2.1: rbx, rbp, r12 to r15, the control words of SSE and x87).
 *
 * enum status duplicate_here(uint32_t *process): in the caller what duplicate_ask() answers, in the duplicate STATUS_OK. */
    .section .text.duplicate_here, "ax", @progbits
    .globl duplicate_here
    .type duplicate_here, @function
duplicate_here:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    subq $8, %rsp
    stmxcsr (%rsp)
    fnstcw 4(%rsp)
    movq %rdi, %rdx
    leaq 1f(%rip), %rdi
    movq %rsp, %rsi
    call duplicate_ask
    jmp 2f
1:  xorl %eax, %eax
    cld
2:  ldmxcsr (%rsp)
    fldcw 4(%rsp)
    addq $8, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
    .size duplicate_here, . - duplicate_here

    .section .note.GNU-stack, "", @progbits
