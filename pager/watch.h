/* Watches: processes that are told when others of their groups start and end.
 *
 * Who watches has a ring of events in a page of its slot, and gets bits at an endpoint of its own when there is one more. What does not fit is
 * counted, not kept: a watcher that does not look costs a page and no more. It sees only processes with which it has a group in common at that moment.
 *
 * Invariants (pager_check):
 *  1. A watch that is on has a page and an endpoint; one that is off has neither. It ends with the endpoint.
 *  2. first < WATCH_EVENTS, count <= WATCH_EVENTS. */
#ifndef QUIRE_PAGER_WATCH_H
#define QUIRE_PAGER_WATCH_H

#include "kernel.h"
#include "protocol.h"

struct pager;
struct process;

constexpr uint32_t WATCH_EVENTS = 32;
constexpr size_t WATCH_NAME_BYTES = 64;

struct watch_event {
    enum process_event kind;
    uint32_t number;          /* of the process, in the log */
    uint32_t group;           /* the one of the lowest number in common */
    enum process_end reason;  /* ENDED */
    uint64_t value;           /* ENDED */
    uint32_t name_bytes;
    char name[WATCH_NAME_BYTES];
};

struct watch {
    struct watch_event *ring; /* in the process's slot; nullptr: it does not watch */
    uint64_t bits;
    uint32_t service_slot;
    uint32_t first;
    uint32_t count;
    uint32_t count_lost;      /* since the last event that was taken */
};

/* Begins to watch, or changes where the bits go. NO_MEMORY, LIMIT. */
enum status watch_begin(struct pager *pager, struct process *process, uint32_t service_slot, uint64_t bits);
/* Puts a process with a watch into the pager's list. For a pager that takes over; else it is there. */
void watch_list(struct pager *pager, struct process *process);
/* Ends the watch, if there is one. */
void watch_end(struct pager *pager, struct process *process);
/* Tells everybody who watches about a process that has started, or is about to end. */
void watch_tell(struct pager *pager, const struct process *process, enum process_event kind);
/* Takes the oldest event; `lost`: how many there was no room for before it. False: there is none. */
bool watch_take(struct watch *watch, struct watch_event *event, uint32_t *lost);

#endif
