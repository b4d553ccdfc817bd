/* Small ELF images, made by hand, for tests of the pager. */
#ifndef QUIRE_SIM_IMAGE_H
#define QUIRE_SIM_IMAGE_H

#include <stddef.h>
#include <stdint.h>

/* Sizes in bytes; 0: no such segment. The code begins at SIM_IMAGE_FIRST, the others follow on pages of their own. */
struct sim_image_shape {
    uint32_t code_bytes;
    uint32_t data_file_bytes;
    uint32_t data_memory_bytes;
    uint32_t rodata_bytes;
};

constexpr uint64_t SIM_IMAGE_FIRST = 0x400000;
constexpr size_t SIM_IMAGE_BYTES = 1 << 18;

struct sim_image {
    size_t size_bytes;
    uint64_t data_first; /* addresses; 0: no such segment */
    uint64_t rodata_first;
    uint64_t limit;      /* end of the last page */
    unsigned char bytes[SIM_IMAGE_BYTES];
};

void sim_image_make(struct sim_image *image, const struct sim_image_shape *shape);
/* The byte that the image has at an address of its file part. */
unsigned char sim_image_byte(uint64_t address);

#endif
