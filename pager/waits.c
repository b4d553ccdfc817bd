/* Waits. See waits.h.
 *
 * A report keeps nothing: the chains are followed anew, each process once. Between looks only a mark stays with each wait; for calls to others the kernel keeps
 * since when it has been asked about them. */
#include "waits.h"

#include <format.h>

#include "pager.h"
#include "process.h"
#include "report.h"

/* For whom the process of each slot waits: index + 1, or 0. */
static uint16_t waits_for[PROCESS_LIMIT];
/* In which walk a slot was seen first. */
static uint16_t seen_in[PROCESS_LIMIT];

static const struct process *owner_of_space(const struct pager *pager, uint64_t space)
{
    for (uint32_t i = 0; i < PROCESS_LIMIT; i++)
        if (pager->process[i] != nullptr && space != 0 && pager->process[i]->space.number == space) return pager->process[i];
    return nullptr;
}

static const struct process *owner_of_endpoint(const struct pager *pager, uint64_t endpoint)
{
    for (uint32_t i = 0; i < PROCESS_LIMIT; i++) {
        const struct process *process = pager->process[i];
        for (uint32_t slot = 0; process != nullptr && process->services.count > 0 && slot < SERVICE_LIMIT; slot++)
            if (process->services.rows[slot].endpoint.number == endpoint) return process;
    }
    return nullptr;
}

/* What a process waits for of others, told in the log; through `whom` the process, if it is one. False: nothing. */
static bool waits_tell(const struct pager *pager, const struct process *process, const struct process **whom)
{
    const struct wait *wait = &process->wait;
    if (wait->kind == WAIT_NAME) {
        report("wait: pid=%u name=%s for=name text=%.*s", process->number, process->name, (int)wait->name.bytes, wait->name.text);
        return true;
    }
    if (wait->kind == WAIT_PROCESS) {
        *whom = pager->process[wait->process_index];
        report("wait: pid=%u name=%s for=end of=%u", process->number, process->name, (*whom)->number);
        return true;
    }
    struct seam_thread_info info;
    if (wait->kind != WAIT_NOTHING || seam_thread_info(process->thread, &info) != STATUS_OK || info.request != REQUEST_CALL) return false;
    if (info.state == THREAD_SENDING) *whom = owner_of_endpoint(pager, info.endpoint);
    else if (info.state == THREAD_WAITING) *whom = owner_of_space(pager, info.server);
    if (*whom == nullptr) return false; /* its message is at the pager */
    report("wait: pid=%u name=%s for=%s of=%u cycles=%llu", process->number, process->name, info.state == THREAD_SENDING ? "receive" : "reply",
           (*whom)->number, (unsigned long long)info.cycles);
    return true;
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
    for (uint32_t first = 0; first < PROCESS_LIMIT; first++) {
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

struct waits waits_report(const struct pager *pager, const struct group_set *groups)
{
    struct waits waits = { 0 };
    for (uint32_t i = 0; i < PROCESS_LIMIT; i++) {
        const struct process *process = pager->process[i];
        const struct process *whom = nullptr;
        waits_for[i] = seen_in[i] = 0;
        if (process == nullptr || process->state != PROCESS_RUNNING || (groups != nullptr && !group_set_meets(groups, &process->groups))) continue;
        if (!waits_tell(pager, process, &whom)) continue;
        waits.count++;
        if (whom != nullptr) waits_for[i] = (uint16_t)(whom->index + 1);
    }
    waits.deadlocks = waits_find_circles(pager);
    return waits;
}

/* Whether what a process waits for is what it waited for at the last look. */
static bool waits_is_overdue(const struct pager *pager, struct process *process)
{
    struct wait *wait = &process->wait;
    struct seam_thread_info info;
    if (wait->kind == WAIT_NAME || wait->kind == WAIT_PROCESS) {
        bool was_seen = wait->was_seen;
        wait->was_seen = true;
        return was_seen;
    }
    if (wait->kind != WAIT_NOTHING || seam_thread_info(process->thread, &info) != STATUS_OK || info.request != REQUEST_CALL) return false;
    return info.cycles > 0 && info.endpoint != pager->endpoint.number;
}

void waits_begin(const struct pager *pager)
{
    constexpr uint64_t nanoseconds = 1'000'000'000;
    if (pager->waits_seconds > 0) seam_timer_set(WAKE_FOR_WAITS, pager->waits_seconds * nanoseconds);
}

void waits_look(struct pager *pager)
{
    bool is_overdue = false;
    for (uint32_t i = 0; i < PROCESS_LIMIT; i++) {
        struct process *process = pager->process[i];
        if (process != nullptr && process->state == PROCESS_RUNNING && waits_is_overdue(pager, process)) is_overdue = true;
    }
    if (is_overdue) waits_report(pager, nullptr);
    waits_begin(pager);
}
