/* Memory, numbers, sorting, the end of the program: the part of C23 7.24 that programs here use. Programs only; kernel and pager have no heap.
 *
 * There is no errno: malloc and its kind answer nullptr, and strtol and its kind stop at the limit of the type. */
#ifndef QUIRE_STDLIB_H
#define QUIRE_STDLIB_H

#include <stddef.h>

constexpr int EXIT_SUCCESS = 0;
constexpr int EXIT_FAILURE = 1;

/* Memory of at least `size_bytes` bytes, aligned to 16; nullptr when there is none. malloc(0) gives a block of its own. calloc zeroes and checks the
 * product. realloc moves the content; when it answers nullptr the old block stays. What free takes came from these and is free'd once; both are
 * asserted as far as the block itself can tell. */
void *malloc(size_t size_bytes);
void *calloc(size_t count, size_t size_bytes);
void *realloc(void *memory, size_t size_bytes);
void free(void *memory);

/* Ends the program with a status, 0 for success, after the functions given to atexit (last first, at most 32; atexit answers 0 when it took one)
 * and after flushing the output. _Exit does neither. abort ends with status 134. */
[[noreturn]] void exit(int status);
[[noreturn]] void _Exit(int status);
[[noreturn]] void abort(void);
int atexit(void (*function)(void));

/* Numbers from text: white space, sign, digits of the base (2 to 36; 0: as 0x or 0 in front say). `*end`, where given, is the first character not
 * used; text itself when there was no digit. */
int atoi(const char *text);
long strtol(const char *restrict text, char **restrict end, int base);
unsigned long strtoul(const char *restrict text, char **restrict end, int base);

/* Sorts in place; equal elements may change their order. At most 2 n log2 n comparisons, no memory, no recursion. */
void qsort(void *base, size_t count, size_t size_bytes, int (*compare)(const void *left, const void *right));
/* An element equal to `key` in a sorted array, or nullptr. */
void *bsearch(const void *key, const void *base, size_t count, size_t size_bytes, int (*compare)(const void *key, const void *element));

static inline int abs(int number) { return number < 0 ? -number : number; }
static inline long labs(long number) { return number < 0 ? -number : number; }

#endif
