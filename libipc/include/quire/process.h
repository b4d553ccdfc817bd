/* Processes: the calling one, and those that it starts. */
#ifndef QUIRE_PROCESS_H
#define QUIRE_PROCESS_H

#include <stdint.h>

#include <abi/status.h>
#include <pager/protocol.h>
#include <quire/group.h>

/* Ends the calling process at once: nothing is flushed and no atexit function runs, which is what exit() of stdlib.h is for. By custom status 0 is
 * success. */
[[noreturn]] void process_exit(uint64_t exit_status);

/* Appends text to the process's output, which goes to the log line by line. Any length. For printf and its kind, which collect lines first.
 * STATUS_OK, or what stopped it, with some of the text written. No text of its own making is refused (STATUS_BAD_LENGTH). */
enum status process_write(const char *text, uint64_t length_bytes);

struct process_self {
    uint32_t number;        /* what the log calls this process: pid= */
    uint64_t charged_pages; /* what it is charged, page tables included */
};

/* Describes the caller. STATUS_OK, or what the call itself was refused with (call, in syscall.h). */
enum status process_self(struct process_self *self);

/* Starts the module `name` (an image, a program) as a new process in one group of the caller's; GROUP_ANY: the one of the lowest number. `argument`
 * are the strings that follow the name in its argv; name and arguments take at most MESSAGE_BUFFER_BYTES with their NULs. The result is a handle for
 * process_wait, and to pass things to it; close it with handle_close. STATUS_NOT_FOUND: no such module. STATUS_BAD_IMAGE, STATUS_BAD_IMAGE_ORDER: it
 * cannot be started. STATUS_WRITE_EXECUTE: a part of it would be both. STATUS_BAD_LENGTH: the strings are too long. STATUS_BAD_ARGUMENT: the name is
 * empty, or no group. STATUS_NOT_MEMBER: the caller is not in the group, or in none. STATUS_NO_MEMORY; STATUS_LIMIT: too many processes or handles. */
enum status process_start_in(group_t group, const char *name, uint32_t argument_count, const char *const argument[], uint32_t *process);

/* The same as a member of a family (quire/family.h), which is charged for it; FAMILY_OWN: the caller's. STATUS_BAD_HANDLE, STATUS_STALE,
 * STATUS_BAD_OBJECT: no handle for a family. STATUS_NO_RIGHT: without RIGHT_CALL. STATUS_LIMIT, STATUS_NO_MEMORY: also of that family.
 * STATUS_NOT_FOUND, STATUS_BAD_IMAGE, STATUS_BAD_IMAGE_ORDER, STATUS_WRITE_EXECUTE, STATUS_BAD_LENGTH, STATUS_BAD_ARGUMENT, STATUS_NOT_MEMBER: as
 * process_start_in. */
enum status process_start_as(uint32_t family, group_t group, const char *name, uint32_t argument_count, const char *const argument[], uint32_t *process);

/* The same in GROUP_ANY: STATUS_NOT_FOUND, STATUS_BAD_IMAGE, STATUS_BAD_IMAGE_ORDER, STATUS_WRITE_EXECUTE, STATUS_BAD_LENGTH, STATUS_BAD_ARGUMENT,
 * STATUS_NOT_MEMBER, STATUS_NO_MEMORY, STATUS_LIMIT. */
enum status process_start(const char *name, uint32_t argument_count, const char *const argument[], uint32_t *process);

/* Makes a process that is as the calling one is now, and returns in both: here with a handle for the duplicate, as from process_start, there with
 * HANDLE_NONE. The duplicate has the same memory; a page that either of them writes to becomes its own then, but memory that was shared (memory_share) stays
 * shared. It is in the same groups, and has a handle of the same number, derived from the caller's, for each handle that has RIGHT_PASS, with its rights but
 * RIGHT_RECEIVE; so no endpoint of the caller's, no name, no watch is the duplicate's, and calls to an endpoint of the caller's reach the caller. Of several
 * threads only the calling one goes on there. Where there is much memory the others go on while it is shared, some 500 pages at a time: each page is there as
 * it was when its turn came, so what they change meanwhile is there as before or as after. Hold a lock for what has to be whole; to move brk or autogen they
 * wait. Output that stdio has not written yet is in both: flush it before. The caller's family is charged for all pages of the duplicate.
 * STATUS_NO_MEMORY; STATUS_LIMIT: too many processes, pages or handles. STATUS_NOT_MEMBER: the caller is in no group. STATUS_BAD_ADDRESS: never from here.
 * Then there is no duplicate. */
enum status process_duplicate(uint32_t *process);

struct process_result {
    enum process_end reason; /* PROCESS_EXITED, or why the pager ended it */
    uint64_t value;          /* exit status; for most other reasons the address (pager/protocol.h) */
};

/* Waits until the process has ended and all its memory is back, and says how it ended. STATUS_BAD_HANDLE, STATUS_STALE: no handle, or one
 * that is closed, or gone with the last group in common. The handle of an endpoint sends this as a message to whoever serves it. */
enum status process_wait(uint32_t process, struct process_result *result);

/* Something that happened to a process of one of the caller's groups. */
struct process_news {
    enum process_event kind;
    uint32_t number;              /* what the log calls it */
    group_t group;                /* of those in common the one of the lowest number */
    struct process_result result; /* PROCESS_EVENT_ENDED */
    uint64_t count_lost;          /* events after this one that there was no room for */
    char name[65];                /* of its module */
};

/* From now on sets the bits at an endpoint of the caller whenever a process of its groups starts or ends; with HANDLE_NONE: no more.
 * STATUS_BAD_HANDLE, STATUS_STALE. STATUS_NO_RIGHT: not an endpoint that the caller receives at. STATUS_BAD_ARGUMENT: no bits. STATUS_NO_MEMORY,
 * STATUS_LIMIT. */
enum status process_watch(uint32_t endpoint, uint64_t bits);

/* Takes the oldest event since process_watch, or the last call. STATUS_NOT_FOUND: there is none. STATUS_BAD_STATE: the caller does not watch. */
enum status process_next_event(struct process_news *news);

#endif
