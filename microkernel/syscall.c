/* System calls: from a number to a handler.
 *
 * The rows of abi/syscall.def make this dispatcher. Who may call is checked here, once, before any argument is looked at. */
#include "calls.h"
#include "counter.h"
#include "kernel.h"
#include "log.h"
#include "schedule.h"
#include "space.h"

#define ALLOWED_ANY(caller) true
#define ALLOWED_PAGER(caller) ((caller)->space->is_pager)
#ifdef QUIRE_TEST
#define ALLOWED_TEST(caller) true
#else
#define ALLOWED_TEST(caller) false
#endif

#define RUN_RETURNS(name, caller) (caller)->context.call.number = sys_##name(caller, (caller)->context.call.argument)
#define RUN_SWITCHES(name, caller) sys_##name(caller)

#ifndef QUIRE_TEST
/* Rows marked TEST have no handler in other kernels: who asks is told that there is no such call. */
#define sys_test_space(caller, argument) STATUS_BAD_CALL
#define sys_test_check(caller, argument) STATUS_BAD_CALL
#define sys_test_counter(caller, argument) STATUS_BAD_CALL
#endif

static void dispatch(struct thread *caller)
{
    switch (caller->context.call.number) {
#define SYSCALL(row, name, who, how, in, out, text)                                                                                                  \
    case row:                                                                                                                                           \
        if (ALLOWED_##who(caller)) RUN_##how(name, caller);                                                                                              \
        else caller->context.call.number = STATUS_DENIED;                                                                                               \
        break;
#include "abi/syscall.def"
#undef SYSCALL
    default: caller->context.call.number = STATUS_BAD_CALL; break;
    }
}

void kernel_on_call(struct thread *caller)
{
    counter_add(COUNTER_ENTRIES, 1);
    dispatch(caller);
    kernel_leave(caller);
}
