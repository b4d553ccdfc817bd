/* Taking all the objects there are: endpoints, names, handles, processes. Each has a limit, which is a status and not the end of anybody. */
#include "subject.h"

#include <stdio.h>

#include <quire/endpoint.h>
#include <quire/syscall.h>

#include "../victim.h"

/* Endpoints until a status; how many. */
static unsigned create_endpoints(uint32_t handle[], unsigned most, enum status *status)
{
    unsigned count = 0;
    while (count < most && (*status = endpoint_create(&handle[count])) == STATUS_OK) count++;
    return count;
}

void case_endpoints(void)
{
    static uint32_t handle[10'000];
    enum status status = STATUS_OK;
    unsigned count = create_endpoints(handle, 10'000, &status);
    printf("subject: endpoints count=%u\n", count);
    expect(status == STATUS_LIMIT && count > 0 && count < 10'000);
    expect_status(handle_close(handle[count / 2]), STATUS_OK);
    expect_status(endpoint_create(&handle[count / 2]), STATUS_OK);
    expect_status(endpoint_create(&handle[count]), STATUS_LIMIT);
}

void case_endpoints_again_and_again(void)
{
    uint32_t handle, last = 0;
    for (unsigned i = 0; i < 20'000; i++) {
        expect_status(endpoint_create(&handle), STATUS_OK);
        expect(handle != last);
        last = handle;
        if (i % 3 == 0) expect_status(notify(handle, 1), STATUS_OK);
        expect_status(handle_close(handle), STATUS_OK);
    }
}

void case_names(void)
{
    static uint32_t handle[1000];
    enum status status = STATUS_OK;
    char name[NAME_BYTES];
    unsigned count = create_endpoints(handle, 1000, &status);
    for (unsigned i = 0; i < count; i++) {
        snprintf(name, sizeof name, "greed-%u", i);
        expect_status(name_publish(handle[i], name), STATUS_OK);
        snprintf(name, sizeof name, "second-%u", i);
        expect_status(name_publish(handle[i], name), STATUS_EXISTS);
    }
    printf("subject: names count=%u\n", count);
    expect(count > 0 && status == STATUS_LIMIT);
}

void case_handles(void)
{
    static uint32_t handle[10'000];
    unsigned count = 0;
    enum status status;
    while (count < 10'000 && (status = name_find(VICTIM_NAME, false, &handle[count])) == STATUS_OK) count++;
    printf("subject: handles count=%u\n", count);
    expect(status == STATUS_LIMIT && count < 10'000);
    /* More than the kernel has rows for: they push each other out, and all of them go on meaning the same. */
    for (unsigned i = 0; i < count; i++) expect_status(notify(handle[i], 2), STATUS_OK);
    for (unsigned i = 0; i < count; i++) expect_status(notify(handle[i], 2), STATUS_OK);
    expect_status(endpoint_create(&handle[count]), STATUS_LIMIT);
    expect_status(process_start("subject", 0, nullptr, &handle[count]), STATUS_LIMIT);
    expect_status(handle_close(handle[0]), STATUS_OK);
    expect_status(endpoint_create(&handle[0]), STATUS_OK);
}

/* Processes that stay: each calls "morning" and sleeps until it is answered. */
constexpr unsigned RESIDENTS_MOST = 512;
static uint64_t sleeper[RESIDENTS_MOST]; /* the token of each that sleeps */

/* Until nobody is awake: each has called, or has ended for the memory that it wanted. Then nothing changes before we do something. */
static unsigned wait_for_sleep(uint32_t morning, unsigned sleeping, uint64_t processes_before)
{
    struct message message;
    while (system_now().processes != processes_before + sleeping) {
        if (receive(morning, RECEIVE_DO_NOT_WAIT, &message) == STATUS_OK) sleeper[sleeping++] = message.token;
        else yield();
    }
    return sleeping;
}

/* Until there is no memory or no room for one more. Which of those that still touch their pages meanwhile end for memory is the scheduler's business; when
 * all sleep, what is refused is refused again, and where the last one has ended for memory there is room for one as large. */
void case_processes(void)
{
    uint32_t morning, process, refused = HANDLE_NONE;
    struct process_result result = { 0 };
    enum status status;
    unsigned count = 0, sleeping, asleep;
    uint64_t before = system_now().processes;
    expect_status(endpoint_create(&morning), STATUS_OK);
    expect_status(name_publish(morning, "morning"), STATUS_OK);
    while (count < RESIDENTS_MOST && (status = process_start("subject", 1, (const char *const[]){ "resident" }, &process)) == STATUS_OK) {
        expect_status(handle_close(process), STATUS_OK); /* it goes on without */
        count++;
    }
    expect(count > 10 && (status == STATUS_LIMIT || status == STATUS_NO_MEMORY));
    sleeping = wait_for_sleep(morning, 0, before);
    printf("subject: processes count=%u running=%lu status=%s\n", count, before + sleeping, status_name(status));
    enum status again;
    do {
        again = process_start("subject", 1, (const char *const[]){ "resident" }, &process);
        asleep = sleeping;
        sleeping = wait_for_sleep(morning, asleep, before);
    } while (again == STATUS_OK && sleeping > asleep && sleeping < RESIDENTS_MOST && handle_close(process) == STATUS_OK);
    if (again == STATUS_OK) {
        expect(sleeping == asleep && status == STATUS_NO_MEMORY);
        expect_status(process_wait(process, &result), STATUS_OK);
        expect(result.reason == PROCESS_OUT_OF_MEMORY);
    } else {
        expect_status(again, status);
    }
    expect_status(process_start("subject", 1, (const char *const[]){ "nothing" }, &refused), again);
    (void)wait_for_sleep(morning, sleeping, before);
    for (unsigned i = 0; i < sleeping; i++) expect_status(reply(&(struct message){ .tag = tag_make(STATUS_OK, 0), .token = sleeper[i] }), STATUS_OK);
    (void)wait_for_sleep(morning, 0, before);
}

void case_processes_again_and_again(void)
{
    uint32_t process, last = 0;
    struct process_result result;
    uint64_t free = 0, before = system_now().processes;
    for (unsigned i = 0; i < 300; i++) {
        if (i == 1) free = system_now().free_frames;
        expect_status(process_start("subject", 1, (const char *const[]){ "nothing" }, &process), STATUS_OK);
        expect(process != last);
        last = process;
        if (i % 2 == 0) expect_status(process_wait(process, &result), STATUS_OK);
        expect_status(handle_close(process), STATUS_OK);
    }
    while (system_now().processes != before) yield();
    expect(system_now().free_frames == free);
}
