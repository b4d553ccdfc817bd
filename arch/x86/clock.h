/* Clock: the cycle counter as a clock, the local APIC's timer as an alarm. */
#ifndef QUIRE_CLOCK_H
#define QUIRE_CLOCK_H

#include <stdint.h>

/* Measures both against the interval timer. Returns the cycles that this took. */
uint64_t clock_calibrate(void);

#endif
