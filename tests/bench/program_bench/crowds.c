/* The same measurements in a process with 10,000 other segments, and in one beside 1,000 other processes. None of the figures may grow with either, but that
 * of a duplicate of all the segments. */
#include <abi/memory.h>
#include <quire/endpoint.h>
#include <quire/memory.h>
#include <quire/process.h>
#include <quire/system.h>
#include <quire/time.h>

#include "samples.h"

constexpr unsigned SEGMENTS = 10'000;
constexpr unsigned STARTERS = 4, OTHERS_EACH = 250; /* a process has room for some 250 handles */

static void expect_good_end(uint32_t process, const char *what)
{
    struct process_result result = { 0 };
    must(process_wait(process, &result), "process_wait");
    must(result.reason == PROCESS_EXITED && result.value == 0 ? STATUS_OK : STATUS_BAD_STATE, what);
    must(handle_close(process), "handle_close");
}

static void measure(const char *among)
{
    samples_among(among);
    bench_faults();
    bench_growth();
    bench_mapping();
    bench_processes();
}

static void wait_for(const char *name)
{
    uint32_t handle;
    must(name_find(name, true, &handle), "name_find");
    must(handle_close(handle), "handle_close");
}

static void say(const char *name)
{
    uint32_t handle;
    must(endpoint_create(&handle), "endpoint_create");
    must(name_publish(handle, name), "name_publish");
}

/* In a process of its own, so that what it maps goes with it. */
static void among_segments(void)
{
    uint32_t process;
    must(process_duplicate(&process), "process_duplicate");
    if (process == HANDLE_NONE) {
        uint64_t address;
        for (unsigned i = 0; i < SEGMENTS; i++) /* neighbours with the same rights would be one segment */
            must(memory_map(PAGE_BYTES, i % 2 == 0 ? PROTECTION_WRITE : PROTECTION_READ, &address), "map");
        measure("_among_segments");
        process_exit(0);
    }
    expect_good_end(process, "among segments");
}

/* Others that sleep until all is over, and who started them. */
static void start_others(void)
{
    uint32_t other[OTHERS_EACH];
    for (unsigned i = 0; i < OTHERS_EACH; i++) {
        must(process_duplicate(&other[i]), "process_duplicate");
        if (other[i] != HANDLE_NONE) continue;
        wait_for("over");
        process_exit(0);
    }
    for (unsigned i = 0; i < OTHERS_EACH; i++) expect_good_end(other[i], "sleeping");
    process_exit(0);
}

static void among_processes(void)
{
    uint32_t measuring, starter[STARTERS];
    must(process_duplicate(&measuring), "process_duplicate");
    if (measuring == HANDLE_NONE) { /* before there are handles that its own duplicates would have too */
        wait_for("crowded");
        measure("_among_processes");
        process_exit(0);
    }
    for (unsigned i = 0; i < STARTERS; i++) {
        must(process_duplicate(&starter[i]), "process_duplicate");
        if (starter[i] == HANDLE_NONE) start_others();
    }
    struct system_info info = { 0 };
    while (info.processes < STARTERS * OTHERS_EACH) {
        must(time_sleep(TIME_MILLISECOND), "sleep");
        must(system_info(&info), "system_info");
    }
    say("crowded");
    expect_good_end(measuring, "among processes");
    say("over");
    for (unsigned i = 0; i < STARTERS; i++) expect_good_end(starter[i], "starter");
}

void bench_crowds(void)
{
    among_segments();
    among_processes();
}
