/* The table of segments alone: finding, inserting, cutting, joining, the rules of the kinds, and that its checker sees what is broken. */
#include "pager_fixture.h"

/* The table of the process that stays, on a machine without other deeds: the tests act as the pager. */
static struct segment_table *table;

static void clear(void)
{
    fixture_start();
    sim_enter_pager();
    table = &sim_process(INIT)->segments;
}

static uint64_t at(uint64_t page) { return LAYOUT_MMAP_FIRST + page * PAGE_BYTES; }

static struct segment mapped(uint64_t first, uint64_t limit, uint32_t protection, uint64_t pages)
{
    return (struct segment){
        .first = at(first), .limit = at(limit), .fill = &fill_zero_touched, .frame = FRAME_FRESH, .kind = SEGMENT_MMAP, .protection = (uint8_t)protection,
        .pages = pages,
    };
}

static struct segment *add(uint64_t first, uint64_t limit, uint32_t protection, uint64_t pages)
{
    struct segment segment = mapped(first, limit, protection, pages);
    cr_assert_eq(area_take_at(&table->directory, segment.first, segment.limit), STATUS_OK);
    cr_assert_eq(segment_reserve(table, 1), STATUS_OK);
    cr_assert_eq(area_reserve_cut(&table->directory, segment.first + (first % REGION_PAGES == 0 ? PAGE_BYTES : 0), true), STATUS_OK);
    cr_assert_eq(area_reserve_cut(&table->directory, segment.limit - (limit % REGION_PAGES == 0 ? PAGE_BYTES : 0), true), STATUS_OK);
    return segment_insert(table, &segment);
}

static void cut(struct segment *segment, uint64_t page, uint64_t pages)
{
    cr_assert_eq(segment_reserve_cuts(table, at(page), at(page)), STATUS_OK);
    segment_split(table, segment, at(page), pages);
}

static const struct segment *find(uint64_t page) { return segment_find(table, at(page)); }

Test(pager_segment, finds_by_address)
{
    clear();
    cr_assert_null(find(0));
    cr_assert_not_null(segment_nearest(table, at(0)));
    const struct segment *first = add(0, 3, PROTECTION_WRITE, 0), *third = add(20, 21, PROTECTION_WRITE, 0), *second = add(10, 12, PROTECTION_WRITE, 0);
    cr_assert(segment_table_check(table));
    cr_assert(find(0) == first && find(2) == first && segment_find(table, at(3) - 1) == first);
    cr_assert(find(10) == second && find(11) == second && segment_find(table, at(21) - 1) == third);
    cr_assert_null(find(3));
    cr_assert_null(segment_find(table, at(10) - 1));
    cr_assert_null(find(21));
    cr_assert_null(segment_find(table, UINT64_MAX));
    cr_assert_null(segment_find(table, 0));
    cr_assert_null(segment_find(table, LAYOUT_MMAP_LIMIT));
    cr_assert_null(segment_find(table, LAYOUT_MMAP_LIMIT - 1));
    cr_assert(segment_nearest(table, at(4)) == first && segment_nearest(table, at(9)) == second && segment_nearest(table, at(100)) == third);
    cr_assert_eq(segment_nearest(table, 0)->kind, SEGMENT_CODE);
    cr_assert_eq(segment_nearest(table, UINT64_MAX)->kind, SEGMENT_BUFFER);
    cr_assert(segment_above(table, at(0)) == first && segment_above(table, at(3)) == second && segment_above(table, at(12)) == third);
    cr_assert_eq(segment_above(table, at(21))->kind, SEGMENT_STACK);
    cr_assert_null(segment_above(table, USER_LIMIT));
    cr_assert_eq(area_pages(&table->directory), 6);
}

/* Segments of one kind after the other go and come back: what is found depends on nothing but where they are. */
Test(pager_segment, other_kinds_are_found_beside_each_other)
{
    clear();
    struct segment kept[8];
    uint32_t count = 0;
    for (const struct segment *row = segment_above(table, 0); row != nullptr; row = segment_above(table, row->limit)) kept[count++] = *row;
    cr_assert_eq(count, table->count);
    for (uint32_t i = 0; i < count; i++) {
        segment_remove(table, segment_find(table, kept[i].first));
        for (uint32_t k = 0; k < count; k++) {
            const struct segment *found = segment_find(table, kept[k].limit - 1);
            cr_assert_eq(found == nullptr, k == i);
            cr_assert_null(segment_find(table, kept[k].first - 1) != nullptr && (k == 0 || kept[k - 1].limit != kept[k].first) ? "found" : nullptr);
        }
        cr_assert_eq(segment_reserve(table, 1), STATUS_OK);
        segment_insert(table, &kept[i]);
        cr_assert(segment_table_check(table));
    }
}

Test(pager_segment, cuts_and_joins)
{
    clear();
    uint32_t before = table->count;
    struct segment *whole = add(1, 10, PROTECTION_WRITE, 7);
    cut(whole, 4, 3);
    cr_assert_eq(table->count, before + 2);
    cr_assert(find(3)->limit == at(4) && find(3)->pages == 3 && find(4)->first == at(4) && find(4)->pages == 4);
    segment_merge(table, at(4));
    cr_assert_eq(table->count, before + 1);
    cr_assert(find(1)->pages == 7 && find(1)->limit == at(10) && find(9) == find(1));
    cut(segment_find(table, at(1)), 4, 3);
    cut(segment_find(table, at(4)), 6, 1);
    segment_merge(table, at(4));
    segment_merge(table, at(6));
    cr_assert_eq(table->count, before + 1);
    cut(segment_find(table, at(1)), 4, 3);
    segment_set_protection(segment_find(table, at(4)), PROTECTION_READ);
    segment_merge(table, at(4));
    cr_assert_eq(table->count, before + 2);
    cr_assert(segment_table_check(table));
}

/* Across regions: some hold nothing else and have no map, some are cut. */
Test(pager_segment, cuts_and_joins_what_covers_regions)
{
    clear();
    struct segment segment = mapped(0, 0, PROTECTION_WRITE, 0);
    cr_assert_eq(segment_place(table, &segment, 4 * REGION_BYTES + 5 * PAGE_BYTES), STATUS_OK);
    cr_assert(segment.first == at(0) && table->directory.area->count_regions == 5);
    static const uint64_t cuts[] = {
        REGION_PAGES, 2 * REGION_PAGES + 1, 2 * REGION_PAGES + 2, 3 * REGION_PAGES - 1, 4 * REGION_PAGES, 4 * REGION_PAGES + 2, 7,
    };
    for (size_t i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++) {
        cut(segment_find(table, at(cuts[i])), cuts[i], 0);
        cr_assert(segment_table_check(table), "cut %zu", i);
        for (size_t k = 0; k <= i; k++) cr_assert(find(cuts[k])->first == at(cuts[k]) && find(cuts[k] - 1)->limit == at(cuts[k]));
    }
    for (size_t i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++) {
        segment_merge(table, at(cuts[i]));
        cr_assert(segment_table_check(table), "join %zu", i);
    }
    cr_assert(find(0)->limit == at(4 * REGION_PAGES + 5) && find(0)->first == at(0));
    segment_remove(table, segment_find(table, at(0)));
    cr_assert(segment_table_check(table) && table->directory.area->count_regions == 1);
}

/* Memory that is taken away in steps: what is gone of a region that was one segment's can be had again when all of it is. */
Test(pager_segment, a_large_segment_goes_from_its_lower_end)
{
    clear();
    struct segment segment = mapped(0, 0, PROTECTION_WRITE, 0);
    cr_assert_eq(segment_place(table, &segment, 2 * REGION_BYTES + 5 * PAGE_BYTES), STATUS_OK);
    for (uint64_t page = 0; page < 2 * REGION_PAGES; page += 512) {
        cr_assert_eq(table->directory.area->count_regions, 3 - page / REGION_PAGES);
        segment_shorten(table, segment_find(table, at(page)), at(page), at(page + 512), 0);
        cr_assert(segment_table_check(table), "page %lu", page);
        cr_assert(find(page) == nullptr && find(page + 511) == nullptr && find(page + 512)->first == at(page + 512));
    }
    segment_remove(table, segment_find(table, at(2 * REGION_PAGES)));
    cr_assert(segment_table_check(table) && table->directory.area->count_regions == 1);
}

Test(pager_segment, a_module_joins_only_where_it_goes_on)
{
    clear();
    struct segment *whole = add(1, 5, PROTECTION_READ, 0);
    uint32_t count = table->count;
    whole->fill = &fill_module;
    whole->frame = 5;
    cut(whole, 2, 0);
    cr_assert_eq(find(2)->frame, 6);
    segment_merge(table, at(2));
    cr_assert_eq(table->count, count);
    cr_assert_eq(find(4)->frame, 5);
    cut(segment_find(table, at(1)), 2, 0);
    segment_find(table, at(2))->frame = 5;
    segment_merge(table, at(2));
    cr_assert_eq(table->count, count + 1);
}

Test(pager_segment, kinds_that_do_not_join)
{
    clear();
    struct segment *whole = add(1, 5, PROTECTION_WRITE, 0);
    uint32_t count = table->count;
    whole->kind = SEGMENT_STACK;
    cut(whole, 3, 0);
    segment_merge(table, at(3));
    cr_assert_eq(table->count, count + 1);
}

Test(pager_segment, charges_pages_and_the_tables_they_need)
{
    struct segment segment = { .fill = &fill_zero_touched, .first = 0, .limit = (uint64_t)1 << 40 };
    cr_assert_eq(segment_charge(&segment), 0);
    segment.pages = 1;
    cr_assert_eq(segment_charge(&segment), 1 + 3); /* one table of each level below the root */
    segment.pages = 100;
    cr_assert_eq(segment_charge(&segment), 100 + 100 + 100 + 2);
    segment = (struct segment){ .fill = &fill_zero_touched, .first = PAGE_BYTES, .limit = 3 * PAGE_BYTES, .pages = 2 };
    cr_assert_eq(segment_charge(&segment), 2 + 3);
    segment.limit = ((uint64_t)1 << 21) + PAGE_BYTES; /* into the next lowest table */
    cr_assert_eq(segment_charge(&segment), 2 + 2 + 1 + 1);
    segment.fill = &fill_module;
    cr_assert_eq(segment_charge(&segment), 2 + 1 + 1); /* the frames are not its own */
}

Test(pager_segment, charges_pages_more_what_the_difference_is)
{
    static const struct fill *const fills[] = { &fill_zero_touched, &fill_module };
    for (size_t i = 0; i < 2; i++) {
        for (uint64_t limit = PAGE_BYTES; limit < (uint64_t)1 << 43; limit = limit * 3 + PAGE_BYTES) {
            struct segment segment = { .fill = fills[i], .first = USER_FIRST, .limit = USER_FIRST + limit };
            for (; segment.pages < 3000 && segment.pages < limit / PAGE_BYTES; segment.pages++) {
                struct segment more = segment;
                uint64_t count = 1 + segment.pages % (limit / PAGE_BYTES - segment.pages) % 64;
                more.pages += count;
                cr_assert_eq(segment_charge_more(&segment, count), segment_charge(&more) - segment_charge(&segment), "%lx %lu", limit, segment.pages);
            }
        }
    }
}

Test(pager_segment, attributes_follow_the_protection)
{
    struct segment segment = { .protection = PROTECTION_READ };
    cr_assert_eq(segment_attributes(segment.protection), ATTRIBUTE_READ);
    segment.protection = PROTECTION_WRITE;
    cr_assert_eq(segment_attributes(segment.protection), ATTRIBUTE_WRITE);
    segment.protection = PROTECTION_EXECUTE;
    cr_assert_eq(segment_attributes(segment.protection), ATTRIBUTE_EXECUTE);
    segment.protection = PROTECTION_WRITE | PROTECTION_EXECUTE;
    cr_assert_eq(segment_attributes(segment.protection), ATTRIBUTE_WRITE | ATTRIBUTE_EXECUTE | ATTRIBUTE_WRITE_EXECUTE);
}

Test(pager_segment, every_kind_has_its_rules)
{
    static const struct { enum growth grows; uint8_t protection; bool is_at_once; } wanted[SEGMENT_KINDS] = {
        [SEGMENT_CODE] = { GROWS_NOT, PROTECTION_EXECUTE, true }, [SEGMENT_DATA] = { GROWS_NOT, PROTECTION_WRITE, true },
        [SEGMENT_RODATA] = { GROWS_NOT, PROTECTION_READ, true }, [SEGMENT_BRK] = { GROWS_UP, PROTECTION_WRITE, true },
        [SEGMENT_AUTOGEN] = { GROWS_DOWN, PROTECTION_WRITE, true }, [SEGMENT_MMAP] = { GROWS_UP, PROTECTION_WRITE, false },
        [SEGMENT_STACK] = { GROWS_DOWN, PROTECTION_WRITE, false }, [SEGMENT_BUFFER] = { GROWS_NOT, PROTECTION_WRITE, true },
    };
    for (uint32_t kind = SEGMENT_CODE; kind < SEGMENT_KINDS; kind++) {
        const struct segment_rules *rules = segment_rules_of((enum segment_kind)kind);
        cr_assert_eq(rules->grows, wanted[kind].grows, "%s", rules->name);
        cr_assert_eq(rules->protection, wanted[kind].protection, "%s", rules->name);
        cr_assert_eq(rules->fill->set != nullptr, wanted[kind].is_at_once, "%s", rules->name);
        cr_assert_eq(rules->is_immutable, kind != SEGMENT_MMAP, "%s", rules->name);
        cr_assert_eq(rules->guard_bytes != 0, kind == SEGMENT_STACK, "%s", rules->name);
    }
}

/* Each line breaks one promise of segment.h or area.h; the checker must see it. */
Test(pager_segment, the_checker_sees_what_is_broken)
{
    clear();
    struct segment *one = add(1, 2, PROTECTION_WRITE, 1), *two = add(2, 4, PROTECTION_READ, 2);
    struct segment_table kept_table = *table;
    struct segment kept_one = *one, kept_two = *two;
    struct area *area = table->directory.area, kept_area = *area;
    struct region *region = directory_at(&table->directory, 0), kept_region = *region;
    struct region_page *page = directory_page(&table->directory, 0), kept_page = *page;
    for (unsigned damage = 0; damage < 21; damage++) {
        cr_assert(segment_table_check(table));
        switch (damage) {
        case 0: one->first = one->limit; break;
        case 1: two->first -= PAGE_BYTES; break;
        case 2: two->limit += 1; break;
        case 3: one->pages = 3; break;
        case 4: one->kind = SEGMENT_STACK; break;
        case 5: two->fill = &fill_module; two->protection = PROTECTION_WRITE; break;
        case 6: two->limit = USER_LIMIT + PAGE_BYTES; break;
        case 7: table->capacity = 1; break;
        case 8: table->count++; break;
        case 9: two->attributes ^= ATTRIBUTE_WRITE; break;
        case 10: area->pages++; break;
        case 11: area->free[0] ^= 2; break;
        case 12: area->count_regions++; break;
        case 13: area->spare = 1; break;
        case 14: region->map[2] = region->map[1]; break;
        case 15: page->book.used[0] ^= 8; break;
        case 16: area->list[REGION_ORDERS] = 0; break;
        case 17: table->fixed[0].row = nullptr; break;
        case 18: table->fixed[2].limit = 0; break;
        case 19: table->fixed[0].first += PAGE_BYTES; break;
        default: region_set_flags(&region->descriptor, 0); break;
        }
        cr_assert_not(segment_table_check(table), "damage %u", damage);
        if (damage == 14) region->map[2] = (uint32_t)((uintptr_t)two - (uintptr_t)table);
        *table = kept_table;
        *one = kept_one;
        *two = kept_two;
        *area = kept_area;
        *region = kept_region;
        *page = kept_page;
    }
}

/* The same for the whole ledger: each damage is done to a living machine. */
static void damage_space(struct process *process) { process->space.number = 0; }
static void damage_reference(struct process *process) { process->references++; }
static void damage_index(struct process *process) { process->index++; }
static void damage_break(struct process *process) { process->break_address += PAGE_BYTES; }
static void damage_autogen(struct process *process) { process->autogen_low -= PAGE_BYTES; }
static void damage_running([[maybe_unused]] struct process *process) { sim_pager.count_running++; }
static void damage_ready(struct process *process) { process->first.wait = (struct wait){ .kind = WAIT_READY, .token = 1 }; }
static void damage_wait(struct process *process) { process->first.wait.kind = WAIT_NAME; }
static void damage_pages(struct process *process) { sim_segment(process, 0)->pages--; }
static void damage_rights(struct process *process) { sim_segment(process, 0)->protection = PROTECTION_WRITE | PROTECTION_EXECUTE; }
static void damage_service(struct process *process) { process->services.count++; }
static void damage_line(struct process *process) { process->line_bytes = OUTPUT_LINE_BYTES + 1; }
static void damage_number(struct process *process) { process->number = 1000; }
static void damage_stack(struct process *process) { segment_find_kind(&process->segments, SEGMENT_STACK)->pages++; }
static void damage_protection(struct process *process) { segment_find_kind(&process->segments, SEGMENT_DATA)->protection = PROTECTION_READ; }

Test(pager_segment, the_ledgers_checker_sees_what_is_broken)
{
    static void (*const damages[])(struct process *) = {
        damage_space, damage_reference, damage_index, damage_break, damage_autogen, damage_running, damage_ready, damage_wait, damage_pages,
        damage_rights, damage_service, damage_line, damage_number, damage_stack, damage_protection,
    };
    fixture_start();
    for (size_t i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
        struct process *process = sim_process(INIT);
        struct process kept = *process;
        struct segment segments[16];
        uint32_t running = sim_pager.count_running;
        memcpy(segments, process->segments.rows, sizeof(segments));
        fixture_check();
        damages[i](process);
        cr_assert_not_null(sim_check(), "damage %zu", i);
        *process = kept;
        memcpy(process->segments.rows, segments, sizeof(segments));
        sim_pager.count_running = running;
    }
    fixture_check();
}
