/* What a thread keeps of the processor, on the host: nothing runs here, so the context is what the portable kernel reads and writes of it. */
#ifndef QUIRE_ARCH_TYPES_H
#define QUIRE_ARCH_TYPES_H

#define ARCH_HANDLER /* as any function: the compiler knows no other way for sanitizers */

struct arch_context {
    struct call_registers call;
    uint64_t instruction;
    uint64_t stack;
    uint64_t flags;
};

/* Stands for the vector state: initialised and forgotten, so that a test can see both. */
struct arch_vectors {
    uint64_t mark;
};

constexpr uint64_t HOST_VECTORS_INITIAL = 0x5645'4354'4f52'5331;
constexpr uint64_t HOST_CALL_BYTES = 2; /* length of the system-call instruction that arch_context_restart_call() goes back over */

#endif
