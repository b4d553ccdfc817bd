/* Regions: the book of one. See region.h.
 *
 * Two things make this a matter of some dozens of instructions. A block is one bit, at its own and only place, so that splitting and joining write no links;
 * and nodes of one order lie side by side, orders one after the other, so that "the smallest order, the lowest block in it" is two counts of zeroes in one
 * word, once for the words and once for the nodes. Largest blocks are in word 0: orders 6 and up. */
#include "region.h"

#include <assert.h>
#include <string.h>

static_assert(REGION_TREE_WORDS == 64);

enum status region_describe(struct region_descriptor *descriptor, uint64_t first, uint64_t limit)
{
    if ((first | limit) % REGION_BYTES != 0) return STATUS_BAD_ALIGNMENT;
    if (limit <= first || (region_word_t)limit != limit) return STATUS_RANGE_WRAPS;
    *descriptor = (struct region_descriptor){ (region_word_t)first, (region_word_t)limit };
    return STATUS_OK;
}

/* --- Bits --- */

static inline unsigned floor_log2(uint64_t value) { return 63 - (unsigned)__builtin_clzll(value); }
static inline uint64_t low_bits(unsigned count) { return ~(uint64_t)0 >> (64 - count); } /* 1 to 64 */

static inline bool node_is_set(const struct region_book *book, uint32_t node) { return book->tree[node / 64] >> node % 64 & 1; }

static inline void node_set(struct region_book *book, uint32_t node)
{
    book->tree[node / 64] |= (uint64_t)1 << node % 64;
    book->words |= (uint64_t)1 << node / 64;
}

static inline void node_clear(struct region_book *book, uint32_t node)
{
    uint64_t word = book->tree[node / 64] & ~((uint64_t)1 << node % 64);
    book->tree[node / 64] = word;
    if (word == 0) book->words &= ~((uint64_t)1 << node / 64);
}

/* The bits of a group of nodes, or of words, lie at [2^i, 2^(i+1)), a higher group for a smaller order: the lowest bit of the highest group. */
static inline unsigned lowest_of_smallest(uint64_t bits)
{
    unsigned begin = 1u << floor_log2(floor_log2(bits));
    return begin + (unsigned)__builtin_ctzll(bits >> begin);
}

/* The node of the smallest free block of at least an order; 0: none. */
static inline uint32_t node_find(const struct region_book *book, unsigned order)
{
    uint64_t words = book->words;
    uint64_t top = book->tree[0];
    if (order < 6) words &= low_bits(64 >> order);
    else top &= low_bits(1u << (12 - order));
    if (order < 6 && words > 1) {
        unsigned word = lowest_of_smallest(words);
        return word * 64 + (unsigned)__builtin_ctzll(book->tree[word]);
    }
    return top != 0 ? lowest_of_smallest(top) : 0;
}

/* Orders up to the largest free block's. */
static inline unsigned book_orders(const struct region_book *book)
{
    if (book->words & 1) return REGION_ORDERS + 1 - floor_log2((unsigned)__builtin_ctzll(book->tree[0]));
    return book->words != 0 ? 6 - floor_log2((unsigned)__builtin_ctzll(book->words)) : 0;
}

/* --- Ranges of pages --- */

/* The order of the largest block that begins at `first` and ends by `limit`. */
static inline unsigned block_order(uint32_t first, uint32_t limit)
{
    unsigned fits = floor_log2(limit - first);
    unsigned aligned = (unsigned)__builtin_ctz(first | REGION_PAGES);
    return fits < aligned ? fits : aligned;
}

static inline uint32_t node_of(uint32_t page, unsigned order) { return (REGION_PAGES + page) >> order; }

/* Makes pages free that have no free buddies. */
static void range_add(struct region_book *book, uint32_t first, uint32_t limit)
{
    while (first < limit) {
        unsigned order = block_order(first, limit);
        node_set(book, node_of(first, order));
        first += 1u << order;
    }
}

/* Makes a block free, and joins it with its free buddy, and that with its own: ends by invariant 2. */
static inline void block_join(struct region_book *book, uint32_t node)
{
    for (; node_is_set(book, node ^ 1); node /= 2) node_clear(book, node ^ 1);
    node_set(book, node);
}

static void range_join(struct region_book *book, uint32_t first, uint32_t limit)
{
    while (first < limit) {
        unsigned order = block_order(first, limit);
        block_join(book, node_of(first, order));
        first += 1u << order;
    }
}

/* The bits of word `word` that stand for pages of [first, limit), which reaches into it. */
static inline uint64_t range_mask(uint32_t first, uint32_t limit, uint32_t word)
{
    uint32_t begin = first > word * 64 ? first % 64 : 0;
    uint32_t end = limit < word * 64 + 64 ? limit % 64 : 64;
    return low_bits(end - begin) << begin;
}

static inline bool range_is_in_word(uint32_t first, uint32_t limit) { return first / 64 == (limit - 1) / 64; }

/* Whether all of a range is in use (or, with `inverted` all ones, whether nothing is). */
static inline bool range_is(const struct region_book *book, uint32_t first, uint32_t limit, uint64_t inverted)
{
    if (range_is_in_word(first, limit)) return (~(book->used[first / 64] ^ inverted) & low_bits(limit - first) << first % 64) == 0;
    for (uint32_t word = first / 64; word <= (limit - 1) / 64; word++)
        if (~(book->used[word] ^ inverted) & range_mask(first, limit, word)) return false;
    return true;
}

static inline void range_flip(struct region_book *book, uint32_t first, uint32_t limit)
{
    if (range_is_in_word(first, limit)) {
        book->used[first / 64] ^= low_bits(limit - first) << first % 64;
        return;
    }
    for (uint32_t word = first / 64; word <= (limit - 1) / 64; word++) book->used[word] ^= range_mask(first, limit, word);
}

/* --- What is offered --- */

void region_initialise_used(struct region_descriptor *descriptor, struct region_book *book)
{
    book->words = 0;
    memset(book->tree, 0, sizeof(book->tree));
    memset(book->used, 0xff, sizeof(book->used));
    region_set_free(descriptor, 0, 0);
}

void region_initialise(struct region_descriptor *descriptor, struct region_book *book)
{
    region_initialise_used(descriptor, book);
    bool is_freed = region_free(descriptor, book, 1, REGION_PAGES - 1);
    assert(is_freed);
    (void)is_freed;
}

uint32_t region_allocate(struct region_descriptor *descriptor, struct region_book *book, uint32_t count)
{
    assert(count > 0);
    unsigned order = count == 1 ? 0 : floor_log2(count - 1) + 1;
    if (order >= region_orders(descriptor)) return REGION_NONE;
    uint32_t node = node_find(book, order);
    assert(node != 0); /* invariant 3 */

    // Commit: nothing below may fail.
    unsigned found = REGION_ORDERS - floor_log2(node);
    node_clear(book, node);
    for (; found > order; found--) {
        node *= 2;
        node_set(book, node + 1);
    }
    uint32_t first = (node << order) - REGION_PAGES;
    if (count < 1u << order) range_add(book, first + count, first + (1u << order));
    range_flip(book, first, first + count);
    region_set_free(descriptor, region_free_pages(descriptor) - count, book_orders(book));
    return first;
}

bool region_reserve(struct region_descriptor *descriptor, struct region_book *book, uint32_t first, uint32_t count)
{
    if (count == 0 || first >= REGION_PAGES || count > REGION_PAGES - first) return false;
    uint32_t limit = first + count;
    if (!range_is(book, first, limit, ~(uint64_t)0)) return false;

    // Commit: nothing below may fail. Each free block that reaches into the range is taken out, and what of it lies outside is put back.
    for (uint32_t page = first; page < limit;) {
        unsigned order = 0;
        while (!node_is_set(book, node_of(page, order))) order++;
        node_clear(book, node_of(page, order));
        uint32_t block = page >> order << order;
        uint32_t end = block + (1u << order);
        range_add(book, block, page);
        if (end > limit) range_add(book, limit, end);
        page = end;
    }
    range_flip(book, first, limit);
    region_set_free(descriptor, region_free_pages(descriptor) - count, book_orders(book));
    return true;
}

/* What is no block within one word of `used`. */
__attribute__((noinline)) static bool region_free_range(struct region_descriptor *descriptor, struct region_book *book, uint32_t first, uint32_t count)
{
    if (count == 0 || first >= REGION_PAGES || count > REGION_PAGES - first) return false;
    uint32_t limit = first + count;
    if (!range_is(book, first, limit, 0)) return false;

    // Commit: nothing below may fail.
    if (first == 0) first = 1;
    if (first == limit) return true;
    range_flip(book, first, limit);
    range_join(book, first, limit);
    region_set_free(descriptor, region_free_pages(descriptor) + (limit - first), book_orders(book));
    return true;
}

bool region_free(struct region_descriptor *descriptor, struct region_book *book, uint32_t first, uint32_t count)
{
    bool is_block = (count & (count - 1)) == 0 && (first & (count - 1)) == 0 && count - 1 < 64;
    if (!is_block || first - 1 >= REGION_PAGES - 1) return region_free_range(descriptor, book, first, count);
    uint64_t pages = low_bits(count) << first % 64;
    uint64_t used = book->used[first / 64];
    if (pages & ~used) return false;

    // Commit: nothing below may fail.
    book->used[first / 64] = used ^ pages;
    block_join(book, (REGION_PAGES + first) >> __builtin_ctz(count));
    region_set_free(descriptor, region_free_pages(descriptor) + count, book_orders(book));
    return true;
}

/* --- The check --- */

static bool node_is_free(const struct region_book *book, uint32_t node)
{
    unsigned order = REGION_ORDERS - floor_log2(node);
    uint32_t first = (node << order) - REGION_PAGES;
    return range_is(book, first, first + (1u << order), ~(uint64_t)0);
}

bool region_check(const struct region_descriptor *descriptor, const struct region_book *book)
{
    uint64_t words = 0;
    uint32_t free = 0;
    unsigned orders = 0;
    if (!region_page_is_used(book, 0) || (book->tree[0] & 1)) return false; /* invariant 2 */
    for (uint32_t page = 0; page < REGION_PAGES; page++) free += !region_page_is_used(book, page);
    for (uint32_t node = 1; node < 2 * REGION_PAGES; node++) {
        bool is_block = node_is_free(book, node) && !node_is_free(book, node / 2 == 0 ? 1 : node / 2);
        if (node_is_set(book, node) != is_block) return false; /* invariant 1 */
        if (is_block && REGION_ORDERS - floor_log2(node) + 1 > orders) orders = REGION_ORDERS - floor_log2(node) + 1;
        if (is_block) words |= (uint64_t)1 << node / 64;
    }
    return words == book->words && region_free_pages(descriptor) == free && region_orders(descriptor) == orders; /* invariant 3 */
}
