/* Groups: joining, leaving, ending. See group.h.
 *
 * Leaving changes the sets first and then sweeps the handles of all processes once: whatever was to go is seen by the rule that made it, and ending
 * a group of many costs no more than leaving one. */
#include "group.h"

#include <assert.h>

#include "pager.h"
#include "process.h"

bool group_has_member(const struct pager *pager, uint32_t group)
{
    for (uint32_t i = 0; i < PROCESS_LIMIT; i++) {
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

/* A page of the process's slot that its set does not have. LIMIT, NO_MEMORY. */
static enum status group_page_take(struct process *process, struct group_page **page)
{
    char *pages = (char *)process + SLOT_GROUPS;
    for (uint32_t i = 0; i < GROUP_PAGES_MOST; i++) {
        struct group_page *candidate = (struct group_page *)(pages + i * PAGE_BYTES);
        const struct group_page *used = process->groups.pages;
        while (used != nullptr && used != candidate) used = group_page_next(used);
        if (used != nullptr) continue;
        enum status status = slot_page_take(&process->slot, candidate);
        if (status == STATUS_OK) *page = candidate;
        return status;
    }
    return STATUS_LIMIT;
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
    group_set_insert(&process->groups, group, page);
    return STATUS_OK;
}

/* Who waits for a name that it could only find in this group is told so. */
static void group_end_wait(struct pager *pager, struct process *process, uint32_t group)
{
    const struct wait *wait = &process->wait;
    if (wait->kind != WAIT_NAME) return;
    if (wait->name.group == group || process->groups.count == 0) process_wake(pager, process, STATUS_NOT_MEMBER, 0, 0);
}

/* All of leaving but the handles. */
static void group_remove(struct pager *pager, struct process *process, uint32_t group)
{
    struct group_page *page = group_set_remove(&process->groups, group);
    if (page != nullptr) slot_page_give(&process->slot, page);
    service_unpublish_group(process, group);
    group_end_wait(pager, process, group);
}

void group_leave(struct pager *pager, struct process *process, uint32_t group)
{
    group_remove(pager, process, group);
    holding_sweep(pager);
}

void group_end(struct pager *pager, uint32_t group)
{
    for (uint32_t i = 0; i < PROCESS_LIMIT; i++) {
        struct process *process = pager->process[i];
        if (process != nullptr && group_set_contains(&process->groups, group)) group_remove(pager, process, group);
    }
    holding_sweep(pager);
}

bool group_leave_all(const struct pager *pager, struct process *process)
{
    struct group_set left = process->groups;
    struct group_page *page = group_set_clear(&process->groups);
    bool has_emptied = false;
    for (uint32_t group = group_set_next(&left, GROUP_NONE); group != GROUP_NONE && !has_emptied; group = group_set_next(&left, group))
        has_emptied = !group_has_member(pager, group);
    while (page != nullptr) {
        struct group_page *next = group_page_next(page);
        slot_page_give(&process->slot, page);
        page = next;
    }
    return has_emptied;
}
