/* Groups: who may have to do with whom.
 *
 * A group is an id that processes carry (group_set.h); the pager keeps nothing else for it. It begins with its first member and is gone with its
 * last one, and then the handles that named it (invitations) are gone too, so an id that comes again means nothing to anybody.
 *
 *   group_create ──► the maker is a member, and has a handle for the group: RIGHT_CALL joins, RIGHT_PASS invites, RIGHT_RECEIVE ends
 *   handle_pass of it ──► somebody else has a handle: an invitation, which can be narrowed and revoked as any handle
 *   group_join by that handle ──► a member
 *
 * Leaving takes back the names published in the group and closes every handle between the one who left and those with whom it has no other group. A
 * call that has been received may still be answered. */
#ifndef QUIRE_PAGER_GROUP_H
#define QUIRE_PAGER_GROUP_H

#include "group_set.h"
#include "kernel.h"

struct pager;
struct process;

constexpr uint32_t GROUP_PAGES_MOST = 3; /* of a process: 2 + 3 * 1022 groups */

/* Whether a running process is a member. */
bool group_has_member(const struct pager *pager, uint32_t group);
/* A group without members. */
uint32_t group_make(struct pager *pager);
/* Makes a process a member. EXISTS, LIMIT (groups of a process, pages of its family), NO_MEMORY. */
enum status group_join(struct process *process, uint32_t group);
/* Takes a member out: its names in the group, its handles that depended on it. */
void group_leave(struct pager *pager, struct process *process, uint32_t group);
/* Takes every member out. */
void group_end(struct pager *pager, uint32_t group);
/* All of leaving that the end of a process needs; its pages go with group_give_pages(). Returns whether one of its groups has no member now: then handles
 * have to be swept. */
bool group_leave_all(const struct pager *pager, struct process *process);
/* Gives back the pages of which the set of a process has no more use. */
void group_give_pages(struct process *process);

#endif
