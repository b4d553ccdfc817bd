/* A piece of text inside a longer one: not NUL-terminated, not owned. */
#ifndef QUIRE_TEXT_SPAN_H
#define QUIRE_TEXT_SPAN_H

#include <stddef.h>

struct text_span {
    const char *first;
    size_t count;
};

/* True when the span has exactly the characters of a NUL-terminated text. */
static inline bool text_span_is(struct text_span span, const char *text)
{
    size_t i = 0;
    while (i < span.count && text[i] != '\0' && span.first[i] == text[i]) i++;
    return i == span.count && text[i] == '\0';
}

/* Takes the next piece of `*rest` up to `separator`; the separator is consumed. False when nothing is left. Pieces may be empty. */
static inline bool text_span_split(struct text_span *rest, char separator, struct text_span *piece)
{
    if (rest->count == 0) return false;
    size_t end = 0;
    while (end < rest->count && rest->first[end] != separator) end++;
    *piece = (struct text_span){ rest->first, end };
    size_t consumed = end < rest->count ? end + 1 : end;
    *rest = (struct text_span){ rest->first + consumed, rest->count - consumed };
    return true;
}

#endif
