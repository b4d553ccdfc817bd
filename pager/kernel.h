/* The seam: all that the pager asks of the kernel, one function for each table call that it uses.
 *
 * On the machine (kernel_machine.c) these are system calls. On the host (tests/sim/) they act on the portable kernel's own frames and page tables, so the
 * same pager runs there under sanitizers. The functions are named seam_..., because libipc's stubs for the same calls are named kernel_....
 * Statuses are those of the call (abi/syscall.def); results are written only on OK and AGAIN. */
#ifndef QUIRE_PAGER_KERNEL_H
#define QUIRE_PAGER_KERNEL_H

#include <stddef.h>
#include <stdint.h>

#include "abi/call.h"
#include "abi/memory.h"
#include "abi/message.h"
#include "abi/status.h"

/* The kernel's names for its objects. 0 is none. */
typedef struct { uint64_t number; } frame_id_t;
typedef struct { uint64_t number; } space_id_t;
typedef struct { uint64_t number; } thread_id_t;
typedef struct { uint64_t number; } endpoint_id_t;

struct seam_unmapped {
    uint64_t done_pages;
    uint64_t unmapped_pages;
    uint64_t freed_frames;
};

enum status seam_frame_allocate(frame_id_t *frame);
enum status seam_frame_free(frame_id_t frame);
enum status seam_frame_allocate_below(uint32_t order, uint64_t limit, frame_id_t *frame);
enum status seam_frame_split(frame_id_t frame, uint32_t order);
enum status seam_frame_free_block(frame_id_t frame, uint32_t order);
enum status seam_frame_copy(frame_id_t to, uint32_t to_offset, frame_id_t from, uint32_t from_offset, uint32_t length_bytes);
enum status seam_frame_zero(frame_id_t frame);
void seam_frame_count(uint64_t *free, uint64_t *total);

enum status seam_space_create(endpoint_id_t pager, uint64_t badge, space_id_t *space);
enum status seam_space_destroy(space_id_t space);
enum status seam_space_map(space_id_t space, uint64_t address, frame_id_t first, uint64_t count_pages, uint32_t attributes, uint64_t *done_pages);
enum status seam_space_fill(space_id_t space, uint64_t address, uint64_t count_pages, uint32_t attributes, uint64_t *done_pages);
enum status seam_space_unmap(space_id_t space, uint64_t address, uint64_t count_pages, uint64_t flags, struct seam_unmapped *unmapped);
enum status seam_space_protect(space_id_t space, uint64_t address, uint64_t count_pages, uint32_t attributes, uint64_t *done_pages,
                               uint64_t *changed_pages);
/* *done_pages: of the range, holes included. */
enum status seam_space_move(space_id_t from, uint64_t from_address, space_id_t to, uint64_t to_address, uint64_t count_pages, uint64_t *done_pages);
/* Maps what is mapped in a range at another place too. `attributes`: the most that it has there, with SHARE_COPY for a lazy copy. */
struct seam_shared {
    uint64_t done_pages;
    uint64_t shared_pages;
};
enum status seam_space_share(space_id_t from, uint64_t from_address, space_id_t to, uint64_t to_address, uint64_t count_pages, uint64_t attributes,
                             struct seam_shared *shared);
/* Pages that are mapped in a range. */
enum status seam_space_count(space_id_t space, uint64_t address, uint64_t count_pages, uint64_t *done_pages, uint64_t *mapped_pages);
enum status seam_space_query(space_id_t space, uint64_t address, frame_id_t *frame);
/* frame: physical address / PAGE_BYTES. */
enum status seam_device_map(space_id_t space, uint64_t address, uint64_t frame, uint64_t count_pages, uint32_t attributes, uint64_t flags,
                            uint64_t *done_pages);
enum status seam_device_unmap(space_id_t space, uint64_t address, uint64_t count_pages, uint64_t *done_pages);
enum status seam_interrupt_map(endpoint_id_t endpoint, uint64_t line, uint64_t bits);
enum status seam_interrupt_unmap(uint64_t line);
enum status seam_interrupt_acknowledge(uint64_t line);
enum status seam_port_in(uint64_t port, uint64_t width, uint64_t *value);
enum status seam_port_out(uint64_t port, uint64_t width, uint64_t value);
/* The size of the page at an address. */
enum status seam_space_page_bytes(space_id_t space, uint64_t address, uint64_t *page_bytes);

/* At the priority of programs. purse: the thread whose account pays for the time of this one; number 0: its own. */
enum status seam_thread_create(space_id_t space, uint64_t label, frame_id_t buffer, uint64_t flags, thread_id_t purse, thread_id_t *thread);
enum status seam_thread_destroy(thread_id_t thread);
/* So many nanoseconds in each period; TIME_UNLIMITED: as much as there is. */
enum status seam_thread_limit(thread_id_t thread, uint64_t nanoseconds, uint64_t period);
/* In cycles: what the account has paid in all, and what is left in this period (TIME_UNLIMITED). */
enum status seam_thread_time(thread_id_t thread, uint64_t *paid, uint64_t *left);
enum status seam_thread_start(thread_id_t thread, uint64_t instruction, uint64_t stack, uint64_t argument);
/* What a thread is at: its request, if any, and to whom it went. `cycles`: for how long at least, as far as this was asked. */
struct seam_thread_info {
    enum thread_state state;
    enum thread_request request;
    uint64_t endpoint;
    uint64_t server; /* the space that owes the answer */
    uint64_t cycles;
};
enum status seam_thread_info(thread_id_t thread, struct seam_thread_info *info);
enum status seam_thread_cancel(thread_id_t thread, uint32_t handle);

enum status seam_endpoint_create(endpoint_id_t *endpoint);
enum status seam_endpoint_destroy(endpoint_id_t endpoint);
/* Sets notification bits at an endpoint. */
void seam_endpoint_notify(endpoint_id_t endpoint, uint64_t bits);
enum status seam_handle_map(space_id_t space, uint32_t handle, endpoint_id_t endpoint, uint64_t rights, uint64_t badge);
enum status seam_handle_unmap(space_id_t space, uint32_t handle);

/* Kernels built for tests; BAD_CALL elsewhere. The first invariant of the kernel's checker that does not hold, or 0; and the pages mapped in a space. */
enum status seam_test_check(uint32_t *failed);
enum status seam_test_space(space_id_t space, uint64_t *mapped_pages);

/* One page of the pager's own memory at a page address of its window (boot_info.image_limit and up). Taken pages are zeroed. NO_MEMORY. */
enum status seam_page_take(void *address);
void seam_page_give(void *address);
/* For a pager that takes over: whether a page of its window is there; giving all back that are there in [first, first + bytes), whole pages. */
bool seam_page_is_taken(const void *address);
void seam_pages_give(void *first, uint64_t bytes);

/* Lets the pager read a module's frames: a view of `count_pages` consecutive frames, until it is closed. At most one is open. NO_MEMORY. */
enum status seam_view_open(frame_id_t first, uint64_t count_pages, const void **view);
void seam_view_close(const void *view, uint64_t count_pages);

/* Bits at the pager's own endpoint. */
enum : uint64_t { WAKE_FOR_ANSWERS = 1, WAKE_FOR_WAITS = 2, WAKE_FOR_WORK = 4 };
/* Sets bits there after a time, and not those that were to be set by an earlier call. */
void seam_timer_set(uint64_t bits, uint64_t nanoseconds);
/* Leaves a notification bit at the pager's own endpoint, so that its next wait ends at once. */
void seam_wake_self(void);
/* Writes one line to the serial log; on the machine the text goes through the message buffer and what was there is lost. */
void seam_log(const char *text, size_t length_bytes);
/* The processor's cycle counter. */
uint64_t seam_cycles(void);

#endif
