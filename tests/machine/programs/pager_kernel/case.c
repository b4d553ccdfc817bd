/* Cases: expectations, raw calls, counters, numbers. See case.h.
 *
 * 1. The detail of a case is that of the first expectation that did not hold. */
#include "case.h"

#include "case_run.h"

#include <format.h>

static char detail[200];

static void fail(const char *file, unsigned line, const char *what, const char *text)
{
    if (detail[0] == 0) format_string(detail, sizeof detail, "%s:%u: %s%s", file, line, what, text);
    for (char *at = detail; *at != 0; at++) {
        if (*at == '"') *at = '\'';
    }
}

void case_begin(void)
{
    detail[0] = 0;
}

const char *case_detail(void)
{
    return detail;
}

bool case_expect(bool holds, const char *what, const char *file, unsigned line)
{
    if (!holds) fail(file, line, what, "");
    return holds;
}

bool case_expect_equal(uint64_t found, uint64_t wanted, const char *what, const char *file, unsigned line)
{
    char text[64];
    format_string(text, sizeof text, " is 0x%lx, not 0x%lx", found, wanted);
    if (found != wanted) fail(file, line, what, text);
    return found == wanted;
}

bool case_expect_status(enum status found, enum status wanted, const char *what, const char *file, unsigned line)
{
    char text[64];
    format_string(text, sizeof text, " is %s, not %s", status_name(found), status_name(wanted));
    if (found != wanted) fail(file, line, what, text);
    return found == wanted;
}

void case_call(struct registers *registers)
{
    uint64_t *argument = registers->argument;
    register uint64_t r14 __asm__("r14") = argument[3];
    register uint64_t r8 __asm__("r8") = argument[4];
    register uint64_t r9 __asm__("r9") = argument[5];
    register uint64_t r12 __asm__("r12") = argument[6];
    register uint64_t r13 __asm__("r13") = argument[7];
    register uint64_t r15 __asm__("r15") = argument[8];
    __asm__ volatile("syscall"
                     : "+a"(registers->number), "+D"(argument[0]), "+S"(argument[1]), "+d"(argument[2]), "+r"(r14), "+r"(r8), "+r"(r9), "+r"(r12),
                       "+r"(r13), "+r"(r15)
                     :
                     : "rcx", "r11", "r10", "rbx", "memory");
    argument[3] = r14;
    argument[8] = r15;
    argument[4] = r8;
    argument[5] = r9;
    argument[6] = r12;
    argument[7] = r13;
}

void case_expect_refused(enum status wanted, uint64_t number, const struct registers *registers, const char *what, const char *file, unsigned line)
{
    uint64_t free = case_count_free();
    struct registers after = *registers;
    after.number = number;
    case_call(&after);
    case_expect_status((enum status)after.number, wanted, what, file, line);
    for (unsigned i = 0; i < CALL_ARGUMENTS; i++) {
        if (after.argument[i] != registers->argument[i]) fail(file, line, what, " changed a register");
    }
    if (case_count_free() != free) fail(file, line, what, " changed the count of free frames");
}

uint64_t case_count_free(void)
{
    uint64_t free = 0, total;
    kit_must(kernel_frame_count(&free, &total), "frame_count");
    return free;
}

/* The program's pages, looked up once: they stay. */
static uint64_t page_frames[512];
static unsigned count_page_frames;

static void page_frames_find(void)
{
    for (uint64_t address = kit_info->image_first; address < kit_info->image_limit; address += PAGE_BYTES) {
        uint64_t frame, page_bytes;
        uint32_t attributes;
        if (kernel_space_query(kit_info->space, address, &frame, &attributes, &page_bytes) != STATUS_OK) continue;
        if (count_page_frames == sizeof page_frames / sizeof page_frames[0]) kit_must(STATUS_LIMIT, "page frames");
        page_frames[count_page_frames++] = frame;
    }
}

bool case_frame_is_own(uint64_t frame)
{
    if (count_page_frames == 0) page_frames_find();
    for (unsigned i = 0; i < kit_info->modules; i++) {
        const struct boot_module *module = &kit_info->module[i];
        if (frame >= module->first_frame && frame - module->first_frame < (module->size_bytes + PAGE_BYTES - 1) / PAGE_BYTES) return true;
    }
    for (unsigned i = 0; i < count_page_frames; i++) {
        if (page_frames[i] == frame) return true;
    }
    return false;
}

void case_check(void)
{
    uint32_t failed = 0;
    expect_status(kernel_test_check(&failed), STATUS_OK);
    expect_equal(failed, 0);
}

void case_check_sometimes(void)
{
    constexpr uint64_t many_frames = 0x20000;
    uint64_t free, total;
    kit_must(kernel_frame_count(&free, &total), "frame_count");
    if (total < many_frames) case_check();
}

struct counts counts_read(void)
{
    struct counts counts;
    uint64_t interrupts;
    for (counts.retries = 0;; counts.retries++) {
        kit_must(kernel_test_counter(COUNTER_INTERRUPTS, &interrupts), "test_counter");
        for (uint32_t i = 0; i < COUNTERS; i++) kit_must(kernel_test_counter((enum counter)i, &counts.value[i]), "test_counter");
        if (counts.value[COUNTER_INTERRUPTS] == interrupts) return counts;
    }
}

struct counts counts_between(const struct counts *before, const struct counts *after)
{
    struct counts counts;
    for (unsigned i = 0; i < COUNTERS; i++) counts.value[i] = after->value[i] - before->value[i];
    /* The reading itself: what came behind the first counter before, and all up to it after. */
    counts.value[COUNTER_ENTRIES] -= COUNTERS + 1 + after->retries * (COUNTERS + 1) + counts.value[COUNTER_INTERRUPTS];
    return counts;
}

uint64_t random_next(struct random *random)
{
    uint64_t x = random->state; /* xorshift64: never 0 when the seed is not */
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    random->state = x;
    return x * 0x2545f4914f6cdd1d;
}

uint64_t random_below(struct random *random, uint64_t limit)
{
    return (random_next(random) >> 16) % limit;
}
