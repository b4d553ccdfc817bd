/* Groups: messages to the pager. */
#include <quire/group.h>

#include <string.h>

#include <quire/pager_call.h>

enum status group_create(group_t *group, uint32_t *handle)
{
    struct message message = {};
    enum status status = pager_call(HANDLE_PAGER, PROTOCOL_group_create, 0, &message);
    if (status == STATUS_OK) {
        *group = (group_t)message.word[0];
        *handle = (uint32_t)message.word[1];
    }
    return status;
}

enum status group_invite(uint32_t handle, uint32_t to, bool invites, uint32_t *invitation)
{
    return handle_pass(handle, invites ? RIGHT_CALL | RIGHT_PASS | RIGHT_NARROW : RIGHT_CALL, to, invitation);
}

enum status group_join(uint32_t invitation, group_t *group)
{
    struct message message = { .word = { invitation } };
    enum status status = pager_call(HANDLE_PAGER, PROTOCOL_group_join, 0, &message);
    if (status == STATUS_OK)
        *group = (group_t)message.word[0];
    return status;
}

enum status group_leave(group_t group)
{
    struct message message = { .word = { group } };
    return pager_call(HANDLE_PAGER, PROTOCOL_group_leave, 0, &message);
}

enum status group_end(uint32_t handle)
{
    struct message message = { .word = { handle } };
    return pager_call(HANDLE_PAGER, PROTOCOL_group_end, 0, &message);
}

enum status group_next(group_t after, group_t *group)
{
    struct message message = { .word = { after } };
    enum status status = pager_call(HANDLE_PAGER, PROTOCOL_group_next, 0, &message);
    if (status == STATUS_OK)
        *group = (group_t)message.word[0];
    return status;
}

enum status group_find(const char *name, group_t *group)
{
    size_t length = strlen(name);
    enum status status = message_buffer_put(0, name, length);
    if (status != STATUS_OK)
        return status;
    struct message message = {};
    status = pager_call(HANDLE_PAGER, PROTOCOL_group_find, (uint32_t)length, &message);
    if (status == STATUS_OK)
        *group = (group_t)message.word[0];
    return status;
}
