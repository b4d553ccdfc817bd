/* Images: what an ELF file asks to have in memory, checked as a whole before anything is mapped.
 *
 * Accepted are static x86-64 executables (ET_EXEC) with at most one segment each of code (r-x), data (rw-) and rodata (r--), in this order of
 * addresses. The kernel uses it for the pager, the pager for every program. Field names and values: Tool Interface Standard, Executable and Linking
 * Format 1.2, book I; 64-bit layout: ELF-64 Object File Format 1.5. */
#ifndef QUIRE_ELF_H
#define QUIRE_ELF_H

#include <stddef.h>
#include <stdint.h>

#include "abi/status.h"
#include "refusal.h"

enum image_kind : uint32_t { IMAGE_CODE, IMAGE_DATA, IMAGE_RODATA, IMAGE_KINDS };

/* One piece of an image. Pages from `address` on: first file_bytes of the file from file_offset on, then zeroes to the end of the last page. */
struct image_segment {
    enum image_kind kind;
    uint64_t address;      /* multiple of PAGE_BYTES */
    uint64_t memory_bytes; /* at least 1; not rounded */
    uint64_t file_offset;  /* multiple of PAGE_BYTES, so that a page of the file serves as a page of memory */
    uint64_t file_bytes;   /* at most memory_bytes */
};

/* A checked image. Segments are in address order, share no page and lie in [USER_FIRST, image_limit). */
struct image {
    uint64_t entry; /* inside the code's file bytes */
    uint64_t image_limit; /* end of the last page of the last segment */
    uint32_t count_segments;
    struct image_segment segments[IMAGE_KINDS];
};

constexpr uint32_t IMAGE_PROGRAM_HEADERS = 16; /* more are refused */

/* Reads an image whose segments must end at or below `address_limit` (rounded down to a page, USER_LIMIT at most).
 * OK; BAD_IMAGE; BAD_IMAGE_ORDER: segments are not code, data, rodata at ascending addresses, each at most once; WRITE_EXECUTE: a segment, or the
 * stack, wants both. On a refusal `*image` is all zero and `*refusal` says why; `where` is the number of the program header, or 0. */
enum status image_parse(const void *bytes, size_t size_bytes, uint64_t address_limit, struct image *image, struct refusal *refusal);

/* "code", "data", "rodata". */
const char *image_kind_name(enum image_kind kind);

/* Pages that a segment takes. */
static inline uint64_t image_segment_pages(const struct image_segment *segment)
{
    return (segment->memory_bytes - 1) / 4096 + 1;
}

#endif
