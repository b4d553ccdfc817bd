/* Holdings: what the handles of a process mean.
 *
 * The kernel's rows are a cache of this table, filled when a call misses. A handle's number is slot | generation << HOLDING_SLOT_BITS; the kernel's row is
 * number % HANDLE_ROWS, so slots 64 apart share a row and push each other out, which costs a fault and nothing else. A slot whose generations are used up
 * is never used again. Slot 0 is no handle, slot 1 with generation 0 is HANDLE_PAGER, which every process keeps.
 *
 * Invariants:
 *  1. A used slot has a number and exactly one of `process` and (owner, service).
 *  2. The generation of a slot grows with each use. */
#ifndef QUIRE_PAGER_HOLDING_H
#define QUIRE_PAGER_HOLDING_H

#include "kernel.h"

struct pager;
struct process;

enum holding_kind : uint8_t { HOLDING_NOTHING, HOLDING_SERVICE, HOLDING_PROCESS };

struct holding {
    enum holding_kind kind;
    uint8_t service_slot;   /* SERVICE: of the owner's table */
    uint16_t process_index; /* SERVICE: the owner; PROCESS: the process itself */
    uint32_t process_number;
    uint32_t service_use;   /* SERVICE: which use of the slot */
    uint32_t rights;        /* RIGHT_... */
    uint32_t generation;    /* of the slot; the latest one when it is not used */
};

constexpr uint32_t HOLDING_SLOT_BITS = 8;
constexpr uint32_t HOLDING_LIMIT = 1 << HOLDING_SLOT_BITS; /* of a process, with the two that are not given out */
constexpr uint32_t HOLDING_FIRST = 2;
constexpr uint32_t HOLDING_GENERATIONS = 1 << (32 - HOLDING_SLOT_BITS);

struct holding_table {
    struct holding *rows; /* in the process's slot */
    uint32_t capacity;    /* rows whose pages are there */
};

/* Finds a free slot, taking a page for it if need be. LIMIT, NO_MEMORY. */
enum status holding_reserve(struct process *process, uint32_t *slot);
/* Fills a reserved slot; returns the handle. */
uint32_t holding_insert(struct process *process, uint32_t slot, struct holding holding);
/* What a handle means: BAD_HANDLE (nothing), STALE (it meant something once). */
enum status holding_find(const struct process *process, uint64_t handle, struct holding **holding);
/* Gives a handle up: its row is emptied; a process or service that depended on it goes too. */
void holding_close(struct pager *pager, struct process *process, uint32_t handle, struct holding *holding);
/* Fills the kernel's row of a handle, HANDLE_PAGER included. BAD_HANDLE, STALE (what it named has ended). */
enum status holding_map(struct pager *pager, struct process *process, uint64_t handle);
/* Closes everything, gives the table's pages back. */
void holding_release_all(struct pager *pager, struct process *process);

#endif
