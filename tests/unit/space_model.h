/* A naive model of spaces for the tests: an array of pages, an array of frames, and a comparison with what the kernel built.
 *
 * The model knows a few windows of the address space, each around a place where an index of the table format changes, and two spaces that share frames.
 * It is compared through host_walk(), which shares no code with the kernel's walk. */
#ifndef QUIRE_SPACE_MODEL_H
#define QUIRE_SPACE_MODEL_H

#include <criterion/criterion.h>
#include <string.h>

#include "check.h"
#include "counter.h"
#include "host.h"
#include "space.h"

constexpr unsigned MODEL_SPACES = 2;
constexpr unsigned MODEL_WINDOWS = 4;
constexpr unsigned MODEL_PAGES = 1536; /* of a window: three lowest tables, or parts of four */
constexpr uint32_t MODEL_FRAMES = 16384;
constexpr uint64_t MODEL_BYTES = (uint64_t)MODEL_FRAMES << PAGE_SHIFT;
constexpr uint32_t MODEL_RESERVED = 16;
constexpr unsigned MODEL_POOL_ORDER = 11;
constexpr uint32_t MODEL_POOL = 1u << MODEL_POOL_ORDER;

/* First page of each window: the lowest address, the change of the level-2 and of the level-3 index, the highest address. */
static const uint64_t model_windows[MODEL_WINDOWS] = {
    USER_FIRST,
    ((uint64_t)5 << 30) - 768 * PAGE_BYTES,
    ((uint64_t)3 << 39) - 700 * PAGE_BYTES,
    USER_LIMIT - MODEL_PAGES * PAGE_BYTES,
};

struct model_page {
    uint32_t frame; /* 0: nothing is mapped */
    uint32_t attributes;
};

struct model {
    struct space *spaces[MODEL_SPACES];
    struct model_page pages[MODEL_SPACES][MODEL_WINDOWS][MODEL_PAGES];
    bool is_user[MODEL_FRAMES]; /* taken, or filled and not yet freed */
    uint32_t counts[MODEL_FRAMES];
    uint64_t free_before; /* before anything was taken */
    uint32_t pool;        /* first frame of a block of MODEL_POOL */
};
static struct model model;

/* --- Random numbers: the same everywhere for a seed (splitmix64) --- */

static uint64_t random_state;

static uint64_t random_next(void)
{
    uint64_t z = random_state += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}
[[maybe_unused]] static uint64_t random_below(uint64_t limit) { return random_next() % limit; }

/* --- The model's machine --- */

static inline uint64_t model_address(unsigned window, unsigned page)
{
    return model_windows[window] + (uint64_t)page * PAGE_BYTES;
}

/* No translation that is about to be forgotten may lead to a frame that is free already. */
static void model_on_flush(void)
{
    for (unsigned i = 0; i < HOST_TLB_ROWS; i++)
        if (host_tlb[i].is_used) cr_assert(frame_is(host_tlb[i].frame, FRAME_KIND_USER), "frame %u was freed before the flush", host_tlb[i].frame.number);
}

static void model_begin(uint64_t seed)
{
    random_state = seed;
    host_initialise_frames(MODEL_BYTES, MODEL_RESERVED);
    memset(&model, 0, sizeof model);
    model.free_before = frame_count_free();
    frame_t pool;
    cr_assert_eq(frame_allocate(MODEL_POOL_ORDER, FRAME_KIND_USER, &pool), STATUS_OK);
    model.pool = pool.number;
    for (uint32_t i = 0; i < MODEL_POOL; i++)
        model.is_user[pool.number + i] = true;
    for (unsigned i = 0; i < MODEL_SPACES; i++)
        cr_assert_eq(space_create(&model.spaces[i]), STATUS_OK);
    host_on_flush = model_on_flush;
}

static void model_compare_page(unsigned s, unsigned window, unsigned page)
{
    const struct model_page *expected = &model.pages[s][window][page];
    struct host_translation found;
    uint64_t address = model_address(window, page);
    bool is_mapped = host_walk(model.spaces[s]->root, address, &found);
    cr_assert_eq(is_mapped, expected->frame != 0, "space %u page %lx: mapped %d, expected frame %u", s, address, is_mapped, expected->frame);
    if (!is_mapped) return;
    uint32_t attributes = pte_attributes(found.entry) & ATTRIBUTES_ALL;
    cr_assert(found.frame.number == expected->frame && attributes == expected->attributes, "space %u page %lx: frame %u attributes %u, expected %u %u", s,
              address, found.frame.number, attributes, expected->frame, expected->attributes);
}

static void model_compare_window(unsigned s, unsigned window)
{
    for (unsigned page = 0; page < MODEL_PAGES; page++)
        model_compare_page(s, window, page);
}

/* Everything: pages, map counts, the sums, the frames that are left, and the checker. */
static void model_compare(void)
{
    uint64_t users = 0;
    for (uint32_t i = 0; i < MODEL_FRAMES; i++) {
        const struct frame_info *info = frame_find((frame_t){ i });
        cr_assert_eq(info->kind == FRAME_KIND_USER, model.is_user[i], "frame %u: kind %u", i, info->kind);
        if (!model.is_user[i]) continue;
        cr_assert_eq(info->count, model.counts[i], "frame %u: count %u, expected %u", i, info->count, model.counts[i]);
        users++;
    }
    uint64_t tables = 0;
    for (unsigned s = 0; s < MODEL_SPACES; s++) {
        if (model.spaces[s] == nullptr) continue;
        uint64_t mapped = 0;
        for (unsigned window = 0; window < MODEL_WINDOWS; window++) {
            model_compare_window(s, window);
            for (unsigned page = 0; page < MODEL_PAGES; page++)
                mapped += model.pages[s][window][page].frame != 0;
        }
        cr_assert_eq(model.spaces[s]->count_mapped, mapped);
        tables += model.spaces[s]->count_tables + 2;
    }
    cr_assert_eq(frame_count_free(), model.free_before - users - tables, "frames are lost");
    cr_assert_eq(check_run(), 0, "%s", host_log_text());
}

/* --- Changes of the model --- */

static inline void model_set(unsigned s, unsigned window, unsigned page, uint32_t frame, uint32_t attributes)
{
    model.pages[s][window][page] = (struct model_page){ frame, attributes };
    model.counts[frame]++;
}

/* Returns true when the frame was freed with its last mapping. */
static inline bool model_clear(unsigned s, unsigned window, unsigned page, bool is_freeing)
{
    uint32_t frame = model.pages[s][window][page].frame;
    model.pages[s][window][page] = (struct model_page){ 0 };
    if (--model.counts[frame] != 0 || !is_freeing) return false;
    model.is_user[frame] = false;
    return true;
}

static inline bool frame_is_zero(uint32_t frame)
{
    static const unsigned char zeroes[PAGE_BYTES];
    return memcmp(arch_frame_pointer((frame_t){ frame }), zeroes, PAGE_BYTES) == 0;
}

/* Ends both spaces, frees what is left of the user frames: all must be as before. */
static void model_end(void)
{
    host_activate((frame_t){ 0 });
    for (unsigned s = 0; s < MODEL_SPACES; s++) {
        enum status status;
        unsigned steps = 0;
        do
            status = space_destroy(model.spaces[s]);
        while (status == STATUS_AGAIN && ++steps < 100);
        cr_assert_eq(status, STATUS_OK);
        model.spaces[s] = nullptr;
        for (unsigned window = 0; window < MODEL_WINDOWS; window++)
            for (unsigned page = 0; page < MODEL_PAGES; page++)
                if (model.pages[s][window][page].frame != 0) model_clear(s, window, page, true);
    }
    model_compare();
    for (uint32_t i = 0; i < MODEL_FRAMES; i++)
        if (model.is_user[i]) cr_assert_eq(frame_free((frame_t){ i }, 0, FRAME_KIND_USER), STATUS_OK);
    cr_assert_eq(frame_count_free(), model.free_before);
}

#endif
