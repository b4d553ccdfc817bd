/* Time. See time.h.
 *
 * Nanoseconds come from cycles by a factor of 32 fraction bits, rounded down: at 1 GHz and more the clock is then right to one part in 10^9. */
#include <quire/time.h>

#include "start.h"
#include "thread_control.h"

constexpr unsigned FRACTION = 32;

static uint64_t cycles_first, nanoseconds_per_cycle;

void time_initialise(const struct start_info *info)
{
    cycles_first = info->cycles_at_entry;
    if (info->cycles_per_second != 0)
        nanoseconds_per_cycle = (TIME_SECOND << FRACTION) / info->cycles_per_second;
}

uint64_t time_of_cycles(uint64_t cycles) { return (uint64_t)((unsigned __int128)cycles * nanoseconds_per_cycle >> FRACTION); }

uint64_t time_now(void) { return time_of_cycles(cycle_counter() - cycles_first); }

enum status time_after(uint32_t handle, uint64_t bits, uint64_t nanoseconds) { return timer_set(handle, bits, nanoseconds); }

enum status time_sleep(uint64_t nanoseconds)
{
    uint32_t handle;
    if (nanoseconds == 0)
        return STATUS_OK;
    enum status status = thread_endpoint(&handle);
    if (status == STATUS_OK)
        status = timer_set(handle, THREAD_BIT_TIMER, nanoseconds);
    if (status == STATUS_OK)
        thread_wait_for(handle, THREAD_BIT_TIMER);
    return status;
}

enum status time_give(uint32_t handle, uint64_t nanoseconds)
{
    return nanoseconds == 0 ? STATUS_BAD_LENGTH : give_time(handle, nanoseconds);
}

enum status time_take_back(uint32_t handle) { return give_time(handle, 0); }
