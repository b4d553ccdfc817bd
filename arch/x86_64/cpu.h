/* The processor: what it can do, its tables, its special registers. */
#ifndef QUIRE_CPU_H
#define QUIRE_CPU_H

#include <stdint.h>

#include "arch.h"

/* What was found by CPUID and is used. */
struct cpu_features {
    bool has_gigabyte_pages, has_global_pages, has_smep, has_smap, has_umip, has_xsave, has_apic, has_pat;
    uint8_t physical_bits;  /* of an address */
    uint32_t vectors_bytes; /* of the state that is switched */
    uint64_t vectors_mask;  /* XCR0 */
    char name[49];          /* brand string or vendor */
};
static_assert(offsetof(struct cpu_features, has_smap) == CPU_FEATURES_SMAP);
extern struct cpu_features cpu_features;

/* Finds the features; panics with a clear line when one is missing that the kernel cannot do without. */
void cpu_detect(void);
/* Loads descriptor tables, control registers and the system-call registers. */
void cpu_initialise(void);
/* The task segment. AMD64 manual vol. 2, 12.2.5. */
struct [[gnu::packed]] task_segment {
    uint32_t reserved0;
    uint64_t stack[3];
    uint64_t reserved1;
    uint64_t special[7];
    uint64_t reserved2;
    uint16_t reserved3;
    uint16_t io_map;
};
static_assert(sizeof(struct task_segment) == 104);
extern struct task_segment cpu_task;

/* The stack pointer for traps from user mode: the end of the running thread's context. */
static inline void cpu_set_trap_stack(struct arch_context *context)
{
    cpu_task.stack[0] = (uint64_t)(uintptr_t)(context + 1);
}

static inline uint64_t cpu_read_msr(uint32_t number)
{
    uint32_t low, high;
    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(number));
    return (uint64_t)high << 32 | low;
}
static inline void cpu_write_msr(uint32_t number, uint64_t value)
{
    __asm__ volatile("wrmsr" ::"c"(number), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)) : "memory");
}
static inline uint64_t cpu_read_cr2(void)
{
    uint64_t value;
    __asm__ volatile("mov %%cr2, %0" : "=r"(value));
    return value;
}
/* Null in every selector that user code can load: what one thread put there is not for the next. Base addresses are 0 in any case. */
static inline void cpu_clear_selectors(void)
{
    __asm__ volatile("mov %0, %%ds\n\tmov %0, %%es\n\tmov %0, %%fs\n\tmov %0, %%gs" ::"r"(0));
}
static inline uint64_t cpu_read_cr3(void)
{
    uint64_t value;
    __asm__ volatile("mov %%cr3, %0" : "=r"(value));
    return value;
}
static inline void cpu_write_cr3(uint64_t value)
{
    __asm__ volatile("mov %0, %%cr3" ::"r"(value) : "memory");
}

/* CR0.TS: whether the next vector instruction is an exception (AMD64 manual vol. 2, 3.1.1). */
static inline void cpu_vectors_block(void)
{
    constexpr uint64_t task_switched = 1 << 3;
    uint64_t cr0;
    __asm__ volatile("mov %%cr0, %0\n\tor %1, %0\n\tmov %0, %%cr0" : "=&r"(cr0) : "i"(task_switched));
}
static inline void cpu_vectors_allow(void)
{
    __asm__ volatile("clts");
}

#endif
