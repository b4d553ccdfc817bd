/* Requests for threads of the caller's own process: starting them, ending them, waiting for their end. */
#include "request.h"

enum status request_thread_create([[maybe_unused]] struct pager *pager, const struct request *request, struct answer *answer)
{
    struct thread_begin begin = { request->word[0], request->word[1], request->word[2] };
    struct process_thread *made;
    enum status status = process_thread_create(request->caller, &begin, &made);
    if (status != STATUS_OK) return status;
    answer->word[0] = made->number;
    answer->word[1] = process_thread_buffer(made);
    return STATUS_OK;
}

/* A thread of a number, or nullptr when it has ended. NOT_FOUND: there never was one. */
static enum status thread_of_number(const struct process *process, uint64_t number, struct process_thread **row)
{
    if (number == 0 || number > process->last_thread) return STATUS_NOT_FOUND;
    *row = process_thread_find(process, number);
    return STATUS_OK;
}

enum status request_thread_end(struct pager *pager, const struct request *request, struct answer *answer)
{
    struct process *process = request->caller;
    struct process_thread *row = request->thread;
    if (request->word[0] != 0) {
        enum status status = thread_of_number(process, request->word[0], &row);
        if (status != STATUS_OK || row == nullptr) return status;
    }
    answer->is_deferred = row == request->thread;
    if (process->count_threads == 1) process_end(pager, process, PROCESS_EXITED, request->word[1]);
    else process_thread_end(pager, process, row);
    return STATUS_OK;
}

enum status request_thread_wait([[maybe_unused]] struct pager *pager, const struct request *request, struct answer *answer)
{
    struct process_thread *row;
    enum status status = thread_of_number(request->caller, request->word[0], &row);
    if (status != STATUS_OK || row == nullptr) return status;
    if (row == request->thread) return STATUS_BAD_ARGUMENT;
    process_thread_save(request->thread);
    request->thread->wait = (struct wait){ .kind = WAIT_THREAD, .token = request->token, .thread_number = (uint32_t)row->number };
    answer->is_deferred = true;
    return STATUS_OK;
}
