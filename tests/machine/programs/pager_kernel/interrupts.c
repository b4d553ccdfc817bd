/* Interrupts of devices as bits: the interval timer, which asks for line 0 eighteen times a second from the machine's start. */
#include "worker.h"

constexpr uint32_t OWN = HANDLE_FREE, LINE_TIMER = 0, LINE_QUIET = 5, LINE_CASCADE = 2;
constexpr uint64_t BITS = 0x81;

static uint64_t endpoint_make(void)
{
    uint64_t endpoint;
    kit_must(kernel_endpoint_create(&endpoint), "endpoint_create");
    kit_must(kernel_handle_map(kit_info->space, OWN, endpoint, RIGHTS_ALL, 0), "handle_map");
    return endpoint;
}

static void expect_bits(uint64_t bits)
{
    struct message message = {};
    expect_status(receive(OWN, RECEIVE_WAIT, &message), STATUS_OK);
    expect_equal(message.word[0], bits);
    expect_equal(message.tag & TAG_NOTIFICATION, TAG_NOTIFICATION);
}

/* Lets 200 ms pass, in which an open line interrupts three times. */
static void expect_none(void)
{
    struct message message = {};
    kit_must(timer_set(OWN, 2, 200'000'000), "timer_set");
    expect_bits(2);
    expect_status(receive(OWN, RECEIVE_DO_NOT_WAIT, &message), STATUS_WOULD_BLOCK);
}

void case_interrupts_line(void)
{
    uint64_t endpoint = endpoint_make();
    expect_none(); /* closed from the start */
    expect_status(kernel_interrupt_map(endpoint, LINE_TIMER, BITS), STATUS_OK);
    for (unsigned i = 0; i < 3; i++) {
        expect_bits(BITS); /* the pager waits, so the processor is idle */
        if (i == 0) expect_none(); /* not again until it is acknowledged */
        expect_status(kernel_interrupt_acknowledge(LINE_TIMER), STATUS_OK);
    }
    expect_bits(BITS);
    expect_status(kernel_interrupt_unmap(LINE_TIMER), STATUS_OK);
    expect_none();
    kit_must(kernel_endpoint_destroy(endpoint), "endpoint_destroy");
}

static volatile bool is_stopped;

static void spin([[maybe_unused]] uint64_t argument)
{
    while (!is_stopped) {
    }
}

/* While a program runs: the pager, which waits for the bits, comes before it. */
void case_interrupts_preempt(void)
{
    uint64_t endpoint = endpoint_make(), before, after;
    struct worker worker = worker_make(BADGE, PRIORITY_PROGRAM, THREAD_PLAIN);
    is_stopped = false;
    worker_start(&worker, spin, 0);
    kit_must(kernel_test_counter(COUNTER_INTERRUPTS, &before), "test_counter");
    expect_status(kernel_interrupt_map(endpoint, LINE_TIMER, BITS), STATUS_OK);
    for (unsigned i = 0; i < 3; i++) {
        expect_bits(BITS);
        expect_status(kernel_interrupt_acknowledge(LINE_TIMER), STATUS_OK);
    }
    kit_must(kernel_test_counter(COUNTER_INTERRUPTS, &after), "test_counter");
    expect(after - before >= 3);
    worker_end(&worker);
    kit_must(kernel_endpoint_destroy(endpoint), "endpoint_destroy");
}

/* A line ends with its endpoint, and is then another's. */
void case_interrupts_endpoint_ends(void)
{
    uint64_t endpoint = endpoint_make(), next;
    expect_status(kernel_interrupt_map(endpoint, LINE_TIMER, BITS), STATUS_OK);
    expect_status(kernel_interrupt_map(endpoint, LINE_QUIET, BITS), STATUS_OK);
    case_check_sometimes();
    kit_must(kernel_endpoint_destroy(endpoint), "endpoint_destroy");
    next = endpoint_make();
    expect_none();
    expect_status(kernel_interrupt_acknowledge(LINE_TIMER), STATUS_NOT_FOUND);
    expect_status(kernel_interrupt_map(next, LINE_TIMER, 4), STATUS_OK);
    expect_bits(4);
    kit_must(kernel_endpoint_destroy(next), "endpoint_destroy");
}

void case_interrupts_hostile(void)
{
    uint64_t endpoint = endpoint_make();
    static const uint64_t bad[] = { LINE_CASCADE, 16, 17, 255, UINT32_MAX, (uint64_t)1 << 32, UINT64_MAX };
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        expect_refused(STATUS_BAD_ARGUMENT, CALL_interrupt_map, endpoint, bad[i], 1);
        if (i == 0) continue; /* of the kernel's own line: it is nobody's */
        expect_refused(STATUS_BAD_ARGUMENT, CALL_interrupt_unmap, bad[i]);
        expect_refused(STATUS_BAD_ARGUMENT, CALL_interrupt_acknowledge, bad[i]);
    }
    expect_refused(STATUS_NOT_FOUND, CALL_interrupt_acknowledge, LINE_CASCADE);
    expect_refused(STATUS_BAD_ARGUMENT, CALL_interrupt_map, endpoint, LINE_QUIET, 0);
    expect_refused(STATUS_BAD_OBJECT, CALL_interrupt_map, kit_info->space, LINE_QUIET, 1);
    expect_refused(STATUS_BAD_OBJECT, CALL_interrupt_map, UINT64_MAX, LINE_QUIET, 1);
    expect_refused(STATUS_NOT_FOUND, CALL_interrupt_unmap, LINE_QUIET);
    expect_status(kernel_interrupt_map(endpoint, LINE_QUIET, 1), STATUS_OK);
    expect_refused(STATUS_EXISTS, CALL_interrupt_map, endpoint, LINE_QUIET, 2);
    expect_status(kernel_interrupt_unmap(LINE_QUIET), STATUS_OK);
    expect_refused(STATUS_NOT_FOUND, CALL_interrupt_unmap, LINE_QUIET);
    kit_must(kernel_endpoint_destroy(endpoint), "endpoint_destroy");
}
