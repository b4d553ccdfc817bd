/* Bytes from outside: a bounded view, read a field at a time.
 *
 * Files, boot structures and command lines arrive at any address and with any content. A view never reads outside its bytes and never through a
 * misaligned pointer: fields are put together byte by byte, little-endian, which compilers turn into one load. A reader first asks bytes_contain()
 * and answers with a status of its own; a read outside the view after that is a mistake of the reader, and stops it. */
#ifndef QUIRE_BYTES_H
#define QUIRE_BYTES_H

#include <stddef.h>
#include <stdint.h>

struct bytes {
    const unsigned char *first;
    size_t count;
};

static inline struct bytes bytes_make(const void *first, size_t count)
{
    return (struct bytes){ first, count };
}

/* True when [offset, offset + length) lies within the view. An empty range lies within it up to its end. Never wraps. */
static inline bool bytes_contain(struct bytes bytes, uint64_t offset, uint64_t length)
{
    return offset <= bytes.count && length <= bytes.count - offset;
}

/* The part [offset, offset + length) of the view, which must contain it. */
static inline struct bytes bytes_slice(struct bytes bytes, uint64_t offset, uint64_t length)
{
    if (!bytes_contain(bytes, offset, length)) __builtin_trap();
    return (struct bytes){ bytes.first + offset, (size_t)length };
}

/* A little-endian number of 1 to 8 bytes at an offset that the view must contain. */
static inline uint64_t bytes_number(struct bytes bytes, uint64_t offset, unsigned width_bytes)
{
    if (!bytes_contain(bytes, offset, width_bytes)) __builtin_trap();
    uint64_t number = 0;
    for (unsigned i = 0; i < width_bytes; i++) number |= (uint64_t)bytes.first[offset + i] << 8 * i;
    return number;
}

static inline uint8_t bytes_u8(struct bytes bytes, uint64_t offset) { return (uint8_t)bytes_number(bytes, offset, 1); }
static inline uint16_t bytes_u16(struct bytes bytes, uint64_t offset) { return (uint16_t)bytes_number(bytes, offset, 2); }
static inline uint32_t bytes_u32(struct bytes bytes, uint64_t offset) { return (uint32_t)bytes_number(bytes, offset, 4); }
static inline uint64_t bytes_u64(struct bytes bytes, uint64_t offset) { return bytes_number(bytes, offset, 8); }

/* Position of the first NUL at or after the start of the view; its count when there is none. */
static inline size_t bytes_find_nul(struct bytes bytes)
{
    size_t position = 0;
    while (position < bytes.count && bytes.first[position] != 0) position++;
    return position;
}

#endif
