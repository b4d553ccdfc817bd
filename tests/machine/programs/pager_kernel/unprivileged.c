/* A thread of a space that is no pager: every call of a pager is denied to it, whatever its arguments; what it may call, it may call wrongly. */
#include "worker.h"

#include <string.h>

static struct registers asked, answered;
static uint64_t refused_calls;

static bool call_is_for_pagers(uint64_t number)
{
#define ANY false
#define PAGER true
#define TEST false
#define SYSCALL(row, name, who, how, in, out, text) if (number == (row)) return who;
#include <abi/syscall.def>
#undef SYSCALL
#undef ANY
#undef PAGER
#undef TEST
    return false;
}

/* Makes every call of a pager, with the arguments that `asked` has. */
static void ask_all([[maybe_unused]] uint64_t argument)
{
    for (uint64_t number = 0; number < CALL_LIMIT; number++) {
        if (!call_is_for_pagers(number)) continue;
        answered = asked;
        answered.number = number;
        case_call(&answered);
        if (answered.number != STATUS_DENIED || memcmp(answered.argument, asked.argument, sizeof asked.argument) != 0) __asm__ volatile("ud2");
        refused_calls++;
    }
}

void case_unprivileged_denied(void)
{
    struct worker worker = worker_make(BADGE, PRIORITY_FIRST, THREAD_PLAIN);
    uint64_t frame, free, pager_calls = 0;
    kit_must(kernel_frame_allocate(0, &frame), "frame_allocate");
    const uint64_t sets[][CALL_ARGUMENTS] = {
        {}, { worker.space, KIT_FREE, frame, 1, 0 }, { worker.space, KIT_FREE, 1, 0 }, { worker.thread, 0x400000, 0, 0 }, { frame, 0 },
        { kit_info->space, kit_info->image_first, 1, UNMAP_FREE }, { kit_info->thread, 0x400000, 0, 0 }, { kit_info->endpoint, 1 },
        { worker.space, 9, kit_info->endpoint, RIGHTS_ALL, 0 }, { HANDLE_PAGER, KIT_FREE, FRAME_FRESH, 1 }, { ~(uint64_t)0, ~(uint64_t)0, ~(uint64_t)0 },
    };
    for (uint64_t number = 0; number < CALL_LIMIT; number++) pager_calls += call_is_for_pagers(number);
    free = case_count_free();
    for (unsigned i = 0; i < sizeof sets / sizeof sets[0]; i++) {
        memcpy(asked.argument, sets[i], sizeof asked.argument);
        refused_calls = 0;
        worker_restart(&worker, ask_all, 0);
        worker_take_done(&worker);
        expect_equal(refused_calls, pager_calls);
        expect_equal(case_count_free(), free);
    }
    expect(pager_calls >= 20);
    expect_status(kernel_frame_free(frame, 0), STATUS_OK);
    worker_end(&worker);
}

/* Makes one call. */
static void ask(uint64_t number)
{
    answered = asked;
    answered.number = number;
    case_call(&answered);
}

static enum status ask_by(const struct worker *worker, uint64_t number, uint64_t first, uint64_t second)
{
    asked = (struct registers){ .argument = { first, second } };
    worker_restart(worker, ask, number);
    worker_take_done(worker);
    return (enum status)answered.number;
}

void case_unprivileged_allowed(void)
{
    uint64_t frame, space = worker_space(BADGE);
    kit_must(kernel_frame_allocate(0, &frame), "frame_allocate");
    struct worker bare = worker_join(space, BADGE, PRIORITY_FIRST, THREAD_PLAIN, FRAME_NONE);
    struct worker worker = worker_join(space, BADGE, PRIORITY_FIRST, THREAD_PLAIN, frame);
    expect_status(ask_by(&bare, CALL_version, 0, 0), STATUS_OK);
    expect_equal(answered.argument[0], ABI_VERSION);
    expect_status(ask_by(&bare, CALL_yield, 0, 0), STATUS_OK);
    expect_status(ask_by(&bare, CALL_log, 5, 0), STATUS_BAD_BUFFER);
    expect_status(ask_by(&worker, CALL_log, 0, 0), STATUS_BAD_LENGTH);
    expect_status(ask_by(&worker, CALL_log, MESSAGE_BUFFER_BYTES + 1, 0), STATUS_BAD_LENGTH);
    expect_status(ask_by(&worker, CALL_log, (uint64_t)1 << 32 | 5, 0), STATUS_BAD_LENGTH);
    static const uint64_t numbers[] = { 9, 15, 63 + 1, 1u << 31, (uint64_t)1 << 32, (uint64_t)1 << 32 | CALL_yield, ~(uint64_t)0 };
    for (unsigned i = 0; i < sizeof numbers / sizeof numbers[0]; i++) expect_status(ask_by(&bare, numbers[i], 1, 2), STATUS_BAD_CALL);
    for (uint64_t call_number = CALL_call; call_number <= CALL_timer_set; call_number++) {
        if (call_number == CALL_yield || call_number == CALL_log) continue;
        expect_status(ask_by(&bare, call_number, HANDLE_NONE, 0), STATUS_BAD_HANDLE);
        expect_status(ask_by(&bare, call_number, (uint64_t)1 << 32, 0), STATUS_BAD_HANDLE);
        expect_status(ask_by(&bare, call_number, ~(uint64_t)0, 0), STATUS_BAD_HANDLE);
    }
    worker_leave(&bare);
    worker_leave(&worker);
    worker_space_end(space);
    kit_must(kernel_frame_free(frame, 0), "frame_free");
}

/* What a program writes to the log cannot look like the kernel's lines: one line, printable, cut. */
void case_unprivileged_log(void)
{
    uint64_t frame, done, unmapped, freed;
    kit_must(kernel_frame_allocate(0, &frame), "frame_allocate");
    kit_must(kernel_space_map(kit_info->space, KIT_FREE, frame, 1, ATTRIBUTE_WRITE, &done), "space_map");
    static const char text[] = "program: first\n[0.000000000] panic: forged\x1b[2J\x7f\xff end";
    memset((char *)KIT_FREE, 'x', PAGE_BYTES);
    memcpy((char *)KIT_FREE, text, sizeof text);
    struct worker worker = worker_join(worker_space(BADGE), BADGE, PRIORITY_FIRST, THREAD_PLAIN, frame);
    expect_status(ask_by(&worker, CALL_log, sizeof text - 1, 0), STATUS_OK);
    expect_status(ask_by(&worker, CALL_log, MESSAGE_BUFFER_BYTES, 0), STATUS_OK);
    worker_end(&worker);
    kit_must(kernel_space_unmap(kit_info->space, KIT_FREE, 1, UNMAP_FREE, &done, &unmapped, &freed), "space_unmap");
}
