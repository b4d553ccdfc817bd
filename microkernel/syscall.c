/* System calls: from a number to a handler.
 *
 * The rows of abi/syscall.def make this table. Who may call is checked here, once, before any argument is looked at; then what a call is about. A
 * table and not a switch: handlers stay functions of their own, where a switch has each of them copied into one large function. */
#include "calls.h"
#include "counter.h"
#include "endpoint.h"
#include "kernel.h"
#include "log.h"
#include "page.h"
#include "schedule.h"
#include "space.h"

#ifndef QUIRE_TEST
/* Rows marked TEST have no handler in other kernels: who asks is told that there is no such call. */
#define sys_test_space nullptr
#define sys_test_check nullptr
#define sys_test_counter nullptr
#endif

enum who : uint8_t { ANY, PAGER, TEST };
enum how : uint8_t { RETURNS, SWITCHES, CALLS, RECEIVES, NOTIFIES, REPLIES, THREADS, ENDPOINTS, SPACES, RANGES_2, RANGES_3, RANGES_4 };

struct call_row {
    union {
        enum status (*is_there)(void); /* never called */
        enum status (*caller)(struct thread *caller, uint64_t argument[CALL_ARGUMENTS]) ARCH_HANDLER;
        enum status (*thread)(struct thread *thread, uint64_t argument[CALL_ARGUMENTS]) ARCH_HANDLER;
        enum status (*space)(struct space *space, uint64_t argument[CALL_ARGUMENTS]) ARCH_HANDLER;
        enum status (*range)(struct space *space, struct user_span span, uint64_t argument[CALL_ARGUMENTS]) ARCH_HANDLER;
        enum status (*endpoint)(struct endpoint *endpoint, uint64_t argument[CALL_ARGUMENTS]) ARCH_HANDLER;
        enum status (*row)(struct thread *caller, uint64_t argument[CALL_ARGUMENTS], const struct handle_row *row) ARCH_HANDLER;
    };
    enum who who;
    enum how how;
};

constexpr unsigned NO_CALL = CALL_LIMIT; /* a row without a handler */
static const struct call_row rows[CALL_LIMIT + 1] = {
#define ROW_RETURNS(name) .caller = sys_##name
#define ROW_SWITCHES(name) .caller = sys_##name
#define ROW_THREADS(name) .thread = sys_##name
#define ROW_SPACES(name) .space = sys_##name
#define ROW_RANGES_2(name) .range = sys_##name
#define ROW_RANGES_3(name) .range = sys_##name
#define ROW_RANGES_4(name) .range = sys_##name
#define ROW_ENDPOINTS(name) .endpoint = sys_##name
#define ROW_CALLS(name) .row = sys_##name
#define ROW_RECEIVES(name) .row = sys_##name
#define ROW_NOTIFIES(name) .row = sys_##name
#define ROW_REPLIES(name) .row = sys_##name
#define SYSCALL(number, name, may_call, it, in, out, text) [number] = { .who = may_call, .how = it, ROW_##it(name) },
#include "abi/syscall.def"
#undef SYSCALL
};

static const uint8_t rights[] = { [CALLS] = RIGHT_CALL, [RECEIVES] = RIGHT_RECEIVE, [NOTIFIES] = RIGHT_NOTIFY, [REPLIES] = RIGHT_RECEIVE };

/* Finds what the call is about and makes it. */
static enum status make(const struct call_row *row, struct thread *caller, uint64_t argument[CALL_ARGUMENTS])
{
    if (row->is_there == nullptr) return STATUS_BAD_CALL;
    if (row->who == PAGER && !caller->space->is_pager) return STATUS_DENIED;
    if (row->how <= SWITCHES) return row->caller(caller, argument);
    if (row->how >= SPACES) {
        struct space *space = page_space(argument[0]);
        if (space == nullptr) return STATUS_BAD_OBJECT;
        if (row->how == SPACES) return row->space(space, argument);
        struct user_span span;
        enum status status = user_span_check(argument[1], argument[row->how - RANGES_2 + 2], &span);
        return status == STATUS_OK ? row->range(space, span, argument) : status;
    }
    if (row->how <= REPLIES) {
        const struct handle_row *handle = row_with_right(caller, argument[0], rights[row->how]);
        if (handle == nullptr && !(row->how == REPLIES && argument[0] == HANDLE_NONE && argument[8] != 0)) return row_refuse(caller, argument[0]);
        return row->row(caller, argument, handle);
    }
    if (row->how == ENDPOINTS) {
        struct endpoint *endpoint = endpoint_find(argument[0]);
        return endpoint != nullptr ? row->endpoint(endpoint, argument) : STATUS_BAD_OBJECT;
    }
    struct thread *thread = thread_find(argument[0]);
    return thread != nullptr ? row->thread(thread, argument) : STATUS_BAD_OBJECT;
}

void kernel_on_call(struct thread *caller)
{
    counter_add(COUNTER_ENTRIES, 1);
    struct call_registers *call = &caller->context.call;
    enum status status = make(&rows[call->number < CALL_LIMIT ? call->number : NO_CALL], caller, call->argument);
    if (status != STATUS_LATER) call->number = status;
    kernel_leave(caller);
}
