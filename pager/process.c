/* Processes: slots, badges, charges. See process.h; process_start.c makes them, process_end.c ends them. */
#include "process.h"

#include <assert.h>
#include <string.h>

#include "pager.h"
#include "process_start.h"

/* Badge: slot of the process in bits 0-11, slot of the handle's holder in 12-23, type in 24, number of the process in 32-63. */
constexpr unsigned BADGE_HOLDER_SHIFT = 12;
constexpr uint64_t BADGE_SLOT_MASK = 0xfff;
constexpr uint64_t BADGE_IS_HANDLE = 1 << 24;
constexpr unsigned BADGE_NUMBER_SHIFT = 32;
static_assert(PROCESS_LIMIT <= BADGE_SLOT_MASK + 1);

uint64_t process_badge(const struct process *process)
{
    return process->index | (uint64_t)process->number << BADGE_NUMBER_SHIFT;
}

uint64_t process_handle_badge(const struct process *process, const struct process *holder)
{
    return process_badge(process) | (uint64_t)holder->index << BADGE_HOLDER_SHIFT | BADGE_IS_HANDLE;
}

static struct process *process_at(const struct pager *pager, uint64_t index)
{
    return index < PROCESS_LIMIT ? pager->process[index] : nullptr;
}

struct badge_parts process_of_badge(const struct pager *pager, uint64_t badge)
{
    struct badge_parts none = { nullptr, nullptr };
    struct process *process = process_at(pager, badge & BADGE_SLOT_MASK);
    if (process == nullptr) return none;
    if (badge == process_badge(process)) return process->state == PROCESS_RUNNING ? (struct badge_parts){ process, nullptr } : none;
    struct process *holder = process_at(pager, badge >> BADGE_HOLDER_SHIFT & BADGE_SLOT_MASK);
    if (holder == nullptr || holder->state != PROCESS_RUNNING || badge != process_handle_badge(process, holder)) return none;
    return (struct badge_parts){ process, holder };
}

/* --- Slots --- */

static struct process *slot_at(const struct pager *pager, uint32_t index) { return (struct process *)(pager->slots + index * SLOT_BYTES); }

/* Takes a slot that has its pages. */
static void slot_take_spare(struct pager *pager, struct family *family, uint32_t *index)
{
    *index = pager->spare_slot[--pager->count_spare_slots];
    struct process *process = slot_at(pager, *index);
    process->slot.family = process->segments.family = family;
    quota_add(&family->pages, SLOT_SPARE_CHARGE);
}

/* Begins a slot without pages. NO_MEMORY, LIMIT. */
static enum status slot_take_new(struct pager *pager, struct family *family, uint32_t *index)
{
    *index = pager->count_free_slots > 0 ? pager->free_slot[pager->count_free_slots - 1] : pager->slot_limit;
    assert(*index < PROCESS_LIMIT && pager->process[*index] == nullptr); /* a slot that the pool has is there */
    struct process *process = slot_at(pager, *index);
    enum status status = slot_begin(family, (char *)process, offsetof(struct process, slot));
    if (status != STATUS_OK) return status;
    segment_table_initialise(&process->segments, &process->slot);
    if (pager->count_free_slots > 0) pager->count_free_slots--;
    else pager->slot_limit++;
    return STATUS_OK;
}

static void slot_set_free(struct pager *pager, uint32_t index) { pager->free_slot[pager->count_free_slots++] = (uint16_t)index; }
static_assert(PROCESS_LIMIT <= UINT16_MAX + 1);

void process_find_free_slots(struct pager *pager)
{
    assert(pager->count_spare_slots == 0);
    pager->slot_limit = PROCESS_LIMIT;
    while (pager->slot_limit > 0 && pager->process[pager->slot_limit - 1] == nullptr) pager->slot_limit--;
    pager->count_free_slots = 0;
    for (uint32_t i = pager->slot_limit; i-- > 0;)
        if (pager->process[i] == nullptr) slot_set_free(pager, i);
}

enum status process_slot_take(struct pager *pager, struct family *family, struct process **process)
{
    if (quota_check(&family->processes, 1) != STATUS_OK) return STATUS_LIMIT;
    enum status status = quota_check(&family->pages, SLOT_SPARE_CHARGE + PROCESS_OBJECTS + THREAD_OBJECTS);
    if (status != STATUS_OK) return status;
    uint32_t index;
    if (pager->count_spare_slots > 0) slot_take_spare(pager, family, &index);
    else status = slot_take_new(pager, family, &index);
    if (status != STATUS_OK) return status;

    // Commit: nothing below may fail.
    struct process *made = slot_at(pager, index);
    made->index = index;
    made->number = ++pager->next_number;
    made->family = family;
    made->first.number = made->last_thread = PROCESS_THREAD_FIRST;
    made->count_threads = 1;
    made->holdings.rows = (struct holding *)((char *)made + SLOT_HOLDINGS);
    made->holdings.capacity = HOLDING_RECORD;
    made->services.rows = (struct service *)((char *)made + SLOT_SERVICES);
    pager->process[index] = made;
    quota_add(&family->processes, 1);
    quota_add(&family->pages, PROCESS_OBJECTS + THREAD_OBJECTS);
    *process = made;
    return STATUS_OK;
}

/* What is not zero in a record but for slot and segments, which are as they began, and the text of the line, of which nothing is left. */
static void slot_wipe(struct process *process)
{
    memset(process, 0, offsetof(struct process, slot));
    memset(&process->holdings, 0, offsetof(struct process, line) - offsetof(struct process, holdings));
}

void process_slot_give(struct pager *pager, struct process *process)
{
    struct family *family = process->family;
    uint32_t index = process->index;
    pager->process[index] = nullptr;
    process->record.magic = 0;
    if (slot_may_be_spare(&process->slot) && pager->count_spare_slots < SLOT_SPARES) {
        quota_remove(&family->pages, SLOT_SPARE_CHARGE);
        slot_wipe(process);
        pager->spare_slot[pager->count_spare_slots++] = index;
    } else {
        segment_table_release(&process->segments);
        slot_end(&process->slot);
        slot_set_free(pager, index);
    }
    quota_remove(&family->processes, 1);
    family_end_if_empty(pager, family);
}

void process_give_spares(struct pager *pager)
{
    while (pager->count_spare_slots > 0) {
        uint32_t index = pager->spare_slot[--pager->count_spare_slots];
        struct process *process = slot_at(pager, index);
        seam_page_give(segment_rows(&process->slot));
        seam_page_give(process);
        slot_set_free(pager, index);
    }
}

void process_release(struct pager *pager, struct process *process)
{
    assert(process->references > 0);
    process->references--;
    if (process->references == 0 && process->state == PROCESS_ENDED && process->going.number == 0) process_slot_give(pager, process);
}

/* --- What it costs, what it is called --- */

uint64_t process_charge(const struct process *process)
{
    uint64_t charge = slot_charge(&process->slot) + process->services.count * SERVICE_CHARGE;
    if (process->state == PROCESS_RUNNING || process->going.number != 0) charge += PROCESS_OBJECTS + process->count_threads * THREAD_OBJECTS;
    for (const struct segment *row = segment_above(&process->segments, 0); row != nullptr; row = segment_above(&process->segments, row->limit))
        if (row->payer == 0) charge += segment_charge(row);
    return charge;
}

bool process_is_told(const struct pager *pager, const struct process *process)
{
    return process->is_from_boot || pager->audits || (pager->trace & TRACE_PROCESSES);
}

const char *process_end_name(enum process_end reason)
{
    switch (reason) {
    case PROCESS_EXITED: return "exited";
    case PROCESS_BAD_ADDRESS: return "bad-address";
    case PROCESS_PROTECTION: return "protection";
    case PROCESS_STACK_OVERFLOW: return "stack-overflow";
    case PROCESS_EXCEPTION: return "exception";
    case PROCESS_OUT_OF_MEMORY: return "out-of-memory";
    case PROCESS_FAULT_LOOP: return "fault-loop";
    }
    return "unknown";
}
