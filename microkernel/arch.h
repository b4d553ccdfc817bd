/* The contract of a port: all that the portable kernel asks of a machine.
 *
 * A port is a folder below arch/ with these headers and functions and nothing else that the kernel sees:
 *   arch_types.h   struct arch_context (begins with struct call_registers), struct arch_vectors, ARCH_HANDLER: how doors and handlers are called
 *   pte.h          one page-table entry: levels, encode, decode
 *   the functions below
 * arch/host is a port over plain memory: it carries the unit tests. */
#ifndef QUIRE_ARCH_H
#define QUIRE_ARCH_H

#include "abi/call.h"
#include "types.h"

/* The registers of a system call, first member of struct arch_context. */
struct call_registers {
    uint64_t number;                   /* in: call number; out: status */
    uint64_t argument[CALL_ARGUMENTS]; /* in and out, abi/call.h */
};

#include "arch_types.h"
#include "pte.h"

struct space;
struct thread;
struct frame_info;

/* --- Memory --- */

/* The direct map has the frames below a limit: kernel objects and page tables come from there. UINT32_MAX: all that there are. */
static inline uint32_t arch_direct_frames(void);
static inline bool arch_frame_is_direct(frame_t frame);
/* A frame of the direct map in the kernel's address space. */
static inline void *arch_frame_pointer(frame_t frame);
/* The frame that such a pointer points into. */
static inline frame_t arch_pointer_frame(const void *pointer);
/* Where the frame table is. The port maps storage for it there; frame_initialise() says where it found that. */
static inline struct frame_info *arch_frame_table(void);
static inline void arch_frame_table_place(void *storage);
/* Writes a word `count` times. */
static inline void arch_words_fill(void *words, uint64_t word, uint64_t count);
/* A window to any frame, direct-mapped or not. At most two are open at a time; each open is closed, in reverse order. */
void *arch_window_open(frame_t frame);
void arch_window_close(void *window);

/* Levels that may hold leaves on this processor: levels 0 to arch_leaf_levels() - 1. */
unsigned arch_leaf_levels(void);

/* Devices (device.h): frames that an entry can name on this processor; whether ATTRIBUTE_WRITE_COMBINING is more than uncached; and a write of all that
 * the caches hold, when a page that went through them is no longer mapped so. */
uint64_t arch_frames_limit(void);
bool arch_has_write_combining(void);
void arch_cache_write_back(void);

/* The root table of a new space: fills the kernel's half of a zeroed table from the template. */
void arch_root_initialise(frame_t root);
/* Undoes it: a root whose user half is empty is zero again. */
void arch_root_clear(frame_t root);

/* Translation buffer. `active` means: the root of the space is loaded on this processor. */
bool arch_space_is_active(const struct space *space);
void arch_tlb_invalidate(user_page_t page); /* one page of the active root */
void arch_tlb_flush(void);                  /* all user entries of the active root */

/* The same pointer, of a part that lies far from the beginning of its structure: where much is done with the part, that is less code from there. */
static inline void *arch_near(void *part);

/* --- Threads --- */

/* A context that will start at `instruction` with `stack` and the argument in argument[0]; everything else zero, flags clean. */
void arch_context_start(struct thread *thread, uint64_t instruction, uint64_t stack, uint64_t argument);
/* Makes the thread run its system call again when it goes on. */
void arch_context_restart_call(struct thread *thread);
uint64_t arch_context_instruction(const struct thread *thread);
uint64_t arch_context_stack(const struct thread *thread);
/* The thread is about to run on this processor after another one: root table, vector state, kernel stack pointers. */
void arch_thread_switch(struct thread *to);
/* Nothing can run: waits for an interrupt with interrupts on, handles it, comes back with interrupts off. */
void arch_idle(void);
/* A new thread's vector state: the processor's initial one. */
void arch_vectors_initialise(struct thread *thread);
/* The thread is going away: the processor must not keep or save its vector state. */
void arch_vectors_forget(struct thread *thread);

/* --- Machine --- */

uint64_t arch_cycles(void);                    /* the cycle counter */
uint64_t arch_cycles_per_second(void);
uint64_t arch_cycles_to_nanoseconds(uint64_t cycles);
uint64_t arch_nanoseconds_to_cycles(uint64_t nanoseconds); /* at most TIME_LIMIT_NANOSECONDS */
void arch_timer_start(uint64_t when);          /* one-shot, when the cycle counter has that value or before; ends in kernel_on_timer() */
/* Lines of devices. Does the line exist, and is it not the port's own? Open: it may interrupt, once, which ends in kernel_on_interrupt() and closes it. */
bool arch_interrupt_exists(unsigned line);
void arch_interrupt_open(unsigned line, bool is_open);
/* Ports. Are `width` bytes (1, 2 or 4) from a port on there for drivers, and not the port's own? Where machines have no ports, none is. */
bool arch_port_exists(uint64_t port, unsigned width);
uint32_t arch_port_read(uint16_t port, unsigned width);
void arch_port_write(uint16_t port, unsigned width, uint32_t value);
void arch_log_write(const char *text, size_t length_bytes);
[[noreturn]] void arch_machine_end(uint32_t code); /* 0: success, to whoever started the machine */
[[noreturn]] void arch_panic(void);                /* registers and backtrace to the log, then the end */

#include "arch_inline.h"

/* Fills a page with zeroes. */
static inline void arch_page_zero(void *page)
{
    arch_words_fill(page, 0, PAGE_BYTES / 8);
}

#endif
