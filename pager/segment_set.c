/* What is set of a segment that stays where it is, and what follows from its row. See segment.h. */
#include <assert.h>

#include "fill.h"
#include "journal.h"
#include "segment.h"

void segment_refresh(struct segment *segment)
{
    segment->attributes = (uint8_t)segment_attributes(segment->protection);
    assert(layout_pages(segment->first, segment->limit) <= UINT32_MAX);
    segment->count = (uint32_t)layout_pages(segment->first, segment->limit);
    segment->refuses = FAULT_PRESENT;
    if (!(segment->protection & PROTECTION_WRITE)) segment->refuses |= FAULT_WRITE;
    if (!(segment->protection & PROTECTION_EXECUTE)) segment->refuses |= FAULT_EXECUTE;
    bool is_slow = segment->fill->set != nullptr || segment->fill->fault_pages != 0 || segment->advice == ADVICE_SEQUENTIAL;
    bool has_tables = segment->pages >= segment_tables_of(segment->first, segment->limit, 1); /* one page more is charged as a page, without tables for it */
    assert(is_slow || (segment->frame == FRAME_FRESH) == (segment->fill->page_charge == 1));
    if (is_slow || !has_tables || segment->is_going || segment->payer != 0) segment->refuses |= FAULT_READ | FAULT_WRITE | FAULT_EXECUTE;
    segment->run_most = segment->advice == ADVICE_RANDOM ? 0 : SEGMENT_RUN_MOST;
}

void segment_set_pages(struct segment *segment, uint64_t pages)
{
    segment->pages = pages;
    segment_refresh(segment);
}

void segment_set_advice(struct segment *segment, uint32_t advice)
{
    journal_save(segment, SEGMENT_KEPT_BYTES);
    segment->advice = advice & 3;
    segment->run = 0;
    segment_refresh(segment);
}

void segment_set_sealed(struct segment *segment)
{
    journal_save(segment, SEGMENT_KEPT_BYTES);
    segment->is_sealed = true;
}

void segment_set_going(struct segment *segment)
{
    journal_save(segment, SEGMENT_KEPT_BYTES);
    segment->is_going = true;
    segment_refresh(segment);
}

void segment_set_protection(struct segment *segment, uint32_t protection)
{
    journal_save(segment, SEGMENT_KEPT_BYTES);
    segment->protection = (uint8_t)protection;
    segment_refresh(segment);
}

void segment_set_fill(struct segment *segment, const struct fill *fill)
{
    journal_save(segment, SEGMENT_KEPT_BYTES);
    segment->fill = fill;
    segment_set_protection(segment, segment->protection); /* what follows from the row is another now */
}
