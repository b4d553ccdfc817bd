/* Multiboot2 as GRUB 2.06 wrote it, on a machine of 64 MiB with a BIOS (seabios in QEMU): read, cut short, damaged; and GRUB's own way with quotes. */
#include <criterion/criterion.h>

#include "arch/x86/multiboot2.h"
#include "put_bytes.h"
#include "tests/fuzz/check_boot_source.h"

static const unsigned char SAMPLE[] = {
#embed "../fuzz/corpus/multiboot2/grub-bios"
};
constexpr uint64_t PHYSICAL = 0x198300; /* in the last page of the first module */
constexpr size_t ARGUMENTS_AT = 32, ARGUMENTS_BYTES = 38, LOADER_AT = 80, PAGER_TEXT_AT = 152, LAST_TEXT_AT = 336;

static struct boot_source source;
static struct refusal refusal;

Test(multiboot2_grub, sample)
{
    cr_assert_eq(multiboot2_read(SAMPLE, sizeof(SAMPLE), PHYSICAL, &source, &refusal), STATUS_OK, "%s", refusal.reason);
    cr_assert_null(check_boot_source(&source));
    cr_assert_str_eq(source.loader, "GRUB 2.06-13+deb12u2");
    cr_assert_str_eq(source.arguments, "debug-exit=0xf4 end=exit trace=faults");
    cr_assert_eq(source.count_modules, 7);
    cr_assert_str_eq(source.modules[0].text, "pager");
    cr_assert_eq(source.modules[0].first, 0x157000);
    cr_assert_eq(source.modules[0].limit, 0x1982f8);
    cr_assert_str_eq(source.modules[5].text, "wordcount words.txt");
    cr_assert_str_eq(source.modules[6].text, "data:words.txt");
    cr_assert_eq(source.count_ranges, 7);
    cr_assert_eq(source.framebuffer.address, 0, "a text screen is none");
    cr_assert_eq(source.acpi_rsdp_bytes, 20);
    cr_assert_eq(memcmp(source.acpi_rsdp, "RSD PTR ", 8), 0);
    cr_assert_eq(source.left_out_modules + source.left_out_ranges + source.truncated_texts, 0);
}

Test(multiboot2_grub, inside_a_module)
{
    cr_assert_eq(multiboot2_read(SAMPLE, sizeof(SAMPLE), 0x1982f0, &source, &refusal), STATUS_BAD_BOOT_INFO);
    cr_assert_str_eq(refusal.reason, "module overlaps the boot information");
    cr_assert(boot_source_is_empty(&source));
}

Test(multiboot2_grub, cut_short)
{
    for (size_t size = 0; size < sizeof(SAMPLE); size++) {
        unsigned char *block, *copy = copy_exactly(SAMPLE, size, 1, &block);
        cr_assert_eq(multiboot2_read(copy, size, PHYSICAL, &source, &refusal), STATUS_BAD_BOOT_INFO, "%zu bytes accepted", size);
        free(block);
    }
}

Test(multiboot2_grub, escapes)
{
    const struct {
        char first_of_loader;
        const char *text, *wanted;
    } lines[] = {
        { 'G', "a=\\\"x y\\\" it\\'s c\\\\d", "a=\"x y\" it's c\\d" },
        { 'G', "plain \\x \\", "plain \\x \\" },
        { 'G', "\\\\\\\\", "\\\\" },
        { 'G', "", "" },
        { 'X', "it\\'s", "it\\'s" },
    };
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        unsigned char copy[sizeof(SAMPLE)];
        memcpy(copy, SAMPLE, sizeof(SAMPLE));
        copy[LOADER_AT] = (unsigned char)lines[i].first_of_loader;
        memset(copy + ARGUMENTS_AT, 0, ARGUMENTS_BYTES);
        memcpy(copy + ARGUMENTS_AT, lines[i].text, strlen(lines[i].text));
        memcpy(copy + PAGER_TEXT_AT, "a\\'b", 5);
        memcpy(copy + LAST_TEXT_AT, "a\\'b", 5);
        cr_assert_eq(multiboot2_read(copy, sizeof(copy), PHYSICAL, &source, &refusal), STATUS_OK, "%s", refusal.reason);
        cr_assert_str_eq(source.arguments, lines[i].wanted, "%s", source.arguments);
        cr_assert_str_eq(source.modules[6].text, source.modules[0].text);
        cr_assert_str_eq(source.modules[0].text, lines[i].first_of_loader == 'G' ? "a'b" : "a\\'b");
    }
}

Test(multiboot2_grub, random_damage)
{
    uint64_t state = 0x51554952450006;
    unsigned accepted = 0;
    cr_log_info("seed %#llx", (unsigned long long)state);
    for (unsigned i = 0; i < 10000; i++) {
        unsigned char copy[sizeof(SAMPLE)];
        memcpy(copy, SAMPLE, sizeof(SAMPLE));
        damage(copy, i % 2 ? 536 : sizeof(SAMPLE), &state);
        if (multiboot2_read(copy, sizeof(copy), PHYSICAL, &source, &refusal) != STATUS_OK) continue;
        accepted++;
        const char *wrong = check_boot_source(&source);
        cr_assert_null(wrong, "round %u: %s", i, wrong);
    }
    cr_assert(accepted > 1000 && accepted < 9500, "%u accepted: the damage tests nothing", accepted);
}
