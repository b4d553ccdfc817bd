/* Strings: length, order, search.
 *
 * Byte by byte: names and command lines are short, and a loop that never reads beyond the NUL needs no argument about pages and alignment.
 * [[clang::no_builtin]] keeps the compiler from turning a loop into a call of the very function it stands in. */
#include <string.h>

#include <stdint.h>

[[clang::no_builtin]]
size_t strlen(const char *text)
{
    size_t length = 0;
    while (text[length] != '\0')
        length++;
    return length;
}

[[clang::no_builtin]]
size_t strnlen(const char *text, size_t limit)
{
    size_t length = 0;
    while (length < limit && text[length] != '\0')
        length++;
    return length;
}

[[clang::no_builtin]]
int strncmp(const char *left, const char *right, size_t limit)
{
    for (; limit > 0; left++, right++, limit--) {
        if (*left != *right)
            return (uint8_t)*left - (uint8_t)*right;
        if (*left == '\0')
            break;
    }
    return 0;
}

[[clang::no_builtin]]
int strcmp(const char *left, const char *right)
{
    while (*left == *right && *left != '\0')
        left++, right++;
    return (uint8_t)*left - (uint8_t)*right;
}

[[clang::no_builtin]]
char *strchr(const char *text, int character)
{
    for (; *text != (char)character; text++)
        if (*text == '\0')
            return nullptr;
    return (char *)(uintptr_t)text;
}

[[clang::no_builtin]]
char *strrchr(const char *text, int character)
{
    const char *last = nullptr;
    do {
        if (*text == (char)character)
            last = text;
    } while (*text++ != '\0');
    return (char *)(uintptr_t)last;
}

[[clang::no_builtin]]
char *strstr(const char *text, const char *wanted)
{
    size_t length = strlen(wanted);
    for (;; text++) {
        if (strncmp(text, wanted, length) == 0)
            return (char *)(uintptr_t)text;
        if (*text == '\0')
            return nullptr;
    }
}
