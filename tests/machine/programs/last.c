/* last: waits until every other process has ended, then runs the kernel's checker. Boots that have no suite end with it.
 *
 *   last: checker=0 free=FRAMES faults=COUNT */
#include <stdio.h>

#include <quire/kernel_calls.h>
#include <quire/system.h>

int main(void)
{
    struct system_info info;
    enum status status;
    while ((status = system_info(&info)) == STATUS_OK && info.processes > 1) yield();
    uint32_t failed = 0;
    enum status checked = kernel_test_check(&failed);
    printf("last: checker=%u status=%s free=%lu faults=%lu\n", failed, status_name(checked), info.free_frames, info.faults);
    return status == STATUS_OK && checked == STATUS_OK && failed == 0 ? 0 : 1;
}
