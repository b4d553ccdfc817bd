/* Counts: how often the kernel does what is dear on real machines. The first two are numbers of the design: two entries and two root-table loads for
 * a resolved fault, and for a call and its reply. */
#include "worker.h"

constexpr uint64_t REPEAT = 1000;
constexpr uint32_t SERVER = HANDLE_FREE;

static void touch_pages(uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) *(volatile uint64_t *)(KIT_FREE + i * PAGE_BYTES) = i;
}

/* Resolves the faults of a worker that touches REPEAT pages: from its first fault to the one that says that it is done. */
static struct counts resolve_pages(uint64_t frame)
{
    struct worker worker = worker_make(BADGE, PRIORITY_PROGRAM, THREAD_PLAIN);
    worker_start(&worker, touch_pages, REPEAT);
    struct message message;
    expect_status(receive(HANDLE_PAGER, RECEIVE_WAIT, &message), STATUS_OK);
    struct counts before = counts_read();
    for (uint64_t i = 0; i < REPEAT; i++) {
        expect_equal(message.word[1], KIT_FREE + i * PAGE_BYTES);
        if (!expect_status(kernel_resolve(HANDLE_PAGER, message.word[1] | ATTRIBUTE_WRITE, frame, 1, &message), STATUS_OK)) break;
    }
    struct counts after = counts_read();
    expect_equal(message.word[2], 0);
    worker_end(&worker);
    return counts_between(&before, &after);
}

static void expect_two_and_two(const struct counts *counts)
{
    expect_equal(counts->value[COUNTER_ENTRIES], 2 * REPEAT);
    expect_equal(counts->value[COUNTER_ROOT_LOADS], 2 * REPEAT);
    expect_equal(counts->value[COUNTER_FLUSHES], 0);
    expect_equal(counts->value[COUNTER_INVALIDATIONS], 0);
    expect_equal(counts->value[COUNTER_TABLES_FREED], 0);
}

void case_counts_fault_fresh(void)
{
    struct counts counts = resolve_pages(FRAME_FRESH);
    expect_two_and_two(&counts);
    expect_equal(counts.value[COUNTER_ENTRIES_WRITTEN], REPEAT + counts.value[COUNTER_TABLES_ALLOCATED]);
}

void case_counts_fault_existing(void)
{
    uint64_t frame;
    kit_must(kernel_frame_allocate(0, &frame), "frame_allocate");
    struct counts counts = resolve_pages(frame);
    expect_two_and_two(&counts);
    expect_equal(counts.value[COUNTER_ENTRIES_WRITTEN], REPEAT + counts.value[COUNTER_TABLES_ALLOCATED]);
    /* It was mapped only there, so it went with the space. */
    expect_status(kernel_frame_free(frame, 0), STATUS_BAD_FRAME);
}

void case_counts_fault_retried(void)
{
    struct worker worker = worker_make(BADGE, PRIORITY_PROGRAM, THREAD_PLAIN);
    worker_start(&worker, touch_pages, 1);
    struct message message;
    expect_status(receive(HANDLE_PAGER, RECEIVE_WAIT, &message), STATUS_OK);
    struct counts before = counts_read();
    for (uint64_t i = 0; i < REPEAT; i++) {
        message.tag = tag_make(FAULT_RETRY, 0);
        expect_status(reply_receive(HANDLE_PAGER, &message), STATUS_OK);
        expect_equal(message.word[1], KIT_FREE);
    }
    struct counts after = counts_read();
    struct counts counts = counts_between(&before, &after);
    expect_two_and_two(&counts);
    expect_equal(counts.value[COUNTER_ENTRIES_WRITTEN], 0);
    worker_end(&worker);
}

static void serve(uint64_t handle)
{
    struct message message = {};
    while (reply_receive((uint32_t)handle, &message) == STATUS_OK) {
        message.tag = tag_make(0, 0);
        for (unsigned i = 0; i < MESSAGE_WORDS; i++) message.word[i] = ~message.word[i];
    }
}

/* Calls a server that is started here REPEAT times. */
static struct counts call_server(const struct worker *server, uint64_t endpoint)
{
    kit_must(kernel_handle_map(server->space, SERVER, endpoint, RIGHT_RECEIVE | RIGHT_CALL, 0), "handle_map");
    kit_must(kernel_handle_map(kit_info->space, SERVER, endpoint, RIGHT_RECEIVE | RIGHT_CALL, 7), "handle_map");
    worker_start(server, serve, SERVER);
    struct message message = {};
    expect_status(call(SERVER, &message), STATUS_OK); /* now it waits */
    struct counts before = counts_read();
    for (uint64_t i = 0; i < REPEAT; i++) {
        message = (struct message){ .word = { i, 1, 2, 3, 4, 5 } };
        expect_status(call(SERVER, &message), STATUS_OK);
        expect(message.word[0] == ~i && message.word[5] == ~(uint64_t)5);
    }
    struct counts after = counts_read();
    return counts_between(&before, &after);
}

void case_counts_call(void)
{
    uint64_t endpoint;
    kit_must(kernel_endpoint_create(&endpoint), "endpoint_create");
    struct worker server = worker_make(BADGE, PRIORITY_PAGER, THREAD_PLAIN);
    struct counts counts = call_server(&server, endpoint);
    expect_two_and_two(&counts);
    expect_equal(counts.value[COUNTER_ENTRIES_WRITTEN], 0);
    worker_end(&server);
    kit_must(kernel_endpoint_destroy(endpoint), "endpoint_destroy");
}

void case_counts_call_one_space(void)
{
    uint64_t endpoint;
    kit_must(kernel_endpoint_create(&endpoint), "endpoint_create");
    struct worker server = worker_join(kit_info->space, BADGE, PRIORITY_PAGER, THREAD_PLAIN, FRAME_NONE);
    struct counts counts = call_server(&server, endpoint);
    expect_equal(counts.value[COUNTER_ENTRIES], 2 * REPEAT);
    expect_equal(counts.value[COUNTER_ROOT_LOADS], 0);
    worker_leave(&server);
    kit_must(kernel_endpoint_destroy(endpoint), "endpoint_destroy");
}

static void receive_bits(uint64_t handle)
{
    struct message message;
    while (receive((uint32_t)handle, RECEIVE_WAIT, &message) == STATUS_OK) {
    }
}

void case_counts_notify(void)
{
    uint64_t endpoint;
    kit_must(kernel_endpoint_create(&endpoint), "endpoint_create");
    struct worker waiting = worker_make(BADGE, PRIORITY_FIRST, THREAD_PLAIN);
    kit_must(kernel_handle_map(waiting.space, SERVER, endpoint, RIGHT_RECEIVE, 0), "handle_map");
    kit_must(kernel_handle_map(kit_info->space, SERVER, endpoint, RIGHT_NOTIFY, 0), "handle_map");
    worker_start(&waiting, receive_bits, SERVER);
    struct counts before = counts_read();
    for (uint64_t i = 0; i < REPEAT; i++) expect_status(notify(SERVER, 1), STATUS_OK);
    struct counts after = counts_read();
    struct counts counts = counts_between(&before, &after);
    expect_two_and_two(&counts);
    worker_end(&waiting);
    kit_must(kernel_endpoint_destroy(endpoint), "endpoint_destroy");
}

void case_counts_returning_calls(void)
{
    struct counts before = counts_read();
    for (uint64_t i = 0; i < REPEAT; i++) expect_equal(kernel_version(), ABI_VERSION);
    struct counts after = counts_read();
    struct counts counts = counts_between(&before, &after);
    expect_equal(counts.value[COUNTER_ENTRIES], REPEAT);
    expect_equal(counts.value[COUNTER_ROOT_LOADS], 0);
    expect_equal(counts.value[COUNTER_FLUSHES] + counts.value[COUNTER_INVALIDATIONS], 0);
}

void case_counts_map_many(void)
{
    uint64_t block, done = 0, unmapped = 0, freed = 0, first = KIT_FREE;
    kit_must(kernel_frame_allocate(10, &block), "frame_allocate");
    while (kernel_frame_zero(block) == STATUS_AGAIN) continue;
    struct counts a = counts_read();
    expect_status(kernel_space_map(kit_info->space, first, block + 1, STEP_PAGES, ATTRIBUTE_WRITE, &done), STATUS_OK); /* not aligned: no large leaf */
    struct counts b = counts_read();
    expect_equal(done, STEP_PAGES);
    for (uint64_t i = 0; i < STEP_PAGES; i++) *(volatile uint64_t *)(first + i * PAGE_BYTES) = i; /* the translation buffer knows them */
    struct counts c = counts_read();
    expect_status(kernel_space_unmap(kit_info->space, first, STEP_PAGES, UNMAP_FREE, &done, &unmapped, &freed), STATUS_OK);
    struct counts d = counts_read();
    expect_equal(unmapped, STEP_PAGES);
    expect_equal(freed, 2 * STEP_PAGES); /* the block goes as a whole */
    struct counts map = counts_between(&a, &b), unmap = counts_between(&c, &d);
    expect_equal(map.value[COUNTER_ENTRIES], 1);
    expect_equal(map.value[COUNTER_ENTRIES_WRITTEN], STEP_PAGES + map.value[COUNTER_TABLES_ALLOCATED]);
    expect_equal(map.value[COUNTER_INVALIDATIONS] + map.value[COUNTER_FLUSHES], 0);
    expect_equal(unmap.value[COUNTER_ENTRIES_WRITTEN], STEP_PAGES + unmap.value[COUNTER_TABLES_FREED]);
    expect_equal(unmap.value[COUNTER_TABLES_FREED], map.value[COUNTER_TABLES_ALLOCATED]);
    expect_equal(unmap.value[COUNTER_FLUSHES], 1);
    expect_equal(unmap.value[COUNTER_INVALIDATIONS], 0);
}

void case_counts_large_leaf(void)
{
    uint64_t block, done = 0, unmapped = 0, freed = 0;
    kit_must(kernel_frame_allocate(9, &block), "frame_allocate");
    struct counts before = counts_read();
    expect_status(kernel_space_map(kit_info->space, KIT_FREE, block, STEP_PAGES, ATTRIBUTE_WRITE, &done), STATUS_OK);
    struct counts after = counts_read();
    struct counts map = counts_between(&before, &after);
    expect_equal(map.value[COUNTER_ENTRIES_WRITTEN], 1 + map.value[COUNTER_TABLES_ALLOCATED]);
    for (uint64_t i = 0; i < STEP_PAGES; i++) expect_equal(*(volatile uint64_t *)(KIT_FREE + i * PAGE_BYTES), 0);
    expect_status(kernel_space_unmap(kit_info->space, KIT_FREE, STEP_PAGES, UNMAP_FREE, &done, &unmapped, &freed), STATUS_OK);
    expect_equal(freed, STEP_PAGES);
}
