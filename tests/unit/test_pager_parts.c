/* Requests that are done in parts: no message does more than a step, whatever is asked, and what comes out is what was asked for. Another thread acts between
 * the messages. */
#include "pager_fixture.h"

#include "microkernel/calls.h"
#include "microkernel/counter.h"
#include "range.h"
#include "settle.h"

constexpr uint64_t P = PAGE_BYTES;
constexpr uint64_t TABLE_PAGES = LAYOUT_TABLE_BYTES / P;
/* Entries of page tables that one message writes or looks at: a step's, those of the tables that come and go, and at the ends of the range those that are
 * counted where it is cut. */
constexpr uint64_t ENTRIES_MOST = 2500;

static uint64_t entries(void) { return counters[COUNTER_ENTRIES_READ] + counters[COUNTER_ENTRIES_WRITTEN]; }

static const struct segment *at(uint64_t address) { return segment_find(&sim_process(INIT)->segments, address); }

static uint32_t second_thread(uint32_t number)
{
    return sim_thread_of(number, fixture_ok(sim_request(number, PROTOCOL_thread_create, LAYOUT_IMAGE_FIRST, LAYOUT_STACK_TOP, 0)));
}

/* A range with a page of each `distance`, which holds its number. */
static uint64_t written(uint64_t pages, uint64_t distance)
{
    uint64_t first = fixture_ok(sim_request(INIT, PROTOCOL_map, pages * P, PROTECTION_WRITE, 0));
    EXPECT(OK, fixture_whole(INIT, PROTOCOL_advise, first, pages * P, ADVICE_RANDOM)); /* no page but those that are touched */
    for (uint64_t i = 0; i < pages; i += distance) *(uint64_t *)sim_touch(INIT, first + i * P, FAULT_WRITE) = i + 1;
    return first;
}

static uint32_t attributes_of(uint64_t page)
{
    uint64_t frame;
    uint32_t attributes;
    return sim_page(INIT, page, &frame, &attributes) ? attributes : UINT32_MAX;
}

/* One message of a request in parts, and what it may take. */
static struct sim_reply part(uint32_t thread, enum protocol label, const uint64_t word[MESSAGE_WORDS])
{
    uint64_t before = entries(), zeroed = counters[COUNTER_FRAMES_ZEROED];
    struct sim_reply reply = sim_call(thread, HANDLE_PAGER, tag_make(label, 0), word, nullptr, 0);
    cr_assert_eq(reply.outcome, SIM_GOES_ON);
    cr_assert_leq(entries() - before, ENTRIES_MOST, "message %u: %lu entries (%lx %lx)", label, entries() - before, word[0], word[1]);
    cr_assert_leq(counters[COUNTER_FRAMES_ZEROED] - zeroed, FILL_STEP_PAGES + 16, "message %u: %lu", label, counters[COUNTER_FRAMES_ZEROED] - zeroed);
    fixture_check();
    return reply;
}

/* All parts of a request for a range; how many messages it took. */
static unsigned parts(enum protocol label, uint64_t first, uint64_t bytes, uint64_t word2)
{
    unsigned messages = 0;
    uint64_t prepared = 0;
    for (uint64_t done = 0; done < bytes;) {
        struct sim_reply reply = part(INIT, label, (uint64_t[MESSAGE_WORDS]){ first + done, bytes - done, word2, prepared });
        cr_assert_eq(reply.label, STATUS_OK, "%s", status_name(reply.label));
        messages++;
        done += reply.word[0];
        prepared = reply.word[0] == 0 ? reply.word[1] : 0;
        for (uint64_t left = label == PROTOCOL_protect ? reply.word[1] : 0; left > 0; messages++)
            left = fixture_ok(part(INIT, PROTOCOL_settle, (uint64_t[MESSAGE_WORDS]){ 0 }));
    }
    return messages;
}

/* --- Ranges --- */

static const struct { uint64_t pages, distance; unsigned messages; } ranges[] = {
    { 5 * TABLE_PAGES + 7, 1, 6 },                       /* all pages: a step for each table */
    { 40 * TABLE_PAGES, 3 * TABLE_PAGES, 20 },           /* holes are passed over */
    { (uint64_t)8 << 18, (uint64_t)3 << 18, 40 },        /* 8 GiB, three pages */
    { 100 * TABLE_PAGES, 100 * TABLE_PAGES, 1 },         /* one page: no more than a step */
};

Test(pager_parts, protecting)
{
    for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
        fixture_start_with(&(struct sim_options){ .memory_bytes = (uint64_t)64 << 20 });
        uint64_t pages = ranges[i].pages, first = written(pages, ranges[i].distance), segments = sim_process(INIT)->segments.count;
        uint64_t charged = process_charge(sim_process(INIT));
        unsigned messages = parts(PROTOCOL_protect, first, pages * P, PROTECTION_READ);
        cr_assert_leq(messages, ranges[i].messages, "%zu: %u", i, messages);
        cr_assert(ranges[i].messages == 1 || messages > 1);
        for (uint64_t page = 0; page < pages; page += ranges[i].distance) cr_assert_eq(attributes_of(first + page * P), ATTRIBUTE_READ);
        cr_assert_eq(at(first)->protection, PROTECTION_READ);
        cr_assert_eq(sim_process(INIT)->segments.count, segments);
        cr_assert_eq(process_charge(sim_process(INIT)), charged);
        parts(PROTOCOL_protect, first, pages * P, PROTECTION_WRITE);
        uint64_t faults = sim_pager.count_faults;
        for (uint64_t page = 0; page < pages; page += ranges[i].distance) cr_assert_eq(*(uint64_t *)sim_touch(INIT, first + page * P, FAULT_WRITE), page + 1);
        cr_assert_eq(sim_pager.count_faults, faults);
    }
}

Test(pager_parts, discarding)
{
    for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
        fixture_start_with(&(struct sim_options){ .memory_bytes = (uint64_t)64 << 20 });
        uint64_t pages = ranges[i].pages, free = sim_free_frames(), first = written(pages, ranges[i].distance);
        *(char *)sim_touch(INIT, first, FAULT_WRITE) = 1;
        unsigned messages = parts(i % 2 ? PROTOCOL_advise : PROTOCOL_discard, first, pages * P, ADVICE_DO_NOT_NEED);
        cr_assert_leq(messages, ranges[i].messages, "%zu: %u", i, messages);
        cr_assert_eq(at(first)->pages, 0);
        cr_assert_leq(free - sim_free_frames(), 16);
        cr_assert_eq(*(uint64_t *)sim_touch(INIT, first, FAULT_READ), 0);
    }
}

Test(pager_parts, making_as_new)
{
    for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
        fixture_start_with(&(struct sim_options){ .memory_bytes = (uint64_t)64 << 20 });
        uint64_t pages = ranges[i].pages, first = written(pages, ranges[i].distance), segments = sim_process(INIT)->segments.count;
        unsigned messages = parts(PROTOCOL_map_over, first, pages * P, PROTECTION_WRITE);
        cr_assert_leq(messages, ranges[i].messages + 1, "%zu: %u", i, messages);
        for (uint64_t page = 0; page < pages; page += ranges[i].distance) cr_assert_eq(*(uint64_t *)sim_touch(INIT, first + page * P, FAULT_WRITE), 0);
        cr_assert_eq(sim_process(INIT)->segments.count, segments);
    }
}

/* Who says that all is prepared which is not: others' frames do not stay, and a long range begins anew. */
Test(pager_parts, what_is_not_prepared_is_not_believed)
{
    fixture_start_with(&(struct sim_options){ .memory_bytes = (uint64_t)64 << 20 });
    uint64_t pages = 3 * TABLE_PAGES, first = written(pages, 1);
    struct sim_reply reply = part(INIT, PROTOCOL_map_over, (uint64_t[MESSAGE_WORDS]){ first, pages * P, PROTECTION_READ, pages * P });
    fixture_ok(reply);
    cr_assert(reply.word[0] == 0 && reply.word[1] == 0 && at(first)->pages == pages && at(first)->protection == PROTECTION_WRITE);
    EXPECT(BAD_ARGUMENT, part(INIT, PROTOCOL_map_over, (uint64_t[MESSAGE_WORDS]){ first, pages * P, PROTECTION_READ, 1 }));
    uint64_t module = fixture_ok(sim_request_text(INIT, PROTOCOL_module_map, 0, "file", 4));
    cr_assert_eq(*(unsigned char *)sim_touch(INIT, module + P, FAULT_READ), fixture_file[P]);
    EXPECT(OK, part(INIT, PROTOCOL_map_over, (uint64_t[MESSAGE_WORDS]){ module, 3 * P, PROTECTION_WRITE, UINT64_MAX & ~(P - 1) }));
    cr_assert_eq(*(unsigned char *)sim_touch(INIT, module + P, FAULT_WRITE), 0);
    fixture_check();
}

/* A range of many small segments takes several messages too; those that are refused are so before anything has changed, as far as one message looks. */
Test(pager_parts, many_segments)
{
    constexpr uint64_t COUNT = 3 * RANGE_LOOK;
    fixture_start();
    uint64_t first = fixture_ok(sim_request(INIT, PROTOCOL_map, COUNT * P, PROTECTION_WRITE, 0));
    for (uint64_t i = 0; i < COUNT; i += 2) EXPECT(OK, sim_request(INIT, PROTOCOL_protect, first + i * P, P, PROTECTION_READ));
    for (uint64_t i = 0; i < COUNT; i += 3) cr_assert_not_null(sim_touch(INIT, first + i * P, FAULT_READ));
    struct sim_reply reply = part(INIT, PROTOCOL_protect, (uint64_t[MESSAGE_WORDS]){ first, COUNT * P, PROTECTION_EXECUTE });
    cr_assert(fixture_ok(reply) > 0 && reply.word[0] <= RANGE_LOOK * P && reply.word[1] == 0, "%lu", reply.word[0]);
    parts(PROTOCOL_protect, first, COUNT * P, PROTECTION_EXECUTE);
    cr_assert(at(first)->first == first && at(first)->limit == first + COUNT * P);
    for (uint64_t i = 0; i < COUNT; i += 2) EXPECT(OK, sim_request(INIT, PROTOCOL_advise, first + i * P, P, ADVICE_SEQUENTIAL));
    cr_assert_gt(parts(PROTOCOL_advise, first, COUNT * P, ADVICE_NORMAL), 2);
    cr_assert_eq(at(first)->limit, first + COUNT * P);
    EXPECT(OK, sim_request(INIT, PROTOCOL_seal, first + 60 * P, P, 0)); /* a message looks as far as that */
    static const struct { enum protocol label; uint64_t word; } refused[] = {
        { PROTOCOL_protect, PROTECTION_READ }, { PROTOCOL_map_over, PROTECTION_READ }, { PROTOCOL_discard, 0 }, { PROTOCOL_advise, ADVICE_RANDOM },
    };
    for (size_t i = 0; i < 4; i++) EXPECT(IMMUTABLE, sim_request(INIT, refused[i].label, first, 61 * P, refused[i].word));
    cr_assert_eq(at(first)->protection, PROTECTION_EXECUTE);
    fixture_check();
}

/* --- Between the messages of a protection --- */

/* A page that is not settled yet gets there by its touch; against the new protection none does. */
Test(pager_parts, touches_settle_their_page)
{
    fixture_start();
    uint32_t number;
    uint32_t handle = fixture_child(&number);
    uint32_t other = second_thread(number);
    uint64_t pages = 3 * TABLE_PAGES, first = fixture_ok(sim_request(number, PROTOCOL_map, pages * P, PROTECTION_WRITE, 0));
    for (uint64_t i = 0; i < pages; i++) cr_assert_not_null(sim_touch(number, first + i * P, FAULT_WRITE));
    cr_assert_eq(fixture_ok(sim_request(number, PROTOCOL_protect, first, pages * P, PROTECTION_READ)), pages * P);
    while (fixture_ok(sim_request(number, PROTOCOL_settle, 0, 0, 0)) > 0) {}
    struct sim_reply reply = sim_request(number, PROTOCOL_protect, first, pages * P, PROTECTION_WRITE);
    cr_assert(fixture_ok(reply) == pages * P && reply.word[1] == 2 * LAYOUT_TABLE_BYTES - first % LAYOUT_TABLE_BYTES, "%lx", reply.word[1]);
    for (unsigned again = 0; again < 5; again++) cr_assert_not_null(sim_touch(other, first + (pages - 1 - again) * P, FAULT_WRITE));
    fixture_check();
    EXPECT(OK, sim_request(other, PROTOCOL_protect, first + 2 * TABLE_PAGES * P, 9 * P, PROTECTION_READ)); /* a small one in the middle stays as it is */
    while (fixture_ok(sim_request(number, PROTOCOL_settle, 0, 0, 0)) > 0) fixture_check();
    cr_assert(!settle_is_due(sim_process(number)));
    cr_assert_not_null(sim_touch(other, first + (2 * TABLE_PAGES + 9) * P, FAULT_WRITE));
    cr_assert_null(sim_touch(other, first + (2 * TABLE_PAGES + 8) * P, FAULT_WRITE));
    fixture_ended(handle, PROCESS_PROTECTION, first + (2 * TABLE_PAGES + 8) * P);
}

/* Whoever wants a long one too, a duplicate, or to give such memory away, does a step of the first one and asks again, though its thread has ended. */
Test(pager_parts, others_bring_the_steps)
{
    fixture_start_with(&(struct sim_options){ .memory_bytes = (uint64_t)64 << 20 });
    uint32_t other = second_thread(INIT);
    uint64_t pages = 6 * TABLE_PAGES, first = written(pages, 1), second = written(2 * TABLE_PAGES, 1);
    uint32_t child;
    uint64_t handle = fixture_child(&child);
    fixture_ok(sim_request(other, PROTOCOL_protect, first, pages * P, PROTECTION_READ));
    EXPECT(OK, sim_request(INIT, PROTOCOL_thread_end, 2, 0, 0));
    uint64_t left = sim_process(INIT)->unsettled.limit - sim_process(INIT)->unsettled.first;
    struct sim_reply reply = part(INIT, PROTOCOL_protect, (uint64_t[MESSAGE_WORDS]){ second, 2 * TABLE_PAGES * P, PROTECTION_READ });
    cr_assert(fixture_ok(reply) == 0 && reply.word[1] < left && at(second)->protection == PROTECTION_WRITE);
    EXPECT(AGAIN, part(INIT, PROTOCOL_process_duplicate, (uint64_t[MESSAGE_WORDS]){ LAYOUT_IMAGE_FIRST, LAYOUT_STACK_TOP }));
    EXPECT(AGAIN, part(INIT, PROTOCOL_segment_move, (uint64_t[MESSAGE_WORDS]){ first, pages * P, handle }));
    cr_assert_eq(fixture_ok(part(INIT, PROTOCOL_segment_share, (uint64_t[MESSAGE_WORDS]){ first, pages * P, handle, PROTECTION_READ })), 0);
    cr_assert_lt(sim_process(INIT)->unsettled.limit - sim_process(INIT)->unsettled.first, left - 3 * LAYOUT_TABLE_BYTES);
    parts(PROTOCOL_protect, second, 2 * TABLE_PAGES * P, PROTECTION_READ);
    for (uint64_t i = 0; i < pages; i++) cr_assert_eq(attributes_of(first + i * P), ATTRIBUTE_READ);
    EXPECT(OK, fixture_duplicate(INIT, LAYOUT_IMAGE_FIRST, LAYOUT_STACK_TOP));
}

/* What is unmapped, mapped anew, moved away in between is nobody's business of the steps. */
Test(pager_parts, memory_changes_between_the_steps)
{
    fixture_start_with(&(struct sim_options){ .memory_bytes = (uint64_t)64 << 20 });
    uint32_t other = second_thread(INIT);
    uint64_t pages = 5 * TABLE_PAGES, first = written(pages, 1), middle = first + 2 * TABLE_PAGES * P, limit = first + pages * P;
    fixture_ok(sim_request(INIT, PROTOCOL_protect, first, pages * P, PROTECTION_EXECUTE));
    EXPECT(OK, sim_request(other, PROTOCOL_unmap, middle, 300 * P, 0));
    EXPECT(OK, sim_request(other, PROTOCOL_map_at, 100 * P, PROTECTION_WRITE, middle));
    for (uint64_t i = 0; i < 100; i++) *(char *)sim_touch(other, middle + i * P, FAULT_WRITE) = 1;
    EXPECT(OK, sim_request(other, PROTOCOL_unmap, limit - 50 * P, 50 * P, 0));
    fixture_check();
    while (fixture_ok(part(INIT, PROTOCOL_settle, (uint64_t[MESSAGE_WORDS]){ 0 })) > 0) {}
    for (uint64_t i = 0; i < pages - 50; i++) {
        uint64_t page = first + i * P;
        uint32_t wanted = page < middle || page >= middle + 300 * P ? ATTRIBUTE_EXECUTE : page < middle + 100 * P ? ATTRIBUTE_WRITE : UINT32_MAX;
        cr_assert_eq(attributes_of(page), wanted, "page %lu", i);
    }
}

/* --- Moves --- */

static const enum protocol moves[] = { PROTOCOL_brk, PROTOCOL_autogen_move };

static uint64_t end_of(enum protocol label)
{
    return label == PROTOCOL_brk ? sim_process(INIT)->break_address : LAYOUT_AUTOGEN_TOP - sim_process(INIT)->autogen_low;
}

/* One thread moves at a time, by whole steps; who has begun goes on or back, and who ends leaves it to others. */
Test(pager_parts, moving)
{
    constexpr uint64_t size = ((uint64_t)7 << 20) + 3 * P + 5;
    for (size_t i = 0; i < 2; i++) {
        fixture_start_with(&(struct sim_options){ .memory_bytes = (uint64_t)64 << 20 });
        uint32_t other = second_thread(INIT);
        uint64_t start = end_of(moves[i]), done = 0;
        for (unsigned messages = 0; done != size; messages++) {
            struct sim_reply reply = part(INIT, moves[i], (uint64_t[MESSAGE_WORDS]){ size - done });
            fixture_ok(reply);
            done += reply.word[1];
            cr_assert_eq(end_of(moves[i]) - start, done);
            cr_assert_lt(messages, 9);
            if (done == size) break;
            for (size_t j = 0; j < 2; j++) EXPECT(AGAIN, part(other, moves[j], (uint64_t[MESSAGE_WORDS]){ P }));
        }
        fixture_ok(part(other, moves[i], (uint64_t[MESSAGE_WORDS]){ -size })); /* by a step */
        EXPECT(AGAIN, part(INIT, moves[1 - i], (uint64_t[MESSAGE_WORDS]){ 0 }));
        EXPECT(OK, sim_request(INIT, PROTOCOL_thread_end, 2, 0, 0));
        uint64_t rest = end_of(moves[i]) - start;
        cr_assert_eq(rest, layout_page_up(start + size) - start - STEP_PAGES * P);
        fixture_ok(fixture_whole(INIT, moves[i], -rest, 0, 0));
        cr_assert_eq(end_of(moves[i]), start);
        cr_assert_eq(sim_process(INIT)->mover, 0);
    }
}

/* What all of it would be charged is looked at first; what is refused on the way leaves what is done, and the way back. */
Test(pager_parts, moving_is_refused)
{
    for (size_t i = 0; i < 2; i++) {
        fixture_start_with(&(struct sim_options){ .memory_bytes = (uint64_t)64 << 20 });
        uint64_t start = end_of(moves[i]), fills = sim_count_call(CALL_space_fill);
        EXPECT(NO_MEMORY, part(INIT, moves[i], (uint64_t[MESSAGE_WORDS]){ (uint64_t)100 << 20 }));
        cr_assert(end_of(moves[i]) == start && sim_count_call(CALL_space_fill) <= fills + 1);
        uint64_t done = fixture_ok(sim_request(INIT, moves[i], 4 << 20, 0, 0)), free = sim_free_frames();
        done = FILL_STEP_PAGES * P;
        sim_fail_allocation(1);
        EXPECT(NO_MEMORY, sim_request(INIT, moves[i], (4 << 20) - done, 0, 0));
        sim_fail_allocation(0);
        cr_assert(end_of(moves[i]) == start + done && sim_free_frames() == free && sim_process(INIT)->mover != 0);
        fixture_ok(sim_request(INIT, moves[i], -done, 0, 0));
        cr_assert(end_of(moves[i]) == start && sim_process(INIT)->mover == 0);
        fixture_check();
    }
}

/* A flip of much is a protection like any other: all of it is what the last one said. */
Test(pager_parts, flipping)
{
    fixture_start_with(&(struct sim_options){ .memory_bytes = (uint64_t)64 << 20 });
    uint32_t other = second_thread(INIT);
    uint64_t pages = 4 * TABLE_PAGES;
    uint64_t low = fixture_ok(fixture_whole(INIT, PROTOCOL_autogen_move, pages * P, 0, 0));
    struct sim_reply reply = part(INIT, PROTOCOL_autogen_flip, (uint64_t[MESSAGE_WORDS]){ 1 });
    cr_assert(fixture_ok(reply) == 1 && reply.word[1] == 3 * LAYOUT_TABLE_BYTES);
    cr_assert_not_null(sim_touch(other, low + (pages - 1) * P, FAULT_EXECUTE));
    reply = part(other, PROTOCOL_autogen_flip, (uint64_t[MESSAGE_WORDS]){ 0 });
    cr_assert(fixture_ok(reply) == 0 && reply.word[1] == 2 * LAYOUT_TABLE_BYTES); /* one after the other */
    fixture_ok(part(other, PROTOCOL_autogen_move, (uint64_t[MESSAGE_WORDS]){ P })); /* what comes is as the last flip said */
    cr_assert_eq(attributes_of(low - P), ATTRIBUTE_EXECUTE);
    while (fixture_ok(part(INIT, PROTOCOL_settle, (uint64_t[MESSAGE_WORDS]){ 0 })) > 0) {}
    for (uint64_t i = 0; i < pages; i++) cr_assert_eq(attributes_of(low + i * P), ATTRIBUTE_EXECUTE);
    fixture_ok(part(INIT, PROTOCOL_autogen_flip, (uint64_t[MESSAGE_WORDS]){ 0 }));
    while (fixture_ok(part(INIT, PROTOCOL_settle, (uint64_t[MESSAGE_WORDS]){ 0 })) > 0) {}
    for (uint64_t i = 0; i < pages; i++) cr_assert_eq(attributes_of(low + i * P), ATTRIBUTE_WRITE);
}

/* --- The pager is lost --- */

/* Lost before or after any call or message, the pager is followed by one that knows what is left. */
static void play_lost(uint64_t point)
{
    fixture_start_with(&(struct sim_options){ .memory_bytes = (uint64_t)64 << 20 });
    uint64_t pages = 2 * TABLE_PAGES + 9, first = written(pages, 1), start = sim_process(INIT)->break_address;
    sim_lose(point, 0, nullptr);
    EXPECT(OK, fixture_whole(INIT, PROTOCOL_protect, first, pages * P, PROTECTION_READ));
    uint64_t previous = fixture_ok(fixture_whole(INIT, PROTOCOL_brk, 3 << 20, 0, 0));
    EXPECT(OK, fixture_whole(INIT, PROTOCOL_discard, first, (pages - 1) * P, 0));
    sim_lose(0, 0, nullptr);
    cr_assert_eq(previous, start);
    cr_assert(sim_process(INIT)->break_address == start + (3 << 20) && sim_process(INIT)->mover == 0 && !settle_is_due(sim_process(INIT)));
    cr_assert_eq(at(first)->pages, 1);
    cr_assert(attributes_of(first + (pages - 1) * P) == ATTRIBUTE_READ && *(uint64_t *)sim_touch(INIT, first + (pages - 1) * P, FAULT_READ) == pages);
    fixture_check();
}

Test(pager_parts, the_pager_is_lost_at_every_point)
{
    for (uint64_t point = 1; sim_count_lost() == point - 1; point++) play_lost(point);
    cr_log_info("lost %lu times", sim_count_lost());
    cr_assert_gt(sim_count_lost(), 20, "%lu", sim_count_lost());
}
