/* What a thread keeps of the processor. The order is what entry.S pushes; offsets in layout.h. */
#ifndef QUIRE_ARCH_TYPES_H
#define QUIRE_ARCH_TYPES_H

#include "layout.h"

/* Handlers and doors save no registers: the dispatcher has hardly anything to keep, entry.S nothing. The first argument is in r12. */
#define ARCH_HANDLER [[clang::preserve_none]]

struct arch_context {
    struct call_registers call; /* rax, rdi, rsi, rdx, r14, r8, r9, r12, r13, r15 */
    uint64_t r10, rbx, rbp, rcx, r11;
    uint64_t vector, error;     /* vector, or VECTOR_SYSCALL */
    uint64_t rip, cs, flags, rsp, ss; /* pushed by the processor */
};
static_assert(offsetof(struct arch_context, call.argument) == CONTEXT_ARGUMENT);
static_assert(offsetof(struct arch_context, r10) == CONTEXT_R10);
static_assert(offsetof(struct arch_context, rbp) == CONTEXT_RBP);
static_assert(offsetof(struct arch_context, r11) == CONTEXT_R11);
static_assert(offsetof(struct arch_context, vector) == CONTEXT_VECTOR);
static_assert(offsetof(struct arch_context, rip) == CONTEXT_RIP);
static_assert(offsetof(struct arch_context, flags) == CONTEXT_FLAGS);
static_assert(offsetof(struct arch_context, rsp) == CONTEXT_RSP);
static_assert(sizeof(struct arch_context) == CONTEXT_BYTES);
static_assert(CONTEXT_BYTES % 16 == 0); /* the processor aligns its pushes to 16 bytes */

/* XSAVE area (or FXSAVE, 512 bytes). x87, SSE, AVX and AVX-512 in standard form need 2,696 bytes: AMD64 manual vol. 4, app. on XSAVE; CPUID leaf 0xd. */
constexpr uint32_t VECTORS_BYTES = 2752;
struct arch_vectors {
    alignas(64) uint8_t area[VECTORS_BYTES];
};

#endif
