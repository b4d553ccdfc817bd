/* Counters: the array behind counter.h. Zero at the start; each counter only grows, so a test takes the difference around what it measures. */
#include "counter.h"

#ifdef QUIRE_TEST
uint64_t counters[COUNTERS];
#endif
