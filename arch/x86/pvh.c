/* PVH: reads the start structure.
 *
 * The structure is a handful of physical addresses; each is read through the caller's function, once, and copied. Offsets: Xen public headers,
 * arch-x86/hvm/start_info.h.
 *
 * 1. No byte is read that the caller's function has not vouched for.
 * 2. On a refusal the whole result is zero. */
#include "pvh.h"

#include "boot_source.h"
#include "bundle.h"

constexpr uint32_t START_BYTES_VERSION_0 = 40;
constexpr uint32_t START_BYTES = 56;
constexpr unsigned START_MAGIC = 0, START_VERSION = 4, START_MODULES = 12, START_MODULE_LIST = 16, START_COMMAND_LINE = 24, START_RSDP = 32,
                   START_MEMORY_MAP = 40, START_MEMORY_ROWS = 48;
constexpr uint32_t MODULE_ROW_BYTES = 32; /* u64 address, u64 bytes, u64 command line, u64 reserved */
constexpr uint32_t MEMORY_ROW_BYTES = 24; /* u64 first, u64 bytes, u32 type, u32 reserved */

struct reading {
    const void *(*memory)(uint64_t physical, uint64_t length);
    struct boot_source *source;
    struct refusal *refusal;
};

static enum status refuse_start(const struct reading *reading, const char *reason)
{
    return refuse(reading->refusal, STATUS_BAD_BOOT_INFO, reason, 0);
}

/* A view of physical memory; false when the range wraps, lies beyond the last frame or cannot be read. */
static bool view(const struct reading *reading, uint64_t physical, uint64_t length_bytes, struct bytes *bytes)
{
    if (physical > BOOT_PHYSICAL_LIMIT || length_bytes > BOOT_PHYSICAL_LIMIT - physical) return false;
    const void *first = reading->memory(physical, length_bytes);
    if (first == nullptr) return false;
    *bytes = bytes_make(first, (size_t)length_bytes);
    return true;
}

/* Copies the command line. Its length is known only by its NUL, so it is read a byte at a time and no further than there is room. */
static enum status read_arguments(struct reading *reading, uint64_t physical)
{
    struct boot_source *source = reading->source;
    if (physical == 0) return STATUS_OK;
    for (size_t i = 0; i < sizeof(source->arguments); i++) {
        struct bytes byte;
        if (physical > UINT64_MAX - i || !view(reading, physical + i, 1, &byte)) return refuse_start(reading, "command line cannot be read");
        if (byte.first[0] == 0) return STATUS_OK;
        if (i == sizeof(source->arguments) - 1) break;
        source->arguments[i] = (char)byte.first[0];
    }
    source->truncated_texts++;
    return STATUS_OK;
}

/* Copies the ACPI root pointer; its revision (byte 15; ACPI 6.2, 5.2.5.3) says how long it is. */
static enum status read_acpi(struct reading *reading, uint64_t physical)
{
    struct bytes pointer;
    if (physical == 0) return STATUS_OK;
    if (!view(reading, physical, BOOT_ACPI_OLD_BYTES, &pointer)) return refuse_start(reading, "ACPI root pointer cannot be read");
    bool is_new = bytes_u8(pointer, 15) != 0;
    if (is_new && !view(reading, physical, BOOT_ACPI_NEW_BYTES, &pointer)) return refuse_start(reading, "ACPI root pointer cannot be read");
    boot_source_copy_acpi(reading->source, pointer);
    return STATUS_OK;
}

static enum status read_memory_map(struct reading *reading, uint64_t physical, uint32_t rows)
{
    if (rows == 0) return refuse_start(reading, "memory map is missing");
    if (rows > PVH_MEMORY_ROWS) return refuse_start(reading, "memory map is too long");
    struct bytes map;
    if (!view(reading, physical, (uint64_t)rows * MEMORY_ROW_BYTES, &map)) return refuse_start(reading, "memory map cannot be read");
    for (uint32_t i = 0; i < rows; i++) {
        struct bytes row = bytes_slice(map, (uint64_t)i * MEMORY_ROW_BYTES, MEMORY_ROW_BYTES);
        enum status status = boot_source_add_firmware_range(reading->source, bytes_u64(row, 0), bytes_u64(row, 8), bytes_u32(row, 16), i,
                                                            reading->refusal);
        if (status != STATUS_OK) return status;
    }
    return STATUS_OK;
}

/* The first module of the list is a bundle; what it holds become the modules. */
static enum status read_bundle(struct reading *reading, uint64_t physical, uint64_t size_bytes)
{
    struct bytes file;
    if (!view(reading, physical, size_bytes, &file)) return refuse_start(reading, "bundle cannot be read");
    struct bundle bundle;
    enum status status = bundle_open(file.first, file.count, &bundle, reading->refusal);
    if (status != STATUS_OK) return status;
    struct bundle_module module;
    for (uint32_t i = 0; bundle_module(&bundle, i, &module) == STATUS_OK; i++) {
        uint64_t first = physical + module.offset;
        struct bytes text = bytes_make(module.text, BUNDLE_TEXT_BYTES);
        text.count = bytes_find_nul(text);
        status = boot_source_add_module(reading->source, first, first + module.size_bytes, text, i, reading->refusal);
        if (status != STATUS_OK) return status;
    }
    return STATUS_OK;
}

static enum status read_modules(struct reading *reading, uint64_t physical, uint32_t count)
{
    if (count == 0) return STATUS_OK;
    struct bytes row;
    if (!view(reading, physical, MODULE_ROW_BYTES, &row)) return refuse_start(reading, "module list cannot be read");
    enum status status = read_bundle(reading, bytes_u64(row, 0), bytes_u64(row, 8));
    if (status == STATUS_OK) reading->source->left_out_modules += count - 1;
    return status;
}

static enum status read_start(struct reading *reading, uint64_t physical)
{
    struct bytes start;
    if (!view(reading, physical, START_BYTES_VERSION_0, &start)) return refuse_start(reading, "start structure cannot be read");
    if (bytes_u32(start, START_MAGIC) != PVH_MAGIC) return refuse_start(reading, "start structure has no magic number");
    if (bytes_u32(start, START_VERSION) == 0) return refuse_start(reading, "version 0 has no memory map");
    if (!view(reading, physical, START_BYTES, &start)) return refuse_start(reading, "start structure cannot be read");

    static const char LOADER[] = "PVH";
    boot_source_copy_text(reading->source, reading->source->loader, sizeof(reading->source->loader), bytes_make(LOADER, sizeof(LOADER) - 1));
    enum status status = read_arguments(reading, bytes_u64(start, START_COMMAND_LINE));
    if (status == STATUS_OK) status = read_acpi(reading, bytes_u64(start, START_RSDP));
    if (status == STATUS_OK) status = read_memory_map(reading, bytes_u64(start, START_MEMORY_MAP), bytes_u32(start, START_MEMORY_ROWS));
    if (status == STATUS_OK) status = read_modules(reading, bytes_u64(start, START_MODULE_LIST), bytes_u32(start, START_MODULES));
    if (status == STATUS_OK) status = boot_source_check(reading->source, reading->refusal);
    return status;
}

enum status pvh_read(uint64_t physical, const void *(*memory)(uint64_t physical, uint64_t length), struct boot_source *source,
                     struct refusal *refusal)
{
    *source = (struct boot_source){};
    *refusal = (struct refusal){};
    struct reading reading = { .memory = memory, .source = source, .refusal = refusal };
    enum status status = read_start(&reading, physical);
    if (status != STATUS_OK) *source = (struct boot_source){};
    return status;
}
