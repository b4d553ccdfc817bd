/* Holdings: handles of processes. See holding.h.
 *
 * There is one way out for a row, holding_drop(): closing, revoking, leaving a group and the end of a process all come down to it. What is derived
 * is kept in a list in the order of a walk through the tree, as seL4 keeps its capabilities: a row needs no room for the number of its children. */
#include "holding.h"

#include <assert.h>
#include <string.h>

#include "group.h"
#include "journal.h"
#include "pager.h"
#include "process.h"

struct holding *holding_at(const struct pager *pager, struct holding_place place)
{
    return place.slot != 0 ? &pager->process[place.process_index]->holdings.rows[place.slot] : nullptr;
}

struct holding_place holding_place(const struct process *process, const struct holding *row)
{
    return (struct holding_place){ (uint16_t)process->index, (uint16_t)(row - process->holdings.rows) };
}

constexpr uint32_t ROWS_PER_PAGE = PAGE_BYTES / sizeof(struct holding);

/* Makes sure that the pages of `count` rows are there. */
static enum status rows_reserve(struct process *process, uint32_t count)
{
    struct holding_table *table = &process->holdings;
    for (; table->capacity < count; table->capacity += ROWS_PER_PAGE) {
        enum status status = slot_page_take(&process->slot, table->rows + table->capacity);
        if (status != STATUS_OK) return status;
    }
    return STATUS_OK;
}

/* One that has gone through all generations stays empty for ever. */
static bool row_is_free(const struct holding *row) { return row->kind == HOLDING_NOTHING && row->generation != HOLDING_GENERATIONS - 1; }

enum status holding_reserve(struct process *process, uint32_t *slot)
{
    struct holding_table *table = &process->holdings;
    for (uint32_t at = table->lowest > HOLDING_FIRST ? table->lowest : HOLDING_FIRST; at < HOLDING_LIMIT; at++) {
        enum status status = rows_reserve(process, at + 1);
        if (status != STATUS_OK) return status;
        if (!row_is_free(&table->rows[at])) continue;
        *slot = table->lowest = at;
        return STATUS_OK;
    }
    return STATUS_LIMIT;
}

/* Goes before each change of a row. */
static void row_save(const struct holding *row)
{
    if (row != nullptr) journal_save(row, sizeof(*row));
}

/* Puts a row behind the one that it is derived from, as its first. */
static void holding_link(const struct pager *pager, struct holding *row, struct holding_place place, struct holding_place from_place)
{
    struct holding *from = holding_at(pager, from_place);
    assert(from->depth < HOLDING_DEPTH_MOST);
    struct holding *next = holding_at(pager, from->after);
    row_save(from);
    row_save(next);
    row->depth = from->depth + 1;
    row->before = from_place;
    row->after = from->after;
    from->after = place;
    if (next != nullptr) next->before = place;
}

static void holding_unlink(const struct pager *pager, const struct holding *row)
{
    struct holding *before = holding_at(pager, row->before);
    struct holding *after = holding_at(pager, row->after);
    row_save(before);
    row_save(after);
    if (before != nullptr) before->after = row->after;
    if (after != nullptr) after->before = row->before;
}

uint32_t holding_insert(struct pager *pager, struct process *process, uint32_t slot, struct holding holding, struct holding_place from)
{
    struct holding_table *table = &process->holdings;
    struct holding *row = &table->rows[slot];
    assert(slot < table->capacity && row->kind == HOLDING_NOTHING && holding.kind != HOLDING_NOTHING);
    holding.generation = row->generation + 1;
    row_save(row);
    *row = holding;
    if (slot >= table->used) table->used = slot + 1;
    if (from.slot != 0) holding_link(pager, row, holding_place(process, row), from);
    if (row->kind == HOLDING_PROCESS) pager->process[row->process_index]->references++;
    if (row->kind == HOLDING_FAMILY) pager->family[row->group].references++;
    table->count_passed += row->is_passed;
    table->count_groups += row->kind == HOLDING_GROUP;
    return slot | row->generation << HOLDING_SLOT_BITS;
}

uint32_t holding_derive(struct pager *pager, struct process *process, uint32_t slot, struct holding_place from, struct holding_terms terms)
{
    struct holding holding = *holding_at(pager, from);
    holding.rights = (uint8_t)terms.rights;
    holding.is_passed = terms.is_passed;
    holding.before = holding.after = (struct holding_place){ 0 };
    if (terms.badge != 0) holding.badge = terms.badge;
    return holding_insert(pager, process, slot, holding, from);
}

/* Whether a duplicate gets one derived from this. */
static bool row_is_inherited(const struct pager *pager, const struct holding *row, const struct process *to)
{
    if (row->kind == HOLDING_NOTHING || !(row->rights & RIGHT_PASS)) return false;
    const struct process *named = holding_process(pager, row);
    return named == nullptr || holding_is_allowed(to, named);
}

enum status holding_duplicate(struct pager *pager, const struct process *from, struct process *to)
{
    struct holding_table *table = &to->holdings;
    enum status status = rows_reserve(to, from->holdings.used);
    if (status != STATUS_OK) return status;
    table->used = from->holdings.used;
    for (uint32_t slot = HOLDING_FIRST; slot < table->used; slot++) {
        struct holding *row = &from->holdings.rows[slot];
        bool is_inherited = row_is_inherited(pager, row, to);
        if (is_inherited && row->depth == HOLDING_DEPTH_MOST) return STATUS_LIMIT;
        table->rows[slot].generation = row->generation - is_inherited;
        struct holding_terms terms = { .rights = row->rights & ~(uint32_t)RIGHT_RECEIVE };
        if (is_inherited) holding_derive(pager, to, slot, holding_place(from, row), terms);
    }
    return STATUS_OK;
}

enum status holding_find(const struct process *process, uint64_t handle, struct holding **holding)
{
    uint64_t slot = handle % HOLDING_LIMIT;
    uint64_t generation = handle >> HOLDING_SLOT_BITS;
    if (slot < HOLDING_FIRST || slot >= process->holdings.used || generation == 0) return STATUS_BAD_HANDLE;
    struct holding *row = &process->holdings.rows[slot];
    if (generation > row->generation) return STATUS_BAD_HANDLE;
    if (generation < row->generation || row->kind == HOLDING_NOTHING) return STATUS_STALE;
    *holding = row;
    return STATUS_OK;
}

enum status holding_find_receiving(const struct process *process, uint64_t handle, struct holding **holding)
{
    enum status status = holding_find(process, handle, holding);
    if (status != STATUS_OK) return status;
    return (*holding)->kind == HOLDING_SERVICE && ((*holding)->rights & RIGHT_RECEIVE) ? STATUS_OK : STATUS_NO_RIGHT;
}

struct process *holding_process(const struct pager *pager, const struct holding *holding)
{
    return holding->kind == HOLDING_SERVICE || holding->kind == HOLDING_PROCESS ? pager->process[holding->process_index] : nullptr;
}

bool holding_is_allowed(const struct process *process, const struct process *named)
{
    return named == process || named->state != PROCESS_RUNNING || group_set_meets(&process->groups, &named->groups);
}

/* --- Giving up --- */

/* Words of the journal for what changes when a row is dropped, and when a handle with everything that was derived from it is closed: of those some 500. */
constexpr uint64_t DROP_WORDS = 128, CLOSE_WORDS = 2560;

/* Frees a row. What is derived from it must be gone, or belong to another one by now. */
static void holding_drop(struct pager *pager, struct process *process, struct holding *row)
{
    assert(row->kind != HOLDING_NOTHING);
    journal_make_room(DROP_WORDS);
    struct holding_place place = holding_place(process, row);
    uint32_t handle = place.slot | row->generation << HOLDING_SLOT_BITS;
    /* The kernel's row may hold another handle by now, or none; threads may wait for something else, or have ended. Then there is nothing to do. */
    enum status status = seam_handle_unmap(process->space, handle);
    for (uint32_t i = 0; i < process_thread_places(process); i++) {
        const struct process_thread *thread = process_thread_at(process, i);
        if (thread->thread.number != 0) status = seam_thread_cancel(thread->thread, handle);
    }
    (void)status;
    holding_unlink(pager, row);
    struct holding dropped = *row;
    row_save(row);
    *row = (struct holding){ .generation = dropped.generation };
    if (place.slot < process->holdings.lowest) process->holdings.lowest = place.slot;
    process->holdings.count_passed -= dropped.is_passed;
    process->holdings.count_groups -= dropped.kind == HOLDING_GROUP;
    if (dropped.kind == HOLDING_PROCESS) process_release(pager, pager->process[dropped.process_index]);
    if (dropped.kind == HOLDING_FAMILY) family_release(pager, &pager->family[dropped.group]);
    if (dropped.kind == HOLDING_SERVICE && dropped.process_index == process->index) service_unpublish(pager, process, dropped.service_slot, place.slot);
}

uint32_t holding_revoke(struct pager *pager, struct holding *holding)
{
    uint32_t count = 0;
    for (;;) {
        struct holding_place place = holding->after;
        struct holding *row = holding_at(pager, place);
        if (row == nullptr || row->depth <= holding->depth) return count;
        holding_drop(pager, pager->process[place.process_index], row);
        count++;
    }
}

/* Whether a row is the handle that endpoint_create gave. */
static bool holding_is_service(const struct process *process, const struct holding *row)
{
    return row->kind == HOLDING_SERVICE && row->process_index == process->index && row->depth == 0;
}

void holding_close(struct pager *pager, struct process *process, struct holding *holding)
{
    journal_make_room(CLOSE_WORDS);
    if (holding_is_service(process, holding)) {
        uint32_t service = holding->service_slot;
        if (process->watch.service_slot == service) watch_end(pager, process);
        if (process->alarm.service_slot == service) alarm_end(pager, process);
        /* First: so the kernel's rows and the calls that wait are gone in one go. It is gone already if a pager was lost between two steps of this. */
        if (process->services.rows[service].endpoint.number != 0) service_end(pager, process, service);
        holding_revoke(pager, holding);
        holding_drop(pager, process, holding);
        return;
    }
    struct holding *row = holding_at(pager, holding->after);
    for (; row != nullptr && row->depth > holding->depth; row = holding_at(pager, row->after)) {
        row_save(row);
        row->depth--;
    }
    holding_drop(pager, process, holding);
}

void holding_narrow(struct process *process, struct holding *holding, uint32_t rights)
{
    row_save(holding);
    holding->rights = (uint8_t)rights;
    uint32_t slot = holding_place(process, holding).slot;
    enum status status = seam_handle_unmap(process->space, slot | holding->generation << HOLDING_SLOT_BITS); /* filled anew by the next call */
    (void)status;
}

/* What holding_sweep() says, of one table. */
static void rows_sweep(struct pager *pager, struct process *process)
{
    for (uint32_t slot = HOLDING_FIRST; slot < process->holdings.used; slot++) {
        struct holding *row = &process->holdings.rows[slot];
        if (row->kind == HOLDING_NOTHING) continue;
        const struct process *named = holding_process(pager, row);
        bool holds = named != nullptr ? holding_is_allowed(process, named) : row->kind != HOLDING_GROUP || group_has_member(pager, row->group);
        if (!holds) holding_close(pager, process, row);
    }
}

void holding_sweep(struct pager *pager)
{
    for (uint32_t i = 0; i < pager->slot_limit; i++)
        if (pager->process[i] != nullptr) rows_sweep(pager, pager->process[i]);
}

void holding_sweep_left(struct pager *pager, struct process *left, uint32_t group)
{
    rows_sweep(pager, left);
    bool is_empty = true;
    for (uint32_t i = 0; i < pager->slot_limit; i++) {
        struct process *process = pager->process[i];
        if (process == nullptr || !group_set_contains(&process->groups, group)) continue;
        is_empty = false;
        rows_sweep(pager, process);
    }
    if (is_empty) holding_sweep_groups(pager);
}

void holding_sweep_groups(struct pager *pager)
{
    for (uint32_t i = 0; i < pager->slot_limit; i++)
        if (pager->process[i] != nullptr && pager->process[i]->holdings.count_groups > 0) rows_sweep(pager, pager->process[i]);
}

/* --- The kernel's rows --- */

enum status holding_row(const struct pager *pager, const struct process *process, uint64_t handle, struct holding_row *row)
{
    *row = (struct holding_row){ pager->endpoint, process_badge(process), RIGHT_CALL };
    if (handle == HANDLE_PAGER) return STATUS_OK;
    struct holding *holding;
    enum status status = holding_find(process, handle, &holding);
    if (status != STATUS_OK) return status;
    const struct process *named = holding_process(pager, holding);
    if (named == nullptr) return STATUS_BAD_OBJECT;
    row->rights = holding->rights;
    if (holding->kind == HOLDING_PROCESS) {
        row->badge = process_handle_badge(named, process);
    } else {
        row->endpoint = named->services.rows[holding->service_slot].endpoint;
        row->badge = holding->badge != 0 ? holding->badge : HOLDING_BADGE_USUAL | process->number;
    }
    return STATUS_OK;
}

void holding_close_all(struct pager *pager, struct process *process)
{
    const struct holding_table *table = &process->holdings;
    for (uint32_t slot = HOLDING_FIRST; slot < table->used; slot++)
        if (table->rows[slot].kind != HOLDING_NOTHING) holding_close(pager, process, &table->rows[slot]);
}

void holding_give_pages(struct process *process)
{
    struct holding_table *table = &process->holdings;
    uint32_t wiped = table->used < HOLDING_RECORD ? table->used : HOLDING_RECORD;
    if (wiped > 0) memset(table->rows, 0, wiped * sizeof(struct holding));
    for (uint32_t at = HOLDING_RECORD; at < table->capacity; at += ROWS_PER_PAGE) slot_page_give(&process->slot, table->rows + at);
    table->capacity = table->used = 0;
}
