/* Measuring as a program under the real pager: samples of a cost in guest instructions, and the line that reports them.
 *
 * As pager_bench/bench.h: the cycle counter advances by one for each instruction. User stubs and libipc are part of each figure. */
#ifndef QUIRE_PROGRAM_SAMPLES_H
#define QUIRE_PROGRAM_SAMPLES_H

#include <stdint.h>

#include <abi/status.h>

constexpr unsigned SAMPLES = 1024;

static inline uint64_t cycles(void)
{
    uint32_t low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high)::"memory");
    return (uint64_t)high << 32 | low;
}

void samples_begin(void);
/* What lies between two readings of cycles(). */
void samples_add(uint64_t first, uint64_t last);
/* Sorts the samples and prints `bench: result name=... min=... median=... max=... unit=instructions samples=... per=...`; `./quire bench` divides by per. */
void samples_report(const char *name, uint64_t per);
/* What follows is measured among many of something: each name that is reported ends with this. "": among none. */
void samples_among(const char *what);
/* Ends the program with a line when the status is not OK. */
void must(enum status status, const char *what);

/* The measurements, in the order in which they run. */
void bench_faults(void);
void bench_growth(void);
void bench_mapping(void);
void bench_renewing(void);
void bench_processes(void);
void bench_handles(void);
void bench_crowds(void);
void bench_bulk(void);
void bench_prezeroed(void);

/* The process that bench_bulk() sends to: serves until it is told to end. */
void bulk_receive(void);

#endif
