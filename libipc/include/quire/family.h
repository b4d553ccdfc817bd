/* Families: who pays for memory and processes.
 *
 * A process is of one family, for good: that of the process that started it, unless that one said another. What its members hold is charged to a family
 * together. It gets as much as it is guaranteed whatever others hold, and never more than its limit; in between, what nobody else was promised.
 *
 * A program that starts others may found a family for them, out of what its own has: then they cannot take more than that, and what they were
 * guaranteed is there for them. What it gave comes back when the family's last process has ended and the last handle for it is closed; closing the
 * handle that family_create gave leaves the family to its members. A handle for a family may be passed on: RIGHT_CALL starts processes in it. */
#ifndef QUIRE_FAMILY_H
#define QUIRE_FAMILY_H

#include <stdint.h>

#include <abi/status.h>

/* Instead of a handle: the caller's own family. */
constexpr uint32_t FAMILY_OWN = 0;

struct family_share {
    uint64_t guarantee;
    uint64_t limit;
};
struct family_terms {
    struct family_share pages;     /* page tables and what the pager keeps included */
    struct family_share processes; /* ended ones, too, while there are handles for them */
};

/* Founds a family with these terms, which the caller's has less from now on. The result is a handle with every right, for process_start_as,
 * family_limit, and to be passed on. STATUS_BAD_ARGUMENT: more is guaranteed than the limit, or a limit is 0. STATUS_LIMIT: the caller's family has not
 * so much that is not used, or its time is limited, or no more families may be founded by this program of the boot and what it started (96 in all, in
 * equal parts), or too many handles. STATUS_NO_MEMORY: what would be guaranteed has been used. Nothing was changed. */
enum status family_create(const struct family_terms *terms, uint32_t *family);

/* Gives a family that the caller founded other terms, the difference from or to the caller's family. STATUS_BAD_HANDLE, STATUS_STALE,
 * STATUS_BAD_OBJECT: no handle for a family. STATUS_NO_RIGHT: not the handle that family_create gave, or a copy with RIGHT_RECEIVE.
 * STATUS_BAD_ARGUMENT, STATUS_NO_MEMORY: as family_create. STATUS_LIMIT: also when it has more than that already. Nothing was changed. */
enum status family_limit(uint32_t family, const struct family_terms *terms);

struct family_info {
    struct family_terms terms; /* without a limit of its own: a number that is larger than the memory */
    uint64_t charged_pages;
    uint64_t processes;
};

/* Describes a family; FAMILY_OWN: the caller's. STATUS_BAD_HANDLE, STATUS_STALE, STATUS_BAD_OBJECT, STATUS_NO_RIGHT: the handle. */
enum status family_info(uint32_t family, struct family_info *info);

/* Limits the time that all threads of all members use together: so many nanoseconds in each period, which is 1 ms to 1 s long; TIME_UNLIMITED: no limit any
 * more. When it is used up they wait for the end of the period; a server that works for one of them goes on with its own time. The account takes a
 * page of the family's. Members give no time away (time_give) and found no families. Called again it begins a new period with the new limit.
 * STATUS_BAD_HANDLE, STATUS_STALE, STATUS_BAD_OBJECT, STATUS_NO_RIGHT: as family_limit. STATUS_BAD_ARGUMENT: the period, or more than it is long.
 * STATUS_BAD_STATE: processes were started in it when it had no limit. STATUS_LIMIT, STATUS_NO_MEMORY: no page for the account. */
enum status family_time(uint32_t family, uint64_t nanoseconds, uint64_t period);

struct family_clock {
    uint64_t nanoseconds; /* in each period, as family_time set it; TIME_UNLIMITED: no limit */
    uint64_t period;
    uint64_t used;        /* nanoseconds, since the family was limited first; 0: it was not */
    uint64_t left;        /* of this period, when somebody last used some; TIME_UNLIMITED */
};

/* What time a family may use and has used; FAMILY_OWN: the caller's. STATUS_BAD_HANDLE, STATUS_STALE, STATUS_BAD_OBJECT, STATUS_NO_RIGHT: the handle. */
enum status family_clock(uint32_t family, struct family_clock *clock);

struct memory_info {
    uint64_t left_pages;     /* that the caller's family can still get now */
    uint64_t charged_pages;  /* to it */
    uint64_t guarantee;      /* its own, */
    uint64_t limit;          /* and its limit */
    uint64_t free_pages;     /* of the machine, that no family has, */
    uint64_t promised_pages; /* and those of them that are kept for families within their guarantee */
};

/* What there is of memory. STATUS_OK, or what the call itself was refused with (call, in syscall.h). */
enum status memory_info(struct memory_info *info);

/* From now on sets the bits at an endpoint of the caller when its family can get fewer than so many pages, at once if it is so already, and again each
 * time that it is so after it was not; with HANDLE_NONE: no more. A process has one such alarm. When memory has ended there is no other notice: a touch
 * of a page that the family may not have ends one of its members. STATUS_BAD_HANDLE, STATUS_STALE. STATUS_NO_RIGHT: not an endpoint that
 * the caller receives at. STATUS_BAD_ARGUMENT: no bits. */
enum status memory_watch(uint32_t endpoint, uint64_t bits, uint64_t pages);

#endif
