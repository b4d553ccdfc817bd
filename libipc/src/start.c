/* The start of a program in C: its arguments, main, exit.
 *
 * The strings come in the message buffer, which the first message overwrites; so they are copied to the stack, where they stay for as long as main
 * runs. The pager wrote them, and a program can do nothing without its pager, so damage is an assert here.
 *
 * 1. argv[argc] is nullptr, and every string below it ends within the copy. */
#include "start.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <abi/message.h>

int main(int argc, char *argv[]);

[[noreturn]] void program_start(const struct start_info *info)
{
    message_buffer_set((char *)(uintptr_t)info);
    assert(info->magic == START_MAGIC);
    time_initialise(info);
    assert(info->text_bytes <= MESSAGE_BUFFER_BYTES - sizeof *info);
    assert(info->argument_count <= info->text_bytes);

    uint32_t text_bytes = info->text_bytes, argument_count = info->argument_count;
    char text[text_bytes + 1]; /* as long as it has to be: most programs need one page of stack to begin with */
    char *argument[argument_count + 1];
    memcpy(text, info + 1, text_bytes);

    char *next = text, *limit = text + text_bytes;
    for (uint32_t i = 0; i < argument_count; i++) {
        size_t length = strnlen(next, (size_t)(limit - next));
        assert(next + length < limit);
        argument[i] = next;
        next += length + 1;
    }
    argument[argument_count] = nullptr;
    exit(main((int)argument_count, argument));
}
