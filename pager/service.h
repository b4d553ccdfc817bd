/* Services: endpoints that processes receive at, and the names they are found by.
 *
 * A service belongs to the process that made it and ends with that process, or when the handle with the right to receive is closed. It can have one name;
 * names are unique among living services.
 *
 * Invariants:
 *  1. A used row has an endpoint. `use` grows with each use of the row, so that handles of a former use are recognised. */
#ifndef QUIRE_PAGER_SERVICE_H
#define QUIRE_PAGER_SERVICE_H

#include "kernel.h"
#include "text_span.h"

struct pager;
struct process;

constexpr uint32_t SERVICE_LIMIT = 64; /* of a process */
/* Pages for each: processes share the frames of endpoints, and one endpoint can be what keeps a frame. */
constexpr uint64_t SERVICE_CHARGE = 1;
constexpr size_t SERVICE_NAME_BYTES = 32;

struct service_name {
    uint32_t bytes; /* 0: no name */
    char text[SERVICE_NAME_BYTES];
};

struct service {
    endpoint_id_t endpoint; /* 0: the row is free */
    uint32_t use;
    struct service_name name;
};

struct service_table {
    struct service *rows; /* in the process's slot, one page */
    bool has_page;
    uint32_t count;
};

/* A name from outside: 1 to 32 bytes of 0x21 to 0x7e. BAD_LENGTH, BAD_ARGUMENT. */
enum status service_name_check(struct text_span text, struct service_name *name);

bool service_name_equal(const struct service_name *left, const struct service_name *right);

/* Makes an endpoint that `process` receives at. LIMIT, NO_MEMORY. */
enum status service_create(struct process *process, uint32_t *slot);
/* Ends it: who waits there gets PEER_ENDED from the kernel. */
void service_destroy(struct process *process, uint32_t slot);
void service_release_all(struct process *process);

/* The living service of a name, or nullptr; through `owner` and `slot` where it is. */
struct service *service_find(const struct pager *pager, const struct service_name *name, struct process **owner, uint32_t *slot);

#endif
