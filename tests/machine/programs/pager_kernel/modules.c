/* Modules: what the boot loader brought is the pager's, whole, with nothing behind it. tests/machine/test_kernel.py gives two: `pattern`, 5,000 bytes of a
 * known pattern, and `nothing`, which is empty. */
#include "worker.h"

#include <string.h>

constexpr uint64_t PATTERN_BYTES = 5000, WINDOW = KIT_FREE;

void case_modules_content(void)
{
    expect_equal(kit_info->magic, BOOT_INFO_MAGIC);
    expect_equal(kit_info->version, ABI_VERSION);
    expect_equal(kit_info->incarnation, 1);
    if (!expect_equal(kit_info->modules, 2)) return;
    const struct boot_module *pattern = &kit_info->module[0], *empty = &kit_info->module[1];
    expect(strcmp(kit_info->text + pattern->text_offset, "data:pattern") == 0);
    expect(strcmp(kit_info->text + empty->text_offset, "data:nothing with arguments") == 0);
    expect_equal(empty->size_bytes, 0);
    expect_equal(pattern->size_bytes, PATTERN_BYTES);
    uint64_t done = 0, unmapped, freed;
    expect_status(kernel_space_map(kit_info->space, WINDOW, pattern->first_frame, 2, ATTRIBUTE_READ, &done), STATUS_OK);
    const uint8_t *bytes = (const uint8_t *)WINDOW;
    for (uint64_t i = 0; i < 2 * PAGE_BYTES; i++) {
        if (!expect_equal(bytes[i], i < PATTERN_BYTES ? i % 251 : 0)) break;
    }
    expect_status(kernel_space_unmap(kit_info->space, WINDOW, 2, UNMAP_KEEP, &done, &unmapped, &freed), STATUS_OK);
}

/* Its frames are freed like any others. (Runs last: the module is gone then.) */
void case_modules_freed(void)
{
    if (!expect_equal(kit_info->modules, 2)) return;
    uint64_t first = kit_info->module[0].first_frame, free = case_count_free(), frame;
    expect_refused(STATUS_BAD_FRAME, CALL_frame_free, first + 2, 0);
    expect_status(kernel_frame_free(first, 0), STATUS_OK);
    expect_status(kernel_frame_free(first + 1, 0), STATUS_OK);
    expect_equal(case_count_free(), free + 2);
    expect_refused(STATUS_BAD_FRAME, CALL_frame_free, first, 0);
    kit_must(kernel_frame_allocate(1, &frame), "frame_allocate"); /* kept: as many are free as before */
}
