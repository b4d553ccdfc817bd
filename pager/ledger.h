/* The ledger: what a pager must not lose, and what the next one begins with.
 *
 * It is the records and tables of the processes, in their slots, and one more piece of memory behind the slots: the journal (journal.h), the message that is
 * being handled, what it was answered with, and some numbers of the whole. Everything else that the pager has follows from it and from the kernel's tables.
 *
 *   message arrives --> changes, each saved in the journal first --> ledger_close: the answer is kept, the journal is emptied --> answer goes out
 *
 * A pager that is lost before ledger_close() leaves a journal: what it had done can be undone, and the message is handled again from its beginning. One that is
 * lost after it leaves an answer: it is sent again, and the kernel refuses what it has had already, because a token is good once. So a message that changes
 * anything is done once, and one that changes nothing may be handled twice.
 *
 * Invariants:
 *  1. Outside of pager_handle() the journal is empty.
 *  2. The sum of a record is that of its words (ledger_check). */
#ifndef QUIRE_PAGER_LEDGER_H
#define QUIRE_PAGER_LEDGER_H

#include "journal.h"
#include "pager.h"

/* A process that is being ended: whoever takes over ends it for the same reason, whatever is left of it. */
struct ledger_ending {
    uint32_t number; /* of the process; 0: none */
    enum process_end reason;
    uint64_t value;
};

/* Pages on their way to another process: until the message is done they are the giver's, wherever they are. */
struct ledger_move {
    uint64_t token; /* of the message */
    uint32_t from, to; /* slots of the processes */
    uint64_t first, limit; /* at the giver */
    uint64_t address; /* at the receiver */
};

/* Pages of a device that are being mapped: if the message is not done they are nobody's. */
struct ledger_device {
    uint64_t token; /* of the message */
    uint32_t process; /* slot */
    uint64_t first, limit;
};

/* What families were promised, and what changes with processes: each is there twice, with a sum, and one of both is right. */
struct ledger_family {
    struct family_terms terms; /* without a limit of pages: there is no such family */
    struct family_time time;
    uint32_t parent, root;
};
struct ledger_families {
    uint64_t magic;
    uint64_t sequence;         /* of the journal, from which on this counts */
    uint64_t pages_all;        /* that were free before the first program started */
    struct ledger_family row[FAMILY_LIMIT];
    uint64_t sum;
};

struct ledger_numbers {
    uint64_t next_number;      /* of processes */
    uint64_t count_started;    /* modules that were started with the machine, or passed over */
    uint64_t has_failed;
    uint64_t sum;
};

struct ledger {
    struct pager_message received; /* the latest message */
    struct pager_action action; /* the latest */
    struct ledger_families families[2];
    struct ledger_numbers numbers[2];
    struct ledger_ending ending;

    struct ledger_move moving;
    struct ledger_device device;
    uint64_t text_token;       /* the message that `text` is of */
    uint64_t done_token;       /* the message that `action` answers, once nothing of it is to be done again */
    bool is_changed;           /* something of the latest message stays, whatever becomes of the rest */
    uint64_t tried_token;      /* the message that was taken up again last, */
    uint32_t tries;            /* and how often it was */

    char text[MESSAGE_BUFFER_BYTES];
    struct journal journal;
};
constexpr uint64_t LEDGER_MAGIC = 0x72656764656c5251; /* "QRledger" */
constexpr uint64_t LEDGER_BYTES = (sizeof(struct ledger) + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
constexpr uint64_t LEDGER_NOBODY = UINT64_MAX; /* no message has this token */
static_assert(LEDGER_BYTES <= SLOT_BYTES);

/* Where the ledger lies in the pager's window. */
static inline struct ledger *ledger_place(const struct pager *pager) { return (struct ledger *)(pager->slots + PROCESS_LIMIT * SLOT_BYTES); }

/* How often a message is taken up again before its sender gets an error. */
constexpr uint32_t LEDGER_TRIES = 2;

/* Takes the ledger's pages and begins an empty one. NO_MEMORY. */
enum status ledger_begin(struct pager *pager);
/* Keeps what each family was promised, before the first program starts. Later changes are kept by ledger_commit(). */
void ledger_keep_families(struct pager *pager);

/* A message begins to be handled. */
static inline void ledger_begin_message(struct ledger *ledger)
{
    ledger->done_token = LEDGER_NOBODY;
    ledger->is_changed = false;
}
/* The latest message has been handled, and `action` is what it is answered with: when it has changed anything, this becomes valid. */
void ledger_close(struct pager *pager);
/* Takes over the ledger that is there. BAD_STATE: there is none, or both copies of what is there twice are damaged. */
enum status ledger_adopt(struct pager *pager);
/* What was done so far stays, whatever becomes of the rest of the message. */
void ledger_commit(struct pager *pager);

/* A record begins to count, with all that is there; an ended one counts without its tables. */
void ledger_admit(struct process *process);
void ledger_retire(struct process *process);
/* A record that never counted is from now on that of an ended process. */
void ledger_remember_ended(struct process *process);
/* The sum of a record, counted anew. */
uint64_t ledger_sum(const struct process *process);

/* nullptr, or what does not hold. */
const char *ledger_check(const struct pager *pager);

#endif
