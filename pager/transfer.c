/* Transfers: room at the receiver, pages, rows. See transfer.h.
 *
 * Everything that may be refused comes first: the room, the row, the charge for tables at the other place. Who pays has been found able to have the tables of
 * both places at once, so the kernel finds frames for them; should it refuse all the same, what has gone comes back. */
#include "transfer.h"

#include <assert.h>

#include "fill.h"
#include "fill_copy.h"
#include "ledger.h"
#include "report.h"

/* Room in the mmap area of a receiver. What has page tables of its own gets the same place if that is free, so that tables of all levels fit, or else one
 * that is aligned to a table in the same way. */
static enum status transfer_take_room(struct directory *directory, uint64_t first, uint64_t bytes, uint64_t *address)
{
    if (bytes < LAYOUT_TABLE_BYTES) return area_take(directory, bytes >> PAGE_SHIFT, address);
    *address = first;
    enum status status = area_take_at(directory, first, first + bytes);
    if (status != STATUS_EXISTS) return status;
    uint64_t lead = first % LAYOUT_TABLE_BYTES; /* runs of this length are aligned to a table at least (area.h) */
    uint64_t begin;
    status = area_take(directory, (lead + bytes) >> PAGE_SHIFT, &begin);
    if (status != STATUS_OK) return status;
    *address = begin + lead;
    if (lead == 0) return STATUS_OK;
    status = area_reserve_cut(directory, *address, false);
    area_give(directory, begin, status == STATUS_OK ? *address : *address + bytes);
    return status;
}

struct place {
    space_id_t space;
    uint64_t address;
};

/* Moves a range of pages, holes included; *done: how many of them. */
static enum status transfer_pages(struct place from, struct place to, uint64_t count, uint64_t *done)
{
    enum status status = STATUS_OK;
    for (*done = 0; *done < count;) {
        uint64_t step = 0;
        uint64_t offset = *done << PAGE_SHIFT;
        status = seam_space_move(from.space, from.address + offset, to.space, to.address + offset, count - *done, &step);
        if (status != STATUS_OK && status != STATUS_AGAIN) return status;
        *done += step;
    }
    return STATUS_OK;
}

/* The same, or nothing has moved. */
static enum status transfer_all_pages(struct place from, struct place to, uint64_t count)
{
    uint64_t done;
    enum status status = transfer_pages(from, to, count, &done);
    if (status == STATUS_OK) return STATUS_OK;
    enum status undone = transfer_pages(to, from, done, &done);
    assert(undone == STATUS_OK);
    (void)undone;
    return status;
}

/* Room and a row for what a process gets; who pays can bear what `arrived`, which has everything but its place, is charged there: tables only, or
 * (`is_more`) its pages too. On failure nothing is taken. */
static enum status transfer_prepare(struct process *to, struct segment *arrived, const struct segment *from, bool is_more)
{
    struct segment_table *table = &to->segments;
    uint64_t bytes = from->limit - from->first;
    arrived->is_given = true;
    if (table->count_given == SEGMENT_GIVEN_MOST || bytes > SEGMENT_GIVEN_BYTES_MOST - table->given_bytes) return STATUS_LIMIT;
    enum status status = transfer_take_room(&table->directory, from->first, bytes, &arrived->first);
    if (status != STATUS_OK) return status;
    arrived->limit = arrived->first + bytes;
    status = segment_reserve_insert(table, arrived->first, arrived->limit);
    uint64_t charge = is_more ? segment_charge(arrived) : segment_tables(arrived->first, arrived->limit, arrived->pages);
    if (status == STATUS_OK) status = quota_check(segment_quota(table, arrived), charge);
    if (status != STATUS_OK) area_give(&table->directory, arrived->first, arrived->limit);
    return status;
}

static void transfer_insert(struct process *to, const struct segment *arrived)
{
    segment_insert(&to->segments, arrived);
    segment_merge(&to->segments, arrived->first);
    segment_merge(&to->segments, arrived->limit);
}

enum status transfer_move(struct pager *pager, struct process *from, struct segment *segment, struct process *to, uint64_t *address)
{
    assert(from != to && from->space.number != 0 && to->space.number != 0 && segment_find(&from->segments, segment->first) == segment);
    struct segment arrived = *segment;
    arrived.payer = (int8_t)(from->family + segment->payer - to->family);
    uint64_t bytes = segment->limit - segment->first;
    if (bytes > TRANSFER_BYTES_MOST) return STATUS_LIMIT;
    enum status status = transfer_prepare(to, &arrived, segment, false);
    if (status != STATUS_OK) return status;
    pager->ledger->moving = (struct ledger_move){ pager->ledger->received.token, from->index, to->index, segment->first, segment->limit, arrived.first };
    if (segment->pages > 0)
        status = transfer_all_pages((struct place){ from->space, segment->first }, (struct place){ to->space, arrived.first }, bytes >> PAGE_SHIFT);
    if (status != STATUS_OK) {
        area_give(&to->segments.directory, arrived.first, arrived.limit);
        return status;
    }

    // Commit: nothing below may fail.
    segment_remove(&from->segments, segment);
    transfer_insert(to, &arrived);
    *address = arrived.first;
    return STATUS_OK;
}

/* Maps all pages of a range at another place too, or none. */
static enum status transfer_share_pages(struct place from, struct place to, uint64_t count, uint64_t attributes)
{
    for (uint64_t done = 0; done < count;) {
        struct seam_shared step = { 0 };
        uint64_t offset = done << PAGE_SHIFT;
        enum status status = seam_space_share(from.space, from.address + offset, to.space, to.address + offset, count - done, attributes, &step);
        if (status != STATUS_OK && status != STATUS_AGAIN) {
            fill_undo(to.space, to.address, to.address + offset, UNMAP_KEEP);
            return status;
        }
        assert(step.shared_pages == step.done_pages);
        done += step.done_pages;
    }
    return STATUS_OK;
}

enum status transfer_share(struct process *from, struct segment *segment, struct process *to, uint32_t protection, uint64_t *address)
{
    assert(from != to && !segment_is_copied(segment) && (protection & ~(uint32_t)segment->protection) == 0);
    bool is_boots = segment->fill->page_charge == 0; /* such pages come when they are touched, and are shared by all anyway */
    struct segment arrived = *segment;
    arrived.payer = (int8_t)(from->family - to->family);
    arrived.protection = (uint8_t)protection;
    arrived.is_sealed = false;
    if (is_boots) arrived.pages = 0;
    else arrived.fill = &fill_shared[protection];
    enum status status = transfer_prepare(to, &arrived, segment, true);
    if (status != STATUS_OK) return status;
    if (!is_boots) {
        struct place here = { from->space, segment->first }, there = { to->space, arrived.first };
        status = transfer_share_pages(here, there, arrived.pages, segment_attributes(protection));
    }
    if (status != STATUS_OK) {
        area_give(&to->segments.directory, arrived.first, arrived.limit);
        return status;
    }

    // Commit: nothing below may fail.
    if (!is_boots && !segment->fill->is_shared) segment_set_fill(segment, &fill_shared[segment->fill->protections & (PROTECTION_WRITE | PROTECTION_EXECUTE)]);
    transfer_insert(to, &arrived);
    *address = arrived.first;
    return STATUS_OK;
}

/* Whether nothing of a range is a process's. */
static bool transfer_is_free(const struct process *process, uint64_t first, uint64_t limit)
{
    const struct segment *above = segment_above(&process->segments, first);
    return above == nullptr || above->first >= limit;
}

void transfer_undo(const struct pager *pager)
{
    const struct ledger_move *moving = &pager->ledger->moving;
    if (moving->token == 0 || moving->token != pager->ledger->received.token || moving->from >= PROCESS_LIMIT || moving->to >= PROCESS_LIMIT) return;
    const struct process *from = pager->process[moving->from];
    const struct process *to = pager->process[moving->to];
    if (from == nullptr || to == nullptr || moving->limit <= moving->first || moving->limit - moving->first > TRANSFER_BYTES_MOST) return;
    const struct segment *segment = segment_find(&from->segments, moving->first);
    uint64_t bytes = moving->limit - moving->first;
    if (segment == nullptr || segment->limit < moving->limit || !transfer_is_free(to, moving->address, moving->address + bytes)) return; /* it was done */
    /* They went from below: what comes first that has not gone is in the way, and ends it. */
    uint64_t done;
    enum status status = transfer_pages((struct place){ to->space, moving->address }, (struct place){ from->space, moving->first }, bytes >> PAGE_SHIFT, &done);
    if (status != STATUS_OK && status != STATUS_ALREADY_MAPPED) report("recover: pages lost pid=%u status=%s", from->number, status_name(status));
}
