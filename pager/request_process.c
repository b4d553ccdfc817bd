/* Requests for processes: starting them, waiting for them, hearing of them. */
#include <string.h>

#include "request.h"
#include "settle.h"
#include "waits.h"

/* Text of process_start: name and arguments, each with its NUL, none empty as a name. */
static enum status request_start_text(const struct request *request, struct text_span *name)
{
    if (request->text_bytes == 0 || request->text_bytes > START_TEXT_BYTES) return STATUS_BAD_LENGTH;
    if (request->text[request->text_bytes - 1] != '\0') return STATUS_BAD_ARGUMENT;
    *name = (struct text_span){ request->text, strlen(request->text) };
    return name->count > 0 ? STATUS_OK : STATUS_BAD_ARGUMENT;
}

/* What a starter may do with the process's handle: wait for the process, pass things to it, let others have the same. */
constexpr uint8_t RIGHTS_OF_STARTER = RIGHT_CALL | RIGHT_PASS | RIGHT_NARROW;

enum status request_process_start(struct pager *pager, const struct request *request, struct answer *answer)
{
    struct text_span name;
    enum status status = request_start_text(request, &name);
    if (status != STATUS_OK) return status;
    const struct module *module = module_find(pager, name);
    if (module == nullptr) return STATUS_NOT_FOUND;
    uint32_t group;
    status = request_group(request->caller, request->word[0], &group);
    if (status != STATUS_OK) return status;
    struct family *family;
    status = request_family(pager, request->caller, request->word[1], &family);
    if (status != STATUS_OK) return status;
    uint32_t slot;
    status = holding_reserve(request->caller, &slot);
    if (status != STATUS_OK) return status;
    struct process *started;
    status = process_create(pager, family, group, module, request->text, request->text_bytes, &started);
    if (status != STATUS_OK) return status;

    // Commit: nothing below may fail.
    started->peer = request->caller->index;
    process_tell_start(pager, started);
    struct holding holding = { .kind = HOLDING_PROCESS, .rights = RIGHTS_OF_STARTER, .process_index = (uint16_t)started->index };
    answer->word[0] = holding_insert(pager, request->caller, slot, holding, (struct holding_place){ 0 });
    return STATUS_OK;
}

/* Whether a duplicate is made in this message; it may be another one's turn first. */
static enum status request_duplicate_check(struct process *parent)
{
    if (parent->groups.count == 0) return STATUS_NOT_MEMBER; /* nobody without a group has a handle for another process */
    if (!settle_is_due(parent)) return STATUS_OK;
    settle_step(parent); /* pages go with the rights of their memory */
    return STATUS_AGAIN;
}

enum status request_process_duplicate(struct pager *pager, const struct request *request, struct answer *answer)
{
    struct process *parent = request->caller, *made;
    uint32_t slot;
    if (process_is_duplicated(parent) && parent->making.thread != request->thread->number) return STATUS_AGAIN;
    enum status status = request_duplicate_check(parent);
    if (status == STATUS_OK) status = holding_reserve(parent, &slot);
    if (status == STATUS_OK) status = process_duplicate(pager, parent, request->thread, request->word[0], request->word[1], &made);
    else if (status != STATUS_AGAIN && process_is_duplicated(parent)) process_duplicate_abandon(pager, parent);
    if (status != STATUS_OK) return status;

    // Commit: nothing below may fail.
    process_thread_save(&made->first);
    made->first.stack = request->thread->stack; /* whichever thread asks: it is the first there */
    process_tell_start(pager, made);
    struct holding holding = { .kind = HOLDING_PROCESS, .rights = RIGHTS_OF_STARTER, .process_index = (uint16_t)made->index };
    answer->word[0] = holding_insert(pager, parent, slot, holding, (struct holding_place){ 0 });
    return STATUS_OK;
}

enum status request_process_wait([[maybe_unused]] struct pager *pager, const struct request *request, struct answer *answer)
{
    struct process *target = request->target;
    if (target->state == PROCESS_ENDED && target->going.number == 0) {
        answer->word[0] = target->reason;
        answer->word[1] = target->value;
        return STATUS_OK;
    }
    process_thread_save(request->thread);
    request->thread->wait = (struct wait){ .kind = WAIT_PROCESS, .token = request->token, .process_index = target->index };
    process_thread_await(target, request->thread);
    answer->is_deferred = true;
    return STATUS_OK;
}

enum status request_process_watch(struct pager *pager, const struct request *request, [[maybe_unused]] struct answer *answer)
{
    struct process *process = request->caller;
    if (request->word[0] == 0) {
        watch_end(pager, process);
        return STATUS_OK;
    }
    struct holding *holding;
    enum status status = holding_find_receiving(process, request->word[0], &holding);
    if (status != STATUS_OK) return status;
    if (request->word[1] == 0) return STATUS_BAD_ARGUMENT;
    return watch_begin(pager, process, holding->service_slot, request->word[1]);
}

enum status request_process_next_event(struct pager *pager, const struct request *request, struct answer *answer)
{
    struct watch *watch = &request->caller->watch;
    struct watch_event event;
    uint32_t lost;
    if (watch->ring == nullptr) return STATUS_BAD_STATE;
    if (!watch_take(watch, &event, &lost)) return STATUS_NOT_FOUND;
    const uint64_t words[MESSAGE_WORDS] = { event.kind, event.number, event.group, event.reason, event.value, lost };
    memcpy(answer->word, words, sizeof(words));
    answer->text_bytes = event.name_bytes;
    memcpy(pager->text, event.name, event.name_bytes);
    return STATUS_OK;
}

enum status request_wait_report(struct pager *pager, const struct request *request, struct answer *answer)
{
    struct waits waits = waits_report(pager, &request->caller->groups);
    answer->word[0] = waits.count;
    answer->word[1] = waits.deadlocks;
    return STATUS_OK;
}
