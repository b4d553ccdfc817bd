/* What a test of spaces must know of the table format that it runs over (cmake/host.cmake): places where indices change, and the size of a lowest table. */
#ifndef QUIRE_TABLE_FORMAT_H
#define QUIRE_TABLE_FORMAT_H

#include "arch.h"
#include "frame.h"
#include "space.h"

constexpr unsigned FORMAT_TABLE_PAGES = PTE_LEVELS == 2 ? 1024 : 512;                 /* of a lowest table, and of a large leaf of level 1 */
constexpr uint64_t FORMAT_TABLE_BYTES = FORMAT_TABLE_PAGES * PAGE_BYTES;
constexpr unsigned FORMAT_TABLE_ORDER = PTE_LEVELS == 2 ? 10 : 9;                     /* of a block for a large leaf */
constexpr unsigned FORMAT_ROOT_SHIFT = PTE_LEVELS == 2 ? 22 : PTE_LEVELS == 3 ? 30 : 39;

/* Every index of the format changes here. */
constexpr uint64_t FORMAT_EDGE = (uint64_t)(PTE_LEVELS == 2 ? 96 : PTE_LEVELS == 3 ? 2 : 3) << FORMAT_ROOT_SHIFT;
/* In the middle of nothing, aligned for every level but the root of four. */
constexpr uint64_t FORMAT_MIDDLE = (uint64_t)(PTE_LEVELS == 4 ? 7 : 1) << 30;

/* space_fill makes large leaves of blocks that are zeroed in one go only. */
constexpr bool FORMAT_FILL_MAKES_LARGE = FORMAT_TABLE_ORDER <= FRAME_CLEAN_ORDER;

/* A block that can be mapped: one that is too long for that is cleaned in steps. */
[[maybe_unused]] static void format_clean(frame_t block)
{
    struct frame_info *info = frame_find(block);
    while (frame_is_unmappable(info) && frame_clean_step(block, info) == STATUS_AGAIN) {}
}

/* Maps a block of FORMAT_TABLE_ORDER by one large leaf. False when the space would not. */
[[maybe_unused]] static bool format_map_large(struct space *space, uint64_t address, frame_t block, uint32_t attributes)
{
    uint64_t done;
    format_clean(block);
    return space_map(space, (struct user_span){ { address }, FORMAT_TABLE_PAGES }, block, attributes, &done) == STATUS_OK;
}

#endif
