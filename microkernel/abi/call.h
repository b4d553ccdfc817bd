/* System calls as a user program sees them: numbers, argument types, flags.
 *
 * Registers on x86-64 (SYSCALL, AMD64 Architecture Programmer's Manual vol. 2, 6.1.1):
 *   number and status in rax; argument[0..8] in rdi, rsi, rdx, r14, r8, r9, r12, r13, r15. rcx, r11, r10, rbx are lost. rbp and rsp are kept.
 *   The six message words are argument[2..7], so the same registers carry them from caller to receiver and back.
 *
 * Argument types of syscall.def:
 *   frame       number of a 4 KiB frame; objects (spaces, threads) are named by the frame they live in
 *   device_frame  physical address / PAGE_BYTES of what is no memory; its attributes: ATTRIBUTES_DEVICE
 *   endpoint    frame * ENDPOINTS_PER_FRAME + slot
 *   user        user address in bytes; page addresses are multiples of PAGE_BYTES
 *   handle      a process's number for an endpoint, with its generation (see HANDLE_...)
 *   tag         what a message is (abi/message.h)
 *   token       names one stopped caller, once (abi/message.h)
 *   thread_at   a thread's state, request and fault (see thread_info below)
 *   attributes  ATTRIBUTE_... of abi/memory.h */
#ifndef QUIRE_ABI_CALL_H
#define QUIRE_ABI_CALL_H

#include <stdint.h>

enum call_number : uint32_t {
#define SYSCALL(number, name, who, how, in, out, text) CALL_##name = (number),
#include "syscall.def"
#undef SYSCALL
    CALL_LIMIT = 64, /* numbers are below this */
};

constexpr uint32_t ABI_VERSION = 1;
constexpr unsigned CALL_ARGUMENTS = 9;

/* receive: flags */
enum : uint64_t { RECEIVE_WAIT = 0, RECEIVE_DO_NOT_WAIT = 1 };

/* space_unmap: flags. UNMAP_FREE gives every frame back whose last mapping goes. */
enum : uint64_t { UNMAP_KEEP = 0, UNMAP_FREE = 1 };

/* device_map: flags. DEVICE_SHARED maps pages that the caller has mapped already once more. */
enum : uint64_t { DEVICE_ALONE = 0, DEVICE_SHARED = 1 };

/* space_share: beside the attributes. A lazy copy is meant: the source's entries lose WRITE too. */
enum : uint64_t { SHARE_COPY = 256 };

/* thread_create: flags. A thread without THREAD_VECTORS that uses a vector or x87 instruction gets an exception fault. */
enum : uint64_t { THREAD_PLAIN = 0, THREAD_VECTORS = 1 };

/* thread_info: bits 0-7 enum thread_state, bits 8-15 enum thread_request, bits 16-23 enum fault_kind of REQUEST_FAULT (abi/message.h) */
enum thread_state : uint8_t { THREAD_STOPPED, THREAD_READY, THREAD_RUNNING, THREAD_SENDING, THREAD_WAITING, THREAD_RECEIVING, THREAD_EXHAUSTED };
enum thread_request : uint8_t { REQUEST_NONE, REQUEST_CALL, REQUEST_FAULT };

constexpr uint32_t PRIORITY_LIMIT = 8; /* 0 runs last, 7 first */
constexpr uint32_t PRIORITY_PROGRAM = 2;
constexpr uint32_t PRIORITY_PAGER = 6;

/* Budgets. Longer times are BAD_ARGUMENT; TIME_UNLIMITED is a budget without limit. */
constexpr uint64_t TIME_LIMIT_NANOSECONDS = (uint64_t)1 << 58;
constexpr uint64_t TIME_UNLIMITED = UINT64_MAX;

/* "no frame": thread_create without a message buffer */
constexpr uint64_t FRAME_NONE = 0;
/* resolve: argument 2, let the kernel take a fresh zeroed frame */
constexpr uint64_t FRAME_FRESH = 0xffffffff;
/* resolve: argument 2, the page is there: its frame gets the attributes when nobody else has it mapped, else a copy takes its place. One page. */
constexpr uint64_t FRAME_COPY = 0xfffffffe;

/* One space_map, space_fill, space_unmap, space_protect, space_share call handles at most this many entries and says how far it got. An entry may be a
 * large leaf. */
constexpr uint64_t STEP_PAGES = 512;

/* Handles. Row index = number % HANDLE_ROWS; the kernel compares the whole number, so the upper bits serve as generation. 0 is no handle. */
constexpr uint32_t HANDLE_ROWS = 64;
constexpr uint32_t HANDLE_NONE = 0;
constexpr uint32_t HANDLE_PAGER = 1; /* every program starts with this one: calls to its pager */

enum : uint64_t {
    RIGHT_CALL = 1, RIGHT_RECEIVE = 2, RIGHT_NOTIFY = 4, RIGHT_PASS = 8, RIGHT_NARROW = 16,
    RIGHTS_ALL = 31,
};

constexpr uint64_t ENDPOINTS_PER_FRAME = 32;

/* test_counter */
enum counter : uint32_t {
    COUNTER_ENTRIES,       /* kernel entries from user mode: calls, exceptions, interrupts */
    COUNTER_INTERRUPTS,    /* of these, interrupts */
    COUNTER_ROOT_LOADS,    /* root-table loads (CR3 writes) outside a flush */
    COUNTER_FLUSHES,       /* whole-TLB flushes */
    COUNTER_INVALIDATIONS, /* single-page invalidations */
    COUNTER_ENTRIES_WRITTEN, /* page-table entries written */
    COUNTER_TABLES_ALLOCATED,
    COUNTER_TABLES_FREED,
    COUNTER_FRAMES_ZEROED,
    COUNTER_ENTRIES_READ,  /* page-table entries read */
    COUNTER_TIMERS,        /* the hardware timer was set */
    COUNTER_FRAME_REQUESTS, /* calls of the frame allocator, in vain or not */
    COUNTER_SPURIOUS,      /* interrupts that no device had asked for */
    COUNTERS,
};

#endif
