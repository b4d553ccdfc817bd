/* Endpoints, where messages arrive, and the handles that name them.
 *
 * A server makes an endpoint and publishes it by name; a client finds the name and gets a handle with which it may call (syscall.h) and notify. */
#ifndef QUIRE_ENDPOINT_H
#define QUIRE_ENDPOINT_H

#include <stdint.h>

#include <abi/status.h>

constexpr uint64_t NAME_BYTES = 32; /* longest name of a published endpoint */

/* Makes an endpoint; the handle has every right. STATUS_NO_MEMORY; STATUS_LIMIT: too many endpoints or handles. */
enum status endpoint_create(uint32_t *handle);

/* Gives a handle up. Closing the handle that endpoint_create gave ends the endpoint and its name; who calls or waits there gets STATUS_PEER_ENDED.
 * STATUS_BAD_HANDLE; STATUS_STALE: it is closed already. */
enum status handle_close(uint32_t handle);

/* Lets others find the endpoint by a name of 1 to NAME_BYTES printing characters without blanks, for as long as endpoint and process live.
 * STATUS_EXISTS: the name is taken, or the endpoint has one. STATUS_BAD_LENGTH, STATUS_BAD_ARGUMENT: the name. STATUS_BAD_HANDLE, STATUS_STALE: the
 * handle. STATUS_NO_RIGHT: it is not the one that endpoint_create gave. */
enum status name_publish(uint32_t handle, const char *name);

/* Delivers a handle, with the rights to call and to notify, for the endpoint of the name. With `wait` it waits until somebody publishes it; without
 * it answers STATUS_NOT_FOUND. STATUS_BAD_LENGTH, STATUS_BAD_ARGUMENT: the name. STATUS_LIMIT: too many handles. STATUS_NO_MEMORY. */
enum status name_find(const char *name, bool wait, uint32_t *handle);

#endif
