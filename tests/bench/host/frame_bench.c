/* Instructions of allocators: run under callgrind by ./quire bench (tools/host_bench.py).
 *
 *     valgrind --tool=callgrind --collect-atstart=no --instr-atstart=no frame_bench SUBJECT GIBIBYTES
 *
 * A world is a memory cut into units of one order, of which 95, then 50, then 0 percent are taken, at random places. In each one unit is taken and a
 * random one given back, many times. Every measurement ends in a dump of callgrind named after it; the line on standard output says for how many
 * operations it stands: `row subject=S gib=G percent=P name=N count=C`. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <valgrind/callgrind.h>

#include "subjects.h"

constexpr unsigned ROUNDS = 20'000;
constexpr unsigned ROUNDS_1G = 100; /* there are few of these blocks */
constexpr unsigned REFUSALS = 16;
constexpr unsigned RING = 64; /* units held in an empty memory */
constexpr unsigned ORDER_2M = 9, ORDER_1G = 18;

static const struct subject *subject;
static unsigned gibibytes;
static uint32_t count_frames;
static uint64_t *held; /* one bit a unit */
static unsigned order; /* of the world's units */
static uint64_t random_state;

static uint32_t random_below(uint32_t limit)
{
    uint64_t z = random_state += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return (uint32_t)(((z ^ z >> 31) >> 32) * limit >> 32);
}

[[noreturn]] static void fail(const char *what)
{
    fprintf(stderr, "frame_bench: %s, %u GiB, order %u: %s\n", subject->name, gibibytes, order, what);
    exit(1);
}

/* --- Units --- */

static uint32_t count_units(void) { return count_frames >> order; }
static bool unit_is_held(uint32_t unit) { return held[unit / 64] >> unit % 64 & 1; }

static bool unit_take(uint32_t *unit)
{
    uint32_t first;
    if (!subject->allocate(order, &first)) return false;
    *unit = first >> order;
    if (unit_is_held(*unit)) fail("given twice");
    held[*unit / 64] |= (uint64_t)1 << *unit % 64;
    return true;
}

static void unit_give(uint32_t unit)
{
    if (!subject->free(unit << order, order)) fail("not taken back");
    held[unit / 64] &= ~((uint64_t)1 << unit % 64);
}

static uint32_t unit_choose(void)
{
    for (;;) {
        uint32_t unit = random_below(count_units());
        if (unit_is_held(unit)) return unit;
    }
}

/* Gives back units until `percent` of those that `before` percent are still held. */
static void world_thin(unsigned before, unsigned percent)
{
    for (uint32_t unit = 0; unit < count_units(); unit++)
        if (unit_is_held(unit) && random_below(before) >= percent) unit_give(unit);
}

/* --- Measurements --- */

static void measure_begin(enum operation operation)
{
    CALLGRIND_START_INSTRUMENTATION;
    CALLGRIND_ZERO_STATS;
    measured = operation;
}

static void measure_end(const char *name, unsigned percent, uint64_t count)
{
    measured = OPERATION_NONE;
    CALLGRIND_DUMP_STATS_AT(name);
    CALLGRIND_STOP_INSTRUMENTATION;
    printf("row subject=%s gib=%u percent=%u name=%s count=%llu\n", subject->name, gibibytes, percent, name, (unsigned long long)count);
}

/* Takes one unit, gives back a random one: of all that are held, or in an empty memory of a few. */
static void churn(enum operation operation, const char *name, unsigned percent)
{
    uint32_t ring[RING], unit;
    unsigned count_ring = percent == 0 ? RING : 0;
    if (count_ring > count_units() / 2) count_ring = count_units() / 2;
    for (unsigned i = 0; i < count_ring; i++)
        if (!unit_take(&ring[i])) fail("no unit for the ring");
    unsigned rounds = order == ORDER_1G ? ROUNDS_1G : ROUNDS;
    measure_begin(operation);
    for (unsigned i = 0; i < rounds; i++) {
        if (!unit_take(&unit)) fail("no unit is free");
        uint32_t *slot = &ring[random_below(RING) % (count_ring != 0 ? count_ring : 1)];
        uint32_t other = count_ring != 0 ? *slot : unit_choose();
        if (count_ring != 0) *slot = unit;
        unit_give(other);
    }
    measure_end(name, percent, rounds);
    for (unsigned i = 0; i < count_ring; i++) unit_give(ring[i]);
}

static void measure_refused(unsigned percent)
{
    uint32_t first;
    measure_begin(OPERATION_ALLOCATE); /* the first one may give back what was set aside */
    if (subject->allocate(ORDER_2M, &first)) fail("2 MiB were to be had");
    measure_end("block_2m_refused_first", percent, 1);
    measure_begin(OPERATION_ALLOCATE);
    for (unsigned i = 0; i < REFUSALS; i++)
        if (subject->allocate(ORDER_2M, &first)) fail("2 MiB were to be had");
    measure_end("block_2m_refused", percent, REFUSALS);
}

static uint32_t taken[ROUNDS + 64];

/* Gives back what was taken, in a random order. */
static void taken_give(uint32_t count)
{
    for (uint32_t i = count; i > 0; i--) {
        uint32_t at = random_below(i);
        if (!subject->free(taken[at], order)) fail("not taken back");
        taken[at] = taken[i - 1];
    }
}

/* Words of frames at once; then they go back one by one. */
static void measure_batch(unsigned percent)
{
    uint32_t count = 0, calls = 0, base;
    uint64_t mask;
    measure_begin(OPERATION_BATCH);
    for (; count < ROUNDS && subject->batch(&base, &mask); calls++)
        for (; mask != 0; mask &= mask - 1) taken[count++] = base + (uint32_t)__builtin_ctzll(mask);
    measure_end("frame_batch", percent, count);
    printf("calls %u\n", calls);
    measure_begin(OPERATION_FREE);
    taken_give(count);
    measure_end("frame_batch_free", percent, count);
}

/* Many units taken in a row, then all of them given back: nothing that was set aside a moment ago helps. */
static void measure_run(const char *name_take, const char *name_give, unsigned percent)
{
    uint32_t count = 0, unit;
    uint32_t limit = count_units() / 100 < ROUNDS ? count_units() / 100 : ROUNDS;
    measure_begin(OPERATION_ALLOCATE);
    while (count < limit && unit_take(&unit)) taken[count++] = unit << order;
    measure_end(name_take, percent, count);
    for (uint32_t i = 0; i < count; i++) held[(taken[i] >> order) / 64] &= ~((uint64_t)1 << (taken[i] >> order) % 64);
    measure_begin(OPERATION_FREE);
    taken_give(count);
    measure_end(name_give, percent, count);
}

static void measure_world(unsigned percent)
{
    static const char *const names[][4] = {
        { "frame_allocate", "frame_free", "frame_allocate_run", "frame_free_run" },
        { "block_2m_allocate", "block_2m_free", "block_2m_allocate_run", "block_2m_free_run" },
        { "block_1g_allocate", "block_1g_free", nullptr, nullptr },
    };
    const char *const *name = names[order == 0 ? 0 : order == ORDER_2M ? 1 : 2];
    churn(OPERATION_ALLOCATE, name[0], percent);
    churn(OPERATION_FREE, name[1], percent);
    if (name[2] != nullptr && count_units() >= 1000) measure_run(name[2], name[3], percent);
    if (order == 0 && percent != 0) measure_refused(percent);
    if (order == 0 && subject->batch != nullptr) measure_batch(percent);
}

static void world(unsigned of_order)
{
    order = of_order;
    random_state = 1;
    memset(held, 0, count_units() / 8 + 8);
    subject->initialise(count_frames);
    uint32_t unit;
    while (unit_take(&unit)) {}
    world_thin(100, 95);
    if (count_units() >= 20) measure_world(95);
    world_thin(95, 50);
    measure_world(50);
    world_thin(50, 0);
    measure_world(0);
}

/* How many blocks of 2 MiB are left when single frames have come and gone: up to three quarters of memory once, which leaves some everywhere; then from
 * an eighth to a quarter and back, many times, the ones that go chosen at random. The best that could be: all that is not held, in one piece. */
static void measure_fragments(void)
{
    constexpr unsigned PHASES = 20;
    order = 0;
    random_state = 1;
    memset(held, 0, count_units() / 8 + 8);
    subject->initialise(count_frames);
    uint32_t unit, count_held = 0, blocks = 0;
    for (unsigned phase = 0; phase < PHASES; phase++) {
        for (; count_held < count_units() / 4 * (phase == 0 ? 3 : 1); count_held++)
            if (!unit_take(&unit)) fail("no unit is free");
        for (; count_held > count_units() / 8; count_held--) unit_give(unit_choose());
    }
    while (subject->allocate(ORDER_2M, &unit)) blocks++;
    printf("fragments subject=%s blocks=%u of=%u\n", subject->name, blocks, (count_units() - count_held) >> ORDER_2M);
}

/* What turning the collection on and off counts by itself. */
static void measure_switch(void)
{
    measure_begin(OPERATION_ALLOCATE);
    for (unsigned i = 0; i < ROUNDS; i++) measure_nothing(OPERATION_ALLOCATE);
    measure_end("switch", 0, ROUNDS);
}

int main(int count, char **arguments)
{
    for (unsigned i = 0; count == 3 && i < SUBJECTS; i++)
        if (strcmp(subjects[i]->name, arguments[1]) == 0) subject = subjects[i];
    gibibytes = count == 3 ? (unsigned)strtoul(arguments[2], nullptr, 10) : 0;
    if (subject == nullptr || gibibytes == 0 || gibibytes > 256) {
        fprintf(stderr, "usage: frame_bench SUBJECT GIBIBYTES (1 to 256)\n");
        return 2;
    }
    count_frames = gibibytes << 18;
    held = calloc(count_frames / 64 + 1, sizeof *held);
    measure_switch();
    world(0);
    world(ORDER_2M);
    if (gibibytes >= 4) world(ORDER_1G);
    if (gibibytes == 1) measure_fragments();
    printf("metadata subject=%s gib=%u bytes=%llu\n", subject->name, gibibytes, (unsigned long long)subject->storage_bytes(count_frames));
    return 0;
}
