/* Deeds of programs in which the pager is lost: what test_pager_ledger*.c share.
 *
 * A deed is a function that asks for something and says what has to come of it. It is played on a scene that is always the same, once for each point at which
 * the pager may be lost (sim.h), and has to be done whole each time. */
#ifndef QUIRE_LEDGER_PLAY_H
#define QUIRE_LEDGER_PLAY_H

#include "pager_fixture.h"

constexpr uint64_t MEMORY = 4 << 20; /* every frame is tried in a recovery */

static uint32_t child, child_number;

static inline void machine_start(void)
{
    fixture_start_with(&(struct sim_options){ .memory_bytes = MEMORY });
}

/* A page that a program has written to; nobody may lose or change it. */
static uint64_t kept_address;
static inline void memory_write(uint32_t number, uint64_t address, uint64_t value)
{
    uint64_t *word = sim_touch(number, address, FAULT_WRITE);
    cr_assert_not_null(word, "%s", sim_log());
    *word = value;
}
static inline void memory_expect(uint32_t number, uint64_t address, uint64_t value)
{
    const uint64_t *word = sim_touch(number, address, FAULT_READ);
    cr_assert_not_null(word, "pid %u at %lx\n%s", number, address, sim_log());
    cr_assert_eq(*word, value, "pid %u at %lx", number, address);
}

constexpr uint64_t KEPT = 0x6b657074;

static uint64_t mapped; /* by the latest map of the scene or of a deed */
static uint64_t threads[2]; /* of the child, besides the first */

static inline uint64_t count_segments(uint32_t number) { return sim_process(number)->segments.count; }

struct deed {
    const char *name;
    void (*act)(void);
    int segments;  /* more of the child's afterwards; the child has ended: GONE */
    int handles;   /* more of init's and the child's */
};

static inline uint32_t count_handles(uint32_t number)
{
    const struct process *process = sim_process(number);
    uint32_t count = 0;
    for (uint32_t slot = 0; process != nullptr && slot < process->holdings.capacity; slot++) count += process->holdings.rows[slot].kind != HOLDING_NOTHING;
    return count;
}

/* A child of init with some of everything. */
static inline void scene_set(void)
{
    machine_start();
    child = fixture_child(&child_number);
    kept_address = fixture_ok(sim_request(child_number, PROTOCOL_map, 12 * PAGE_BYTES, PROTECTION_WRITE, 0));
    for (uint64_t page = 0; page < 12; page += 3) memory_write(child_number, kept_address + page * PAGE_BYTES, KEPT + page);
    fixture_ok(sim_request(child_number, PROTOCOL_brk, 4 * PAGE_BYTES, 0, 0));
    for (unsigned i = 0; i < 2; i++) threads[i] = fixture_ok(sim_request(child_number, PROTOCOL_thread_create, LAYOUT_IMAGE_FIRST, 0x1000, 0));
    uint64_t init_address = fixture_ok(sim_request(INIT, PROTOCOL_map, PAGE_BYTES, PROTECTION_WRITE, 0));
    mapped = init_address;
    memory_write(INIT, init_address, KEPT);
}

/* How many points a deed has when the pager is not lost. */
static inline uint64_t points_of(const struct deed *deed)
{
    scene_set();
    sim_lose(0, 0, nullptr);
    deed->act();
    return sim_count_points();
}

static inline void deed_play(const struct deed *deed, uint64_t at, uint64_t again)
{
    scene_set();
    uint64_t init_address = mapped;
    uint64_t lost = sim_count_lost();
    int64_t segments = (int64_t)count_segments(child_number);
    int64_t handles = count_handles(INIT) + count_handles(child_number);
    sim_log_clear();
    sim_lose(at, again, nullptr);
    deed->act();
    sim_lose(0, 0, nullptr);
    cr_assert_gt(sim_count_lost(), lost);
    const char *failed = sim_check();
    cr_assert_null(failed, "%s lost at %lu again %lu: %s\n%s", deed->name, at, again, failed, sim_log());
    cr_assert(fixture_logged("lost=0"), "%s lost at %lu\n%s", deed->name, at, sim_log());
    memory_expect(INIT, init_address, KEPT);
    if (deed->segments < -100) {
        cr_assert(sim_process(child_number) == nullptr || sim_process(child_number)->state == PROCESS_ENDED);
    } else {
        memory_expect(child_number, kept_address, KEPT);
        memory_expect(child_number, kept_address + 9 * PAGE_BYTES, KEPT + 9);
        cr_assert_eq((int64_t)count_segments(child_number), segments + deed->segments, "%s lost at %lu", deed->name, at);
        cr_assert_eq(count_handles(INIT) + count_handles(child_number), handles + deed->handles, "%s lost at %lu", deed->name, at);
    }
    /* Everything goes on. */
    uint64_t more = fixture_ok(sim_request(INIT, PROTOCOL_map, 3 * PAGE_BYTES, PROTECTION_WRITE, 0));
    memory_write(INIT, more, 5);
    fixture_check();
    sim_stop();
}

/* Each deed, lost at each of its points. */
static inline void deeds_play(const struct deed *deeds, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t points = points_of(&deeds[i]);
        cr_assert_gt(points, 0);
        for (uint64_t at = 1; at <= points; at++) deed_play(&deeds[i], at, 0);
    }
}

#endif
