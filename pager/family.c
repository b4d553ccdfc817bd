/* Families: the start, founding, the end. See family.h. */
#include "family.h"

#include <assert.h>

#include "arguments.h"
#include "pager.h"
#include "report.h"

/* --- The start --- */

/* What the pager itself may need later: page tables for its window, and for the view of the longest module, and slots that keep their pages. All of it is
 * nobody's, and kept back. */
static uint64_t family_pages_kept(const struct pager *pager)
{
    uint64_t longest = 0;
    for (uint32_t i = 0; i < pager->count_modules; i++)
        if (module_pages(&pager->modules[i]) > longest) longest = module_pages(&pager->modules[i]);
    uint64_t window = (uintptr_t)pager->slots;
    uint64_t above = 0; /* what the slots are not charged */
    for (unsigned level = 3; level <= SEGMENT_LEVELS; level++) above += segment_tables_of(window, window + PAGER_WINDOW_BYTES, level);
    return above + SLOT_SPARES * SLOT_SPARE_CHARGE + (longest > 0 ? segment_tables(0, longest << PAGE_SHIFT, longest) : 0);
}

/* A kernel argument in pages, or `usual`. */
static uint64_t family_argument(const struct pager *pager, const char *key, uint64_t usual)
{
    const char *line = pager->boot->text + pager->boot->arguments_offset;
    struct text_span value;
    uint64_t pages;
    if (!arguments_find(line, BOOT_TEXT_BYTES - pager->boot->arguments_offset, key, &value)) return usual;
    if (arguments_number(value, &pages) == STATUS_OK) return pages;
    report("pager: argument refused key=%s value=%.*s", key, (int)value.count, value.first);
    return usual;
}

static uint32_t family_count_programs(const struct pager *pager)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < pager->count_modules; i++) count += module_is_program(&pager->modules[i]);
    return count;
}

/* What a program of the boot gets whose line names no terms. */
static struct quota_terms family_usual_terms(const struct pager *pager)
{
    constexpr uint64_t part_guaranteed = 4; /* a quarter of the memory; the rest is for who wants it first */
    uint64_t rest = pager->pages.all, count = 0;
    for (uint32_t i = 0; i < pager->count_modules; i++) {
        const struct module_terms *named = &pager->modules[i].terms;
        if (!module_is_program(&pager->modules[i])) continue;
        count += !module_terms_name(named, MODULE_GUARANTEE);
        if (named->number[MODULE_GUARANTEE] <= rest) rest -= named->number[MODULE_GUARANTEE]; /* more than there is counts for nothing */
    }
    uint64_t share = rest / part_guaranteed / (count > 0 ? count : 1);
    struct quota_terms terms = { .limit = family_argument(pager, "limit", UINT64_MAX) };
    terms.guarantee = family_argument(pager, "guarantee", share > FAMILY_LEAST_PAGES ? share : FAMILY_LEAST_PAGES);
    return terms;
}

/* What is named holds, and the usual one of both gives way to it. */
static struct family_terms family_module_terms(const struct module *module, struct quota_terms usual)
{
    const struct module_terms *named = &module->terms;
    bool has_limit = module_terms_name(named, MODULE_LIMIT), has_guarantee = module_terms_name(named, MODULE_GUARANTEE);
    struct family_terms terms = { .pages = usual, .processes = { FAMILY_PROCESSES, FAMILY_PROCESSES_MOST } };
    if (has_limit) terms.pages.limit = named->number[MODULE_LIMIT];
    if (has_guarantee) terms.pages.guarantee = named->number[MODULE_GUARANTEE];
    if (module_terms_name(named, MODULE_PROCESSES)) terms.processes.limit = named->number[MODULE_PROCESSES];
    if (terms.pages.guarantee > terms.pages.limit) {
        if (has_guarantee) terms.pages.limit = terms.pages.guarantee;
        else terms.pages.guarantee = terms.pages.limit;
    }
    if (terms.processes.guarantee > terms.processes.limit) terms.processes.guarantee = terms.processes.limit;
    return terms;
}

/* Promises a program of the boot what is guaranteed to it. False: there is not so much left. */
static bool family_begin(struct pager *pager, uint32_t index, const struct family_terms *terms)
{
    struct family *family = &pager->family[index];
    if (!quota_begin(&family->pages, &pager->pages, terms->pages)) return false;
    bool is_promised = quota_begin(&family->processes, &pager->slots_free, terms->processes);
    assert(is_promised);
    return is_promised;
}

/* Says what a line has named, and what cannot be promised. */
static void family_tell(const struct module *module, const struct family_terms *terms, bool is_promised)
{
    if (is_promised && module->terms.named == 0) return;
    report("pager: family %s name=%.*s guarantee=%llu limit=%llu processes=%llu", is_promised ? "named" : "refused", (int)module->name.count,
           module->name.first, (unsigned long long)terms->pages.guarantee, (unsigned long long)terms->pages.limit,
           (unsigned long long)terms->processes.limit);
}

void family_initialise_all(struct pager *pager)
{
    uint64_t free = 0;
    uint64_t total = 0;
    seam_frame_count(&free, &total);
    uint64_t kept = family_pages_kept(pager);
    free = free > kept ? free - kept : 0;
    pager->pages = (struct pool){ .all = free, .spare = free };
    pager->slots_free = (struct pool){ .all = PROCESS_LIMIT, .spare = PROCESS_LIMIT };
    uint64_t count = family_count_programs(pager);
    if (count == 0) return;
    struct quota_terms usual = family_usual_terms(pager);
    for (uint32_t i = 0; i < pager->count_modules; i++) {
        struct family *family = &pager->family[i];
        family->parent = FAMILY_NONE;
        family->root = i;
        family->alarm_told = UINT64_MAX;
        if (!module_is_program(&pager->modules[i])) continue;
        struct family_terms terms = family_module_terms(&pager->modules[i], usual);
        family_tell(&pager->modules[i], &terms, family_begin(pager, i, &terms));
    }
    report("pager: families count=%llu free=%llu guarantee=%llu", (unsigned long long)count, (unsigned long long)free, (unsigned long long)usual.guarantee);
}
static_assert(BOOT_MODULES * FAMILY_PROCESSES <= PROCESS_LIMIT);

/* --- Rows --- */

static uint32_t family_index(const struct pager *pager, const struct family *family) { return (uint32_t)(family - pager->family); }

static bool family_is_founded(const struct pager *pager, const struct family *family) { return family_index(pager, family) >= BOOT_MODULES; }

bool family_has_ended(const struct family *family) { return family->processes.charged == 0 && family->references == 0; }

bool family_is_free(const struct pager *pager, const struct family *family)
{
    return family_is_founded(pager, family) && family_has_ended(family) && family->pages.charged == 0;
}

/* The table is shared out in equal parts, so that nobody can use it up. */
uint32_t family_rows_each(const struct pager *pager)
{
    uint32_t programs = family_count_programs(pager);
    return (FAMILY_LIMIT - BOOT_MODULES) / (programs > 0 ? programs : 1);
}

/* A free row for a family below a root, or nullptr. */
static struct family *family_find_row(struct pager *pager, uint32_t root)
{
    struct family *found = nullptr;
    uint32_t count = 0;
    for (uint32_t i = BOOT_MODULES; i < FAMILY_LIMIT; i++) {
        struct family *row = &pager->family[i];
        if (!family_is_free(pager, row)) count += row->root == root;
        else if (found == nullptr) found = row;
    }
    return count < family_rows_each(pager) ? found : nullptr;
}

/* --- Founding and changing --- */

static enum status family_check_terms(const struct family *source, const struct family *family, const struct family_terms *terms)
{
    if (terms->pages.limit == 0 || terms->processes.limit == 0) return STATUS_BAD_ARGUMENT;
    enum status status = quota_check_terms(&source->pages, &family->pages, terms->pages);
    return status == STATUS_OK ? quota_check_terms(&source->processes, &family->processes, terms->processes) : status;
}

static void family_set_terms(struct pager *pager, struct family *source, struct family *family, const struct family_terms *terms)
{
    quota_set_terms(&source->pages, &family->pages, terms->pages);
    quota_set_terms(&source->processes, &family->processes, terms->processes);
    pager->families_changed = true;
}

enum status family_found(struct pager *pager, struct family *founder, const struct family_terms *terms, struct family **founded)
{
    if (founder->time.purse.number != 0) return STATUS_LIMIT;
    struct family made = { .parent = family_index(pager, founder), .root = founder->root, .alarm_told = UINT64_MAX };
    quota_begin_empty(&made.pages, &pager->pages);
    quota_begin_empty(&made.processes, &pager->slots_free);
    enum status status = family_check_terms(founder, &made, terms);
    if (status != STATUS_OK) return status;
    struct family *row = family_find_row(pager, founder->root);
    if (row == nullptr) return STATUS_LIMIT;

    // Commit: nothing below may fail.
    *row = made;
    family_set_terms(pager, founder, row, terms);
    *founded = row;
    return STATUS_OK;
}

enum status family_change(struct pager *pager, struct family *family, const struct family_terms *terms)
{
    assert(family_is_founded(pager, family) && family->parent != FAMILY_NONE); /* who may change it is a running process of its parent */
    struct family *parent = &pager->family[family->parent];
    enum status status = family_check_terms(parent, family, terms);
    if (status == STATUS_OK) family_set_terms(pager, parent, family, terms);
    return status;
}

/* --- Time --- */

/* The account that all members will pay from. */
static enum status purse_make(const struct pager *pager, struct family *family, uint64_t nanoseconds, uint64_t period)
{
    if (family->processes.charged != 0) return STATUS_BAD_STATE;
    enum status status = quota_check(&family->pages, PURSE_PAGES);
    if (status != STATUS_OK) return status;
    thread_id_t purse;
    status = seam_thread_create((space_id_t){ pager->boot->space }, 0, (frame_id_t){ 0 }, THREAD_PLAIN, (thread_id_t){ 0 }, &purse);
    if (status != STATUS_OK) return status;
    status = seam_thread_limit(purse, nanoseconds, period);
    assert(status == STATUS_OK);
    family->time.purse = purse;
    quota_add(&family->pages, PURSE_PAGES);
    return STATUS_OK;
}

static void purse_end(struct family *family)
{
    if (family->time.purse.number == 0) return;
    enum status status = seam_thread_destroy(family->time.purse);
    assert(status == STATUS_OK);
    (void)status;
    quota_remove(&family->pages, PURSE_PAGES);
    family->time = (struct family_time){ 0 };
}

enum status family_limit_time(struct pager *pager, struct family *family, uint64_t nanoseconds, uint64_t period)
{
    if (period < TIME_PERIOD_LEAST || period > TIME_PERIOD_MOST) return STATUS_BAD_ARGUMENT;
    if (nanoseconds > period && nanoseconds != TIME_UNLIMITED) return STATUS_BAD_ARGUMENT;
    bool has_purse = family->time.purse.number != 0;
    enum status status = has_purse ? seam_thread_limit(family->time.purse, nanoseconds, period) : purse_make(pager, family, nanoseconds, period);
    if (status != STATUS_OK) return status;

    // Commit: nothing below may fail.
    family->time.nanoseconds = nanoseconds;
    family->time.period = period;
    pager->families_changed = true;
    return STATUS_OK;
}

/* --- The end --- */

/* What a family founded is now its parent's. */
static void family_leave_children(struct pager *pager, const struct family *family, struct family *heir)
{
    uint32_t index = family_index(pager, family);
    for (uint32_t i = BOOT_MODULES; i < FAMILY_LIMIT; i++) {
        struct family *child = &pager->family[i];
        if (child->pages.pool == nullptr || child->parent != index) continue;
        child->parent = heir != nullptr ? family_index(pager, heir) : FAMILY_NONE;
        if (child->pages.heir != nullptr) child->pages.heir = heir != nullptr ? &heir->pages : nullptr;
        if (child->processes.heir != nullptr) child->processes.heir = heir != nullptr ? &heir->processes : nullptr;
    }
}

void family_end_if_empty(struct pager *pager, struct family *family)
{
    if (!family_has_ended(family)) return;
    purse_end(family);
    struct family *heir = family->parent != FAMILY_NONE ? &pager->family[family->parent] : nullptr;
    quota_give_up(&family->pages, heir != nullptr ? &heir->pages : nullptr);
    quota_give_up(&family->processes, heir != nullptr ? &heir->processes : nullptr);
    family_leave_children(pager, family, heir);
    pager->families_changed = true;
}

void family_release(struct pager *pager, struct family *family)
{
    assert(family->references > 0);
    family->references--;
    family_end_if_empty(pager, family);
}

void family_settle_all(struct pager *pager)
{
    for (uint32_t i = BOOT_MODULES; i < FAMILY_LIMIT; i++) quota_settle(&pager->family[i].pages);
    pager->pages.is_inherited = false;
    pager->families_changed = true;
}
