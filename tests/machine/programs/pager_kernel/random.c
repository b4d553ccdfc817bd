/* Random calls of a pager: 200,000 in episodes. Nothing that a pager says may break the kernel: no panic, the checker holds, and when the objects of an
 * episode are given back, so is every frame.
 *
 * What the calls must not reach, because this program lives by it, is left out in is_harmless(): this program's own space, thread, frames and rows,
 * and those of the two workers: a server that answers calls, and a waker of lowest priority that lets this program wait for the others to run. */
#include "worker.h"

#include "random_call.h"

constexpr unsigned EPISODES = 10, CALLS = 20'000, CALLS_BETWEEN_CHECKS = 5'000, CALLS_BETWEEN_WAITS = 20;
constexpr uint32_t SERVER = HANDLE_FREE;
constexpr uint64_t WAKE_BIT = 1ull << 62;
constexpr unsigned TOKENS = 4;
/* A period that is shorter than its renewal leaves the processor for nothing else, the waker too: in nanoseconds, for a processor that takes 1 us for an
 * instruction. */
constexpr uint64_t PERIOD_LEAST = 100'000'000;

static struct pool pool;
static struct worker server, waker;
static uint64_t server_endpoint;
static unsigned count_ok[CALL_LIMIT], count_refused[CALL_LIMIT];

static void serve([[maybe_unused]] uint64_t argument)
{
    struct message message = {};
    while (reply_receive(SERVER, &message) == STATUS_OK) message.tag = 0;
}

static void wake([[maybe_unused]] uint64_t argument)
{
    for (;;) (void)notify(HANDLE_PAGER, WAKE_BIT);
}

static void helpers_make(void)
{
    server = worker_make(BADGE, PRIORITY_FIRST, THREAD_PLAIN);
    waker = worker_make(BADGE + 1, 0, THREAD_PLAIN);
    kit_must(kernel_endpoint_create(&server_endpoint), "endpoint_create");
    kit_must(kernel_handle_map(server.space, SERVER, server_endpoint, RIGHT_RECEIVE, 0), "handle_map");
    kit_must(kernel_handle_map(kit_info->space, SERVER, server_endpoint, RIGHT_CALL, 0), "handle_map");
    kit_must(kernel_handle_map(waker.space, HANDLE_PAGER, kit_info->endpoint, RIGHT_NOTIFY, 0), "handle_map");
    worker_start(&server, serve, 0);
    worker_start(&waker, wake, 0);
}

static void helpers_end(void)
{
    worker_end(&server);
    worker_end(&waker);
    kit_must(kernel_endpoint_destroy(server_endpoint), "endpoint_destroy");
    struct message message;
    while (receive(HANDLE_PAGER, RECEIVE_DO_NOT_WAIT, &message) == STATUS_OK) {
    }
}

static bool space_is_own(uint64_t space)
{
    return space == kit_info->space || space == server.space || space == waker.space;
}

static bool thread_is_own(uint64_t thread)
{
    return thread == server.thread || thread == waker.thread;
}

/* Frames of a run that are unmapped and kept are remembered, so that the episode can free them. */
static bool remember_kept(uint64_t space, uint64_t address, uint64_t pages)
{
    if (pages > 16 || pool.count_frames + pages > POOL_FRAMES) return false;
    for (uint64_t i = 0; i < pages; i++) {
        uint64_t frame, page_bytes;
        uint32_t attributes;
        if (kernel_space_query(space, address + i * PAGE_BYTES, &frame, &attributes, &page_bytes) == STATUS_OK) pool.frames[pool.count_frames++] = frame;
    }
    return true;
}

/* Some frame of a run is one that this program lives in, or a module's. */
static bool run_has_own(uint64_t first, uint64_t count)
{
    for (uint64_t i = 0; i < count && i < 600; i++) {
        if (case_frame_is_own(first + i)) return true;
    }
    return false;
}

static bool is_harmless(const struct registers *call)
{
    const uint64_t *argument = call->argument;
    switch (call->number) {
    case CALL_port_out: return argument[0] > UINT16_MAX || (argument[1] != 1 && argument[1] != 2 && argument[1] != 4); /* any device may be there */
    case CALL_machine_end:
    case CALL_test_check: return false;
    case CALL_log: return argument[0] == 0 || argument[0] > MESSAGE_BUFFER_BYTES;
    case CALL_call: return argument[0] == SERVER || argument[0] == HANDLE_NONE || argument[0] > HANDLE_ROWS;
    case CALL_frame_allocate:
    case CALL_frame_allocate_below: return argument[0] > 18 || (argument[0] <= 5 && pool.count_frames + (1u << argument[0]) <= POOL_FRAMES);
    case CALL_frame_batch: return pool.count_frames + 64 <= POOL_FRAMES;
    case CALL_frame_free: return argument[1] > 18 || !run_has_own(argument[0], (uint64_t)1 << argument[1]);
    case CALL_frame_copy:
    case CALL_frame_zero: return !case_frame_is_own(argument[0]);
    case CALL_thread_create:
        return !space_is_own(argument[0]) && !case_frame_is_own(argument[2]) && pool.threads.count < POOL_NAMES && pool.count_frames < POOL_FRAMES;
    case CALL_space_create: return pool.spaces.count < POOL_NAMES;
    case CALL_device_map: return !space_is_own(argument[0]); /* episode_end() takes away what can be taken by one range */
    case CALL_endpoint_create: return pool.endpoints.count < POOL_NAMES;
    case CALL_space_map: return !run_has_own(argument[2], argument[3]) && (!space_is_own(argument[0]) || argument[1] >= KIT_FREE);
    case CALL_space_fill:
    case CALL_space_protect: return !space_is_own(argument[0]) || argument[1] >= KIT_FREE;
    case CALL_space_count:
    case CALL_space_harvest: return true;
    case CALL_space_move:
        return (!space_is_own(argument[0]) || argument[1] >= KIT_FREE) && (!space_is_own(argument[2]) || argument[3] >= KIT_FREE);
    case CALL_space_share: /* what this program itself writes to keeps WRITE */
        return (!space_is_own(argument[0]) || (argument[1] >= KIT_FREE && !(argument[5] & SHARE_COPY)))
               && (!space_is_own(argument[2]) || argument[3] >= KIT_FREE);
    case CALL_space_unmap:
        if (space_is_own(argument[0]) && argument[1] < KIT_FREE) return false;
        return argument[3] != UNMAP_KEEP || remember_kept(argument[0], argument[1], argument[2]);
    case CALL_thread_stop:
    case CALL_thread_start:
    case CALL_thread_destroy: return !thread_is_own(argument[0]);
    case CALL_thread_budget: return !thread_is_own(argument[0]) && argument[0] != kit_info->thread;
    case CALL_handle_map:
    case CALL_handle_unmap:
    case CALL_space_destroy: return !space_is_own(argument[0]);
    case CALL_endpoint_destroy: return argument[0] != kit_info->endpoint && argument[0] != server_endpoint;
    case CALL_resolve: return !run_has_own(argument[2], argument[3]);
    default: return true;
    }
}

static void token_add(uint64_t token)
{
    if (token != 0) pool.tokens.name[random_below(&pool.random, TOKENS)] = token;
}

/* Keeps the pool true to what the call did. */
static void note_result(const struct registers *call, const struct registers *result)
{
    if (result->number != STATUS_OK) return;
    const uint64_t *in = call->argument, *out = result->argument;
    switch (call->number) {
    case CALL_frame_batch:
        for (unsigned i = 0; i < 64; i++) {
            if ((out[1] >> i & 1) != 0) pool.frames[pool.count_frames++] = out[0] + i;
        }
        break;
    case CALL_frame_allocate:
    case CALL_frame_allocate_below:
        for (uint64_t i = 0; i < (uint64_t)1 << in[0]; i++) pool.frames[pool.count_frames++] = out[0] + i;
        break;
    case CALL_space_create: names_add(&pool.spaces, out[0]); break;
    case CALL_thread_create:
        names_add(&pool.threads, out[0]);
        if (in[2] != FRAME_NONE) pool.frames[pool.count_frames++] = in[2]; /* may lose its last mapping before it is let go */
        break;
    case CALL_endpoint_create: names_add(&pool.endpoints, out[0]); break;
    case CALL_space_destroy: names_remove(&pool.spaces, in[0]); break;
    case CALL_thread_destroy: names_remove(&pool.threads, in[0]); break;
    case CALL_endpoint_destroy: names_remove(&pool.endpoints, in[0]); break;
    case CALL_receive:
    case CALL_reply_receive:
    case CALL_resolve:
    case CALL_handle_resolve:
        token_add(out[8]);
        break;
    default: break;
    }
}

/* `fresh_token`: of a message that has just come, a fault at `address` as a rule, which is to be resolved; 0: any call. */
static void make_call(uint64_t fresh_token, uint64_t address)
{
    struct registers call = random_call(&pool);
    if (fresh_token != 0) {
        call.number = CALL_resolve;
        call.argument[0] = HANDLE_PAGER;
        if (random_below(&pool.random, 2) == 0) address = random_address(&pool);
        call.argument[1] = (address & ~(PAGE_BYTES - 1)) | random_below(&pool.random, 4);
        call.argument[2] = FRAME_FRESH;
        call.argument[3] = random_below(&pool.random, 4);
        call.argument[8] = fresh_token;
    }
    if (call.number == CALL_space_create && random_below(&pool.random, 2) == 0) call.argument[0] = kit_info->endpoint; /* so that faults come here */
    if (call.number == CALL_thread_budget && random_below(&pool.random, 16) != 0) call.argument[2] = TIME_UNLIMITED; /* or soon none would run */
    if (call.number == CALL_thread_budget && call.argument[3] != 0 && call.argument[3] < PERIOD_LEAST) call.argument[3] = PERIOD_LEAST;
    if (call.number == CALL_thread_create && random_below(&pool.random, 4) != 0) call.argument[5] = 0; /* it pays itself */
    if (!is_harmless(&call)) return;
    bool would_wait = call.number == CALL_reply_receive || call.number == CALL_resolve || call.number == CALL_handle_resolve;
    would_wait |= call.number == CALL_receive && call.argument[1] != RECEIVE_DO_NOT_WAIT;
    if (would_wait) (void)notify(HANDLE_PAGER, 1); /* then it ends at once */
    struct registers result = call;
    case_call(&result);
    struct message left;
    if (would_wait && result.number != STATUS_OK && receive(HANDLE_PAGER, RECEIVE_DO_NOT_WAIT, &left) == STATUS_OK) token_add(left.token);
    if (call.number < CALL_LIMIT) *(result.number == STATUS_OK ? &count_ok[call.number] : &count_refused[call.number]) += 1;
    note_result(&call, &result);
}

/* Waits until nothing but the waker runs, taking some of the messages that come. A thread that was made is set going, so that some come. */
static void let_others_run(void)
{
    if (pool.threads.count > 0) {
        uint64_t thread = pool.threads.name[random_below(&pool.random, pool.threads.count)];
        if (!thread_is_own(thread)) (void)kernel_thread_start(thread, KIT_FREE + random_below(&pool.random, 64) * PAGE_BYTES, KIT_FREE, 0);
    }
    struct message message = {};
    while (receive(HANDLE_PAGER, RECEIVE_WAIT, &message) == STATUS_OK && (message.word[0] & WAKE_BIT) == 0) {
        token_add(message.token);
        if (message.token != 0 && random_below(&pool.random, 4) != 0) make_call(message.token, message.word[1]);
    }
}

static void episode_end(void)
{
    uint64_t done, unmapped, freed;
    while (pool.threads.count > 0) {
        enum status status = kernel_thread_destroy(pool.threads.name[pool.threads.count - 1]);
        if (status != STATUS_AGAIN) kit_must(status, "random: thread_destroy"), pool.threads.count--;
    }
    while (pool.endpoints.count > 0) {
        if (kernel_endpoint_destroy(pool.endpoints.name[pool.endpoints.count - 1]) != STATUS_AGAIN) pool.endpoints.count--;
    }
    while (pool.spaces.count > 0) worker_space_end(pool.spaces.name[--pool.spaces.count]);
    const uint64_t own[] = { kit_info->space, server.space, waker.space };
    for (unsigned i = 0; i < 3; i++) {
        uint64_t address = KIT_FREE;
        enum status status = STATUS_AGAIN;
        while (status == STATUS_AGAIN) {
            status = kernel_space_unmap(own[i], address, (USER_LIMIT - address) / PAGE_BYTES, UNMAP_FREE, &done, &unmapped, &freed);
            if (status == STATUS_AGAIN) address += done * PAGE_BYTES;
        }
        expect_status(status, STATUS_OK);
    }
    while (pool.count_frames > 0) {
        enum status status = kernel_frame_free(pool.frames[--pool.count_frames], 0);
        expect(status == STATUS_OK || status == STATUS_BAD_FRAME); /* BAD_FRAME: it was freed in another way */
    }
}

static void episode(uint64_t seed)
{
    pool = (struct pool){ .random = { seed }, .tokens.count = TOKENS };
    static const uint64_t handles[] = { HANDLE_NONE, HANDLE_PAGER, HANDLE_PAGER, HANDLE_PAGER, HANDLE_ANSWER, SERVER,
                                        SERVER + HANDLE_ROWS, 63, 64, 65, 0x12345678 };
    for (unsigned i = 0; i < sizeof handles / sizeof handles[0]; i++) names_add(&pool.handles, handles[i]);
    for (unsigned i = 1; i <= CALLS; i++) {
        make_call(0, 0);
        if (i % CALLS_BETWEEN_WAITS == 0) let_others_run();
        if (i % CALLS_BETWEEN_CHECKS == 0) case_check_sometimes();
    }
    episode_end();
}

/* The calls went deep: each one was done, and was refused where it can be. Not those that end the machine or the look of its log, nor those that need a thread
 * that calls: handle_resolve is done in random_program.c, thread_cancel by the pager's tests. Random words hardly ever name a port: machine/test_drivers. */
static bool is_left_out(uint64_t number)
{
    if (number == CALL_port_in || number == CALL_port_out) return true;
    return number == CALL_machine_end || number == CALL_test_check || number == CALL_log || number == CALL_handle_resolve || number == CALL_thread_cancel;
}

static void expect_calls(void)
{
#define SYSCALL(row, name, who, how, in, out, text) \
    if (!is_left_out(row) && count_ok[row] < 3) case_expect_equal(count_ok[row], 3, #name " done", __FILE_NAME__, __LINE__);
#include <abi/syscall.def>
#undef SYSCALL
    expect(count_refused[CALL_space_map] > 100 && count_refused[CALL_resolve] > 100 && count_refused[CALL_frame_free] > 100);
}

void case_random_pager(void)
{
    helpers_make();
    uint64_t free = case_count_free();
    for (unsigned i = 0; i < EPISODES; i++) {
        uint64_t seed = 0x5eed0000 + i;
        episode(seed);
        if (!expect_equal(case_count_free(), free)) kit_log("test", "random seed=0x%lx", seed);
    }
    expect_calls();
    kit_log("test", "random resolved=%u answered=%u received=%u called=%u", count_ok[CALL_resolve], count_ok[CALL_reply_receive], count_ok[CALL_receive],
            count_ok[CALL_call]);
    helpers_end();
}
