/* The alternatives to the tiered bitmap are allocators: each against an array of flags, so that what is measured is worth measuring. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "tests/bench/host/alternatives/alternative.h"

constexpr unsigned SUBJECTS = 4;
constexpr uint32_t FRAMES_LIMIT = 1u << 15;

static const struct alternative *const subjects[SUBJECTS] = { &alternative_flat, &alternative_steps_16, &alternative_steps_32, &alternative_buddy };

static const struct alternative *subject;
static uint32_t count_frames;
static bool is_used[FRAMES_LIMIT];
static struct { uint32_t first; unsigned order; } blocks[FRAMES_LIMIT];
static uint32_t count_blocks;

static uint32_t random_below(uint64_t *state, uint32_t limit)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    return (uint32_t)((z ^ z >> 27) >> 32) % limit;
}

static bool model_is_free(uint32_t first, uint32_t count)
{
    for (uint32_t i = first; i < first + count; i++)
        if (is_used[i]) return false;
    return true;
}

static bool model_has(unsigned order)
{
    for (uint32_t first = 0; (uint64_t)first + (1u << order) <= count_frames; first += 1u << order)
        if (model_is_free(first, 1u << order)) return true;
    return false;
}

static void model_set(uint32_t first, uint32_t count, bool value)
{
    for (uint32_t i = first; i < first + count; i++) is_used[i] = value;
}

static void take(unsigned order)
{
    uint32_t first;
    bool has = subject->allocate(order, &first);
    cr_assert_eq(has, model_has(order), "%s: order %u of %u frames: %d", subject->name, order, count_frames, has);
    if (!has) return;
    cr_assert(first % (1u << order) == 0 && first + (1u << order) <= count_frames, "%s: %u for order %u", subject->name, first, order);
    cr_assert(model_is_free(first, 1u << order), "%s: frame %u is given twice", subject->name, first);
    model_set(first, 1u << order, true);
    blocks[count_blocks].first = first;
    blocks[count_blocks++].order = order;
}

static void give(uint32_t at)
{
    cr_assert(subject->free(blocks[at].first, blocks[at].order), "%s: block %u", subject->name, blocks[at].first);
    cr_assert_not(subject->free(blocks[at].first, blocks[at].order), "%s: block %u is taken back twice", subject->name, blocks[at].first);
    model_set(blocks[at].first, 1u << blocks[at].order, false);
    blocks[at] = blocks[--count_blocks];
}

static void random_world(unsigned which, uint32_t frames, unsigned orders, uint64_t seed)
{
    subject = subjects[which];
    count_frames = frames;
    count_blocks = 0;
    model_set(0, frames, false);
    cr_log_info("%s: %u frames, seed %llu", subject->name, frames, (unsigned long long)seed);
    void *storage = calloc(1, subject->storage_bytes(frames));
    subject->initialise(storage, frames);
    for (unsigned step = 0; step < 6000; step++) {
        bool is_taking = random_below(&seed, 100) < (step / 2000 == 1 ? 50u : step / 2000 == 0 ? 75u : 30u);
        if (is_taking) take(random_below(&seed, 3) != 0 ? random_below(&seed, 3) : random_below(&seed, orders));
        else if (count_blocks != 0) give(random_below(&seed, count_blocks));
    }
    while (count_blocks != 0) give(count_blocks - 1);
    for (uint32_t i = 0; i < frames >> 9; i++) take(9); /* all given back, it is one again */
    take(9);
    for (uint32_t i = 0; i < 9; i++) take(i);
    while (model_has(0)) take(0);
    take(0);
    free(storage);
}

static void random_worlds(unsigned which)
{
    for (uint64_t seed = 1; seed <= 4; seed++) {
        random_world(which, 512, 10, seed);
        random_world(which, 4096, 13, 100 + seed);
    }
    random_world(which, FRAMES_LIMIT, 16, 7);
}

Test(alternatives, flat) { random_worlds(0); }
Test(alternatives, steps_16) { random_worlds(1); }
Test(alternatives, steps_32) { random_worlds(2); }
Test(alternatives, buddy) { random_worlds(3); }
