/* Random calls and touches of a program: 100,000, with this program as its pager, which fills, refuses, answers and starts it again where it is stuck. */
#include "worker.h"

#include "random_call.h"

constexpr uint64_t CALLS = 100'000;
constexpr uint32_t WAITING = HANDLE_FREE; /* in both workers: an endpoint at which only the waker notifies */
constexpr uint64_t WAKE_BIT = 1ull << 62;

static struct pool pool; /* the program's */
static volatile uint64_t count_calls, count_lost;

static void touch(void)
{
    uint64_t address = random_address(&pool);
    if (random_below(&pool.random, 2) == 0) (void)*(volatile uint8_t *)address;
    else if (address >= KIT_FREE) *(volatile uint8_t *)address = 1;
}

/* Goes on where the last start of it was stopped. */
static void make_calls([[maybe_unused]] uint64_t argument)
{
    while (count_calls < CALLS) {
        count_calls++;
        struct registers call = random_call(&pool);
        if (call.number == CALL_test_check) continue;
        case_call(&call);
        if (call.number == STATUS_OK && call.argument[8] != 0) pool.tokens.name[random_below(&pool.random, POOL_NAMES)] = call.argument[8];
        if (random_below(&pool.random, 16) == 0) touch();
    }
}

static void wake([[maybe_unused]] uint64_t argument)
{
    for (;;) {
        (void)notify(WAITING, 1);
        (void)notify(HANDLE_PAGER, WAKE_BIT);
    }
}

/* Answers one message of the program; false: it can only be started again. */
static bool answer(struct random *random, const struct worker *program, const struct message *message)
{
    uint64_t word[MESSAGE_WORDS];
    for (unsigned i = 0; i < MESSAGE_WORDS; i++) word[i] = random_next(random);
    if ((message->tag & TAG_FAULT) == 0) return worker_answer(message->token, word[0] & TAG_LABEL_MASK, word) == STATUS_OK;
    if (tag_label(message->tag) == FAULT_PAGE) {
        uint64_t page = message->word[1] & ~(PAGE_BYTES - 1);
        return page >= KIT_FREE && worker_resolve(message->token, page | ATTRIBUTE_WRITE, FRAME_FRESH, 1) == STATUS_OK;
    }
    if (tag_label(message->tag) != FAULT_HANDLE) return false;
    if (random_below(random, 4) != 0) {
        word[0] = STATUS_STALE;
        return worker_answer(message->token, FAULT_REFUSE, word) == STATUS_OK;
    }
    static const uint64_t rights[] = { RIGHT_CALL, RIGHT_NOTIFY, RIGHT_PASS, RIGHT_NOTIFY | RIGHT_CALL };
    if (random_below(random, 2) == 0) return worker_handle_resolve(message->token, kit_info->endpoint, 5, rights[random_below(random, 4)]) == STATUS_OK;
    expect_status(kernel_handle_map(program->space, (uint32_t)message->word[1], kit_info->endpoint, rights[random_below(random, 4)], 5), STATUS_OK);
    return worker_answer(message->token, FAULT_RETRY, word) == STATUS_OK;
}

static void serve_program(const struct worker *program)
{
    struct random random = { 0xfeed };
    uint64_t calls_at_wake = 0;
    struct message message;
    for (;;) {
        if (!expect_status(receive(HANDLE_PAGER, RECEIVE_WAIT, &message), STATUS_OK)) return;
        if ((message.tag & TAG_NOTIFICATION) == 0) {
            if (message.tag & TAG_FAULT && count_calls == CALLS && message.word[2] == 0) return;
            if (answer(&random, program, &message)) continue;
        } else {
            bool is_stuck = (message.word[0] & WAKE_BIT) != 0 && count_calls == calls_at_wake;
            calls_at_wake = count_calls;
            if (!is_stuck) continue;
        }
        count_lost++;
        worker_restart(program, make_calls, 0);
    }
}

void case_random_program(void)
{
    uint64_t endpoint;
    struct worker program = worker_make(BADGE, PRIORITY_PROGRAM, THREAD_PLAIN), waker = worker_make(BADGE + 1, 0, THREAD_PLAIN);
    kit_must(kernel_endpoint_create(&endpoint), "endpoint_create");
    kit_must(kernel_handle_map(program.space, HANDLE_PAGER, kit_info->endpoint, RIGHT_CALL, 4), "handle_map");
    kit_must(kernel_handle_map(program.space, WAITING, endpoint, RIGHT_RECEIVE | RIGHT_NOTIFY, 4), "handle_map");
    kit_must(kernel_handle_map(waker.space, WAITING, endpoint, RIGHT_NOTIFY, 4), "handle_map");
    kit_must(kernel_handle_map(waker.space, HANDLE_PAGER, kit_info->endpoint, RIGHT_NOTIFY, 4), "handle_map");
    pool = (struct pool){ .random = { 0xabcdef }, .tokens.count = POOL_NAMES };
    static const uint64_t handles[] = { HANDLE_NONE, HANDLE_PAGER, WAITING, WAITING + HANDLE_ROWS, 63, 0x12345678, 0x87654321 };
    for (unsigned i = 0; i < sizeof handles / sizeof handles[0]; i++) names_add(&pool.handles, handles[i]);
    names_add(&pool.spaces, program.space);
    names_add(&pool.spaces, kit_info->space);
    names_add(&pool.threads, program.thread);
    names_add(&pool.threads, kit_info->thread);
    names_add(&pool.endpoints, kit_info->endpoint);
    pool.frames[pool.count_frames++] = kit_info->buffer_frame;
    count_calls = count_lost = 0;
    worker_start(&waker, wake, 0);
    worker_start(&program, make_calls, 0);
    serve_program(&program);
    expect_equal(count_calls, CALLS);
    expect(count_lost < CALLS / 4);
    worker_end(&program);
    worker_end(&waker);
    kit_must(kernel_endpoint_destroy(endpoint), "endpoint_destroy");
    struct message message;
    while (receive(HANDLE_PAGER, RECEIVE_DO_NOT_WAIT, &message) == STATUS_OK) {
    }
}
