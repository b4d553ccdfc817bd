/* What must hold for every boot source that a reader has accepted, written without the readers' own checks. Used by the unit tests and by the fuzzers. */
#ifndef QUIRE_CHECK_BOOT_SOURCE_H
#define QUIRE_CHECK_BOOT_SOURCE_H

#include <string.h>

#include "boot.h"

/* What the frame of a page may be: usable in every byte, and reserved in none. Byte by byte, on a map of the page. */
static inline bool page_is_usable(const struct boot_source *source, uint64_t page)
{
    bool usable[PAGE_BYTES] = {};
    for (uint32_t kind = MEMORY_USABLE; kind <= MEMORY_RESERVED; kind++) {
        for (size_t i = 0; i < source->count_ranges; i++) {
            const struct memory_range *range = &source->ranges[i];
            if (range->kind != kind || range->limit <= page || range->first >= page + PAGE_BYTES) continue;
            uint64_t first = range->first > page ? range->first - page : 0;
            uint64_t limit = range->limit < page + PAGE_BYTES ? range->limit - page : PAGE_BYTES;
            memset(usable + first, kind == MEMORY_USABLE, limit - first);
        }
    }
    return memchr(usable, 0, sizeof(usable)) == nullptr;
}

/* Whether two modules have a page in common. */
static inline bool modules_share_page(const struct boot_source_module *a, const struct boot_source_module *b)
{
    if (a->first == a->limit || b->first == b->limit) return false;
    return a->first / PAGE_BYTES <= (b->limit - 1) / PAGE_BYTES && b->first / PAGE_BYTES <= (a->limit - 1) / PAGE_BYTES;
}

/* nullptr, or what is wrong with the source. */
static inline const char *check_boot_source(const struct boot_source *source)
{
    size_t usable = 0;
    if (source->count_ranges > BOOT_RANGES || source->count_modules > BOOT_SOURCE_MODULES) return "counts";
    for (size_t i = 0; i < source->count_ranges; i++) {
        if (source->ranges[i].first >= source->ranges[i].limit) return "empty range";
        if (source->ranges[i].kind != MEMORY_USABLE && source->ranges[i].kind != MEMORY_RESERVED) return "kind of a range";
        if (source->ranges[i].kind == MEMORY_USABLE) usable++;
    }
    if (usable == 0) return "no usable memory";
    for (size_t i = 0; i < source->count_modules; i++) {
        const struct boot_source_module *module = &source->modules[i];
        if (module->first % PAGE_BYTES != 0 || module->limit < module->first || module->limit > (uint64_t)1 << 44) return "range of a module";
        if (memchr(module->text, 0, sizeof(module->text)) == nullptr) return "command line of a module";
        if (module->first == module->limit) continue;
        /* First and last page are looked at byte by byte; in between it is the reader's word. */
        if (!page_is_usable(source, module->first) || !page_is_usable(source, (module->limit - 1) & ~(PAGE_BYTES - 1))) return "memory of a module";
        for (size_t j = 0; j < i; j++)
            if (modules_share_page(module, &source->modules[j])) return "modules overlap";
    }
    if (memchr(source->arguments, 0, sizeof(source->arguments)) == nullptr) return "arguments";
    if (memchr(source->loader, 0, sizeof(source->loader)) == nullptr) return "loader";
    if (source->acpi_rsdp_bytes != 0 && source->acpi_rsdp_bytes != 20 && source->acpi_rsdp_bytes != 36) return "ACPI root pointer";
    if (source->framebuffer.address != 0 &&
        (uint64_t)source->framebuffer.width * source->framebuffer.bits_per_pixel > (uint64_t)source->framebuffer.pitch_bytes * 8)
        return "framebuffer";
    return nullptr;
}

/* Whether nothing at all is in the source, as after a refusal. */
static inline bool boot_source_is_empty(const struct boot_source *source)
{
    static const struct boot_source EMPTY;
    return memcmp(source, &EMPTY, sizeof(EMPTY)) == 0;
}

#endif
