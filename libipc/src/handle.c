/* Handles: messages to the pager. */
#include <quire/handle.h>

#include <quire/pager_call.h>

enum status handle_close(uint32_t handle)
{
    struct message message = { .word = { handle } };
    return pager_call(HANDLE_PAGER, PROTOCOL_handle_close, 0, &message);
}

enum status handle_duplicate(uint32_t handle, uint64_t rights, uint32_t *duplicate)
{
    struct message message = { .word = { handle, rights } };
    enum status status = pager_call(HANDLE_PAGER, PROTOCOL_handle_duplicate, 0, &message);
    if (status == STATUS_OK)
        *duplicate = (uint32_t)message.word[0];
    return status;
}

enum status handle_make(uint32_t endpoint, uint64_t rights, uint64_t badge, uint32_t *handle)
{
    if (badge == 0)
        return STATUS_BAD_ARGUMENT;
    struct message message = { .word = { endpoint, rights, badge } };
    enum status status = pager_call(HANDLE_PAGER, PROTOCOL_handle_duplicate, 0, &message);
    if (status == STATUS_OK)
        *handle = (uint32_t)message.word[0];
    return status;
}

enum status handle_narrow(uint32_t handle, uint64_t rights)
{
    struct message message = { .word = { handle, rights } };
    return pager_call(HANDLE_PAGER, PROTOCOL_handle_narrow, 0, &message);
}

enum status handle_pass(uint32_t handle, uint64_t rights, uint32_t to, uint32_t *received)
{
    struct message message = { .word = { handle, rights, to } };
    enum status status = pager_call(HANDLE_PAGER, PROTOCOL_handle_pass, 0, &message);
    if (status == STATUS_OK)
        *received = (uint32_t)message.word[0];
    return status;
}

enum status handle_revoke(uint32_t handle, uint64_t *count)
{
    struct message message = { .word = { handle } };
    enum status status = pager_call(HANDLE_PAGER, PROTOCOL_handle_revoke, 0, &message);
    if (status == STATUS_OK && count != nullptr)
        *count = message.word[0];
    return status;
}
