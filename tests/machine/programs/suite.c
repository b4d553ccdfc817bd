/* suite: starts each case of the subject as a process of its own, and looks at the system after it. `suite GROUP... [-CASE...]` runs the cases of these groups
 * (subject/cases.def) but those with a dash.
 *
 * After a case: it ended for the reason that the row names, with its value; the victim still answers and its memory is as it was; no frame and no process
 * is missing; the kernel's checker finds nothing. One line a case, read by the tests:
 *   suite: case=NAME group=GROUP end=REASON value=0x... lost=FRAMES checker=0 result=ok|failed */
#include <stdio.h>
#include <string.h>

#include <quire/endpoint.h>
#include <quire/kernel_calls.h>
#include <quire/process.h>
#include <quire/system.h>

#include "subject/subject.h"
#include "victim.h"

struct row {
    const char *group, *name;
    enum process_end reason;
    uint64_t value;
};

static const struct row rows[] = {
#define CASE(group, name, reason, value) { #group, #name, PROCESS_##reason, (value) },
#define ROLE(name)
#include "subject/cases.def"
#undef CASE
#undef ROLE
};

static uint32_t victim;
static struct system_info base;

/* What is wrong after the case, or nullptr. */
static const char *look_at_victim(void)
{
    struct message message = { .tag = tag_make(VICTIM_BEAT, 0) };
    static uint64_t beats;
    if (call(victim, &message) != STATUS_OK || tag_label(message.tag) != STATUS_OK) return "the victim does not answer";
    if (message.word[0] != ++beats) return "the victim was asked by somebody else";
    return message.word[1] == 0 ? nullptr : "the victim's memory is not as it was";
}

/* Children of a case may still be on their way out. */
static struct system_info wait_for_base(void)
{
    struct system_info info = { 0 };
    for (unsigned i = 0; i < 100'000; i++) {
        (void)!system_info(&info);
        if (info.processes == base.processes) break;
        yield();
    }
    return info;
}

static enum status run(const char *name, struct process_result *result)
{
    const char *const argument[] = { name };
    uint32_t process;
    enum status status = process_start("subject", 1, argument, &process);
    if (status != STATUS_OK) return status;
    status = process_wait(process, result);
    enum status closed = handle_close(process);
    return status != STATUS_OK ? status : closed;
}

static bool run_row(const struct row *row)
{
    struct process_result result = { 0 };
    enum status status = run(row->name, &result);
    const char *wrong = look_at_victim();
    struct system_info info = wait_for_base();
    uint32_t failed = 0;
    enum status checked = kernel_test_check(&failed);

    if (status != STATUS_OK) wrong = status_name(status);
    else if (result.reason != row->reason) wrong = "it ended for another reason";
    else if (row->value != ANY_VALUE && result.value != row->value) wrong = "it ended with another value";
    else if (info.processes != base.processes) wrong = "processes are left";
    else if (info.free_frames != base.free_frames) wrong = "frames are lost";
    else if (failed != 0) wrong = "the checker found something";
    printf("suite: case=%s group=%s end=%u value=0x%lx lost=%ld checker=%s%u result=%s\n", row->name, row->group, result.reason, result.value,
           (long)(base.free_frames - info.free_frames), checked == STATUS_OK ? "" : "none-", failed, wrong == nullptr ? "ok" : "failed");
    if (wrong != nullptr) printf("suite: wrong case=%s what=\"%s\" reason=%u\n", row->name, wrong, row->reason);
    base.free_frames = info.free_frames; /* what one case loses is not held against the next */
    return wrong == nullptr;
}

/* Everything that the suite itself touches has been touched when the counting begins. */
static bool warm_up(void)
{
    struct process_result result = { 0 };
    uint32_t failed;
    for (unsigned i = 0; i < 2; i++) {
        enum status status = run("nothing", &result);
        if (status != STATUS_OK || result.reason != PROCESS_EXITED || result.value != 0) return false;
        (void)!kernel_test_check(&failed);
        if (look_at_victim() != nullptr) return false;
        printf("suite: warm\n");
    }
    return system_info(&base) == STATUS_OK;
}

static bool is_left_out(const char *name, int argc, char *const argv[])
{
    for (int i = 1; i < argc; i++)
        if (argv[i][0] == '-' && strcmp(argv[i] + 1, name) == 0) return true;
    return false;
}

int main(int argc, char *argv[])
{
    enum status status = name_find(VICTIM_NAME, true, &victim);
    if (status != STATUS_OK || !warm_up()) {
        printf("suite: cannot begin status=%s\n", status_name(status));
        return 1;
    }
    unsigned cases = 0, failed = 0;
    for (int i = 1; i < argc; i++) {
        for (size_t at = 0; at < sizeof rows / sizeof rows[0]; at++) {
            if (strcmp(rows[at].group, argv[i]) != 0 || is_left_out(rows[at].name, argc, argv)) continue;
            cases++;
            failed += !run_row(&rows[at]);
        }
    }
    printf("suite: done cases=%u failed=%u\n", cases, failed);
    status = notify(victim, VICTIM_STOP);
    return status == STATUS_OK && failed == 0 && cases > 0 ? 0 : 1;
}
