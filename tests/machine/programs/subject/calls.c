/* System calls that a program must not get anything by: wrong numbers, the pager's calls, forged handles and tokens, odd registers. */
#include "subject.h"

#include <stdio.h>

#include <quire/endpoint.h>
#include <quire/pager_call.h>

#include "raw_call.h"

enum who : uint8_t { WHO_NOBODY, WHO_ANY, WHO_PAGER, WHO_TEST };

static enum who who_may(uint64_t number)
{
    switch (number) {
#define SYSCALL(row, name, who, how, in, out, text) case row: return WHO_##who;
#include <abi/syscall.def>
#undef SYSCALL
    default: return WHO_NOBODY;
    }
}

/* Numbers that checks like to get wrong. */
static const uint64_t odd[] = {
    0, 1, 2, 3, 7, 8, 63, 64, 255, 256, 4095, 4096, 4097, 0xfff000, 0x400000, 0x401000, 1 << 20, 1 << 30, 0x7fffffff, 0x80000000, 0xffffffff, 0x100000000,
    0x100000001, USER_LIMIT - PAGE_BYTES, USER_LIMIT, 0x800000000000, 0xffff7fffffffffff, 0xffff800000000000, 0xffffffff80200000, INT64_MAX,
    0x8000000000000000, UINT64_MAX - 4095, UINT64_MAX - 1, UINT64_MAX,
};
constexpr size_t ODD = sizeof odd / sizeof odd[0];

static uint64_t random_odd(void) { return random_next() % 4 == 0 ? random_next() : odd[random_next() % ODD]; }

static void expect_bad_call(uint64_t number)
{
    struct raw_call raw = { .number = number };
    enum status status = raw_call(&raw);
    if (status != STATUS_BAD_CALL || raw.number != STATUS_BAD_CALL) printf("subject: number=0x%lx status=%s\n", number, status_name(status));
    expect(raw.number == STATUS_BAD_CALL);
}

void case_wrong_numbers(void)
{
    for (uint64_t number = 0; number <= 200; number++)
        if (who_may(number) == WHO_NOBODY) expect_bad_call(number);
    for (unsigned bit = 8; bit < 64; bit++) {
        expect_bad_call((uint64_t)1 << bit);
        expect_bad_call((uint64_t)1 << bit | CALL_version); /* the whole register counts, not its lower half */
        expect_bad_call((uint64_t)1 << bit | CALL_yield);
    }
    expect_bad_call(UINT64_MAX);
    expect_bad_call(INT64_MAX);
}

void case_pager_calls(void)
{
    uint64_t before = system_now().free_frames;
    for (uint64_t number = 0; number < CALL_LIMIT; number++) {
        if (who_may(number) != WHO_PAGER) continue;
        for (unsigned i = 0; i < 200; i++) {
            struct raw_call raw = { .number = number };
            /* The first ones plausible: small frames, the program's own pages, one page, all rights. */
            for (unsigned at = 0; at < CALL_ARGUMENTS; at++) raw.argument[at] = i < 100 ? (at == 1 ? 0x400000 : at == 0 ? i * 16 : 1) : random_odd();
            enum status status = raw_call(&raw);
            if (status != STATUS_DENIED) printf("subject: number=%lu status=%s\n", number, status_name(status));
            expect(status == STATUS_DENIED);
        }
    }
    expect(system_now().free_frames == before);
}

/* Every call that takes a handle, on one that names nothing. */
static void expect_no_handle(uint64_t handle)
{
    static const uint64_t numbers[] = { CALL_call, CALL_reply_receive, CALL_receive, CALL_notify };
    for (unsigned i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        struct raw_call raw = { .number = numbers[i], .argument = { handle, tag_make(PROTOCOL_process_self, 0) } };
        enum status status = raw_call(&raw);
        if (status != STATUS_BAD_HANDLE) printf("subject: handle=0x%lx call=%lu status=%s\n", handle, numbers[i], status_name(status));
        expect(status == STATUS_BAD_HANDLE);
    }
}

void case_forged_handles(void)
{
    for (uint64_t handle = 0; handle <= 1000; handle++)
        if (handle != HANDLE_PAGER) expect_no_handle(handle);
    for (unsigned bit = 10; bit < 64; bit++) {
        expect_no_handle((uint64_t)1 << bit);
        expect_no_handle((uint64_t)1 << bit | HANDLE_PAGER);
    }
    for (unsigned i = 0; i < 1000; i++) expect_no_handle(random_next() | 0x10000);

    uint32_t handle;
    expect_status(endpoint_create(&handle), STATUS_OK);
    expect_no_handle(handle + 0x100); /* the next generation of the same slot */
    expect_no_handle(handle + 1);
    expect_no_handle((uint64_t)1 << 32 | handle);
    expect_status(notify(handle, 1), STATUS_OK);
}

/* Answers nobody, or somebody else's caller if the kernel lets it: then the suite sees an answer that the pager did not give. */
void case_forged_tokens(void)
{
    uint32_t handle;
    struct message message;
    expect_status(endpoint_create(&handle), STATUS_OK);
    expect_status(notify(handle, 4), STATUS_OK);
    for (uint64_t i = 0; i < 60'000; i++) {
        uint64_t thread = i < 40'000 ? i : random_next(), sequence = i < 40'000 ? 1 + i % 3 : random_next();
        message = (struct message){ .tag = tag_make(STATUS_OK, 0), .word = { 77, 77 }, .token = (thread & UINT32_MAX) | sequence << 32 };
        if (message.token != 0) expect_status(reply_receive(handle, &message), STATUS_STALE);
    }
    message.token = 0;
    expect_status(reply_receive(handle, &message), STATUS_OK); /* the refused answers have received nothing */
    expect((message.tag & TAG_NOTIFICATION) != 0 && message.word[0] == 4 && message.token == 0);
}

void case_wrong_rights(void)
{
    uint32_t victim, process;
    struct message message = {};
    expect_status(notify(HANDLE_PAGER, UINT64_MAX), STATUS_NO_RIGHT);
    expect_status(receive(HANDLE_PAGER, RECEIVE_DO_NOT_WAIT, &message), STATUS_NO_RIGHT);
    expect_status(reply_receive(HANDLE_PAGER, &message), STATUS_NO_RIGHT);
    expect_status(name_find("victim", false, &victim), STATUS_OK);
    expect_status(receive(victim, RECEIVE_DO_NOT_WAIT, &message), STATUS_NO_RIGHT);
    expect_status(reply_receive(victim, &message), STATUS_NO_RIGHT);
    expect_status(name_publish(victim, "mine"), STATUS_NO_RIGHT);
    expect_status(process_start("subject", 1, (const char *const[]){ "nothing" }, &process), STATUS_OK);
    expect_status(notify(process, UINT64_MAX), STATUS_NO_RIGHT);
    expect_status(receive(process, RECEIVE_DO_NOT_WAIT, &message), STATUS_NO_RIGHT);
    expect_status(pager_call(process, PROTOCOL_exit, 0, &message), STATUS_BAD_CALL);
    expect_status(pager_call(process, PROTOCOL_brk, 0, &message), STATUS_BAD_CALL);
    expect_status(pager_call(HANDLE_PAGER, PROTOCOL_process_wait, 0, &message), STATUS_BAD_CALL);
    expect_status(endpoint_create(&victim), STATUS_OK);
    expect_status(receive(victim, UINT64_MAX, &message), STATUS_BAD_ARGUMENT);
    expect_status(receive(victim, RECEIVE_DO_NOT_WAIT, &message), STATUS_WOULD_BLOCK);
}

void case_stale_handles(void)
{
    uint32_t old, found, fresh;
    struct message message = {};
    expect_status(endpoint_create(&old), STATUS_OK);
    expect_status(name_publish(old, "stale"), STATUS_OK);
    expect_status(name_find("stale", false, &found), STATUS_OK);
    expect_status(notify(old, 1), STATUS_OK);
    expect_status(notify(found, 1), STATUS_OK);
    expect_status(handle_close(old), STATUS_OK);
    expect_status(notify(old, 1), STATUS_STALE);
    expect_status(call(old, &message), STATUS_STALE);
    expect_status(handle_close(old), STATUS_STALE);
    expect_status(notify(found, 1), STATUS_STALE); /* the endpoint went with the right to receive */
    expect_status(call(found, &message), STATUS_STALE);
    expect_status(name_find("stale", false, &found), STATUS_NOT_FOUND);
    expect_status(endpoint_create(&fresh), STATUS_OK); /* the same slot, and yet not the same handle */
    expect(fresh != old);
    expect_status(notify(old, 1), STATUS_STALE);
    expect_status(notify(fresh, 1), STATUS_OK);
    expect_status(handle_close(HANDLE_PAGER), STATUS_BAD_HANDLE);
}

/* Sets flags, makes a call, puts plain flags back. */
static uint64_t call_with_flags(uint64_t flags, uint64_t number, uint64_t first, uint64_t second)
{
    __asm__ volatile("pushfq\n\tor %[flags], (%%rsp)\n\tpopfq\n\tsyscall\n\tpushq $0x202\n\tpopfq"
                 : "+a"(number), "+D"(first), "+S"(second) : [flags] "r"(flags)
                 : "rdx", "rcx", "rbx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "memory", "cc");
    return number;
}

void case_odd_flags(void)
{
    constexpr uint64_t DIRECTION = 0x400, NESTED = 0x4000, ALIGNMENT = 0x40000, IDENTIFICATION = 0x200000;
    static const uint64_t flags[] = { DIRECTION, NESTED, ALIGNMENT, IDENTIFICATION, DIRECTION | NESTED | ALIGNMENT };
    for (unsigned i = 0; i < 5 * 50; i++) {
        expect(call_with_flags(flags[i % 5], CALL_version, 0, 0) == STATUS_OK);
        expect(call_with_flags(flags[i % 5], CALL_yield, 0, 0) == STATUS_OK);
        expect(call_with_flags(flags[i % 5], CALL_call, HANDLE_PAGER, tag_make(PROTOCOL_system_info, 0)) == STATUS_OK);
        expect(call_with_flags(flags[i % 5], CALL_frame_count, 0, 0) == STATUS_DENIED);
    }
}

/* The kernel has no use for a program's stack: a call needs none. */
static uint64_t call_with_stack(uint64_t stack, uint64_t number, uint64_t first, uint64_t second)
{
    __asm__ volatile("mov %%rsp, %%r15\n\tmov %[stack], %%rsp\n\tsyscall\n\tmov %%rsp, %%rbx\n\tmov %%r15, %%rsp"
                 : "+a"(number), "+D"(first), "+S"(second) : [stack] "r"(stack)
                 : "rdx", "rcx", "rbx", "r8", "r9", "r10", "r11", "r12", "r13", "r15", "memory", "cc");
    return number;
}

void case_odd_stack_pointer(void)
{
    for (size_t i = 0; i < ODD; i++) {
        expect(call_with_stack(odd[i], CALL_version, 0, 0) == STATUS_OK);
        expect(call_with_stack(odd[i], CALL_notify, HANDLE_PAGER, 1) == STATUS_NO_RIGHT);
        expect(call_with_stack(odd[i], CALL_notify, 0x777, 1) == STATUS_BAD_HANDLE);
    }
}

void case_overlong_buffers(void)
{
    for (uint64_t length = MESSAGE_BUFFER_BYTES + 1; length <= TAG_LENGTH_MASK; length += 111) {
        struct raw_call raw = { .number = CALL_call, .argument = { HANDLE_PAGER, PROTOCOL_write | length << TAG_LENGTH_SHIFT } };
        expect_status(raw_call(&raw), STATUS_BAD_BUFFER);
    }
    struct raw_call whole = { .number = CALL_call, .argument = { HANDLE_PAGER, PROTOCOL_write | TAG_LENGTH_MASK << TAG_LENGTH_SHIFT } };
    expect_status(raw_call(&whole), STATUS_BAD_BUFFER);
    struct message message = {};
    expect_status(pager_call(HANDLE_PAGER, PROTOCOL_write, MESSAGE_BUFFER_BYTES, &message), STATUS_BAD_LENGTH);
    expect_status(pager_call(HANDLE_PAGER, PROTOCOL_write, 0, &message), STATUS_BAD_LENGTH);
}

/* Any call with anything, on handles that it does not have. The log call is left out: it writes what is in the buffer. */
void case_random_calls(void)
{
    for (unsigned i = 0; i < 30'000; i++) {
        struct raw_call raw = { .number = random_next() % (CALL_LIMIT + 8) };
        enum who who = who_may(raw.number);
        for (unsigned at = 0; at < CALL_ARGUMENTS; at++) raw.argument[at] = random_odd();
        if (raw.number == CALL_log || who == WHO_TEST || raw.argument[0] == HANDLE_PAGER) continue;
        uint64_t number = raw.number;
        bool is_answer = number == CALL_reply_receive && raw.argument[0] == HANDLE_NONE; /* without a handle: an answer alone, to nobody */
        enum status status = raw_call(&raw), wanted = who == WHO_PAGER ? STATUS_DENIED : who == WHO_NOBODY ? STATUS_BAD_CALL : status;
        if (number >= CALL_call && number <= CALL_notify) {
            expect(status == STATUS_BAD_HANDLE || status == STATUS_BAD_ARGUMENT || status == STATUS_BAD_BUFFER
                   || (is_answer && status == STATUS_STALE));
        }
        expect(status == wanted);
    }
}
