/* Holds: the counts of blocks that new leaf entries will refer to. See hold.h.
 *
 * Frames are looked at block by block.
 *
 * 1. hold_drop() goes the way that hold_take() went: nobody has changed the blocks in between. */
#include "hold.h"

#include <assert.h>

#include "block.h"
#include "walk.h"

/* The row of the block of `number`, and through *run how many of `left` leaves lie in it from there on. */
static struct frame_info *block_run(uint32_t number, unsigned level, unsigned left, unsigned *run)
{
    uint32_t head = block_head(number);
    struct frame_info *info = &frame_table[head];
    uint32_t inside = (head + (1u << frame_order(info)) - number) >> (pte_shift(level) - PAGE_SHIFT);
    *run = left < inside ? left : inside;
    return info;
}

enum status hold_take(struct hold *hold, uint64_t first, unsigned count, unsigned level, struct cleaning *cleaning)
{
    *hold = (struct hold){ .first = { (uint32_t)first }, .level = level };
    enum status status = STATUS_OK;
    while (hold->count < count) {
        uint64_t number = first + hold->count * walk_pages_of(level);
        unsigned run;
        struct frame_info *info = number < frame_limit ? block_run((uint32_t)number, level, count - hold->count, &run) : nullptr;
        if (info == nullptr || info->kind != FRAME_KIND_USER) status = STATUS_BAD_FRAME;
        else if (frame_is_unmappable(info)) status = STATUS_BAD_STATE;
        else if (run > (unsigned)FRAME_COUNT_LIMIT - info->count) status = STATUS_TOO_MANY_MAPPINGS;
        if (status != STATUS_OK) {
            hold_drop(hold);
            return status;
        }
        uint32_t frames = 1u << frame_order(info), head = (uint32_t)(info - frame_table);
        if ((info->flags & FRAME_DIRTY) && cleaning->head != head) {
            if (cleaning->frames != 0 && cleaning->frames + frames > FRAME_CLEAN_STEP) break;
            *cleaning = (struct cleaning){ cleaning->frames + frames, head };
            hold->is_dirty = true;
        }
        if (run == 0) break;
        info->count = (uint16_t)(info->count + run);
        hold->count += run;
    }
    return STATUS_OK;
}

/* Lets go of the blocks or cleans them. */
static void hold_each(const struct hold *hold, bool is_dropping)
{
    uint32_t number = hold->first.number;
    for (unsigned left = hold->count, run; left > 0; left -= run, number += run << (pte_shift(hold->level) - PAGE_SHIFT)) {
        struct frame_info *info = block_run(number, hold->level, left, &run);
        assert(info->count >= run);
        if (is_dropping) info->count = (uint16_t)(info->count - run);
        else frame_clean((frame_t){ number }, info);
    }
}

void hold_drop(const struct hold *hold)
{
    hold_each(hold, true);
}

void hold_clean(const struct hold *hold)
{
    if (hold->is_dirty) hold_each(hold, false);
}
