/* Handles: a row that is not there is a fault; rights; rows that push each other out. */
#include "worker.h"

constexpr uint32_t HANDLE = 0x12345680 + HANDLE_FREE; /* row HANDLE_FREE, with a generation */
static const uint64_t nothing[MESSAGE_WORDS];

static void client_try(const struct worker *client, enum exchange_kind kind, uint32_t handle)
{
    kit_must(kernel_thread_stop(client->thread), "thread_stop");
    worker_start_exchange(client, 0, (struct exchange){ .kind = kind, .handle = handle, .flags = 1, .message = { .tag = 0x55, .word = { 1, 2, 3, 4, 5, 6 } } });
}

static bool take_handle_fault(const struct worker *client, uint32_t handle, struct message *message)
{
    if (!worker_take(message)) return false;
    expect_equal(message->tag, FAULT_HANDLE | TAG_FAULT | (uint64_t)1 << TAG_INCARNATION_SHIFT);
    expect_equal(message->badge, client->badge);
    expect_equal(message->word[0], 0);
    expect_equal(message->word[4], client->badge);
    return expect_equal(message->word[1], handle);
}

void case_handles_refused(void)
{
    struct worker client = worker_make(BADGE, PRIORITY_FIRST, THREAD_PLAIN);
    struct message message;
    for (enum exchange_kind kind = EXCHANGE_CALL; kind <= EXCHANGE_NOTIFY; kind++) {
        client_try(&client, kind, HANDLE);
        if (!take_handle_fault(&client, HANDLE, &message)) break;
        expect_status(worker_answer(message.token, FAULT_REFUSE, (uint64_t[MESSAGE_WORDS]){ (uint64_t)STATUS_NO_RIGHT + (uint64_t)kind }), STATUS_OK);
        worker_take_done(&client);
        expect_equal(exchanges[0].status, (uint64_t)STATUS_NO_RIGHT + (uint64_t)kind);
    }
    worker_end(&client);
}

/* The pager fills the row and the call goes through, as if it had always been there. */
void case_handles_filled(void)
{
    struct worker client = worker_make(BADGE, PRIORITY_FIRST, THREAD_PLAIN);
    struct message message;
    client_try(&client, EXCHANGE_CALL, HANDLE);
    take_handle_fault(&client, HANDLE, &message);
    uint64_t fault = message.token;
    expect_status(worker_answer(fault, FAULT_RETRY, nothing), STATUS_OK);
    take_handle_fault(&client, HANDLE, &message); /* still nothing there: again */
    kit_must(kernel_handle_map(client.space, HANDLE, kit_info->endpoint, RIGHT_CALL, 0x99), "handle_map");
    expect_status(worker_answer(message.token, FAULT_RETRY, nothing), STATUS_OK);
    worker_take(&message);
    expect_equal(message.badge, 0x99);
    expect_equal(message.tag, 0x55 | (uint64_t)1 << TAG_INCARNATION_SHIFT);
    for (unsigned i = 0; i < MESSAGE_WORDS; i++) expect_equal(message.word[i], i + 1);
    expect_status(worker_answer(message.token, 0, nothing), STATUS_OK);
    worker_take_done(&client);
    expect_status(exchanges[0].status, STATUS_OK);
    worker_end(&client);
}

/* resolve is for pages: it leaves a handle fault where it is. */
void case_handles_resolve_is_for_pages(void)
{
    struct worker client = worker_make(BADGE, PRIORITY_FIRST, THREAD_PLAIN);
    struct message message;
    client_try(&client, EXCHANGE_NOTIFY, HANDLE);
    take_handle_fault(&client, HANDLE, &message);
    expect_status(worker_resolve(message.token, KIT_FREE, FRAME_FRESH, 1), STATUS_BAD_STATE);
    expect_status(worker_answer(message.token, FAULT_REFUSE, (uint64_t[MESSAGE_WORDS]){ STATUS_STALE }), STATUS_OK);
    worker_take_done(&client);
    expect_status(exchanges[0].status, STATUS_STALE);
    worker_end(&client);
}

void case_handles_rights(void)
{
    static const uint64_t rights[] = { RIGHT_CALL, RIGHT_RECEIVE, RIGHT_RECEIVE, RIGHT_NOTIFY };
    struct worker client = worker_make(BADGE, PRIORITY_FIRST, THREAD_PLAIN);
    uint64_t endpoint;
    kit_must(kernel_endpoint_create(&endpoint), "endpoint_create");
    for (enum exchange_kind kind = EXCHANGE_CALL; kind <= EXCHANGE_NOTIFY; kind++) {
        kit_must(kernel_handle_map(client.space, HANDLE, endpoint, RIGHTS_ALL & ~rights[kind], 0), "handle_map");
        client_try(&client, kind, HANDLE);
        worker_take_done(&client);
        expect_status(exchanges[0].status, STATUS_NO_RIGHT);
    }
    client_try(&client, EXCHANGE_NOTIFY, HANDLE_NONE);
    worker_take_done(&client);
    expect_status(exchanges[0].status, STATUS_BAD_HANDLE);
    worker_end(&client);
    kit_must(kernel_endpoint_destroy(endpoint), "endpoint_destroy");
}

/* Two handles of one row: the later is good, the earlier a miss; the generation counts. */
void case_handles_rows(void)
{
    struct worker client = worker_make(BADGE, PRIORITY_FIRST, THREAD_PLAIN);
    struct message message;
    uint64_t endpoint;
    kit_must(kernel_endpoint_create(&endpoint), "endpoint_create");
    constexpr uint32_t other = HANDLE + HANDLE_ROWS;
    kit_must(kernel_handle_map(client.space, HANDLE, endpoint, RIGHT_NOTIFY, 0), "handle_map");
    client_try(&client, EXCHANGE_NOTIFY, HANDLE);
    worker_take_done(&client);
    kit_must(kernel_handle_map(client.space, other, endpoint, RIGHT_NOTIFY, 0), "handle_map");
    client_try(&client, EXCHANGE_NOTIFY, other);
    worker_take_done(&client);
    client_try(&client, EXCHANGE_NOTIFY, HANDLE);
    take_handle_fault(&client, HANDLE, &message);
    expect_refused(STATUS_BAD_HANDLE, CALL_handle_unmap, client.space, HANDLE);
    expect_status(kernel_handle_unmap(client.space, other), STATUS_OK);
    expect_refused(STATUS_BAD_HANDLE, CALL_handle_unmap, client.space, other);
    client_try(&client, EXCHANGE_NOTIFY, other);
    take_handle_fault(&client, other, &message);
    worker_end(&client);
    kit_must(kernel_endpoint_destroy(endpoint), "endpoint_destroy");
}

/* Rows of an endpoint that ended are empty, in every space; more rows than one step empties. */
void case_handles_endpoint_ends(void)
{
    struct worker client = worker_make(BADGE, PRIORITY_FIRST, THREAD_PLAIN);
    uint64_t endpoint;
    kit_must(kernel_endpoint_create(&endpoint), "endpoint_create");
    for (uint32_t i = 0; i < HANDLE_ROWS; i++) kit_must(kernel_handle_map(client.space, HANDLE_ROWS + i, endpoint, RIGHT_NOTIFY, i), "handle_map");
    unsigned steps = 1;
    while (kernel_endpoint_destroy(endpoint) == STATUS_AGAIN) steps++;
    expect(steps > 1);
    for (uint32_t i = 0; i < HANDLE_ROWS; i++) expect_refused(STATUS_BAD_HANDLE, CALL_handle_unmap, client.space, HANDLE_ROWS + i);
    struct message message;
    client_try(&client, EXCHANGE_NOTIFY, HANDLE_ROWS + 5);
    take_handle_fault(&client, HANDLE_ROWS + 5, &message);
    worker_end(&client);
}

/* The slots of endpoints: many at once, given back in another order, none twice. */
void case_handles_many_endpoints(void)
{
    constexpr unsigned count = 100;
    uint64_t endpoints[count];
    for (unsigned i = 0; i < count; i++) {
        kit_must(kernel_endpoint_create(&endpoints[i]), "endpoint_create");
        expect(endpoints[i] % ENDPOINTS_PER_FRAME != 0);
        for (unsigned j = 0; j < i; j++) expect(endpoints[j] != endpoints[i]);
    }
    for (unsigned i = 0; i < count; i++) expect_status(kernel_endpoint_destroy(endpoints[i * 37 % count]), STATUS_OK);
    for (unsigned i = 0; i < count; i++) expect_refused(STATUS_BAD_OBJECT, CALL_endpoint_destroy, endpoints[i]);
}
