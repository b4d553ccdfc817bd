/* Processes: a space, threads, segments, handles, services, and what they are charged.
 *
 *              process_create                 process_end                     last process handle closed
 *   (no slot) ----------------> PROCESS_RUNNING -----------> PROCESS_ENDED -----------------------------> (no slot)
 *                                                     \----> (no slot), when nobody holds a handle for it
 *
 * The memory of a small process goes with its end. That of a large one goes in steps after it (`going`, work.h); who waits for the end is answered when all
 * of it is back.
 *
 * A process lives in a slot of the pager's window (slot.h): its record in the first page, then room for its tables. A few slots that nobody has keep their
 * first pages, empty, so that a start need not take them again; they are charged to nobody, and a pager that takes over gives them back. Its
 * number is never used again; the badge of its messages names slot and number, so that a message of a process that has ended is recognised.
 *
 * Invariants (pager_check):
 *  1. A running process has a space and a thread; an ended one has its record, and perhaps an empty page of rows. As long as it is going it also has its
 *     segments, and its first row stands in the list of work.
 *  2. `references` counts the process handles of others that name it.
 *  3. A duplicate on its way (`making`) is named in its parent's record only: the pager's table of slots and handles do not lead to it. It
 *     is charged like any other. */
#ifndef QUIRE_PAGER_PROCESS_H
#define QUIRE_PAGER_PROCESS_H

#include "alarm.h"
#include "family.h"
#include "group.h"
#include "holding.h"
#include "kernel.h"
#include "module.h"
#include "process_thread.h"
#include "segment.h"
#include "service.h"
#include "watch.h"

struct pager;

enum process_state : uint8_t { PROCESS_RUNNING, PROCESS_ENDED };

constexpr uint32_t PROCESS_LIMIT = 4096;  /* at a time: as many as a badge can name (process.c) */
constexpr size_t PROCESS_NAME_BYTES = 64;
constexpr size_t OUTPUT_LINE_BYTES = 200; /* as logged, escapes counted */
constexpr uint64_t PROCESS_OBJECTS = 2;   /* frames of the kernel: control page and root of the space, */
constexpr uint64_t THREAD_OBJECTS = 1;    /* and for each thread */

/* Memory whose pages may still have other rights than their segments (settle.h). */
struct unsettled {
    uint64_t first, limit;
};

/* A duplicate of a process that is on its way (process_duplicate.c). No record names it, no slot leads to it: a pager that takes over sweeps it, and who asked
 * for it asks from the beginning. */
struct making {
    struct process *process; /* that is being made; nullptr: none */
    uint64_t thread;         /* number of the thread that asks for it */
    uint64_t at;             /* memory below is there */
    uint64_t down;           /* of `row`, if it grows down: what lies above is there */
    struct segment *row;     /* of the duplicate, of which a part is there; or nullptr */
};

/* What must not be lost comes first, from `badge` up to first.wait.next; journal_save() goes before each change of it. The rest follows from it and
 * from the tables of the slot, but for `line`, which is taken as it is found. */
struct process {
    struct record record;
    uint64_t badge;  /* of its own messages while it runs; else 0, which no message has */
    uint32_t index;  /* of the slot */
    uint32_t number; /* in the log; from 1, never again */
    enum process_state state;
    bool is_write_execute; /* its autogen segment may be writable and executable at once */
    bool is_from_boot;     /* started with the machine, not by another process */
    bool is_driver;        /* may use devices, and memory whose physical address it knows; what it starts may not */
    struct family *family; /* that is charged */
    space_id_t space;
    uint64_t last_thread;   /* the highest number of a thread so far */
    uint64_t break_first;   /* brk: [break_first, break_address) */
    uint64_t break_address;
    uint64_t autogen_low;   /* autogen: [autogen_low, LAYOUT_AUTOGEN_TOP) */
    uint32_t autogen_protection;
    enum process_end reason;
    struct unsettled unsettled;
    uint64_t mover;         /* number of the thread that is moving brk or autogen by more than one message may; others are to ask again while it runs */
    uint64_t value;
    char name[PROCESS_NAME_BYTES + 1];
    struct group_set groups;
    struct watch watch;
    struct alarm alarm;
    struct process_thread first; /* the first place (process_thread.h) */

    struct slot slot;
    struct segment_table segments;
    struct holding_table holdings;
    struct service_table services;
    uint8_t group_pages;       /* bit n: page n of its groups is taken */

    uint32_t count_threads;
    uint32_t thread_pages; /* of rows of threads, that are taken */
    uint32_t changes;      /* of what is mapped for it, or of what may be done there */

    uint32_t peer;         /* slot of who started it, the likeliest to be in its groups too (group.c) */
    struct process *next_watcher; /* in the pager's list */
    uint32_t references;
    struct process_thread *waiters; /* who waits for its end, the latest first (wait.next) */
    space_id_t going;      /* it has ended, and its memory is still being taken out of this space; else 0 */
    struct making making;

    uint32_t line_bytes;
    bool line_continues;
    char line[OUTPUT_LINE_BYTES];
};
static_assert(offsetof(struct process, record) == 0);
constexpr size_t PROCESS_KEPT_BYTES = offsetof(struct process, first) + THREAD_KEPT_BYTES;
constexpr size_t PROCESS_ENDED_BYTES = offsetof(struct process, first); /* of an ended one */
static_assert(offsetof(struct process, groups) % 8 == 0 && offsetof(struct process, watch) % 8 == 0);
static_assert(offsetof(struct process, alarm) % 8 == 0 && offsetof(struct process, first) % 8 == 0);

/* Where the tables that begin small lie in a slot; slot.h says where the others do. That of handles begins in the record's page. */
constexpr uint64_t SLOT_HOLDINGS = PAGE_BYTES - HOLDING_RECORD * sizeof(struct holding);
constexpr uint64_t SLOT_HOLDING_PAGES = PAGE_BYTES;
constexpr uint64_t SLOT_SERVICES = (SLOT_HOLDINGS + HOLDING_LIMIT * sizeof(struct holding) + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
static_assert(sizeof(struct process) <= SLOT_HOLDINGS);
constexpr uint64_t SLOT_GROUPS = SLOT_SERVICES + (SERVICE_LIMIT * sizeof(struct service) + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
constexpr uint64_t SLOT_WATCH = SLOT_GROUPS + GROUP_PAGES_MOST * PAGE_BYTES;
constexpr uint64_t SLOT_THREADS = SLOT_WATCH + PAGE_BYTES;
static_assert(SLOT_THREADS + THREAD_PAGES_MOST * PAGE_BYTES <= SLOT_AREA);
static_assert(SEGMENT_LIMIT * sizeof(struct segment) <= SLOT_ROWS_BYTES);

/* Badges. Type 0: a message of the process itself; type 1: a call to a handle that `holder` has for the process. */
uint64_t process_badge(const struct process *process);
uint64_t process_handle_badge(const struct process *process, const struct process *holder);
struct badge_parts {
    struct process *process; /* running, or ended where a handle names it; nullptr: stale */
    struct process *holder;  /* of the handle; nullptr: a message of the process itself */
};
struct badge_parts process_of_badge(const struct pager *pager, uint64_t badge);

/* Most bytes of a program's name and arguments with their NULs: they share the message buffer with struct start_info. */
constexpr uint32_t START_TEXT_BYTES = MESSAGE_BUFFER_BYTES - sizeof(struct start_info);

/* Starts a module's image as a process of a family, in a group. `text`: its name and arguments, each with its NUL. Every status leaves all as it was. */
enum status process_create(struct pager *pager, struct family *family, uint32_t group, const struct module *module, const char *text,
                           uint32_t text_bytes, struct process **process);
/* Makes a process from another one: the same memory, lazily copied, the same groups, the handles that may be passed on (holding_duplicate). Its thread begins
 * at an instruction with a stack pointer. AGAIN: there is more memory than one message may share, the thread is to ask again. BAD_ADDRESS (one of these),
 * NO_MEMORY, LIMIT: all is as it was, but that pages of memory that was shared in earlier messages are without WRITE until they are written to. */
enum status process_duplicate(struct pager *pager, struct process *parent, const struct process_thread *thread, uint64_t instruction, uint64_t stack,
                              struct process **process);
/* Whether a duplicate is on its way: the ends of brk and autogen stay where they are until it is there. */
static inline bool process_is_duplicated(const struct process *process) { return process->making.process != nullptr; }
/* Nothing will come of a duplicate that may be on its way: what there is of it goes, in steps where it is much. */
void process_duplicate_abandon(struct pager *pager, struct process *parent);
/* Says in the log that a process has been started, where that is told. */
void process_tell_start(const struct pager *pager, const struct process *process);
/* Ends a process: everything it had is given back, who waited for it is answered, others go on. What is too much for one message goes in steps. */
void process_end(struct pager *pager, struct process *process, enum process_end reason, uint64_t value);
/* All segments of an ended process that was going are gone: the rest of its end. */
void process_end_going(struct pager *pager, struct process *process);
/* The very last of an end: who waits for it is answered, and its slot is free unless a handle names it. For a pager that takes over; else it is so. */
void process_finish(struct pager *pager, struct process *process);
/* Which slots are free, for a pager that takes over: from what processes there are. */
void process_find_free_slots(struct pager *pager);
/* Gives the pages back that free slots have kept. */
void process_give_spares(struct pager *pager);
/* One process handle less: an ended process that nobody can ask about any more gives its record back. */
void process_release(struct pager *pager, struct process *process);

/* The space that has its memory: its own, or what is left of it; 0: none. */
static inline space_id_t process_memory(const struct process *process) { return process->state == PROCESS_RUNNING ? process->space : process->going; }

/* Pages charged to its own family, counted anew: mapped pages with the bound of their tables, kernel objects, and the pager's own pages for the process. What
 * was given to it is not among them. */
uint64_t process_charge(const struct process *process);

/* Whether the log tells its start and its good end: those of the boot; all while processes are traced, or with a kernel built for tests. */
bool process_is_told(const struct pager *pager, const struct process *process);

const char *process_end_name(enum process_end reason);

#endif
