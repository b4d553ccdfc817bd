/* chain: servers that wait for each other. `chain NAME NEXT` publishes NAME, takes one message and then calls NEXT, for the sender; `chain NAME NEXT first`
 * calls NEXT without having been asked. So a, b and c in a ring stand still for ever: a waits for b's answer, b for c's, and c until a receives.
 *
 * `chain look` asks who waits for whom when all the others have had time to come to that, and ends. Every call is the first one through its handle, so it is
 * a handle fault before it waits. */
#include <stdio.h>

#include <quire/endpoint.h>
#include <quire/process.h>
#include <quire/system.h>
#include <quire/time.h>

static int look(void)
{
    struct system_waits waits = { 0 };
    enum status status = STATUS_OK;
    for (unsigned i = 0; i < 600 && status == STATUS_OK && waits.deadlocks == 0; i++) {
        status = time_sleep(TIME_SECOND / 20);
        if (status == STATUS_OK) status = system_report_waits(&waits);
    }
    printf("chain: looked status=%s waiting=%lu deadlocks=%lu\n", status_name(status), (unsigned long)waits.processes, (unsigned long)waits.deadlocks);
    return 0;
}

int main(int argc, char *argv[])
{
    uint32_t own, next;
    struct message message = { 0 };
    if (argc < 3) return look();
    enum status status = endpoint_create(&own);
    if (status == STATUS_OK) status = name_publish(own, argv[1]);
    if (status == STATUS_OK) status = name_find(argv[2], true, &next);
    if (status == STATUS_OK && argc < 4) status = receive(own, RECEIVE_WAIT, &message);
    message = (struct message){ 0 };
    if (status == STATUS_OK) status = call(next, &message);
    printf("chain: %s went on status=%s\n", argv[1], status_name(status));
    return 1;
}
