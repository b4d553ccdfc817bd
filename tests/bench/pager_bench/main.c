/* The kernel's benchmark: booted in place of the pager, under icount. `./quire bench` prints what it says beside the numbers to beat. */
#include "bench.h"

struct samples bench_samples;
uint64_t bench_reading_cost;

void bench_begin(void)
{
    bench_samples.count = 0;
}

static void sort(uint32_t *value, unsigned count)
{
    for (unsigned gap = count / 2; gap > 0; gap /= 2) {
        for (unsigned i = gap; i < count; i++) {
            uint32_t moved = value[i];
            unsigned j = i;
            for (; j >= gap && value[j - gap] > moved; j -= gap) value[j] = value[j - gap];
            value[j] = moved;
        }
    }
}

void bench_report_each(const char *name, unsigned per)
{
    struct samples *samples = &bench_samples;
    if (samples->count == 0) kit_must(STATUS_NOT_FOUND, name);
    sort(samples->value, samples->count);
    kit_log("bench", "result name=%s min=%u median=%u max=%u unit=instructions samples=%u per=%u", name, samples->value[0], samples->value[samples->count / 2],
            samples->value[samples->count - 1], samples->count, per);
}

void bench_report(const char *name)
{
    bench_report_each(name, 1);
}

uint32_t kit_main(void)
{
    uint64_t now = kit_cycles();
    kit_log("bench", "result name=boot_to_user min=%lu median=%lu max=%lu unit=instructions samples=1", now - kit_info->cycles_at_entry,
            now - kit_info->cycles_at_entry, now - kit_info->cycles_at_entry);
    uint64_t first = kit_cycles();
    bench_reading_cost = kit_cycles() - first;
    bench_calls();
    bench_faults();
    bench_maps();
    bench_ranges();
    kit_log("bench", "done");
    return 0;
}
