/* Requests for families: founding them, their terms, their time, what there is of memory, and alarms.
 *
 * A handle for a family: RIGHT_CALL starts processes in it, RIGHT_RECEIVE gives it other terms and stays with the process that founded it. */
#include "request.h"

/* The family that a handle names, with a right. BAD_HANDLE, STALE, BAD_OBJECT, NO_RIGHT. */
static enum status family_of_handle(struct pager *pager, const struct process *process, uint64_t handle, uint32_t right, struct family **family)
{
    struct holding *holding;
    enum status status = holding_find(process, handle, &holding);
    if (status != STATUS_OK) return status;
    if (holding->kind != HOLDING_FAMILY) return STATUS_BAD_OBJECT;
    if (!(holding->rights & right)) return STATUS_NO_RIGHT;
    *family = &pager->family[holding->group];
    return STATUS_OK;
}

enum status request_family(struct pager *pager, const struct process *process, uint64_t handle, struct family **family)
{
    *family = process->family;
    return handle != 0 ? family_of_handle(pager, process, handle, RIGHT_CALL, family) : STATUS_OK;
}

static struct family_terms terms_of(const uint64_t *word) { return (struct family_terms){ { word[0], word[1] }, { word[2], word[3] } }; }

enum status request_family_create(struct pager *pager, const struct request *request, struct answer *answer)
{
    struct process *process = request->caller;
    struct family_terms terms = terms_of(request->word);
    uint32_t slot;
    struct family *family;
    enum status status = holding_reserve(process, &slot);
    if (status == STATUS_OK) status = family_found(pager, process->family, &terms, &family);
    if (status != STATUS_OK) return status;

    // Commit: nothing below may fail.
    struct holding holding = { .kind = HOLDING_FAMILY, .rights = RIGHTS_ALL, .group = (uint32_t)(family - pager->family) };
    answer->word[0] = holding_insert(pager, process, slot, holding, (struct holding_place){ 0 });
    return STATUS_OK;
}

enum status request_family_limit(struct pager *pager, const struct request *request, [[maybe_unused]] struct answer *answer)
{
    struct family_terms terms = terms_of(request->word + 1);
    struct family *family;
    enum status status = family_of_handle(pager, request->caller, request->word[0], RIGHT_RECEIVE, &family);
    return status == STATUS_OK ? family_change(pager, family, &terms) : status;
}

enum status request_family_info(struct pager *pager, const struct request *request, struct answer *answer)
{
    struct family *family = request->caller->family;
    enum status status = request->word[0] != 0 ? family_of_handle(pager, request->caller, request->word[0], RIGHTS_ALL, &family) : STATUS_OK;
    if (status != STATUS_OK) return status;
    const struct quota *quotas[] = { &family->pages, &family->processes };
    for (unsigned i = 0; i < 2; i++) {
        answer->word[3 * i] = quotas[i]->charged;
        answer->word[3 * i + 1] = quotas[i]->guarantee;
        answer->word[3 * i + 2] = quotas[i]->limit;
    }
    return STATUS_OK;
}

enum status request_family_time(struct pager *pager, const struct request *request, [[maybe_unused]] struct answer *answer)
{
    struct family *family;
    enum status status = family_of_handle(pager, request->caller, request->word[0], RIGHT_RECEIVE, &family);
    return status == STATUS_OK ? family_limit_time(pager, family, request->word[1], request->word[2]) : status;
}

enum status request_family_clock(struct pager *pager, const struct request *request, struct answer *answer)
{
    struct family *family = request->caller->family;
    enum status status = request->word[0] != 0 ? family_of_handle(pager, request->caller, request->word[0], RIGHTS_ALL, &family) : STATUS_OK;
    if (status != STATUS_OK) return status;
    answer->word[0] = answer->word[3] = TIME_UNLIMITED;
    if (family->time.purse.number == 0) return STATUS_OK;
    answer->word[0] = family->time.nanoseconds;
    answer->word[1] = family->time.period;
    return seam_thread_time(family->time.purse, &answer->word[2], &answer->word[3]);
}

enum status request_memory_info(struct pager *pager, const struct request *request, struct answer *answer)
{
    const struct quota *quota = &request->caller->family->pages;
    answer->word[0] = quota_left(quota);
    answer->word[1] = quota->charged;
    answer->word[2] = quota->guarantee;
    answer->word[3] = quota->limit;
    answer->word[4] = pool_free(&pager->pages);
    answer->word[5] = pager->pages.promised;
    return STATUS_OK;
}

enum status request_memory_watch(struct pager *pager, const struct request *request, [[maybe_unused]] struct answer *answer)
{
    struct process *process = request->caller;
    if (request->word[0] == 0) {
        alarm_end(pager, process);
        return STATUS_OK;
    }
    struct holding *holding;
    enum status status = holding_find_receiving(process, request->word[0], &holding);
    if (status != STATUS_OK) return status;
    if (request->word[1] == 0) return STATUS_BAD_ARGUMENT;
    alarm_set(pager, process, (struct alarm){ .bits = request->word[1], .pages = request->word[2], .service_slot = holding->service_slot });
    return STATUS_OK;
}
