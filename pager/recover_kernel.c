/* Recovery, the kernel's side: pages, and what nobody names. See recover.h.
 *
 * There is no list of what a pager has made. Names are frame numbers, so all of them are tried: a call with a name that is none is refused. */
#include <assert.h>

#include "fill.h"
#include "fill_copy.h"
#include "recover.h"

/* --- Pages --- */

/* Sets the attributes of what is mapped in a range; returns how many pages had other ones. */
static uint64_t pages_protect(const struct process *process, const struct segment *segment, uint32_t attributes)
{
    uint64_t changed = 0;
    for (uint64_t at = segment->first; at < segment->limit;) {
        uint64_t done = 0, pages = 0;
        enum status status = seam_space_protect(process->space, at, layout_pages(at, segment->limit), attributes, &done, &pages);
        assert(status == STATUS_OK || status == STATUS_AGAIN);
        (void)status;
        changed += pages;
        at += done << PAGE_SHIFT;
    }
    return changed;
}

/* Pages of a device that are mapped in a segment, one by one: no call changes them in place. */
static uint64_t pages_count(const struct process *process, const struct segment *segment)
{
    uint64_t count = 0, page_bytes = 0;
    for (uint64_t at = segment->first; at < segment->limit; at += PAGE_BYTES) count += seam_space_page_bytes(process->space, at, &page_bytes) == STATUS_OK;
    return count;
}

/* Takes out what is mapped in a range. Frames stay: recover_sweep() gives back those that are nobody's. */
static void pages_drop(space_id_t space, uint64_t first, uint64_t limit)
{
    while (first < limit) {
        struct seam_unmapped step = { 0 };
        enum status status = seam_space_unmap(space, first, layout_pages(first, limit), UNMAP_KEEP, &step);
        assert(status == STATUS_OK || status == STATUS_AGAIN);
        (void)status;
        first += step.done_pages << PAGE_SHIFT;
    }
}

static bool space_is_there(space_id_t space)
{
    frame_id_t frame;
    return space.number != 0 && seam_space_query(space, USER_FIRST, &frame) != STATUS_BAD_OBJECT;
}

bool recover_pages(struct process *process)
{
    if (!space_is_there(process->space)) return false;
    struct segment_table *table = &process->segments;
    uint64_t at = USER_FIRST;
    for (struct segment *segment = segment_above(table, 0); segment != nullptr; segment = segment_above(table, segment->limit)) {
        pages_drop(process->space, at, segment->first);
        at = segment->limit;
        if (segment->fill->is_whole) { /* nobody has ever protected a part of it */
            segment_set_pages(segment, pages_count(process, segment));
            continue;
        }
        /* The count is of what changes; afterwards all have the right ones, whatever was going on. */
        uint32_t usual = segment_rest_attributes(segment);
        pages_protect(process, segment, usual == ATTRIBUTE_READ ? ATTRIBUTE_EXECUTE : ATTRIBUTE_READ);
        segment_set_pages(segment, pages_protect(process, segment, usual));
    }
    pages_drop(process->space, at, USER_LIMIT);
    return true;
}

/* --- What nobody names --- */

/* Whether a record names a thread, a space, or an endpoint. */
static bool thread_is_named(const struct pager *pager, uint64_t name)
{
    bool is_named = name == pager->boot->thread;
    for (uint32_t i = 0; i < FAMILY_LIMIT && !is_named; i++) is_named = pager->family[i].time.purse.number == name;
    for (uint32_t i = 0; i < pager->slot_limit && !is_named; i++) {
        const struct process *process = pager->process[i];
        uint32_t places = process != nullptr ? process_thread_places(process) : 0;
        for (uint32_t place = 0; place < places && !is_named; place++) is_named = process_thread_at(process, place)->thread.number == name;
    }
    return is_named;
}

static bool space_is_named(const struct pager *pager, uint64_t name)
{
    bool is_named = name == pager->boot->space;
    for (uint32_t i = 0; i < pager->slot_limit && !is_named; i++) is_named = pager->process[i] != nullptr && pager->process[i]->space.number == name;
    return is_named;
}

static bool endpoint_is_named(const struct pager *pager, uint64_t name)
{
    if (name == pager->endpoint.number) return true;
    for (uint32_t i = 0; i < pager->slot_limit; i++) {
        const struct process *process = pager->process[i];
        for (uint32_t slot = 0; process != nullptr && process->services.has_page && slot < SERVICE_LIMIT; slot++)
            if (process->services.rows[slot].endpoint.number == name) return true;
    }
    return false;
}

static bool frame_is_module(const struct pager *pager, uint64_t number)
{
    for (uint32_t i = 0; i < pager->count_modules; i++) {
        const struct module *module = &pager->modules[i];
        if (number - module->first_frame.number < module_pages(module)) return true;
    }
    return false;
}

static void sweep_thread(const struct pager *pager, uint64_t name)
{
    struct seam_thread_info info;
    if (seam_thread_info((thread_id_t){ name }, &info) != STATUS_OK || thread_is_named(pager, name)) return;
    enum status status;
    do status = seam_thread_destroy((thread_id_t){ name });
    while (status == STATUS_AGAIN);
}

static void sweep_space(const struct pager *pager, uint64_t name)
{
    space_id_t space = { name };
    if (!space_is_there(space) || space_is_named(pager, name)) return;
    pages_drop(space, USER_FIRST, USER_LIMIT);
    enum status status;
    do status = seam_space_destroy(space);
    while (status == STATUS_AGAIN);
}

static void sweep_endpoints(const struct pager *pager, uint64_t frame)
{
    for (uint64_t slot = 1; slot < ENDPOINTS_PER_FRAME; slot++) {
        endpoint_id_t endpoint = { frame * ENDPOINTS_PER_FRAME + slot };
        constexpr uint32_t handle = HANDLE_PAGER + 1; /* a row of the pager's own, as for seam_endpoint_notify() */
        if (seam_handle_map((space_id_t){ pager->boot->space }, handle, endpoint, RIGHT_NOTIFY, 0) != STATUS_OK) continue;
        if (endpoint_is_named(pager, endpoint.number)) continue;
        enum status status;
        do status = seam_endpoint_destroy(endpoint);
        while (status == STATUS_AGAIN);
    }
}

void recover_sweep(const struct pager *pager)
{
    uint64_t frames = pager->boot->frames;
    for (uint64_t name = 1; name < frames; name++) sweep_thread(pager, name);
    for (uint64_t name = 1; name < frames; name++) sweep_space(pager, name);
    for (uint64_t name = 1; name < frames; name++) {
        if (frame_is_module(pager, name)) continue;
        /* Frees a frame that is mapped nowhere; the others are in use, or no frames of programs: then they may hold endpoints. */
        enum status status = seam_frame_free((frame_id_t){ name });
        if (status != STATUS_BAD_FRAME) continue;
        if (seam_frame_split((frame_id_t){ name }, 0) == STATUS_OK) status = seam_frame_free((frame_id_t){ name }); /* of a block too large for parts */
        if (status == STATUS_BAD_FRAME) sweep_endpoints(pager, name);
    }
}
