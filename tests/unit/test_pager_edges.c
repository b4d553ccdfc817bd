/* Where brk and autogen meet. That is terabytes from where a program's brk begins, so brk is put elsewhere first. */
#include "pager_fixture.h"

#include "journal.h"
#include "ledger.h"

static void moves(enum protocol label, uint64_t delta) { fixture_ok(sim_request(INIT, label, delta, 0, 0)); }

/* Brk begins so many pages below the top of autogen. */
static void begin_close(uint64_t pages)
{
    fixture_start();
    struct process *init = sim_process(INIT);
    sim_enter_pager();
    journal_save(&init->break_first, 2 * sizeof(init->break_first));
    init->break_first = init->break_address = LAYOUT_AUTOGEN_TOP - pages * PAGE_BYTES;
    ledger_commit(&sim_pager);
    sim_leave_pager();
    fixture_check();
}

/* The last page of brk and the first of autogen are neighbours, and two pages. */
static void expect_neighbours(uint64_t border)
{
    cr_assert_eq(segment_find_kind(&sim_process(INIT)->segments, SEGMENT_BRK)->limit, border);
    cr_assert_eq(segment_find_kind(&sim_process(INIT)->segments, SEGMENT_AUTOGEN)->first, border);
    *(uint64_t *)sim_touch(INIT, border - 8, FAULT_WRITE) = 1;
    *(uint64_t *)sim_touch(INIT, border, FAULT_WRITE) = 2;
    cr_assert_eq(*(uint64_t *)sim_touch(INIT, border - 8, FAULT_READ), 1);
    fixture_check();
}

/* Autogen stands some bytes into a page, or at its beginning: brk fills the last page before that one, and gets no byte more. */
Test(pager_edges, brk_meets_autogen)
{
    static const uint64_t offsets[] = { 0, 1, PAGE_BYTES - 1 };
    constexpr uint64_t border = LAYOUT_AUTOGEN_TOP - 4 * PAGE_BYTES;
    for (size_t i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
        begin_close(8);
        moves(PROTOCOL_autogen_move, 4 * PAGE_BYTES - offsets[i]);
        EXPECT(LIMIT, sim_request(INIT, PROTOCOL_brk, 4 * PAGE_BYTES + 1, 0, 0));
        moves(PROTOCOL_brk, 3 * PAGE_BYTES + 1); /* into the last page */
        moves(PROTOCOL_brk, PAGE_BYTES - 1);
        cr_assert_eq(sim_process(INIT)->break_address, border);
        expect_neighbours(border);
        EXPECT(LIMIT, sim_request(INIT, PROTOCOL_brk, 1, 0, 0));
        EXPECT(LIMIT, sim_request(INIT, PROTOCOL_autogen_move, offsets[i] + 1, 0, 0));
        moves(PROTOCOL_autogen_move, offsets[i]); /* what is left of its own page */
        expect_neighbours(border);
        moves(PROTOCOL_brk, (uint64_t)-1); /* the page is still brk's */
        EXPECT(LIMIT, sim_request(INIT, PROTOCOL_autogen_move, 1, 0, 0));
        moves(PROTOCOL_brk, 1 - PAGE_BYTES);
        moves(PROTOCOL_autogen_move, 1);
        expect_neighbours(border - PAGE_BYTES);
        EXPECT(LIMIT, sim_request(INIT, PROTOCOL_brk, 1, 0, 0));
    }
}

/* The same from above, where brk stands some bytes below the end of a page; and down to where brk begins. */
Test(pager_edges, autogen_meets_brk)
{
    static const uint64_t offsets[] = { 0, 1, PAGE_BYTES - 1 };
    constexpr uint64_t border = LAYOUT_AUTOGEN_TOP - 4 * PAGE_BYTES;
    for (size_t i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
        begin_close(8);
        moves(PROTOCOL_brk, 4 * PAGE_BYTES - offsets[i]);
        EXPECT(LIMIT, sim_request(INIT, PROTOCOL_autogen_move, 4 * PAGE_BYTES + 1, 0, 0));
        moves(PROTOCOL_autogen_move, 3 * PAGE_BYTES + 1);
        moves(PROTOCOL_autogen_move, PAGE_BYTES - 1);
        cr_assert_eq(sim_process(INIT)->autogen_low, border);
        expect_neighbours(border);
        EXPECT(LIMIT, sim_request(INIT, PROTOCOL_autogen_move, 1, 0, 0));
        EXPECT(LIMIT, sim_request(INIT, PROTOCOL_brk, offsets[i] + 1, 0, 0));
        moves(PROTOCOL_brk, offsets[i]);
        expect_neighbours(border);
        moves(PROTOCOL_autogen_move, (uint64_t)-1);
        EXPECT(LIMIT, sim_request(INIT, PROTOCOL_brk, 1, 0, 0));
        moves(PROTOCOL_autogen_move, 1 - PAGE_BYTES);
        moves(PROTOCOL_brk, 1);
        expect_neighbours(border + PAGE_BYTES);
        moves(PROTOCOL_brk, -(4 * PAGE_BYTES + 1));
        moves(PROTOCOL_autogen_move, 5 * PAGE_BYTES);
        EXPECT(LIMIT, sim_request(INIT, PROTOCOL_brk, 1, 0, 0));
        EXPECT(LIMIT, sim_request(INIT, PROTOCOL_autogen_move, 1, 0, 0));
        cr_assert_eq(segment_find_kind(&sim_process(INIT)->segments, SEGMENT_AUTOGEN)->pages, 8);
        fixture_check();
    }
}
