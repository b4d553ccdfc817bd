/* Messages that the pager and other servers must survive: every label, any words, text where none is expected, starts and names that cannot be. */
#include "subject.h"

#include <stdio.h>
#include <string.h>

#include <quire/endpoint.h>
#include <quire/pager_call.h>
#include <quire/server.h>

#include "../victim.h"

static const uint64_t words[] = {
    0, 1, 2, 3, 4096, 8192, 1 << 20, 1 << 30, (uint64_t)1 << 40, 0x400000, 0x401000, 0x10000, USER_LIMIT - PAGE_BYTES, USER_LIMIT, INT64_MAX,
    (uint64_t)INT64_MAX + 1, UINT64_MAX, UINT64_MAX - 4095, PLACE_KERNEL_TEXT, PLACE_DIRECT_MAP, 0xffffffff, 0x100000000,
};
constexpr size_t WORDS = sizeof words / sizeof words[0];

static uint64_t random_word(void) { return random_next() % 4 == 0 ? random_next() : words[random_next() % WORDS]; }

static bool is_request(uint32_t label)
{
    switch (label) {
#define PROTOCOL(number, name, in, out, text) case number: return true;
#include <pager/protocol.def>
#undef PROTOCOL
    default: return false;
    }
}

/* Above every label that means something. */
static uint32_t label_limit(void)
{
    uint32_t limit = 0;
#define PROTOCOL(number, name, in, out, text) if ((number) >= limit) limit = (number) + 1;
#include <pager/protocol.def>
#undef PROTOCOL
    return limit;
}

static bool is_status(uint64_t number) { return strcmp(status_name((enum status)number), "UNKNOWN") != 0; }

/* The segments of this process, as the pager tells them, are in order and apart. */
static void expect_order(void)
{
    struct segment_info info;
    uint64_t limit = 0;
    uint32_t kind = 0;
    for (uint64_t i = 0; segment_info(i, &info) == STATUS_OK; i++) {
        expect(info.first >= limit && info.limit > info.first && info.kind >= kind && (info.limit | info.first) % PAGE_BYTES == 0);
        limit = info.limit;
        kind = info.kind;
    }
}

/* Sends it, unless it would end or stop the sender, which a message may rightly do. */
static void send(uint32_t label, uint32_t length_bytes, struct message *message)
{
    if (label == PROTOCOL_exit) return;
    if (label == PROTOCOL_name_find) message->word[0] = 0;
    message->tag = tag_make(label, length_bytes);
    expect_status(call(HANDLE_PAGER, message), STATUS_OK);
    expect(is_status(tag_label(message->tag)));
    if (!is_request(label)) expect(tag_label(message->tag) == STATUS_BAD_CALL);
}

void case_every_label(void)
{
    for (uint32_t label = 0; label <= 100; label++) {
        if (label == PROTOCOL_thread_create || label == PROTOCOL_thread_end) continue; /* either may end the process: threads.c has its cases */
        for (unsigned i = 0; i < 40; i++) {
            struct message message = { .word = { random_word(), random_word(), random_word(), random_word(), random_word(), random_word() } };
            send(label, 0, &message);
        }
    }
    struct message last = {};
    send(0xffff, 0, &last);
    expect_order();
}

void case_every_label_with_text(void)
{
    static const uint32_t lengths[] = { 1, 2, 31, 32, 33, 64, 65, 1023, 1024, 1025, 4080, 4081, 4095, 4096 };
    for (uint32_t label = 0; label <= 100; label++) {
        if (label == PROTOCOL_write) continue; /* its text goes to the log; forged_output does that */
        if (label == PROTOCOL_thread_create || label == PROTOCOL_thread_end) continue; /* as above */
        for (unsigned i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
            memset(message_buffer(), i % 2 == 0 ? 'a' : 0, MESSAGE_BUFFER_BYTES);
            struct message message = { .word = { random_word(), random_word(), random_word(), random_word(), random_word(), random_word() } };
            send(label, lengths[i], &message);
        }
    }
    expect_order();
}

void case_random_messages(void)
{
    const uint32_t limit = label_limit();
    for (unsigned i = 0; i < 20'000; i++) {
        struct message message = { .word = { random_word(), random_word(), random_word(), random_word(), random_word(), random_word() } };
        uint32_t label = (uint32_t)(random_next() % limit), length = random_next() % 2 == 0 ? 0 : (uint32_t)(random_next() % 40);
        if (label == PROTOCOL_write || label == PROTOCOL_thread_create || label == PROTOCOL_thread_end) continue; /* as above */
        for (uint32_t at = 0; at < length; at++) message_buffer()[at] = (char)random_next();
        send(label, length, &message);
    }
    expect_order();
}

/* A tag that says it is a fault, or notification bits: the kernel takes these bits away, and the label is a request like any other. */
void case_faked_faults(void)
{
    static const uint64_t bits[] = { TAG_FAULT, TAG_NOTIFICATION, TAG_FAULT | TAG_NOTIFICATION, (uint64_t)7 << TAG_INCARNATION_SHIFT, ~TAG_SENDER_MASK };
    struct process_self self;
    expect_status(process_self(&self), STATUS_OK);
    for (unsigned i = 0; i < sizeof bits / sizeof bits[0]; i++) {
        struct message message = { .tag = tag_make(PROTOCOL_process_self, 0) | bits[i], .word = { FAULT_WRITE, 0x400000, 0x400000, 0, 1 } };
        expect_status(call(HANDLE_PAGER, &message), STATUS_OK);
        expect(tag_label(message.tag) == STATUS_OK && message.word[0] == self.number);
        message = (struct message){ .tag = tag_make(PROTOCOL_write, 0) | bits[i], .word = { FAULT_WRITE, 0x400000, 0x400000, 0, 1 } };
        expect_status(call(HANDLE_PAGER, &message), STATUS_OK);
        expect(tag_label(message.tag) == STATUS_BAD_LENGTH);
    }
}

/* Output that would like to be a line of somebody else's. */
void case_forged_output(void)
{
    static const char text[] = "\n[    0.000000001] panic: forged\r[    0.000000001] panic: forged by return\n"
                               "\033[2J\0\177\200\377 out: pid=1 name=suite | forged\n";
    expect_status(process_write(text, sizeof text - 1), STATUS_OK);
    char longest[4000];
    memset(longest, 'x', sizeof longest);
    expect_status(process_write(longest, sizeof longest), STATUS_OK);
    expect_status(process_write("\n", 1), STATUS_OK);
    for (unsigned i = 0; i < 256; i++) expect_status(process_write(&(char){ (char)i }, 1), STATUS_OK);
    expect_status(process_write("\nhalted\r\n\n", 10), STATUS_OK);
}

static enum status start_text(const char *text, uint32_t length)
{
    struct message message = {};
    memcpy(message_buffer(), text, length);
    return pager_call(HANDLE_PAGER, PROTOCOL_process_start, length, &message);
}

void case_wrong_starts(void)
{
    uint64_t free = system_now().free_frames, processes = system_now().processes;
    uint32_t process;
    expect_status(process_start("nothing.of.this.name", 0, nullptr, &process), STATUS_NOT_FOUND);
    expect_status(process_start("pager", 0, nullptr, &process), STATUS_NOT_FOUND);
    expect_status(process_start("", 0, nullptr, &process), STATUS_BAD_ARGUMENT);
    expect_status(process_start("some.data", 0, nullptr, &process), STATUS_BAD_IMAGE);
    expect_status(process_start("broken.image", 0, nullptr, &process), STATUS_BAD_IMAGE);
    expect_status(start_text("subject", 7), STATUS_BAD_ARGUMENT);
    expect_status(start_text("subject\0nothing", 15), STATUS_BAD_ARGUMENT);
    static char longest[MESSAGE_BUFFER_BYTES];
    memset(longest, 'x', sizeof longest);
    longest[sizeof longest - 1] = '\0';
    expect_status(start_text(longest, MESSAGE_BUFFER_BYTES), STATUS_BAD_LENGTH);
    expect(system_now().free_frames <= free && system_now().free_frames + 1 >= free); /* a page for handles may have come */
    expect(system_now().processes == processes);

    /* The longest that there is room for: it starts. */
    constexpr uint32_t most = MESSAGE_BUFFER_BYTES - sizeof(struct start_info);
    struct process_result result;
    memcpy(longest, "subject\0nothing", 16);
    longest[most - 1] = '\0';
    expect_status(start_text(longest, most + 1), STATUS_BAD_LENGTH);
    longest[most - 17] = '\0';
    expect_status(process_start("subject", 2, (const char *const[]){ "nothing", longest + 16 }, &process), STATUS_OK);
    expect_status(process_wait(process, &result), STATUS_OK);
    expect(result.reason == PROCESS_EXITED && result.value == 0);
}

void case_wrong_names(void)
{
    uint32_t handle, found;
    expect_status(endpoint_create(&handle), STATUS_OK);
    expect_status(name_publish(handle, ""), STATUS_BAD_LENGTH);
    expect_status(name_publish(handle, "123456789012345678901234567890123"), STATUS_BAD_LENGTH);
    expect_status(name_publish(handle, "with blank"), STATUS_BAD_ARGUMENT);
    expect_status(name_publish(handle, "new\nline"), STATUS_BAD_ARGUMENT);
    expect_status(name_publish(handle, "\377"), STATUS_BAD_ARGUMENT);
    expect_status(name_publish(handle, VICTIM_NAME), STATUS_EXISTS);
    expect_status(name_publish(handle + 1, "one"), STATUS_BAD_HANDLE);
    expect_status(name_publish(HANDLE_PAGER, "one"), STATUS_BAD_HANDLE);
    expect_status(name_publish(handle, "12345678901234567890123456789012"), STATUS_OK);
    expect_status(name_publish(handle, "another"), STATUS_EXISTS);
    expect_status(name_find("another", false, &found), STATUS_NOT_FOUND);
    expect_status(name_find("12345678901234567890123456789012", false, &found), STATUS_OK);
}

void case_attack_victim(void)
{
    uint32_t victim;
    expect_status(name_find(VICTIM_NAME, false, &victim), STATUS_OK);
    for (uint32_t label = 0; label < 2000; label++) {
        if (label == VICTIM_BEAT) continue;
        uint32_t length = label % 5 == 0 ? MESSAGE_BUFFER_BYTES : label % 7;
        struct message message = { .tag = tag_make(label, length) | TAG_FAULT | TAG_NOTIFICATION, .word = { random_word(), random_word(), random_word() } };
        expect_status(call(victim, &message), STATUS_OK);
        expect(tag_label(message.tag) == STATUS_BAD_CALL);
        expect_status(notify(victim, random_next() & ~VICTIM_STOP), STATUS_OK);
    }
}

void case_server_ends(void)
{
    uint32_t process, server;
    struct process_result result;
    struct message message = {};
    expect_status(process_start("subject", 1, (const char *const[]){ "ending_server" }, &process), STATUS_OK);
    expect_status(name_find("ending", true, &server), STATUS_OK);
    expect_status(call(server, &message), STATUS_PEER_ENDED);
    expect_status(call(server, &message), STATUS_STALE);
    expect_status(name_find("ending", false, &server), STATUS_NOT_FOUND);
    expect_status(process_wait(process, &result), STATUS_OK);
    expect(result.reason == PROCESS_EXITED && result.value == 0);
}

static unsigned asked;
static uint64_t first_token, second_token;

/* The first answer goes to nobody, as it would if who asked had ended; the second question's place takes the answer to the first. */
static enum server_answer answer_late([[maybe_unused]] void *context, struct message *message)
{
    uint64_t token = message->token;
    if (asked++ == 0) {
        first_token = token;
        message->token = token + 5 * TOKEN_NEXT;
    } else {
        second_token = token;
        message->token = first_token;
    }
    return SERVER_ANSWERED;
}

static bool is_not_answered([[maybe_unused]] void *context, [[maybe_unused]] uint64_t bits) { return false; }

/* A server goes on when an answer finds nobody. */
void case_late_answers(void)
{
    static const struct server server = { .on_message = answer_late, .on_notification = is_not_answered };
    uint32_t handle, process[2];
    expect_status(endpoint_create(&handle), STATUS_OK);
    for (unsigned i = 0; i < 2; i++) expect_status(process_start("subject", 1, (const char *const[]){ "asker" }, &process[i]), STATUS_OK);
    expect_status(name_publish(handle, "asked"), STATUS_OK);
    expect_status(server_run(handle, &server, nullptr), STATUS_OK);
    expect(asked == 2);
    struct message message = { .tag = tag_make(STATUS_OK, 0), .token = second_token };
    expect_status(reply_receive(handle, &message), STATUS_OK);
    for (unsigned i = 0; i < 2; i++) {
        struct process_result result;
        expect_status(process_wait(process[i], &result), STATUS_OK);
        expect(result.reason == PROCESS_EXITED && result.value == 0);
    }
}

/* A handle of a process means that process for ever: what comes later in its place changes nothing. */
void case_results_of_the_ended(void)
{
    uint32_t first, process;
    struct process_result result;
    expect_status(process_start("subject", 1, (const char *const[]){ "read_nowhere" }, &first), STATUS_OK);
    for (unsigned i = 0; i < 40; i++) {
        expect_status(process_wait(first, &result), STATUS_OK);
        expect(result.reason == PROCESS_BAD_ADDRESS && result.value == PLACE_NOWHERE);
        expect_status(process_start("subject", 1, (const char *const[]){ "nothing" }, &process), STATUS_OK);
        expect(process != first);
        expect_status(process_wait(process, &result), STATUS_OK);
        expect(result.reason == PROCESS_EXITED && result.value == 0);
        expect_status(handle_close(process), STATUS_OK);
        expect_status(process_wait(process, &result), STATUS_STALE);
    }
}
