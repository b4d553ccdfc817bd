/* Fast paths: a call to a waiting server, a reply by a server that has nothing else to do, a page fault of a program whose pager waits, and its
 * answer; bits for a waiting thread above the notifier; one page mapped or unmapped by a pager.
 *
 * Each does what the ordinary path (microkernel/message.c, kernel.c) does in its most frequent case, and leaves every other case to it: decode, then
 * commit, and before the commit nothing is changed. What makes them fast is that the message words never leave their registers. The calling convention
 * preserve_none passes twelve arguments in registers; its order puts them where SYSCALL's registers are, so entry.S moves none of them.
 *
 *   argument  0    1    2    3      4       5    6    7       8    9   10   11
 *   register  r12  r13  r14  r15    rdi     rsi  rdx  rcx     r8   r9  r11  rax
 *   meaning   w4   w5   w1   token  handle  tag  w0   thread  w2   w3  more number, of the call (more: between fast paths alone) */
#ifndef QUIRE_FAST_H
#define QUIRE_FAST_H

#include "thread.h"

#define FAST [[clang::preserve_none]]
#define FAST_WORD [[maybe_unused]] uint64_t
#define FAST_ARGUMENTS                                                                                                                  \
    FAST_WORD w4, FAST_WORD w5, FAST_WORD w1, FAST_WORD token, FAST_WORD handle, FAST_WORD tag, FAST_WORD w0, struct thread *thread, \
        FAST_WORD w2, FAST_WORD w3, FAST_WORD more, FAST_WORD number

FAST void fast_version(FAST_ARGUMENTS);
FAST void fast_call(FAST_ARGUMENTS);
FAST void fast_reply_receive(FAST_ARGUMENTS);
FAST void fast_resolve(FAST_ARGUMENTS); /* tag: page and attributes, w0: frame, w1: count; the registers have been saved */
FAST void fast_page(FAST_ARGUMENTS);   /* space_map: handle: space, tag: address, w0: frame, w1: count, w2: attributes; space_unmap: w0: count, w1: flags */
FAST void fast_notify(FAST_ARGUMENTS); /* tag: bits; the registers have been saved */
FAST void fast_fault(FAST_ARGUMENTS);  /* thread only */

/* In entry.S: the ordinary path; and going on with a thread, its message in registers (`handle` is then the badge) or all of it saved. */
FAST void fast_slow(FAST_ARGUMENTS);
FAST void fast_slow_saved(FAST_ARGUMENTS); /* thread only: the registers have been saved */
FAST void fast_slow_fault(FAST_ARGUMENTS);
FAST void fast_resume(FAST_ARGUMENTS);
FAST void fast_resume_saved(FAST_ARGUMENTS);

#ifdef QUIRE_TEST
/* Set by the kernel argument fast=off: every fast path is refused, so that a test can compare. */
extern bool fast_is_off;
#endif

#endif
