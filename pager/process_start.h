/* How a process comes to be, and how that is undone: between process.c and process_start.c only. */
#ifndef QUIRE_PAGER_PROCESS_START_H
#define QUIRE_PAGER_PROCESS_START_H

#include "pager.h"

/* A slot with an empty record, charged with the kernel objects of a process. NO_MEMORY, LIMIT. */
enum status process_slot_take(struct pager *pager, struct family *family, struct process **process);
/* Gives back all that a process has so far; its slot too, unless a handle names it. */
void process_undo(struct pager *pager, struct process *process);

#endif
