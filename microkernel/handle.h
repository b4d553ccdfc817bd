/* Handle rows: the kernel's cache of what a process's handles mean.
 *
 * A row is filled by the pager and may be emptied at any time; a call on an empty row is a handle fault. Rows that name an endpoint are linked to it, so
 * that ending the endpoint empties them: a filled row always names a living endpoint, and a call checks the row only.
 *
 * Invariants:
 *  1. A row is empty (endpoint == nullptr, handle == HANDLE_NONE, rights == 0) or in the list of its endpoint. */
#ifndef QUIRE_HANDLE_H
#define QUIRE_HANDLE_H

#include "abi/call.h"
#include "abi/status.h"
#include "link.h"
#include "types.h"

struct endpoint;
struct space;

struct handle_row {
    struct endpoint *endpoint;
    uint64_t badge;              /* what the receiver sees */
    struct link of_endpoint;     /* in endpoint->rows */
    uint32_t handle;             /* the whole number */
    uint32_t rights;             /* RIGHT_... */
};

/* The row of a link in an endpoint's list. */
static inline struct handle_row *handle_row_of_link(struct link *link)
{
    return (struct handle_row *)((char *)link - offsetof(struct handle_row, of_endpoint));
}

/* The filled row of a handle, or nullptr. */
struct handle_row *handle_find(struct space *space, uint64_t handle);
/* Fills a row, emptying it first. */
void handle_fill(struct handle_row *row, uint32_t handle, struct endpoint *endpoint, uint32_t rights, uint64_t badge);
/* The same by what comes from outside: the row of the space in which the handle belongs. BAD_OBJECT: no endpoint has the name; BAD_HANDLE; BAD_ARGUMENT: no
 * right, or an unknown one. */
enum status handle_map(struct space *space, uint64_t handle, uint64_t endpoint, uint64_t rights, uint64_t badge);
/* Empties a row; nothing happens when it is empty. */
void handle_empty(struct handle_row *row);
/* How much of its servers' time the row has had, in cycles: message.c, the choice of the next sender. A row that is filled begins with the most that
 * a sender of the endpoint has had, so nobody gains by having rows emptied. */
uint64_t *handle_served(const struct handle_row *row);
/* The row in which a handle of the space belongs. */
struct handle_row *handle_row_of(struct space *space, uint32_t handle);

#endif
