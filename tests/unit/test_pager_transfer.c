/* Memory that goes from one process to another: what arrives, who pays, what is refused, and who may end when. */
#include "pager_fixture.h"

#include "counter.h"
#include "range.h"
#include "transfer.h"

constexpr uint64_t P = PAGE_BYTES;
constexpr uint64_t TABLE = LAYOUT_TABLE_BYTES;

/* init has a handle that leads to wx, which is of another family; and wx one that leads to init. */
static uint32_t to_wx, to_init;

static uint32_t meet(uint32_t from, uint32_t to, const char *name)
{
    uint64_t endpoint = fixture_ok(sim_request(to, PROTOCOL_endpoint_create, 0, 0, 0));
    fixture_ok(sim_request_text(to, PROTOCOL_name_publish, endpoint, name, strlen(name)));
    return (uint32_t)fixture_ok(sim_request_text(from, PROTOCOL_name_find, 0, name, strlen(name)));
}

static void begin_with(const struct sim_options *options)
{
    fixture_start_with(options);
    to_wx = meet(INIT, WX, "wx");
    to_init = meet(WX, INIT, "init");
}

static void begin(void) { begin_with(&(struct sim_options){ 0 }); }

static uint64_t charged(uint32_t number) { return sim_process(number)->family->pages.charged; }
static const struct segment *at(uint32_t number, uint64_t address) { return segment_find(&sim_process(number)->segments, address); }

static char mark(uint64_t page) { return (char)(page * 5 + page / 256 + 1); }

/* Memory of which every page has its mark. */
static uint64_t written(uint32_t number, uint64_t pages)
{
    uint64_t first = fixture_ok(sim_request(number, PROTOCOL_map, pages * P, PROTECTION_WRITE, 0));
    for (uint64_t i = 0; i < pages; i++) *(char *)sim_touch(number, first + i * P, FAULT_WRITE) = mark(i);
    return first;
}

static void expect_marks(uint32_t number, uint64_t first, uint64_t pages)
{
    for (uint64_t i = 0; i < pages; i++) {
        const char *byte = sim_touch(number, first + i * P, FAULT_READ);
        cr_assert_not_null(byte);
        cr_assert_eq(*byte, mark(i), "page %lu", i);
    }
}

static uint64_t moved(uint32_t from, uint64_t first, uint64_t pages, uint32_t handle)
{
    return fixture_ok(sim_request(from, PROTOCOL_segment_move, first, pages * P, handle));
}

Test(pager_transfer, a_part_arrives_with_its_frames)
{
    begin();
    uint64_t first = written(INIT, 8);
    uint64_t frame, same;
    uint32_t attributes;
    cr_assert(sim_page(INIT, first + 2 * P, &frame, &attributes));
    uint64_t there = moved(INIT, first + 2 * P, 3, to_wx);
    cr_assert(sim_page(WX, there, &same, &attributes));
    cr_assert_eq(same, frame);
    cr_assert_eq(attributes, ATTRIBUTE_READ | ATTRIBUTE_WRITE);
    for (uint64_t i = 0; i < 3; i++) cr_assert_eq(*(char *)sim_touch(WX, there + i * P, FAULT_WRITE), mark(i + 2));
    expect_marks(INIT, first, 2);
    cr_assert_not(sim_page(INIT, first + 2 * P, &frame, &attributes));
    cr_assert_null(at(INIT, first + 2 * P));
    fixture_check();
    cr_assert_null(sim_touch(INIT, first + 2 * P, FAULT_READ)); /* it is another's now */
    fixture_check();
}

/* By whole tables, to a place that is aligned alike, also where the same place is taken. */
Test(pager_transfer, whole_tables_go_in_one_entry_each)
{
    for (unsigned is_taken = 0; is_taken < 2; is_taken++) {
        begin();
        uint64_t first = fixture_ok(sim_request(INIT, PROTOCOL_map, 6 * TABLE, PROTECTION_WRITE, 0));
        for (uint64_t at = 0; at < 6 * TABLE; at += P) *(char *)sim_touch(INIT, first + at, FAULT_WRITE) = mark(at / P);
        if (is_taken) cr_assert_eq(fixture_ok(sim_request(WX, PROTOCOL_map, 6 * TABLE, PROTECTION_WRITE, 0)), first);
        uint64_t free = sim_free_frames();
        uint64_t calls = sim_count_call(CALL_space_move);
        uint64_t before = counters[COUNTER_ENTRIES_WRITTEN];
        uint64_t there = moved(INIT, first + TABLE + P, 4 * 512, to_wx);
        uint64_t entries = counters[COUNTER_ENTRIES_WRITTEN] - before;
        cr_assert_eq((there - first) % TABLE, P);
        cr_assert_eq(there == first + TABLE + P, is_taken == 0);
        cr_assert_leq(entries, 2 * (512 + 3) + 20, "%lu", entries); /* the edges together are one table's pages, three tables go whole */
        cr_assert_leq(sim_count_call(CALL_space_move) - calls, 3);
        cr_assert_leq(free - sim_free_frames(), 16, "%lu", free - sim_free_frames());
        for (uint64_t i = 0; i < 4 * 512; i++) cr_assert_eq(*(char *)sim_touch(WX, there + i * P, FAULT_READ), mark(512 + 1 + i));
        fixture_check();
        before = counters[COUNTER_ENTRIES_WRITTEN];
        there = moved(INIT, first, 512, to_wx);
        cr_assert_leq(counters[COUNTER_ENTRIES_WRITTEN] - before, 12); /* the table's two entries, and tables above it */
        expect_marks(WX, there, 512);
        fixture_check();
    }
}

Test(pager_transfer, who_paid_goes_on_paying_and_is_credited)
{
    begin();
    uint64_t init = charged(INIT);
    uint64_t first = written(INIT, 16);
    moved(INIT, first, 1, to_wx);
    moved(INIT, first + P, 2, to_wx); /* the receiver's own room, rows and map are there */
    uint64_t wx = charged(WX);
    uint64_t with_memory = charged(INIT);
    uint64_t there = moved(INIT, first + 3 * P, 8, to_wx);
    cr_assert_eq(charged(WX), wx);
    cr_assert_leq(charged(INIT), with_memory + 2 * SEGMENT_LEVELS); /* tables in two places */
    fixture_check();
    cr_assert_eq(at(WX, there)->payer, sim_process(INIT)->family - sim_process(WX)->family);
    uint64_t before = charged(INIT);
    fixture_ok(sim_request(WX, PROTOCOL_unmap, there + 2 * P, 2 * P, 0)); /* a hole: three rows of the same payer */
    cr_assert_leq(charged(INIT), before - 2 + SEGMENT_CUT_CHARGE);
    fixture_check();
    fixture_ok(sim_request(WX, PROTOCOL_unmap, there, 2 * P, 0));
    fixture_ok(sim_request(WX, PROTOCOL_unmap, there + 4 * P, 4 * P, 0));
    cr_assert_leq(charged(INIT), before - 8);
    cr_assert_leq(charged(WX), wx + 4); /* books and maps of its own area that the cuts needed */
    cr_assert_geq(charged(INIT), init);
    fixture_check();
}

Test(pager_transfer, what_is_not_there_yet_comes_at_the_expense_of_who_pays)
{
    begin();
    uint64_t first = fixture_ok(sim_request(INIT, PROTOCOL_map, 4 * P, PROTECTION_WRITE, 0));
    uint64_t there = moved(INIT, first, 4, to_wx);
    uint64_t init = charged(INIT), wx = charged(WX);
    *(char *)sim_touch(WX, there + P, FAULT_WRITE) = 1;
    cr_assert_eq(charged(WX), wx);
    cr_assert_gt(charged(INIT), init);
    fixture_check();
    /* And it may go on, or come back: then it is as if it had never been away. */
    there = moved(WX, there, 4, to_init);
    cr_assert_eq(at(INIT, there)->payer, 0);
    cr_assert_eq(*(char *)sim_touch(INIT, there + P, FAULT_READ), 1);
    fixture_check();
}

/* Takes all that a family may have. */
static void use_up(uint32_t number)
{
    for (uint64_t bytes = 1 << 20; bytes >= P; bytes /= 2)
        while (sim_request(number, PROTOCOL_brk, bytes, 0, 0).label == STATUS_OK) {}
}

Test(pager_transfer, the_receiver_takes_over_what_the_giver_cannot_pay)
{
    begin_with(&(struct sim_options){ .arguments = "guarantee=200 limit=300" });
    uint64_t first = fixture_ok(sim_request(INIT, PROTOCOL_map, 4 * P, PROTECTION_WRITE, 0));
    *(char *)sim_touch(INIT, first, FAULT_WRITE) = 7;
    uint64_t there = moved(INIT, first, 4, to_wx);
    use_up(INIT);
    uint64_t init = charged(INIT), wx = charged(WX), cost = segment_charge(at(WX, there));
    char *byte = sim_touch(WX, there + P, FAULT_WRITE);
    cr_assert_not_null(byte);
    cr_assert_eq(at(WX, there)->payer, 0);
    cr_assert_eq(charged(INIT), init - cost);
    cr_assert_eq(charged(WX), wx + segment_charge(at(WX, there)));
    cr_assert_eq(*(char *)sim_touch(WX, there, FAULT_READ), 7);
    fixture_check();
}

Test(pager_transfer, the_end_of_the_giver)
{
    begin();
    uint64_t first = written(WX, 8);
    uint64_t there = moved(WX, first, 8, to_init);
    struct family *family = sim_process(WX)->family;
    sim_request(WX, PROTOCOL_exit, 0, 0, 0);
    cr_assert_eq(family->processes.charged, 0);
    cr_assert_eq(family->pages.charged, segment_charge(at(INIT, there)));
    cr_assert_eq(family->pages.guarantee, 0);
    fixture_check();
    expect_marks(INIT, there, 8);
    fixture_ok(sim_request(INIT, PROTOCOL_unmap, there, 3 * P, 0));
    fixture_check();
    fixture_ok(sim_request(INIT, PROTOCOL_unmap, there + 3 * P, 5 * P, 0));
    cr_assert_eq(family->pages.charged, 0);
    fixture_check();
}

Test(pager_transfer, the_end_of_the_receiver)
{
    begin();
    uint64_t init = charged(INIT);
    uint64_t first = written(INIT, 8);
    moved(INIT, first, 8, to_wx);
    sim_request(WX, PROTOCOL_exit, 0, 0, 0);
    cr_assert_leq(charged(INIT), init + 8); /* what its area has grown by */
    fixture_check();
}

Test(pager_transfer, what_cannot_be_given)
{
    begin();
    uint64_t first = written(INIT, 4);
    fixture_ok(sim_request(INIT, PROTOCOL_protect, first + 2 * P, 2 * P, PROTECTION_READ));
    EXPECT(BAD_LENGTH, sim_request(INIT, PROTOCOL_segment_move, first, 4 * P, to_wx)); /* two segments */
    EXPECT(NOT_MAPPED, sim_request(INIT, PROTOCOL_segment_move, first + 3 * P, 2 * P, to_wx));
    EXPECT(BAD_ALIGNMENT, sim_request(INIT, PROTOCOL_segment_move, first + 1, P, to_wx));
    EXPECT(BAD_LENGTH, sim_request(INIT, PROTOCOL_segment_move, first, 0, to_wx));
    EXPECT(BAD_ADDRESS, sim_request(INIT, PROTOCOL_segment_move, 0, P, to_wx));
    EXPECT(BAD_ADDRESS, sim_request(INIT, PROTOCOL_segment_move, first, -P, to_wx));
    EXPECT(IMMUTABLE, sim_request(INIT, PROTOCOL_segment_move, LAYOUT_STACK_TOP - P, P, to_wx));
    EXPECT(IMMUTABLE, sim_request(INIT, PROTOCOL_segment_move, SIM_IMAGE_FIRST, P, to_wx));
    EXPECT(BAD_HANDLE, sim_request(INIT, PROTOCOL_segment_move, first, P, 0));
    EXPECT(BAD_HANDLE, sim_request(INIT, PROTOCOL_segment_move, first, P, 200));
    uint64_t own = fixture_ok(sim_request(INIT, PROTOCOL_endpoint_create, 0, 0, 0));
    EXPECT(BAD_ARGUMENT, sim_request(INIT, PROTOCOL_segment_move, first, P, own)); /* it leads to the giver */
    struct sim_reply group = sim_request(INIT, PROTOCOL_group_create, 0, 0, 0);
    EXPECT(BAD_OBJECT, sim_request(INIT, PROTOCOL_segment_move, first, P, group.word[1]));
    uint64_t narrow = fixture_ok(sim_request(INIT, PROTOCOL_handle_duplicate, to_wx, RIGHT_NOTIFY, 0));
    EXPECT(NO_RIGHT, sim_request(INIT, PROTOCOL_segment_move, first, P, narrow));
    fixture_ok(sim_request(INIT, PROTOCOL_seal, first, P, 0));
    EXPECT(IMMUTABLE, sim_request(INIT, PROTOCOL_segment_move, first, P, to_wx));
    uint64_t long_one = fixture_ok(sim_request(INIT, PROTOCOL_map, TRANSFER_BYTES_MOST + P, PROTECTION_WRITE, 0));
    EXPECT(LIMIT, sim_request(INIT, PROTOCOL_segment_move, long_one, TRANSFER_BYTES_MOST + P, to_wx));
    expect_marks(INIT, first, 4);
    fixture_check();
    uint32_t number;
    uint32_t child = fixture_child(&number);
    sim_end(number);
    EXPECT(STALE, sim_request(INIT, PROTOCOL_segment_move, first + P, P, child));
    fixture_check();
}

/* Rows and room that others may take in one process are bounded; what it maps itself is not. */
Test(pager_transfer, nobody_is_filled_up)
{
    begin();
    uint64_t room = 0;
    for (;; room += TRANSFER_BYTES_MOST) {
        uint64_t first = fixture_ok(sim_request(INIT, PROTOCOL_map, TRANSFER_BYTES_MOST, PROTECTION_WRITE, 0));
        struct sim_reply reply = sim_request(INIT, PROTOCOL_segment_move, first, TRANSFER_BYTES_MOST, to_wx);
        if (reply.label == STATUS_LIMIT) break;
        cr_assert_eq(reply.label, STATUS_OK);
    }
    cr_assert_eq(room, SEGMENT_GIVEN_BYTES_MOST);
    fixture_ok(sim_request(WX, PROTOCOL_map, LAYOUT_MMAP_MOST / 4, PROTECTION_WRITE, 0));
    fixture_check();
    begin();
    uint32_t count = 0;
    for (;; count++) {
        uint64_t first = fixture_ok(sim_request(INIT, PROTOCOL_map, P, count % 2 ? PROTECTION_WRITE : PROTECTION_READ, 0));
        if (sim_request(INIT, PROTOCOL_segment_move, first, P, to_wx).label != STATUS_OK) break;
    }
    cr_assert_geq(count, SEGMENT_GIVEN_MOST);
    cr_assert_eq(sim_process(WX)->segments.count_given, SEGMENT_GIVEN_MOST);
    fixture_ok(sim_request(WX, PROTOCOL_map, P, PROTECTION_WRITE, 0));
    fixture_check();
}

/* With every allocation failing in turn: the status, all pages where they were, and then it works. */
Test(pager_transfer, failing_allocations_change_nothing)
{
    for (unsigned large = 0; large < 2; large++) {
        begin();
        uint64_t pages = large ? 3 * 512 + 7 : 5;
        uint64_t first = written(INIT, pages + 2) + P;
        uint64_t failures = 0;
        for (;; failures++) {
            sim_fail_allocation(failures + 1);
            struct sim_reply reply = sim_request(INIT, PROTOCOL_segment_move, first, pages * P, to_wx);
            uint64_t done = sim_count_allocations();
            sim_fail_allocation(0);
            fixture_check();
            if (reply.label == STATUS_OK) {
                cr_assert_leq(done, failures); /* pages of the receiver's area stay where an earlier try took them */
                for (uint64_t i = 0; i < pages; i++) cr_assert_eq(*(char *)sim_touch(WX, reply.word[0] + i * P, FAULT_READ), mark(i + 1));
                break;
            }
            cr_assert_eq(reply.label, STATUS_NO_MEMORY);
            expect_marks(INIT, first - P, pages + 2);
        }
        cr_assert_geq(failures, large ? 3 : 1);
        fixture_check();
    }
}

Test(pager_transfer, memory_that_is_going_stays)
{
    begin();
    uint64_t first = written(INIT, 3 * STEP_PAGES);
    sim_enter_pager();
    struct pager_action action;
    struct pager_message message = {
        .badge = process_badge(sim_process(INIT)), .tag = PROTOCOL_unmap, .word = { first, 3 * STEP_PAGES * P },
        .token = sim_process(INIT)->first.thread.number | TOKEN_NEXT,
    };
    pager_handle(&sim_pager, &message, &action);
    cr_assert(at(INIT, first)->is_going);
    uint64_t limit;
    cr_assert_eq(range_check(sim_process(INIT), first, P, &limit), STATUS_NOT_MAPPED); /* what segment_move asks first */
    sim_leave_pager();
}

/* --- Random deeds: giving back and forth, cutting, touching, ending, with failures --- */

static uint64_t state;

static uint64_t draw(uint64_t limit)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (state >> 11) % limit;
}

static uint32_t draw_process(void)
{
    for (;;) {
        const struct process *process = sim_pager.process[draw(16)];
        if (process != nullptr && process->state == PROCESS_RUNNING) return process->number;
    }
}

/* A handle of a process that leads to another one, most times. */
static uint32_t draw_handle(uint32_t number)
{
    const struct holding_table *table = &sim_process(number)->holdings;
    if (table->used <= HOLDING_FIRST) return 0;
    uint32_t slot = HOLDING_FIRST + (uint32_t)draw(table->used - HOLDING_FIRST);
    return slot | table->rows[slot].generation << HOLDING_SLOT_BITS;
}

static void do_something(uint32_t number)
{
    const struct process *process = sim_process(number);
    const struct segment *segment = sim_segment(process, (uint32_t)draw(process->segments.count));
    uint64_t pages = layout_pages(segment->first, segment->limit);
    uint64_t page = segment->first + draw(pages) * P;
    switch (draw(12)) {
    case 0: sim_request(number, PROTOCOL_map, (1 + draw(draw(4) == 0 ? 1500 : 20)) * P, PROTECTION_WRITE, 0); break;
    case 1: sim_request(number, PROTOCOL_unmap, page, (1 + draw(20)) * P, 0); break;
    case 2: sim_request(number, PROTOCOL_protect, page, (1 + draw(20)) * P, draw(2)); break;
    case 3: sim_request(number, PROTOCOL_discard, page, (1 + draw(20)) * P, 0); break;
    case 4: if (sim_pager.count_running < 10) sim_request_text(number, PROTOCOL_process_start, 0, "child", sizeof("child")); break;
    case 5: if (number > WX && draw(6) == 0) sim_end(number); break;
    case 6: sim_request(number, PROTOCOL_segment_move, page, (1 + draw(20)) * P, draw_handle(number)); break;
    case 7: case 8: sim_request(number, PROTOCOL_segment_move, segment->first, pages * P, draw_handle(number)); break;
    case 9: sim_request(number, PROTOCOL_map_over, page, (1 + draw(8)) * P, PROTECTION_WRITE); break;
    default:
        for (uint64_t i = 0; i < 20 && sim_process(number) != nullptr && page + i * P < segment->limit; i++)
            if (number > WX || segment->kind == SEGMENT_MMAP)
                if (sim_touch(number, page + i * P, segment->protection & PROTECTION_WRITE ? FAULT_WRITE : FAULT_READ) == nullptr) return;
    }
}

static void runs(uint64_t seed)
{
    cr_log_info("seed %lu", seed);
    state = seed;
    begin_with(&(struct sim_options){ .memory_bytes = 24 << 20 });
    uint64_t moves = 0;
    for (unsigned step = 0; step < 4000; step++) {
        if (sim_process(INIT) == nullptr || sim_process(WX) == nullptr) break; /* out of memory */
        sim_fail_allocation(draw(10) == 0 ? 1 + draw(20) : 0);
        uint64_t before = sim_count_call(CALL_space_move);
        do_something(draw_process());
        moves += sim_count_call(CALL_space_move) > before;
        sim_fail_allocation(0);
        if (step % 10 == 0) fixture_check();
    }
    cr_assert_gt(moves, 20, "%lu", moves);
    fixture_check();
}

Test(pager_transfer, random_deeds_1) { runs(11); }
Test(pager_transfer, random_deeds_2) { runs(22); }
Test(pager_transfer, random_deeds_3) { runs(33); }
