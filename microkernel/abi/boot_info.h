/* What the kernel tells the first pager: one page, mapped read-only, its address in the first argument of the pager's entry point.
 *
 * Module frames belong to the pager: it may map them, copy from them and free them. Offsets are bytes from the start of the page. */
#ifndef QUIRE_ABI_BOOT_INFO_H
#define QUIRE_ABI_BOOT_INFO_H

#include <stdint.h>

constexpr uint32_t BOOT_INFO_MAGIC = 0x45525551; /* "QURE" */
constexpr unsigned BOOT_MODULES = 32;            /* more are logged and left out */
constexpr unsigned BOOT_TEXT_BYTES = 2048;

struct boot_module {
    uint64_t first_frame; /* consecutive frames; the rest of the last one is zero */
    uint64_t size_bytes;
    uint32_t text_offset; /* the module's command line in text[], NUL-terminated */
    uint32_t reserved;
};

struct boot_info {
    uint32_t magic;
    uint32_t version;          /* ABI_VERSION */
    uint32_t incarnation;      /* of this pager */
    uint32_t modules;          /* used rows of module[]; the pager itself is not among them */
    uint64_t space;            /* the pager's own space, thread, endpoint (HANDLE_PAGER is its handle for it) */
    uint64_t thread;
    uint64_t endpoint;
    uint64_t buffer_address;   /* the pager's message buffer, in its own space */
    uint64_t buffer_frame;
    uint64_t image_first;      /* the pager's own image and stack: [first, limit); free above limit */
    uint64_t image_limit;
    uint64_t cycles_per_second;/* of the processor's cycle counter */
    uint64_t cycles_at_entry;  /* counter at the kernel's first instruction, plus the time of the clock's calibration: now - this = boot without it */
    uint64_t trace;            /* TRACE_... bits from the kernel command line */
    uint32_t arguments_offset; /* kernel command line in text[] */
    uint32_t frames;           /* every frame that there is has a number below this one */
    struct boot_module module[BOOT_MODULES];
    char text[BOOT_TEXT_BYTES];
};

enum : uint64_t { TRACE_FAULTS = 1, TRACE_CALLS = 2, TRACE_PROCESSES = 4 };

static_assert(sizeof(struct boot_info) <= 4096);

#endif
