/* The seam on the machine: each function is one system call. See kernel.h.
 *
 * The pager's own memory comes from the same calls, in its own space. Views of modules lie above the window of the slots. */
#include "kernel_machine.h"

#include <assert.h>
#include <string.h>

#include <quire/kernel_calls.h>

#include "kernel.h"
#include "pager.h"
#include "report.h"

/* From the boot information, before anything else is called. */
static uint64_t own_space;
static char *buffer;
static uint64_t view_address;

[[noreturn]] void assert_failed(const char *condition, const char *file, int line);

void kernel_machine_initialise(const struct boot_info *boot)
{
    own_space = boot->space;
    buffer = (char *)(uintptr_t)boot->buffer_address;
    view_address = (boot->image_limit + PAGER_WINDOW_BYTES) / LAYOUT_UNIT * LAYOUT_UNIT + LAYOUT_UNIT;
}

enum status seam_frame_allocate(frame_id_t *frame) { return kernel_frame_allocate(0, &frame->number); }
enum status seam_frame_free(frame_id_t frame) { return kernel_frame_free(frame.number, 0); }
enum status seam_frame_allocate_below(uint32_t order, uint64_t limit, frame_id_t *frame)
{
    return kernel_frame_allocate_below(order, limit, &frame->number);
}
enum status seam_frame_split(frame_id_t frame, uint32_t order) { return kernel_frame_split(frame.number, order); }
enum status seam_frame_free_block(frame_id_t frame, uint32_t order) { return kernel_frame_free(frame.number, order); }
enum status seam_frame_zero(frame_id_t frame) { return kernel_frame_zero(frame.number); }

enum status seam_frame_copy(frame_id_t to, uint32_t to_offset, frame_id_t from, uint32_t from_offset, uint32_t length_bytes)
{
    return kernel_frame_copy(to.number, to_offset, from.number, from_offset, length_bytes);
}

void seam_frame_count(uint64_t *free, uint64_t *total)
{
    enum status status = kernel_frame_count(free, total);
    assert(status == STATUS_OK);
    (void)status;
}

enum status seam_space_create(endpoint_id_t pager, uint64_t badge, space_id_t *space)
{
    return kernel_space_create(pager.number, badge, &space->number);
}

enum status seam_space_destroy(space_id_t space) { return kernel_space_destroy(space.number); }

enum status seam_space_map(space_id_t space, uint64_t address, frame_id_t first, uint64_t count_pages, uint32_t attributes, uint64_t *done_pages)
{
    return kernel_space_map(space.number, address, first.number, count_pages, attributes, done_pages);
}

enum status seam_space_fill(space_id_t space, uint64_t address, uint64_t count_pages, uint32_t attributes, uint64_t *done_pages)
{
    return kernel_space_fill(space.number, address, count_pages, attributes, done_pages);
}

enum status seam_space_unmap(space_id_t space, uint64_t address, uint64_t count_pages, uint64_t flags, struct seam_unmapped *unmapped)
{
    return kernel_space_unmap(space.number, address, count_pages, flags, &unmapped->done_pages, &unmapped->unmapped_pages, &unmapped->freed_frames);
}

enum status seam_space_protect(space_id_t space, uint64_t address, uint64_t count_pages, uint32_t attributes, uint64_t *done_pages,
                               uint64_t *changed_pages)
{
    return kernel_space_protect(space.number, address, count_pages, attributes, done_pages, changed_pages);
}

enum status seam_space_move(space_id_t from, uint64_t from_address, space_id_t to, uint64_t to_address, uint64_t count_pages, uint64_t *done_pages)
{
    uint64_t moved_pages;
    return kernel_space_move(from.number, from_address, to.number, to_address, count_pages, done_pages, &moved_pages);
}

enum status seam_space_share(space_id_t from, uint64_t from_address, space_id_t to, uint64_t to_address, uint64_t count_pages, uint64_t attributes,
                             struct seam_shared *shared)
{
    return kernel_space_share(from.number, from_address, to.number, to_address, count_pages, attributes, &shared->done_pages, &shared->shared_pages);
}

enum status seam_space_count(space_id_t space, uint64_t address, uint64_t count_pages, uint64_t *done_pages, uint64_t *mapped_pages)
{
    return kernel_space_count(space.number, address, count_pages, done_pages, mapped_pages);
}

enum status seam_space_query(space_id_t space, uint64_t address, frame_id_t *frame)
{
    uint32_t attributes;
    uint64_t page_bytes;
    return kernel_space_query(space.number, address, &frame->number, &attributes, &page_bytes);
}

enum status seam_device_map(space_id_t space, uint64_t address, uint64_t frame, uint64_t count_pages, uint32_t attributes, uint64_t flags, uint64_t *done_pages)
{
    return kernel_device_map(space.number, address, frame, count_pages, attributes, flags, done_pages);
}

enum status seam_device_unmap(space_id_t space, uint64_t address, uint64_t count_pages, uint64_t *done_pages)
{
    return kernel_device_unmap(space.number, address, count_pages, done_pages);
}

enum status seam_interrupt_map(endpoint_id_t endpoint, uint64_t line, uint64_t bits) { return kernel_interrupt_map(endpoint.number, (uint32_t)line, bits); }
enum status seam_interrupt_unmap(uint64_t line) { return kernel_interrupt_unmap((uint32_t)line); }
enum status seam_interrupt_acknowledge(uint64_t line) { return kernel_interrupt_acknowledge((uint32_t)line); }
enum status seam_port_in(uint64_t port, uint64_t width, uint64_t *value) { return kernel_port_in(port, width, value); }
enum status seam_port_out(uint64_t port, uint64_t width, uint64_t value) { return kernel_port_out(port, width, value); }

enum status seam_space_page_bytes(space_id_t space, uint64_t address, uint64_t *page_bytes)
{
    uint64_t frame;
    uint32_t attributes;
    return kernel_space_query(space.number, address, &frame, &attributes, page_bytes);
}

enum status seam_thread_create(space_id_t space, uint64_t label, frame_id_t frame, uint64_t flags, thread_id_t purse, thread_id_t *thread)
{
    return kernel_thread_create_for(space.number, label, frame.number, PRIORITY_PROGRAM, flags, purse.number, &thread->number);
}

enum status seam_thread_limit(thread_id_t thread, uint64_t nanoseconds, uint64_t period)
{
    return kernel_thread_budget(thread.number, PRIORITY_PROGRAM, nanoseconds, period);
}

enum status seam_thread_time(thread_id_t thread, uint64_t *paid, uint64_t *left)
{
    uint64_t given;
    return kernel_thread_time(thread.number, paid, left, &given);
}

enum status seam_thread_destroy(thread_id_t thread) { return kernel_thread_destroy(thread.number); }

enum status seam_thread_start(thread_id_t thread, uint64_t instruction, uint64_t stack, uint64_t argument)
{
    return kernel_thread_start(thread.number, instruction, stack, argument);
}

enum status seam_thread_info(thread_id_t thread, struct seam_thread_info *info)
{
    struct thread_info seen;
    enum status status = kernel_thread_info(thread.number, &seen);
    if (status == STATUS_OK) *info = (struct seam_thread_info){ seen.state, seen.request, seen.endpoint, seen.server, seen.cycles };
    return status;
}

enum status seam_thread_cancel(thread_id_t thread, uint32_t handle) { return kernel_thread_cancel(thread.number, handle); }

enum status seam_endpoint_create(endpoint_id_t *endpoint) { return kernel_endpoint_create(&endpoint->number); }
enum status seam_endpoint_destroy(endpoint_id_t endpoint) { return kernel_endpoint_destroy(endpoint.number); }

enum status seam_handle_map(space_id_t space, uint32_t handle, endpoint_id_t endpoint, uint64_t rights, uint64_t badge)
{
    return kernel_handle_map(space.number, handle, endpoint.number, rights, badge);
}

enum status seam_handle_unmap(space_id_t space, uint32_t handle) { return kernel_handle_unmap(space.number, handle); }

enum status seam_page_take(void *address)
{
    uint64_t done;
    return kernel_space_fill(own_space, (uintptr_t)address, 1, ATTRIBUTE_WRITE, &done);
}

void seam_page_give(void *address)
{
    uint64_t done, unmapped, freed;
    enum status status = kernel_space_unmap(own_space, (uintptr_t)address, 1, UNMAP_FREE, &done, &unmapped, &freed);
    assert(status == STATUS_OK && freed == 1);
    (void)status;
}

bool seam_page_is_taken(const void *address)
{
    uint64_t frame, page_bytes;
    uint32_t attributes;
    return kernel_space_query(own_space, (uintptr_t)address, &frame, &attributes, &page_bytes) == STATUS_OK;
}

void seam_pages_give(void *first, uint64_t bytes)
{
    for (uint64_t at = 0; at < bytes >> PAGE_SHIFT;) {
        uint64_t done, unmapped, freed;
        uint64_t address = (uintptr_t)first + (at << PAGE_SHIFT);
        enum status status = kernel_space_unmap(own_space, address, (bytes >> PAGE_SHIFT) - at, UNMAP_FREE, &done, &unmapped, &freed);
        assert(status == STATUS_OK || status == STATUS_AGAIN);
        (void)status;
        at += done;
    }
}

enum status seam_view_open(frame_id_t first, uint64_t count_pages, const void **view)
{
    uint64_t at = 0;
    while (at < count_pages) {
        uint64_t done = 0;
        enum status status =
            kernel_space_map(own_space, view_address + (at << PAGE_SHIFT), first.number + at, count_pages - at, ATTRIBUTE_READ, &done);
        if (status != STATUS_OK && status != STATUS_AGAIN) {
            seam_view_close(nullptr, at);
            return status;
        }
        at += done;
    }
    *view = (const void *)view_address;
    return STATUS_OK;
}

void seam_view_close([[maybe_unused]] const void *view, uint64_t count_pages)
{
    uint64_t at = 0;
    while (at < count_pages) {
        uint64_t done, unmapped, freed;
        enum status status = kernel_space_unmap(own_space, view_address + (at << PAGE_SHIFT), count_pages - at, UNMAP_KEEP, &done, &unmapped, &freed);
        assert(status == STATUS_OK || status == STATUS_AGAIN);
        (void)status;
        at += done;
    }
}

enum status seam_test_check(uint32_t *failed)
{
    return kernel_test_check(failed);
}

enum status seam_test_space(space_id_t space, uint64_t *mapped_pages)
{
    uint64_t tables;
    return kernel_test_space(space.number, mapped_pages, &tables);
}

void seam_endpoint_notify(endpoint_id_t endpoint, uint64_t bits)
{
    constexpr uint32_t handle = HANDLE_PAGER + 1; /* a row of the pager's own, filled anew each time */
    enum status status = kernel_handle_map(own_space, handle, endpoint.number, RIGHT_NOTIFY, 0);
    assert(status == STATUS_OK);
    status = notify(handle, bits);
    assert(status == STATUS_OK);
    (void)status;
}

void seam_timer_set(uint64_t bits, uint64_t nanoseconds)
{
    enum status status = timer_set(HANDLE_PAGER, bits, nanoseconds);
    assert(status == STATUS_OK);
    (void)status;
}

void seam_wake_self(void)
{
    enum status status = notify(HANDLE_PAGER, WAKE_FOR_ANSWERS);
    assert(status == STATUS_OK);
    (void)status;
}

void seam_log(const char *text, size_t length_bytes)
{
    assert(length_bytes <= MESSAGE_BUFFER_BYTES);
    memcpy(buffer, text, length_bytes);
    enum status status = kernel_log((uint32_t)length_bytes);
    (void)status; /* an empty line is refused, and not missed */
}

uint64_t seam_cycles(void) { return __builtin_readcyclecounter(); }

void assert_failed(const char *condition, const char *file, int line)
{
    constexpr uint32_t code = 3;
    report("pager: assert file=%s line=%d condition=%s", file, line, condition);
    enum status status = kernel_machine_end(code);
    (void)status;
    for (;;) yield();
}
