/* The dispatcher: every number, who may call what, what is told to others; and that a RETURNS call leaves what it does not name. */
#include <criterion/criterion.h>

#include "counter.h"
#include "fill_page.h"
#include "kernel_world.h"

static struct space *space;
static struct thread *program;

static void begin(void)
{
    world_begin();
    space = world_space(7);
    program = world_thread(space, PRIORITY_PROGRAM, true);
    world_start(program);
}

TestSuite(syscall, .init = begin);

static void pager_runs(void)
{
    message_notify(world.endpoint, 1);
    kernel_switch(nullptr);
    cr_assert_eq(processor.current, world.pager);
}

enum who : uint8_t { NO_CALL, ANY, PAGER, TEST };
static const enum who who_may[CALL_LIMIT] = {
#define SYSCALL(number, name, who, how, in, out, text) [number] = who,
#include "abi/syscall.def"
#undef SYSCALL
};

static const char *const arguments_of[CALL_LIMIT] = {
#define SYSCALL(number, name, who, how, in, out, text) [number] = in,
#include "abi/syscall.def"
#undef SYSCALL
};

static constexpr uint64_t MARKS[CALL_ARGUMENTS] = { 101, 102, 103, 104, 105, 106, 107, 108, 109 };

static void expect_unchanged(const struct thread *thread, uint64_t number)
{
    cr_assert_eq(memcmp(thread->context.call.argument, MARKS, sizeof MARKS), 0, "call %lu changed an argument", (unsigned long)number);
}

Test(syscall, numbers_without_a_call)
{
    unsigned without = 0;
    for (uint64_t number = 0; number < 4 * CALL_LIMIT; number++) {
        if (number < CALL_LIMIT && who_may[number] != NO_CALL) continue;
        without++;
        cr_assert_eq(world_call(program, number, MARKS), STATUS_BAD_CALL, "number %lu", (unsigned long)number);
        expect_unchanged(program, number);
    }
    cr_assert_gt(without, 3 * CALL_LIMIT);
    static const uint64_t wild[] = { UINT64_MAX, INT64_MAX, (uint64_t)1 << 32, (uint64_t)1 << 32 | CALL_yield, (uint64_t)1 << 63 | CALL_machine_end };
    for (size_t i = 0; i < sizeof wild / sizeof wild[0]; i++) {
        cr_assert_eq(world_call(program, wild[i], MARKS), STATUS_BAD_CALL);
        expect_unchanged(program, wild[i]);
    }
    world_end_all();
}

Test(syscall, pagers_calls_are_denied_before_any_argument)
{
    unsigned denied = 0;
    for (uint64_t number = 0; number < CALL_LIMIT; number++) {
        if (who_may[number] != PAGER) continue;
        denied++;
        uint64_t free_before = frame_count_free();
        cr_assert_eq(world_call(program, number, MARKS), STATUS_DENIED, "number %lu", (unsigned long)number);
        expect_unchanged(program, number);
        cr_assert_eq(processor.current, program);
        cr_assert_eq(frame_count_free(), free_before);
    }
    cr_assert_geq(denied, 22);
    world_end_all();
}

Test(syscall, denied_with_good_arguments_too)
{
    frame_t frame = world_frame();
    uint64_t at = space->frame.number;
    cr_assert_eq(play(program, frame_allocate, 0), STATUS_DENIED);
    cr_assert_eq(play(program, frame_free, frame.number, 0), STATUS_DENIED);
    cr_assert_eq(play(program, space_map, at, WORLD_PLACE, frame.number, 1, ATTRIBUTE_WRITE), STATUS_DENIED);
    cr_assert_eq(play(program, space_create, endpoint_name(world.endpoint)), STATUS_DENIED);
    cr_assert_eq(play(program, thread_stop, world.pager->frame.number), STATUS_DENIED);
    cr_assert_eq(play(program, handle_map, at, 20, endpoint_name(world.endpoint), RIGHTS_ALL, 0), STATUS_DENIED);
    cr_assert_eq(play(program, machine_end, 0), STATUS_DENIED);
    cr_assert_eq(world.pager->state, THREAD_RECEIVING);
    cr_assert_null(handle_find(space, 20));
    cr_assert(frame_is(frame, FRAME_KIND_USER));
    world_end_all();
}

Test(syscall, version_changes_its_result_only)
{
    uint64_t expected[CALL_ARGUMENTS];
    memcpy(expected, MARKS, sizeof expected);
    expected[0] = ABI_VERSION;
    cr_assert_eq(world_call(program, CALL_version, MARKS), STATUS_OK);
    cr_assert_eq(memcmp(program->context.call.argument, expected, sizeof expected), 0);
    world_end_all();
}

Test(syscall, refused_calls_of_a_pager_write_nothing)
{
    pager_runs();
    for (uint64_t number = 16; number < CALL_LIMIT; number++) {
        if (who_may[number] != PAGER || number == CALL_machine_end || arguments_of[number][0] == '\0') continue;
        enum status status = world_call(world.pager, number, MARKS);
        cr_assert(status != STATUS_OK && status != STATUS_DENIED && status != STATUS_BAD_CALL, "call %lu: status %u", (unsigned long)number, status);
        expect_unchanged(world.pager, number);
        cr_assert_eq(processor.current, world.pager);
    }
    world_end_all();
}

/* Harvesting and moving: bad ranges, lengths and names on either side; then every frame that is no space as a space. */
static void refused(enum status status, uint64_t number, const uint64_t argument[CALL_ARGUMENTS])
{
    uint64_t free_before = frame_count_free(), pages = space->count_mapped;
    cr_assert_eq(world_call(world.pager, number, argument), status, "call %lu (%lx %lx %lx %lx %lx)", (unsigned long)number, (unsigned long)argument[0],
                 (unsigned long)argument[1], (unsigned long)argument[2], (unsigned long)argument[3], (unsigned long)argument[4]);
    cr_assert_eq(memcmp(world.pager->context.call.argument, argument, CALL_ARGUMENTS * sizeof argument[0]), 0);
    cr_assert(frame_count_free() == free_before && space->count_mapped == pages && processor.current == world.pager);
}

Test(syscall, hostile_moves_and_harvests, .timeout = 1200)
{
    static const struct { uint64_t address, count; enum status status; } ranges[] = {
        { WORLD_PLACE, 0, STATUS_BAD_LENGTH }, { WORLD_PLACE + 1, 1, STATUS_BAD_ALIGNMENT }, { WORLD_PLACE + 0x800, 2, STATUS_BAD_ALIGNMENT },
        { 0, 1, STATUS_BAD_ADDRESS }, { USER_FIRST - PAGE_BYTES, 2, STATUS_BAD_ADDRESS }, { USER_LIMIT, 1, STATUS_BAD_ADDRESS },
        { USER_LIMIT - PAGE_BYTES, 2, STATUS_BAD_ADDRESS }, { (uint64_t)1 << 47, 1, STATUS_BAD_ADDRESS }, { 0xffff800000000000, 1, STATUS_BAD_ADDRESS },
        { 0x8000000000000000, 1, STATUS_BAD_ADDRESS }, { 0xfffffffffffff000, 1, STATUS_RANGE_WRAPS }, { WORLD_PLACE, (uint64_t)1 << 52, STATUS_RANGE_WRAPS },
        { WORLD_PLACE, UINT64_MAX, STATUS_RANGE_WRAPS }, { WORLD_PLACE, (uint64_t)1 << 51, STATUS_BAD_ADDRESS },
    };
    pager_runs();
    uint64_t at = space->frame.number, other = world.idle_space->frame.number, good = WORLD_PLACE + 0x100000;
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
        refused(ranges[i].status, CALL_space_count, (uint64_t[CALL_ARGUMENTS]){ at, ranges[i].address, ranges[i].count });
        refused(ranges[i].status, CALL_space_harvest, (uint64_t[CALL_ARGUMENTS]){ at, ranges[i].address, ranges[i].count });
        refused(ranges[i].status, CALL_space_move, (uint64_t[CALL_ARGUMENTS]){ at, ranges[i].address, other, good, ranges[i].count });
        refused(ranges[i].status, CALL_space_move, (uint64_t[CALL_ARGUMENTS]){ at, good, other, ranges[i].address, ranges[i].count });
        refused(ranges[i].status, CALL_space_share, (uint64_t[CALL_ARGUMENTS]){ at, ranges[i].address, other, good, ranges[i].count });
        refused(ranges[i].status, CALL_space_share, (uint64_t[CALL_ARGUMENTS]){ at, good, other, ranges[i].address, ranges[i].count });
    }
    refused(STATUS_BAD_LENGTH, CALL_space_harvest, (uint64_t[CALL_ARGUMENTS]){ at, good, 65 });
    refused(STATUS_BAD_LENGTH, CALL_space_harvest, (uint64_t[CALL_ARGUMENTS]){ at, good, 1 << 20 });
    refused(STATUS_BAD_ARGUMENT, CALL_space_move, (uint64_t[CALL_ARGUMENTS]){ at, good, at, good + PAGE_BYTES, 2 });
    refused(STATUS_BAD_ARGUMENT, CALL_space_share, (uint64_t[CALL_ARGUMENTS]){ at, good, at, good + PAGE_BYTES, 2 });
    refused(STATUS_BAD_ARGUMENT, CALL_space_share, (uint64_t[CALL_ARGUMENTS]){ at, good, other, good, 1, SHARE_COPY | ATTRIBUTE_WRITE });
    refused(STATUS_BAD_ARGUMENT, CALL_space_share, (uint64_t[CALL_ARGUMENTS]){ at, good, other, good, 1, 512 });
    refused(STATUS_BAD_ARGUMENT, CALL_space_share, (uint64_t[CALL_ARGUMENTS]){ at, good, other, good, 1, ATTRIBUTE_UNCACHED });
    refused(STATUS_WRITE_EXECUTE, CALL_space_share, (uint64_t[CALL_ARGUMENTS]){ at, good, other, good, 1, ATTRIBUTE_WRITE | ATTRIBUTE_EXECUTE });
    uint64_t limit = frame_count_table(), others = 0;
    world_check_each = 1000;
    for (uint64_t name = 0; name < limit + 3; name++) {
        if (name < limit && frame_is((frame_t){ (uint32_t)name }, FRAME_KIND_SPACE)) continue;
        if (name > 64 && name < limit && name % 64 && frame_is((frame_t){ (uint32_t)name }, FRAME_KIND_FREE)) continue; /* one free one is like another */
        others++;
        refused(STATUS_BAD_OBJECT, CALL_space_count, (uint64_t[CALL_ARGUMENTS]){ name, good, 1 });
        refused(STATUS_BAD_OBJECT, CALL_space_harvest, (uint64_t[CALL_ARGUMENTS]){ name, good, 1 });
        refused(STATUS_BAD_OBJECT, CALL_space_move, (uint64_t[CALL_ARGUMENTS]){ name, good, at, good, 1 });
        refused(STATUS_BAD_OBJECT, CALL_space_move, (uint64_t[CALL_ARGUMENTS]){ at, good, name, good, 1 });
        refused(STATUS_BAD_OBJECT, CALL_space_share, (uint64_t[CALL_ARGUMENTS]){ name, good, at, good, 1 });
        refused(STATUS_BAD_OBJECT, CALL_space_share, (uint64_t[CALL_ARGUMENTS]){ at, good, name, good, 1 });
    }
    cr_assert_gt(others, 64);
    static const uint64_t wild[] = { UINT32_MAX, (uint64_t)1 << 32, (uint64_t)1 << 63, UINT64_MAX };
    for (size_t i = 0; i < sizeof wild / sizeof wild[0]; i++) refused(STATUS_BAD_OBJECT, CALL_space_harvest, (uint64_t[CALL_ARGUMENTS]){ wild[i], good, 1 });
    refused(STATUS_BAD_OBJECT, CALL_space_move, (uint64_t[CALL_ARGUMENTS]){ at + ((uint64_t)1 << 32), good, at, good, 1 });
    world_check_now();
    world_end_all();
}

Test(syscall, endpoints_by_calls)
{
    pager_runs();
    cr_assert_eq(play(world.pager, endpoint_create), STATUS_OK);
    uint64_t name = world.pager->context.call.argument[0];
    cr_assert_not_null(endpoint_find(name));
    cr_assert_eq(play(world.pager, endpoint_destroy, name), STATUS_OK);
    cr_assert_eq(play(world.pager, endpoint_destroy, name), STATUS_BAD_OBJECT);
    cr_assert_eq(play(world.pager, endpoint_destroy, name & ~(ENDPOINTS_PER_FRAME - 1)), STATUS_BAD_OBJECT);
    world_end_all();
}

Test(syscall, a_pagers_life_by_calls)
{
    pager_runs();
    uint64_t free_before = frame_count_free();
    const uint64_t *result = world.pager->context.call.argument;
    cr_assert_eq(play(world.pager, space_create, endpoint_name(world.endpoint), 31), STATUS_OK);
    uint64_t made_space = result[0];
    cr_assert_eq(play(world.pager, frame_allocate, 0), STATUS_OK);
    uint64_t buffer = result[0];
    cr_assert_eq(play(world.pager, thread_create, made_space, 5, buffer, PRIORITY_PROGRAM, THREAD_PLAIN), STATUS_OK);
    uint64_t made_thread = result[0];
    cr_assert_eq(play(world.pager, space_fill, made_space, WORLD_PLACE, 3, ATTRIBUTE_WRITE), STATUS_OK);
    cr_assert_eq(play(world.pager, thread_start, made_thread, WORLD_CODE, WORLD_STACK, 1), STATUS_OK);
    cr_assert_eq(play(world.pager, space_destroy, made_space), STATUS_BAD_STATE, "it has a thread");
    cr_assert_eq(play(world.pager, space_destroy, world.pager_space->frame.number), STATUS_BAD_STATE, "its own");
    cr_assert_eq(play(world.pager, frame_free, buffer, 0), STATUS_FRAME_BUSY);
    (void)play(world.pager, receive, HANDLE_PAGER);
    cr_assert_eq(processor.current, program);
    (void)play(program, yield);
    struct thread *made = processor.current;
    cr_assert_eq(made->frame.number, made_thread);
    world_fault(made, WORLD_PLACE + 8 * PAGE_BYTES);
    cr_assert_eq(result[0], 31);
    cr_assert_eq(play(world.pager, thread_destroy, made_thread), STATUS_OK);
    enum status status;
    while ((status = play(world.pager, space_destroy, made_space)) == STATUS_AGAIN) {
    }
    cr_assert_eq(status, STATUS_OK);
    cr_assert_eq(play(world.pager, space_destroy, made_space), STATUS_BAD_OBJECT);
    cr_assert_eq(play(world.pager, frame_free, buffer, 0), STATUS_OK);
    cr_assert_eq(frame_count_free(), free_before);
    world_end_all();
}

Test(syscall, entries_are_counted)
{
    uint64_t before = counters[COUNTER_ENTRIES], interrupts = counters[COUNTER_INTERRUPTS];
    (void)play(program, version);
    (void)play(program, yield);
    world_tick();
    cr_assert_eq(counters[COUNTER_ENTRIES] - before, 3);
    cr_assert_eq(counters[COUNTER_INTERRUPTS] - interrupts, 1);
    cr_assert_eq(play(program, test_counter, COUNTERS), STATUS_BAD_ARGUMENT);
    cr_assert_eq(play(program, test_counter, UINT64_MAX), STATUS_BAD_ARGUMENT);
    cr_assert_eq(play(program, test_counter, COUNTER_INTERRUPTS), STATUS_OK);
    cr_assert_eq(program->context.call.argument[0], counters[COUNTER_INTERRUPTS]);
    world_end_all();
}

Test(syscall, checker_by_call)
{
    cr_assert_eq(play(program, test_check, 5), STATUS_OK);
    cr_assert_eq(program->context.call.argument[0], 0);
    uint32_t kept = space->count_threads;
    space->count_threads = 9;
    program->context.call.number = CALL_test_check;
    kernel_on_call(program);
    space->count_threads = kept;
    cr_assert_eq(program->context.call.argument[0], 9, "invariant 9: threads and queues");
    world_end_all();
}

Test(syscall, counts_of_a_space_by_call)
{
    cr_assert_eq(play(program, test_space, world.pager->frame.number), STATUS_BAD_OBJECT);
    cr_assert_eq(play(program, test_space, space->frame.number), STATUS_OK);
    cr_assert_eq(program->context.call.argument[0], 0);
    cr_assert_eq(program->context.call.argument[1], 0);
    frame_t frame;
    must(fill_page(space, (user_page_t){ WORLD_PLACE }, ATTRIBUTE_WRITE, &frame));
    cr_assert_eq(play(program, test_space, space->frame.number), STATUS_OK);
    cr_assert_eq(program->context.call.argument[0], 1);
    cr_assert_eq(program->context.call.argument[1], PTE_LEVELS - 1);
    world_end_all();
}

static void end_with_code(void *code)
{
    (void)play(world.pager, machine_end, *(uint64_t *)code);
}

Test(syscall, machine_end)
{
    pager_runs();
    static uint64_t codes[] = { 0, 3, 0xffffffff };
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        uint32_t code;
        cr_assert_eq(host_run(end_with_code, &codes[i], &code), HOST_MACHINE_ENDED);
        cr_assert_eq(code, codes[i]);
    }
    cr_assert_not_null(strstr(host_log_text(), "kernel: end code=3\n"));
}

Test(syscall, machine_end_takes_a_code_of_32_bits)
{
    pager_runs();
    uint64_t wide = (uint64_t)1 << 32; /* must not end as success */
    cr_assert_eq(play(world.pager, machine_end, wide), STATUS_BAD_ARGUMENT);
    world_end_all();
}

Test(syscall, yield_gives_way)
{
    struct thread *other = world_thread(space, PRIORITY_PROGRAM, false);
    world_start(other);
    cr_assert_eq(processor.current, program);
    (void)play(program, yield);
    cr_assert_eq(processor.current, other);
    cr_assert_eq(program->context.call.number, STATUS_OK);
    world_end_all();
}
