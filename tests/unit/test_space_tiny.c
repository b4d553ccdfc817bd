/* Every sequence of operations up to a length in a tiny world: two spaces, two pages at both sides of a table's edge, two frames. After each operation both
 * spaces show what the model says; after each sequence everything is unmapped and all frames and tables have come back. */
#include "space_fixture.h"

constexpr unsigned SPACES = 2, PAGES = 2, FRAMES = 2;
constexpr unsigned LENGTH = 4;
constexpr uint64_t FIRST_PAGE = MIDDLE - PAGE_BYTES;

struct shown {
    uint32_t frame; /* 0: nothing */
    uint32_t attributes;
};

static struct space *spaces[SPACES];
static struct shown model[SPACES][PAGES];
static frame_t frames[FRAMES];

static uint64_t address_of(unsigned page) { return FIRST_PAGE + page * PAGE_BYTES; }

static void compare(void)
{
    for (unsigned s = 0; s < SPACES; s++) {
        uint64_t mapped = 0;
        for (unsigned page = 0; page < PAGES; page++) {
            const struct shown *expected = &model[s][page];
            struct host_translation found;
            bool is_mapped = host_walk(spaces[s]->root, address_of(page), &found);
            cr_assert_eq(is_mapped, expected->frame != 0);
            if (!is_mapped) continue;
            mapped++;
            cr_assert_eq(found.frame.number, expected->frame);
            cr_assert_eq(pte_attributes(found.entry) & ATTRIBUTES_ALL, expected->attributes);
        }
        cr_assert_eq(spaces[s]->count_mapped, mapped);
    }
    for (unsigned i = 0; i < FRAMES; i++) {
        unsigned count = 0;
        for (unsigned at = 0; at < SPACES * PAGES; at++) count += model[at / PAGES][at % PAGES].frame == frames[i].number;
        cr_assert_eq(frame_find(frames[i])->count, count);
    }
}

static void do_map(unsigned s, unsigned page, unsigned frame)
{
    uint64_t done = 0;
    bool is_free = model[s][page].frame == 0;
    enum status status = space_map(spaces[s], span_of(address_of(page), 1), frames[frame], ATTRIBUTE_WRITE, &done);
    cr_assert_eq(status, is_free ? STATUS_OK : STATUS_ALREADY_MAPPED);
    if (is_free) model[s][page] = (struct shown){ frames[frame].number, ATTRIBUTE_WRITE };
}

static void do_unmap(unsigned s, unsigned first, unsigned count)
{
    for (unsigned at = first; at < first + count;) {
        struct unmap_result result;
        enum status status = space_unmap(spaces[s], span_of(address_of(at), first + count - at), UNMAP_KEEP, &result);
        cr_assert_eq(status, at + result.done_pages == first + count ? STATUS_OK : STATUS_AGAIN);
        uint64_t unmapped = 0;
        for (uint64_t i = 0; i < result.done_pages; i++, at++) {
            unmapped += model[s][at].frame != 0;
            model[s][at] = (struct shown){ 0 };
        }
        cr_assert_eq(result.unmapped_pages, unmapped);
    }
}

static void do_protect(unsigned s, uint32_t attributes)
{
    for (unsigned at = 0; at < PAGES;) {
        uint64_t done, changed, expected = 0;
        enum status status = space_protect(spaces[s], span_of(address_of(at), PAGES - at), attributes, &done, &changed);
        cr_assert_eq(status, at + done == PAGES ? STATUS_OK : STATUS_AGAIN);
        for (uint64_t i = 0; i < done; i++, at++) {
            expected += model[s][at].frame != 0 && model[s][at].attributes != attributes;
            model[s][at].attributes = attributes;
        }
        cr_assert_eq(changed, expected);
    }
}

/* What a step has moved stays moved, whatever becomes of the next. */
static void do_move(unsigned from)
{
    unsigned to = 1 - from;
    for (unsigned at = 0; at < PAGES;) {
        uint64_t done = 0, moved = 0, expected = 0;
        enum status status = space_move(spaces[from], page_of(address_of(at)), spaces[to], span_of(address_of(at), PAGES - at), &done, &moved);
        if (status == STATUS_ALREADY_MAPPED) {
            bool is_free = true;
            for (unsigned page = at; page < PAGES; page++) is_free &= model[to][page].frame == 0;
            cr_assert(!is_free);
            return;
        }
        cr_assert_eq(status, at + done == PAGES ? STATUS_OK : STATUS_AGAIN);
        for (uint64_t i = 0; i < done; i++, at++) {
            cr_assert_eq(model[to][at].frame, 0);
            expected += model[from][at].frame != 0;
            model[to][at] = model[from][at];
            model[from][at] = (struct shown){ 0 };
        }
        cr_assert_eq(moved, expected);
    }
}

/* What the other space has not yet becomes its too, lazily. Both have the same places, so a step ends where it has something. */
static void do_share(unsigned from)
{
    unsigned to = 1 - from;
    for (unsigned at = 0; at < PAGES;) {
        uint64_t done = 0, shared = 0, expected = 0;
        enum status status = space_share(spaces[from], span_of(address_of(at), PAGES - at), spaces[to], page_of(address_of(at)), SHARE_COPY, &done, &shared);
        if (status == STATUS_ALREADY_MAPPED) {
            bool is_free = true;
            for (unsigned page = at; page < PAGES; page++) is_free &= model[from][page].frame == 0 || model[to][page].frame == 0;
            cr_assert(!is_free);
            return;
        }
        cr_assert_eq(status, at + done == PAGES ? STATUS_OK : STATUS_AGAIN);
        for (uint64_t i = 0; i < done; i++, at++) {
            if (model[from][at].frame == 0) continue;
            expected++;
            model[from][at].attributes = ATTRIBUTE_READ;
            model[to][at] = model[from][at];
        }
        cr_assert_eq(shared, expected);
    }
}

constexpr unsigned OPERATIONS = 11; /* in each space */

static void operate(unsigned choice)
{
    unsigned s = choice / OPERATIONS;
    switch (choice % OPERATIONS) {
    case 0: case 1: case 2: case 3: do_map(s, choice % OPERATIONS % PAGES, choice % OPERATIONS / PAGES); break;
    case 4: do_unmap(s, 0, 1); break;
    case 5: do_unmap(s, 1, 1); break;
    case 6: do_unmap(s, 0, PAGES); break;
    case 7: do_protect(s, ATTRIBUTE_READ); break;
    case 8: do_protect(s, ATTRIBUTE_WRITE); break;
    case 9: do_share(s); break;
    default: do_move(s); break;
    }
}

Test(space_tiny, every_sequence)
{
    begin();
    spaces[0] = space;
    cr_assert_eq(space_create(&spaces[1]), STATUS_OK);
    for (unsigned i = 0; i < FRAMES; i++) frames[i] = take(0);
    uint64_t before = frame_count_free();
    constexpr unsigned choices = SPACES * OPERATIONS;
    for (unsigned number = 0; number < choices * choices * choices * choices; number++) {
        for (unsigned step = 0, rest = number; step < LENGTH; step++, rest /= choices) {
            operate(rest % choices);
            compare();
        }
        for (unsigned s = 0; s < SPACES; s++) do_unmap(s, 0, PAGES);
        cr_assert_eq(frame_count_free(), before, "sequence %u", number);
        if (number % 10'000 == 0) end();
    }
    end();
}
