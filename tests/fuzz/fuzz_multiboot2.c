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
    for (size_t i = 0; i < source.count_modules; i++)
        if (source.modules[i].first < PHYSICAL + 8 && source.modules[i].limit > PHYSICAL) abort();
    return 0;
}
