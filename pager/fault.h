/* Faults: what a stopped thread needs, or why its process ends. */
#ifndef QUIRE_PAGER_FAULT_H
#define QUIRE_PAGER_FAULT_H

#include "pager.h"

/* Times that the same address may fault before its process ends, when nothing was mapped in between. */
constexpr uint32_t FAULT_REPEATS = 3;

/* Pages that one fault maps at most, unless the kernel argument around= says fewer. */
constexpr uint32_t FAULT_AROUND_MOST = 128;
/* Faults in order before a fault maps more than its own page, and how many pages the first that does maps; each further one maps four times as many. */
constexpr uint8_t FAULT_RUN_LEAST = 1;
constexpr uint64_t FAULT_RUN_PAGES = 8;

/* Decides the most frequent fault with loads and compares: a page that comes when touched, of a running process, in the segment of the process's latest
 * fault, with memory that nobody else is promised. The loop of the pager asks it first; false: nothing has changed, no answer is written, and the message
 * goes to pager_handle(). Else the page is counted, and a resolve that is refused goes to pager_resolve_failed(). */
bool fault_quick(struct pager *pager, const struct pager_message *message, struct fault_answer *answer);

/* Handles a message with TAG_FAULT. */
void fault_handle(struct pager *pager, const struct pager_message *message, struct pager_action *action);
/* The kernel refused to map what the answer to this message said. */
void fault_resolve_refused(struct pager *pager, const struct pager_message *message, enum status status, struct pager_action *action);

#endif
