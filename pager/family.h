/* Families: who pays. A program of the boot and everything that it started, itself or through others, is a family; what they hold is charged to them together.
 * Whatever the pager charges it charges to a family, and nothing else has a limit.
 *
 * Pages and process slots are each a pool that all families draw on, and each family has a quota of each (quota.h). A family of the boot gets its
 * quotas before the first program starts. A process may found a family for what it will start, with guarantees and limits out of its own family's: so
 * they form a tree, in which what all below one of the boot may have together is what that one was given. Who holds a handle for a family starts
 * processes in it.
 *
 *             family_found                    last process and last handle gone                   last page given back
 *   (free row) ------------> PAYS FOR PROCESSES ------------------------------> PAYS FOR WHAT IT GAVE AWAY -----------> (free row)
 *
 * When a family has ended its founder's family gets back what it was given, and its place: what the one that ended had founded is now the other's. What
 * was given away to processes of other families (transfer.h) stays charged to who gave it, and goes back page by page. A family of the boot leaves its
 * guarantees to all.
 *
 * Time is limited for all members together: their threads pay from one account (microkernel/budget.h), that of a thread which never runs. Who is limited
 * so founds no families: they would have time of their own.
 *
 * Pages are charged as upper bounds where only the kernel could say more (page tables, frames that endpoints share), so that the pool never says that a
 * frame is free which is not: granting asks nobody.
 *
 * Invariants (pager_check):
 *  1. The quotas and pools hold (quota.h). Pages charged = process_charge() of all members, segment_charge() of what they gave to processes of other
 *    families, and the purse; processes charged = the slots of all members, ended ones too.
 *  2. `references` counts the handles that name it.
 *  3. The parent of a founded family is in use and has not ended, or there is none; its root is the family of the boot that its place in the table is
 *     charged to. */
#ifndef QUIRE_PAGER_FAMILY_H
#define QUIRE_PAGER_FAMILY_H

#include "abi/boot_info.h"
#include "kernel.h"
#include "quota.h"

struct pager;

/* Without a purse: as much time as there is. */
struct family_time {
    thread_id_t purse; /* a thread that never runs: all members' threads pay from its account */
    uint64_t nanoseconds, period; /* what it gets in each; TIME_UNLIMITED: no limit any more */
};

struct family {
    struct quota pages;
    struct quota processes;
    struct family_time time;
    uint32_t references;  /* handles that name it; of the boot: none */
    uint32_t parent;      /* whose founder it was, or who took that one's place; FAMILY_NONE: nobody's */
    uint32_t root;        /* the family of the boot below which it was founded; of the boot: itself */
    uint32_t watchers;    /* members with an alarm (alarm.h) */
    uint64_t alarm_armed; /* the most pages of an alarm that can go off; 0: none */
    uint64_t alarm_told;  /* the fewest of one that has; UINT64_MAX: none */
};

constexpr uint32_t FAMILY_LIMIT = 128; /* those of the boot first, by module; a segment names who pays by a distance of 8 bits */
constexpr uint32_t FAMILY_NONE = UINT32_MAX;
constexpr uint64_t PURSE_PAGES = 1;         /* that an account takes */
constexpr uint64_t FAMILY_LEAST_PAGES = 64; /* guaranteed to each family of the boot, unless the kernel argument guarantee= says otherwise */
constexpr uint64_t FAMILY_PROCESSES = 16;   /* slots guaranteed to each */
constexpr uint64_t FAMILY_PROCESSES_MOST = 256;
static_assert(FAMILY_LIMIT > BOOT_MODULES && FAMILY_LIMIT <= INT8_MAX + 1);

/* Guarantees and limits of one family. */
struct family_terms {
    struct quota_terms pages;
    struct quota_terms processes;
};

/* Counts what is free, and promises each program of the boot its guarantee, in order, as long as there is enough. */
void family_initialise_all(struct pager *pager);

/* Founds a family out of another one's quotas, without members; the caller names it by a handle at once. BAD_ARGUMENT (more is guaranteed than the
 * limit, or a limit is 0), LIMIT (the quotas of `founder`, or the rows for its boot program are used up), NO_MEMORY (what would be promised is not
 * there). */
enum status family_found(struct pager *pager, struct family *founder, const struct family_terms *terms, struct family **founded);
/* Gives a family other terms, the difference from or to its parent. BAD_ARGUMENT, NO_MEMORY; LIMIT: also when it has more than that already. */
enum status family_change(struct pager *pager, struct family *family, const struct family_terms *terms);
/* Limits the time of all members together. nanoseconds: at most the period, or TIME_UNLIMITED; period: TIME_PERIOD_LEAST to TIME_PERIOD_MOST.
 * BAD_ARGUMENT; BAD_STATE: it has had no limit, and has processes; NO_MEMORY: no page for the account, and LIMIT: none of the family's own. */
enum status family_limit_time(struct pager *pager, struct family *family, uint64_t nanoseconds, uint64_t period);
/* One handle less. */
void family_release(struct pager *pager, struct family *family);
/* Ends a family without process and handle. Any other one stays as it is. */
void family_end_if_empty(struct pager *pager, struct family *family);

/* Gives the parents of families that have ended what has come back from those they gave memory to. */
void family_settle_all(struct pager *pager);

/* A row that nobody is in, nobody names and nobody pays from. */
bool family_is_free(const struct pager *pager, const struct family *family);
/* It has ended, but may still be charged. */
bool family_has_ended(const struct family *family);
/* Rows that the programs of one family of the boot may use for families that they found. */
uint32_t family_rows_each(const struct pager *pager);

#endif
