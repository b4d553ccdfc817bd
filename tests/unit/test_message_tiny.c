/* Every sequence of a few operations in a tiny world: two programs in two spaces, one endpoint of theirs, the pager and the idler.
 *
 * Each sequence is played from the beginning and compared with the model after its last step; the steps before it were compared when they were the last. A step
 * that means nothing where it stands ends its sequence, so what is played is every sequence of steps that mean something. */
#include "message_both.h"

constexpr unsigned LENGTH = 4;
constexpr uint32_t HANDLE = 8;
constexpr unsigned CLIENT = 2, SERVER = 3; /* both may do everything */
constexpr unsigned SPACES = 3;

enum operation {
    CALL,
    CALL_WITH_PART,
    RECEIVE,
    RECEIVE_NOW,
    REPLY,         /* to a caller that waits for this space */
    REPLY_REFUSE,  /* the same with label 1 */
    REPLY_STALE,
    REPLY_ALONE,   /* without waiting */
    FILL,          /* handle_resolve */
    NOTIFY,
    YIELD,
    TICK,
    FAULT,
    CALL_UNKNOWN,  /* a handle without a row */
    STOP_CLIENT,
    START_CLIENT,
    STOP_SERVER,
    START_SERVER,
    RENEW,
    END_CALLERS,
    OPERATIONS,
};

static uint64_t waiting_token(void)
{
    for (unsigned i = 0; i < model.count_threads; i++) {
        if (model.thread[i].state == THREAD_WAITING && model.thread[i].server == model.thread[model.current].space) return model.thread[i].token;
    }
    return 0;
}

static bool stop(unsigned thread)
{
    if (thread == model.current || model.thread[thread].state == THREAD_STOPPED) return false;
    model_stop(thread);
    return true;
}

static bool start(unsigned thread)
{
    if (model.thread[thread].state != THREAD_STOPPED) return false;
    model_start(thread);
    return true;
}

static bool call(uint64_t number, uint64_t handle, uint64_t tag, uint64_t token)
{
    model_call(number, (const uint64_t[CALL_ARGUMENTS]){ handle, tag, 1, 2, 3, 4, 5, 6, token });
    return true;
}

/* False: the operation means nothing here. */
static bool play_one(enum operation operation)
{
    bool is_idler = model.current == IDLER, is_pager = model.current == PAGER;
    uint64_t receives = is_pager ? HANDLE_PAGER : HANDLE, token = waiting_token();
    switch (operation) {
    case CALL: return !is_idler && !is_pager && call(CALL_call, HANDLE, 3, 0);
    case CALL_WITH_PART: return !is_idler && !is_pager && call(CALL_call, HANDLE, tag_make(3, 8), 0);
    case RECEIVE: return !is_idler && call(CALL_receive, receives, RECEIVE_WAIT, 0);
    case RECEIVE_NOW: return !is_idler && call(CALL_receive, receives, RECEIVE_DO_NOT_WAIT, 0);
    case REPLY: return !is_idler && token != 0 && call(CALL_reply_receive, receives, 0, token);
    case REPLY_REFUSE: return !is_idler && token != 0 && call(CALL_reply_receive, receives, 1, token);
    case REPLY_STALE: return !is_idler && call(CALL_reply_receive, receives, 0, model.thread[CLIENT].token + TOKEN_NEXT);
    case REPLY_ALONE: return !is_idler && token != 0 && call(CALL_reply_receive, HANDLE_NONE, 0, token);
    case FILL:
        if (!is_pager || token == 0) return false;
        model_call(CALL_handle_resolve, (const uint64_t[CALL_ARGUMENTS]){ receives, endpoint_name(model.endpoint[1]), 77, RIGHTS_ALL, [8] = token });
        return true;
    case NOTIFY: return !is_idler && call(CALL_notify, receives, 5, 0);
    case YIELD: return model.ready[priority_of(model.current)].length > 0 && call(CALL_yield, 0, 0, 0);
    case TICK: model_tick(); return true;
    case FAULT:
        if (is_idler || is_pager) return false;
        model_fault(WORLD_PLACE);
        return true;
    case CALL_UNKNOWN: return !is_idler && call(CALL_call, 40, 0, 0);
    case STOP_CLIENT: return stop(CLIENT);
    case START_CLIENT: return start(CLIENT);
    case STOP_SERVER: return stop(SERVER);
    case START_SERVER: return start(SERVER);
    case RENEW: model_renew(1); return true;
    case END_CALLERS: model_end_callers(2); return true;
    case OPERATIONS: break;
    }
    return false;
}

/* Plays the sequence in a new world; false: its last step means nothing. */
static bool play_sequence(const enum operation *sequence, unsigned length)
{
    model_begin((uint64_t)128 << 10, SPACES, 2);
    for (unsigned i = 1; i < SPACES; i++) model_fill(i, HANDLE, 1, RIGHTS_ALL);
    model_add(1, world_thread(model.space[1], PRIORITY_PROGRAM, true), true);
    model_add(2, world_thread(model.space[2], PRIORITY_PROGRAM, false), false);
    model_start(CLIENT);
    model_start(SERVER);
    bool means_something = true;
    for (unsigned i = 0; i < length; i++) {
        means_something = play_one(sequence[i]);
        assert(means_something || i + 1 == length);
    }
    if (means_something) model_compare();
    world_end_all();
    return means_something;
}

static unsigned long played;

static void play_all(enum operation *sequence, unsigned length, unsigned limit)
{
    for (enum operation operation = 0; operation < OPERATIONS; operation++) {
        sequence[length] = operation;
        if (!play_sequence(sequence, length + 1)) continue;
        played++;
        if (length + 1 < limit) play_all(sequence, length + 1, limit);
    }
}

Test(message_tiny, all_sequences)
{
    enum operation sequence[16];
    const char *longer = getenv("QUIRE_TINY_LENGTH"); /* a longer run by hand: each step more takes about twelve times as long */
    unsigned limit = longer == nullptr ? LENGTH : (unsigned)strtoul(longer, nullptr, 10);
    assert(limit <= 16);
    play_all(sequence, 0, limit);
    cr_log_info("length %u, sequences %lu", limit, played);
    cr_assert_gt(played, 1000);
}
