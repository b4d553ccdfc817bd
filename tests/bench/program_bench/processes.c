/* Processes: one that does nothing, and a duplicate that ends at once; from the start until the end is known. */
#include <quire/endpoint.h>
#include <quire/process.h>

#include "samples.h"

constexpr unsigned PROCESSES = 64;

constexpr unsigned OTHERS = 200;

static void expect_good_end(uint32_t process, const char *what)
{
    struct process_result result = { 0 };
    must(process_wait(process, &result), "process_wait");
    must(result.reason == PROCESS_EXITED && result.value == 0 ? STATUS_OK : STATUS_BAD_STATE, what);
}

static void create_and_exit(const char *name)
{
    samples_begin();
    for (unsigned i = 0; i < PROCESSES; i++) {
        uint32_t process;
        struct process_result result = { 0 };
        uint64_t first = cycles();
        must(process_start("nothing", 0, nullptr, &process), "process_start");
        must(process_wait(process, &result), "process_wait");
        samples_add(first, cycles());
        must(handle_close(process), "handle_close");
        must(result.reason == PROCESS_EXITED && result.value == 0 ? STATUS_OK : STATUS_BAD_STATE, "nothing");
    }
    samples_report(name, 1);
}

/* The same in a process behind 200 others, which sleep. */
static void bench_processes_among_others(void)
{
    static uint32_t others[OTHERS];
    uint32_t handle;
    for (unsigned i = 0; i < OTHERS; i++) {
        must(process_duplicate(&others[i]), "process_duplicate");
        if (others[i] != HANDLE_NONE) continue;
        must(name_find("over", true, &handle), "name_find");
        process_exit(0);
    }
    must(process_duplicate(&handle), "process_duplicate");
    if (handle == HANDLE_NONE) {
        create_and_exit("process_create_exit_among_200");
        process_exit(0);
    }
    expect_good_end(handle, "measuring");
    must(endpoint_create(&handle), "endpoint_create");
    must(name_publish(handle, "over"), "name_publish");
    for (unsigned i = 0; i < OTHERS; i++) expect_good_end(others[i], "sleeping");
}

void bench_processes(void)
{
    create_and_exit("process_create_exit");

    samples_begin();
    for (unsigned i = 0; i < PROCESSES; i++) {
        uint32_t process;
        struct process_result result = { 0 };
        uint64_t first = cycles();
        must(process_duplicate(&process), "process_duplicate");
        if (process == HANDLE_NONE) process_exit(0);
        must(process_wait(process, &result), "process_wait");
        samples_add(first, cycles());
        must(handle_close(process), "handle_close");
        must(result.reason == PROCESS_EXITED && result.value == 0 ? STATUS_OK : STATUS_BAD_STATE, "duplicate");
    }
    samples_report("process_duplicate", 1);
    bench_processes_among_others();
}
