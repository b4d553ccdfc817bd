/* Programs on the simulated machine: a test says what one does, the kernel takes it from there. See sim.h. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host.h"
#include "microkernel/kernel.h"
#include "sim_contents.h"
#include "sim_machine.h"

struct segment *sim_segment(const struct process *process, uint32_t index)
{
    assert(index < process->segments.count);
    struct segment *segment = segment_above(&process->segments, 0);
    while (index-- > 0) segment = segment_above(&process->segments, segment->limit);
    return segment;
}

struct process *sim_process(uint32_t number)
{
    for (uint32_t i = 0; i < PROCESS_LIMIT; i++)
        if (sim_pager.process[i] != nullptr && sim_pager.process[i]->number == number % SIM_THREADS) return sim_pager.process[i];
    return nullptr;
}

/* The thread of a process that has not ended. */
static struct thread *program_thread(uint32_t number)
{
    const struct process *process = sim_process(number);
    if (process == nullptr || process->state != PROCESS_RUNNING) return nullptr;
    if (number >= SIM_THREADS) {
        const struct process_thread *row = process_thread_find(process, number / SIM_THREADS);
        return row != nullptr ? thread_find(row->thread.number) : nullptr;
    }
    uint32_t place = 0;
    while (process_thread_at(process, place)->thread.number == 0) place++;
    return thread_find(process_thread_at(process, place)->thread.number);
}

static bool thread_can_run(const struct thread *thread)
{
    return thread != nullptr && (thread->state == THREAD_RUNNING || thread->state == THREAD_READY);
}

[[noreturn]] static void give_up(const char *what)
{
    fprintf(stderr, "sim: %s\n%s", what, sim_log());
    abort();
}

static void body_timer([[maybe_unused]] void *nothing)
{
    if (!sim_holds_time) host_advance(SLICE_NANOSECONDS);
    else if (processor.slice_end != 0) processor.slice_end = 1; /* it is over, but nothing else is due */
    kernel_on_timer(true);
}

/* Lets slices end until the thread has the processor. */
static void program_switch(const struct thread *thread)
{
    for (uint32_t i = 0; processor.current != thread; i++) {
        assert(i <= THREAD_LIMIT * PROCESS_LIMIT && processor.current != nullptr);
        uint32_t code;
        enum host_end end = host_run(body_timer, nullptr, &code);
        assert(end == HOST_RETURNED);
        (void)end;
        sim_run_pager();
    }
}

static struct sim_reply program_reply(uint32_t number)
{
    struct thread *thread = program_thread(number);
    if (thread == nullptr) return (struct sim_reply){ .outcome = SIM_GONE };
    if (!thread_can_run(thread)) return (struct sim_reply){ .outcome = SIM_WAITS };
    struct sim_reply reply = { .outcome = SIM_GOES_ON, .call = (enum status)thread->context.call.number };
    if (reply.call != STATUS_OK) return reply;
    reply.label = (enum status)tag_label(thread->context.call.argument[1]);
    memcpy(reply.word, &thread->context.call.argument[2], sizeof(reply.word));
    return reply;
}

/* Enters the kernel again as long as the call is to run again: after a handle fault. */
static void program_enter(uint32_t number, struct thread *thread, enum call_number call, const uint64_t argument[CALL_ARGUMENTS])
{
    constexpr unsigned tries = 4;
    for (unsigned i = 0; i < tries; i++) {
        program_switch(thread);
        uint64_t instruction = thread->context.instruction;
        thread->context.instruction += HOST_CALL_BYTES;
        sim_enter(thread, call, argument);
        sim_run();
        if (program_thread(number) != thread || !thread_can_run(thread) || thread->context.instruction != instruction) return;
    }
    give_up("a call that never goes on");
}

struct sim_reply sim_call(uint32_t number, uint32_t handle, uint64_t tag, const uint64_t word[MESSAGE_WORDS], const void *text, size_t text_bytes)
{
    struct thread *thread = program_thread(number);
    if (!thread_can_run(thread)) return program_reply(number);
    assert(text_bytes <= MESSAGE_BUFFER_BYTES);
    if (text_bytes > 0) memcpy(thread->buffer_pointer, text, text_bytes);
    uint64_t argument[CALL_ARGUMENTS] = { handle, tag };
    memcpy(&argument[2], word, MESSAGE_WORDS * sizeof(word[0]));
    program_enter(number, thread, CALL_call, argument);
    struct sim_reply reply = program_reply(number);
    if (handle == HANDLE_PAGER) sim_contents_asked(number, tag, word, &reply);
    return reply;
}

struct sim_reply sim_request(uint32_t number, enum protocol label, uint64_t word0, uint64_t word1, uint64_t word2)
{
    uint64_t word[MESSAGE_WORDS] = { word0, word1, word2 };
    return sim_call(number, HANDLE_PAGER, tag_make(label, 0), word, nullptr, 0);
}

struct sim_reply sim_request_text(uint32_t number, enum protocol label, uint64_t word0, const void *text, size_t text_bytes)
{
    uint64_t word[MESSAGE_WORDS] = { word0 };
    return sim_call(number, HANDLE_PAGER, tag_make(label, (uint32_t)text_bytes), word, text, text_bytes);
}

const char *sim_text(uint32_t number)
{
    const struct thread *thread = program_thread(number);
    assert(thread != nullptr);
    return thread->buffer_pointer;
}

struct sim_reply sim_look(uint32_t number) { return program_reply(number); }

enum status sim_receive(uint32_t number, uint32_t handle, struct pager_message *message)
{
    struct thread *thread = program_thread(number);
    assert(thread_can_run(thread));
    uint64_t argument[CALL_ARGUMENTS] = { handle, RECEIVE_DO_NOT_WAIT };
    program_enter(number, thread, CALL_receive, argument);
    const struct call_registers *call = &thread->context.call;
    *message = (struct pager_message){ .badge = call->argument[0], .tag = call->argument[1], .token = call->argument[8] };
    memcpy(message->word, &call->argument[2], sizeof(message->word));
    return (enum status)call->number;
}

enum status sim_notify(uint32_t number, uint32_t handle, uint64_t bits)
{
    struct thread *thread = program_thread(number);
    assert(thread_can_run(thread));
    uint64_t argument[CALL_ARGUMENTS] = { handle, bits };
    program_enter(number, thread, CALL_notify, argument);
    return (enum status)thread->context.call.number;
}

void sim_reply_to(uint32_t number, uint32_t handle, const struct pager_message *message)
{
    struct thread *thread = program_thread(number);
    assert(thread_can_run(thread));
    uint64_t argument[CALL_ARGUMENTS] = { handle, message->tag, [8] = message->token };
    memcpy(&argument[2], message->word, sizeof(message->word));
    program_enter(number, thread, CALL_reply_receive, argument);
    if (thread->state != THREAD_RECEIVING) return;
    thread_stop(thread); /* it does not wait for the next message: the test goes on with it */
    schedule_ready(thread);
}

/* --- Faults --- */

struct exception {
    struct thread *thread;
    enum fault_kind kind;
    uint64_t access;
    uint64_t vector;
    uint64_t error;
    uint64_t address;
};

static void body_exception(void *argument)
{
    const struct exception *exception = argument;
    kernel_on_exception(exception->thread, exception->kind, fault_tried(exception->access, exception->vector, exception->error), exception->address);
}

static enum sim_outcome program_fault(uint32_t number, struct exception exception)
{
    exception.thread = program_thread(number);
    if (!thread_can_run(exception.thread)) return exception.thread == nullptr ? SIM_GONE : SIM_WAITS;
    program_switch(exception.thread);
    uint32_t code;
    enum host_end end = host_run(body_exception, &exception, &code);
    assert(end == HOST_RETURNED || end == HOST_WAITS);
    (void)end;
    processor.is_idle = false;
    sim_run();
    return program_reply(number).outcome;
}

constexpr uint32_t VECTOR_PAGE_FAULT = 14;

enum sim_outcome sim_fault(uint32_t number, uint64_t access, uint64_t address)
{
    return program_fault(number, (struct exception){ .kind = FAULT_PAGE, .access = access, .vector = VECTOR_PAGE_FAULT, .address = address });
}

enum sim_outcome sim_exception(uint32_t number, uint32_t vector, uint32_t error)
{
    return program_fault(number, (struct exception){ .kind = FAULT_EXCEPTION, .vector = vector, .error = error });
}

static bool walk(uint32_t number, uint64_t address, struct host_translation *translation)
{
    struct thread *thread = program_thread(number);
    return thread != nullptr && address < USER_LIMIT && host_walk(thread->space->root, address, translation);
}

static bool entry_allows(pte_t entry, uint64_t access)
{
    uint32_t attributes = pte_attributes(entry);
    if ((access & FAULT_WRITE) && !(attributes & ATTRIBUTE_WRITE)) return false;
    return !(access & FAULT_EXECUTE) || (attributes & ATTRIBUTE_EXECUTE);
}

void *sim_touch(uint32_t number, uint64_t address, uint64_t access)
{
    constexpr unsigned tries = 4096; /* where memory is short each may bring one step of what is going (pager/shortage.h) */
    for (unsigned i = 0; i < tries; i++) {
        struct host_translation translation;
        bool is_present = walk(number, address, &translation);
        if (is_present && entry_allows(translation.entry, access))
            return (char *)arch_frame_pointer(translation.frame) + address % PAGE_BYTES;
        if (sim_fault(number, is_present ? access | FAULT_PRESENT : access, address) != SIM_GOES_ON) return nullptr;
    }
    give_up("a fault that never goes on");
}

bool sim_page(uint32_t number, uint64_t address, uint64_t *frame, uint32_t *attributes)
{
    struct host_translation translation;
    if (!walk(number, address, &translation)) return false;
    *frame = translation.frame.number;
    *attributes = pte_attributes(translation.entry) & ATTRIBUTES_ALL;
    return true;
}
