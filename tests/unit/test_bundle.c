/* Bundles: a good one of three modules, each field wrong once, random damage. */
#include <criterion/criterion.h>

#include "bundle.h"
#include "put_bytes.h"
#include "tests/fuzz/check_bundle.h"

constexpr size_t FILE_BYTES = 5 * 4096;

static size_t row(unsigned n, size_t field) { return 32 + n * 288 + field; }
constexpr size_t OFFSET = 0, SIZE = 8, RESERVED_0 = 16, RESERVED_1 = 24, TEXT = 32;

static void put_row(unsigned char *file, unsigned n, uint64_t offset, uint64_t size_bytes, const char *text)
{
    put_number(file, row(n, OFFSET), 8, offset);
    put_number(file, row(n, SIZE), 8, size_bytes);
    memcpy(file + row(n, TEXT), text, strlen(text));
    memset(file + offset, 'm', size_bytes);
}

/* Module 0 of 100 bytes, module 1 empty, module 2 of two whole pages; a free page in front of module 2. */
static void build(unsigned char *file)
{
    memset(file, 0, FILE_BYTES);
    memcpy(file, "QUIREBND", 8);
    put_number(file, 8, 4, 1);
    put_number(file, 12, 4, 3);
    put_number(file, 16, 8, FILE_BYTES);
    put_row(file, 0, 0x1000, 100, "pager");
    put_row(file, 1, 0x2000, 0, "data:empty");
    put_row(file, 2, 0x3000, 0x2000, "program:hello one two");
}

static enum status open(const unsigned char *file, size_t size_bytes, struct refusal *refusal)
{
    unsigned char *block;
    unsigned char *copy = copy_exactly(file, size_bytes, 1, &block);
    struct bundle bundle;
    enum status status = bundle_open(copy, size_bytes, &bundle, refusal);
    if (status == STATUS_OK) {
        const char *wrong = check_bundle(&bundle, copy, size_bytes);
        cr_assert_null(wrong, "%s", wrong);
        cr_assert_null(refusal->reason);
    } else {
        struct bundle_module module;
        cr_assert_eq(status, STATUS_BAD_BOOT_INFO);
        cr_assert_not_null(refusal->reason);
        cr_assert_eq(bundle_module(&bundle, 0, &module), STATUS_NOT_FOUND);
    }
    free(block);
    return status;
}

Test(bundle, good_file)
{
    static unsigned char file[FILE_BYTES];
    struct bundle bundle;
    struct bundle_module module;
    struct refusal refusal;
    build(file);
    cr_assert_eq(bundle_open(file, FILE_BYTES, &bundle, &refusal), STATUS_OK);
    cr_assert_eq(bundle.count_modules, 3);
    cr_assert_eq(bundle_module(&bundle, 0, &module), STATUS_OK);
    cr_assert_eq(module.offset, 0x1000);
    cr_assert_eq(module.size_bytes, 100);
    cr_assert_str_eq(module.text, "pager");
    cr_assert_eq(bundle_module(&bundle, 1, &module), STATUS_OK);
    cr_assert_eq(module.size_bytes, 0);
    cr_assert_eq(bundle_module(&bundle, 2, &module), STATUS_OK);
    cr_assert_str_eq(module.text, "program:hello one two");
    cr_assert_eq(bundle_module(&bundle, 3, &module), STATUS_NOT_FOUND);
    cr_assert_null(check_bundle(&bundle, file, FILE_BYTES));
}

Test(bundle, each_field)
{
    const struct {
        size_t offset;
        unsigned width;
        uint64_t value;
        const char *reason; /* nullptr: accepted */
        uint64_t where;
    } fields[] = {
        { 0, 1, 'q', "not a bundle", 0 },
        { 7, 1, 0, "not a bundle", 0 },
        { 8, 4, 0, "unknown version of the bundle", 0 },
        { 8, 4, 2, "unknown version of the bundle", 0 },
        { 24, 8, 1, "reserved word of the bundle is not zero", 0 },
        { 12, 4, 0, "number of modules out of range", 0 },
        { 12, 4, 33, "number of modules out of range", 0 },
        { 12, 4, UINT32_MAX, "number of modules out of range", 0 },
        { 12, 4, 2, "bytes in front of the module are not zero", 0 },
        { 12, 4, 4, "module overlaps what lies before it", 3 },
        { 16, 8, 0, "table of the bundle reaches past its end", 0 },
        { 16, 8, 4095, "size of the bundle is not a whole number of pages", 0 },
        { 16, 8, FILE_BYTES + 4096, "bundle is cut short", 0 },
        { 16, 8, 0xfffffffffffff000, "bundle is cut short", 0 },
        { 16, 8, FILE_BYTES - 4096, "module reaches past the end of the bundle", 2 },
        { row(0, OFFSET), 8, 0, "module overlaps what lies before it", 0 },
        { row(0, OFFSET), 8, 0x1001, "module does not begin at a page", 0 },
        { row(0, OFFSET), 8, 0xfffffffffffff000, "module reaches past the end of the bundle", 0 },
        { row(0, SIZE), 8, 99, "bytes in front of the module are not zero", 1 },
        { row(0, SIZE), 8, 0x1000, nullptr, 0 },
        { row(0, SIZE), 8, 0x1001, "module overlaps what lies before it", 1 },
        { row(0, SIZE), 8, UINT64_MAX, "module reaches past the end of the bundle", 0 },
        { row(1, OFFSET), 8, 0x1000, "module overlaps what lies before it", 1 },
        { row(1, OFFSET), 8, 0x3000, nullptr, 0 },
        { row(2, SIZE), 8, 0x2001, "module reaches past the end of the bundle", 2 },
        { row(2, SIZE), 8, 0x1fff, "bytes behind the last module are not zero", 2 },
        { row(0, RESERVED_0), 8, 1, "reserved word of the row is not zero", 0 },
        { row(2, RESERVED_1), 8, (uint64_t)1 << 63, "reserved word of the row is not zero", 2 },
        { 0xfff, 1, 1, "bytes in front of the module are not zero", 0 },
        { 0x2800, 1, 1, "bytes in front of the module are not zero", 2 },
    };
    static unsigned char file[FILE_BYTES];
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        struct refusal refusal;
        build(file);
        put_number(file, fields[i].offset, fields[i].width, fields[i].value);
        enum status status = open(file, FILE_BYTES, &refusal);
        if (fields[i].reason == nullptr) {
            cr_assert_eq(status, STATUS_OK, "row %zu of the table: %s", i, refusal.reason);
            continue;
        }
        cr_assert_eq(status, STATUS_BAD_BOOT_INFO, "row %zu of the table: accepted", i);
        cr_assert_str_eq(refusal.reason, fields[i].reason, "row %zu of the table: %s", i, refusal.reason);
        cr_assert_eq(refusal.where, fields[i].where, "row %zu of the table", i);
    }
}

Test(bundle, command_line_without_end)
{
    static unsigned char file[FILE_BYTES];
    struct refusal refusal;
    build(file);
    memset(file + row(1, TEXT), 'x', 255);
    cr_assert_eq(open(file, FILE_BYTES, &refusal), STATUS_OK);
    file[row(1, TEXT) + 255] = 'x';
    cr_assert_eq(open(file, FILE_BYTES, &refusal), STATUS_BAD_BOOT_INFO);
    cr_assert_str_eq(refusal.reason, "command line has no end");
    cr_assert_eq(refusal.where, 1);
}

Test(bundle, as_many_modules_as_there_may_be)
{
    constexpr size_t PAGES = 3 + BUNDLE_MODULES;
    static unsigned char file[PAGES * 4096];
    struct refusal refusal;
    build(file);
    put_number(file, 12, 4, BUNDLE_MODULES);
    put_number(file, 16, 8, sizeof(file));
    memset(file + 32, 0, sizeof(file) - 32);
    for (unsigned i = 0; i < BUNDLE_MODULES; i++) put_row(file, i, (3 + i) * 4096, 4096, "data:m");
    cr_assert_eq(open(file, sizeof(file), &refusal), STATUS_OK, "%s", refusal.reason);
    put_number(file, row(0, OFFSET), 8, 0x2000); /* the table ends inside page 2 */
    cr_assert_eq(open(file, sizeof(file), &refusal), STATUS_BAD_BOOT_INFO);
    cr_assert_str_eq(refusal.reason, "module overlaps what lies before it");
}

Test(bundle, every_shorter_file_is_refused_and_a_longer_one_is_not)
{
    static unsigned char file[FILE_BYTES + 7];
    struct refusal refusal;
    build(file);
    for (size_t size = 0; size < FILE_BYTES; size += size < 1000 ? 1 : 97) cr_assert_eq(open(file, size, &refusal), STATUS_BAD_BOOT_INFO);
    memset(file + FILE_BYTES, 0xff, 7);
    cr_assert_eq(open(file, FILE_BYTES + 7, &refusal), STATUS_OK);
}

Test(bundle, random_damage)
{
    static unsigned char file[FILE_BYTES];
    uint64_t state = 0x51554952450002;
    unsigned accepted = 0;
    cr_log_info("seed %#llx", (unsigned long long)state);
    for (unsigned i = 0; i < 50000; i++) {
        struct refusal refusal;
        build(file);
        damage(file, i % 2 ? 32 + 3 * 288 : FILE_BYTES, &state);
        accepted += open(file, FILE_BYTES, &refusal) == STATUS_OK;
    }
    cr_assert(accepted > 1000 && accepted < 45000, "%u accepted: the damage tests nothing", accepted);
}
