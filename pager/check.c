/* The ledger's checker: what the headers promise, said once more as code. For tests; nothing on the way of a message calls it.
 *
 * Each property has one function that knows nothing of how the pager keeps it. */
#include <string.h>

#include "fill.h"
#include "ledger.h"
#include "pager.h"
#include "report.h"

static bool check_segments(const struct pager *pager, const struct process *process)
{
    const struct segment_table *table = &process->segments;
    if (!segment_table_check(table)) return false;
    for (const struct segment *row = segment_above(table, 0); row != nullptr; row = segment_above(table, row->limit)) {
        if (row->fill->set != nullptr && !row->is_going && row->pages != layout_pages(row->first, row->limit)) return false; /* what comes at once is there */
        int64_t payer = process->family - pager->family + row->payer;
        if (payer < 0 || payer >= FAMILY_LIMIT || pager->family[payer].pages.pool == nullptr) return false;
        uint32_t both = PROTECTION_WRITE | PROTECTION_EXECUTE;
        if ((row->protection & both) == both && !(process->is_write_execute && segment_rules_of(row->kind)->may_be_both)) return false;
    }
    return true;
}

/* --- Threads --- */

static bool check_is_listed(const struct pager *pager, const struct process_thread *row)
{
    const struct process_thread *listed = pager->work_first;
    while (listed != nullptr && listed != row) listed = listed->next_work;
    return listed == row;
}

static bool check_thread(const struct pager *pager, const struct process *process, uint32_t place)
{
    const struct process_thread *row = process_thread_at(process, place);
    const struct wait *wait = &row->wait;
    if (check_is_listed(pager, row) != (wait->kind == WAIT_WORK)) return false;
    if (row->number == 0) return row->thread.number == 0 && wait->kind == WAIT_NOTHING;
    if ((row->number - PROCESS_THREAD_FIRST) % THREAD_LIMIT != place || row->number > process->last_thread) return false;
    if (row->thread.number == 0) return wait->kind == WAIT_WORK && wait->token == 0;
    if (wait->kind == WAIT_THREAD && (wait->thread_number == row->number || process_thread_find(process, wait->thread_number) == nullptr)) return false;
    return wait->kind == WAIT_NOTHING || token_thread(wait->token) == row->thread.number;
}

static const char *check_threads(const struct pager *pager, const struct process *process)
{
    uint32_t places = process_thread_places(process), threads = 0, used = 1;
    for (uint32_t place = 0; place < places; place++) {
        const struct process_thread *row = process_thread_at(process, place);
        if (!check_thread(pager, process, place)) return "a thread of a process";
        threads += row->thread.number != 0;
        if (row->number != 0) used = place + 1;
    }
    if (threads == 0) return "a running process without a thread";
    const struct segment *buffers = segment_find_kind(&process->segments, SEGMENT_BUFFER);
    if (buffers == nullptr || buffers->first != LAYOUT_BUFFER_FIRST || layout_pages(buffers->first, buffers->limit) != used) return "message buffers";
    return threads == process->count_threads ? nullptr : "threads of a process";
}

/* What is going lies in what is left of one thread's range, and at the beginning of each such range something is going. */
static bool check_work(const struct process *process)
{
    const struct segment_table *table = &process->segments;
    uint64_t going = 0, covered = 0;
    for (const struct segment *row = segment_above(table, 0); row != nullptr; row = segment_above(table, row->limit))
        going += row->is_going ? row->limit - row->first : 0;
    for (uint32_t place = 0; place < process_thread_places(process); place++) {
        const struct wait *wait = &process_thread_at(process, place)->wait;
        if (wait->kind != WAIT_WORK) continue;
        for (uint64_t at = wait->word[0]; at < wait->word[1];) {
            const struct segment *row = segment_find(table, at);
            if (row == nullptr || !row->is_going || row->first < at || row->limit > wait->word[1]) return false;
            covered += row->limit - row->first;
            at = row->limit;
        }
    }
    return going == covered;
}

/* All that an ended process has is going. */
static bool check_going(const struct process *process)
{
    const struct segment_table *table = &process->segments;
    for (const struct segment *row = segment_above(table, 0); row != nullptr; row = segment_above(table, row->limit))
        if (!row->is_going || row->first < process->first.wait.word[0]) return false;
    return true;
}

/* The ends of what moves agree with the segments. */
static bool check_ends(const struct process *process)
{
    const struct segment *brk = segment_find_kind(&process->segments, SEGMENT_BRK);
    const struct segment *autogen = segment_find_kind(&process->segments, SEGMENT_AUTOGEN);
    bool brk_is_empty = layout_page_up(process->break_address) == process->break_first;
    bool autogen_is_empty = process->autogen_low == LAYOUT_AUTOGEN_TOP;
    if (brk_is_empty != (brk == nullptr) || autogen_is_empty != (autogen == nullptr)) return false;
    if (brk != nullptr && (brk->first != process->break_first || brk->limit != layout_page_up(process->break_address))) return false;
    return autogen == nullptr || (autogen->first == layout_page_down(process->autogen_low) && autogen->limit == LAYOUT_AUTOGEN_TOP
                                  && autogen->protection == process->autogen_protection);
}

/* Two neighbours in the list of what was derived from what. */
static bool check_derived(const struct pager *pager, struct holding_place place, const struct holding *row)
{
    if (row->before.slot == 0) return row->depth == 0;
    const struct holding *before = holding_at(pager, row->before);
    if (before->after.process_index != place.process_index || before->after.slot != place.slot || row->depth > before->depth + 1) return false;
    return row->kind == before->kind && row->process_index == before->process_index && row->service_slot == before->service_slot
           && row->group == before->group;
}

static bool check_holding_service(const struct process *process, const struct holding *row, const struct process *owner)
{
    bool is_own = owner == process;
    if (row->service_slot >= SERVICE_LIMIT || owner->state != PROCESS_RUNNING || owner->services.rows[row->service_slot].endpoint.number == 0) return false;
    return is_own || (row->before.slot != 0 && !(row->rights & RIGHT_RECEIVE)); /* what others have was derived from the owner's */
}

static bool check_holding(const struct pager *pager, const struct process *process, const struct holding *row)
{
    if (row->kind == HOLDING_NOTHING) return row->rights == 0 && row->before.slot == 0 && row->after.slot == 0;
    if (row->generation == 0 || row->rights == 0 || (row->rights & ~(uint32_t)RIGHTS_ALL) != 0) return false;
    if (!check_derived(pager, holding_place(process, row), row)) return false;
    if (row->kind == HOLDING_GROUP) return group_has_member(pager, row->group);
    if (row->kind == HOLDING_FAMILY) return row->group >= BOOT_MODULES && row->group < FAMILY_LIMIT && pager->family[row->group].references > 0;
    const struct process *named = pager->process[row->process_index];
    if (named == nullptr || !holding_is_allowed(process, named)) return false;
    return row->kind == HOLDING_SERVICE ? check_holding_service(process, row, named) : named != process && named->references > 0;
}

static bool check_holdings(const struct pager *pager, const struct process *process)
{
    uint32_t passed = 0, groups = 0;
    const struct holding_table *table = &process->holdings;
    if (table->used > table->capacity) return false;
    for (uint32_t slot = 0; slot < table->capacity; slot++) {
        if (slot >= table->used && (table->rows[slot].generation != 0 || table->rows[slot].kind != HOLDING_NOTHING)) return false; /* holding.h: 5 */
        bool is_free = table->rows[slot].kind == HOLDING_NOTHING && table->rows[slot].generation != HOLDING_GENERATIONS - 1;
        if (is_free && slot >= HOLDING_FIRST && slot < table->lowest) return false; /* holding.h: 6 */
        if (!check_holding(pager, process, &table->rows[slot])) return false;
        passed += table->rows[slot].is_passed;
        groups += table->rows[slot].kind == HOLDING_GROUP;
    }
    return groups == table->count_groups && passed == table->count_passed && passed <= HOLDING_PASSED_MOST;
}

/* Handles that name each process, counted in one pass over all of them: a pass for each process would be quadratic, and audits come with every end. */
static uint32_t references[PROCESS_LIMIT];
static uint32_t family_references[FAMILY_LIMIT];
static uint32_t waiters[PROCESS_LIMIT];

static void check_count_references(const struct pager *pager)
{
    memset(references, 0, sizeof(references));
    memset(family_references, 0, sizeof(family_references));
    memset(waiters, 0, sizeof(waiters));
    for (uint32_t i = 0; i < pager->slot_limit; i++) {
        const struct process *process = pager->process[i];
        for (uint32_t place = 0; process != nullptr && place < process_thread_places(process); place++) {
            const struct wait *wait = &process_thread_at(process, place)->wait;
            if (wait->kind == WAIT_PROCESS) waiters[wait->process_index]++;
        }
        for (uint32_t slot = 0; process != nullptr && slot < process->holdings.capacity; slot++) {
            const struct holding *row = &process->holdings.rows[slot];
            if (row->kind == HOLDING_PROCESS) references[row->process_index]++;
            if (row->kind == HOLDING_FAMILY) family_references[row->group % FAMILY_LIMIT]++;
        }
    }
}

/* A duplicate on its way: nobody meets it, and one thread asks for it. */
static bool check_making(const struct pager *pager, const struct process *process)
{
    const struct making *making = &process->making;
    const struct process *made = making->process;
    if (made == nullptr) return making->thread == 0 && making->row == nullptr;
    if (made->record.magic != 0 || made->family != process->family || made->space.number == 0 || process_is_duplicated(made)) return false;
    if (made->holdings.used > 0 || made->first.thread.number != 0 || made->groups.count > 0) return false;
    if (making->row != nullptr && (making->row->limit < making->down || segment_find(&made->segments, making->at) != making->row)) return false;
    return pager->process[made->index] == nullptr && process_thread_find(process, making->thread) != nullptr && segment_table_check(&made->segments);
}

/* What each family is charged, counted anew from its processes and from what others were given (I10). */
static struct { uint64_t pages, processes; } charged[FAMILY_LIMIT];

static void check_count_charges(const struct pager *pager)
{
    for (uint32_t i = 0; i < FAMILY_LIMIT; i++) {
        charged[i].pages = pager->family[i].time.purse.number != 0 ? PURSE_PAGES : 0;
        charged[i].processes = 0;
    }
    for (uint32_t i = 0; i < pager->slot_limit; i++) {
        const struct process *process = pager->process[i];
        if (process == nullptr) continue;
        charged[process->family - pager->family].pages += process_charge(process);
        charged[process->family - pager->family].processes++;
        if (process_is_duplicated(process)) {
            charged[process->family - pager->family].pages += process_charge(process->making.process);
            charged[process->family - pager->family].processes++;
        }
        const struct segment_table *table = &process->segments;
        for (const struct segment *row = segment_above(table, 0); row != nullptr; row = segment_above(table, row->limit))
            if (row->payer != 0) charged[process->family - pager->family + row->payer].pages += segment_charge(row);
    }
}

/* Adds a quota to the sums of its pool; false when it is not what was counted, or its own numbers do not fit each other. */
static bool check_quota(const struct quota *quota, uint64_t counted, struct pool *sums)
{
    sums->spare -= quota->charged + quota_lacks(quota);
    sums->promised += quota_lacks(quota);
    if (quota->heir != nullptr && (quota->guarantee != 0 || quota->limit != quota->charged || quota->heir->heir != nullptr)) return false;
    if (quota->quick_guarantee > quota->guarantee || quota->quick_limit > quota->limit || quota->guarantee > quota->limit) return false;
    return quota->charged == counted && quota->charged <= quota->limit;
}

static bool check_pool(const struct pool *pool, const struct pool *sums)
{
    return pool->spare == sums->spare && pool->promised == sums->promised && pool->spare <= pool->all && pool->promised <= pool->all - pool->spare
           && pool->floor <= pool->spare;
}

/* Where a family stands in the tree. */
static bool check_tree(const struct pager *pager, uint32_t index)
{
    const struct family *family = &pager->family[index];
    if (family->references != family_references[index]) return false;
    if (index < BOOT_MODULES) return family->references == 0 && (family->pages.pool == nullptr || (family->parent == FAMILY_NONE && family->root == index));
    if (family->pages.pool == nullptr || family_is_free(pager, family)) return family->pages.guarantee == 0 && family->processes.guarantee == 0;
    if (family->parent == FAMILY_NONE) return family->pages.heir == nullptr && family_has_ended(&pager->family[family->root]);
    if (family->parent >= FAMILY_LIMIT || family_has_ended(&pager->family[family->parent])) return false;
    const struct quota *heir = family_has_ended(family) ? &pager->family[family->parent].pages : nullptr;
    return family->pages.heir == heir && family->root == pager->family[family->parent].root;
}

/* The alarms of a family are told when they must be, and would be if it used up its quick bounds and the others what is above the floor (alarm.h). */
static bool check_alarms(const struct pager *pager, const struct family *family)
{
    uint32_t watchers = 0;
    const struct quota *quota = &family->pages;
    uint64_t left = quota->pool != nullptr ? quota_left(quota) : 0;
    struct pool at_floor = { .spare = pager->pages.floor };
    struct quota after = *quota;
    after.pool = &at_floor;
    if (after.quick_guarantee > after.charged) after.charged = after.quick_guarantee;
    for (uint32_t i = 0; i < pager->slot_limit; i++) {
        const struct process *process = pager->process[i];
        if (process == nullptr || process->family != family || process->alarm.bits == 0) continue;
        const struct alarm *alarm = &process->alarm;
        watchers++;
        if (alarm->is_told != (left < alarm->pages)) return false;
        if (alarm->is_told) continue;
        if (quota->limit - quota->quick_limit < alarm->pages || quota_left(&after) < alarm->pages) return false;
        if (alarm->service_slot >= SERVICE_LIMIT || process->services.rows[alarm->service_slot].endpoint.number == 0) return false;
    }
    return watchers == family->watchers;
}

static const char *check_families(const struct pager *pager)
{
    struct pool pages = { .spare = pager->pages.all }, slots = { .spare = pager->slots_free.all };
    uint32_t watchers = 0;
    check_count_charges(pager);
    for (uint32_t i = 0; i < FAMILY_LIMIT; i++) {
        const struct family *family = &pager->family[i];
        if (!check_quota(&family->pages, charged[i].pages, &pages)) return "pages that a family is charged";
        if (!check_quota(&family->processes, charged[i].processes, &slots)) return "processes of a family";
        if (!check_tree(pager, i)) return "who founded a family";
        if (!check_alarms(pager, family)) return "alarms of a family";
        watchers += family->watchers;
    }
    if (watchers != pager->count_alarms) return "count of alarms";
    return check_pool(&pager->pages, &pages) && check_pool(&pager->slots_free, &slots) ? nullptr : "sums of all families";
}

/* A name is its service's alone in its group, and rests on a handle and a membership of the owner. */
static bool check_name(const struct pager *pager, const struct process *process, uint32_t slot)
{
    const struct service *row = &process->services.rows[slot];
    struct process *owner;
    uint32_t found;
    if (row->name.bytes > SERVICE_NAME_BYTES || service_find(pager, &row->name, &process->groups, &owner, &found) != row) return false;
    if (!group_set_contains(&process->groups, row->name.group) || row->name_slot >= process->holdings.capacity) return false;
    const struct holding *published = &process->holdings.rows[row->name_slot];
    return published->kind == HOLDING_SERVICE && published->process_index == process->index && published->service_slot == slot;
}

static bool check_services(const struct pager *pager, const struct process *process)
{
    uint32_t count = 0;
    for (uint32_t slot = 0; process->services.has_page && slot < SERVICE_LIMIT; slot++) {
        const struct service *row = &process->services.rows[slot];
        if (row->name.bytes != 0 && (row->endpoint.number == 0 || !check_name(pager, process, slot))) return false;
        count += row->endpoint.number != 0;
    }
    return count == process->services.count;
}

static bool check_watch(const struct process *process)
{
    const struct watch *watch = &process->watch;
    if (watch->ring == nullptr) return watch->bits == 0 && watch->count == 0;
    if (watch->bits == 0 || watch->service_slot >= SERVICE_LIMIT || process->services.rows[watch->service_slot].endpoint.number == 0) return false;
    return watch->first < WATCH_EVENTS && watch->count <= WATCH_EVENTS;
}

static bool check_ready(const struct pager *pager)
{
    uint32_t queued = 0;
    const struct process_thread *last = nullptr;
    for (const struct process_thread *at = pager->ready_first; at != nullptr; last = at, at = at->wait.next)
        if (at->wait.kind != WAIT_READY || queued++ == PROCESS_LIMIT * THREAD_LIMIT) return false;
    uint32_t ready = 0;
    for (uint32_t i = 0; i < pager->slot_limit; i++) {
        const struct process *process = pager->process[i];
        for (uint32_t place = 0; process != nullptr && place < process_thread_places(process); place++)
            ready += process_thread_at(process, place)->wait.kind == WAIT_READY;
    }
    return ready == queued && last == pager->ready_last;
}

static const char *check_process(const struct pager *pager, const struct process *process)
{
    if (references[process->index] != process->references) return "references of a process";
    uint32_t waiting = 0;
    for (const struct process_thread *row = process->waiters; row != nullptr; row = row->wait.next)
        if (row->wait.kind != WAIT_PROCESS || row->wait.process_index != process->index || waiting++ == PROCESS_LIMIT * THREAD_LIMIT) break;
    if (waiters[process->index] != waiting) return "who waits for the end of a process";
    if (process->state == PROCESS_ENDED) {
        bool is_going = process->going.number != 0;
        if (process->references == 0 && !is_going) return "an ended process that nobody names";
        bool is_empty = process->space.number == 0 && process->count_threads == 0 && (process->segments.count != 0) == is_going
                        && process->holdings.capacity == 0 && !process->services.has_page && process->groups.count == 0
                        && process->watch.ring == nullptr && process->thread_pages == 0 && process->first.number == 0;
        if (!is_empty) return "an ended process with something left";
        if (check_is_listed(pager, &process->first) != is_going || (process->first.wait.kind == WAIT_WORK) != is_going) return "work of an ended process";
        return check_segments(pager, process) && check_going(process) ? nullptr : "segments of an ended process";
    }
    if (process->space.number == 0) return "a running process without space";
    if (!check_segments(pager, process)) return "segments of a process";
    const char *failed = check_threads(pager, process);
    if (failed != nullptr) return failed;
    if (!check_work(process)) return "work of a process";
    if (!check_making(pager, process)) return "a duplicate on its way";
    if (!check_ends(process)) return "ends of brk or autogen";
    if (!group_set_check(&process->groups)) return "groups of a process";
    if (!check_holdings(pager, process)) return "handles of a process";
    if (!check_services(pager, process)) return "services of a process";
    if (!check_watch(process)) return "watch of a process";
    return process->line_bytes <= OUTPUT_LINE_BYTES ? nullptr : "output line of a process";
}

/* The pages that the ledger says are mapped are those that the kernel has mapped (I7). */
static bool check_mapped(const struct process *process)
{
    uint64_t mapped, pages = 0;
    space_id_t space = process_memory(process);
    if (space.number == 0) return true;
    if (seam_test_space(space, &mapped) != STATUS_OK) return false;
    const struct segment_table *table = &process->segments;
    for (const struct segment *row = segment_above(table, 0); row != nullptr; row = segment_above(table, row->limit)) pages += row->pages;
    return pages == mapped;
}

bool pager_audit(const struct pager *pager)
{
    uint32_t kernel;
    if (seam_test_check(&kernel) != STATUS_OK) return true;
    const char *ledger = pager_check(pager);
    uint64_t free, total;
    seam_frame_count(&free, &total);
    if (ledger == nullptr && free < pool_free(&pager->pages)) ledger = "frames that nobody is charged for";
    for (uint32_t i = 0; i < pager->slot_limit && ledger == nullptr; i++) {
        const struct process *process = pager->process[i];
        if (process != nullptr && !check_mapped(process)) ledger = "pages of a process and pages mapped";
    }
    if (kernel == 0 && ledger == nullptr) return true;
    report("check: failed kernel=%u ledger=\"%s\"", kernel, ledger == nullptr ? "ok" : ledger);
    return false;
}

/* Each slot below the limit has a process, or one that is being made, or is free, or keeps its pages for the next one; above it there is none. */
static bool check_slots(const struct pager *pager)
{
    static bool is_free[PROCESS_LIMIT], is_making[PROCESS_LIMIT];
    memset(is_free, 0, sizeof(is_free));
    memset(is_making, 0, sizeof(is_making));
    for (uint32_t i = 0; i < pager->slot_limit; i++)
        if (pager->process[i] != nullptr && process_is_duplicated(pager->process[i])) is_making[pager->process[i]->making.process->index] = true;
    uint32_t count_free = pager->count_free_slots + pager->count_spare_slots;
    for (uint32_t i = 0; i < pager->count_free_slots; i++) is_free[pager->free_slot[i]] = true;
    for (uint32_t i = 0; i < pager->count_spare_slots; i++) is_free[pager->spare_slot[i]] = true;
    for (uint32_t i = 0; i < PROCESS_LIMIT; i++) {
        bool is_used = i < pager->slot_limit && !is_free[i];
        if (is_used != (pager->process[i] != nullptr || is_making[i]) || (is_free[i] && i >= pager->slot_limit)) return false;
        count_free -= is_free[i];
    }
    return count_free == 0;
}

const char *pager_check(const struct pager *pager)
{
    uint32_t running = 0, going = 0, watchers = 0;
    for (const struct process *at = pager->watchers; at != nullptr && watchers < PROCESS_LIMIT; at = at->next_watcher) watchers++;
    if (!check_slots(pager)) return "slots of processes";
    check_count_references(pager);
    for (uint32_t i = 0; i < pager->slot_limit; i++) {
        const struct process *process = pager->process[i];
        if (process == nullptr) continue;
        if (process->index != i || process->number == 0 || process->number > pager->next_number) return "index or number of a process";
        const char *failed = check_process(pager, process);
        if (failed != nullptr) return failed;
        running += process->state == PROCESS_RUNNING;
        going += process->going.number != 0;
        watchers -= process->watch.ring != nullptr;
    }
    if (watchers != 0) return "list of watches";
    if (running != pager->count_running || going != pager->count_going) return "count of running processes";
    const char *failed = check_families(pager);
    if (failed != nullptr) return failed;
    if (!check_ready(pager)) return "queue of answers";
    return ledger_check(pager);
}
