/* Messages: tag, token, faults.
 *
 * A tag is one word:
 *   bits 0-15   label: what the message asks for; in a reply, a status or FAULT_RETRY / FAULT_REFUSE
 *   bits 16-28  length in bytes of the part in the message buffer, 0 to 4096
 *   bits 32-47  incarnation of the receiving pager or server space, set by the kernel on delivery
 *   bit  48     TAG_FAULT: the kernel made this message out of a fault
 *   bit  49     TAG_NOTIFICATION: word 0 holds notification bits, there is nobody to answer
 * A sender's bits above 28 are dropped, so a fault message can come from the kernel only.
 *
 * A token names one stopped caller: bits 0-31 the caller's thread, bits 32-63 the sequence number of its request. It is good once, and only for the
 * space that received it. 0 is no token. */
#ifndef QUIRE_ABI_MESSAGE_H
#define QUIRE_ABI_MESSAGE_H

#include <stdint.h>

constexpr unsigned MESSAGE_WORDS = 6;
constexpr uint32_t MESSAGE_BUFFER_BYTES = 4096;

constexpr uint64_t TAG_LABEL_MASK = 0xffff;
constexpr unsigned TAG_LENGTH_SHIFT = 16;
constexpr uint64_t TAG_LENGTH_MASK = 0x1fff;
constexpr unsigned TAG_INCARNATION_SHIFT = 32;
constexpr uint64_t TAG_FAULT = (uint64_t)1 << 48;
constexpr uint64_t TAG_NOTIFICATION = (uint64_t)1 << 49;
constexpr uint64_t TAG_SENDER_MASK = TAG_LABEL_MASK | TAG_LENGTH_MASK << TAG_LENGTH_SHIFT;

static inline uint64_t tag_make(uint32_t label, uint32_t length_bytes)
{
    return (label & TAG_LABEL_MASK) | (uint64_t)(length_bytes & TAG_LENGTH_MASK) << TAG_LENGTH_SHIFT;
}
static inline uint32_t tag_label(uint64_t tag) { return (uint32_t)(tag & TAG_LABEL_MASK); }
static inline uint32_t tag_length(uint64_t tag) { return (uint32_t)(tag >> TAG_LENGTH_SHIFT & TAG_LENGTH_MASK); }
static inline uint32_t tag_incarnation(uint64_t tag) { return (uint32_t)(tag >> TAG_INCARNATION_SHIFT & 0xffff); }

constexpr uint64_t TOKEN_NEXT = (uint64_t)1 << 32; /* added for each request */
static inline uint32_t token_thread(uint64_t token) { return (uint32_t)token; }
static inline uint32_t token_sequence(uint64_t token) { return (uint32_t)(token >> 32); }

/* A fault message (TAG_FAULT set). The badge is the badge of the faulting space. label = enum fault_kind.
 *   word 0   what was tried: FAULT_READ, ..., bits 8-15 the processor's vector, bits 32-63 its error code
 *   word 1   FAULT_PAGE: the address; FAULT_HANDLE: the handle; FAULT_EXCEPTION: 0
 *   word 2   instruction pointer
 *   word 3   stack pointer
 *   word 4   the thread's label
 *   word 5   the processor's cycle counter at the kernel entry while faults are traced, else 0
 * The reply's label decides: FAULT_RETRY runs the instruction or call again. FAULT_REFUSE, for FAULT_HANDLE only, ends the call with the status in
 * word 0. Any other reply to a fault leaves the thread stopped until its pager ends it. */
enum fault_kind : uint32_t {
    FAULT_PAGE = 1,      /* no entry, or one that does not allow the access */
    FAULT_HANDLE = 2,    /* no row for the handle of a call */
    FAULT_EXCEPTION = 3, /* every other exception of the processor */
};

enum fault_access : uint64_t {
    FAULT_READ = 1,
    FAULT_WRITE = 2,
    FAULT_EXECUTE = 4,
    FAULT_PRESENT = 8, /* there is an entry, the access was against its rights */
};

enum : uint32_t { FAULT_RETRY = 0, FAULT_REFUSE = 1 };

#endif
