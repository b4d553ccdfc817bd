/* Multiboot2: reads the boot information.
 *
 * The information is a list of tags in memory that the loader wrote and nobody protected. It is read in one pass through a bounded view; each tag's
 * reader sees its own tag's bytes only. Section numbers are those of the Multiboot2 Specification 2.0.
 *
 * 1. The walk passes at least 8 bytes a step and ends with the end tag, or is refused.
 * 2. On a refusal the whole result is zero: nothing of damaged information is used. */
#include "multiboot2.h"

#include "boot_source.h"

constexpr uint64_t INFORMATION_BYTES = 8; /* u32 bytes of everything, u32 reserved (3.6.1) */
constexpr uint64_t LIMIT_BYTES = (uint64_t)1 << 20; /* GRUB's is a few KiB; more is damage */
constexpr uint64_t TAG_BYTES = 8;
constexpr uint64_t TAG_ALIGN = 8;

struct reading {
    struct boot_source *source;
    struct refusal *refusal;
    uint64_t physical; /* of the information: [physical, physical_limit) */
    uint64_t physical_limit;
    uint64_t offset;   /* of the tag being read */
    bool has_memory_map;
};

static enum status refuse_tag(const struct reading *reading, const char *reason)
{
    return refuse(reading->refusal, STATUS_BAD_BOOT_INFO, reason, reading->offset);
}

/* The text from `offset` of the tag on, without its NUL, which must be inside the tag. */
static enum status read_text(const struct reading *reading, struct bytes tag, uint64_t offset, struct bytes *text)
{
    if (!bytes_contain(tag, offset, 1)) return refuse_tag(reading, "tag is too short for its text");
    struct bytes rest = bytes_slice(tag, offset, tag.count - offset);
    size_t length = bytes_find_nul(rest);
    if (length == rest.count) return refuse_tag(reading, "text has no end");
    *text = bytes_slice(rest, 0, length);
    return STATUS_OK;
}

/* 3.6.3, 3.6.5 */
static enum status read_string(struct reading *reading, struct bytes tag, char *to, size_t limit_bytes)
{
    struct bytes text;
    enum status status = read_text(reading, tag, TAG_BYTES, &text);
    if (status == STATUS_OK) boot_source_copy_text(reading->source, to, limit_bytes, text);
    return status;
}

/* 3.6.6: u32 first, u32 limit, command line. GRUB puts the information directly behind a module, in its last page. */
static enum status read_module(struct reading *reading, struct bytes tag)
{
    struct bytes text;
    enum status status = read_text(reading, tag, 16, &text);
    if (status != STATUS_OK) return status;
    uint64_t first = bytes_u32(tag, 8), limit = bytes_u32(tag, 12);
    if (first < reading->physical_limit && reading->physical < limit) return refuse_tag(reading, "module overlaps the boot information");
    return boot_source_add_module(reading->source, first, limit, text, reading->offset, reading->refusal);
}

/* 3.6.8: u32 bytes of a row, u32 its version, rows of u64 first, u64 length, u32 type, u32 reserved. Longer rows keep this beginning. */
static enum status read_memory_map(struct reading *reading, struct bytes tag)
{
    constexpr uint32_t ROW_BYTES = 24;
    constexpr uint64_t ROWS = 16;
    if (!bytes_contain(tag, 0, ROWS)) return refuse_tag(reading, "memory map is too short");
    uint32_t row_bytes = bytes_u32(tag, 8);
    if (row_bytes < ROW_BYTES || row_bytes % 8 != 0) return refuse_tag(reading, "bad size of a row of the memory map");
    if ((tag.count - ROWS) % row_bytes != 0) return refuse_tag(reading, "memory map ends inside a row");
    for (uint64_t at = ROWS; at < tag.count; at += row_bytes) {
        struct bytes row = bytes_slice(tag, at, ROW_BYTES);
        enum status status = boot_source_add_firmware_range(reading->source, bytes_u64(row, 0), bytes_u64(row, 8), bytes_u32(row, 16),
                                                            reading->offset, reading->refusal);
        if (status != STATUS_OK) return status;
    }
    reading->has_memory_map = true;
    return STATUS_OK;
}

/* 3.6.12: u64 address, u32 bytes of a line, u32 width, u32 height, u8 bits of a pixel, u8 type. Only pixels of direct colour (type 1) are kept. */
static enum status read_framebuffer(struct reading *reading, struct bytes tag)
{
    constexpr uint8_t DIRECT_COLOUR = 1;
    if (!bytes_contain(tag, 0, 31)) return refuse_tag(reading, "framebuffer is too short");
    uint64_t address = bytes_u64(tag, 8);
    uint32_t pitch_bytes = bytes_u32(tag, 16), width = bytes_u32(tag, 20), height = bytes_u32(tag, 24);
    uint8_t bits = bytes_u8(tag, 28);
    if (bytes_u8(tag, 29) != DIRECT_COLOUR) return STATUS_OK;
    if ((uint64_t)width * bits > (uint64_t)pitch_bytes * 8) return refuse_tag(reading, "framebuffer line is longer than its pitch");
    uint64_t limit;
    if (__builtin_add_overflow(address, (uint64_t)pitch_bytes * height, &limit) || limit > BOOT_PHYSICAL_LIMIT)
        return refuse_tag(reading, "framebuffer lies beyond the last frame");

    // Commit: nothing below may fail.
    reading->source->framebuffer.address = address;
    reading->source->framebuffer.width = width;
    reading->source->framebuffer.height = height;
    reading->source->framebuffer.pitch_bytes = pitch_bytes;
    reading->source->framebuffer.bits_per_pixel = bits;
    return STATUS_OK;
}

/* 3.6.17, 3.6.18: a copy of the root pointer. The new one wins. */
static enum status read_acpi(struct reading *reading, struct bytes tag, size_t pointer_bytes)
{
    if (!bytes_contain(tag, TAG_BYTES, pointer_bytes)) return refuse_tag(reading, "ACPI root pointer is too short");
    boot_source_copy_acpi(reading->source, bytes_slice(tag, TAG_BYTES, pointer_bytes));
    return STATUS_OK;
}

static enum status read_tag(struct reading *reading, uint32_t type, struct bytes tag)
{
    struct boot_source *source = reading->source;
    switch (type) {
    case MULTIBOOT2_TAG_COMMAND_LINE: return read_string(reading, tag, source->arguments, sizeof(source->arguments));
    case MULTIBOOT2_TAG_LOADER_NAME: return read_string(reading, tag, source->loader, sizeof(source->loader));
    case MULTIBOOT2_TAG_MODULE: return read_module(reading, tag);
    case MULTIBOOT2_TAG_MEMORY_MAP: return read_memory_map(reading, tag);
    case MULTIBOOT2_TAG_FRAMEBUFFER: return read_framebuffer(reading, tag);
    case MULTIBOOT2_TAG_ACPI_OLD: return read_acpi(reading, tag, BOOT_ACPI_OLD_BYTES);
    case MULTIBOOT2_TAG_ACPI_NEW: return read_acpi(reading, tag, BOOT_ACPI_NEW_BYTES);
    default: return STATUS_OK;
    }
}

/* Takes the backslash away from each \\, \' and \". */
static void remove_escapes(char *text)
{
    char *to = text;
    for (const char *from = text; *from != '\0'; from++) {
        if (from[0] == '\\' && (from[1] == '\\' || from[1] == '\'' || from[1] == '"')) from++;
        *to++ = *from;
    }
    *to = '\0';
}

/* GRUB writes a backslash in front of every quote and backslash of a command line; other doors and loaders hand on what was typed. */
static void remove_escapes_of_grub(struct boot_source *source)
{
    static const char GRUB[] = "GRUB ";
    for (size_t i = 0; GRUB[i] != '\0'; i++)
        if (source->loader[i] != GRUB[i]) return;
    remove_escapes(source->arguments);
    for (size_t i = 0; i < source->count_modules; i++) remove_escapes(source->modules[i].text);
}

/* 3.6.2: tags from behind the two words to the end tag. */
static enum status walk(struct reading *reading, struct bytes information)
{
    uint64_t offset = INFORMATION_BYTES;
    for (;;) {
        reading->offset = offset;
        if (!bytes_contain(information, offset, TAG_BYTES)) return refuse_tag(reading, "end tag is missing");
        uint32_t type = bytes_u32(information, offset);
        uint32_t size_bytes = bytes_u32(information, offset + 4);
        if (size_bytes < TAG_BYTES) return refuse_tag(reading, "tag is shorter than its head");
        if (!bytes_contain(information, offset, size_bytes)) return refuse_tag(reading, "tag reaches past the end of the boot information");
        if (type == MULTIBOOT2_TAG_END) return size_bytes == TAG_BYTES ? STATUS_OK : refuse_tag(reading, "end tag has a wrong size");
        enum status status = read_tag(reading, type, bytes_slice(information, offset, size_bytes));
        if (status != STATUS_OK) return status;
        offset += ((uint64_t)size_bytes + TAG_ALIGN - 1) & ~(TAG_ALIGN - 1);
    }
}

static enum status read_all(struct reading *reading, struct bytes given)
{
    if (reading->physical % TAG_ALIGN != 0) return refuse_tag(reading, "boot information is misaligned");
    if (!bytes_contain(given, 0, INFORMATION_BYTES)) return refuse_tag(reading, "boot information is cut short");
    uint32_t total_bytes = bytes_u32(given, 0);
    if (total_bytes < INFORMATION_BYTES + TAG_BYTES) return refuse_tag(reading, "boot information is too short");
    if (total_bytes > LIMIT_BYTES || !bytes_contain(given, 0, total_bytes)) return refuse_tag(reading, "boot information is too long");
    if (reading->physical > BOOT_PHYSICAL_LIMIT - total_bytes) return refuse_tag(reading, "boot information lies beyond the last frame");
    reading->physical_limit = reading->physical + total_bytes;

    enum status status = walk(reading, bytes_slice(given, 0, total_bytes));
    if (status != STATUS_OK) return status;
    if (!reading->has_memory_map) return refuse_tag(reading, "memory map is missing");
    remove_escapes_of_grub(reading->source);
    return boot_source_check(reading->source, reading->refusal);
}

enum status multiboot2_read(const void *information, size_t limit_bytes, uint64_t physical, struct boot_source *source, struct refusal *refusal)
{
    *source = (struct boot_source){};
    *refusal = (struct refusal){};
    struct reading reading = { .source = source, .refusal = refusal, .physical = physical };
    enum status status = read_all(&reading, bytes_make(information, limit_bytes));
    if (status != STATUS_OK) *source = (struct boot_source){};
    return status;
}
