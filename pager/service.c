/* Services: endpoints and names. See service.h.
 *
 * Rows of a process lie in one page of its slot, so what a program makes is charged to it, and ending a process finds all its services without a search. Names
 * are looked up by walking the living processes: a lookup is rare and the walk is bounded. */
#include "service.h"

#include <assert.h>
#include <string.h>

#include "journal.h"
#include "pager.h"
#include "process.h"

enum status service_name_check(struct text_span text, uint32_t group, struct service_name *name)
{
    if (text.count == 0 || text.count > SERVICE_NAME_BYTES) return STATUS_BAD_LENGTH;
    for (size_t i = 0; i < text.count; i++)
        if (text.first[i] < 0x21 || text.first[i] > 0x7e) return STATUS_BAD_ARGUMENT;
    *name = (struct service_name){ .group = group, .bytes = (uint32_t)text.count };
    memcpy(name->text, text.first, text.count);
    return STATUS_OK;
}

bool service_name_matches(const struct service_name *name, const struct service_name *wanted, const struct group_set *groups)
{
    if (name->bytes != wanted->bytes || memcmp(name->text, wanted->text, name->bytes) != 0) return false;
    return wanted->group != GROUP_NONE ? name->group == wanted->group : group_set_contains(groups, name->group);
}

void service_save(const struct service *service) { journal_save(service, sizeof(*service)); }

/* --- Lists of names --- */

/* Which list a name's text in a group is in: FNV-1a. */
static uint32_t list_number(const struct service_name *name, uint32_t group)
{
    constexpr uint32_t prime = 16777619;
    uint32_t hash = (2166136261 ^ group) * prime;
    for (uint32_t i = 0; i < name->bytes; i++) hash = (hash ^ (uint8_t)name->text[i]) * prime;
    return (hash ^ hash >> 16) % SERVICE_LISTS;
}

static struct service_link *link_of(const struct process *process, uint32_t slot)
{
    return (struct service_link *)(process->services.rows + SERVICE_LIMIT) + slot;
}

static struct process *place_process(const struct pager *pager, uint32_t place) { return pager->process[(place - 1) / SERVICE_LIMIT]; }

static struct service_link *link_at(const struct pager *pager, uint32_t place)
{
    return link_of(place_process(pager, place), (place - 1) % SERVICE_LIMIT);
}

static void name_list(struct pager *pager, struct process *process, uint32_t slot)
{
    const struct service_name *name = &process->services.rows[slot].name;
    uint32_t *head = &pager->names[list_number(name, name->group)];
    *link_of(process, slot) = (struct service_link){ .next = *head };
    uint32_t place = process->index * SERVICE_LIMIT + slot + 1;
    if (*head != 0) link_at(pager, *head)->before = place;
    *head = place;
}

static void name_unlist(struct pager *pager, const struct process *process, uint32_t slot)
{
    const struct service_name *name = &process->services.rows[slot].name;
    const struct service_link *link = link_of(process, slot);
    if (link->before != 0) link_at(pager, link->before)->next = link->next;
    else pager->names[list_number(name, name->group)] = link->next;
    if (link->next != 0) link_at(pager, link->next)->before = link->before;
}

/* --- Services --- */

enum status service_create(struct process *process, uint32_t *slot)
{
    struct service_table *table = &process->services;
    if (table->count == SERVICE_LIMIT) return STATUS_LIMIT;
    if (!table->has_page) {
        enum status status = slot_page_take(&process->slot, table->rows);
        if (status != STATUS_OK) return status;
        table->has_page = true;
    }
    uint32_t free = 0;
    while (table->rows[free].endpoint.number != 0) free++;
    assert(free < SERVICE_LIMIT);
    enum status status = quota_check(&process->family->pages, SERVICE_CHARGE);
    service_save(&table->rows[free]);
    if (status == STATUS_OK) status = seam_endpoint_create(&table->rows[free].endpoint);
    if (status != STATUS_OK) return status;

    // Commit: nothing below may fail.
    table->count++;
    quota_add(&process->family->pages, SERVICE_CHARGE);
    *slot = free;
    return STATUS_OK;
}

void service_end(struct pager *pager, struct process *process, uint32_t slot)
{
    struct service *service = &process->services.rows[slot];
    assert(process->services.has_page && service->endpoint.number != 0);
    enum status status;
    do status = seam_endpoint_destroy(service->endpoint);
    while (status == STATUS_AGAIN);
    assert(status == STATUS_OK || status == STATUS_BAD_OBJECT); /* gone: the pager was lost right after it */
    service_save(service);
    if (service->name.bytes != 0) name_unlist(pager, process, slot);
    *service = (struct service){ 0 };
    process->services.count--;
    quota_remove(&process->family->pages, SERVICE_CHARGE);
}

void service_publish(struct pager *pager, struct process *process, uint32_t slot, const struct service_name *name, uint32_t name_slot)
{
    struct service *service = &process->services.rows[slot];
    assert(service->name.bytes == 0);
    service_save(service);
    service->name = *name;
    service->name_slot = name_slot;
    name_list(pager, process, slot);
}

static void service_forget_name(struct pager *pager, struct process *process, uint32_t slot)
{
    struct service *service = &process->services.rows[slot];
    service_save(service);
    name_unlist(pager, process, slot);
    service->name = (struct service_name){ 0 };
    service->name_slot = 0;
}

void service_list_names(struct pager *pager, struct process *process)
{
    for (uint32_t slot = 0; process->services.has_page && slot < SERVICE_LIMIT; slot++)
        if (process->services.rows[slot].name.bytes != 0) name_list(pager, process, slot);
}

void service_unpublish(struct pager *pager, struct process *process, uint32_t slot, uint32_t name_slot)
{
    const struct service *service = &process->services.rows[slot];
    if (service->name.bytes != 0 && service->name_slot == name_slot) service_forget_name(pager, process, slot);
}

void service_unpublish_group(struct pager *pager, struct process *process, uint32_t group)
{
    for (uint32_t slot = 0; process->services.has_page && slot < SERVICE_LIMIT; slot++) {
        const struct service_name *name = &process->services.rows[slot].name;
        if (name->bytes != 0 && name->group == group) service_forget_name(pager, process, slot);
    }
}

void service_release(struct process *process)
{
    struct service_table *table = &process->services;
    assert(table->count == 0);
    if (table->has_page) slot_page_give(&process->slot, table->rows);
    table->has_page = false;
}

static struct service *service_find_in(const struct pager *pager, const struct service_name *wanted, uint32_t group, struct process **owner, uint32_t *slot)
{
    for (uint32_t place = pager->names[list_number(wanted, group)]; place != 0; place = link_at(pager, place)->next) {
        struct process *process = place_process(pager, place);
        uint32_t row = (place - 1) % SERVICE_LIMIT;
        const struct service_name *name = &process->services.rows[row].name;
        if (name->group != group || name->bytes != wanted->bytes || memcmp(name->text, wanted->text, name->bytes) != 0) continue;
        *owner = process;
        *slot = row;
        return &process->services.rows[row];
    }
    return nullptr;
}

/* Whether the name is to be found in a group, an entry of a set, below the best one so far. */
static void find_lower(const struct pager *pager, const struct service_name *wanted, uint32_t group, uint32_t *best)
{
    struct process *owner;
    uint32_t slot;
    if (group == GROUP_NONE || (*best != GROUP_NONE && group > *best)) return;
    if (service_find_in(pager, wanted, group, &owner, &slot) != nullptr) *best = group;
}

struct service *service_find(const struct pager *pager, const struct service_name *wanted, const struct group_set *groups, struct process **owner,
                             uint32_t *slot)
{
    if (wanted->group != GROUP_NONE) return service_find_in(pager, wanted, wanted->group, owner, slot);
    struct service *found = nullptr;
    uint32_t best = GROUP_NONE;
    for (uint32_t at = 0; at < GROUP_SET_INLINE; at++) find_lower(pager, wanted, groups->entry[at], &best);
    for (const struct group_page *page = groups->pages; page != nullptr; page = group_page_next(page))
        for (uint32_t at = 0; at < GROUP_PAGE_SLOTS; at++) find_lower(pager, wanted, page->entry[at], &best);
    if (best != GROUP_NONE) found = service_find_in(pager, wanted, best, owner, slot);
    return found;
}
