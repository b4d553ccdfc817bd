/* The table of segments alone: finding, inserting, cutting, joining, the rules of the kinds, and that its checker sees what is broken. */
#include "pager_fixture.h"

/* A table over ordinary memory: nothing is taken from a kernel here. */
static struct segment rows[SEGMENT_LIMIT];
static struct segment_table table;
static struct pool pool;
static struct family family;

static void clear(void)
{
    pool = (struct pool){ .all = UINT64_MAX, .free = UINT64_MAX };
    family = (struct family){ .pages = { .pool = &pool, .limit = UINT64_MAX } };
    table = (struct segment_table){ .rows = rows, .capacity = SEGMENT_LIMIT, .family = &family };
}

static uint64_t at(uint64_t page) { return LAYOUT_MMAP_FIRST + page * PAGE_BYTES; }

static void add(uint64_t first, uint64_t limit, uint8_t protection, uint64_t pages)
{
    struct segment segment = {
        .first = at(first), .limit = at(limit), .fill = &fill_zero_touched, .kind = SEGMENT_MMAP, .protection = protection, .pages = pages,
    };
    segment_insert(&table, &segment);
}

Test(pager_segment, finds_by_address)
{
    clear();
    cr_assert_null(segment_find(&table, at(0)));
    cr_assert_null(segment_nearest(&table, at(0)));
    add(10, 12, PROTECTION_WRITE, 0);
    add(20, 21, PROTECTION_WRITE, 0);
    add(0, 3, PROTECTION_WRITE, 0);
    cr_assert(segment_table_check(&table));
    cr_assert_eq(segment_find(&table, at(0)), &rows[0]);
    cr_assert_eq(segment_find(&table, at(3) - 1), &rows[0]);
    cr_assert_null(segment_find(&table, at(3)));
    cr_assert_null(segment_find(&table, at(10) - 1));
    cr_assert_eq(segment_find(&table, at(10)), &rows[1]);
    cr_assert_eq(segment_find(&table, at(21) - 1), &rows[2]);
    cr_assert_null(segment_find(&table, at(21)));
    cr_assert_null(segment_find(&table, UINT64_MAX));
    cr_assert_null(segment_find(&table, 0));
    cr_assert_eq(segment_nearest(&table, at(4)), &rows[0]);
    cr_assert_eq(segment_nearest(&table, at(9)), &rows[1]);
    cr_assert_eq(segment_nearest(&table, at(100)), &rows[2]);
    cr_assert_eq(segment_nearest(&table, 0), &rows[0]);
    cr_assert_eq(segment_bytes(&table, at(0), at(20)), 5 * PAGE_BYTES);
}

Test(pager_segment, finds_the_first_free_range)
{
    clear();
    uint64_t address = 0;
    cr_assert(segment_find_free(&table, at(0), at(10), 10 * PAGE_BYTES, &address));
    cr_assert_eq(address, at(0));
    cr_assert_not(segment_find_free(&table, at(0), at(10), 11 * PAGE_BYTES, &address));
    add(0, 2, PROTECTION_WRITE, 0);
    add(3, 5, PROTECTION_WRITE, 0);
    add(8, 9, PROTECTION_WRITE, 0);
    cr_assert(segment_find_free(&table, at(0), at(10), PAGE_BYTES, &address));
    cr_assert_eq(address, at(2));
    cr_assert(segment_find_free(&table, at(0), at(10), 3 * PAGE_BYTES, &address));
    cr_assert_eq(address, at(5));
    cr_assert_not(segment_find_free(&table, at(0), at(10), 4 * PAGE_BYTES, &address));
    cr_assert(segment_find_free(&table, at(0), at(13), 4 * PAGE_BYTES, &address));
    cr_assert_eq(address, at(9));
    add(9, 13, PROTECTION_READ, 0);
    cr_assert_not(segment_find_free(&table, at(9), at(13), PAGE_BYTES, &address));
}

Test(pager_segment, cuts_and_joins)
{
    clear();
    add(0, 10, PROTECTION_WRITE, 7);
    segment_split(&table, &rows[0], at(4), 3);
    cr_assert_eq(table.count, 2);
    cr_assert_eq(rows[0].limit, at(4));
    cr_assert_eq(rows[0].pages, 3);
    cr_assert_eq(rows[1].first, at(4));
    cr_assert_eq(rows[1].pages, 4);
    segment_merge(&table, at(4));
    cr_assert_eq(table.count, 1);
    cr_assert_eq(rows[0].pages, 7);
    cr_assert_eq(rows[0].limit, at(10));
    segment_split(&table, &rows[0], at(4), 3);
    segment_split(&table, &rows[1], at(6), 1);
    segment_merge(&table, at(4));
    segment_merge(&table, at(6));
    cr_assert_eq(table.count, 1);
    segment_split(&table, &rows[0], at(4), 3);
    rows[1].protection = PROTECTION_READ;
    segment_merge(&table, at(4));
    cr_assert_eq(table.count, 2);
}

Test(pager_segment, a_module_joins_only_where_it_goes_on)
{
    clear();
    add(0, 4, PROTECTION_READ, 0);
    rows[0].fill = &fill_module;
    rows[0].frame = 5;
    segment_split(&table, &rows[0], at(1), 0);
    cr_assert_eq(rows[1].frame, 6);
    segment_merge(&table, at(1));
    cr_assert_eq(table.count, 1);
    segment_split(&table, &rows[0], at(1), 0);
    rows[1].frame = 5;
    segment_merge(&table, at(1));
    cr_assert_eq(table.count, 2);
}

Test(pager_segment, kinds_that_do_not_join)
{
    clear();
    add(0, 4, PROTECTION_WRITE, 0);
    rows[0].kind = SEGMENT_STACK;
    segment_split(&table, &rows[0], at(2), 0);
    segment_merge(&table, at(2));
    cr_assert_eq(table.count, 2);
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
            segment.tables = (uint32_t)segment_tables_of(segment.first, segment.limit, 1);
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

/* Each line breaks one promise of segment.h; the checker must see it. */
Test(pager_segment, the_checker_sees_what_is_broken)
{
    for (unsigned damage = 0; damage < 8; damage++) {
        clear();
        add(0, 2, PROTECTION_WRITE, 1);
        add(2, 4, PROTECTION_READ, 2);
        cr_assert(segment_table_check(&table));
        switch (damage) {
        case 0: rows[0].first = rows[0].limit; break;
        case 1: rows[1].first -= PAGE_BYTES; break;
        case 2: rows[1].limit += 1; break;
        case 3: rows[0].pages = 3; break;
        case 4: rows[0].kind = SEGMENT_STACK; break;
        case 5: rows[1].fill = &fill_module; rows[1].protection = PROTECTION_WRITE; break;
        case 6: rows[1].limit = USER_LIMIT + PAGE_BYTES; break;
        default: table.capacity = 1; break;
        }
        cr_assert_not(segment_table_check(&table), "damage %u", damage);
    }
}

/* The same for the whole ledger: each damage is done to a living machine. */
static void damage_space(struct process *process) { process->space.number = 0; }
static void damage_reference(struct process *process) { process->references++; }
static void damage_index(struct process *process) { process->index++; }
static void damage_break(struct process *process) { process->break_address += PAGE_BYTES; }
static void damage_autogen(struct process *process) { process->autogen_low -= PAGE_BYTES; }
static void damage_running([[maybe_unused]] struct process *process) { sim_pager.count_running++; }
static void damage_ready(struct process *process) { process->wait = (struct wait){ .kind = WAIT_READY, .token = 1 }; }
static void damage_wait(struct process *process) { process->wait.kind = WAIT_NAME; }
static void damage_pages(struct process *process) { process->segments.rows[0].pages--; }
static void damage_rights(struct process *process) { process->segments.rows[0].protection = PROTECTION_WRITE | PROTECTION_EXECUTE; }
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
