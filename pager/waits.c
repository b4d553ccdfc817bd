/* Waits. See waits.h.
 *
 * A report keeps nothing: first it finds who can go on, then the chains of the others are followed, each process once. Between looks only a mark stays with
 * each wait; for calls to others the kernel keeps since when it has been asked about them. */
#include "waits.h"

#include <format.h>
#include <string.h>

#include "pager.h"
#include "process.h"
#include "report.h"

/* For whom a thread of each slot's process waits, the first that does: index + 1, or 0. */
static uint16_t waits_for[PROCESS_LIMIT];
/* In which walk a slot was seen first. */
static uint16_t seen_in[PROCESS_LIMIT];
/* Some thread of the process waits for nobody who cannot go on; known of these first, what follows from it not yet. */
static bool goes_on[PROCESS_LIMIT];
static uint16_t known[PROCESS_LIMIT];
static uint32_t count_known;
/* The threads that wait for each process. */
static struct process_thread *asking[PROCESS_LIMIT];

static const struct process *owner_of_space(const struct pager *pager, uint64_t space)
{
    for (uint32_t i = 0; i < pager->slot_limit; i++)
        if (pager->process[i] != nullptr && space != 0 && pager->process[i]->space.number == space) return pager->process[i];
    return nullptr;
}

/* All processes are gone through for each thread that waits: a report comes when it is asked for, or after seconds, and not with any other request. */
static const struct process *owner_of_endpoint(const struct pager *pager, uint64_t endpoint)
{
    for (uint32_t i = 0; i < pager->slot_limit; i++) {
        const struct process *process = pager->process[i];
        uint32_t left = process != nullptr ? process->services.count : 0;
        for (uint32_t slot = 0; left > 0; slot++) {
            if (process->services.rows[slot].endpoint.number == endpoint) return process;
            left -= process->services.rows[slot].endpoint.number != 0;
        }
    }
    return nullptr;
}

/* What a thread waits for. */
struct waited {
    const char *what;            /* nullptr: nothing of others */
    const struct process *whom;  /* nullptr: nobody yet */
    uint64_t cycles;             /* since it was asked about first; of calls only */
};

static struct waited waits_find(const struct pager *pager, const struct process *process, const struct process_thread *row)
{
    struct waited waited = { 0 };
    struct seam_thread_info info;
    switch (row->wait.kind) {
    case WAIT_NAME: return (struct waited){ .what = "name" };
    case WAIT_PROCESS: return (struct waited){ .what = "end", .whom = pager->process[row->wait.process_index] };
    case WAIT_THREAD: return (struct waited){ .what = "thread", .whom = process };
    case WAIT_WORK:
    case WAIT_READY: return waited;
    case WAIT_NOTHING: break;
    }
    if (row->thread.number == 0 || seam_thread_info(row->thread, &info) != STATUS_OK || info.request != REQUEST_CALL) return waited;
    if (info.state == THREAD_SENDING) waited = (struct waited){ "receive", owner_of_endpoint(pager, info.endpoint), info.cycles };
    else if (info.state == THREAD_WAITING) waited = (struct waited){ "reply", owner_of_space(pager, info.server), info.cycles };
    if (waited.whom == nullptr) waited.what = nullptr; /* its message is at the pager */
    return waited;
}

static void waits_tell(const struct process *process, const struct process_thread *row, const struct waited *waited)
{
    unsigned tid = (unsigned)row->number;
    if (row->wait.kind == WAIT_NAME)
        report("wait: pid=%u name=%s for=name text=%.*s tid=%u", process->number, process->name, (int)row->wait.name.bytes, row->wait.name.text, tid);
    else if (row->wait.kind == WAIT_PROCESS)
        report("wait: pid=%u name=%s for=end of=%u tid=%u", process->number, process->name, waited->whom->number, tid);
    else if (row->wait.kind == WAIT_THREAD)
        report("wait: pid=%u name=%s for=thread of=%u tid=%u which=%u", process->number, process->name, process->number, tid, row->wait.thread_number);
    else
        report("wait: pid=%u name=%s for=%s of=%u cycles=%llu tid=%u", process->number, process->name, waited->what, waited->whom->number,
               (unsigned long long)waited->cycles, tid);
}

/* A circle: a line with all that are in it. The line is cut where they are many. */
static void waits_tell_circle(const struct pager *pager, uint32_t first)
{
    constexpr size_t longest = sizeof(",4294967295");
    char text[REPORT_BYTES / 2];
    size_t used = 0;
    uint32_t at = first;
    do {
        size_t added = format_string(text + used, sizeof(text) - used, "%s%u", used > 0 ? "," : "", pager->process[at]->number);
        used += added;
        at = waits_for[at] - 1;
    } while (at != first && used + longest < sizeof(text));
    report("wait: deadlock pids=%s", text);
}

/* Follows each chain until it ends or comes to where a walk has been; where it was this one, it is a circle. */
static uint32_t waits_find_circles(const struct pager *pager)
{
    uint32_t count = 0;
    for (uint32_t first = 0; first < pager->slot_limit; first++) {
        uint32_t at = first;
        while (seen_in[at] == 0 && waits_for[at] != 0) {
            seen_in[at] = (uint16_t)(first + 1);
            at = waits_for[at] - 1u;
        }
        if (waits_for[at] == 0 || seen_in[at] != first + 1) continue;
        waits_tell_circle(pager, at);
        count++;
    }
    return count;
}

static void waits_let_go_on(uint32_t index)
{
    if (goes_on[index]) return;
    goes_on[index] = true;
    known[count_known++] = (uint16_t)index;
}

/* A process goes on as long as one of its threads can: it waits for nothing, or for somebody who goes on. Each thread is looked at once. */
static void waits_find_who_goes_on(const struct pager *pager)
{
    while (count_known > 0)
        for (const struct process_thread *row = asking[known[--count_known]]; row != nullptr; row = row->next_asking)
            waits_let_go_on(process_of_thread(pager, row)->index);
}

/* Tells what the threads of a process wait for; how many do. */
static uint32_t waits_tell_process(const struct pager *pager, const struct process *process)
{
    uint32_t count = 0;
    for (uint32_t place = 0; place < process_thread_places(process); place++) {
        struct process_thread *row = process_thread_at(process, place);
        if (row->thread.number == 0) continue;
        struct waited waited = waits_find(pager, process, row);
        if (waited.what != nullptr) waits_tell(process, row, &waited);
        count += waited.what != nullptr;
        if (waited.whom == nullptr) {
            waits_let_go_on(process->index);
            continue;
        }
        row->next_asking = asking[waited.whom->index];
        asking[waited.whom->index] = row;
        if (waits_for[process->index] == 0) waits_for[process->index] = (uint16_t)(waited.whom->index + 1);
    }
    return count;
}

struct waits waits_report(const struct pager *pager, const struct group_set *groups)
{
    struct waits waits = { 0 };
    count_known = 0;
    for (uint32_t i = 0; i < pager->slot_limit; i++) asking[i] = nullptr; /* those of the last report may have ended */
    for (uint32_t i = 0; i < pager->slot_limit; i++) {
        const struct process *process = pager->process[i];
        waits_for[i] = seen_in[i] = 0;
        goes_on[i] = false;
        bool is_reported = process != nullptr && process->state == PROCESS_RUNNING && (groups == nullptr || group_set_meets(groups, &process->groups));
        if (is_reported) waits.count += waits_tell_process(pager, process);
        else waits_let_go_on(i);
    }
    waits_find_who_goes_on(pager);
    for (uint32_t i = 0; i < pager->slot_limit; i++)
        if (goes_on[i]) waits_for[i] = 0;
    waits.deadlocks = waits_find_circles(pager);
    return waits;
}

/* Whether what a thread waits for is what it waited for at the last look. */
static bool waits_is_overdue(const struct pager *pager, struct process_thread *row)
{
    struct wait *wait = &row->wait;
    struct seam_thread_info info;
    if (wait->kind == WAIT_NAME || wait->kind == WAIT_PROCESS || wait->kind == WAIT_THREAD) {
        bool was_seen = wait->was_seen;
        wait->was_seen = true;
        return was_seen;
    }
    if (wait->kind != WAIT_NOTHING || row->thread.number == 0) return false;
    if (seam_thread_info(row->thread, &info) != STATUS_OK || info.request != REQUEST_CALL) return false;
    return info.cycles > 0 && info.endpoint != pager->endpoint.number;
}

void waits_begin(struct pager *pager)
{
    constexpr uint64_t nanoseconds = 1'000'000'000;
    if (pager->waits_seconds == 0 || pager->work_first != nullptr) return;
    pager->is_pausing = false;
    seam_timer_set(WAKE_FOR_WAITS, pager->waits_seconds * nanoseconds);
}

void waits_look(struct pager *pager)
{
    bool is_overdue = false;
    for (uint32_t i = 0; i < pager->slot_limit; i++) {
        const struct process *process = pager->process[i];
        uint32_t places = process != nullptr && process->state == PROCESS_RUNNING ? process_thread_places(process) : 0;
        for (uint32_t place = 0; place < places; place++) is_overdue |= waits_is_overdue(pager, process_thread_at(process, place));
    }
    if (is_overdue) waits_report(pager, nullptr);
    waits_begin(pager);
}
