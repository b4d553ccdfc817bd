/* Boot information in one form, whichever door the kernel came in by.
 *
 * The port reads Multiboot2 tags or the PVH start structure, checks every byte of them, and fills this; the portable kernel reads nothing else. */
#ifndef QUIRE_BOOT_H
#define QUIRE_BOOT_H

#include "frame.h"
#include "types.h"

/* A function that runs before kernel_start() ends and never again: its memory is given back. Files of nothing else are listed in cmake/machine.cmake. */
#define BOOT_ONLY [[gnu::section(".init.text"), gnu::noinline]]

constexpr size_t BOOT_RANGES = 256;
constexpr size_t BOOT_SOURCE_MODULES = 34;
constexpr size_t BOOT_TEXT_LIMIT = 256; /* bytes of one module's or the kernel's command line, with the NUL */
constexpr size_t BOOT_ARGUMENTS_LIMIT = 1024;

struct boot_source_module {
    uint64_t first; /* physical bytes, page aligned */
    uint64_t limit;
    char text[BOOT_TEXT_LIMIT];
};

struct boot_source {
    struct memory_range ranges[BOOT_RANGES]; /* as firmware says; the port adds kernel image and boot structures as reserved */
    size_t count_ranges;
    struct boot_source_module modules[BOOT_SOURCE_MODULES];
    size_t count_modules;
    size_t left_out_ranges;  /* more than fit; never silently */
    size_t left_out_modules;
    size_t truncated_texts;  /* command lines and names below that were cut to fit */
    char arguments[BOOT_ARGUMENTS_LIMIT]; /* kernel command line */
    char loader[64];         /* name of the boot loader, for the log */
    unsigned char acpi_rsdp[36]; /* copy of the ACPI root pointer, not checked; the loader's own may lie in memory that is handed out */
    size_t acpi_rsdp_bytes;      /* 0: there is none; 20: ACPI 1.0; 36: later */
    struct {
        uint64_t address;    /* physical, 0: none */
        uint32_t width, height, pitch_bytes, bits_per_pixel;
    } framebuffer;
};

#endif
