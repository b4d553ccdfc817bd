/* Waits: who waits for whom, and who waits for ever.
 *
 * A process with one thread waits for one thing at a time: a name, the end of a process, or a server that has its message or will have it. So the
 * waits of all processes form chains, and a chain that closes is a deadlock. What a thread waits for beyond the pager, the kernel says (thread_info). */
#ifndef QUIRE_PAGER_WAITS_H
#define QUIRE_PAGER_WAITS_H

#include <stdint.h>

struct pager;
struct group_set;

struct waits {
    uint32_t count;     /* processes that wait for something of others */
    uint32_t deadlocks; /* circles among them */
};

/* Writes a line to the log for each process that waits and has one of these groups (nullptr: every process), and one for each circle of such. */
struct waits waits_report(const struct pager *pager, const struct group_set *groups);

/* Asks to be woken for waits_look(), with the kernel argument waits=SECONDS. */
void waits_begin(const struct pager *pager);
/* Reports all waits when one of them has been there at the last look already, so at least for one period; and asks to be woken again. */
void waits_look(struct pager *pager);

#endif
