/* Counters: how often the kernel did what is dear on real machines. Kernels built for tests only; elsewhere counting is no code at all.
 *
 * COUNTER_... of abi/call.h are the indexes; the call test_counter reads them. */
#ifndef QUIRE_COUNTER_H
#define QUIRE_COUNTER_H

#include "abi/call.h"

#ifdef QUIRE_TEST
extern uint64_t counters[COUNTERS];
#endif

/* Counts `count` more events of a kind. */
static inline void counter_add([[maybe_unused]] enum counter counter, [[maybe_unused]] uint64_t count)
{
#ifdef QUIRE_TEST
    counters[counter] += count;
#endif
}

#endif
