/* Requests that give memory to other processes. See transfer.h. */
#include "transfer.h"
#include "range.h"
#include "request.h"

enum status request_segment_move(struct pager *pager, const struct request *request, struct answer *answer)
{
    struct process *process = request->caller;
    struct process *receiver;
    uint64_t first = request->word[0];
    uint64_t limit;
    enum status status = request_receiver(pager, request, &receiver);
    if (status == STATUS_OK && receiver == process) status = STATUS_BAD_ARGUMENT;
    if (status == STATUS_OK) status = range_check(process, first, request->word[1], &limit);
    if (status == STATUS_OK && segment_find(&process->segments, first)->limit < limit) status = STATUS_BAD_LENGTH;
    if (status == STATUS_OK) status = range_isolate(process, first, request->word[1], &limit);
    if (status != STATUS_OK) return status;
    status = transfer_move(pager, process, segment_find(&process->segments, first), receiver, &answer->word[0]);
    if (status != STATUS_OK) range_rejoin(process, first, limit);
    return status;
}
