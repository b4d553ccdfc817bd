/* Registers: a thread keeps its own through everything that happens to it, and never sees another's. */
#include "worker.h"

extern uint64_t registers_seen[17];
void registers_keep_fault(uint64_t address);
void registers_keep_interrupt(uint64_t word);
void registers_keep_call(uint64_t argument);
void registers_keep_message(uint64_t handle);
void registers_report(uint64_t argument);
void registers_wild_stack(uint64_t stack);

constexpr unsigned SEEN_RDI = 5, SEEN_RSP = 7, SEEN_FLAGS = 16;

void case_registers_of_a_new_thread(void)
{
    struct worker worker = worker_make(BADGE, PRIORITY_FIRST, THREAD_PLAIN);
    for (unsigned round = 0; round < 2; round++) { /* the second time it starts from a thread that has run */
        worker_restart(&worker, registers_report, 0x1122334455667788);
        worker_take_done(&worker);
        for (unsigned i = 0; i < SEEN_FLAGS; i++) {
            uint64_t wanted = i == SEEN_RDI ? 0x1122334455667788 : i == SEEN_RSP ? worker_stack(&worker) : 0;
            expect_equal(registers_seen[i], wanted);
        }
        expect_equal(registers_seen[SEEN_FLAGS], 0x202);
        worker_restart(&worker, registers_keep_fault, KIT_FREE);
        struct message message;
        worker_take(&message);
    }
    worker_end(&worker);
}

void case_registers_keep_fault(void)
{
    struct worker worker = worker_make(BADGE, PRIORITY_FIRST, THREAD_PLAIN);
    struct message message;
    worker_start(&worker, registers_keep_fault, KIT_FREE + 0x123);
    worker_take(&message);
    expect_equal(message.word[3], worker_stack(&worker));
    expect_status(worker_resolve(message.token, KIT_FREE | ATTRIBUTE_WRITE, FRAME_FRESH, 1), STATUS_OK);
    worker_take_done(&worker);
    worker_end(&worker);
}

void case_registers_keep_call(void)
{
    struct worker worker = worker_make(BADGE, PRIORITY_FIRST, THREAD_PLAIN);
    worker_start(&worker, registers_keep_call, 0x1234567890);
    worker_take_done(&worker);
    worker_end(&worker);
}

static void serve(uint64_t handle)
{
    struct message message = {};
    while (reply_receive((uint32_t)handle, &message) == STATUS_OK) message.tag = 0;
}

void case_registers_keep_message(void)
{
    uint64_t endpoint;
    struct worker server = worker_make(BADGE, PRIORITY_FIRST, THREAD_PLAIN), client = worker_make(BADGE + 1, PRIORITY_FIRST, THREAD_PLAIN);
    kit_must(kernel_endpoint_create(&endpoint), "endpoint_create");
    kit_must(kernel_handle_map(server.space, HANDLE_FREE, endpoint, RIGHT_RECEIVE, 0), "handle_map");
    kit_must(kernel_handle_map(client.space, HANDLE_FREE, endpoint, RIGHT_CALL, 0x1234), "handle_map");
    for (unsigned round = 0; round < 2; round++) { /* the server waits for the client, or the client for the server */
        kit_must(kernel_thread_stop(server.thread), "thread_stop");
        kit_must(kernel_thread_stop(client.thread), "thread_stop");
        if (round == 0) worker_start(&server, serve, HANDLE_FREE);
        worker_start(&client, registers_keep_message, HANDLE_FREE);
        if (round == 1) worker_start(&server, serve, HANDLE_FREE);
        worker_take_done(&client);
    }
    worker_end(&server);
    worker_end(&client);
    kit_must(kernel_endpoint_destroy(endpoint), "endpoint_destroy");
}

static volatile uint64_t flag;

static void set_flag(uint64_t value)
{
    flag = value;
}

/* The second one runs only if the timer takes the processor from the first. */
void case_registers_keep_interrupt(void)
{
    flag = 0;
    struct worker spinning = worker_make(BADGE, PRIORITY_PROGRAM, THREAD_PLAIN), setting = worker_make(BADGE + 1, PRIORITY_PROGRAM, THREAD_PLAIN);
    struct counts before = counts_read();
    worker_start(&spinning, registers_keep_interrupt, (uint64_t)(uintptr_t)&flag);
    worker_start(&setting, set_flag, 1);
    struct message message;
    expect_status(receive(HANDLE_PAGER, RECEIVE_WAIT, &message), STATUS_OK);
    expect_equal(message.badge, setting.badge);
    expect_status(receive(HANDLE_PAGER, RECEIVE_WAIT, &message), STATUS_OK);
    expect_equal(message.badge, spinning.badge);
    expect_equal(tag_label(message.tag), FAULT_PAGE);
    expect_equal(message.word[2], 0);
    struct counts after = counts_read();
    expect(after.value[COUNTER_INTERRUPTS] > before.value[COUNTER_INTERRUPTS]);
    worker_end(&spinning);
    worker_end(&setting);
}

/* The kernel does nothing with a user's stack pointer but keep it. */
void case_registers_wild_stack(void)
{
    static const uint64_t stacks[] = { 0, 1, 7, KIT_FREE, USER_LIMIT, ADDRESS_NOT_CANONICAL, (uint64_t)1 << 63, ADDRESS_KERNEL, 0xffffffff80200000,
                                       ~(uint64_t)0 };
    struct worker worker = worker_make(BADGE, PRIORITY_FIRST, THREAD_PLAIN);
    struct message message;
    for (unsigned i = 0; i < sizeof stacks / sizeof stacks[0]; i++) {
        worker_restart(&worker, registers_wild_stack, stacks[i]);
        if (!worker_take(&message)) break;
        expect_equal(tag_label(message.tag), FAULT_PAGE);
        expect_equal(message.word[1], 8);
        expect_equal(message.word[3], stacks[i]);
    }
    worker_end(&worker);
}

/* --- Flags that POPF and IRET let a user set, or try to --- */

static volatile uint64_t flags_after;
static volatile uint64_t call_status;

/* Sets flags, makes a call, says which are left. */
static void set_flags(uint64_t flags)
{
    uint64_t number = CALL_version, left;
    __asm__ volatile("push %2\n\tpopfq\n\tsyscall\n\tpushfq\n\tpop %1\n\tcld"
                     : "+a"(number), "=&b"(left)
                     : "S"(flags)
                     : "rdi", "rcx", "r11", "r10", "memory", "cc");
    flags_after = left;
    call_status = number;
}

void case_registers_flags(void)
{
    constexpr uint64_t always = 0x202, carry = 1, trap = 0x100, direction = 0x400, io_level = 0x3000, nested = 0x4000, resume = 0x10000, alignment = 0x40000,
                       interrupts = 0x200, identification = 0x200000;
    static const struct { uint64_t set, left; } rows[] = {
        { always, always }, { always | carry, always | carry }, { always | direction, always | direction }, { always & ~interrupts, always },
        { always | io_level, always }, { always | nested, always }, { always | resume, always }, { always | alignment, always | alignment },
        { always | identification, always | identification }, { always | io_level | nested | trap | direction, always | direction },
        { always | trap, always },
    };
    struct worker worker = worker_make(BADGE, PRIORITY_FIRST, THREAD_PLAIN);
    static const uint64_t nothing[MESSAGE_WORDS];
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        flags_after = 0;
        worker_restart(&worker, set_flags, rows[i].set);
        struct message message;
        if (!worker_take(&message)) break;
        if (rows[i].set & trap && tag_label(message.tag) == FAULT_EXCEPTION) { /* the processor may trap after SYSCALL or not: in the user's code only */
            expect_equal(message.word[0] >> 8 & 0xff, 1);
            expect_status(worker_answer(message.token, FAULT_RETRY, nothing), STATUS_OK);
            worker_take(&message);
        }
        expect_equal(message.word[2], 0);
        expect_equal(call_status, STATUS_OK);
        expect_equal(flags_after, rows[i].left);
    }
    worker_end(&worker);
}

static void load_selectors([[maybe_unused]] uint64_t argument)
{
    __asm__ volatile("mov %0, %%ds\n\tmov %0, %%es\n\tmov %0, %%fs\n\tmov %0, %%gs" ::"r"(0x23)); /* the user's data segment: layout.h */
}

/* What a thread loads into its segment registers is not there for the next. On the ordinary way; docs/adr/0006-entry.md says what is left. */
void case_registers_selectors(void)
{
    struct worker worker = worker_make(BADGE, PRIORITY_FIRST, THREAD_PLAIN);
    uint64_t ds, es, fs, gs;
    worker_start(&worker, load_selectors, 0); /* runs, and its fault is queued: nobody waits for it */
    __asm__ volatile("mov %%ds, %0\n\tmov %%es, %1\n\tmov %%fs, %2\n\tmov %%gs, %3" : "=r"(ds), "=r"(es), "=r"(fs), "=r"(gs));
    expect((ds | es | fs | gs) == 0);
    worker_take_done(&worker);
    worker_end(&worker);
}
