/* Faults that are answered late, or never: the kernel tells them after a deadline. The test that boots these cases reads the lines; the places that are
 * touched, LATE and the pages behind it, say which case made which. */
#include "worker.h"

constexpr uint64_t MS = 1'000'000, DEADLINE = 1000 * MS; /* fault_deadline=1 */
constexpr uint64_t LATE = 0x1a7e0000;
constexpr uint32_t OWN = HANDLE_FREE, MISSING = HANDLE_FREE + 1;

/* What the workers touch and call. */
static void touch(uint64_t address)
{
    *(volatile char *)address = 1;
}

static void call_missing([[maybe_unused]] uint64_t argument)
{
    struct message message = {};
    (void)call(MISSING, &message);
}

/* Lets a time pass by a timer of an endpoint of our own. */
static void pass(uint64_t nanoseconds)
{
    uint64_t endpoint;
    struct message message;
    kit_must(kernel_endpoint_create(&endpoint), "endpoint_create");
    kit_must(kernel_handle_map(kit_info->space, OWN, endpoint, RIGHTS_ALL, 0), "handle_map");
    kit_must(timer_set(OWN, 1, nanoseconds), "timer_set");
    kit_must(receive(OWN, RECEIVE_WAIT, &message), "receive");
    kit_must(kernel_endpoint_destroy(endpoint), "endpoint_destroy");
}

/* Faults, is answered when the time has passed, faults again where a worker that is done does. */
static void fault_and_answer(const struct worker *worker, uint64_t address, uint64_t nanoseconds)
{
    struct message message;
    uint64_t frame;
    kit_must(kernel_frame_allocate(0, &frame), "frame_allocate");
    worker_restart(worker, touch, address);
    worker_take(&message);
    expect_equal(message.word[1], address);
    if (nanoseconds != 0) pass(nanoseconds);
    expect_status(worker_resolve(message.token, address | ATTRIBUTE_WRITE, frame, 1), STATUS_OK);
    worker_take_done(worker);
    uint64_t done, unmapped, freed;
    expect_status(kernel_space_unmap(worker->space, address, 1, UNMAP_FREE, &done, &unmapped, &freed), STATUS_OK);
    expect_equal(freed, 1);
}

void case_times_late_answers(void)
{
    struct worker worker = worker_make(BADGE, PRIORITY_FIRST, THREAD_PLAIN);
    fault_and_answer(&worker, LATE, 0);
    fault_and_answer(&worker, LATE + PAGE_BYTES, DEADLINE * 9 / 10);      /* in time */
    fault_and_answer(&worker, LATE + 2 * PAGE_BYTES, DEADLINE * 3);       /* told, and it goes on all the same */
    fault_and_answer(&worker, LATE + 3 * PAGE_BYTES, DEADLINE * 9 / 10);
    worker_end(&worker);
}

/* The pager has the faults of both and does nothing about them. */
void case_times_late_never(void)
{
    struct worker page = worker_make(BADGE, PRIORITY_FIRST, THREAD_PLAIN), handle = worker_make(BADGE + 1, PRIORITY_FIRST, THREAD_PLAIN);
    struct message message;
    worker_start(&page, touch, LATE + 4 * PAGE_BYTES);
    worker_take(&message);
    worker_start(&handle, call_missing, 0);
    worker_take(&message);
    pass(DEADLINE * 4);
    worker_end(&page);
    worker_end(&handle);
}

/* A chain of pagers: the outer worker's pager is the inner worker, which has received its fault and has a fault of its own that nobody has received. */
static void serve_badly(uint64_t address)
{
    struct message message = {};
    (void)receive(OWN, RECEIVE_WAIT, &message);
    touch(address);
}

void case_times_late_chain(void)
{
    uint64_t endpoint, nobody, space, outer_space;
    kit_must(kernel_endpoint_create(&endpoint), "endpoint_create");
    kit_must(kernel_endpoint_create(&nobody), "endpoint_create");
    space = worker_space_of(nobody, 0);
    struct worker inner = worker_join(space, BADGE + 1, PRIORITY_FIRST, THREAD_PLAIN, FRAME_NONE);
    kit_must(kernel_handle_map(space, OWN, endpoint, RIGHT_RECEIVE, 0), "handle_map");
    kit_must(kernel_space_create(endpoint, 1, &outer_space), "space_create");
    struct worker outer = worker_join(outer_space, BADGE + 2, PRIORITY_FIRST, THREAD_PLAIN, FRAME_NONE);
    worker_start(&inner, serve_badly, LATE + 6 * PAGE_BYTES);
    worker_start(&outer, touch, 0); /* its space is empty: its first instruction faults */
    kit_log("test", "chain inner=0x%lx outer=0x%lx endpoint=0x%lx", space, outer_space, nobody);
    pass(DEADLINE * 2);
    worker_leave(&outer);
    worker_leave(&inner);
    worker_space_end(outer_space);
    worker_space_end(space);
    kit_must(kernel_endpoint_destroy(endpoint), "endpoint_destroy");
    kit_must(kernel_endpoint_destroy(nobody), "endpoint_destroy");
}
