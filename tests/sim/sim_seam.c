/* The seam on the simulated machine: each function is a system call of the pager's thread, entered by the kernel's own door. See pager/kernel.h.
 *
 * The pager's memory is there twice: as pages of its space, so that the kernel counts what it takes, and as host memory, which the pager uses. What it has not
 * taken is not accessible, so that a use before or after faults at once. */
#include <assert.h>
#include <string.h>
#include <sys/mman.h>

#include "sim_machine.h"

enum status seam_frame_allocate(frame_id_t *frame)
{
    uint64_t argument[CALL_ARGUMENTS] = { 0 };
    enum status status = sim_pager_call(CALL_frame_allocate, argument);
    if (status == STATUS_OK) frame->number = argument[0];
    return status;
}

enum status seam_frame_free(frame_id_t frame)
{
    uint64_t argument[CALL_ARGUMENTS] = { frame.number };
    return sim_pager_call(CALL_frame_free, argument);
}

enum status seam_frame_allocate_below(uint32_t order, uint64_t limit, frame_id_t *frame)
{
    uint64_t argument[CALL_ARGUMENTS] = { order, limit };
    enum status status = sim_pager_call(CALL_frame_allocate_below, argument);
    if (status == STATUS_OK) frame->number = argument[0];
    return status;
}

enum status seam_frame_split(frame_id_t frame, uint32_t order)
{
    uint64_t argument[CALL_ARGUMENTS] = { frame.number, order };
    return sim_pager_call(CALL_frame_split, argument);
}

enum status seam_frame_free_block(frame_id_t frame, uint32_t order)
{
    uint64_t argument[CALL_ARGUMENTS] = { frame.number, order };
    return sim_pager_call(CALL_frame_free, argument);
}

enum status seam_frame_copy(frame_id_t to, uint32_t to_offset, frame_id_t from, uint32_t from_offset, uint32_t length_bytes)
{
    uint64_t argument[CALL_ARGUMENTS] = { to.number, to_offset, from.number, from_offset, length_bytes };
    return sim_pager_call(CALL_frame_copy, argument);
}

enum status seam_frame_zero(frame_id_t frame)
{
    uint64_t argument[CALL_ARGUMENTS] = { frame.number };
    return sim_pager_call(CALL_frame_zero, argument);
}

void seam_frame_count(uint64_t *free, uint64_t *total)
{
    uint64_t argument[CALL_ARGUMENTS] = { 0 };
    enum status status = sim_pager_call(CALL_frame_count, argument);
    assert(status == STATUS_OK);
    (void)status;
    *free = argument[0];
    *total = argument[1];
}

bool sim_audits;

enum status seam_test_check(uint32_t *failed)
{
    if (!sim_audits) return STATUS_BAD_CALL;
    uint64_t argument[CALL_ARGUMENTS] = { 0 };
    enum status status = sim_pager_call(CALL_test_check, argument);
    if (status == STATUS_OK) *failed = (uint32_t)argument[0];
    return status;
}

enum status seam_test_space(space_id_t space, uint64_t *mapped_pages)
{
    uint64_t argument[CALL_ARGUMENTS] = { space.number };
    enum status status = sim_pager_call(CALL_test_space, argument);
    if (status == STATUS_OK) *mapped_pages = argument[0];
    return status;
}

enum status seam_space_create(endpoint_id_t pager, uint64_t badge, space_id_t *space)
{
    uint64_t argument[CALL_ARGUMENTS] = { pager.number, badge };
    enum status status = sim_pager_call(CALL_space_create, argument);
    if (status == STATUS_OK) space->number = argument[0];
    return status;
}

enum status seam_space_destroy(space_id_t space)
{
    uint64_t argument[CALL_ARGUMENTS] = { space.number };
    return sim_pager_call(CALL_space_destroy, argument);
}

static enum status range_call(enum call_number number, uint64_t argument[CALL_ARGUMENTS], uint64_t *done_pages)
{
    enum status status = sim_pager_call(number, argument);
    if (status == STATUS_OK || status == STATUS_AGAIN) *done_pages = argument[0];
    return status;
}

enum status seam_space_map(space_id_t space, uint64_t address, frame_id_t first, uint64_t count_pages, uint32_t attributes, uint64_t *done_pages)
{
    uint64_t argument[CALL_ARGUMENTS] = { space.number, address, first.number, count_pages, attributes };
    return range_call(CALL_space_map, argument, done_pages);
}

enum status seam_space_fill(space_id_t space, uint64_t address, uint64_t count_pages, uint32_t attributes, uint64_t *done_pages)
{
    uint64_t argument[CALL_ARGUMENTS] = { space.number, address, count_pages, attributes };
    return range_call(CALL_space_fill, argument, done_pages);
}

static uint64_t step_most;
void sim_step_pages(uint64_t most) { step_most = most; }

enum status seam_space_unmap(space_id_t space, uint64_t address, uint64_t count_pages, uint64_t flags, struct seam_unmapped *unmapped)
{
    bool is_cut = step_most != 0 && count_pages > step_most;
    uint64_t argument[CALL_ARGUMENTS] = { space.number, address, is_cut ? step_most : count_pages, flags };
    enum status status = range_call(CALL_space_unmap, argument, &unmapped->done_pages);
    if (is_cut && status == STATUS_OK) status = STATUS_AGAIN;
    if (status == STATUS_OK || status == STATUS_AGAIN) {
        unmapped->unmapped_pages = argument[1];
        unmapped->freed_frames = argument[2];
    }
    return status;
}

enum status seam_space_protect(space_id_t space, uint64_t address, uint64_t count_pages, uint32_t attributes, uint64_t *done_pages,
                               uint64_t *changed_pages)
{
    uint64_t argument[CALL_ARGUMENTS] = { space.number, address, count_pages, attributes };
    enum status status = range_call(CALL_space_protect, argument, done_pages);
    if (status == STATUS_OK || status == STATUS_AGAIN) *changed_pages = argument[1];
    return status;
}

enum status seam_space_move(space_id_t from, uint64_t from_address, space_id_t to, uint64_t to_address, uint64_t count_pages, uint64_t *done_pages)
{
    uint64_t argument[CALL_ARGUMENTS] = { from.number, from_address, to.number, to_address, count_pages };
    return range_call(CALL_space_move, argument, done_pages);
}

enum status seam_space_share(space_id_t from, uint64_t from_address, space_id_t to, uint64_t to_address, uint64_t count_pages, uint64_t attributes,
                             struct seam_shared *shared)
{
    uint64_t argument[CALL_ARGUMENTS] = { from.number, from_address, to.number, to_address, count_pages, attributes };
    enum status status = range_call(CALL_space_share, argument, &shared->done_pages);
    if (status == STATUS_OK || status == STATUS_AGAIN) shared->shared_pages = argument[1];
    return status;
}

enum status seam_space_count(space_id_t space, uint64_t address, uint64_t count_pages, uint64_t *done_pages, uint64_t *mapped_pages)
{
    uint64_t argument[CALL_ARGUMENTS] = { space.number, address, count_pages };
    enum status status = range_call(CALL_space_count, argument, done_pages);
    if (status == STATUS_OK || status == STATUS_AGAIN) *mapped_pages = argument[1];
    return status;
}

enum status seam_space_query(space_id_t space, uint64_t address, frame_id_t *frame)
{
    uint64_t argument[CALL_ARGUMENTS] = { space.number, address };
    enum status status = sim_pager_call(CALL_space_query, argument);
    if (status == STATUS_OK) frame->number = argument[0];
    return status;
}

enum status seam_device_map(space_id_t space, uint64_t address, uint64_t frame, uint64_t count_pages, uint32_t attributes, uint64_t flags, uint64_t *done_pages)
{
    uint64_t argument[CALL_ARGUMENTS] = { space.number, address, frame, count_pages, attributes, flags };
    return range_call(CALL_device_map, argument, done_pages);
}

enum status seam_device_unmap(space_id_t space, uint64_t address, uint64_t count_pages, uint64_t *done_pages)
{
    uint64_t argument[CALL_ARGUMENTS] = { space.number, address, count_pages };
    return range_call(CALL_device_unmap, argument, done_pages);
}

enum status seam_interrupt_map(endpoint_id_t endpoint, uint64_t line, uint64_t bits)
{
    uint64_t argument[CALL_ARGUMENTS] = { endpoint.number, line, bits };
    return sim_pager_call(CALL_interrupt_map, argument);
}

enum status seam_interrupt_unmap(uint64_t line)
{
    uint64_t argument[CALL_ARGUMENTS] = { line };
    return sim_pager_call(CALL_interrupt_unmap, argument);
}

enum status seam_interrupt_acknowledge(uint64_t line)
{
    uint64_t argument[CALL_ARGUMENTS] = { line };
    return sim_pager_call(CALL_interrupt_acknowledge, argument);
}

enum status seam_port_in(uint64_t port, uint64_t width, uint64_t *value)
{
    uint64_t argument[CALL_ARGUMENTS] = { port, width };
    enum status status = sim_pager_call(CALL_port_in, argument);
    if (status == STATUS_OK) *value = argument[0];
    return status;
}

enum status seam_port_out(uint64_t port, uint64_t width, uint64_t value)
{
    uint64_t argument[CALL_ARGUMENTS] = { port, width, value };
    return sim_pager_call(CALL_port_out, argument);
}

enum status seam_space_page_bytes(space_id_t space, uint64_t address, uint64_t *page_bytes)
{
    uint64_t argument[CALL_ARGUMENTS] = { space.number, address };
    enum status status = sim_pager_call(CALL_space_query, argument);
    if (status == STATUS_OK) *page_bytes = argument[2];
    return status;
}

enum status seam_thread_create(space_id_t space, uint64_t label, frame_id_t buffer, uint64_t flags, thread_id_t purse, thread_id_t *thread)
{
    uint64_t argument[CALL_ARGUMENTS] = { space.number, label, buffer.number, PRIORITY_PROGRAM, flags, purse.number };
    enum status status = sim_pager_call(CALL_thread_create, argument);
    if (status == STATUS_OK) thread->number = argument[0];
    return status;
}

enum status seam_thread_limit(thread_id_t thread, uint64_t nanoseconds, uint64_t period)
{
    uint64_t argument[CALL_ARGUMENTS] = { thread.number, PRIORITY_PROGRAM, nanoseconds, period };
    return sim_pager_call(CALL_thread_budget, argument);
}

enum status seam_thread_time(thread_id_t thread, uint64_t *paid, uint64_t *left)
{
    uint64_t argument[CALL_ARGUMENTS] = { thread.number };
    enum status status = sim_pager_call(CALL_thread_time, argument);
    *paid = argument[0];
    *left = argument[1];
    return status;
}

enum status seam_thread_destroy(thread_id_t thread)
{
    uint64_t argument[CALL_ARGUMENTS] = { thread.number };
    return sim_pager_call(CALL_thread_destroy, argument);
}

enum status seam_thread_start(thread_id_t thread, uint64_t instruction, uint64_t stack, uint64_t start_argument)
{
    uint64_t argument[CALL_ARGUMENTS] = { thread.number, instruction, stack, start_argument };
    return sim_pager_call(CALL_thread_start, argument);
}

enum status seam_thread_info(thread_id_t thread, struct seam_thread_info *info)
{
    uint64_t argument[CALL_ARGUMENTS] = { thread.number };
    enum status status = sim_pager_call(CALL_thread_info, argument);
    if (status != STATUS_OK) return status;
    *info = (struct seam_thread_info){
        .state = (enum thread_state)(argument[0] & 0xff), .request = (enum thread_request)(argument[0] >> 8 & 0xff),
        .endpoint = argument[1], .server = argument[2], .cycles = argument[4],
    };
    return STATUS_OK;
}

enum status seam_thread_cancel(thread_id_t thread, uint32_t handle)
{
    uint64_t argument[CALL_ARGUMENTS] = { thread.number, handle };
    return sim_pager_call(CALL_thread_cancel, argument);
}

enum status seam_endpoint_create(endpoint_id_t *endpoint)
{
    uint64_t argument[CALL_ARGUMENTS] = { 0 };
    enum status status = sim_pager_call(CALL_endpoint_create, argument);
    if (status == STATUS_OK) endpoint->number = argument[0];
    return status;
}

enum status seam_endpoint_destroy(endpoint_id_t endpoint)
{
    uint64_t argument[CALL_ARGUMENTS] = { endpoint.number };
    return sim_pager_call(CALL_endpoint_destroy, argument);
}

enum status seam_handle_map(space_id_t space, uint32_t handle, endpoint_id_t endpoint, uint64_t rights, uint64_t badge)
{
    uint64_t argument[CALL_ARGUMENTS] = { space.number, handle, endpoint.number, rights, badge };
    return sim_pager_call(CALL_handle_map, argument);
}

enum status seam_handle_unmap(space_id_t space, uint32_t handle)
{
    uint64_t argument[CALL_ARGUMENTS] = { space.number, handle };
    return sim_pager_call(CALL_handle_unmap, argument);
}

/* --- The pager's own memory --- */

static space_id_t own_space(void) { return (space_id_t){ sim_space->frame.number }; }

/* On the machine a page is there as soon as the call returns; here two calls make it so. */
static enum status page_take(void *address)
{
    uint64_t done = 0;
    enum status status = seam_space_fill(own_space(), (uintptr_t)address, 1, ATTRIBUTE_WRITE, &done);
    if (status != STATUS_OK) return status;
    int failed = mprotect(address, PAGE_BYTES, PROT_READ | PROT_WRITE);
    assert(failed == 0);
    (void)failed;
    memset(address, 0, PAGE_BYTES);
    return STATUS_OK;
}

enum status seam_page_take(void *address)
{
    sim_point();
    sim_be_whole(true);
    enum status status = page_take(address);
    sim_be_whole(false);
    sim_point();
    return status;
}

bool seam_page_is_taken(const void *address)
{
    frame_id_t frame;
    return seam_space_query(own_space(), (uintptr_t)address, &frame) == STATUS_OK;
}

void seam_pages_give(void *first, uint64_t bytes)
{
    sim_point();
    sim_be_whole(true);
    for (uint64_t at = 0; at < bytes >> PAGE_SHIFT;) {
        struct seam_unmapped step = { 0 };
        enum status status = seam_space_unmap(own_space(), (uintptr_t)first + (at << PAGE_SHIFT), (bytes >> PAGE_SHIFT) - at, UNMAP_FREE, &step);
        assert(status == STATUS_OK || status == STATUS_AGAIN);
        (void)status;
        at += step.done_pages;
    }
    int failed = mprotect(first, bytes, PROT_NONE);
    assert(failed == 0);
    (void)failed;
    sim_be_whole(false);
    sim_point();
}

void seam_page_give(void *address)
{
    assert(seam_page_is_taken(address));
    seam_pages_give(address, PAGE_BYTES);
}

constexpr uint64_t VIEW_FIRST = (uint64_t)1 << 40;

enum status seam_view_open(frame_id_t first, uint64_t count_pages, const void **view)
{
    uint64_t at = 0;
    while (at < count_pages) {
        uint64_t done = 0;
        frame_id_t frame = { first.number + at };
        enum status status = seam_space_map(own_space(), VIEW_FIRST + at * PAGE_BYTES, frame, count_pages - at, ATTRIBUTE_READ, &done);
        if (status != STATUS_OK && status != STATUS_AGAIN) {
            seam_view_close(nullptr, at);
            return status;
        }
        at += done;
    }
    *view = arch_frame_pointer((frame_t){ (uint32_t)first.number });
    return STATUS_OK;
}

void seam_view_close([[maybe_unused]] const void *view, uint64_t count_pages)
{
    uint64_t at = 0;
    while (at < count_pages) {
        struct seam_unmapped unmapped = { 0 };
        enum status status = seam_space_unmap(own_space(), VIEW_FIRST + at * PAGE_BYTES, count_pages - at, UNMAP_KEEP, &unmapped);
        assert(status == STATUS_OK || status == STATUS_AGAIN);
        (void)status;
        at += unmapped.done_pages;
    }
}

/* --- The rest --- */

void seam_endpoint_notify(endpoint_id_t endpoint, uint64_t bits)
{
    enum status status = seam_handle_map(own_space(), HANDLE_PAGER + 1, endpoint, RIGHT_NOTIFY, 0);
    assert(status == STATUS_OK);
    uint64_t argument[CALL_ARGUMENTS] = { HANDLE_PAGER + 1, bits };
    status = sim_pager_call(CALL_notify, argument);
    assert(status == STATUS_OK);
    (void)status;
}

void seam_timer_set(uint64_t bits, uint64_t nanoseconds)
{
    uint64_t argument[CALL_ARGUMENTS] = { HANDLE_PAGER, bits, nanoseconds };
    enum status status = sim_pager_call(CALL_timer_set, argument);
    assert(status == STATUS_OK);
    (void)status;
}

void seam_wake_self(void)
{
    uint64_t argument[CALL_ARGUMENTS] = { HANDLE_PAGER, 1 };
    enum status status = sim_pager_call(CALL_notify, argument);
    assert(status == STATUS_OK);
    (void)status;
}

void seam_log(const char *text, size_t length_bytes)
{
    assert(length_bytes <= MESSAGE_BUFFER_BYTES);
    memcpy(sim_pager.buffer, text, length_bytes);
    uint64_t argument[CALL_ARGUMENTS] = { length_bytes };
    enum status status = sim_pager_call(CALL_log, argument);
    (void)status;
}

uint64_t seam_cycles(void) { return arch_cycles(); }
