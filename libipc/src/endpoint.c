/* Endpoints and names: messages to the pager. */
#include <quire/endpoint.h>

#include <string.h>

#include <quire/pager_call.h>

enum status endpoint_create(uint32_t *handle)
{
    struct message message = {};
    enum status status = pager_call(HANDLE_PAGER, PROTOCOL_endpoint_create, 0, &message);
    if (status == STATUS_OK)
        *handle = (uint32_t)message.word[0];
    return status;
}

/* A request whose text is a name. */
static enum status name_call(enum protocol request, const char *name, struct message *message)
{
    size_t length = strnlen(name, NAME_BYTES + 1);
    if (length == 0 || length > NAME_BYTES)
        return STATUS_BAD_LENGTH;
    enum status status = message_buffer_put(0, name, length);
    return status == STATUS_OK ? pager_call(HANDLE_PAGER, request, (uint32_t)length, message) : status;
}

enum status name_publish_in(uint32_t handle, group_t group, const char *name)
{
    struct message message = { .word = { handle, group } };
    return name_call(PROTOCOL_name_publish, name, &message);
}

enum status name_publish(uint32_t handle, const char *name) { return name_publish_in(handle, GROUP_ANY, name); }

enum status name_find_in(group_t group, const char *name, bool wait, uint32_t *handle)
{
    struct message message = { .word = { wait, group } };
    enum status status = name_call(PROTOCOL_name_find, name, &message);
    if (status == STATUS_OK)
        *handle = (uint32_t)message.word[0];
    return status;
}

enum status name_find(const char *name, bool wait, uint32_t *handle) { return name_find_in(GROUP_ANY, name, wait, handle); }
