/* Memory and strings, as in C23 7.26: the part that the kernel, the pager and programs use.
 *
 * Left out on purpose: everything that writes without knowing the size of its destination (strcpy, strcat), and locales. To put text together use
 * format.h. */
#ifndef QUIRE_STRING_H
#define QUIRE_STRING_H

#include <stddef.h>

/* Copies `size_bytes` bytes. The ranges do not overlap. Returns `to`. */
void *memcpy(void *restrict to, const void *restrict from, size_t size_bytes);
/* The same for ranges that may overlap. */
void *memmove(void *to, const void *from, size_t size_bytes);
/* Sets every byte to the low eight bits of `value`. Returns `to`. */
void *memset(void *to, int value, size_t size_bytes);
/* Below, equal to or above 0, as the first bytes that differ compare as unsigned numbers. */
int memcmp(const void *left, const void *right, size_t size_bytes);
#if QUIRE_KERNEL
/* Freestanding code gets what the compiler does in line by this name only: a few bytes are a load and a store, no call. */
#define memcpy(to, from, size_bytes) __builtin_memcpy((to), (from), (size_bytes))
#define memset(to, value, size_bytes) __builtin_memset((to), (value), (size_bytes))
#endif
/* First byte equal to the low eight bits of `value`, or nullptr. */
void *memchr(const void *bytes, int value, size_t size_bytes);

/* Length in bytes without the NUL. */
size_t strlen(const char *text);
/* The same, looking at no more than `limit` bytes; `limit` when there is no NUL among them. */
size_t strnlen(const char *text, size_t limit);
/* Order of two strings, of at most `limit` bytes of each with strncmp. */
int strcmp(const char *left, const char *right);
int strncmp(const char *left, const char *right, size_t limit);
/* First and last place of a character, the NUL counts as one; nullptr when it is not there. */
char *strchr(const char *text, int character);
char *strrchr(const char *text, int character);
/* First place of `wanted` in `text`, or nullptr. The empty string is found at the start. */
char *strstr(const char *text, const char *wanted);

#endif
