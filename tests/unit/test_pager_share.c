/* Memory that several processes have: shared for good, or as lazy copies; duplicates of processes. Who sees what, who pays, what is refused, who may end
 * when. */
#include "fill_copy.h"
#include "share_play.h"

/* --- Shared for good --- */

Test(pager_share, both_see_what_either_writes)
{
    begin();
    uint64_t first = written(INIT, 8), before = charged(INIT), wx = charged(WX);
    uint64_t there = fixture_ok(share(INIT, first + 2 * P, 4, to_wx, PROTECTION_WRITE));
    fixture_check();
    for (uint64_t i = 0; i < 4; i++) {
        cr_assert_eq(frame_of(INIT, first + (2 + i) * P), frame_of(WX, there + i * P));
        cr_assert_eq(get(WX, there + i * P), i + 3);
        put(WX, there + i * P, (unsigned char)(100 + i));
        cr_assert_eq(get(INIT, first + (2 + i) * P), 100 + i);
        put(INIT, first + (2 + i) * P, (unsigned char)(200 + i));
        cr_assert_eq(get(WX, there + i * P), 200 + i);
    }
    cr_assert_eq(at(WX, there)->payer, sim_process(INIT)->family - sim_process(WX)->family, "who shares pays");
    cr_assert_geq(charged(INIT), before + 4);
    cr_assert_leq(charged(WX), wx + 8, "a row and its room");
    cr_assert_null(at(WX, there + 4 * P));
    fixture_ok(sim_request(WX, PROTOCOL_unmap, there, 4 * P, 0));
    cr_assert_leq(charged(INIT), before + 2 * SEGMENT_CUT_CHARGE + 3, "cuts, and the map of a region with several segments");
    cr_assert_eq(get(INIT, first + 2 * P), 200);
    fixture_check();
}

/* The receiver may do what was asked, and never more. */
Test(pager_share, rights_of_the_receiver)
{
    begin();
    uint64_t first = written(INIT, 4);
    EXPECT(NO_RIGHT, share(INIT, first, 4, to_wx, PROTECTION_EXECUTE));
    uint64_t there = fixture_ok(share(INIT, first, 4, to_wx, PROTECTION_READ));
    cr_assert_eq(attributes_of(WX, there), ATTRIBUTE_READ);
    EXPECT(IMMUTABLE, sim_request(WX, PROTOCOL_protect, there, P, PROTECTION_WRITE));
    EXPECT(IMMUTABLE, sim_request(WX, PROTOCOL_protect, there, P, PROTECTION_EXECUTE));
    fixture_ok(sim_request(INIT, PROTOCOL_protect, first + P, P, PROTECTION_READ));
    EXPECT(NO_RIGHT, share(INIT, first + P, 1, to_wx, PROTECTION_WRITE));
    fixture_ok(sim_request(INIT, PROTOCOL_protect, first + P, P, PROTECTION_WRITE));
    fixture_check();
    uint64_t more = fixture_ok(share(INIT, first, 2, to_wx, PROTECTION_WRITE));
    fixture_ok(sim_request(WX, PROTOCOL_protect, more, P, PROTECTION_READ));
    fixture_ok(sim_request(WX, PROTOCOL_protect, more, P, PROTECTION_WRITE));
    put(WX, more, 77);
    cr_assert(get(INIT, first) == 77 && get(WX, there) == 77);
    fixture_check();
    cr_assert_null(sim_touch(WX, there, FAULT_WRITE));
    cr_assert_null(sim_process(WX));
    cr_assert_eq(get(INIT, first), 77);
    fixture_check();
}

Test(pager_share, refusals)
{
    begin();
    uint64_t first = map(INIT, 8), other = written(INIT, 2);
    uint32_t group = (uint32_t)sim_request(INIT, PROTOCOL_group_create, 0, 0, 0).word[1];
    uint32_t own = (uint32_t)fixture_ok(sim_request(INIT, PROTOCOL_endpoint_create, 0, 0, 0));
    uint64_t before = charged(INIT), wx = charged(WX);
    uint32_t count = sim_process(INIT)->segments.count;
    EXPECT(AGAIN, share(INIT, first, 8, to_wx, PROTECTION_WRITE));
    put(INIT, first, 1);
    EXPECT(AGAIN, share(INIT, first, 2, to_wx, PROTECTION_WRITE));
    EXPECT(BAD_ARGUMENT, share(INIT, first, 1, to_wx, 4));
    EXPECT(WRITE_EXECUTE, share(INIT, first, 1, to_wx, PROTECTION_WRITE | PROTECTION_EXECUTE));
    EXPECT(BAD_ARGUMENT, share(INIT, first, 1, own, 0));
    EXPECT(BAD_OBJECT, share(INIT, first, 1, group, 0));
    EXPECT(BAD_HANDLE, share(INIT, first, 1, 99, 0));
    EXPECT(BAD_LENGTH, share(INIT, first, 0, to_wx, 0));
    EXPECT(BAD_ALIGNMENT, share(INIT, first + 1, 1, to_wx, 0));
    EXPECT(NOT_MAPPED, share(INIT, other + 2 * P, 1, to_wx, 0));
    EXPECT(BAD_ADDRESS, share(INIT, USER_LIMIT, 1, to_wx, 0));
    EXPECT(IMMUTABLE, share(INIT, ENTRY, 1, to_wx, 0));
    fixture_ok(sim_request(INIT, PROTOCOL_protect, first + 7 * P, P, PROTECTION_READ));
    EXPECT(BAD_LENGTH, share(INIT, first + 6 * P, 2, to_wx, 0));
    EXPECT(BAD_STATE, share(INIT, first + 7 * P, 1, to_wx, 0));
    fixture_ok(sim_request(INIT, PROTOCOL_protect, first + 7 * P, P, PROTECTION_WRITE));
    uint64_t long_one = map(INIT, (TRANSFER_SHARED_MOST >> PAGE_SHIFT) + 1);
    EXPECT(LIMIT, share(INIT, long_one, (TRANSFER_SHARED_MOST >> PAGE_SHIFT) + 1, to_wx, 0));
    fixture_ok(sim_request(INIT, PROTOCOL_unmap, long_one, TRANSFER_SHARED_MOST + P, 0));
    cr_assert_leq(charged(INIT), before + 6, "%lu: a page, its tables, and the map of the region", charged(INIT) - before);
    cr_assert_eq(charged(WX), wx);
    cr_assert_eq(sim_process(INIT)->segments.count, count, "%u", sim_process(INIT)->segments.count - count);
    fixture_check();
}

/* A module's pages need no sharing; a part that is discarded, or mapped over, is its process's own from then on. */
Test(pager_share, modules_and_what_is_given_back)
{
    begin();
    uint64_t module = fixture_ok(sim_request_text(INIT, PROTOCOL_module_map, 0, "file", 4));
    uint64_t there = fixture_ok(share(INIT, module, 2, to_wx, 0));
    cr_assert_eq(get(WX, there + P + 3), fixture_file[P + 3]);
    cr_assert_eq(frame_of(WX, there + P), at(INIT, module)->frame + 1);
    uint64_t first = written(INIT, 4);
    uint64_t more = fixture_ok(share(INIT, first, 4, to_wx, PROTECTION_WRITE));
    fixture_ok(sim_request(INIT, PROTOCOL_discard, first, P, 0));
    const uint64_t over[MESSAGE_WORDS] = { more + P, P, PROTECTION_WRITE };
    EXPECT(OK, sim_call(WX, HANDLE_PAGER, tag_make(PROTOCOL_map_over, 0), over, nullptr, 0));
    cr_assert(get(INIT, first) == 0 && get(WX, more) == 1);
    cr_assert(get(INIT, first + P) == 2 && get(WX, more + P) == 0);
    put(WX, more + 2 * P, 50);
    cr_assert_eq(get(INIT, first + 2 * P), 50);
    fixture_check();
}

Test(pager_share, either_may_end_first)
{
    for (unsigned round = 0; round < 2; round++) {
        begin();
        uint32_t number;
        uint32_t child = fixture_child(&number);
        uint64_t first = written(INIT, 6);
        uint64_t there = fixture_ok(share(INIT, first, 6, child, PROTECTION_WRITE));
        uint64_t further = fixture_ok(share(INIT, first, 6, to_wx, PROTECTION_WRITE));
        sim_end(round == 0 ? number : INIT);
        fixture_check();
        put(WX, further + 3 * P, 99);
        if (round == 0) cr_assert_eq(get(INIT, first + 3 * P), 99);
        else if (sim_process(number) != nullptr) cr_assert_eq(get(number, there + 3 * P), 99);
        cr_assert_eq(get(WX, further), 1);
        fixture_ok(sim_request(WX, PROTOCOL_unmap, further, 6 * P, 0));
        fixture_check();
        sim_stop();
    }
}

/* --- Duplicates --- */

/* A thousand pages: nothing is taken for them but tables, then one frame for each that either writes to, and none for the other's. */
Test(pager_share, a_thousand_writes_copy_a_thousand_pages)
{
    constexpr uint64_t count = 1000;
    begin_with(&(struct sim_options){ .memory_bytes = 64 << 20 });
    uint64_t first = map(INIT, count);
    for (uint64_t i = 0; i < count; i++) put(INIT, first + i * P, (unsigned char)i);
    uint32_t twin;
    uint64_t free = sim_free_frames(), before = charged(INIT);
    duplicate(INIT, &twin);
    fixture_check();
    cr_assert_leq(free - sim_free_frames(), 40, "%lu", free - sim_free_frames());
    cr_assert_geq(charged(INIT), before + count, "all of it is charged");
    cr_assert_eq(attributes_of(INIT, first), ATTRIBUTE_READ);
    free = sim_free_frames();
    before = charged(INIT);
    for (uint64_t i = 0; i < count; i++) {
        cr_assert_eq(frame_of(INIT, first + i * P), frame_of(twin, first + i * P));
        put(i % 2 ? INIT : twin, first + i * P, (unsigned char)(i + 1));
    }
    cr_assert_eq(sim_free_frames(), free - count);
    for (uint64_t i = 0; i < count; i++) {
        cr_assert_eq(get(i % 2 ? twin : INIT, first + i * P), (unsigned char)i);
        put(i % 2 ? twin : INIT, first + i * P, (unsigned char)(i + 2));
        cr_assert_eq(get(i % 2 ? INIT : twin, first + i * P), (unsigned char)(i + 1));
    }
    cr_assert_eq(sim_free_frames(), free - count, "the last one keeps its frame");
    cr_assert_eq(charged(INIT), before);
    fixture_check();
    sim_end(twin);
    fixture_check();
}

/* Segments of every kind, one after the other copied, in a duplicate of a duplicate, while others end. */
Test(pager_share, a_duplicate_of_a_duplicate)
{
    begin();
    fixture_ok(sim_request(INIT, PROTOCOL_brk, 5 * P, 0, 0));
    fixture_ok(sim_request(INIT, PROTOCOL_autogen_move, 3 * P, 0, 0));
    const struct process *process = sim_process(INIT);
    uint64_t data = segment_find_kind(&process->segments, SEGMENT_DATA)->first;
    uint64_t places[] = { written(INIT, 3), process->break_first, LAYOUT_AUTOGEN_TOP - P, LAYOUT_STACK_TOP - P, data };
    constexpr unsigned count = sizeof(places) / sizeof(places[0]);
    for (unsigned i = 0; i < count; i++) put(INIT, places[i], (unsigned char)(10 + i));
    uint32_t child, grandchild, handle = duplicate(INIT, &child);
    for (unsigned i = 0; i < count; i++) put(child, places[i], (unsigned char)(20 + i));
    duplicate(child, &grandchild);
    fixture_check();
    for (unsigned i = 0; i < count; i++) {
        cr_assert(get(INIT, places[i]) == 10 + i && get(child, places[i]) == 20 + i && get(grandchild, places[i]) == 20 + i);
        put(grandchild, places[i], (unsigned char)(30 + i));
        cr_assert_eq(get(child, places[i]), 20 + i);
    }
    fixture_ok(sim_request(child, PROTOCOL_brk, 3 * P, 0, 0));
    cr_assert_eq(sim_process(grandchild)->break_address, process->break_address);
    fixture_check();
    cr_assert_eq(sim_request(child, PROTOCOL_exit, 5, 0, 0).outcome, SIM_GONE);
    fixture_ended(handle, PROCESS_EXITED, 5);
    for (unsigned i = 0; i < count; i++) cr_assert(get(INIT, places[i]) == 10 + i && get(grandchild, places[i]) == 30 + i);
    cr_assert_eq(frame_of(INIT, ENTRY), frame_of(grandchild, ENTRY), "code stays the same frames");
    fixture_check();
}

/* What is shared for good is shared with a duplicate too; and memory of a duplicate can be shared when its pages are its own. */
Test(pager_share, sharing_and_duplicates)
{
    begin();
    uint64_t first = written(INIT, 4), private = written(INIT, 4);
    uint64_t there = fixture_ok(share(INIT, first, 4, to_wx, PROTECTION_WRITE));
    uint32_t twin;
    duplicate(INIT, &twin);
    put(twin, first + P, 91);
    cr_assert(get(INIT, first + P) == 91 && get(WX, there + P) == 91);
    EXPECT(AGAIN, share(INIT, private, 4, to_wx, PROTECTION_WRITE));
    fixture_check();
    for (uint64_t i = 0; i < 4; i++) put(INIT, private + i * P, (unsigned char)(60 + i));
    uint64_t further = fixture_ok(share(INIT, private, 4, to_wx, PROTECTION_WRITE));
    put(WX, further, 92);
    cr_assert(get(INIT, private) == 92 && get(twin, private) == 1);
    fixture_check();
    fixture_ok(sim_request(twin, PROTOCOL_protect, private, 4 * P, PROTECTION_READ));
    cr_assert_eq(sim_request(twin, PROTOCOL_exit, 0, 0, 0).outcome, SIM_GONE);
    fixture_check();
}

/* Everything that is done to ranges, on memory that is lazily copied: the other one sees nothing of it. */
Test(pager_share, ranges_of_lazy_copies)
{
    begin();
    uint64_t first = written(INIT, 40);
    uint32_t twin;
    duplicate(INIT, &twin);
    fixture_ok(sim_request(INIT, PROTOCOL_protect, first, 4 * P, PROTECTION_READ)); /* counts pages on both sides of the cut */
    fixture_ok(sim_request(INIT, PROTOCOL_protect, first, 4 * P, PROTECTION_WRITE));
    put(INIT, first + P, 101);
    const uint64_t over[MESSAGE_WORDS] = { first + 4 * P, 4 * P, PROTECTION_WRITE };
    EXPECT(OK, sim_call(INIT, HANDLE_PAGER, tag_make(PROTOCOL_map_over, 0), over, nullptr, 0));
    fixture_ok(sim_request(INIT, PROTOCOL_discard, first + 8 * P, 4 * P, 0));
    fixture_ok(sim_request(INIT, PROTOCOL_unmap, first + 12 * P, 4 * P, 0));
    fixture_ok(sim_request(INIT, PROTOCOL_seal, first + 16 * P, 4 * P, 0));
    put(INIT, first + 17 * P, 102);
    uint64_t moved = fixture_ok(sim_request(INIT, PROTOCOL_segment_move, first + 20 * P, 4 * P, to_wx));
    put(WX, moved, 103);
    fixture_check();
    for (uint64_t i = 0; i < 40; i++) cr_assert_eq(get(twin, first + i * P), i + 1, "page %lu", i);
    cr_assert(get(INIT, first) == 1 && get(INIT, first + 4 * P) == 0 && get(INIT, first + 8 * P) == 0 && get(WX, moved + P) == 22);
    put(twin, first + 21 * P, 104);
    cr_assert_eq(get(WX, moved + P), 22);
    sim_end(INIT);
    for (uint64_t i = 0; i < 40; i++) put(twin, first + i * P, 105);
    fixture_check();
}

/* Who begins and who goes on write to the same page of the stack at once: each has it alone from the start, with the same in it, and no fault. */
Test(pager_share, the_page_of_the_stack_is_copied_at_once)
{
    begin();
    constexpr uint64_t page = LAYOUT_STACK_TOP - 4 * P;
    for (uint64_t i = 0; i < 4; i++) put(INIT, page - 2 * P + i * P, (unsigned char)(7 + i));
    put(INIT, page - 40 * P, 6);
    fixture_ok(sim_request(INIT, PROTOCOL_process_duplicate, ENTRY, page + 64, 0));
    uint32_t twin = sim_pager.next_number;
    fixture_check();
    uint64_t faults = sim_pager.count_faults;
    cr_assert(attributes_of(INIT, page) == RW && attributes_of(twin, page) == RW && frame_of(INIT, page) != frame_of(twin, page));
    put(twin, page, 70);
    put(INIT, page, 71);
    cr_assert_eq(sim_pager.count_faults, faults);
    for (uint64_t i = 0; i < 4; i++)
        if (i != 2) cr_assert(frame_of(INIT, page - 2 * P + i * P) == frame_of(twin, page - 2 * P + i * P) && get(twin, page - 2 * P + i * P) == 7 + i);
    cr_assert(get(twin, page) == 70 && get(INIT, page) == 71 && get(twin, page - 40 * P) == 6);
    fixture_check();
    sim_end(twin);
    fixture_check();
}

/* When every page of a segment has been written to, it is as any other: it joins its neighbours, is shared without a question, and may be duplicated again. */
Test(pager_share, a_segment_without_shared_pages_is_usual_again)
{
    begin();
    uint64_t first = written(INIT, 8);
    uint32_t twin;
    duplicate(INIT, &twin);
    sim_end(twin);
    cr_assert(segment_is_copied(at(INIT, first)));
    EXPECT(AGAIN, share(INIT, first, 8, to_wx, PROTECTION_READ));
    for (uint64_t i = 0; i < 7; i++) put(INIT, first + i * P, (unsigned char)(i + 1));
    cr_assert(segment_is_copied(at(INIT, first)), "one is left");
    fixture_check();
    put(INIT, first + 7 * P, 8);
    cr_assert(!segment_is_copied(at(INIT, first)));
    fixture_check();
    fixture_ok(sim_request(INIT, PROTOCOL_protect, first, 8 * P, PROTECTION_READ));
    fixture_ok(sim_request(INIT, PROTOCOL_protect, first, 8 * P, PROTECTION_WRITE));
    fixture_check();
    cr_assert_eq(attributes_of(INIT, first + 3 * P), RW, "what is the process's alone gets its right back at once");
    uint64_t next = written(INIT, 8);
    if (next == first + 8 * P) cr_assert_eq(at(INIT, next), at(INIT, first), "joined");
    duplicate(INIT, &twin);
    put(twin, first, 50);
    cr_assert(segment_is_copied(at(INIT, first)) && get(INIT, first) == 1);
    fixture_check();
    sim_end(twin);
    for (uint64_t i = 0; i < 8; i++) put(INIT, first + i * P, (unsigned char)(i + 60));
    uint64_t there = fixture_ok(share(INIT, first, 8, to_wx, PROTECTION_READ));
    cr_assert_eq(get(WX, there + 7 * P), 67);
    fixture_check();
}

/* Which handles a duplicate has, with which rights, and to whom they lead. */
Test(pager_share, handles_of_a_duplicate)
{
    begin();
    uint32_t endpoint = (uint32_t)fixture_ok(sim_request(INIT, PROTOCOL_endpoint_create, 0, 0, 0));
    uint32_t bare = (uint32_t)fixture_ok(sim_request(INIT, PROTOCOL_handle_duplicate, endpoint, RIGHT_CALL, 0));
    uint32_t marked = (uint32_t)fixture_ok(sim_request(INIT, PROTOCOL_handle_duplicate, endpoint, RIGHT_CALL | RIGHT_PASS, 0x77));
    uint32_t closed = (uint32_t)fixture_ok(sim_request(INIT, PROTOCOL_handle_duplicate, endpoint, RIGHTS_ALL, 0));
    fixture_ok(sim_request(INIT, PROTOCOL_handle_close, closed, 0, 0));
    fixture_ok(sim_request_text(INIT, PROTOCOL_name_publish, endpoint, "mine", 4));
    uint32_t number, child = fixture_child(&number), twin;
    duplicate(INIT, &twin);
    struct holding *row;
    cr_assert_eq(holding_find(sim_process(twin), endpoint, &row), STATUS_OK);
    cr_assert(row->rights == (RIGHTS_ALL & ~RIGHT_RECEIVE) && row->depth == 1 && holding_process(&sim_pager, row) == sim_process(INIT));
    cr_assert_eq(holding_find(sim_process(twin), marked, &row), STATUS_OK);
    cr_assert(row->rights == (RIGHT_CALL | RIGHT_PASS) && row->badge == 0x77);
    cr_assert_eq(holding_find(sim_process(twin), bare, &row), STATUS_STALE, "what may not be passed on");
    cr_assert_eq(holding_find(sim_process(twin), closed, &row), STATUS_STALE);
    cr_assert_eq(holding_find(sim_process(twin), child, &row), STATUS_OK);
    cr_assert_eq(sim_process(number)->references, 2);
    EXPECT(NO_RIGHT, sim_request_text(twin, PROTOCOL_name_publish, endpoint, "his", 3));
    const uint64_t word[MESSAGE_WORDS] = { 5 };
    cr_assert_eq(sim_call(twin, endpoint, tag_make(9, 0), word, nullptr, 0).outcome, SIM_WAITS);
    struct pager_message message;
    cr_assert_eq(sim_receive(INIT, endpoint, &message), STATUS_OK);
    cr_assert_eq(message.badge, HOLDING_BADGE_USUAL | twin);
    sim_reply_to(INIT, endpoint, &message);
    cr_assert_eq(sim_look(twin).outcome, SIM_GOES_ON);
    fixture_check();
    cr_assert_eq(fixture_ok(sim_request(INIT, PROTOCOL_handle_revoke, marked, 0, 0)), 1, "revoked with what was derived");
    fixture_check();
}

Test(pager_share, refused_duplicates)
{
    begin();
    uint64_t first = written(INIT, 4);
    EXPECT(BAD_ADDRESS, sim_request(INIT, PROTOCOL_process_duplicate, USER_LIMIT, STACK, 0));
    EXPECT(BAD_ADDRESS, sim_request(INIT, PROTOCOL_process_duplicate, ENTRY, (uint64_t)1 << 63, 0));
    cr_assert_eq(attributes_of(INIT, first), RW, "as it was");
    put(INIT, first, 3);
    uint32_t number;
    fixture_child(&number);
    uint64_t group = fixture_ok(sim_request(number, PROTOCOL_group_next, 0, 0, 0));
    fixture_ok(sim_request(number, PROTOCOL_group_leave, group, 0, 0));
    EXPECT(NOT_MEMBER, sim_request(number, PROTOCOL_process_duplicate, ENTRY, STACK, 0));
    fixture_check();
}

/* What the family cannot bear when all is copied is refused before. */
Test(pager_share, a_duplicate_is_charged_all_its_pages)
{
    begin_with(&(struct sim_options){ .arguments = "limit=300" });
    uint64_t first = written(INIT, 200);
    uint64_t before = charged(INIT);
    EXPECT(LIMIT, sim_request(INIT, PROTOCOL_process_duplicate, ENTRY, STACK, 0));
    cr_assert(charged(INIT) == before && attributes_of(INIT, first + 9 * P) == RW);
    fixture_check();
    fixture_ok(sim_request(INIT, PROTOCOL_unmap, first + 90 * P, 110 * P, 0));
    uint32_t twin;
    duplicate(INIT, &twin);
    for (uint64_t i = 0; i < 90; i++) put(twin, first + i * P, 9);
    for (uint64_t i = 0; i < 90; i++) cr_assert_eq(get(INIT, first + i * P), i + 1);
    fixture_check();
}

/* --- Failures --- */

struct memory { uint64_t charged, wx, free, segments, handles, running; };

static struct memory remember(void)
{
    const struct process *process = sim_process(INIT);
    uint64_t handles = 0;
    for (uint32_t slot = 0; slot < process->holdings.capacity; slot++) handles += process->holdings.rows[slot].kind != HOLDING_NOTHING;
    return (struct memory){ charged(INIT), charged(WX), sim_free_frames(), process->segments.count, handles, sim_pager.count_running };
}

/* The k-th allocation fails, for every k: the status says so and nothing has changed, but for pages that the pager may keep for tables of its own. */
static void fails_everywhere(struct sim_reply (*act)(uint64_t first))
{
    begin();
    uint64_t first = written(INIT, 20);
    fixture_ok(sim_request(INIT, PROTOCOL_brk, 3 * P, 0, 0));
    uint64_t k = 1;
    for (;; k++) {
        struct memory before = remember();
        sim_fail_allocation(k);
        struct sim_reply reply = act(first);
        bool has_failed = sim_count_allocations() >= k;
        sim_fail_allocation(0);
        fixture_check();
        if (!has_failed) {
            cr_assert_eq(reply.label, STATUS_OK, "%s", status_name(reply.label));
            break;
        }
        if (reply.label == STATUS_OK) continue; /* another way was found */
        cr_assert_eq(reply.label, STATUS_NO_MEMORY, "%s", status_name(reply.label));
        struct memory after = remember();
        cr_assert(after.segments == before.segments && after.handles == before.handles && after.running == before.running, "allocation %lu", k);
        cr_assert(after.charged <= before.charged + 8 && after.wx <= before.wx + 8 && after.free + 16 >= before.free, "allocation %lu", k);
        for (uint64_t i = 0; i < 20; i++) cr_assert_eq(attributes_of(INIT, first + i * P), RW, "allocation %lu page %lu", k, i);
        for (uint64_t i = 0; i < 20; i++) put(INIT, first + i * P, (unsigned char)(i + 1));
    }
    cr_assert_gt(k, 3);
}

static struct sim_reply act_share(uint64_t first) { return share(INIT, first, 20, to_wx, PROTECTION_WRITE); }
static struct sim_reply act_duplicate([[maybe_unused]] uint64_t first) { return sim_request(INIT, PROTOCOL_process_duplicate, ENTRY, STACK, 0); }
Test(pager_share, sharing_fails_at_each_allocation) { fails_everywhere(act_share); }
Test(pager_share, duplicating_fails_at_each_allocation) { fails_everywhere(act_duplicate); }

/* --- Random deeds against a model of what each process sees --- */

constexpr unsigned PROCESSES = 6, PAGES = 24;
static uint64_t state;
static uint64_t draw(uint64_t limit)
{
    state = state * 6364136223846793005 + 1442695040888963407;
    return (state >> 33) % limit;
}

struct seen { uint32_t number; unsigned char value[PAGES]; };
static struct seen seen[PROCESSES];

static void deed(uint64_t first)
{
    unsigned who = (unsigned)draw(PROCESSES), page = (unsigned)draw(PAGES), count = 1 + (unsigned)draw(4);
    struct seen *one = &seen[who];
    if (count > PAGES - page) count = PAGES - page;
    if (one->number == 0) {
        struct seen *from = &seen[draw(PROCESSES)];
        if (from->number == 0) from = &seen[0];
        struct sim_reply reply = sim_request(from->number, PROTOCOL_process_duplicate, ENTRY, STACK, 0);
        if (reply.label == STATUS_OK) {
            *one = *from;
            one->number = sim_pager.next_number;
        }
        return;
    }
    uint64_t at_page = first + page * P;
    const uint64_t over[MESSAGE_WORDS] = { at_page, count * P, PROTECTION_WRITE };
    switch (draw(8)) {
    case 0: if (who != 0 && draw(3) == 0) { sim_end(one->number); one->number = 0; } break;
    case 1: if (sim_request(one->number, PROTOCOL_discard, at_page, count * P, 0).label == STATUS_OK) memset(&one->value[page], 0, count); break;
    case 2:
        if (sim_call(one->number, HANDLE_PAGER, tag_make(PROTOCOL_map_over, 0), over, nullptr, 0).label == STATUS_OK) memset(&one->value[page], 0, count);
        break;
    case 3:
        (void)sim_request(one->number, PROTOCOL_protect, at_page, count * P, PROTECTION_READ);
        cr_assert_eq(get(one->number, at_page), one->value[page]);
        while (sim_request(one->number, PROTOCOL_protect, at_page, count * P, PROTECTION_WRITE).label != STATUS_OK) sim_fail_allocation(0);
        break;
    default:
        for (unsigned i = page; i < page + count; i++) put(one->number, first + i * P, one->value[i] = (unsigned char)draw(256));
    }
}

static void runs(uint64_t seed)
{
    cr_log_info("seed %lu", seed);
    state = seed;
    begin();
    memset(seen, 0, sizeof(seen));
    seen[0].number = INIT;
    uint64_t first = map(INIT, PAGES);
    for (unsigned step = 0; step < 1500; step++) {
        sim_fail_allocation(draw(12) == 0 ? 1 + draw(30) : 0);
        deed(first);
        sim_fail_allocation(0);
        if (step % 25 != 0) continue;
        fixture_check();
        for (unsigned i = 0; i < PROCESSES; i++)
            for (unsigned page = 0; page < PAGES && seen[i].number != 0; page++)
                cr_assert_eq(get(seen[i].number, first + page * P), seen[i].value[page], "step %u pid %u page %u", step, seen[i].number, page);
    }
}

Test(pager_share, random_deeds_1) { runs(1); }
Test(pager_share, random_deeds_2) { runs(2); }
Test(pager_share, random_deeds_3) { runs(3); }
