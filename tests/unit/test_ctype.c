/* libc-min's ctype.h against the C library's, over all characters and EOF. */
#include <criterion/criterion.h>

#include <ctype.h>
#include <stddef.h>
#include <stdio.h>

/* The library's functions, under their names; then ours under others. */
static int (*const theirs[])(int) = { isdigit, isupper, islower, isalpha, isalnum, isspace, isprint, isgraph, ispunct, iscntrl, isxdigit };

#undef isdigit
#undef isupper
#undef islower
#undef isalpha
#undef isalnum
#undef isspace
#undef isprint
#undef isgraph
#undef ispunct
#undef iscntrl
#undef isxdigit
#undef tolower
#undef toupper
#define isdigit quire_isdigit
#define isupper quire_isupper
#define islower quire_islower
#define isalpha quire_isalpha
#define isalnum quire_isalnum
#define isspace quire_isspace
#define isprint quire_isprint
#define isgraph quire_isgraph
#define ispunct quire_ispunct
#define iscntrl quire_iscntrl
#define isxdigit quire_isxdigit
#define tolower quire_tolower
#define toupper quire_toupper
#include "libc-min/include/ctype.h"

static int (*const ours[])(int) = { isdigit, isupper, islower, isalpha, isalnum, isspace, isprint, isgraph, ispunct, iscntrl, isxdigit };

Test(ctype, classes_agree_with_the_library)
{
    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++)
        for (int character = EOF; character < 256; character++)
            cr_expect_eq(ours[i](character) != 0, theirs[i](character) != 0, "class %zu character %d", i, character);
}

#undef tolower
#undef toupper

Test(ctype, cases_agree_with_the_library)
{
    for (int character = EOF; character < 256; character++) {
        cr_expect_eq(quire_tolower(character), tolower(character), "character %d", character);
        cr_expect_eq(quire_toupper(character), toupper(character), "character %d", character);
    }
}
