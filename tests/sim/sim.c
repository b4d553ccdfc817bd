/* The simulated machine: boot, the way in and out of the kernel, the pager's loop. See sim.h.
 *
 * The pager's code runs in the test's process; whenever it asks for something, its thread enters the kernel with registers, as it would on the machine. Between
 * two such entries the pager's thread is the running one. Where the kernel would wait for an interrupt it comes back here (host_run). */
#include "sim.h"

#include <assert.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "fault.h"
#include "host.h"
#include "recover.h"
#include "work.h"
#include "microkernel/deadline.h"
#include "microkernel/endpoint.h"
#include "microkernel/handle.h"
#include "microkernel/kernel.h"
#include "microkernel/log.h"
#include "sim_contents.h"
#include "sim_machine.h"

constexpr uint64_t MEMORY_BYTES = (uint64_t)64 << 20;
constexpr uint32_t RESERVED_FRAMES = 16;
constexpr uint32_t INCARNATION = 1;

struct pager sim_pager;
struct thread *sim_thread;
struct space *sim_space;

static struct boot_info boot;
static char *window;
static uint32_t ended;
static uint64_t free_at_boot;
static uint64_t count_calls;
static uint64_t count_of[CALL_LIMIT];
static uint64_t fail_allocation;
static uint64_t count_allocations;
static uint64_t count_refused;
static enum status fail_resolve;

/* --- Into the kernel and back --- */

static void do_action(void);
static void take_processor(void);

static void body_call(void *thread) { kernel_on_call(thread); }

static void came_back(enum host_end end, uint32_t code)
{
    processor.is_idle = false;
    if (end == HOST_MACHINE_ENDED) ended = 1 + code;
    if (end != HOST_PANICKED) return;
    fprintf(stderr, "sim: the kernel panicked\n%s", host_log_text());
    abort();
}

void sim_enter(struct thread *thread, enum call_number number, const uint64_t argument[CALL_ARGUMENTS])
{
    assert(thread == processor.current);
    thread->context.call.number = number;
    memcpy(thread->context.call.argument, argument, sizeof(thread->context.call.argument));
    uint32_t code;
    enum host_end end = host_run(body_call, thread, &code);
    came_back(end, code);
}

static bool call_allocates(enum call_number number)
{
    return number == CALL_frame_allocate || number == CALL_space_create || number == CALL_space_map || number == CALL_space_fill
           || number == CALL_space_move || number == CALL_space_share || number == CALL_thread_create || number == CALL_endpoint_create;
}

/* --- Losing the pager --- */

static jmp_buf lost;
static bool can_be_lost;
static bool is_whole; /* a part of the seam that the machine does in one */
static uint64_t count_points;
static uint64_t lose_at;
static uint64_t lose_again;
static uint64_t count_lost;
static uint64_t count_messages;
static void (*on_loss)(void);

void sim_point(void)
{
    if (!can_be_lost || is_whole || ++count_points != lose_at) return;
    count_lost++;
    lose_at = lose_again != 0 ? lose_at + lose_again : 0;
    lose_again = 0;
    longjmp(lost, 1);
}

void sim_be_whole(bool whole) { is_whole = whole; }

/* What the next pager begins with is the ledger and the boot information. */
static void take_over(void)
{
    memset(&sim_pager, 0, sizeof(sim_pager));
    if (on_loss != nullptr) on_loss();
    take_processor();
    enum status status = pager_recover(&sim_pager, &boot);
    if (status != STATUS_OK) {
        fprintf(stderr, "sim: no recovery: %s\n%s", status_name(status), host_log_text());
        abort();
    }
    sim_point();
    do_action();
}

void sim_lose(uint64_t at, uint64_t again, void (*damage)(void))
{
    count_points = 0;
    lose_at = at;
    lose_again = again;
    on_loss = damage;
}

uint64_t sim_count_points(void) { return count_points; }
uint64_t sim_count_lost(void) { return count_lost; }
uint64_t sim_count_messages(void) { return count_messages; }

enum status sim_pager_call(enum call_number number, uint64_t argument[CALL_ARGUMENTS])
{
    sim_point();
    count_calls++;
    count_of[number]++;
    if (call_allocates(number) && ++count_allocations == fail_allocation) return STATUS_NO_MEMORY;
    sim_enter(sim_thread, number, argument);
    assert(processor.current == sim_thread);
    memcpy(argument, sim_thread->context.call.argument, sizeof(sim_thread->context.call.argument));
    enum status status = (enum status)sim_thread->context.call.number;
    count_refused += status == STATUS_NO_MEMORY;
    sim_point();
    return status;
}

/* --- The pager's loop --- */

static void do_action(void)
{
    const struct pager_action *action = &sim_pager.ledger->action;
    uint64_t argument[CALL_ARGUMENTS] = { HANDLE_PAGER };
    enum call_number number = CALL_receive;
    switch (action->kind) {
    case ACTION_WAIT:
        argument[1] = RECEIVE_WAIT;
        break;
    case ACTION_POLL:
        argument[1] = RECEIVE_DO_NOT_WAIT;
        break;
    case ACTION_REPLY:
        number = CALL_reply_receive;
        argument[1] = action->tag;
        memcpy(&argument[2], action->word, sizeof(action->word));
        argument[8] = action->token;
        break;
    case ACTION_HANDLE:
        number = CALL_handle_resolve;
        argument[1] = action->row.endpoint.number;
        argument[2] = action->row.badge;
        argument[3] = action->row.rights;
        argument[8] = action->token;
        break;
    case ACTION_RESOLVE:
        number = CALL_resolve;
        argument[1] = action->page;
        argument[2] = action->frame;
        argument[3] = action->count_pages;
        argument[8] = action->token;
        break;
    case ACTION_END:
        number = CALL_machine_end;
        argument[0] = action->code;
        break;
    }
    count_calls++;
    count_of[number]++;
    if (number == CALL_resolve && fail_resolve != STATUS_OK) {
        sim_thread->context.call.number = fail_resolve;
        fail_resolve = STATUS_OK;
        return;
    }
    sim_enter(sim_thread, number, argument);
    count_refused += number == CALL_resolve && processor.current == sim_thread && sim_thread->context.call.number == STATUS_NO_MEMORY;
}

bool sim_holds_time;
void sim_hold_time(bool holds) { sim_holds_time = holds; }

void sim_run_pager(void)
{
    bool was_inside = can_be_lost;
    if (!was_inside && setjmp(lost) != 0) take_over();
    can_be_lost = true;
    struct pager_message *received = &sim_pager.ledger->received;
    struct pager_action *action = &sim_pager.ledger->action;
    while (processor.current == sim_thread && ended == 0) {
        const uint64_t *argument = sim_thread->context.call.argument;
        enum status status = (enum status)sim_thread->context.call.number;
        if (status == STATUS_OK) {
            *received = (struct pager_message){ .badge = argument[0], .tag = argument[1], .token = argument[8] };
            memcpy(received->word, &argument[2], sizeof(received->word));
            count_messages++;
            sim_point();
            struct fault_answer answer;
            if (action->kind != ACTION_POLL && fault_quick(&sim_pager, received, &answer)) action_resolve(action, received->token, &answer);
            else pager_handle(&sim_pager, received, action);
        } else if (action->kind == ACTION_RESOLVE) {
            pager_resolve_failed(&sim_pager, received, status, action);
        } else if (action->kind == ACTION_POLL) {
            pager_work(&sim_pager, action);
        } else {
            action_wait(action);
        }
        sim_point();
        do_action();
    }
    can_be_lost = was_inside;
}

static void body_pause([[maybe_unused]] void *nothing)
{
    bool is_idle = processor.current == nullptr;
    host_advance(WORK_PAUSE);
    processor.is_idle = is_idle;
    kernel_on_timer(!is_idle);
    processor.is_idle = false;
    if (is_idle) schedule_idle();
}

void sim_pause(void)
{
    uint32_t code;
    enum host_end end = host_run(body_pause, nullptr, &code);
    assert(end == HOST_RETURNED || end == HOST_WAITS);
    (void)end;
    processor.is_idle = false;
    sim_run_pager();
}

void sim_run(void)
{
    sim_run_pager();
    while (!sim_holds_time && sim_pager.work_first != nullptr && ended == 0) sim_pause();
}

/* --- Boot --- */

static void place_module(struct boot_info *info, uint32_t row, const struct sim_module *module, uint32_t *text_bytes)
{
    uint64_t pages = layout_page_up(module->size_bytes) >> PAGE_SHIFT;
    unsigned order = 0;
    while ((uint64_t)1 << order < pages) order++;
    frame_t first = { 0 };
    enum status status = frame_allocate(order, FRAME_KIND_USER, &first);
    assert(status == STATUS_OK);
    (void)status;
    for (uint32_t i = 0; i < 1u << order; i++) {
        frame_t frame = { first.number + i };
        frame_clean(frame, frame_find(frame));
    }
    memcpy(arch_frame_pointer(first), module->bytes, module->size_bytes);
    size_t length = strlen(module->line) + 1;
    assert(*text_bytes + length <= BOOT_TEXT_BYTES);
    memcpy(info->text + *text_bytes, module->line, length);
    info->module[row] = (struct boot_module){ first.number, module->size_bytes, *text_bytes, 0 };
    *text_bytes += (uint32_t)length;
    for (uint64_t i = pages; i < 1u << order; i++) { /* the kernel adopts the frames of a module and no others */
        status = frame_free((frame_t){ (uint32_t)(first.number + i) }, 0, FRAME_KIND_USER);
        assert(status == STATUS_OK);
    }
}

/* The pager's space, thread, endpoint and buffer, as the kernel makes them for the first module. */
static void make_pager_thread(struct boot_info *info)
{
    struct endpoint *endpoint = nullptr;
    frame_t buffer = { 0 };
    enum status status = space_create(&sim_space);
    if (status == STATUS_OK) status = endpoint_create(&endpoint);
    if (status == STATUS_OK) status = frame_allocate(0, FRAME_KIND_USER, &buffer);
    if (status == STATUS_OK) status = thread_create(sim_space, buffer, PRIORITY_PAGER, &sim_thread);
    assert(status == STATUS_OK);
    sim_space->is_pager = true;
    sim_space->incarnation_tag = (uint64_t)INCARNATION << TAG_INCARNATION_SHIFT;
    handle_fill(handle_row_of(sim_space, HANDLE_PAGER), HANDLE_PAGER, endpoint, RIGHTS_ALL, 0);
    sim_thread->state = THREAD_RUNNING;
    processor.current = sim_thread;
    info->space = sim_space->frame.number;
    info->thread = sim_thread->frame.number;
    info->endpoint = endpoint_name(endpoint);
    info->buffer_frame = buffer.number;
    info->buffer_address = (uintptr_t)arch_frame_pointer(buffer);
    info->image_limit = (uintptr_t)window;
}

/* All of the window without access: what is behind it comes with seam_page_take(). */
static void make_window(void)
{
    if (window != nullptr) munmap(window, PAGER_WINDOW_BYTES);
    window = mmap(nullptr, PAGER_WINDOW_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert(window != MAP_FAILED);
}

/* The pager's thread runs again, whatever it waited for. */
static void take_processor(void)
{
    if (processor.current == sim_thread) return;
    if (processor.current != nullptr) schedule_ready(processor.current);
    thread_stop(sim_thread);
    sim_thread->state = THREAD_RUNNING;
    processor.current = sim_thread;
    arch_thread_switch(sim_thread);
}

void sim_enter_pager(void) { take_processor(); }

void sim_leave_pager(void)
{
    action_wait(&sim_pager.ledger->action);
    do_action();
    sim_run();
}

void sim_end(uint32_t number)
{
    struct process *process = sim_process(number);
    assert(process != nullptr && process->state == PROCESS_RUNNING);
    sim_enter_pager();
    process_end(&sim_pager, process, PROCESS_EXITED, 0);
    pager_settle(&sim_pager);
    ledger_commit(&sim_pager);
    pager_go_on(&sim_pager);
    sim_leave_pager();
}

void sim_stop(void)
{
    take_processor();
    for (uint32_t i = 0; i < PROCESS_LIMIT; i++) {
        struct process *process = sim_pager.process[i];
        if (process != nullptr && process->state == PROCESS_RUNNING) process_end(&sim_pager, process, PROCESS_EXITED, 0);
    }
    while (sim_pager.work_first != nullptr) work_step(&sim_pager);
    for (uint32_t i = 0; i < PROCESS_LIMIT; i++) assert(sim_pager.process[i] == nullptr);
    process_give_spares(&sim_pager);
    if (sim_pager.ledger != nullptr) seam_pages_give(sim_pager.ledger, LEDGER_BYTES);
    assert(frame_count_free() == free_at_boot);
    enum status status = endpoint_destroy(endpoint_find(boot.endpoint));
    assert(status == STATUS_OK);
    (void)status;
    deadline_forget(sim_thread); /* its frame goes with the machine */
    processor = (struct processor){ 0 };
    deadline_threads = nullptr; /* the pager's thread goes with the machine's memory */
    sim_thread = nullptr;
}

enum status sim_boot(const struct sim_options *options, const struct sim_module *modules, size_t count_modules, void (*damage)(struct boot_info *))
{
    if (sim_thread != nullptr) sim_stop();
    sim_contents_end();
    host_initialise_frames(options->memory_bytes != 0 ? options->memory_bytes : MEMORY_BYTES, RESERVED_FRAMES);
    make_window();
    sim_audits = options->audits;
    boot = (struct boot_info){ .magic = BOOT_INFO_MAGIC, .version = ABI_VERSION, .incarnation = INCARNATION, .trace = options->trace };
    log_trace = options->trace;
    uint32_t text_bytes = 0;
    for (size_t i = 0; i < count_modules; i++) place_module(&boot, boot.modules++, &modules[i], &text_bytes);
    boot.arguments_offset = text_bytes;
    boot.frames = frame_count_table();
    if (options->arguments != nullptr) snprintf(boot.text + text_bytes, BOOT_TEXT_BYTES - text_bytes, "%s", options->arguments);
    make_pager_thread(&boot);
    free_at_boot = frame_count_free();
    if (damage != nullptr) damage(&boot);
    memset(&sim_pager, 0, sizeof(sim_pager));
    ended = 0;
    sim_holds_time = false;
    fail_resolve = STATUS_OK;
    sim_fail_allocation(0);
    sim_lose(0, 0, nullptr);
    return pager_initialise(&sim_pager, &boot);
}

void sim_start(const struct sim_options *options, const struct sim_module *modules, size_t count_modules)
{
    enum status status = sim_boot(options, modules, count_modules, nullptr);
    assert(status == STATUS_OK);
    (void)status;
    pager_start(&sim_pager, &sim_pager.ledger->action);
    do_action();
    sim_run();
}

/* --- For tests --- */

uint32_t sim_ended(void) { return ended; }

uint64_t sim_free_frames(void)
{
    if (sim_pager.count_spare_slots > 0) {
        sim_enter_pager();
        process_give_spares(&sim_pager);
        sim_leave_pager();
    }
    return frame_count_free();
}

const char *sim_log(void) { return host_log_text(); }
void sim_log_clear(void) { host_log_clear(); }
uint64_t sim_count_calls(void) { return count_calls; }
uint64_t sim_count_call(enum call_number number) { return count_of[number]; }

void sim_fail_allocation(uint64_t n)
{
    fail_allocation = n;
    count_allocations = 0;
}

uint64_t sim_count_refused(void) { return count_refused; }
uint64_t sim_count_allocations(void) { return count_allocations; }
void sim_fail_resolve(enum status status) { fail_resolve = status; }
