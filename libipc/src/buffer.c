/* The message buffer: one page that the pager maps for each thread, where the parts of messages lie that are longer than six words. */
#include <quire/pager_call.h>

#include <assert.h>
#include <string.h>

#include "thread_control.h"

char *message_buffer(void)
{
    char *buffer = thread_control()->buffer;
    assert(buffer != nullptr);
    return buffer;
}

enum status message_buffer_put(size_t offset, const char *text, size_t length_bytes)
{
    if (offset > MESSAGE_BUFFER_BYTES || length_bytes > MESSAGE_BUFFER_BYTES - offset)
        return STATUS_BAD_LENGTH;
    memcpy(message_buffer() + offset, text, length_bytes);
    return STATUS_OK;
}
