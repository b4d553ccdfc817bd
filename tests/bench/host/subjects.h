/* What is measured on the host: the kernel's frames, its bitmap alone, and the alternatives, behind one record of functions.
 *
 * Each operation of a subject turns callgrind's collection on just before the call that is measured and off just after it, when that
 * operation is the one being measured. So building a world and choosing frames cost nothing, and the difference to `empty` is the call alone. */
#ifndef QUIRE_SUBJECTS_H
#define QUIRE_SUBJECTS_H

#include <stddef.h>
#include <stdint.h>

enum operation : uint8_t { OPERATION_NONE, OPERATION_ALLOCATE, OPERATION_FREE, OPERATION_BATCH };

struct subject {
    const char *name;
    uint64_t (*storage_bytes)(uint32_t count); /* beside the frame table */
    void (*initialise)(uint32_t count);        /* nearly all frames free */
    bool (*allocate)(unsigned order, uint32_t *first);
    bool (*free)(uint32_t first, unsigned order);
    bool (*batch)(uint32_t *base, uint64_t *mask); /* or nullptr */
};

constexpr unsigned SUBJECTS = 6;
extern const struct subject *const subjects[SUBJECTS];

/* The operation whose cost is being collected. */
extern enum operation measured;

/* Collects what lies between two of these, and nothing else. */
void measure_nothing(enum operation operation);

#endif
