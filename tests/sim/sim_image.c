/* Images by hand: file header, program headers, segments of bytes that depend on their address. Numbers: ELF-64 Object File Format 1.5. */
#include "sim_image.h"

#include <assert.h>
#include <string.h>

#include "abi/memory.h"

struct file_header {
    unsigned char ident[16];
    uint16_t type, machine;
    uint32_t version;
    uint64_t entry, headers_offset, sections_offset;
    uint32_t flags;
    uint16_t header_bytes, row_bytes, rows, section_row_bytes, section_rows, names;
};

struct row {
    uint32_t type, flags;
    uint64_t offset, address, physical, file_bytes, memory_bytes, align;
};

enum : uint32_t { ROW_LOAD = 1, FLAG_EXECUTE = 1, FLAG_WRITE = 2, FLAG_READ = 4 };

unsigned char sim_image_byte(uint64_t address)
{
    return (unsigned char)((address * 0x9e3779b97f4a7c15) >> 56);
}

static uint64_t page_up(uint64_t bytes) { return (bytes + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1); }

/* Adds a segment at the image's ends in file and memory; returns its address. */
static uint64_t add(struct sim_image *image, struct file_header *header, uint32_t flags, uint64_t file_bytes, uint64_t memory_bytes)
{
    if (memory_bytes == 0) return 0;
    uint64_t address = image->limit;
    struct row row = { ROW_LOAD, flags | FLAG_READ, image->size_bytes, address, address, file_bytes, memory_bytes, PAGE_BYTES };
    memcpy(image->bytes + sizeof(*header) + header->rows++ * sizeof(row), &row, sizeof(row));
    assert(image->size_bytes + page_up(file_bytes) <= SIM_IMAGE_BYTES && file_bytes <= memory_bytes);
    for (uint64_t i = 0; i < file_bytes; i++) image->bytes[image->size_bytes + i] = sim_image_byte(address + i);
    /* What follows in the file belongs to nobody and must not reach memory. */
    memset(image->bytes + image->size_bytes + file_bytes, 0xee, page_up(file_bytes) - file_bytes);
    image->size_bytes += page_up(file_bytes);
    image->limit += page_up(memory_bytes);
    return address;
}

void sim_image_make(struct sim_image *image, const struct sim_image_shape *shape)
{
    memset(image, 0, sizeof(*image));
    image->size_bytes = PAGE_BYTES;
    image->limit = SIM_IMAGE_FIRST;
    struct file_header header = {
        .ident = { 0x7f, 'E', 'L', 'F', 2, 1, 1 }, .type = 2, .machine = 62, .version = 1, .entry = SIM_IMAGE_FIRST, .headers_offset = sizeof(header),
        .header_bytes = sizeof(header), .row_bytes = sizeof(struct row),
    };
    add(image, &header, FLAG_EXECUTE, shape->code_bytes, shape->code_bytes);
    image->data_first = add(image, &header, FLAG_WRITE, shape->data_file_bytes, shape->data_memory_bytes);
    image->rodata_first = add(image, &header, 0, shape->rodata_bytes, shape->rodata_bytes);
    memcpy(image->bytes, &header, sizeof(header));
}
