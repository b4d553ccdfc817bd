/* Fuzzer of the two kinds of command line: any bytes as kernel arguments and as a module's line. */
#include <stdlib.h>
#include <string.h>

#include "abi/boot_info.h"
#include "arguments.h"
#include "module_line.h"

/* The span lies in [*behind, limit); *behind moves to its end. */
static void expect_inside(struct text_span span, const char **behind, const char *limit)
{
    if (span.first < *behind || span.first > limit || span.count > (size_t)(limit - span.first)) abort();
    *behind = span.first + span.count;
}

static void check_value(struct text_span value)
{
    uint64_t number = 1;
    struct trace_list trace = arguments_trace(value);
    if (trace.bits & ~(TRACE_FAULTS | TRACE_CALLS | TRACE_PROCESSES)) abort();
    if ((trace.count_unknown == 0) != (trace.unknown.count == 0)) abort();
    if (arguments_number(value, &number) != STATUS_OK && number != 1) abort();
}

static void check_arguments(const char *line, size_t size)
{
    const char *limit = line + strnlen(line, size), *behind = line;
    struct argument_cursor cursor = arguments_begin(line, size);
    size_t rounds = 0;
    for (struct argument argument; arguments_next(&cursor, &argument);) {
        if (++rounds > size) abort();
        expect_inside(argument.key, &behind, limit);
        if (argument.form != ARGUMENT_MALFORMED && argument.key.count == 0) abort();
        if (argument.form != ARGUMENT_VALUE) {
            if (argument.value.count != 0) abort();
            continue;
        }
        expect_inside(argument.value, &behind, limit);
        check_value(argument.value);
    }
    if (cursor.rest.count != 0) abort();
}

static void check_module_line(const char *text, size_t size)
{
    struct module_line line;
    struct refusal refusal;
    if (module_line_parse(text, size, &line, &refusal) != STATUS_OK) {
        if (refusal.reason == nullptr || refusal.where > size || line.name.count != 0) abort();
        return;
    }
    const char *limit = text + strnlen(text, size), *behind = text;
    struct text_span groups = line.groups;
    unsigned count_groups = 0;
    for (struct text_span group; module_line_next_group(&groups, &group); count_groups++) {
        expect_inside(group, &behind, limit);
        if (group.count < 1 || group.count > MODULE_GROUP_BYTES || memchr(group.first, '@', group.count) != nullptr) abort();
        if (!module_kind_is_started(line.kind)) abort();
    }
    if (count_groups > MODULE_GROUPS) abort();
    for (uint32_t term = 0; term < MODULE_TERMS; term++) {
        bool is_named = module_terms_name(&line.terms, (enum module_term)term);
        if (is_named ? !module_kind_is_started(line.kind) || (term != MODULE_GUARANTEE && line.terms.number[term] == 0) : line.terms.number[term] != 0) abort();
    }
    bool has_limit = module_terms_name(&line.terms, MODULE_LIMIT);
    if (has_limit && line.terms.number[MODULE_GUARANTEE] > line.terms.number[MODULE_LIMIT]) abort();
    expect_inside(line.name, &behind, limit);
    if (line.kind >= MODULE_KINDS || line.name.count < 1 || line.name.count > MODULE_NAME_BYTES) abort();
    if (memchr(line.name.first, ' ', line.name.count) != nullptr || memchr(line.name.first, ':', line.name.count) != nullptr) abort();
    uint32_t count = 0;
    struct text_span rest = line.arguments;
    for (struct text_span argument; module_line_next(&rest, &argument); count++) {
        expect_inside(argument, &behind, limit);
        if (argument.count == 0 || memchr(argument.first, ' ', argument.count) != nullptr) abort();
    }
    if (count != line.count_arguments) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_arguments((const char *)data, size);
    check_module_line((const char *)data, size);
    return 0;
}
