/* spender: a family that would use all the time there is, and gets what it was given, beside its founder, which works too.
 *
 * `spender` founds it with 3 ms in each 30 ms, starts in it `spender spin` twice and `spender try`, and works itself until all three have ended. The two
 * spin in two threads each for 300 ms by the clock; the third shows that what is limited cannot be given away. Lines: spender: try give=STATUS found=STATUS
 * limit=STATUS, spender: used=NANOSECONDS elapsed=NANOSECONDS, spender: done failed=N */
#include <stdio.h>
#include <string.h>

#include <quire/endpoint.h>
#include <quire/family.h>
#include <quire/handle.h>
#include <quire/process.h>
#include <quire/syscall.h>
#include <quire/system.h>
#include <quire/thread.h>
#include <quire/time.h>

constexpr uint64_t GIVEN = 3 * TIME_MILLISECOND, PERIOD = 30 * TIME_MILLISECOND, SPIN = 300 * TIME_MILLISECOND;
constexpr struct family_terms TERMS = { { 0, 400 }, { 0, 3 } };
constexpr unsigned MEMBERS = 3;

static uint64_t spin_until(void *end)
{
    while (time_now() < *(const uint64_t *)end) {}
    return 0;
}

static int spin(void)
{
    uint64_t end = time_now() + SPIN;
    uint32_t second;
    uint64_t value;
    enum status status = thread_start(spin_until, &end, 0, &second);
    if (status == STATUS_OK) spin_until(&end);
    if (status == STATUS_OK) status = thread_join(second, &value);
    return status == STATUS_OK ? 0 : 1;
}

static int try(void)
{
    uint32_t endpoint, family;
    struct family_clock clock = {};
    if (name_find("clerk", true, &endpoint) != STATUS_OK || family_clock(FAMILY_OWN, &clock) != STATUS_OK || clock.nanoseconds != GIVEN) return 1;
    enum status give = time_give(endpoint, TIME_MILLISECOND), found = family_create(&TERMS, &family), limit = family_time(FAMILY_OWN, TIME_UNLIMITED, PERIOD);
    printf("spender: try give=%s found=%s limit=%s\n", status_name(give), status_name(found), status_name(limit));
    return give == STATUS_OK || found == STATUS_OK || limit == STATUS_OK;
}

/* Serves "clerk", so that there is somebody to give time to. */
static enum status clerk(uint32_t *endpoint)
{
    struct message message;
    enum status status = endpoint_create(endpoint);
    if (status == STATUS_OK) status = name_publish(*endpoint, "clerk");
    return status == STATUS_OK && receive(*endpoint, RECEIVE_DO_NOT_WAIT, &message) != STATUS_WOULD_BLOCK ? STATUS_BAD_STATE : status;
}

/* Works until all have ended; how many of them ended well. */
static unsigned work_beside(const uint32_t *process)
{
    struct system_info info;
    unsigned well = 0;
    do {
        for (uint64_t end = time_now() + TIME_MILLISECOND; time_now() < end;) {}
    } while (system_info(&info) == STATUS_OK && info.processes > 1);
    for (unsigned i = 0; i < MEMBERS; i++) {
        struct process_result result = {};
        well += process_wait(process[i], &result) == STATUS_OK && result.reason == PROCESS_EXITED && result.value == 0;
    }
    return well;
}

int main(int argc, char *argv[])
{
    if (argc == 2 && strcmp(argv[1], "spin") == 0) return spin();
    if (argc == 2 && strcmp(argv[1], "try") == 0) return try();
    static const char *const roles[MEMBERS] = { "spin", "spin", "try" };
    uint32_t endpoint, family, process[MEMBERS];
    struct family_clock clock = {};
    enum status status = clerk(&endpoint);
    if (status == STATUS_OK) status = family_create(&TERMS, &family);
    if (status == STATUS_OK) status = family_time(family, GIVEN, PERIOD);
    uint64_t begin = time_now();
    for (unsigned i = 0; i < MEMBERS && status == STATUS_OK; i++) status = process_start_as(family, GROUP_ANY, "spender", 1, &roles[i], &process[i]);
    if (status != STATUS_OK) return 1;
    unsigned failed = work_beside(process) != MEMBERS;
    uint64_t elapsed = time_now() - begin;
    failed += family_clock(family, &clock) != STATUS_OK;
    failed += family_time(family, GIVEN, PERIOD) != STATUS_OK; /* nobody is in it any more: another period */
    failed += handle_close(family) != STATUS_OK;
    printf("spender: used=%llu elapsed=%llu\n", (unsigned long long)clock.used, (unsigned long long)elapsed);
    failed += elapsed < SPIN;
    /* A period begins when somebody wants to run after the last one's end. Beyond its grant a timer that is late costs some microseconds of each. */
    failed += clock.used > (elapsed / PERIOD + 1) * (GIVEN + TIME_MILLISECOND / 4);
    failed += clock.used < GIVEN;
    printf("spender: done failed=%u\n", failed);
    return failed == 0 ? 0 : 1;
}
