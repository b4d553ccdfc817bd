/* System calls: from a number to a handler.
 *
 * The rows of abi/syscall.def make this table. Who may call is checked here, once, before any argument is looked at; then which thread a call is about. A
 * table and not a switch: handlers stay functions of their own, where a switch has each of them copied into one large function. */
#include "calls.h"
#include "counter.h"
#include "kernel.h"
#include "log.h"
#include "schedule.h"
#include "space.h"

#ifndef QUIRE_TEST
/* Rows marked TEST have no handler in other kernels: who asks is told that there is no such call. */
#define sys_test_space nullptr
#define sys_test_check nullptr
#define sys_test_counter nullptr
#endif

enum who : uint8_t { ANY, PAGER, TEST };
enum how : uint8_t { RETURNS, THREADS, SWITCHES };

struct call_row {
    union {
        enum status (*returns)(struct thread *thread, uint64_t argument[CALL_ARGUMENTS]);
        void (*switches)(struct thread *caller);
    };
    enum who who;
    enum how how;
};

constexpr unsigned NO_CALL = CALL_LIMIT; /* a row without a handler */
static const struct call_row rows[CALL_LIMIT + 1] = {
#define ROW_RETURNS(name) .returns = sys_##name
#define ROW_THREADS(name) .returns = sys_##name
#define ROW_SWITCHES(name) .switches = sys_##name
#define SYSCALL(number, name, may_call, it, in, out, text) [number] = { .who = may_call, .how = it, ROW_##it(name) },
#include "abi/syscall.def"
#undef SYSCALL
};

void kernel_on_call(struct thread *caller)
{
    counter_add(COUNTER_ENTRIES, 1);
    struct call_registers *call = &caller->context.call;
    const struct call_row *row = &rows[call->number < CALL_LIMIT ? call->number : NO_CALL];
    if (row->returns == nullptr) call->number = STATUS_BAD_CALL;
    else if (row->who == PAGER && !caller->space->is_pager) call->number = STATUS_DENIED;
    else if (row->how == SWITCHES) row->switches(caller);
    else {
        struct thread *thread = row->how == THREADS ? thread_find(call->argument[0]) : caller;
        call->number = thread == nullptr ? STATUS_BAD_OBJECT : row->returns(thread, call->argument);
    }
    kernel_leave(caller);
}
