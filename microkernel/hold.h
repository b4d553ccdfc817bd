/* Holds: the counts of blocks that new leaf entries will refer to. Internal to space*.c.
 *
 * A block (block.h) counts the leaf entries that name any part of it; a large leaf is one. A step that maps takes its holds first: a hold that cannot be taken
 * ends the step with everything as before, and what is held cannot be freed under it. */
#ifndef QUIRE_HOLD_H
#define QUIRE_HOLD_H

#include "frame.h"

struct hold {
    frame_t first;
    unsigned count; /* leaves */
    unsigned level; /* of the leaves */
    bool is_dirty;  /* hold_clean() has something to do */
};

/* What a step will have to zero. Zero-filled at its start. */
struct cleaning {
    uint32_t frames;
    uint32_t head; /* of the last block counted: a step may come back to it */
};

/* Holds the frames of up to `count` leaves of one level, one behind the other from `first`; a large leaf lies within one block. hold->count says how many:
 * fewer (none, when there is cleaning already) when the next leaf is larger than its block, or when more would have to be zeroed than a step may.
 * BAD_FRAME, BAD_STATE (unmappable), TOO_MANY_MAPPINGS: nothing is held. */
enum status hold_take(struct hold *hold, uint64_t first, unsigned count, unsigned level, struct cleaning *cleaning);

/* Lets go again. */
void hold_drop(const struct hold *hold);

/* Zeroes what is dirty of the blocks held. */
void hold_clean(const struct hold *hold);

#endif
