/* A system call with any number and any nine arguments; libipc's stubs have one function for each row instead. */
#ifndef QUIRE_RAW_CALL_H
#define QUIRE_RAW_CALL_H

#include <stdint.h>

#include <abi/call.h>
#include <abi/status.h>

struct raw_call {
    uint64_t number; /* afterwards the status */
    uint64_t argument[CALL_ARGUMENTS];
};

static inline enum status raw_call(struct raw_call *raw)
{
    uint64_t *argument = raw->argument;
    register uint64_t fourth __asm__("r14") = argument[3];
    register uint64_t fifth __asm__("r8") = argument[4];
    register uint64_t sixth __asm__("r9") = argument[5];
    register uint64_t seventh __asm__("r12") = argument[6];
    register uint64_t eighth __asm__("r13") = argument[7];
    register uint64_t ninth __asm__("r15") = argument[8];
    __asm__ volatile("syscall"
                 : "+a"(raw->number), "+D"(argument[0]), "+S"(argument[1]), "+d"(argument[2]),
                   "+r"(fourth), "+r"(fifth), "+r"(sixth), "+r"(seventh), "+r"(eighth), "+r"(ninth)
                 : : "rcx", "r11", "r10", "rbx", "memory");
    argument[3] = fourth;
    argument[4] = fifth;
    argument[5] = sixth;
    argument[6] = seventh;
    argument[7] = eighth;
    argument[8] = ninth;
    return (enum status)raw->number;
}

#endif
