/* Handles: the process's own numbers for endpoints, processes, groups and families, with rights.
 *
 * RIGHT_CALL, RIGHT_NOTIFY   what it may be used for: calling and notifying; of a process, waiting for it; of a group, joining it;
 *                            of a family, starting processes in it
 * RIGHT_RECEIVE              messages arrive here; of a group, ending it; of a family, giving it other terms. Never passed on
 * RIGHT_PASS                 others may be given handles derived from it
 * RIGHT_NARROW               what is derived from it may have fewer rights
 *
 * Everything that is derived from a handle, by duplicating, passing on or finding a name, can be taken back by who has that handle. */
#ifndef QUIRE_HANDLE_H
#define QUIRE_HANDLE_H

#include <stdint.h>

#include <abi/call.h>
#include <abi/status.h>

/* Gives a handle up; what was derived from it stays. Closing the handle that endpoint_create gave ends the endpoint and its name: who calls or waits
 * there gets STATUS_PEER_ENDED, and everything derived from it is STATUS_STALE. STATUS_BAD_HANDLE; STATUS_STALE: it is closed already. */
enum status handle_close(uint32_t handle);

/* Derives a handle for the caller itself, with some of the rights. STATUS_BAD_HANDLE, STATUS_STALE. STATUS_BAD_ARGUMENT: no rights, or unknown ones.
 * STATUS_NO_RIGHT: more rights than it has, or fewer without RIGHT_NARROW. STATUS_LIMIT: too many handles, or derived too often; STATUS_NO_MEMORY. */
enum status handle_duplicate(uint32_t handle, uint64_t rights, uint32_t *duplicate);

/* The same for an endpoint of the caller, and calls through what was made arrive with this badge: below 2^63, not 0. So the owner makes a handle for
 * each client and knows it again. Whoever has it cannot see the badge, nor change it. STATUS_BAD_ARGUMENT: also the badge. STATUS_NO_RIGHT: also
 * without RIGHT_RECEIVE. STATUS_BAD_HANDLE, STATUS_STALE, STATUS_LIMIT, STATUS_NO_MEMORY. */
enum status handle_make(uint32_t endpoint, uint64_t rights, uint64_t badge, uint32_t *handle);

/* Drops all rights of a handle but these. STATUS_BAD_HANDLE, STATUS_STALE, STATUS_BAD_ARGUMENT, STATUS_NO_RIGHT: as handle_duplicate. */
enum status handle_narrow(uint32_t handle, uint64_t rights);

/* Derives a handle for another process: the one that `to` leads to, a process's handle or one of an endpoint, with RIGHT_CALL. The result is that
 * process's number for it; tell it in a message. STATUS_NOT_MEMBER: the receiver has no group in common with whom the handle leads to. STATUS_NO_RIGHT:
 * without RIGHT_PASS, or with RIGHT_RECEIVE, or as handle_duplicate. STATUS_BAD_OBJECT: `to` is a group's or a family's. STATUS_BAD_ARGUMENT: the
 * rights, or a process would get a handle for itself. STATUS_BAD_HANDLE; STATUS_STALE: also a receiver that has ended. STATUS_LIMIT: others have passed
 * too many handles to it. STATUS_NO_MEMORY: in its family. */
enum status handle_pass(uint32_t handle, uint64_t rights, uint32_t to, uint32_t *received);

/* Closes everything that was derived from a handle, whoever has it by now: a call through it that nobody has received yet, and every later one, gets
 * STATUS_STALE. One that was received may still be answered. `count`, unless it is nullptr, how many those were. STATUS_BAD_HANDLE, STATUS_STALE. */
enum status handle_revoke(uint32_t handle, uint64_t *count);

#endif
