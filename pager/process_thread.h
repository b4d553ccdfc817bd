/* Threads of a process: what runs in it, and what each waits for.
 *
 * The first row stands in the process's record, so that a process with one thread has no page for it; rows of further threads lie in pages of the slot, which
 * are taken when they are needed and go with the process. A row's place says where the thread's message buffer lies: the buffers of a process are one segment,
 * a page for each place up to the last that is used. A number is that place and how often a thread began, so it leads to its row and does not come back.
 *
 *   free --process_thread_create--> runs --process_thread_end--> free
 *                                                        \-----> ended, its row stays until memory that it was giving back is gone --> free
 *
 * Messages carry the badge of the space; their token says which thread asks, faults carry its number. Each waits by itself.
 *
 * Invariants (pager_check):
 *  1. A row with a number has a thread, or waits for the end of work (WAIT_WORK) without a token. Others are empty.
 *  2. The number of a row says its place, and is not above `last_thread` of the process; `count_threads` counts threads.
 *  3. A wait that is not WAIT_NOTHING has the token of its call, unless the thread has ended.
 *  4. The segment of buffers has a page for each place up to the last row with a number, or for the first. */
#ifndef QUIRE_PAGER_PROCESS_THREAD_H
#define QUIRE_PAGER_PROCESS_THREAD_H

#include "kernel.h"
#include "layout.h"
#include "service.h"

struct pager;
struct process;

enum wait_kind : uint8_t { WAIT_NOTHING, WAIT_NAME, WAIT_PROCESS, WAIT_THREAD, WAIT_WORK, WAIT_READY };

constexpr uint32_t THREAD_LIMIT = 64;       /* of a process */
constexpr uint32_t PROCESS_THREAD_FIRST = 1; /* number of the one that a process begins with */
static_assert(THREAD_LIMIT <= LAYOUT_BUFFERS);

/* A call that waits for its answer. */
struct wait {
    enum wait_kind kind;
    enum status status;          /* WAIT_READY: the answer */
    uint64_t token;
    uint32_t process_index;      /* WAIT_PROCESS */
    uint32_t thread_number;      /* WAIT_THREAD: another of the same process */
    uint64_t word[2];            /* WAIT_READY: the answer; WAIT_WORK: [word[0], word[1]) is what is left */
    struct service_name name;    /* WAIT_NAME; else empty */
    struct process_thread *next; /* WAIT_READY: in the pager's queue; WAIT_PROCESS: who waits for the same end. From here on nothing is kept (ledger.h) */
    bool was_seen;               /* by waits_look(), at the last look */
};

struct process_thread {
    thread_id_t thread; /* the kernel's name */
    uint64_t number;    /* 0: the row is free */
    uint64_t stack;     /* where its stack pointer began; of the first one 0: it has a segment of its own kind */
    struct wait wait;

    struct process_thread *next_work; /* in the pager's list of work */
    struct process_thread *next_asking; /* while waits are reported: the next that waits for the same process */
    uint64_t fault_address;  /* of its latest fault that mapped nothing, */
    uint32_t fault_repeats;  /* how often it came, */
    uint32_t fault_changes;  /* and what process.changes was then */
};
constexpr size_t THREAD_KEPT_BYTES = offsetof(struct process_thread, wait) + offsetof(struct wait, next);
constexpr uint32_t THREADS_PER_PAGE = PAGE_BYTES / sizeof(struct process_thread);
constexpr uint32_t THREAD_PAGES_MOST = (THREAD_LIMIT - 1 + THREADS_PER_PAGE - 1) / THREADS_PER_PAGE;

/* Places of rows whose page is there; a loop over all threads goes through these and passes over rows without a number. */
uint32_t process_thread_places(const struct process *process);
/* The row at a place below that. */
struct process_thread *process_thread_at(const struct process *process, uint32_t place);
/* The row of a number, or nullptr when the thread has ended or never was. */
struct process_thread *process_thread_find(const struct process *process, uint64_t number);
/* The row of the thread that sent a message, or nullptr. */
struct process_thread *process_thread_of_token(const struct process *process, uint64_t token);
/* Whose thread it is. */
struct process *process_of_thread(const struct pager *pager, const struct process_thread *row);
/* Where a thread's message buffer lies. */
uint64_t process_thread_buffer(const struct process_thread *row);

struct thread_begin {
    uint64_t instruction, stack, argument;
};
/* Starts another thread of a running process. LIMIT (threads of the process, pages of the family), NO_MEMORY, BAD_ADDRESS. */
enum status process_thread_create(struct process *process, const struct thread_begin *begin, struct process_thread **made);
/* Ends a thread in any state, and answers who waits for its end. It is not the only one. */
void process_thread_end(struct pager *pager, struct process *process, struct process_thread *row);
/* The row of a thread that has ended before its work was done is free now. */
void process_thread_forget(struct process *process, struct process_thread *row);
/* Ends all threads of a process that goes; their rows are left with their numbers. */
void process_thread_end_all(struct process *process);
/* Gives the pages of rows back; all threads have ended. */
void process_thread_give_pages(struct process *process);
/* Makes the segment of buffers as long as the rows need. For a pager that takes over; else it is so. */
void process_thread_trim(struct process *process);

/* Goes before each change of a row. */
void process_thread_save(const struct process_thread *row);
/* The same where a name comes. */
void process_thread_save_name(const struct process_thread *row);
/* Answers the call that a thread waits in; the reply goes out with one of the next actions. */
void process_thread_wake(struct pager *pager, struct process_thread *row, enum status status, uint64_t word0, uint64_t word1);
/* Puts a thread that waits for the end of a process (WAIT_PROCESS) where that finds it. */
void process_thread_await(struct process *process, struct process_thread *row);
/* Takes a thread out of whatever list its wait has put it in. */
void process_thread_leave(struct pager *pager, struct process_thread *row);

#endif
