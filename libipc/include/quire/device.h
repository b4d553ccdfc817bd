/* For drivers: memory that devices see.
 *
 * Only programs of the boot whose module line says "driver" (docs/boot.md) may use these; for others, and for what a driver starts, every one is
 * STATUS_NO_RIGHT. */
#ifndef QUIRE_DEVICE_H
#define QUIRE_DEVICE_H

#include <stdint.h>

#include <abi/memory.h>
#include <abi/status.h>
#include <pager/protocol.h>

/* Maps `size_bytes` (rounded up to pages, at most 64 MiB) of zeroed memory whose frames lie side by side, the first at a multiple of `alignment_bytes` (a power
 * of two, PAGE_BYTES to 1 GiB; 0: a page's), all of it below the physical address `limit` (0: anywhere), and delivers where it is. It may be read, and
 * written with PROTECTION_WRITE. Its frames stay as long as it is mapped: memory_discard and memory_map_over are STATUS_IMMUTABLE, memory_move takes them
 * along. Give it back with memory_unmap, whole or in parts. STATUS_NO_RIGHT. STATUS_NO_MEMORY: no such frames are free. STATUS_LIMIT: more than 64 MiB, or the
 * mmap area is full. STATUS_BAD_LENGTH: zero. STATUS_BAD_ALIGNMENT. STATUS_BAD_ARGUMENT, STATUS_WRITE_EXECUTE: the protection. */
enum status memory_map_contiguous(uint64_t size_bytes, uint32_t protection, uint64_t alignment_bytes, uint64_t limit, uint64_t *address, uint64_t *physical);

/* The physical address of an address in memory whose frames stay. STATUS_NO_RIGHT. STATUS_NOT_MAPPED: nothing is there. STATUS_BAD_STATE: its frames may
 * change. */
enum status memory_physical(uint64_t address, uint64_t *physical);

#endif
