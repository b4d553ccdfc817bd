/* Clock: the cycle counter as a clock, the local APIC's timer as an alarm. */
#ifndef QUIRE_CLOCK_H
#define QUIRE_CLOCK_H

#include <stdint.h>

/* Measures the cycle counter against the interval timer; before the first log line. Returns the cycles that this took. */
uint64_t clock_calibrate(void);
/* Measures the APIC's timer against the cycle counter. Returns the cycles that this took. */
uint64_t clock_calibrate_timer(void);

#endif
