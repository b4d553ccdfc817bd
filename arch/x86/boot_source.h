/* Filling struct boot_source: what the readers of the doors (multiboot2.c, pvh.c) have in common. */
#ifndef QUIRE_BOOT_SOURCE_H
#define QUIRE_BOOT_SOURCE_H

#include <stddef.h>
#include <stdint.h>

#include "boot.h"
#include "bytes.h"
#include "refusal.h"

/* Sizes of the ACPI root pointer: version 1.0, and since 2.0 (ACPI 6.2, 5.2.5.3). */
constexpr size_t BOOT_ACPI_OLD_BYTES = 20;
constexpr size_t BOOT_ACPI_NEW_BYTES = 36;

/* frame_t reaches this far: 2^32 frames. */
constexpr uint64_t BOOT_PHYSICAL_LIMIT = (uint64_t)1 << 44;

/* Adds [first, limit) of a kind; nothing when it is empty. When the list is full a usable range gives way and is counted in left_out_ranges: memory
 * may be lost so, but none is ever handed out that somebody has reserved. */
void boot_source_add_range(struct boot_source *source, uint64_t first, uint64_t limit, enum memory_kind kind);

/* Adds one row of a firmware's memory map. Type 1 is usable memory, every other type is reserved (ACPI 6.2, section 15).
 * A reserved range that passes the end of the number range ends there; a usable one is BAD_BOOT_INFO. */
enum status boot_source_add_firmware_range(struct boot_source *source, uint64_t first, uint64_t length_bytes, uint32_t type, uint64_t where,
                                           struct refusal *refusal);

/* Adds a module, or counts it in left_out_modules when the list is full. `text` is its command line without the NUL.
 * BAD_BOOT_INFO: it ends before it begins, does not begin at a page, or ends beyond BOOT_PHYSICAL_LIMIT. An empty module is fine. */
enum status boot_source_add_module(struct boot_source *source, uint64_t first, uint64_t limit, struct bytes text, uint64_t where,
                                   struct refusal *refusal);

/* Copies text without a NUL into a field of `limit_bytes` bytes. What does not fit is cut off and counted in truncated_texts. */
void boot_source_copy_text(struct boot_source *source, char *to, size_t limit_bytes, struct bytes text);

/* Copies an ACPI root pointer of BOOT_ACPI_OLD_BYTES or BOOT_ACPI_NEW_BYTES bytes, unless the source has a newer one already. */
void boot_source_copy_acpi(struct boot_source *source, struct bytes pointer);

/* The last check, when everything has been added: there is usable memory; every module's pages lie in usable memory, outside reserved ranges, and in
 * no other module. The readers call it. A port that has added reserved ranges of its own (the kernel's image) may call it again, before it reserves
 * the modules themselves. BAD_BOOT_INFO; `where` is the module's number. */
enum status boot_source_check(const struct boot_source *source, struct refusal *refusal);

#endif
