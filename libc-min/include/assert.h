/* assert: the second half of a comment. For what must be true inside the program; input from outside never reaches one.
 *
 * Who links it brings assert_failed(): the kernel panics, the pager ends the machine, a program prints the line and exits with status 134. */
#undef assert
#ifdef NDEBUG
#define assert(condition) ((void)0)
#else
#define assert(condition) ((condition) ? (void)0 : assert_failed(#condition, __FILE_NAME__, __LINE__))
#endif

#ifndef QUIRE_ASSERT_H
#define QUIRE_ASSERT_H

[[noreturn]] void assert_failed(const char *condition, const char *file, int line);

#endif
