/* The local APIC: its timer and end-of-interrupt. Registers: AMD64 manual vol. 2, 16.3 and 16.4.1. */
#ifndef QUIRE_APIC_H
#define QUIRE_APIC_H

#include <stdint.h>

constexpr uint32_t APIC_TIMER_VECTOR = 32;
constexpr uint32_t APIC_SPURIOUS_VECTOR = 33;

/* Switches the APIC on; `registers` is its page, mapped uncached. */
void apic_initialise(volatile void *registers);
void apic_end_of_interrupt(void);
/* Counts down once from `ticks`, then raises APIC_TIMER_VECTOR; 0 stops. */
void apic_timer_set(uint32_t ticks);
/* What is left of the count. */
uint32_t apic_timer_left(void);

#endif
