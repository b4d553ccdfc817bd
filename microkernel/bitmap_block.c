/* Blocks in the tiered bitmap: searching, breaking, marking, and what a change means for the tiers above.
 *
 * One text serves all tiers and orders, and it is compiled for size: most blocks never come here (spares, block.h), and single frames have a way of their
 * own (bitmap.c, where the invariants stand too). */
#include "bitmap.h"
#include "bitmap_tiers.h"

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

static void node_fill(uint64_t *units, uint64_t value)
{
#pragma clang loop unroll(full)
    for (unsigned i = 0; i < BITMAP_NODE_WORDS; i++) units[i] = value;
}

/* --- Hints --- */

[[gnu::noinline]] void hints_set(struct bitmap *bitmap, uint32_t frame, unsigned order)
{
    uint32_t gigabyte = frame >> GIGABYTE_ORDER;
    uint64_t bit = (uint64_t)1 << gigabyte % 64, line_bit = (uint64_t)1 << frame / NODE_UNITS % 64;
    for (unsigned k = order; k % NODE_ORDER != 0; k--) {
        uint64_t *top = &bitmap->top[k][gigabyte / 64];
        if (order >= NODE_ORDER) {
            if ((*top & bit) != 0) return;
        } else {
            uint64_t *lines = &bitmap->gigabytes[gigabyte].masks[k][frame >> 15 & 7];
            if ((*lines & line_bit) != 0) return;
            *lines |= line_bit;
        }
        *top |= bit;
        bitmap->orders |= 1u << k;
    }
}

/* One child has no run of `order`, nor any larger one of that tier; with the lowest, only that is dropped. */
static void hints_clear(uint64_t (*masks)[BITMAP_NODE_WORDS], unsigned child, unsigned order)
{
    uint64_t bit = (uint64_t)1 << child % 64;
    do masks[order][child / 64] &= ~bit;
    while (order_run(order) != 0 && order_run(++order) != 0 && (masks[order][child / 64] & bit) != 0);
}

/* --- Search --- */

/* What is looked for: a run of `order`, not before frame `low` (a multiple of a line), nor behind frame `last`. */
struct search {
    unsigned order;
    unsigned misses;
    uint32_t low;
    uint32_t last;
    uint32_t first; /* found */
};

static enum bitmap_answer search_end(struct search *search, uint32_t first)
{
    search->first = first;
    return first <= search->last ? BITMAP_FOUND : BITMAP_NONE;
}

/* A hint was wrong. */
static bool search_is_over(struct search *search)
{
    return order_run(search->order) != 0 && ++search->misses == BITMAP_MISSES;
}

/* In the lines of one gigabyte. */
static enum bitmap_answer lines_search(struct bitmap *bitmap, struct search *search, uint32_t base, unsigned from)
{
    struct bitmap_gigabyte *gigabyte = &bitmap->gigabytes[base >> GIGABYTE_ORDER];
    const uint64_t *hints = gigabyte->masks[search->order];
    for (unsigned line = from; (line = unit_next(hints, line)) < NODE_UNITS; line++) {
        uint32_t first = base + line * NODE_UNITS;
        if (first > search->last) return BITMAP_NONE;
        unsigned at = run_next(node_units(bitmap, 0, first), search->order, 0);
        if (at < NODE_UNITS) return search_end(search, first + at);
        hints_clear(gigabyte->masks, line, search->order);
        if (search_is_over(search)) return BITMAP_AGAIN;
    }
    if (from == 0) hints_clear(bitmap->top, base >> GIGABYTE_ORDER, search->order);
    return BITMAP_NONE;
}

/* Addresses go up, so the first run that is seen decides about the limit. */
static enum bitmap_answer run_search(struct bitmap *bitmap, struct search *search)
{
    const uint64_t *hints = bitmap->top[search->order];
    if (search->order == GIGABYTE_ORDER) {
        unsigned at = unit_next(hints, (search->low + ((1u << GIGABYTE_ORDER) - 1)) >> GIGABYTE_ORDER);
        return at < NODE_UNITS ? search_end(search, at << GIGABYTE_ORDER) : BITMAP_NONE;
    }
    for (unsigned gigabyte = search->low >> GIGABYTE_ORDER; (gigabyte = unit_next(hints, gigabyte)) < NODE_UNITS; gigabyte++) {
        uint32_t base = gigabyte << GIGABYTE_ORDER;
        if (base > search->last) return BITMAP_NONE;
        unsigned from = search->low > base ? (search->low - base) / NODE_UNITS : 0;
        if (search->order < NODE_ORDER) {
            enum bitmap_answer answer = lines_search(bitmap, search, base, from);
            if (answer != BITMAP_NONE) return answer;
            continue;
        }
        unsigned at = run_next(node_units(bitmap, 1, base), search->order - NODE_ORDER, from);
        if (at < NODE_UNITS) return search_end(search, base + at * NODE_UNITS);
        if (from != 0) continue;
        hints_clear(bitmap->top, gigabyte, search->order);
        if (search_is_over(search)) return BITMAP_AGAIN;
    }
    return BITMAP_NONE;
}

/* A unit of a tier becomes a node of the tier below with all its units. */
static void unit_break(struct bitmap *bitmap, unsigned tier, uint32_t frame)
{
    run_flip(node_units(bitmap, tier, frame), node_place(tier, frame), 0);
    node_fill(node_units(bitmap, tier - 1, frame), ALL);
    node_announce(bitmap, tier - 1, frame);
    hints_set(bitmap, frame, tier * NODE_ORDER - 1);
}

[[gnu::noinline]] enum bitmap_answer bitmap_find_block(struct bitmap *bitmap, unsigned order, uint32_t low, uint32_t last, uint32_t *first)
{
    struct search search = { .low = low, .last = last };
    enum bitmap_answer answer = BITMAP_NONE, none = BITMAP_NONE;
    uint32_t orders = bitmap->orders & (1u << order | (order < NODE_ORDER ? 1u << NODE_ORDER : 0) | 1u << GIGABYTE_ORDER);
    for (; orders != 0; orders &= orders - 1) {
        search.order = (unsigned)__builtin_ctz(orders);
        answer = run_search(bitmap, &search);
        if (answer == BITMAP_FOUND) break;
        if (answer == BITMAP_AGAIN) none = BITMAP_AGAIN;
        else if (node_is_empty(bitmap->top[search.order])) bitmap->orders &= ~(1u << search.order);
    }
    if (answer != BITMAP_FOUND) return none;
    *first = search.first;
    for (unsigned tier = order_tier(search.order); tier > order_tier(order); tier--) unit_break(bitmap, tier, *first);
    return BITMAP_FOUND;
}

/* --- Taking --- */

[[gnu::noinline]] enum bitmap_answer bitmap_allocate_within(struct bitmap *bitmap, unsigned order, uint32_t low, uint32_t limit, uint32_t *first)
{
    if (order >= BITMAP_ORDERS || limit < 1u << order) return BITMAP_NONE;
    uint32_t found;
    enum bitmap_answer answer = bitmap_find_block(bitmap, order, (low + (NODE_UNITS - 1)) & ~(NODE_UNITS - 1), limit - (1u << order), &found);
    if (answer != BITMAP_FOUND) return answer;
    unsigned tier = order_tier(order);
    uint64_t *units = node_units(bitmap, tier, found);
    run_flip(units, node_place(tier, found), order_run(order));
    bitmap->count_free -= 1u << order;
    if (tier == 0 && node_is_empty(units)) line_dismiss(bitmap, found); /* invariant 3 */
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
            node_announce(bitmap, tier, first);
            hints_set(bitmap, first, tier * NODE_ORDER + run);
            return;
        }
        node_fill(units, 0);
        if (tier == 0) line_dismiss(bitmap, first); /* invariant 3 */
        order = (tier + 1) * NODE_ORDER;
        run_flip(node_units(bitmap, tier + 1, first), node_place(tier + 1, first), 0);
    }
    bitmap->orders |= 1u << GIGABYTE_ORDER;
}

/* No frame of some lines of one gigabyte is free: 64 lines at a look, and their words where they may have any. */
static bool lines_are_used(const struct bitmap *bitmap, uint32_t first, unsigned order)
{
    const struct bitmap_gigabyte *gigabyte = &bitmap->gigabytes[first >> GIGABYTE_ORDER];
    unsigned place = node_place(1, first);
    if (!run_is_clear(gigabyte->masks[NODE_ORDER], place, order)) return false;
    for (unsigned i = place / 64; i < place / 64 + run_words(order); i++) {
        for (uint64_t hints = gigabyte->masks[0][i] & run_bits(order) << place % 64; hints != 0; hints &= hints - 1) {
            uint32_t line = (first >> GIGABYTE_ORDER << NODE_ORDER) + i * 64 + (uint32_t)__builtin_ctzll(hints);
            if (!node_is_empty(bitmap->words + (size_t)line * BITMAP_NODE_WORDS)) return false;
        }
    }
    return true;
}

[[gnu::noinline]] bool bitmap_free_block(struct bitmap *bitmap, uint32_t first, unsigned order)
{
    if (order >= BITMAP_ORDERS || first >= bitmap->count) return false;
    uint32_t size = 1u << order;
    if ((first & (size - 1)) != 0 || size > bitmap->count - first || unit_is_whole(bitmap, first)) return false;
    unsigned tier = order_tier(order), run = order_run(order), place = node_place(tier, first);
    uint64_t *units = node_units(bitmap, tier, first);
    if (tier == 0 ? !run_is_clear(units, place, run) : !lines_are_used(bitmap, first, order - NODE_ORDER)) return false;
    run_flip(units, place, run);
    bitmap->count_free += size;
    run_tell(bitmap, first, order);
    return true;
}
