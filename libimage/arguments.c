/* Kernel arguments: cuts the command line into keys and values.
 *
 * Keys and values are spans of the line itself, nothing is copied: that is why quotes count only at the beginning of an argument or a value, and why
 * there are no escapes. Each call of arguments_next() takes at least one character, so every walk along a line ends. */
#include "arguments.h"

#include "abi/boot_info.h"

static bool is_quote(char c)
{
    return c == '"' || c == '\'';
}

static struct text_span span_between(const char *first, const char *limit)
{
    return (struct text_span){ first, (size_t)(limit - first) };
}

/* Position of the first `c` in [from, limit), or limit. */
static const char *find(const char *from, const char *limit, char c)
{
    while (from < limit && *from != c) from++;
    return from;
}

static void split_value(struct text_span text, struct argument *argument)
{
    const char *limit = text.first + text.count;
    const char *equals = find(text.first, limit, '=');
    argument->key = span_between(text.first, equals);
    if (argument->key.count == 0) {
        *argument = (struct argument){ .form = ARGUMENT_MALFORMED, .key = text };
    } else if (equals == limit) {
        argument->form = ARGUMENT_FLAG;
    } else {
        argument->form = ARGUMENT_VALUE;
        argument->value = span_between(equals + 1, limit);
    }
}

/* Position of the quote that decides about the argument [first, limit), or nullptr. */
static const char *find_quote(const char *first, const char *limit)
{
    if (is_quote(*first)) return first;
    const char *end = find(first, limit, ' ');
    const char *equals = find(first, end, '=');
    if (equals != first && equals + 1 < end && is_quote(equals[1])) return equals + 1;
    return nullptr;
}

struct argument_cursor arguments_begin(const char *line, size_t size_bytes)
{
    return (struct argument_cursor){ span_between(line, find(line, line + size_bytes, '\0')) };
}

bool arguments_next(struct argument_cursor *cursor, struct argument *argument)
{
    const char *first = cursor->rest.first;
    const char *limit = first + cursor->rest.count;
    *argument = (struct argument){};
    while (first < limit && *first == ' ') first++;
    if (first == limit) {
        cursor->rest = span_between(limit, limit);
        return false;
    }
    const char *quote = find_quote(first, limit);
    const char *closing = quote == nullptr ? nullptr : find(quote + 1, limit, *quote);
    const char *end = find(closing == nullptr ? first : closing, limit, ' ');
    cursor->rest = span_between(end, limit);

    if (quote != nullptr && closing == limit) {
        *argument = (struct argument){ .form = ARGUMENT_UNTERMINATED, .key = span_between(first, limit) };
    } else if (quote != nullptr && closing + 1 != end) {
        *argument = (struct argument){ .form = ARGUMENT_MALFORMED, .key = span_between(first, end) };
    } else if (quote == first) {
        split_value(span_between(quote + 1, closing), argument);
    } else if (quote != nullptr) {
        argument->form = ARGUMENT_VALUE;
        argument->key = span_between(first, quote - 1);
        argument->value = span_between(quote + 1, closing);
    } else {
        split_value(span_between(first, end), argument);
    }
    return true;
}

bool arguments_find(const char *line, size_t size_bytes, const char *key, struct text_span *value)
{
    bool found = false;
    struct argument_cursor cursor = arguments_begin(line, size_bytes);
    for (struct argument argument; arguments_next(&cursor, &argument);) {
        if (argument.form != ARGUMENT_FLAG && argument.form != ARGUMENT_VALUE) continue;
        if (!text_span_is(argument.key, key)) continue;
        *value = argument.value;
        found = true;
    }
    return found;
}

static bool digit_value(char c, unsigned base, unsigned *value)
{
    if (c >= '0' && c <= '9') *value = (unsigned)(c - '0');
    else if (c >= 'a' && c <= 'f') *value = (unsigned)(c - 'a') + 10;
    else if (c >= 'A' && c <= 'F') *value = (unsigned)(c - 'A') + 10;
    else return false;
    return *value < base;
}

enum status arguments_number(struct text_span text, uint64_t *number)
{
    unsigned base = 10;
    size_t i = 0;
    if (text.count > 2 && text.first[0] == '0' && (text.first[1] == 'x' || text.first[1] == 'X')) {
        base = 16;
        i = 2;
    }
    if (text.count == 0) return STATUS_BAD_ARGUMENT;
    uint64_t result = 0;
    for (; i < text.count; i++) {
        unsigned digit;
        if (!digit_value(text.first[i], base, &digit)) return STATUS_BAD_ARGUMENT;
        if (__builtin_mul_overflow(result, base, &result) || __builtin_add_overflow(result, digit, &result)) return STATUS_BAD_ARGUMENT;
    }
    *number = result;
    return STATUS_OK;
}

static const struct {
    const char *name;
    uint64_t bit;
} TRACES[] = {
    { "faults", TRACE_FAULTS }, { "calls", TRACE_CALLS }, { "processes", TRACE_PROCESSES },
};

static uint64_t trace_bit(struct text_span name)
{
    for (size_t i = 0; i < sizeof(TRACES) / sizeof(TRACES[0]); i++)
        if (text_span_is(name, TRACES[i].name)) return TRACES[i].bit;
    return 0;
}

struct trace_list arguments_trace(struct text_span list)
{
    struct trace_list result = {};
    for (struct text_span name; text_span_split(&list, ',', &name);) {
        if (name.count == 0) continue;
        uint64_t bit = trace_bit(name);
        result.bits |= bit;
        if (bit == 0 && result.count_unknown++ == 0) result.unknown = name;
    }
    return result;
}
