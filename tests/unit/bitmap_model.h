/* A bitmap and its naive model: one byte for each unit of memory, searched from the first to the last.
 *
 * A unit is 2^unit_order frames, so that large memories can be modelled by blocks of that order and above. Every operation is done on both, and
 * both must give the same answer; bitmap_check() and the count must hold after it. Storage is exactly as long as asked, so that the sanitizer sees
 * a step beyond it. */
#ifndef BITMAP_MODEL_H
#define BITMAP_MODEL_H

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "bitmap.h"

/* Every frame of [first, limit) is free; false also for an empty range and for one beyond the bitmap. */
static inline bool bitmap_is_free(const struct bitmap *bitmap, uint32_t first, uint32_t limit)
{
    if (first >= limit || limit > bitmap->count) return false;
    for (uint32_t word = first / 64; word <= (limit - 1) / 64; word++) {
        uint64_t wanted = UINT64_MAX;
        if (word == first / 64) wanted &= UINT64_MAX << first % 64;
        if (word == (limit - 1) / 64) wanted &= UINT64_MAX >> (63 - (limit - 1) % 64);
        if ((bitmap_word(bitmap, word) & wanted) != wanted) return false;
    }
    return true;
}

struct bitmap_model {
    struct bitmap bitmap;
    void *storage;
    uint64_t storage_bytes;
    unsigned unit_order;
    uint32_t count_units;
    uint32_t free_units;
    unsigned char *is_free;
};

static inline void model_make(struct bitmap_model *model, uint32_t count_frames, unsigned unit_order)
{
    *model = (struct bitmap_model){ .unit_order = unit_order, .count_units = count_frames >> unit_order };
    model->storage_bytes = bitmap_storage_bytes(count_frames);
    model->storage = calloc(1, model->storage_bytes);
    model->is_free = calloc(1, model->count_units + 1u);
    cr_assert(model->storage != nullptr && model->is_free != nullptr);
    bitmap_initialise(&model->bitmap, model->storage, count_frames);
}

static inline void model_drop(struct bitmap_model *model)
{
    free(model->storage);
    free(model->is_free);
}

static inline void model_check(const struct bitmap_model *model)
{
    cr_assert(bitmap_check(&model->bitmap));
    cr_assert_eq((uint64_t)bitmap_count_free(&model->bitmap), (uint64_t)model->free_units << model->unit_order);
}

/* Every frame, one by one. */
static inline void model_check_frames(const struct bitmap_model *model)
{
    model_check(model);
    for (uint32_t unit = 0; unit < model->count_units; unit++) {
        uint32_t first = unit << model->unit_order, last = first + ((1u << model->unit_order) - 1);
        cr_assert_eq(bitmap_is_free(&model->bitmap, first, first + 1), model->is_free[unit] != 0, "frame %u", first);
        cr_assert_eq(bitmap_is_free(&model->bitmap, last, last + 1), model->is_free[unit] != 0, "frame %u", last);
    }
}

static inline bool model_all_are(const struct bitmap_model *model, uint32_t unit, uint32_t count, unsigned char value)
{
    return memchr(model->is_free + unit, !value, count) == nullptr;
}

/* Whether there is an aligned free block of 2^order frames that ends at or before the limit. */
static inline bool model_has(const struct bitmap_model *model, unsigned order, uint64_t limit)
{
    uint32_t size = 1u << (order - model->unit_order);
    for (uint64_t unit = 0; unit + size <= model->count_units && (unit + size) << model->unit_order <= limit; unit += size) {
        if (model_all_are(model, (uint32_t)unit, size, 1)) return true;
    }
    return false;
}

static inline void model_insert(struct bitmap_model *model, uint32_t first_unit, uint32_t limit_unit)
{
    cr_assert(model_all_are(model, first_unit, limit_unit - first_unit, 0));
    cr_assert(bitmap_insert_range(&model->bitmap, first_unit << model->unit_order, limit_unit << model->unit_order));
    memset(model->is_free + first_unit, 1, limit_unit - first_unit);
    model->free_units += limit_unit - first_unit;
}

/* Takes a block anywhere: a single frame from the open word. */
static inline enum bitmap_answer bitmap_allocate(struct bitmap *bitmap, unsigned order, uint32_t *first)
{
    if (order != 0) return bitmap_allocate_within(bitmap, order, 0, UINT32_MAX, first);
    while (!bitmap_take_frame(bitmap, first))
        if (!bitmap_open(bitmap, 0)) return BITMAP_NONE;
    return BITMAP_FOUND;
}

/* As a caller does: AGAIN is asked again, and orders with exact hints never say it. `limit` UINT32_MAX: anywhere. */
static inline bool bitmap_take(struct bitmap *bitmap, unsigned order, uint32_t limit, uint32_t *first)
{
    for (unsigned again = 0;; again++) {
        enum bitmap_answer answer = limit == UINT32_MAX ? bitmap_allocate(bitmap, order, first) : bitmap_allocate_within(bitmap, order, 0, limit, first);
        if (answer != BITMAP_AGAIN) return answer == BITMAP_FOUND;
        cr_assert(order % 9 != 0 && again < BITMAP_FRAMES_LIMIT / 512 / BITMAP_MISSES + 2, "order %u: again and again", order);
    }
}

/* Gives a block back that may be. False: it may not, and nothing happens. */
static inline bool bitmap_give(struct bitmap *bitmap, uint32_t first, unsigned order)
{
    bool may = bitmap_can_free(bitmap, first, order);
    if (may) bitmap_free(bitmap, first, order);
    return may;
}

/* Takes a word of free frames, whichever is open. */
static inline bool bitmap_word_take(struct bitmap *bitmap, uint32_t *base, uint64_t *mask)
{
    uint32_t count = bitmap_take_word(bitmap, base, mask);
    if (count == 0 && bitmap_open(bitmap, 0)) count = bitmap_take_word(bitmap, base, mask);
    if (count != 0) cr_assert_eq(count, (uint32_t)__builtin_popcountll(*mask));
    return count != 0;
}

/* Takes a block. False, seen on both sides: there is none. */
static inline bool model_allocate_below(struct bitmap_model *model, unsigned order, uint32_t limit, uint32_t *first)
{
    bool has = model_has(model, order, limit);
    bool got = bitmap_take(&model->bitmap, order, limit, first);
    cr_assert_eq(got, has, "order %u below %u: got %d, the model has %d", order, limit, got, has);
    if (!got) return false;
    uint32_t unit = *first >> model->unit_order, size = 1u << (order - model->unit_order);
    cr_assert_eq(*first & ((1u << order) - 1), 0u, "order %u at %u", order, *first);
    cr_assert((uint64_t)unit + size <= model->count_units && *first + (uint64_t)(1u << order) <= limit);
    cr_assert(model_all_are(model, unit, size, 1), "order %u at %u was not free", order, *first);
    memset(model->is_free + unit, 0, size);
    model->free_units -= size;
    return true;
}

static inline bool model_allocate(struct bitmap_model *model, unsigned order, uint32_t *first)
{
    return model_allocate_below(model, order, UINT32_MAX, first);
}

/* Takes a word of free frames. Units of one frame only. */
static inline bool model_allocate_word(struct bitmap_model *model, uint32_t *base, uint64_t *mask)
{
    bool got = bitmap_word_take(&model->bitmap, base, mask);
    cr_assert_eq(got, model->free_units != 0);
    if (!got) return false;
    cr_assert(*base % 64 == 0 && *mask != 0);
    for (uint32_t i = 0; i < 64 && *base + i < model->count_units; i++) {
        cr_assert_eq(model->is_free[*base + i], *mask >> i & 1, "all free frames of the word, and no others");
        model->is_free[*base + i] = 0;
    }
    cr_assert(model->count_units - *base >= 64 || *mask >> (model->count_units - *base) == 0);
    model->free_units -= (uint32_t)__builtin_popcountll(*mask);
    return true;
}

/* Gives a block back if the model says that it may be; else it must be refused. */
static inline bool model_free(struct bitmap_model *model, uint32_t first, unsigned order)
{
    uint32_t unit = first >> model->unit_order, size = 1u << (order - model->unit_order);
    bool may = (first & ((1u << order) - 1)) == 0 && (uint64_t)unit + size <= model->count_units && model_all_are(model, unit, size, 0);
    cr_assert_eq(bitmap_give(&model->bitmap, first, order), may, "free of order %u at %u", order, first);
    if (!may) return false;
    memset(model->is_free + unit, 1, size);
    model->free_units += size;
    return true;
}

static inline uint32_t model_random(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return (uint32_t)(*seed >> 24);
}

#endif
