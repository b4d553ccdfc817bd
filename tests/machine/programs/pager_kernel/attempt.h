/* Attempts: functions for workers, each with one instruction that is expected to fault. */
#ifndef QUIRE_ATTEMPT_H
#define QUIRE_ATTEMPT_H

#include <stdint.h>

/* Where the instruction of the attempt that ran last is. Defined in exceptions.c. */
extern volatile uint64_t attempt_instruction;

/* Instructions as text: `before`, the place is noted (rax changes), `text`. The argument is in rdi. */
#define ATTEMPT(name, before, text)                                                                                              \
    static void name(uint64_t argument)                                                                                          \
    {                                                                                                                            \
        __asm__ volatile(before "lea 1f(%%rip), %%rax\n\tmov %%rax, attempt_instruction(%%rip)\n1:\t" text : "+D"(argument)     \
                         :                                                                                                       \
                         : "rax", "rcx", "rdx", "rbx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "memory", "cc");   \
    }

#endif
