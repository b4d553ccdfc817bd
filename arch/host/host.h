/* The host port as tests see it: make a machine, look at what the kernel did to it, run what ends.
 *
 * A machine is an arena of simulated physical memory, a translation buffer, a log, a timer and a table of events. host_initialise() makes a new one and
 * forgets the old. Everything here is for tests; the portable kernel sees arch.h only.
 *
 * The translation buffer is the real thing in small: it remembers what host_load() walked, until the kernel invalidates it. So a missing invalidation shows as
 * a stale translation (host_tlb_stale), as it would on a processor. */
#ifndef QUIRE_HOST_H
#define QUIRE_HOST_H

#include "arch.h"
#include "frame.h"

/* Makes a machine with memory for frames [0, bytes / PAGE_BYTES), all zero, all in the direct map, no root active. It costs nothing before it is touched. */
void host_initialise(uint64_t bytes);

/* The same, then frame_initialise(): the frame table lies at the top of the arena, the first `reserved_frames` are reserved. The usual start of a test. */
void host_initialise_frames(uint64_t bytes, uint32_t reserved_frames);

/* Moves the end of the direct map, to try memory beyond it. */
void host_set_direct_frames(uint32_t count_frames);

/* Leaf levels of the machine; host_initialise() makes it PTE_LEAF_LEVELS. */
void host_set_leaf_levels(unsigned levels);

/* Whether the machine can write-combine; host_initialise() makes it so. */
void host_set_write_combining(bool has);

/* Loads a root table, as a switch to a thread of its space does: forgets all translations. Number 0: no root is active. */
void host_activate(frame_t root);
bool host_root_is_active(frame_t root);

/* --- Events, counted since host_initialise() --- */

enum host_event : uint8_t {
    HOST_ROOT_LOADS,
    HOST_FLUSHES,
    HOST_INVALIDATIONS,
    HOST_WINDOWS, /* arch_window_open */
    HOST_IDLES,   /* arch_idle */
    HOST_WRITE_BACKS, /* arch_cache_write_back */
    HOST_EVENTS,
};
uint64_t host_count(enum host_event event);
void host_event_add(enum host_event event); /* for the port's own files */

/* Called, unless nullptr, when the kernel invalidates or flushes, before translations are forgotten. */
extern void (*host_on_flush)(void);
/* Called by arch_idle(): where a test lets the awaited interrupt happen. */
extern void (*host_on_idle)(void);

/* --- Translation buffer --- */

struct host_translation {
    bool is_used;
    uint64_t page;  /* address of the page of 4 KiB */
    pte_t entry;    /* the leaf that was walked */
    unsigned level; /* of the leaf */
    frame_t frame;  /* of the page itself */
};
constexpr unsigned HOST_TLB_ROWS = 64;
extern struct host_translation host_tlb[HOST_TLB_ROWS];

/* Walks a root's tables, bits only, no bookkeeping: the tests' own eyes. False when no entry is present. */
bool host_walk(frame_t root, uint64_t address, struct host_translation *translation);

/* A read by a user program of the active root: by the buffer when it remembers the page, else by a walk that is remembered and marked accessed.
 * nullptr: a page fault. */
void *host_load(uint64_t address);

/* While set, the buffer does not hear what the kernel asks of it: so a kernel looks that forgets to invalidate. host_initialise() clears it. */
extern bool host_tlb_is_deaf;

/* The first remembered translation that differs from a walk, or nullptr. Rights that have grown do not count. */
const struct host_translation *host_tlb_stale(void);

/* --- Log, time, the end --- */

/* What was written to the serial line since the last clear, NUL-terminated; at most HOST_LOG_BYTES - 1, the first ones are kept. */
constexpr unsigned HOST_LOG_BYTES = 1 << 18;
const char *host_log_text(void);
void host_log_clear(void);

/* The value of the cycle counter that the one-shot timer was set to; 0: it was not, or its end was played by host_timer_stop(). */
uint64_t host_timer(void);
void host_timer_stop(void);

/* Lines of devices that may interrupt, a bit each; this one is the port's own. */
constexpr unsigned HOST_OWN_LINE = 2;
constexpr uint16_t HOST_OWN_PORT = 0x20;
uint16_t host_open_lines(void);
/* The cycle counter counts nanoseconds. Time passes by reading it, and when a test says so. */
extern uint64_t host_cycles_read; /* so much by reading it; 100 in a new machine */
void host_advance(uint64_t count);
uint64_t host_now(void); /* without reading it */

/* HOST_WAITS: the idle processor waits for an interrupt that will not come (arch_idle with host_on_idle == nullptr). */
enum host_end : uint8_t { HOST_RETURNED, HOST_MACHINE_ENDED, HOST_PANICKED, HOST_WAITS };

/* Runs `body`, and says how it came back; *code is what arch_machine_end() was given. Outside host_run() both ends abort the process. */
enum host_end host_run(void (*body)(void *), void *argument, uint32_t *code);

#endif
