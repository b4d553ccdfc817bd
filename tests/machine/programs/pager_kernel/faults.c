/* Faults of memory: each kind of access to each kind of page becomes one message that says what was tried, where and by which instruction; what the
 * answer does. */
#include "worker.h"

#include "attempt.h"

/* A page of each right in the worker, and none. */
constexpr uint64_t PAGE_NONE = KIT_FREE, PAGE_READ = KIT_FREE + 0x1000, PAGE_WRITE = KIT_FREE + 0x2000, PAGE_EXECUTE = KIT_FREE + 0x3000;
constexpr uint64_t ACCESSES = FAULT_READ | FAULT_WRITE | FAULT_EXECUTE;

ATTEMPT(read_at, "", "mov (%%rdi), %%al")
ATTEMPT(write_at, "", "movb $1, (%%rdi)")
ATTEMPT(execute_at, "", "jmp *%%rdi")
ATTEMPT(push_at, "mov %%rdi, %%rsp\n\t", "push %%rax")

static void expect_fault(const struct worker *worker, void (*run)(uint64_t), uint64_t address, uint64_t access)
{
    struct message message;
    worker_restart(worker, run, address);
    if (!worker_take(&message)) return;
    expect_equal(message.tag, FAULT_PAGE | TAG_FAULT | (uint64_t)kit_info->incarnation << TAG_INCARNATION_SHIFT);
    expect_equal(message.badge, worker->badge);
    /* Whether the kernel has an entry at an address of its own is nobody's business, and not tested. */
    uint64_t mask = address < USER_LIMIT ? ACCESSES | FAULT_PRESENT : ACCESSES;
    expect_equal(message.word[0] & mask, access);
    expect_equal(message.word[0] >> 8 & 0xff, 14);
    expect_equal(message.word[1], access & FAULT_EXECUTE ? address : run == push_at ? address - 8 : address);
    expect_equal(message.word[2], access & FAULT_EXECUTE ? address : attempt_instruction);
    expect_equal(message.word[4], worker->badge);
    expect_equal(message.word[5], 0); /* trace=faults is off */
    expect_equal(token_thread(message.token), worker->thread);
}

static struct worker worker_with_pages(void)
{
    struct worker worker = worker_make(BADGE, PRIORITY_FIRST, THREAD_PLAIN);
    uint64_t done;
    kit_must(kernel_space_fill(worker.space, PAGE_READ, 1, ATTRIBUTE_READ, &done), "space_fill");
    kit_must(kernel_space_fill(worker.space, PAGE_WRITE, 1, ATTRIBUTE_WRITE, &done), "space_fill");
    kit_must(kernel_space_fill(worker.space, PAGE_EXECUTE, 1, ATTRIBUTE_EXECUTE, &done), "space_fill");
    return worker;
}

void case_faults_unmapped(void)
{
    struct worker worker = worker_with_pages();
    static const uint64_t addresses[] = { 0, 1, 0xfff, USER_FIRST - 1, PAGE_NONE, PAGE_NONE + 0xfff, PAGE_EXECUTE + 0x1000,
                                          USER_LIMIT - 1, USER_LIMIT, USER_LIMIT + 0xfff };
    for (unsigned i = 0; i < sizeof addresses / sizeof addresses[0]; i++) {
        expect_fault(&worker, read_at, addresses[i], FAULT_READ);
        expect_fault(&worker, write_at, addresses[i], FAULT_WRITE);
        expect_fault(&worker, execute_at, addresses[i], FAULT_EXECUTE);
    }
    expect_fault(&worker, push_at, PAGE_NONE + 0x800, FAULT_WRITE);
    worker_end(&worker);
}

void case_faults_rights(void)
{
    struct worker worker = worker_with_pages();
    expect_fault(&worker, write_at, PAGE_READ, FAULT_WRITE | FAULT_PRESENT);
    expect_fault(&worker, execute_at, PAGE_READ, FAULT_EXECUTE | FAULT_PRESENT);
    expect_fault(&worker, execute_at, PAGE_WRITE, FAULT_EXECUTE | FAULT_PRESENT);
    expect_fault(&worker, write_at, PAGE_EXECUTE, FAULT_WRITE | FAULT_PRESENT);
    expect_fault(&worker, push_at, PAGE_READ + 0x800, FAULT_WRITE | FAULT_PRESENT);
    expect_fault(&worker, write_at, (uint64_t)(uintptr_t)&read_at, FAULT_WRITE | FAULT_PRESENT);
    expect_fault(&worker, execute_at, worker_stack(&worker), FAULT_EXECUTE | FAULT_PRESENT);
    expect_fault(&worker, write_at, (uint64_t)(uintptr_t)kit_info, FAULT_WRITE | FAULT_PRESENT);
    /* And what is allowed is allowed. */
    static void (*const allowed[])(uint64_t) = { read_at, write_at, read_at, read_at };
    static const uint64_t pages[] = { PAGE_READ, PAGE_WRITE, PAGE_WRITE, PAGE_EXECUTE };
    for (unsigned i = 0; i < 4; i++) {
        worker_restart(&worker, allowed[i], pages[i]);
        worker_take_done(&worker);
    }
    worker_end(&worker);
}

void case_faults_kernel_addresses(void)
{
    struct worker worker = worker_make(BADGE, PRIORITY_FIRST, THREAD_PLAIN);
    /* The half's first page, the direct map (a page of it, the first, far in it), the image's text, the frame table, the device window, the last page. */
    static const uint64_t addresses[] = { ADDRESS_KERNEL, ADDRESS_DIRECT_MAP, ADDRESS_DIRECT_MAP + 0x400000, ADDRESS_DIRECT_MAP + 0x3ffffffe000,
                                          0xffffffff80200000, 0xffffffff80000000, 0xffffffffa0000000, 0xfffffffff0000000, 0xfffffffffffff000, ~(uint64_t)0 };
    for (unsigned i = 0; i < sizeof addresses / sizeof addresses[0]; i++) {
        expect_fault(&worker, read_at, addresses[i], FAULT_READ);
        expect_fault(&worker, write_at, addresses[i], FAULT_WRITE);
        expect_fault(&worker, execute_at, addresses[i], FAULT_EXECUTE);
    }
    uint64_t root_load[] = { ADDRESS_DIRECT_MAP + kit_info->space * PAGE_BYTES, ADDRESS_DIRECT_MAP + kit_info->thread * PAGE_BYTES };
    expect_fault(&worker, write_at, root_load[0], FAULT_WRITE);
    expect_fault(&worker, write_at, root_load[1], FAULT_WRITE);
    worker_end(&worker);
}

/* The sequence number counts up, the thread is named, the answer of the last one only is taken. */
void case_faults_sequence(void)
{
    struct worker worker = worker_make(BADGE, PRIORITY_FIRST, THREAD_PLAIN);
    static const uint64_t nothing[MESSAGE_WORDS];
    struct message first, next;
    worker_start(&worker, read_at, PAGE_NONE);
    worker_take(&first);
    for (unsigned i = 1; i < 100; i++) {
        expect_status(worker_answer(first.token, FAULT_RETRY, nothing), STATUS_OK);
        if (!worker_take(&next)) break;
        expect_equal(next.token, first.token + ((uint64_t)1 << 32));
        expect_equal(tag_incarnation(next.tag), 1);
        expect_status(worker_answer(first.token, FAULT_RETRY, nothing), STATUS_STALE);
        first = next;
    }
    worker_end(&worker);
}

/* resolve maps, and the instruction runs as if nothing had been. */
void case_faults_resolved(void)
{
    struct worker worker = worker_make(BADGE, PRIORITY_FIRST, THREAD_PLAIN);
    struct message message;
    uint64_t block, frame, page_bytes, done;
    uint32_t attributes;
    kit_must(kernel_frame_allocate(2, &block), "frame_allocate");
    worker_start(&worker, write_at, KIT_FREE + 0x5123);
    worker_take(&message);
    expect_status(worker_resolve(message.token, (KIT_FREE + 0x4000) | ATTRIBUTE_WRITE, block, 4), STATUS_OK);
    worker_take_done(&worker);
    for (uint64_t i = 0; i < 4; i++) {
        expect_status(kernel_space_query(worker.space, KIT_FREE + 0x4000 + i * PAGE_BYTES, &frame, &attributes, &page_bytes), STATUS_OK);
        expect_equal(frame, block + i);
    }
    kit_must(kernel_space_map(kit_info->space, KIT_FREE, block + 1, 1, ATTRIBUTE_READ, &done), "space_map");
    expect_equal(*(volatile uint8_t *)(KIT_FREE + 0x123), 1);
    worker_end(&worker);
    /* A page of the block is mapped here too: the whole block stayed when the space went, and goes now. */
    uint64_t unmapped, freed;
    kit_must(kernel_space_unmap(kit_info->space, KIT_FREE, 1, UNMAP_FREE, &done, &unmapped, &freed), "space_unmap");
    expect_equal(freed, 4);
}

/* What resolve refuses leaves the fault as it was: the good resolve after it works. */
void case_faults_resolve_refuses(void)
{
    struct worker worker = worker_make(BADGE, PRIORITY_FIRST, THREAD_PLAIN);
    struct message message;
    uint64_t frame;
    kit_must(kernel_frame_allocate(0, &frame), "frame_allocate");
    worker_start(&worker, write_at, PAGE_NONE);
    worker_take(&message);
    uint64_t token = message.token, free = case_count_free(), page = PAGE_NONE | ATTRIBUTE_WRITE;
    expect_status(worker_resolve(token ^ (uint64_t)1 << 32, page, frame, 1), STATUS_STALE);
    expect_status(worker_resolve(0, page, frame, 1), STATUS_STALE);
    expect_status(worker_resolve(token, page, frame, 0), STATUS_BAD_LENGTH);
    expect_status(worker_resolve(token, page, FRAME_FRESH, STEP_PAGES + 1), STATUS_BAD_LENGTH);
    expect_status(worker_resolve(token, page, FRAME_FRESH, ~(uint64_t)0), STATUS_RANGE_WRAPS);
    expect_status(worker_resolve(token, PAGE_NONE | 16, frame, 1), STATUS_BAD_ARGUMENT);
    expect_status(worker_resolve(token, PAGE_NONE | ATTRIBUTE_WRITE | ATTRIBUTE_EXECUTE, frame, 1), STATUS_WRITE_EXECUTE);
    expect_status(worker_resolve(token, ATTRIBUTE_WRITE, frame, 1), STATUS_BAD_ADDRESS);
    expect_status(worker_resolve(token, USER_LIMIT | ATTRIBUTE_WRITE, frame, 1), STATUS_BAD_ADDRESS);
    expect_status(worker_resolve(token, ADDRESS_KERNEL | ATTRIBUTE_WRITE, frame, 1), STATUS_BAD_ADDRESS);
    expect_status(worker_resolve(token, page, kit_info->thread, 1), STATUS_BAD_FRAME);
    expect_status(worker_resolve(token, page, 0, 1), STATUS_BAD_FRAME);
    expect_status(worker_resolve(token, page, (uint64_t)1 << 32 | frame, 1), STATUS_BAD_FRAME);
    expect_status(worker_resolve(token, (uint64_t)(uintptr_t)&read_at & ~(PAGE_BYTES - 1), frame, 1), STATUS_ALREADY_MAPPED);
    expect_equal(case_count_free(), free);
    worker_take_none();
    expect_status(worker_resolve(token, page, frame, 1), STATUS_OK);
    worker_take_done(&worker);
    expect_status(worker_resolve(token, page, frame, 1), STATUS_STALE);
    worker_end(&worker);
}

/* Labels that are no answer to this fault leave the thread stopped. */
void case_faults_other_answers(void)
{
    struct worker worker = worker_make(BADGE, PRIORITY_FIRST, THREAD_PLAIN);
    static const uint64_t nothing[MESSAGE_WORDS];
    static const uint64_t labels[] = { FAULT_REFUSE, 2, 0xffff };
    struct message message;
    for (unsigned i = 0; i < 3; i++) {
        worker_restart(&worker, read_at, PAGE_NONE);
        worker_take(&message);
        expect_status(worker_answer(message.token, labels[i], nothing), STATUS_OK);
        worker_take_none();
        expect_status(worker_answer(message.token, FAULT_RETRY, nothing), STATUS_STALE);
        worker_start(&worker, read_at, (uint64_t)(uintptr_t)&worker_stack);
        worker_take_done(&worker);
    }
    worker_end(&worker);
}
