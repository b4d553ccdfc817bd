/* The tiered bitmap: search, marking, and what a change means for the tiers above.
 *
 * Three numbers say where something is: the tier, the first frame of the node, and the unit's place in it; node_units() and node_place() are the description of
 * the tiers from which one text serves them all. Single frames alone have a short way of their own: one word is read, changed, and written.
 *
 * Invariants (bitmap_check):
 *  1  No node has all its units set: it is one unit of the tier above then, and its own units are clear. Nothing below a unit that is clear and has no free
 *     part is set either: so words tell the truth about a frame unless its line or gigabyte is wholly free.
 *  2  A node with a free run of order k has its hint k; with a hint above the lowest one it has all between; what is set in a gigabyte is set in the top,
 *     and what is set in the top has its bit in `orders`.
 *  3  The lowest hint of a line is right: it has a free frame and is not wholly free - unless it is the line of the open word, which may be used up.
 *  4  count_free = the bits of all words, lines and gigabytes. */
#include "bitmap.h"

#include <assert.h>

#include "bitmap_tiers.h"

/* --- The tiers --- */

/* The bits of the node of a tier that holds a frame. */
static inline uint64_t *node_units(struct bitmap *bitmap, unsigned tier, uint32_t frame)
{
    if (tier == 0) return bitmap->words + (frame / NODE_UNITS) * BITMAP_NODE_WORDS;
    return tier == 1 ? bitmap->gigabytes[frame >> GIGABYTE_ORDER].masks[NODE_ORDER] : bitmap->top[GIGABYTE_ORDER];
}

/* The place of the unit that holds a frame in its node. */
static inline unsigned node_place(unsigned tier, uint32_t frame)
{
    return frame >> tier * NODE_ORDER & (NODE_UNITS - 1);
}

static inline bool unit_is_set(const uint64_t *units, unsigned place)
{
    return (units[place / 64] >> place % 64 & 1) != 0;
}

/* The first unit that is set at or behind a place, itself below NODE_UNITS or NODE_UNITS; the answer NODE_UNITS: none. */
static inline unsigned unit_next(const uint64_t *units, unsigned from)
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

/* The same of the runs of an order. */
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

static bool node_is_empty(const uint64_t *units)
{
    uint64_t seen = 0;
    for (unsigned i = 0; i < BITMAP_NODE_WORDS; i++) seen |= units[i];
    return seen == 0;
}

static void node_fill(uint64_t *units, uint64_t value)
{
#pragma clang loop unroll(disable)
    for (unsigned i = 0; i < BITMAP_NODE_WORDS; i++) units[i] = value;
}

/* --- Hints --- */

/* The node of a tier that holds a frame has something free: its lowest hint. */
static void node_announce(struct bitmap *bitmap, unsigned tier, uint32_t frame)
{
    unsigned order = tier * NODE_ORDER;
    uint32_t gigabyte = frame >> GIGABYTE_ORDER;
    if (tier == 0) bitmap->gigabytes[gigabyte].masks[0][frame >> 15 & 7] |= (uint64_t)1 << frame / NODE_UNITS % 64;
    bitmap->top[order][gigabyte / 64] |= (uint64_t)1 << gigabyte % 64;
    bitmap->orders |= 1u << order;
}

/* It has a run of `order`, at least a pair: sets that hint and all lower ones but the lowest, up to the first that is there (invariant 2). */
[[gnu::noinline]] static void hints_set(struct bitmap *bitmap, uint32_t frame, unsigned order)
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

/* A line has no free frame, or is wholly free. */
static inline void line_dismiss(struct bitmap *bitmap, uint32_t frame)
{
    bitmap->gigabytes[frame >> GIGABYTE_ORDER].masks[0][frame >> 15 & 7] &= ~((uint64_t)1 << frame / NODE_UNITS % 64);
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

/* Finds a block, and breaks whole units around it: then its bits are set in its own tier. */
[[gnu::noinline]] static enum bitmap_answer block_find(struct bitmap *bitmap, unsigned order, uint32_t low, uint32_t last, uint32_t *first)
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

/* In the line of the open one, in its gigabyte, or where the search finds it. */
bool bitmap_open(struct bitmap *bitmap, uint32_t low)
{
    uint32_t word = bitmap->open_word, line = word / 8 * 8, first;
    if (word * 64 >= low) {
        while (++word % 8 != 0) {
            if (bitmap->words[word] == 0) continue;
            bitmap->open_word = word;
            return true;
        }
    }
    /* Away from this line (invariant 3); words in front of the open one may have got frames back. */
    if (node_is_empty(bitmap->words + line)) line_dismiss(bitmap, line * 64);
    uint32_t base = line * 64 >> GIGABYTE_ORDER << GIGABYTE_ORDER;
    unsigned next = unit_next(bitmap->gigabytes[base >> GIGABYTE_ORDER].masks[0], 0);
    if (next < NODE_UNITS && base + next * NODE_UNITS >= low) {
        first = base + next * NODE_UNITS;
        first += unit_next(node_units(bitmap, 0, first), 0);
    } else {
        bool is_found = low != 0 && block_find(bitmap, 0, low, BITMAP_FRAMES_LIMIT, &first) == BITMAP_FOUND;
        if (!is_found && block_find(bitmap, 0, 0, BITMAP_FRAMES_LIMIT, &first) != BITMAP_FOUND) return false;
    }
    bitmap->open_word = first / 64;
    return true;
}

[[gnu::noinline]] enum bitmap_answer bitmap_allocate_within(struct bitmap *bitmap, unsigned order, uint32_t low, uint32_t limit, uint32_t *first)
{
    if (order >= BITMAP_ORDERS || limit < 1u << order) return BITMAP_NONE;
    uint32_t found;
    enum bitmap_answer answer = block_find(bitmap, order, (low + (NODE_UNITS - 1)) & ~(NODE_UNITS - 1), limit - (1u << order), &found);
    if (answer != BITMAP_FOUND) return answer;
    unsigned tier = order_tier(order);
    uint64_t *units = node_units(bitmap, tier, found);
    run_flip(units, node_place(tier, found), order_run(order));
    bitmap->count_free -= 1u << order;
    if (tier == 0 && node_is_empty(units)) line_dismiss(bitmap, found); /* invariant 3 */
    *first = found;
    return BITMAP_FOUND;
}

enum bitmap_answer bitmap_allocate(struct bitmap *bitmap, unsigned order, uint32_t *first)
{
    if (order != 0) return bitmap_allocate_within(bitmap, order, 0, BITMAP_FRAMES_LIMIT, first);
    while (!bitmap_take_frame(bitmap, first))
        if (!bitmap_open(bitmap, 0)) return BITMAP_NONE;
    return BITMAP_FOUND;
}

/* --- Giving back --- */

/* A run has become free: what it makes together with its neighbours, its parents must know. A node that is wholly free becomes a unit, and so on. */
[[gnu::noinline]] static void run_tell(struct bitmap *bitmap, uint32_t first, unsigned order)
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

/* A frame lies in a line or gigabyte that is wholly free. */
static bool unit_is_whole(const struct bitmap *bitmap, uint32_t frame)
{
    return unit_is_set(bitmap->gigabytes[frame >> GIGABYTE_ORDER].masks[NODE_ORDER], node_place(1, frame))
        || unit_is_set(bitmap->top[GIGABYTE_ORDER], node_place(2, frame));
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

[[gnu::noinline]] static bool block_free(struct bitmap *bitmap, uint32_t first, unsigned order)
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

/* The same for a single frame whose buddy was free; its word is `word` now. Most often the line has that hint. */
[[gnu::noinline]] static void word_tell(struct bitmap *bitmap, uint32_t frame, uint64_t word)
{
    unsigned order = 1;
    while (order < 6 && (~word & run_bits(order + 1) << (frame & 63 & ~((2u << order) - 1))) == 0) order++;
    if (order == 6) run_tell(bitmap, frame / 64 * 64, 6);
    else if (!unit_is_set(bitmap->gigabytes[frame >> GIGABYTE_ORDER].masks[order], node_place(1, frame))) hints_set(bitmap, frame, order);
}

/* Nothing of the frame's word is free, or all of its line. */
[[gnu::noinline]] static bool word_free_first(struct bitmap *bitmap, uint32_t frame)
{
    if (unit_is_whole(bitmap, frame)) return false;
    bitmap->words[frame / 64] = (uint64_t)1 << frame % 64;
    bitmap->count_free++;
    node_announce(bitmap, 0, frame);
    return true;
}

bool bitmap_free(struct bitmap *bitmap, uint32_t first, unsigned order)
{
    if (order != 0 || first >= bitmap->count) return block_free(bitmap, first, order);
    uint64_t *word = &bitmap->words[first / 64];
    uint64_t before = *word, bit = (uint64_t)1 << first % 64;
    if (before == 0) return word_free_first(bitmap, first);
    if ((before & bit) != 0) return false;
    *word = before | bit;
    bitmap->count_free++;
    if ((before >> (first ^ 1) % 64 & 1) != 0) word_tell(bitmap, first, before | bit); /* else its buddy is used: no larger run */
    return true;
}

bool bitmap_insert_range(struct bitmap *bitmap, uint32_t first, uint32_t limit)
{
    if (first > limit || limit > bitmap->count) return false;
    while (first < limit) { /* the largest aligned block that fits, each time: at most 2 * BITMAP_ORDERS and one for each GiB */
        unsigned order = 31 - (unsigned)__builtin_clz(limit - first);
        unsigned alignment = first == 0 ? BITMAP_ORDERS - 1 : (unsigned)__builtin_ctz(first);
        if (order > alignment) order = alignment;
        if (order > BITMAP_ORDERS - 1) order = BITMAP_ORDERS - 1;
        if (!bitmap_free(bitmap, first, order)) return false;
        first += 1u << order;
    }
    return true;
}

/* --- Looking --- */

uint64_t bitmap_word(const struct bitmap *bitmap, uint32_t word)
{
    assert(word <= (bitmap->count - 1) / 64);
    uint64_t mask = bitmap->words[word];
    return mask == 0 && unit_is_whole(bitmap, word * 64) ? ALL : mask;
}

bool bitmap_is_free(const struct bitmap *bitmap, uint32_t first, uint32_t limit)
{
    if (first >= limit || limit > bitmap->count) return false;
    for (uint32_t word = first / 64; word <= (limit - 1) / 64; word++) {
        uint64_t wanted = ALL;
        if (word == first / 64) wanted &= ALL << first % 64;
        if (word == (limit - 1) / 64) wanted &= ALL >> (63 - (limit - 1) % 64);
        if ((bitmap_word(bitmap, word) & wanted) != wanted) return false;
    }
    return true;
}

/* Nodes of 2^order frames for `count` frames; at least one, so that there always is an open word. */
static uint64_t nodes_count(uint32_t count, unsigned order)
{
    return count == 0 ? 1 : ((uint64_t)count + ((1u << order) - 1)) >> order;
}

uint64_t bitmap_storage_bytes(uint32_t count)
{
    assert(count <= BITMAP_FRAMES_LIMIT);
    return nodes_count(count, GIGABYTE_ORDER) * sizeof(struct bitmap_gigabyte) + nodes_count(count, NODE_ORDER) * BITMAP_NODE_WORDS * sizeof(uint64_t);
}

void bitmap_initialise(struct bitmap *bitmap, void *storage, uint32_t count)
{
    assert(count <= BITMAP_FRAMES_LIMIT && (uintptr_t)storage % 8 == 0);
    *bitmap = (struct bitmap){ .count = count };
    bitmap->gigabytes = storage;
    bitmap->words = (uint64_t *)(bitmap->gigabytes + nodes_count(count, GIGABYTE_ORDER));
}
