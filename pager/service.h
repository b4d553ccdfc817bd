/* Services: endpoints that processes receive at, and the names they are found by.
 *
 * A service belongs to the process that made it and ends with that process, or when the handle that endpoint_create gave is closed. It can have one
 * name, in one group of its owner; names are unique among the living services of a group. A name lasts as long as the handle through which it was
 * published and the owner's membership. Whoever finds the name gets a handle derived from that one, with its rights but RIGHT_RECEIVE.
 *
 * Invariants:
 *  1. A used row has an endpoint. One with a name was published by a handle of its owner, in a group of its owner. */
#ifndef QUIRE_PAGER_SERVICE_H
#define QUIRE_PAGER_SERVICE_H

#include "group_set.h"
#include "kernel.h"
#include "text_span.h"

struct pager;
struct process;

constexpr uint32_t SERVICE_LIMIT = 64; /* of a process */
/* Pages for each: processes share the frames of endpoints, and one endpoint can be what keeps a frame. */
constexpr uint64_t SERVICE_CHARGE = 1;
constexpr size_t SERVICE_NAME_BYTES = 32;

struct service_name {
    uint32_t group; /* GROUP_PRESENT | id; GROUP_NONE: any group of who looks for it */
    uint32_t bytes; /* 0: no name */
    char text[SERVICE_NAME_BYTES];
};

struct service {
    endpoint_id_t endpoint; /* 0: the row is free */
    uint32_t name_slot;     /* of the owner's holdings: what was published */
    struct service_name name;
    uint32_t lines;         /* bit n: line n of the interrupt controller sets bits here */
};

/* Names are found by their text and group through lists: a row's place in them lies behind the rows. It follows from the rows and is not kept. */
struct service_link {
    uint32_t next, before; /* 1 + slot of the process * SERVICE_LIMIT + row; 0: none, or the head of the list */
};
constexpr uint32_t SERVICE_LISTS = 1024;
static_assert(SERVICE_LIMIT * (sizeof(struct service) + sizeof(struct service_link)) <= PAGE_BYTES);

struct service_table {
    struct service *rows; /* in the process's slot, one page */
    bool has_page;
    uint32_t count;
};

/* A name from outside: 1 to 32 bytes of 0x21 to 0x7e. BAD_LENGTH, BAD_ARGUMENT. */
enum status service_name_check(struct text_span text, uint32_t group, struct service_name *name);
/* Whether a name is the one that somebody in these groups looks for. */
bool service_name_matches(const struct service_name *name, const struct service_name *wanted, const struct group_set *groups);

/* Makes an endpoint that `process` receives at. LIMIT, NO_MEMORY. */
enum status service_create(struct process *process, uint32_t *slot);
/* Goes before each change of a row. */
void service_save(const struct service *service);
/* Ends it: who waits there gets PEER_ENDED from the kernel. Its handles are the caller's business. */
void service_end(struct pager *pager, struct process *process, uint32_t slot);
/* Gives a service a name, which it has not; `name_slot`: what is published. */
void service_publish(struct pager *pager, struct process *process, uint32_t slot, const struct service_name *name, uint32_t name_slot);
/* Puts the names that a process has into the lists. For a pager that takes over; else they are there. */
void service_list_names(struct pager *pager, struct process *process);
/* Takes the name back if it was published through this handle, or in this group. */
void service_unpublish(struct pager *pager, struct process *process, uint32_t slot, uint32_t name_slot);
void service_unpublish_group(struct pager *pager, struct process *process, uint32_t group);
/* Gives the table's page back when every service has ended. */
void service_release(struct process *process);

/* The living service of a name for somebody in these groups, or nullptr; of several, the one in the group of the lowest id. `owner` and `slot`:
 * where it is. */
struct service *service_find(const struct pager *pager, const struct service_name *wanted, const struct group_set *groups, struct process **owner,
                             uint32_t *slot);

#endif
