/* Requests: from message to handler, and the reply. See request.h. */
#include "request.h"

#include <string.h>

#include "ledger.h"
#include "output.h"
#include "report.h"

/* One row of protocol.def, one handler. A process handle takes process_wait only, HANDLE_PAGER everything else. */
static enum status request_dispatch(struct pager *pager, uint32_t label, const struct request *request, struct answer *answer)
{
    if ((request->target != nullptr) != (label == PROTOCOL_process_wait)) return STATUS_BAD_CALL;
    switch (label) {
#define PROTOCOL(number, name, in, out, text) \
    case PROTOCOL_##name: return request_##name(pager, request, answer);
#include "protocol.def"
#undef PROTOCOL
    default: return STATUS_BAD_CALL;
    }
}

/* The answer's words are in place. */
static void request_reply(const struct pager *pager, struct pager_action *action, uint64_t token, enum status status, const struct answer *answer)
{
    if (status != STATUS_OK) {
        action_reply(action, token, status);
        return;
    }
    action->kind = ACTION_REPLY;
    action->token = token;
    action->tag = tag_make(STATUS_OK, answer->text_bytes);
    if (answer->text_bytes > 0) memcpy(pager->buffer, pager->text, answer->text_bytes); /* last: log lines go through the same page */
}

void request_handle(struct pager *pager, const struct pager_message *message, struct pager_action *action)
{
    struct badge_parts parts = process_of_badge(pager, message->badge);
    struct process *caller = parts.holder != nullptr ? parts.holder : parts.process;
    uint32_t length = tag_length(message->tag);
    struct process_thread *thread = caller != nullptr ? process_thread_of_token(caller, message->token) : nullptr;
    if (thread == nullptr || length > MESSAGE_BUFFER_BYTES) {
        action_reply(action, message->token, thread == nullptr ? STATUS_STALE : STATUS_BAD_LENGTH);
        return;
    }
    /* The kernel stops a caller until it is answered, so that two requests at once of one thread cannot come; if they do, the second is refused. */
    if (thread->wait.kind != WAIT_NOTHING) {
        action_reply(action, message->token, STATUS_BAD_STATE);
        return;
    }
    if (length > 0 && pager->ledger->text_token != message->token) memcpy(pager->text, pager->buffer, length);
    pager->ledger->text_token = message->token;
    struct request request = {
        .caller = caller, .thread = thread, .target = parts.holder != nullptr ? parts.process : nullptr, .word = message->word,
        .text = pager->text, .text_bytes = length, .token = message->token,
    };
    struct answer answer = { .word = action->word };
    action_clear(action);
    uint32_t number = caller->number;
    enum status status = request_dispatch(pager, tag_label(message->tag), &request, &answer);
    if (pager->trace & TRACE_CALLS) report_request(number, message, status, answer.is_deferred, answer.word[0]);
    if (!answer.is_deferred) request_reply(pager, action, message->token, status, &answer);
}

/* --- The process itself --- */

enum status request_exit(struct pager *pager, const struct request *request, struct answer *answer)
{
    answer->is_deferred = true;
    process_end(pager, request->caller, PROCESS_EXITED, request->word[0]);
    return STATUS_OK;
}

enum status request_write([[maybe_unused]] struct pager *pager, const struct request *request, [[maybe_unused]] struct answer *answer)
{
    if (request->text_bytes == 0 || request->text_bytes > OUTPUT_WRITE_BYTES) return STATUS_BAD_LENGTH;
    output_write(request->caller, request->text, request->text_bytes);
    return STATUS_OK;
}

enum status request_process_self([[maybe_unused]] struct pager *pager, const struct request *request, struct answer *answer)
{
    answer->word[0] = request->caller->number;
    answer->word[1] = process_charge(request->caller);
    return STATUS_OK;
}

enum status request_system_info(struct pager *pager, [[maybe_unused]] const struct request *request, struct answer *answer)
{
    process_give_spares(pager); /* what is free is what somebody could have */
    seam_frame_count(&answer->word[0], &answer->word[1]);
    answer->word[2] = pager->count_running;
    answer->word[3] = pager->count_faults;
    return STATUS_OK;
}
