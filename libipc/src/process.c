/* Processes: messages to the pager. */
#include <quire/process.h>

#include <string.h>

#include <quire/family.h>
#include <quire/pager_call.h>

#include "start.h"
#include "thread_control.h"

constexpr uint64_t WRITE_BYTES = 1024; /* most of one write message (pager/protocol.def) */

[[noreturn]] void process_exit(uint64_t exit_status)
{
    for (;;) {
        struct message message = { .word = { exit_status } };
        (void)!pager_call(HANDLE_PAGER, PROTOCOL_exit, 0, &message);
    }
}

enum status process_write(const char *text, uint64_t length_bytes)
{
    enum status status = STATUS_OK;
    while (length_bytes > 0 && status == STATUS_OK) {
        uint64_t part = length_bytes < WRITE_BYTES ? length_bytes : WRITE_BYTES;
        struct message message = {};
        memcpy(message_buffer(), text, part);
        status = pager_call(HANDLE_PAGER, PROTOCOL_write, (uint32_t)part, &message);
        text += part;
        length_bytes -= part;
    }
    return status;
}

enum status process_self(struct process_self *self)
{
    struct message message = {};
    enum status status = pager_call(HANDLE_PAGER, PROTOCOL_process_self, 0, &message);
    if (status == STATUS_OK)
        *self = (struct process_self){ .number = (uint32_t)message.word[0], .charged_pages = message.word[1] };
    return status;
}

enum status process_start_as(uint32_t family, group_t group, const char *name, uint32_t argument_count, const char *const argument[], uint32_t *process)
{
    size_t length = strlen(name) + 1;
    enum status status = message_buffer_put(0, name, length);
    for (uint32_t i = 0; i < argument_count && status == STATUS_OK; i++) {
        size_t next = strlen(argument[i]) + 1;
        status = message_buffer_put(length, argument[i], next);
        length += next;
    }
    if (status != STATUS_OK)
        return status;

    struct message message = { .word = { group, family } };
    status = pager_call(HANDLE_PAGER, PROTOCOL_process_start, (uint32_t)length, &message);
    if (status == STATUS_OK)
        *process = (uint32_t)message.word[0];
    return status;
}

enum status process_start_in(group_t group, const char *name, uint32_t argument_count, const char *const argument[], uint32_t *process)
{
    return process_start_as(FAMILY_OWN, group, name, argument_count, argument, process);
}

enum status process_start(const char *name, uint32_t argument_count, const char *const argument[], uint32_t *process)
{
    return process_start_in(GROUP_ANY, name, argument_count, argument, process);
}

enum status duplicate_ask(uint64_t instruction, uint64_t stack, uint32_t *process)
{
    struct message message;
    enum status status;
    do {
        message = (struct message){ .word = { instruction, stack } };
        status = pager_call(HANDLE_PAGER, PROTOCOL_process_duplicate, 0, &message);
    } while (status == STATUS_AGAIN);
    if (status == STATUS_OK)
        *process = (uint32_t)message.word[0];
    return status;
}

enum status process_duplicate(uint32_t *process)
{
    *process = HANDLE_NONE; /* as the duplicate finds it */
    enum status status = duplicate_here(process);
    if (status == STATUS_OK && *process == HANDLE_NONE)
        thread_is_alone();
    return status;
}

enum status process_wait(uint32_t process, struct process_result *result)
{
    struct message message = {};
    enum status status = pager_call(process, PROTOCOL_process_wait, 0, &message);
    if (status == STATUS_OK)
        *result = (struct process_result){ .reason = (enum process_end)message.word[0], .value = message.word[1] };
    return status;
}

enum status process_watch(uint32_t endpoint, uint64_t bits)
{
    struct message message = { .word = { endpoint, bits } };
    return pager_call(HANDLE_PAGER, PROTOCOL_process_watch, 0, &message);
}

enum status process_next_event(struct process_news *news)
{
    struct message message = {};
    enum status status = pager_call(HANDLE_PAGER, PROTOCOL_process_next_event, 0, &message);
    if (status != STATUS_OK)
        return status;
    *news = (struct process_news){
        .kind = (enum process_event)message.word[0],
        .number = (uint32_t)message.word[1],
        .group = (group_t)message.word[2],
        .result = { (enum process_end)message.word[3], message.word[4] },
        .count_lost = message.word[5],
    };
    size_t length = tag_length(message.tag);
    memcpy(news->name, message_buffer(), length < sizeof news->name ? length : sizeof news->name - 1);
    return STATUS_OK;
}
