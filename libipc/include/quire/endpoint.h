/* Endpoints, where messages arrive, and the names by which others find them.
 *
 * A server makes an endpoint and publishes it by name in one of its groups; a client of that group finds the name and gets a handle with which it may call
 * (syscall.h) and notify. */
#ifndef QUIRE_ENDPOINT_H
#define QUIRE_ENDPOINT_H

#include <quire/group.h>
#include <quire/handle.h>

constexpr uint64_t NAME_BYTES = 32; /* longest name of a published endpoint */

/* Makes an endpoint; the handle has every right. STATUS_NO_MEMORY; STATUS_LIMIT: too many endpoints or handles. */
enum status endpoint_create(uint32_t *handle);

/* Lets others of a group find the endpoint by a name of 1 to NAME_BYTES printing characters without blanks, until the handle is closed or the caller
 * leaves the group. GROUP_ANY: the caller's group of the lowest number. Who finds it gets the rights of this handle but RIGHT_RECEIVE.
 * STATUS_EXISTS: the name is taken in the group, or the endpoint has one. STATUS_BAD_LENGTH, STATUS_BAD_ARGUMENT: the name; STATUS_BAD_ARGUMENT: no group.
 * STATUS_NOT_MEMBER: the caller is not in the group, or in none. STATUS_BAD_HANDLE, STATUS_STALE: the handle. STATUS_NO_RIGHT: without
 * RIGHT_RECEIVE, or nothing beside it. */
enum status name_publish_in(uint32_t handle, group_t group, const char *name);

/* The same in GROUP_ANY: STATUS_EXISTS, STATUS_BAD_LENGTH, STATUS_BAD_ARGUMENT, STATUS_NOT_MEMBER, STATUS_BAD_HANDLE, STATUS_STALE, STATUS_NO_RIGHT. */
enum status name_publish(uint32_t handle, const char *name);

/* Delivers a handle for the endpoint of a name in a group; GROUP_ANY: in any of the caller's, the one of the lowest number that has it. With `wait`
 * it waits until somebody publishes it; without it answers STATUS_NOT_FOUND. STATUS_BAD_LENGTH, STATUS_BAD_ARGUMENT: the name; STATUS_BAD_ARGUMENT:
 * no group. STATUS_NOT_MEMBER: the caller is not in the group, or in none; also when it has ended meanwhile. STATUS_LIMIT: too many handles.
 * STATUS_NO_MEMORY. */
enum status name_find_in(group_t group, const char *name, bool wait, uint32_t *handle);

/* The same in GROUP_ANY: STATUS_NOT_FOUND, STATUS_BAD_LENGTH, STATUS_BAD_ARGUMENT, STATUS_NOT_MEMBER, STATUS_LIMIT, STATUS_NO_MEMORY. */
enum status name_find(const char *name, bool wait, uint32_t *handle);

#endif
