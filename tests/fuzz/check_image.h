/* What must hold for every accepted image, written without the reader's own checks. Used by the unit tests and by the fuzzer. */
#ifndef QUIRE_CHECK_IMAGE_H
#define QUIRE_CHECK_IMAGE_H

#include "abi/memory.h"
#include "elf.h"

/* nullptr, or what is wrong with the image. `size_bytes` is the file's size, `limit` the address limit it was read with. */
static inline const char *check_image(const struct image *image, size_t size_bytes, uint64_t limit)
{
    __uint128_t previous_limit = USER_FIRST;
    int previous_kind = -1;
    if (image->count_segments < 1 || image->count_segments > IMAGE_KINDS) return "number of segments";
    if (limit > USER_LIMIT) limit = USER_LIMIT;
    for (uint32_t i = 0; i < image->count_segments; i++) {
        const struct image_segment *segment = &image->segments[i];
        __uint128_t end = ((__uint128_t)segment->address + segment->memory_bytes + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
        if ((int)segment->kind <= previous_kind || segment->kind >= IMAGE_KINDS) return "order of kinds";
        if (segment->address % PAGE_BYTES != 0 || segment->file_offset % PAGE_BYTES != 0) return "alignment";
        if (segment->memory_bytes == 0 || segment->file_bytes > segment->memory_bytes) return "sizes";
        if ((__uint128_t)segment->file_offset + segment->file_bytes > size_bytes) return "file range";
        if (segment->address < previous_limit) return "overlap or below the first address";
        if (end > limit) return "beyond the limit";
        if (image_segment_pages(segment) != (end - segment->address) / PAGE_BYTES) return "number of pages";
        previous_limit = end;
        previous_kind = (int)segment->kind;
    }
    if (image->image_limit != previous_limit) return "image limit";
    if (image->segments[0].kind != IMAGE_CODE) return "no code";
    if (image->entry < image->segments[0].address || image->entry >= image->segments[0].address + image->segments[0].file_bytes) return "entry";
    return nullptr;
}

#endif
