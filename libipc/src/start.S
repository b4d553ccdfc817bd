/* Where a program begins: the pager starts its first thread here, rdi holds the address of its message buffer (struct start_info).
 *
 * Nothing but a clean end of the frame chain and the stack alignment that C expects (System V ABI for AMD64, 3.2.2): program_start does the rest. The
 * pager brings a _start of its own, so this object is then left in the library. */
    .section .text._start, "ax", @progbits
    .globl _start
    .type _start, @function
_start:
    xorl %ebp, %ebp
    andq $-16, %rsp
    call program_start
    .size _start, . - _start

    .section .note.GNU-stack, "", @progbits
