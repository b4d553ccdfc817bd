/* The simulation: the pager under many programs for a long time, from a seed. Run by ./quire sim (tools/verb_sim.py).
 *
 * Every deed is drawn from (seed, step), so a run is repeated by its numbers, and a failing step by running up to it. Between two checks nothing is looked
 * at; `--check-every 1` finds the deed itself. The digest at the end is of everything that was logged and of what is left: two runs that are alike print the
 * same. */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <unistd.h>

#include "sim.h"
#include "sim_script.h"

struct options {
    uint64_t seed;
    uint64_t steps;
    uint64_t processes;
    uint64_t memory;      /* MiB */
    uint64_t check_every; /* steps */
    uint64_t damage;      /* step after which the ledger is spoilt; 0: never */
    uint64_t lose_every;  /* messages after which the pager is lost, each time somewhere in the next one; 0: never */
};

struct counts {
    uint64_t machines;
    uint64_t started;
    uint64_t running_most;
    uint64_t faults;
    uint64_t checks;
    uint64_t lost;
};

constexpr size_t DEED_BYTES = 96;
constexpr uint64_t REPORTS = 20;

static struct options options = { .seed = 1, .steps = 1'000'000, .processes = 1000, .memory = 512, .check_every = 10'000 };
static struct counts counts;
static uint64_t digest = 0xcbf29ce484222325; /* FNV-1a, 64 bits (draft-eastlake-fnv, 5) */

static void digest_add(const void *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) digest = (digest ^ ((const unsigned char *)bytes)[i]) * 0x100000001b3;
}

/* --- Options --- */

static uint64_t number_of(const char *name, const char *text, uint64_t least, uint64_t most)
{
    char *end;
    uint64_t number = strtoull(text, &end, 10);
    if (text[0] >= '0' && text[0] <= '9' && *end == '\0' && number >= least && number <= most) return number;
    fprintf(stderr, "sim: --%s takes a number from %" PRIu64 " to %" PRIu64 ", not '%s'\n", name, least, most, text);
    exit(2);
}

static void options_read(int count, char **arguments)
{
    static const struct {
        const char *name;
        uint64_t *value;
        uint64_t least, most;
    } rows[] = {
        { "seed", &options.seed, 0, UINT64_MAX - 1 },
        { "steps", &options.steps, 1, UINT64_MAX - 1 },
        { "processes", &options.processes, 2, PROCESS_LIMIT - 1 },
        { "memory", &options.memory, 4, 1 << 16 },
        { "check-every", &options.check_every, 1, UINT64_MAX - 1 },
        { "damage", &options.damage, 1, UINT64_MAX - 1 },
        { "lose-every", &options.lose_every, 1, UINT64_MAX - 1 },
    };
    constexpr int ROWS = sizeof(rows) / sizeof(rows[0]);
    struct option names[ROWS + 1] = { 0 };
    for (int i = 0; i < ROWS; i++) names[i] = (struct option){ rows[i].name, required_argument, nullptr, i };
    for (int row; (row = getopt_long(count, arguments, "", names, nullptr)) != -1;) {
        if (row == '?') exit(2);
        *rows[row].value = number_of(rows[row].name, optarg, rows[row].least, rows[row].most);
    }
    if (optind == count) return;
    fprintf(stderr, "sim: unknown argument '%s'\n", arguments[optind]);
    exit(2);
}

/* --- The run --- */

static void machine_start(void)
{
    counts.machines++;
    sim_script_start(options.memory << 20);
}

/* What the machine has counted goes into the run's counts before it is given up. */
static void machine_stop(void)
{
    counts.started += sim_pager.next_number - 1;
    counts.faults += sim_pager.count_faults;
    sim_stop();
    digest_add(sim_log(), strlen(sim_log()));
}

/* Bytes of one deed, from the seed and the step alone (splitmix64). */
static void deed_draw(uint64_t step, uint8_t bytes[DEED_BYTES])
{
    uint64_t state = options.seed * 0x9e3779b97f4a7c15 + step * 0xd1342543de82ef95;
    for (size_t i = 0; i < DEED_BYTES; i += 8) {
        uint64_t z = state += 0x9e3779b97f4a7c15;
        z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
        z = (z ^ z >> 27) * 0x94d049bb133111eb;
        z ^= z >> 31;
        memcpy(bytes + i, &z, 8);
    }
}

/* A pager that takes over goes through all of each address space. */
static void steps_are_whole(void) { sim_step_pages(0); }

/* Now and then the pager is lost, at one of the next points, and another one goes on with its ledger. Allocations do not fail meanwhile: without memory
 * for what leads to the segments of a process a recovery gives the process up, which is right and leaves little to look at. */
static void lose(uint64_t step)
{
    static uint64_t next = 0;
    constexpr uint64_t points = 24; /* before and after each call and message: a few messages */
    if (options.lose_every == 0 || sim_count_messages() < next) return;
    next = sim_count_messages() + options.lose_every;
    sim_fail_allocation(0);
    sim_lose(1 + (options.seed + step) * 0x9e3779b97f4a7c15 % points, 0, steps_are_whole);
}

/* Everything holds, or the run ends here. */
static void check(uint64_t step)
{
    sim_fail_allocation(0);
    counts.checks++;
    const char *failed = sim_check();
    digest_add(sim_log(), strlen(sim_log()));
    if (failed != nullptr) {
        const char *log = sim_log();
        size_t length = strlen(log), shown = length < 4000 ? length : 4000;
        fprintf(stderr, "%s", log + length - shown);
        printf("sim: failed seed=%" PRIu64 " step=%" PRIu64 " what=\"%s\"\n", options.seed, step, failed);
        exit(1);
    }
    sim_log_clear();
}

static void report(uint64_t step)
{
    fprintf(stderr, "sim: step=%" PRIu64 " of=%" PRIu64 " running=%u free_frames=%" PRIu64 " machines=%" PRIu64 "\n", step, options.steps,
            sim_pager.count_running, sim_free_frames(), counts.machines);
}

/* The pager's memory lies where the host puts it, and its addresses are seen by the pager. So it is put at the same place in every run. */
static void place_always_alike(char **arguments)
{
    int now = personality(UINT32_MAX);
    if (now == -1 || (now & ADDR_NO_RANDOMIZE) != 0) return;
    if (personality((unsigned long)now | ADDR_NO_RANDOMIZE) != -1) execv("/proc/self/exe", arguments);
}

int main(int count, char **arguments)
{
    place_always_alike(arguments);
    options_read(count, arguments);
    machine_start();
    for (uint64_t step = 1; step <= options.steps; step++) {
        uint8_t bytes[DEED_BYTES];
        deed_draw(step, bytes);
        lose(step);
        sim_script_step(bytes, sizeof(bytes), (uint32_t)options.processes);
        if (sim_pager.count_running > counts.running_most) counts.running_most = sim_pager.count_running;
        if (step == options.damage) sim_pager.pages.spare--;
        if (step % options.check_every == 0) check(step);
        if (options.steps >= REPORTS && step % (options.steps / REPORTS) == 0) report(step);
        if (sim_process(1) == nullptr) { /* memory was short: everything must come back, and a new machine goes on */
            check(step);
            machine_stop();
            machine_start();
        }
    }
    check(options.steps);
    machine_stop();
    counts.lost = sim_count_lost();
    digest_add(&counts, sizeof(counts));
    printf("sim: done seed=%" PRIu64 " steps=%" PRIu64 " checks=%" PRIu64 " machines=%" PRIu64 " processes=%" PRIu64 " most_running=%" PRIu64 " faults=%" PRIu64
           " lost=%" PRIu64 " digest=%016" PRIx64 "\n",
           options.seed, options.steps, counts.checks, counts.machines, counts.started, counts.running_most, counts.faults, counts.lost, digest);
    return 0;
}
