/* Waits: who waits for whom, and who waits for ever.
 *
 * A thread waits for one thing at a time: a name, the end of a process or of another thread of its own, or a server that has its message or will have it. A
 * process is stuck when each of its threads waits for a process that is stuck; those that are left then are in circles, or wait for one, and each circle is
 * a deadlock. What a thread waits for beyond the pager, the kernel says (thread_info).
 */
#ifndef QUIRE_PAGER_WAITS_H
#define QUIRE_PAGER_WAITS_H

#include <stdint.h>

struct pager;
struct group_set;

struct waits {
    uint32_t count;     /* threads that wait for something of others */
    uint32_t deadlocks; /* circles among processes that cannot go on */
};

/* Writes a line to the log for each thread that waits, of processes that have one of these groups (nullptr: every process), and one for each circle of such. */
struct waits waits_report(const struct pager *pager, const struct group_set *groups);

/* Asks to be woken for waits_look(), with the kernel argument waits=SECONDS. The pager has one timer: while there is work (work.h) that has it, and the period
 * begins anew afterwards. */
void waits_begin(struct pager *pager);
/* Reports all waits when one of them has been there at the last look already, so at least for one period; and asks to be woken again. */
void waits_look(struct pager *pager);

#endif
