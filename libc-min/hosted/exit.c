/* The end of a program, wanted or not. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include <quire/process.h>

constexpr unsigned FUNCTIONS = 32; /* C23 7.24.4.2 asks for this many */
constexpr int STATUS_ABORTED = 134; /* what a shell shows for a program that aborted: 128 + 6 */

static void (*at_exit[FUNCTIONS])(void);
static unsigned at_exit_count;

int atexit(void (*function)(void))
{
    if (at_exit_count == FUNCTIONS)
        return -1;
    at_exit[at_exit_count++] = function;
    return 0;
}

[[noreturn]] void exit(int status)
{
    while (at_exit_count > 0)
        at_exit[--at_exit_count]();
    fflush(nullptr);
    process_exit((unsigned)status);
}

[[noreturn]] void _Exit(int status) { process_exit((unsigned)status); }

[[noreturn]] void abort(void)
{
    fflush(nullptr);
    _Exit(STATUS_ABORTED);
}

[[noreturn]] void assert_failed(const char *condition, const char *file, int line)
{
    fprintf(stderr, "%s:%d: assertion failed: %s\n", file, line, condition);
    abort();
}
