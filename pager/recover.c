/* Recovery: records, and what follows from them. See recover.h.
 *
 * Nothing of the lost pager's own state is used but the ledger. A record is looked at through bounds that do not depend on what it says, until its sum is
 * found right. Recovery itself saves in the journal whatever it changes: a pager that is lost here leaves a ledger to begin with again. */
#include "recover.h"

#include <assert.h>
#include <string.h>

#include "request_device.h"
#include "report.h"
#include "transfer.h"
#include "work.h"

/* --- Records --- */

static char *slot_of(const struct pager *pager, uint32_t index) { return pager->slots + index * SLOT_BYTES; }

/* Pages from `first` on that are there, side by side. */
static uint64_t pages_there(const char *first, uint64_t most)
{
    uint64_t count = 0;
    while (count < most && seam_page_is_taken(first + count * PAGE_BYTES)) count++;
    return count;
}

/* Pages of a slot are counted where they lie. */
static void slot_count(struct slot *slot, uint64_t offset, uint64_t pages)
{
    for (uint64_t i = 0; i < pages; i++) slot->live[(offset + i * PAGE_BYTES) / SLOT_CHUNK_BYTES]++;
}

/* The list of pages of a set leads through pages of the slot that are there, each once. */
static bool groups_are_safe(const struct process *process)
{
    uint32_t seen = 0;
    const char *pages = (const char *)process + SLOT_GROUPS;
    for (const struct group_page *page = process->groups.pages; page != nullptr; page = group_page_next(page)) {
        uint64_t number = (uint64_t)((const char *)page - pages) / PAGE_BYTES;
        if (number >= GROUP_PAGES_MOST || (const char *)page != pages + number * PAGE_BYTES) return false;
        if (!(process->group_pages >> number & 1) || seen >> number & 1) return false;
        seen |= 1u << number;
    }
    return true;
}

/* Sets what leads to the tables of a record, from the pages that are there; what can be made anew is given back. Returns the number of rows of segments. */
static uint32_t record_open(struct process *process)
{
    char *base = (char *)process;
    bool has_ended = process->record.magic == RECORD_ENDED;
    seam_pages_give(base + SLOT_AREA, SLOT_ROWS - SLOT_AREA);
    seam_pages_give(base + SLOT_BOOKS, SLOT_BYTES - SLOT_BOOKS);
    if (process->watch.ring == nullptr || has_ended) seam_pages_give(base + SLOT_WATCH, PAGE_BYTES);
    if (has_ended) {
        memset(base + SLOT_HOLDINGS, 0, SLOT_HOLDING_PAGES - SLOT_HOLDINGS);
        seam_pages_give(base + SLOT_HOLDING_PAGES, SLOT_WATCH - SLOT_HOLDING_PAGES);
        seam_pages_give(base + SLOT_THREADS, THREAD_PAGES_MOST * PAGE_BYTES);
        seam_pages_give(base + SLOT_ROWS, SLOT_ROWS_BYTES);
    }
    size_t kept = has_ended ? PROCESS_ENDED_BYTES : PROCESS_KEPT_BYTES;
    memset((char *)process + kept, 0, offsetof(struct process, line_bytes) - kept);
    process->slot = (struct slot){ .base = base, .live = { 1 } };
    uint64_t holdings = pages_there(base + SLOT_HOLDING_PAGES, (SLOT_SERVICES - SLOT_HOLDING_PAGES) / PAGE_BYTES);
    uint64_t services = pages_there(base + SLOT_SERVICES, 1);
    process->thread_pages = (uint32_t)pages_there(base + SLOT_THREADS, THREAD_PAGES_MOST);
    uint64_t rows = pages_there(base + SLOT_ROWS, SLOT_ROWS_BYTES / PAGE_BYTES);
    process->holdings.rows = (struct holding *)(base + SLOT_HOLDINGS);
    process->holdings.capacity = has_ended ? 0 : HOLDING_RECORD + (uint32_t)(holdings * PAGE_BYTES / sizeof(struct holding));
    process->holdings.used = process->holdings.capacity; /* at most: count_tables() */
    process->services.rows = (struct service *)(base + SLOT_SERVICES);
    process->services.has_page = services != 0;
    for (uint32_t i = 0; i < GROUP_PAGES_MOST; i++)
        if (pages_there(base + SLOT_GROUPS + i * PAGE_BYTES, 1) != 0) process->group_pages |= (uint8_t)(1 << i);
    slot_count(&process->slot, SLOT_HOLDING_PAGES, holdings);
    slot_count(&process->slot, SLOT_SERVICES, services);
    slot_count(&process->slot, SLOT_GROUPS, (unsigned)__builtin_popcount(process->group_pages));
    slot_count(&process->slot, SLOT_WATCH, pages_there(base + SLOT_WATCH, 1));
    slot_count(&process->slot, SLOT_THREADS, process->thread_pages);
    slot_count(&process->slot, SLOT_ROWS, rows);
    return segment_rows_of(rows);
}

/* What a record says is what was written. */
static bool record_holds(struct process *process, uint32_t rows)
{
    if (process->record.magic != RECORD_ENDED && !groups_are_safe(process)) return false;
    process->segments.rows = segment_rows(&process->slot);
    process->segments.used = rows;
    return process->record.sum == ledger_sum(process);
}

static void record_drop(const struct pager *pager, uint32_t index) { seam_pages_give(slot_of(pager, index), SLOT_BYTES); }

/* Takes a slot up, or gives all of it back. False: its record is damaged. */
static bool record_take(struct pager *pager, uint32_t index)
{
    if (!seam_page_is_taken(slot_of(pager, index))) return true;
    struct process *process = (struct process *)slot_of(pager, index);
    bool is_finished = process->record.magic != 0;
    bool is_known = process->record.magic == RECORD_MAGIC || process->record.magic == RECORD_ENDED;
    uint32_t rows = is_known ? record_open(process) : 0;
    if (!is_known || !record_holds(process, rows)) {
        if (is_finished) report("recover: record damaged slot=%u", index);
        record_drop(pager, index);
        return !is_finished;
    }
    pager->process[index] = process;
    process->slot.family = process->family;
    segment_table_initialise(&process->segments, &process->slot);
    if (segment_table_rebuild(&process->segments, rows) == STATUS_OK) return true;
    report("recover: no memory for what leads to the segments of pid=%u", process->number);
    pager->process[index] = nullptr;
    record_drop(pager, index);
    return false;
}

/* --- Handles --- */

/* A row that leads to nobody any more. What came after it in its list is closed as well when the list is broken there. */
static void row_forget(struct process *process, struct holding *row)
{
    struct holding_place place = holding_place(process, row);
    enum status status = seam_handle_unmap(process->space, place.slot | row->generation << HOLDING_SLOT_BITS);
    (void)status; /* it need not be in the kernel's rows */
    journal_save(row, sizeof(*row));
    *row = (struct holding){ .generation = row->generation };
}

static bool place_is_there(const struct pager *pager, struct holding_place place)
{
    const struct process *process = pager->process[place.process_index];
    if (place.slot == 0) return true;
    return process != nullptr && place.slot < process->holdings.capacity && process->holdings.rows[place.slot].kind != HOLDING_NOTHING;
}

static bool row_leads_somewhere(const struct pager *pager, const struct holding *row)
{
    if (row->kind == HOLDING_GROUP) return true;
    if (row->kind == HOLDING_FAMILY) return row->group >= BOOT_MODULES && row->group < FAMILY_LIMIT && pager->family[row->group].pages.pool != nullptr;
    const struct process *named = pager->process[row->process_index];
    if (named == nullptr || row->kind == HOLDING_PROCESS) return named != nullptr;
    /* Of an endpoint that has ended the first handle, which goes last, is left to whoever was closing it. */
    bool is_there = named->services.has_page && row->service_slot < SERVICE_LIMIT && named->services.rows[row->service_slot].endpoint.number != 0;
    return named->record.magic == RECORD_MAGIC && (row->depth == 0 || is_there);
}

/* Closes handles that lead to who was lost, or came through them; again until there are none, since closing one breaks the list behind it. */
static void handles_forget(const struct pager *pager)
{
    bool is_any;
    do {
        is_any = false;
        for (uint32_t i = 0; i < pager->slot_limit; i++) {
            struct process *process = pager->process[i];
            for (uint32_t slot = HOLDING_FIRST; process != nullptr && slot < process->holdings.capacity; slot++) {
                struct holding *row = &process->holdings.rows[slot];
                if (row->kind == HOLDING_NOTHING) continue;
                if (!row_leads_somewhere(pager, row) || !place_is_there(pager, row->before)) {
                    row_forget(process, row);
                    is_any = true;
                } else if (!place_is_there(pager, row->after)) {
                    journal_save(row, sizeof(*row));
                    row->after = (struct holding_place){ 0 };
                }
            }
        }
        journal_commit();
    } while (is_any);
}

/* A name rests on a handle of its owner. */
static void names_forget(struct pager *pager, struct process *process)
{
    for (uint32_t slot = 0; process->services.has_page && slot < SERVICE_LIMIT; slot++) {
        const struct service *row = &process->services.rows[slot];
        if (row->name.bytes == 0) continue;
        if (row->name_slot >= process->holdings.capacity || process->holdings.rows[row->name_slot].kind == HOLDING_NOTHING)
            service_unpublish(pager, process, slot, row->name_slot);
    }
}

/* --- Counts --- */

static void count_tables(struct pager *pager, struct process *process)
{
    process->holdings.used = 0;
    for (uint32_t slot = 0; slot < process->holdings.capacity; slot++) {
        const struct holding *row = &process->holdings.rows[slot];
        if (row->generation != 0) process->holdings.used = slot + 1;
        process->holdings.count_passed += row->is_passed;
        process->holdings.count_groups += row->kind == HOLDING_GROUP;
        if (row->kind == HOLDING_PROCESS) pager->process[row->process_index]->references++;
        if (row->kind == HOLDING_FAMILY) pager->family[row->group].references++;
    }
    for (uint32_t slot = 0; process->services.has_page && slot < SERVICE_LIMIT; slot++)
        process->services.count += process->services.rows[slot].endpoint.number != 0;
    pager->count_running += process->state == PROCESS_RUNNING;
    if (process->watch.ring != nullptr) watch_list(pager, process);
    alarm_count(pager, process);
    if (process->number > pager->next_number) pager->next_number = process->number;
    if (process->line_bytes > OUTPUT_LINE_BYTES) process->line_bytes = 0;
}

static void ready_add(struct pager *pager, struct process_thread *row)
{
    if (pager->ready_last != nullptr) pager->ready_last->wait.next = row;
    else pager->ready_first = row;
    pager->ready_last = row;
}

/* Who waits for what. Who waits for the end of a process that was lost is told that it is gone. */
static void count_wait(struct pager *pager, const struct process *process, struct process_thread *row)
{
    switch (row->wait.kind) {
    case WAIT_READY: ready_add(pager, row); break;
    case WAIT_WORK: work_add(pager, row); break;
    case WAIT_PROCESS:
        if (pager->process[row->wait.process_index] != nullptr) process_thread_await(pager->process[row->wait.process_index], row);
        else process_thread_wake(pager, row, STATUS_PEER_ENDED, 0, 0);
        break;
    case WAIT_THREAD:
        if (process_thread_find(process, row->wait.thread_number) == nullptr) process_thread_wake(pager, row, STATUS_OK, 0, 0);
        break;
    case WAIT_NOTHING:
    case WAIT_NAME: break;
    }
}

static void count_waits(struct pager *pager, const struct process *process)
{
    for (uint32_t place = 0; place < process_thread_places(process); place++) count_wait(pager, process, process_thread_at(process, place));
}

/* --- Families --- */

/* Everybody's quotas, with nothing charged. */
static void families_begin(struct pager *pager)
{
    const struct ledger_families *kept = &pager->ledger->families[0];
    pager->pages = (struct pool){ .all = kept->pages_all, .spare = kept->pages_all };
    pager->slots_free = (struct pool){ .all = PROCESS_LIMIT, .spare = PROCESS_LIMIT };
    for (uint32_t i = 0; i < FAMILY_LIMIT; i++) {
        const struct ledger_family *row = &kept->row[i];
        struct family *family = &pager->family[i];
        family->parent = row->parent;
        family->root = row->root;
        family->alarm_told = UINT64_MAX;
        if (row->terms.pages.limit == 0) continue;
        bool is_begun = quota_begin(&family->pages, &pager->pages, row->terms.pages)
                        && quota_begin(&family->processes, &pager->slots_free, row->terms.processes);
        assert(is_begun);
        (void)is_begun;
        struct seam_thread_info info;
        family->time = row->time;
        if (row->time.purse.number == 0) continue;
        if (seam_thread_info(row->time.purse, &info) != STATUS_OK) family->time = (struct family_time){ 0 }; /* it was ending */
        else quota_add(&family->pages, PURSE_PAGES);
    }
}

/* Charges everybody anew; a family without processes that has been started has ended. */
static void families_charge(struct pager *pager)
{
    families_begin(pager);
    for (uint32_t i = 0; i < pager->slot_limit; i++) {
        const struct process *process = pager->process[i];
        if (process == nullptr) continue;
        quota_add(&process->family->processes, 1);
        quota_add(&process->family->pages, process_charge(process));
        const struct segment_table *table = &process->segments;
        for (const struct segment *row = segment_above(table, 0); row != nullptr; row = segment_above(table, row->limit))
            if (row->payer != 0) quota_add(segment_quota(table, row), segment_charge(row));
    }
    for (uint32_t i = 0; i < FAMILY_LIMIT; i++)
        if (pager->family[i].pages.pool != nullptr && (i < pager->count_started || i >= BOOT_MODULES)) family_end_if_empty(pager, &pager->family[i]);
}

/* --- Together --- */

/* What of a row follows from the rest, or from the kernel. A thread that is gone is not named any more; work that it left goes on. */
static void thread_take(struct process *process, struct process_thread *row)
{
    row->next_work = nullptr;
    row->wait.next = nullptr;
    row->fault_address = row->fault_repeats = row->fault_changes = 0;
    struct seam_thread_info info;
    bool is_there = row->thread.number != 0 && seam_thread_info(row->thread, &info) == STATUS_OK;
    process->count_threads += is_there;
    if (is_there || row->number == 0) return;
    bool has_work = row->wait.kind == WAIT_WORK;
    process_thread_save(row);
    row->thread = (thread_id_t){ 0 };
    if (has_work) row->wait.token = 0;
    else *row = (struct process_thread){ 0 };
}

/* False: the process cannot go on. */
static bool process_stands(struct process *process)
{
    bool has_pages = recover_pages(process);
    for (uint32_t place = 0; place < process_thread_places(process); place++) thread_take(process, process_thread_at(process, place));
    if (has_pages) return process->count_threads > 0;
    journal_save(&process->space, sizeof(process->space));
    process->space = (space_id_t){ 0 };
    return false;
}

/* Ends what was being ended, and what lacks something that only the kernel could have taken. */
static void recover_ends(struct pager *pager, const bool *stands)
{
    struct ledger_ending ending = pager->ledger->ending;
    for (uint32_t i = 0; i < pager->slot_limit; i++) {
        struct process *process = pager->process[i];
        if (process == nullptr) continue;
        if (process->state == PROCESS_ENDED) {
            process_finish(pager, process);
        } else if (process->number == ending.number) {
            process_end(pager, process, ending.reason, ending.value);
        } else if (!stands[i]) {
            process_end(pager, process, PROCESS_EXCEPTION, 0);
        }
    }
    holding_sweep(pager);
    ledger_commit(pager);
    pager->ledger->ending = (struct ledger_ending){ 0 };
}

static void recover_records(struct pager *pager)
{
    static bool stands[PROCESS_LIMIT];
    uint32_t lost = 0;
    families_begin(pager);
    for (uint32_t i = 0; i < PROCESS_LIMIT; i++) lost += !record_take(pager, i); /* which are there nobody knows */
    process_find_free_slots(pager);
    handles_forget(pager);
    transfer_undo(pager);
    device_undo(pager);
    for (uint32_t i = 0; i < pager->slot_limit; i++) {
        struct process *process = pager->process[i];
        if (process == nullptr) continue;
        service_list_names(pager, process);
        names_forget(pager, process);
        count_tables(pager, process);
        stands[i] = process->state == PROCESS_RUNNING && process_stands(process);
    }
    recover_sweep(pager);
    families_charge(pager);
    for (uint32_t i = 0; i < pager->slot_limit; i++) {
        if (pager->process[i] == nullptr) continue;
        if (stands[i]) process_thread_trim(pager->process[i]);
        count_waits(pager, pager->process[i]);
    }
    ledger_commit(pager);
    recover_ends(pager, stands);
    report("recover: processes=%u lost=%u", pager->count_running, lost);
}

/* The message that was in hand is answered again, handled again, or given up. */
static void recover_message(struct pager *pager, struct pager_action *action)
{
    struct ledger *ledger = pager->ledger;
    const struct pager_message *message = &ledger->received;
    /* Pages that an answer brings are not counted yet: such a fault is decided anew. */
    if (ledger->done_token == message->token && action->kind != ACTION_RESOLVE) {
        if (action->kind == ACTION_REPLY && tag_length(action->tag) > 0) memcpy(pager->buffer, pager->text, tag_length(action->tag));
        return;
    }
    ledger->tries = ledger->tried_token == message->token ? ledger->tries + 1 : 1;
    ledger->tried_token = message->token;
    if (message->token == 0 || ledger->tries <= LEDGER_TRIES) {
        pager_handle(pager, message, action);
    } else if (message->tag & TAG_FAULT) {
        struct process *process = process_of_badge(pager, message->badge).process;
        action_wait(action);
        if (process != nullptr) process_end(pager, process, PROCESS_FAULT_LOOP, message->word[1]);
    } else {
        action_reply(action, message->token, STATUS_PEER_ENDED);
    }
}

enum status pager_recover(struct pager *pager, const struct boot_info *boot)
{
    enum status status = pager_prepare(pager, boot);
    if (status == STATUS_OK) status = ledger_adopt(pager);
    if (status != STATUS_OK) return status;
    struct ledger *ledger = pager->ledger;
    const struct pager_message *message = &ledger->received;
    if (!(message->tag & TAG_FAULT) && ledger->text_token != message->token) {
        memcpy(pager->text, pager->buffer, MESSAGE_BUFFER_BYTES); /* before lines for the log go the same way */
        ledger->text_token = message->token;
    }
    bool is_whole = journal_undo();
    report("recover: started journal=%s", is_whole ? "undone" : "damaged");
    for (uint32_t i = 0; i < pager->count_modules; i++) seam_view_close(nullptr, module_pages(&pager->modules[i]));
    pager_name_groups(pager);
    recover_records(pager);
    pager_settle(pager);
    ledger_commit(pager);
    if (pager->count_started < pager->count_modules) pager_start_rest(pager, &ledger->action);
    else recover_message(pager, &ledger->action);
    pager_go_on(pager);
    return STATUS_OK;
}
