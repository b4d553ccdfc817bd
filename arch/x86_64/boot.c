/* Boot, from the first line of C to the first pager's first instruction.
 *
 * Order matters: the log first, so that everything later can say what is wrong; the processor's features before the tables that use them; the real tables
 * before anything is taken from memory that the boot tables do not reach.
 *
 * This file and the others that kernel.ld puts into .init are gone when the first thread runs (kernel_map.c). */

#include "apic.h"
#include "arguments.h"
#include "boot_source.h"
#include "clock.h"
#include "cpu.h"
#include "device.h"
#include "fast.h"
#include "kernel.h"
#include "log.h"
#include "machine.h"
#include "multiboot2.h"
#include "paging.h"
#include "pic.h"
#include "pvh.h"
#include "serial.h"

constexpr uint64_t BOOT_MAP_LIMIT = (uint64_t)4 << 30;
constexpr uint32_t MSR_APIC_BASE = 0x1b;
constexpr uint64_t APIC_ENABLE = 1 << 11, APIC_X2 = 1 << 10, APIC_ADDRESS = 0x000ffffffffff000;

extern char image_first[], image_limit[];

void boot_start(uint32_t magic, uint64_t physical, uint64_t cycles_at_entry);

static struct boot_source source;

/* Physical memory through the boot tables. */
static const void *boot_memory(uint64_t physical, uint64_t length)
{
    return range_within(physical, length, BOOT_MAP_LIMIT) ? (const void *)(DIRECT_MAP + physical) : nullptr;
}

static const char *read_source(uint32_t magic, uint64_t physical)
{
    struct refusal refusal = { 0 };
    enum status status;
    const char *door;
    if (magic == PVH_MAGIC) {
        door = "pvh";
        status = pvh_read(physical, boot_memory, &source, &refusal);
    } else if (magic == MULTIBOOT2_LOADER_MAGIC) {
        door = "multiboot2";
        status = multiboot2_read((const void *)(DIRECT_MAP + physical), BOOT_MAP_LIMIT - physical, physical, &source, &refusal);
    } else {
        panic("boot: started by neither Multiboot2 nor PVH magic=0x%x", magic);
    }
    if (status != STATUS_OK) panic("boot: boot information refused door=%s reason=\"%s\" where=%lu", door, refusal.reason, refusal.where);
    return door;
}

static void set_exit_port(void)
{
    struct text_span value;
    uint64_t port = 0;
    if (arguments_find(source.arguments, sizeof source.arguments, "debug-exit", &value)) {
        if (arguments_number(value, &port) != STATUS_OK || port > UINT16_MAX) port = 0;
    }
    machine_set_exit_port((uint16_t)port);
}

#ifdef QUIRE_TEST
/* fast=off: everything takes the ordinary path, so that a test can compare. */
static void set_fast_paths(void)
{
    struct text_span value;
    fast_is_off = arguments_find(source.arguments, sizeof source.arguments, "fast", &value) && text_span_is(value, "off");
}
#endif

/* The APIC in its memory-mapped mode; returns where its registers are. Leaving x2APIC mode goes through off: AMD64 manual vol. 2, 16.9. */
static uint64_t enable_apic(void)
{
    uint64_t base = cpu_read_msr(MSR_APIC_BASE);
    if (base & APIC_X2) cpu_write_msr(MSR_APIC_BASE, base & ~(APIC_ENABLE | APIC_X2));
    base = (base & ~APIC_X2) | APIC_ENABLE;
    cpu_write_msr(MSR_APIC_BASE, base);
    return base & APIC_ADDRESS;
}

/* The kernel's own image and the modules are not to be handed out. */
static void reserve_loaded(void)
{
    uint64_t first = (uint64_t)(uintptr_t)image_first, limit = (uint64_t)(uintptr_t)image_limit;
    boot_source_add_range(&source, first, limit, MEMORY_KERNEL);
    for (size_t i = 0; i < source.count_modules; i++) {
        const struct boot_source_module *module = &source.modules[i];
        if (module->first < limit && first < module->limit) panic("boot: module lies in the kernel's image text=%s", module->text);
        boot_source_add_range(&source, module->first, module->limit, MEMORY_KERNEL);
    }
}

/* No driver gets at the interrupt controllers: the local APIC where it is, the I/O APICs, and where a write is an interrupt (Intel SDM vol. 3A, 10.4.1 and
 * 10.11.1). */
static void forbid_devices(uint64_t apic_physical)
{
    device_initialise();
    device_forbid(apic_physical >> PAGE_SHIFT, (apic_physical >> PAGE_SHIFT) + 1);
    device_forbid(0xfec00, 0xfed00);
    device_forbid(0xfee00, 0xfef00);
}

static void build_frames(void)
{
    uint32_t count = paging_count_frames(&source);
    uint64_t bytes = frame_storage_bytes(count);
    uint64_t storage = paging_reserve(&source, bytes, DIRECT_MAP_LIMIT, "the frame table");
    paging_map_frame_table(storage, bytes);
    arch_words_fill(arch_frame_table(), 0, bytes / 8);
    frame_initialise(arch_frame_table(), count, source.ranges, source.count_ranges);
}

void boot_start(uint32_t magic, uint64_t physical, uint64_t cycles_at_entry)
{
    serial_initialise();
    uint64_t calibration = clock_calibrate();
    const char *door = read_source(magic, physical);
    set_exit_port();
#ifdef QUIRE_TEST
    set_fast_paths();
#endif
    log_line("boot", "Quire x86_64 door=%s loader=\"%s\" arguments=\"%s\"", door, source.loader, source.arguments);
    cpu_detect();
    reserve_loaded();
    uint64_t apic_physical = enable_apic();
    paging_initialise(&source, apic_physical);
    forbid_devices(apic_physical);
    cpu_initialise();
    build_frames();
    pic_initialise();
    apic_initialise((volatile void *)DEVICE_WINDOW);
    calibration += clock_calibrate_timer();
    log_line("cpu", "cycles-per-second=%lu", arch_cycles_per_second());
    kernel_start(&source, cycles_at_entry + calibration);
}
