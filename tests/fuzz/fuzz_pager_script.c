/* Fuzzing the pager: any bytes, read as what several hostile programs do, on the real kernel's tables. The ledger must hold, and at the end all that was taken
 * must have come back. */
#include <stdio.h>
#include <stdlib.h>

#include "sim.h"
#include "sim_script.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    sim_script_start(SIM_SCRIPT_MEMORY);
    const char *failed = sim_script(bytes, size, 64);
    if (failed != nullptr) {
        fprintf(stderr, "fuzz_pager: %s\n%s", failed, sim_log());
        abort();
    }
    sim_stop();
    return 0;
}
