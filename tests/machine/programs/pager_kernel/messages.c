/* Messages: words, tags, tokens, endings, notification bits. The pager is the receiver, or one worker is. Buffers have a file of their own. */
#include "worker.h"

constexpr uint32_t SERVER = HANDLE_FREE;
static const uint64_t nothing[MESSAGE_WORDS];

/* A client whose HANDLE_PAGER is the pager's endpoint. */
static struct worker client_make(unsigned index)
{
    struct worker client = worker_make(BADGE + index, PRIORITY_FIRST, THREAD_PLAIN);
    kit_must(kernel_handle_map(client.space, HANDLE_PAGER, kit_info->endpoint, RIGHT_CALL, 0xc0000 + index), "handle_map");
    return client;
}

static void client_call(const struct worker *client, unsigned index, uint64_t tag)
{
    struct exchange exchange = { .kind = EXCHANGE_CALL, .handle = HANDLE_PAGER, .message.tag = tag };
    for (unsigned i = 0; i < MESSAGE_WORDS; i++) exchange.message.word[i] = 0xa000000000000000 + index * 16 + i;
    kit_must(kernel_thread_stop(client->thread), "thread_stop");
    worker_start_exchange(client, index, exchange);
}

static void expect_over(unsigned index, enum status status)
{
    expect(exchanges[index].is_over);
    expect_status(exchanges[index].status, status);
}

void case_messages_words(void)
{
    struct worker client = client_make(0);
    struct message message;
    client_call(&client, 0, tag_make(0x1234, 0));
    worker_take(&message);
    expect_equal(message.badge, 0xc0000);
    expect_equal(message.tag, 0x1234 | (uint64_t)1 << TAG_INCARNATION_SHIFT);
    expect_equal(token_thread(message.token), client.thread);
    uint64_t answer[MESSAGE_WORDS];
    for (unsigned i = 0; i < MESSAGE_WORDS; i++) {
        expect_equal(message.word[i], 0xa000000000000000 + i);
        answer[i] = ~message.word[i];
    }
    expect_status(worker_answer(message.token, tag_make(0x4321, 0), answer), STATUS_OK);
    worker_take_done(&client);
    expect_over(0, STATUS_OK);
    expect_equal(exchanges[0].message.tag, 0x4321);
    for (unsigned i = 0; i < MESSAGE_WORDS; i++) expect_equal(exchanges[0].message.word[i], answer[i]);
    worker_end(&client);
}

/* Nobody but the kernel makes a fault, a notification or an incarnation. */
void case_messages_forged_tags(void)
{
    struct worker client = client_make(0);
    static const uint64_t tags[] = { TAG_FAULT | FAULT_PAGE, TAG_NOTIFICATION | 5, ~(TAG_LENGTH_MASK << TAG_LENGTH_SHIFT), (uint64_t)7 << TAG_INCARNATION_SHIFT,
                                     (uint64_t)7 << 29, (uint64_t)1 << 63 };
    struct message message;
    for (unsigned i = 0; i < sizeof tags / sizeof tags[0]; i++) {
        client_call(&client, 0, tags[i]);
        worker_take(&message);
        expect_equal(message.tag, (tags[i] & TAG_LABEL_MASK) | (uint64_t)1 << TAG_INCARNATION_SHIFT);
        expect_status(worker_answer(message.token, tags[i], nothing), STATUS_OK);
        worker_take_done(&client);
        expect_equal(exchanges[0].message.tag, tags[i] & TAG_LABEL_MASK);
    }
    worker_end(&client);
}

static uint64_t tag_seen, tag_answered;

static void serve_tags(uint64_t handle)
{
    struct message message = {};
    while (reply_receive((uint32_t)handle, &message) == STATUS_OK) {
        tag_seen = message.tag;
        message.tag = tag_answered;
    }
}

/* The same between two that wait for each other. */
void case_messages_forged_tags_waiting(void)
{
    uint64_t endpoint;
    struct worker server = worker_make(BADGE, PRIORITY_FIRST, THREAD_PLAIN);
    kit_must(kernel_endpoint_create(&endpoint), "endpoint_create");
    kit_must(kernel_handle_map(server.space, SERVER, endpoint, RIGHT_RECEIVE, 0), "handle_map");
    kit_must(kernel_handle_map(kit_info->space, SERVER, endpoint, RIGHT_CALL, 0), "handle_map");
    worker_start(&server, serve_tags, SERVER);
    for (unsigned bit = 0; bit < 64; bit++) {
        if (bit >= TAG_LENGTH_SHIFT && bit < 29) continue; /* a length is no forgery */
        struct message message = { .tag = (uint64_t)1 << bit | 5 };
        tag_answered = (uint64_t)1 << bit | 6;
        expect_status(call(SERVER, &message), STATUS_OK);
        expect_equal(tag_seen, ((uint64_t)1 << bit | 5) & TAG_LABEL_MASK);
        expect_equal(message.tag, ((uint64_t)1 << bit | 6) & TAG_LABEL_MASK);
    }
    worker_end(&server);
    kit_must(kernel_endpoint_destroy(endpoint), "endpoint_destroy");
}

/* reply_receive that answers a stale token takes no message: it is still there afterwards. */
static void expect_stale(uint64_t token)
{
    struct message message;
    kit_must(notify(HANDLE_PAGER, 0x10), "notify");
    message = (struct message){ .token = token };
    expect_status(reply_receive(HANDLE_PAGER, &message), STATUS_STALE);
    expect_status(receive(HANDLE_PAGER, RECEIVE_DO_NOT_WAIT, &message), STATUS_OK);
    expect_equal(message.word[0], 0x10);
}

void case_messages_stale_tokens(void)
{
    struct worker client = client_make(0);
    struct message message;
    client_call(&client, 0, 0);
    worker_take(&message);
    uint64_t token = message.token;
    for (unsigned bit = 0; bit < 64; bit++) expect_stale(token ^ (uint64_t)1 << bit);
    expect_stale(kit_info->thread);
    expect_stale((token & ~(uint64_t)UINT32_MAX) | (uint32_t)kit_info->thread);
    expect_stale(~(uint64_t)0);
    expect_status(worker_answer(token, 0, nothing), STATUS_OK);
    worker_take_done(&client);
    expect_stale(token); /* answered */
    client_call(&client, 0, 0);
    worker_take(&message);
    expect(message.token != token);
    expect_stale(token); /* of an earlier call */
    kit_must(kernel_thread_stop(client.thread), "thread_stop");
    expect_stale(message.token); /* stopped */
    client_call(&client, 0, 0);
    worker_take(&message);
    worker_leave(&client);
    expect_stale(message.token); /* ended */
    worker_space_end(client.space);
}

/* A thread made in the frame of one that ended does not answer to its tokens. Frames come back after a while only: when the allocator has used up the line
 * that it takes single ones from. */
void case_messages_token_of_another_life(void)
{
    constexpr unsigned LIVES = 600;
    static uint64_t tokens[LIVES], frames[LIVES];
    uint64_t space = worker_space(BADGE);
    bool is_again = false;
    struct message message;
    kit_must(kernel_handle_map(space, HANDLE_PAGER, kit_info->endpoint, RIGHT_CALL, 0), "handle_map");
    for (unsigned life = 0; life < LIVES && !is_again; life++) {
        struct worker client = worker_join(space, BADGE, PRIORITY_FIRST, THREAD_PLAIN, FRAME_NONE);
        frames[life] = client.thread;
        for (unsigned i = 0; i < life; i++) is_again |= frames[i] == client.thread;
        client_call(&client, 0, 0);
        worker_take(&message);
        tokens[life] = message.token;
        for (unsigned i = 0; is_again && i < life; i++) {
            expect(tokens[i] != message.token);
            expect_stale(tokens[i]);
        }
        expect_status(worker_answer(message.token, 0, nothing), STATUS_OK);
        worker_take_done(&client);
        worker_leave(&client);
    }
    expect(is_again); /* else this case shows nothing */
    worker_space_end(space);
}

void case_messages_reply_from_another_space(void)
{
    struct worker client = client_make(0), thief = client_make(1);
    uint64_t endpoint;
    struct message message;
    kit_must(kernel_endpoint_create(&endpoint), "endpoint_create");
    kit_must(kernel_handle_map(thief.space, SERVER, endpoint, RIGHT_RECEIVE, 0), "handle_map");
    client_call(&client, 0, 0);
    worker_take(&message);
    worker_start_exchange(&thief, 1, (struct exchange){ .kind = EXCHANGE_REPLY_RECEIVE, .handle = SERVER, .message.token = message.token });
    worker_take_done(&thief);
    expect_over(1, STATUS_STALE);
    expect(!exchanges[0].is_over);
    expect_status(worker_answer(message.token, 0, nothing), STATUS_OK);
    worker_take_done(&client);
    expect_over(0, STATUS_OK);
    worker_end(&client);
    worker_end(&thief);
    kit_must(kernel_endpoint_destroy(endpoint), "endpoint_destroy");
}

void case_messages_deferred_replies(void)
{
    constexpr unsigned clients = 5;
    struct worker workers[clients];
    struct message messages[clients];
    for (unsigned i = 0; i < clients; i++) {
        workers[i] = client_make(i);
        client_call(&workers[i], i, tag_make(i, 0));
    }
    for (unsigned i = 0; i < clients; i++) { /* in the order in which they came */
        worker_take(&messages[i]);
        expect_equal(messages[i].badge, 0xc0000 + i);
        expect_equal(messages[i].word[5], 0xa000000000000000 + i * 16 + 5);
    }
    static const unsigned order[clients] = { 3, 0, 4, 2, 1 };
    for (unsigned i = 0; i < clients; i++) {
        unsigned index = order[i];
        uint64_t answer[MESSAGE_WORDS] = { index };
        expect_status(worker_answer(messages[index].token, tag_make(100 + index, 0), answer), STATUS_OK);
        worker_take_done(&workers[index]);
        expect_over(index, STATUS_OK);
        expect_equal(exchanges[index].message.tag, 100 + index);
        expect_equal(exchanges[index].message.word[0], index);
    }
    for (unsigned i = 0; i < clients; i++) worker_end(&workers[i]);
}

/* --- Endings --- */

static void receive_and_spin(uint64_t handle)
{
    struct message message;
    for (unsigned i = 0; i < 3; i++) (void)receive((uint32_t)handle, RECEIVE_WAIT, &message);
    __asm__ volatile("ud2");
}

/* Callers of a server that ends: two it has received, one is still in the queue of the endpoint. */
void case_messages_server_ends(void)
{
    uint64_t endpoint;
    struct worker server = worker_make(BADGE + 8, PRIORITY_FIRST, THREAD_PLAIN), clients[4];
    kit_must(kernel_endpoint_create(&endpoint), "endpoint_create");
    kit_must(kernel_handle_map(server.space, SERVER, endpoint, RIGHT_RECEIVE, 0), "handle_map");
    worker_start(&server, receive_and_spin, SERVER);
    for (unsigned i = 0; i < 4; i++) {
        clients[i] = client_make(i);
        kit_must(kernel_handle_map(clients[i].space, SERVER, endpoint, RIGHT_CALL, 0), "handle_map");
        worker_start_exchange(&clients[i], i, (struct exchange){ .kind = EXCHANGE_CALL, .handle = SERVER });
    }
    struct message message;
    worker_take(&message); /* the server's ud2 */
    expect_equal(message.badge, server.badge);
    worker_leave(&server); /* it was the last of its space */
    struct message endings[3];
    for (unsigned i = 0; i < 3; i++) {
        expect_status(receive(HANDLE_PAGER, RECEIVE_WAIT, &endings[i]), STATUS_OK);
        expect_equal(endings[i].word[2], 0);
    }
    for (unsigned i = 0; i < 3; i++) expect_over(i, STATUS_PEER_ENDED);
    worker_space_end(server.space);
    worker_take_none();
    expect(!exchanges[3].is_over); /* the endpoint lives: somebody else may receive there */
    kit_must(kernel_endpoint_destroy(endpoint), "endpoint_destroy");
    expect_status(receive(HANDLE_PAGER, RECEIVE_WAIT, &message), STATUS_OK);
    expect_over(3, STATUS_PEER_ENDED);
    for (unsigned i = 0; i < 4; i++) worker_end(&clients[i]);
}

/* `threads` workers wait at an endpoint in one way; it ends in steps, and all go on. */
static void endpoint_ends(unsigned threads, enum exchange_kind kind)
{
    struct worker workers[threads];
    uint64_t endpoint, space = worker_space(BADGE);
    kit_must(kernel_endpoint_create(&endpoint), "endpoint_create");
    kit_must(kernel_handle_map(space, SERVER, endpoint, RIGHTS_ALL, 0), "handle_map");
    for (unsigned i = 0; i < threads; i++) {
        workers[i] = worker_join(space, BADGE, PRIORITY_FIRST, THREAD_PLAIN, FRAME_NONE);
        worker_start_exchange(&workers[i], i, (struct exchange){ .kind = kind, .handle = SERVER });
    }
    worker_take_none();
    unsigned steps = 1;
    enum status status;
    while ((status = kernel_endpoint_destroy(endpoint)) == STATUS_AGAIN) steps++;
    expect_status(status, STATUS_OK);
    expect((threads < 32) == (steps == 1));
    expect_refused(STATUS_BAD_OBJECT, CALL_endpoint_destroy, endpoint);
    struct message message;
    for (unsigned i = 0; i < threads; i++) expect_status(receive(HANDLE_PAGER, RECEIVE_WAIT, &message), STATUS_OK);
    for (unsigned i = 0; i < threads; i++) {
        expect_over(i, STATUS_PEER_ENDED);
        worker_leave(&workers[i]);
    }
    worker_space_end(space);
}

void case_messages_endpoint_ends(void)
{
    endpoint_ends(3, EXCHANGE_CALL);
    endpoint_ends(3, EXCHANGE_RECEIVE);
    endpoint_ends(3, EXCHANGE_REPLY_RECEIVE);
    endpoint_ends(40, EXCHANGE_CALL);
    endpoint_ends(40, EXCHANGE_RECEIVE);
}

static void read_null(uint64_t address)
{
    (void)*(volatile uint8_t *)address;
}

/* The endpoint of a pager ends: a fault in its queue, and faults after that, have nobody; the threads stay stopped and the machine goes on. */
void case_messages_pager_endpoint_ends(void)
{
    uint64_t endpoint;
    struct worker worker = worker_make(BADGE, PRIORITY_FIRST, THREAD_PLAIN);
    kit_must(kernel_endpoint_create(&endpoint), "endpoint_create");
    uint64_t space;
    kit_must(kernel_space_create(endpoint, BADGE, &space), "space_create");
    struct worker waiting = worker_join(space, BADGE, PRIORITY_FIRST, THREAD_PLAIN, FRAME_NONE);
    struct worker later = worker_join(space, BADGE, PRIORITY_FIRST, THREAD_PLAIN, FRAME_NONE);
    worker_start(&waiting, read_null, 0); /* there is no image in the space: it faults at once */
    worker_take_none();
    kit_must(kernel_endpoint_destroy(endpoint), "endpoint_destroy");
    worker_start(&later, read_null, 0);
    worker_take_none();
    expect_status(kernel_thread_start(waiting.thread, 0x400000, 0, 0), STATUS_OK); /* both are stopped */
    expect_status(kernel_thread_start(later.thread, 0x400000, 0, 0), STATUS_OK);
    worker_leave(&waiting);
    worker_leave(&later);
    worker_space_end(space);
    worker_end(&worker);
}
