/* Groups: joining, leaving, ending. See group.h.
 *
 * Leaving changes the sets first and then sweeps the handles of all processes once: whatever was to go is seen by the rule that made it, and ending
 * a group of many costs no more than leaving one. */
#include "group.h"

#include <assert.h>

#include "ledger.h"
#include "pager.h"
#include "process.h"

bool group_has_member(const struct pager *pager, uint32_t group)
{
    for (uint32_t i = 0; i < pager->slot_limit; i++) {
        const struct process *process = pager->process[i];
        if (process != nullptr && group_set_contains(&process->groups, group)) return true;
    }
    return false;
}

uint32_t group_make(struct pager *pager)
{
    uint32_t group;
    do {
        group = GROUP_PRESENT | pager->next_group;
        pager->next_group = pager->next_group == GROUP_ID_LAST ? 0 : pager->next_group + 1;
    } while (group_has_member(pager, group));
    return group;
}

static struct group_page *group_page_at(const struct process *process, uint32_t number)
{
    return (struct group_page *)((char *)process + SLOT_GROUPS) + number;
}

static bool group_page_is_used(const struct process *process, const struct group_page *page)
{
    const struct group_page *used = process->groups.pages;
    while (used != nullptr && used != page) used = group_page_next(used);
    return used != nullptr;
}

/* A page of the process's slot that its set does not have. LIMIT, NO_MEMORY. */
static enum status group_page_take(struct process *process, struct group_page **page)
{
    uint32_t number = 0;
    while (number < GROUP_PAGES_MOST && group_page_is_used(process, group_page_at(process, number))) number++;
    if (number == GROUP_PAGES_MOST) return STATUS_LIMIT;
    *page = group_page_at(process, number);
    if (process->group_pages >> number & 1) return STATUS_OK;
    enum status status = slot_page_take(&process->slot, *page);
    if (status == STATUS_OK) process->group_pages |= (uint8_t)(1 << number);
    return status;
}

void group_give_pages(struct process *process)
{
    for (uint32_t number = 0; number < GROUP_PAGES_MOST; number++) {
        struct group_page *page = group_page_at(process, number);
        if (!(process->group_pages >> number & 1) || group_page_is_used(process, page)) continue;
        slot_page_give(&process->slot, page);
        process->group_pages &= (uint8_t)~(1 << number);
    }
}

/* Goes before each change of a set. */
static void group_save(const struct group_set *set)
{
    journal_save(set, sizeof(*set));
    for (const struct group_page *page = set->pages; page != nullptr; page = group_page_next(page)) journal_save(page, PAGE_BYTES);
}

enum status group_join(struct process *process, uint32_t group)
{
    struct group_page *page = nullptr;
    if (group_set_contains(&process->groups, group)) return STATUS_EXISTS;
    if (group_set_wants_page(&process->groups)) {
        enum status status = group_page_take(process, &page);
        if (status != STATUS_OK) return status;
    }

    // Commit: nothing below may fail.
    group_save(&process->groups);
    if (page != nullptr) journal_save(page, PAGE_BYTES);
    group_set_insert(&process->groups, group, page);
    return STATUS_OK;
}

/* Who waits for a name that it could only find in this group is told so. */
static void group_end_wait(struct pager *pager, const struct process *process, uint32_t group)
{
    uint32_t places = process_thread_places(process);
    for (uint32_t place = 0; place < places; place++) {
        struct process_thread *row = process_thread_at(process, place);
        if (row->wait.kind != WAIT_NAME) continue;
        if (row->wait.name.group == group || process->groups.count == 0) process_thread_wake(pager, row, STATUS_NOT_MEMBER, 0, 0);
    }
}

/* All of leaving but the handles. */
static void group_remove(struct pager *pager, struct process *process, uint32_t group)
{
    constexpr uint64_t words = 4096; /* of the journal: all pages of a set, all threads, all names */
    journal_make_room(words);
    group_save(&process->groups);
    group_set_remove(&process->groups, group);
    service_unpublish_group(pager, process, group);
    group_end_wait(pager, process, group);
}

void group_leave(struct pager *pager, struct process *process, uint32_t group)
{
    group_remove(pager, process, group);
    holding_sweep_left(pager, process, group);
    if (process->group_pages == 0) return;
    ledger_commit(pager); /* a page that is given back cannot be undone */
    group_give_pages(process);
}

void group_end(struct pager *pager, uint32_t group)
{
    for (uint32_t i = 0; i < pager->slot_limit; i++) {
        struct process *process = pager->process[i];
        if (process != nullptr && group_set_contains(&process->groups, group)) group_remove(pager, process, group);
    }
    holding_sweep(pager);
    ledger_commit(pager);
    for (uint32_t i = 0; i < pager->slot_limit; i++)
        if (pager->process[i] != nullptr) group_give_pages(pager->process[i]);
}

/* Whether somebody is in a group that a process is leaving with its end: who started it is asked first, so that most ends search for nobody. */
static bool group_has_another(const struct pager *pager, const struct process *process, uint32_t group)
{
    const struct process *peer = pager->process[process->peer];
    return (peer != nullptr && group_set_contains(&peer->groups, group)) || group_has_member(pager, group);
}

bool group_leave_all(const struct pager *pager, struct process *process)
{
    struct group_set left = process->groups;
    group_save(&process->groups);
    group_set_clear(&process->groups);
    bool has_emptied = false;
    for (uint32_t group = group_set_next(&left, GROUP_NONE); group != GROUP_NONE && !has_emptied; group = group_set_next(&left, group))
        has_emptied = !group_has_another(pager, process, group);
    return has_emptied;
}
