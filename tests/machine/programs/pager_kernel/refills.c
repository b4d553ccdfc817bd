/* Handle rows are a cache: filled by one call when a thread misses one, emptied at any moment, and nobody notices but the pager. */
#include "worker.h"

constexpr uint32_t HANDLE = 0x12345680 + HANDLE_FREE;
constexpr uint64_t REPEAT = 1000;
static const uint64_t nothing[MESSAGE_WORDS];

/* --- handle_resolve --- */

static void client_call(const struct worker *client)
{
    kit_must(kernel_thread_stop(client->thread), "thread_stop");
    worker_start_exchange(client, 0, (struct exchange){ .kind = EXCHANGE_CALL, .handle = HANDLE, .message = { .tag = 0x55, .word = { 1, 2, 3, 4, 5, 6 } } });
}

void case_refills_resolve(void)
{
    struct worker client = worker_make(BADGE, PRIORITY_FIRST, THREAD_PLAIN);
    struct message message;
    client_call(&client);
    worker_take(&message);
    expect_equal(message.tag, FAULT_HANDLE | TAG_FAULT | (uint64_t)1 << TAG_INCARNATION_SHIFT);
    uint64_t fault = message.token, endpoint = kit_info->endpoint;
    expect_status(worker_handle_resolve(fault + TOKEN_NEXT, endpoint, 0x99, RIGHT_CALL), STATUS_STALE);
    expect_status(worker_handle_resolve(fault, 0, 0x99, RIGHT_CALL), STATUS_BAD_OBJECT);
    expect_status(worker_handle_resolve(fault, endpoint, 0x99, 0), STATUS_BAD_ARGUMENT);
    expect_status(worker_handle_resolve(fault, endpoint, 0x99, RIGHTS_ALL + 1), STATUS_BAD_ARGUMENT);
    expect_refused(STATUS_BAD_HANDLE, CALL_handle_unmap, client.space, HANDLE);
    expect_status(worker_handle_resolve(fault, endpoint, 0x99, RIGHT_CALL), STATUS_OK);
    worker_take(&message); /* the call came through whole */
    expect_equal(message.badge, 0x99);
    expect_equal(message.tag, 0x55 | (uint64_t)1 << TAG_INCARNATION_SHIFT);
    for (unsigned i = 0; i < MESSAGE_WORDS; i++) expect_equal(message.word[i], i + 1);
    expect_status(worker_handle_resolve(fault, endpoint, 0x99, RIGHT_CALL), STATUS_STALE);
    expect_status(worker_handle_resolve(message.token, endpoint, 0x99, RIGHT_CALL), STATUS_BAD_STATE); /* a call is not a fault */
    expect_status(worker_answer(message.token, 7, nothing), STATUS_OK);
    worker_take_done(&client);
    expect_status(exchanges[0].status, STATUS_OK);
    expect_equal(exchanges[0].message.tag, 7);
    worker_end(&client);
}

/* What the row does not allow is the caller's status, not another fault. */
void case_refills_without_right(void)
{
    struct worker client = worker_make(BADGE, PRIORITY_FIRST, THREAD_PLAIN);
    struct message message;
    client_call(&client);
    worker_take(&message);
    expect_status(worker_handle_resolve(message.token, kit_info->endpoint, 0, RIGHT_NOTIFY | RIGHT_RECEIVE), STATUS_OK);
    worker_take_done(&client);
    expect_status(exchanges[0].status, STATUS_NO_RIGHT);
    kit_must(kernel_handle_unmap(client.space, HANDLE), "handle_unmap");
    kit_must(kernel_thread_stop(client.thread), "thread_stop");
    worker_start_exchange(&client, 0, (struct exchange){ .kind = EXCHANGE_NOTIFY, .handle = HANDLE, .flags = 1 });
    worker_take(&message);
    expect_status(worker_handle_resolve(message.token, kit_info->endpoint, 0, RIGHT_NOTIFY), STATUS_OK); /* any call may miss a row */
    worker_take(&message);
    expect_equal(message.tag, TAG_NOTIFICATION | (uint64_t)1 << TAG_INCARNATION_SHIFT);
    worker_take_done(&client);
    worker_end(&client);
}

/* --- An answer alone --- */

void case_refills_answer_alone(void)
{
    struct worker clients[2] = { worker_make(BADGE, PRIORITY_FIRST, THREAD_PLAIN), worker_make(BADGE + 1, PRIORITY_FIRST, THREAD_PLAIN) };
    struct message messages[2];
    for (unsigned i = 0; i < 2; i++) {
        kit_must(kernel_handle_map(clients[i].space, HANDLE, kit_info->endpoint, RIGHT_CALL, i), "handle_map");
        worker_start_exchange(&clients[i], i, (struct exchange){ .kind = EXCHANGE_CALL, .handle = HANDLE });
        worker_take(&messages[i]);
    }
    for (unsigned i = 2; i-- > 0;) { /* two answers in one turn, and nothing is waited for */
        messages[i].tag = 70 + i;
        expect_status(reply(&messages[i]), STATUS_OK);
        worker_take_done(&clients[i]);
        expect_status(exchanges[i].status, STATUS_OK);
        expect_equal(exchanges[i].message.tag, 70 + i);
        expect_status(reply(&messages[i]), STATUS_STALE);
    }
    expect_status(reply(&(struct message){ .token = 0 }), STATUS_BAD_HANDLE);
    for (unsigned i = 0; i < 2; i++) worker_end(&clients[i]);
}

/* --- Counts --- */

static void call_new_handles([[maybe_unused]] uint64_t argument)
{
    for (uint32_t i = 1; i <= REPEAT; i++) {
        struct message message = { .word = { i } };
        if (call(HANDLE + i * HANDLE_ROWS, &message) != STATUS_OK || message.word[0] != i + 1) return;
    }
}

static void serve(uint64_t handle)
{
    struct message message = {};
    while (reply_receive((uint32_t)handle, &message) == STATUS_OK) message.tag = 0, message.word[0]++;
}

/* The fault, handle_resolve, the server's answer: one entry each; the pager, the server, the client: one root-table load each. */
void case_refills_counts(void)
{
    uint64_t endpoint;
    kit_must(kernel_endpoint_create(&endpoint), "endpoint_create");
    struct worker server = worker_make(BADGE, PRIORITY_FIRST, THREAD_PLAIN), client = worker_make(BADGE + 1, PRIORITY_PROGRAM, THREAD_PLAIN);
    kit_must(kernel_handle_map(server.space, HANDLE, endpoint, RIGHT_RECEIVE, 0), "handle_map");
    worker_start(&server, serve, HANDLE);
    worker_start(&client, call_new_handles, 0);
    struct message message;
    expect_status(receive(HANDLE_PAGER, RECEIVE_WAIT, &message), STATUS_OK);
    struct counts before = counts_read();
    for (uint64_t i = 1; i <= REPEAT; i++) {
        expect_equal(message.word[1], HANDLE + i * HANDLE_ROWS);
        if (!expect_status(kernel_handle_resolve(HANDLE_PAGER, endpoint, i, RIGHT_CALL, &message), STATUS_OK)) break;
    }
    struct counts after = counts_read(), counts = counts_between(&before, &after);
    expect_equal(counts.value[COUNTER_ENTRIES], 3 * REPEAT);
    expect_equal(counts.value[COUNTER_ROOT_LOADS], 3 * REPEAT);
    expect_equal(message.badge, client.badge);
    expect_equal(message.word[2], 0);
    worker_end(&client);
    worker_end(&server);
    kit_must(kernel_endpoint_destroy(endpoint), "endpoint_destroy");
}

/* --- Rows emptied at random moments --- */

constexpr unsigned CLIENTS = 4, SERVERS = 2;
constexpr uint64_t CALLS = 2000;
constexpr uint32_t SERVE = HANDLE + 20;
static uint64_t sums[CLIENTS];

/* What client `number` computes by calling both servers in turn. */
static void talk(uint64_t number)
{
    uint64_t sum = number;
    for (uint64_t i = 0; i < CALLS; i++) {
        struct message message = { .word = { sum, i } };
        if (call(HANDLE + (uint32_t)(i % SERVERS), &message) != STATUS_OK) return;
        sum = message.word[0] + message.badge;
        if (i % 64 == 0) yield();
    }
    sums[number] = sum;
}

static void work(uint64_t number)
{
    struct message message = {};
    while (reply_receive(SERVE, &message) == STATUS_OK) {
        message.tag = 0;
        message.word[0] = (message.word[0] * 6364136223846793005 + message.word[1] + message.badge) ^ number;
    }
}

/* The endpoint, badge and rights behind a handle of a worker; workers 0 to CLIENTS - 1 are clients. */
struct meaning {
    uint64_t endpoint, badge, rights;
};

static struct meaning meaning_of(unsigned worker, uint64_t handle, const uint64_t endpoints[SERVERS])
{
    if (worker >= CLIENTS) return (struct meaning){ endpoints[worker - CLIENTS], 0, RIGHT_RECEIVE };
    return (struct meaning){ endpoints[handle - HANDLE], 100 + worker, RIGHT_CALL };
}

/* Lets all talk until each client is done; returns how many rows were filled. Before each fill, rows of others go. */
static uint64_t converse(bool is_emptied, uint64_t results[CLIENTS])
{
    uint64_t endpoints[SERVERS], fills = 0;
    struct worker workers[CLIENTS + SERVERS];
    struct random random = { 0x1eaf };
    for (unsigned i = 0; i < SERVERS; i++) kit_must(kernel_endpoint_create(&endpoints[i]), "endpoint_create");
    for (unsigned i = 0; i < CLIENTS + SERVERS; i++) {
        workers[i] = worker_make(BADGE + i, PRIORITY_PROGRAM, THREAD_PLAIN);
        if (i < CLIENTS) worker_start(&workers[i], talk, i);
        else worker_start(&workers[i], work, i - CLIENTS);
    }
    for (unsigned done = 0; done < CLIENTS;) {
        struct message message;
        if (!expect_status(receive(HANDLE_PAGER, RECEIVE_WAIT, &message), STATUS_OK)) break;
        unsigned who = (unsigned)(message.badge - BADGE);
        while (tag_label(message.tag) == FAULT_HANDLE) {
            for (unsigned i = 0; is_emptied && i < CLIENTS + SERVERS; i++) {
                uint32_t handle = i < CLIENTS ? HANDLE + (uint32_t)random_below(&random, SERVERS) : SERVE;
                if (random_below(&random, 2) == 0) (void)kernel_handle_unmap(workers[i].space, handle);
            }
            fills++;
            struct meaning meaning = meaning_of(who, message.word[1], endpoints);
            if (!expect_status(kernel_handle_resolve(HANDLE_PAGER, meaning.endpoint, meaning.badge, meaning.rights, &message), STATUS_OK)) break;
            who = (unsigned)(message.badge - BADGE);
        }
        if (!expect(message.word[2] == 0 && who < CLIENTS)) break; /* returned */
        done++;
    }
    for (unsigned i = 0; i < CLIENTS; i++) results[i] = sums[i], sums[i] = 0;
    for (unsigned i = 0; i < CLIENTS + SERVERS; i++) worker_end(&workers[i]);
    for (unsigned i = 0; i < SERVERS; i++) kit_must(kernel_endpoint_destroy(endpoints[i]), "endpoint_destroy");
    return fills;
}

void case_refills_emptied_at_random(void)
{
    uint64_t kept[CLIENTS], emptied[CLIENTS];
    expect_equal(converse(false, kept), CLIENTS * SERVERS + SERVERS);
    uint64_t fills = converse(true, emptied);
    kit_log("test", "refills fills=%lu", fills);
    expect(fills > CALLS / 2);
    for (unsigned i = 0; i < CLIENTS; i++) {
        expect(kept[i] != 0);
        expect_equal(emptied[i], kept[i]);
    }
}

/* --- Who waits for whom --- */

void case_refills_thread_info(void)
{
    struct worker client = worker_make(BADGE, PRIORITY_FIRST, THREAD_PLAIN);
    struct thread_info info;
    struct message message;
    expect_status(kernel_thread_info(client.thread, &info), STATUS_OK);
    expect(info.state == THREAD_STOPPED && info.request == REQUEST_NONE && info.endpoint == 0 && info.server == 0 && info.label == client.badge);
    client_call(&client);
    worker_take(&message); /* it misses the row */
    expect_status(kernel_thread_info(client.thread, &info), STATUS_OK);
    expect(info.state == THREAD_WAITING && info.request == REQUEST_FAULT && info.fault == FAULT_HANDLE);
    expect(info.endpoint == kit_info->endpoint && info.server == kit_info->space && info.cycles == 0);
    expect_status(kernel_thread_info(client.thread, &info), STATUS_OK);
    expect(info.cycles > 0); /* it was there before, at the same request */
    expect_refused(STATUS_BAD_OBJECT, CALL_thread_info, client.space);
    worker_end(&client);
}
