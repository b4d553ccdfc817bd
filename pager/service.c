/* Services: endpoints and names. See service.h.
 *
 * Rows of a process lie in one page of its slot, so what a program makes is charged to it, and ending a process finds all its services without a search. Names
 * are looked up by walking the living processes: a lookup is rare and the walk is bounded. */
#include "service.h"

#include <assert.h>
#include <string.h>

#include "pager.h"
#include "process.h"

enum status service_name_check(struct text_span text, struct service_name *name)
{
    if (text.count == 0 || text.count > SERVICE_NAME_BYTES) return STATUS_BAD_LENGTH;
    for (size_t i = 0; i < text.count; i++)
        if (text.first[i] < 0x21 || text.first[i] > 0x7e) return STATUS_BAD_ARGUMENT;
    *name = (struct service_name){ .bytes = (uint32_t)text.count };
    memcpy(name->text, text.first, text.count);
    return STATUS_OK;
}

bool service_name_equal(const struct service_name *left, const struct service_name *right)
{
    return left->bytes == right->bytes && memcmp(left->text, right->text, left->bytes) == 0;
}

enum status service_create(struct process *process, uint32_t *slot)
{
    struct service_table *table = &process->services;
    if (table->count == SERVICE_LIMIT) return STATUS_LIMIT;
    if (!table->has_page) {
        enum status status = family_page_take(process->family, table->rows);
        if (status != STATUS_OK) return status;
        table->has_page = true;
    }
    uint32_t free = 0;
    while (table->rows[free].endpoint.number != 0) free++;
    assert(free < SERVICE_LIMIT);
    enum status status = quota_check(&process->family->pages, SERVICE_CHARGE);
    if (status == STATUS_OK) status = seam_endpoint_create(&table->rows[free].endpoint);
    if (status != STATUS_OK) return status;

    // Commit: nothing below may fail.
    table->rows[free].use++;
    table->rows[free].name = (struct service_name){ 0 };
    table->count++;
    quota_add(&process->family->pages, SERVICE_CHARGE);
    *slot = free;
    return STATUS_OK;
}

void service_destroy(struct process *process, uint32_t slot)
{
    struct service *service = &process->services.rows[slot];
    assert(process->services.has_page && service->endpoint.number != 0);
    enum status status;
    do status = seam_endpoint_destroy(service->endpoint);
    while (status == STATUS_AGAIN);
    assert(status == STATUS_OK);
    service->endpoint = (endpoint_id_t){ 0 };
    service->name = (struct service_name){ 0 };
    process->services.count--;
    quota_remove(&process->family->pages, SERVICE_CHARGE);
}

void service_release_all(struct process *process)
{
    struct service_table *table = &process->services;
    if (!table->has_page) return;
    for (uint32_t slot = 0; slot < SERVICE_LIMIT; slot++)
        if (table->rows[slot].endpoint.number != 0) service_destroy(process, slot);
    family_page_give(process->family, table->rows);
    table->has_page = false;
}

struct service *service_find(const struct pager *pager, const struct service_name *name, struct process **owner, uint32_t *slot)
{
    for (uint32_t i = 0; i < PROCESS_LIMIT; i++) {
        struct process *process = pager->process[i];
        if (process == nullptr || process->services.count == 0) continue;
        for (uint32_t row = 0; row < SERVICE_LIMIT; row++) {
            struct service *service = &process->services.rows[row];
            if (!service_name_equal(&service->name, name)) continue;
            *owner = process;
            *slot = row;
            return service;
        }
    }
    return nullptr;
}
