/* Fuzzer of the PVH reader: any bytes as physical memory from 1 MiB on, the start structure in front. */
#include <stdlib.h>

#include "arch/x86/pvh.h"
#include "check_boot_source.h"

constexpr uint64_t BASE = 0x100000;
static const uint8_t *ram;
static size_t ram_bytes;

static const void *memory(uint64_t physical, uint64_t length)
{
    if (physical < BASE || physical - BASE > ram_bytes || length > ram_bytes - (physical - BASE)) return nullptr;
    return ram + (physical - BASE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct boot_source source;
    struct refusal refusal;
    ram = data;
    ram_bytes = size;
    enum status status = pvh_read(BASE, memory, &source, &refusal);
    if (status != STATUS_OK) {
        if (status != STATUS_BAD_BOOT_INFO || refusal.reason == nullptr || !boot_source_is_empty(&source)) abort();
        return 0;
    }
    if (check_boot_source(&source) != nullptr || refusal.reason != nullptr) abort();
    for (size_t i = 0; i < source.count_modules; i++)
        if (source.modules[i].first < BASE || source.modules[i].limit > BASE + size) abort();
    return 0;
}
