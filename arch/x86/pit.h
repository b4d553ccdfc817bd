/* The old timer chips: the interval timer as a clock of known speed to measure others by, and the interrupt controllers, which are switched off. */
#ifndef QUIRE_PIT_H
#define QUIRE_PIT_H

#include <stdint.h>

/* Starts counting down `microseconds` (at most 50,000) on channel 2; pit_is_done() tells when they are over. */
void pit_start(uint32_t microseconds);
bool pit_is_done(void);

/* Moves the interrupt controllers' vectors away from the exceptions and masks all of their lines. */
void pic_mask(void);

#endif
