/* Lazy copies: memory that a process and its duplicates have together, of which each gets a page of its own when it writes to it.
 *
 * Whatever fill a segment has, a duplicate of the process makes it one of these: a mark on its row, and entries without WRITE. So a write is a fault, the
 * answer is FRAME_COPY, and the kernel makes the copy, or gives WRITE back where nobody else has the frame any more. What is there is charged to each as if it
 * were copied already: so a copy is never refused.
 *
 *   usual --duplicated: copy_settle()--> copied, all pages maybe others' --a page written to: copy_count_one()--> ... --none left--> usual, but for its mark
 *
 * Invariant (segment_table_check, tests/sim): of a segment that is copied a page with WRITE is the process's alone; whatever is done to all its pages leaves
 * them without (segment_rest_attributes). No more than `shared` pages are without; when there are none, the segment is as any other again, whatever its mark
 * says. */
#ifndef QUIRE_PAGER_FILL_COPY_H
#define QUIRE_PAGER_FILL_COPY_H

#include "segment.h"

constexpr uint32_t SHARED_ALL = UINT32_MAX;

/* Whether a page of a segment may be another process's too. The mark alone does not say: it stays when all have been copied, since what the pager says of a
 * fault becomes true only when the kernel has done it. */
static inline bool segment_is_copied(const struct segment *segment) { return segment->is_copied && segment->shared > 0; }

/* At most so many pages are shared. */
static inline uint32_t segment_shared_pages(const struct segment *segment)
{
    if (!segment->is_copied) return 0;
    return segment->shared < segment->pages ? segment->shared : (uint32_t)segment->pages;
}

/* What all pages of a segment may have at once: without WRITE where each is copied when it is written to. */
static inline uint32_t segment_rest_attributes(const struct segment *segment)
{
    constexpr uint32_t writing = ATTRIBUTE_WRITE | ATTRIBUTE_WRITE_EXECUTE;
    return segment_is_copied(segment) ? segment->attributes & ~writing : segment->attributes;
}

/* Whether a fault wants a copy: a write to a page that is there, where writing is allowed. */
static inline bool copy_is_wanted(const struct segment *segment, uint64_t access)
{
    return segment_is_copied(segment) && (access & FAULT_WRITE) && (access & FAULT_PRESENT);
}
/* A shared page is being copied, or all pages have lost WRITE: `shared` goes with it. Usual segments stay as they are. */
static inline void copy_count_one(struct segment *segment)
{
    if (segment->is_copied) segment->shared = segment_shared_pages(segment) - 1;
}
static inline void copy_count_all(struct segment *segment)
{
    if (segment->is_copied) segment->shared = SHARED_ALL;
}
/* What a row has of two that become one: both are copied, or neither. */
static inline void copy_join(struct segment *joined, const struct segment *lower, const struct segment *upper)
{
    joined->shared = segment_shared_pages(lower) + segment_shared_pages(upper);
    joined->is_copied = lower->is_copied || upper->is_copied;
}

/* Makes a segment one whose pages are copied when written to, or not any more; its pages have the attributes for it. */
void segment_set_copied(struct segment *segment, bool is_copied);

/* Whether a duplicate of the process gets lazy copies of a segment's pages: who writes to it is seen by nobody else. */
bool copy_is_due(const struct segment *segment);
/* The attributes to share a segment's pages with a duplicate by (space_share). */
uint64_t copy_attributes(const struct segment *segment);
/* After pages of the segments in a range of a process were shared with a duplicate: those without a mark get it, and their pages stay without WRITE; or, where
 * the duplicate is gone again, they get WRITE back. */
void copy_settle(const struct process *parent, uint64_t first, uint64_t limit, bool is_duplicated);

/* Whether all pages of a segment are there, and nobody else's but for those of a segment that is shared anyway. One whose pages are copied when they are
 * written to is one of the usual kind afterwards if they all were. */
bool copy_take_alone(const struct process *process, struct segment *segment);

#endif
