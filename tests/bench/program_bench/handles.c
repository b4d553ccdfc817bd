/* A handle that the kernel's cache has no row for, under the real pager: the first use of each of a thousand handles. It is a notify, so that no server's
 * work is in it; the call is made again by its thread. */
#include <quire/endpoint.h>
#include <quire/syscall.h>

#include "samples.h"

void bench_handles(void)
{
    samples_begin();
    for (unsigned i = 0; i < SAMPLES; i++) {
        uint32_t handle;
        must(endpoint_create(&handle), "endpoint_create");
        uint64_t first = cycles();
        enum status status = notify(handle, 1);
        samples_add(first, cycles());
        must(status, "notify");
        must(handle_close(handle), "handle_close");
    }
    samples_report("program_handle_fault", 1);
}
