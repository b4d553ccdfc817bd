/* Calls: the null call, call and reply across two spaces, notify until the waiter runs. */
#include "bench.h"

constexpr uint32_t SERVER = 2; /* handles: HANDLE_PAGER is 1 */
constexpr uint32_t WAITER = 3;
constexpr uint32_t PART_SERVER = 4;

static volatile uint64_t notified_at;

static void null_call(void)
{
    bench_begin();
    for (unsigned i = 0; i < BENCH_SAMPLES; i++) {
        uint64_t first = kit_cycles();
        uint32_t version = kernel_version();
        bench_sample(first, kit_cycles());
        if (version != ABI_VERSION) kit_must(STATUS_BAD_STATE, "null_call");
    }
    bench_report("null_call");
}

/* A call that returns on the ordinary path. */
static void call_returns(void)
{
    bench_begin();
    for (unsigned i = 0; i < BENCH_SAMPLES; i++) {
        uint64_t free, total, first = kit_cycles();
        enum status status = kernel_frame_count(&free, &total);
        bench_sample(first, kit_cycles());
        if (status != STATUS_OK || total < free) kit_must(STATUS_BAD_STATE, "call_returns");
    }
    bench_report("call_returns");
}

/* The server in the twin: answers each word plus one. */
static void serve([[maybe_unused]] uint64_t argument)
{
    struct message message = { 0 };
    for (;;) {
        if (reply_receive(SERVER, &message) != STATUS_OK) return; /* to address 0: a fault that the benchmark sees */
        message.tag = 0;
        message.word[0]++;
        message.word[3]++;
    }
}

static void call_reply(const char *name, unsigned words)
{
    bench_begin();
    for (unsigned i = 0; i < BENCH_SAMPLES; i++) {
        struct message message = { 0 };
        if (words == 4) message.word[0] = i, message.word[1] = i + 1, message.word[2] = i + 2, message.word[3] = i + 3;
        uint64_t sent = message.word[0];
        uint64_t first = kit_cycles();
        enum status status = call(SERVER, &message);
        bench_sample(first, kit_cycles());
        if (status != STATUS_OK || message.word[0] != sent + 1) kit_must(STATUS_BAD_STATE, name);
    }
    bench_report(name);
}

/* A part of 64 words in the message buffer, there and back: the server answers what it was sent. */
static void serve_part([[maybe_unused]] uint64_t argument)
{
    struct message message = { 0 };
    for (;;) {
        if (reply_receive(PART_SERVER, &message) != STATUS_OK) return;
        message.tag = tag_make(0, tag_length(message.tag));
    }
}

static void call_reply_part(void)
{
    constexpr uint32_t words = 64, bytes = words * sizeof(uint64_t);
    volatile uint64_t *buffer = (volatile uint64_t *)(uintptr_t)kit_info->buffer_address;
    bench_begin();
    for (unsigned i = 0; i < BENCH_SAMPLES; i++) {
        for (unsigned word = 0; word < words; word++) buffer[word] = i * words + word;
        struct message message = { .tag = tag_make(0, bytes) };
        uint64_t first = kit_cycles();
        enum status status = call(PART_SERVER, &message);
        bench_sample(first, kit_cycles());
        if (status != STATUS_OK || tag_length(message.tag) != bytes || buffer[words - 1] != i * words + words - 1)
            kit_must(STATUS_BAD_STATE, "call_reply_64_words");
    }
    bench_report("call_reply_64_words");
}

/* Each call misses its row: a fault to the pager, which is here, fills it and lets the call go on to the server. Later rows push earlier ones out. */
static void call_new_handles([[maybe_unused]] uint64_t argument)
{
    for (uint32_t i = 1; i <= BENCH_SAMPLES; i++) {
        struct message message = { 0 };
        uint64_t first = kit_cycles();
        enum status status = call(WAITER + i, &message);
        bench_sample(first, kit_cycles());
        if (status != STATUS_OK || message.word[0] != 1) return;
    }
    __asm__ volatile("ud2"); /* done */
}

static void handle_fault(uint64_t endpoint)
{
    struct twin client = kit_twin(kit_info->endpoint, 9, PRIORITY_PROGRAM);
    bench_begin();
    kit_start(&client, call_new_handles, 0);
    struct message message;
    kit_must(receive(HANDLE_PAGER, RECEIVE_WAIT, &message), "handle_fault");
    while (tag_label(message.tag) == FAULT_HANDLE) kit_must(kernel_handle_resolve(HANDLE_PAGER, endpoint, 9, RIGHT_CALL, &message), "handle_fault");
    if (tag_label(message.tag) != FAULT_EXCEPTION) kit_must(STATUS_BAD_STATE, "handle_fault");
    bench_report("handle_fault");
    kit_must(kernel_thread_destroy(client.thread), "handle_fault");
}

static void wait_for_bits([[maybe_unused]] uint64_t argument)
{
    struct message message;
    while (receive(WAITER, RECEIVE_WAIT, &message) == STATUS_OK) notified_at = kit_cycles();
}

static void notify_wake(void)
{
    bench_begin();
    for (unsigned i = 0; i < BENCH_SAMPLES; i++) {
        notified_at = 0;
        uint64_t first = kit_cycles();
        enum status status = notify(WAITER, 1);
        if (status != STATUS_OK || notified_at == 0) kit_must(STATUS_BAD_STATE, "notify_wake");
        bench_sample(first, notified_at);
    }
    bench_report("notify_wake");
}

void bench_calls(void)
{
    null_call();
    call_returns();

    uint64_t endpoint;
    kit_must(kernel_endpoint_create(&endpoint), "endpoint_create");
    struct twin server = kit_twin(kit_info->endpoint, 1, PRIORITY_PAGER);
    kit_must(kernel_handle_map(server.space, SERVER, endpoint, RIGHT_RECEIVE, 0), "handle_map");
    kit_must(kernel_handle_map(kit_info->space, SERVER, endpoint, RIGHT_CALL, 7), "handle_map");
    kit_start(&server, serve, 0);
    call_reply("call_reply_0", 0);
    call_reply("call_reply_4", 4);
    handle_fault(endpoint);

    uint64_t buffer;
    kit_must(kernel_endpoint_create(&endpoint), "endpoint_create");
    struct twin part_server = kit_twin(kit_info->endpoint, 1, PRIORITY_PAGER);
    kit_must(kernel_thread_destroy(part_server.thread), "thread_destroy");
    kit_must(kernel_frame_allocate(0, &buffer), "frame_allocate");
    kit_must(kernel_thread_create(part_server.space, 1, buffer, PRIORITY_PAGER, THREAD_PLAIN, &part_server.thread), "thread_create");
    kit_must(kernel_handle_map(part_server.space, PART_SERVER, endpoint, RIGHT_RECEIVE, 0), "handle_map");
    kit_must(kernel_handle_map(kit_info->space, PART_SERVER, endpoint, RIGHT_CALL, 7), "handle_map");
    kit_start(&part_server, serve_part, 0);
    call_reply_part();

    kit_must(kernel_endpoint_create(&endpoint), "endpoint_create");
    struct twin waiter = kit_twin(kit_info->endpoint, 2, PRIORITY_PAGER + 1);
    kit_must(kernel_handle_map(waiter.space, WAITER, endpoint, RIGHT_RECEIVE, 0), "handle_map");
    kit_must(kernel_handle_map(kit_info->space, WAITER, endpoint, RIGHT_NOTIFY, 0), "handle_map");
    kit_start(&waiter, wait_for_bits, 0);
    notify_wake();
}
