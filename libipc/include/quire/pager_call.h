/* A request to the pager, as one function: what the rows of pager/protocol.def have in common.
 *
 * The functions of process.h, memory.h, endpoint.h and system.h are made of this. A program seldom needs it itself. */
#ifndef QUIRE_PAGER_CALL_H
#define QUIRE_PAGER_CALL_H

#include <stddef.h>

#include <pager/protocol.h>
#include <quire/syscall.h>

/* Sends the row `request` with the words of the message and the first `length_bytes` bytes of the message buffer to the pager (or to the process
 * behind another handle) and waits. Returns what the kernel refused the call with, or else the pager's answer; the words are results only with
 * STATUS_OK. */
static inline enum status pager_call(uint32_t handle, enum protocol request, uint32_t length_bytes, struct message *message)
{
    message->tag = tag_make(request, length_bytes);
    enum status status = call(handle, message);
    return status == STATUS_OK ? (enum status)tag_label(message->tag) : status;
}

/* The thread's message buffer, MESSAGE_BUFFER_BYTES long. Any call may replace what is in it. */
char *message_buffer(void);

/* Puts text at an offset of the message buffer. STATUS_BAD_LENGTH, with the buffer unchanged, when it does not fit. */
enum status message_buffer_put(size_t offset, const char *text, size_t length_bytes);

#endif
