/* A pager that breaks: the kernel argument break=NAME says how. Nobody can answer the faults of the first pager, so the machine ends with a line. */
#include "kit.h"

#include <string.h>

static uint64_t data;

static void read_null(void) { (void)*(volatile uint64_t *)nullptr; }
static void write_code(void) { *(volatile uint8_t *)(uintptr_t)&read_null = 0; }
static void execute_data(void) { ((void (*)(void))(uintptr_t)&data)(); }
static void read_kernel(void) { (void)*(volatile uint64_t *)0xffffffff80200000; }
static void undefined(void) { __asm__ volatile("ud2"); }
static void divide(void) { __asm__ volatile("xor %%ecx, %%ecx\n\tdiv %%ecx" ::: "rax", "rcx", "rdx"); }
static void halt(void) { __asm__ volatile("hlt"); }
static void use_vectors(void) { __asm__ volatile("movaps %xmm0, %xmm1"); }
static void use_stack(void) { __asm__ volatile("mov %0, %%rsp\n\tpush %%rax" ::"r"(kit_info->image_first)); }
static void unmap_itself(void)
{
    uint64_t done, unmapped, freed;
    (void)kernel_space_unmap(kit_info->space, kit_info->image_first, 16, UNMAP_KEEP, &done, &unmapped, &freed);
}

static const struct {
    const char *name;
    void (*run)(void);
} ways[] = {
    { "null", read_null },      { "code", write_code },      { "data", execute_data }, { "kernel", read_kernel }, { "undefined", undefined },
    { "divide", divide },       { "halt", halt },            { "vectors", use_vectors }, { "stack", use_stack }, { "unmap", unmap_itself },
};

uint32_t kit_main(void)
{
    const char *wanted = strstr(kit_info->text + kit_info->arguments_offset, "break=");
    for (unsigned i = 0; wanted != nullptr && i < sizeof ways / sizeof ways[0]; i++) {
        if (strncmp(wanted + strlen("break="), ways[i].name, strlen(ways[i].name)) != 0) continue;
        kit_log("test", "breaks way=%s", ways[i].name);
        ways[i].run();
    }
    kit_log("test", "still here");
    return 0;
}
