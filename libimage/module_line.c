/* A boot module's command line: kind and name are checked, arguments are counted.
 *
 * A colon in the first piece always ends a kind: names cannot hold one, so a mistyped kind is an error and not a strange name. */
#include "module_line.h"

#include "arguments.h"

static const char *const KIND_NAMES[MODULE_KINDS] = {
    [MODULE_PROGRAM] = "program", [MODULE_PROGRAM_WX] = "program+wx", [MODULE_DRIVER] = "driver", [MODULE_IMAGE] = "image", [MODULE_DATA] = "data",
};

static const char *const TERM_NAMES[MODULE_TERMS] = { [MODULE_GUARANTEE] = "guarantee", [MODULE_LIMIT] = "limit", [MODULE_PROCESSES] = "processes" };

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

/* A name of a module or a group; `no_name`, `too_long`, `character`: what is said of a bad one. */
static enum status check_name(const char *text, struct text_span name, size_t most, const char *const reason[3], struct refusal *refusal)
{
    uint64_t where = (uint64_t)(name.first - text);
    if (name.count == 0) return refuse(refusal, STATUS_BAD_LENGTH, reason[0], where);
    if (name.count > most) return refuse(refusal, STATUS_BAD_LENGTH, reason[1], where);
    for (size_t i = 0; i < name.count; i++)
        if (!is_name_character(name.first[i])) return refuse(refusal, STATUS_BAD_ARGUMENT, reason[2], where + i);
    return STATUS_OK;
}

/* What lies between the kind and the colon: "@GROUP@GROUP", `groups` without the first sign. An empty piece at the end counts. */
static enum status parse_groups(const char *text, struct text_span groups, struct module_line *line, struct refusal *refusal)
{
    static const char *const reason[] = { "group has no name", "name of the group is too long", "character in the name of the group" };
    if (!module_kind_is_started(line->kind))
        return refuse(refusal, STATUS_BAD_ARGUMENT, "groups of what is not started at boot", (uint64_t)(groups.first - text));
    line->groups = groups;
    unsigned count = 0;
    for (size_t first = 0; first <= groups.count;) {
        size_t limit = first;
        while (limit < groups.count && groups.first[limit] != '@') limit++;
        struct text_span group = { groups.first + first, limit - first };
        if (count++ == MODULE_GROUPS) return refuse(refusal, STATUS_LIMIT, "too many groups", (uint64_t)(group.first - text));
        enum status status = check_name(text, group, MODULE_GROUP_BYTES, reason, refusal);
        if (status != STATUS_OK) return status;
        first = limit + 1;
    }
    return STATUS_OK;
}

/* "TERM=NUMBER". */
static enum status parse_term(const char *text, struct text_span piece, struct module_terms *terms, struct refusal *refusal)
{
    struct text_span rest = piece, key = { piece.first, 0 };
    uint64_t where = (uint64_t)(piece.first - text);
    text_span_split(&rest, '=', &key);
    uint32_t term = 0;
    while (term < MODULE_TERMS && !text_span_is(key, TERM_NAMES[term])) term++;
    if (term == MODULE_TERMS) return refuse(refusal, STATUS_BAD_ARGUMENT, "unknown term of a program", where);
    if (module_terms_name(terms, (enum module_term)term)) return refuse(refusal, STATUS_BAD_ARGUMENT, "term that was named before", where);
    if (arguments_number(rest, &terms->number[term]) != STATUS_OK) return refuse(refusal, STATUS_BAD_ARGUMENT, "term without a number", where);
    if (term != MODULE_GUARANTEE && terms->number[term] == 0) return refuse(refusal, STATUS_BAD_ARGUMENT, "limit of nothing", where);
    terms->named |= 1u << term;
    return STATUS_OK;
}

/* What lies between kind and groups and the colon: "TERM=NUMBER,TERM=NUMBER". An empty piece at the end counts. */
static enum status parse_terms(const char *text, struct text_span piece, struct module_line *line, struct refusal *refusal)
{
    struct module_terms *terms = &line->terms;
    uint64_t where = (uint64_t)(piece.first - text);
    if (!module_kind_is_started(line->kind)) return refuse(refusal, STATUS_BAD_ARGUMENT, "terms of what is not started at boot", where);
    for (size_t first = 0; first <= piece.count;) {
        size_t limit = first;
        while (limit < piece.count && piece.first[limit] != ',') limit++;
        enum status status = parse_term(text, (struct text_span){ piece.first + first, limit - first }, terms, refusal);
        if (status != STATUS_OK) return status;
        first = limit + 1;
    }
    bool has_both = module_terms_name(terms, MODULE_GUARANTEE) && module_terms_name(terms, MODULE_LIMIT);
    if (has_both && terms->number[MODULE_GUARANTEE] > terms->number[MODULE_LIMIT])
        return refuse(refusal, STATUS_BAD_ARGUMENT, "guarantee above the limit", where);
    return STATUS_OK;
}

static size_t find_character(struct text_span text, char wanted)
{
    size_t at = 0;
    while (at < text.count && text.first[at] != wanted) at++;
    return at;
}

/* "KIND", "KIND@GROUP...", "KIND,TERM=NUMBER..." or all of it, before the colon. */
static enum status parse_kind(const char *text, struct text_span piece, struct module_line *line, struct refusal *refusal)
{
    size_t terms = find_character(piece, ',');
    struct text_span front = { piece.first, terms };
    size_t groups = find_character(front, '@');
    if (!find_kind((struct text_span){ front.first, groups }, &line->kind))
        return refuse(refusal, STATUS_BAD_ARGUMENT, "unknown kind of module", (uint64_t)(piece.first - text));
    enum status status = STATUS_OK;
    if (groups < front.count) status = parse_groups(text, (struct text_span){ front.first + groups + 1, front.count - groups - 1 }, line, refusal);
    if (status != STATUS_OK || terms == piece.count) return status;
    return parse_terms(text, (struct text_span){ piece.first + terms + 1, piece.count - terms - 1 }, line, refusal);
}

/* Splits "KIND:NAME" or "NAME". */
static enum status parse_name(const char *text, struct text_span piece, struct module_line *line, struct refusal *refusal)
{
    static const char *const reason[] = { "module has no name", "name of the module is too long", "character in the name of the module" };
    line->kind = MODULE_PROGRAM;
    line->name = piece;
    for (size_t i = 0; i < piece.count; i++) {
        if (piece.first[i] != ':') continue;
        enum status status = parse_kind(text, (struct text_span){ piece.first, i }, line, refusal);
        if (status != STATUS_OK) return status;
        line->name = (struct text_span){ piece.first + i + 1, piece.count - i - 1 };
        break;
    }
    return check_name(text, line->name, MODULE_NAME_BYTES, reason, refusal);
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

bool module_line_next_group(struct text_span *rest, struct text_span *group)
{
    return text_span_split(rest, '@', group);
}

const char *module_kind_name(enum module_kind kind)
{
    return kind < MODULE_KINDS ? KIND_NAMES[kind] : "unknown";
}
