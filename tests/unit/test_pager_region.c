/* Regions: the book of one against a naive model, and the two words that describe it.
 *
 * Every test of a book runs for both of what is handed out by pages: addresses of the mmap area, and frames of a block of 8 MiB that the kernel gave (S0-22).
 * The scheme is the same; what differs is what the pages are and what is done with them. */
#include <criterion/criterion.h>

#include <string.h>

#include "host.h"
#include "microkernel/frame.h"
#include "region.h"

/* --- The model: one byte a page, searched --- */

static bool model[REGION_PAGES]; /* in use */
static struct region_descriptor descriptor;
static struct region_book book;

static uint64_t state;
static uint32_t draw(uint32_t below)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((state >> 33) % below);
}

static bool model_is(uint32_t first, uint32_t count, bool used)
{
    for (uint32_t i = 0; i < count; i++)
        if (model[first + i] != used) return false;
    return true;
}

static void model_set(uint32_t first, uint32_t count, bool used)
{
    for (uint32_t i = 0; i < count; i++) model[first + i] = used;
    model[0] = true;
}

static unsigned order_of(uint32_t count)
{
    unsigned order = 0;
    while (1u << order < count) order++;
    return order;
}

/* The smallest free block that holds `count` pages, as a region's own rule has it: the order whose block is free and not part of a larger free one. */
static unsigned model_order(uint32_t count)
{
    for (unsigned order = order_of(count); order < REGION_ORDERS; order++)
        for (uint32_t first = 0; first < REGION_PAGES; first += 1u << order)
            if (model_is(first, 1u << order, false)) {
                uint32_t above = first >> (order + 1) << (order + 1);
                if (!model_is(above, 2u << order, false)) return order;
            }
    return REGION_ORDERS;
}

static void compare(void)
{
    uint32_t free = 0;
    unsigned orders = 0;
    for (uint32_t page = 0; page < REGION_PAGES; page++) {
        free += !model[page];
        cr_assert_eq(region_page_is_used(&book, page), model[page]);
    }
    for (unsigned order = 0; order < REGION_ORDERS; order++)
        for (uint32_t first = 0; first < REGION_PAGES; first += 1u << order)
            if (model_is(first, 1u << order, false)) orders = order + 1;
    cr_assert_eq(region_free_pages(&descriptor), free);
    cr_assert_eq(region_orders(&descriptor), orders);
    cr_assert(region_check(&descriptor, &book));
}

/* --- What is handed out --- */

struct handed {
    const char *name;
    void (*begin)(void);
    void (*use)(uint32_t page); /* writes into it, or looks that nobody else does */
    void (*end)(void);
};

constexpr uint64_t ADDRESS = (uint64_t)3 << 30;
static void addresses_begin(void) { cr_assert_eq(region_describe(&descriptor, ADDRESS, ADDRESS + REGION_BYTES), STATUS_OK); }
static void addresses_use([[maybe_unused]] uint32_t page) {}
static void addresses_end(void) { cr_assert_eq(region_first(&descriptor), ADDRESS); }

constexpr unsigned ORDER_OF_REGION = REGION_SHIFT - PAGE_SHIFT;
static frame_t block;
static uint64_t frames_free;

static void frames_begin(void)
{
    host_initialise_frames((uint64_t)64 << 20, 16);
    frames_free = frame_count_free();
    cr_assert_eq(frame_allocate(ORDER_OF_REGION, FRAME_KIND_USER, &block), STATUS_OK);
    for (uint32_t part = 0; part < REGION_PAGES; part += 512) cr_assert_eq(frame_split((frame_t){ block.number + part }, 0), STATUS_OK);
    uint64_t first = (uint64_t)block.number << PAGE_SHIFT;
    cr_assert_eq(region_describe(&descriptor, first, first + REGION_BYTES), STATUS_OK);
}

static void frames_use(uint32_t page)
{
    frame_t frame = { block.number + page };
    cr_assert(frame_is(frame, FRAME_KIND_USER));
    *(uint32_t *)arch_frame_pointer(frame) = page;
}

static void frames_end(void)
{
    for (uint32_t page = 0; page < REGION_PAGES; page++) cr_assert_eq(frame_free((frame_t){ block.number + page }, 0, FRAME_KIND_USER), STATUS_OK);
    cr_assert_eq(frame_count_free(), frames_free);
}

static const struct handed addresses = { "addresses", addresses_begin, addresses_use, addresses_end };
static const struct handed frames = { "frames", frames_begin, frames_use, frames_end };

static void begin(const struct handed *handed)
{
    cr_log_info("%s", handed->name);
    handed->begin();
    region_initialise(&descriptor, &book);
    memset(model, 0, sizeof(model));
    model[0] = true;
}

/* A test of both. */
#define TEST_OF_BOTH(name)                                                                       \
    static void name(const struct handed *handed);                                               \
    Test(pager_region, name##_of_addresses) { begin(&addresses); name(&addresses); addresses.end(); } \
    Test(pager_region, name##_of_frames) { begin(&frames); name(&frames); frames.end(); }        \
    static void name([[maybe_unused]] const struct handed *handed)

TEST_OF_BOTH(a_fresh_region)
{
    cr_assert_eq(region_free_pages(&descriptor), 2047);
    cr_assert_eq(region_orders(&descriptor), REGION_ORDERS);
    compare();
}

TEST_OF_BOTH(every_page_once)
{
    static bool seen[REGION_PAGES];
    for (uint32_t i = 0; i < 2047; i++) {
        uint32_t page = region_allocate(&descriptor, &book, 1);
        cr_assert(page > 0 && page < REGION_PAGES && !seen[page]);
        seen[page] = true;
        handed->use(page);
        cr_assert_eq(region_free_pages(&descriptor), 2046 - i);
    }
    cr_assert_eq(region_allocate(&descriptor, &book, 1), REGION_NONE);
    cr_assert_eq(region_orders(&descriptor), 0);
    struct region_book fresh = { 0 };
    struct region_descriptor other = { 0 };
    region_initialise(&other, &fresh);
    for (uint32_t page = 1; page < REGION_PAGES; page++) cr_assert(region_free(&descriptor, &book, page, 1));
    cr_assert_eq(memcmp(&fresh, &book, sizeof(book)), 0); /* joined to the tree of the beginning */
    memset(model + 1, 0, sizeof(model) - 1);
    compare();
}

TEST_OF_BOTH(each_order_is_aligned)
{
    for (unsigned order = 0; order < REGION_ORDERS; order++) {
        uint32_t pages[REGION_PAGES], count = 0;
        while ((pages[count] = region_allocate(&descriptor, &book, 1u << order)) != REGION_NONE) {
            cr_assert_eq(pages[count] % (1u << order), 0);
            cr_assert(model_is(pages[count], 1u << order, false));
            model_set(pages[count++], 1u << order, true);
        }
        cr_assert_eq(count, (2048u >> order) - 1);
        compare();
        while (count-- > 0) {
            cr_assert(region_free(&descriptor, &book, pages[count], 1u << order));
            model_set(pages[count], 1u << order, false);
        }
        compare();
    }
}

TEST_OF_BOTH(what_is_in_use_is_refused_and_what_is_free_is_not_given_back)
{
    uint32_t page = region_allocate(&descriptor, &book, 4);
    struct region_descriptor before = descriptor;
    struct region_book kept = book;
    cr_assert_not(region_reserve(&descriptor, &book, page, 1));
    cr_assert_not(region_reserve(&descriptor, &book, page + 3, 2));
    cr_assert_not(region_reserve(&descriptor, &book, 0, 1)); /* the book's page */
    cr_assert_not(region_free(&descriptor, &book, page + 4, 1));
    cr_assert_not(region_free(&descriptor, &book, page, 5));
    cr_assert_not(region_free(&descriptor, &book, page - 1, 2));
    static const uint32_t outside[][2] = { { 0, 0 }, { 5, 0 }, { 2048, 1 }, { 2047, 2 }, { UINT32_MAX, 1 }, { 1, UINT32_MAX }, { 4, UINT32_MAX - 2 } };
    for (size_t i = 0; i < sizeof(outside) / sizeof(outside[0]); i++) {
        cr_assert_not(region_reserve(&descriptor, &book, outside[i][0], outside[i][1]), "%zu", i);
        cr_assert_not(region_free(&descriptor, &book, outside[i][0], outside[i][1]), "%zu", i);
    }
    cr_assert_eq(region_allocate(&descriptor, &book, 1025), REGION_NONE);
    cr_assert_eq(region_allocate(&descriptor, &book, UINT32_MAX), REGION_NONE);
    cr_assert_eq(memcmp(&before, &descriptor, sizeof(before)), 0);
    cr_assert_eq(memcmp(&kept, &book, sizeof(kept)), 0);
    cr_assert(region_free(&descriptor, &book, page, 4));
    cr_assert(region_free(&descriptor, &book, 0, 1)); /* in use, and stays so */
    compare();
}

/* Takes a run of the smallest block that holds it, these pages, or gives back a part of what is in use. */
static void random_step(const struct handed *handed, unsigned percent_taken)
{
    uint32_t count = draw(4) == 0 ? 1 + draw(1100) : 1 + draw(12);
    uint32_t first = draw(REGION_PAGES);
    if (count > REGION_PAGES - first) count = REGION_PAGES - first;
    if (draw(100) >= percent_taken) {
        bool is_used = model_is(first, count, true);
        if (!is_used) while (count > 1 && !model_is(first, count, true)) count /= 2;
        is_used = model_is(first, count, true);
        cr_assert_eq(region_free(&descriptor, &book, first, count), is_used);
        if (is_used) model_set(first, count, false);
    } else if (draw(4) == 0) {
        bool is_free = model_is(first, count, false);
        cr_assert_eq(region_reserve(&descriptor, &book, first, count), is_free);
        if (is_free) model_set(first, count, true);
    } else {
        unsigned order = model_order(count);
        uint32_t page = region_allocate(&descriptor, &book, count);
        cr_assert_eq(page != REGION_NONE, order < REGION_ORDERS);
        if (page == REGION_NONE) return;
        cr_assert_eq(page % (1u << order_of(count)), 0);
        cr_assert(model_is(page, count, false));
        cr_assert(model_is(page >> order << order, 1u << order, false), "not from the smallest block");
        model_set(page, count, true);
        for (uint32_t i = 0; i < count; i++) handed->use(page + i);
    }
}

TEST_OF_BOTH(random_runs)
{
    for (uint64_t seed = 1; seed <= 6; seed++) {
        cr_log_info("seed %lu", seed);
        state = seed;
        for (unsigned step = 0; step < 1500; step++) {
            random_step(handed, step / 500 % 2 == 0 ? 70 : 40);
            compare();
        }
        for (uint32_t page = 1; page < REGION_PAGES; page++)
            if (model[page]) cr_assert(region_free(&descriptor, &book, page, 1));
        memset(model + 1, 0, sizeof(model) - 1);
        compare();
    }
}

TEST_OF_BOTH(nothing_free_at_first)
{
    region_initialise_used(&descriptor, &book);
    memset(model, true, sizeof(model));
    compare();
    cr_assert_eq(region_allocate(&descriptor, &book, 1), REGION_NONE);
    cr_assert(region_free(&descriptor, &book, 1000, 1048));
    model_set(1000, 1048, false);
    compare();
    cr_assert(region_free(&descriptor, &book, 0, 1000));
    model_set(0, 1000, false);
    compare();
    region_initialise(&descriptor, &book);
}

/* Each bit of a book that is wrong is seen. */
TEST_OF_BOTH(the_check_sees_damage)
{
    model_set(region_allocate(&descriptor, &book, 37), 37, true);
    for (unsigned bit = 0; bit < sizeof(book) * 8; bit += bit < 64 ? 1 : 7) {
        ((uint8_t *)&book)[bit / 8] ^= (uint8_t)(1 << bit % 8);
        cr_assert_not(region_check(&descriptor, &book), "bit %u", bit);
        ((uint8_t *)&book)[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    region_set_free(&descriptor, region_free_pages(&descriptor) + 1, region_orders(&descriptor));
    cr_assert_not(region_check(&descriptor, &book));
    region_set_free(&descriptor, region_free_pages(&descriptor) - 1, region_orders(&descriptor) - 1);
    cr_assert_not(region_check(&descriptor, &book));
}

/* --- The two words --- */

Test(pager_region, a_descriptor_is_two_words)
{
    cr_assert_eq(sizeof(struct region_descriptor), 2 * sizeof(region_word_t));
    region_word_t first = (region_word_t)5 << REGION_SHIFT;
    cr_assert_eq(region_describe(&descriptor, first, first + REGION_BYTES), STATUS_OK);
    for (uint32_t pages = 0; pages <= 2047; pages++) {
        for (unsigned orders = 0; orders <= REGION_ORDERS; orders++) {
            uint32_t flags = pages << 8 | orders;
            region_set_flags(&descriptor, flags);
            region_set_free(&descriptor, pages, orders);
            cr_assert(region_free_pages(&descriptor) == pages && region_orders(&descriptor) == orders && region_flags(&descriptor) == flags);
            cr_assert(region_first(&descriptor) == first && region_limit(&descriptor) == first + REGION_BYTES);
        }
    }
    for (unsigned bit = 0; bit < REGION_FLAGS_BITS; bit++) {
        region_set_flags(&descriptor, 1u << bit);
        cr_assert(region_flags(&descriptor) == 1u << bit && region_free_pages(&descriptor) == 2047 && region_orders(&descriptor) == REGION_ORDERS);
        cr_assert(region_first(&descriptor) == first && region_limit(&descriptor) == first + REGION_BYTES);
    }
}

Test(pager_region, addresses_that_no_descriptor_can_say)
{
    constexpr uint64_t last = (region_word_t)~(region_word_t)0 - REGION_BYTES + 1; /* of the words: its end would be 0 */
    struct region_descriptor untouched = descriptor = (struct region_descriptor){ 1, 2 };
    cr_assert_eq(region_describe(&descriptor, REGION_BYTES + PAGE_BYTES, 3 * REGION_BYTES), STATUS_BAD_ALIGNMENT);
    cr_assert_eq(region_describe(&descriptor, REGION_BYTES, 2 * REGION_BYTES - 1), STATUS_BAD_ALIGNMENT);
    cr_assert_eq(region_describe(&descriptor, REGION_BYTES, REGION_BYTES), STATUS_RANGE_WRAPS);
    cr_assert_eq(region_describe(&descriptor, 2 * REGION_BYTES, REGION_BYTES), STATUS_RANGE_WRAPS);
    cr_assert_eq(region_describe(&descriptor, last, last + REGION_BYTES), STATUS_RANGE_WRAPS);
    cr_assert_eq(memcmp(&untouched, &descriptor, sizeof(descriptor)), 0);
    cr_assert_eq(region_describe(&descriptor, last - REGION_BYTES, last), STATUS_OK);
    cr_assert_eq(region_limit(&descriptor), last);
}
