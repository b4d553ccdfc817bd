/* Why bytes from outside were refused: words for the log beside the status for the code. */
#ifndef QUIRE_REFUSAL_H
#define QUIRE_REFUSAL_H

#include <stdint.h>

#include "abi/status.h"

struct refusal {
    const char *reason; /* a constant English phrase without quotation marks; nullptr: nothing was refused */
    uint64_t where;     /* row number or byte offset; each reader says which */
};

static inline enum status refuse(struct refusal *refusal, enum status status, const char *reason, uint64_t where)
{
    *refusal = (struct refusal){ reason, where };
    return status;
}

#endif
