/* A naive model of spaces for the tests: an array of pages, an array of frames, and a comparison with what the kernel built.
 *
 * A frame of the model knows the first frame of its block. How many leaves name a block depends on how large they are, which the model does not predict: it
 * counts them with host_walk(), a large leaf at its first page.
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
#include "table_format.h"

constexpr unsigned MODEL_SPACES = 2;
constexpr unsigned MODEL_WINDOWS = 4;
constexpr unsigned MODEL_PAGES = 3 * FORMAT_TABLE_PAGES; /* of a window: three lowest tables, or parts of four */
constexpr uint32_t MODEL_FRAMES = 32768;
constexpr uint64_t MODEL_BYTES = (uint64_t)MODEL_FRAMES << PAGE_SHIFT;
constexpr uint32_t MODEL_RESERVED = 16;
constexpr unsigned MODEL_POOL_ORDER = 11;
constexpr uint32_t MODEL_POOL = 1u << MODEL_POOL_ORDER;

/* First page of each window: the lowest address, the change of an index in the middle, that of the index into the root, the highest address. */
static const uint64_t model_windows[MODEL_WINDOWS] = {
    USER_FIRST,
    FORMAT_MIDDLE - 768 * PAGE_BYTES,
    FORMAT_EDGE - 700 * PAGE_BYTES,
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
    uint32_t counts[MODEL_FRAMES]; /* pages that show the frame */
    uint32_t blocks[MODEL_FRAMES]; /* first frame of its block, when it is a user's */
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
    while (frame_clean_step(pool, frame_find(pool)) == STATUS_AGAIN) continue;
    for (uint32_t i = 0; i < MODEL_POOL; i++) {
        model.is_user[pool.number + i] = true;
        model.blocks[pool.number + i] = pool.number;
    }
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

/* Leaves that name each block, found by walks. */
static void model_count_leaves(uint32_t leaves[MODEL_FRAMES])
{
    for (unsigned s = 0; s < MODEL_SPACES; s++) {
        for (unsigned i = 0; model.spaces[s] != nullptr && i < MODEL_WINDOWS * MODEL_PAGES; i++) {
            uint64_t address = model_address(i / MODEL_PAGES, i % MODEL_PAGES);
            struct host_translation found;
            if (!host_walk(model.spaces[s]->root, address, &found)) continue;
            bool is_first = address % ((uint64_t)1 << pte_shift(found.level)) == 0;
            if (is_first) leaves[model.blocks[found.frame.number]]++;
        }
    }
}

/* Everything: pages, map counts, the sums, the frames that are left, and the checker. */
static void model_compare(void)
{
    uint64_t users = 0;
    static uint32_t leaves[MODEL_FRAMES];
    memset(leaves, 0, sizeof leaves);
    model_count_leaves(leaves);
    for (uint32_t i = 0; i < MODEL_FRAMES; i++) {
        const struct frame_info *info = frame_find((frame_t){ i });
        cr_assert_eq(info->kind == FRAME_KIND_USER, model.is_user[i], "frame %u: kind %u", i, info->kind);
        if (!model.is_user[i]) continue;
        uint32_t head = model.blocks[i];
        cr_assert_eq(info, frame_find((frame_t){ head }), "frame %u is not in the block of %u", i, head);
        cr_assert_eq(info->count, leaves[head], "frame %u: count %u, expected %u", i, info->count, leaves[head]);
        cr_assert(leaves[head] != 0 || model.counts[i] == 0);
        users++;
    }
    static uint32_t shown[MODEL_FRAMES];
    memset(shown, 0, sizeof shown);
    for (size_t i = 0; i < sizeof model.pages / sizeof(struct model_page); i++) shown[(&model.pages[0][0][0])[i].frame]++;
    for (uint32_t i = 1; i < MODEL_FRAMES; i++) cr_assert_eq(model.counts[i], shown[i], "the model's own count of frame %u", i);
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

static inline bool model_block_is_mapped(uint32_t head)
{
    for (uint32_t i = head; i < MODEL_FRAMES && model.blocks[i] == head; i++)
        if (model.counts[i] != 0) return true;
    return false;
}

/* Returns the number of frames freed: those of the whole block, with its last mapping. */
static inline unsigned model_clear(unsigned s, unsigned window, unsigned page, bool is_freeing)
{
    uint32_t frame = model.pages[s][window][page].frame;
    model.pages[s][window][page] = (struct model_page){ 0 };
    if (--model.counts[frame] != 0 || !is_freeing) return 0;
    uint32_t head = model.blocks[frame];
    if (model_block_is_mapped(head)) return 0;
    unsigned freed = 0;
    for (uint32_t i = head; i < MODEL_FRAMES && model.blocks[i] == head; i++, freed++) {
        model.is_user[i] = false;
        model.blocks[i] = 0;
    }
    return freed;
}

/* A block that fill took for a large leaf becomes single frames when that leaf, its only one, is split: learnt from the kernel, after a step. */
static inline void model_learn_breaks(uint32_t frame)
{
    uint32_t head = model.blocks[frame];
    if (head == 0 || model.blocks[head + 1] != head || model.blocks[head + 512] == head) return; /* not one of fill */
    bool is_broken = false;
    for (uint32_t i = head; i < head + 512 && !is_broken; i++) {
        const struct frame_info *info = frame_find((frame_t){ i });
        is_broken = info->kind == FRAME_KIND_USER && frame_order(info) == 0;
    }
    for (uint32_t i = head; is_broken && i < head + 512; i++) {
        cr_assert_eq(model.counts[i], 1, "block %u was broken though frame %u was mapped %u times", head, i, model.counts[i]);
        model.blocks[i] = i;
    }
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
        while (status == STATUS_AGAIN && ++steps < 1000);
        cr_assert_eq(status, STATUS_OK);
        model.spaces[s] = nullptr;
        for (unsigned window = 0; window < MODEL_WINDOWS; window++)
            for (unsigned page = 0; page < MODEL_PAGES; page++)
                if (model.pages[s][window][page].frame != 0) model_clear(s, window, page, true);
    }
    model_compare();
    for (uint32_t i = 0; i < MODEL_FRAMES; i++) {
        frame_t frame = { i };
        if (model.is_user[i] && model.blocks[i] == i) cr_assert_eq(frame_free(frame, frame_order(frame_find(frame)), FRAME_KIND_USER), STATUS_OK);
    }
    cr_assert_eq(frame_count_free(), model.free_before);
}

#endif
