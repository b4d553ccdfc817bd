/* Stretches: memory of a process whose pages a duplicate of it gets by one walk, and how it gets them.
 *
 * Nobody's pages are touched: the duplicate gets entries that name the same frames, those of the parent lose WRITE where the pages are copied when they are
 * written to (fill_copy.h). A stretch that is little work is shared as a whole; of any other each message shares a part, and counts what that takes: an entry
 * that is looked at is one, a page that is shared is one more, which stands for the two entries that are written then. */
#ifndef QUIRE_PAGER_STRETCH_H
#define QUIRE_PAGER_STRETCH_H

#include "process.h"

/* What one message may do: a step's entries, all of them shared. */
constexpr uint64_t STRETCH_ROOM = 2 * STEP_PAGES;
constexpr uint64_t STRETCH_OF_EACH = 8; /* what comes with each segment counts as so much */

/* A segment, or neighbours outside of the mmap area whose pages a duplicate gets alike. */
struct stretch {
    uint64_t first, limit;
    uint64_t attributes;
    uint64_t pages; /* all of its segments' */
    uint32_t count;
    struct segment *part[SEGMENT_FIXED];
};

/* Whether a duplicate gets nothing of a segment. */
bool stretch_leaves_out(const struct segment *segment);
struct stretch stretch_from(struct segment *segment);
/* Makes a stretch longer by the next segment; false: that one is not of its sort. */
bool stretch_add(struct stretch *stretch, struct segment *segment);
/* What a stretch takes as a whole, at most. */
uint64_t stretch_work(const struct stretch *stretch);
/* Shares all pages of a stretch; none on failure. `stack`: the page that holds this address, if it is of a stack, is copied at once, since both write there. */
enum status stretch_share(const struct process *from, const struct process *to, const struct stretch *stretch, uint64_t stack);

/* A part of a segment of which some is shared, from the side where it has its pages. */
struct stretch_part {
    uint64_t first, limit; /* what is still to be shared */
    uint64_t left;         /* pages in it */
    uint64_t room;         /* what may still be done */
};
/* Counts the pages of a part, of which not all are there, and begins it at the lowest table that has any. That is work too. */
void stretch_find_part(const struct process *from, struct stretch_part *part);
/* Shares pages of a part until none is left or there is no room. On failure what the part says has been shared is. */
enum status stretch_share_part(const struct process *from, const struct process *to, const struct segment *segment, struct stretch_part *part);

#endif
