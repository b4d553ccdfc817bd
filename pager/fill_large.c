/* Fills with zeroes in large pages. See fill.h.
 *
 * A hint: the kernel takes a block if it has one, and 512 frames or a single one if not. Partial changes split a page (range.c), and its parts stay as
 * they are: nothing makes it whole again but giving all of it back. */
#include "fill.h"

const struct fill fill_large = {
    .name = "zero-large", .set = nullptr, .take_out = fill_take_out, .unmap_flags = UNMAP_FREE, .page_charge = 1,
    .protections = PROTECTION_WRITE | PROTECTION_EXECUTE, .fault_pages = LAYOUT_TABLE_BYTES >> PAGE_SHIFT, .is_zero = true,
};
