/* Filling struct boot_source, and the checks that need all of it.
 *
 * 1. No reserved range is ever lost: when the list is full, usable ranges give way (memory is lost instead of trust).
 * 2. Nothing here believes a module because the loader names it: its pages have to be memory that the same loader calls usable. */
#include "boot_source.h"

#include <assert.h>

static bool replace_usable(struct boot_source *source, struct memory_range range)
{
    for (size_t i = source->count_ranges; i-- > 0;) {
        if (source->ranges[i].kind != MEMORY_USABLE) continue;
        source->ranges[i] = range;
        return true;
    }
    return false;
}

void boot_source_add_range(struct boot_source *source, uint64_t first, uint64_t limit, enum memory_kind kind)
{
    assert(source->count_ranges <= BOOT_RANGES);
    if (first >= limit) return;
    struct memory_range range = { first, limit, kind };
    if (source->count_ranges < BOOT_RANGES) {
        source->ranges[source->count_ranges++] = range;
        return;
    }
    /* Without any usable range left, a lost reserved one takes nothing from anybody. */
    source->left_out_ranges++;
    if (kind != MEMORY_USABLE) (void)replace_usable(source, range);
}

enum status boot_source_add_firmware_range(struct boot_source *source, uint64_t first, uint64_t length_bytes, uint32_t type, uint64_t where,
                                           struct refusal *refusal)
{
    constexpr uint32_t FIRMWARE_USABLE = 1;
    enum memory_kind kind = type == FIRMWARE_USABLE ? MEMORY_USABLE : MEMORY_RESERVED;
    uint64_t limit;
    if (__builtin_add_overflow(first, length_bytes, &limit)) {
        if (kind == MEMORY_USABLE) return refuse(refusal, STATUS_BAD_BOOT_INFO, "usable memory passes the end of the number range", where);
        limit = UINT64_MAX;
    }
    boot_source_add_range(source, first, limit, kind);
    return STATUS_OK;
}

enum status boot_source_add_module(struct boot_source *source, uint64_t first, uint64_t limit, struct bytes text, uint64_t where,
                                   struct refusal *refusal)
{
    if (limit < first) return refuse(refusal, STATUS_BAD_BOOT_INFO, "module ends before it begins", where);
    if (first % PAGE_BYTES != 0) return refuse(refusal, STATUS_BAD_BOOT_INFO, "module does not begin at a page", where);
    if (limit > BOOT_PHYSICAL_LIMIT) return refuse(refusal, STATUS_BAD_BOOT_INFO, "module lies beyond the last frame", where);

    // Commit: nothing below may fail.
    if (source->count_modules == BOOT_SOURCE_MODULES) {
        source->left_out_modules++;
        return STATUS_OK;
    }
    struct boot_source_module *module = &source->modules[source->count_modules++];
    module->first = first;
    module->limit = limit;
    boot_source_copy_text(source, module->text, sizeof(module->text), text);
    return STATUS_OK;
}

void boot_source_copy_text(struct boot_source *source, char *to, size_t limit_bytes, struct bytes text)
{
    assert(limit_bytes != 0);
    size_t count = text.count;
    if (count > limit_bytes - 1) {
        count = limit_bytes - 1;
        source->truncated_texts++;
    }
    for (size_t i = 0; i < count; i++) to[i] = (char)text.first[i];
    to[count] = '\0';
}

void boot_source_copy_acpi(struct boot_source *source, struct bytes pointer)
{
    assert(pointer.count == BOOT_ACPI_OLD_BYTES || pointer.count == BOOT_ACPI_NEW_BYTES);
    if (pointer.count < source->acpi_rsdp_bytes) return;
    for (size_t i = 0; i < pointer.count; i++) source->acpi_rsdp[i] = pointer.first[i];
    source->acpi_rsdp_bytes = pointer.count;
}

static uint64_t page_up(uint64_t address)
{
    return (address + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1);
}

static bool overlap(uint64_t first, uint64_t limit, uint64_t other_first, uint64_t other_limit)
{
    return first < other_limit && other_first < limit;
}

/* The end of the usable range that holds the address, or the address itself. */
static uint64_t usable_until(const struct boot_source *source, uint64_t address)
{
    uint64_t until = address;
    for (size_t i = 0; i < source->count_ranges; i++) {
        const struct memory_range *range = &source->ranges[i];
        if (range->kind == MEMORY_USABLE && range->first <= address && until < range->limit) until = range->limit;
    }
    return until;
}

/* Every step passes the end of at least one range, so there are at most as many steps as ranges. */
static bool is_usable(const struct boot_source *source, uint64_t first, uint64_t limit)
{
    while (first < limit) {
        uint64_t until = usable_until(source, first);
        if (until == first) return false;
        first = until;
    }
    return true;
}

static bool touches_reserved(const struct boot_source *source, uint64_t first, uint64_t limit)
{
    for (size_t i = 0; i < source->count_ranges; i++) {
        const struct memory_range *range = &source->ranges[i];
        if (range->kind != MEMORY_USABLE && overlap(first, limit, range->first, range->limit)) return true;
    }
    return false;
}

static bool touches_module(const struct boot_source *source, uint64_t first, uint64_t limit, size_t count_modules)
{
    for (size_t i = 0; i < count_modules; i++) {
        const struct boot_source_module *module = &source->modules[i];
        if (module->first < module->limit && overlap(first, limit, module->first, page_up(module->limit))) return true;
    }
    return false;
}

static bool has_usable(const struct boot_source *source)
{
    for (size_t i = 0; i < source->count_ranges; i++)
        if (source->ranges[i].kind == MEMORY_USABLE) return true;
    return false;
}

enum status boot_source_check(const struct boot_source *source, struct refusal *refusal)
{
    if (!has_usable(source)) return refuse(refusal, STATUS_BAD_BOOT_INFO, "no usable memory in the memory map", 0);
    for (size_t i = 0; i < source->count_modules; i++) {
        uint64_t first = source->modules[i].first;
        uint64_t limit = page_up(source->modules[i].limit);
        if (source->modules[i].limit == first) continue;
        if (!is_usable(source, first, limit)) return refuse(refusal, STATUS_BAD_BOOT_INFO, "module lies outside usable memory", i);
        if (touches_reserved(source, first, limit)) return refuse(refusal, STATUS_BAD_BOOT_INFO, "module lies in reserved memory", i);
        if (touches_module(source, first, limit, i)) return refuse(refusal, STATUS_BAD_BOOT_INFO, "module overlaps another module", i);
    }
    return STATUS_OK;
}
