/* Alarms: processes that are told before their family's memory ends.
 *
 *              quota_left() < pages: the bits are set
 *   (armed) ------------------------------------------> (told)
 *           <------------------------------------------
 *              quota_left() >= pages
 *
 * What a family can still get changes with every charge of its own, and beyond guarantees with every charge of any. It is looked at when a message has
 * been handled, and only while somebody has an alarm. The most frequent faults are not messages of that sort: for them each family has a bound of its
 * own charges and the pool one of what is spare (quota_take_quick), so that no alarm is due before one of both is reached. They share what is between
 * here and the alarm in halves, so that they are reached a few times on the way to it, whoever takes the memory.
 *
 * Invariants (pager_check):
 *  1. Between two messages an alarm is told exactly when its family's quota_left() is below its pages, and while a family stays within its quick
 *     bounds, and the pool
 *    above its floor, that does not change.
 *  2. One that is on has an endpoint of its process; it ends with it. */
#ifndef QUIRE_PAGER_ALARM_H
#define QUIRE_PAGER_ALARM_H

#include <stdint.h>

struct family;
struct pager;
struct process;

struct alarm {
    uint64_t bits;         /* 0: it has none */
    uint64_t pages;
    uint32_t service_slot; /* where the bits go */
    bool is_told;
};

/* Sets the alarm of a process: bits at an endpoint of its own. */
void alarm_set(struct pager *pager, struct process *process, struct alarm alarm);
/* Ends it, if there is one. */
void alarm_end(struct pager *pager, struct process *process);
/* Sets the bits that are due, and the bounds up to which nobody need be told. After each message while there are alarms. */
void alarm_look(struct pager *pager);
/* For a pager that takes over: counts the alarm of a process, if there is one. */
void alarm_count(struct pager *pager, const struct process *process);

#endif
