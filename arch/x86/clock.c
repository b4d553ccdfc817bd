/* Clock. See clock.h.
 *
 * Nanoseconds are cycles times a factor of 32 fraction bits; before the calibration a cycle counts as a nanosecond, which is what QEMU's icount does. */
#include "clock.h"

#include "apic.h"
#include "arch.h"
#include "boot.h"
#include "pit.h"

constexpr uint32_t CALIBRATION_MICROSECONDS = 500;
constexpr unsigned CALIBRATIONS = 4;
constexpr uint64_t TIMER_MICROSECONDS = 500;
constexpr unsigned FRACTION = 32;

static uint64_t cycles_first;                                   /* the log's time 0 */
static uint64_t nanoseconds_per_cycle = (uint64_t)1 << FRACTION;
static uint64_t cycles_per_nanosecond = (uint64_t)1 << FRACTION;
static uint64_t ticks_per_cycle;                                 /* of the APIC timer, fraction as above */
static uint64_t cycles_per_second = 1'000'000'000;

[[gnu::noinline]] uint64_t arch_cycles(void)
{
    uint32_t low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return (uint64_t)high << 32 | low;
}

/* Cycles until the interval timer has counted down. */
BOOT_ONLY static uint64_t measure(void)
{
    pit_start(CALIBRATION_MICROSECONDS);
    uint64_t first = arch_cycles();
    while (!pit_is_done()) {
    }
    return arch_cycles() - first;
}

BOOT_ONLY uint64_t clock_calibrate(void)
{
    uint64_t begin = arch_cycles();
    /* The smallest of a few: on a virtual machine any of them may have been interrupted, which only adds. */
    uint64_t cycles = measure();
    for (unsigned i = 1; i < CALIBRATIONS; i++) {
        uint64_t again = measure();
        if (again < cycles) cycles = again;
    }
    cycles_per_second = cycles * (1'000'000 / CALIBRATION_MICROSECONDS);
    if (cycles_per_second == 0) cycles_per_second = 1;
    nanoseconds_per_cycle = ((uint64_t)1'000'000'000 << FRACTION) / cycles_per_second;
    cycles_per_nanosecond = (cycles_per_second << FRACTION) / 1'000'000'000;
    return arch_cycles() - begin;
}

BOOT_ONLY uint64_t clock_calibrate_timer(void)
{
    uint64_t begin = arch_cycles();
    apic_timer_set(UINT32_MAX);
    uint32_t left = apic_timer_left();
    uint64_t first = arch_cycles(), cycles;
    do {
        cycles = arch_cycles() - first;
    } while (cycles <= cycles_per_second / 1'000'000 * TIMER_MICROSECONDS);
    uint64_t ticks = left - apic_timer_left();
    apic_timer_set(0);
    ticks_per_cycle = (ticks << FRACTION) / cycles;
    return arch_cycles() - begin;
}

uint64_t arch_cycles_per_second(void)
{
    return cycles_per_second;
}

uint64_t arch_cycles_to_nanoseconds(uint64_t cycles)
{
    if (cycles_first == 0) cycles_first = cycles;
    return (uint64_t)((unsigned __int128)(cycles - cycles_first) * nanoseconds_per_cycle >> FRACTION);
}

[[gnu::noinline]] uint64_t arch_nanoseconds_to_cycles(uint64_t nanoseconds)
{
    return (uint64_t)((unsigned __int128)nanoseconds * cycles_per_nanosecond >> FRACTION);
}

void arch_timer_start(uint64_t when)
{
    uint64_t now = arch_cycles();
    uint64_t ticks = when <= now ? 0 : (uint64_t)((unsigned __int128)(when - now) * ticks_per_cycle >> FRACTION);
    apic_timer_set(ticks >= UINT32_MAX ? UINT32_MAX : (uint32_t)ticks + 1);
}
