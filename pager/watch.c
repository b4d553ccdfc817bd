/* Watches. See watch.h.
 *
 * When the ring is full the newest event is the one that is lost: those that are there stay true, in order, and the count says that more happened
 * since. */
#include "watch.h"

#include <assert.h>
#include <string.h>

#include "journal.h"
#include "pager.h"
#include "process.h"

static_assert(WATCH_EVENTS * sizeof(struct watch_event) <= PAGE_BYTES && WATCH_NAME_BYTES == PROCESS_NAME_BYTES);

/* Goes before each change of a watch. Its ring is not kept by the journal: what was taken back is written again, in the same place. */
static void watch_save(const struct watch *watch) { journal_save(watch, sizeof(*watch)); }

void watch_list(struct pager *pager, struct process *process)
{
    process->next_watcher = pager->watchers;
    pager->watchers = process;
}

static void watch_unlist(struct pager *pager, const struct process *process)
{
    struct process **link = &pager->watchers;
    while (*link != process) link = &(*link)->next_watcher;
    *link = process->next_watcher;
}

enum status watch_begin(struct pager *pager, struct process *process, uint32_t service_slot, uint64_t bits)
{
    struct watch *watch = &process->watch;
    if (watch->ring == nullptr) {
        struct watch_event *ring = (struct watch_event *)((char *)process + SLOT_WATCH);
        enum status status = slot_page_take(&process->slot, ring);
        if (status != STATUS_OK) return status;
        watch_save(watch);
        *watch = (struct watch){ .ring = ring };
        watch_list(pager, process);
    }
    watch_save(watch);
    watch->service_slot = service_slot;
    watch->bits = bits;
    return STATUS_OK;
}

void watch_end(struct pager *pager, struct process *process)
{
    if (process->watch.ring == nullptr) return;
    slot_page_give(&process->slot, process->watch.ring);
    watch_save(&process->watch);
    process->watch = (struct watch){ 0 };
    watch_unlist(pager, process);
}

/* The group of the lowest number that two are in, or GROUP_NONE. */
static uint32_t watch_group(const struct process *one, const struct process *other)
{
    const struct group_set *few = one->groups.count <= other->groups.count ? &one->groups : &other->groups;
    const struct group_set *many = few == &one->groups ? &other->groups : &one->groups;
    uint32_t group = group_set_next(few, GROUP_NONE);
    while (group != GROUP_NONE && !group_set_contains(many, group)) group = group_set_next(few, group);
    return group;
}

static void watch_add(struct watch *watch, const struct process *process, enum process_event kind, uint32_t group)
{
    watch_save(watch);
    if (watch->count == WATCH_EVENTS) {
        watch->count_lost++;
        return;
    }
    struct watch_event *event = &watch->ring[(watch->first + watch->count++) % WATCH_EVENTS];
    *event = (struct watch_event){ .kind = kind, .number = process->number, .group = group, .name_bytes = (uint32_t)strlen(process->name) };
    if (kind == PROCESS_EVENT_ENDED) {
        event->reason = process->reason;
        event->value = process->value;
    }
    memcpy(event->name, process->name, event->name_bytes);
}

void watch_tell(struct pager *pager, const struct process *process, enum process_event kind)
{
    for (struct process *watcher = pager->watchers; watcher != nullptr; watcher = watcher->next_watcher) {
        if (watcher == process) continue;
        uint32_t group = watch_group(watcher, process);
        if (group == GROUP_NONE) continue;
        watch_add(&watcher->watch, process, kind, group);
        seam_endpoint_notify(watcher->services.rows[watcher->watch.service_slot].endpoint, watcher->watch.bits);
    }
}

bool watch_take(struct watch *watch, struct watch_event *event, uint32_t *lost)
{
    if (watch->count == 0) return false;
    watch_save(watch);
    *event = watch->ring[watch->first];
    watch->first = (watch->first + 1) % WATCH_EVENTS;
    watch->count--;
    *lost = watch->count == 0 ? watch->count_lost : 0;
    if (watch->count == 0) watch->count_lost = 0;
    return true;
}
