/* Processes: one that does nothing, and a duplicate that ends at once; from the start until the end is known. */
#include <quire/endpoint.h>
#include <quire/process.h>

#include "samples.h"

constexpr unsigned PROCESSES = 64;

static void create_and_exit(void)
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
    samples_report("process_create_exit", 1);
}

void bench_processes(void)
{
    create_and_exit();

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
}
