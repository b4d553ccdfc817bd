/* Requests that give memory to other processes. See transfer.h. */
#include "transfer.h"

#include "fill.h"
#include "fill_copy.h"
#include "range.h"
#include "request.h"
#include "settle.h"

/* Pages go with the rights of their memory: where some are not settled yet, a step is done, and the caller is to ask again. */
static bool range_is_settled(struct process *process, uint64_t first, uint64_t limit)
{
    if (first >= process->unsettled.limit || limit <= process->unsettled.first) return true;
    settle_step(process);
    return false;
}

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
    if (status == STATUS_OK && segment_find(&process->segments, first)->fill->is_whole) status = STATUS_IMMUTABLE;
    if (status == STATUS_OK && !range_is_settled(process, first, limit)) status = STATUS_AGAIN;
    if (status == STATUS_OK) status = range_isolate(process, first, request->word[1], &limit);
    if (status != STATUS_OK) return status;
    status = transfer_move(pager, process, segment_find(&process->segments, first), receiver, &answer->word[0]);
    if (status != STATUS_OK) range_rejoin(process, first, limit);
    return status;
}

/* Pages that are not there, or that others have as lazy copies, are brought by who writes to them: so this message brings none. */
enum status request_segment_share(struct pager *pager, const struct request *request, struct answer *answer)
{
    struct process *process = request->caller;
    struct process *receiver;
    uint64_t first = request->word[0];
    uint64_t limit;
    enum status status = request_check_protection(request->word[3]);
    uint32_t protection = (uint32_t)request->word[3];
    if (status == STATUS_OK) status = request_receiver(pager, request, &receiver);
    if (status == STATUS_OK && receiver == process) status = STATUS_BAD_ARGUMENT;
    if (status == STATUS_OK) status = range_check(process, first, request->word[1], &limit);
    if (status != STATUS_OK) return status;
    struct segment *segment = segment_find(&process->segments, first);
    if (segment->limit < limit) return STATUS_BAD_LENGTH;
    if (segment->fill->is_pinned) return STATUS_IMMUTABLE; /* a block of frames goes as a whole (docs/adr/0020) */
    if (limit - first > TRANSFER_SHARED_MOST) return STATUS_LIMIT;
    if (protection & ~(uint32_t)segment->protection) return STATUS_NO_RIGHT;
    if (!range_is_settled(process, first, limit)) return STATUS_OK; /* at no address yet */
    status = range_isolate(process, first, request->word[1], &limit);
    if (status != STATUS_OK) return status;
    segment = segment_find(&process->segments, first);
    if (copy_take_alone(process, segment)) status = transfer_share(process, segment, receiver, protection, &answer->word[0]);
    else status = segment->protection & PROTECTION_WRITE ? STATUS_AGAIN : STATUS_BAD_STATE;
    range_rejoin(process, first, limit);
    return status;
}
