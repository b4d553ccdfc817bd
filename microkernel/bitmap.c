/* The tiered bitmap: search, marking, and what a change of one node means for the tiers above.
 *
 * Large blocks cost what small ones do, because a block is marked in the tier whose children it is made of and nowhere below: the nodes below a
 * child that became wholly free or wholly used keep old content, and are written anew (line_open, group_open) when a part of them changes first.
 * Which of them are valid is decided from above, so a whole memory of zeroes is a valid bitmap without a free frame.
 *
 * Invariants (bitmap_check):
 *  1  Section masks are valid. Group content is valid when its section has it as partly free, line content when its (valid) group has it so, word
 *     content when its (valid) line has it so.
 *  2  An invalid group or line still is uniform: all children wholly free, or none. So a line with a partly free word is valid, whoever looks.
 *  3  A node's bits in its parent are exactly its order set (bitmap_tiers.h).
 *  4  The open word is wholly used for the tiers; open_mask is its truth.
 *  5  count_free = the bits of all words. */
#include "bitmap.h"

#include <assert.h>

#include "bitmap_tiers.h"

/* --- Upwards: the order set of a node has changed --- */

/* Order sets that a child or a node has lost and gained: what its parent must learn. */
struct change {
    uint32_t lost;
    uint32_t gained;
};

/* What follows for a node when wholly free children come or go; `whole` is their order. */
static struct change runs_change(uint64_t before, uint64_t after, unsigned whole)
{
    if (runs_are_same(before | after, before & after)) return (struct change){ 0, 0 };
    uint32_t orders_before = runs_orders(before) << whole, orders_after = runs_orders(after) << whole;
    return (struct change){ orders_before & ~orders_after, orders_after & ~orders_before };
}

/* Children `bits` of a node lost and gained orders; `whole` is their own order, the node's last mask. */
[[gnu::noinline]] static struct change masks_change(uint64_t *masks, unsigned whole, uint64_t bits, struct change child)
{
    struct change up = { 0, 0 };
    uint64_t before = masks[whole];
    for (uint32_t set = child.lost; set != 0; set &= set - 1) {
        unsigned k = (unsigned)__builtin_ctz(set);
        masks[k] &= ~bits;
        if (masks[k] == 0) up.lost |= 1u << k;
    }
    for (uint32_t set = child.gained; set != 0; set &= set - 1) {
        unsigned k = (unsigned)__builtin_ctz(set);
        if (masks[k] == 0) up.gained |= 1u << k;
        masks[k] |= bits;
    }
    uint64_t after = masks[whole];
    if (after == before) return up;
    struct change runs = runs_change(before, after, whole);
    up.lost |= runs.lost;
    up.gained |= runs.gained;
    return up;
}

/* A section tells the top. */
[[gnu::noinline]] static void section_tell(struct bitmap *bitmap, uint32_t section, struct change change)
{
    struct change slots = { orders_to_slots(change.lost), orders_to_slots(change.gained) };
    if ((slots.lost | slots.gained) != 0) masks_change(bitmap->top, SLOT_SECTION, (uint64_t)1 << section, slots);
}

/* A group tells its section. */
[[gnu::noinline]] static void group_tell(struct bitmap *bitmap, uint32_t group, struct change change)
{
    struct change up = masks_change(bitmap->sections[group / 64].groups, ORDER_GROUP, (uint64_t)1 << group % 64, change);
    if ((up.lost | up.gained) != 0) section_tell(bitmap, group / 64, up);
}

/* A line tells its group, unless its order set is what it was. */
[[gnu::noinline]] static void line_tell(struct bitmap *bitmap, uint32_t line, uint64_t before, uint64_t after)
{
    uint32_t orders_before = line_orders(before), orders_after = line_orders(after);
    if (orders_before == orders_after) return;
    struct change change = { orders_before & ~orders_after, orders_after & ~orders_before };
    struct change up = masks_change(bitmap->groups[line / 64].lines, ORDER_LINE, (uint64_t)1 << line % 64, change);
    if ((up.lost | up.gained) != 0) group_tell(bitmap, line / 64, up);
}

static inline void line_store(struct bitmap *bitmap, uint32_t line, uint64_t after)
{
    uint64_t before = bitmap->lines[line];
    assert(before != after);
    bitmap->lines[line] = after;
    unsigned order = (63 - (unsigned)__builtin_clzll(before ^ after)) / 8; /* the highest that changed */
    /* Most often: another word has that order still, and with it all lower ones, so the line has them too. */
    if (order < ORDER_WORD && ((before & after) >> 8 * order & 0xff) != 0) return;
    line_tell(bitmap, line, before, after);
}

/* The line is open (valid). */
static void word_store(struct bitmap *bitmap, uint32_t word, uint64_t before, uint64_t after)
{
    bitmap->words[word] = after;
    if (runs_are_same(before | after, before & after)) return;
    uint32_t orders_after = runs_orders(after);
    uint64_t others = bitmap->lines[word / 8] & ~(LINE_COLUMN << word % 8);
    line_store(bitmap, word / 8, others | line_column(orders_after, word % 8));
}

/* --- Downwards: a node becomes valid before a part of it changes --- */

static inline void group_open(struct bitmap *bitmap, uint32_t group)
{
    const struct bitmap_section *section = &bitmap->sections[group / 64];
    uint64_t bit = (uint64_t)1 << group % 64;
    if ((section_partly(section) & bit) != 0) return;
    bitmap->groups[group].lines[ORDER_LINE] = (section->groups[ORDER_GROUP] & bit) != 0 ? ALL : 0; /* the other masks are zero: invariant 2 */
}

static inline void line_open(struct bitmap *bitmap, uint32_t line)
{
    group_open(bitmap, line / 64);
    const struct bitmap_group *group = &bitmap->groups[line / 64];
    uint64_t bit = (uint64_t)1 << line % 64;
    if ((group_partly(group) & bit) != 0) return;
    bitmap->lines[line] = (group->lines[ORDER_LINE] & bit) != 0 ? LINE_WHOLE : 0;
}

/* Opens the line and answers the word's content. */
static inline uint64_t word_open(struct bitmap *bitmap, uint32_t word)
{
    line_open(bitmap, word / 8);
    uint64_t masks = bitmap->lines[word / 8] >> word % 8;
    return masks & 1 ? bitmap->words[word] : masks >> 48 & 1 ? ALL : 0;
}

/* --- Marking a block in its tier --- */

/* Bits for 2^order units at `first`; at most 32 of them. */
static inline uint64_t block_bits(uint32_t first, unsigned order)
{
    return (((uint64_t)1 << (1u << order)) - 1) << first;
}

/* Each of these marks a block of one class of orders: free when `insert`, which fails when a part of it is free already; else used. */
[[gnu::noinline]] static bool word_mark(struct bitmap *bitmap, uint32_t first, unsigned order, bool insert)
{
    uint32_t word = first / 64;
    uint64_t bits = block_bits(first % 64, order);
    if (insert && word == bitmap->open_word) {
        if ((bitmap->open_mask & bits) != 0) return false;
        bitmap->open_mask |= bits;
        return true;
    }
    uint64_t before = word_open(bitmap, word);
    if ((before & bits) != (insert ? 0 : bits)) return false;
    word_store(bitmap, word, before, before ^ bits);
    return true;
}

[[gnu::noinline]] static bool line_mark(struct bitmap *bitmap, uint32_t first, unsigned order, bool insert)
{
    uint32_t line = first >> ORDER_LINE;
    uint64_t words = block_bits(first >> ORDER_WORD & 7, order - ORDER_WORD);
    line_open(bitmap, line);
    uint64_t masks = bitmap->lines[line];
    if (insert && (line_filled(masks) & words) != 0) return false;
    line_store(bitmap, line, masks ^ words << 48);
    return true;
}

static bool group_mark(struct bitmap *bitmap, uint32_t first, unsigned order, bool insert)
{
    uint32_t group = first >> ORDER_GROUP;
    uint64_t lines = block_bits(first >> ORDER_LINE & 63, order - ORDER_LINE);
    group_open(bitmap, group);
    struct bitmap_group *masks = &bitmap->groups[group];
    uint64_t before = masks->lines[ORDER_LINE];
    if (insert && ((group_partly(masks) | before) & lines) != 0) return false;
    masks->lines[ORDER_LINE] = before ^ lines;
    struct change change = runs_change(before, before ^ lines, ORDER_LINE);
    if ((change.lost | change.gained) != 0) group_tell(bitmap, group, change);
    return true;
}

[[gnu::noinline]] static bool section_mark(struct bitmap *bitmap, uint32_t first, unsigned order, bool insert)
{
    uint32_t section = first >> ORDER_SECTION;
    uint64_t groups = block_bits(first >> ORDER_GROUP & 63, order - ORDER_GROUP);
    struct bitmap_section *masks = &bitmap->sections[section];
    uint64_t before = masks->groups[ORDER_GROUP];
    if (insert && ((section_partly(masks) | before) & groups) != 0) return false;
    masks->groups[ORDER_GROUP] = before ^ groups;
    struct change change = runs_change(before, before ^ groups, ORDER_GROUP);
    if ((change.lost | change.gained) != 0) section_tell(bitmap, section, change);
    return true;
}

[[gnu::always_inline]] static inline bool block_mark(struct bitmap *bitmap, uint32_t first, unsigned order, bool insert)
{
    if (order < ORDER_WORD) return word_mark(bitmap, first, order, insert);
    if (insert && bitmap->open_word >> (order - ORDER_WORD) == first >> order) { /* the open word lies in the block */
        if (bitmap->open_mask != 0) return false;
        bitmap->open_word = BITMAP_NO_WORD;
    }
    if (order < ORDER_LINE) return line_mark(bitmap, first, order, insert);
    if (order < ORDER_GROUP) return group_mark(bitmap, first, order, insert);
    return section_mark(bitmap, first, order, insert);
}

/* --- Search --- */

/* The limit of a search that has none: known when the code is compiled, so that nothing is asked about it. */
constexpr uint32_t ANYWHERE = UINT32_MAX;

static inline uint64_t units_below(uint32_t count)
{
    return count >= 64 ? ALL : ((uint64_t)1 << count) - 1;
}

/* The child with a block, by the masks of a node that begins at frame *base: one wholly below the limit, else the one that the limit cuts. */
static inline bool child_choose(uint64_t mask, unsigned shift, uint32_t limit, uint32_t *base)
{
    if (limit != ANYWHERE) {
        uint32_t count_below = (limit - *base) >> shift;
        uint64_t below = mask & units_below(count_below);
        if (below == 0) below = mask & units_below(count_below + 1);
        mask = below;
    }
    if (mask == 0) return false;
    *base += (uint32_t)__builtin_ctzll(mask) << shift;
    return true;
}

/* The first run of 2^run children, if its first 2^order frames lie below the limit. */
static inline bool run_choose(uint64_t mask, unsigned shift, unsigned run, unsigned order, uint32_t limit, uint32_t *base)
{
    uint64_t runs = run == 0 ? mask : runs_find(mask, run);
    assert(limit != ANYWHERE || runs != 0);
    if (runs == 0) return false;
    uint32_t first = *base + ((uint32_t)__builtin_ctzll(runs) << shift);
    if (limit != ANYWHERE && (first >= limit || limit - first < 1u << order)) return false;
    *base = first;
    return true;
}

/* Follows mask `slot` from the top down to the children whose runs make its blocks, and there to a block of at least 2^order frames. */
[[gnu::always_inline]] static inline bool slot_search(const struct bitmap *bitmap, unsigned slot, unsigned order, uint32_t limit, uint32_t *base)
{
    if (slot == SLOT_SECTION) return run_choose(bitmap->top[SLOT_SECTION], ORDER_SECTION, 0, order, limit, base);
    if (!child_choose(bitmap->top[slot], ORDER_SECTION, limit, base)) return false;
    const struct bitmap_section *section = &bitmap->sections[*base >> ORDER_SECTION];
    if (slot >= ORDER_GROUP) return run_choose(section->groups[ORDER_GROUP], ORDER_GROUP, slot - ORDER_GROUP, order, limit, base);
    if (!child_choose(section->groups[slot], ORDER_GROUP, limit, base)) return false;
    const struct bitmap_group *group = &bitmap->groups[*base >> ORDER_GROUP];
    if (slot >= ORDER_LINE) return run_choose(group->lines[ORDER_LINE], ORDER_LINE, slot - ORDER_LINE, order, limit, base);
    if (!child_choose(group->lines[slot], ORDER_LINE, limit, base)) return false;
    uint64_t line = bitmap->lines[*base >> ORDER_LINE];
    if (slot >= ORDER_WORD) return run_choose(line >> 48, ORDER_WORD, slot - ORDER_WORD, order, limit, base);
    if (!child_choose(line >> 8 * slot & 0xff, ORDER_WORD, limit, base)) return false;
    return run_choose(bitmap->words[*base >> ORDER_WORD], 0, slot, order, limit, base);
}

/* The masks that may hold a block of an order: its own, then those of units wholly free, small ones first. */
static inline unsigned slot_next(unsigned slot)
{
    return slot < ORDER_WORD ? ORDER_WORD : slot < ORDER_LINE ? ORDER_LINE : slot < ORDER_GROUP ? ORDER_GROUP : SLOT_SECTION;
}

[[gnu::always_inline]] static inline bool block_search(const struct bitmap *bitmap, unsigned order, uint32_t limit, uint32_t *first)
{
    for (unsigned slot = order;; slot = slot_next(slot)) {
        uint32_t base = 0;
        if (bitmap->top[slot] != 0 && slot_search(bitmap, slot, order, limit, &base)) {
            *first = base;
            return true;
        }
        if (slot == SLOT_SECTION) return false;
    }
}

[[gnu::noinline]] static bool block_search_anywhere(const struct bitmap *bitmap, unsigned order, uint32_t *first)
{
    return block_search(bitmap, order, ANYWHERE, first);
}

/* --- The open word --- */

/* Gives the open word back to the tiers. False: there was nothing to give. */
[[gnu::noinline]] static bool open_word_close(struct bitmap *bitmap)
{
    uint32_t word = bitmap->open_word;
    uint64_t mask = bitmap->open_mask;
    if (mask == 0) return false;
    bitmap->open_word = BITMAP_NO_WORD;
    bitmap->open_mask = 0;
    [[maybe_unused]] uint64_t before = word_open(bitmap, word);
    assert(before == 0);
    word_store(bitmap, word, 0, mask);
    return true;
}

/* Takes the best word for single frames out of the tiers: a partly free one of the same line, or else what the search finds. */
[[gnu::noinline]] static bool open_word_choose(struct bitmap *bitmap)
{
    assert(bitmap->open_mask == 0);
    uint32_t word;
    uint32_t line = bitmap->open_word / 8;
    uint64_t partly = bitmap->open_word == BITMAP_NO_WORD ? 0 : bitmap->lines[line] & 0xff; /* invariant 2 */
    if (partly != 0) {
        word = line * 8 + (uint32_t)__builtin_ctzll(partly);
    } else {
        uint32_t first;
        if (!block_search_anywhere(bitmap, 0, &first)) return false;
        word = first / 64;
        line = word / 8;
        line_open(bitmap, line);
    }
    uint64_t masks = bitmap->lines[line];
    bitmap->open_word = word;
    bitmap->open_mask = (masks >> word % 8 & 1) != 0 ? bitmap->words[word] : ALL;
    line_store(bitmap, line, masks & ~(LINE_COLUMN << word % 8));
    return true;
}

/* --- Public --- */

[[gnu::always_inline]] static inline bool block_allocate(struct bitmap *bitmap, unsigned order, uint32_t limit, uint32_t *first)
{
    uint32_t base;
    while (!block_search(bitmap, order, limit, &base)) {
        if (!open_word_close(bitmap)) return false;
    }
    [[maybe_unused]] bool marked = block_mark(bitmap, base, order, false);
    assert(marked);
    bitmap->count_free -= 1u << order;
    *first = base;
    return true;
}

/* Not a part of bitmap_allocate(), so that single frames do not pay for its registers. */
[[gnu::noinline]] static bool block_allocate_anywhere(struct bitmap *bitmap, unsigned order, uint32_t *first)
{
    return order < BITMAP_ORDERS && block_allocate(bitmap, order, ANYWHERE, first);
}

[[gnu::noinline]] static bool frame_allocate_chosen(struct bitmap *bitmap, uint32_t *first)
{
    return open_word_choose(bitmap) && bitmap_allocate(bitmap, 0, first);
}

bool bitmap_allocate(struct bitmap *bitmap, unsigned order, uint32_t *first)
{
    if (order != 0) return block_allocate_anywhere(bitmap, order, first);
    uint64_t mask = bitmap->open_mask;
    if (mask == 0) return frame_allocate_chosen(bitmap, first);
    *first = bitmap->open_word * 64 + (uint32_t)__builtin_ctzll(mask);
    bitmap->open_mask = mask & (mask - 1);
    bitmap->count_free--;
    return true;
}

bool bitmap_allocate_below(struct bitmap *bitmap, unsigned order, uint32_t limit, uint32_t *first)
{
    return order < BITMAP_ORDERS && block_allocate(bitmap, order, limit < BITMAP_FRAMES_LIMIT ? limit : BITMAP_FRAMES_LIMIT, first);
}

bool bitmap_allocate_word(struct bitmap *bitmap, uint32_t *base, uint64_t *mask)
{
    if (bitmap->open_mask == 0 && !open_word_choose(bitmap)) return false;
    *base = bitmap->open_word * 64;
    *mask = bitmap->open_mask;
    bitmap->count_free -= (uint32_t)__builtin_popcountll(*mask);
    bitmap->open_mask = 0;
    return true;
}

/* A frame of a partly free word has become free, and its buddy was: the word may have a block of a higher order now. */
[[gnu::noinline]] static bool frame_merge(struct bitmap *bitmap, uint32_t word, unsigned at)
{
    uint64_t masks = bitmap->lines[word / 8], others = masks & ~(LINE_COLUMN << word % 8);
    unsigned order = pair_grow(bitmap->words[word], at);
    if (order == ORDER_WORD) line_store(bitmap, word / 8, others | line_column(1u << ORDER_WORD, word % 8));
    else if ((masks >> (8 * order + word % 8) & 1) == 0) line_store(bitmap, word / 8, others | line_column((2u << order) - 1, word % 8));
    return true; /* else it has another block of that order, and so of all lower ones */
}

[[gnu::noinline]] static bool block_free(struct bitmap *bitmap, uint32_t first, unsigned order)
{
    if (order >= BITMAP_ORDERS || first >= bitmap->count) return false;
    uint32_t size = 1u << order;
    if ((first & (size - 1)) != 0 || size > bitmap->count - first) return false;
    if (!block_mark(bitmap, first, order, true)) return false;
    bitmap->count_free += size;
    return true;
}

bool bitmap_free(struct bitmap *bitmap, uint32_t first, unsigned order)
{
    if (order != 0 || first >= bitmap->count) return block_free(bitmap, first, order);
    uint32_t word = first / 64, at = first % 64;
    uint64_t bit = (uint64_t)1 << at;
    if (word == bitmap->open_word) {
        if ((bitmap->open_mask & bit) != 0) return false;
        bitmap->open_mask |= bit;
        bitmap->count_free++;
        return true;
    }
    /* A partly free word (invariant 2) is the common case; block_free looks at the others. */
    if ((bitmap->lines[word / 8] >> word % 8 & 1) == 0) return block_free(bitmap, first, 0);
    uint64_t before = bitmap->words[word];
    if ((before & bit) != 0) return false;
    bitmap->words[word] = before | bit;
    bitmap->count_free++;
    return (before >> (at ^ 1) & 1) == 0 || frame_merge(bitmap, word, at);
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

uint64_t bitmap_word(const struct bitmap *bitmap, uint32_t word)
{
    assert(word <= (bitmap->count - 1) / 64);
    if (word == bitmap->open_word) return bitmap->open_mask;
    const struct bitmap_section *section = &bitmap->sections[word >> (ORDER_SECTION - ORDER_WORD)];
    uint64_t bit = (uint64_t)1 << (word >> (ORDER_GROUP - ORDER_WORD)) % 64;
    if ((section_partly(section) & bit) == 0) return (section->groups[ORDER_GROUP] & bit) != 0 ? ALL : 0;
    const struct bitmap_group *group = &bitmap->groups[word >> (ORDER_GROUP - ORDER_WORD)];
    bit = (uint64_t)1 << word / 8 % 64;
    if ((group_partly(group) & bit) == 0) return (group->lines[ORDER_LINE] & bit) != 0 ? ALL : 0;
    uint64_t masks = bitmap->lines[word / 8] >> word % 8;
    return masks & 1 ? bitmap->words[word] : masks >> 48 & 1 ? ALL : 0;
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

/* Nodes of a tier for `count` frames. */
static uint64_t nodes_count(uint32_t count, unsigned order)
{
    return ((uint64_t)count + ((1u << order) - 1)) >> order;
}

uint64_t bitmap_storage_bytes(uint32_t count)
{
    assert(count <= BITMAP_FRAMES_LIMIT);
    return nodes_count(count, ORDER_SECTION) * sizeof(struct bitmap_section) + nodes_count(count, ORDER_GROUP) * sizeof(struct bitmap_group)
         + (nodes_count(count, ORDER_LINE) + nodes_count(count, ORDER_WORD)) * sizeof(uint64_t);
}

void bitmap_initialise(struct bitmap *bitmap, void *storage, uint32_t count)
{
    assert(count <= BITMAP_FRAMES_LIMIT && (uintptr_t)storage % 8 == 0);
    *bitmap = (struct bitmap){ .open_word = BITMAP_NO_WORD, .count = count };
    bitmap->sections = storage;
    bitmap->groups = (struct bitmap_group *)(bitmap->sections + nodes_count(count, ORDER_SECTION));
    bitmap->lines = (uint64_t *)(bitmap->groups + nodes_count(count, ORDER_GROUP));
    bitmap->words = bitmap->lines + nodes_count(count, ORDER_LINE);
}
