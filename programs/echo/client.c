/* The client of echo. Shows a call with words, a call with text, and a notification. */
#include "echo.h"

#include <stdio.h>
#include <string.h>

#include <quire/endpoint.h>
#include <quire/pager_call.h>

constexpr uint64_t QUESTIONS = 4; /* in words; one in text follows */

/* Sends the request. Returns why the call failed, or else the server's status. */
static enum status ask(uint32_t server, enum echo_request request, uint32_t length_bytes, struct message *message)
{
    message->tag = tag_make(request, length_bytes);
    enum status status = call(server, message);
    return status == STATUS_OK ? (enum status)tag_label(message->tag) : status;
}

static enum status ask_sums(uint32_t server)
{
    enum status status = STATUS_OK;
    for (uint64_t i = 1; i <= QUESTIONS && status == STATUS_OK; i++) {
        struct message message = { .word = { i, 10 * i, 100 * i, 1000 * i, 10000 * i, 100000 * i } };
        status = ask(server, ECHO_SUM, 0, &message);
        if (status == STATUS_OK)
            printf("echo: reply %lu says sum=%lu\n", message.word[1], message.word[0]);
        if (status == STATUS_OK && message.word[0] != 111111 * i)
            status = STATUS_BAD_ARGUMENT;
    }
    return status;
}

static enum status ask_text(uint32_t server)
{
    static const char question[] = "a quire is a set of pages", answer[] = "A QUIRE IS A SET OF PAGES";
    constexpr uint32_t LENGTH = sizeof question - 1;
    enum status status = message_buffer_put(0, question, LENGTH);
    struct message message = {};
    if (status == STATUS_OK)
        status = ask(server, ECHO_TEXT, LENGTH, &message);
    if (status != STATUS_OK)
        return status;

    char text[LENGTH]; /* printf sends a message of its own, so the reply is copied first */
    bool right = tag_length(message.tag) == LENGTH && memcmp(message_buffer(), answer, LENGTH) == 0;
    memcpy(text, message_buffer(), LENGTH);
    printf("echo: reply in text is %.*s\n", (int)LENGTH, text);
    return right ? STATUS_OK : STATUS_BAD_ARGUMENT;
}

int client_main(void)
{
    uint32_t server;
    enum status status = name_find(ECHO_NAME, true, &server);
    if (status == STATUS_OK)
        status = ask_sums(server);
    if (status == STATUS_OK)
        status = ask_text(server);
    if (status == STATUS_OK)
        status = notify(server, ECHO_STOP);
    if (status == STATUS_OK && handle_close(server) == STATUS_STALE)
        printf("echo: the server has ended first\n"); /* then its handles have gone with it */
    printf("echo: client %s\n", status == STATUS_OK ? "ok" : status_name(status));
    return status == STATUS_OK ? 0 : 1;
}
