/* Handle rows: find, fill, empty. See handle.h.
 *
 * The table is direct-mapped: one compare decides, there is nothing to search. Two handles of the same row push each other out, and the pager fills
 * again; which numbers it gives out is its business. */
#include "handle.h"

#include <assert.h>

#include "endpoint.h"
#include "space.h"

struct handle_row *handle_row_of(struct space *space, uint32_t handle)
{
    return &space->rows[handle % HANDLE_ROWS];
}

struct handle_row *handle_find(struct space *space, uint64_t handle)
{
    struct handle_row *row = &space->rows[handle % HANDLE_ROWS];
    return row->handle == handle && handle != HANDLE_NONE ? row : nullptr;
}

uint64_t *handle_served(const struct handle_row *row)
{
    struct space *space = (struct space *)((uintptr_t)row & ~(uintptr_t)(PAGE_BYTES - 1));
    return row == &space->pager ? &space->pager_served : &space->served[row->handle % HANDLE_ROWS];
}

void handle_fill(struct handle_row *row, uint32_t handle, struct endpoint *endpoint, uint32_t rights, uint64_t badge)
{
    assert(handle != HANDLE_NONE && endpoint->is_used);
    if (row->endpoint != nullptr) link_remove_here(&row->of_endpoint);
    row->endpoint = endpoint;
    row->badge = badge;
    row->handle = handle;
    row->rights = rights;
    *handle_served(row) = endpoint->served_most;
    link_insert_here(&endpoint->rows, &row->of_endpoint);
}

enum status handle_map(struct space *space, uint64_t handle, uint64_t name, uint64_t rights, uint64_t badge)
{
    struct endpoint *endpoint = endpoint_find(name);
    if (endpoint == nullptr) return STATUS_BAD_OBJECT;
    if (handle == HANDLE_NONE || handle > UINT32_MAX) return STATUS_BAD_HANDLE;
    if (rights == 0 || rights > RIGHTS_ALL) return STATUS_BAD_ARGUMENT;
    handle_fill(handle_row_of(space, (uint32_t)handle), (uint32_t)handle, endpoint, (uint32_t)rights, badge);
    return STATUS_OK;
}

void handle_empty(struct handle_row *row)
{
    if (row->endpoint == nullptr) return;
    link_remove(&row->of_endpoint);
    *row = (struct handle_row){ 0 };
}
