/* tally: what server and client agree on. */
#ifndef TALLY_H
#define TALLY_H

#include <stdint.h>

constexpr char TALLY_NAME[] = "tally";  /* under which the server can be found */
constexpr uint64_t TALLY_MOST = 1000;   /* largest number that the server adds */

/* Requests, as labels of tags. The reply's label is a status. */
enum tally_request : uint32_t {
    TALLY_ADD = 1, /* word 0: a number; reply: word 0 the sum so far. STATUS_LIMIT: above TALLY_MOST, nothing was added */
};

/* Notification bits. */
enum tally_bit : uint64_t {
    TALLY_END = 1, /* the server ends */
};

#endif
