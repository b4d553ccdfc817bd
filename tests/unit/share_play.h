/* Programs that share memory, and duplicates: what the tests of sharing do to them, and see. */
#ifndef QUIRE_SHARE_PLAY_H
#define QUIRE_SHARE_PLAY_H

#include "pager_fixture.h"

#include "range.h"
#include "transfer.h"

constexpr uint64_t P = PAGE_BYTES;
constexpr uint64_t ENTRY = SIM_IMAGE_FIRST;
constexpr uint64_t STACK = LAYOUT_STACK_TOP - 64;
constexpr uint32_t RW = ATTRIBUTE_READ | ATTRIBUTE_WRITE;

/* init has a handle that leads to wx, which is of another family. */
static uint32_t to_wx;

static inline void begin_with(const struct sim_options *options)
{
    fixture_start_with(options);
    uint64_t endpoint = fixture_ok(sim_request(WX, PROTOCOL_endpoint_create, 0, 0, 0));
    fixture_ok(sim_request_text(WX, PROTOCOL_name_publish, endpoint, "wx", 2));
    to_wx = (uint32_t)fixture_ok(sim_request_text(INIT, PROTOCOL_name_find, 0, "wx", 2));
}

static inline void begin(void) { begin_with(&(struct sim_options){ 0 }); }

static inline struct sim_reply share(uint32_t number, uint64_t first, uint64_t pages, uint32_t handle, uint64_t protection)
{
    const uint64_t word[MESSAGE_WORDS] = { first, pages * P, handle, protection };
    return sim_call(number, HANDLE_PAGER, tag_make(PROTOCOL_segment_share, 0), word, nullptr, 0);
}

/* The handle of a duplicate of a process, and through `twin` its number. */
static inline uint32_t duplicate(uint32_t number, uint32_t *twin)
{
    uint32_t handle = (uint32_t)fixture_ok(fixture_duplicate(number, ENTRY, STACK));
    *twin = sim_pager.next_number;
    return handle;
}

static inline uint64_t charged(uint32_t number) { return sim_process(number)->family->pages.charged; }
static inline struct segment *at(uint32_t number, uint64_t address) { return segment_find(&sim_process(number)->segments, address); }
static inline uint64_t map(uint32_t number, uint64_t pages) { return fixture_ok(sim_request(number, PROTOCOL_map, pages * P, PROTECTION_WRITE, 0)); }

static inline void put(uint32_t number, uint64_t address, unsigned char value)
{
    unsigned char *byte = sim_touch(number, address, FAULT_WRITE);
    cr_assert_not_null(byte, "pid %u\n%s", number, sim_log());
    *byte = value;
}
static inline unsigned char get(uint32_t number, uint64_t address)
{
    const unsigned char *byte = sim_touch(number, address, FAULT_READ);
    cr_assert_not_null(byte, "pid %u\n%s", number, sim_log());
    return *byte;
}

static inline uint64_t written(uint32_t number, uint64_t pages)
{
    uint64_t first = map(number, pages);
    for (uint64_t i = 0; i < pages; i++) put(number, first + i * P, (unsigned char)(i + 1));
    return first;
}

struct page { uint64_t frame; uint32_t attributes; };
static inline struct page page_of(uint32_t number, uint64_t address)
{
    struct page page;
    cr_assert(sim_page(number, address, &page.frame, &page.attributes));
    return page;
}
static inline uint64_t frame_of(uint32_t number, uint64_t address) { return page_of(number, address).frame; }
static inline uint32_t attributes_of(uint32_t number, uint64_t address) { return page_of(number, address).attributes; }

#endif
