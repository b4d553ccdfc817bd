/* The simulated machine of the pager: the real portable kernel over arch/host, the real pager in its first thread, programs played by tests.
 *
 * A test says what a program does (touch an address, send a message, cause an exception); the kernel makes a fault or a message of it, the pager answers
 * through the seam, and the test sees what became of the program. Nothing is faked but the processor: page tables, endpoints, handle rows, tokens and the
 * scheduler are the kernel's. One machine at a time. */
#ifndef QUIRE_SIM_H
#define QUIRE_SIM_H

#include "pager.h"

/* --- The machine --- */

struct sim_module {
    const char *line; /* the module's command line */
    const void *bytes;
    size_t size_bytes;
};

struct sim_options {
    uint64_t memory_bytes; /* 0: 64 MiB */
    uint64_t trace;
    const char *arguments; /* of the kernel; nullptr: none */
    bool audits;           /* the pager finds a kernel built for tests and checks itself whenever a process ends; tests call sim_check() anyway */
};

/* Makes a machine with these modules, starts the pager, lets it start its programs. */
void sim_start(const struct sim_options *options, const struct sim_module *modules, size_t count_modules);
/* The same up to the pager's own check of the boot information, of which `damage` may change a copy: the status of pager_initialise(). */
enum status sim_boot(const struct sim_options *options, const struct sim_module *modules, size_t count_modules, void (*damage)(struct boot_info *));

/* Ends every process and the machine; asserts that all that was taken since the boot has come back. sim_boot() does it with the machine before. */
void sim_stop(void);

extern struct pager sim_pager;
/* machine_end was called: 1 + its code; else 0. */
uint32_t sim_ended(void);
/* After what free slots have kept was given back. */
uint64_t sim_free_frames(void);
/* Everything that was logged since sim_log_clear(). */
const char *sim_log(void);
void sim_log_clear(void);
/* Times that the pager entered the kernel, and calls of one number. */
uint64_t sim_count_calls(void);
uint64_t sim_count_call(enum call_number number);

/* --- Losing the pager --- */

/* The pager is lost at the n-th point from now, and once more `again` points later (0: not), which may be in the recovery; `damage` may change its ledger
 * then. Points: before and after each call that it makes, before and after each message. Another one takes over at once. at 0: it is never lost. */
void sim_lose(uint64_t at, uint64_t again, void (*damage)(void));
/* Points since then; how often it was lost in all. */
uint64_t sim_count_points(void);
uint64_t sim_count_lost(void);
/* Messages and faults that the pager has received, in all. */
uint64_t sim_count_messages(void);

/* --- Failing on purpose --- */

/* The n-th allocating call from now on (1: the next one) answers NO_MEMORY; 0: none does. */
void sim_fail_allocation(uint64_t n);
/* The next resolve answers this status without doing anything. OK: none does. */
void sim_fail_resolve(enum status status);
/* Calls, resolves among them, that the kernel itself refused for want of memory, in all. */
uint64_t sim_count_refused(void);
/* Allocating calls since sim_fail_allocation() was last called. */
uint64_t sim_count_allocations(void);
/* From now on, on this machine and others, one space_unmap gets at most so many entries, as if the kernel's steps were that short; 0: STEP_PAGES. */
void sim_step_pages(uint64_t most);

/* --- What programs do. A program is its process's number, for the first of its threads that there is, or sim_thread_of() for a certain one. --- */

constexpr uint32_t SIM_THREADS = 1 << 24; /* above the numbers of processes */
constexpr uint64_t SIM_THREAD_LIMIT = UINT32_MAX / SIM_THREADS + 1; /* above the numbers of threads that can be named */
static inline uint32_t sim_thread_of(uint32_t number, uint64_t thread) { return number + (uint32_t)thread * SIM_THREADS; }

enum sim_outcome : uint8_t {
    SIM_GOES_ON,
    SIM_WAITS, /* its call has not been answered yet */
    SIM_GONE,  /* the process, or the thread, has ended */
};

struct sim_reply {
    enum sim_outcome outcome;
    enum status call;  /* what the system call answered */
    enum status label; /* what the pager answered, when call is OK */
    uint64_t word[MESSAGE_WORDS];
};

/* The record of a process, or nullptr. */
struct process *sim_process(uint32_t number);

/* A segment of a process by its number in address order, counted from 0. */
struct segment *sim_segment(const struct process *process, uint32_t index);

/* A call: tag and words are sent as they are, `text` lies in the program's message buffer. */
struct sim_reply sim_call(uint32_t number, uint32_t handle, uint64_t tag, const uint64_t word[MESSAGE_WORDS], const void *text, size_t text_bytes);
/* A request to the pager. */
struct sim_reply sim_request(uint32_t number, enum protocol label, uint64_t word0, uint64_t word1, uint64_t word2);
struct sim_reply sim_request_text(uint32_t number, enum protocol label, uint64_t word0, const void *text, size_t text_bytes);
/* A program's message buffer. */
const char *sim_text(uint32_t number);
/* What became of a call that waited. */
struct sim_reply sim_look(uint32_t number);
/* receive at a handle without waiting: the status, and the badge that was seen. */
enum status sim_receive(uint32_t number, uint32_t handle, struct pager_message *message);
/* notify through a handle. */
enum status sim_notify(uint32_t number, uint32_t handle, uint64_t bits);
/* A reply to the caller of a token, without waiting for the next message. */
void sim_reply_to(uint32_t number, uint32_t handle, const struct pager_message *message);

/* One access of FAULT_READ, FAULT_WRITE or FAULT_EXECUTE, with as many faults as it takes. nullptr: the process has ended. */
void *sim_touch(uint32_t number, uint64_t address, uint64_t access);
/* An exception of the processor. */
enum sim_outcome sim_exception(uint32_t number, uint32_t vector, uint32_t error);
/* A fault as the kernel would deliver it if it came now, whatever the page tables say. */
enum sim_outcome sim_fault(uint32_t number, uint64_t access, uint64_t address);
/* Lets the test call functions of the pager, as the pager, between two messages; ends with sim_leave_pager(). */
void sim_enter_pager(void);
void sim_leave_pager(void);
/* Ends a process in whatever state it is, between two messages. */
void sim_end(uint32_t number);
/* Runs the pager until it waits for a message: pauses in its work (pager/work.h) are over at once, unless time stands still. */
void sim_run(void);
/* Time stands still, or goes on. */
void sim_hold_time(bool holds);
/* One pause is over, if the pager makes one. */
void sim_pause(void);

/* --- Looking --- */

/* The ledger holds, the kernel's checker finds nothing, and both agree on every page. nullptr, or what does not hold. */
const char *sim_check(void);
/* The frame behind a page of a process and its attributes; false: none. */
bool sim_page(uint32_t number, uint64_t address, uint64_t *frame, uint32_t *attributes);

#endif
