/* The ledger. See ledger.h.
 *
 * What counts in a slot is listed once, in ledger_sum(): the first part of the record, and the rows of its tables. */
#include "ledger.h"

#include <assert.h>

static void ledger_open(struct pager *pager, struct ledger *ledger)
{
    pager->ledger = ledger;
    pager->text = ledger->text;
    journal_open(&ledger->journal, pager->slots, PROCESS_LIMIT * SLOT_BYTES);
}

enum status ledger_begin(struct pager *pager)
{
    struct ledger *ledger = ledger_place(pager);
    for (uint64_t at = 0; at < LEDGER_BYTES; at += PAGE_BYTES) {
        enum status status = seam_page_take((char *)ledger + at);
        if (status == STATUS_OK) continue;
        if (at > 0) seam_pages_give(ledger, at);
        return status;
    }
    ledger->done_token = LEDGER_NOBODY;
    ledger_open(pager, ledger);
    return STATUS_OK;
}

/* The sum behind some words. */
static uint64_t sum_before(const void *words, const uint64_t *sum)
{
    return ~journal_sum(words, words, (uint64_t)((const char *)sum - (const char *)words));
}

void ledger_keep_promises(struct pager *pager)
{
    struct ledger_promises kept = { .magic = LEDGER_MAGIC, .pages_all = pager->pages.all };
    for (uint32_t i = 0; i < BOOT_MODULES; i++) {
        const struct family *family = &pager->family[i];
        kept.pages[i] = (struct ledger_promise){ family->pages.guarantee, family->pages.limit };
        kept.processes[i] = (struct ledger_promise){ family->processes.guarantee, family->processes.limit };
    }
    kept.sum = sum_before(&kept, &kept.sum);
    pager->ledger->promises[0] = pager->ledger->promises[1] = kept;
}

static bool promises_hold(const struct ledger_promises *kept)
{
    return kept->magic == LEDGER_MAGIC && kept->sum == sum_before(kept, &kept->sum);
}

static bool numbers_hold(const struct ledger_numbers *kept) { return kept->sum == sum_before(kept, &kept->sum); }

static void ledger_keep_numbers(struct pager *pager)
{
    struct ledger *ledger = pager->ledger;
    const struct ledger_numbers *last = &ledger->numbers[0];
    if (last->next_number == pager->next_number && last->count_started == pager->count_started && last->has_failed == pager->has_failed && last->sum != 0)
        return;
    struct ledger_numbers kept = { .next_number = pager->next_number, .count_started = pager->count_started, .has_failed = pager->has_failed };
    kept.sum = sum_before(&kept, &kept.sum);
    ledger->numbers[0] = kept;
    ledger->numbers[1] = kept;
}

void ledger_commit(struct pager *pager)
{
    ledger_keep_numbers(pager);
    if (pager->ledger->journal.used > 0) pager->ledger->is_changed = true;
    journal_commit();
}

void ledger_close(struct pager *pager)
{
    struct ledger *ledger = pager->ledger;
    if (ledger->journal.used == 0 && !ledger->is_changed) return;
    ledger->done_token = ledger->received.token;
    ledger_commit(pager);
}

enum status ledger_adopt(struct pager *pager)
{
    struct ledger *ledger = ledger_place(pager);
    for (uint64_t at = 0; at < LEDGER_BYTES; at += PAGE_BYTES)
        if (!seam_page_is_taken((char *)ledger + at)) return STATUS_BAD_STATE;
    if (!promises_hold(&ledger->promises[0])) ledger->promises[0] = ledger->promises[1];
    if (!promises_hold(&ledger->promises[0])) return STATUS_BAD_STATE;
    ledger->promises[1] = ledger->promises[0];
    if (!numbers_hold(&ledger->numbers[0])) ledger->numbers[0] = ledger->numbers[1];
    if (!numbers_hold(&ledger->numbers[0])) return STATUS_BAD_STATE;
    ledger->numbers[1] = ledger->numbers[0];
    ledger_open(pager, ledger);
    pager->next_number = (uint32_t)ledger->numbers[0].next_number;
    pager->count_started = (uint32_t)ledger->numbers[0].count_started;
    pager->has_failed = ledger->numbers[0].has_failed;
    return STATUS_OK;
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
    if (!promises_hold(&ledger->promises[0]) || !promises_hold(&ledger->promises[1])) return "promises in the ledger";
    if (!numbers_hold(&ledger->numbers[0]) || !numbers_hold(&ledger->numbers[1])) return "numbers in the ledger";
    if (ledger->numbers[0].next_number > pager->next_number) return "number of the next process";
    for (uint32_t i = 0; i < PROCESS_LIMIT; i++) {
        const struct process *process = pager->process[i];
        if (process == nullptr) continue;
        if (process->record.magic != (process->state == PROCESS_ENDED ? RECORD_ENDED : RECORD_MAGIC)) return "mark of a record";
        if (process->record.sum != ledger_sum(process)) return "sum of a record";
    }
    return nullptr;
}
