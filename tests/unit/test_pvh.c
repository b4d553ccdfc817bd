/* PVH: a start structure with everything it points to in a small piece of "physical memory", each field wrong once, random damage. */
#include <criterion/criterion.h>

#include "arch/x86/pvh.h"
#include "put_bytes.h"
#include "tests/fuzz/check_boot_source.h"

/* Physical memory is [BASE, BASE + sizeof(ram)); nothing else can be read. */
constexpr uint64_t BASE = 0x100000;
static unsigned char ram[16 * 4096];

static const void *memory(uint64_t physical, uint64_t length)
{
    if (physical < BASE || physical - BASE > sizeof(ram) || length > sizeof(ram) - (physical - BASE)) return nullptr;
    return ram + (physical - BASE);
}

/* Places in it. */
constexpr uint64_t START = 0x0, ARGUMENTS = 0x100, LIST = 0x800, MAP = 0x900, ACPI = 0xa00, BUNDLE = 0x2000;
constexpr uint64_t BUNDLE_BYTES = 0x4000;

static struct boot_source source;
static struct refusal refusal;

static void put(uint64_t offset, unsigned width, uint64_t value)
{
    put_number(ram, offset, width, value);
}

static void put_map_row(unsigned n, uint64_t first, uint64_t length, uint32_t type)
{
    put(MAP + n * 24, 8, first);
    put(MAP + n * 24 + 8, 8, length);
    put(MAP + n * 24 + 16, 4, type);
}

static void put_bundle_row(unsigned n, uint64_t offset, uint64_t size_bytes, const char *text)
{
    uint64_t at = BUNDLE + 32 + n * 288;
    put(at, 8, offset);
    put(at + 8, 8, size_bytes);
    memcpy(ram + at + 32, text, strlen(text));
    memset(ram + BUNDLE + offset, 'm', size_bytes);
}

static void build(void)
{
    memset(ram, 0, sizeof(ram));
    put(START, 4, PVH_MAGIC);
    put(START + 4, 4, 1);
    put(START + 12, 4, 1);
    put(START + 16, 8, BASE + LIST);
    put(START + 24, 8, BASE + ARGUMENTS);
    put(START + 32, 8, BASE + ACPI);
    memcpy(ram + ACPI, "RSD PTR ", 8);
    ram[ACPI + 15] = 2;
    ram[ACPI + 35] = 'e';
    put(START + 40, 8, BASE + MAP);
    put(START + 48, 4, 3);
    strcpy((char *)ram + ARGUMENTS, "debug-exit=0xf4 end=exit");
    put(LIST, 8, BASE + BUNDLE);
    put(LIST + 8, 8, BUNDLE_BYTES);
    put_map_row(0, 0, 0x9fc00, 1);
    put_map_row(1, 0xf0000, 0x10000, 2);
    put_map_row(2, BASE, 0x7f00000, 1);
    memcpy(ram + BUNDLE, "QUIREBND", 8);
    put(BUNDLE + 8, 4, 1);
    put(BUNDLE + 12, 4, 2);
    put(BUNDLE + 16, 8, BUNDLE_BYTES);
    put_bundle_row(0, 0x1000, 0x1234, "pager");
    put_bundle_row(1, 0x3000, 10, "data:words");
}

static enum status read_start(uint64_t physical)
{
    enum status status = pvh_read(physical, memory, &source, &refusal);
    if (status == STATUS_OK) {
        const char *wrong = check_boot_source(&source);
        cr_assert_null(wrong, "%s", wrong);
        cr_assert_null(refusal.reason);
    } else {
        cr_assert_eq(status, STATUS_BAD_BOOT_INFO);
        cr_assert_not_null(refusal.reason);
        cr_assert(boot_source_is_empty(&source), "something is left of a refused start structure");
    }
    return status;
}

Test(pvh, good_structure)
{
    build();
    cr_assert_eq(read_start(BASE), STATUS_OK, "%s", refusal.reason);
    cr_assert_str_eq(source.arguments, "debug-exit=0xf4 end=exit");
    cr_assert_str_eq(source.loader, "PVH");
    cr_assert_eq(source.acpi_rsdp_bytes, 36);
    cr_assert_eq(memcmp(source.acpi_rsdp, ram + ACPI, 36), 0);
    cr_assert_eq(source.count_ranges, 3);
    cr_assert_eq(source.ranges[2].first, BASE);
    cr_assert_eq(source.ranges[2].limit, 0x8000000);
    cr_assert_eq(source.ranges[2].kind, MEMORY_USABLE);
    cr_assert_eq(source.count_modules, 2);
    cr_assert_eq(source.modules[0].first, BASE + BUNDLE + 0x1000);
    cr_assert_eq(source.modules[0].limit, BASE + BUNDLE + 0x2234);
    cr_assert_str_eq(source.modules[0].text, "pager");
    cr_assert_str_eq(source.modules[1].text, "data:words");
    cr_assert_eq(source.framebuffer.address, 0);
}

Test(pvh, each_field)
{
    const struct {
        uint64_t offset;
        unsigned width;
        uint64_t value;
        const char *reason;
        uint64_t where;
    } fields[] = {
        { START, 4, 0x336ec579, "start structure has no magic number", 0 },
        { START + 4, 4, 0, "version 0 has no memory map", 0 },
        { START + 4, 4, 2, nullptr, 0 },
        { START + 8, 4, UINT32_MAX, nullptr, 0 },
        { START + 12, 4, 0, nullptr, 0 },
        { START + 16, 8, 0, "module list cannot be read", 0 },
        { START + 16, 8, BASE + sizeof(ram) - 31, "module list cannot be read", 0 },
        { START + 16, 8, UINT64_MAX, "module list cannot be read", 0 },
        { START + 24, 8, 0, nullptr, 0 },
        { START + 24, 8, BASE - 1, "command line cannot be read", 0 },
        { START + 24, 8, UINT64_MAX, "command line cannot be read", 0 },
        { START + 32, 8, 0, nullptr, 0 },
        { START + 32, 8, BASE + sizeof(ram) - 19, "ACPI root pointer cannot be read", 0 },
        { START + 32, 8, UINT64_MAX, "ACPI root pointer cannot be read", 0 },
        { START + 40, 8, 0, "memory map cannot be read", 0 },
        { START + 40, 8, BASE + sizeof(ram) - 71, "memory map cannot be read", 0 },
        { START + 40, 8, UINT64_MAX - 8, "memory map cannot be read", 0 },
        { START + 48, 4, 0, "memory map is missing", 0 },
        { START + 48, 4, 2, "module lies outside usable memory", 0 },
        { START + 48, 4, PVH_MEMORY_ROWS, "memory map cannot be read", 0 },
        { START + 48, 4, PVH_MEMORY_ROWS + 1, "memory map is too long", 0 },
        { START + 48, 4, UINT32_MAX, "memory map is too long", 0 },
        { MAP + 56, 8, UINT64_MAX, "usable memory passes the end of the number range", 2 },
        { MAP + 64, 4, 2, "module lies outside usable memory", 0 },
        { LIST, 8, BASE + BUNDLE + 8, "not a bundle", 0 },
        { LIST, 8, BASE - 4096, "bundle cannot be read", 0 },
        { LIST, 8, UINT64_MAX, "bundle cannot be read", 0 },
        { LIST + 8, 8, sizeof(ram) - BUNDLE + 1, "bundle cannot be read", 0 },
        { LIST + 8, 8, UINT64_MAX, "bundle cannot be read", 0 },
        { LIST + 8, 8, BUNDLE_BYTES - 1, "bundle is cut short", 0 },
        { LIST + 8, 8, BUNDLE_BYTES + 1, nullptr, 0 },
        { BUNDLE + 32 + 288, 8, 0x2000, "module overlaps what lies before it", 1 },
    };
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        build();
        put(fields[i].offset, fields[i].width, fields[i].value);
        enum status status = read_start(BASE);
        if (fields[i].reason == nullptr) {
            cr_assert_eq(status, STATUS_OK, "row %zu: %s", i, refusal.reason);
            continue;
        }
        cr_assert_eq(status, STATUS_BAD_BOOT_INFO, "row %zu: accepted", i);
        cr_assert_str_eq(refusal.reason, fields[i].reason, "row %zu: %s", i, refusal.reason);
        cr_assert_eq(refusal.where, fields[i].where, "row %zu: %llu", i, (unsigned long long)refusal.where);
    }
}

Test(pvh, place_of_the_start_structure)
{
    build();
    cr_assert_eq(read_start(0), STATUS_BAD_BOOT_INFO);
    cr_assert_str_eq(refusal.reason, "start structure cannot be read");
    cr_assert_eq(read_start(UINT64_MAX - 3), STATUS_BAD_BOOT_INFO);
    memmove(ram + sizeof(ram) - 55, ram, 55);
    cr_assert_eq(read_start(BASE + sizeof(ram) - 55), STATUS_BAD_BOOT_INFO);
    cr_assert_str_eq(refusal.reason, "start structure cannot be read");
    build();
    memmove(ram + sizeof(ram) - 56, ram, 56);
    cr_assert_eq(read_start(BASE + sizeof(ram) - 56), STATUS_OK);
}

Test(pvh, acpi_of_both_kinds)
{
    build();
    put(START + 32, 8, BASE + sizeof(ram) - 35);
    memset(ram + sizeof(ram) - 35, 'p', 35);
    cr_assert_eq(read_start(BASE), STATUS_BAD_BOOT_INFO);
    cr_assert_str_eq(refusal.reason, "ACPI root pointer cannot be read");
    ram[sizeof(ram) - 35 + 15] = 0;
    cr_assert_eq(read_start(BASE), STATUS_OK);
    cr_assert_eq(source.acpi_rsdp_bytes, 20);
    put(START + 32, 8, 0);
    cr_assert_eq(read_start(BASE), STATUS_OK);
    cr_assert_eq(source.acpi_rsdp_bytes, 0);
}

/* Answers for the last bytes below the last frame's end, and for whatever lies beyond. */
static const void *high_memory(uint64_t physical, uint64_t length)
{
    return length <= 4096 && physical >= ((uint64_t)1 << 44) - 4096 ? ram : nullptr;
}

Test(pvh, end_of_the_last_frame)
{
    build();
    put(START + 4, 4, 0);
    const uint64_t LIMIT = (uint64_t)1 << 44;
    cr_assert_eq(pvh_read(LIMIT - 40, high_memory, &source, &refusal), STATUS_BAD_BOOT_INFO);
    cr_assert_str_eq(refusal.reason, "version 0 has no memory map", "the structure itself can be read");
    const uint64_t BEYOND[] = { LIMIT - 39, LIMIT, LIMIT + 1, UINT64_MAX };
    for (size_t i = 0; i < 4; i++) {
        cr_assert_eq(pvh_read(BEYOND[i], high_memory, &source, &refusal), STATUS_BAD_BOOT_INFO);
        cr_assert_str_eq(refusal.reason, "start structure cannot be read");
    }
}

Test(pvh, misaligned_bundle)
{
    build();
    memmove(ram + BUNDLE + 8, ram + BUNDLE, BUNDLE_BYTES);
    put(LIST, 8, BASE + BUNDLE + 8);
    cr_assert_eq(read_start(BASE), STATUS_BAD_BOOT_INFO);
    cr_assert_str_eq(refusal.reason, "module does not begin at a page");
}

Test(pvh, further_modules_are_counted)
{
    build();
    put(START + 12, 4, 3);
    cr_assert_eq(read_start(BASE), STATUS_OK);
    cr_assert_eq(source.count_modules, 2);
    cr_assert_eq(source.left_out_modules, 2);
}

Test(pvh, long_command_line)
{
    build();
    memset(ram + 0x7000, 'a', 0x1000);
    put(START + 24, 8, BASE + 0x7000);
    cr_assert_eq(read_start(BASE), STATUS_OK);
    cr_assert_eq(strlen(source.arguments), sizeof(source.arguments) - 1);
    cr_assert_eq(source.truncated_texts, 1);
    ram[0x7000 + sizeof(source.arguments) - 1] = 0;
    cr_assert_eq(read_start(BASE), STATUS_OK);
    cr_assert_eq(strlen(source.arguments), sizeof(source.arguments) - 1);
    cr_assert_eq(source.truncated_texts, 0);
    memset(ram + sizeof(ram) - 5, 'a', 5);
    put(START + 24, 8, BASE + sizeof(ram) - 5);
    cr_assert_eq(read_start(BASE), STATUS_BAD_BOOT_INFO);
    cr_assert_str_eq(refusal.reason, "command line cannot be read");
}

Test(pvh, random_damage)
{
    uint64_t state = 0x51554952450005;
    unsigned accepted = 0;
    cr_log_info("seed %#llx", (unsigned long long)state);
    for (unsigned i = 0; i < 100000; i++) {
        build();
        damage(ram, 56, &state);
        if (i % 2) damage(ram + LIST, 24, &state);
        if (i % 3 == 0) damage(ram + MAP, 72, &state);
        if (i % 5 == 0) damage(ram + BUNDLE, 32 + 2 * 288, &state);
        accepted += read_start(BASE) == STATUS_OK;
    }
    cr_assert(accepted > 1000 && accepted < 95000, "%u accepted: the damage tests nothing", accepted);
}
