/* Threads, and how each finds what is its own.
 *
 * The stack of a thread is the upper part of an AREA, aligned to its size, with the thread's control block at the top: so a stack pointer leads to the block by
 * setting its lower bits. No register is needed for it, which the kernel would have to load with each switch. The first thread's stack is far above all areas.
 * While a process has one thread nothing is asked at all. */
#include <quire/thread.h>

#include <assert.h>

#include <quire/endpoint.h>
#include <quire/handle.h>
#include <quire/memory.h>
#include <quire/mutex.h>
#include <quire/pager_call.h>

#include "start.h"
#include "thread_control.h"

constexpr uint64_t AREA = 4 << 20;
constexpr uint64_t GUARD_LEAST = 64 << 10;
static_assert(THREAD_STACK_MOST + GUARD_LEAST == AREA);

static struct thread_control first = { .number = 1 };
static bool are_several;             /* another thread was started */
static uintptr_t first_stack;        /* an address in the first thread's stack, which is at most STACK_MOST long */
constexpr uint64_t STACK_MOST = 1 << 30;
static struct thread_control *started; /* and not joined yet */
static struct mutex started_lock;

void message_buffer_set(char *address)
{
    first.buffer = address;
    first_stack = (uintptr_t)__builtin_frame_address(0);
}

struct thread_control *thread_control(void)
{
    uintptr_t stack = (uintptr_t)__builtin_frame_address(0);
    if (!are_several || stack + STACK_MOST > first_stack)
        return &first;
    return (struct thread_control *)((stack | (AREA - 1)) + 1) - 1;
}

uint32_t thread_self(void) { return thread_control()->number; }

/* --- Starting --- */

/* Where a thread begins, as if called by nobody. */
[[noreturn]] static void thread_begin(struct thread_control *self)
{
    while (__atomic_load_n(&self->number, __ATOMIC_ACQUIRE) == 0) yield(); /* who started it has not heard the number yet */
    thread_exit(self->function(self->argument));
}

static enum status area_map(uint64_t stack_bytes, uint64_t *area)
{
    enum status status = memory_map(AREA, PROTECTION_WRITE, area);
    if (status != STATUS_OK)
        return status;
    assert(*area % AREA == 0); /* the mmap area aligns what is a power of two */
    status = memory_protect(*area, (AREA - stack_bytes) & ~(PAGE_BYTES - 1), PROTECTION_READ);
    if (status == STATUS_OK)
        return STATUS_OK;
    enum status undone = memory_unmap(*area, AREA);
    assert(undone == STATUS_OK);
    (void)undone;
    return status;
}

static enum status thread_start_in(uint64_t area, uint64_t (*function)(void *argument), void *argument, uint32_t *thread)
{
    struct thread_control *control = (struct thread_control *)(area + AREA) - 1;
    *control = (struct thread_control){ .function = function, .argument = argument };
    uint64_t stack = ((uintptr_t)control & ~(uintptr_t)15) - sizeof(uint64_t); /* as after a call; the return address is zero */
    struct message message = { .word = { (uintptr_t)thread_begin, stack, (uintptr_t)control } };
    enum status status = pager_call(HANDLE_PAGER, PROTOCOL_thread_create, 0, &message);
    if (status != STATUS_OK)
        return status;
    *thread = (uint32_t)message.word[0];
    control->next_started = started;
    started = control;
    control->buffer = (char *)(uintptr_t)message.word[1];
    __atomic_store_n(&control->number, *thread, __ATOMIC_RELEASE);
    return STATUS_OK;
}

enum status thread_start(uint64_t (*function)(void *argument), void *argument, uint64_t stack_bytes, uint32_t *thread)
{
    uint64_t area;
    if (stack_bytes > THREAD_STACK_MOST)
        return STATUS_BAD_LENGTH;
    enum status status = area_map(stack_bytes != 0 ? stack_bytes : THREAD_STACK_USUAL, &area);
    if (status != STATUS_OK)
        return status;
    are_several = true;
    mutex_lock(&started_lock);
    status = thread_start_in(area, function, argument, thread);
    mutex_unlock(&started_lock);
    if (status == STATUS_OK)
        return STATUS_OK;
    enum status undone = memory_unmap(area, AREA);
    assert(undone == STATUS_OK);
    (void)undone;
    return status;
}

/* --- Ending --- */

[[noreturn]] void thread_exit(uint64_t value)
{
    struct thread_control *self = thread_control();
    if (self->endpoint != HANDLE_NONE)
        (void)!handle_close(self->endpoint);
    self->value = value;
    for (;;) {
        struct message message = { .word = { 0, value } };
        (void)!pager_call(HANDLE_PAGER, PROTOCOL_thread_end, 0, &message);
    }
}

enum status thread_end(uint32_t thread)
{
    if (thread == thread_self())
        return STATUS_BAD_ARGUMENT;
    if (thread == 0)
        return STATUS_NOT_FOUND; /* for the pager that is who asks */
    struct message message = { .word = { thread } };
    return pager_call(HANDLE_PAGER, PROTOCOL_thread_end, 0, &message);
}

/* Takes a thread out of the list, so that nobody else joins it. */
static struct thread_control *started_take(uint32_t thread)
{
    mutex_lock(&started_lock);
    struct thread_control **link = &started;
    while (*link != nullptr && (*link)->number != thread) link = &(*link)->next_started;
    struct thread_control *control = *link;
    if (control != nullptr)
        *link = control->next_started;
    mutex_unlock(&started_lock);
    return control;
}

enum status thread_join(uint32_t thread, uint64_t *value)
{
    if (thread == thread_self())
        return STATUS_BAD_ARGUMENT;
    struct thread_control *control = thread != 0 ? started_take(thread) : nullptr;
    if (control == nullptr)
        return STATUS_NOT_FOUND;
    struct message message = { .word = { thread } };
    enum status status = pager_call(HANDLE_PAGER, PROTOCOL_thread_wait, 0, &message);
    assert(status == STATUS_OK);
    *value = control->value;
    status = memory_unmap((uintptr_t)control & ~(AREA - 1), AREA);
    assert(status == STATUS_OK);
    (void)status;
    return STATUS_OK;
}

/* Nothing is written that says so already: each page that is written to is copied. */
void thread_is_alone(void)
{
    struct thread_control *self = thread_control();
    if (self != &first) {
        self->buffer = first.buffer; /* a first thread's is always there */
        self->number = 1;
    }
    if (self->endpoint != HANDLE_NONE)
        self->endpoint = HANDLE_NONE;
    if (started != nullptr)
        started = nullptr;
}

/* --- Waiting for bits --- */

enum status thread_endpoint(uint32_t *handle)
{
    struct thread_control *self = thread_control();
    enum status status = self->endpoint == HANDLE_NONE ? endpoint_create(&self->endpoint) : STATUS_OK;
    if (status == STATUS_OK)
        *handle = self->endpoint;
    return status;
}

void thread_wait_for(uint32_t handle, uint64_t bits)
{
    struct message message;
    enum status status;
    do status = receive(handle, RECEIVE_WAIT, &message);
    while (status == STATUS_OK && (message.word[0] & bits) == 0);
}
