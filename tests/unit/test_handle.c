/* Handle rows: a direct-mapped cache. Two handles of one row push each other out, forged numbers find nothing, and rows end with their endpoint. */
#include <criterion/criterion.h>

#include "kernel_world.h"

constexpr uint32_t HANDLE = 9;

static struct space *space, *other;
static struct endpoint *first, *second;

static void begin(void)
{
    world_begin();
    space = world_space(1);
    other = world_space(2);
    must(endpoint_create(&first));
    must(endpoint_create(&second));
}

TestSuite(handle, .init = begin);

static void leave(void)
{
    world_end_space(space);
    world_end_space(other);
    while (endpoint_destroy(first) == STATUS_AGAIN) {
    }
    while (endpoint_destroy(second) == STATUS_AGAIN) {
    }
    world_end();
}

static unsigned rows_of(const struct endpoint *endpoint)
{
    unsigned count = 0;
    for (const struct link *link = endpoint->rows; link != nullptr; link = link->next) count++;
    return count;
}

Test(handle, filled_and_found)
{
    cr_assert_null(handle_find(space, HANDLE));
    world_handle(space, HANDLE, first, RIGHT_CALL | RIGHT_NOTIFY, 77);
    const struct handle_row *row = handle_find(space, HANDLE);
    cr_assert_not_null(row);
    cr_assert_eq(row->endpoint, first);
    cr_assert_eq(row->badge, 77);
    cr_assert_eq(row->rights, RIGHT_CALL | RIGHT_NOTIFY);
    cr_assert_null(handle_find(other, HANDLE), "a handle is of one space");
    world_check();
    leave();
}

Test(handle, forged_numbers)
{
    for (uint32_t i = 1; i < 2 * HANDLE_ROWS; i += 3) world_handle(space, i, first, RIGHT_CALL, i);
    world_handle(space, HANDLE, first, RIGHT_CALL, 1);
    cr_assert_null(handle_find(space, HANDLE_NONE));
    cr_assert_null(handle_find(other, HANDLE_NONE), "also where the row of 0 is empty");
    cr_assert_null(handle_find(space, HANDLE + HANDLE_ROWS), "same row, another number");
    cr_assert_null(handle_find(space, ((uint64_t)1 << 32) | HANDLE), "a handle has 32 bits");
    cr_assert_null(handle_find(space, UINT64_MAX));
    cr_assert_not_null(handle_find(space, HANDLE));
    leave();
}

Test(handle, two_of_one_row)
{
    constexpr uint32_t twin = HANDLE + 5 * HANDLE_ROWS;
    world_handle(space, HANDLE, first, RIGHT_CALL, 1);
    world_handle(space, twin, second, RIGHT_RECEIVE, 2);
    cr_assert_null(handle_find(space, HANDLE));
    cr_assert_eq(handle_find(space, twin)->endpoint, second);
    cr_assert_eq(rows_of(first), 0);
    cr_assert_eq(rows_of(second), 1);
    world_check();
    world_handle(space, HANDLE, first, RIGHT_CALL, 1);
    cr_assert_null(handle_find(space, twin));
    cr_assert_eq(handle_find(space, HANDLE)->badge, 1);
    world_check();
    leave();
}

Test(handle, filled_again_with_less)
{
    world_handle(space, HANDLE, first, RIGHTS_ALL, 1);
    world_handle(space, HANDLE, first, RIGHT_CALL, 2);
    cr_assert_eq(handle_find(space, HANDLE)->rights, RIGHT_CALL);
    cr_assert_eq(handle_find(space, HANDLE)->badge, 2);
    cr_assert_eq(rows_of(first), 1);
    world_check();
    leave();
}

Test(handle, largest_numbers)
{
    world_handle(space, UINT32_MAX, first, RIGHT_CALL, 1);
    world_handle(space, HANDLE_ROWS, second, RIGHT_CALL, 2); /* the row of number 0 */
    cr_assert_eq(handle_find(space, UINT32_MAX)->badge, 1);
    cr_assert_eq(handle_find(space, HANDLE_ROWS)->badge, 2);
    cr_assert_null(handle_find(space, HANDLE_NONE));
    world_check();
    leave();
}

Test(handle, emptied_in_any_order)
{
    constexpr unsigned count = 40;
    for (uint32_t i = 0; i < count; i++) {
        world_handle(space, HANDLE_ROWS + i, first, RIGHT_CALL, i);
        world_handle(other, HANDLE_ROWS + i, first, RIGHT_CALL, i);
    }
    cr_assert_eq(rows_of(first), 2 * count);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t at = i * 7 % count;
        handle_empty(handle_row_of(i % 2 ? space : other, HANDLE_ROWS + at));
        world_check();
        handle_empty(handle_row_of(i % 2 ? other : space, HANDLE_ROWS + at));
        world_check();
        cr_assert_eq(rows_of(first), 2 * (count - 1 - i));
    }
    leave();
}

Test(handle, emptying_an_empty_row)
{
    handle_empty(handle_row_of(space, HANDLE));
    world_check();
    world_handle(space, HANDLE, first, RIGHT_CALL, 1);
    handle_empty(handle_row_of(space, HANDLE));
    handle_empty(handle_row_of(space, HANDLE));
    world_check();
    const struct handle_row *row = handle_row_of(space, HANDLE);
    cr_assert(row->handle == HANDLE_NONE && row->rights == 0 && row->badge == 0 && row->endpoint == nullptr);
    leave();
}

Test(handle, end_with_their_endpoint_only)
{
    world_handle(space, HANDLE, first, RIGHT_CALL, 1);
    world_handle(other, HANDLE, first, RIGHT_CALL, 1);
    world_handle(space, HANDLE + 1, second, RIGHT_CALL, 1);
    cr_assert_eq(endpoint_destroy(first), STATUS_OK);
    cr_assert_null(handle_find(space, HANDLE));
    cr_assert_null(handle_find(other, HANDLE));
    cr_assert_not_null(handle_find(space, HANDLE + 1));
    world_check();
    must(endpoint_create(&first)); /* the same slot again: no old row names it */
    cr_assert_eq(rows_of(first), 0);
    cr_assert_null(handle_find(space, HANDLE));
    leave();
}

/* --- By the calls of a pager --- */

/* The pager runs; the idler comes back when it receives. */
static void pager_runs(void)
{
    message_notify(world.endpoint, 1);
    kernel_switch(nullptr);
    cr_assert_eq(processor.current, world.pager);
}

static void pager_waits(void)
{
    (void)play(world.pager, receive, HANDLE_PAGER, RECEIVE_WAIT);
    cr_assert_eq(processor.current, world.idler);
}

Test(handle, map_decodes_everything)
{
    pager_runs();
    uint64_t at = space->frame.number, name = endpoint_name(first);
    cr_assert_eq(play(world.pager, handle_map, world.pager->frame.number, HANDLE, name, RIGHT_CALL), STATUS_BAD_OBJECT);
    cr_assert_eq(play(world.pager, handle_map, at, HANDLE, name + 20, RIGHT_CALL), STATUS_BAD_OBJECT);
    cr_assert_eq(play(world.pager, handle_map, at, HANDLE_NONE, name, RIGHT_CALL), STATUS_BAD_HANDLE);
    cr_assert_eq(play(world.pager, handle_map, at, (uint64_t)UINT32_MAX + 1 + HANDLE, name, RIGHT_CALL), STATUS_BAD_HANDLE);
    cr_assert_eq(play(world.pager, handle_map, at, HANDLE, name, 0), STATUS_BAD_ARGUMENT);
    cr_assert_eq(play(world.pager, handle_map, at, HANDLE, name, RIGHTS_ALL + 1), STATUS_BAD_ARGUMENT);
    cr_assert_eq(play(world.pager, handle_map, at, HANDLE, name, (uint64_t)1 << 40 | RIGHT_CALL), STATUS_BAD_ARGUMENT);
    cr_assert_eq(rows_of(first), 0);
    cr_assert_eq(play(world.pager, handle_map, at, HANDLE, name, RIGHTS_ALL, 5), STATUS_OK);
    cr_assert_eq(handle_find(space, HANDLE)->badge, 5);
    pager_waits();
    leave();
}

Test(handle, unmap_decodes_everything)
{
    pager_runs();
    uint64_t at = space->frame.number;
    world_handle(space, HANDLE, first, RIGHT_CALL, 1);
    cr_assert_eq(play(world.pager, handle_unmap, 0, HANDLE), STATUS_BAD_OBJECT);
    cr_assert_eq(play(world.pager, handle_unmap, at, HANDLE + HANDLE_ROWS), STATUS_BAD_HANDLE);
    cr_assert_eq(play(world.pager, handle_unmap, at, HANDLE_NONE), STATUS_BAD_HANDLE);
    cr_assert_eq(play(world.pager, handle_unmap, at, (uint64_t)1 << 32 | HANDLE), STATUS_BAD_HANDLE);
    cr_assert_eq(rows_of(first), 1);
    cr_assert_eq(play(world.pager, handle_unmap, at, HANDLE), STATUS_OK);
    cr_assert_eq(play(world.pager, handle_unmap, at, HANDLE), STATUS_BAD_HANDLE);
    cr_assert_eq(rows_of(first), 0);
    pager_waits();
    leave();
}

Test(handle, random_rows)
{
    world_seed = 64;
    cr_log_info("seed %lu", (unsigned long)world_seed);
    struct endpoint *endpoints[] = { first, second };
    struct space *spaces[] = { space, other };
    struct {
        uint32_t handle;
        unsigned endpoint;
        uint64_t badge;
    } model[2][HANDLE_ROWS] = {};
    for (unsigned step = 0; step < 5000; step++) {
        unsigned s = (unsigned)world_random(2), e = (unsigned)world_random(2);
        uint32_t handle = 1 + (uint32_t)world_random(3 * HANDLE_ROWS), row = handle % HANDLE_ROWS;
        if (world_random(4) != 0) {
            world_handle(spaces[s], handle, endpoints[e], RIGHT_CALL, step);
            model[s][row].handle = handle;
            model[s][row].endpoint = e;
            model[s][row].badge = step;
        } else {
            handle_empty(handle_row_of(spaces[s], handle));
            model[s][row].handle = 0;
        }
        world_check();
        s = (unsigned)world_random(2);
        handle = (uint32_t)world_random(4 * HANDLE_ROWS);
        row = handle % HANDLE_ROWS;
        const struct handle_row *found = handle_find(spaces[s], handle);
        cr_assert_eq(found != nullptr, handle != 0 && model[s][row].handle == handle);
        if (found != nullptr) cr_assert(found->endpoint == endpoints[model[s][row].endpoint] && found->badge == model[s][row].badge);
    }
    leave();
}
