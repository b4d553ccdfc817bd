/* The ledger. See ledger.h.
 *
 * What counts in a slot is listed once, in ledger_sum(): the first part of the record, and the rows of its tables. */
#include "ledger.h"

#include <assert.h>

enum status ledger_begin(struct pager *pager)
{
    struct ledger *ledger = ledger_place(pager);
    for (uint64_t at = 0; at < LEDGER_BYTES; at += PAGE_BYTES) {
        enum status status = seam_page_take((char *)ledger + at);
        if (status == STATUS_OK) continue;
        if (at > 0) seam_pages_give(ledger, at);
        return status;
    }
    ledger->magic = LEDGER_MAGIC;
    ledger->done_token = LEDGER_NOBODY;
    pager->ledger = ledger;
    pager->text = ledger->text;
    journal_open(&ledger->journal, pager->slots, PROCESS_LIMIT * SLOT_BYTES);
    return STATUS_OK;
}

void ledger_keep_promises(struct pager *pager)
{
    struct ledger *ledger = pager->ledger;
    ledger->pages_all = pager->pages.all;
    for (uint32_t i = 0; i < BOOT_MODULES; i++) {
        const struct family *family = &pager->family[i];
        ledger->pages[i] = (struct ledger_promise){ family->pages.guarantee, family->pages.limit };
        ledger->processes[i] = (struct ledger_promise){ family->processes.guarantee, family->processes.limit };
    }
    ledger->sum = journal_sum((const char *)ledger, ledger, offsetof(struct ledger, sum));
}

void ledger_commit(struct pager *pager)
{
    pager->ledger->next_number = pager->next_number;
    pager->ledger->has_failed = pager->has_failed;
    journal_commit();
}

void ledger_close(struct pager *pager)
{
    struct ledger *ledger = pager->ledger;
    if (ledger->journal.used == 0) return;
    ledger->done_token = ledger->received.token;
    ledger->recoveries = 0;
    ledger_commit(pager);
}

/* --- Records --- */

static uint64_t sum_of_record(const struct process *process)
{
    return journal_sum((const char *)process, &process->badge, PROCESS_KEPT_BYTES - offsetof(struct process, badge));
}

uint64_t ledger_sum(const struct process *process)
{
    const char *base = (const char *)process;
    uint64_t sum = sum_of_record(process);
    if (process->record.magic == RECORD_ENDED) return sum;
    const struct segment_table *segments = &process->segments;
    for (uint32_t i = 0; i < segments->used; i++) sum += journal_sum(base, &segments->rows[i], SEGMENT_KEPT_BYTES);
    sum += journal_sum(base, process->holdings.rows, process->holdings.capacity * sizeof(struct holding));
    if (process->services.has_page) sum += journal_sum(base, process->services.rows, SERVICE_LIMIT * sizeof(struct service));
    for (const struct group_page *page = process->groups.pages; page != nullptr; page = group_page_next(page)) sum += journal_sum(base, page, PAGE_BYTES);
    return sum;
}
static_assert(PROCESS_LIMIT * SLOT_BYTES / sizeof(uint64_t) <= (uint64_t)1 << 36); /* journal.c: FIRST_BITS */
static_assert(PROCESS_KEPT_BYTES % sizeof(uint64_t) == 0 && sizeof(struct service) % sizeof(uint64_t) == 0);

void ledger_admit(struct process *process)
{
    assert(process->record.magic == 0);
    journal_admit(&process->record, RECORD_MAGIC, ledger_sum(process));
}

void ledger_retire(struct process *process)
{
    if (process->record.magic == RECORD_MAGIC) journal_admit(&process->record, RECORD_ENDED, sum_of_record(process));
}

const char *ledger_check(const struct pager *pager)
{
    const struct ledger *ledger = pager->ledger;
    if (ledger->journal.used != 0) return "journal";
    if (ledger->magic != LEDGER_MAGIC || ledger->sum != journal_sum((const char *)ledger, ledger, offsetof(struct ledger, sum))) return "head of the ledger";
    if (ledger->next_number > pager->next_number) return "number of the next process";
    for (uint32_t i = 0; i < PROCESS_LIMIT; i++) {
        const struct process *process = pager->process[i];
        if (process == nullptr) continue;
        if (process->record.magic != (process->state == PROCESS_ENDED ? RECORD_ENDED : RECORD_MAGIC)) return "mark of a record";
        if (process->record.sum != ledger_sum(process)) return "sum of a record";
    }
    return nullptr;
}
