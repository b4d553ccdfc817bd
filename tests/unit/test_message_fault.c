/* Faults as messages: delivered, kept, answered by retry, refusal or resolve; and faults that nobody can answer. */
#include "abi/boot_info.h"
#include "fill_page.h"
#include "message_play.h"

TestSuite(message_fault, .init = message_begin);

constexpr uint64_t FAULT_TAG = TAG_FAULT | (uint64_t)WORLD_INCARNATION << TAG_INCARNATION_SHIFT;
constexpr uint64_t TRIED = FAULT_WRITE | 14 << 8 | (uint64_t)6 << 32;
constexpr uint64_t PAGE = WORLD_PLACE;

static void expect_fault(const struct thread *faulted, uint64_t kind, uint64_t tried, uint64_t address, uint64_t instruction)
{
    cr_assert_eq(processor.current, world.pager);
    expect_registers(world.pager, STATUS_OK, CLIENT_BADGE, kind | FAULT_TAG, tried, address, instruction, WORLD_STACK, faulted->label, 0, faulted->token);
    cr_assert_eq(faulted->state, THREAD_WAITING);
}

Test(message_fault, delivered_to_the_waiting_pager)
{
    world_fault(client, PAGE + 5);
    expect_fault(client, FAULT_PAGE, TRIED, PAGE + 5, WORLD_CODE);
    (void)play(world.pager, reply_receive, HANDLE_PAGER, FAULT_RETRY, 0, 0, 0, 0, 0, 0, client->token);
    cr_assert_eq(processor.current, client);
    cr_assert_eq(client->context.instruction, WORLD_CODE, "the instruction runs again");
    world_end_all();
}

Test(message_fault, registers_are_the_threads_own)
{
    for (unsigned i = 0; i < CALL_ARGUMENTS; i++) client->context.call.argument[i] = 1000 + i;
    struct arch_context before = client->context;
    world_fault(client, PAGE);
    (void)play(world.pager, reply_receive, HANDLE_PAGER, FAULT_RETRY, 5, 6, 7, 8, 9, 10, client->token);
    cr_assert_eq(memcmp(&client->context, &before, sizeof before), 0);
    world_end_all();
}

Test(message_fault, kept_while_the_pager_is_busy)
{
    world_fault(client, PAGE);
    (void)play(world.pager, reply_receive, HANDLE_PAGER, 99, 0, 0, 0, 0, 0, 0, client->token); /* no answer: it stays stopped */
    cr_assert_eq(client->state, THREAD_STOPPED);
    thread_stop(world.pager);
    world_let(second);
    world_fault(second, PAGE + PAGE_BYTES);
    cr_assert_eq(second->state, THREAD_SENDING);
    world_start(client);
    world_let(client);
    world_fault(client, PAGE + 2 * PAGE_BYTES);
    world_start(world.pager);
    (void)play(world.pager, receive, HANDLE_PAGER);
    expect_fault(second, FAULT_PAGE, TRIED, PAGE + PAGE_BYTES, WORLD_CODE);
    (void)play(world.pager, receive, HANDLE_PAGER);
    expect_fault(client, FAULT_PAGE, TRIED, PAGE + 2 * PAGE_BYTES, WORLD_CODE);
    world_end_all();
}

Test(message_fault, traced_ones_carry_the_time)
{
    deadline_begin(true, 0);
    world_fault(client, PAGE);
    cr_assert_neq(world.pager->context.call.argument[7], 0);
    deadline_begin(false, 0);
    world_end_all();
}

Test(message_fault, exceptions)
{
    kernel_on_exception(client, FAULT_EXCEPTION, fault_tried(0, 6, 0), 0);
    world_check();
    expect_fault(client, FAULT_EXCEPTION, 6 << 8, 0, WORLD_CODE);
    cr_assert_eq(play(world.pager, resolve, HANDLE_PAGER, PAGE, FRAME_FRESH, 1, 0, 0, 0, 0, client->token), STATUS_BAD_STATE);
    (void)play(world.pager, reply_receive, HANDLE_PAGER, FAULT_RETRY, 0, 0, 0, 0, 0, 0, client->token);
    cr_assert_eq(processor.current, client);
    world_end_all();
}

Test(message_fault, other_labels_leave_it_stopped)
{
    static const uint64_t labels[] = { FAULT_REFUSE, 2, 0xffff };
    for (unsigned i = 0; i < sizeof labels / sizeof labels[0]; i++) {
        world_let(client);
        world_fault(client, PAGE);
        uint64_t token = client->token;
        (void)play(world.pager, reply_receive, HANDLE_PAGER, labels[i], 0, 0, 0, 0, 0, 0, token);
        cr_assert_eq(client->state, THREAD_STOPPED);
        cr_assert_null(message_find_caller(world.pager, token));
        world_start(client);
    }
    world_end_all();
}

/* --- A handle without a row --- */

constexpr uint32_t EMPTY = 33;

Test(message_fault, handle_filled_then_the_call_runs_again)
{
    (void)play(client, call, EMPTY, tag_make(5, 0), 6, 7);
    expect_fault(client, FAULT_HANDLE, 0, EMPTY, WORLD_CODE);
    cr_assert_eq(play(world.pager, handle_map, client_space->frame.number, EMPTY, endpoint_name(endpoint), RIGHT_CALL, 55), STATUS_OK);
    (void)play(world.pager, reply_receive, HANDLE_PAGER, FAULT_RETRY, 0, 0, 0, 0, 0, 0, client->token);
    cr_assert_eq(processor.current, client);
    cr_assert_eq(client->context.instruction, WORLD_CODE - HOST_CALL_BYTES, "back to the call's instruction");
    expect_registers(client, (enum status)CALL_call, EMPTY, tag_make(5, 0), 6, 7);
    kernel_on_call(client); /* it runs again, with the registers as they are */
    world_check();
    cr_assert_eq(processor.current, server);
    expect_registers(server, STATUS_OK, 55, 5, 6, 7, 0, 0, 0, 0, client->token);
    world_end_all();
}

Test(message_fault, handle_refused)
{
    (void)play(client, receive, EMPTY, 0);
    expect_fault(client, FAULT_HANDLE, 0, EMPTY, WORLD_CODE);
    cr_assert_eq(play(world.pager, resolve, HANDLE_PAGER, PAGE, FRAME_FRESH, 1, 0, 0, 0, 0, client->token), STATUS_BAD_STATE);
    (void)play(world.pager, reply_receive, HANDLE_PAGER, FAULT_REFUSE, STATUS_DENIED, 0, 0, 0, 0, 0, client->token);
    cr_assert_eq(processor.current, client);
    cr_assert_eq(client->context.call.number, STATUS_DENIED);
    cr_assert_eq(client->context.instruction, WORLD_CODE);
    world_end_all();
}

Test(message_fault, handle_fault_of_every_call)
{
    static const uint64_t calls[] = { CALL_call, CALL_reply_receive, CALL_receive, CALL_notify };
    for (unsigned i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        world_let(client);
        (void)world_call(client, calls[i], (const uint64_t[CALL_ARGUMENTS]){ EMPTY });
        expect_fault(client, FAULT_HANDLE, 0, EMPTY, WORLD_CODE);
        (void)play(world.pager, reply_receive, HANDLE_PAGER, FAULT_REFUSE, STATUS_BAD_HANDLE, 0, 0, 0, 0, 0, client->token);
        cr_assert_eq(client->context.call.number, STATUS_BAD_HANDLE);
    }
    world_end_all();
}

Test(message_fault, handles_of_a_pager_are_not_forwarded)
{
    world_fault(client, PAGE);
    cr_assert_eq(play(world.pager, call, EMPTY), STATUS_BAD_HANDLE);
    cr_assert_eq(play(world.pager, resolve, EMPTY, PAGE, FRAME_FRESH, 1, 0, 0, 0, 0, client->token), STATUS_BAD_HANDLE);
    cr_assert_eq(processor.current, world.pager);
    world_end_all();
}

/* --- Nobody can answer --- */

static void crash(void *)
{
    kernel_on_exception(world.pager, FAULT_PAGE, fault_tried(FAULT_WRITE, 14, 6), 0x123000);
}

Test(message_fault, of_the_first_pager_is_a_crash)
{
    world_fault(client, PAGE);
    cr_assert_eq(processor.current, world.pager);
    uint32_t code;
    cr_assert_eq(host_run(crash, nullptr, &code), HOST_MACHINE_ENDED);
    cr_assert_eq(code, 1);
    cr_assert_not_null(strstr(host_log_text(), "kernel: pager crashed kind=1 vector=14 error=0x6 addr=0x123000 ip=0x400000 sp=0x800000"), "%s",
                       host_log_text());
}

Test(message_fault, without_pager)
{
    handle_empty(&client_space->pager);
    world_fault(client, PAGE);
    cr_assert_eq(client->state, THREAD_STOPPED);
    cr_assert_eq(processor.current, second, "the others go on");
    cr_assert_not_null(strstr(host_log_text(), "fault without pager"));
    cr_assert_eq(play(second, call, EMPTY), STATUS_BAD_HANDLE, "and a handle that nobody fills is none");
    world_end_all();
}

Test(message_fault, waits_for_a_space_that_ends)
{
    world_handle(server_space, SERVE, endpoint, RIGHTS_ALL, 0);
    handle_fill(&client_space->pager, HANDLE_PAGER, endpoint, RIGHT_CALL, 3); /* another pager */
    world_fault(client, 0xabc000);
    cr_assert_eq(processor.current, server);
    (void)play(server, receive, SERVE);
    host_log_clear();
    cr_assert_eq(message_end_callers(server_space), STATUS_OK);
    cr_assert_eq(client->state, THREAD_STOPPED);
    cr_assert_not_null(strstr(host_log_text(), "fault without pager"));
    cr_assert_not_null(strstr(host_log_text(), "addr=0xabc000"));
    world_check();
    world_end_all();
}

/* --- resolve --- */

Test(message_fault, resolved_by_a_frame)
{
    frame_t frame = world_frame();
    world_fault(client, PAGE + 9);
    (void)play(world.pager, resolve, HANDLE_PAGER, PAGE | ATTRIBUTE_WRITE, frame.number, 1, 0, 0, 0, 0, client->token);
    cr_assert_eq(processor.current, client);
    cr_assert_eq(world.pager->state, THREAD_RECEIVING);
    struct host_translation seen;
    cr_assert(host_walk(client_space->root, PAGE, &seen));
    cr_assert_eq(seen.frame.number, frame.number);
    cr_assert_eq(client->context.instruction, WORLD_CODE);
    world_end_all();
}

Test(message_fault, resolved_by_many_pages)
{
    static const uint64_t counts[] = { 2, 3, 64, 128 };
    uint64_t page = PAGE - 2 * PAGE_BYTES; /* up to the end of a table, and behind it */
    for (unsigned i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        world_let(client);
        world_fault(client, page);
        (void)play(world.pager, resolve, HANDLE_PAGER, page, FRAME_FRESH, counts[i], 0, 0, 0, 0, client->token);
        cr_assert_eq(processor.current, client);
        for (uint64_t at = 0; at < counts[i]; at++) {
            struct host_translation seen;
            cr_assert(host_walk(client_space->root, page + at * PAGE_BYTES, &seen));
        }
        page += counts[i] * PAGE_BYTES;
    }
    world_end_all();
}

Test(message_fault, resolved_by_a_full_step)
{
    /* All pages of a lowest table are one step, and no more are: resolve cannot come half-way. */
    world_end_all();
    world_begin_bytes((uint64_t)8 << 20);
    struct space *space = world_space(CLIENT_BADGE);
    struct thread *thread = world_thread(space, PRIORITY_PROGRAM, false);
    world_start(thread);
    uint64_t page = PAGE - STEP_PAGES * PAGE_BYTES;
    world_fault(thread, page);
    cr_assert_eq(play(world.pager, resolve, HANDLE_PAGER, page, FRAME_FRESH, STEP_PAGES + 1, 0, 0, 0, 0, thread->token), STATUS_BAD_LENGTH);
    for (uint64_t at = 1; at < 6; at++) {
        uint64_t last = PAGE - at * PAGE_BYTES;
        cr_assert_eq(play(world.pager, resolve, HANDLE_PAGER, last, FRAME_FRESH, at + 1, 0, 0, 0, 0, thread->token), STATUS_BAD_LENGTH, "%lu", at);
        cr_assert_eq(space->count_mapped, 0);
    }
    (void)play(world.pager, resolve, HANDLE_PAGER, page, FRAME_FRESH, STEP_PAGES, 0, 0, 0, 0, thread->token);
    cr_assert_eq(processor.current, thread);
    cr_assert_eq(space->count_mapped, STEP_PAGES);
    world_end_all();
}

/* A resolve that is refused: everything is as before, and the token still good. */
static void expect_refused(enum status status, uint64_t page, uint64_t frame, uint64_t count)
{
    uint64_t free_before = frame_count_free(), mapped = client_space->count_mapped, tables = client_space->count_tables;
    cr_assert_eq(play(world.pager, resolve, HANDLE_PAGER, page, frame, count, 0, 0, 0, 0, client->token), status, "page 0x%lx frame 0x%lx count %lu: %lu",
                 (unsigned long)page, (unsigned long)frame, (unsigned long)count, (unsigned long)world.pager->context.call.number);
    cr_assert_eq(processor.current, world.pager);
    cr_assert_eq(world.pager->context.call.argument[1], page, "no result was written");
    cr_assert_eq(frame_count_free(), free_before);
    cr_assert_eq(client_space->count_mapped, mapped);
    cr_assert_eq(client_space->count_tables, tables);
    cr_assert_eq(message_find_caller(world.pager, client->token), client);
}

Test(message_fault, resolve_refuses_and_changes_nothing)
{
    frame_t frame = world_frame(), mapped;
    must(fill_page(client_space, (user_page_t){ PAGE + 8 * PAGE_BYTES }, ATTRIBUTE_WRITE, &mapped));
    world_fault(client, PAGE);
    expect_refused(STATUS_BAD_LENGTH, PAGE, FRAME_FRESH, 0);
    expect_refused(STATUS_BAD_LENGTH, PAGE, FRAME_FRESH, STEP_PAGES + 1);
    expect_refused(STATUS_RANGE_WRAPS, PAGE, FRAME_FRESH, UINT64_MAX);
    expect_refused(STATUS_BAD_ADDRESS, USER_LIMIT, FRAME_FRESH, 1);
    expect_refused(STATUS_BAD_ADDRESS, 0, FRAME_FRESH, 1);
    expect_refused(STATUS_BAD_ADDRESS, USER_LIMIT - PAGE_BYTES, FRAME_FRESH, 2);
    expect_refused(STATUS_BAD_ARGUMENT, PAGE | 0x10, FRAME_FRESH, 1);
    expect_refused(STATUS_BAD_ARGUMENT, PAGE | ATTRIBUTE_DIRTY, FRAME_FRESH, 1);
    expect_refused(STATUS_WRITE_EXECUTE, PAGE | ATTRIBUTE_WRITE | ATTRIBUTE_EXECUTE, FRAME_FRESH, 1);
    expect_refused(STATUS_ALREADY_MAPPED, PAGE + 8 * PAGE_BYTES, FRAME_FRESH, 1);
    expect_refused(STATUS_ALREADY_MAPPED, PAGE, FRAME_FRESH, 9);
    expect_refused(STATUS_BAD_FRAME, PAGE, client_space->root.number, 1);
    expect_refused(STATUS_BAD_FRAME, PAGE, client->frame.number, 1);
    expect_refused(STATUS_BAD_FRAME, PAGE, 0, 1);
    expect_refused(STATUS_BAD_FRAME, PAGE, (uint64_t)1 << 32 | frame.number, 1);
    expect_refused(STATUS_BAD_FRAME, PAGE + 16 * PAGE_BYTES, frame.number, 400); /* those behind it are not USER */
    expect_refused(STATUS_BAD_FRAME, PAGE, frame_count_table(), 1);
    (void)play(world.pager, resolve, HANDLE_PAGER, PAGE | ATTRIBUTE_WRITE, frame.number, 1, 0, 0, 0, 0, client->token);
    cr_assert_eq(processor.current, client);
    world_end_all();
}

Test(message_fault, resolve_without_memory)
{
    world_fault(client, PAGE);
    for (uint64_t left = 0; left <= 12; left++) {
        world_leave_free(left);
        enum status expected = left < 3 + 9 ? STATUS_NO_MEMORY : STATUS_OK; /* three tables, nine pages */
        if (expected == STATUS_NO_MEMORY) expect_refused(expected, PAGE, FRAME_FRESH, 9);
        if (left < 3 + 1) expect_refused(STATUS_NO_MEMORY, PAGE, FRAME_FRESH, 1);
        if (expected == STATUS_OK) (void)play(world.pager, resolve, HANDLE_PAGER, PAGE, FRAME_FRESH, 9, 0, 0, 0, 0, client->token);
        world_give_back();
    }
    cr_assert_eq(processor.current, client);
    cr_assert_eq(client_space->count_mapped, 9);
    world_end_all();
}

Test(message_fault, resolve_is_for_page_faults_by_their_pager)
{
    world_handle(client_space, TO_SERVER, world.endpoint, RIGHT_CALL, 1);
    (void)play(client, call, TO_SERVER, 0);
    cr_assert_eq(play(world.pager, resolve, HANDLE_PAGER, PAGE, FRAME_FRESH, 1, 0, 0, 0, 0, client->token), STATUS_BAD_STATE);
    cr_assert_eq(play(world.pager, resolve, HANDLE_PAGER, PAGE, FRAME_FRESH, 1, 0, 0, 0, 0, 0), STATUS_STALE);
    cr_assert_eq(play(world.pager, resolve, HANDLE_PAGER, PAGE, FRAME_FRESH, 1, 0, 0, 0, 0, client->token + TOKEN_NEXT), STATUS_STALE);
    world_handle(world.pager_space, EMPTY, endpoint, RIGHT_CALL, 0);
    cr_assert_eq(play(world.pager, resolve, EMPTY, PAGE, FRAME_FRESH, 1, 0, 0, 0, 0, client->token), STATUS_NO_RIGHT);
    (void)play(world.pager, receive, HANDLE_PAGER);
    cr_assert_eq(processor.current, second);
    cr_assert_eq(play(second, resolve, TO_SERVER, PAGE, FRAME_FRESH, 1, 0, 0, 0, 0, client->token), STATUS_DENIED);
    world_end_all();
}

Test(message_fault, resolve_goes_on_with_the_next_message)
{
    struct thread *high = world_thread(client_space, PRIORITY_LIMIT - 1, false);
    world_fault(client, PAGE);
    world_start(high);
    world_fault(high, PAGE + PAGE_BYTES);
    cr_assert_eq(high->state, THREAD_SENDING);
    uint64_t token = client->token;
    (void)play(world.pager, resolve, HANDLE_PAGER, PAGE, FRAME_FRESH, 1, 0, 0, 0, 0, token);
    expect_fault(high, FAULT_PAGE, TRIED, PAGE + PAGE_BYTES, WORLD_CODE);
    cr_assert_eq(client->state, THREAD_READY);
    (void)play(world.pager, resolve, HANDLE_PAGER, PAGE + PAGE_BYTES, FRAME_FRESH, 1, 0, 0, 0, 0, high->token);
    cr_assert_eq(processor.current, high);
    world_end_all();
}
