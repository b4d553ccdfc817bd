/* Multiboot2: the door that GRUB uses.
 *
 * Numbers for the header that stands in front of the kernel (for the assembler too) and the reader of the boot information. Source: Multiboot2
 * Specification 2.0, 3.1 (header), 3.3 (machine state), 3.6 (boot information). */
#ifndef QUIRE_MULTIBOOT2_H
#define QUIRE_MULTIBOOT2_H

/* Header: u32 magic, architecture, length in bytes with all tags, checksum (the four add up to 0), then tags at multiples of 8, in the file's first
 * 32 KiB. */
#define MULTIBOOT2_HEADER_MAGIC 0xe85250d6
#define MULTIBOOT2_ARCHITECTURE_I386 0 /* entered in 32-bit protected mode */
#define MULTIBOOT2_HEADER_CHECKSUM(length) (0x100000000 - (MULTIBOOT2_HEADER_MAGIC + MULTIBOOT2_ARCHITECTURE_I386 + (length)))

/* Header tags: u16 type, u16 flags, u32 bytes without padding. */
#define MULTIBOOT2_HEADER_TAG_END 0
#define MULTIBOOT2_HEADER_TAG_INFORMATION_REQUEST 1 /* then u32 types of information tags */
#define MULTIBOOT2_HEADER_TAG_ADDRESS 2             /* then u32 header, load, load end, bss end */
#define MULTIBOOT2_HEADER_TAG_ENTRY 3               /* then u32 physical entry address */
#define MULTIBOOT2_HEADER_TAG_MODULE_ALIGN 6        /* modules begin at page boundaries */
#define MULTIBOOT2_HEADER_TAG_REQUIRED 0            /* flags */
#define MULTIBOOT2_HEADER_TAG_OPTIONAL 1

/* In eax at the entry; ebx holds the physical address of the boot information. */
#define MULTIBOOT2_LOADER_MAGIC 0x36d76289

/* Information tags: u32 type, u32 bytes without padding, at multiples of 8. */
#define MULTIBOOT2_TAG_END 0
#define MULTIBOOT2_TAG_COMMAND_LINE 1
#define MULTIBOOT2_TAG_LOADER_NAME 2
#define MULTIBOOT2_TAG_MODULE 3
#define MULTIBOOT2_TAG_MEMORY_MAP 6
#define MULTIBOOT2_TAG_FRAMEBUFFER 8
#define MULTIBOOT2_TAG_ACPI_OLD 14
#define MULTIBOOT2_TAG_ACPI_NEW 15

#ifndef __ASSEMBLER__

#include <stddef.h>
#include <stdint.h>

#include "boot.h"
#include "refusal.h"

/* Reads the boot information at `information`, of which `limit_bytes` bytes can be read, and which lies at physical address `physical`.
 * More than 1 MiB is refused. Everything that is used is copied to `*source`: the information's memory is free afterwards. Tags of other types are
 * passed over; of repeated command lines, loader names and framebuffers the last counts. Command lines from GRUB lose the backslashes that it puts in
 * front of quotes and backslashes.
 * OK or BAD_BOOT_INFO; then `*source` is all zero and `where` is the offset of the tag in bytes (or what boot_source_check() says). */
enum status multiboot2_read(const void *information, size_t limit_bytes, uint64_t physical, struct boot_source *source, struct refusal *refusal);

#endif
#endif
