/* Threads of a process. See process_thread.h.
 *
 * Rows are found by walking the places: there are at most THREAD_LIMIT, and a process with one thread has one. */
#include "process_thread.h"

#include <assert.h>

#include "fill.h"
#include "journal.h"
#include "pager.h"
#include "process.h"
#include "work.h"

/* --- Rows --- */

static struct process_thread *rows_of_page(const struct process *process, uint32_t page)
{
    return (struct process_thread *)((uintptr_t)process + SLOT_THREADS + page * PAGE_BYTES);
}

uint32_t process_thread_places(const struct process *process)
{
    uint32_t places = 1 + process->thread_pages * THREADS_PER_PAGE;
    return places < THREAD_LIMIT ? places : THREAD_LIMIT;
}

struct process_thread *process_thread_at(const struct process *process, uint32_t place)
{
    if (place == 0) return (struct process_thread *)((uintptr_t)process + offsetof(struct process, first));
    return rows_of_page(process, (place - 1) / THREADS_PER_PAGE) + (place - 1) % THREADS_PER_PAGE;
}

static uint32_t place_of_number(uint64_t number) { return (uint32_t)((number - PROCESS_THREAD_FIRST) % THREAD_LIMIT); }

struct process_thread *process_thread_find(const struct process *process, uint64_t number)
{
    uint32_t place = place_of_number(number);
    if (number == 0 || place >= process_thread_places(process)) return nullptr;
    struct process_thread *row = process_thread_at(process, place);
    return row->number == number && row->thread.number != 0 ? row : nullptr;
}

/* Of the threads from `place` on. */
__attribute__((noinline)) static struct process_thread *thread_find_from(const struct process *process, uint32_t place, uint32_t thread)
{
    for (uint32_t places = process_thread_places(process); place < places; place++)
        if (process_thread_at(process, place)->thread.number == thread) return process_thread_at(process, place);
    return nullptr;
}

struct process_thread *process_thread_of_token(const struct process *process, uint64_t token)
{
    uint32_t thread = token_thread(token);
    if (thread == 0) return nullptr; /* an empty row's */
    return process->first.thread.number == thread ? process_thread_at(process, 0) : thread_find_from(process, 1, thread);
}

struct process *process_of_thread(const struct pager *pager, const struct process_thread *row)
{
    struct process *process = pager->process[((uintptr_t)row - (uintptr_t)pager->slots) / SLOT_BYTES];
    assert(process != nullptr);
    return process;
}

uint64_t process_thread_buffer(const struct process_thread *row)
{
    return LAYOUT_BUFFER_FIRST + ((uint64_t)place_of_number(row->number) << PAGE_SHIFT);
}

void process_thread_save(const struct process_thread *row)
{
    journal_save(row, offsetof(struct process_thread, wait) + offsetof(struct wait, name));
    if (row->wait.name.bytes > 0) process_thread_save_name(row);
}

void process_thread_save_name(const struct process_thread *row) { journal_save(&row->wait.name, sizeof(row->wait.name)); }

/* --- Message buffers --- */

static struct segment *buffers_of(const struct process *process)
{
    struct segment *segment = segment_find_kind(&process->segments, SEGMENT_BUFFER);
    assert(segment != nullptr);
    return segment;
}

/* The segment as it is with one page more. */
static struct segment buffers_longer(const struct segment *segment)
{
    struct segment longer = *segment;
    longer.limit += PAGE_BYTES;
    longer.pages++;
    return longer;
}

/* A zeroed buffer for a place: the page that is there, or the next page of the segment, which is mapped but not counted yet. */
static enum status buffer_take(const struct process *process, uint64_t address, frame_id_t *frame)
{
    const struct segment *segment = buffers_of(process);
    if (address < segment->limit) {
        enum status status = seam_space_query(process->space, address, frame);
        return status == STATUS_OK ? seam_frame_zero(*frame) : status;
    }
    assert(address == segment->limit);
    enum status status = seam_frame_allocate(frame);
    if (status != STATUS_OK) return status;
    status = seam_frame_zero(*frame);
    struct fill_source source = { .first_frame = *frame };
    if (status == STATUS_OK) status = segment->fill->set(process->space, segment, address, address + PAGE_BYTES, &source);
    if (status == STATUS_OK) return STATUS_OK;
    enum status undone = seam_frame_free(*frame);
    assert(undone == STATUS_OK);
    (void)undone;
    return status;
}

void process_thread_trim(struct process *process)
{
    uint32_t places = process_thread_places(process);
    while (places > 1 && process_thread_at(process, places - 1)->number == 0) places--;
    struct segment *segment = buffers_of(process);
    uint64_t limit = segment->first + ((uint64_t)places << PAGE_SHIFT);
    if (limit >= segment->limit) return;
    uint64_t gone = 0;
    enum status status = segment->fill->take_out(process->space, segment, limit, segment->limit, layout_pages(limit, segment->limit), &gone);
    assert(status == STATUS_OK);
    (void)status;
    segment_resize(&process->segments, segment, segment->first, limit, segment->pages - gone);
}

/* --- The start --- */

static void thread_destroy_whole(thread_id_t thread)
{
    enum status status;
    do status = seam_thread_destroy(thread);
    while (status == STATUS_AGAIN);
    assert(status == STATUS_OK || status == STATUS_BAD_OBJECT); /* gone: the pager was lost right after it */
    (void)status;
}

/* The lowest free place; its page is taken if it is not there. LIMIT, NO_MEMORY. */
static enum status place_take(struct process *process, uint32_t *place)
{
    uint32_t places = process_thread_places(process);
    uint32_t at = 0;
    while (at < places && process_thread_at(process, at)->number != 0) at++;
    if (at == THREAD_LIMIT) return STATUS_LIMIT;
    *place = at;
    if (at < places) return STATUS_OK;
    enum status status = slot_page_take(&process->slot, rows_of_page(process, process->thread_pages));
    if (status == STATUS_OK) process->thread_pages++;
    return status;
}

/* The first number above all earlier ones that leads to a place; 0: there is none any more. */
static uint64_t number_for(const struct process *process, uint32_t place)
{
    uint64_t number = process->last_thread + 1;
    number += (place + THREAD_LIMIT - place_of_number(number)) % THREAD_LIMIT;
    return number <= UINT32_MAX ? number : 0;
}

/* A thread that runs, with its buffer at `address`; nothing of it is counted yet. */
static enum status thread_make(const struct process *process, uint64_t number, uint64_t address, const struct thread_begin *begin, thread_id_t *thread)
{
    frame_id_t buffer;
    enum status status = buffer_take(process, address, &buffer);
    if (status != STATUS_OK) return status;
    status = seam_thread_create(process->space, number, buffer, THREAD_VECTORS, process->family->time.purse, thread);
    if (status == STATUS_OK) {
        status = seam_thread_start(*thread, begin->instruction, begin->stack, begin->argument);
        if (status == STATUS_OK) return STATUS_OK;
        thread_destroy_whole(*thread);
    }
    const struct segment *segment = buffers_of(process);
    if (address == segment->limit) fill_undo(process->space, address, address + PAGE_BYTES, segment->fill->unmap_flags);
    return status;
}

static enum status thread_make_afforded(const struct process *process, uint64_t number, uint64_t address, const struct thread_begin *begin,
                                        thread_id_t *thread)
{
    const struct segment *segment = buffers_of(process);
    struct segment longer = buffers_longer(segment);
    uint64_t more = address < segment->limit ? 0 : segment_charge(&longer) - segment_charge(segment);
    enum status status = quota_check(&process->family->pages, THREAD_OBJECTS + more);
    return status == STATUS_OK ? thread_make(process, number, address, begin, thread) : status;
}

enum status process_thread_create(struct process *process, const struct thread_begin *begin, struct process_thread **made)
{
    uint32_t place;
    uint32_t had_pages = process->thread_pages;
    enum status status = place_take(process, &place);
    if (status != STATUS_OK) return status;
    uint64_t number = number_for(process, place);
    uint64_t address = LAYOUT_BUFFER_FIRST + ((uint64_t)place << PAGE_SHIFT);
    thread_id_t thread = { 0 };
    status = number != 0 ? thread_make_afforded(process, number, address, begin, &thread) : STATUS_LIMIT;
    if (status != STATUS_OK) {
        if (process->thread_pages > had_pages) slot_page_give(&process->slot, rows_of_page(process, --process->thread_pages));
        return status;
    }

    // Commit: nothing below may fail.
    struct segment *segment = buffers_of(process);
    if (address == segment->limit) segment_resize(&process->segments, segment, segment->first, segment->limit + PAGE_BYTES, segment->pages + 1);
    struct process_thread *row = process_thread_at(process, place);
    process_thread_save(row);
    *row = (struct process_thread){ .thread = thread, .number = number, .stack = begin->stack };
    journal_save(&process->last_thread, sizeof(process->last_thread));
    process->last_thread = number;
    process->count_threads++;
    quota_add(&process->family->pages, THREAD_OBJECTS);
    *made = row;
    return STATUS_OK;
}

/* --- The end --- */

static void tell_waiters(struct pager *pager, const struct process *process, uint64_t number)
{
    uint32_t places = process_thread_places(process);
    for (uint32_t place = 0; place < places; place++) {
        struct process_thread *row = process_thread_at(process, place);
        if (row->wait.kind == WAIT_THREAD && row->wait.thread_number == number) process_thread_wake(pager, row, STATUS_OK, 0, 0);
    }
}

void process_thread_end(struct pager *pager, struct process *process, struct process_thread *row)
{
    assert(process->count_threads > 1 && row->number != 0 && row->thread.number != 0);
    uint64_t number = row->number;
    if (process->making.thread == number) process_duplicate_abandon(pager, process); /* nobody asks for the rest of it */
    thread_destroy_whole(row->thread);
    process_thread_save(row);
    if (row->wait.kind == WAIT_WORK) {
        row->thread = (thread_id_t){ 0 };
        row->wait.token = 0; /* work goes on, nobody is answered */
    } else {
        process_thread_leave(pager, row);
        *row = (struct process_thread){ 0 };
    }
    process->count_threads--;
    quota_remove(&process->family->pages, THREAD_OBJECTS);
    tell_waiters(pager, process, number);
    process_thread_trim(process);
}

void process_thread_forget(struct process *process, struct process_thread *row)
{
    assert(row->thread.number == 0);
    process_thread_save(row);
    *row = (struct process_thread){ 0 };
    process_thread_trim(process);
}

void process_thread_end_all(struct process *process)
{
    uint32_t places = process_thread_places(process);
    for (uint32_t place = 0; place < places; place++) {
        struct process_thread *row = process_thread_at(process, place);
        if (row->thread.number == 0) continue;
        thread_destroy_whole(row->thread);
        process_thread_save(row);
        row->thread = (thread_id_t){ 0 };
    }
}

void process_thread_give_pages(struct process *process)
{
    while (process->thread_pages > 0) slot_page_give(&process->slot, rows_of_page(process, --process->thread_pages));
}

/* --- Waiting --- */

void process_thread_wake(struct pager *pager, struct process_thread *row, enum status status, uint64_t word0, uint64_t word1)
{
    struct wait *wait = &row->wait;
    assert(wait->kind != WAIT_NOTHING && wait->kind != WAIT_READY && row->thread.number != 0);
    process_thread_save(row);
    wait->kind = WAIT_READY;
    wait->status = status;
    wait->word[0] = word0;
    wait->word[1] = word1;
    wait->next = nullptr;
    if (pager->ready_last != nullptr) pager->ready_last->wait.next = row;
    else pager->ready_first = row;
    pager->ready_last = row;
}

static void unready(struct pager *pager, const struct process_thread *row)
{
    struct process_thread *previous = nullptr;
    for (struct process_thread *at = pager->ready_first; at != nullptr; previous = at, at = at->wait.next) {
        if (at != row) continue;
        if (previous != nullptr) previous->wait.next = at->wait.next;
        else pager->ready_first = at->wait.next;
        if (pager->ready_last == at) pager->ready_last = previous;
        return;
    }
}

void process_thread_await(struct process *process, struct process_thread *row)
{
    row->wait.next = process->waiters;
    process->waiters = row;
}

static void unawait(struct process *process, const struct process_thread *row)
{
    struct process_thread **link = &process->waiters;
    while (*link != row) link = &(*link)->wait.next;
    *link = row->wait.next;
}

void process_thread_leave(struct pager *pager, struct process_thread *row)
{
    if (row->wait.kind == WAIT_READY) unready(pager, row);
    if (row->wait.kind == WAIT_WORK) work_forget(pager, row);
    if (row->wait.kind == WAIT_PROCESS) unawait(pager->process[row->wait.process_index], row);
}
