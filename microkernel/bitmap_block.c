/* Blocks in the tiered bitmap: searching, breaking, marking, and what a change means for the tiers above.
 *
 * One text serves all tiers and orders, and it is compiled for size: most blocks never come here (spares, block.h), and single frames have a way of their
 * own (bitmap.c, where the invariants stand too). */
#include "bitmap.h"
#include "bitmap_tiers.h"

[[gnu::noinline]] unsigned unit_next(const uint64_t *units, unsigned from)
{
    unsigned at = from / 64;
    if (at == BITMAP_NODE_WORDS) return NODE_UNITS;
    uint64_t word = units[at] & ALL << from % 64;
#pragma clang loop unroll(disable)
    while (word == 0) {
        if (++at == BITMAP_NODE_WORDS) return NODE_UNITS;
        word = units[at];
    }
    return at * 64 + (unsigned)__builtin_ctzll(word);
}

[[gnu::noinline]] void block_flip(struct bitmap *bitmap, uint32_t frame, unsigned order)
{
    unsigned tier = order_tier(order);
    run_flip(node_units(bitmap, tier, frame), node_place(tier, frame), order_run(order));
}

[[gnu::noinline]] void unit_clear(uint64_t *units, unsigned place)
{
    units[place / 64] &= ~((uint64_t)1 << place % 64);
}

/* The first run of an order that is set at or behind a place, or NODE_UNITS. */
[[gnu::noinline]] static unsigned run_next(const uint64_t *units, unsigned order, unsigned from)
{
    while ((from = unit_next(units, from)) < NODE_UNITS) {
        uint64_t runs = runs_find(units[from / 64], order < 6 ? order : 6) & ALL << from % 64;
        unsigned at = from / 64 * 64;
        if (runs != 0 && (order < 7 || (at / 64 % run_words(order) == 0 && run_is_set(units, at, order)))) return at + (unsigned)__builtin_ctzll(runs);
        from = at + 64;
    }
    return NODE_UNITS;
}

[[gnu::noinline]] static void node_fill(uint64_t *units, uint64_t value)
{
    for (uint64_t *limit = units + BITMAP_NODE_WORDS; units < limit; units++) *units = value;
}

/* --- Hints --- */

[[gnu::noinline]] void hints_set(struct bitmap *bitmap, uint32_t frame, unsigned order)
{
    uint32_t gigabyte = frame >> GIGABYTE_ORDER;
    uint64_t *top = &bitmap->top[order][gigabyte / 64], *hints = top, bit = (uint64_t)1 << gigabyte % 64, hint = bit;
    if (order < NODE_ORDER) { /* the line's are in its gigabyte */
        hints = &bitmap->gigabytes[gigabyte].masks[order][frame >> 15 & 7];
        hint = (uint64_t)1 << frame / NODE_UNITS % 64;
    }
    for (unsigned run = order_run(order), down;; run -= down) {
        down = (*hints & hint) != 0 ? run : 1; /* those between are there: on to the lowest */
        *hints |= hint;
        *top |= bit;
        bitmap->orders |= 1u << order;
        if (run == 0) return;
        order -= down;
        hints -= down * BITMAP_NODE_WORDS;
        top -= down * BITMAP_NODE_WORDS;
    }
}

/* One child has no run of `order`, nor any larger one of that tier; with the lowest, only that is dropped. */
static void hints_clear(uint64_t (*masks)[BITMAP_NODE_WORDS], unsigned child, unsigned order)
{
    uint64_t *hints = &masks[order][child / 64], bit = (uint64_t)1 << child % 64;
    unsigned run = order_run(order);
    do {
        *hints &= ~bit;
        hints += BITMAP_NODE_WORDS;
    } while (run != 0 && ++run < NODE_ORDER && (*hints & bit) != 0);
}

/* --- Search --- */

/* Looks for a run of `order`, not before frame `low` (a multiple of a line), nor behind frame `last`. A turn looks into one node, to which hints led.
 * Addresses go up, so the first run that is seen decides about the limit. */
[[gnu::noinline]] static enum bitmap_answer run_search(struct bitmap *bitmap, unsigned order, uint32_t low, uint32_t last, uint32_t *first)
{
    constexpr uint32_t size = 1u << GIGABYTE_ORDER;
    unsigned tier = order_tier(order), run = order_run(order), misses = 0, gigabyte;
    uint32_t frame = tier == 2 ? (low + (size - 1)) & ~(size - 1) : low, next;
    for (; (gigabyte = unit_next(bitmap->top[order], frame >> GIGABYTE_ORDER)) < NODE_UNITS; frame = next) {
        uint64_t (*masks)[BITMAP_NODE_WORDS] = bitmap->top; /* with the hint that led here, */
        unsigned child = gigabyte;                          /* to this one */
        uint32_t base = gigabyte << GIGABYTE_ORDER;
        if (frame < base) frame = base;
        next = base + size;
        unsigned from = node_place(tier, frame);
        if (tier == 0) {
            struct bitmap_gigabyte *lines = &bitmap->gigabytes[gigabyte];
            from = unit_next(lines->masks[order], node_place(1, frame));
            if (from < NODE_UNITS) {
                masks = lines->masks;
                child = from;
                from = 0;
                frame = base + child * NODE_UNITS;
                next = frame + NODE_UNITS;
            }
        }
        if (frame > last) break;
        unsigned at = run_next(node_units(bitmap, tier, frame), run, from);
        if (at < NODE_UNITS) {
            unsigned shift = tier * NODE_ORDER;
            *first = (frame >> shift >> NODE_ORDER << NODE_ORDER | at) << shift;
            return *first <= last ? BITMAP_FOUND : BITMAP_NONE;
        }
        if (masks == bitmap->top && low > base) continue; /* not all of it was looked at */
        hints_clear(masks, child, order);
        if (run != 0 && from < NODE_UNITS && ++misses == BITMAP_MISSES) return BITMAP_AGAIN;
    }
    return BITMAP_NONE;
}

/* A unit of a tier becomes a node of the tier below with all its units. */
static void unit_break(struct bitmap *bitmap, unsigned tier, uint32_t frame)
{
    block_flip(bitmap, frame, tier * NODE_ORDER);
    node_fill(node_units(bitmap, tier - 1, frame), ALL);
    hints_set(bitmap, frame, tier * NODE_ORDER - 1);
}

[[gnu::noinline]] enum bitmap_answer bitmap_find_block(struct bitmap *bitmap, unsigned order, uint32_t low, uint32_t last, uint32_t *first)
{
    enum bitmap_answer none = BITMAP_NONE;
    uint32_t orders = bitmap->orders & (1u << order | (order < NODE_ORDER ? 1u << NODE_ORDER : 0) | 1u << GIGABYTE_ORDER);
    for (; orders != 0; orders &= orders - 1) {
        unsigned found = (unsigned)__builtin_ctz(orders);
        enum bitmap_answer answer = run_search(bitmap, found, low, last, first);
        if (answer == BITMAP_FOUND) {
            for (unsigned tier = order_tier(found); tier > order_tier(order); tier--) unit_break(bitmap, tier, *first);
            return BITMAP_FOUND;
        }
        if (answer == BITMAP_AGAIN) none = BITMAP_AGAIN;
        else if (node_is_empty(bitmap->top[found])) bitmap->orders &= ~(1u << found);
    }
    return none;
}

/* --- Taking --- */

[[gnu::noinline]] enum bitmap_answer bitmap_allocate_within(struct bitmap *bitmap, unsigned order, uint32_t low, uint32_t limit, uint32_t *first)
{
    if (order >= BITMAP_ORDERS || limit < 1u << order) return BITMAP_NONE;
    uint32_t found;
    enum bitmap_answer answer = bitmap_find_block(bitmap, order, (low + (NODE_UNITS - 1)) & ~(NODE_UNITS - 1), limit - (1u << order), &found);
    if (answer != BITMAP_FOUND) return answer;
    block_flip(bitmap, found, order);
    bitmap->count_free -= 1u << order;
    if (order < NODE_ORDER && node_is_empty(node_units(bitmap, 0, found))) line_dismiss(bitmap, found); /* invariant 3 */
    *first = found;
    return BITMAP_FOUND;
}

/* --- Giving back --- */

[[gnu::noinline]] void run_tell(struct bitmap *bitmap, uint32_t first, unsigned order)
{
    for (unsigned tier = order_tier(order); tier < 2; tier++) {
        uint64_t *units = node_units(bitmap, tier, first);
        unsigned place = node_place(tier, first), run = order_run(order);
        while (run < NODE_ORDER && run_is_set(units, (place >> run ^ 1) << run, run)) run++;
        if (run < NODE_ORDER) {
            hints_set(bitmap, first, tier * NODE_ORDER + run);
            return;
        }
        node_fill(units, 0);
        if (tier == 0) line_dismiss(bitmap, first); /* invariant 3 */
        order = (tier + 1) * NODE_ORDER;
        block_flip(bitmap, first, order);
    }
    bitmap->orders |= 1u << GIGABYTE_ORDER;
}
