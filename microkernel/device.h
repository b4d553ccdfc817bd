/* Devices: registers and other things in physical space that are not memory, mapped for drivers.
 *
 * A leaf of a device (PTE_DEVICE) has no row in the frame table behind it. Who may map what is kept in the *registry*: one more set of page tables, whose
 * addresses are physical ones. An entry there says who owns a page and how many leaves name it, in the same place, of the same size as those leaves. So a
 * page is looked up by one walk however many are mapped, an overlap shows as an entry that is present already, and the registry grows and shrinks by
 * the code that the spaces use.
 *
 *                device_map                     device_map, SHARED, by the owner
 *   unknown ------------------> owned, 1 leaf <---------------------------------> owned, up to 7 leaves
 *      ^                             |          device_unmap
 *      +-----------------------------+
 *        device_unmap, space_destroy
 *
 * The owner is the space that made the call, a pager's. What the kernel needs for itself is never mapped: memory of any kind (rows other than ABSENT), and
 * what the port forbids. A step handles leaves of one size in one table, at most STEP_PAGES. */
#ifndef QUIRE_DEVICE_H
#define QUIRE_DEVICE_H

#include "space.h"

/* Forgets everything, for a port that starts. Before the first space. */
void device_initialise(void);
/* Frames [first, limit) are the kernel's own: an interrupt controller. At most DEVICE_FORBIDDEN ranges; for ports. */
constexpr unsigned DEVICE_FORBIDDEN = 16;
void device_forbid(uint64_t first, uint64_t limit);

/* Checks attributes from outside: ATTRIBUTES_DEVICE. BAD_ARGUMENT. */
static inline enum status device_attributes_check(uint64_t attributes)
{
    return attributes & ~(uint64_t)ATTRIBUTES_DEVICE ? STATUS_BAD_ARGUMENT : STATUS_OK;
}

/* Maps consecutive frames of a device. Attributes have been checked; write-combining becomes uncached where the processor has none. BAD_FRAME (memory,
 * forbidden, or beyond what an entry can name), ALREADY_MAPPED (a page of the span), EXISTS (a page of the device is mapped: by another owner, without
 * `is_shared`, or by leaves of another size), TOO_MANY_MAPPINGS, NO_MEMORY, AGAIN. */
enum status device_map(const struct space *owner, struct space *space, struct user_span span, uint64_t first, uint32_t attributes, bool is_shared,
                       uint64_t *done);

/* Removes leaves of devices. NOT_MAPPED (no leaf of a device at the start of what is left: also when it is unmapped already), NO_RIGHT (another owner's),
 * BAD_ALIGNMENT (a part of a large leaf), AGAIN. Without an owner: anybody's, for the end of the space. */
enum status device_unmap(const struct space *owner, struct space *space, struct user_span span, uint64_t *done);

#ifdef QUIRE_TEST
/* For the checker: the registry, and the entry of a page there whose leaf has the level, or nullptr. DEVICE_SHARE in it: leaves. */
extern struct space device_registry;
constexpr uint32_t DEVICE_SHARE = 1u << 9, DEVICE_SHARES = 7 * DEVICE_SHARE; /* bits that no table format of x86 uses */
void *device_entry(uint64_t frame, unsigned level);
#endif

#endif
