/* program_bench: what memory and processes cost a program, under the real pager. `./quire bench` boots it alone. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "samples.h"

static uint32_t sample[SAMPLES];
static unsigned count;
static uint64_t reading_cost;
static const char *among = "";

void samples_begin(void)
{
    count = 0;
    uint64_t first = cycles();
    reading_cost = cycles() - first;
}

void samples_add(uint64_t first, uint64_t last)
{
    if (count < SAMPLES) sample[count++] = (uint32_t)(last - first - reading_cost);
}

static int compare(const void *left, const void *right)
{
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    return (a > b) - (a < b);
}

void samples_among(const char *what) { among = what; }

void samples_report(const char *name, uint64_t per)
{
    if (count == 0) must(STATUS_NOT_FOUND, name);
    qsort(sample, count, sizeof(sample[0]), compare);
    printf("bench: result name=%s%s min=%u median=%u max=%u unit=instructions samples=%u per=%lu\n", name, among, sample[0], sample[count / 2],
           sample[count - 1], count, per);
}

void must(enum status status, const char *what)
{
    if (status == STATUS_OK) return;
    printf("bench: failed what=%s status=%s\n", what, status_name(status));
    exit(1);
}

/* With an argument only what it names, for profiles; or the other side of bench_bulk(). */
int main(int argc, char *argv[])
{
    if (argc == 2 && strcmp(argv[1], "receiver") == 0) {
        bulk_receive();
        return 0;
    }
    for (unsigned i = 0; i < SAMPLES; i++) ((volatile uint32_t *)sample)[i] = 0; /* its pages are there before anything is measured */
    if (argc < 2 || strcmp(argv[1], "faults") == 0) bench_faults();
    if (argc < 2 || strcmp(argv[1], "growth") == 0) bench_growth();
    if (argc < 2 || strcmp(argv[1], "mapping") == 0) bench_mapping();
    if (argc < 2 || strcmp(argv[1], "renewing") == 0) bench_renewing();
    if (argc < 2 || strcmp(argv[1], "processes") == 0) bench_processes();
    if (argc < 2 || strcmp(argv[1], "handles") == 0) bench_handles();
    if (argc < 2 || strcmp(argv[1], "crowds") == 0) bench_crowds();
    if (argc < 2) bench_bulk(); /* too much for a profile */
    if (argc < 2 || strcmp(argv[1], "prezeroed") == 0) bench_prezeroed(); /* the last: it leaves another stock of frames */
    return 0;
}
