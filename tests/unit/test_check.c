/* The checker sees what is broken: each test breaks one invariant on purpose, reads its number and its line in the log, repairs it, and all hold again. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "deadline.h"
#include "endpoint.h"
#include "fill_page.h"
#include "host.h"
#include "interrupt.h"
#include "schedule.h"
#include "space.h"
#include "table_format.h"
#include "thread.h"
#include "walk.h"

constexpr uint64_t PLACE = FORMAT_MIDDLE;
constexpr uint32_t RESERVED = 32;

static struct space *space, *other;
static struct endpoint *endpoint;
static struct thread *thread, *second;
static frame_t user, buffer;

static void begin(void)
{
    host_initialise_frames((uint64_t)8 << 20, RESERVED);
    cr_assert_eq(space_create(&space), STATUS_OK);
    cr_assert_eq(space_create(&other), STATUS_OK);
    cr_assert_eq(fill_page(space, (user_page_t){ PLACE }, ATTRIBUTE_WRITE, &user), STATUS_OK);
    cr_assert_eq(space_map_page(other, (user_page_t){ PLACE }, user, ATTRIBUTE_READ), STATUS_OK);
    cr_assert_eq(frame_allocate(0, FRAME_KIND_USER, &buffer), STATUS_OK);
    cr_assert_eq(endpoint_create(&endpoint), STATUS_OK);
    cr_assert_eq(thread_create(space, buffer, 2, &thread), STATUS_OK);
    cr_assert_eq(thread_create(space, (frame_t){ FRAME_NONE }, 2, &second), STATUS_OK);
    handle_fill(handle_row_of(space, 64 + 5), 64 + 5, endpoint, RIGHT_CALL, 7);
    handle_fill(&other->pager, 1, endpoint, RIGHT_CALL, 8);
    cr_assert_eq(check_run(), 0, "%s", host_log_text());
}

TestSuite(check, .init = begin);

/* The checker finds the invariant, names it in the log, and finds it again: it has changed nothing. */
static void expect(unsigned invariant)
{
    char name[32];
    snprintf(name, sizeof name, "check: invariant=%u ", invariant);
    host_log_clear();
    uint32_t found = check_run();
    cr_assert_eq(found, invariant, "found %u, expected %u: %s", found, invariant, host_log_text());
    cr_assert_not_null(strstr(host_log_text(), name));
    cr_assert_eq(check_run(), invariant);
}

static void expect_none(void)
{
    host_log_clear();
    cr_assert_eq(check_run(), 0, "%s", host_log_text());
    cr_assert_str_empty(host_log_text());
}

/* Puts a value in the place of another for one check. */
#define BREAK(place, value, invariant)                                                                                                               \
    do {                                                                                                                                             \
        typeof(place) kept = (place);                                                                                                                \
        (place) = (value);                                                                                                                           \
        expect(invariant);                                                                                                                           \
        (place) = kept;                                                                                                                              \
        expect_none();                                                                                                                               \
    } while (0)

/* The entry of PLACE at a level, found with the test's own walk. */
static pte_t *entry_of(const struct space *of, unsigned level)
{
    frame_t table = of->root;
    for (unsigned at = PTE_LEVELS - 1; at > level; at--)
        table = pte_frame(((pte_t *)arch_frame_pointer(table))[pte_index(PLACE, at)]);
    return (pte_t *)arch_frame_pointer(table) + pte_index(PLACE, level);
}

static frame_t table_of(const struct space *of, unsigned level)
{
    return pte_frame(*entry_of(of, level + 1));
}

Test(check, entries_1)
{
    pte_t *leaf = entry_of(space, 0);
    struct frame_info *info = frame_find(user);
    info->count--; /* the reference is about to go elsewhere */
    *leaf = pte_make_leaf((frame_t){ RESERVED - 1 }, ATTRIBUTE_WRITE, 0);
    expect(1);
    *leaf = pte_make_leaf(table_of(space, 0), ATTRIBUTE_WRITE, 0);
    expect(1);
    *leaf = pte_make_leaf(space->frame, ATTRIBUTE_READ, 0);
    expect(1);
    *leaf = pte_make_leaf((frame_t){ frame_count_table() }, ATTRIBUTE_READ, 0);
    expect(1);
    *leaf = pte_make_leaf((frame_t){ UINT32_MAX }, ATTRIBUTE_READ, 0);
    expect(1);
    info->count++;
    *leaf = pte_make_leaf(user, ATTRIBUTE_WRITE, 0);
    expect_none();
    BREAK(*entry_of(space, 1), pte_make_table((frame_t){ frame_count_table() + 5 }, 1), 1);
    BREAK(thread->buffer, ((frame_t){ 3 }), 1);
}

Test(check, entries_1_table_link_to_a_page)
{
    pte_t *link = entry_of(space, 1), kept = *link;
    frame_find(user)->count--;
    *link = pte_make_table(user, 1);
    expect(1);
    frame_find(user)->count++;
    *link = kept;
    expect_none();
}

Test(check, counts_2)
{
    struct frame_info *info = frame_find(user);
    BREAK(info->count, 3, 2);
    BREAK(info->count, 1, 2);
    BREAK(info->count, 0, 2);
    BREAK(frame_find(buffer)->count, 0, 2);
    BREAK(frame_find(space->frame)->count, 1, 2);
}

Test(check, tiers_3)
{
    frame_t frame, others[SPARES];
    for (unsigned i = 0; i < SPARES; i++) cr_assert_eq(frame_allocate(0, FRAME_KIND_KERNEL, &others[i]), STATUS_OK);
    cr_assert_eq(frame_allocate(0, FRAME_KIND_KERNEL, &frame), STATUS_OK);
    struct frame_info *row = frame_find(frame);
    BREAK(row->kind, FRAME_KIND_FREE, 3);
    BREAK(row->kind, FRAME_KIND_SPARE, 3);
    for (unsigned i = 0; i < SPARES; i++) cr_assert_eq(frame_free(others[i], 0, FRAME_KIND_KERNEL), STATUS_OK); /* so that this one is not set aside: */
    cr_assert_eq(frame_free(frame, 0, FRAME_KIND_KERNEL), STATUS_OK);
    BREAK(row->cookie, 1, 3);
    BREAK(row->count, 1, 2); /* a free frame with a mapping breaks the count too, and that comes first */
    BREAK(row->kind, FRAME_KIND_KERNEL, 3);
    BREAK(row->kind, FRAME_KIND_SPARE, 3);
}

/* What is set aside: the lists and the rows say the same. */
Test(check, tiers_3_spares_and_batches)
{
    frame_t frame, base;
    uint64_t mask;
    cr_assert_eq(frame_allocate(0, FRAME_KIND_USER, &frame), STATUS_OK);
    cr_assert_eq(frame_allocate(0, FRAME_KIND_USER, &base), STATUS_OK);
    cr_assert_eq(frame_free(frame, 0, FRAME_KIND_USER), STATUS_OK);
    cr_assert_eq(frame_free(base, 0, FRAME_KIND_USER), STATUS_OK);
    cr_assert(frame_prepare() && frame_prepare());
    expect_none();
    BREAK(frame_state.spares[0][1], frame_state.spares[0][0], 3);
    expect_none();
    BREAK(frame_state.stock[1], frame_state.stock[0], 3);
    BREAK(frame_table[frame.number].kind, FRAME_KIND_FREE, 3);
    BREAK(frame_table[frame.number].flags, 0, 3);
    BREAK(frame_state.spares[0][0], space->frame.number, 3);
    BREAK(frame_state.stock[0].number, frame.number, 3);
    BREAK(frame_state.spares[0][0], frame_limit, 3);
    BREAK(frame_table[frame_state.stock[0].number].flags, FRAME_DIRTY, 3);
    cr_assert_eq(frame_allocate_batch(&base, &mask), STATUS_OK);
    expect_none();
    BREAK(frame_state.count_unwritten, frame_state.count_unwritten - 1, 3);
    BREAK(frame_table[base.number + (uint32_t)__builtin_ctzll(mask)].count, 1, 2);
    BREAK(frame_table[base.number + (uint32_t)__builtin_ctzll(mask)].kind, FRAME_KIND_RESERVED, 3);
}

/* Every tier of the bitmap follows from the one below. */
Test(check, tiers_3_bitmap)
{
    frame_t frame;
    cr_assert_eq(frame_allocate_below(0, FRAME_KIND_KERNEL, frame_limit, &frame), STATUS_OK);
    struct bitmap *bitmap = &frame_state.bitmap;
    BREAK(bitmap->words[frame.number / 64], bitmap->words[frame.number / 64] ^ (uint64_t)1 << frame.number % 64, 3);
    BREAK(bitmap->gigabytes[0].masks[9][7], bitmap->gigabytes[0].masks[9][7] | (uint64_t)1 << 63, 3);
    BREAK(bitmap->gigabytes[0].masks[0][0], 0, 3);
    BREAK(bitmap->top[0][0], 0, 3);
    BREAK(bitmap->top[18][0], 1, 3);
    BREAK(bitmap->orders, 0, 3);
    BREAK(bitmap->count_free, bitmap->count_free + 1, 3);
}

Test(check, tiers_3_stock)
{
    cr_assert(frame_prepare() && frame_prepare());
    expect_none();
    uint64_t *content = arch_frame_pointer(frame_state.stock[0]);
    BREAK(content[511], 1, 3);
    BREAK(frame_state.stock[1].number, frame_state.stock[0].number, 3);
    BREAK(frame_state.stock[0].number, user.number, 3);
}

Test(check, sum_4)
{
    BREAK(frame_state.count_total, frame_state.count_total + 1, 4);
    BREAK(frame_find((frame_t){ RESERVED - 1 })->kind, FRAME_KIND_KERNEL, 4);
    BREAK(frame_find((frame_t){ 0 })->kind, FRAME_KIND_KERNEL, 4);
}

Test(check, rights_5)
{
    pte_t *leaf = entry_of(space, 0);
    constexpr uint32_t both = ATTRIBUTE_WRITE | ATTRIBUTE_EXECUTE;
    BREAK(*leaf, pte_make_leaf(user, both, 0), 5);
    *leaf = pte_make_leaf(user, both | ATTRIBUTE_WRITE_EXECUTE, 0); /* what the pager means is no error */
    expect_none();
    pte_t *kernel_half = (pte_t *)arch_frame_pointer(other->root) + PTE_ROOT_USER_ENTRIES;
    BREAK(kernel_half[0], 0, 5);
    unsigned last = pte_entries(PTE_LEVELS - 1) - PTE_ROOT_USER_ENTRIES - 1;
    BREAK(kernel_half[last], kernel_half[last] ^ (pte_t)1 << PAGE_SHIFT, 5);
}

/* A page below USER_FIRST and one at USER_LIMIT: mapped in order, then the tables are bent to those addresses. */
Test(check, rights_5_addresses)
{
    frame_t frame;
    cr_assert_eq(fill_page(space, (user_page_t){ USER_FIRST }, ATTRIBUTE_WRITE, &frame), STATUS_OK);
    struct host_translation found;
    cr_assert(host_walk(space->root, USER_FIRST, &found));
    frame_t table = space->root;
    for (unsigned level = PTE_LEVELS - 1; level > 0; level--)
        table = pte_frame(((pte_t *)arch_frame_pointer(table))[pte_index(USER_FIRST, level)]);
    pte_t *lowest = arch_frame_pointer(table);
    lowest[15] = lowest[16];
    lowest[16] = 0;
    expect(5);
    lowest[16] = lowest[15];
    lowest[15] = 0;
    expect_none();
    cr_assert_eq(fill_page(space, (user_page_t){ USER_LIMIT - PAGE_BYTES }, ATTRIBUTE_WRITE, &frame), STATUS_OK);
    table = space->root;
    for (unsigned level = PTE_LEVELS - 1; level > 0; level--)
        table = pte_frame(((pte_t *)arch_frame_pointer(table))[pte_index(USER_LIMIT - PAGE_BYTES, level)]);
    pte_t *highest = arch_frame_pointer(table);
    highest[FORMAT_TABLE_PAGES - 1] = highest[FORMAT_TABLE_PAGES - 2];
    highest[FORMAT_TABLE_PAGES - 2] = 0;
    expect(5);
}

Test(check, tables_6)
{
    frame_t table = table_of(space, 0);
    BREAK(frame_find(table)->count, 2, 6);
    BREAK(frame_find(table)->cookie, other->frame.number, 6);
    BREAK(frame_find(space->root)->count, 2, 6);
    BREAK(space->count_mapped, 2, 6);
    BREAK(space->count_tables, PTE_LEVELS, 6);
    BREAK(space->frame.number, 1, 6);
    struct space *empty;
    cr_assert_eq(space_create(&empty), STATUS_OK);
    BREAK(empty->root.number, user.number, 6);
    BREAK(empty->root.number, UINT32_MAX, 6);
    BREAK(entry_of(space, 0)[1], (pte_t)1 << 5, 6); /* an absent entry with bits */
    BREAK(*entry_of(space, 0), *entry_of(space, 0) | PTE_GLOBAL, 6);
    BREAK(*entry_of(space, 0), *entry_of(space, 0) & ~PTE_USER, 6);
    BREAK(*entry_of(space, 1), *entry_of(space, 1) | PTE_GLOBAL, 6);
}

Test(check, tables_6_totals)
{
    BREAK(frame_find(space->root)->cookie, other->frame.number, 6);
    if (PTE_LEVELS < 3) return;
    struct frame_info *totals = frame_find(table_of(space, 1));
    cr_assert(totals_pages(totals->cookie) == 1 && totals_tables(totals->cookie) == 1);
    BREAK(totals->cookie, totals->cookie + 1, 6);
    BREAK(totals->cookie, totals->cookie + TOTALS_TABLE, 6);
    BREAK(totals->cookie, 0, 6);
}

/* A large leaf over frames that are not one block. */
Test(check, entries_1_leaf_larger_than_its_block)
{
    unsigned order = pte_shift(1) - PAGE_SHIFT;
    if (order > FRAME_CLEAN_ORDER) cr_skip_test("the machine of these tests has no block for a large leaf of this format");
    frame_t block;
    uint64_t done;
    constexpr uint64_t place = PLACE + ((uint64_t)4 << 22);
    cr_assert_eq(frame_allocate(order, FRAME_KIND_USER, &block), STATUS_OK);
    struct frame_info *info = frame_find(block);
    info->flags &= (uint8_t)~FRAME_DIRTY;
    cr_assert_eq(space_map(space, (struct user_span){ { place }, 1u << order }, block, ATTRIBUTE_WRITE, &done), STATUS_OK);
    expect_none();
    frame_t half = { block.number + (1u << (order - 1)) };
    block_write(block.number, order - 1, FRAME_KIND_USER, 0);
    block_write(half.number, order - 1, FRAME_KIND_USER, 0);
    info->count = 1;
    expect(1);
    block_rows_fill(block.number, 1u << order, (struct frame_info){ .kind = FRAME_KIND_FREE });
    block_write(block.number, order, FRAME_KIND_USER, 0);
    info->count = 1;
    expect_none();
}

Test(check, tables_6_one_table_in_two_spaces)
{
    pte_t *link = entry_of(other, 1), kept = *link;
    frame_find(user)->count--; /* what is behind a table counts once */
    *link = *entry_of(space, 1);
    expect(6);
    frame_find(user)->count++;
    *link = kept;
    expect_none();
}

Test(check, tables_6_table_of_nobody)
{
    frame_t table;
    cr_assert_eq(frame_allocate(0, FRAME_KIND_TABLE, &table), STATUS_OK);
    expect(6);
    cr_assert_eq(frame_free(table, 0, FRAME_KIND_TABLE), STATUS_OK);
    expect_none();
}

Test(check, handles_8)
{
    struct handle_row *row = handle_row_of(space, 64 + 5);
    BREAK(row->rights, 64, 8);
    BREAK(row->handle, 64 + 6, 8);
    BREAK(row->handle, HANDLE_NONE, 8);
    BREAK(row->endpoint, nullptr, 8);
    BREAK(row->endpoint, endpoint + 1, 8);
    BREAK(row->endpoint, (struct endpoint *)space, 8);
    BREAK(row->endpoint, (struct endpoint *)((char *)endpoint + 8), 8);
    BREAK(space->rows[0].handle, 64, 8);
    BREAK(endpoint->rows, nullptr, 8);
    BREAK(endpoint->rows->next, endpoint->rows, 8); /* a ring */
    BREAK(endpoint->is_used, false, 8);
}

Test(check, lines_8)
{
    cr_assert_eq(interrupt_map(endpoint, 5, 1), STATUS_OK);
    uint64_t bits;
    cr_assert_eq(interrupt_endpoint(5, &bits), endpoint);
    cr_assert_eq(bits, 1);
    cr_assert_null(interrupt_endpoint(6, &bits));
    BREAK(endpoint->is_used, false, 8);
    cr_assert_eq(interrupt_unmap(5), STATUS_OK);
}

Test(check, time_11)
{
    struct budget *budget = &thread->budget;
    BREAK(thread->account, thread->account + 1, 11);
    BREAK(thread->account, 0, 11);
    BREAK(budget->gift, 1, 11); /* for nobody */
    BREAK(budget->gift_to, thread->account, 11); /* for itself */
    BREAK(budget->capacity, 0, 11); /* without a period */
    BREAK(budget->timer.rank, 1, 11);
    BREAK(deadline_threads->next, nullptr, 11);
    BREAK(thread->every.next, &thread->every, 11); /* a ring */
    BREAK(thread->every.back, &thread->every.next, 11);
    BREAK(deadline_threads, nullptr, 11);
    BREAK(endpoint->timer.rank, 1, 11);
    struct timer sooner = { .kind = TIMER_NOTIFY };
    timer_set(&endpoint->timer, 100);
    timer_set(&sooner, 50);
    BREAK(endpoint->timer.when, 40, 11);
    BREAK(endpoint->timer.parent, nullptr, 11);
    BREAK(sooner.left, nullptr, 11); /* a branch is lost */
    BREAK(endpoint->timer.rank, 2, 11);
    timer_cancel(&sooner);
    timer_cancel(&endpoint->timer);
}

Test(check, queues_9)
{
    BREAK(thread->state, THREAD_RUNNING, 9);
    BREAK(thread->state, THREAD_WAITING, 9);
    BREAK(thread->request, REQUEST_CALL, 9);
    BREAK(thread->frame.number, 1, 9);
    BREAK(thread->priority, PRIORITY_LIMIT, 9);
    BREAK(thread->space, nullptr, 9);
    BREAK(thread->space, other, 9);
    BREAK(space->count_threads, 1, 9);
    BREAK(space->threads, nullptr, 9);
    BREAK(space->threads->next, space->threads, 9);
    BREAK(space->callers.next, &thread->caller, 9);
    BREAK(space->callers.previous, &thread->caller, 9);
    BREAK(thread->client_of, endpoint, 9);
    BREAK(endpoint->clients, &thread->of_client, 9);
    BREAK(processor.current, thread, 9);
    BREAK(processor.current, (struct thread *)space, 9);
    BREAK(endpoint->queue.first, thread, 9);
}

Test(check, queues_9_receivers)
{
    endpoint_push(endpoint, thread, true);
    thread->state = THREAD_RECEIVING;
    endpoint_push(endpoint, second, true);
    second->state = THREAD_RECEIVING;
    expect_none();
    BREAK(endpoint->queue_is_receivers, false, 9);
    BREAK(endpoint->queue.first, second, 9);
    BREAK(endpoint->queue.last, thread, 9);
    BREAK(thread->queue_next, nullptr, 9);
    BREAK(second->queue_next, thread, 9);
    BREAK(second->queue_previous, nullptr, 9);
    BREAK(second->endpoint, endpoint + 1, 9);
    BREAK(second->state, THREAD_STOPPED, 9);
}

/* Two at once: the lowest number is told, both have a line. */
Test(check, two_at_once)
{
    frame_find(user)->count++;
    space->count_mapped++;
    expect(2);
    cr_assert_not_null(strstr(host_log_text(), "check: invariant=6 "));
}
