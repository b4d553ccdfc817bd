/* The server of echo. Shows an endpoint with a name, the functions of a server, and that what a client sends is checked before it is used. */
#include "echo.h"

#include <ctype.h>
#include <stdio.h>

#include <quire/endpoint.h>
#include <quire/pager_call.h>
#include <quire/server.h>

struct echo {
    uint64_t answered;
};

static void sum(struct echo *echo, struct message *message)
{
    uint64_t total = 0;
    for (unsigned i = 0; i < MESSAGE_WORDS; i++)
        total += message->word[i];
    message->word[0] = total;
    message->word[1] = echo->answered;
    message->tag = tag_make(STATUS_OK, 0);
}

/* The text lies in this process's own message buffer, and goes back from there. */
static void text_enlarge(struct message *message)
{
    uint32_t length = tag_length(message->tag);
    char *text = message_buffer();
    for (uint32_t i = 0; i < length; i++)
        text[i] = (char)toupper(text[i]);
    message->tag = tag_make(length > 0 ? STATUS_OK : STATUS_BAD_LENGTH, length);
}

static enum server_answer on_message(void *context, struct message *message)
{
    struct echo *echo = context;
    echo->answered++;
    switch (tag_label(message->tag)) {
    case ECHO_SUM: sum(echo, message); break;
    case ECHO_TEXT: text_enlarge(message); break;
    default: message->tag = tag_make(STATUS_BAD_CALL, 0); break;
    }
    return SERVER_ANSWERED;
}

static bool on_notification(void *context, uint64_t bits)
{
    (void)context;
    return (bits & ECHO_STOP) == 0;
}

static void on_end(void *context)
{
    const struct echo *echo = context;
    printf("echo: server answered %lu messages\n", echo->answered);
}

int server_main(void)
{
    uint32_t handle;
    enum status status = endpoint_create(&handle);
    if (status == STATUS_OK)
        status = name_publish(handle, ECHO_NAME);
    if (status == STATUS_OK) {
        static const struct server server = { .on_message = on_message, .on_notification = on_notification, .on_end = on_end };
        struct echo echo = {};
        status = server_run(handle, &server, &echo);
    }
    if (status != STATUS_OK)
        printf("echo: server failed: %s\n", status_name(status));
    return status == STATUS_OK ? 0 : 1;
}
