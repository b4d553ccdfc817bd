/* starter: starts images by name and tells what came of it. `starter NAME...` starts each, twice round, waits for what started, and looks for what is lost.
 *
 * One line each, read by the tests:
 *   starter: start=NAME round=1 status=STATUS lost=FRAMES
 * and, of what started, `starter: ended=NAME reason=NUMBER value=0x...`. The exit status counts rounds after which a frame or a process was missing. */
#include <stdio.h>

#include <quire/endpoint.h>
#include <quire/kernel_calls.h>
#include <quire/process.h>
#include <quire/system.h>

static struct system_info now(void)
{
    struct system_info info = { 0 };
    (void)!system_info(&info);
    return info;
}

/* True when nothing is lost. The first process that is started takes a page for the handle table, which stays. */
static bool start(const char *name, unsigned round)
{
    uint32_t process, failed = 0;
    struct process_result result = { 0 };
    struct system_info before = now();
    enum status status = process_start(name, 0, nullptr, &process);
    if (status == STATUS_OK) {
        status = process_wait(process, &result);
        printf("starter: ended=%s reason=%u value=0x%lx\n", name, result.reason, result.value);
        if (status == STATUS_OK) status = handle_close(process);
    }
    struct system_info after = now();
    (void)!kernel_test_check(&failed);
    long lost = (long)(before.free_frames - after.free_frames);
    printf("starter: start=%s round=%u status=%s lost=%ld checker=%u\n", name, round, status_name(status), lost, failed);
    return lost == 0 && before.processes == after.processes && failed == 0;
}

int main(int argc, char *argv[])
{
    int wrong = 0;
    uint32_t handle;
    enum status status = endpoint_create(&handle);
    if (status != STATUS_OK) return 255;
    for (unsigned i = 0; i < 2; i++) (void)start("nothing.of.this.name", 0);
    for (unsigned round = 1; round <= 2; round++)
        for (int i = 1; i < argc; i++) wrong += !start(argv[i], round);
    printf("starter: done wrong=%d\n", wrong);
    return wrong;
}
