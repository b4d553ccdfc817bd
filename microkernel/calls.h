/* Handlers of the system calls: one for each row of abi/syscall.def, named sys_NAME.
 *
 * The dispatcher finds what a call is about (abi/syscall.def): the handler has a thread, a space and a range of it, an endpoint or the row of a handle in
 * place of argument 0. It reads its arguments from and writes its results to argument[], and returns the status of the call.
 */
#ifndef QUIRE_CALLS_H
#define QUIRE_CALLS_H

#include "space.h"
#include "thread.h"

/* In place of a status: the caller has its status already, or gets it later; its registers are not touched. */
constexpr enum status STATUS_LATER = (enum status)UINT32_MAX;

#define HANDLER_RETURNS(name) ARCH_HANDLER enum status sys_##name(struct thread *caller, uint64_t argument[CALL_ARGUMENTS]);
#define HANDLER_THREADS(name) ARCH_HANDLER enum status sys_##name(struct thread *thread, uint64_t argument[CALL_ARGUMENTS]);
#define HANDLER_SPACES(name) ARCH_HANDLER enum status sys_##name(struct space *space, uint64_t argument[CALL_ARGUMENTS]);
#define HANDLER_RANGES_2(name) ARCH_HANDLER enum status sys_##name(struct space *space, struct user_span span, uint64_t argument[CALL_ARGUMENTS]);
#define HANDLER_RANGES_3(name) HANDLER_RANGES_2(name)
#define HANDLER_RANGES_4(name) HANDLER_RANGES_2(name)
#define HANDLER_ENDPOINTS(name) ARCH_HANDLER enum status sys_##name(struct endpoint *endpoint, uint64_t argument[CALL_ARGUMENTS]);
#define HANDLER_SWITCHES(name) HANDLER_RETURNS(name)
#define HANDLER_CALLS(name) ARCH_HANDLER enum status sys_##name(struct thread *caller, uint64_t argument[CALL_ARGUMENTS], const struct handle_row *row);
#define HANDLER_RECEIVES(name) HANDLER_CALLS(name)
#define HANDLER_REPLIES(name) HANDLER_CALLS(name)
#define HANDLER_NOTIFIES(name) HANDLER_CALLS(name)
#define SYSCALL(number, name, who, how, in, out, text) HANDLER_##how(name)
#include "abi/syscall.def"
#undef SYSCALL

/* The row of the caller's handle with the right, or nullptr. */
const struct handle_row *row_with_right(const struct thread *caller, uint64_t handle, uint32_t right);
/* There is none: the status, or STATUS_LATER with the handle fault under way. */
ARCH_HANDLER enum status row_refuse(struct thread *caller, uint64_t handle);
/* Maps one page for resolve, which the pager names, which is fresh or a copy. */
enum status resolve_page(struct space *space, user_page_t page, uint64_t frame, uint32_t attributes);
/* The living object of a name from outside, or nullptr. */
static inline struct space *space_find(uint64_t frame)
{
    return frame_object(frame, FRAME_KIND_SPACE);
}

#endif
