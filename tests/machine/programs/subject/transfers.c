/* Memory that goes to another process: what arrives there, what is left here. */
#include "subject.h"

#include <quire/endpoint.h>
#include <quire/server.h>

constexpr uint64_t BYTES = (uint64_t)5 << 20; /* two tables and a half */

static uint8_t mark(uint64_t offset) { return (uint8_t)(offset / PAGE_BYTES * 7 + offset / BYTES + 3); }

static bool has_marks(uint64_t address)
{
    for (uint64_t at = 0; at < BYTES; at += PAGE_BYTES)
        if (*byte_at(address + at) != mark(at)) return false;
    return true;
}

/* Takes the address of what was given to it, looks, writes, and gives it back; answers with whether all was there. Then ends. */
void case_memory_receiver(void)
{
    uint32_t own;
    struct message message = {};
    expect_status(endpoint_create(&own), STATUS_OK);
    expect_status(name_publish(own, "memory"), STATUS_OK);
    expect_status(receive(own, RECEIVE_WAIT, &message), STATUS_OK);
    uint64_t address = message.word[0];
    message.word[0] = has_marks(address);
    for (uint64_t at = 0; at < BYTES; at += PAGE_BYTES) *byte_at(address + at) = 1;
    expect(segment_at(address).mapped_pages == BYTES / PAGE_BYTES);
    expect_status(memory_unmap(address, BYTES), STATUS_OK);
    message.tag = tag_make(STATUS_OK, 0);
    expect_status(server_reply(&message), STATUS_OK);
}

/* Memory with its marks, given to a receiver; the handle and the receiver's address. */
static uint64_t give(uint32_t *process, uint32_t *to, uint64_t *address)
{
    uint64_t received = 0;
    const char *role = "memory_receiver";
    expect_status(process_start("subject", 1, &role, process), STATUS_OK);
    expect_status(name_find("memory", true, to), STATUS_OK);
    expect_status(memory_map(BYTES, PROTECTION_WRITE, address), STATUS_OK);
    for (uint64_t at = 0; at < BYTES; at += PAGE_BYTES) *byte_at(*address + at) = mark(at);
    struct system_info before = system_now();
    expect_status(memory_move(*address, BYTES, *to, &received), STATUS_OK);
    struct system_info after = system_now();
    expect(after.faults == before.faults && before.free_frames - after.free_frames <= 16); /* tables and the receiver's area: no page was copied */
    return received;
}

void case_moved(void)
{
    uint32_t process, to;
    uint64_t address;
    struct message message = {};
    message.word[0] = give(&process, &to, &address);
    expect(segment_at(address).limit == 0);
    uint64_t unused;
    expect_status(memory_move(address, BYTES, to, &unused), STATUS_NOT_MAPPED);
    uint64_t free = system_now().free_frames;
    expect_status(call(to, &message), STATUS_OK);
    expect(message.word[0] == 1);
    expect(system_now().free_frames >= free + BYTES / PAGE_BYTES);
    struct process_result result = {};
    expect_status(process_wait(process, &result), STATUS_OK);
    expect(result.reason == PROCESS_EXITED && result.value == 0);
}

void case_moved_touched(void)
{
    uint32_t process, to;
    uint64_t address;
    struct message message = {};
    message.word[0] = give(&process, &to, &address);
    expect_status(call(to, &message), STATUS_OK); /* the receiver ends then */
    *byte_at(address + PAGE_BYTES) = 1;
}
