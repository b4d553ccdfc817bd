/* The interval timer: a clock of known speed to measure others by. */
#ifndef QUIRE_PIT_H
#define QUIRE_PIT_H

#include <stdint.h>

/* Starts counting down `microseconds` (at most 50,000) on channel 2; pit_is_done() tells when they are over. */
void pit_start(uint32_t microseconds);
bool pit_is_done(void);

#endif
