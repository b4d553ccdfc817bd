/* Statuses: what every call answers.
 *
 * The rows are in status.def. A status is never mixed with a value: calls return the status and deliver values beside it. */
#ifndef QUIRE_ABI_STATUS_H
#define QUIRE_ABI_STATUS_H

enum [[nodiscard]] status : unsigned int {
#define STATUS(number, name, text) STATUS_##name = (number),
#include "status.def"
#undef STATUS
};

/* The name of a status as in status.def ("NO_MEMORY"), or "UNKNOWN" for a number that has no row. */
[[maybe_unused]] static const char *status_name(enum status status)
{
    switch (status) {
#define STATUS(number, name, text) case STATUS_##name: return #name;
#include "status.def"
#undef STATUS
    default: return "UNKNOWN";
    }
}

#endif
