/* Memory of the calling process: its break, its mmap area, its autogen segment, and what it has.
 *
 * Sizes and deltas are in bytes; the pager works in whole pages of PAGE_BYTES. Addresses travel as uint64_t. malloc stands on top of these: a
 * program that uses it may map and unmap as it likes, but moves the break only upwards. */
#ifndef QUIRE_MEMORY_H
#define QUIRE_MEMORY_H

#include <stdint.h>

#include <abi/memory.h>
#include <abi/status.h>
#include <pager/protocol.h>

/* Moves the break, the end of the zeroed memory above the program's image, by `delta_bytes` (any number, negative gives back) and delivers where it
 * was: after memory_brk(n) the bytes [previous, previous + n) are the caller's. Whole new pages are mapped at once, zeroed. What is long is done
 * in parts, between which other threads go on; one thread at a time moves the break or autogen, so STATUS_AGAIN never comes here.
 * STATUS_NO_MEMORY, STATUS_LIMIT: nothing was changed. STATUS_BAD_ARGUMENT: below the start. STATUS_RANGE_WRAPS. */
enum status memory_brk(int64_t delta_bytes, uint64_t *previous);

/* Reserves `size_bytes` (rounded up to pages) of zeroed memory in the mmap area; each page is mapped when it is first touched. `protection` is a set
 * of PROTECTION_... bits. STATUS_BAD_LENGTH: zero. STATUS_BAD_ARGUMENT: no such protection. STATUS_WRITE_EXECUTE: both at once. STATUS_LIMIT: the
 * mmap area is full, or has too many segments. STATUS_NO_MEMORY. */
enum status memory_map(uint64_t size_bytes, uint32_t protection, uint64_t *address);

/* How memory_map_with() maps; all zero is as memory_map() does it. */
enum memory_pages : uint8_t {
    MEMORY_PAGES_USUAL,
    MEMORY_PAGES_LARGE,      /* of LARGE_PAGE_BYTES where memory and place allow it, of PAGE_BYTES where not */
    MEMORY_PAGES_LARGE_ONLY, /* of LARGE_PAGE_BYTES, all at once */
};
struct memory_options {
    uint64_t alignment_bytes; /* of the address: a power of two, PAGE_BYTES to 1 GiB; 0: none in particular */
    uint64_t hint;            /* the address that would be best; taken if it is free and aligned so. 0: any */
    bool populate;            /* every page is there before the call returns */
    enum memory_pages pages;
};

/* The same as memory_map, as the options say. With `populate` and MEMORY_PAGES_LARGE_ONLY STATUS_NO_MEMORY means that not all of it could be had, and
 * nothing is mapped. STATUS_BAD_ALIGNMENT: the alignment. STATUS_BAD_LENGTH: zero, or for MEMORY_PAGES_LARGE_ONLY not whole large pages.
 * STATUS_BAD_ARGUMENT: no such protection, no such pages. STATUS_WRITE_EXECUTE, STATUS_LIMIT, STATUS_NO_MEMORY. */
enum status memory_map_with(uint64_t size_bytes, uint32_t protection, const struct memory_options *options, uint64_t *address);

/* Brings the pages of a range that are not there yet, in any segment. Those that came stay if it fails. STATUS_NO_MEMORY, STATUS_LIMIT.
 * STATUS_NOT_MAPPED: some of it lies in no segment. STATUS_BAD_LENGTH, STATUS_BAD_ALIGNMENT, STATUS_BAD_ADDRESS: the range. */
enum status memory_populate(uint64_t address, uint64_t size_bytes);

/* Says how memory will be used. ADVICE_NORMAL, ADVICE_SEQUENTIAL, ADVICE_RANDOM: how many pages come with a touch, from now on; of the mmap area.
 * ADVICE_WILL_NEED: as memory_populate as far as memory may be had, which is no error. ADVICE_DO_NOT_NEED: memory_discard. STATUS_BAD_ARGUMENT: no such
 * advice. STATUS_NOT_MAPPED, STATUS_IMMUTABLE, STATUS_BAD_LENGTH, STATUS_BAD_ALIGNMENT, STATUS_BAD_ADDRESS, STATUS_LIMIT, STATUS_NO_MEMORY: as for
 * memory_unmap; as for memory_protect nothing was changed, or a part. */
enum status memory_advise(uint64_t address, uint64_t size_bytes, enum advice advice);

/* The same as memory_map at `address`, a page in the mmap area. STATUS_EXISTS: something is there, or it is kept for the pager. STATUS_BAD_ADDRESS: outside
 * the mmap area. STATUS_BAD_ALIGNMENT. STATUS_BAD_LENGTH, STATUS_BAD_ARGUMENT, STATUS_WRITE_EXECUTE, STATUS_LIMIT, STATUS_NO_MEMORY: as for memory_map. */
enum status memory_map_at(uint64_t address, uint64_t size_bytes, uint32_t protection);

/* Makes memory of the mmap area as memory_map would: zero, with this protection, whatever was there. Its pages stay where they are (up to 2 MiB), so that
 * this is cheaper than unmapping and mapping, and nobody can take the place meanwhile. STATUS_BAD_ARGUMENT, STATUS_WRITE_EXECUTE: the protection.
 * STATUS_IMMUTABLE: some of it is sealed, or not the mmap area's. STATUS_NOT_MAPPED, STATUS_BAD_LENGTH, STATUS_BAD_ALIGNMENT, STATUS_BAD_ADDRESS,
 * STATUS_LIMIT, STATUS_NO_MEMORY: as for memory_unmap. As for memory_protect nothing was changed, or a part. */
enum status memory_map_over(uint64_t address, uint64_t size_bytes, uint32_t protection);

/* Gives the pages of memory of the mmap area back and keeps the memory: it is zero (a module: as it was) when it is touched again.
 * STATUS_NOT_MAPPED, STATUS_IMMUTABLE, STATUS_BAD_LENGTH, STATUS_BAD_ALIGNMENT, STATUS_BAD_ADDRESS: as for memory_unmap. As for memory_protect nothing was
 * changed, or a part. */
enum status memory_discard(uint64_t address, uint64_t size_bytes);

/* Makes memory of the mmap area immutable: unmapping, protecting, replacing and discarding it are STATUS_IMMUTABLE until the process ends.
 * STATUS_NOT_MAPPED, STATUS_BAD_LENGTH, STATUS_BAD_ALIGNMENT, STATUS_BAD_ADDRESS, STATUS_LIMIT, STATUS_NO_MEMORY: as for memory_unmap. */
enum status memory_seal(uint64_t address, uint64_t size_bytes);

/* Gives memory of the mmap area, pages and content, to the process that the handle `to` leads to, and delivers where it is there: tell it in a message. It goes
 * without being copied; 2 MiB and more by whole page tables. The caller's family goes on paying for it until it is unmapped there.
 * STATUS_BAD_LENGTH: nothing, or more than one segment. STATUS_BAD_ARGUMENT: `to` leads to the caller. STATUS_BAD_HANDLE, STATUS_STALE, STATUS_BAD_OBJECT,
 * STATUS_NO_RIGHT (it needs RIGHT_CALL): the handle. STATUS_LIMIT: more than 1 GiB, or others have given the receiver 1024 segments or half of its area.
 * STATUS_NOT_MAPPED, STATUS_IMMUTABLE, STATUS_BAD_ALIGNMENT, STATUS_BAD_ADDRESS, STATUS_NO_MEMORY: as for memory_unmap. Nothing was changed. Never
 * STATUS_AGAIN: it waits for another thread that is protecting the memory. */
enum status memory_move(uint64_t address, uint64_t size_bytes, uint32_t to, uint64_t *received);

/* Lets the process that the handle `to` leads to have memory of the mmap area too, and delivers where it is there: tell it in a message. Both see what
 * either writes. `protection`: what the other one may do with it, now and ever, at most what the caller may. Pages that the caller has not written to yet
 * are written to (with what is in them). The caller's family pays for both until it is unmapped there; either may end first. What either discards or maps
 * over is its own from then on.
 * STATUS_NO_RIGHT: more protection than here; or the handle (it needs RIGHT_CALL). STATUS_BAD_STATE, and never STATUS_AGAIN: pages are missing, or not the
 * caller's own after process_duplicate, and it may not write to them: make it writable first. STATUS_LIMIT: more than 64 MiB, or as for memory_move.
 * STATUS_BAD_ARGUMENT, STATUS_WRITE_EXECUTE: the protection. STATUS_BAD_LENGTH, STATUS_BAD_HANDLE, STATUS_STALE, STATUS_BAD_OBJECT, STATUS_NOT_MAPPED,
 * STATUS_IMMUTABLE, STATUS_BAD_ALIGNMENT, STATUS_BAD_ADDRESS, STATUS_NO_MEMORY: as for memory_move. Nothing was changed. */
enum status memory_share(uint64_t address, uint64_t size_bytes, uint32_t to, uint32_t protection, uint64_t *received);

/* Gives memory of the mmap area back, any run of its pages. STATUS_NOT_MAPPED: some of it lies in no segment. STATUS_IMMUTABLE: some of it lies in a
 * segment that is not the mmap area's. STATUS_BAD_LENGTH, STATUS_BAD_ALIGNMENT, STATUS_BAD_ADDRESS: the range. STATUS_LIMIT,
 * STATUS_NO_MEMORY: no room to note the hole. Nothing was changed. */
enum status memory_unmap(uint64_t address, uint64_t size_bytes);

/* Makes memory of the mmap area longer or shorter at its end, in place: `size_bytes` is what it has, `new_bytes` what it is to have. What stays keeps its
 * content; what comes is zero when it is touched, with the protection that is there. STATUS_EXISTS: something is in the way; it may be had at another place.
 * STATUS_IMMUTABLE: as for memory_unmap; or it is to be longer, and is a module's, a device's, shared, or given by another process. STATUS_BAD_LENGTH: nothing,
 * or more than one segment. STATUS_LIMIT, STATUS_NO_MEMORY: no room for it in the area, or for its tables in the family. STATUS_NOT_MAPPED,
 * STATUS_BAD_ALIGNMENT, STATUS_BAD_ADDRESS: as for memory_unmap. Nothing was changed. */
enum status memory_resize(uint64_t address, uint64_t size_bytes, uint64_t new_bytes);

/* Changes the protection of memory of the mmap area, for pages already touched and for those to come. STATUS_IMMUTABLE: it lies in another segment,
 * or holds a module and would become writable. STATUS_BAD_ARGUMENT, STATUS_WRITE_EXECUTE: the protection. STATUS_NOT_MAPPED, STATUS_BAD_LENGTH,
 * STATUS_BAD_ALIGNMENT, STATUS_BAD_ADDRESS, STATUS_LIMIT, STATUS_NO_MEMORY: as for memory_unmap. Nothing was changed, unless the range has more than 64
 * segments or memory runs out in the middle of a long one: then what lies below is changed already. */
enum status memory_protect(uint64_t address, uint64_t size_bytes, uint32_t protection);

/* Grows the segment for code made at run time downwards by `delta_bytes`, or shrinks it (negative), and delivers its lowest address. New memory is
 * zeroed and has the protection that the segment has then: writable before the first flip. STATUS_NO_MEMORY, STATUS_LIMIT: nothing was changed.
 * STATUS_BAD_ARGUMENT: smaller than nothing. STATUS_RANGE_WRAPS. */
enum status autogen_move(int64_t delta_bytes, uint64_t *lowest);

/* Makes the whole autogen segment executable and read-only, or writable and not executable. In a program that was started with program+wx (see
 * pager/protocol.h) the segment is both all the time, and this changes nothing. STATUS_BAD_ARGUMENT: neither true nor false. */
enum status autogen_flip(bool executable);

/* Maps a module of the boot loader, read-only, into the mmap area; pages are mapped when touched, and behind the last byte there are zeroes to the
 * end of its page. Give it back with memory_unmap. STATUS_NOT_FOUND: no module of this name. STATUS_BAD_LENGTH: the name, or
 * an empty module. STATUS_LIMIT: the mmap area is full. STATUS_NO_MEMORY. */
enum status module_map(const char *name, uint64_t *address, uint64_t *size_bytes);

struct segment_info {
    enum segment_kind kind;
    uint64_t first, limit; /* addresses: [first, limit) */
    uint32_t protection;   /* PROTECTION_... */
    uint64_t mapped_pages; /* that have a frame now */
};

/* Describes the caller's segment number `index`, counted from 0 in address order. STATUS_NOT_FOUND past the last. */
enum status segment_info(uint64_t index, struct segment_info *info);

/* The name of a kind: "code", "data", ... */
const char *segment_kind_name(enum segment_kind kind);

#endif
