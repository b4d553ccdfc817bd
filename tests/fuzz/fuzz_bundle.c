/* Fuzzer of the bundle reader: any bytes as a bundle. */
#include <stdlib.h>

#include "check_bundle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bundle bundle;
    struct refusal refusal;
    enum status status = bundle_open(data, size, &bundle, &refusal);
    if (status == STATUS_OK) {
        if (check_bundle(&bundle, data, size) != nullptr || refusal.reason != nullptr) abort();
    } else if (status != STATUS_BAD_BOOT_INFO || refusal.reason == nullptr || refusal.where >= BUNDLE_MODULES || bundle.count_modules != 0) {
        abort();
    }
    return 0;
}
