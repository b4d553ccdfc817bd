/* The message buffer: one page that the pager maps for the thread, where the parts of messages lie that are longer than six words.
 *
 * A program has one thread so far, hence one variable; program_start sets it before anything else runs. */
#include <quire/pager_call.h>

#include <assert.h>
#include <string.h>

#include "start.h"

static char *buffer;

void message_buffer_set(char *address) { buffer = address; }

char *message_buffer(void)
{
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
