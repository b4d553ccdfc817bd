/* What tests of one space share: the space, and short ways to map, unmap and count. */
#ifndef QUIRE_SPACE_FIXTURE_H
#define QUIRE_SPACE_FIXTURE_H

#include <criterion/criterion.h>
#include <string.h>

#include "check.h"
#include "counter.h"
#include "host.h"
#include "space.h"
#include "table_format.h"

constexpr uint64_t MACHINE_BYTES = (uint64_t)64 << 20;
constexpr uint64_t MIDDLE = FORMAT_MIDDLE;
constexpr unsigned BELOW_ROOT = PTE_LEVELS - 1; /* tables that one page needs in an empty space */

static struct space *space;
static uint64_t counted[COUNTERS];

static inline void begin(void)
{
    host_initialise_frames(MACHINE_BYTES, 16);
    cr_assert_eq(space_create(&space), STATUS_OK);
}

static inline void end(void)
{
    cr_assert_eq(check_run(), 0, "%s", host_log_text());
}

/* Blocks above FRAME_CLEAN_ORDER are said to be clean, which in a new arena they are. */
static inline frame_t take(unsigned order)
{
    frame_t frame;
    cr_assert_eq(frame_allocate(order, FRAME_KIND_USER, &frame), STATUS_OK);
    if (order > FRAME_CLEAN_ORDER) frame_find(frame)->flags &= (uint8_t)~FRAME_DIRTY;
    return frame;
}

static inline struct user_span span_of(uint64_t address, uint64_t count_pages)
{
    struct user_span span;
    cr_assert_eq(user_span_check(address, count_pages, &span), STATUS_OK);
    return span;
}

static inline user_page_t page_of(uint64_t address) { return span_of(address, 1).first; }

static inline void count_begin(void) { memcpy(counted, counters, sizeof counted); }
static inline uint64_t count_of(enum counter counter) { return counters[counter] - counted[counter]; }

static inline void map(uint64_t address, uint64_t count_pages, frame_t frame, uint32_t attributes)
{
    for (uint64_t total = 0, done; total < count_pages; total += done) {
        done = 0;
        struct user_span span = span_of(address + total * PAGE_BYTES, count_pages - total);
        enum status status = space_map(space, span, (frame_t){ frame.number + (uint32_t)total }, attributes, &done);
        cr_assert_eq(status, done == count_pages - total ? STATUS_OK : STATUS_AGAIN, "map: %s", status_name(status));
    }
}

static inline void fill_all(struct space *of, uint64_t address, uint64_t count_pages)
{
    for (uint64_t total = 0, done; total < count_pages; total += done) {
        done = 0;
        enum status status = space_fill(of, span_of(address + total * PAGE_BYTES, count_pages - total), ATTRIBUTE_WRITE, &done);
        cr_assert_eq(status, done == count_pages - total ? STATUS_OK : STATUS_AGAIN, "fill: %s", status_name(status));
    }
}

static inline void map_large(uint64_t address, frame_t block, uint32_t attributes)
{
    cr_assert(format_map_large(space, address, block, attributes));
}

static inline struct unmap_result unmap(uint64_t address, uint64_t count_pages, uint64_t flags)
{
    struct unmap_result result;
    cr_assert_eq(space_unmap(space, span_of(address, count_pages), flags, &result), STATUS_OK);
    cr_assert_eq(result.done_pages, count_pages);
    return result;
}

#endif
