/* Measuring: samples of a cost in guest instructions, and the line that reports them.
 *
 * The machine runs with QEMU's icount at shift 0, so that the cycle counter advances by one for each instruction. A sample is the difference of two
 * readings less the cost of reading; user stubs are part of what is measured. */
#ifndef QUIRE_BENCH_H
#define QUIRE_BENCH_H

#include "kit.h"

constexpr unsigned BENCH_SAMPLES = 1024;

struct samples {
    uint32_t value[BENCH_SAMPLES];
    unsigned count;
};

/* The one set of samples at a time; shared with twins. */
extern struct samples bench_samples;
/* What two readings with nothing between them differ by. */
extern uint64_t bench_reading_cost;

void bench_begin(void);
static inline void bench_sample(uint64_t first, uint64_t last)
{
    if (bench_samples.count < BENCH_SAMPLES) bench_samples.value[bench_samples.count++] = (uint32_t)(last - first - bench_reading_cost);
}
/* Sorts the samples and writes `bench: result name=... min=... median=... unit=instructions samples=...`. */
void bench_report(const char *name);
/* The same for samples that did `per` things each: with per=... at the end, by which `./quire bench` divides. */
void bench_report_each(const char *name, unsigned per);

/* The measurements, in the order in which they run. */
void bench_calls(void);
void bench_faults(void);
void bench_maps(void);
void bench_ranges(void);

#endif
