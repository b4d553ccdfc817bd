/* Spaces: page tables, one algorithm for every table format.
 *
 * pte.h of the port says how many levels there are and how an entry looks; everything else is here. A space is one control frame (struct space, with the
 * rows of its handle table) and a root table. Tables of the user half belong to one space each; their frame entries count live entries, so that an
 * empty table is given back without being scanned.
 *
 * Every range operation handles at most STEP_PAGES entries, says in *done how many pages of the span it has dealt with, and answers AGAIN when
 * some are left. Holes are skipped a whole table at a time, and an entry may be a large leaf, so *done may pass STEP_PAGES. What a step needs is reserved
 * before it changes anything: on any status but OK and AGAIN nothing has changed and no result is written.
 *
 * Pages of devices (device.h) are in the way of what maps and are holes to everything else: they come and go by calls of their own.
 *
 * The largest leaf is used that addresses, frames and length allow. A block of frames counts the leaves that name a part of it (block.h).
 *
 * Only space*.c and device.c write page-table entries. Arguments of the types user_page_t, user_span and attributes have been checked by the functions
 * below. */
#ifndef QUIRE_SPACE_H
#define QUIRE_SPACE_H

#include "abi/call.h"
#include "frame.h"
#include "handle.h"
#include "thread.h"
#include "types.h"

/* A space's control frame. */
struct space {
    frame_t frame; /* this control frame: the space's name */
    frame_t root;
    uint64_t root_address;    /* the same as switches want it */
    uint64_t incarnation_tag; /* of the pager in this space, 0 for programs; as it stands in the tag of what is received (abi/message.h) */
    uint32_t count_threads;
    uint32_t count_devices;   /* leaves of devices (device.h) */
    uint64_t count_mapped;    /* user pages mapped, in units of 4 KiB */
    uint64_t count_tables;    /* page tables below the root */
    bool is_pager;            /* its threads may make table calls */
    struct link *threads;     /* list through thread.of_space */
    struct caller_link callers; /* threads that wait for a reply from here */
    struct handle_row pager;  /* where its faults go and with which badge; empty for the first pager */
    uint64_t pager_served;
    uint64_t served[HANDLE_ROWS];        /* by row: time that servers have worked for it (handle_served) */
    struct handle_row rows[HANDLE_ROWS]; /* the handle cache: row = number % HANDLE_ROWS; last, for short offsets of the others (thread.h) */
};
static_assert(sizeof(struct space) <= PAGE_BYTES);

/* Checks an untrusted range of whole pages. BAD_LENGTH, BAD_ALIGNMENT, BAD_ADDRESS, RANGE_WRAPS. */
enum status user_span_check(uint64_t address, uint64_t count_pages, struct user_span *span);

/* Checks attributes of memory from outside. BAD_ARGUMENT: unknown bits, a cache attribute (device.h); WRITE_EXECUTE. */
static inline enum status attributes_check(uint64_t attributes)
{
    constexpr uint64_t both = ATTRIBUTE_WRITE | ATTRIBUTE_EXECUTE;
    if (attributes & ~(uint64_t)ATTRIBUTES_ALL) return STATUS_BAD_ARGUMENT;
    if ((attributes & both) == both && !(attributes & ATTRIBUTE_WRITE_EXECUTE)) return STATUS_WRITE_EXECUTE;
    return STATUS_OK;
}

/* Makes an empty space: two frames. NO_MEMORY. */
enum status space_create(struct space **space);

/* Gives everything back in bounded steps: AGAIN until done. Frames whose last mapping goes are freed as by UNMAP_FREE: what the pager means to keep it
 * unmaps first. The caller has made sure that no thread is left, that its handle rows are empty, and that it is not active. */
enum status space_destroy(struct space *space);

/* From a page on, as many as a step of the two below handles at least: what its lowest table has, at most STEP_PAGES. */
uint64_t space_step_pages(user_page_t page);

/* Maps consecutive USER frames. ALREADY_MAPPED, BAD_FRAME (a frame of another kind, or beyond memory), TOO_MANY_MAPPINGS, NO_MEMORY (tables), AGAIN. */
enum status space_map(struct space *space, struct user_span span, frame_t first, uint32_t attributes, uint64_t *done);

/* Maps fresh zeroed USER frames. ALREADY_MAPPED, NO_MEMORY, AGAIN. */
enum status space_fill(struct space *space, struct user_span span, uint32_t attributes, uint64_t *done);

/* The same for one page, with fewer instructions where its tables are there, and no AGAIN: for resolve. */
[[gnu::noinline]] enum status space_map_page(struct space *space, user_page_t page, frame_t frame, uint32_t attributes);
[[gnu::noinline]] enum status space_fill_page(struct space *space, user_page_t page, uint32_t attributes);

struct unmap_result {
    uint64_t done_pages;     /* of the span, holes included */
    uint64_t unmapped_pages; /* entries removed, in pages of 4 KiB */
    uint64_t freed_frames;   /* UNMAP_FREE: frames given back */
};
/* Removes entries; holes are fine. Splits large leaves (NO_MEMORY for the table). AGAIN. */
enum status space_unmap(struct space *space, struct user_span span, uint64_t flags, struct unmap_result *result);

/* Changes the rights of what is mapped; holes are fine. NO_MEMORY (split), AGAIN. */
enum status space_protect(struct space *space, struct user_span span, uint32_t attributes, uint64_t *done, uint64_t *changed);

/* How many pages are mapped. A table that is whole in the span is looked at once, and so is all below one of the level above it. AGAIN. */
enum status space_count(struct space *space, struct user_span span, uint64_t *done, uint64_t *mapped);

/* Reads and clears what the processor noted in the entries of at most HARVEST_PAGES pages: bit i is page i of the span. A page of a large leaf has the
 * marks of the whole leaf. */
constexpr uint64_t HARVEST_PAGES = 64;
void space_harvest(struct space *space, struct user_span span, uint64_t *accessed, uint64_t *dirty);

/* Either of the two below: moves when that is all it is told. */
constexpr uint32_t TRANSFER_MOVE = UINT32_MAX; /* no attributes */
enum status space_transfer(struct space *from, struct user_span span, struct space *to, user_page_t to_page, uint32_t attributes, uint64_t *done,
                           uint64_t *changed);

/* Moves what is mapped from a place in one space to a place of the same length in another (or the same, not overlapping: BAD_ARGUMENT), holes included:
 * by whole tables where both addresses are aligned alike. *moved: pages. ALREADY_MAPPED (the destination is not empty), NO_MEMORY and TOO_MANY_MAPPINGS
 * (split), AGAIN. The source span has been checked like to_span. */
static inline enum status space_move(struct space *from, user_page_t from_page, struct space *to, struct user_span to_span, uint64_t *done, uint64_t *moved)
{
    struct user_span span = { from_page, to_span.count_pages };
    return space_transfer(from, span, to, to_span.first, TRANSFER_MOVE, done, moved);
}

/* Maps what is mapped in a place of one space at a place of the same length in another too (or in the same, not overlapping: BAD_ARGUMENT), with those of the
 * attributes that each entry has; holes are skipped. With SHARE_COPY the entries of the source lose WRITE. *shared: pages. ALREADY_MAPPED (where the
 * source has a page), NO_MEMORY, TOO_MANY_MAPPINGS, AGAIN. The destination has been checked like the source, the
 * attributes but for SHARE_COPY by attributes_check(). */
static inline enum status space_share(struct space *from, struct user_span span, struct space *to, user_page_t to_page, uint32_t attributes,
                                      uint64_t *done, uint64_t *shared)
{
    return space_transfer(from, span, to, to_page, attributes, done, shared);
}

/* Makes a page that is mapped its space's own, with these attributes: its frame stays where no other leaf names its block, else a fresh one takes the content
 * and the place. For resolve. NOT_MAPPED, NO_MEMORY, TOO_MANY_MAPPINGS (a large leaf is split first). */
[[gnu::noinline]] enum status space_copy_page(struct space *space, user_page_t page, uint32_t attributes);

struct translation {
    frame_t frame;       /* of the page asked for, also inside a large leaf */
    uint32_t attributes; /* with ACCESSED and DIRTY, of a device with ATTRIBUTE_CACHE */
    uint64_t page_bytes; /* size of the leaf */
};
/* What a page is mapped to. NOT_MAPPED. */
enum status space_query(struct space *space, user_page_t page, struct translation *translation);

/* The four answers of a walk. */
enum page_state : uint8_t { PAGE_NO_TABLE, PAGE_NOT_PRESENT, PAGE_PRESENT, PAGE_LARGE };
/* Finds the entry of a page: its state, and through *level the level (0: 4 KiB) where the walk ended. Changes nothing. */
enum page_state space_locate(struct space *space, user_page_t page, unsigned *level);

#endif
