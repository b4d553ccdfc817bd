/* Slots: pages of the pager's window, with the page tables that they need. See slot.h. */
#include "slot.h"

#include <assert.h>

enum status slot_begin(struct family *family, char *base, size_t offset)
{
    constexpr uint64_t charge = SLOT_TABLES + 2; /* the page and its lowest table */
    enum status status = quota_check(&family->pages, charge);
    if (status == STATUS_OK) status = seam_page_take(base);
    if (status != STATUS_OK) return status;
    quota_add(&family->pages, charge);
    struct slot *slot = (struct slot *)(base + offset);
    *slot = (struct slot){ .base = base, .family = family, .live = { 1 } };
    return STATUS_OK;
}

void slot_end(struct slot *slot)
{
    struct family *family = slot->family;
    assert(slot_charge(slot) == SLOT_TABLES + 2);
    seam_page_give(slot->base);
    quota_remove(&family->pages, SLOT_TABLES + 2);
}

bool slot_may_be_spare(const struct slot *slot)
{
    return slot->live[0] == SLOT_SPARE_PAGES && slot_charge(slot) == SLOT_SPARE_CHARGE;
}

static uint16_t *slot_chunk(struct slot *slot, const void *address)
{
    uint64_t offset = (uint64_t)((const char *)address - slot->base);
    assert(offset % PAGE_BYTES == 0 && offset < SLOT_BYTES);
    return &slot->live[offset / SLOT_CHUNK_BYTES];
}

enum status slot_page_take(struct slot *slot, void *address)
{
    uint16_t *live = slot_chunk(slot, address);
    uint64_t charge = *live == 0 ? 2 : 1;
    enum status status = quota_check(&slot->family->pages, charge);
    if (status == STATUS_OK) status = seam_page_take(address);
    if (status != STATUS_OK) return status;
    ++*live;
    quota_add(&slot->family->pages, charge);
    return STATUS_OK;
}

void slot_page_give(struct slot *slot, void *address)
{
    uint16_t *live = slot_chunk(slot, address);
    assert(*live > 0);
    seam_page_give(address);
    --*live;
    quota_remove(&slot->family->pages, *live == 0 ? 2 : 1);
}

uint64_t slot_charge(const struct slot *slot)
{
    uint64_t charge = SLOT_TABLES;
    for (uint32_t i = 0; i < SLOT_CHUNKS; i++) charge += slot->live[i] + (slot->live[i] > 0);
    return charge;
}
