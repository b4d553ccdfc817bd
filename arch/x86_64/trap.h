/* What entry.S calls. Each runs on the kernel stack (trap_special: on a stack of its own) with interrupts off. */
#ifndef QUIRE_TRAP_H
#define QUIRE_TRAP_H

#include "thread.h"

/* The running thread's context has been filled by an exception or interrupt. */
void trap_from_user(struct thread *thread);
/* An exception or interrupt inside the kernel; returns for interrupts of the idle processor only. */
void trap_from_kernel(const struct arch_context *context);
/* A vector with a stack of its own; returns when it came from user mode and now stands in the running thread's context. */
void trap_special(const struct arch_context *context);

#endif
