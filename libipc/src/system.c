/* The machine as a whole: one message to the pager. */
#include <quire/system.h>

#include <quire/pager_call.h>

enum status system_info(struct system_info *info)
{
    struct message message = {};
    enum status status = pager_call(HANDLE_PAGER, PROTOCOL_system_info, 0, &message);
    if (status == STATUS_OK) {
        *info = (struct system_info){
            .free_frames = message.word[0],
            .all_frames = message.word[1],
            .processes = message.word[2],
            .faults = message.word[3],
        };
    }
    return status;
}

enum status system_report_waits(struct system_waits *waits)
{
    struct message message = {};
    enum status status = pager_call(HANDLE_PAGER, PROTOCOL_wait_report, 0, &message);
    if (status == STATUS_OK)
        *waits = (struct system_waits){ .processes = message.word[0], .deadlocks = message.word[1] };
    return status;
}
