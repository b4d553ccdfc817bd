/* Transfers: room at the receiver, pages, rows. See transfer.h.
 *
 * Everything that may be refused comes first: the room, the row, the charge for tables at the other place. Who pays has been found able to have the tables of
 * both places at once, so the kernel finds frames for them; should it refuse all the same, what has gone comes back. */
#include "transfer.h"

#include <assert.h>

#include "fill.h"
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

enum status transfer_move(struct pager *pager, struct process *from, struct segment *segment, struct process *to, uint64_t *address)
{
    assert(from != to && from->space.number != 0 && to->space.number != 0 && segment_find(&from->segments, segment->first) == segment);
    struct segment_table *table = &to->segments;
    struct segment arrived = *segment;
    arrived.payer = (int8_t)(from->family + segment->payer - to->family);
    arrived.is_given = true;
    uint64_t bytes = segment->limit - segment->first;
    if (bytes > TRANSFER_BYTES_MOST || table->count_given == SEGMENT_GIVEN_MOST || bytes > SEGMENT_GIVEN_BYTES_MOST - table->given_bytes) return STATUS_LIMIT;
    enum status status = transfer_take_room(&table->directory, segment->first, bytes, &arrived.first);
    if (status != STATUS_OK) return status;
    arrived.limit = arrived.first + bytes;
    status = segment_reserve_insert(table, arrived.first, arrived.limit);
    if (status == STATUS_OK)
        status = quota_check(segment_quota(&from->segments, segment), segment_tables(arrived.first, arrived.limit, arrived.pages));
    pager->ledger->moving = (struct ledger_move){ pager->ledger->received.token, from->index, to->index, segment->first, segment->limit, arrived.first };
    if (status == STATUS_OK && segment->pages > 0)
        status = transfer_all_pages((struct place){ from->space, segment->first }, (struct place){ to->space, arrived.first }, bytes >> PAGE_SHIFT);
    if (status != STATUS_OK) {
        area_give(&table->directory, arrived.first, arrived.limit);
        return status;
    }

    // Commit: nothing below may fail.
    segment_remove(&from->segments, segment);
    segment_insert(table, &arrived);
    segment_merge(table, arrived.first);
    segment_merge(table, arrived.limit);
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
