/* subject: what the suite starts. `subject CASE` runs one case of cases.def and ends as its row says; exit status 0 means that everything the case
 * expects was seen to hold, another one counts what was not. */
#include "subject.h"

#include <stdio.h>
#include <string.h>

struct row {
    const char *name;
    void (*run)(void);
};

static const struct row rows[] = {
#define CASE(group, name, reason, value) { #name, case_##name },
#define ROLE(name) { #name, case_##name },
#include "cases.def"
#undef CASE
#undef ROLE
};

static int broken;
constexpr int BROKEN_SHOWN = 10; /* a loop that goes wrong goes wrong often */

void subject_broken(const char *what, const char *file, int line)
{
    if (++broken <= BROKEN_SHOWN) printf("subject: broken file=%s line=%d what=\"%s\"\n", file, line, what);
}

void subject_status(enum status seen, enum status wanted, const char *what, const char *file, int line)
{
    if (seen == wanted) return;
    if (++broken > BROKEN_SHOWN) return;
    printf("subject: broken file=%s line=%d seen=%s wanted=%s what=\"%s\"\n", file, line, status_name(seen), status_name(wanted), what);
}

void aim(uint64_t address)
{
    printf("subject: aims target=0x%lx\n", address);
}

uint64_t random_next(void)
{
    static uint64_t state = 0x5eed;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

struct segment_info segment_at(uint64_t address)
{
    struct segment_info info;
    for (uint64_t i = 0; segment_info(i, &info) == STATUS_OK; i++)
        if (info.first <= address && address < info.limit) return info;
    return (struct segment_info){};
}

struct segment_info segment_of(enum segment_kind kind)
{
    struct segment_info info;
    for (uint64_t i = 0; segment_info(i, &info) == STATUS_OK; i++)
        if (info.kind == kind) return info;
    return (struct segment_info){};
}

struct system_info system_now(void)
{
    struct system_info info = { 0 };
    enum status status = system_info(&info);
    if (status != STATUS_OK) subject_broken("system_info", __FILE_NAME__, __LINE__);
    return info;
}

int main(int argc, char *argv[])
{
    for (size_t i = 0; argc > 1 && i < sizeof rows / sizeof rows[0]; i++) {
        if (strcmp(rows[i].name, argv[1]) != 0) continue;
        printf("subject: begins case=%s\n", rows[i].name);
        rows[i].run();
        return broken;
    }
    printf("subject: usage: subject CASE\n");
    return 255;
}
