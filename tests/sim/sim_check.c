/* The twin checks: the ledger against the kernel's tables. See sim.h: sim_check.
 *
 * Walks the page tables with the tests' own eyes (host_walk) and compares what it finds with what the pager's segments say. */
#include <stdio.h>

#include "fill.h"
#include "fill_copy.h"
#include "host.h"
#include "microkernel/calls.h"
#include "microkernel/check.h"
#include "sim_contents.h"
#include "sim_machine.h"

constexpr uint64_t WALKED_PAGES = (uint64_t)1 << 15; /* segments up to 128 MiB are walked page by page */

/* Whether a page may have other rights than its segment: it lies in a range that is not settled (settle.h). */
static bool is_unsettled(const struct process *process, uint64_t page) { return page >= process->unsettled.first && page < process->unsettled.limit; }

static bool segment_agrees(const struct process *process, const struct space *space, const struct segment *segment)
{
    if (layout_pages(segment->first, segment->limit) > WALKED_PAGES) return true;
    uint64_t pages = 0, without = 0;
    for (uint64_t at = segment->first; at < segment->limit; at += PAGE_BYTES) {
        struct host_translation translation;
        if (!host_walk(space->root, at, &translation)) continue;
        pages++;
        uint32_t attributes = pte_attributes(translation.entry) & ATTRIBUTES_ALL;
        if (is_unsettled(process, at)) attributes = segment_rest_attributes(segment); /* it will have them */
        if (attributes != segment->attributes && attributes != segment_rest_attributes(segment)) return false;
        bool is_alone = segment->fill->has_registry || frame_find(translation.frame)->count == 1; /* a device has no row */
        without += !(attributes & ATTRIBUTE_WRITE);
        if (segment_is_copied(segment) && (attributes & ATTRIBUTE_WRITE) && !is_alone) return false; /* who may write to a lazy copy has it alone */
        if (!segment_is_copied(segment) && (attributes & ATTRIBUTE_WRITE) && !is_alone && !segment->fill->is_shared && !segment->fill->is_each_ones)
            return false;
        if (segment->fill->frame_step != 0 && translation.frame.number != segment->frame + layout_pages(segment->first, at)) return false;
    }
    if ((segment->attributes & ATTRIBUTE_WRITE) && without > segment_shared_pages(segment)) return false; /* a write there would be an error */
    return pages == segment->pages;
}

static const char *process_agrees(const struct process *process)
{
    const struct space *space = space_find(process_memory(process).number);
    uint32_t threads = process->state == PROCESS_RUNNING && process->first.thread.number == 0 && process->record.magic == 0 ? 0 : process->count_threads;
    if (space == nullptr || space->count_threads != threads) return "the space of a process";
    uint64_t pages = 0;
    uint64_t bound = 0;
    const struct segment_table *table = &process->segments;
    for (const struct segment *segment = segment_above(table, 0); segment != nullptr; segment = segment_above(table, segment->limit)) {
        if (!segment_agrees(process, space, segment)) return "a segment and the page tables";
        pages += segment->pages;
        bound += segment_tables(segment->first, segment->limit, segment->pages);
    }
    if (pages != space->count_mapped) return "pages outside every segment";
    return bound >= space->count_tables ? nullptr : "page tables that nobody is charged for";
}

const char *sim_check(void)
{
    static char text[64];
    const char *failed = pager_check(&sim_pager);
    if (failed != nullptr) return failed;
    for (uint32_t i = 0; i < PROCESS_LIMIT; i++) {
        const struct process *process = sim_pager.process[i];
        if (process == nullptr || process_memory(process).number == 0) continue;
        failed = process_agrees(process);
        if (failed == nullptr && process_is_duplicated(process)) failed = process_agrees(process->making.process);
        if (failed != nullptr) return failed;
    }
    if (sim_free_frames() < pool_free(&sim_pager.pages)) return "frames that nobody is charged for";
    if (host_tlb_stale() != nullptr) return "a stale translation";
    failed = sim_contents_check();
    if (failed != nullptr) return failed;
    uint32_t invariant = check_run();
    if (invariant == 0) return nullptr;
    snprintf(text, sizeof(text), "kernel invariant %u", invariant);
    return text;
}
