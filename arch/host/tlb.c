/* The translation buffer of the host port, and the tests' own walk.
 *
 * Sixty-four rows, replaced in turn. A row may outlive its entry until the kernel invalidates it: that is the point. The walk knows nothing of struct space
 * and shares no code with the kernel's, so it can serve as the second opinion.
 *
 * 1. A row that is used was walked in the active root since that was loaded. */
#include "host.h"

#include <string.h>

struct host_translation host_tlb[HOST_TLB_ROWS];
void (*host_on_flush)(void);
bool host_tlb_is_deaf;

static unsigned next_row;
static frame_t active_root;

bool host_walk(frame_t root, uint64_t address, struct host_translation *translation)
{
    frame_t table = root;
    for (unsigned level = PTE_LEVELS; level-- > 0;) {
        pte_t entry = ((const pte_t *)arch_frame_pointer(table))[pte_index(address, level)];
        if (!pte_is_present(entry)) return false;
        if (level == 0 || pte_is_large(entry, level)) {
            uint64_t inside = address & (((uint64_t)1 << pte_shift(level)) - 1);
            *translation = (struct host_translation){
                .is_used = true,
                .page = address & ~(PAGE_BYTES - 1),
                .entry = entry,
                .level = level,
                .frame = { pte_leaf_frame(entry, level).number + (uint32_t)(inside >> PAGE_SHIFT) },
            };
            return true;
        }
        table = pte_frame(entry);
    }
    return false;
}

/* The leaf's entry, to mark it accessed as the processor does. */
static pte_t *walk_entry(frame_t root, uint64_t address)
{
    frame_t table = root;
    for (unsigned level = PTE_LEVELS - 1;; level--) {
        pte_t *entry = (pte_t *)arch_frame_pointer(table) + pte_index(address, level);
        if (level == 0 || pte_is_large(*entry, level)) return entry;
        table = pte_frame(*entry);
    }
}

static struct host_translation *row_find(uint64_t address)
{
    for (unsigned i = 0; i < HOST_TLB_ROWS; i++)
        if (host_tlb[i].is_used && host_tlb[i].page == (address & ~(PAGE_BYTES - 1))) return &host_tlb[i];
    return nullptr;
}

void *host_load(uint64_t address)
{
    struct host_translation *row = row_find(address);
    if (row == nullptr) {
        struct host_translation walked;
        if (active_root.number == 0 || !host_walk(active_root, address, &walked)) return nullptr;
        pte_t *entry = walk_entry(active_root, address);
        *entry |= PTE_ACCESSED;
        walked.entry = *entry;
        row = &host_tlb[next_row++ % HOST_TLB_ROWS];
        *row = walked;
    }
    return (unsigned char *)arch_frame_pointer(row->frame) + (address & (PAGE_BYTES - 1));
}

const struct host_translation *host_tlb_stale(void)
{
    for (unsigned i = 0; i < HOST_TLB_ROWS; i++) {
        const struct host_translation *row = &host_tlb[i];
        if (!row->is_used) continue;
        struct host_translation walked;
        if (!host_walk(active_root, row->page, &walked) || walked.frame.number != row->frame.number) return row;
        if (pte_attributes(row->entry) & ~pte_attributes(walked.entry)) return row;
    }
    return nullptr;
}

void host_activate(frame_t root)
{
    active_root = root;
    host_event_add(HOST_ROOT_LOADS);
    memset(host_tlb, 0, sizeof host_tlb);
}

bool host_root_is_active(frame_t root)
{
    return root.number == active_root.number;
}

/* --- The contract --- */

/* One address drops every translation of the page that holds it, also pieces of a large one (AMD64 manual vol. 3, INVLPG). */
void arch_tlb_invalidate(user_page_t page)
{
    host_event_add(HOST_INVALIDATIONS);
    if (host_on_flush != nullptr) host_on_flush();
    if (host_tlb_is_deaf) return;
    for (unsigned i = 0; i < HOST_TLB_ROWS; i++) {
        uint64_t size_bytes = (uint64_t)1 << pte_shift(host_tlb[i].level);
        if (host_tlb[i].is_used && (host_tlb[i].page & ~(size_bytes - 1)) == (page.address & ~(size_bytes - 1))) host_tlb[i].is_used = false;
    }
}

void arch_tlb_flush(void)
{
    host_event_add(HOST_FLUSHES);
    if (host_on_flush != nullptr) host_on_flush();
    if (host_tlb_is_deaf) return;
    memset(host_tlb, 0, sizeof host_tlb);
}
