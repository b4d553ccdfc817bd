/* The pager: what a message means, and what is to be done about it.
 *
 * A deterministic state machine. pager_handle() takes one message and says in one action what the loop does next; on the way it reaches the kernel through
 * kernel.h only. The same messages give the same actions and the same calls, on the machine and on the host.
 *
 *   message --> pager_handle --> ACTION_RESOLVE  map a page for a stopped thread, then wait      (resolve: the only kernel entry of a fault)
 *                            --> ACTION_HANDLE   fill the row that a call misses, then wait       (handle_resolve, likewise)
 *                            --> ACTION_REPLY    answer a caller, then wait                      (reply_receive)
 *                            --> ACTION_WAIT     nobody to answer now                            (receive)
 *                            --> ACTION_POLL     a message if one waits, else pager_work()       (receive)
 *                            --> ACTION_END      the last program has ended and the machine ends with it
 *
 * A resolve that the kernel refuses comes back through pager_resolve_failed(), which says what to do instead. */
#ifndef QUIRE_PAGER_H
#define QUIRE_PAGER_H

#include "abi/boot_info.h"
#include "family.h"
#include "kernel.h"
#include "module.h"
#include "process.h"

struct pager_message {
    uint64_t badge;
    uint64_t tag;
    uint64_t word[MESSAGE_WORDS];
    uint64_t token;
};

enum pager_action_kind : uint8_t { ACTION_WAIT, ACTION_REPLY, ACTION_RESOLVE, ACTION_HANDLE, ACTION_POLL, ACTION_END };

/* What a field's comment does not name among its kinds is not set: a fault pays for no field that it does not need. */
struct pager_action {
    enum pager_action_kind kind;
    uint32_t code;                /* END: 0 is success */
    uint64_t token;               /* REPLY, RESOLVE, HANDLE: whom */
    struct holding_row row;       /* HANDLE */
    uint64_t page;                /* RESOLVE: page address | attributes */
    uint64_t frame;               /* RESOLVE: frame or FRAME_FRESH */
    uint64_t count_pages;         /* RESOLVE */
    uint64_t tag;                 /* REPLY */
    uint64_t word[MESSAGE_WORDS]; /* REPLY */
};

static inline void action_wait(struct pager_action *action) { action->kind = ACTION_WAIT; }

static inline void action_clear(struct pager_action *action)
{
    for (unsigned i = 0; i < MESSAGE_WORDS; i++) action->word[i] = 0;
}

/* An answer with this label; its words are zero and may be set after. */
static inline void action_reply(struct pager_action *action, uint64_t token, uint32_t label)
{
    action->kind = ACTION_REPLY;
    action->token = token;
    action->tag = tag_make(label, 0);
    action_clear(action);
}

/* What to resolve a fault with; count_pages 0: nothing. */
struct fault_answer {
    uint64_t page; /* address | attributes */
    uint64_t frame;
    uint64_t count_pages;
};

static inline void action_resolve(struct pager_action *action, uint64_t token, const struct fault_answer *answer)
{
    action->kind = ACTION_RESOLVE;
    action->token = token;
    action->page = answer->page;
    action->frame = answer->frame;
    action->count_pages = answer->count_pages;
}

static inline void action_handle(struct pager_action *action, uint64_t token, const struct holding_row *row)
{
    action->kind = ACTION_HANDLE;
    action->token = token;
    action->row = *row;
}

static inline void action_end(struct pager_action *action, uint32_t code)
{
    action->kind = ACTION_END;
    action->code = code;
}

struct ledger;

constexpr uint64_t MAP_ONCE_BYTES_MOST = (uint64_t)8 << 20; /* in one message: who boots with it wants that */

/* How memory of the mmap area comes that is mapped without options (fill=). */
enum map_policy : uint8_t {
    MAP_TOUCHED, /* each page when it is touched */
    MAP_ONCE,    /* all of it at the request, or the request is refused: up to MAP_ONCE_BYTES_MOST. What is longer comes when it is touched */
    MAP_LARGE,   /* when it is touched, in large pages where memory and place allow it */
};

/* A group that the command lines of modules name. */
struct boot_group {
    struct text_span name;
    uint32_t group;
};

struct pager {
    const struct boot_info *boot;
    char *buffer;                 /* the message buffer */
    frame_id_t buffer_frame;
    endpoint_id_t endpoint;
    uint64_t trace;               /* TRACE_... */
    bool ends_machine;            /* end=exit */
    uint64_t stack_bytes;         /* limit of a program's stack */
    uint64_t waits_seconds;       /* between looks for waits that last too long; 0: none */

    struct module modules[BOOT_MODULES];
    uint32_t count_modules;

    struct family family[FAMILY_LIMIT]; /* those of the boot by module, then those that were founded */
    bool families_changed;              /* since the ledger was told */
    uint32_t count_alarms;
    struct pool pages;                  /* frames */
    struct pool slots_free;             /* process slots */

    char *slots;                  /* PROCESS_LIMIT slots of SLOT_BYTES in the pager's window */
    struct process *process[PROCESS_LIMIT]; /* by slot; nullptr: free */
    uint32_t slot_limit;          /* no slot from here on was ever used: here loops over all processes end */
    uint32_t count_free_slots;
    uint16_t free_slot[PROCESS_LIMIT]; /* below it, without pages; the last one is taken first, so that slot_limit stays low */
    uint32_t spare_slot[SLOT_SPARES]; /* free ones that have their pages still, empty (process.c) */
    uint32_t count_spare_slots;
    uint32_t names[SERVICE_LISTS]; /* heads of the lists of names (service.h) */
    uint32_t next_group;          /* id that is tried next */
    struct boot_group boot_groups[BOOT_MODULES * MODULE_GROUPS]; /* the groups that boot modules named */
    uint32_t count_boot_groups;
    uint32_t next_number;
    uint32_t count_started;       /* modules that were started with the machine, or passed over */
    uint32_t count_running;
    uint32_t count_going;         /* that have ended and whose memory is being taken out (process_end.c) */
    struct process *watchers;     /* who have a watch, the latest first (next_watcher) */
    struct process_thread *ready_first; /* WAIT_READY, in order */
    struct process_thread *ready_last;
    struct process_thread *work_first;  /* who waits for memory that is being taken away, in turn (work.h) */
    bool is_step_next;            /* the end of the next pause brings a step; else a look at what waits */
    bool is_waking;               /* a notification of our own is on its way */
    bool is_pausing;              /* the timer runs until the next step of work */

    uint64_t count_faults;        /* resolved */
    uint64_t count_resolving;     /* pages of the latest answer to a fault */
    uint32_t around;              /* pages that one fault maps at most */
    enum map_policy map_policy;
    bool is_quick;                /* faults are not traced */
    bool audits;                  /* the kernel was built for tests: everything is checked whenever a process has ended */
    bool has_failed;              /* a program of the boot did not exit with status 0 */
    char *text;                   /* the message's part in the buffer, copied before anything else uses the buffer (ledger.h) */
    struct ledger *ledger;        /* what a pager that takes over begins with */
};

/* Bytes of the pager's window, from boot_info.image_limit up. The slots come first. */
constexpr uint64_t PAGER_WINDOW_BYTES = (PROCESS_LIMIT + 2) * SLOT_BYTES; /* the slots begin at a multiple of their size; the ledger is behind them */

/* Checks the boot information and makes an empty state. BAD_BOOT_INFO. `pager` is all zero. */
enum status pager_initialise(struct pager *pager, const struct boot_info *boot);
/* The same without a ledger: for a pager that takes over (recover.h). */
enum status pager_prepare(struct pager *pager, const struct boot_info *boot);
/* Starts the programs that came with the kernel; says what the loop does first. */
void pager_start(struct pager *pager, struct pager_action *action);

/* Makes the groups that modules name, as pager_start() does. */
void pager_name_groups(struct pager *pager);
/* Starts those that have not been started. */
void pager_start_rest(struct pager *pager, struct pager_action *action);

/* Makes sure that the pager gets to what is left to do, answers or work, by itself. */
void pager_go_on(struct pager *pager);

void pager_handle(struct pager *pager, const struct pager_message *message, struct pager_action *action);
/* ACTION_POLL found nothing waiting. */
void pager_work(struct pager *pager, struct pager_action *action);
/* The kernel refused, with `status`, the ACTION_RESOLVE that was the answer to this message. */
void pager_resolve_failed(struct pager *pager, const struct pager_message *message, enum status status, struct pager_action *action);

/* What follows when charges have changed: limits go back to whom they came from, alarms go off. Before the ledger is closed or committed. */
void pager_settle(struct pager *pager);

/* The ledger holds: every invariant of segments, processes, handles and services. Returns nullptr, or the first thing that does not hold. That it agrees
 * with the kernel's page tables is checked where both can be seen, in tests/sim/. */
const char *pager_check(const struct pager *pager);

/* With a kernel built for tests: the kernel's checker, the one above, and both compared with each other. False, and a line in the log, when something
 * does not hold. With any other kernel: true. */
bool pager_audit(const struct pager *pager);

#endif
