/* The calls that every thread may make, as inline functions around the SYSCALL instruction.
 *
 * Programs mostly use the functions of process.h, memory.h, endpoint.h and server.h, which are messages to the pager sent by call(). This header is
 * for those who talk to a server of their own.
 *
 * Registers are those of abi/call.h. Each function names the registers that its call reads and those that it changes and nothing else, so a struct
 * message that stays a local variable never reaches memory: its words travel in the registers in which they are computed. A word that the sender
 * leaves unset is sent as what its register happens to hold; set all six, or begin with `struct message message = {}`. */
#ifndef QUIRE_SYSCALL_H
#define QUIRE_SYSCALL_H

#include <stdint.h>

#include <abi/call.h>
#include <abi/message.h>
#include <abi/status.h>

/* A message as it leaves and arrives. A part of up to a page may lie in the message buffer beside it; tag_length() is its length. */
struct message {
    uint64_t badge; /* of the handle that the sender used; received only */
    uint64_t tag;   /* abi/message.h; a sender makes it with tag_make(label, length_bytes) */
    uint64_t word[MESSAGE_WORDS];
    uint64_t token; /* of the caller that waits for an answer; 0: nobody does */
};

/* The version of the kernel's interface, ABI_VERSION where this was compiled for the same one. */
static inline uint32_t kernel_version(void)
{
    uint64_t number = CALL_version, version;
    __asm__ volatile("syscall" : "+a"(number), "=D"(version) : : "rcx", "r11", "r10", "rbx", "memory");
    return (uint32_t)version;
}

/* Sends tag and words to the endpoint of the handle and waits; on STATUS_OK tag and words are the reply's. What the reply's label means is between
 * the two. Needs RIGHT_CALL.
 * STATUS_BAD_HANDLE, STATUS_NO_RIGHT: the handle. STATUS_STALE: it is closed, or its endpoint has ended. STATUS_BAD_BUFFER: the tag has a length and
 * the thread no message buffer, or it is longer than one. STATUS_PEER_ENDED: the server, or its endpoint, ended before it answered. Nothing but the
 * status is then meaningful. */
static inline enum status call(uint32_t handle, struct message *message)
{
    uint64_t number = CALL_call, first = handle;
    register uint64_t word_1 __asm__("r14") = message->word[1];
    register uint64_t word_2 __asm__("r8") = message->word[2];
    register uint64_t word_3 __asm__("r9") = message->word[3];
    register uint64_t word_4 __asm__("r12") = message->word[4];
    register uint64_t word_5 __asm__("r13") = message->word[5];
    __asm__ volatile("syscall"
                 : "+a"(number), "+D"(first), "+S"(message->tag), "+d"(message->word[0]),
                   "+r"(word_1), "+r"(word_2), "+r"(word_3), "+r"(word_4), "+r"(word_5)
                 : : "r15", "rcx", "r11", "r10", "rbx", "memory");
    message->word[1] = word_1;
    message->word[2] = word_2;
    message->word[3] = word_3;
    message->word[4] = word_4;
    message->word[5] = word_5;
    return (enum status)number;
}

/* Answers the caller whose token is in the message with its tag and words (token 0: answers nobody), then waits at the endpoint of the handle. On
 * STATUS_OK the message is the next one: badge, tag, words, and its token, which is 0 for notification bits. Needs RIGHT_RECEIVE.
 * STATUS_STALE: the token is good no more, because who asked has ended or was answered; nothing was sent and nothing received, go on with receive().
 * STATUS_BAD_HANDLE, STATUS_NO_RIGHT, STATUS_BAD_BUFFER as for call. STATUS_PEER_ENDED: the endpoint ended while this waited. */
static inline enum status reply_receive(uint32_t handle, struct message *message)
{
    uint64_t number = CALL_reply_receive, first = handle;
    register uint64_t word_1 __asm__("r14") = message->word[1];
    register uint64_t word_2 __asm__("r8") = message->word[2];
    register uint64_t word_3 __asm__("r9") = message->word[3];
    register uint64_t word_4 __asm__("r12") = message->word[4];
    register uint64_t word_5 __asm__("r13") = message->word[5];
    register uint64_t token __asm__("r15") = message->token;
    __asm__ volatile("syscall"
                 : "+a"(number), "+D"(first), "+S"(message->tag), "+d"(message->word[0]),
                   "+r"(word_1), "+r"(word_2), "+r"(word_3), "+r"(word_4), "+r"(word_5), "+r"(token)
                 : : "rcx", "r11", "r10", "rbx", "memory");
    message->badge = first;
    message->word[1] = word_1;
    message->word[2] = word_2;
    message->word[3] = word_3;
    message->word[4] = word_4;
    message->word[5] = word_5;
    message->token = token;
    return (enum status)number;
}

/* Answers the caller whose token is in the message and does not wait: who sends other answers first, or has more to do, needs this. Needs no handle; the
 * answer has reached its caller on STATUS_OK. STATUS_BAD_HANDLE: token 0. STATUS_STALE, STATUS_BAD_BUFFER as for reply_receive. */
static inline enum status reply(const struct message *message)
{
    uint64_t number = CALL_reply_receive, first = HANDLE_NONE, tag = message->tag, word_0 = message->word[0];
    register uint64_t word_1 __asm__("r14") = message->word[1];
    register uint64_t word_2 __asm__("r8") = message->word[2];
    register uint64_t word_3 __asm__("r9") = message->word[3];
    register uint64_t word_4 __asm__("r12") = message->word[4];
    register uint64_t word_5 __asm__("r13") = message->word[5];
    register uint64_t token __asm__("r15") = message->token;
    __asm__ volatile("syscall"
                 : "+a"(number), "+D"(first), "+S"(tag), "+d"(word_0), "+r"(word_1), "+r"(word_2), "+r"(word_3), "+r"(word_4), "+r"(word_5), "+r"(token)
                 : : "rcx", "r11", "r10", "rbx", "memory");
    return (enum status)number;
}

/* Waits for a message or for notification bits; with RECEIVE_DO_NOT_WAIT it answers STATUS_WOULD_BLOCK when there is none. Otherwise like
 * reply_receive without an answer. STATUS_BAD_ARGUMENT: other flags. STATUS_BAD_HANDLE, STATUS_NO_RIGHT; STATUS_STALE: the handle is closed.
 * STATUS_PEER_ENDED: the endpoint ended while this waited. */
static inline enum status receive(uint32_t handle, uint64_t flags, struct message *message)
{
    uint64_t number = CALL_receive, first = handle, tag = flags, word_0;
    register uint64_t word_1 __asm__("r14");
    register uint64_t word_2 __asm__("r8");
    register uint64_t word_3 __asm__("r9");
    register uint64_t word_4 __asm__("r12");
    register uint64_t word_5 __asm__("r13");
    register uint64_t token __asm__("r15");
    __asm__ volatile("syscall"
                 : "+a"(number), "+D"(first), "+S"(tag), "=d"(word_0),
                   "=r"(word_1), "=r"(word_2), "=r"(word_3), "=r"(word_4), "=r"(word_5), "=r"(token)
                 : : "rcx", "r11", "r10", "rbx", "memory");
    *message = (struct message){ first, tag, { word_0, word_1, word_2, word_3, word_4, word_5 }, token };
    return (enum status)number;
}

/* Sets bits at the endpoint: they stay until somebody receives there, who then gets all that were set since. Never waits. Needs RIGHT_NOTIFY.
 * STATUS_BAD_HANDLE, STATUS_NO_RIGHT; STATUS_STALE: the handle is closed, or its endpoint has ended. */
static inline enum status notify(uint32_t handle, uint64_t bits)
{
    uint64_t number = CALL_notify, first = handle;
    __asm__ volatile("syscall" : "+a"(number), "+D"(first), "+S"(bits)
                 : : "rdx", "r14", "r8", "r9", "r12", "r13", "r15", "rcx", "r11", "r10", "rbx", "memory");
    return (enum status)number;
}

/* Lets another thread of the same priority run. */
static inline void yield(void)
{
    uint64_t number = CALL_yield;
    __asm__ volatile("syscall" : "+a"(number)
                 : : "rdi", "rsi", "rdx", "r14", "r8", "r9", "r12", "r13", "r15", "rcx", "r11", "r10", "rbx", "memory");
}

/* Time given to the server of an endpoint: STATUS_OK or as for time_give (time.h); 0 nanoseconds take back what is left. */
static inline enum status give_time(uint32_t handle, uint64_t nanoseconds)
{
    uint64_t number = CALL_give_time, first = handle;
    __asm__ volatile("syscall" : "+a"(number), "+D"(first), "+S"(nanoseconds)
                 : : "rdx", "r14", "r8", "r9", "r12", "r13", "r15", "rcx", "r11", "r10", "rbx", "memory");
    return (enum status)number;
}

/* The timer of an endpoint: STATUS_OK or as for time_after (time.h). */
static inline enum status timer_set(uint32_t handle, uint64_t bits, uint64_t nanoseconds)
{
    uint64_t number = CALL_timer_set, first = handle;
    __asm__ volatile("syscall" : "+a"(number), "+D"(first), "+S"(bits), "+d"(nanoseconds)
                 : : "r14", "r8", "r9", "r12", "r13", "r15", "rcx", "r11", "r10", "rbx", "memory");
    return (enum status)number;
}

/* The processor's cycle counter. */
static inline uint64_t cycle_counter(void)
{
    uint32_t low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return (uint64_t)high << 32 | low;
}

/* Writes the first `length_bytes` bytes of the message buffer as one line to the serial log. For pagers and for finding faults: a release kernel
 * answers STATUS_DENIED to everyone else. STATUS_BAD_LENGTH, STATUS_BAD_BUFFER. */
static inline enum status kernel_log(uint32_t length_bytes)
{
    uint64_t number = CALL_log, first = length_bytes;
    __asm__ volatile("syscall" : "+a"(number), "+D"(first) : : "rcx", "r11", "r10", "rbx", "memory");
    return (enum status)number;
}

#endif
