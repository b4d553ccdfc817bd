/* Kernel arguments: flags and key=value, separated by spaces.
 *
 *   argument  KEY | KEY=VALUE | KEY="VALUE" | "KEY=VALUE" | "KEY"      (or with ' in place of ")
 * A quote counts only where an argument or a value begins; it reaches to the next quote of the same kind, which must end the argument. There are no
 * escapes. The keys the system knows are in docs/boot.md; who reads the line reports the ones it does not know. */
#ifndef QUIRE_ARGUMENTS_H
#define QUIRE_ARGUMENTS_H

#include <stdint.h>

#include "abi/status.h"
#include "text_span.h"

enum argument_form : uint32_t {
    ARGUMENT_FLAG,         /* key only */
    ARGUMENT_VALUE,        /* key=value; the value may be empty */
    ARGUMENT_UNTERMINATED, /* a quote without its end: key holds the rest of the line, which is used up */
    ARGUMENT_MALFORMED,    /* no key, or characters behind a closing quote: key holds the whole argument */
};

struct argument {
    enum argument_form form;
    struct text_span key;   /* without quotes; empty only if MALFORMED */
    struct text_span value; /* without quotes; empty unless VALUE */
};

/* Where the iteration stands. Borrows the line. */
struct argument_cursor {
    struct text_span rest;
};

/* Begins at the start of the first `size_bytes` bytes of a line, or up to the first NUL among them. */
struct argument_cursor arguments_begin(const char *line, size_t size_bytes);

/* The next argument; false at the end of the line. */
bool arguments_next(struct argument_cursor *cursor, struct argument *argument);

/* The value of the last well-formed argument with this key. False: there is none. A flag gives an empty span. */
bool arguments_find(const char *line, size_t size_bytes, const char *key, struct text_span *value);

/* A whole number, decimal or with 0x hexadecimal. BAD_ARGUMENT: anything else, or above 64 bits; `*number` is then unchanged. */
enum status arguments_number(struct text_span text, uint64_t *number);

/* The list of trace=: names of subsystems separated by commas. */
struct trace_list {
    uint64_t bits;            /* TRACE_... of abi/boot_info.h, of all known names */
    uint32_t count_unknown;
    struct text_span unknown; /* the first unknown name */
};
struct trace_list arguments_trace(struct text_span list);

#endif
