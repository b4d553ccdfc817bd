/* A boot module's command line: "[KIND:]NAME [ARGUMENT...]", pieces separated by spaces.
 *
 * KIND is program (the default), program+wx, image or data (pager/protocol.h). NAME is 1 to MODULE_NAME_BYTES letters, digits and "._+-/", so that it
 * can stand unquoted in a log line. Arguments are any other bytes; there is no quoting. */
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
    MODULE_IMAGE,      /* an ELF image, started on request */
    MODULE_DATA,       /* a plain file */
    MODULE_KINDS,
};

constexpr size_t MODULE_NAME_BYTES = 64;

/* A checked line. The spans lie in the text that was parsed. */
struct module_line {
    enum module_kind kind;
    struct text_span name;
    struct text_span arguments; /* all that follows the name, for module_line_next() */
    uint32_t count_arguments;
};

/* Parses the first `size_bytes` bytes of text, or up to the first NUL among them.
 * OK; BAD_ARGUMENT: unknown kind, bad character in the name; BAD_LENGTH: no name, or too long. On a refusal `*line` is all zero; `where` is the
 * position in the text. */
enum status module_line_parse(const char *text, size_t size_bytes, struct module_line *line, struct refusal *refusal);

/* Takes the next argument off the front of `*rest` (begin with a copy of line.arguments); never empty. False at the end. */
bool module_line_next(struct text_span *rest, struct text_span *argument);

/* "program", "program+wx", "image", "data". */
const char *module_kind_name(enum module_kind kind);

#endif
