/* echo: what server and client agree on. */
#ifndef ECHO_H
#define ECHO_H

#include <stdint.h>

constexpr char ECHO_NAME[] = "echo";

/* Requests, as labels of tags. The reply's label is a status. */
enum echo_request : uint32_t {
    ECHO_SUM = 1,  /* words 0-5: numbers; reply: word 0 their sum, word 1 how many messages the server has answered, this one too */
    ECHO_TEXT = 2, /* text in the message buffer; reply: the same text with small letters made large */
};

/* Notification bits. */
enum echo_bit : uint64_t {
    ECHO_STOP = 1, /* the server ends */
};

int server_main(void);
int client_main(void);

#endif
