/* Requests for groups. */
#include <string.h>

#include "request.h"

static_assert(GROUP_BIT == GROUP_PRESENT);

enum status request_group(const struct process *process, uint64_t word, uint32_t *group)
{
    if (word != 0 && (word >> 32 != 0 || !(word & GROUP_BIT))) return STATUS_BAD_ARGUMENT;
    *group = word != 0 ? (uint32_t)word : group_set_next(&process->groups, GROUP_NONE);
    return *group != GROUP_NONE && group_set_contains(&process->groups, *group) ? STATUS_OK : STATUS_NOT_MEMBER;
}

/* A handle for a group, with a right. */
static enum status request_group_handle(const struct request *request, uint32_t right, struct holding **holding)
{
    enum status status = holding_find(request->caller, request->word[0], holding);
    if (status != STATUS_OK) return status;
    if ((*holding)->kind != HOLDING_GROUP) return STATUS_BAD_OBJECT;
    return (*holding)->rights & right ? STATUS_OK : STATUS_NO_RIGHT;
}

enum status request_group_create(struct pager *pager, const struct request *request, struct answer *answer)
{
    uint32_t slot;
    enum status status = holding_reserve(request->caller, &slot);
    if (status != STATUS_OK) return status;
    uint32_t group = group_make(pager);
    status = group_join(request->caller, group);
    if (status != STATUS_OK) return status;

    // Commit: nothing below may fail.
    answer->word[0] = group;
    struct holding holding = { .kind = HOLDING_GROUP, .rights = RIGHTS_ALL, .group = group };
    answer->word[1] = holding_insert(pager, request->caller, slot, holding, (struct holding_place){ 0 });
    return STATUS_OK;
}

enum status request_group_join([[maybe_unused]] struct pager *pager, const struct request *request, struct answer *answer)
{
    struct holding *holding;
    enum status status = request_group_handle(request, RIGHT_CALL, &holding);
    if (status == STATUS_OK) status = group_join(request->caller, holding->group);
    if (status == STATUS_OK) answer->word[0] = holding->group;
    return status;
}

enum status request_group_leave(struct pager *pager, const struct request *request, [[maybe_unused]] struct answer *answer)
{
    uint32_t group;
    if (request->word[0] == 0) return STATUS_BAD_ARGUMENT; /* leaving is no matter of defaults */
    enum status status = request_group(request->caller, request->word[0], &group);
    if (status == STATUS_OK) group_leave(pager, request->caller, group);
    return status;
}

enum status request_group_end(struct pager *pager, const struct request *request, [[maybe_unused]] struct answer *answer)
{
    struct holding *holding;
    enum status status = request_group_handle(request, RIGHT_RECEIVE, &holding);
    if (status == STATUS_OK) group_end(pager, holding->group);
    return status;
}

enum status request_group_next([[maybe_unused]] struct pager *pager, const struct request *request, struct answer *answer)
{
    uint64_t after = request->word[0];
    if (after != 0 && (after >> 32 != 0 || !(after & GROUP_BIT))) return STATUS_BAD_ARGUMENT;
    answer->word[0] = group_set_next(&request->caller->groups, (uint32_t)after);
    return answer->word[0] != GROUP_NONE ? STATUS_OK : STATUS_NOT_FOUND;
}

enum status request_group_find(struct pager *pager, const struct request *request, struct answer *answer)
{
    if (request->text_bytes == 0) return STATUS_BAD_LENGTH;
    for (uint32_t i = 0; i < pager->count_boot_groups; i++) {
        const struct boot_group *named = &pager->boot_groups[i];
        if (named->name.count != request->text_bytes || memcmp(named->name.first, request->text, request->text_bytes) != 0) continue;
        answer->word[0] = named->group;
        return group_set_contains(&request->caller->groups, named->group) ? STATUS_OK : STATUS_NOT_MEMBER;
    }
    return STATUS_NOT_FOUND;
}
