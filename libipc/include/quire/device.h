/* For drivers: memory that devices see, their registers, their interrupts, ports of the machine.
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

/* Maps what lies in physical space at `physical` and is no memory, [physical, physical + size_bytes), and delivers where the first byte is. `protection`:
 * PROTECTION_READ or PROTECTION_WRITE; `cache`: ATTRIBUTE_UNCACHED (registers), ATTRIBUTE_WRITE_COMBINING (pictures), ATTRIBUTE_WRITE_THROUGH, or 0.
 * With `shared` others may map it too, who say the same. Its pages go together: memory_unmap of all of them, from the page of the address on. STATUS_NO_RIGHT.
 * STATUS_BAD_FRAME: memory, the kernel's own, or beyond the physical space. STATUS_EXISTS: somebody has some of it. STATUS_BAD_ARGUMENT: no such
 * protection, no such cache attribute. STATUS_BAD_LENGTH: zero. STATUS_RANGE_WRAPS. STATUS_LIMIT: more than 1 GiB, or the mmap area is full.
 * STATUS_TOO_MANY_MAPPINGS: shared by seven already. STATUS_NO_MEMORY. */
enum status device_map(uint64_t physical, uint64_t size_bytes, uint32_t protection, uint32_t cache, bool shared, uint64_t *address);

/* Lets line `line` of the interrupt controller set `bits` at an endpoint of the caller's own (`handle` has the right to receive): once, until
 * interrupt_acknowledge(). The line is given back with the endpoint. STATUS_NO_RIGHT: also without the right to receive. STATUS_BAD_HANDLE, STATUS_STALE: the
 * handle. STATUS_BAD_ARGUMENT: no such line, one of the kernel's own, or no bits. STATUS_EXISTS: the line is somebody's. */
enum status interrupt_claim(uint32_t line, uint32_t handle, uint64_t bits);
/* Gives a line back. STATUS_NOT_FOUND: it is not the caller's. */
enum status interrupt_release(uint32_t line);
/* Lets a line interrupt again. STATUS_NOT_FOUND: it is not the caller's. */
enum status interrupt_acknowledge(uint32_t line);

/* Reads `width_bytes` (1, 2 or 4) at a port of the machine. STATUS_NO_RIGHT. STATUS_BAD_ARGUMENT: no such width; no such port, or one of those that the
 * kernel keeps for itself: interrupt controllers, interval timer, the log's serial port, what ends the machine, PCI configuration. */
enum status port_read(uint16_t port, unsigned width_bytes, uint32_t *value);
/* Writes the lowest `width_bytes` of a value there. STATUS_NO_RIGHT, STATUS_BAD_ARGUMENT: as for port_read. */
enum status port_write(uint16_t port, unsigned width_bytes, uint32_t value);

#endif
