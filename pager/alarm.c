/* Alarms. See alarm.h. */
#include "alarm.h"

#include <assert.h>

#include "journal.h"
#include "pager.h"
#include "process.h"

/* Goes before each change of an alarm. */
static void alarm_save(const struct process *process) { journal_save(&process->alarm, sizeof(process->alarm)); }

void alarm_count(struct pager *pager, const struct process *process)
{
    if (process->alarm.bits == 0) return;
    process->family->watchers++;
    process->family->alarm_armed = UINT64_MAX; /* at the next look its members are asked */
    pager->count_alarms++;
}

/* The family looks at its members anew; without alarms nothing is bound any more. */
static void alarm_forget(struct family *family)
{
    family->alarm_armed = family->watchers > 0 ? UINT64_MAX : 0;
    family->alarm_told = UINT64_MAX;
    family->pages.quick_guarantee = family->pages.guarantee;
    family->pages.quick_limit = family->pages.limit;
}

void alarm_end(struct pager *pager, struct process *process)
{
    if (process->alarm.bits == 0) return;
    alarm_save(process);
    process->alarm = (struct alarm){ 0 };
    process->family->watchers--;
    pager->count_alarms--;
    alarm_forget(process->family);
    if (pager->count_alarms == 0) pager->pages.floor = 0;
}

void alarm_set(struct pager *pager, struct process *process, struct alarm alarm)
{
    assert(alarm.bits != 0 && !alarm.is_told);
    alarm_end(pager, process);
    alarm_save(process);
    process->alarm = alarm;
    alarm_count(pager, process);
}

/* --- Who is told --- */

/* Something is due in a family: its members are looked at, and what comes next is kept. */
static void alarm_tell(const struct pager *pager, struct family *family, uint64_t left)
{
    family->alarm_armed = 0;
    family->alarm_told = UINT64_MAX;
    uint32_t seen = 0;
    for (uint32_t i = 0; i < pager->slot_limit && seen < family->watchers; i++) {
        struct process *process = pager->process[i];
        if (process == nullptr || process->family != family || process->alarm.bits == 0) continue;
        seen++;
        struct alarm *alarm = &process->alarm;
        bool is_due = left < alarm->pages;
        if (is_due != alarm->is_told) {
            alarm_save(process);
            alarm->is_told = is_due;
            if (is_due) seam_endpoint_notify(process->services.rows[alarm->service_slot].endpoint, alarm->bits);
        }
        if (is_due && alarm->pages < family->alarm_told) family->alarm_told = alarm->pages;
        if (!is_due && alarm->pages > family->alarm_armed) family->alarm_armed = alarm->pages;
    }
}

/* --- Bounds --- */

/* How far a family may go without a look, and how far the others may: the floor that it needs. At its guarantee what is left is what is spare; below it the two
 * together may use up what lies between here and the alarm, half of it each. */
static uint64_t alarm_bound(struct quota *quota, uint64_t pages)
{
    uint64_t limit = quota->limit - pages; /* not less than what is charged */
    uint64_t lacks = quota_lacks(quota);
    uint64_t spare = quota->pool->spare;
    uint64_t between = lacks + spare - pages;
    uint64_t others = lacks > 0 ? between / 2 : between;
    uint64_t own = between - (lacks > 0 ? others : 0);
    quota->quick_limit = own < limit - quota->charged ? quota->charged + own : limit;
    quota->quick_guarantee = quota->quick_limit < quota->guarantee ? quota->quick_limit : quota->guarantee;
    return spare > others ? spare - others : 0;
}

void alarm_look(struct pager *pager)
{
    uint64_t floor = 0;
    uint32_t seen = 0;
    for (uint32_t i = 0; seen < pager->count_alarms; i++) {
        struct family *family = &pager->family[i];
        if (family->watchers == 0) continue;
        seen += family->watchers;
        uint64_t left = quota_left(&family->pages);
        if (left < family->alarm_armed || left >= family->alarm_told) alarm_tell(pager, family, left);
        family->pages.quick_guarantee = family->pages.guarantee;
        family->pages.quick_limit = family->pages.limit;
        if (family->alarm_armed == 0) continue;
        uint64_t needed = alarm_bound(&family->pages, family->alarm_armed);
        if (needed > floor) floor = needed;
    }
    pager->pages.floor = floor;
}
