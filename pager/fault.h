/* Faults: what a stopped thread needs, or why its process ends. */
#ifndef QUIRE_PAGER_FAULT_H
#define QUIRE_PAGER_FAULT_H

#include "pager.h"

/* Times that the same address may fault before its process ends, when nothing was mapped in between. */
constexpr uint32_t FAULT_REPEATS = 3;

/* Handles a message with TAG_FAULT. */
void fault_handle(struct pager *pager, const struct pager_message *message, struct pager_action *action);
/* The kernel refused to map what the answer to this message said. */
void fault_resolve_refused(struct pager *pager, const struct pager_message *message, enum status status, struct pager_action *action);

#endif
