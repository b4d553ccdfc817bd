/* What tests of the pager share: a machine with one program that stays ("init"), and images that wait to be started. */
#ifndef QUIRE_PAGER_FIXTURE_H
#define QUIRE_PAGER_FIXTURE_H

#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>

#include "fill.h"
#include "sim.h"
#include "sim_image.h"

/* The number of the program that stays. */
constexpr uint32_t INIT = 1;

static struct sim_image fixture_image;
static unsigned char fixture_file[3 * PAGE_BYTES - 100];

static const struct sim_image_shape fixture_shape = {
    .code_bytes = PAGE_BYTES + 10, .data_file_bytes = 100, .data_memory_bytes = 2 * PAGE_BYTES + 1, .rodata_bytes = 50,
};

/* init and child are the same image; wx may have memory that is writable and executable; file is no program. */
static void fixture_start_with(const struct sim_options *options)
{
    sim_image_make(&fixture_image, &fixture_shape);
    for (size_t i = 0; i < sizeof(fixture_file); i++) fixture_file[i] = (unsigned char)(i * 7 + i / 256);
    struct sim_module modules[] = {
        { "init", fixture_image.bytes, fixture_image.size_bytes },
        { "image:child", fixture_image.bytes, fixture_image.size_bytes },
        { "program+wx:wx", fixture_image.bytes, fixture_image.size_bytes },
        { "data:file", fixture_file, sizeof(fixture_file) },
        { "data:empty", "", 0 },
    };
    sim_start(options, modules, sizeof(modules) / sizeof(modules[0]));
}

static inline void fixture_start(void)
{
    fixture_start_with(&(struct sim_options){ 0 });
}

/* The number of the program that was started with program+wx. */
constexpr uint32_t WX = 2;

static inline void fixture_check(void)
{
    const char *failed = sim_check();
    cr_assert_null(failed, "%s\n%s", failed, sim_log());
}

/* init starts a child: its handle, and through `number` its number. */
static inline uint32_t fixture_child(uint32_t *number)
{
    struct sim_reply reply = sim_request_text(INIT, PROTOCOL_process_start, 0, "child", sizeof("child"));
    cr_assert_eq(reply.outcome, SIM_GOES_ON);
    cr_assert_eq(reply.label, STATUS_OK, "%s", status_name(reply.label));
    *number = sim_pager.next_number;
    return (uint32_t)reply.word[0];
}

/* A request that must be answered with a status. */
#define EXPECT(status_wanted, reply_of)                                                                              \
    do {                                                                                                             \
        struct sim_reply expected = (reply_of);                                                                     \
        cr_assert_eq(expected.outcome, SIM_GOES_ON);                                                                  \
        cr_assert_eq(expected.label, STATUS_##status_wanted, "%s: got %s", #reply_of, status_name(expected.label)); \
    } while (0)

/* Whether a request was answered NO_MEMORY because its allocation failed; else it must be answered OK. */
static inline bool fixture_failed(uint64_t n, struct sim_reply reply)
{
    bool has_failed = sim_count_allocations() >= n;
    sim_fail_allocation(0);
    fixture_check();
    cr_assert_eq(reply.outcome, SIM_GOES_ON);
    cr_assert_eq(reply.label, has_failed ? STATUS_NO_MEMORY : STATUS_OK, "allocation %lu: got %s", n, status_name(reply.label));
    return has_failed;
}

/* The n-th allocation of a request fails. False: it makes fewer, so all of them have failed. What is as before is for the test to say. */
#define FAILS_AT(n, reply_of) (sim_fail_allocation(n), fixture_failed((n), (reply_of)))

/* The first word of a request that must be answered OK. */
static inline uint64_t fixture_ok(struct sim_reply reply)
{
    cr_assert_eq(reply.outcome, SIM_GOES_ON, "%d\n%s", reply.outcome, sim_log());
    cr_assert_eq(reply.call, STATUS_OK, "%s\n%s", status_name(reply.call), sim_log());
    cr_assert_eq(reply.label, STATUS_OK, "%s", status_name(reply.label));
    return reply.word[0];
}

/* A request and all that is left of it, as libipc asks: the answer is the first one that is not OK, or the last; of brk with the first word of the first. What
 * brk or autogen had moved by goes back before a refusal is told. */
static inline struct sim_reply fixture_whole(uint32_t number, enum protocol label, uint64_t word0, uint64_t word1, uint64_t word2)
{
    bool is_move = label == PROTOCOL_brk || label == PROTOCOL_autogen_move;
    uint64_t done = 0, prepared = 0, previous = 0, all = is_move ? word0 : layout_page_up(word1);
    for (bool is_first = true;; is_first = false) {
        uint64_t move[MESSAGE_WORDS] = { word0 - done }, range[MESSAGE_WORDS] = { word0 + done, word1 - done, word2, prepared };
        struct sim_reply reply = sim_call(number, HANDLE_PAGER, tag_make(label, 0), is_move ? move : range, nullptr, 0);
        bool is_ok = reply.outcome == SIM_GOES_ON && reply.call == STATUS_OK && reply.label == STATUS_OK;
        if (!is_ok && is_move && done != 0 && reply.outcome == SIM_GOES_ON) fixture_whole(number, label, -done, 0, 0);
        if (!is_ok) return reply;
        if (is_first) previous = reply.word[0];
        done += reply.word[is_move];
        prepared = reply.word[0] == 0 ? reply.word[1] : 0;
        while (label == PROTOCOL_protect && reply.word[1] > 0) {
            struct sim_reply rest = sim_request(number, PROTOCOL_settle, 0, 0, 0);
            if (rest.outcome != SIM_GOES_ON || rest.label != STATUS_OK) return rest;
            reply.word[1] = rest.word[0];
        }
        if (done != all) continue;
        reply.word[0] = label == PROTOCOL_brk ? previous : is_move ? reply.word[0] : done;
        return reply;
    }
}

/* A duplicate of a process, asked for until all of it is there, as libipc asks. */
static inline struct sim_reply fixture_duplicate(uint32_t number, uint64_t instruction, uint64_t stack)
{
    struct sim_reply reply;
    do reply = sim_request(number, PROTOCOL_process_duplicate, instruction, stack, 0);
    while (reply.outcome == SIM_GOES_ON && reply.label == STATUS_AGAIN);
    return reply;
}

/* Bytes of the page of init that holds an address; 0: there is none. */
static inline uint64_t fixture_page_bytes(uint64_t address)
{
    uint64_t bytes = 0;
    sim_enter_pager();
    enum status status = seam_space_page_bytes(sim_process(INIT)->space, address, &bytes);
    sim_leave_pager();
    return status == STATUS_OK ? bytes : 0;
}

static inline bool fixture_logged(const char *text)
{
    return strstr(sim_log(), text) != nullptr;
}

/* Why a process ended that init has a handle for. */
static inline void fixture_ended(uint32_t handle, enum process_end reason, uint64_t value)
{
    uint64_t word[MESSAGE_WORDS] = { 0 };
    struct sim_reply reply = sim_call(INIT, handle, tag_make(PROTOCOL_process_wait, 0), word, nullptr, 0);
    cr_assert_eq(reply.outcome, SIM_GOES_ON);
    cr_assert_eq(reply.label, STATUS_OK, "%s", status_name(reply.label));
    cr_assert_eq(reply.word[0], reason, "%lu", reply.word[0]);
    cr_assert_eq(reply.word[1], value, "%lx", reply.word[1]);
}

/* A process uses all rows of handles that its record has: the next handle takes a page. */
static inline void fixture_fill_handles(uint32_t number)
{
    uint64_t endpoint = fixture_ok(sim_request(number, PROTOCOL_endpoint_create, 0, 0, 0));
    for (uint32_t i = HOLDING_FIRST + 1; i < HOLDING_RECORD; i++) fixture_ok(sim_request(number, PROTOCOL_handle_duplicate, endpoint, RIGHT_CALL, 0));
}

#endif
