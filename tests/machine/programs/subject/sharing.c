/* Memory that others have too, and duplicates: both sides look. A duplicate returns from its case like the case itself; its exit status counts what it
 * found broken. */
#include "subject.h"

#include <quire/endpoint.h>
#include <quire/handle.h>
#include <quire/pager_call.h>
#include <quire/server.h>

constexpr uint64_t PAGES = 8;
constexpr uint64_t BYTES = PAGES * PAGE_BYTES;

static void fill(uint64_t address, uint8_t value)
{
    for (uint64_t at = 0; at < BYTES; at += PAGE_BYTES) *byte_at(address + at) = (uint8_t)(value + at / PAGE_BYTES);
}

static bool is_filled(uint64_t address, uint8_t value)
{
    for (uint64_t at = 0; at < BYTES; at += PAGE_BYTES)
        if (*byte_at(address + at) != (uint8_t)(value + at / PAGE_BYTES)) return false;
    return true;
}

/* Word 0: where the memory is, word 1: what is in it, word 2: what to write (0: nothing). Answers with whether it was so; ends when nothing is to be
 * written. */
void case_share_receiver(void)
{
    uint32_t own;
    struct message message = {};
    expect_status(endpoint_create(&own), STATUS_OK);
    expect_status(name_publish(own, "shared"), STATUS_OK);
    for (bool goes_on = true; goes_on;) {
        if (receive(own, RECEIVE_WAIT, &message) != STATUS_OK) return;
        goes_on = message.word[2] != 0;
        uint64_t address = message.word[0];
        message.word[0] = is_filled(address, (uint8_t)message.word[1]);
        if (goes_on) fill(address, (uint8_t)message.word[2]);
        message.tag = tag_make(STATUS_OK, 0);
        expect_status(server_reply(&message), STATUS_OK);
    }
}

static bool ask(uint32_t to, uint64_t address, uint8_t value, uint8_t next)
{
    struct message message = { .word = { address, value, next } };
    return call(to, &message) == STATUS_OK && message.word[0] == 1;
}

static void start_receiver(uint32_t *process, uint32_t *to)
{
    const char *role = "share_receiver";
    expect_status(process_start("subject", 1, &role, process), STATUS_OK);
    expect_status(name_find("shared", true, to), STATUS_OK);
}

static void expect_end(uint32_t process, enum process_end reason, uint64_t value)
{
    struct process_result result = {};
    expect_status(process_wait(process, &result), STATUS_OK);
    expect(result.reason == reason && (value == ANY_VALUE || result.value == value));
}

void case_shared(void)
{
    uint32_t process, to;
    uint64_t address = 0, there = 0, free;
    start_receiver(&process, &to);
    expect_status(memory_map(2 * BYTES, PROTECTION_WRITE, &address), STATUS_OK);
    fill(address, 10); /* memory_share() writes to nothing else */
    free = system_now().free_frames;
    expect_status(memory_share(address, BYTES, to, PROTECTION_WRITE, &there), STATUS_OK);
    expect(free - system_now().free_frames <= 16);
    expect(ask(to, there, 10, 20));
    expect(is_filled(address, 20));
    fill(address, 30);
    expect(ask(to, there, 30, 40));
    expect(is_filled(address, 40));
    uint64_t more = 0;
    expect_status(memory_share(address + BYTES, BYTES, to, PROTECTION_WRITE, &more), STATUS_OK); /* never touched before */
    fill(address + BYTES, 50);
    expect(ask(to, more, 50, 0));
    expect_end(process, PROCESS_EXITED, 0);
    expect(is_filled(address, 40)); /* the receiver has ended, what is shared is still there */
    expect_status(memory_unmap(address, 2 * BYTES), STATUS_OK);
}

void case_shared_read_only(void)
{
    uint32_t process, to;
    uint64_t address = 0, there = 0;
    start_receiver(&process, &to);
    expect_status(memory_map(BYTES, PROTECTION_WRITE, &address), STATUS_OK);
    fill(address, 1);
    expect_status(memory_share(address, BYTES, to, PROTECTION_EXECUTE, &there), STATUS_NO_RIGHT);
    expect_status(memory_share(address, BYTES, to, PROTECTION_READ, &there), STATUS_OK);
    expect(!ask(to, there, 1, 2)); /* it writes, and ends */
    expect_end(process, PROCESS_PROTECTION, there);
    expect(is_filled(address, 1));
}

/* A duplicate shares what it has, tells the receiver, and ends; the receiver has it all the same. */
void case_shared_giver_ends(void)
{
    uint32_t process, to, twin;
    uint64_t address = 0, there = 0;
    start_receiver(&process, &to);
    expect_status(memory_map(BYTES, PROTECTION_WRITE, &address), STATUS_OK);
    fill(address, 70);
    expect_status(process_duplicate(&twin), STATUS_OK);
    if (twin == HANDLE_NONE) {
        expect_status(memory_share(address, BYTES, to, PROTECTION_WRITE, &there), STATUS_OK);
        expect(there == address); /* the receiver's area was empty, as this one was */
        expect(ask(to, there, 70, 80));
        expect(is_filled(address, 80));
        return;
    }
    expect_end(twin, PROCESS_EXITED, 0);
    expect(is_filled(address, 70));
    expect(ask(to, address, 80, 90));
    expect(ask(to, address, 90, 0));
    expect_end(process, PROCESS_EXITED, 0);
}

/* A thousand pages that a duplicate writes to are a thousand frames; and what each has is its own. */
void case_duplicated(void)
{
    constexpr uint64_t count = 1000;
    uint32_t endpoint, twin;
    struct message message = {};
    expect_status(endpoint_create(&endpoint), STATUS_OK);
    uint64_t address = 0;
    expect_status(memory_map(count * PAGE_BYTES, PROTECTION_WRITE, &address), STATUS_OK);
    for (uint64_t page = 0; page < count; page++) *byte_at(address + page * PAGE_BYTES) = (uint8_t)page;
    uint64_t before = system_now().free_frames;
    expect_status(process_duplicate(&twin), STATUS_OK);
    if (twin == HANDLE_NONE) {
        (void)system_now(); /* the stack is its own by now */
        expect_status(call(endpoint, &message), STATUS_OK); /* and the parent's is, which waits from now on */
        uint64_t free = system_now().free_frames;
        for (uint64_t page = 0; page < count; page++) *byte_at(address + page * PAGE_BYTES) = (uint8_t)(page + 1);
        expect(free - system_now().free_frames == count);
        for (uint64_t page = 0; page < count; page++) expect(*byte_at(address + page * PAGE_BYTES) == (uint8_t)(page + 1));
        return;
    }
    (void)system_now();
    expect_status(receive(endpoint, RECEIVE_WAIT, &message), STATUS_OK);
    expect_status(reply(&message), STATUS_OK);
    expect_end(twin, PROCESS_EXITED, 0);
    for (uint64_t page = 0; page < count; page++) expect(*byte_at(address + page * PAGE_BYTES) == (uint8_t)page);
    uint64_t free = system_now().free_frames;
    for (uint64_t page = 0; page < count; page++) *byte_at(address + page * PAGE_BYTES) = (uint8_t)(page + 2);
    expect(system_now().free_frames == free); /* nobody else has them any more */
    expect(before - free <= 16);
    expect_status(handle_close(twin), STATUS_OK);
}

/* Each of three generations counts in its own memory, and waits for the next one. */
void case_duplicated_twice(void)
{
    static volatile uint64_t depth;
    uint32_t twin;
    for (;;) {
        uint64_t here = depth;
        expect_status(process_duplicate(&twin), STATUS_OK);
        if (twin != HANDLE_NONE) {
            expect_end(twin, PROCESS_EXITED, 0);
            expect(depth == here);
            return;
        }
        expect(depth == here);
        depth = here + 1;
        struct process_self self = {};
        expect_status(process_self(&self), STATUS_OK);
        if (depth == 3) return;
    }
}

/* What a duplicate has of its parent's handles: calls to an endpoint reach the parent, and receiving is the parent's. */
void case_duplicated_handles(void)
{
    uint32_t endpoint = 0, bare = 0, twin;
    struct message message = {};
    expect_status(endpoint_create(&endpoint), STATUS_OK);
    expect_status(handle_duplicate(endpoint, RIGHT_CALL, &bare), STATUS_OK);
    expect_status(process_duplicate(&twin), STATUS_OK);
    if (twin == HANDLE_NONE) {
        expect_status(receive(endpoint, RECEIVE_DO_NOT_WAIT, &message), STATUS_NO_RIGHT);
        expect_status(call(bare, &message), STATUS_STALE);
        message = (struct message){ .word = { 5 } };
        expect_status(call(endpoint, &message), STATUS_OK);
        expect(message.word[0] == 6);
        return;
    }
    expect_status(receive(endpoint, RECEIVE_WAIT, &message), STATUS_OK);
    expect(message.word[0]++ == 5);
    message.tag = tag_make(STATUS_OK, 0);
    expect_status(server_reply(&message), STATUS_OK);
    expect_end(twin, PROCESS_EXITED, 0);
}

/* Words that nobody honest sends. */
void case_sharing_hostile(void)
{
    static const uint64_t wild[] = { 0, 1, PAGE_BYTES, USER_LIMIT, PLACE_HOLE, PLACE_KERNEL_TEXT, (uint64_t)1 << 63, UINT64_MAX, UINT64_MAX - PAGE_BYTES + 1 };
    constexpr unsigned count = sizeof wild / sizeof wild[0];
    uint64_t own = (uint64_t)(uintptr_t)case_sharing_hostile, free = system_now().free_frames;
    for (unsigned i = 0; i < count * count * count; i++) {
        struct message message = { .word = { wild[i % count], wild[i / count % count], wild[i / count / count], wild[i % 7] } };
        expect(pager_call(HANDLE_PAGER, PROTOCOL_segment_share, 0, &message) != STATUS_OK);
    }
    for (unsigned i = 3; i < count; i++) {
        struct message message = { .word = { wild[i], own } };
        expect_status(pager_call(HANDLE_PAGER, PROTOCOL_process_duplicate, 0, &message), STATUS_BAD_ADDRESS);
        if (wild[i] == USER_LIMIT) continue; /* a good stack pointer */
        message = (struct message){ .word = { own, wild[i] } };
        expect_status(pager_call(HANDLE_PAGER, PROTOCOL_process_duplicate, 0, &message), STATUS_BAD_ADDRESS);
    }
    struct message message = { .word = { PLACE_NOWHERE, own } }; /* begins where nothing is, and ends at once */
    expect_status(pager_call(HANDLE_PAGER, PROTOCOL_process_duplicate, 0, &message), STATUS_OK);
    expect_end((uint32_t)message.word[0], PROCESS_BAD_ADDRESS, PLACE_NOWHERE);
    expect_status(handle_close((uint32_t)message.word[0]), STATUS_OK);
    expect(free - system_now().free_frames <= 16);
}
