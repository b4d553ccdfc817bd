/* Random calls, also hostile ones, of eight threads in four spaces, compared with the model after every step; at the end everything is given back. */
#include "message_both.h"

constexpr unsigned STEPS = 30'000;

/* A handle: mostly one that means something. */
static uint64_t random_handle(void)
{
    switch (world_random(12)) {
    case 0: return HANDLE_NONE;
    case 1: return world_random(MODEL_HANDLES);
    case 2: return (uint64_t)1 << 32 | (8 + world_random(MODEL_ENDPOINTS));
    case 3: return HANDLE_PAGER;
    case 4: return 16 + world_random(MODEL_ENDPOINTS); /* may call */
    case 5: return 24 + world_random(MODEL_ENDPOINTS); /* may notify and receive */
    default: return 8 + world_random(MODEL_ENDPOINTS);
    }
}

static uint64_t random_token(void)
{
    const struct model_thread *thread = &model.thread[world_random(model.count_threads)];
    switch (world_random(10)) {
    case 0: return 0;
    case 1: return world_random(UINT64_MAX);
    case 2: return thread->token - TOKEN_NEXT;
    case 3: return thread->token;
    default: /* one that is good, if there is one */
        for (unsigned i = 0, at = (unsigned)world_random(model.count_threads); i < model.count_threads; i++, at = (at + 1) % model.count_threads)
            if (model.thread[at].state == THREAD_WAITING && model.thread[at].server == model.thread[model.current].space) return model.thread[at].token;
        return 0;
    }
}

static uint64_t random_tag(void)
{
    static const uint32_t lengths[] = { 0, 0, 0, 0, 8, 4096, 4097 };
    return tag_make((uint32_t)world_random(4), lengths[world_random(sizeof lengths / sizeof lengths[0])]) | world_random(4) << TAG_INCARNATION_SHIFT
           | world_random(4) << 48;
}

static void random_call(void)
{
    uint64_t argument[CALL_ARGUMENTS] = { random_handle(), random_tag(), world_random(100), world_random(UINT64_MAX), 4, 5, 6, 7, 8 };
    switch (world_random(9)) {
    case 0:
    case 1:
        if (model.current != PAGER || world_random(20) == 0) model_call(CALL_call, argument);
        return;
    case 2:
    case 3:
        argument[8] = random_token();
        model_call(CALL_reply_receive, argument);
        return;
    case 4:
        argument[1] = world_random(8) == 0 ? world_random(UINT64_MAX) : world_random(2);
        model_call(CALL_receive, argument);
        return;
    case 5:
        argument[1] = world_random(16) & world_random(16);
        model_call(CALL_notify, argument);
        return;
    case 6:
        model_call(CALL_yield, argument);
        return;
    case 7:
        argument[1] = world_random(8) == 0 ? world_random(UINT64_MAX) : endpoint_name(model.endpoint[world_random(model.count_endpoints)]);
        argument[2] = world_random(1000);
        argument[3] = world_random(8) == 0 ? world_random(64) : RIGHTS_ALL;
        argument[8] = random_token();
        model_call(CALL_handle_resolve, argument);
        return;
    default:
        argument[1] = model.next_page | (world_random(4) == 0 ? 0x20 : ATTRIBUTE_WRITE);
        argument[2] = FRAME_FRESH;
        argument[3] = 1;
        argument[8] = random_token();
        model_call(CALL_resolve, argument);
        return;
    }
}

/* The idler never waits; the pager mostly serves. */
static void random_step(void)
{
    unsigned at = (unsigned)world_random(model.count_threads), space = (unsigned)world_random(model.count_spaces);
    switch (world_random(24)) {
    case 0:
        model_tick();
        return;
    case 1:
        if (at == model.current || at == IDLER) return;
        if (world_random(3) == 0 && at != PAGER) model_replace(at);
        else model_stop(at);
        return;
    case 2:
        if (world_random(6) == 0) model_renew(1 + (unsigned)world_random(model.count_endpoints - 1));
        return;
    case 3:
        if (world_random(6) == 0) model_end_callers(space);
        return;
    case 4:
        model_empty(space, (uint32_t)(8 + world_random(20)));
        return;
    case 5:
    case 6: {
        unsigned endpoint = (unsigned)world_random(model.count_endpoints);
        static const uint32_t rights[] = { RIGHTS_ALL, RIGHT_CALL, RIGHT_NOTIFY | RIGHT_RECEIVE };
        unsigned kind = (unsigned)world_random(3);
        model_fill(space, 8 + kind * 8 + endpoint, endpoint, rights[kind]);
        return;
    }
    case 7:
    case 8:
    case 9:
        if (model.thread[at].state == THREAD_STOPPED) model_start(at);
        return;
    case 10: /* a fault of the pager would end the machine */
        if (model.current != IDLER && model.thread[model.current].space != 0) model_fault(WORLD_PLACE + world_random(1 << 20));
        return;
    default:
        if (model.current == IDLER) {
            uint64_t argument[CALL_ARGUMENTS] = {};
            model_call(CALL_yield, argument);
        } else if (model.current == PAGER && world_random(4) == 0) {
            uint64_t endpoint = endpoint_name(model.endpoint[world_random(model.count_endpoints)]);
            uint64_t argument[CALL_ARGUMENTS] = { HANDLE_PAGER, endpoint, world_random(1000), RIGHTS_ALL, 0, 0, 0, 0, random_token() };
            model_call(CALL_handle_resolve, argument);
        } else if (model.current == PAGER && world_random(3) != 0) {
            uint64_t argument[CALL_ARGUMENTS] = { HANDLE_PAGER, world_random(3) == 0, 1, 0, 0, 0, 0, 0, random_token() };
            model_call(CALL_reply_receive, argument);
        } else {
            random_call();
        }
    }
}

/* What resolve mapped is taken away again, so that memory does not end. */
static void unmap_page(void)
{
    struct user_span span;
    struct unmap_result result;
    must(user_span_check(model.next_page, 1, &span));
    for (unsigned i = 1; i < model.count_spaces; i++) must(space_unmap(model.space[i], span, UNMAP_FREE, &result));
}

static void run(uint64_t seed)
{
    cr_log_info("seed %lu", (unsigned long)seed);
    model_begin((uint64_t)1 << 20, MODEL_SPACES, MODEL_ENDPOINTS);
    world_seed = seed;
    static const uint32_t priorities[] = { PRIORITY_PROGRAM, PRIORITY_PROGRAM, PRIORITY_PROGRAM, PRIORITY_PROGRAM, 1, 3, PRIORITY_LIMIT - 1 };
    while (model.count_threads < MODEL_THREADS - 1) {
        unsigned i = model.count_threads;
        model_add(1 + i % 3, world_thread(model.space[1 + i % 3], priorities[i % 7], i % 3 != 0), i % 3 != 0);
    }
    model_add(0, world_thread(model.space[0], PRIORITY_PROGRAM, false), false); /* a second thread of the pager, low and without a buffer */
    model_compare();
    unsigned statuses[64] = {}, states[THREAD_RECEIVING + 1] = {};
    for (unsigned step = 0; step < STEPS; step++) {
        random_step();
        for (unsigned i = 2; i < model.count_threads; i++) {
            states[model.thread[i].state]++;
            if (model.thread[i].number < 64) statuses[model.thread[i].number]++;
        }
        unmap_page();
        host_log_clear();
        model_compare();
    }
    world_end_all();
    static const enum status expected[] = { STATUS_OK,       STATUS_BAD_ARGUMENT, STATUS_BAD_BUFFER, STATUS_DENIED,      STATUS_BAD_HANDLE,
                                            STATUS_STALE,    STATUS_NO_RIGHT,     STATUS_PEER_ENDED, STATUS_WOULD_BLOCK, STATUS_BAD_STATE };
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) cr_assert_gt(statuses[expected[i]], 10, "status %u was hardly seen", expected[i]);
    for (size_t i = 0; i <= THREAD_RECEIVING; i++) cr_assert_gt(states[i], STEPS / 20, "state %zu was hardly seen: %u", i, states[i]);
}

Test(message_random, seed_1) { run(1); }
Test(message_random, seed_2) { run(2); }
Test(message_random, seed_3) { run(20261120); }
