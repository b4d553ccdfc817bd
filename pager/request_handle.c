/* Requests for endpoints, handles and names. */
#include <assert.h>

#include "request.h"

enum status request_endpoint_create([[maybe_unused]] struct pager *pager, const struct request *request, struct answer *answer)
{
    struct process *process = request->caller;
    uint32_t slot;
    uint32_t service;
    enum status status = holding_reserve(process, &slot);
    if (status == STATUS_OK) status = service_create(process, &service);
    if (status != STATUS_OK) return status;

    // Commit: nothing below may fail.
    struct holding holding = {
        .kind = HOLDING_SERVICE, .service_slot = (uint8_t)service, .process_index = (uint16_t)process->index, .process_number = process->number,
        .service_use = process->services.rows[service].use, .rights = RIGHTS_ALL,
    };
    answer->word[0] = holding_insert(process, slot, holding);
    return STATUS_OK;
}

enum status request_handle_close(struct pager *pager, const struct request *request, [[maybe_unused]] struct answer *answer)
{
    struct holding *holding;
    enum status status = holding_find(request->caller, request->word[0], &holding);
    if (status != STATUS_OK) return status;
    holding_close(pager, request->caller, (uint32_t)request->word[0], holding);
    return STATUS_OK;
}

/* The rights of somebody who found a service by its name. */
constexpr uint32_t RIGHTS_OF_FINDER = RIGHT_CALL | RIGHT_NOTIFY;

static uint32_t name_grant(struct process *finder, uint32_t slot, const struct process *owner, uint32_t service)
{
    struct holding holding = {
        .kind = HOLDING_SERVICE, .service_slot = (uint8_t)service, .process_index = (uint16_t)owner->index, .process_number = owner->number,
        .service_use = owner->services.rows[service].use, .rights = RIGHTS_OF_FINDER,
    };
    return holding_insert(finder, slot, holding);
}

/* Answers everybody who waits for a name that has just been published. */
static void name_tell_waiters(struct pager *pager, const struct service_name *name, const struct process *owner, uint32_t service)
{
    for (uint32_t i = 0; i < PROCESS_LIMIT; i++) {
        struct process *process = pager->process[i];
        if (process == nullptr || process->wait.kind != WAIT_NAME || !service_name_equal(&process->wait.name, name)) continue;
        uint32_t slot;
        enum status status = holding_reserve(process, &slot);
        uint32_t handle = status == STATUS_OK ? name_grant(process, slot, owner, service) : HANDLE_NONE;
        process_wake(pager, process, status, handle, 0);
    }
}

enum status request_name_publish(struct pager *pager, const struct request *request, [[maybe_unused]] struct answer *answer)
{
    struct process *process = request->caller;
    struct service_name name;
    enum status status = service_name_check((struct text_span){ request->text, request->text_bytes }, &name);
    if (status != STATUS_OK) return status;
    struct holding *holding;
    status = holding_find(process, request->word[0], &holding);
    if (status != STATUS_OK) return status;
    if (holding->kind != HOLDING_SERVICE || !(holding->rights & RIGHT_RECEIVE)) return STATUS_NO_RIGHT;
    struct process *owner;
    uint32_t slot;
    if (service_find(pager, &name, &owner, &slot) != nullptr) return STATUS_EXISTS;
    struct service *service = &process->services.rows[holding->service_slot];
    assert(holding->process_number == process->number && service->use == holding->service_use);
    if (service->name.bytes != 0) return STATUS_EXISTS;

    // Commit: nothing below may fail.
    service->name = name;
    name_tell_waiters(pager, &name, process, holding->service_slot);
    return STATUS_OK;
}

enum status request_name_find(struct pager *pager, const struct request *request, struct answer *answer)
{
    struct process *process = request->caller;
    struct service_name name;
    if (request->word[0] > 1) return STATUS_BAD_ARGUMENT;
    enum status status = service_name_check((struct text_span){ request->text, request->text_bytes }, &name);
    if (status != STATUS_OK) return status;
    struct process *owner;
    uint32_t service;
    uint32_t slot;
    if (service_find(pager, &name, &owner, &service) == nullptr) {
        if (request->word[0] == 0) return STATUS_NOT_FOUND;
        process->wait = (struct wait){ .kind = WAIT_NAME, .token = request->token, .name = name };
        answer->is_deferred = true;
        return STATUS_OK;
    }
    status = holding_reserve(process, &slot);
    if (status != STATUS_OK) return status;
    answer->word[0] = name_grant(process, slot, owner, service);
    return STATUS_OK;
}
