/* The kernel's address space on x86-64, for C and assembler.
 *
 *   0                      user half of the running space, up to USER_LIMIT (abi/memory.h)
 *   0xfffff80000000000     direct map: physical memory that firmware calls usable, without the kernel image; rw-
 *   0xffffffff80000000     kernel image, linked at this plus its physical address; r-x, r--, rw- by section
 *   0xffffffffa0000000     frame table and bitmap; rw-
 *   0xfffffffff0000000     device window (microkernel/window.h), 16 MiB: local APIC; rw-, uncached
 * Nothing else is mapped. docs/memory-map.md draws it. The direct map begins where the number of its first page fits an instruction (arch_inline.h), and so
 * does the address of the frame table. */
#ifndef QUIRE_LAYOUT_H
#define QUIRE_LAYOUT_H

#define DIRECT_MAP 0xfffff80000000000
#define DIRECT_MAP_ENTRY 496            /* of a root table: its first */
#define DIRECT_MAP_LIMIT 0x40000000000 /* physical: it ends well before the image begins. Memory beyond would be more than the frame table holds */
#define KERNEL_BASE 0xffffffff80000000
#define FRAME_TABLE 0xffffffffa0000000
#define DEVICE_WINDOW 0xfffffffff0000000
#define KERNEL_PHYSICAL 0x200000

/* Selectors (cpu.c). The order is what SYSCALL and SYSRET want: AMD64 manual vol. 2, 6.1.1. */
#define SELECTOR_KERNEL_CODE 0x08
#define SELECTOR_KERNEL_DATA 0x10
#define SELECTOR_USER_BASE 0x18
#define SELECTOR_USER_DATA 0x23
#define SELECTOR_USER_CODE 0x2b
#define SELECTOR_TASK 0x30

/* struct arch_context (arch_types.h), offsets in bytes */
#define THREAD_CONTEXT 96 /* in struct thread */
#define THREAD_BUFFER_POINTER 56
#define CONTEXT_NUMBER 0
#define CONTEXT_ARGUMENT 8
#define CONTEXT_R10 80
#define CONTEXT_RBX 88
#define CONTEXT_RBP 96
#define CONTEXT_RCX 104
#define CONTEXT_R11 112
#define CONTEXT_VECTOR 120
#define CONTEXT_ERROR 128
#define CONTEXT_RIP 136
#define CONTEXT_CS 144
#define CONTEXT_FLAGS 152
#define CONTEXT_RSP 160
#define CONTEXT_SS 168
#define CONTEXT_BYTES 176

/* Upper half of the highest canonical user address: no user instruction pointer is above it */
#define USER_LIMIT_HIGH 0x7fff

/* In the vector field: the thread came in by SYSCALL, so SYSRET may take it back. Also while it runs in user mode (entry.S). */
#define VECTOR_SYSCALL 256

/* struct cpu_features (cpu.h) */
#define CPU_FEATURES_SMAP 3

/* struct switch_state (switch.h) */
#define SWITCH_VECTORS_USER 0
#define SWITCH_VECTORS_OWNER 8

/* struct processor (schedule.h) */
#define PROCESSOR_CURRENT 0

/* Flags that user mode has (status flags, direction, alignment check, identification), and those that are always set there: interrupts are on, bit 1.
 * AMD64 manual vol. 2, 3.1.6. */
#define FLAGS_USER 0x240ed7
#define FLAGS_ALWAYS 0x202
#define FLAGS_MASKED_ON_SYSCALL 0x47700 /* AC NT IOPL DF IF TF: clear in the kernel */

#endif
