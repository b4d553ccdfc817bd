/* Fast paths. See fast.h.
 *
 * Invariants:
 *  1. A fast path ends in the same state as the ordinary path would, but for the saved message registers of a caller whose message is already delivered.
 *  2. A request to a pager is kept in the caller all the same: it may have to be delivered again (microkernel/thread.h, invariant 3). */
#include "fast.h"

#include <assert.h>

#include "abi/boot_info.h"
#include "calls.h"
#include "counter.h"
#include "cpu.h"
#include "deadline.h"
#include "log.h"
#include "message.h"
#include "page.h"
#include "schedule.h"
#include "space.h"
#include "switch.h"
#include "trap.h"

/* entry.S */
static_assert(CALL_version == 0 && CALL_call == 1 && CALL_reply_receive == 2 && CALL_notify == 4);
static_assert(CALL_resolve == 56 && CALL_space_map == 26 && CALL_space_unmap == 28);
static_assert(TAG_LENGTH_SHIFT == 16 && TAG_LENGTH_MASK == 0x1fff && MESSAGE_BUFFER_BYTES == 4096);
static_assert(offsetof(struct thread, buffer_pointer) == THREAD_BUFFER_POINTER);

/* A register that nobody will look at. (__builtin_nondeterministic_value() is a zero that is loaded.) */
static inline uint64_t any(void)
{
    uint64_t value;
    __asm__ volatile("" : "=r"(value));
    return value;
}
#define ANY any()
#define ONLY(thread) ANY, ANY, ANY, ANY, ANY, ANY, ANY, thread, ANY, ANY, ANY, ANY
#define ANSWERED(endpoint, caller) ANY, ANY, ANY, ANY, ANY, ANY, ANY, thread, ANY, ANY, (uint64_t)(endpoint), (uint64_t)(caller)

/* Keeps a call with its arguments, from the registers where they came, in the thread. */
[[gnu::always_inline]] static inline void keep_call(FAST_ARGUMENTS)
{
    register uint64_t r12 __asm__("r12") = w4, r13 __asm__("r13") = w5, r14 __asm__("r14") = w1, r15 __asm__("r15") = token;
    register uint64_t r8 __asm__("r8") = w2, r9 __asm__("r9") = w3;
    thread->context.call.number = number;
    __asm__ volatile("call save_arguments" /* entry.S: changes no register */
                     ::"c"(thread), "D"(handle), "S"(tag), "d"(w0), "r"(r8), "r"(r9), "r"(r12), "r"(r13), "r"(r14), "r"(r15)
                     : "memory");
}

constexpr uint64_t TAG_HAS_PART = TAG_LENGTH_MASK << TAG_LENGTH_SHIFT;

#ifdef QUIRE_TEST
bool fast_is_off;
#else
constexpr bool fast_is_off = false;
#endif

/* The thread may run next, and the vector registers are as it needs them. The last condition of a fast path: who turns back after it has to make them right
 * again for the thread that goes on. Inlined, for a call would have the message words saved. */
[[gnu::always_inline]] static inline bool may_run(const struct thread *thread)
{
    return schedule_is_best(thread) && !fast_is_off && switch_vectors_easily(thread);
}

/* The same for the receiver of the running thread's request. */
[[gnu::always_inline]] static inline bool may_serve(const struct thread *receiver, const struct thread *sender)
{
    return schedule_may_serve(receiver, sender) && !fast_is_off && switch_vectors_easily(receiver);
}

/* The caller may go on without a look at the clock: who pays stays the same. */
[[gnu::always_inline]] static inline bool may_go_on(const struct thread *caller, const struct thread *server)
{
    return caller->payer == server->payer && may_run(caller);
}

static inline void run(struct thread *thread, const struct space *space)
{
    thread->state = THREAD_RUNNING;
    processor.current = thread;
    switch_to(thread, space);
    assert(thread_check(thread));
    counter_add(COUNTER_ENTRIES, 1);
}

static inline bool row_is_good(const struct handle_row *row, uint64_t handle, uint32_t right)
{
    return row->handle == handle && (row->rights & right) != 0;
}

/* The one receiver to hand a request to, taken out of its queue. */
static inline void take_receiver(struct endpoint *endpoint, struct thread *receiver)
{
    endpoint->queue.first = receiver->queue_next;
    if (endpoint->queue.first == nullptr) {
        endpoint->queue.last = nullptr;
        endpoint->queue_is_receivers = false;
    } else {
        endpoint->queue.first->queue_previous = nullptr;
        receiver->queue_next = nullptr;
    }
}

/* Copies the part in the message buffer, as the ordinary path would. False: it does not fit, and nothing has happened. */
[[gnu::always_inline]] static inline bool part_copy(uint64_t tag, const struct thread *from, struct thread *to)
{
    register struct thread *receiver __asm__("r10") = to;
    __asm__ goto("call message_part\n\tjnc %l[unfit]" ::"S"(tag), "c"(from), "r"(receiver) : "rbx", "cc", "memory" : unfit); /* entry.S */
    return true;
unfit:
    return false;
}

/* The sender waits for a reply from the receiver's space. Returns the token. */
static inline uint64_t wait_for_reply(struct thread *sender, struct space *server)
{
    caller_insert(&server->callers, &sender->caller); /* first, while there are registers for it */
    sender->server = server;
    sender->state = THREAD_WAITING;
    sender->token_sequence++;
    assert(thread_check(sender));
    return sender->token;
}

/* Nothing is looked at, so nothing is saved. */
FAST void fast_version(FAST_ARGUMENTS)
{
    counter_add(COUNTER_ENTRIES, 1);
    handle = ABI_VERSION;
    [[clang::musttail]] return fast_resume(w4, w5, w1, token, handle, tag, w0, thread, w2, w3, ANY, ANY);
}

/* The thread's last request went elsewhere (thread.h, invariant 4). Apart from the paths, which so need no stack; it keeps all registers but one. */
[[gnu::noinline, clang::preserve_most]] static void become_client(struct endpoint *endpoint, struct thread *thread)
{
    endpoint_take_client(endpoint, thread);
}

[[gnu::noinline]] FAST static void call_elsewhere(FAST_ARGUMENTS)
{
    become_client(thread->space->rows[handle % HANDLE_ROWS].endpoint, thread);
    [[clang::musttail]] return fast_call(w4, w5, w1, token, handle, tag, w0, thread, w2, w3, ANY, ANY);
}

[[gnu::noinline]] FAST static void fault_elsewhere(FAST_ARGUMENTS)
{
    become_client(thread->space->pager.endpoint, thread);
    [[clang::musttail]] return fast_fault(ONLY(thread));
}

/* What a fault has to do when it is not the usual one. Apart, as become_client() is. */
[[gnu::noinline, clang::preserve_most]] static uint64_t note_fault(void)
{
    return deadline_note();
}

/* Hands the running thread's request to the first receiver of the endpoint in `more`, and goes on with that. `handle`: the badge. */
[[gnu::noinline]] FAST static void hand_over(FAST_ARGUMENTS)
{
    struct endpoint *endpoint = (struct endpoint *)more;
    struct thread *receiver = endpoint->queue.first;
    take_receiver(endpoint, receiver);
    receiver->payer = thread->payer;
    struct space *server = receiver->space;
    token = wait_for_reply(thread, server);
    tag |= server->incarnation_tag;
    run(receiver, server);
    [[clang::musttail]] return fast_resume(w4, w5, w1, token, handle, tag, w0, receiver, w2, w3, ANY, ANY);
}

/* Hands a fault to the pager, which waits: its kind, what was tried, and where. */
[[gnu::noinline]] FAST static void send_fault(uint64_t, uint64_t, uint64_t address, uint64_t kind, uint64_t, uint64_t, uint64_t tried,
                                              struct thread *thread, uint64_t, uint64_t, uint64_t endpoint, uint64_t)
{
    uint64_t now = fault_marks != 0 ? note_fault() : 0, instruction = thread->context.rip, stack = thread->context.rsp, label = thread->label;
    thread->request = REQUEST_FAULT;
    thread->fault.kind = (uint32_t)kind;
    thread->fault.word[0] = tried;
    thread->fault.word[1] = address;
    thread->fault.word[2] = instruction;
    thread->fault.word[3] = stack;
    thread->fault.word[4] = label;
    thread->fault.word[5] = now;
    uint64_t badge = thread->badge = thread->space->pager.badge;
    [[clang::musttail]] return hand_over(label, now, address, ANY, badge, kind | TAG_FAULT, tried, thread, instruction, stack, endpoint, ANY);
}

FAST void fast_fault(FAST_ARGUMENTS)
{
    uint64_t error = thread->context.error;
    struct endpoint *endpoint = thread->space->pager.endpoint;
    if (endpoint == nullptr || !endpoint->queue_is_receivers || (error & ERROR_RESERVED) != 0) goto slow;
    if (thread->client_of != endpoint) [[clang::musttail]] return fault_elsewhere(ONLY(thread));
    if (!may_serve(endpoint->queue.first, thread)) goto slow;

    // Commit: nothing below may fail.
    [[clang::musttail]] return send_fault(ANY, ANY, cpu_read_cr2(), FAULT_PAGE, ANY, ANY, page_fault_tried(error), thread, ANY, ANY, (uint64_t)endpoint, ANY);
slow:
    [[clang::musttail]] return fast_slow_fault(ONLY(thread));
}

/* A call through a handle without a row: the pager is asked for the row, and the call waits in the thread's registers. */
[[gnu::noinline]] FAST static void call_without_row(FAST_ARGUMENTS)
{
    struct space *space = thread->space;
    struct endpoint *endpoint = space->pager.endpoint;
    if (handle == HANDLE_NONE || handle > UINT32_MAX || space->rows[handle % HANDLE_ROWS].handle == handle) goto slow;
    if (endpoint == nullptr || !endpoint->queue_is_receivers) goto slow;
    if (thread->client_of != endpoint) become_client(endpoint, thread);
    if (!may_serve(endpoint->queue.first, thread)) goto slow;

    // Commit: nothing below may fail.
    keep_call(w4, w5, w1, token, handle, tag, w0, thread, w2, w3, more, CALL_call);
    [[clang::musttail]] return send_fault(ANY, ANY, handle, FAULT_HANDLE, ANY, ANY, 0, thread, ANY, ANY, (uint64_t)endpoint, ANY);
slow:
    [[clang::musttail]] return fast_slow(w4, w5, w1, token, handle, tag, w0, thread, w2, w3, ANY, CALL_call);
}

FAST void fast_call(FAST_ARGUMENTS)
{
    const struct handle_row *row = &thread->space->rows[handle % HANDLE_ROWS];
    if (!row_is_good(row, handle, RIGHT_CALL)) [[clang::musttail]] return call_without_row(w4, w5, w1, token, handle, tag, w0, thread, w2, w3, ANY, ANY);
    struct endpoint *endpoint = row->endpoint;
    struct thread *receiver = endpoint->queue.first;
    if (!endpoint->queue_is_receivers) goto slow;
    if (thread->client_of != endpoint) [[clang::musttail]] return call_elsewhere(w4, w5, w1, token, handle, tag, w0, thread, w2, w3, ANY, ANY);
    if ((tag & TAG_HAS_PART) != 0 && !part_copy(tag, thread, receiver)) goto slow;
    if (!may_serve(receiver, thread)) goto slow;

    // Commit: nothing below may fail.
    thread->request = REQUEST_CALL;
    if (receiver->space->is_pager) { /* invariant 2 */
        keep_call(w4, w5, w1, token, handle, tag, w0, thread, w2, w3, more, CALL_call);
        thread->badge = row->badge;
    }
    [[clang::musttail]] return hand_over(w4, w5, w1, token, row->badge, tag & TAG_SENDER_MASK, w0, thread, w2, w3, (uint64_t)endpoint, ANY);
slow:
    [[clang::musttail]] return fast_slow(w4, w5, w1, token, handle, tag, w0, thread, w2, w3, ANY, CALL_call);
}

/* Takes a caller out of its server's ring. */
static inline void end_waiting(struct thread *caller)
{
    caller_remove(&caller->caller);
    caller->request = REQUEST_NONE;
    caller->state = THREAD_RUNNING;
}

/* The running thread waits at an endpoint where nothing is. */
static inline void wait_for_message(struct thread *receiver, struct endpoint *endpoint)
{
    receiver->state = THREAD_RECEIVING;
    receiver->endpoint = endpoint;
    endpoint->queue.first = endpoint->queue.last = receiver;
    endpoint->queue_is_receivers = true;
    assert(thread_check(receiver));
}

/* The end of what answers a fault: the thread waits at the endpoint, and the caller, whom it has answered, goes on. */
[[gnu::noinline]] FAST static void answered(FAST_ARGUMENTS)
{
    struct endpoint *endpoint = (struct endpoint *)more;
    struct thread *caller = (struct thread *)number;
    end_waiting(caller);
    wait_for_message(thread, endpoint);
    run(caller, caller->space);
    [[clang::musttail]] return fast_resume_saved(ONLY(caller));
}

FAST void fast_reply_receive(FAST_ARGUMENTS)
{
    const struct handle_row *row = &thread->space->rows[handle % HANDLE_ROWS];
    if (!row_is_good(row, handle, RIGHT_RECEIVE)) goto slow;
    struct endpoint *endpoint = row->endpoint;
    if (endpoint->queue.first != nullptr || endpoint->bits != 0) goto slow;
    struct thread *caller = message_caller(thread, token);
    if (caller == nullptr) goto slow;
    if (caller->request == REQUEST_FAULT) {
        if ((tag & TAG_SENDER_MASK) != FAULT_RETRY || caller->context.vector == VECTOR_SYSCALL) goto slow;
    } else if ((tag & TAG_HAS_PART) != 0 && !part_copy(tag, thread, caller)) {
        goto slow;
    }
    if (!may_go_on(caller, thread)) goto slow;
    __asm__("" : "+r"(caller)); /* its request is looked at again: nothing keeps it meanwhile */
    if (caller->request == REQUEST_FAULT) [[clang::musttail]] return answered(ANSWERED(endpoint, caller));

    // Commit: nothing below may fail.
    end_waiting(caller);
    wait_for_message(thread, endpoint);
    run(caller, caller->space);
    [[clang::musttail]] return fast_resume(w4, w5, w1, 0, 0, tag & TAG_SENDER_MASK, w0, caller, w2, w3, ANY, ANY);
slow:
    [[clang::musttail]] return fast_slow(w4, w5, w1, token, handle, tag, w0, thread, w2, w3, ANY, CALL_reply_receive);
}

/* A page of user addresses. */
static inline bool page_is_good(uint64_t address)
{
    /* Bits of a place inside the page are turned to where they make it too high. */
    return __builtin_rotateright64(address - USER_FIRST, PAGE_SHIFT) < (USER_LIMIT - USER_FIRST) >> PAGE_SHIFT;
}

FAST void fast_resolve(FAST_ARGUMENTS)
{
    const struct handle_row *row = &thread->space->rows[handle % HANDLE_ROWS];
    if (!row_is_good(row, handle, RIGHT_RECEIVE) || !thread->space->is_pager) goto slow;
    struct endpoint *endpoint = row->endpoint;
    if (endpoint->queue.first != nullptr || endpoint->bits != 0) goto slow;
    struct thread *caller = message_caller(thread, token);
    if (caller == nullptr || caller->context.vector != VECTOR_PAGE_FAULT) goto slow; /* in user mode, and it waits */
    uint32_t attributes = (uint32_t)(tag & (PAGE_BYTES - 1));
    if (!page_is_good(tag - attributes) || w1 != 1 || w0 > UINT32_MAX || attributes_check(attributes) != STATUS_OK) goto slow;
    if (!may_go_on(caller, thread)) goto slow;
    enum status status = resolve_page(caller->space, (user_page_t){ tag - attributes }, w0, attributes);
    if (status == STATUS_OK) [[clang::musttail]] return answered(ANSWERED(endpoint, caller));
    switch_vectors_easily(thread); /* nothing has changed: the ordinary path comes to the same status */
slow:
    [[clang::musttail]] return fast_slow_saved(ONLY(thread));
}

/* Where nobody waits the bits stay; a receiver above the notifier runs at once, on its own time, and the notifier is the next of its priority. */
[[clang::minsize]] FAST void fast_notify(FAST_ARGUMENTS)
{
    const struct handle_row *row = &thread->space->rows[handle % HANDLE_ROWS];
    if (!row_is_good(row, handle, RIGHT_NOTIFY) || tag == 0 || fast_is_off) goto slow;
    struct endpoint *endpoint = row->endpoint;
    if (!endpoint->queue_is_receivers) {
        endpoint->bits |= tag;
        counter_add(COUNTER_ENTRIES, 1);
        [[clang::musttail]] return fast_resume(w4, w5, w1, token, handle, tag, w0, thread, w2, w3, ANY, ANY);
    }
    struct thread *receiver = endpoint->queue.first;
    if (receiver->priority <= thread->priority || receiver->priority != receiver->own_priority || processor.slice_end == 0) goto slow;
    if (!schedule_may_pay_alone(receiver) || !switch_vectors_easily(receiver)) goto slow;

    // Commit: nothing below may fail.
    w0 = tag;
    take_receiver(endpoint, receiver);
    thread->context.call.number = STATUS_OK;
    schedule_push_front(thread);
    assert(thread_check(thread));
    receiver->payer = receiver->account;
    schedule_pay_alone(receiver);
    struct space *space = receiver->space;
    tag = TAG_NOTIFICATION | space->incarnation_tag;
    run(receiver, space);
    [[clang::musttail]] return fast_resume(0, 0, 0, 0, 0, tag, w0, receiver, 0, 0, ANY, ANY);
slow:
    [[clang::musttail]] return fast_slow_saved(ONLY(thread));
}

/* The space of a name that has been looked at. */
static inline struct space *space_of(uint64_t frame)
{
    return (struct space *)arch_frame_pointer((frame_t){ (uint32_t)frame });
}

/* Its entry has been found, struct lowest is in `more` and `number`, and the count, which is 1, nowhere. */
[[gnu::noinline]] FAST static void map_there(FAST_ARGUMENTS)
{
    struct lowest lowest = { (pte_t *)more, (const pte_t *)number };
    if (w0 >= frame_limit || attributes_check(w2) != STATUS_OK) goto slow;
    if (!page_map(space_of(handle), &lowest, (frame_t){ (uint32_t)w0 }, (uint32_t)w2)) goto slow;
    counter_add(COUNTER_ENTRIES, 1);
    [[clang::musttail]] return fast_resume(w4, w5, 1, token, 1, tag, w0, thread, w2, w3, ANY, ANY);
slow:
    [[clang::musttail]] return fast_slow(w4, w5, 1, token, handle, tag, w0, thread, w2, w3, ANY, CALL_space_map);
}

[[gnu::noinline]] FAST static void unmap_there(FAST_ARGUMENTS)
{
    struct lowest lowest = { (pte_t *)more, (const pte_t *)number };
    if (w1 > UNMAP_FREE || !page_unmap(space_of(handle), (user_page_t){ tag }, &lowest, w1)) goto slow;
    counter_add(COUNTER_ENTRIES, 1);
    [[clang::musttail]] return fast_resume(w4, w5, w1, token, 1, 1, 0, thread, w2, w3, ANY, ANY);
slow:
    [[clang::musttail]] return fast_slow(w4, w5, w1, token, handle, tag, 1, thread, w2, w3, ANY, CALL_space_unmap);
}

/* One page mapped or unmapped. The caller goes on at once, so nothing of it was touched but the registers of the results. */
FAST void fast_page(FAST_ARGUMENTS)
{
    const struct space *space = page_space(handle);
    if (space == nullptr || !thread->space->is_pager || !page_is_good(tag) || fast_is_off) goto slow;
    struct lowest lowest;
    if ((number == CALL_space_map ? w1 : w0) != 1 || !lowest_find(&lowest, space, tag)) goto slow;
    more = (uint64_t)lowest.entry;
    if (number == CALL_space_map) [[clang::musttail]] return map_there(w4, w5, ANY, token, handle, tag, w0, thread, w2, w3, more, (uint64_t)lowest.above);
    [[clang::musttail]] return unmap_there(w4, w5, w1, token, handle, tag, ANY, thread, w2, w3, more, (uint64_t)lowest.above);
slow:
    [[clang::musttail]] return fast_slow(w4, w5, w1, token, handle, tag, w0, thread, w2, w3, ANY, number);
}
