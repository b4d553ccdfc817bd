/* For tests that build damaged files: writes little-endian numbers, makes exact copies, and draws repeatable random numbers. */
#ifndef QUIRE_PUT_BYTES_H
#define QUIRE_PUT_BYTES_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static inline void put_number(unsigned char *bytes, size_t offset, unsigned width_bytes, uint64_t value)
{
    for (unsigned i = 0; i < width_bytes; i++) bytes[offset + i] = (unsigned char)(value >> 8 * i);
}

/* A copy in memory of exactly this size, so that a read one byte too far is seen; at an odd address when `skew` is 1. The caller frees *block. */
static inline unsigned char *copy_exactly(const unsigned char *bytes, size_t count, size_t skew, unsigned char **block)
{
    *block = malloc(count + skew + (count + skew == 0));
    if (*block == nullptr) abort();
    if (count != 0) memcpy(*block + skew, bytes, count);
    return *block + skew;
}

/* xorshift64* (Marsaglia 2003; multiplier of Vigna 2014). The state is the seed; never 0. */
static inline uint64_t random_next(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * 0x2545f4914f6cdd1d;
}

/* A number of 8 bytes of the sort that breaks checks: small, a boundary, next to one, or anything. */
static inline uint64_t random_number(uint64_t *state)
{
    static const uint64_t EDGES[] = { 0, 1, 7, 8, 16, 24, 64, 4095, 4096, 4097, 8192, 0x10000, 0x400000, 0x7fffffff, 0x80000000, 0xffffffff, 0x100000000,
                                      (uint64_t)1 << 44, 0x00007ffffffff000, 0x7fffffffffffffff, 0x8000000000000000, 0xfffffffffffff000, UINT64_MAX };
    uint64_t draw = random_next(state);
    switch (draw % 4) {
    case 0: return random_next(state);
    case 1: return random_next(state) % 65536;
    case 2: return EDGES[random_next(state) % (sizeof(EDGES) / sizeof(EDGES[0]))];
    default: return EDGES[random_next(state) % (sizeof(EDGES) / sizeof(EDGES[0]))] + random_next(state) % 3 - 1;
    }
}

/* Damages 1 to 4 fields of 1, 2, 4 or 8 bytes at aligned places in [0, limit). */
static inline void damage(unsigned char *bytes, size_t limit, uint64_t *state)
{
    unsigned changes = 1 + (unsigned)(random_next(state) % 4);
    for (unsigned i = 0; i < changes; i++) {
        unsigned width = 1u << random_next(state) % 4;
        size_t places = limit / width;
        if (places != 0) put_number(bytes, random_next(state) % places * width, width, random_number(state));
    }
}

#endif
