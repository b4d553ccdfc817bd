/* The parts of the checker, and what they share: internal to check*.c. */
#ifndef QUIRE_CHECK_PARTS_H
#define QUIRE_CHECK_PARTS_H

#include "arch.h"
#include "check.h"
#include "frame.h"

#ifdef QUIRE_TEST
enum invariant : uint32_t {
    INVARIANT_ENTRIES = 1, /* each present entry: frame in memory, kind right */
    INVARIANT_COUNTS = 2,  /* references to a frame = its map count */
    INVARIANT_TIERS = 3,   /* tiers of the bitmap, free rows, stock */
    INVARIANT_SUM = 4,     /* free + held = total */
    INVARIANT_RIGHTS = 5,  /* not writable and executable, within the user range, kernel half the same everywhere */
    INVARIANT_TABLES = 6,  /* each table in one space and place, live counters right, no unknown bits */
    INVARIANT_HANDLES = 8, /* each row empty or a right one of a living endpoint */
    INVARIANT_QUEUES = 9,  /* each thread where its state says, and nowhere else */
    INVARIANT_TIME = 11,   /* no account holds more than it was granted; timers are in their tree */
};

/* Remembers a finding; the first one of each invariant is logged. `where`: a frame, or an address. */
void check_fail(enum invariant invariant, const char *what, uint64_t where, uint64_t found, uint64_t expected);

/* The start of the frame that a pointer points into, when it is a direct-mapped frame of the kind; else nullptr. */
void *check_object(const void *pointer, enum frame_kind kind);

/* The first frame of a kind from *frame on, and its content; false: there is none. */
bool check_next(enum frame_kind kind, frame_t *frame, void **object);

void check_spaces(void);  /* 1, 2, 5, 6 */
void check_handles(void); /* 8 */
void check_threads(void); /* 9 */
void check_time(void);    /* 11 */
#endif

#endif
