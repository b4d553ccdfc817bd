/* Handlers of the system calls: one for each row of abi/syscall.def, named sys_NAME.
 *
 * A RETURNS handler reads its arguments from and writes its results to argument[], and its status is the call's. So does a THREADS handler, which has the
 * thread of argument 0 in place of the caller (processor.current). A SWITCHES handler sets the status in the
 * caller's registers itself, since the caller may not be the thread that goes on. */
#ifndef QUIRE_CALLS_H
#define QUIRE_CALLS_H

#include "thread.h"

#define HANDLER_RETURNS(name) enum status sys_##name(struct thread *caller, uint64_t argument[CALL_ARGUMENTS]);
#define HANDLER_THREADS(name) enum status sys_##name(struct thread *thread, uint64_t argument[CALL_ARGUMENTS]);
#define HANDLER_SWITCHES(name) void sys_##name(struct thread *caller);
#define SYSCALL(number, name, who, how, in, out, text) HANDLER_##how(name)
#include "abi/syscall.def"
#undef SYSCALL

/* The row of the caller's handle with the right, or nullptr with the status set or the handle fault under way. */
struct handle_row *message_row(struct thread *caller, uint64_t handle, uint32_t right);
/* The living object of a name from outside, or nullptr. */
struct space *space_find(uint64_t frame);

#endif
