/* The directory of the mmap area. See directory.h. */
#include "directory.h"

#include <assert.h>

/* What words without a leaf lead to. */
static uint32_t nobody;
static struct region leaf_of_nothing[LEAF_REGIONS];

void directory_initialise(struct directory *directory, struct slot *slot)
{
    if (leaf_of_nothing[0].map == nullptr)
        for (uint32_t i = 0; i < LEAF_REGIONS; i++) leaf_of_nothing[i].map = &nobody;
    for (uint32_t i = 0; i < DIRECTORY_LEAVES; i++) directory->leaf[i] = leaf_of_nothing;
    directory->slot = slot;
}

enum status directory_add(struct directory *directory, uint64_t index)
{
    uint64_t number = index / LEAF_REGIONS;
    if (directory->live[number] == 0) {
        char *page = directory->slot->base + SLOT_LEAVES + number * PAGE_BYTES;
        enum status status = slot_page_take(directory->slot, page);
        if (status != STATUS_OK) return status;
        directory->leaf[number] = (struct region *)page;
        for (uint32_t i = 0; i < LEAF_REGIONS; i++) directory->leaf[number][i].map = &directory->leaf[number][i].single;
    }

    // Commit: nothing below may fail.
    struct region *region = directory_at(directory, index);
    assert(region->descriptor.end == 0);
    enum status described = region_describe(&region->descriptor, directory_address(index), directory_address(index + 1));
    assert(described == STATUS_OK);
    (void)described;
    directory->live[number]++;
    return STATUS_OK;
}

void directory_remove_map(struct directory *directory, uint64_t index)
{
    struct region *region = directory_at(directory, index);
    uint32_t flags = region_flags(&region->descriptor);
    if (!(flags & REGION_HAS_MAP)) return;
    char *page = (char *)directory_page(directory, index);
    slot_page_give(directory->slot, page + PAGE_BYTES);
    slot_page_give(directory->slot, page + 2 * PAGE_BYTES);
    region_set_flags(&region->descriptor, flags & ~REGION_HAS_MAP);
    directory->count_maps--;
    region->map = &region->single;
    region->mask = region->single = 0;
}

void directory_remove(struct directory *directory, uint64_t index)
{
    struct region *region = directory_at(directory, index);
    char *page = (char *)directory_page(directory, index);
    if (region_flags(&region->descriptor) & REGION_HAS_BOOK) slot_page_give(directory->slot, page);
    directory_remove_map(directory, index);
    *region = (struct region){ .map = &region->single };
    uint64_t number = index / LEAF_REGIONS;
    assert(directory->live[number] > 0);
    if (--directory->live[number] > 0) return;
    slot_page_give(directory->slot, directory->leaf[number]);
    directory->leaf[number] = leaf_of_nothing;
}

enum status directory_add_book(struct directory *directory, uint64_t index)
{
    struct region *region = directory_at(directory, index);
    uint32_t flags = region_flags(&region->descriptor);
    if (flags & REGION_HAS_BOOK) return STATUS_OK;
    struct region_page *page = directory_page(directory, index);
    enum status status = slot_page_take(directory->slot, page);
    if (status != STATUS_OK) return status;
    region_initialise_used(&region->descriptor, &page->book);
    region_set_flags(&region->descriptor, flags | REGION_HAS_BOOK);
    return STATUS_OK;
}

enum status directory_add_map(struct directory *directory, uint64_t index)
{
    struct region *region = directory_at(directory, index);
    uint32_t flags = region_flags(&region->descriptor);
    if (flags & REGION_HAS_MAP) return STATUS_OK;
    char *page = (char *)directory_page(directory, index);
    enum status status = slot_page_take(directory->slot, page + PAGE_BYTES);
    if (status != STATUS_OK) return status;
    status = slot_page_take(directory->slot, page + 2 * PAGE_BYTES);
    if (status != STATUS_OK) {
        slot_page_give(directory->slot, page + PAGE_BYTES);
        return status;
    }
    region_set_flags(&region->descriptor, flags | REGION_HAS_MAP);
    directory->count_maps++;
    return STATUS_OK;
}
static_assert(REGION_PAGES * sizeof(uint32_t) == 2 * PAGE_BYTES);

void directory_use_map(struct directory *directory, uint64_t index, uint32_t first, uint32_t pages)
{
    struct region *region = directory_at(directory, index);
    assert((region_flags(&region->descriptor) & REGION_HAS_MAP) && region->mask == 0 && first + pages <= REGION_PAGES);
    uint32_t *map = (uint32_t *)((char *)directory_page(directory, index) + PAGE_BYTES);
    for (uint32_t page = 0; page < pages; page++) map[first + page] = region->single;
    region->map = map;
    region->mask = REGION_PAGES - 1;
    region->single = 0;
}
