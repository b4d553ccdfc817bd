/* The pager's loop: an action, the next message, the next action.
 *
 * Everything that decides is behind pager_handle(); this file only carries actions to the kernel and messages back. The kernel sets up the stack and hands
 * over the boot information. */
#include <quire/kernel_calls.h>

#include "fault.h"
#include "kernel_machine.h"
#include "ledger.h"
#include "pager.h"

static struct pager pager;

[[noreturn]] void _start(const struct boot_info *boot);

/* Does what the action says and waits for the next message; the status of the call that did both. */
static enum status loop_step(const struct pager_action *action, struct message *message)
{
    switch (action->kind) {
    case ACTION_RESOLVE:
        message->token = action->token;
        return kernel_resolve(HANDLE_PAGER, action->page, action->frame, action->count_pages, message);
    case ACTION_HANDLE:
        message->token = action->token;
        return kernel_handle_resolve(HANDLE_PAGER, action->row.endpoint.number, action->row.badge, action->row.rights, message);
    case ACTION_REPLY:
        *message = (struct message){ .tag = action->tag, .token = action->token };
        __builtin_memcpy(message->word, action->word, sizeof(message->word));
        return reply_receive(HANDLE_PAGER, message);
    case ACTION_WAIT:
        return receive(HANDLE_PAGER, RECEIVE_WAIT, message);
    case ACTION_POLL:
        return receive(HANDLE_PAGER, RECEIVE_DO_NOT_WAIT, message);
    case ACTION_END:
        break;
    }
    *message = (struct message){ 0 };
    return kernel_machine_end(action->code);
}

/* From here on it is read from where it lies, so that the loop has registers for other things. */
static inline void loop_receive(struct pager_message *received, const struct message *message)
{
    *received = (struct pager_message){ .badge = message->badge, .tag = message->tag, .token = message->token };
    __builtin_memcpy(received->word, message->word, sizeof(received->word));
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
}

/* Answers faults for as long as they can be answered at once. OK: *received is a message that is no such fault; else what the kernel said to the answer to
 * *received. */
static enum status loop_quick(struct pager_message *received)
{
    struct fault_answer answer;
    while (fault_quick(&pager, received, &answer)) {
        struct message message = { .token = received->token };
        enum status status = kernel_resolve(HANDLE_PAGER, answer.page, answer.frame, answer.count_pages, &message);
        if (status != STATUS_OK) return status;
        loop_receive(received, &message);
    }
    return STATUS_OK;
}

/* Without its boot information, or memory for its ledger, there is no pager. */
[[noreturn]] static void loop_refuse(void)
{
    constexpr uint32_t code = 2;
    for (;;) {
        enum status status = kernel_machine_end(code);
        (void)status;
    }
}

/* The call that was to answer did not bring a message: *action is what is done instead. */
__attribute__((noinline)) static void loop_failed(enum status status, const struct pager_message *received, struct pager_action *action)
{
    if (action->kind == ACTION_RESOLVE) pager_resolve_failed(&pager, received, status, action);
    else if (action->kind == ACTION_POLL) pager_work(&pager, action);
    else action_wait(action); /* whom it answered has ended meanwhile */
}

void _start(const struct boot_info *boot)
{
    kernel_machine_initialise(boot);
    enum status ready = pager_initialise(&pager, boot);
    if (ready != STATUS_OK) loop_refuse();
    /* Both lie where they are not lost with the pager. */
    struct pager_message *received = &pager.ledger->received;
    struct pager_action *action = &pager.ledger->action;
    pager_start(&pager, action);
    for (;;) {
        struct message message;
        enum status status = loop_step(action, &message);
        if (status != STATUS_OK) {
            loop_failed(status, received, action);
            continue;
        }
        loop_receive(received, &message);
        if (action->kind != ACTION_POLL) status = loop_quick(received); /* what is found between two steps of work begins a pause (work.h) */
        if (status == STATUS_OK) pager_handle(&pager, received, action);
        else pager_resolve_failed(&pager, received, status, action);
    }
}
