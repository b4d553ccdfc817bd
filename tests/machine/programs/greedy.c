/* greedy: two families that take all that they can, beside a quiet one that gets what it was guaranteed, whenever it wants it.
 *
 * `greedy` founds them and starts in two of them three times `greedy touch`, which sets an alarm, touches page after page until it goes off, and goes on until
 * the family has nothing more; then one of its members ends, until none is left. In the third one runs `greedy quiet`, which takes one page after the other
 * while the others fight, and must never be refused. Lines: greedy: told left=N, greedy: quiet pages=N failed=N, greedy: ended family=N count=N,
 * greedy: back STATUS, greedy: done failed=N */
#include <stdio.h>
#include <string.h>

#include <quire/endpoint.h>
#include <quire/family.h>
#include <quire/handle.h>
#include <quire/memory.h>
#include <quire/process.h>
#include <quire/syscall.h>

constexpr unsigned HOGS = 3;                  /* in each greedy family */
constexpr uint64_t ALARM_PAGES = 30;
constexpr unsigned QUIET_PAGES = 100;
constexpr uint64_t ALARM_BIT = 1;
constexpr char BEGIN[] = "begin";             /* a name that is published when all have been started */
constexpr struct family_terms GREEDY = { { 120, 300 }, { HOGS, HOGS } };
constexpr struct family_terms QUIET = { { 250, 250 }, { 1, 1 } };

static bool alarm_has_gone_off(uint32_t endpoint)
{
    struct message message = {};
    return receive(endpoint, RECEIVE_DO_NOT_WAIT, &message) == STATUS_OK && (message.tag & TAG_NOTIFICATION) && (message.word[0] & ALARM_BIT);
}

/* Until it is ended. */
static int touch(void)
{
    uint32_t endpoint;
    uint64_t address;
    struct memory_info info = {};
    enum status status = name_find(BEGIN, true, &endpoint); /* when all are there */
    if (status == STATUS_OK) status = handle_close(endpoint);
    if (status == STATUS_OK) status = endpoint_create(&endpoint);
    if (status == STATUS_OK) status = memory_watch(endpoint, ALARM_BIT, ALARM_PAGES);
    if (status == STATUS_OK) status = memory_map(1 << 30, PROTECTION_WRITE, &address);
    if (status != STATUS_OK) return 1;
    for (bool is_told = false;; address += PAGE_BYTES) {
        *(volatile uint8_t *)(uintptr_t)address = 1;
        if (is_told || !alarm_has_gone_off(endpoint)) continue;
        is_told = true;
        if (memory_info(&info) != STATUS_OK) return 1;
        printf("greedy: told left=%llu\n", (unsigned long long)info.left_pages);
    }
}

static int quiet(void)
{
    unsigned failed = 0, pages = 0;
    for (; pages < QUIET_PAGES; pages++) {
        uint64_t address;
        enum status status = memory_map(PAGE_BYTES, PROTECTION_WRITE, &address);
        failed += status != STATUS_OK;
        if (status == STATUS_OK) *(volatile uint8_t *)(uintptr_t)address = 1;
        yield();
    }
    printf("greedy: quiet pages=%u failed=%u\n", pages, failed);
    return failed == 0 ? 0 : 1;
}

static enum status found_and_start(const struct family_terms *terms, const char *role, unsigned count, uint32_t *process)
{
    uint32_t family;
    enum status status = family_create(terms, &family);
    for (unsigned i = 0; i < count && status == STATUS_OK; i++) status = process_start_as(family, GROUP_ANY, "greedy", 1, &role, &process[i]);
    return status == STATUS_OK ? handle_close(family) : status; /* its members keep it */
}

/* Waits for all; returns how many ended for this reason. */
static unsigned wait_for(const uint32_t *process, unsigned count, enum process_end reason)
{
    unsigned ended = 0;
    for (unsigned i = 0; i < count; i++) {
        struct process_result result = {};
        if (process_wait(process[i], &result) == STATUS_OK) ended += result.reason == reason;
        if (handle_close(process[i]) != STATUS_OK) ended = 0;
    }
    return ended;
}

int main(int argc, char *argv[])
{
    if (argc == 2 && strcmp(argv[1], "touch") == 0) return touch();
    if (argc == 2 && strcmp(argv[1], "quiet") == 0) return quiet();
    uint32_t hog[2][HOGS], silent, begin;
    struct family_info before = {}, after = {};
    unsigned failed = family_info(FAMILY_OWN, &before) != STATUS_OK;
    for (unsigned i = 0; i < 2; i++) failed += found_and_start(&GREEDY, "touch", HOGS, hog[i]) != STATUS_OK;
    failed += found_and_start(&QUIET, "quiet", 1, &silent) != STATUS_OK;
    failed += endpoint_create(&begin) != STATUS_OK || name_publish(begin, BEGIN) != STATUS_OK;
    for (unsigned i = 0; i < 2; i++) {
        unsigned ended = wait_for(hog[i], HOGS, PROCESS_OUT_OF_MEMORY);
        printf("greedy: ended family=%u count=%u\n", i, ended);
        failed += ended != HOGS;
    }
    failed += wait_for(&silent, 1, PROCESS_EXITED) != 1;
    failed += family_info(FAMILY_OWN, &after) != STATUS_OK;
    bool is_back = memcmp(&before.terms, &after.terms, sizeof(before.terms)) == 0;
    printf("greedy: back %s\n", is_back ? "all" : "not all");
    printf("greedy: done failed=%u\n", failed + !is_back);
    return failed == 0 && is_back ? 0 : 1;
}
