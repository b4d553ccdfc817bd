/* Every other exception of the processor: a message with the vector and the instruction; the machine, and the pager, go on. */
#include "worker.h"

#include "attempt.h"

volatile uint64_t attempt_instruction;

constexpr unsigned DIVIDE = 0, DEBUG = 1, BREAKPOINT = 3, INVALID = 6, NO_VECTORS = 7, STACK = 12, PROTECTION = 13;
/* Processors differ, or QEMU 7.2 does: it has no ICEBP, and takes the stack of a far return for the kernel's, which SMAP forbids. */
constexpr unsigned OR_INVALID = 0x100, OR_PROTECTION = 0x200, OR_PAGE = 0x400;

static uint8_t descriptor[16];

ATTEMPT(divide_by_zero, "xor %%ecx, %%ecx\n\txor %%edx, %%edx\n\t", "div %%rcx")
ATTEMPT(divide_overflow, "mov $-1, %%ecx\n\tmov $0x80000000, %%edx\n\t", "idiv %%ecx")
ATTEMPT(undefined, "", "ud2")
ATTEMPT(lock_nothing, "", ".byte 0xf0, 0x90")
ATTEMPT(into, "", ".byte 0xce")
ATTEMPT(breakpoint, "", "int3")
ATTEMPT(ice_breakpoint, "", ".byte 0xf1")
ATTEMPT(int_0x80, "", "int $0x80")
ATTEMPT(int_page_fault, "", "int $14")
ATTEMPT(int_double_fault, "", "int $8")
ATTEMPT(int_debug, "", "int $1")
ATTEMPT(int_nmi, "", "int $2")
ATTEMPT(int_timer, "", "int $32")
ATTEMPT(int_last, "", "int $255")
ATTEMPT(clear_interrupts, "", "cli")
ATTEMPT(set_interrupts, "", "sti")
ATTEMPT(halt, "", "hlt")
ATTEMPT(read_root, "", "mov %%cr3, %%rcx")
ATTEMPT(write_root, "", "mov %%rcx, %%cr3")
ATTEMPT(write_control_0, "", "mov %%rcx, %%cr0")
ATTEMPT(write_control_4, "", "mov %%rcx, %%cr4")
ATTEMPT(write_control_8, "", "mov %%rcx, %%cr8")
ATTEMPT(read_debug, "", "mov %%dr7, %%rcx")
ATTEMPT(write_debug, "", "mov %%rcx, %%dr7")
ATTEMPT(write_msr, "mov $0xc0000082, %%ecx\n\t", "wrmsr")
ATTEMPT(read_msr, "mov $0xc0000080, %%ecx\n\t", "rdmsr")
ATTEMPT(read_port, "mov $0x3f8, %%edx\n\t", "in %%dx, %%al")
ATTEMPT(write_port, "mov $0xf4, %%edx\n\t", "out %%eax, %%dx")
ATTEMPT(write_port_string, "mov $0xf4, %%edx\n\t", "outsb")
ATTEMPT(clear_task_switched, "", "clts")
ATTEMPT(write_status_word, "", "lmsw %%cx")
ATTEMPT(invalidate_page, "", "invlpg (%%rdi)")
ATTEMPT(write_back, "", "wbinvd")
ATTEMPT(swap_gs, "", "swapgs")
ATTEMPT(return_to_user, "", "sysretq")
ATTEMPT(return_by_sysexit, "", "sysexitq")
ATTEMPT(load_gates, "", "lidt (%%rdi)")
ATTEMPT(load_segments, "", "lgdt (%%rdi)")
ATTEMPT(load_local_segments, "", "lldt %%cx")
ATTEMPT(load_task, "mov $0x30, %%ecx\n\t", "ltr %%cx")
ATTEMPT(load_kernel_data, "mov $0x10, %%ecx\n\t", "mov %%ecx, %%ds")
ATTEMPT(load_kernel_stack, "mov $0x10, %%ecx\n\t", "mov %%ecx, %%ss")
ATTEMPT(jump_to_kernel_code, "push $8\n\tlea 2f(%%rip), %%rcx\n\tpush %%rcx\n\t", "lretq\n2:")
ATTEMPT(return_to_kernel, "mov %%rsp, %%rcx\n\tpush $0x10\n\tpush %%rcx\n\tpush $2\n\tpush $8\n\tlea 2f(%%rip), %%rcx\n\tpush %%rcx\n\t", "iretq\n2:")
ATTEMPT(store_gates, "", "sidt (%%rdi)")
ATTEMPT(store_segments, "", "sgdt (%%rdi)")
ATTEMPT(store_task, "", "str %%cx")
ATTEMPT(store_status_word, "", "smsw %%ecx")
ATTEMPT(read_gs_base, "", "rdgsbase %%rcx")
ATTEMPT(read_not_canonical, "", "mov (%%rdi), %%rcx")
ATTEMPT(write_not_canonical, "", "mov %%rcx, (%%rdi)")
ATTEMPT(push_not_canonical, "mov %%rdi, %%rsp\n\t", "push %%rcx")
ATTEMPT(jump_not_canonical, "", "jmp *%%rdi")
ATTEMPT(return_not_canonical, "push %%rdi\n\t", "ret")
ATTEMPT(use_sse, "", "movaps %%xmm0, %%xmm1")
ATTEMPT(use_x87, "", "fld1")
ATTEMPT(use_mmx, "", "pxor %%mm0, %%mm0")
ATTEMPT(wait_x87, "", "fwait")
ATTEMPT(load_vector_control, "", "ldmxcsr (%%rdi)")
ATTEMPT(save_vectors, "", "fxsave (%%rdi)")
/* The trap comes after the instruction behind POPF. */
ATTEMPT(single_step, "pushfq\n\torl $0x100, (%%rsp)\n\t", "popfq\n\tnop")

enum place : uint8_t { AT, AFTER_1, AFTER_2, ANYWHERE }; /* where the message's instruction pointer is */
struct row {
    const char *name;
    void (*run)(uint64_t);
    uint64_t argument;
    unsigned vector;
    enum place place;
};

static bool vector_is_right(const struct row *row, const struct message *message)
{
    uint64_t vector = message->word[0] >> 8 & 0xff;
    if (tag_label(message->tag) == FAULT_PAGE) return (row->vector & OR_PAGE) && vector == 14 && (message->word[0] & FAULT_PRESENT);
    if ((message->word[0] & 0xff) != 0 || message->word[1] != 0) return false;
    return vector == (row->vector & 0xff) || ((row->vector & OR_INVALID) && vector == INVALID) || ((row->vector & OR_PROTECTION) && vector == PROTECTION);
}

static void expect_exception(const struct worker *worker, const struct row *row)
{
    struct message message;
    worker_restart(worker, row->run, row->argument);
    if (!worker_take(&message)) return;
    bool is_right = (message.tag & TAG_FAULT) && message.badge == worker->badge && message.word[4] == worker->badge && vector_is_right(row, &message);
    is_right &= row->place == ANYWHERE || message.word[2] == attempt_instruction + row->place;
    if (!is_right) {
        kit_log("test", "exception attempt=%s label=%u vector=%lu ip=0x%lx instruction=0x%lx addr=0x%lx", row->name, tag_label(message.tag),
                message.word[0] >> 8 & 0xff, message.word[2], attempt_instruction, message.word[1]);
    }
    expect(is_right);
}

static void expect_exceptions(const struct row *rows, unsigned count)
{
    struct worker worker = worker_make(BADGE, PRIORITY_FIRST, THREAD_PLAIN);
    for (unsigned i = 0; i < count; i++) expect_exception(&worker, &rows[i]);
    worker_end(&worker);
}

#define ROW(function, argument, vector, place) { #function, function, (argument), (vector), (place) }
#define EXPECT_EXCEPTIONS(rows) expect_exceptions(rows, sizeof rows / sizeof rows[0])

void case_exceptions_instructions(void)
{
    static const struct row rows[] = {
        ROW(divide_by_zero, 0, DIVIDE, AT), ROW(divide_overflow, 0, DIVIDE, AT), ROW(undefined, 0, INVALID, AT), ROW(lock_nothing, 0, INVALID, AT),
        ROW(into, 0, INVALID, AT), ROW(breakpoint, 0, BREAKPOINT, AFTER_1),
        ROW(ice_breakpoint, 0, DEBUG | OR_INVALID, ANYWHERE), ROW(single_step, 0, DEBUG, AFTER_2),
        ROW(int_0x80, 0, PROTECTION, AT), ROW(int_page_fault, 0, PROTECTION, AT), ROW(int_double_fault, 0, PROTECTION, AT),
        ROW(int_debug, 0, PROTECTION, AT), ROW(int_nmi, 0, PROTECTION, AT), ROW(int_timer, 0, PROTECTION, AT), ROW(int_last, 0, PROTECTION, AT),
    };
    EXPECT_EXCEPTIONS(rows);
}

void case_exceptions_privileged(void)
{
    static const struct row rows[] = {
        ROW(clear_interrupts, 0, PROTECTION, AT), ROW(set_interrupts, 0, PROTECTION, AT), ROW(halt, 0, PROTECTION, AT),
        ROW(read_root, 0, PROTECTION, AT), ROW(write_root, 0, PROTECTION, AT), ROW(write_control_0, 0, PROTECTION, AT),
        ROW(write_control_4, 0, PROTECTION, AT), ROW(write_control_8, 0, PROTECTION, AT), ROW(read_debug, 0, PROTECTION, AT),
        ROW(write_debug, 0, PROTECTION, AT), ROW(write_msr, 0, PROTECTION, AT), ROW(read_msr, 0, PROTECTION, AT), ROW(read_port, 0, PROTECTION, AT),
        ROW(write_port, 0, PROTECTION, AT), ROW(write_port_string, 0, PROTECTION, AT), ROW(clear_task_switched, 0, PROTECTION, AT),
        ROW(write_status_word, 0, PROTECTION, AT), ROW(invalidate_page, 0x400000, PROTECTION, AT), ROW(write_back, 0, PROTECTION, AT),
        ROW(swap_gs, 0, PROTECTION, AT), ROW(return_to_user, 0, PROTECTION, AT), ROW(return_by_sysexit, 0, PROTECTION | OR_INVALID, AT),
        ROW(load_gates, (uint64_t)(uintptr_t)descriptor, PROTECTION, AT), ROW(load_segments, (uint64_t)(uintptr_t)descriptor, PROTECTION, AT),
        ROW(load_local_segments, 0, PROTECTION, AT), ROW(load_task, 0, PROTECTION, AT), ROW(load_kernel_data, 0, PROTECTION, AT),
        ROW(load_kernel_stack, 0, PROTECTION, AT), ROW(jump_to_kernel_code, 0, PROTECTION | OR_PAGE, AT), ROW(return_to_kernel, 0, PROTECTION | OR_PAGE, AT),
        ROW(read_gs_base, 0, INVALID, AT),
    };
    EXPECT_EXCEPTIONS(rows);
}

void case_exceptions_not_canonical(void)
{
    static const struct row rows[] = {
        ROW(read_not_canonical, ADDRESS_NOT_CANONICAL, PROTECTION, AT), ROW(read_not_canonical, ~ADDRESS_NOT_CANONICAL, PROTECTION, AT),
        ROW(read_not_canonical, (uint64_t)1 << 63, PROTECTION, AT), ROW(write_not_canonical, ADDRESS_NOT_CANONICAL, PROTECTION, AT),
        ROW(push_not_canonical, ADDRESS_NOT_CANONICAL + 0x1000, STACK | OR_PROTECTION, AT),
        ROW(jump_not_canonical, ADDRESS_NOT_CANONICAL, PROTECTION, ANYWHERE),
        ROW(jump_not_canonical, (uint64_t)1 << 63, PROTECTION, ANYWHERE), ROW(return_not_canonical, ADDRESS_NOT_CANONICAL, PROTECTION, ANYWHERE),
        ROW(read_not_canonical, (uint64_t)1 << 62, PROTECTION, AT),
    };
    EXPECT_EXCEPTIONS(rows);
}

void case_exceptions_no_vectors(void)
{
    static uint8_t area[512] __attribute__((aligned(16)));
    static const struct row rows[] = {
        ROW(use_sse, 0, NO_VECTORS, AT), ROW(use_x87, 0, NO_VECTORS, AT), ROW(use_mmx, 0, NO_VECTORS, AT), ROW(wait_x87, 0, NO_VECTORS, AT),
        ROW(load_vector_control, (uint64_t)(uintptr_t)area, NO_VECTORS, AT), ROW(save_vectors, (uint64_t)(uintptr_t)area, NO_VECTORS, AT),
    };
    EXPECT_EXCEPTIONS(rows);
}

/* Where the kernel's tables lie is no business of programs, where the processor can keep it from them. */
void case_exceptions_umip(void)
{
    uint32_t eax = 7, ebx, ecx = 0, edx;
    __asm__ volatile("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
    if ((ecx >> 2 & 1) == 0) return; /* this processor tells everyone */
    static const struct row rows[] = {
        ROW(store_gates, (uint64_t)(uintptr_t)descriptor, PROTECTION, AT), ROW(store_segments, (uint64_t)(uintptr_t)descriptor, PROTECTION, AT),
        ROW(store_task, 0, PROTECTION, AT), ROW(store_status_word, 0, PROTECTION, AT),
    };
    EXPECT_EXCEPTIONS(rows);
}

/* A pager may let a thread go on behind an exception that is reported after its instruction. */
void case_exceptions_go_on(void)
{
    struct worker worker = worker_make(BADGE, PRIORITY_FIRST, THREAD_PLAIN);
    static void (*const functions[])(uint64_t) = { breakpoint, single_step };
    static const uint64_t nothing[MESSAGE_WORDS];
    struct message message;
    for (unsigned i = 0; i < 2; i++) {
        worker_restart(&worker, functions[i], 0);
        worker_take(&message);
        expect_equal(tag_label(message.tag), FAULT_EXCEPTION);
        expect_status(worker_answer(message.token, FAULT_RETRY, nothing), STATUS_OK);
        worker_take_done(&worker);
    }
    /* An instruction that cannot be done comes back as often as it is tried. */
    worker_restart(&worker, divide_by_zero, 0);
    for (unsigned i = 0; i < 10; i++) {
        worker_take(&message);
        expect_equal(message.word[2], attempt_instruction);
        expect_status(worker_answer(message.token, FAULT_RETRY, nothing), STATUS_OK);
    }
    worker_take(&message);
    worker_end(&worker);
}
