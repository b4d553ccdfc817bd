/* The checker's walk through all page tables: invariants 1, 2, 5, 6.
 *
 * There is no memory to count references in, so the frame table itself is used: the first pass takes one off a block's count for each reference, which
 * must leave zeroes; the second pass, through the same places in the same order, puts them back. A mark in the flags of a table says that the first pass has
 * been there; the second pass removes it. Leaves of devices are counted in the same way in the registry (device.h), whose tables are those of one more space.
 *
 * 1. The passes follow an entry on the same condition, so the second undoes exactly what the first did. */
#ifdef QUIRE_TEST
#include "check_parts.h"

#include "device.h"
#include "thread.h"
#include "walk.h"

struct pass {
    const struct space *space;
    bool is_first;
    uint32_t count_devices;
    uint64_t count_tables;
    uint64_t count_pages;
};

static void pass_fail(const struct pass *pass, enum invariant invariant, const char *what, uint64_t where, uint64_t found, uint64_t expected)
{
    if (pass->is_first) check_fail(invariant, what, where, found, expected);
}

static void reference(const struct pass *pass, struct frame_info *info)
{
    info->count = (uint16_t)(info->count + (pass->is_first ? -1 : 1));
}

/* A leaf of a device: registered in the same size, and not to be executed. */
static void device_check(struct pass *pass, pte_t leaf, unsigned level, uint64_t address)
{
    uint64_t first = pte_leaf_frame(leaf, level).number;
    pte_t *known = device_entry(first, level);
    pass->count_devices++;
    if (pte_attributes(leaf) & ATTRIBUTE_EXECUTE) pass_fail(pass, INVARIANT_RIGHTS, "device to be executed", address, leaf, 0);
    if (known == nullptr) pass_fail(pass, INVARIANT_ENTRIES, "device that is not registered", address, first, 0);
    else *known ^= (*known ^ (*known + (pass->is_first ? DEVICE_SHARES : DEVICE_SHARE))) & DEVICE_SHARES; /* 7 more is 1 less in three bits */
    if (first < frame_limit && frame_table[first].kind != FRAME_KIND_ABSENT)
        pass_fail(pass, INVARIANT_ENTRIES, "memory mapped as a device", address, first, frame_table[first].kind);
}

static void leaf_check(struct pass *pass, pte_t leaf, unsigned level, uint64_t address)
{
    uint64_t pages = (uint64_t)1 << (pte_shift(level) - PAGE_SHIFT);
    uint32_t first = pte_frame(leaf).number;
    uint32_t attributes = pte_attributes(leaf);
    pass->count_pages += pages;
    if (pass->space == &device_registry) {
        if ((leaf & DEVICE_SHARES) != 0) pass_fail(pass, INVARIANT_COUNTS, "leaves of a device less references", address, leaf, 0);
        return;
    }
    if (!pte_is_well_formed(leaf, level, true)) pass_fail(pass, INVARIANT_TABLES, "bits of a leaf", address, leaf, 0);
    if (attributes_check(attributes & ATTRIBUTES_ALL) != STATUS_OK) pass_fail(pass, INVARIANT_RIGHTS, "writable and executable", address, leaf, 0);
    if (address < USER_FIRST || !range_within(address, pages << PAGE_SHIFT, USER_LIMIT))
        pass_fail(pass, INVARIANT_RIGHTS, "address of a leaf", address, leaf, 0);
    if (pte_is_device(leaf)) {
        device_check(pass, leaf, level, address);
        return;
    }
    if (!range_within(first, pages, frame_count_table())) {
        pass_fail(pass, INVARIANT_ENTRIES, "frame of a leaf", address, first, frame_count_table());
        return;
    }
    struct frame_info *info = frame_find((frame_t){ first });
    if (info->kind != FRAME_KIND_USER) pass_fail(pass, INVARIANT_ENTRIES, "kind of a leaf's frame", address, info->kind, FRAME_KIND_USER);
    else if ((uint64_t)1 << frame_order(info) < pages) pass_fail(pass, INVARIANT_ENTRIES, "leaf larger than its block", address, frame_order(info), level);
    else reference(pass, info);
}

/* True when the walk may go down into the table: it is one, and was not seen in another place. */
static bool table_enter(const struct pass *pass, frame_t table)
{
    struct frame_info *info = frame_find(table);
    if (info == nullptr || info->kind != FRAME_KIND_TABLE || !arch_frame_is_direct(table)) {
        pass_fail(pass, INVARIANT_ENTRIES, "frame of a table", pass->space->frame.number, table.number, FRAME_KIND_TABLE);
        return false;
    }
    bool is_marked = info->flags & FRAME_MARK;
    info->flags = (uint8_t)(pass->is_first ? info->flags | FRAME_MARK : info->flags & ~FRAME_MARK);
    if (is_marked == pass->is_first) {
        pass_fail(pass, INVARIANT_TABLES, "table in two places", pass->space->frame.number, table.number, 1);
        return false;
    }
    return true;
}

/* Where a traversal stands in one level. */
struct stage {
    frame_t table;
    unsigned next;
    unsigned live;
    uint64_t pages_before;  /* of the pass, when the table was entered */
    uint64_t tables_before;
};

static void table_leave(struct pass *pass, const struct stage *stage, unsigned level)
{
    constexpr unsigned root = PTE_LEVELS - 1;
    const struct frame_info *info = table_row(stage->table);
    uint64_t below = pass->count_pages - stage->pages_before + (pass->count_tables - stage->tables_before) * TOTALS_TABLE;
    uint64_t cookie = level == root ? pass->space->frame.number : level == TOTALS_LEVEL ? below : 0;
    pass->count_tables++;
    if (info->count != stage->live) pass_fail(pass, INVARIANT_TABLES, "live entries of a table", stage->table.number, info->count, stage->live);
    if (info->cookie != cookie) pass_fail(pass, INVARIANT_TABLES, "space or totals of a table", stage->table.number, info->cookie, cookie);
    if (stage->live == 0 && level != root) pass_fail(pass, INVARIANT_TABLES, "empty table", stage->table.number, 0, 1);
}

static struct stage stage_begin(const struct pass *pass, frame_t table)
{
    return (struct stage){ .table = table, .pages_before = pass->count_pages, .tables_before = pass->count_tables };
}

static void tables_pass(struct pass *pass)
{
    struct stage stages[PTE_LEVELS];
    constexpr unsigned top = PTE_LEVELS - 1;
    if (!table_enter(pass, pass->space->root)) return;
    stages[top] = stage_begin(pass, pass->space->root);
    uint64_t address = 0;
    for (unsigned level = top;;) {
        struct stage *stage = &stages[level];
        if (stage->next == (level == top && pass->space != &device_registry ? PTE_ROOT_USER_ENTRIES : pte_entries(level))) {
            table_leave(pass, stage, level);
            if (level == top) return;
            level++;
            continue;
        }
        pte_t entry = ((const pte_t *)arch_frame_pointer(stage->table))[stage->next];
        address &= ~(((uint64_t)1 << pte_shift(level + 1)) - 1);
        address |= (uint64_t)stage->next++ << pte_shift(level);
        if (!pte_is_present(entry)) {
            if (entry != 0) pass_fail(pass, INVARIANT_TABLES, "bits of an absent entry", address, entry, 0);
            continue;
        }
        stage->live++;
        if (level == 0 || pte_is_large(entry, level)) {
            leaf_check(pass, entry, level, address);
            continue;
        }
        if (!pte_is_well_formed(entry, level, false)) pass_fail(pass, INVARIANT_TABLES, "bits of a table's entry", address, entry, 0);
        if (!table_enter(pass, pte_frame(entry))) continue;
        level--;
        stages[level] = stage_begin(pass, pte_frame(entry));
    }
}

/* The kernel half of every root is that of the first one. */
static void kernel_half_check(const struct pass *pass, const struct space *first)
{
    const pte_t *ours = arch_frame_pointer(pass->space->root), *theirs = arch_frame_pointer(first->root);
    for (unsigned i = PTE_ROOT_USER_ENTRIES; i < pte_entries(PTE_LEVELS - 1); i++)
        if (!pte_is_same(ours[i], theirs[i])) pass_fail(pass, INVARIANT_RIGHTS, "kernel half", (uint64_t)i << pte_shift(PTE_LEVELS - 1), ours[i], theirs[i]);
}

static void space_pass(struct space *space, frame_t frame, const struct space *first, bool is_first)
{
    struct pass pass = { .space = space, .is_first = is_first };
    if (space->frame.number != frame.number) pass_fail(&pass, INVARIANT_TABLES, "frame of a space", frame.number, space->frame.number, frame.number);
    if (!frame_is(space->root, FRAME_KIND_TABLE)) {
        pass_fail(&pass, INVARIANT_TABLES, "root of a space", frame.number, space->root.number, FRAME_KIND_TABLE);
        return;
    }
    tables_pass(&pass);
    if (pass.count_tables != space->count_tables + 1)
        pass_fail(&pass, INVARIANT_TABLES, "tables of a space", frame.number, space->count_tables + 1, pass.count_tables);
    if (pass.count_pages != space->count_mapped) pass_fail(&pass, INVARIANT_TABLES, "pages of a space", frame.number, space->count_mapped, pass.count_pages);
    if (pass.count_devices != space->count_devices)
        pass_fail(&pass, INVARIANT_TABLES, "devices of a space", frame.number, space->count_devices, pass.count_devices);
    if (first != nullptr && frame_is(first->root, FRAME_KIND_TABLE)) kernel_half_check(&pass, first);
}

/* All references: entries, and the message buffers that threads hold. */
static void references_pass(bool is_first)
{
    void *object, *first = nullptr;
    for (frame_t frame = { 0 }; check_next(FRAME_KIND_SPACE, &frame, &object); frame.number++) {
        if (first == nullptr) first = object;
        space_pass(object, frame, first, is_first);
    }
    if (device_registry.root.number != 0) space_pass(&device_registry, device_registry.frame, nullptr, is_first);
    struct pass pass = { .is_first = is_first };
    for (frame_t frame = { 0 }; check_next(FRAME_KIND_THREAD, &frame, &object); frame.number++) {
        const struct thread *thread = object;
        if (thread->buffer.number == FRAME_NONE) continue;
        if (frame_is(thread->buffer, FRAME_KIND_USER)) reference(&pass, frame_find(thread->buffer));
        else pass_fail(&pass, INVARIANT_ENTRIES, "kind of a message buffer", frame.number, thread->buffer.number, FRAME_KIND_USER);
    }
}

/* Between the passes: nothing is left of the counts, and every table was reached. */
static void rows_check(void)
{
    for (frame_t frame = { 0 }; frame.number < frame_count_table(); frame.number++) {
        const struct frame_info *info = &frame_table[frame.number];
        if (info->kind != FRAME_KIND_TABLE && info->count != 0)
            check_fail(INVARIANT_COUNTS, "map count less references", frame.number, info->count, 0);
        if (info->kind == FRAME_KIND_TABLE && !(info->flags & FRAME_MARK)) check_fail(INVARIANT_TABLES, "table of no space", frame.number, 0, 1);
    }
}

void check_spaces(void)
{
    references_pass(true);
    rows_check();
    references_pass(false);
}
#endif
