/* Hostile programs: every label with every kind of nonsense, at random but repeatable. The pager stays right, and everything comes back. */
#include "pager_fixture.h"

#include "sim_script.h"

static uint64_t random_next(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static void plays(uint64_t seed, size_t size, unsigned check_every)
{
    static uint8_t bytes[1 << 16];
    cr_assert_leq(size, sizeof(bytes));
    cr_log_info("seed %lu", seed);
    uint64_t state = seed * 0x9e3779b97f4a7c15 + 1;
    for (size_t i = 0; i < size; i++) bytes[i] = (uint8_t)(random_next(&state) >> 24);
    sim_script_start(SIM_SCRIPT_MEMORY);
    const char *failed = sim_script(bytes, size, check_every);
    cr_assert_null(failed, "seed %lu: %s\n%s", seed, failed, sim_log());
    sim_stop();
}

Test(pager_hostile, long_random_scripts)
{
    for (uint64_t seed = 1; seed <= 6; seed++) plays(seed, 1 << 16, 200);
}

Test(pager_hostile, many_short_random_scripts)
{
    for (uint64_t seed = 100; seed < 160; seed++) plays(seed, 1 << 10, 200);
}

/* Between two steps of the pager's work too, while time stands still. */
Test(pager_hostile, what_holds_after_each_deed)
{
    for (uint64_t seed = 200; seed < 208; seed++) plays(seed, 1 << 12, 1);
    cr_log_info("%lu deeds between two steps", sim_script_count_between());
    cr_assert_geq(sim_script_count_between(), 100);
}

Test(pager_hostile, every_label_with_empty_and_full_words)
{
    fixture_start();
    static const uint64_t values[] = { 0, 1, INT64_MAX, (uint64_t)INT64_MIN, UINT64_MAX };
    static const uint32_t lengths[] = { 0, 1, 3, 7, 15, 31, 63, 127, 255, 511, 1023, 2047, 4095, 4096, 4097, TAG_LENGTH_MASK };
    uint64_t word[MESSAGE_WORDS];
    char text[MESSAGE_BUFFER_BYTES];
    for (uint32_t label = 0; label < 100; label++) {
        if (label == PROTOCOL_exit) continue;
        for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
            for (unsigned j = 0; j < MESSAGE_WORDS; j++) word[j] = values[i];
            memset(text, i == 0 ? 0 : 0xff, sizeof(text));
            for (size_t j = 0; j < sizeof(lengths) / sizeof(lengths[0]); j++) {
                bool fits = lengths[j] <= MESSAGE_BUFFER_BYTES;
                struct sim_reply reply = sim_call(INIT, HANDLE_PAGER, tag_make(label, lengths[j]), word, text, fits ? lengths[j] : MESSAGE_BUFFER_BYTES);
                cr_assert_eq(reply.outcome, SIM_GOES_ON, "label %u", label);
                cr_assert_eq(reply.call, fits ? STATUS_OK : STATUS_BAD_BUFFER, "label %u length %u: %s", label, lengths[j], status_name(reply.call));
            }
        }
    }
    fixture_check();
}

/* Tags of programs never look like faults or notifications. */
Test(pager_hostile, a_program_cannot_make_faults)
{
    fixture_start();
    uint64_t word[MESSAGE_WORDS] = { FAULT_READ, 0, 0, 0, 0, 0 };
    struct sim_reply reply = sim_call(INIT, HANDLE_PAGER, FAULT_PAGE | TAG_FAULT, word, nullptr, 0);
    cr_assert_eq(reply.outcome, SIM_GONE); /* label 1 is exit, and that is what it was taken for */
    reply = sim_call(WX, HANDLE_PAGER, FAULT_HANDLE | TAG_FAULT | TAG_NOTIFICATION, word, nullptr, 0);
    cr_assert_eq(reply.label, STATUS_BAD_LENGTH); /* label 2 is write */
    fixture_check();
}
