/* Workers: threads in spaces that share this program's image. Their faults come to HANDLE_PAGER with the worker's badge.
 *
 * A worker of PRIORITY_FIRST runs at once when it is started or answered, until it stops at something; so a case needs to wait for nothing, and takes
 * what must be there with receive and RECEIVE_DO_NOT_WAIT: what is missing is a failed expectation, not a machine that hangs.
 * A worker's function that returns jumps to address 0: that fault is how it says that it is done. */
#ifndef QUIRE_WORKER_H
#define QUIRE_WORKER_H

#include "case.h"

constexpr uint32_t PRIORITY_FIRST = PRIORITY_PAGER + 1;
constexpr uint64_t BADGE = 0xb0001; /* of workers, for cases that have one or count up */

struct worker {
    uint64_t space, thread, badge;
    int stack;
};

/* A space with this program's image; and one whose faults go to another endpoint. */
uint64_t worker_space(uint64_t badge);
uint64_t worker_space_of(uint64_t pager, uint64_t badge);
/* Ends a space without threads. */
void worker_space_end(uint64_t space);

struct worker worker_make(uint64_t badge, uint32_t priority, uint64_t flags);
/* One more thread in a space; `buffer`: FRAME_NONE or its message buffer. worker_end() of it leaves the space alone. */
struct worker worker_join(uint64_t space, uint64_t badge, uint32_t priority, uint64_t flags, uint64_t buffer);
/* Starts the stopped thread. */
void worker_start(const struct worker *worker, void (*function)(uint64_t), uint64_t argument);
/* Stops it wherever it is, and starts it. */
void worker_restart(const struct worker *worker, void (*function)(uint64_t), uint64_t argument);
/* The first stack pointer that worker_start() gives. */
uint64_t worker_stack(const struct worker *worker);
void worker_leave(struct worker *worker); /* ends the thread */
void worker_end(struct worker *worker);   /* ends thread and space */

/* Takes the message that must be waiting at HANDLE_PAGER. */
bool worker_take(struct message *message);
/* Takes a message and expects that it says that the worker is done. */
bool worker_take_done(const struct worker *worker);
/* Expects that nothing is waiting. */
void worker_take_none(void);

/* Answers a token without waiting for anything. */
enum status worker_answer(uint64_t token, uint64_t tag, const uint64_t word[MESSAGE_WORDS]);
/* resolve and handle_resolve, in the same way. */
enum status worker_handle_resolve(uint64_t token, uint64_t endpoint, uint64_t badge, uint64_t rights);
enum status worker_resolve(uint64_t token, uint64_t page_and_attributes, uint64_t frame, uint64_t count_pages);

/* What a worker does with worker_exchange(index): one message call, and what came of it. */
enum exchange_kind : uint32_t { EXCHANGE_CALL, EXCHANGE_RECEIVE, EXCHANGE_REPLY_RECEIVE, EXCHANGE_NOTIFY };
struct exchange {
    enum exchange_kind kind;
    uint32_t handle;
    uint64_t flags; /* of receive; bits of notify */
    struct message message;
    enum status status;
    bool is_over;
};
constexpr unsigned EXCHANGES = 48;
extern struct exchange exchanges[EXCHANGES];
void worker_exchange(uint64_t index);
/* Sets exchange `index` and starts the worker on it. */
void worker_start_exchange(const struct worker *worker, unsigned index, struct exchange exchange);

#endif
