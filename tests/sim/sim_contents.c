/* The model of what is in memory. See sim_contents.h. */
#include "sim_contents.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fill.h"
#include "host.h"
#include "microkernel/calls.h"
#include "sim_machine.h"

constexpr uint64_t WALKED_PAGES = (uint64_t)1 << 15; /* of longer segments only the stamped pages are looked at */
constexpr uint32_t CELL_NONE = UINT32_MAX;

/* A page that somebody wrote to. Pages of one frame have one cell. */
struct cell {
    uint64_t word[2];
    uint32_t place; /* of both in the page: it goes with the frame */
};
struct entry {
    uint64_t page; /* address */
    uint32_t cell;
};
/* The stamped pages of a process in the order of their addresses. */
struct contents {
    uint32_t number; /* of the process; that of another one: there is nothing */
    bool is_unsure;
    bool is_mixed;   /* something has changed since a duplicate of the process was begun that is not there yet */
    size_t count, room;
    struct entry *entries;
};

static bool is_on;
static struct contents contents[PROCESS_LIMIT]; /* by slot */
static struct cell *cells;
static uint32_t count_cells, room_cells;
static uint64_t last_stamp, count_stamped, count_zero;

uint64_t sim_contents_count_stamped(void) { return count_stamped; }
uint64_t sim_contents_count_zero(void) { return count_zero; }

void sim_contents_end(void)
{
    is_on = false;
    count_cells = 0;
    for (uint32_t i = 0; i < PROCESS_LIMIT; i++) {
        free(contents[i].entries);
        contents[i] = (struct contents){ 0 };
    }
    free(cells);
    cells = nullptr;
    room_cells = 0;
}

void sim_contents_begin(void)
{
    sim_contents_end();
    is_on = true;
}

/* --- Entries --- */

static struct contents *contents_of(const struct process *process)
{
    struct contents *of = &contents[process->index];
    if (of->number != process->number) {
        of->number = process->number;
        of->is_unsure = of->is_mixed = false;
        of->count = 0;
    }
    return of;
}

/* The first entry from an address on. */
static size_t entry_from(const struct contents *of, uint64_t page)
{
    size_t low = 0, high = of->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (of->entries[middle].page < page) low = middle + 1;
        else high = middle;
    }
    return low;
}

static uint32_t cell_of(const struct contents *of, uint64_t page)
{
    size_t at = entry_from(of, page);
    return at < of->count && of->entries[at].page == page ? of->entries[at].cell : CELL_NONE;
}

static void entry_set(struct contents *of, uint64_t page, uint32_t cell)
{
    size_t at = entry_from(of, page);
    if (at < of->count && of->entries[at].page == page) {
        of->entries[at].cell = cell;
        return;
    }
    if (of->count == of->room) {
        of->room = of->room == 0 ? 64 : 2 * of->room;
        of->entries = realloc(of->entries, of->room * sizeof(struct entry));
        assert(of->entries != nullptr);
    }
    memmove(&of->entries[at + 1], &of->entries[at], (of->count - at) * sizeof(struct entry));
    of->entries[at] = (struct entry){ page, cell };
    of->count++;
}

static void entries_forget(struct contents *of, uint64_t first, uint64_t limit)
{
    size_t from = entry_from(of, first), to = entry_from(of, limit);
    if (from >= to) return;
    memmove(&of->entries[from], &of->entries[to], (of->count - to) * sizeof(struct entry));
    of->count -= to - from;
}

constexpr uint64_t PLACES = PAGE_BYTES / (2 * sizeof(uint64_t));
static struct cell cell_zero(uint64_t page) { return (struct cell){ .place = (uint32_t)(page / PAGE_BYTES % PLACES) }; }

static uint32_t cell_make(struct cell value)
{
    if (count_cells == room_cells) {
        room_cells = room_cells == 0 ? 1024 : 2 * room_cells;
        cells = realloc(cells, room_cells * sizeof(struct cell));
        assert(cells != nullptr);
    }
    cells[count_cells] = value;
    return count_cells++;
}

/* --- What becomes of it --- */

/* Memory whose pages are zero unless somebody wrote to them. */
static bool is_modelled(const struct segment *segment)
{
    return segment != nullptr && !segment->is_going && (segment->fill->is_zero || segment->fill->is_shared);
}

/* To whom the handle in word 2 leads; nullptr: to nobody any more. */
static const struct process *receiver_of(const struct process *process, uint64_t handle)
{
    struct holding *holding;
    return holding_find(process, handle, &holding) == STATUS_OK ? holding_process(&sim_pager, holding) : nullptr;
}

/* Memory from `first` on is at the receiver's `there` too, or instead. */
static void memory_goes(const struct process *process, uint64_t first, uint64_t limit, const struct process *receiver, uint64_t there, bool stays)
{
    struct contents *of = contents_of(process);
    if (receiver == nullptr) return;
    struct contents *to = contents_of(receiver);
    if (of->is_unsure) to->is_unsure = true;
    to->is_mixed = true;
    for (uint64_t page = first; stays && page < limit; page += PAGE_BYTES)
        if (cell_of(of, page) == CELL_NONE) entry_set(of, page, cell_make(cell_zero(page)));
    size_t from = entry_from(of, first), end = entry_from(of, limit);
    for (size_t i = from; i < end; i++) entry_set(to, there + (of->entries[i].page - first), of->entries[i].cell);
    if (!stays) entries_forget(of, first, limit);
}

/* A process that one has a handle for is a duplicate of it. */
static void memory_duplicated(const struct process *process, const struct process *made)
{
    if (made == nullptr) return;
    struct contents *of = contents_of(process), *to = contents_of(made);
    to->is_unsure = of->is_unsure || of->is_mixed;
    of->is_mixed = false;
    for (size_t i = 0; i < of->count; i++) {
        const struct segment *segment = segment_find(&made->segments, of->entries[i].page);
        if (segment == nullptr) continue; /* memory that is pinned is not there */
        entry_set(to, of->entries[i].page, segment->fill->is_shared ? of->entries[i].cell : cell_make(cells[of->entries[i].cell]));
    }
}

void sim_contents_asked(uint32_t number, uint64_t tag, const uint64_t word[MESSAGE_WORDS], const struct sim_reply *reply)
{
    const struct process *process = is_on ? sim_process(number) : nullptr;
    if (process == nullptr || process->state != PROCESS_RUNNING) return;
    struct contents *of = contents_of(process);
    uint64_t first = word[0], limit = layout_page_up(word[0] + word[1]);
    bool is_done = reply->outcome == SIM_GOES_ON && reply->call == STATUS_OK && reply->label == STATUS_OK;
    bool is_later = reply->outcome != SIM_GOES_ON;
    if (!process_is_duplicated(process)) of->is_mixed = tag_label(tag) == PROTOCOL_process_duplicate && of->is_mixed;
    else if (tag_label(tag) != PROTOCOL_process_duplicate) of->is_mixed = true;
    if (!is_done && !is_later) return;
    switch (tag_label(tag)) {
    case PROTOCOL_unmap:
        entries_forget(of, first, limit); /* nobody uses what is going */
        break;
    case PROTOCOL_advise:
        if (word[2] != ADVICE_DO_NOT_NEED) break;
        [[fallthrough]];
    case PROTOCOL_discard:
    case PROTOCOL_map_over:
        if (is_later) of->is_unsure = true;
        entries_forget(of, first, limit);
        break;
    case PROTOCOL_brk:
    case PROTOCOL_autogen_move:
        if (is_later) of->is_unsure = true;
        entries_forget(of, layout_page_up(process->break_address), layout_page_down(process->autogen_low));
        break;
    case PROTOCOL_resize:
        if (is_later) of->is_unsure = true;
        entries_forget(of, layout_page_up(word[0] + word[2]), limit);
        break;
    case PROTOCOL_segment_move:
    case PROTOCOL_segment_share:
        if (is_later) of->is_unsure = true;
        else memory_goes(process, first, limit, receiver_of(process, word[2]), reply->word[0], tag_label(tag) == PROTOCOL_segment_share);
        break;
    case PROTOCOL_process_duplicate:
        if (is_later) of->is_unsure = true;
        else memory_duplicated(process, receiver_of(process, reply->word[0]));
        break;
    default: break;
    }
}

/* The two words of a page that count. */
static uint64_t *words_of(const struct cell *cell, void *frame) { return (uint64_t *)frame + 2 * cell->place; }

bool sim_contents_write(uint32_t number, uint64_t address)
{
    uint64_t page = layout_page_down(address);
    char *frame = sim_touch(number, page, FAULT_WRITE);
    if (frame == nullptr) return false;
    const struct process *process = sim_process(number);
    if (!is_on || !is_modelled(segment_find(&process->segments, page))) return true;
    struct contents *of = contents_of(process);
    of->is_mixed = process_is_duplicated(process);
    uint32_t cell = cell_of(of, page);
    if (cell == CELL_NONE) entry_set(of, page, cell = cell_make(cell_zero(page)));
    uint64_t stamp = ++last_stamp;
    words_of(&cells[cell], frame)[stamp % 2] = cells[cell].word[stamp % 2] = stamp;
    return true;
}

/* --- Comparing --- */

static const char *differs(const struct process *process, uint64_t page, const char *what)
{
    static char text[96];
    snprintf(text, sizeof(text), "contents: pid=%" PRIu32 " page=0x%" PRIx64 " %s", process->number, page, what);
    return text;
}

static const char *page_check(const struct process *process, const struct space *space, const struct contents *of, uint64_t page)
{
    struct host_translation translation;
    uint32_t cell = cell_of(of, page);
    bool is_stamped = cell != CELL_NONE && (cells[cell].word[0] | cells[cell].word[1]) != 0;
    if (!host_walk(space->root, page, &translation)) return is_stamped ? differs(process, page, "is gone") : nullptr;
    struct cell wanted = cell != CELL_NONE ? cells[cell] : cell_zero(page);
    const uint64_t *words = words_of(&wanted, arch_frame_pointer(translation.frame));
    if (words[0] != wanted.word[0] || words[1] != wanted.word[1]) return differs(process, page, is_stamped ? "is not what was written" : "is not zero");
    if (is_stamped) count_stamped++;
    else count_zero++;
    return nullptr;
}

static const char *process_check(const struct process *process)
{
    const struct contents *of = contents_of(process);
    const struct space *space = space_find(process_memory(process).number);
    const struct segment_table *table = &process->segments;
    if (of->is_unsure || space == nullptr) return nullptr;
    for (const struct segment *segment = segment_above(table, 0); segment != nullptr; segment = segment_above(table, segment->limit)) {
        bool is_short = layout_pages(segment->first, segment->limit) <= WALKED_PAGES;
        if (!is_modelled(segment) || !is_short || segment->pages == 0) continue;
        for (uint64_t page = segment->first; page < segment->limit; page += PAGE_BYTES) {
            const char *failed = page_check(process, space, of, page);
            if (failed != nullptr) return failed;
        }
    }
    for (size_t i = 0; i < of->count; i++) { /* also of what is too long, or of what nobody has any more */
        const struct segment *segment = segment_find(table, of->entries[i].page);
        if (segment == nullptr) return differs(process, of->entries[i].page, "is in no segment");
        const char *failed = is_modelled(segment) ? page_check(process, space, of, of->entries[i].page) : nullptr;
        if (failed != nullptr) return failed;
    }
    return nullptr;
}

const char *sim_contents_check(void)
{
    for (uint32_t i = 0; is_on && i < PROCESS_LIMIT; i++) {
        const struct process *process = sim_pager.process[i];
        const char *failed = process != nullptr && process->state == PROCESS_RUNNING ? process_check(process) : nullptr;
        if (failed != nullptr) return failed;
    }
    return nullptr;
}
