/* Bundle: checks the file of modules once, so that its rows can be used without a check afterwards.
 *
 * 1. The data of row n begin at or after the end of row n - 1, rounded up to pages; row 0 begins behind the table.
 * 2. All bytes between them are zero: pages are handed to the pager whole. */
#include "bundle.h"

#include "abi/memory.h"

static const unsigned char MAGIC[8] = { 'Q', 'U', 'I', 'R', 'E', 'B', 'N', 'D' };

constexpr unsigned HEADER_VERSION = 8, HEADER_COUNT = 12, HEADER_TOTAL = 16, HEADER_RESERVED = 24;
constexpr unsigned ROW_OFFSET = 0, ROW_SIZE = 8, ROW_RESERVED_0 = 16, ROW_RESERVED_1 = 24, ROW_TEXT = 32;
static_assert(ROW_TEXT + BUNDLE_TEXT_BYTES == BUNDLE_ROW_BYTES);

static bool has_magic(struct bytes file)
{
    for (unsigned i = 0; i < sizeof(MAGIC); i++)
        if (bytes_u8(file, i) != MAGIC[i]) return false;
    return true;
}

static bool is_zero(struct bytes bytes)
{
    for (size_t i = 0; i < bytes.count; i++)
        if (bytes.first[i] != 0) return false;
    return true;
}

static struct bytes row_of(struct bytes file, uint32_t index)
{
    return bytes_slice(file, BUNDLE_HEADER_BYTES + (uint64_t)index * BUNDLE_ROW_BYTES, BUNDLE_ROW_BYTES);
}

static enum status check_header(struct bytes given, struct bytes *file, uint32_t *count, struct refusal *refusal)
{
    if (!bytes_contain(given, 0, BUNDLE_HEADER_BYTES) || !has_magic(given))
        return refuse(refusal, STATUS_BAD_BOOT_INFO, "not a bundle", 0);
    if (bytes_u32(given, HEADER_VERSION) != BUNDLE_VERSION) return refuse(refusal, STATUS_BAD_BOOT_INFO, "unknown version of the bundle", 0);
    if (bytes_u64(given, HEADER_RESERVED) != 0) return refuse(refusal, STATUS_BAD_BOOT_INFO, "reserved word of the bundle is not zero", 0);
    *count = bytes_u32(given, HEADER_COUNT);
    if (*count == 0 || *count > BUNDLE_MODULES) return refuse(refusal, STATUS_BAD_BOOT_INFO, "number of modules out of range", 0);
    uint64_t total = bytes_u64(given, HEADER_TOTAL);
    if (total % PAGE_BYTES != 0) return refuse(refusal, STATUS_BAD_BOOT_INFO, "size of the bundle is not a whole number of pages", 0);
    if (total > given.count) return refuse(refusal, STATUS_BAD_BOOT_INFO, "bundle is cut short", 0);
    if (total < BUNDLE_HEADER_BYTES + (uint64_t)*count * BUNDLE_ROW_BYTES)
        return refuse(refusal, STATUS_BAD_BOOT_INFO, "table of the bundle reaches past its end", 0);
    *file = bytes_slice(given, 0, total);
    return STATUS_OK;
}

/* One row; `*end` is the end of what lies in front of its data, and is moved behind them. */
static enum status check_row(struct bytes file, uint32_t index, uint64_t *end, struct refusal *refusal)
{
    struct bytes row = row_of(file, index);
    uint64_t offset = bytes_u64(row, ROW_OFFSET);
    uint64_t size_bytes = bytes_u64(row, ROW_SIZE);
    if (bytes_u64(row, ROW_RESERVED_0) != 0 || bytes_u64(row, ROW_RESERVED_1) != 0)
        return refuse(refusal, STATUS_BAD_BOOT_INFO, "reserved word of the row is not zero", index);
    if (offset % PAGE_BYTES != 0) return refuse(refusal, STATUS_BAD_BOOT_INFO, "module does not begin at a page", index);
    if (!bytes_contain(file, offset, size_bytes)) return refuse(refusal, STATUS_BAD_BOOT_INFO, "module reaches past the end of the bundle", index);
    if (offset < *end) return refuse(refusal, STATUS_BAD_BOOT_INFO, "module overlaps what lies before it", index);
    struct bytes text = bytes_slice(row, ROW_TEXT, BUNDLE_TEXT_BYTES);
    if (bytes_find_nul(text) == text.count) return refuse(refusal, STATUS_BAD_BOOT_INFO, "command line has no end", index);
    if (!is_zero(bytes_slice(file, *end, offset - *end)))
        return refuse(refusal, STATUS_BAD_BOOT_INFO, "bytes in front of the module are not zero", index);
    *end = offset + size_bytes;
    return STATUS_OK;
}

enum status bundle_open(const void *bytes, size_t size_bytes, struct bundle *bundle, struct refusal *refusal)
{
    *bundle = (struct bundle){};
    *refusal = (struct refusal){};
    struct bytes file;
    uint32_t count;
    enum status status = check_header(bytes_make(bytes, size_bytes), &file, &count, refusal);
    if (status != STATUS_OK) return status;

    uint64_t end = BUNDLE_HEADER_BYTES + (uint64_t)count * BUNDLE_ROW_BYTES;
    for (uint32_t i = 0; i < count; i++) {
        status = check_row(file, i, &end, refusal);
        if (status != STATUS_OK) return status;
    }
    if (!is_zero(bytes_slice(file, end, file.count - end)))
        return refuse(refusal, STATUS_BAD_BOOT_INFO, "bytes behind the last module are not zero", count - 1);

    // Commit: nothing below may fail.
    *bundle = (struct bundle){ .file = file, .count_modules = count };
    return STATUS_OK;
}

enum status bundle_module(const struct bundle *bundle, uint32_t index, struct bundle_module *module)
{
    if (index >= bundle->count_modules) return STATUS_NOT_FOUND;
    struct bytes row = row_of(bundle->file, index);
    *module = (struct bundle_module){
        .offset = bytes_u64(row, ROW_OFFSET),
        .size_bytes = bytes_u64(row, ROW_SIZE),
        .text = (const char *)row.first + ROW_TEXT,
    };
    return STATUS_OK;
}
