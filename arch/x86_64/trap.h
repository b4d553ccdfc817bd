/* What entry.S calls, with the argument in r12 (ARCH_HANDLER). Each runs on the kernel stack (trap_special: on a stack of its own) with interrupts off. */
#ifndef QUIRE_TRAP_H
#define QUIRE_TRAP_H

#include "kernel.h"
#include "thread.h"

constexpr uint64_t VECTOR_PAGE_FAULT = 14;
constexpr uint64_t ERROR_PRESENT = 1, ERROR_WRITE = 2, ERROR_RESERVED = 8, ERROR_FETCH = 16; /* AMD64 manual vol. 2, 8.4.2 */

/* What a page fault tried, from its error code. */
static inline uint64_t page_fault_tried(uint64_t error)
{
    uint64_t access = error & ERROR_FETCH ? FAULT_EXECUTE : error & ERROR_WRITE ? FAULT_WRITE : FAULT_READ;
    if (error & ERROR_PRESENT) access |= FAULT_PRESENT;
    return fault_tried(access, VECTOR_PAGE_FAULT, error);
}

/* The running thread's context has been filled by an exception or interrupt. */
ARCH_HANDLER void trap_from_user(struct thread *thread);
/* An exception or interrupt inside the kernel; returns for interrupts of the idle processor only. */
ARCH_HANDLER void trap_from_kernel(const struct arch_context *context);
/* A vector with a stack of its own; returns when it came from user mode and now stands in the running thread's context. */
ARCH_HANDLER void trap_special(const struct arch_context *context);

#endif
