/* The tiered bitmap: search, marking, and what a change of one node means for the tiers above.
 *
 * Large blocks cost what small ones do, because a block is marked in the tier whose children it is made of and nowhere below: the nodes below a child that
 * became wholly free or wholly used keep old content, and are written anew (line_open, group_open) when a part of them changes first. Which of them
 * are valid is decided from above, so a whole memory of zeroes is a valid bitmap without a free frame.
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

/* What the parent's parent must learn. */
struct change {
    uint32_t lost;   /* order sets */
    uint32_t gained;
};

/* Children `bits` of a node lost and gained orders; `whole` is their own order, the node's last mask. */
static inline struct change masks_change(uint64_t *masks, unsigned whole, uint64_t bits, struct change child)
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
    uint32_t orders_before = runs_orders(before) << whole, orders_after = runs_orders(after) << whole;
    up.lost = (up.lost & ~(1u << whole)) | (orders_before & ~orders_after);
    up.gained = (up.gained & ~(1u << whole)) | (orders_after & ~orders_before);
    return up;
}

static void section_change(struct bitmap *bitmap, uint32_t section, uint64_t groups, struct change child)
{
    struct change up = masks_change(bitmap->sections[section].groups, ORDER_GROUP, groups, child);
    up.lost = orders_to_slots(up.lost);
    up.gained = orders_to_slots(up.gained);
    if ((up.lost | up.gained) != 0) masks_change(bitmap->top, SLOT_SECTION, (uint64_t)1 << section, up);
}

static inline void group_change(struct bitmap *bitmap, uint32_t group, uint64_t lines, struct change child)
{
    struct change up = masks_change(bitmap->groups[group].lines, ORDER_LINE, lines, child);
    if ((up.lost | up.gained) != 0) section_change(bitmap, group / 64, (uint64_t)1 << group % 64, up);
}

static inline void line_store(struct bitmap *bitmap, uint32_t line, uint64_t after)
{
    uint32_t orders_before = line_orders(bitmap->lines[line]), orders_after = line_orders(after);
    bitmap->lines[line] = after;
    if (orders_before == orders_after) return;
    struct change change = { orders_before & ~orders_after, orders_after & ~orders_before };
    group_change(bitmap, line / 64, (uint64_t)1 << line % 64, change);
}

/* The line is open (valid). */
static inline void word_store(struct bitmap *bitmap, uint32_t word, uint64_t before, uint64_t after)
{
    bitmap->words[word] = after;
    uint32_t orders_after = runs_orders(after);
    if (runs_orders(before) == orders_after) return;
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
static bool word_mark(struct bitmap *bitmap, uint32_t first, unsigned order, bool insert)
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

static bool line_mark(struct bitmap *bitmap, uint32_t first, unsigned order, bool insert)
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
    const struct bitmap_group *masks = &bitmap->groups[group];
    if (insert && ((group_partly(masks) | masks->lines[ORDER_LINE]) & lines) != 0) return false;
    struct change change = insert ? (struct change){ 0, 1u << ORDER_LINE } : (struct change){ 1u << ORDER_LINE, 0 };
    group_change(bitmap, group, lines, change);
    return true;
}

static bool section_mark(struct bitmap *bitmap, uint32_t first, unsigned order, bool insert)
{
    uint32_t section = first >> ORDER_SECTION;
    uint64_t groups = block_bits(first >> ORDER_GROUP & 63, order - ORDER_GROUP);
    const struct bitmap_section *masks = &bitmap->sections[section];
    if (insert && ((section_partly(masks) | masks->groups[ORDER_GROUP]) & groups) != 0) return false;
    struct change change = insert ? (struct change){ 0, 1u << ORDER_GROUP } : (struct change){ 1u << ORDER_GROUP, 0 };
    section_change(bitmap, section, groups, change);
    return true;
}

static bool block_mark(struct bitmap *bitmap, uint32_t first, unsigned order, bool insert)
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

/* Where a block is sought: whole units of a node's children at [0, limit >> shift), and the one child that the limit cuts. */
static inline uint64_t units_below(uint32_t limit, unsigned shift)
{
    uint32_t count = limit >> shift;
    return count >= 64 ? ALL : ((uint64_t)1 << count) - 1;
}

/* The child with a block, by the masks of a node that begins at frame *base: one wholly below the limit, else the one that the limit cuts. */
static inline bool child_choose(uint64_t mask, unsigned shift, uint32_t limit, uint32_t *base)
{
    uint32_t below = limit - *base;
    uint64_t whole = mask & units_below(below, shift);
    uint64_t candidates = whole != 0 ? whole : mask & ~units_below(below, shift) & units_below(below + ((1u << shift) - 1), shift);
    if (candidates == 0) return false;
    *base += (uint32_t)__builtin_ctzll(candidates) << shift;
    return true;
}

/* The first run of 2^run children whose first 2^order frames lie below the limit. */
static inline bool run_choose(uint64_t mask, unsigned shift, unsigned run, unsigned order, uint32_t limit, uint32_t *base)
{
    uint64_t runs = runs_find(mask, run);
    if (runs == 0) return false;
    uint64_t first = *base + ((uint64_t)__builtin_ctzll(runs) << shift);
    if (first + ((uint64_t)1 << order) > limit) return false;
    *base = (uint32_t)first;
    return true;
}

/* Follows mask `slot` from the top to a block of at least 2^order frames. */
static inline bool slot_search(const struct bitmap *bitmap, unsigned slot, unsigned order, uint32_t limit, uint32_t *first)
{
    uint32_t base = 0;
    if (slot == SLOT_SECTION) {
        if (!run_choose(bitmap->top[SLOT_SECTION], ORDER_SECTION, 0, order, limit, &base)) return false;
        *first = base;
        return true;
    }
    if (!child_choose(bitmap->top[slot], ORDER_SECTION, limit, &base)) return false;
    const struct bitmap_section *section = &bitmap->sections[base >> ORDER_SECTION];
    if (slot >= ORDER_GROUP) {
        if (!run_choose(section->groups[ORDER_GROUP], ORDER_GROUP, slot - ORDER_GROUP, order, limit, &base)) return false;
        *first = base;
        return true;
    }
    if (!child_choose(section->groups[slot], ORDER_GROUP, limit, &base)) return false;
    const struct bitmap_group *group = &bitmap->groups[base >> ORDER_GROUP];
    if (slot >= ORDER_LINE) {
        if (!run_choose(group->lines[ORDER_LINE], ORDER_LINE, slot - ORDER_LINE, order, limit, &base)) return false;
        *first = base;
        return true;
    }
    if (!child_choose(group->lines[slot], ORDER_LINE, limit, &base)) return false;
    uint64_t line = bitmap->lines[base >> ORDER_LINE];
    if (slot >= ORDER_WORD) {
        if (!run_choose(line >> 48 & 0xff, ORDER_WORD, slot - ORDER_WORD, order, limit, &base)) return false;
        *first = base;
        return true;
    }
    if (!child_choose(line >> 8 * slot & 0xff, ORDER_WORD, limit, &base)) return false;
    if (!run_choose(bitmap->words[base >> ORDER_WORD], 0, slot, order, limit, &base)) return false;
    *first = base;
    return true;
}

/* The masks that may hold a block of an order: its own, then those of units wholly free, small ones first. */
static inline unsigned slot_next(unsigned slot)
{
    return slot < ORDER_WORD ? ORDER_WORD : slot < ORDER_LINE ? ORDER_LINE : slot < ORDER_GROUP ? ORDER_GROUP : SLOT_SECTION;
}

static bool block_search(const struct bitmap *bitmap, unsigned order, uint32_t limit, uint32_t *first)
{
    for (unsigned slot = order;; slot = slot_next(slot)) {
        if (bitmap->top[slot] != 0 && slot_search(bitmap, slot, order, limit, first)) return true;
        if (slot == SLOT_SECTION) return false;
    }
}

/* --- The open word --- */

/* Gives the open word back to the tiers. False: there was nothing to give. */
static bool open_word_close(struct bitmap *bitmap)
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

/* Takes the best word for single frames out of the tiers. */
static bool open_word_choose(struct bitmap *bitmap)
{
    assert(bitmap->open_mask == 0);
    uint32_t first;
    if (!block_search(bitmap, 0, BITMAP_FRAMES_LIMIT, &first)) return false;
    uint32_t word = first / 64;
    uint64_t mask = word_open(bitmap, word);
    word_store(bitmap, word, mask, 0);
    bitmap->open_word = word;
    bitmap->open_mask = mask;
    return true;
}

/* --- Public --- */

static bool block_allocate(struct bitmap *bitmap, unsigned order, uint32_t limit, uint32_t *first)
{
    while (!block_search(bitmap, order, limit, first)) {
        if (!open_word_close(bitmap)) return false;
    }
    [[maybe_unused]] bool marked = block_mark(bitmap, *first, order, false);
    assert(marked);
    bitmap->count_free -= 1u << order;
    return true;
}

bool bitmap_allocate(struct bitmap *bitmap, unsigned order, uint32_t *first)
{
    if (order != 0) return order < BITMAP_ORDERS && block_allocate(bitmap, order, BITMAP_FRAMES_LIMIT, first);
    uint64_t mask = bitmap->open_mask;
    if (mask == 0) {
        if (!open_word_choose(bitmap)) return false;
        mask = bitmap->open_mask;
    }
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
    bitmap->open_word = BITMAP_NO_WORD;
    bitmap->open_mask = 0;
    return true;
}

bool bitmap_free(struct bitmap *bitmap, uint32_t first, unsigned order)
{
    if (order >= BITMAP_ORDERS || first >= bitmap->count) return false;
    uint32_t size = 1u << order;
    if ((first & (size - 1)) != 0 || size > bitmap->count - first) return false;
    if (!block_mark(bitmap, first, order, true)) return false;
    bitmap->count_free += size;
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
