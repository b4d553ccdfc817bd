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

void service_end(struct process *process, uint32_t slot)
{
    struct service *service = &process->services.rows[slot];
    assert(process->services.has_page && service->endpoint.number != 0);
    enum status status;
    do status = seam_endpoint_destroy(service->endpoint);
    while (status == STATUS_AGAIN);
    assert(status == STATUS_OK || status == STATUS_BAD_OBJECT); /* gone: the pager was lost right after it */
    service_save(service);
    *service = (struct service){ 0 };
    process->services.count--;
    quota_remove(&process->family->pages, SERVICE_CHARGE);
}

static void service_forget_name(struct service *service)
{
    service_save(service);
    service->name = (struct service_name){ 0 };
    service->name_slot = 0;
}

void service_unpublish(struct process *process, uint32_t slot, uint32_t name_slot)
{
    struct service *service = &process->services.rows[slot];
    if (service->name_slot == name_slot) service_forget_name(service);
}

void service_unpublish_group(struct process *process, uint32_t group)
{
    for (uint32_t slot = 0; process->services.has_page && slot < SERVICE_LIMIT; slot++)
        if (process->services.rows[slot].name.group == group) service_forget_name(&process->services.rows[slot]);
}

void service_release(struct process *process)
{
    struct service_table *table = &process->services;
    assert(table->count == 0);
    if (table->has_page) slot_page_give(&process->slot, table->rows);
    table->has_page = false;
}

struct service *service_find(const struct pager *pager, const struct service_name *wanted, const struct group_set *groups, struct process **owner,
                             uint32_t *slot)
{
    struct service *found = nullptr;
    for (uint32_t i = 0; i < pager->slot_limit; i++) {
        struct process *process = pager->process[i];
        for (uint32_t row = 0; process != nullptr && process->services.count > 0 && row < SERVICE_LIMIT; row++) {
            struct service *service = &process->services.rows[row];
            if (service->name.bytes == 0 || !service_name_matches(&service->name, wanted, groups)) continue;
            if (found != nullptr && found->name.group <= service->name.group) continue;
            *owner = process;
            *slot = row;
            found = service;
        }
    }
    return found;
}
