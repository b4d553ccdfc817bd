/* Requests for endpoints, handles and names.
 *
 * What may be done with a handle, by its rights:
 *
 *   RIGHT_CALL, RIGHT_NOTIFY  the kernel lets it through; RIGHT_CALL of a process's or service's handle also makes its process one to pass things to
 *   RIGHT_RECEIVE             messages arrive here; its holder publishes names and chooses badges. It never leaves the process
 *   RIGHT_PASS                another process may be given a handle derived from it
 *   RIGHT_NARROW              a handle derived from it may have fewer rights, and it may be narrowed itself
 *
 * A copy with the same rights, closing, and revoking what was derived are everybody's who holds the handle. */
#include <assert.h>

#include "request.h"

enum status request_endpoint_create(struct pager *pager, const struct request *request, struct answer *answer)
{
    struct process *process = request->caller;
    uint32_t slot;
    uint32_t service;
    enum status status = holding_reserve(process, &slot);
    if (status == STATUS_OK) status = service_create(process, &service);
    if (status != STATUS_OK) return status;

    // Commit: nothing below may fail.
    struct holding holding = { .kind = HOLDING_SERVICE, .rights = RIGHTS_ALL, .service_slot = (uint8_t)service, .process_index = (uint16_t)process->index };
    answer->word[0] = holding_insert(pager, process, slot, holding, (struct holding_place){ 0 });
    return STATUS_OK;
}

enum status request_handle_close(struct pager *pager, const struct request *request, [[maybe_unused]] struct answer *answer)
{
    struct holding *holding;
    enum status status = holding_find(request->caller, request->word[0], &holding);
    if (status == STATUS_OK) holding_close(pager, request->caller, holding);
    return status;
}

/* --- Rights --- */

/* Whether these rights may be had from a handle. BAD_ARGUMENT (no rights, or unknown ones), NO_RIGHT. */
static enum status rights_check(const struct holding *holding, uint64_t rights)
{
    if (rights == 0 || rights & ~RIGHTS_ALL) return STATUS_BAD_ARGUMENT;
    if (rights & ~(uint64_t)holding->rights) return STATUS_NO_RIGHT;
    return rights == holding->rights || holding->rights & RIGHT_NARROW ? STATUS_OK : STATUS_NO_RIGHT;
}

/* The handle in word 0, from which one with the rights in word 1 is to be had. */
static enum status rights_find(const struct request *request, struct holding **holding)
{
    enum status status = holding_find(request->caller, request->word[0], holding);
    return status == STATUS_OK ? rights_check(*holding, request->word[1]) : status;
}

enum status request_handle_duplicate(struct pager *pager, const struct request *request, struct answer *answer)
{
    struct process *process = request->caller;
    struct holding *holding;
    uint64_t badge = request->word[2];
    enum status status = rights_find(request, &holding);
    if (status != STATUS_OK) return status;
    if (badge & HOLDING_BADGE_USUAL) return STATUS_BAD_ARGUMENT;
    if (badge != 0 && !(holding->kind == HOLDING_SERVICE && holding->rights & RIGHT_RECEIVE)) return STATUS_NO_RIGHT;
    if (holding->depth == HOLDING_DEPTH_MOST) return STATUS_LIMIT;
    uint32_t slot;
    status = holding_reserve(process, &slot);
    if (status != STATUS_OK) return status;

    // Commit: nothing below may fail.
    struct holding_terms terms = { .rights = (uint32_t)request->word[1], .is_passed = false, .badge = badge };
    answer->word[0] = holding_derive(pager, process, slot, holding_place(process, holding), terms);
    return STATUS_OK;
}

enum status request_handle_narrow([[maybe_unused]] struct pager *pager, const struct request *request, [[maybe_unused]] struct answer *answer)
{
    struct holding *holding;
    enum status status = rights_find(request, &holding);
    if (status == STATUS_OK) holding_narrow(request->caller, holding, (uint32_t)request->word[1]);
    return status;
}

enum status request_receiver(const struct pager *pager, const struct request *request, struct process **receiver)
{
    struct holding *to;
    enum status status = holding_find(request->caller, request->word[2], &to);
    if (status != STATUS_OK) return status;
    if (!(to->rights & RIGHT_CALL)) return STATUS_NO_RIGHT;
    *receiver = holding_process(pager, to);
    if (*receiver == nullptr) return STATUS_BAD_OBJECT;
    return (*receiver)->state == PROCESS_RUNNING ? STATUS_OK : STATUS_STALE;
}

/* Whether a handle may be passed to a process. */
static enum status pass_check(const struct pager *pager, const struct holding *holding, uint64_t rights, const struct process *receiver)
{
    if (!(holding->rights & RIGHT_PASS) || rights & RIGHT_RECEIVE) return STATUS_NO_RIGHT;
    if (holding->kind == HOLDING_PROCESS && holding_process(pager, holding) == receiver) return STATUS_BAD_ARGUMENT; /* nobody has a handle for itself */
    const struct process *named = holding_process(pager, holding);
    if (named != nullptr && !holding_is_allowed(receiver, named)) return STATUS_NOT_MEMBER;
    if (holding->depth == HOLDING_DEPTH_MOST || receiver->holdings.count_passed == HOLDING_PASSED_MOST) return STATUS_LIMIT;
    return STATUS_OK;
}

enum status request_handle_pass(struct pager *pager, const struct request *request, struct answer *answer)
{
    struct holding *holding;
    struct process *receiver;
    uint32_t slot;
    enum status status = rights_find(request, &holding);
    if (status == STATUS_OK) status = request_receiver(pager, request, &receiver);
    if (status == STATUS_OK) status = pass_check(pager, holding, request->word[1], receiver);
    if (status == STATUS_OK) status = holding_reserve(receiver, &slot);
    if (status != STATUS_OK) return status;

    // Commit: nothing below may fail.
    struct holding_terms terms = { .rights = (uint32_t)request->word[1], .is_passed = true };
    answer->word[0] = holding_derive(pager, receiver, slot, holding_place(request->caller, holding), terms);
    return STATUS_OK;
}

enum status request_handle_revoke(struct pager *pager, const struct request *request, struct answer *answer)
{
    struct holding *holding;
    enum status status = holding_find(request->caller, request->word[0], &holding);
    if (status == STATUS_OK) answer->word[0] = holding_revoke(pager, holding);
    return status;
}

/* --- Names --- */

/* The published handle of a service, from which those who find its name derive theirs. LIMIT (its depth). */
static enum status name_grant(struct pager *pager, struct process *finder, const struct process *owner, uint32_t service, uint32_t *handle)
{
    struct holding *published = &owner->holdings.rows[owner->services.rows[service].name_slot];
    uint32_t slot;
    if (published->depth == HOLDING_DEPTH_MOST) return STATUS_LIMIT;
    enum status status = holding_reserve(finder, &slot);
    if (status != STATUS_OK) return status;

    // Commit: nothing below may fail.
    struct holding_terms terms = { .rights = published->rights & ~(uint32_t)RIGHT_RECEIVE };
    *handle = holding_derive(pager, finder, slot, holding_place(owner, published), terms);
    return STATUS_OK;
}

/* Answers everybody who waits for a name that has just been published. All threads of all processes are looked at: a server publishes a name once. */
static void name_tell_waiters(struct pager *pager, const struct process *owner, uint32_t service)
{
    const struct service_name *name = &owner->services.rows[service].name;
    for (uint32_t i = 0; i < pager->slot_limit; i++) {
        struct process *process = pager->process[i];
        uint32_t places = process != nullptr ? process_thread_places(process) : 0;
        for (uint32_t place = 0; place < places; place++) {
            struct process_thread *row = process_thread_at(process, place);
            if (row->wait.kind != WAIT_NAME || !service_name_matches(name, &row->wait.name, &process->groups)) continue;
            uint32_t handle = HANDLE_NONE;
            enum status status = name_grant(pager, process, owner, service, &handle);
            process_thread_wake(pager, row, status, handle, 0);
        }
    }
}

/* The name in a request's text, in the group of word 1. */
static enum status name_read(const struct request *request, uint32_t group, struct service_name *name)
{
    return service_name_check((struct text_span){ request->text, request->text_bytes }, group, name);
}

enum status request_name_publish(struct pager *pager, const struct request *request, [[maybe_unused]] struct answer *answer)
{
    struct process *process = request->caller;
    uint32_t group;
    struct service_name name;
    struct holding *holding;
    enum status status = request_group(process, request->word[1], &group);
    if (status == STATUS_OK) status = name_read(request, group, &name);
    if (status == STATUS_OK) status = holding_find_receiving(process, request->word[0], &holding);
    if (status != STATUS_OK) return status;
    if (holding->rights == RIGHT_RECEIVE) return STATUS_NO_RIGHT; /* nothing would be left for who finds it */
    struct process *owner;
    uint32_t slot;
    if (service_find(pager, &name, &process->groups, &owner, &slot) != nullptr) return STATUS_EXISTS;
    if (process->services.rows[holding->service_slot].name.bytes != 0) return STATUS_EXISTS;

    // Commit: nothing below may fail.
    assert(holding->process_index == process->index);
    service_publish(pager, process, holding->service_slot, &name, holding_place(process, holding).slot);
    name_tell_waiters(pager, process, holding->service_slot);
    return STATUS_OK;
}

enum status request_name_find(struct pager *pager, const struct request *request, struct answer *answer)
{
    struct process *process = request->caller;
    uint32_t group;
    struct service_name name;
    if (request->word[0] > 1) return STATUS_BAD_ARGUMENT;
    enum status status = request_group(process, request->word[1], &group);
    if (status == STATUS_OK) status = name_read(request, request->word[1] != 0 ? group : GROUP_NONE, &name);
    if (status != STATUS_OK) return status;
    struct process *owner;
    uint32_t service;
    if (service_find(pager, &name, &process->groups, &owner, &service) == nullptr) {
        if (request->word[0] == 0) return STATUS_NOT_FOUND;
        process_thread_save(request->thread);
        process_thread_save_name(request->thread);
        request->thread->wait = (struct wait){ .kind = WAIT_NAME, .token = request->token, .name = name };
        answer->is_deferred = true;
        return STATUS_OK;
    }
    uint32_t handle;
    status = name_grant(pager, process, owner, service, &handle);
    if (status == STATUS_OK) answer->word[0] = handle;
    return status;
}
