/* Groups: processes that may have to do with each other.
 *
 * A process is in the group that it was started in, and in as many others as it makes or joins. It finds names, and holds handles, of those only
 * with whom it has a group in common. Programs of the boot are in the group "boot", or in those that their module line names (docs/boot.md). */
#ifndef QUIRE_GROUP_H
#define QUIRE_GROUP_H

#include <quire/handle.h>

/* A group as messages name it. Numbers mean the same in every process; they give no rights. */
typedef uint32_t group_t;
constexpr group_t GROUP_ANY = 0; /* no particular one */

/* Makes a group with the caller as its member. The handle is for it, with every right. STATUS_LIMIT: too many groups or handles; STATUS_NO_MEMORY. */
enum status group_create(group_t *group, uint32_t *handle);

/* Invites the process that `to` leads to: `invitation` is its handle for the group, to be told to it in a message. With `invites` it may invite
 * others in turn. Until it has joined, handle_revoke takes the invitation back. Statuses of handle_pass: STATUS_BAD_HANDLE, STATUS_STALE,
 * STATUS_NO_RIGHT, STATUS_LIMIT, STATUS_NO_MEMORY. */
enum status group_invite(uint32_t handle, uint32_t to, bool invites, uint32_t *invitation);

/* Becomes a member by an invitation. STATUS_BAD_HANDLE; STATUS_STALE: it was taken back, or the group has ended. STATUS_BAD_OBJECT: no group's handle.
 * STATUS_NO_RIGHT: without RIGHT_CALL. STATUS_EXISTS: a member already. STATUS_LIMIT: too many groups; STATUS_NO_MEMORY. */
enum status group_join(uint32_t invitation, group_t *group);

/* Leaves a group. Names published in it are gone, and so are the handles to and of those with whom the caller has no other group in common; calls
 * that have been received may still be answered. STATUS_BAD_ARGUMENT: no group. STATUS_NOT_MEMBER. */
enum status group_leave(group_t group);

/* Ends a group for all its members, as if each had left. STATUS_NO_RIGHT: not the handle that group_create gave. STATUS_BAD_HANDLE, STATUS_BAD_OBJECT;
 * STATUS_STALE: it has ended. */
enum status group_end(uint32_t handle);

/* The caller's groups in the order of their numbers: begin with GROUP_ANY. STATUS_NOT_FOUND: there is none behind that one. STATUS_BAD_ARGUMENT: no
 * group. */
enum status group_next(group_t after, group_t *group);

/* The caller's group of a name that the boot gave, such as "boot". STATUS_NOT_FOUND: no such name. STATUS_NOT_MEMBER. STATUS_BAD_LENGTH: an empty name. */
enum status group_find(const char *name, group_t *group);

#endif
