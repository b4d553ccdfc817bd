/* The calls that only a pager may make, and those of a kernel built for tests: one inline function for each row of abi/syscall.def.
 *
 * What a call does, its arguments and its results are described there; here each result goes through a pointer that is written only when the status
 * is STATUS_OK or STATUS_AGAIN. Everybody but a pager gets STATUS_DENIED; a kernel not built for tests answers STATUS_BAD_CALL to test calls.
 * The other statuses of each stand in its row of docs/calls.md.
 *
 * The call_with_... functions hold the instruction: they pass so many registers and take them back, and name no others, because a call that
 * returns leaves the rest alone. */
#ifndef QUIRE_KERNEL_CALLS_H
#define QUIRE_KERNEL_CALLS_H

#include <quire/syscall.h>

static inline enum status call_with_1(enum call_number call_number, uint64_t *a)
{
    uint64_t number = call_number;
    __asm__ volatile("syscall" : "+a"(number), "+D"(*a) : : "rcx", "r11", "r10", "rbx", "memory");
    return (enum status)number;
}

static inline enum status call_with_2(enum call_number call_number, uint64_t *a, uint64_t *b)
{
    uint64_t number = call_number;
    __asm__ volatile("syscall" : "+a"(number), "+D"(*a), "+S"(*b) : : "rcx", "r11", "r10", "rbx", "memory");
    return (enum status)number;
}

static inline enum status call_with_3(enum call_number call_number, uint64_t *a, uint64_t *b, uint64_t *c)
{
    uint64_t number = call_number;
    __asm__ volatile("syscall" : "+a"(number), "+D"(*a), "+S"(*b), "+d"(*c) : : "rcx", "r11", "r10", "rbx", "memory");
    return (enum status)number;
}

static inline enum status call_with_4(enum call_number call_number, uint64_t *a, uint64_t *b, uint64_t *c, uint64_t d)
{
    uint64_t number = call_number;
    register uint64_t fourth __asm__("r14") = d;
    __asm__ volatile("syscall" : "+a"(number), "+D"(*a), "+S"(*b), "+d"(*c), "+r"(fourth) : : "rcx", "r11", "r10", "rbx", "memory");
    return (enum status)number;
}

static inline enum status call_with_5(enum call_number call_number, uint64_t *a, uint64_t b, uint64_t c, uint64_t d, uint64_t e)
{
    uint64_t number = call_number;
    register uint64_t fourth __asm__("r14") = d;
    register uint64_t fifth __asm__("r8") = e;
    __asm__ volatile("syscall" : "+a"(number), "+D"(*a), "+S"(b), "+d"(c), "+r"(fourth), "+r"(fifth) : : "rcx", "r11", "r10", "rbx", "memory");
    return (enum status)number;
}

/* Five arguments, two results. */
static inline enum status call_with_5_for_2(enum call_number call_number, uint64_t *a, uint64_t *b, uint64_t c, uint64_t d, uint64_t e)
{
    uint64_t number = call_number;
    register uint64_t fourth __asm__("r14") = d;
    register uint64_t fifth __asm__("r8") = e;
    __asm__ volatile("syscall" : "+a"(number), "+D"(*a), "+S"(*b), "+d"(c), "+r"(fourth), "+r"(fifth) : : "rcx", "r11", "r10", "rbx", "memory");
    return (enum status)number;
}

/* Six arguments, one result. */
static inline enum status call_with_6(enum call_number call_number, uint64_t *a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t f)
{
    uint64_t number = call_number;
    register uint64_t fourth __asm__("r14") = d;
    register uint64_t fifth __asm__("r8") = e;
    register uint64_t sixth __asm__("r9") = f;
    __asm__ volatile("syscall" : "+a"(number), "+D"(*a), "+S"(b), "+d"(c), "+r"(fourth), "+r"(fifth), "+r"(sixth) : : "rcx", "r11", "r10", "rbx", "memory");
    return (enum status)number;
}

/* Six arguments, two results. */
static inline enum status call_with_6_for_2(enum call_number call_number, uint64_t *a, uint64_t *b, uint64_t c, uint64_t d, uint64_t e, uint64_t f)
{
    uint64_t number = call_number;
    register uint64_t fourth __asm__("r14") = d;
    register uint64_t fifth __asm__("r8") = e;
    register uint64_t sixth __asm__("r9") = f;
    __asm__ volatile("syscall" : "+a"(number), "+D"(*a), "+S"(*b), "+d"(c), "+r"(fourth), "+r"(fifth), "+r"(sixth) : : "rcx", "r11", "r10", "rbx", "memory");
    return (enum status)number;
}

static inline bool status_has_results(enum status status) { return status == STATUS_OK || status == STATUS_AGAIN; }

/* --- Frames --- */

static inline enum status kernel_frame_allocate(uint32_t order, uint64_t *frame)
{
    uint64_t a = order;
    enum status status = call_with_1(CALL_frame_allocate, &a);
    if (status == STATUS_OK)
        *frame = a;
    return status;
}

static inline enum status kernel_frame_free(uint64_t frame, uint32_t order)
{
    return call_with_2(CALL_frame_free, &frame, &(uint64_t){ order });
}

static inline enum status kernel_frame_copy(uint64_t to, uint32_t to_offset, uint64_t from, uint32_t from_offset, uint32_t length_bytes)
{
    return call_with_5(CALL_frame_copy, &to, to_offset, from, from_offset, length_bytes);
}

static inline enum status kernel_frame_zero(uint64_t frame) { return call_with_1(CALL_frame_zero, &frame); }

/* `limit`: a frame number, 0: none. */
static inline enum status kernel_frame_allocate_below(uint32_t order, uint64_t limit, uint64_t *frame)
{
    uint64_t a = order;
    enum status status = call_with_2(CALL_frame_allocate_below, &a, &limit);
    if (status == STATUS_OK)
        *frame = a;
    return status;
}

static inline enum status kernel_frame_split(uint64_t frame, uint32_t order)
{
    return call_with_2(CALL_frame_split, &frame, &(uint64_t){ order });
}

static inline enum status kernel_frame_batch(uint64_t *base, uint64_t *mask)
{
    uint64_t a = 0, b = 0;
    enum status status = call_with_2(CALL_frame_batch, &a, &b);
    if (status == STATUS_OK)
        *base = a, *mask = b;
    return status;
}

static inline enum status kernel_frame_count(uint64_t *free, uint64_t *total)
{
    uint64_t a = 0, b = 0;
    enum status status = call_with_2(CALL_frame_count, &a, &b);
    if (status == STATUS_OK)
        *free = a, *total = b;
    return status;
}

/* --- Spaces --- */

static inline enum status kernel_space_create(uint64_t pager_endpoint, uint64_t badge, uint64_t *space)
{
    enum status status = call_with_2(CALL_space_create, &pager_endpoint, &badge);
    if (status == STATUS_OK)
        *space = pager_endpoint;
    return status;
}

static inline enum status kernel_space_destroy(uint64_t space) { return call_with_1(CALL_space_destroy, &space); }

static inline enum status kernel_space_map(uint64_t space, uint64_t address, uint64_t frame, uint64_t count_pages, uint32_t attributes,
                                           uint64_t *done_pages)
{
    enum status status = call_with_5(CALL_space_map, &space, address, frame, count_pages, attributes);
    if (status_has_results(status))
        *done_pages = space;
    return status;
}

static inline enum status kernel_space_fill(uint64_t space, uint64_t address, uint64_t count_pages, uint32_t attributes, uint64_t *done_pages)
{
    enum status status = call_with_4(CALL_space_fill, &space, &address, &count_pages, attributes);
    if (status_has_results(status))
        *done_pages = space;
    return status;
}

static inline enum status kernel_space_unmap(uint64_t space, uint64_t address, uint64_t count_pages, uint64_t flags,
                                             uint64_t *done_pages, uint64_t *unmapped_pages, uint64_t *freed_frames)
{
    enum status status = call_with_4(CALL_space_unmap, &space, &address, &count_pages, flags);
    if (status_has_results(status))
        *done_pages = space, *unmapped_pages = address, *freed_frames = count_pages;
    return status;
}

static inline enum status kernel_space_protect(uint64_t space, uint64_t address, uint64_t count_pages, uint32_t attributes,
                                               uint64_t *done_pages, uint64_t *changed_pages)
{
    enum status status = call_with_4(CALL_space_protect, &space, &address, &count_pages, attributes);
    if (status_has_results(status))
        *done_pages = space, *changed_pages = address;
    return status;
}

static inline enum status kernel_space_count(uint64_t space, uint64_t address, uint64_t count_pages, uint64_t *done_pages, uint64_t *mapped_pages)
{
    enum status status = call_with_3(CALL_space_count, &space, &address, &count_pages);
    if (status_has_results(status))
        *done_pages = space, *mapped_pages = address;
    return status;
}

static inline enum status kernel_space_query(uint64_t space, uint64_t address, uint64_t *frame, uint32_t *attributes, uint64_t *page_bytes)
{
    uint64_t c = 0;
    enum status status = call_with_3(CALL_space_query, &space, &address, &c);
    if (status == STATUS_OK)
        *frame = space, *attributes = (uint32_t)address, *page_bytes = c;
    return status;
}

static inline enum status kernel_space_move(uint64_t from, uint64_t from_address, uint64_t to, uint64_t to_address, uint64_t count_pages,
                                            uint64_t *done_pages, uint64_t *moved_pages)
{
    enum status status = call_with_5_for_2(CALL_space_move, &from, &from_address, to, to_address, count_pages);
    if (status_has_results(status))
        *done_pages = from, *moved_pages = from_address;
    return status;
}

/* `attributes`: with SHARE_COPY or without. */
static inline enum status kernel_space_share(uint64_t from, uint64_t from_address, uint64_t to, uint64_t to_address, uint64_t count_pages,
                                             uint64_t attributes, uint64_t *done_pages, uint64_t *shared_pages)
{
    enum status status = call_with_6_for_2(CALL_space_share, &from, &from_address, to, to_address, count_pages, attributes);
    if (status_has_results(status))
        *done_pages = from, *shared_pages = from_address;
    return status;
}

static inline enum status kernel_space_harvest(uint64_t space, uint64_t address, uint64_t count_pages, uint64_t *accessed, uint64_t *dirty)
{
    enum status status = call_with_3(CALL_space_harvest, &space, &address, &count_pages);
    if (status == STATUS_OK)
        *accessed = space, *dirty = address;
    return status;
}

/* `first`: the physical address / PAGE_BYTES; `attributes`: ATTRIBUTES_DEVICE; `flags`: DEVICE_ALONE or DEVICE_SHARED. */
static inline enum status kernel_device_map(uint64_t space, uint64_t address, uint64_t first, uint64_t count_pages, uint32_t attributes, uint64_t flags,
                                            uint64_t *done_pages)
{
    enum status status = call_with_6(CALL_device_map, &space, address, first, count_pages, attributes, flags);
    if (status_has_results(status))
        *done_pages = space;
    return status;
}

static inline enum status kernel_device_unmap(uint64_t space, uint64_t address, uint64_t count_pages, uint64_t *done_pages)
{
    enum status status = call_with_3(CALL_device_unmap, &space, &address, &count_pages);
    if (status_has_results(status))
        *done_pages = space;
    return status;
}

/* --- Threads --- */

/* purse: the thread whose account pays for the time of this one; 0: its own. */
static inline enum status kernel_thread_create_for(uint64_t space, uint64_t label, uint64_t buffer_frame, uint32_t priority, uint64_t flags,
                                                   uint64_t purse, uint64_t *thread)
{
    enum status status = call_with_6(CALL_thread_create, &space, label, buffer_frame, priority, flags, purse);
    if (status == STATUS_OK)
        *thread = space;
    return status;
}

static inline enum status kernel_thread_create(uint64_t space, uint64_t label, uint64_t buffer_frame, uint32_t priority, uint64_t flags,
                                               uint64_t *thread)
{
    return kernel_thread_create_for(space, label, buffer_frame, priority, flags, 0, thread);
}

static inline enum status kernel_thread_destroy(uint64_t thread) { return call_with_1(CALL_thread_destroy, &thread); }

static inline enum status kernel_thread_start(uint64_t thread, uint64_t instruction, uint64_t stack, uint64_t argument)
{
    return call_with_4(CALL_thread_start, &thread, &instruction, &stack, argument);
}

static inline enum status kernel_thread_stop(uint64_t thread) { return call_with_1(CALL_thread_stop, &thread); }

static inline enum status kernel_thread_cancel(uint64_t thread, uint64_t handle) { return call_with_2(CALL_thread_cancel, &thread, &handle); }

/* What a thread is at. `cycles`: for how long at least it has been at its request, as far as thread_info was asked. */
struct thread_info {
    enum thread_state state;
    enum thread_request request;
    enum fault_kind fault; /* of REQUEST_FAULT */
    uint64_t endpoint;     /* where it sends, receives or was received; 0: nowhere */
    uint64_t server;       /* the space that has received its request and owes the answer; 0: none */
    uint64_t label, cycles;
};

static inline enum status kernel_thread_info(uint64_t thread, struct thread_info *info)
{
    uint64_t number = CALL_thread_info, first = thread, second, third;
    register uint64_t fourth __asm__("r14");
    register uint64_t fifth __asm__("r8");
    __asm__ volatile("syscall" : "+a"(number), "+D"(first), "=S"(second), "=d"(third), "=r"(fourth), "=r"(fifth) : : "rcx", "r11", "r10", "rbx", "memory");
    if (number == STATUS_OK)
        *info = (struct thread_info){ (enum thread_state)(first & 0xff), (enum thread_request)(first >> 8 & 0xff), (enum fault_kind)(first >> 16 & 0xff),
                                      second, third, fourth, fifth };
    return (enum status)number;
}

/* TIME_UNLIMITED nanoseconds: as much as there is; the period does not matter then. */
static inline enum status kernel_thread_budget(uint64_t thread, uint32_t priority, uint64_t nanoseconds, uint64_t period)
{
    uint64_t b = priority;
    return call_with_4(CALL_thread_budget, &thread, &b, &nanoseconds, period);
}

/* In cycles; `left` is TIME_UNLIMITED where there is no limit. */
static inline enum status kernel_thread_time(uint64_t thread, uint64_t *paid, uint64_t *left, uint64_t *given)
{
    uint64_t b = 0, c = 0;
    enum status status = call_with_3(CALL_thread_time, &thread, &b, &c);
    if (status == STATUS_OK)
        *paid = thread, *left = b, *given = c;
    return status;
}

/* --- Interrupts --- */

static inline enum status kernel_interrupt_map(uint64_t endpoint, uint32_t line, uint64_t bits)
{
    uint64_t b = line;
    return call_with_3(CALL_interrupt_map, &endpoint, &b, &bits);
}

static inline enum status kernel_interrupt_unmap(uint32_t line)
{
    uint64_t a = line;
    return call_with_1(CALL_interrupt_unmap, &a);
}

static inline enum status kernel_interrupt_acknowledge(uint32_t line)
{
    uint64_t a = line;
    return call_with_1(CALL_interrupt_acknowledge, &a);
}

/* --- Ports --- */

static inline enum status kernel_port_in(uint64_t port, uint64_t width_bytes, uint64_t *value)
{
    enum status status = call_with_2(CALL_port_in, &port, &width_bytes);
    if (status == STATUS_OK)
        *value = port;
    return status;
}

static inline enum status kernel_port_out(uint64_t port, uint64_t width_bytes, uint64_t value)
{
    return call_with_3(CALL_port_out, &port, &width_bytes, &value);
}

/* --- Endpoints and handles --- */

static inline enum status kernel_endpoint_create(uint64_t *endpoint)
{
    uint64_t a = 0;
    enum status status = call_with_1(CALL_endpoint_create, &a);
    if (status == STATUS_OK)
        *endpoint = a;
    return status;
}

static inline enum status kernel_endpoint_destroy(uint64_t endpoint) { return call_with_1(CALL_endpoint_destroy, &endpoint); }

static inline enum status kernel_handle_map(uint64_t space, uint32_t handle, uint64_t endpoint, uint64_t rights, uint64_t badge)
{
    return call_with_5(CALL_handle_map, &space, handle, endpoint, rights, badge);
}

static inline enum status kernel_handle_unmap(uint64_t space, uint32_t handle)
{
    return call_with_2(CALL_handle_unmap, &space, &(uint64_t){ handle });
}

/* --- The pager's answer to a fault --- */

/* Maps what the fault of message->token needs, lets its thread go on and waits for the next message, which replaces the message.
 * `page_and_attributes`: a page address with ATTRIBUTE_... bits in its low bits; `frame`: the first of `count_pages` frames, or FRAME_FRESH. */
static inline enum status kernel_resolve(uint32_t handle, uint64_t page_and_attributes, uint64_t frame, uint64_t count_pages, struct message *message)
{
    uint64_t number = CALL_resolve, first = handle, second = page_and_attributes, third = frame;
    register uint64_t word_1 __asm__("r14") = count_pages;
    register uint64_t word_2 __asm__("r8");
    register uint64_t word_3 __asm__("r9");
    register uint64_t word_4 __asm__("r12");
    register uint64_t word_5 __asm__("r13");
    register uint64_t token __asm__("r15") = message->token;
    __asm__ volatile("syscall"
                 : "+a"(number), "+D"(first), "+S"(second), "+d"(third),
                   "+r"(word_1), "=r"(word_2), "=r"(word_3), "=r"(word_4), "=r"(word_5), "+r"(token)
                 : : "rcx", "r11", "r10", "rbx", "memory");
    *message = (struct message){ first, second, { third, word_1, word_2, word_3, word_4, word_5 }, token };
    return (enum status)number;
}

/* Fills the row that the handle fault of message->token misses with an endpoint, a badge and rights, lets the call go on and waits for the next message,
 * which replaces the message. */
static inline enum status kernel_handle_resolve(uint32_t handle, uint64_t endpoint, uint64_t badge, uint64_t rights, struct message *message)
{
    uint64_t number = CALL_handle_resolve, first = handle, second = endpoint, third = badge;
    register uint64_t word_1 __asm__("r14") = rights;
    register uint64_t word_2 __asm__("r8");
    register uint64_t word_3 __asm__("r9");
    register uint64_t word_4 __asm__("r12");
    register uint64_t word_5 __asm__("r13");
    register uint64_t token __asm__("r15") = message->token;
    __asm__ volatile("syscall"
                 : "+a"(number), "+D"(first), "+S"(second), "+d"(third),
                   "+r"(word_1), "=r"(word_2), "=r"(word_3), "=r"(word_4), "=r"(word_5), "+r"(token)
                 : : "rcx", "r11", "r10", "rbx", "memory");
    *message = (struct message){ first, second, { third, word_1, word_2, word_3, word_4, word_5 }, token };
    return (enum status)number;
}

/* --- The machine --- */

/* Stops the machine; 0 reports success to whoever started it. Returns only a status that refuses it. */
static inline enum status kernel_machine_end(uint32_t code)
{
    uint64_t number = CALL_machine_end, a = code;
    __asm__ volatile("syscall" : "+a"(number), "+D"(a)
                 : : "rsi", "rdx", "r14", "r8", "r9", "r12", "r13", "r15", "rcx", "r11", "r10", "rbx", "memory");
    return (enum status)number;
}

static inline enum status kernel_test_space(uint64_t space, uint64_t *mapped_pages, uint64_t *tables)
{
    uint64_t b = 0;
    enum status status = call_with_2(CALL_test_space, &space, &b);
    if (status == STATUS_OK)
        *mapped_pages = space, *tables = b;
    return status;
}

static inline enum status kernel_test_check(uint32_t *failed)
{
    uint64_t a = 0;
    enum status status = call_with_1(CALL_test_check, &a);
    if (status == STATUS_OK)
        *failed = (uint32_t)a;
    return status;
}

static inline enum status kernel_test_counter(enum counter counter, uint64_t *value)
{
    uint64_t a = counter;
    enum status status = call_with_1(CALL_test_counter, &a);
    if (status == STATUS_OK)
        *value = a;
    return status;
}

#endif
