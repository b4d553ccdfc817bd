/* The pager's protocol: what programs and the pager agree on beside the rows of protocol.def. */
#ifndef QUIRE_PROTOCOL_H
#define QUIRE_PROTOCOL_H

#include <stdint.h>

#include "abi/memory.h"

enum protocol : uint32_t {
#define PROTOCOL(number, name, in, out, text) PROTOCOL_##name = (number),
#include "protocol.def"
#undef PROTOCOL
};

/* Kinds of segments, in address order. */
enum segment_kind : uint8_t {
    SEGMENT_CODE = 1, SEGMENT_DATA, SEGMENT_RODATA, SEGMENT_BRK, SEGMENT_AUTOGEN, SEGMENT_MMAP, SEGMENT_STACK,
    SEGMENT_BUFFER, /* the message buffers, above the stack; immutable */
    SEGMENT_KINDS,
};

enum protection : uint32_t { PROTECTION_READ = 0, PROTECTION_WRITE = 1, PROTECTION_EXECUTE = 2 };

/* map, word 2: the lowest eight bits are the base-two logarithm of the alignment in bytes, at least a page's; 0: no particular one. */
enum mapping_option : uint64_t {
    MAPPING_ALIGNMENT = 0xff,
    MAPPING_POPULATE = 1 << 8,   /* pages come at once: some of them with the answer, which says how much; the rest by populate */
    MAPPING_LARGE = 1 << 9,      /* in large pages where memory and place allow it */
    MAPPING_LARGE_ONLY = 1 << 10, /* not in others: NO_MEMORY. With MAPPING_POPULATE */
};
constexpr unsigned MAPPING_ALIGNMENT_LEAST = 12, MAPPING_ALIGNMENT_MOST = 30;
constexpr uint64_t LARGE_PAGE_BYTES = PAGE_BYTES * (PAGE_BYTES / sizeof(void *)); /* what one lowest page table maps */

/* populate, word 2. */
enum populate_option : uint64_t { POPULATE_LARGE_ONLY = 1 };
constexpr uint64_t POPULATE_BYTES_MOST = (uint64_t)1 << 20; /* that one message brings; or a large page */

/* advise, word 2: how memory will be used. */
enum advice : uint32_t {
    ADVICE_NORMAL,     /* pages that are touched in order come with more and more of those behind them */
    ADVICE_SEQUENTIAL, /* as many as may, from the first touch on */
    ADVICE_RANDOM,     /* each alone */
    ADVICE_WILL_NEED,  /* pages come now, as far as they may be had; nothing is wrong if not */
    ADVICE_DO_NOT_NEED, /* discard */
    ADVICES,
};

/* family_time: how long a period may be. */
constexpr uint64_t TIME_PERIOD_LEAST = 1'000'000, TIME_PERIOD_MOST = 1'000'000'000;

/* Why a process ended. */
enum process_end : uint32_t {
    PROCESS_EXITED = 1,       /* value: exit status */
    PROCESS_BAD_ADDRESS,      /* outside every segment; value: address */
    PROCESS_PROTECTION,       /* against the segment's protection; value: address */
    PROCESS_STACK_OVERFLOW,   /* below the stack's limit; value: address */
    PROCESS_EXCEPTION,        /* value: the processor's vector */
    PROCESS_OUT_OF_MEMORY,    /* value: address */
    PROCESS_FAULT_LOOP,       /* same thread, same address, three times, nothing to map; value: address */
};

/* A message word that names a group: GROUP_BIT | id. 0 names none. */
constexpr uint64_t GROUP_BIT = (uint64_t)1 << 31;

/* What process_next_event tells of a process. */
enum process_event : uint32_t { PROCESS_EVENT_STARTED = 1, PROCESS_EVENT_ENDED };

/* At the start of a new process's message buffer; the entry point gets the buffer's address as its argument. Strings follow at once: the program's
 * name, then its arguments, each NUL-terminated. */
constexpr uint32_t START_MAGIC = 0x54525453; /* "STRT" */
struct start_info {
    uint32_t magic;
    uint32_t argument_count; /* with the name */
    uint32_t text_bytes;     /* of all strings with their NULs */
    uint32_t process;        /* number in the log */
    uint64_t cycles_per_second; /* of the processor's cycle counter, which programs may read */
    uint64_t cycles_at_entry;   /* its value when the kernel started: time 0 */
};

/* A module's command line is "[KIND[@GROUP]...:]NAME [ARGUMENT...]", separated by spaces. A program of the boot is in the groups that it names, two
 * at most, or in "boot". KIND is one of
 *   program     an ELF image, started at boot (the default)
 *   program+wx  the same, and its autogen segment may be writable and executable at once
 *   driver      the same as program, and it may use devices, ports, interrupt lines and contiguous memory; what it starts may not
 *   image       an ELF image that waits to be started by process_start
 *   data        a plain file for module_map */

#endif
