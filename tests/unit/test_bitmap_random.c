/* The tiered bitmap against the naive model: random operations, and all short sequences in a small world. */
#include "bitmap_model.h"

/* Steps of taking and giving back, in phases of filling, holding and emptying. A tenth of the frees is wrong on purpose. */
static void random_steps(struct bitmap_model *model, unsigned steps, unsigned order_limit, uint64_t seed)
{
    unsigned unit = model->unit_order;
    cr_log_info("frames %u seed %llu", model->bitmap.count, (unsigned long long)seed);
    for (unsigned step = 0; step < steps; step++) {
        uint32_t kind = model_random(&seed) % 100, take = (unsigned[]){ 70, 50, 30 }[step * 9 / steps % 3];
        unsigned order = model_random(&seed) % 4 != 0 ? unit + model_random(&seed) % 3 : unit + model_random(&seed) % (order_limit - unit);
        if (order >= order_limit) order = order_limit - 1;
        uint32_t first, at = (model_random(&seed) % (model->count_units + 1)) << unit;
        uint64_t mask;
        if (kind < 4 && unit == 0) model_allocate_word(model, &first, &mask);
        else if (kind < 12) model_allocate_below(model, order, at, &first);
        else if (kind < take) model_allocate(model, order, &first);
        else if (kind < 95) model_free(model, at & ~((1u << order) - 1), order);
        else model_free(model, at, order);
        model_check(model);
    }
    model_check_frames(model);
    /* All given back, everything is one again: as many blocks of the highest order as fit. */
    for (uint32_t i = 0; i < model->count_units; i++) {
        if (!model->is_free[i]) model_free(model, i << unit, unit);
    }
    model_check(model);
    uint32_t first, blocks = 0;
    while (model_allocate(model, order_limit - 1, &first)) blocks++;
    cr_assert_eq(blocks, model->bitmap.count >> (order_limit - 1));
}

static void random_world(uint32_t count_frames, unsigned unit_order, unsigned steps, uint64_t seed)
{
    struct bitmap_model model;
    model_make(&model, count_frames, unit_order);
    model_insert(&model, 0, model.count_units);
    random_steps(&model, steps, BITMAP_ORDERS, seed);
    model_drop(&model);
}

Test(bitmap_random, tiny_and_odd_sizes)
{
    for (uint32_t count = 1; count <= 130; count++) random_world(count, 0, 300, 1000 + count);
}

Test(bitmap_random, around_a_line)
{
    for (uint32_t count = 500; count <= 530; count++) random_world(count, 0, 1000, 2000 + count);
}

Test(bitmap_random, sixteen_mebibytes)
{
    for (unsigned i = 0; i < 4; i++) random_world(4096, 0, 15000, 3000 + i);
}

Test(bitmap_random, around_a_group)
{
    random_world(32767, 0, 3000, 4000);
    random_world(32768, 0, 3000, 4001);
    random_world(32768 + 513, 0, 3000, 4002);
}

Test(bitmap_random, one_gibibyte_and_a_bit)
{
    random_world((1u << 18) + 77777, 0, 1000, 5000);
}

Test(bitmap_random, large_memories_in_units_of_two_mebibytes)
{
    random_world(1u << 21, 9, 3000, 6000);           /* 8 GiB: one section */
    random_world((1u << 21) + (3u << 15) + 512 * 5, 9, 3000, 6001);
    random_world(1u << 24, 9, 1000, 6002);           /* 64 GiB */
    random_world(1u << 26, 9, 300, 6003);            /* 256 GiB */
}

Test(bitmap_random, large_memories_in_larger_units)
{
    random_world(1u << 26, 15, 1000, 7000);
    random_world(BITMAP_FRAMES_LIMIT, 16, 300, 7001); /* all that one bitmap can hold */
}

Test(bitmap_random, memory_with_holes)
{
    for (unsigned i = 0; i < 20; i++) {
        uint64_t seed = 8000 + i;
        struct bitmap_model model;
        model_make(&model, 20000 + i * 777, 0);
        for (uint32_t at = model_random(&seed) % 300; at < model.count_units;) {
            uint32_t limit = at + model_random(&seed) % 3000;
            if (limit > model.count_units) limit = model.count_units;
            model_insert(&model, at, limit);
            at = limit + 1 + model_random(&seed) % 700;
        }
        model_check_frames(&model);
        random_steps(&model, 500, BITMAP_ORDERS, seed);
        model_drop(&model);
    }
}

/* --- Every sequence of a few operations --- */

struct small_world {
    struct bitmap_model model;
    uint32_t first[8]; /* blocks taken and not given back */
    unsigned order[8];
    unsigned held;
};

static unsigned long sequences;

static void sequences_from(const struct small_world *from, const unsigned *orders, unsigned count_orders, unsigned depth)
{
    sequences++;
    if (depth == 0) return;
    for (unsigned operation = 0; operation <= count_orders + from->held; operation++) {
        struct small_world world = *from;
        model_make(&world.model, from->model.bitmap.count, 0);
        memcpy(world.model.storage, from->model.storage, from->model.storage_bytes);
        memcpy(world.model.is_free, from->model.is_free, from->model.count_units);
        world.model.free_units = from->model.free_units;
        struct bitmap made = world.model.bitmap;
        world.model.bitmap = from->model.bitmap;
        world.model.bitmap.words = made.words;
        world.model.bitmap.gigabytes = made.gigabytes;
        uint64_t mask;
        uint32_t base;
        if (operation < count_orders) {
            world.order[world.held] = orders[operation];
            if (model_allocate(&world.model, orders[operation], &world.first[world.held])) world.held++;
        } else if (operation == count_orders) {
            if (model_allocate_word(&world.model, &base, &mask)) { /* and the first of them comes back */
                model_free(&world.model, base + (uint32_t)__builtin_ctzll(mask), 0);
            }
        } else {
            unsigned which = operation - count_orders - 1;
            cr_assert(model_free(&world.model, world.first[which], world.order[which]));
            world.held--;
            world.first[which] = world.first[world.held];
            world.order[which] = world.order[world.held];
        }
        model_check(&world.model);
        sequences_from(&world, orders, count_orders, depth - 1);
        model_drop(&world.model);
    }
}

static void all_sequences(uint32_t count_frames, const unsigned *orders, unsigned count_orders, unsigned depth)
{
    struct small_world world = { .held = 0 };
    model_make(&world.model, count_frames, 0);
    model_insert(&world.model, 0, count_frames);
    sequences = 0;
    sequences_from(&world, orders, count_orders, depth);
    cr_log_info("frames %u: %lu states", count_frames, sequences);
    cr_assert_gt(sequences, 1000ul);
    model_drop(&world.model);
}

Test(bitmap_sequences, of_a_handful_of_frames)
{
    all_sequences(5, (unsigned[]){ 0, 1, 2 }, 3, 6);
    all_sequences(8, (unsigned[]){ 0, 1, 3 }, 3, 6);
}

Test(bitmap_sequences, of_two_words_and_a_frame)
{
    all_sequences(129, (unsigned[]){ 0, 5, 6, 7 }, 4, 5);
}

Test(bitmap_sequences, of_two_lines_and_a_word)
{
    all_sequences(1088, (unsigned[]){ 0, 6, 8, 9, 10 }, 5, 4);
}
