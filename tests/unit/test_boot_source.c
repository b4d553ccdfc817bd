/* The rules that all doors share: a full list of ranges, modules against memory, the end of the number range. */
#include <criterion/criterion.h>

#include "arch/x86/boot_source.h"
#include "tests/fuzz/check_boot_source.h"

static struct boot_source source;
static struct refusal refusal;

static enum status add_module(uint64_t first, uint64_t limit)
{
    return boot_source_add_module(&source, first, limit, bytes_make("m", 1), 7, &refusal);
}

static void begin(void)
{
    source = (struct boot_source){};
    refusal = (struct refusal){};
    boot_source_add_range(&source, 0x100000, 0x800000, MEMORY_USABLE);
}

static void expect(const char *reason, uint64_t where)
{
    enum status status = boot_source_check(&source, &refusal);
    if (reason == nullptr) {
        cr_assert_eq(status, STATUS_OK, "%s", refusal.reason);
        cr_assert_null(check_boot_source(&source));
    } else {
        cr_assert_eq(status, STATUS_BAD_BOOT_INFO, "accepted, not refused: %s", reason);
        cr_assert_str_eq(refusal.reason, reason);
        cr_assert_eq(refusal.where, where);
    }
}

Test(boot_source, module_beyond_the_last_frame)
{
    begin();
    cr_assert_eq(add_module(BOOT_PHYSICAL_LIMIT - 4096, BOOT_PHYSICAL_LIMIT), STATUS_OK);
    cr_assert_eq(add_module(BOOT_PHYSICAL_LIMIT - 4096, BOOT_PHYSICAL_LIMIT + 1), STATUS_BAD_BOOT_INFO);
    cr_assert_str_eq(refusal.reason, "module lies beyond the last frame");
    cr_assert_eq(refusal.where, 7);
    cr_assert_eq(source.count_modules, 1);
}

Test(boot_source, image_of_the_kernel_over_a_module)
{
    begin();
    cr_assert_eq(add_module(0x200000, 0x207000), STATUS_OK);
    cr_assert_eq(add_module(0x207000, 0x207001), STATUS_OK);
    boot_source_add_range(&source, 0x100000, 0x200000, MEMORY_RESERVED);
    expect(nullptr, 0);
    boot_source_add_range(&source, 0x207fff, 0x208000, MEMORY_RESERVED);
    expect("module lies in reserved memory", 1);
}

/* Usable ranges out of order, overlapping, with a gap in the end. */
Test(boot_source, usable_memory_in_pieces)
{
    source = (struct boot_source){};
    boot_source_add_range(&source, 0x202000, 0x203000, MEMORY_USABLE);
    boot_source_add_range(&source, 0x200000, 0x201800, MEMORY_USABLE);
    boot_source_add_range(&source, 0x201000, 0x202000, MEMORY_USABLE);
    boot_source_add_range(&source, 0x203000, 0x204000, MEMORY_USABLE);
    boot_source_add_range(&source, 0x204001, 0x300000, MEMORY_USABLE);
    cr_assert_eq(add_module(0x200000, 0x204000), STATUS_OK);
    expect(nullptr, 0);
    source.modules[0].limit = 0x204001;
    expect("module lies outside usable memory", 0);
    boot_source_add_range(&source, 0x204000, 0x204001, MEMORY_USABLE);
    expect(nullptr, 0);
}

Test(boot_source, modules_that_touch)
{
    begin();
    cr_assert_eq(add_module(0x200000, 0x201001), STATUS_OK);
    cr_assert_eq(add_module(0x202000, 0x203000), STATUS_OK);
    cr_assert_eq(add_module(0x203000, 0x203000), STATUS_OK, "an empty module is fine");
    cr_assert_eq(add_module(0x201000, 0x201000), STATUS_OK, "also inside another one");
    expect(nullptr, 0);
    cr_assert_eq(add_module(0x201000, 0x202000), STATUS_OK);
    expect("module overlaps another module", 4);
}

Test(boot_source, each_module_against_each)
{
    for (uint64_t other = 0; other < 5; other++) {
        begin();
        for (uint64_t i = 0; i < 5; i++) cr_assert_eq(add_module(0x200000 + i * 0x1000, 0x200001 + i * 0x1000), STATUS_OK);
        expect(nullptr, 0);
        cr_assert_eq(add_module(0x200000 + other * 0x1000, 0x200800 + other * 0x1000), STATUS_OK);
        expect("module overlaps another module", 5);
    }
}

Test(boot_source, usable_range_behind_reserved_ones)
{
    source = (struct boot_source){};
    boot_source_add_range(&source, 0, 0x1000, MEMORY_RESERVED);
    boot_source_add_range(&source, 0x1000, 0x2000, MEMORY_RESERVED);
    expect("no usable memory in the memory map", 0);
    boot_source_add_range(&source, 0x2000, 0x3000, MEMORY_USABLE);
    expect(nullptr, 0);
}

Test(boot_source, empty_ranges_are_dropped)
{
    begin();
    boot_source_add_range(&source, 5, 5, MEMORY_RESERVED);
    boot_source_add_range(&source, 6, 5, MEMORY_RESERVED);
    cr_assert_eq(source.count_ranges, 1);
}

/* A full list gives up usable ranges, never reserved ones. */
Test(boot_source, more_ranges_than_fit)
{
    source = (struct boot_source){};
    for (uint64_t i = 0; i < BOOT_RANGES; i++) boot_source_add_range(&source, i * 0x2000, i * 0x2000 + 0x1000, MEMORY_USABLE);
    boot_source_add_range(&source, 0x10000000, 0x10001000, MEMORY_USABLE);
    cr_assert_eq(source.left_out_ranges, 1);
    for (uint64_t i = 1; i < BOOT_RANGES; i++) {
        boot_source_add_range(&source, i * 0x3000, i * 0x3000 + 0x1000, MEMORY_RESERVED);
        size_t reserved = 0;
        for (size_t j = 0; j < BOOT_RANGES; j++) reserved += source.ranges[j].kind == MEMORY_RESERVED;
        cr_assert_eq(reserved, i);
        cr_assert_eq(source.count_ranges, BOOT_RANGES);
        cr_assert_eq(source.left_out_ranges, 1 + i);
    }
    expect(nullptr, 0);
    boot_source_add_range(&source, 0x900000, 0x901000, MEMORY_RESERVED);
    expect("no usable memory in the memory map", 0);
    boot_source_add_range(&source, 0x900000, 0x901000, MEMORY_RESERVED);
    cr_assert_eq(source.left_out_ranges, BOOT_RANGES + 2);
    expect("no usable memory in the memory map", 0);
}

Test(boot_source, end_of_the_number_range)
{
    source = (struct boot_source){};
    cr_assert_eq(boot_source_add_firmware_range(&source, 0x1000, UINT64_MAX, 2, 3, &refusal), STATUS_OK);
    cr_assert_eq(source.ranges[0].limit, UINT64_MAX);
    cr_assert_eq(boot_source_add_firmware_range(&source, 0x1000, UINT64_MAX, 1, 3, &refusal), STATUS_BAD_BOOT_INFO);
    cr_assert_eq(refusal.where, 3);
    cr_assert_eq(source.count_ranges, 1);
}

Test(boot_source, texts)
{
    source = (struct boot_source){};
    char field[4];
    memset(field, 'x', sizeof(field));
    boot_source_copy_text(&source, field, sizeof(field), bytes_make("abc", 3));
    cr_assert_str_eq(field, "abc");
    cr_assert_eq(source.truncated_texts, 0);
    boot_source_copy_text(&source, field, sizeof(field), bytes_make("wxyz", 4));
    cr_assert_str_eq(field, "wxy");
    cr_assert_eq(source.truncated_texts, 1);
    boot_source_copy_text(&source, field, sizeof(field), bytes_make(nullptr, 0));
    cr_assert_str_eq(field, "");
}
