/* Requests in parts: whoever else waits for the pager waits for one message of them at most. How long the longest message took, in entries of page tables and
 * in cycles, is for the tests to judge, where cycles are instructions. */
#include "subject.h"

#include <stdio.h>

#include <quire/kernel_calls.h>
#include <quire/pager_call.h>

constexpr uint64_t TABLE = 2 << 20;
constexpr uint64_t FULL = 40 << 20;

static uint64_t area;

/* Entries of page tables that the kernel has looked at or written; 0 where it does not count. */
static uint64_t entries_now(void)
{
    uint64_t read = 0, written = 0;
    if (kernel_test_counter(COUNTER_ENTRIES_READ, &read) != STATUS_OK) return 0;
    expect_status(kernel_test_counter(COUNTER_ENTRIES_WRITTEN, &written), STATUS_OK);
    return read + written;
}

/* The longest of some messages. */
static struct {
    uint64_t messages, entries, cycles;
} longest;

static enum status ask_for(enum protocol label, struct message *message)
{
    uint64_t entries = entries_now(), cycles = cycle_counter();
    enum status status = pager_call(HANDLE_PAGER, label, 0, message);
    cycles = cycle_counter() - cycles;
    entries = entries_now() - entries;
    longest.messages++;
    if (entries > longest.entries) longest.entries = entries;
    if (cycles > longest.cycles) longest.cycles = cycles;
    return status;
}

static void ask(enum protocol label, struct message *message) { expect_status(ask_for(label, message), STATUS_OK); }

static void report_longest(const char *what)
{
    printf("subject: in parts what=%s messages=%lu entries=%lu cycles=%lu\n", what, longest.messages, longest.entries, longest.cycles);
    longest.messages = longest.entries = longest.cycles = 0;
}

static void move_in_parts(enum protocol label, int64_t delta)
{
    while (delta != 0) {
        struct message message = { .word = { (uint64_t)delta } };
        ask(label, &message);
        delta -= (int64_t)message.word[1];
    }
}

static void settle_in_parts(uint64_t left)
{
    while (left > 0) {
        struct message message = {};
        ask(PROTOCOL_settle, &message);
        left = message.word[0];
    }
}

static void range_in_parts(enum protocol label, uint64_t bytes, uint64_t word2)
{
    uint64_t done = 0, prepared = 0;
    while (done < bytes) {
        struct message message = { .word = { area + done, bytes - done, word2, prepared } };
        ask(label, &message);
        done += message.word[0];
        prepared = message.word[0] == 0 ? message.word[1] : 0;
        if (label == PROTOCOL_protect) settle_in_parts(message.word[1]);
    }
}

/* A duplicate that begins where nothing is, and ends at once. */
static void duplicate_in_parts(void)
{
    struct message message;
    struct process_result end = { 0 };
    enum status status;
    do {
        message = (struct message){ .word = { PLACE_NOWHERE, area } };
        status = ask_for(PROTOCOL_process_duplicate, &message);
    } while (status == STATUS_AGAIN);
    expect_status(status, STATUS_OK);
    expect_status(process_wait((uint32_t)message.word[0], &end), STATUS_OK);
    expect(end.reason == PROCESS_BAD_ADDRESS && end.value == PLACE_NOWHERE);
    expect_status(handle_close((uint32_t)message.word[0]), STATUS_OK);
}

void case_threads_wait_for_one_part(void)
{
    for (unsigned i = 0; i < 2; i++) {
        enum protocol label = i == 0 ? PROTOCOL_brk : PROTOCOL_autogen_move;
        move_in_parts(label, (int64_t)FULL);
        report_longest(i == 0 ? "brk-grows" : "autogen-grows");
        for (uint64_t executable = 1; i == 1 && executable < 2; executable--) {
            struct message message = { .word = { executable } };
            ask(PROTOCOL_autogen_flip, &message);
            settle_in_parts(message.word[1]);
        }
        if (i == 1) report_longest("autogen-flips");
        move_in_parts(label, -(int64_t)FULL);
        report_longest(i == 0 ? "brk-shrinks" : "autogen-shrinks");
    }
    expect_status(memory_map(FULL, PROTECTION_WRITE, &area), STATUS_OK);
    for (uint64_t at = 0; at < FULL; at += PAGE_BYTES) *byte_at(area + at) = 1;
    range_in_parts(PROTOCOL_protect, FULL, PROTECTION_READ);
    range_in_parts(PROTOCOL_protect, FULL, PROTECTION_WRITE);
    report_longest("protect");
    for (uint64_t at = 0; at < FULL; at += PAGE_BYTES) expect(*byte_at(area + at) == 1);
    range_in_parts(PROTOCOL_discard, FULL, 0);
    report_longest("discard");
    for (uint64_t at = 0; at < FULL; at += PAGE_BYTES) expect(*byte_at(area + at) == 0);
    range_in_parts(PROTOCOL_map_over, FULL, PROTECTION_WRITE);
    report_longest("renew-long");
    range_in_parts(PROTOCOL_populate, FULL, 0);
    report_longest("populate");
    range_in_parts(PROTOCOL_map_over, TABLE, PROTECTION_WRITE);
    report_longest("renew-in-place");
    *byte_at(area + FULL - 1) = 1;
    duplicate_in_parts();
    report_longest("duplicate");
}
