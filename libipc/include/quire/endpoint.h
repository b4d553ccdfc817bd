/* Endpoints, where messages arrive, and the handles that name them.
 *
 * A server makes an endpoint and publishes it by name; a client finds the name and gets a handle with which it may call (syscall.h) and notify. */
#ifndef QUIRE_ENDPOINT_H
#define QUIRE_ENDPOINT_H

#include <stdint.h>

#include <abi/status.h>

constexpr uint64_t NAME_BYTES = 32; /* longest name of a published endpoint */

/* Makes an endpoint; the handle has every right. STATUS_NO_MEMORY, STATUS_LIMIT. */
enum status endpoint_create(uint32_t *handle);

/* Gives a handle up. STATUS_BAD_HANDLE. */
enum status handle_close(uint32_t handle);

/* Lets others find the endpoint by a name of 1 to NAME_BYTES bytes, for as long as this process lives. STATUS_EXISTS: the name is taken.
 * STATUS_BAD_LENGTH, STATUS_BAD_HANDLE; STATUS_NO_RIGHT: the handle is not the one that endpoint_create gave. */
enum status name_publish(uint32_t handle, const char *name);

/* Delivers a handle, with the rights to call and to notify, for the endpoint of the name. With `wait` it waits until somebody publishes it; without
 * it answers STATUS_NOT_FOUND. STATUS_BAD_LENGTH, STATUS_LIMIT. */
enum status name_find(const char *name, bool wait, uint32_t *handle);

#endif
