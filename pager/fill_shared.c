/* Fills with frames that other processes have mapped too, for good. See fill.h.
 *
 * The pages come with the sharing, all at once (transfer.c). Where a process has given some back, it gets zeroes of its own. What a process may ever do with
 * such memory was said when it was shared, so there is one record for each set of protections. */
#include "fill.h"

constexpr uint8_t W = PROTECTION_WRITE;
constexpr uint8_t X = PROTECTION_EXECUTE;

const struct fill fill_shared[4] = {
    { .name = "shared", .take_out = fill_take_out, .unmap_flags = UNMAP_FREE, .page_charge = 1, .protections = 0, .is_shared = true },
    { .name = "shared", .take_out = fill_take_out, .unmap_flags = UNMAP_FREE, .page_charge = 1, .protections = W, .is_shared = true },
    { .name = "shared", .take_out = fill_take_out, .unmap_flags = UNMAP_FREE, .page_charge = 1, .protections = X, .is_shared = true },
    { .name = "shared", .take_out = fill_take_out, .unmap_flags = UNMAP_FREE, .page_charge = 1, .protections = W | X, .is_shared = true },
};
