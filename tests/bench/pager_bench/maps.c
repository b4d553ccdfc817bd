/* Maps: one page of the caller's own, running space mapped and unmapped, with what the translation buffer needs. */
#include "bench.h"

void bench_maps(void)
{
    constexpr uint64_t address = KIT_FREE + 8 * PAGE_BYTES;
    uint64_t frame, done, unmapped, freed;
    kit_must(kernel_frame_allocate(0, &frame), "frame_allocate");
    /* The neighbour keeps the page table, so that a sample is the page alone. */
    kit_must(kernel_space_map(kit_info->space, address - PAGE_BYTES, frame, 1, ATTRIBUTE_READ, &done), "space_map");

    bench_begin();
    for (unsigned i = 0; i < BENCH_SAMPLES; i++) {
        uint64_t first = kit_cycles();
        enum status status = kernel_space_map(kit_info->space, address, frame, 1, ATTRIBUTE_WRITE, &done);
        bench_sample(first, kit_cycles());
        kit_must(status, "map_1");
        kit_must(kernel_space_unmap(kit_info->space, address, 1, UNMAP_KEEP, &done, &unmapped, &freed), "unmap");
    }
    bench_report("map_1");

    bench_begin();
    for (unsigned i = 0; i < BENCH_SAMPLES; i++) {
        kit_must(kernel_space_map(kit_info->space, address, frame, 1, ATTRIBUTE_WRITE, &done), "map");
        *(volatile uint64_t *)address = i; /* in the translation buffer */
        uint64_t first = kit_cycles();
        enum status status = kernel_space_unmap(kit_info->space, address, 1, UNMAP_KEEP, &done, &unmapped, &freed);
        bench_sample(first, kit_cycles());
        kit_must(status, "unmap_1");
    }
    bench_report("unmap_1");
}
