/* Families: messages to the pager. */
#include <quire/family.h>

#include <quire/pager_call.h>
#include <quire/time.h>

#include "start.h"

enum status family_create(const struct family_terms *terms, uint32_t *family)
{
    struct message message = { .word = { terms->pages.guarantee, terms->pages.limit, terms->processes.guarantee, terms->processes.limit } };
    enum status status = pager_call(HANDLE_PAGER, PROTOCOL_family_create, 0, &message);
    if (status == STATUS_OK)
        *family = (uint32_t)message.word[0];
    return status;
}

enum status family_limit(uint32_t family, const struct family_terms *terms)
{
    struct message message = { .word = { family, terms->pages.guarantee, terms->pages.limit, terms->processes.guarantee, terms->processes.limit } };
    return pager_call(HANDLE_PAGER, PROTOCOL_family_limit, 0, &message);
}

enum status family_info(uint32_t family, struct family_info *info)
{
    struct message message = { .word = { family } };
    enum status status = pager_call(HANDLE_PAGER, PROTOCOL_family_info, 0, &message);
    const uint64_t *word = message.word;
    if (status == STATUS_OK)
        *info = (struct family_info){ { { word[1], word[2] }, { word[4], word[5] } }, word[0], word[3] };
    return status;
}

enum status family_time(uint32_t family, uint64_t nanoseconds, uint64_t period)
{
    struct message message = { .word = { family, nanoseconds, period } };
    return pager_call(HANDLE_PAGER, PROTOCOL_family_time, 0, &message);
}

enum status family_clock(uint32_t family, struct family_clock *clock)
{
    struct message message = { .word = { family } };
    enum status status = pager_call(HANDLE_PAGER, PROTOCOL_family_clock, 0, &message);
    const uint64_t *word = message.word;
    if (status == STATUS_OK)
        *clock = (struct family_clock){ word[0], word[1], time_of_cycles(word[2]), word[3] == TIME_UNLIMITED ? word[3] : time_of_cycles(word[3]) };
    return status;
}

enum status memory_info(struct memory_info *info)
{
    struct message message = {};
    enum status status = pager_call(HANDLE_PAGER, PROTOCOL_memory_info, 0, &message);
    const uint64_t *word = message.word;
    if (status == STATUS_OK)
        *info = (struct memory_info){ word[0], word[1], word[2], word[3], word[4], word[5] };
    return status;
}

enum status memory_watch(uint32_t endpoint, uint64_t bits, uint64_t pages)
{
    struct message message = { .word = { endpoint, bits, pages } };
    return pager_call(HANDLE_PAGER, PROTOCOL_memory_watch, 0, &message);
}
