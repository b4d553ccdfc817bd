/* The heap behind malloc, as its tests see it. */
#ifndef QUIRE_HEAP_H
#define QUIRE_HEAP_H

#include <stddef.h>

struct heap_state {
    size_t blocks_used;
    size_t blocks_free;
    size_t bytes_used; /* headers included, large blocks not */
    size_t bytes_free;
};

/* Walks the whole heap, asserts each invariant of malloc.c and counts what is there. Takes time in proportion to the number of blocks. */
struct heap_state heap_check(void);

#endif
