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

/* Processes that stay, until there is no memory or no room for one more. */
void case_processes(void)
{
    uint32_t morning, process, refused = 0;
    enum status status;
    unsigned count = 0;
    uint64_t before = system_now().processes;
    expect_status(endpoint_create(&morning), STATUS_OK);
    while ((status = process_start("subject", 1, (const char *const[]){ "sleeper" }, &process)) == STATUS_OK && count < 5000) {
        expect_status(handle_close(process), STATUS_OK); /* it goes on without */
        count++;
    }
    expect(status == STATUS_LIMIT || status == STATUS_NO_MEMORY);
    uint64_t running = system_now().processes;
    printf("subject: processes count=%u running=%lu status=%s\n", count, running, status_name(status));
    expect(count > 10);
    enum status again = process_start("subject", 1, (const char *const[]){ "nothing" }, &refused);
    expect(again == status || (again == STATUS_OK && running < before + count)); /* one has ended for the memory that it wanted, and left room for this one */
    expect_status(name_publish(morning, "morning"), STATUS_OK);
    /* Sleepers that had not yet asked find the name now. It stays until they have all gone; one may have ended before, for memory. */
    for (unsigned i = 0; i < 200'000 && system_now().processes > before; i++) yield();
    expect(system_now().processes == before);
}

void case_processes_again_and_again(void)
{
    uint32_t process, last = 0;
    struct process_result result;
    uint64_t free = 0;
    for (unsigned i = 0; i < 300; i++) {
        if (i == 1) free = system_now().free_frames;
        expect_status(process_start("subject", 1, (const char *const[]){ "nothing" }, &process), STATUS_OK);
        expect(process != last);
        last = process;
        if (i % 2 == 0) expect_status(process_wait(process, &result), STATUS_OK);
        expect_status(handle_close(process), STATUS_OK);
    }
    for (unsigned i = 0; i < 10'000 && system_now().free_frames != free; i++) yield();
    expect(system_now().free_frames == free);
}
