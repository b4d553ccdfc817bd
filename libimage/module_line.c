/* A boot module's command line: kind and name are checked, arguments are counted.
 *
 * A colon in the first piece always ends a kind: names cannot hold one, so a mistyped kind is an error and not a strange name. */
#include "module_line.h"

static const char *const KIND_NAMES[MODULE_KINDS] = {
    [MODULE_PROGRAM] = "program", [MODULE_PROGRAM_WX] = "program+wx", [MODULE_IMAGE] = "image", [MODULE_DATA] = "data",
};

static bool is_name_character(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '+' || c == '-' || c == '/';
}

static struct text_span span_of_text(const char *text, size_t size_bytes)
{
    size_t count = 0;
    while (count < size_bytes && text[count] != '\0') count++;
    return (struct text_span){ text, count };
}

static bool find_kind(struct text_span name, enum module_kind *kind)
{
    for (uint32_t i = 0; i < MODULE_KINDS; i++) {
        if (!text_span_is(name, KIND_NAMES[i])) continue;
        *kind = (enum module_kind)i;
        return true;
    }
    return false;
}

/* Splits "KIND:NAME" or "NAME". */
static enum status parse_name(const char *text, struct text_span piece, struct module_line *line, struct refusal *refusal)
{
    line->kind = MODULE_PROGRAM;
    line->name = piece;
    for (size_t i = 0; i < piece.count; i++) {
        if (piece.first[i] != ':') continue;
        if (!find_kind((struct text_span){ piece.first, i }, &line->kind))
            return refuse(refusal, STATUS_BAD_ARGUMENT, "unknown kind of module", (uint64_t)(piece.first - text));
        line->name = (struct text_span){ piece.first + i + 1, piece.count - i - 1 };
        break;
    }
    uint64_t where = (uint64_t)(line->name.first - text);
    if (line->name.count == 0) return refuse(refusal, STATUS_BAD_LENGTH, "module has no name", where);
    if (line->name.count > MODULE_NAME_BYTES) return refuse(refusal, STATUS_BAD_LENGTH, "name of the module is too long", where);
    for (size_t i = 0; i < line->name.count; i++)
        if (!is_name_character(line->name.first[i]))
            return refuse(refusal, STATUS_BAD_ARGUMENT, "character in the name of the module", where + i);
    return STATUS_OK;
}

enum status module_line_parse(const char *text, size_t size_bytes, struct module_line *line, struct refusal *refusal)
{
    *line = (struct module_line){};
    *refusal = (struct refusal){};
    struct text_span rest = span_of_text(text, size_bytes);
    struct text_span piece;
    if (!module_line_next(&rest, &piece)) return refuse(refusal, STATUS_BAD_LENGTH, "module has no name", 0);
    struct module_line result = {};
    enum status status = parse_name(text, piece, &result, refusal);
    if (status != STATUS_OK) return status;

    // Commit: nothing below may fail.
    result.arguments = rest;
    while (module_line_next(&rest, &piece)) result.count_arguments++;
    *line = result;
    return STATUS_OK;
}

bool module_line_next(struct text_span *rest, struct text_span *argument)
{
    while (text_span_split(rest, ' ', argument))
        if (argument->count != 0) return true;
    return false;
}

const char *module_kind_name(enum module_kind kind)
{
    return kind < MODULE_KINDS ? KIND_NAMES[kind] : "unknown";
}
