/* Calls: the null call, call and reply across two spaces, notify until the waiter runs. */
#include "bench.h"

constexpr uint32_t SERVER = 2; /* handles: HANDLE_PAGER is 1 */
constexpr uint32_t WAITER = 3;

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

    uint64_t endpoint;
    kit_must(kernel_endpoint_create(&endpoint), "endpoint_create");
    struct twin server = kit_twin(kit_info->endpoint, 1, PRIORITY_PAGER);
    kit_must(kernel_handle_map(server.space, SERVER, endpoint, RIGHT_RECEIVE, 0), "handle_map");
    kit_must(kernel_handle_map(kit_info->space, SERVER, endpoint, RIGHT_CALL, 7), "handle_map");
    kit_start(&server, serve, 0);
    call_reply("call_reply_0", 0);
    call_reply("call_reply_4", 4);

    kit_must(kernel_endpoint_create(&endpoint), "endpoint_create");
    struct twin waiter = kit_twin(kit_info->endpoint, 2, PRIORITY_PAGER + 1);
    kit_must(kernel_handle_map(waiter.space, WAITER, endpoint, RIGHT_RECEIVE, 0), "handle_map");
    kit_must(kernel_handle_map(kit_info->space, WAITER, endpoint, RIGHT_NOTIFY, 0), "handle_map");
    kit_start(&waiter, wait_for_bits, 0);
    notify_wake();
}
