/* The client: adds the numbers of its command line to the server's sum, then tells the server to end. */
#include "tally.h"

#include <stdio.h>
#include <stdlib.h>

#include <quire/endpoint.h>
#include <quire/syscall.h>

/* Two statuses: whether the call reached the server and was answered, and what the server said to it. */
static enum status tally_add(uint32_t server, uint64_t number, uint64_t *sum)
{
    struct message message = { .tag = tag_make(TALLY_ADD, 0), .word = { number } };
    enum status status = call(server, &message);
    if (status == STATUS_OK)
        status = (enum status)tag_label(message.tag);
    if (status == STATUS_OK)
        *sum = message.word[0];
    return status;
}

int main(int argc, char *argv[])
{
    uint32_t server;
    enum status status = name_find(TALLY_NAME, true, &server);
    for (int i = 1; i < argc && status == STATUS_OK; i++) {
        uint64_t sum = 0;
        enum status answer = tally_add(server, strtoul(argv[i], nullptr, 10), &sum);
        if (answer == STATUS_OK)
            printf("client: %s makes %lu\n", argv[i], sum);
        else
            printf("client: %s was refused: %s\n", argv[i], status_name(answer));
    }
    if (status == STATUS_OK)
        status = notify(server, TALLY_END);
    if (status != STATUS_OK)
        printf("client: failed: %s\n", status_name(status));
    return status == STATUS_OK ? 0 : 1;
}
