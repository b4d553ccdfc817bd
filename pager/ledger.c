/* The ledger. See ledger.h.
 *
 * What counts in a slot is listed once, in ledger_sum(): the first part of the record, and the rows of its tables. */
#include "ledger.h"

#include <assert.h>
#include <string.h>

/* The sum behind some words. */
static uint64_t sum_before(const void *words, const uint64_t *sum)
{
    return ~journal_sum(words, words, (uint64_t)((const char *)sum - (const char *)words));
}

static bool numbers_hold(const struct ledger_numbers *kept) { return kept->sum == sum_before(kept, &kept->sum); }

static bool numbers_agree(const struct pager *pager, const struct ledger_numbers *kept)
{
    return kept->next_number == pager->next_number && kept->count_started == pager->count_started && kept->has_failed == pager->has_failed;
}

__attribute__((noinline)) static void numbers_write(struct pager *pager)
{
    struct ledger *ledger = pager->ledger;
    struct ledger_numbers kept = { .next_number = pager->next_number, .count_started = pager->count_started, .has_failed = pager->has_failed };
    kept.sum = sum_before(&kept, &kept.sum);
    ledger->numbers[0] = kept;
    ledger->numbers[1] = kept;
}

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
    numbers_write(pager);
    return STATUS_OK;
}

static struct ledger_family family_row(const struct pager *pager, const struct family *family)
{
    if (family->pages.pool == nullptr || family_is_free(pager, family)) return (struct ledger_family){ .parent = FAMILY_NONE };
    const struct quota *pages = &family->pages, *processes = &family->processes;
    struct family_terms terms = { { pages->guarantee, pages->limit }, { processes->guarantee, processes->limit } };
    return (struct ledger_family){ terms, family->time, family->parent, family->root };
}

__attribute__((noinline)) static void families_write(const struct pager *pager, struct ledger_families *kept, uint64_t sequence)
{
    *kept = (struct ledger_families){ .magic = LEDGER_MAGIC, .sequence = sequence, .pages_all = pager->pages.all };
    for (uint32_t i = 0; i < FAMILY_LIMIT; i++) kept->row[i] = family_row(pager, &pager->family[i]);
    kept->sum = sum_before(kept, &kept->sum);
}

void ledger_keep_families(struct pager *pager)
{
    for (unsigned copy = 0; copy < 2; copy++) families_write(pager, &pager->ledger->families[copy], pager->ledger->journal.sequence);
    pager->families_changed = false;
}

static bool families_hold(const struct ledger_families *kept)
{
    return kept->magic == LEDGER_MAGIC && kept->sum == sum_before(kept, &kept->sum);
}

/* The second copy is written before a change is valid, for the next sequence of the journal: it counts from then on, or once the journal is empty. The
 * first one is written after that. So one of them is right at any time. nullptr: both are damaged. */
static const struct ledger_families *families_find(const struct ledger *ledger)
{
    const struct ledger_families *first = &ledger->families[0], *second = &ledger->families[1];
    uint64_t sequence = ledger->journal.sequence + (ledger->journal.used == 0);
    if (families_hold(second) && second->sequence <= sequence && (!families_hold(first) || second->sequence >= first->sequence)) return second;
    return families_hold(first) ? first : nullptr;
}

/* Commits the journal, and what has become of families with it. */
__attribute__((noinline)) static void families_commit(struct pager *pager)
{
    struct ledger *ledger = pager->ledger;
    uint64_t sequence = ledger->journal.sequence + 1;
    families_write(pager, &ledger->families[1], sequence);
    journal_commit();
    ledger->journal.sequence = sequence; /* also when nothing else has changed */
    ledger->families[0] = ledger->families[1];
    pager->families_changed = false;
}

void ledger_commit(struct pager *pager)
{
    if (!numbers_agree(pager, &pager->ledger->numbers[0])) numbers_write(pager);
    if (pager->ledger->journal.used > 0 || pager->families_changed) pager->ledger->is_changed = true;
    if (pager->families_changed) families_commit(pager);
    else journal_commit();
}

void ledger_close(struct pager *pager)
{
    struct ledger *ledger = pager->ledger;
    if (ledger->journal.used == 0 && !ledger->is_changed && !pager->families_changed) return;
    ledger->done_token = ledger->received.token;
    ledger_commit(pager);
}

enum status ledger_adopt(struct pager *pager)
{
    struct ledger *ledger = ledger_place(pager);
    for (uint64_t at = 0; at < LEDGER_BYTES; at += PAGE_BYTES)
        if (!seam_page_is_taken((char *)ledger + at)) return STATUS_BAD_STATE;
    const struct ledger_families *families = families_find(ledger);
    if (families == nullptr) return STATUS_BAD_STATE;
    ledger->families[families == &ledger->families[0]] = *families;
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

/* Of a record up to `end`. */
static uint64_t sum_of_record(const struct process *process, size_t end)
{
    return journal_sum((const char *)process, &process->badge, end - offsetof(struct process, badge));
}

uint64_t ledger_sum(const struct process *process)
{
    const char *base = (const char *)process;
    if (process->record.magic == RECORD_ENDED) return sum_of_record(process, PROCESS_ENDED_BYTES);
    uint64_t sum = sum_of_record(process, PROCESS_KEPT_BYTES);
    const struct segment_table *segments = &process->segments;
    for (uint32_t i = 0; i < segments->used; i++) sum += journal_sum(base, &segments->rows[i], SEGMENT_KEPT_BYTES);
    sum += journal_sum(base, process->holdings.rows, process->holdings.used * sizeof(struct holding));
    for (uint32_t place = 1; place < process_thread_places(process); place++) sum += journal_sum(base, process_thread_at(process, place), THREAD_KEPT_BYTES);
    if (process->services.has_page) sum += journal_sum(base, process->services.rows, SERVICE_LIMIT * sizeof(struct service));
    for (const struct group_page *page = process->groups.pages; page != nullptr; page = group_page_next(page)) sum += journal_sum(base, page, PAGE_BYTES);
    return sum;
}
static_assert(PROCESS_LIMIT * SLOT_BYTES / sizeof(uint64_t) <= (uint64_t)1 << 38); /* journal.c: FIRST_BITS */
static_assert(PROCESS_KEPT_BYTES % sizeof(uint64_t) == 0 && sizeof(struct service) % sizeof(uint64_t) == 0);
static_assert(THREAD_KEPT_BYTES % sizeof(uint64_t) == 0 && sizeof(struct process_thread) % sizeof(uint64_t) == 0);

void ledger_admit(struct process *process)
{
    assert(process->record.magic == 0);
    journal_admit(&process->record, RECORD_MAGIC, ledger_sum(process));
}

void ledger_retire(struct process *process)
{
    if (process->record.magic == RECORD_MAGIC) journal_admit(&process->record, RECORD_ENDED, sum_of_record(process, PROCESS_ENDED_BYTES));
}

void ledger_remember_ended(struct process *process)
{
    assert(process->record.magic == 0 && process->state == PROCESS_ENDED);
    journal_admit(&process->record, RECORD_ENDED, sum_of_record(process, PROCESS_ENDED_BYTES));
}

/* What is kept of families is what they have. */
static bool families_agree(const struct pager *pager, const struct ledger_families *kept)
{
    if (!families_hold(kept) || pager->families_changed || kept->pages_all != pager->pages.all) return false;
    for (uint32_t i = 0; i < FAMILY_LIMIT; i++) {
        struct ledger_family now = family_row(pager, &pager->family[i]);
        if (memcmp(&now, &kept->row[i], sizeof(now)) != 0) return false;
    }
    return true;
}

const char *ledger_check(const struct pager *pager)
{
    const struct ledger *ledger = pager->ledger;
    if (ledger->journal.used != 0) return "journal";
    if (!families_agree(pager, &ledger->families[0]) || !families_agree(pager, &ledger->families[1])) return "families in the ledger";
    if (!numbers_hold(&ledger->numbers[0]) || !numbers_hold(&ledger->numbers[1])) return "numbers in the ledger";
    if (ledger->numbers[0].next_number > pager->next_number) return "number of the next process";
    for (uint32_t i = 0; i < pager->slot_limit; i++) {
        const struct process *process = pager->process[i];
        if (process == nullptr) continue;
        if (process->record.magic != (process->state == PROCESS_ENDED ? RECORD_ENDED : RECORD_MAGIC)) return "mark of a record";
        if (process->record.sum != ledger_sum(process)) return "sum of a record";
    }
    return nullptr;
}
