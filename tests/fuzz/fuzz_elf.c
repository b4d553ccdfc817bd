/* Fuzzer of the image reader: any bytes as a file. The first byte chooses the address limit. */
#include <stdlib.h>

#include "check_image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint64_t LIMITS[] = { 0x40000000, USER_LIMIT, UINT64_MAX, 0x405001, 0 };
    if (size < 1) return 0;
    uint64_t limit = LIMITS[data[0] % (sizeof(LIMITS) / sizeof(LIMITS[0]))];
    struct image image;
    struct refusal refusal;
    enum status status = image_parse(data + 1, size - 1, limit, &image, &refusal);
    if (status == STATUS_OK) {
        if (check_image(&image, size - 1, limit) != nullptr || refusal.reason != nullptr) abort();
    } else {
        if (image.count_segments != 0 || refusal.reason == nullptr || refusal.where >= IMAGE_PROGRAM_HEADERS) abort();
        if (status != STATUS_BAD_IMAGE && status != STATUS_BAD_IMAGE_ORDER && status != STATUS_WRITE_EXECUTE) abort();
    }
    return 0;
}
