/* Notification bits: sticky, merged, before messages; and receive without waiting. */
#include "worker.h"

constexpr uint32_t OWN = HANDLE_FREE; /* the endpoint of the case, in every space */

static uint64_t endpoint_make(void)
{
    uint64_t endpoint;
    kit_must(kernel_endpoint_create(&endpoint), "endpoint_create");
    kit_must(kernel_handle_map(kit_info->space, OWN, endpoint, RIGHTS_ALL, 0), "handle_map");
    return endpoint;
}

static void expect_bits(uint64_t bits)
{
    struct message message;
    if (!expect_status(receive(OWN, RECEIVE_DO_NOT_WAIT, &message), STATUS_OK)) return;
    expect_equal(message.tag, TAG_NOTIFICATION | (uint64_t)1 << TAG_INCARNATION_SHIFT);
    expect_equal(message.word[0], bits);
    expect_equal(message.badge | message.token | message.word[1] | message.word[2] | message.word[3] | message.word[4] | message.word[5], 0);
}

static void expect_nothing(void)
{
    struct message message;
    expect_status(receive(OWN, RECEIVE_DO_NOT_WAIT, &message), STATUS_WOULD_BLOCK);
}

void case_notifications_sticky(void)
{
    uint64_t endpoint = endpoint_make();
    expect_nothing();
    expect_status(notify(OWN, 1), STATUS_OK);
    expect_bits(1);
    expect_nothing();
    expect_status(notify(OWN, 1), STATUS_OK);
    expect_status(notify(OWN, 4), STATUS_OK);
    expect_status(notify(OWN, (uint64_t)1 << 63), STATUS_OK);
    expect_status(notify(OWN, 4), STATUS_OK);
    expect_bits((uint64_t)1 << 63 | 5);
    expect_nothing();
    expect_status(notify(OWN, 0), STATUS_OK);
    expect_nothing();
    kit_must(kernel_endpoint_destroy(endpoint), "endpoint_destroy");
}

void case_notifications_before_messages(void)
{
    uint64_t endpoint = endpoint_make();
    struct worker client = worker_make(BADGE, PRIORITY_FIRST, THREAD_PLAIN);
    kit_must(kernel_handle_map(client.space, OWN, endpoint, RIGHT_CALL, 0x77), "handle_map");
    worker_start_exchange(&client, 0, (struct exchange){ .kind = EXCHANGE_CALL, .handle = OWN, .message.tag = 9 });
    expect_status(notify(OWN, 2), STATUS_OK);
    expect_bits(2);
    struct message message;
    expect_status(receive(OWN, RECEIVE_DO_NOT_WAIT, &message), STATUS_OK);
    expect_equal(message.badge, 0x77);
    expect_equal(tag_label(message.tag), 9);
    expect_nothing();
    worker_end(&client);
    kit_must(kernel_endpoint_destroy(endpoint), "endpoint_destroy");
}

/* A waiting receiver gets the bits at once, and only one of two. */
void case_notifications_wake(void)
{
    uint64_t endpoint = endpoint_make();
    struct worker workers[2];
    for (unsigned i = 0; i < 2; i++) {
        workers[i] = worker_make(BADGE + i, PRIORITY_FIRST, THREAD_PLAIN);
        kit_must(kernel_handle_map(workers[i].space, OWN, endpoint, RIGHT_RECEIVE, 0), "handle_map");
        worker_start_exchange(&workers[i], i, (struct exchange){ .kind = EXCHANGE_RECEIVE, .handle = OWN });
    }
    expect_status(notify(OWN, 0), STATUS_OK); /* wakes nobody */
    expect(!exchanges[0].is_over && !exchanges[1].is_over);
    expect_status(notify(OWN, 6), STATUS_OK);
    expect(exchanges[0].is_over && !exchanges[1].is_over);
    expect_equal(exchanges[0].message.word[0], 6);
    expect_equal(exchanges[0].message.tag, TAG_NOTIFICATION); /* a program's space has no incarnation */
    expect_status(notify(OWN, 8), STATUS_OK);
    expect(exchanges[1].is_over);
    expect_equal(exchanges[1].message.word[0], 8);
    worker_take_done(&workers[0]);
    worker_take_done(&workers[1]);
    worker_end(&workers[0]);
    worker_end(&workers[1]);
    kit_must(kernel_endpoint_destroy(endpoint), "endpoint_destroy");
}

void case_notifications_receive_flags(void)
{
    uint64_t endpoint = endpoint_make();
    struct worker worker = worker_make(BADGE, PRIORITY_FIRST, THREAD_PLAIN);
    kit_must(kernel_handle_map(worker.space, OWN, endpoint, RIGHT_RECEIVE, 0), "handle_map");
    static const uint64_t bad[] = { 2, 3, (uint64_t)1 << 32, ~(uint64_t)0 };
    for (unsigned i = 0; i < 4; i++) {
        kit_must(kernel_thread_stop(worker.thread), "thread_stop");
        worker_start_exchange(&worker, 0, (struct exchange){ .kind = EXCHANGE_RECEIVE, .handle = OWN, .flags = bad[i] });
        worker_take_done(&worker);
        expect_status(exchanges[0].status, STATUS_BAD_ARGUMENT);
    }
    worker_end(&worker);
    kit_must(kernel_endpoint_destroy(endpoint), "endpoint_destroy");
}
