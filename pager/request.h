/* Requests: the messages of protocol.def, decoded, and their handlers.
 *
 * A handler is named request_NAME after its row. It returns the reply's status and fills the reply's words; everything in a request comes from outside and is
 * checked by the handler that uses it. Words are reported only when the status is OK. */
#ifndef QUIRE_PAGER_REQUEST_H
#define QUIRE_PAGER_REQUEST_H

#include "pager.h"

struct request {
    struct process *caller;  /* whose request it is */
    struct process_thread *thread; /* of the caller: who asks */
    struct process *target;  /* the process of the handle it was sent to; nullptr: HANDLE_PAGER */
    const uint64_t *word;    /* MESSAGE_WORDS */
    const char *text;        /* the part in the message buffer */
    uint32_t text_bytes;
    uint64_t token;
};

struct answer {
    uint64_t *word;      /* MESSAGE_WORDS, zero: those of the action */
    uint32_t text_bytes; /* of pager->text: the part in the message buffer */
    bool is_deferred; /* no reply now: the caller waits, or has ended */
};

#define PROTOCOL(number, name, in, out, text) \
    enum status request_##name(struct pager *pager, const struct request *request, struct answer *answer);
#include "protocol.def"
#undef PROTOCOL

/* The group that a message word names for a process: one of its own, or for 0 the one of the lowest number. BAD_ARGUMENT, NOT_MEMBER. */
enum status request_group(const struct process *process, uint64_t word, uint32_t *group);

/* The family in which a process may start others by a message word: 0, its own; a handle with RIGHT_CALL. BAD_HANDLE, STALE, BAD_OBJECT, NO_RIGHT. */
enum status request_family(struct pager *pager, const struct process *process, uint64_t handle, struct family **family);

/* To whom the handle in word 2 leads. BAD_HANDLE, STALE (it has ended), BAD_OBJECT (a group, a family), NO_RIGHT. */
enum status request_receiver(const struct pager *pager, const struct request *request, struct process **receiver);

/* map with options in words 2 and 3; its protection has been checked (request_populate.c). */
enum status request_map_options(const struct request *request, struct answer *answer);

/* map and map_at without options where pager->map_policy is not MAP_TOUCHED: `bytes` at this address, 0: anywhere. The protection has been checked, and so has
 * the range of an address. BAD_LENGTH, LIMIT, NO_MEMORY; EXISTS: something is at the address (request_populate.c). */
enum status request_map_policy(const struct pager *pager, const struct request *request, uint64_t at, struct answer *answer);

/* A protection that memory of the mmap area may have: BAD_ARGUMENT, WRITE_EXECUTE. */
enum status request_check_protection(uint64_t asked);

/* Handles a message that is not a fault. */
void request_handle(struct pager *pager, const struct pager_message *message, struct pager_action *action);

#endif
