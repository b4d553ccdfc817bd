/* The processor's features, tables and special registers. See cpu.h.
 *
 * Everything that keeps users out of the kernel and is there is switched on: write protection in ring 0, SMEP, SMAP (the kernel never touches user
 * addresses, so there is no STAC anywhere), UMIP. Sources: AMD64 Architecture Programmer's Manual vol. 2 (3.1 control registers, 4.8 descriptors,
 * 8.9 IST, 6.1.1 SYSCALL), vol. 3, E.3 and E.4 (CPUID). */
#include "cpu.h"

#include <string.h>

#include "apic.h"
#include "log.h"

constexpr uint32_t MSR_STAR = 0xc0000081, MSR_LSTAR = 0xc0000082, MSR_CSTAR = 0xc0000083, MSR_SFMASK = 0xc0000084;
constexpr uint64_t CR4_PAE = 1 << 5, CR4_PGE = 1 << 7, CR4_OSFXSR = 1 << 9, CR4_OSXMMEXCPT = 1 << 10, CR4_UMIP = 1 << 11, CR4_OSXSAVE = 1 << 18,
                   CR4_SMEP = 1 << 20, CR4_SMAP = 1 << 21;
constexpr uint32_t MSR_PAT = 0x277;
constexpr uint64_t CR0_CACHE_DISABLE = 1 << 30;
constexpr uint64_t VECTORS_WANTED = 0xe7; /* x87, SSE, AVX, three of AVX-512 */
constexpr unsigned VECTORS = 56;

struct cpu_features cpu_features;

struct cpuid {
    uint32_t eax, ebx, ecx, edx;
};

static struct cpuid cpuid(uint32_t leaf, uint32_t subleaf)
{
    struct cpuid result;
    __asm__ volatile("cpuid" : "=a"(result.eax), "=b"(result.ebx), "=c"(result.ecx), "=d"(result.edx) : "a"(leaf), "c"(subleaf));
    return result;
}

/* The brand string where there is one, else the vendor's name. */
static void detect_name(void)
{
    if (cpuid(0x80000000, 0).eax >= 0x80000004) {
        for (uint32_t i = 0; i < 3; i++) {
            struct cpuid part = cpuid(0x80000002 + i, 0);
            memcpy(cpu_features.name + i * 16, &part, 16);
        }
    } else {
        struct cpuid vendor = cpuid(0, 0);
        uint32_t text[3] = { vendor.ebx, vendor.edx, vendor.ecx };
        memcpy(cpu_features.name, text, sizeof text);
    }
}

/* Chooses the vector state to switch: all of it that fits into a thread's frame. */
static void detect_vectors(uint32_t leaf_limit, bool has_xsave)
{
    cpu_features.vectors_bytes = 512; /* FXSAVE */
    if (!has_xsave || leaf_limit < 0xd) return;
    struct cpuid state = cpuid(0xd, 0);
    uint64_t mask = ((uint64_t)state.edx << 32 | state.eax) & VECTORS_WANTED;
    uint32_t bytes = 576; /* legacy area and header */
    for (uint32_t i = 2; i < 8; i++) {
        if ((mask & 1u << i) == 0) continue;
        struct cpuid part = cpuid(0xd, i);
        if (part.ebx + part.eax > VECTORS_BYTES) mask &= ~(uint64_t)(i >= 5 ? 0xe0 : 1u << i); /* AVX-512 is all or nothing */
        else if (part.ebx + part.eax > bytes) bytes = part.ebx + part.eax;
    }
    cpu_features.has_xsave = true;
    cpu_features.vectors_mask = mask;
    cpu_features.vectors_bytes = bytes;
}

void cpu_detect(void)
{
    uint32_t leaf_limit = cpuid(0, 0).eax;
    struct cpuid basic = cpuid(1, 0);
    struct cpuid structured = leaf_limit >= 7 ? cpuid(7, 0) : (struct cpuid){ 0 };
    struct cpuid extended = cpuid(0x80000001, 0);
    detect_name();
    cpu_features.has_apic = basic.edx >> 9 & 1;
    cpu_features.has_global_pages = basic.edx >> 13 & 1;
    cpu_features.has_pat = basic.edx >> 16 & 1;
    bool has_sizes = cpuid(0x80000000, 0).eax >= 0x80000008; /* AMD64 manual vol. 3, E.4.7 */
    cpu_features.physical_bits = has_sizes ? (uint8_t)cpuid(0x80000008, 0).eax : 36;
    cpu_features.has_gigabyte_pages = extended.edx >> 26 & 1;
    cpu_features.has_smep = structured.ebx >> 7 & 1;
    cpu_features.has_smap = structured.ebx >> 20 & 1;
    cpu_features.has_umip = structured.ecx >> 2 & 1;
    detect_vectors(leaf_limit, basic.ecx >> 26 & 1);
    bool has_syscall = extended.edx >> 11 & 1;
    bool has_fxsave = basic.edx >> 24 & 1;
    if (!cpu_features.has_apic) panic("boot: this processor has no local APIC; Quire needs its timer");
    if (!has_syscall || !has_fxsave) panic("boot: this processor has no %s; Quire for x86-64 needs it", has_syscall ? "FXSAVE" : "SYSCALL");
    log_line("cpu", "name=\"%s\" gigabyte-pages=%u global-pages=%u pat=%u smep=%u smap=%u umip=%u xsave=%u vector-bytes=%u", cpu_features.name,
             cpu_features.has_gigabyte_pages, cpu_features.has_global_pages, cpu_features.has_pat, cpu_features.has_smep, cpu_features.has_smap,
             cpu_features.has_umip, cpu_features.has_xsave, cpu_features.vectors_bytes);
}

/* --- Descriptor tables --- */

struct [[gnu::packed]] gate {
    uint16_t offset_low, selector;
    uint8_t stack, type;
    uint16_t offset_middle;
    uint32_t offset_high, reserved;
};

struct [[gnu::packed]] table_pointer {
    uint16_t limit;
    uint64_t address;
};

struct task_segment cpu_task;
static uint64_t segments[8];
static struct gate gates[256];

extern const uint64_t vector_entries[];
extern const char vector_ignored[];
extern char special_stacks[];
void syscall_entry(void);

static void load_segments(void)
{
    uint64_t base = (uint64_t)(uintptr_t)&cpu_task;
    segments[1] = 0x00af9b000000ffff; /* kernel code, 64 bit */
    segments[2] = 0x00cf93000000ffff; /* kernel data */
    segments[3] = 0;                  /* 32-bit user code: there is none */
    segments[4] = 0x00cff3000000ffff; /* user data */
    segments[5] = 0x00affb000000ffff; /* user code, 64 bit */
    segments[6] = (sizeof cpu_task - 1) | (base & 0xffffff) << 16 | (uint64_t)0x89 << 40 | (base >> 24 & 0xff) << 56;
    segments[7] = base >> 32;
    cpu_task.io_map = sizeof cpu_task; /* beyond the limit: no port is open to users */
    for (unsigned i = 0; i < 4; i++) cpu_task.special[i] = (uint64_t)(uintptr_t)(special_stacks + (i + 1) * 4096);
    struct table_pointer pointer = { sizeof segments - 1, (uint64_t)(uintptr_t)segments };
    __asm__ volatile("lgdt %0\n\t"
                     "push %1\n\t"
                     "lea 1f(%%rip), %%rax\n\t"
                     "push %%rax\n\t"
                     "lretq\n"
                     "1:\tmov %w2, %%ss\n\t"
                     "ltr %w3\n\t"
                     "lldt %w4" ::"m"(pointer), "i"(SELECTOR_KERNEL_CODE), "r"(SELECTOR_KERNEL_DATA), "r"(SELECTOR_TASK), "r"(0)
                     : "rax", "memory");
}

static void load_gates(void)
{
    static const uint8_t special_stack[VECTORS] = { [2] = 1, [8] = 2, [18] = 3, [1] = 4 };
    for (unsigned i = 0; i < sizeof gates / sizeof gates[0]; i++) {
        uint64_t target = i < VECTORS ? vector_entries[i] : (uint64_t)(uintptr_t)vector_ignored;
        bool is_open = i == 3 || i == 4; /* INT3 and INTO are for users; every other gate faults when called by INT */
        gates[i] = (struct gate){ (uint16_t)target, SELECTOR_KERNEL_CODE, i < VECTORS ? special_stack[i] : 0, is_open ? 0xee : 0x8e, (uint16_t)(target >> 16),
                                  (uint32_t)(target >> 32), 0 };
    }
    struct table_pointer pointer = { sizeof gates - 1, (uint64_t)(uintptr_t)gates };
    __asm__ volatile("lidt %0" ::"m"(pointer));
}

/* The order of the manuals for a change of memory types: caches off and written back, translations forgotten, before and after (Intel SDM vol. 3A, 11.12.4
 * and 11.11.8; AMD64 manual vol. 2, 7.8). Called before pages are global, so that CR3 forgets all. */
static void load_pat(void)
{
    if (!cpu_features.has_pat) {
        log_line("cpu", "no page-attribute table, so write-combining is uncached");
        return;
    }
    uint64_t cr0;
    __asm__ volatile("mov %%cr0, %0" : "=r"(cr0));
    __asm__ volatile("mov %0, %%cr0\n\twbinvd" ::"r"(cr0 | CR0_CACHE_DISABLE) : "memory");
    cpu_write_cr3(cpu_read_cr3());
    cpu_write_msr(MSR_PAT, PAT_VALUE);
    __asm__ volatile("wbinvd" ::: "memory");
    cpu_write_cr3(cpu_read_cr3());
    __asm__ volatile("mov %0, %%cr0" ::"r"(cr0) : "memory");
}

void cpu_initialise(void)
{
    load_segments();
    load_gates();
    load_pat();
    uint64_t cr4 = CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT;
    if (cpu_features.has_global_pages) cr4 |= CR4_PGE;
    if (cpu_features.has_umip) cr4 |= CR4_UMIP;
    if (cpu_features.has_smep) cr4 |= CR4_SMEP;
    if (cpu_features.has_smap) cr4 |= CR4_SMAP;
    if (cpu_features.has_xsave) cr4 |= CR4_OSXSAVE;
    __asm__ volatile("mov %0, %%cr4" ::"r"(cr4) : "memory");
    constexpr uint64_t cr0 = 0x8001003b; /* PG, WP, NE, ET, TS, MP, PE: nobody uses the vector registers yet (switch.h) */
    __asm__ volatile("mov %0, %%cr0" ::"r"(cr0) : "memory");
    if (cpu_features.has_xsave) {
        __asm__ volatile("xsetbv" ::"c"(0), "a"((uint32_t)cpu_features.vectors_mask), "d"((uint32_t)(cpu_features.vectors_mask >> 32)));
    }
    cpu_write_msr(MSR_STAR, (uint64_t)SELECTOR_USER_BASE << 48 | (uint64_t)SELECTOR_KERNEL_CODE << 32);
    cpu_write_msr(MSR_LSTAR, (uint64_t)(uintptr_t)syscall_entry);
    cpu_write_msr(MSR_CSTAR, 0);
    cpu_write_msr(MSR_SFMASK, FLAGS_MASKED_ON_SYSCALL);
}
