/* Blocks of memory: copy, fill, compare, search.
 *
 * The kernel and the pager have no vector registers, so the unit is a word. Eight words make one turn of the loop: a word costs 1.5
 * instructions to fill and 2.6 to copy. The string instructions take one each, but are not C, and slow to start on real processors.
 * [[clang::no_builtin]] keeps the compiler from recognising a loop as memcpy and calling the function from inside itself; the short loops for what is
 * left stay rolled up, they run seven times at most.
 *
 * 1. Words are read and written at any alignment (struct word is packed); every processor that we have allows it.
 * 2. A block is read before any of its words is written, so copying forwards is right whenever `to` lies below `from`. */
#include <string.h>

#include <stdint.h>

struct [[gnu::packed, gnu::may_alias]] word {
    uint64_t value;
};

constexpr size_t WORD = sizeof(struct word);
constexpr size_t BLOCK = 8 * WORD;

[[clang::no_builtin]]
static inline void copy_block(uint8_t *to, const uint8_t *from)
{
    const struct word *source = (const struct word *)from;
    uint64_t a = source[0].value, b = source[1].value, c = source[2].value, d = source[3].value;
    uint64_t e = source[4].value, f = source[5].value, g = source[6].value, h = source[7].value;
    struct word *target = (struct word *)to;
    target[0].value = a, target[1].value = b, target[2].value = c, target[3].value = d;
    target[4].value = e, target[5].value = f, target[6].value = g, target[7].value = h;
}

static inline void copy_word(uint8_t *to, const uint8_t *from)
{
    ((struct word *)to)->value = ((const struct word *)from)->value;
}

/* Both copies end here; forwards, from the lowest byte. */
[[clang::no_builtin]]
static inline void copy_forwards(uint8_t *to, const uint8_t *from, size_t size_bytes)
{
    for (; size_bytes >= BLOCK; to += BLOCK, from += BLOCK, size_bytes -= BLOCK)
        copy_block(to, from);
    #pragma clang loop unroll(disable)
    for (; size_bytes >= WORD; to += WORD, from += WORD, size_bytes -= WORD)
        copy_word(to, from);
    #pragma clang loop unroll(disable)
    for (; size_bytes > 0; size_bytes--)
        *to++ = *from++;
}

[[clang::no_builtin]]
static inline void copy_backwards(uint8_t *to, const uint8_t *from, size_t size_bytes)
{
    for (; size_bytes >= BLOCK; size_bytes -= BLOCK)
        copy_block(to + size_bytes - BLOCK, from + size_bytes - BLOCK);
    #pragma clang loop unroll(disable)
    for (; size_bytes >= WORD; size_bytes -= WORD)
        copy_word(to + size_bytes - WORD, from + size_bytes - WORD);
    #pragma clang loop unroll(disable)
    for (; size_bytes > 0; size_bytes--)
        to[size_bytes - 1] = from[size_bytes - 1];
}

[[clang::no_builtin]]
void *memcpy(void *restrict to, const void *restrict from, size_t size_bytes)
{
    copy_forwards(to, from, size_bytes);
    return to;
}

[[clang::no_builtin]]
void *memmove(void *to, const void *from, size_t size_bytes)
{
    if ((uintptr_t)to - (uintptr_t)from >= size_bytes) /* below `from`, or beyond its end */
        copy_forwards(to, from, size_bytes);
    else
        copy_backwards(to, from, size_bytes);
    return to;
}

[[clang::no_builtin]]
void *memset(void *to, int value, size_t size_bytes)
{
    uint8_t *byte = to;
    uint64_t filled = 0x0101010101010101u * (uint8_t)value;
    for (; size_bytes >= BLOCK; byte += BLOCK, size_bytes -= BLOCK) {
        struct word *word = (struct word *)byte;
        word[0].value = filled, word[1].value = filled, word[2].value = filled, word[3].value = filled;
        word[4].value = filled, word[5].value = filled, word[6].value = filled, word[7].value = filled;
    }
    #pragma clang loop unroll(disable)
    for (; size_bytes >= WORD; byte += WORD, size_bytes -= WORD)
        ((struct word *)byte)->value = filled;
    #pragma clang loop unroll(disable)
    for (; size_bytes > 0; size_bytes--)
        *byte++ = (uint8_t)value;
    return to;
}

[[clang::no_builtin]]
int memcmp(const void *left, const void *right, size_t size_bytes)
{
    const uint8_t *a = left, *b = right;
    while (size_bytes >= WORD && ((const struct word *)a)->value == ((const struct word *)b)->value)
        a += WORD, b += WORD, size_bytes -= WORD;
    for (; size_bytes > 0; a++, b++, size_bytes--)
        if (*a != *b)
            return *a - *b;
    return 0;
}

[[clang::no_builtin]]
void *memchr(const void *bytes, int value, size_t size_bytes)
{
    const uint8_t *byte = bytes;
    for (; size_bytes > 0; byte++, size_bytes--)
        if (*byte == (uint8_t)value)
            return (void *)(uintptr_t)byte;
    return nullptr;
}
