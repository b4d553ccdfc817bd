/* Multiboot2: boot information built tag by tag, each tag damaged in each way, random damage. */
#include <criterion/criterion.h>

#include "arch/x86/boot_source.h"
#include "arch/x86/multiboot2.h"
#include "put_bytes.h"
#include "tests/fuzz/check_boot_source.h"

constexpr uint64_t PHYSICAL = 0x9000;
constexpr size_t ROOM = 65536;

static unsigned char information[ROOM];
static size_t used;
static size_t last_tag; /* offset of the tag that was added last */
static struct boot_source source;
static struct refusal refusal;

static void begin(void)
{
    memset(information, 0, sizeof(information));
    used = 8;
}

/* Adds a tag with room for `payload` bytes behind its head; returns the offset of the payload. */
static size_t add_tag(uint32_t type, size_t payload)
{
    last_tag = used;
    put_number(information, used, 4, type);
    put_number(information, used + 4, 4, 8 + payload);
    used = (used + 8 + payload + 7) & ~(size_t)7;
    cr_assert(used < ROOM);
    return last_tag + 8;
}

static void add_string(uint32_t type, const char *text)
{
    memcpy(information + add_tag(type, strlen(text) + 1), text, strlen(text));
}

static void add_module(uint32_t first, uint32_t limit, const char *text)
{
    size_t at = add_tag(MULTIBOOT2_TAG_MODULE, 8 + strlen(text) + 1);
    put_number(information, at, 4, first);
    put_number(information, at + 4, 4, limit);
    memcpy(information + at + 8, text, strlen(text));
}

struct map_row {
    uint64_t first, length;
    uint32_t type;
};

static void add_memory_map(const struct map_row *rows, size_t count, uint32_t row_bytes)
{
    size_t at = add_tag(MULTIBOOT2_TAG_MEMORY_MAP, 8 + count * row_bytes);
    put_number(information, at, 4, row_bytes);
    for (size_t i = 0; i < count; i++) {
        put_number(information, at + 8 + i * row_bytes, 8, rows[i].first);
        put_number(information, at + 16 + i * row_bytes, 8, rows[i].length);
        put_number(information, at + 24 + i * row_bytes, 4, rows[i].type);
    }
}

static void add_framebuffer(uint64_t address, uint32_t pitch, uint32_t width, uint32_t height, uint8_t bits, uint8_t type)
{
    size_t at = add_tag(MULTIBOOT2_TAG_FRAMEBUFFER, 24);
    put_number(information, at, 8, address);
    put_number(information, at + 8, 4, pitch);
    put_number(information, at + 12, 4, width);
    put_number(information, at + 16, 4, height);
    put_number(information, at + 20, 1, bits);
    put_number(information, at + 21, 1, type);
}

static void end(void)
{
    add_tag(MULTIBOOT2_TAG_END, 0);
    put_number(information, 0, 4, used);
}

static const struct map_row MAP[] = {
    { 0, 0x9fc00, 1 }, { 0x9fc00, 0x400, 2 }, { 0xf0000, 0x10000, 2 }, { 0x100000, 0x7ee0000, 1 }, { 0x7fe0000, 0x20000, 3 }, { 0xfffc0000, 0x40000, 2 },
};

/* What GRUB says on a small machine, more or less. */
static void build(void)
{
    begin();
    add_string(MULTIBOOT2_TAG_COMMAND_LINE, "trace=faults debug-exit=0xf4");
    add_string(MULTIBOOT2_TAG_LOADER_NAME, "GRUB 2.06");
    add_module(0x200000, 0x205123, "pager");
    add_module(0x206000, 0x206000, "data:empty");
    add_module(0x206000, 0x207001, "hello one");
    add_memory_map(MAP, sizeof(MAP) / sizeof(MAP[0]), 24);
    add_framebuffer(0xfd000000, 1024 * 4, 1024, 768, 32, 1);
    add_tag(MULTIBOOT2_TAG_ACPI_OLD, 20);
    add_tag(4, 8);
    end();
}

static enum status read_bytes(size_t limit_bytes)
{
    unsigned char *block;
    unsigned char *copy = copy_exactly(information, limit_bytes, 1, &block);
    enum status status = multiboot2_read(copy, limit_bytes, PHYSICAL, &source, &refusal);
    free(block);
    if (status == STATUS_OK) {
        const char *wrong = check_boot_source(&source);
        cr_assert_null(wrong, "%s", wrong);
        cr_assert_null(refusal.reason);
    } else {
        cr_assert_eq(status, STATUS_BAD_BOOT_INFO);
        cr_assert_not_null(refusal.reason);
        cr_assert(boot_source_is_empty(&source), "something is left of refused boot information");
    }
    return status;
}

static void expect_refusal(const char *reason)
{
    cr_assert_eq(read_bytes(used), STATUS_BAD_BOOT_INFO, "accepted, not refused: %s", reason);
    cr_assert_str_eq(refusal.reason, reason, "%s, not %s", refusal.reason, reason);
}

Test(multiboot2, good_information)
{
    build();
    cr_assert_eq(read_bytes(ROOM), STATUS_OK, "%s", refusal.reason);
    cr_assert_str_eq(source.arguments, "trace=faults debug-exit=0xf4");
    cr_assert_str_eq(source.loader, "GRUB 2.06");
    cr_assert_eq(source.count_modules, 3);
    cr_assert_eq(source.modules[0].first, 0x200000);
    cr_assert_eq(source.modules[0].limit, 0x205123);
    cr_assert_str_eq(source.modules[0].text, "pager");
    cr_assert_str_eq(source.modules[2].text, "hello one");
    cr_assert_eq(source.count_ranges, 6);
    cr_assert_eq(source.ranges[3].first, 0x100000);
    cr_assert_eq(source.ranges[3].limit, 0x7fe0000);
    cr_assert_eq(source.ranges[3].kind, MEMORY_USABLE);
    cr_assert_eq(source.ranges[4].kind, MEMORY_RESERVED);
    cr_assert_eq(source.framebuffer.address, 0xfd000000);
    cr_assert_eq(source.framebuffer.width, 1024);
    cr_assert_eq(source.framebuffer.bits_per_pixel, 32);
    cr_assert_eq(source.acpi_rsdp_bytes, 20);
    cr_assert_eq(source.left_out_modules + source.left_out_ranges + source.truncated_texts, 0);
}

Test(multiboot2, head)
{
    build();
    for (size_t limit = 0; limit < used; limit++) cr_assert_eq(read_bytes(limit), STATUS_BAD_BOOT_INFO, "accepted %zu bytes of it", limit);
    cr_assert_eq(read_bytes(used), STATUS_OK);
    const struct {
        uint32_t total;
        const char *reason;
    } totals[] = {
        { 0, "boot information is too short" },
        { 8, "boot information is too short" },
        { 15, "boot information is too short" },
        { 16, "tag reaches past the end of the boot information" },
        { ROOM + 1, "boot information is too long" },
        { UINT32_MAX, "boot information is too long" },
    };
    for (size_t i = 0; i < sizeof(totals) / sizeof(totals[0]); i++) {
        build();
        put_number(information, 0, 4, totals[i].total);
        expect_refusal(totals[i].reason);
    }
    used = 0x1000;
    put_number(information, 0, 4, used);
    cr_assert_eq(multiboot2_read(information, ROOM, BOOT_PHYSICAL_LIMIT - used, &source, &refusal), STATUS_OK, "its last byte is the last of all");
    cr_assert_eq(multiboot2_read(information, ROOM, 0x205000 - used + 0x1000, &source, &refusal), STATUS_BAD_BOOT_INFO);
    cr_assert_str_eq(refusal.reason, "module overlaps the boot information");
    cr_assert_eq(multiboot2_read(information, ROOM, 0x200000 - used, &source, &refusal), STATUS_OK, "it ends where a module begins");
    static unsigned char large[(1 << 20) + 8];
    build();
    put_number(information, 0, 4, sizeof(large));
    memcpy(large, information, ROOM);
    cr_assert_eq(multiboot2_read(large, sizeof(large), PHYSICAL, &source, &refusal), STATUS_BAD_BOOT_INFO);
    cr_assert_str_eq(refusal.reason, "boot information is too long");
    put_number(large, 0, 4, sizeof(large) - 8);
    cr_assert_eq(multiboot2_read(large, sizeof(large), PHYSICAL, &source, &refusal), STATUS_OK, "1 MiB exactly: %s", refusal.reason);
    cr_assert_eq(multiboot2_read(information, ROOM, PHYSICAL + 4, &source, &refusal), STATUS_BAD_BOOT_INFO);
    cr_assert_str_eq(refusal.reason, "boot information is misaligned");
    build();
    cr_assert_eq(multiboot2_read(information, ROOM, BOOT_PHYSICAL_LIMIT - 8, &source, &refusal), STATUS_BAD_BOOT_INFO);
    cr_assert_str_eq(refusal.reason, "boot information lies beyond the last frame");
    cr_assert_eq(multiboot2_read(information, ROOM, UINT64_MAX - 7, &source, &refusal), STATUS_BAD_BOOT_INFO);
}

/* Each tag in turn gets each bad size. */
Test(multiboot2, sizes_of_tags)
{
    build();
    for (size_t at = 8; at + 8 < used;) {
        uint32_t size = (uint32_t)(information[at + 4] | information[at + 5] << 8);
        for (uint32_t bad = 0; bad < 8; bad++) {
            put_number(information, at + 4, 4, bad);
            expect_refusal("tag is shorter than its head");
            cr_assert_eq(refusal.where, at);
        }
        const uint32_t LONG[] = { (uint32_t)(used - at) + 1, 0x7fffffff, 0xfffffff8, UINT32_MAX };
        for (size_t i = 0; i < 4; i++) {
            put_number(information, at + 4, 4, LONG[i]);
            expect_refusal("tag reaches past the end of the boot information");
        }
        put_number(information, at + 4, 4, size);
        at += (size + 7) & ~7u;
    }
    cr_assert_eq(read_bytes(used), STATUS_OK);
}

Test(multiboot2, end_tag)
{
    build();
    put_number(information, last_tag, 4, 4); /* some other tag */
    expect_refusal("end tag is missing");
    build();
    put_number(information, 0, 4, used - 8);
    expect_refusal("end tag is missing");
    build();
    used += 8;
    put_number(information, last_tag + 4, 4, 16);
    put_number(information, 0, 4, used);
    expect_refusal("end tag has a wrong size");
    build();
    add_string(MULTIBOOT2_TAG_COMMAND_LINE, "behind the end");
    put_number(information, 0, 4, used);
    cr_assert_eq(read_bytes(used), STATUS_OK);
    cr_assert_str_eq(source.arguments, "trace=faults debug-exit=0xf4");
}

Test(multiboot2, unknown_tags_are_passed_over)
{
    begin();
    for (uint32_t type = 16; type < 40; type++) memset(information + add_tag(type, type), 0xff, type);
    memset(information + add_tag(UINT32_MAX, 3), 0xff, 3);
    add_memory_map(MAP, 6, 24);
    end();
    cr_assert_eq(read_bytes(used), STATUS_OK, "%s", refusal.reason);
}

Test(multiboot2, texts)
{
    begin();
    add_tag(MULTIBOOT2_TAG_COMMAND_LINE, 0);
    end();
    expect_refusal("tag is too short for its text");

    begin();
    size_t at = add_tag(MULTIBOOT2_TAG_LOADER_NAME, 5);
    memcpy(information + at, "abcde", 5);
    end();
    expect_refusal("text has no end");

    begin();
    add_tag(MULTIBOOT2_TAG_MODULE, 8);
    end();
    expect_refusal("tag is too short for its text");

    begin();
    add_string(MULTIBOOT2_TAG_COMMAND_LINE, "");
    add_string(MULTIBOOT2_TAG_COMMAND_LINE, "second");
    add_memory_map(MAP, 6, 24);
    end();
    cr_assert_eq(read_bytes(used), STATUS_OK);
    cr_assert_str_eq(source.arguments, "second");
}

Test(multiboot2, long_texts_are_cut_and_counted)
{
    static char text[4001];
    memset(text, 't', 4000);
    for (size_t cut = 0; cut < 2; cut++) {
        begin();
        text[sizeof(source.arguments) - 1 + cut] = '\0';
        add_string(MULTIBOOT2_TAG_COMMAND_LINE, text);
        text[sizeof(source.arguments) - 1 + cut] = 't';
        text[sizeof(source.loader) - 1 + cut] = '\0';
        add_string(MULTIBOOT2_TAG_LOADER_NAME, text);
        text[sizeof(source.loader) - 1 + cut] = 't';
        text[BOOT_TEXT_LIMIT - 1 + cut] = '\0';
        add_module(0x200000, 0x201000, text);
        text[BOOT_TEXT_LIMIT - 1 + cut] = 't';
        add_memory_map(MAP, 6, 24);
        end();
        cr_assert_eq(read_bytes(used), STATUS_OK);
        cr_assert_eq(strlen(source.arguments), sizeof(source.arguments) - 1);
        cr_assert_eq(strlen(source.loader), sizeof(source.loader) - 1);
        cr_assert_eq(strlen(source.modules[0].text), BOOT_TEXT_LIMIT - 1);
        cr_assert_eq(source.truncated_texts, 3 * cut);
    }
}

Test(multiboot2, modules)
{
    const struct {
        uint32_t first, limit;
        const char *reason;
    } modules[] = {
        { 0x300000, 0x300001, nullptr },
        { 0x300000, 0x2fffff, "module ends before it begins" },
        { 0x300000, 0, "module ends before it begins" },
        { 0x300001, 0x301000, "module does not begin at a page" },
        { 0x300800, 0x301000, "module does not begin at a page" },
        { 0x204000, 0x204001, "module overlaps another module" },
        { 0x205000, 0x206000, "module overlaps another module" },
        { 0x1ff000, 0x200001, "module overlaps another module" },
        { 0x100000, 0x400000, "module overlaps another module" },
        { 0x7fdf000, 0x7fe0000, nullptr },
        { 0x7fdf000, 0x7fe0001, "module lies outside usable memory" },
        { 0x9f000, 0x9f001, "module lies outside usable memory" }, /* its frame is not wholly usable */
        { 0xf0000, 0xf1000, "module lies outside usable memory" },
        { 0x80000000, 0x80001000, "module lies outside usable memory" },
        { 0xfffff000, 0xffffffff, "module lies outside usable memory" },
        { 0x9000, 0xa000, "module overlaps the boot information" },
        { 0x8000, 0x9001, "module overlaps the boot information" },
        { 0x8000, 0x9000, nullptr },
        { 0xa000, 0xb000, nullptr },
        { 0x9000, 0x9000, nullptr },
    };
    for (size_t i = 0; i < sizeof(modules) / sizeof(modules[0]); i++) {
        begin();
        add_module(0x200000, 0x205123, "pager");
        add_module(modules[i].first, modules[i].limit, "data:x");
        size_t module_tag = last_tag;
        add_memory_map(MAP, 6, 24);
        end();
        if (modules[i].reason == nullptr) {
            cr_assert_eq(read_bytes(used), STATUS_OK, "row %zu: %s", i, refusal.reason);
        } else {
            expect_refusal(modules[i].reason);
            cr_assert(refusal.where == module_tag || refusal.where == 1, "row %zu: %llu", i, (unsigned long long)refusal.where);
        }
    }
}

Test(multiboot2, memory_map)
{
    const struct {
        size_t offset; /* in the tag */
        uint64_t value;
        const char *reason;
    } fields[] = {
        { 8, 0, "bad size of a row of the memory map" },
        { 8, 23, "bad size of a row of the memory map" },
        { 8, 16, "bad size of a row of the memory map" },
        { 8, 28, "bad size of a row of the memory map" },
        { 8, 32, "memory map ends inside a row" },
        { 8, 0xfffffff8, "memory map ends inside a row" },
        { 4, 15, "memory map is too short" },
        { 4, 16 + 25, "memory map ends inside a row" },
        { 4, 16, "no usable memory in the memory map" },
    };
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        begin();
        add_memory_map(MAP, 5, 24);
        put_number(information, last_tag + fields[i].offset, 4, fields[i].value);
        used = fields[i].offset == 4 ? (last_tag + fields[i].value + 7) & ~(size_t)7 : used;
        memset(information + used, 0, 8);
        end();
        expect_refusal(fields[i].reason);
    }
    begin();
    end();
    expect_refusal("memory map is missing");
    begin();
    add_memory_map(MAP, 6, 40);
    end();
    cr_assert_eq(read_bytes(used), STATUS_OK, "longer rows: %s", refusal.reason);
    cr_assert_eq(source.ranges[3].limit, 0x7fe0000);
}

Test(multiboot2, rows_of_the_memory_map)
{
    const struct {
        struct map_row row;
        const char *reason;
        uint64_t limit; /* of the range; 0: none is made */
        enum memory_kind kind;
    } rows[] = {
        { { 0x1000, 0, 1 }, nullptr, 0, 0 },
        { { UINT64_MAX, 0, 1 }, nullptr, 0, 0 },
        { { 0x1000, 1, 0 }, nullptr, 0x1001, MEMORY_RESERVED },
        { { 0x1000, 1, UINT32_MAX }, nullptr, 0x1001, MEMORY_RESERVED },
        { { 0x1000, UINT64_MAX, 1 }, "usable memory passes the end of the number range", 0, 0 },
        { { UINT64_MAX, 1, 1 }, "usable memory passes the end of the number range", 0, 0 },
        { { 0x80000000, UINT64_MAX, 2 }, nullptr, UINT64_MAX, MEMORY_RESERVED },
        { { 0xfffffffffffff000, 0x1000, 2 }, nullptr, UINT64_MAX, MEMORY_RESERVED },
        { { 0xfffffffffffff000, 0xfff, 1 }, nullptr, UINT64_MAX, MEMORY_USABLE },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct map_row both[] = { { 0x100000, 0x1000, 1 }, rows[i].row };
        begin();
        add_memory_map(both, 2, 24);
        end();
        if (rows[i].reason != nullptr) {
            expect_refusal(rows[i].reason);
            continue;
        }
        cr_assert_eq(read_bytes(used), STATUS_OK, "row %zu: %s", i, refusal.reason);
        cr_assert_eq(source.count_ranges, rows[i].limit == 0 ? 1 : 2, "row %zu", i);
        if (rows[i].limit == 0) continue;
        cr_assert_eq(source.ranges[1].limit, rows[i].limit, "row %zu", i);
        cr_assert_eq(source.ranges[1].kind, rows[i].kind, "row %zu", i);
    }
}

Test(multiboot2, framebuffer)
{
    const struct {
        uint64_t address;
        uint32_t pitch, width, height;
        uint8_t bits, type;
        const char *reason;
        bool kept;
    } buffers[] = {
        { 0xfd000000, 4096, 1024, 768, 32, 1, nullptr, true },
        { 0xb8000, 160, 80, 25, 16, 2, nullptr, false },
        { 0xa0000, 320, 320, 200, 8, 0, nullptr, false },
        { 0xfd000000, 4095, 1024, 768, 32, 1, "framebuffer line is longer than its pitch", false },
        { 0xfd000000, 0, UINT32_MAX, 1, 255, 1, "framebuffer line is longer than its pitch", false },
        { UINT64_MAX, 4096, 1024, 768, 32, 1, "framebuffer lies beyond the last frame", false },
        { BOOT_PHYSICAL_LIMIT - 4096 * 768 + 1, 4096, 1024, 768, 32, 1, "framebuffer lies beyond the last frame", false },
        { BOOT_PHYSICAL_LIMIT - 4096 * 768, 4096, 1024, 768, 32, 1, nullptr, true },
        { 0, UINT32_MAX, 1, UINT32_MAX, 32, 1, "framebuffer lies beyond the last frame", false },
    };
    for (size_t i = 0; i < sizeof(buffers) / sizeof(buffers[0]); i++) {
        begin();
        add_memory_map(MAP, 6, 24);
        add_framebuffer(buffers[i].address, buffers[i].pitch, buffers[i].width, buffers[i].height, buffers[i].bits, buffers[i].type);
        end();
        if (buffers[i].reason != nullptr) {
            expect_refusal(buffers[i].reason);
            continue;
        }
        cr_assert_eq(read_bytes(used), STATUS_OK, "row %zu: %s", i, refusal.reason);
        cr_assert_eq(source.framebuffer.address, buffers[i].kept ? buffers[i].address : 0);
    }
    begin();
    add_tag(MULTIBOOT2_TAG_FRAMEBUFFER, 22);
    end();
    expect_refusal("framebuffer is too short");
}

Test(multiboot2, acpi)
{
    for (unsigned order = 0; order < 3; order++) {
        begin();
        add_memory_map(MAP, 6, 24);
        if (order != 0) memset(information + add_tag(MULTIBOOT2_TAG_ACPI_OLD, 20), 'o', 20);
        if (order != 2) memset(information + add_tag(MULTIBOOT2_TAG_ACPI_NEW, 40), 'n', 40);
        if (order == 0) memset(information + add_tag(MULTIBOOT2_TAG_ACPI_OLD, 20), 'o', 20);
        end();
        cr_assert_eq(read_bytes(used), STATUS_OK);
        cr_assert_eq(source.acpi_rsdp_bytes, order == 2 ? 20 : 36, "the new one wins");
        for (size_t i = 0; i < source.acpi_rsdp_bytes; i++) cr_assert_eq(source.acpi_rsdp[i], order == 2 ? 'o' : 'n');
    }
    const struct {
        uint32_t type;
        size_t bytes;
    } bad[] = { { MULTIBOOT2_TAG_ACPI_OLD, 19 }, { MULTIBOOT2_TAG_ACPI_OLD, 0 }, { MULTIBOOT2_TAG_ACPI_NEW, 35 }, { MULTIBOOT2_TAG_ACPI_NEW, 20 } };
    for (size_t i = 0; i < 4; i++) {
        begin();
        add_tag(bad[i].type, bad[i].bytes);
        end();
        expect_refusal("ACPI root pointer is too short");
    }
}

Test(multiboot2, more_modules_than_fit)
{
    begin();
    for (uint32_t i = 0; i < BOOT_SOURCE_MODULES + 3; i++) add_module(0x200000 + i * 0x1000, 0x201000 + i * 0x1000, "data:m");
    add_memory_map(MAP, 6, 24);
    end();
    cr_assert_eq(read_bytes(used), STATUS_OK);
    cr_assert_eq(source.count_modules, BOOT_SOURCE_MODULES);
    cr_assert_eq(source.left_out_modules, 3);
}

Test(multiboot2, random_damage)
{
    uint64_t state = 0x51554952450004;
    unsigned accepted = 0;
    cr_log_info("seed %#llx", (unsigned long long)state);
    for (unsigned i = 0; i < 30000; i++) {
        build();
        damage(information, used, &state);
        accepted += read_bytes(used) == STATUS_OK;
    }
    cr_assert(accepted > 1000 && accepted < 29000, "%u accepted: the damage tests nothing", accepted);
}
