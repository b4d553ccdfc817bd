/* The table of segment kinds: what each may do. One row a kind, in address order.
 *
 * A new kind is a new row (and a number in protocol.h), not a new branch anywhere; tests/lint sees to that. */
#include <assert.h>

#include "fill.h"
#include "segment.h"

constexpr uint8_t R = PROTECTION_READ;
constexpr uint8_t W = PROTECTION_WRITE;
constexpr uint8_t X = PROTECTION_EXECUTE;

static const struct segment_rules rules[SEGMENT_KINDS] = {
    /*                   name       fill                usual  ever       grows       immutable merges both   guard */
    [SEGMENT_CODE]    = { "code",    &fill_image,        R | X, R | X,     GROWS_NOT,  true,     false, false, 0 },
    [SEGMENT_DATA]    = { "data",    &fill_image,        R | W, R | W,     GROWS_NOT,  true,     false, false, 0 },
    [SEGMENT_RODATA]  = { "rodata",  &fill_image,        R,     R,         GROWS_NOT,  true,     false, false, 0 },
    [SEGMENT_BRK]     = { "brk",     &fill_zero_at_once, R | W, R | W,     GROWS_UP,   true,     false, false, 0 },
    [SEGMENT_AUTOGEN] = { "autogen", &fill_zero_at_once, R | W, R | W | X, GROWS_DOWN, true,     false, true,  0 },
    [SEGMENT_MMAP]    = { "mmap",    &fill_zero_touched, R | W, R | W | X, GROWS_UP,   false,    true,  false, 0 },
    [SEGMENT_STACK]   = { "stack",   &fill_zero_touched, R | W, R | W,     GROWS_DOWN, true,     false, false, LAYOUT_STACK_GUARD },
    [SEGMENT_BUFFER]  = { "buffer",  &fill_frame,        R | W, R | W,     GROWS_NOT,  true,     false, false, 0 },
};

const struct segment_rules *segment_rules_of(enum segment_kind kind)
{
    assert(kind >= SEGMENT_CODE && kind < SEGMENT_KINDS);
    return &rules[kind];
}
