/* A boot module's command line: "[KIND[@GROUP]...[,TERM=NUMBER]...:]NAME [ARGUMENT...]", pieces separated by spaces.
 *
 * KIND is program (the default), program+wx, driver, image or data (pager/protocol.h). Where a program is started at boot, up to MODULE_GROUPS groups may
 * be named, and each TERM once: guarantee and limit, in pages, and processes, what its family may have at most. NUMBER is decimal or, with 0x, hexadecimal.
 * NAME is 1 to MODULE_NAME_BYTES letters, digits and "._+-/", so that it can stand unquoted in a log line; GROUP is made of the same, 1 to
 * MODULE_GROUP_BYTES. Arguments are any other bytes; there is no quoting. */
#ifndef QUIRE_MODULE_LINE_H
#define QUIRE_MODULE_LINE_H

#include <stddef.h>
#include <stdint.h>

#include "abi/status.h"
#include "refusal.h"
#include "text_span.h"

enum module_kind : uint32_t {
    MODULE_PROGRAM,    /* an ELF image, started at boot */
    MODULE_PROGRAM_WX, /* the same, may have memory that is writable and executable */
    MODULE_DRIVER,     /* the same as MODULE_PROGRAM, may use devices */
    MODULE_IMAGE,      /* an ELF image, started on request */
    MODULE_DATA,       /* a plain file */
    MODULE_KINDS,
};

constexpr size_t MODULE_NAME_BYTES = 64;
constexpr size_t MODULE_GROUP_BYTES = 32;
constexpr unsigned MODULE_GROUPS = 2;

enum module_term : uint32_t {
    MODULE_GUARANTEE, /* pages; at most the limit, where both are named */
    MODULE_LIMIT,     /* pages; not 0 */
    MODULE_PROCESSES, /* at most; not 0 */
    MODULE_TERMS,
};

/* What a line says of the family of its program. */
struct module_terms {
    uint32_t named; /* bit MODULE_...: the number of this term */
    uint64_t number[MODULE_TERMS];
};
static inline bool module_terms_name(const struct module_terms *terms, enum module_term term) { return terms->named >> term & 1; }

/* A checked line. The spans lie in the text that was parsed. */
struct module_line {
    enum module_kind kind;
    struct text_span name;
    struct text_span arguments; /* all that follows the name, for module_line_next() */
    uint32_t count_arguments;
    struct text_span groups;    /* "GROUP@GROUP" for module_line_next_group(); empty: none was named */
    struct module_terms terms;
};

/* Parses the first `size_bytes` bytes of text, or up to the first NUL among them.
 * OK; BAD_ARGUMENT: unknown kind, bad character in a name, groups or terms of what is not started, a term that is unknown, named twice, no number or 0,
 * a guarantee above the limit; BAD_LENGTH: no name, or too long; LIMIT: too many groups.
 * On a refusal `*line` is all zero; `where` is the position in the text. */
enum status module_line_parse(const char *text, size_t size_bytes, struct module_line *line, struct refusal *refusal);

/* Takes the next argument off the front of `*rest` (begin with a copy of line.arguments); never empty. False at the end. */
bool module_line_next(struct text_span *rest, struct text_span *argument);

/* Takes the next group off the front of `*rest` (begin with a copy of line.groups). False at the end. */
bool module_line_next_group(struct text_span *rest, struct text_span *group);

/* Whether modules of a kind are started with the machine. */
static inline bool module_kind_is_started(enum module_kind kind) { return kind <= MODULE_DRIVER; }

/* "program", "program+wx", "driver", "image", "data". */
const char *module_kind_name(enum module_kind kind);

#endif
