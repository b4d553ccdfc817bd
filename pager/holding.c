/* Holdings: handles of processes. See holding.h. */
#include "holding.h"

#include <assert.h>

#include "pager.h"
#include "process.h"

enum status holding_reserve(struct process *process, uint32_t *slot)
{
    struct holding_table *table = &process->holdings;
    for (uint32_t at = HOLDING_FIRST; at < HOLDING_LIMIT; at++) {
        if (at >= table->capacity) {
            uint64_t used_bytes = layout_page_up(table->capacity * sizeof(struct holding));
            enum status status = family_page_take(process->family, (char *)table->rows + used_bytes);
            if (status != STATUS_OK) return status;
            table->capacity = (uint32_t)((used_bytes + PAGE_BYTES) / sizeof(struct holding));
        }
        const struct holding *row = &table->rows[at];
        if (row->kind != HOLDING_NOTHING || row->generation == HOLDING_GENERATIONS - 1) continue;
        *slot = at;
        return STATUS_OK;
    }
    return STATUS_LIMIT;
}

uint32_t holding_insert(struct process *process, uint32_t slot, struct holding holding)
{
    struct holding *row = &process->holdings.rows[slot];
    assert(slot < process->holdings.capacity && row->kind == HOLDING_NOTHING && holding.kind != HOLDING_NOTHING);
    holding.generation = row->generation + 1;
    *row = holding;
    return slot | row->generation << HOLDING_SLOT_BITS;
}

enum status holding_find(const struct process *process, uint64_t handle, struct holding **holding)
{
    uint64_t slot = handle % HOLDING_LIMIT;
    uint64_t generation = handle >> HOLDING_SLOT_BITS;
    if (slot < HOLDING_FIRST || slot >= process->holdings.capacity || generation == 0) return STATUS_BAD_HANDLE;
    struct holding *row = &process->holdings.rows[slot];
    if (generation > row->generation) return STATUS_BAD_HANDLE;
    if (generation < row->generation || row->kind == HOLDING_NOTHING) return STATUS_STALE;
    *holding = row;
    return STATUS_OK;
}

/* The process that a handle depends on, or nullptr when its slot has another one by now. */
static struct process *holding_process(const struct pager *pager, const struct holding *holding)
{
    struct process *process = pager->process[holding->process_index];
    return process != nullptr && process->number == holding->process_number ? process : nullptr;
}

static struct service *holding_service(const struct pager *pager, const struct holding *holding, struct process **owner)
{
    *owner = holding_process(pager, holding);
    if (*owner == nullptr || !(*owner)->services.has_page) return nullptr;
    struct service *service = &(*owner)->services.rows[holding->service_slot];
    return service->endpoint.number != 0 && service->use == holding->service_use ? service : nullptr;
}

void holding_close(struct pager *pager, struct process *process, uint32_t handle, struct holding *holding)
{
    assert(holding->kind != HOLDING_NOTHING);
    /* The row may hold another handle by now, or none: then there is nothing to empty. */
    enum status status = seam_handle_unmap(process->space, handle);
    (void)status;
    struct holding closed = *holding;
    *holding = (struct holding){ .generation = closed.generation };
    struct process *owner;
    if (closed.kind == HOLDING_PROCESS) {
        process_release(pager, holding_process(pager, &closed));
    } else if ((closed.rights & RIGHT_RECEIVE) && holding_service(pager, &closed, &owner) != nullptr) {
        service_destroy(owner, closed.service_slot);
    }
}

static enum status holding_map_found(struct pager *pager, struct process *process, uint32_t handle, const struct holding *holding)
{
    struct process *owner;
    if (holding->kind == HOLDING_PROCESS)
        return seam_handle_map(process->space, handle, pager->endpoint, holding->rights, process_handle_badge(holding_process(pager, holding), process));
    const struct service *service = holding_service(pager, holding, &owner);
    if (service == nullptr) return STATUS_STALE;
    return seam_handle_map(process->space, handle, service->endpoint, holding->rights, process->number);
}

enum status holding_map(struct pager *pager, struct process *process, uint64_t handle)
{
    if (handle == HANDLE_PAGER) return seam_handle_map(process->space, HANDLE_PAGER, pager->endpoint, RIGHT_CALL, process_badge(process));
    struct holding *holding;
    enum status status = holding_find(process, handle, &holding);
    return status == STATUS_OK ? holding_map_found(pager, process, (uint32_t)handle, holding) : status;
}

void holding_release_all(struct pager *pager, struct process *process)
{
    struct holding_table *table = &process->holdings;
    for (uint32_t slot = HOLDING_FIRST; slot < table->capacity; slot++) {
        struct holding *row = &table->rows[slot];
        if (row->kind != HOLDING_NOTHING) holding_close(pager, process, slot | row->generation << HOLDING_SLOT_BITS, row);
    }
    uint64_t bytes = layout_page_up(table->capacity * sizeof(struct holding));
    for (uint64_t at = 0; at < bytes; at += PAGE_BYTES) family_page_give(process->family, (char *)table->rows + at);
    table->capacity = 0;
}
