/* The pager: from boot information to the first programs, and from message to action. See pager.h. */
#include "pager.h"

#include <assert.h>
#include <string.h>

#include "alarm.h"
#include "arguments.h"
#include "fault.h"
#include "ledger.h"
#include "report.h"
#include "request.h"
#include "waits.h"
#include "work.h"

/* --- The start --- */

constexpr uint64_t PAGER_WAITS_MOST = 24 * 3600; /* seconds */

static void pager_read_policy(struct pager *pager, const char *line, size_t size)
{
    static const char *const names[] = { [MAP_TOUCHED] = "touched", [MAP_ONCE] = "once", [MAP_LARGE] = "large" };
    struct text_span value;
    pager->map_policy = MAP_TOUCHED;
    if (!arguments_find(line, size, "fill", &value)) return;
    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (!text_span_is(value, names[i])) continue;
        pager->map_policy = (enum map_policy)i;
        return;
    }
    report("pager: argument refused key=fill value=%.*s", (int)value.count, value.first);
}

static void pager_read_arguments(struct pager *pager)
{
    const char *line = pager->boot->text + pager->boot->arguments_offset;
    size_t size = BOOT_TEXT_BYTES - pager->boot->arguments_offset;
    struct text_span value;
    uint64_t kibibytes;
    pager->ends_machine = arguments_find(line, size, "end", &value) && text_span_is(value, "exit");
    pager_read_policy(pager, line, size);
    pager->around = FAULT_AROUND_MOST;
    if (arguments_find(line, size, "around", &value)) {
        uint64_t pages = 0;
        if (arguments_number(value, &pages) == STATUS_OK && pages >= 1 && pages <= FAULT_AROUND_MOST) pager->around = (uint32_t)pages;
        else report("pager: argument refused key=around value=%.*s", (int)value.count, value.first);
    }
    if (arguments_find(line, size, "waits", &value)
        && (arguments_number(value, &pager->waits_seconds) != STATUS_OK || pager->waits_seconds > PAGER_WAITS_MOST)) {
        pager->waits_seconds = 0;
        report("pager: argument refused key=waits value=%.*s", (int)value.count, value.first);
    }
    pager->stack_bytes = LAYOUT_STACK_USUAL;
    if (!arguments_find(line, size, "stack", &value)) return;
    if (arguments_number(value, &kibibytes) == STATUS_OK && kibibytes <= LAYOUT_STACK_MOST >> 10 && kibibytes >= LAYOUT_STACK_LEAST >> 10)
        pager->stack_bytes = layout_page_up(kibibytes << 10);
    else
        report("pager: argument refused key=stack value=%.*s", (int)value.count, value.first);
}

enum status pager_prepare(struct pager *pager, const struct boot_info *boot)
{
    if (boot->magic != BOOT_INFO_MAGIC || boot->version != ABI_VERSION) return STATUS_BAD_BOOT_INFO;
    if (boot->arguments_offset >= BOOT_TEXT_BYTES) return STATUS_BAD_BOOT_INFO;
    if (boot->buffer_address == 0 || (boot->buffer_address | boot->image_limit) % PAGE_BYTES != 0) return STATUS_BAD_BOOT_INFO;
    if (memchr(boot->text + boot->arguments_offset, '\0', BOOT_TEXT_BYTES - boot->arguments_offset) == nullptr) return STATUS_BAD_BOOT_INFO;
    pager->boot = boot;
    pager->buffer = (char *)(uintptr_t)boot->buffer_address;
    pager->buffer_frame = (frame_id_t){ boot->buffer_frame };
    pager->endpoint = (endpoint_id_t){ boot->endpoint };
    pager->trace = boot->trace;
    pager->is_quick = !(boot->trace & TRACE_FAULTS);
    pager->slots = (char *)(uintptr_t)((boot->image_limit + SLOT_BYTES - 1) / SLOT_BYTES * SLOT_BYTES);
    uint32_t failed;
    pager->audits = seam_test_check(&failed) == STATUS_OK;
    enum status status = module_read_all(pager);
    if (status != STATUS_OK) return status;
    pager_read_arguments(pager);
    return STATUS_OK;
}

__attribute__((noinline)) enum status pager_initialise(struct pager *pager, const struct boot_info *boot)
{
    enum status status = pager_prepare(pager, boot);
    return status == STATUS_OK ? ledger_begin(pager) : status;
}

/* Puts a module's name and its command line's arguments together as process_create() takes them; 0: too long. */
static uint32_t pager_boot_text(const struct module *module, char *text)
{
    struct text_span rest = module->arguments;
    struct text_span piece = module->name;
    uint32_t used = 0;
    do {
        if (piece.count >= START_TEXT_BYTES - used) return 0;
        memcpy(text + used, piece.first, piece.count);
        used += (uint32_t)piece.count;
        text[used++] = '\0';
    } while (module_line_next(&rest, &piece));
    return used;
}

/* The group of a name, made when a module names it for the first time. */
static uint32_t pager_boot_group(struct pager *pager, struct text_span name)
{
    for (uint32_t i = 0; i < pager->count_boot_groups; i++) {
        const struct boot_group *known = &pager->boot_groups[i];
        if (known->name.count == name.count && memcmp(known->name.first, name.first, name.count) == 0) return known->group;
    }
    struct boot_group *made = &pager->boot_groups[pager->count_boot_groups++];
    *made = (struct boot_group){ name, GROUP_PRESENT | pager->next_group++ };
    return made->group;
}

/* The groups that a module names, or the one that all others are in. Returns how many. */
static unsigned pager_boot_groups(struct pager *pager, const struct module *module, uint32_t group[MODULE_GROUPS])
{
    struct text_span rest = module->groups;
    struct text_span name = { "boot", 4 };
    unsigned count = 0;
    while (module_line_next_group(&rest, &name)) group[count++] = pager_boot_group(pager, name);
    if (count == 0) group[count++] = pager_boot_group(pager, name);
    return count;
}

void pager_name_groups(struct pager *pager)
{
    uint32_t group[MODULE_GROUPS];
    for (uint32_t i = 0; i < pager->count_modules; i++)
        if (module_is_program(&pager->modules[i])) pager_boot_groups(pager, &pager->modules[i], group);
}

static void pager_start_module(struct pager *pager, const struct module *module)
{
    struct family *family = &pager->family[module - pager->modules];
    uint32_t bytes = pager_boot_text(module, pager->text);
    uint32_t group[MODULE_GROUPS];
    unsigned count_groups = pager_boot_groups(pager, module, group);
    struct process *process = nullptr;
    enum status status = STATUS_NO_MEMORY; /* nothing could be promised to it */
    if (bytes == 0) status = STATUS_BAD_LENGTH;
    else if (family->pages.pool != nullptr) status = process_create(pager, family, group[0], module, pager->text, bytes, &process);
    if (status == STATUS_OK) {
        if (count_groups > 1) status = group_join(process, group[1]); /* needs no page; EXISTS: it was named twice */
        journal_save(&process->state, sizeof(process->state));
        process->is_from_boot = true;
        process->is_driver = module->kind == MODULE_DRIVER;
        process_tell_start(pager, process);
        return;
    }
    if (family->pages.pool != nullptr) family_end_if_empty(pager, family);
    pager->has_failed = true;
    report("process: not started name=%.*s status=%s", (int)module->name.count, module->name.first, status_name(status));
}

/* The last program has ended: says so, and ends the machine if that was asked for. */
static void pager_idle(struct pager *pager, struct pager_action *action)
{
    uint64_t free = 0;
    uint64_t total = 0;
    process_give_spares(pager);
    seam_frame_count(&free, &total);
    if (pager->audits && pager_audit(pager)) report("check: ok after=idle");
    report("pager: idle processes=0 faults=%llu free=%llu", (unsigned long long)pager->count_faults, (unsigned long long)free);
    if (pager->ends_machine) action_end(action, pager->has_failed ? 1 : 0);
}

/* Not part of the loop's function, whose registers are for faults; nor are pager_initialise() and pager_handle(). */
__attribute__((noinline)) void pager_start(struct pager *pager, struct pager_action *action)
{
    action_wait(action);
    report("pager: started incarnation=%u modules=%u", pager->boot->incarnation, pager->count_modules);
    family_initialise_all(pager);
    ledger_keep_families(pager);
    pager_start_rest(pager, action);
}

void pager_start_rest(struct pager *pager, struct pager_action *action)
{
    for (uint32_t i = pager->count_started; i < pager->count_modules; i++) {
        if (module_is_program(&pager->modules[i])) pager_start_module(pager, &pager->modules[i]);
        pager->count_started = i + 1;
        ledger_commit(pager);
    }
    if (pager->count_running == 0) pager_idle(pager, action);
    waits_begin(pager);
}

/* --- Messages --- */

/* Answers that became due while another message was handled go out one with each action; a notification to ourselves brings the next action at once. */
static void pager_answer_ready(struct pager *pager, struct pager_action *action)
{
    struct process_thread *ready = pager->ready_first;
    if (ready != nullptr && action->kind == ACTION_WAIT) {
        struct wait *wait = &ready->wait;
        assert(wait->kind == WAIT_READY);
        action_reply(action, wait->token, wait->status);
        action->word[0] = wait->word[0];
        action->word[1] = wait->word[1];
        pager->ready_first = wait->next;
        if (pager->ready_first == nullptr) pager->ready_last = nullptr;
        process_thread_save(ready);
        *wait = (struct wait){ 0 };
    }
    if (action->kind != ACTION_POLL) pager_go_on(pager);
}

void pager_go_on(struct pager *pager)
{
    if (pager->ready_first != nullptr && !pager->is_waking) {
        pager->is_waking = true;
        seam_wake_self();
    }
    if (pager->work_first != nullptr) work_pause(pager);
}

void pager_settle(struct pager *pager)
{
    if (pager->pages.is_inherited) family_settle_all(pager);
    if (pager->count_alarms > 0) alarm_look(pager);
}

/* Processes that have memory. */
static inline uint32_t pager_count_alive(const struct pager *pager) { return pager->count_running + pager->count_going; }

/* What every message ends with. */
static void pager_finish(struct pager *pager, uint32_t were_alive, struct pager_action *action)
{
    if (pager->ready_first != nullptr || pager->work_first != nullptr) pager_answer_ready(pager, action);
    pager_settle(pager);
    ledger_close(pager);
    uint32_t are_alive = pager_count_alive(pager);
    if (are_alive < were_alive && pager->audits && !pager_audit(pager)) pager->has_failed = true;
    if (were_alive > 0 && are_alive == 0) pager_idle(pager, action);
}

__attribute__((noinline)) static void pager_woken(struct pager *pager, uint64_t bits, struct pager_action *action)
{
    if (bits & WAKE_FOR_WAITS) waits_look(pager);
    if (bits & WAKE_FOR_ANSWERS) pager->is_waking = false;
    if (!(bits & WAKE_FOR_WORK)) return;
    pager->is_pausing = false;
    if (pager->work_first != nullptr) work_turn(pager, action);
    else waits_begin(pager);
}

void pager_resolve_failed(struct pager *pager, const struct pager_message *message, enum status status, struct pager_action *action)
{
    uint32_t were_alive = pager_count_alive(pager);
    fault_resolve_refused(pager, message, status, action);
    pager_finish(pager, were_alive, action);
}

void pager_work(struct pager *pager, struct pager_action *action)
{
    pager->ledger->received = (struct pager_message){ .tag = TAG_NOTIFICATION }; /* for who takes over: as if one of our own had come */
    ledger_begin_message(pager->ledger);
    action_wait(action);
    uint32_t were_alive = pager_count_alive(pager);
    work_step(pager);
    pager->is_step_next = false;
    pager_finish(pager, were_alive, action);
}

__attribute__((noinline)) void pager_handle(struct pager *pager, const struct pager_message *message, struct pager_action *action)
{
    ledger_begin_message(pager->ledger);
    action_wait(action);
    uint32_t were_alive = pager_count_alive(pager);
    if (message->tag & TAG_FAULT) fault_handle(pager, message, action);
    else if (message->tag & TAG_NOTIFICATION) pager_woken(pager, message->word[0], action);
    else request_handle(pager, message, action);
    pager_finish(pager, were_alive, action);
}
