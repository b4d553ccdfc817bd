/* Fuzzer of the Multiboot2 reader: any bytes as boot information, at physical address 0x9000. */
#include <stdlib.h>

#include "arch/x86/multiboot2.h"
#include "check_boot_source.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    constexpr uint64_t PHYSICAL = 0x9000;
    static struct boot_source source;
    struct refusal refusal;
    enum status status = multiboot2_read(data, size, PHYSICAL, &source, &refusal);
    if (status != STATUS_OK) {
        if (status != STATUS_BAD_BOOT_INFO || refusal.reason == nullptr || !boot_source_is_empty(&source)) abort();
        return 0;
    }
    if (check_boot_source(&source) != nullptr || refusal.reason != nullptr) abort();
    if (source.acpi_rsdp != 0 && (source.acpi_rsdp < PHYSICAL || source.acpi_rsdp > PHYSICAL + size - 20)) abort();
    for (size_t i = 0; i < source.count_ranges; i++)
        if (source.ranges[i].kind == MEMORY_RESERVED && source.ranges[i].first <= PHYSICAL && source.ranges[i].limit > PHYSICAL) return 0;
    /* Only with every row of the list reserved may the information's own range be left out. */
    if (source.left_out_ranges == 0) abort();
    return 0;
}
