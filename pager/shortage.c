/* Shortage. See shortage.h.
 *
 * What all members are charged is counted anew here, which takes a walk through their segments: this comes once before an end. */
#include "shortage.h"

#include "report.h"

bool shortage_trim(const struct pager *pager, const struct family *family)
{
    uint64_t before = family->pages.charged;
    for (uint32_t i = 0; i < pager->slot_limit; i++) {
        struct process *process = pager->process[i];
        if (process == nullptr || process->family != family || process->state != PROCESS_RUNNING) continue;
        area_trim(&process->segments.directory);
        if (process->services.count == 0) service_release(process);
    }
    return family->pages.charged < before;
}

struct process *shortage_choose(const struct pager *pager, const struct family *family)
{
    struct process *chosen = nullptr;
    uint64_t most = 0;
    for (uint32_t i = 0; i < pager->slot_limit; i++) {
        struct process *process = pager->process[i];
        if (process == nullptr || process->family != family || process->state != PROCESS_RUNNING) continue;
        uint64_t charge = process_charge(process);
        if (charge < most || (charge == most && process->number < chosen->number)) continue;
        most = charge;
        chosen = process;
    }
    return chosen;
}

bool shortage_end_another(struct pager *pager, const struct process *toucher)
{
    struct process *chosen = shortage_choose(pager, toucher->family);
    if (process_charge(chosen) < 2 * process_charge(toucher)) chosen = pager->process[toucher->index];
    report_shortage(pager, toucher, chosen);
    if (chosen == toucher) return false;
    process_end(pager, chosen, PROCESS_OUT_OF_MEMORY, 0);
    return true;
}
