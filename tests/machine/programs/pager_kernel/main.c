/* The kernel's test pager: runs every case of cases.def, one line each, and ends the machine with success when all are ok.
 *
 * The kernel argument test=PREFIX,... runs only the cases whose names begin so; the COUNTED ones run with the argument `counted` alone.
 * tests/machine/test_kernel.py reads the same cases.def and misses no case. */
#include "case.h"
#include "case_run.h"

#include <string.h>

static const struct {
    const char *name;
    void (*run)(void);
    bool is_counted;
} cases[] = {
#define CASE(name, text) { #name, case_##name, false },
#define COUNTED(name, text) { #name, case_##name, true },
#include "cases.def"
#undef COUNTED
#undef CASE
};

/* The value of test= in the kernel's arguments, ended by a blank. */
static const char *wanted_prefixes(void)
{
    const char *at = strstr(kit_info->text + kit_info->arguments_offset, "test=");
    return at == nullptr ? "" : at + strlen("test=");
}

/* The clock counts instructions, as the kernel's arguments say. */
static bool clock_is_counted(void)
{
    return strstr(kit_info->text + kit_info->arguments_offset, "counted") != nullptr;
}

static bool is_wanted(const char *name, const char *prefixes)
{
    for (;;) {
        size_t length = 0;
        while (prefixes[length] != 0 && prefixes[length] != ' ' && prefixes[length] != ',') length++;
        if (strncmp(name, prefixes, length) == 0) return true;
        if (prefixes[length] != ',') return false;
        prefixes += length + 1;
    }
}

static bool run(unsigned index)
{
    uint64_t free = case_count_free();
    case_begin();
    cases[index].run();
    expect_equal(case_count_free(), free);
    bool is_always_checked = index % 8 == 0 || index + 1 == sizeof cases / sizeof cases[0];
    if (is_always_checked) case_check();
    else case_check_sometimes();
    const char *detail = case_detail();
    kit_log("test", "case name=%s result=%s detail=\"%s\"", cases[index].name, detail[0] == 0 ? "ok" : "failed", detail);
    return detail[0] == 0;
}

uint32_t kit_main(void)
{
    unsigned count_run = 0, count_failed = 0;
    const char *prefixes = wanted_prefixes();
    kit_must(kernel_handle_map(kit_info->space, HANDLE_ANSWER, kit_info->endpoint, RIGHTS_ALL, 0), "handle_map");
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (!is_wanted(cases[i].name, prefixes)) continue;
        if (cases[i].is_counted && !clock_is_counted()) {
            kit_log("test", "case name=%s result=left-out detail=\"not counted\"", cases[i].name);
            continue;
        }
        count_run++;
        if (!run(i)) count_failed++;
    }
    kit_log("test", "done cases=%u failed=%u", count_run, count_failed);
    return count_failed == 0 ? 0 : 1;
}
