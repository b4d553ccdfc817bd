/* Threads: what runs, and what each one waits for.
 *
 *                 thread_start                     schedule
 *      STOPPED ------------------> READY <------------------------> RUNNING
 *         ^                          ^                                 |
 *         | thread_stop,             | reply, message, bits            | call or fault: nobody receives  --> SENDING
 *         | thread_destroy           |                                 | call or fault: handed over      --> WAITING
 *         | (from every state)       +-- SENDING, WAITING, RECEIVING <-+ receive: nothing there          --> RECEIVING
 *                                                                        SENDING --> WAITING when it is received
 *                                                                        nobody can pay --> EXHAUSTED --> READY at its timer (budget.h)
 *
 * Invariants (thread_check):
 *  1. READY is in the ready queue of its priority, SENDING and RECEIVING in the queue of `endpoint`, the others in no queue.
 *  2. WAITING is in the `callers` ring of `server`; in other states `caller` means nothing, nor does `server`, in whose place SENDING and
 *     RECEIVING threads have `endpoint`.
 *  3. `request` says what a SENDING or WAITING thread wants; the request itself stays whole until it is answered: a call in the
 *     saved registers, a fault in `fault`.
 *  4. A thread is in the list of clients of the endpoint to which its latest request went, answered or not, until that ends or another request goes
 *     elsewhere. So who calls one server again and again costs one compare, and an endpoint that ends finds whoever waits for an answer.
 *
 * A thread is one frame. Traps save straight into its context. What nearly every entry reads and writes stands in front of that: an offset below 128 is one
 * byte of an instruction, a larger one four. */
#ifndef QUIRE_THREAD_H
#define QUIRE_THREAD_H

#include "abi/message.h"
#include "arch.h"
#include "budget.h"
#include "frame.h"
#include "link.h"
#include "types.h"

struct endpoint;
struct space;

/* A ring through those who wait for a reply from one space, oldest last. */
struct caller_link {
    struct caller_link *next, *previous;
};

/* Threads that wait for the processor, or at an endpoint: through queue_next and queue_previous. */
struct thread_queue {
    struct thread *first, *last;
};

struct thread {
    struct space *space;
    struct thread *queue_next; /* ready queue or endpoint queue */
    struct thread *queue_previous;
    union {
        struct space *server;      /* WAITING: who may answer */
        struct endpoint *endpoint; /* SENDING, RECEIVING: where */
    };
    struct caller_link caller; /* WAITING: in server->callers */
    struct endpoint *client_of;
    void *buffer_pointer;      /* the message buffer in the direct map, or nullptr */
    union {
        uint64_t token; /* of the latest request: sequence number and this frame (abi/message.h) */
        struct {
            frame_t frame; /* this frame: the thread's name */
            uint32_t token_sequence;
        };
    };
    enum thread_state state;
    enum thread_request request;
    uint8_t priority;          /* what it runs at: its own, or that of a sender for whom it works */
    uint8_t own_priority;
    uint32_t priority_limit;   /* 2 << priority: ready priorities at or above it come first; 0: only the ordinary paths hand the processor to it */
    uint64_t payer;            /* account that pays when it runs */
    uint64_t account;          /* its own */

    struct arch_context context;

    uint64_t badge;            /* of the request, as the receiver sees it */
    struct thread *vectors_user; /* the thread itself if it has vector state, else nullptr. Not first here: its place would be kept for the trap stack's end */
    frame_t buffer;
    uint64_t label; /* the pager's name for it */
    struct link of_space;  /* in space->threads */
    struct link of_client; /* in client_of->clients */
    uint64_t seen_token;  /* the request at which thread_info or a look for late faults saw it last, */
    uint64_t seen_cycles; /* and when that was first */
    uint64_t told_token;  /* of the latest fault that was told to be unanswered */
    struct link every;    /* in deadline_threads (deadline.h) */
    struct budget budget;
    uint64_t served;       /* token of the request that was chosen from a queue and is worked on; 0: none (message.c) */
    uint64_t served_begin; /* what its payer and this thread had paid then */
    struct fault {
        uint32_t kind; /* enum fault_kind */
        uint64_t word[MESSAGE_WORDS];
    } fault;

    struct arch_vectors vectors;
};
static_assert(sizeof(struct thread) <= PAGE_BYTES);
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__); /* of the halves of a token */

/* The thread of a member: threads are frames. */
static inline struct thread *thread_of(const void *member)
{
    return (struct thread *)((uintptr_t)member & ~(uintptr_t)(PAGE_BYTES - 1));
}
/* Of a link of a list; nullptr: the list has ended. */
static inline struct thread *thread_of_link(const struct link *link)
{
    return link == nullptr ? nullptr : thread_of(link);
}

void thread_queue_insert(struct thread_queue *queue, struct thread *thread, bool at_front);
void thread_queue_remove(struct thread_queue *queue, struct thread *thread);

static inline void caller_insert(struct caller_link *ring, struct caller_link *link)
{
    struct caller_link *next = ring->next;
    *link = (struct caller_link){ next, ring };
    next->previous = ring->next = link;
}

static inline void caller_remove(const struct caller_link *link)
{
    link->previous->next = link->next;
    link->next->previous = link->previous;
}

/* Makes a stopped thread without a label and without vector state. `buffer`: FRAME_NONE or a USER frame, held until the thread ends. BAD_FRAME,
 * TOO_MANY_MAPPINGS, BAD_STATE (not mappable), NO_MEMORY. */
ARCH_HANDLER enum status thread_create(struct space *space, frame_t buffer, uint32_t priority, struct thread **thread);
/* Ends a thread in any state but RUNNING. */
void thread_destroy(struct thread *thread);
/* Takes a thread that is not RUNNING out of whatever it is in, to STOPPED. A request of its own is dropped. */
void thread_stop(struct thread *thread);
/* The same for a thread whose call is refused or ended with a status: it goes on with that. */
void thread_refuse(struct thread *thread, enum status status);
/* Ends the wait of a thread whose other side has ended: its call or receive answers PEER_ENDED; a fault cannot be answered, the thread is STOPPED. */
void thread_end_wait(struct thread *thread);
/* Says in the log that the thread's fault has nobody to go to. */
void thread_log_fault_lost(const struct thread *thread);
/* The living thread of a name, or nullptr. */
static inline struct thread *thread_find(uint64_t frame)
{
    return frame_object(frame, FRAME_KIND_THREAD);
}
/* The invariants above hold. For assert. */
bool thread_check(const struct thread *thread);

#endif
