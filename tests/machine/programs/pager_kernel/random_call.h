/* Random system calls, typed by the rows of abi/syscall.def: which number, and arguments that are mostly of the right kind and often wrong.
 *
 * A pool holds the names that arguments are taken from. What it makes is deterministic: the same seed and pool give the same calls. */
#ifndef QUIRE_RANDOM_CALL_H
#define QUIRE_RANDOM_CALL_H

#include "case.h"

constexpr unsigned POOL_NAMES = 32;
constexpr unsigned POOL_FRAMES = 256;

struct names {
    unsigned count;
    uint64_t name[POOL_NAMES];
};

struct pool {
    struct random random;
    uint64_t device[2]; /* space and address of the last device_map */
    struct names spaces, threads, endpoints, tokens, handles;
    unsigned count_frames;
    uint64_t frames[POOL_FRAMES];
};

/* Adds a name; false when there is no room. */
bool names_add(struct names *names, uint64_t name);
void names_remove(struct names *names, uint64_t name);

/* A call of a row, now and then of a number that has none. */
struct registers random_call(struct pool *pool);
/* An address that is interesting: a page, something in it, an edge, nonsense. */
uint64_t random_address(struct pool *pool);

#endif
