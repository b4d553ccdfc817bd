/* Holds: the counts of blocks that new leaf entries will refer to. See hold.h.
 *
 * Frames are looked at block by block. Single frames are the one case that may be long, so their rows are looked at all together: OR and AND over whole rows
 * say in two instructions each what the checks of one row say in ten.
 *
 * 1. hold_drop() goes the way that hold_take() went: nobody has changed the blocks in between. */
#include "hold.h"

#include <assert.h>
#include <string.h>

#include "block.h"
#include "walk.h"

/* What some rows of the frame table have in common. */
struct summary {
    struct frame_info any; /* bits that are set in at least one */
    struct frame_info all; /* bits that are set in every one */
};

static struct summary rows_summarise(const struct frame_info *info, unsigned count)
{
    static_assert(sizeof(struct frame_info) == sizeof(word_t));
    struct words_common common = words_common((const word_t *)info, count);
    struct summary summary;
    memcpy(&summary.any, &common.any, sizeof common.any);
    memcpy(&summary.all, &common.all, sizeof common.all);
    return summary;
}

/* Holds single frames from `number` on, at least one, up to the first that is none. TOO_MANY_MAPPINGS: none is held. */
static enum status singles_take(struct hold *hold, uint32_t number, unsigned count, unsigned *taken)
{
    struct frame_info *info = &frame_table[number];
    if (count > frame_limit - number) count = frame_limit - number;
    struct summary summary = rows_summarise(info, count);
    bool is_uniform = summary.any.kind == FRAME_KIND_USER && summary.all.kind == FRAME_KIND_USER && (summary.any.flags & FRAME_ORDER_MASK) == 0;
    if (!is_uniform || summary.any.count == FRAME_COUNT_LIMIT) { /* no count exceeds the union of their bits */
        for (unsigned i = 0; i < count; i++) {
            if (info[i].kind == FRAME_KIND_FREE) summary.any.flags |= block_row(number + i)->flags; /* of a batch: its row is written now */
            if (info[i].kind != FRAME_KIND_USER || frame_order(&info[i]) != 0) count = i;
            else if (info[i].count == FRAME_COUNT_LIMIT) return STATUS_TOO_MANY_MAPPINGS;
        }
    }
    if (summary.any.flags & FRAME_DIRTY) hold->is_dirty = true;
    for (unsigned i = 0; i < count; i++) info[i].count++;
    *taken = count;
    return STATUS_OK;
}

/* Holds the leaves that lie in the block of `number`; none when its cleaning would be too much for the step. */
static enum status block_take(struct hold *hold, uint32_t number, unsigned count, struct cleaning *cleaning, unsigned *taken)
{
    uint32_t head = block_head(number);
    struct frame_info *info = &frame_table[head];
    unsigned order = frame_order(info), shift = pte_shift(hold->level) - PAGE_SHIFT;
    uint32_t inside = (block_start(number, order) + (1u << order) - number) >> shift;
    *taken = 0;
    if (frame_is_unmappable(info)) return STATUS_BAD_STATE;
    if (count > inside) count = inside;
    if ((info->flags & FRAME_DIRTY) && cleaning->head != head) {
        if (cleaning->frames != 0 && cleaning->frames + (1u << order) > FRAME_CLEAN_STEP) return STATUS_OK;
        *cleaning = (struct cleaning){ cleaning->frames + (1u << order), head };
        hold->is_dirty = true;
    }
    if (count > (unsigned)FRAME_COUNT_LIMIT - info->count) return STATUS_TOO_MANY_MAPPINGS;
    info->count = (uint16_t)(info->count + count);
    *taken = count;
    return STATUS_OK;
}

enum status hold_take(struct hold *hold, frame_t first, unsigned count, unsigned level, struct cleaning *cleaning)
{
    *hold = (struct hold){ .first = first, .level = level };
    uint64_t number = first.number;
    enum status status = STATUS_OK;
    while (hold->count < count) {
        unsigned taken = 0;
        if (number >= frame_limit) status = STATUS_BAD_FRAME;
        else {
            const struct frame_info *info = block_row((uint32_t)number);
            if (info->kind != FRAME_KIND_USER) status = STATUS_BAD_FRAME;
            else if (level == 0 && frame_order(info) == 0) status = singles_take(hold, (uint32_t)number, count - hold->count, &taken);
            else status = block_take(hold, (uint32_t)number, count - hold->count, cleaning, &taken);
        }
        if (taken == 0) break;
        hold->count += taken;
        number += (uint64_t)taken << (pte_shift(level) - PAGE_SHIFT);
    }
    if (status != STATUS_OK) hold_drop(hold);
    return status;
}

/* Leaves of the hold, from the one at `number` on, that lie in the same block. */
static unsigned run_of(uint32_t number, unsigned level, unsigned left)
{
    unsigned order = frame_order(block_row(number));
    uint32_t inside = (block_start(number, order) + (1u << order) - number) >> (pte_shift(level) - PAGE_SHIFT);
    return left < inside ? left : inside;
}

void hold_drop(const struct hold *hold)
{
    uint32_t number = hold->first.number;
    for (unsigned left = hold->count, run; left > 0; left -= run, number += run << (pte_shift(hold->level) - PAGE_SHIFT)) {
        run = run_of(number, hold->level, left);
        struct frame_info *info = block_row(number);
        assert(info->count >= run);
        info->count = (uint16_t)(info->count - run);
    }
}

void hold_clean(const struct hold *hold)
{
    if (!hold->is_dirty) return;
    uint32_t number = hold->first.number;
    for (unsigned left = hold->count, run; left > 0; left -= run, number += run << (pte_shift(hold->level) - PAGE_SHIFT)) {
        run = run_of(number, hold->level, left);
        struct frame_info *info = block_row(number);
        if (info->flags & FRAME_DIRTY) frame_clean((frame_t){ number }, info);
    }
}
