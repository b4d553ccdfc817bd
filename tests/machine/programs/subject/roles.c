/* What cases start beside themselves: small parts played by further processes of the same image. */
#include "subject.h"

#include <quire/endpoint.h>
#include <quire/syscall.h>

void case_nothing(void) {}

/* Sleeps until somebody publishes the name; at full memory the answer may be a status, which wakes it as well. */
void case_sleeper(void)
{
    uint32_t handle;
    (void)!name_find("morning", true, &handle);
}

/* Calls "morning" and sleeps until it is answered; at full memory finding the name may be refused. */
void case_resident(void)
{
    uint32_t handle;
    struct message message = {};
    if (name_find("morning", false, &handle) == STATUS_OK) expect_status(call(handle, &message), STATUS_OK);
}

/* Takes one call and ends without an answer. */
void case_ending_server(void)
{
    uint32_t handle;
    struct message message;
    expect_status(endpoint_create(&handle), STATUS_OK);
    expect_status(name_publish(handle, "ending"), STATUS_OK);
    expect_status(receive(handle, RECEIVE_WAIT, &message), STATUS_OK);
}

/* Waits until memory is full, which is when its call is answered, and then wants more. */
void case_toucher(void)
{
    uint32_t handle;
    uint64_t address = 0;
    struct message message = {};
    expect_status(memory_map(64 * PAGE_BYTES, PROTECTION_WRITE, &address), STATUS_OK);
    expect_status(name_find("full", false, &handle), STATUS_OK);
    expect_status(call(handle, &message), STATUS_OK);
    for (uint64_t page = 0; page < 64; page++) *byte_at(address + page * PAGE_BYTES) = 1;
}

/* Asks once and says when it was answered. */
void case_asker(void)
{
    uint32_t handle;
    struct message message = {};
    expect_status(name_find("asked", true, &handle), STATUS_OK);
    if (call(handle, &message) == STATUS_OK) expect_status(notify(handle, 1), STATUS_OK);
}
