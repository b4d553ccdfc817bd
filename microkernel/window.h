/* The window: a part of the kernel's half where the kernel maps things for itself, and what is free in it.
 *
 * A window is a run of entries of one page table, and all tables below them. What is in use the entries say: mapped, or *reserved* (not present, but marked).
 * Above the entries stand *spans*, one for each table that there is or may be: how many pages are free from its start on, up to its end, and at most in a row
 * anywhere. So a table that is full, or empty, or too broken for what is looked for, is passed after one look, and a search goes from coarse to fine:
 *
 *   window                          spans[0]
 *   entries of its table            a span for each: of what lies below          1 GiB, 2 MiB; on i386 4 MiB
 *   lowest tables                   the entries themselves                       4 KiB
 *
 * A table comes from the stock with its first page and goes there with its last. A call changes all that it says or nothing. Ports use it while they start:
 * nothing here is bounded by a step, and the file is among those whose code is given back after boot (cmake/machine.cmake). */
#ifndef QUIRE_WINDOW_H
#define QUIRE_WINDOW_H

#include "arch.h"

/* Free pages of 4 KiB. */
struct window_span {
    uint32_t before;  /* from the start on */
    uint32_t after;   /* up to the end */
    uint32_t longest; /* the longest run; all: nothing is in use; 0: everything */
};

struct window {
    uint64_t first;  /* address, aligned to an entry of `level` */
    frame_t table;   /* holds the entries of `level`, in the direct map; the other entries of it are somebody else's */
    unsigned level;
    unsigned count;  /* entries of it; they stand for fewer than 2^32 pages */
    pte_t bits;      /* that the port wants in each leaf besides */
    struct window_span *spans; /* window_count_spans() of them */
    frame_t *tables;       /* a stock of zeroed tables, which the port brings: the last one goes first, and those that are empty again come back */
    unsigned count_tables; /* in stock */
};

/* How many spans a window of `count` entries of a level needs. */
uint32_t window_count_spans(unsigned level, unsigned count);

/* Begins with nothing in use; the caller has filled in the rest, and the entries are zero. */
void window_initialise(struct window *window);

/* Pages of a window, in use or not. */
uint64_t window_count_pages(const struct window *window);

/* Nothing of the range is in use. ALREADY_MAPPED: something is. Of every call here with a range: BAD_LENGTH, BAD_ALIGNMENT, RANGE_WRAPS, BAD_ADDRESS (not
 * in the window). */
enum status window_is_free(const struct window *window, uint64_t first, uint64_t count_pages);

/* The lowest free range of so many pages, its first page a multiple of `alignment` (pages, a power of two, else BAD_ALIGNMENT) and not below the address
 * `from`, itself in the window. NOT_FOUND: there is none. */
enum status window_find(const struct window *window, uint64_t from, uint64_t count_pages, uint64_t alignment, uint64_t *first);

struct window_request {
    uint64_t at;          /* the lowest address to take */
    bool is_fixed;        /* or the only one */
    uint64_t count_pages;
    uint64_t alignment;   /* pages, a power of two */
    bool is_reserved;     /* addresses only: window_commit() maps them */
    uint64_t frame;       /* the first of as many frames in a row */
    uint32_t attributes;  /* ATTRIBUTES_DEVICE: writing, and how it is cached */
};

/* Finds a place, maps it by the largest leaves that fit, and counts it in. NOT_FOUND (no such place; ALREADY_MAPPED when it is fixed), BAD_FRAME (beyond
 * what an entry can name), BAD_ARGUMENT (attributes), NO_MEMORY (the stock of tables). */
enum status window_allocate(struct window *window, const struct window_request *request, uint64_t *first);

/* Maps reserved pages, one leaf of 4 KiB each. NOT_MAPPED (a page is not reserved by pages of 4 KiB, or is mapped), BAD_FRAME, BAD_ARGUMENT. */
enum status window_commit(struct window *window, uint64_t first, uint64_t count_pages, uint64_t frame, uint32_t attributes);

/* Ends what a range is in use for: the entries, then the spans, then empty tables. NOT_MAPPED (a page is free), BAD_ALIGNMENT (a part of a large entry). */
enum status window_free(struct window *window, uint64_t first, uint64_t count_pages);

/* Makes a range longer or shorter at its end: only the difference is touched. What is new goes on where the last page ends: the next frames, the same
 * attributes, or reserved. NOT_MAPPED (the last page is free); as window_allocate at a fixed place and window_free. */
enum status window_resize(struct window *window, uint64_t first, uint64_t count_pages, uint64_t new_count);

#endif
