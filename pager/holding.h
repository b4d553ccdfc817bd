/* Holdings: what the handles of a process mean, and which was made from which.
 *
 * The kernel's rows are a cache of this table, filled when a call misses. A handle's number is slot | generation << HOLDING_SLOT_BITS; the kernel's row is
 * number % HANDLE_ROWS, so slots 64 apart share a row and push each other out, which costs a fault and nothing else. A slot whose generations are used up
 * is never used again. Slot 0 is no handle, slot 1 with generation 0 is HANDLE_PAGER, which every process keeps.
 *
 * A handle that was duplicated, passed on or found by a name is *derived*: it comes after the one it was made from, with a greater depth, in a list
 * that goes through the tables of all processes. So everything derived from a handle is what follows it up to the next one that is no deeper.
 *
 *   endpoint_create ── handle 0 ─┬─ duplicate 1 ─── passed on 2          list: 0 1 2 1
 *                                └─ found by name 1
 *
 * Invariants (pager_check):
 *  1. A used row names something that lives: a service, a process whose record is kept or a family (one of its `references`), or a group with a
 *    member.
 *  2. Who holds a handle for another running process, or for its service, has a group in common with it.
 *  3. The rights of a derived handle are within those that the one before it had when it was made; RIGHT_RECEIVE stays with the process that made
 *    the endpoint.
 *  4. The generation of a slot grows with each use.
 *  5. Rows from `used` on were never used: they are zero. So nobody looks at them.
 *  6. No row below `lowest` is free: a search begins there. */
#ifndef QUIRE_PAGER_HOLDING_H
#define QUIRE_PAGER_HOLDING_H

#include "kernel.h"

struct pager;
struct process;

enum holding_kind : uint8_t { HOLDING_NOTHING, HOLDING_SERVICE, HOLDING_PROCESS, HOLDING_GROUP, HOLDING_FAMILY };

/* A row of some process's table. Slot 0: none. */
struct holding_place {
    uint16_t process_index;
    uint16_t slot;
};

struct holding {
    enum holding_kind kind;
    uint8_t rights;         /* RIGHT_... */
    uint8_t service_slot;   /* SERVICE: of the owner's table */
    bool is_passed;         /* another process put it here */
    uint16_t process_index; /* SERVICE: the owner; PROCESS: the process itself */
    uint16_t depth;         /* 0: made from no other */
    uint32_t group;         /* GROUP: its id; FAMILY: its place in the pager's table */
    uint32_t generation;    /* of the slot; the latest one when it is not used */
    struct holding_place before; /* in the list of what was derived from what */
    struct holding_place after;
    uint64_t badge;         /* SERVICE: chosen by the owner; 0: the usual one */
};
static_assert(sizeof(struct holding) == 32);

constexpr uint32_t HOLDING_SLOT_BITS = 8;
constexpr uint32_t HOLDING_LIMIT = 1 << HOLDING_SLOT_BITS; /* of a process, with the two that are not given out */
constexpr uint32_t HOLDING_FIRST = 2;
constexpr uint32_t HOLDING_RECORD = 32; /* rows that lie in the page of the process's record: most programs need no more */
constexpr uint32_t HOLDING_GENERATIONS = 1 << (32 - HOLDING_SLOT_BITS);
constexpr uint32_t HOLDING_PASSED_MOST = 128; /* that others have put into one process's table: they cannot use it up */
constexpr uint32_t HOLDING_DEPTH_MOST = 1000;
/* The usual badge of a handle: this bit and the holder's number in the log. Badges that owners choose do not have it. */
constexpr uint64_t HOLDING_BADGE_USUAL = (uint64_t)1 << 63;

struct holding_table {
    struct holding *rows; /* in the process's slot */
    uint32_t capacity;    /* rows whose pages are there */
    uint32_t used;        /* up to the last row that was ever used */
    uint32_t lowest;      /* no row below this one is free */
    uint32_t count_passed;
    uint32_t count_groups; /* rows that name a group */
};

/* Finds a free slot, taking a page for it if need be. LIMIT, NO_MEMORY. */
enum status holding_reserve(struct process *process, uint32_t *slot);
/* Fills a reserved slot; returns the handle. `from`: the row that it is derived from, or slot 0. A process or family that it names has one reference more. */
uint32_t holding_insert(struct pager *pager, struct process *process, uint32_t slot, struct holding holding, struct holding_place from);
/* The same with what the row of `from` names, and its badge unless `terms` has another. The depth has been checked. */
struct holding_terms {
    uint32_t rights;
    bool is_passed;
    uint64_t badge;
};
uint32_t holding_derive(struct pager *pager, struct process *process, uint32_t slot, struct holding_place from, struct holding_terms terms);
/* Gives a process that has none yet the handles of another one that may be passed on, under the same numbers: derived from them, with their rights but RECEIVE.
 * The numbers of the others mean nothing there and are not used again. NO_MEMORY; LIMIT (of a depth). What was inserted is closed by who undoes the process. */
enum status holding_duplicate(struct pager *pager, const struct process *from, struct process *to);
/* What a handle means: BAD_HANDLE (nothing), STALE (it meant something once). */
enum status holding_find(const struct process *process, uint64_t handle, struct holding **holding);
/* The same of an endpoint where the process receives. BAD_HANDLE, STALE, NO_RIGHT. */
enum status holding_find_receiving(const struct process *process, uint64_t handle, struct holding **holding);
/* The process that a handle leads to: of a service the owner, of a process itself, running or ended; nullptr: of a group or a family. */
struct process *holding_process(const struct pager *pager, const struct holding *holding);
/* Whether `process` may hold a handle that leads to `named`. */
bool holding_is_allowed(const struct process *process, const struct process *named);

/* Gives a handle up: its row is emptied, a call that nobody has received yet ends with STALE, what was derived from it belongs to the one before it.
 * The handle that endpoint_create gave ends the service, and everything derived from it goes. */
void holding_close(struct pager *pager, struct process *process, struct holding *holding);
/* Closes everything that was derived from a handle. Returns how many those were. */
uint32_t holding_revoke(struct pager *pager, struct holding *holding);
/* Closes every handle that does not hold any more: who holds it has no group in common with whom it leads to, or its group has no member. */
void holding_sweep(struct pager *pager);
/* The same when a process has left one group: only it and the group's members can have such handles, or whoever has one for the group, where that is empty. */
void holding_sweep_left(struct pager *pager, struct process *left, uint32_t group);
/* The same of handles for groups alone. */
void holding_sweep_groups(struct pager *pager);
/* What the kernel's row of a handle, HANDLE_PAGER included, has to say. BAD_HANDLE, STALE; BAD_OBJECT (a group's or a family's: nobody to call). */
struct holding_row {
    endpoint_id_t endpoint;
    uint64_t badge;
    uint64_t rights;
};
enum status holding_row(const struct pager *pager, const struct process *process, uint64_t handle, struct holding_row *row);
/* Drops rights. */
void holding_narrow(struct process *process, struct holding *holding, uint32_t rights);
/* Closes everything; then wipes the table and gives its pages back. */
void holding_close_all(struct pager *pager, struct process *process);
void holding_give_pages(struct process *process);

/* The row of a place, or nullptr; the place of a row. */
struct holding *holding_at(const struct pager *pager, struct holding_place place);
struct holding_place holding_place(const struct process *process, const struct holding *row);

#endif
