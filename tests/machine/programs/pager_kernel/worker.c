/* Workers. See worker.h.
 *
 * 1. HANDLE_ANSWER is a second name of the pager's endpoint with bits set beforehand, so that a receive there ends at once. */
#include "worker.h"

constexpr unsigned STACKS = 48;
constexpr uint64_t STACK_BYTES = 2048;
constexpr uint64_t ANSWER_BIT = 1ull << 63;

struct exchange exchanges[EXCHANGES];
alignas(4096) static char stacks[STACKS][STACK_BYTES];
static uint64_t stacks_used;

static int stack_take(void)
{
    for (unsigned i = 0; i < STACKS; i++) {
        if (stacks_used >> i & 1) continue;
        stacks_used |= 1ull << i;
        return (int)i;
    }
    kit_must(STATUS_LIMIT, "worker: stack");
    return 0;
}

uint64_t worker_space_of(uint64_t pager, uint64_t badge)
{
    uint64_t space;
    kit_must(kernel_space_create(pager, badge, &space), "worker: space_create");
    for (uint64_t address = kit_info->image_first; address < kit_info->image_limit; address += PAGE_BYTES) {
        uint64_t frame, page_bytes, done;
        uint32_t attributes;
        if (kernel_space_query(kit_info->space, address, &frame, &attributes, &page_bytes) != STATUS_OK) continue;
        kit_must(kernel_space_map(space, address, frame, 1, attributes & (ATTRIBUTE_WRITE | ATTRIBUTE_EXECUTE), &done), "worker: space_map");
    }
    return space;
}

uint64_t worker_space(uint64_t badge)
{
    return worker_space_of(kit_info->endpoint, badge);
}

void worker_space_end(uint64_t space)
{
    enum status status;
    do status = kernel_space_destroy(space);
    while (status == STATUS_AGAIN);
    kit_must(status, "worker: space_destroy");
}

struct worker worker_join(uint64_t space, uint64_t badge, uint32_t priority, uint64_t flags, uint64_t buffer)
{
    struct worker worker = { .space = space, .badge = badge, .stack = stack_take() };
    kit_must(kernel_thread_create(space, badge, buffer, priority, flags, &worker.thread), "worker: thread_create");
    return worker;
}

struct worker worker_make(uint64_t badge, uint32_t priority, uint64_t flags)
{
    return worker_join(worker_space(badge), badge, priority, flags, FRAME_NONE);
}

uint64_t worker_stack(const struct worker *worker)
{
    return (uint64_t)(uintptr_t)(stacks[worker->stack] + STACK_BYTES - sizeof(uint64_t));
}

void worker_start(const struct worker *worker, void (*function)(uint64_t), uint64_t argument)
{
    uint64_t stack = worker_stack(worker);
    *(uint64_t *)stack = 0; /* where the function returns to */
    kit_must(kernel_thread_start(worker->thread, (uint64_t)(uintptr_t)function, stack, argument), "worker: thread_start");
}

void worker_restart(const struct worker *worker, void (*function)(uint64_t), uint64_t argument)
{
    kit_must(kernel_thread_stop(worker->thread), "worker: thread_stop");
    worker_start(worker, function, argument);
}

void worker_leave(struct worker *worker)
{
    kit_must(kernel_thread_destroy(worker->thread), "worker: thread_destroy");
    stacks_used &= ~(1ull << worker->stack);
    worker->thread = 0;
}

void worker_end(struct worker *worker)
{
    worker_leave(worker);
    worker_space_end(worker->space);
}

bool worker_take(struct message *message)
{
    *message = (struct message){};
    return expect_status(receive(HANDLE_PAGER, RECEIVE_DO_NOT_WAIT, message), STATUS_OK);
}

bool worker_take_done(const struct worker *worker)
{
    struct message message;
    if (!worker_take(&message)) return false;
    bool is_fault = expect_equal(message.tag & (TAG_FAULT | TAG_LABEL_MASK), TAG_FAULT | FAULT_PAGE);
    return is_fault && expect_equal(message.badge, worker->badge) && expect_equal(message.word[2], 0) && expect_equal(message.word[1], 0);
}

void worker_take_none(void)
{
    struct message message;
    expect_status(receive(HANDLE_PAGER, RECEIVE_DO_NOT_WAIT, &message), STATUS_WOULD_BLOCK);
}

/* Takes the bits off that a refused call left. */
static void bits_take(enum status status)
{
    struct message message;
    if (status != STATUS_OK) expect_status(receive(HANDLE_ANSWER, RECEIVE_DO_NOT_WAIT, &message), STATUS_OK);
}

enum status worker_answer(uint64_t token, uint64_t tag, const uint64_t word[MESSAGE_WORDS])
{
    struct message message = { .tag = tag, .token = token };
    for (unsigned i = 0; i < MESSAGE_WORDS; i++) message.word[i] = word[i];
    kit_must(notify(HANDLE_ANSWER, ANSWER_BIT), "worker: notify");
    enum status status = reply_receive(HANDLE_ANSWER, &message);
    bits_take(status);
    return status;
}

enum status worker_resolve(uint64_t token, uint64_t page_and_attributes, uint64_t frame, uint64_t count_pages)
{
    struct message message = { .token = token };
    kit_must(notify(HANDLE_ANSWER, ANSWER_BIT), "worker: notify");
    enum status status = kernel_resolve(HANDLE_ANSWER, page_and_attributes, frame, count_pages, &message);
    bits_take(status);
    return status;
}

enum status worker_handle_resolve(uint64_t token, uint64_t endpoint, uint64_t badge, uint64_t rights)
{
    struct message message = { .token = token };
    kit_must(notify(HANDLE_ANSWER, ANSWER_BIT), "worker: notify");
    enum status status = kernel_handle_resolve(HANDLE_ANSWER, endpoint, badge, rights, &message);
    bits_take(status);
    return status;
}

void worker_exchange(uint64_t index)
{
    struct exchange *exchange = &exchanges[index];
    struct message *message = &exchange->message;
    switch (exchange->kind) {
    case EXCHANGE_CALL: exchange->status = call(exchange->handle, message); break;
    case EXCHANGE_RECEIVE: exchange->status = receive(exchange->handle, exchange->flags, message); break;
    case EXCHANGE_REPLY_RECEIVE: exchange->status = reply_receive(exchange->handle, message); break;
    case EXCHANGE_NOTIFY: exchange->status = notify(exchange->handle, exchange->flags); break;
    }
    exchange->is_over = true;
}

void worker_start_exchange(const struct worker *worker, unsigned index, struct exchange exchange)
{
    exchanges[index] = exchange;
    worker_start(worker, worker_exchange, index);
}
