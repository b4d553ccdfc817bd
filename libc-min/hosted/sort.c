/* Sorting and searching.
 *
 * A heap sort: in place, no recursion and no bad case, which matters more here than the last third of speed. A program that needs a stable or a
 * faster order writes it for its own data, as programs/wordcount does.
 *
 * 1. While sorting, the elements [0, count) are a heap: none is smaller than those at 2i+1 and 2i+2. */
#include <stdlib.h>

#include <stdint.h>

static void swap(uint8_t *left, uint8_t *right, size_t size_bytes)
{
    for (size_t i = 0; i < size_bytes; i++) {
        uint8_t byte = left[i];
        left[i] = right[i];
        right[i] = byte;
    }
}

/* Lets the element at `root` sink to its place in the heap of `count` elements. */
static void sink(uint8_t *base, size_t root, size_t count, size_t size_bytes,
                 int (*compare)(const void *left, const void *right))
{
    for (size_t child; (child = 2 * root + 1) < count; root = child) {
        if (child + 1 < count && compare(base + child * size_bytes, base + (child + 1) * size_bytes) < 0)
            child++;
        if (compare(base + root * size_bytes, base + child * size_bytes) >= 0)
            return;
        swap(base + root * size_bytes, base + child * size_bytes, size_bytes);
    }
}

void qsort(void *base, size_t count, size_t size_bytes, int (*compare)(const void *left, const void *right))
{
    uint8_t *bytes = base;
    for (size_t root = count / 2; root-- > 0;)
        sink(bytes, root, count, size_bytes, compare);
    while (count > 1) {
        count--;
        swap(bytes, bytes + count * size_bytes, size_bytes);
        sink(bytes, 0, count, size_bytes, compare);
    }
}

void *bsearch(const void *key, const void *base, size_t count, size_t size_bytes, int (*compare)(const void *key, const void *element))
{
    const uint8_t *first = base;
    while (count > 0) {
        const uint8_t *middle = first + count / 2 * size_bytes;
        int order = compare(key, middle);
        if (order == 0)
            return (void *)(uintptr_t)middle;
        if (order > 0) {
            first = middle + size_bytes;
            count = count - count / 2 - 1;
        } else {
            count /= 2;
        }
    }
    return nullptr;
}
