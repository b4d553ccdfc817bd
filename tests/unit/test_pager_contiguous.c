/* Memory whose frames lie side by side: where they lie, that they stay, who may ask, and what is left when it cannot be had. */
#include "pager_fixture.h"

constexpr uint64_t P = PAGE_BYTES;
constexpr uint32_t DRIVER = 1, OTHER = 2; /* process numbers */

static void begin_with(uint64_t memory_bytes)
{
    sim_image_make(&fixture_image, &fixture_shape);
    struct sim_module modules[] = {
        { "driver:init", fixture_image.bytes, fixture_image.size_bytes },
        { "other", fixture_image.bytes, fixture_image.size_bytes },
        { "image:child", fixture_image.bytes, fixture_image.size_bytes },
    };
    sim_start(&(struct sim_options){ .memory_bytes = memory_bytes }, modules, sizeof(modules) / sizeof(modules[0]));
}

static void begin(void) { begin_with(0); }

static struct sim_reply ask(uint32_t number, uint64_t bytes, uint64_t alignment, uint64_t limit)
{
    uint64_t word[MESSAGE_WORDS] = { bytes, PROTECTION_WRITE, alignment, limit };
    return sim_call(number, HANDLE_PAGER, tag_make(PROTOCOL_map_contiguous, 0), word, nullptr, 0);
}

static const struct segment *at(uint64_t address) { return segment_find(&sim_process(DRIVER)->segments, address); }

static void expect_frames(uint64_t address, uint64_t physical, uint64_t pages)
{
    for (uint64_t i = 0; i < pages; i++) {
        uint64_t frame;
        uint32_t attributes;
        cr_assert(sim_page(DRIVER, address + i * P, &frame, &attributes));
        cr_assert_eq(frame, physical / P + i);
    }
    cr_assert_eq(fixture_ok(sim_request(DRIVER, PROTOCOL_segment_physical, address + pages * P - 1, 0, 0)), physical + pages * P - 1);
}

Test(pager_contiguous, frames_are_side_by_side_aligned_and_below)
{
    begin();
    static const struct { uint64_t pages; unsigned alignment; uint64_t limit; } wishes[] = {
        { 1, 0, 0 }, { 2, 0, 0 }, { 3, 12, 0 }, { 5, 16, 0 }, { 7, 0, 16 << 20 }, { 511, 0, 0 }, { 512, 21, 0 }, { 513, 0, 0 }, { 1, 22, 32 << 20 },
        { 1025, 20, 48 << 20 }, { 3000, 24, 0 }, { 1, 0, 4 << 20 },
    };
    uint64_t free = sim_free_frames();
    for (size_t i = 0; i < sizeof(wishes) / sizeof(wishes[0]); i++) {
        uint64_t bytes = wishes[i].pages * P;
        struct sim_reply reply = ask(DRIVER, bytes - (i % 2), wishes[i].alignment, wishes[i].limit);
        uint64_t address = fixture_ok(reply), physical = reply.word[1];
        if (wishes[i].alignment != 0) cr_assert_eq(physical % ((uint64_t)1 << wishes[i].alignment), 0);
        if (wishes[i].limit != 0) cr_assert_leq(physical + bytes, wishes[i].limit);
        cr_assert_eq(at(address)->pages, wishes[i].pages);
        expect_frames(address, physical, wishes[i].pages);
        for (uint64_t page = 0; page < wishes[i].pages; page++) {
            uint64_t *word = sim_touch(DRIVER, address + page * P, FAULT_WRITE);
            cr_assert_eq(*word, 0);
            *word = page + 1;
        }
        fixture_check();
        cr_assert_geq(sim_free_frames() + wishes[i].pages + 40, free); /* the rest of its block went back at once; tables and books */
        struct sim_reply gone = sim_request(DRIVER, PROTOCOL_unmap, address, bytes, 0);
        cr_assert(gone.outcome == SIM_GOES_ON && gone.label == STATUS_OK);
        fixture_check();
    }
    cr_assert_geq(sim_free_frames() + 40, free);
}

Test(pager_contiguous, only_drivers_may)
{
    begin();
    EXPECT(NO_RIGHT, ask(OTHER, P, 0, 0));
    EXPECT(NO_RIGHT, sim_request(OTHER, PROTOCOL_segment_physical, SIM_IMAGE_FIRST, 0, 0));
    uint32_t number;
    fixture_child(&number);
    EXPECT(NO_RIGHT, ask(number, P, 0, 0));
    EXPECT(OK, ask(DRIVER, P, 0, 0));
    fixture_check();
}

Test(pager_contiguous, odd_wishes_are_refused)
{
    begin();
    EXPECT(BAD_LENGTH, ask(DRIVER, 0, 0, 0));
    EXPECT(LIMIT, ask(DRIVER, ((uint64_t)64 << 20) + 1, 0, 0));
    EXPECT(LIMIT, ask(DRIVER, UINT64_MAX, 0, 0));
    EXPECT(BAD_ALIGNMENT, ask(DRIVER, P, 11, 0));
    EXPECT(BAD_ALIGNMENT, ask(DRIVER, P, 31, 0));
    EXPECT(BAD_ALIGNMENT, ask(DRIVER, P, UINT64_MAX, 0));
    EXPECT(NO_MEMORY, ask(DRIVER, P, 0, 1));
    EXPECT(NO_MEMORY, ask(DRIVER, P, 0, P - 1));
    EXPECT(NO_MEMORY, ask(DRIVER, P, 0, 16 * P)); /* nothing is handed out there */
    EXPECT(NO_MEMORY, ask(DRIVER, P, 30, (uint64_t)1 << 30));
    uint64_t word[MESSAGE_WORDS] = { P, PROTECTION_EXECUTE };
    EXPECT(BAD_ARGUMENT, sim_call(DRIVER, HANDLE_PAGER, tag_make(PROTOCOL_map_contiguous, 0), word, nullptr, 0));
    word[1] = PROTECTION_WRITE | PROTECTION_EXECUTE;
    EXPECT(WRITE_EXECUTE, sim_call(DRIVER, HANDLE_PAGER, tag_make(PROTOCOL_map_contiguous, 0), word, nullptr, 0));
    EXPECT(NOT_MAPPED, sim_request(DRIVER, PROTOCOL_segment_physical, 0, 0, 0));
    EXPECT(NOT_MAPPED, sim_request(DRIVER, PROTOCOL_segment_physical, UINT64_MAX, 0, 0));
    EXPECT(BAD_STATE, sim_request(DRIVER, PROTOCOL_segment_physical, LAYOUT_STACK_TOP - 8, 0, 0));
    EXPECT(BAD_STATE, sim_request(DRIVER, PROTOCOL_segment_physical, SIM_IMAGE_FIRST, 0, 0));
    fixture_check();
}

Test(pager_contiguous, frames_stay)
{
    begin();
    struct sim_reply reply = ask(DRIVER, 8 * P, 0, 0);
    uint64_t address = fixture_ok(reply), physical = reply.word[1];
    EXPECT(IMMUTABLE, sim_request(DRIVER, PROTOCOL_discard, address + P, P, 0));
    EXPECT(IMMUTABLE, sim_request(DRIVER, PROTOCOL_advise, address, P, ADVICE_DO_NOT_NEED));
    EXPECT(IMMUTABLE, sim_request(DRIVER, PROTOCOL_map_over, address, 8 * P, PROTECTION_WRITE));
    EXPECT(IMMUTABLE, sim_request(DRIVER, PROTOCOL_protect, address, P, PROTECTION_EXECUTE));
    EXPECT(OK, sim_request(DRIVER, PROTOCOL_protect, address + 2 * P, P, PROTECTION_READ));
    EXPECT(OK, sim_request(DRIVER, PROTOCOL_populate, address, 8 * P, 0));
    EXPECT(OK, sim_request(DRIVER, PROTOCOL_advise, address + P, 4 * P, ADVICE_RANDOM));
    expect_frames(address, physical, 8);
    EXPECT(OK, sim_request(DRIVER, PROTOCOL_unmap, address + 3 * P, P, 0)); /* a hole: what is left knows its frames */
    expect_frames(address, physical, 3);
    expect_frames(address + 4 * P, physical + 4 * P, 4);
    fixture_check();
    /* Another process gets the frames themselves. */
    uint64_t endpoint = fixture_ok(sim_request(OTHER, PROTOCOL_endpoint_create, 0, 0, 0));
    fixture_ok(sim_request_text(OTHER, PROTOCOL_name_publish, endpoint, "other", 5));
    uint64_t handle = fixture_ok(sim_request_text(DRIVER, PROTOCOL_name_find, 0, "other", 5));
    uint64_t there = fixture_ok(sim_request(DRIVER, PROTOCOL_segment_move, address + 5 * P, 3 * P, handle));
    uint64_t frame;
    uint32_t attributes;
    cr_assert(sim_page(OTHER, there + 2 * P, &frame, &attributes));
    cr_assert_eq(frame, physical / P + 7);
    EXPECT(IMMUTABLE, sim_request(OTHER, PROTOCOL_discard, there, P, 0));
    EXPECT(NO_RIGHT, sim_request(OTHER, PROTOCOL_segment_physical, there, 0, 0));
    fixture_check();
}

/* Frames in use wherever a block might be: a run is had if and only if an aligned one is free. */
Test(pager_contiguous, found_if_an_oracle_sees_one)
{
    begin_with(16 << 20);
    static bool is_free[4096];
    static uint64_t held[4096];
    unsigned count = 0, had = 0, refused = 0;
    fixture_ok(ask(DRIVER, P, 0, 0)); /* what the area needs is there */
    uint64_t seed = 88172645463325252;
    frame_id_t frame;
    sim_enter_pager();
    while (seam_frame_allocate(&frame) == STATUS_OK) held[count++] = frame.number;
    for (unsigned i = 0; i < count; i++) {
        seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
        bool is_kept = (seed >> 30) % 24 == 0;
        is_free[held[i]] = !is_kept;
        if (!is_kept) cr_assert_eq(seam_frame_free((frame_id_t){ held[i] }), STATUS_OK);
    }
    sim_leave_pager();
    for (unsigned order = 0; order < 8; order++) {
        for (uint64_t limit = 256; limit <= 4096; limit += 128) {
            bool is_seen = false;
            for (uint64_t first = 0; !is_seen && first + (1u << order) <= limit; first += 1u << order) {
                uint64_t i = 0;
                while (i < 1u << order && is_free[first + i]) i++;
                is_seen = i == 1u << order;
            }
            uint64_t pages = order == 0 ? 1 : ((uint64_t)1 << (order - 1)) + 1; /* needs a block of 2^order */
            struct sim_reply reply = ask(DRIVER, pages * P, 0, limit * P);
            cr_assert_eq(reply.label, is_seen ? STATUS_OK : STATUS_NO_MEMORY, "order %u limit %lu %s", order, limit, status_name(reply.label));
            had += is_seen;
            refused += !is_seen;
            if (is_seen) EXPECT(OK, sim_request(DRIVER, PROTOCOL_unmap, reply.word[0], pages * P, 0));
        }
    }
    cr_assert(had > 20 && refused > 20, "%u %u", had, refused);
    sim_enter_pager();
    for (unsigned i = 0; i < count; i++)
        if (!is_free[held[i]]) cr_assert_eq(seam_frame_free((frame_id_t){ held[i] }), STATUS_OK);
    sim_leave_pager();
    fixture_check();
}

Test(pager_contiguous, every_allocation_fails_once)
{
    for (uint64_t fail = 1;; fail++) {
        cr_assert_lt(fail, 40);
        begin();
        uint64_t free = sim_free_frames();
        if (!FAILS_AT(fail, ask(DRIVER, 1500 * P, 22, 0))) break;
        cr_assert_geq(sim_free_frames() + 16, free); /* pages of the slot may be kept */
    }
}

/* Lost at every point: the message is done once, and no frame is lost. */
Test(pager_contiguous, survives_a_loss_of_the_pager)
{
    for (uint64_t point = 1; point <= 24; point++) {
        begin();
        sim_lose(point, 0, nullptr);
        struct sim_reply reply = ask(DRIVER, 700 * P, 0, 0);
        sim_lose(0, 0, nullptr);
        fixture_check();
        uint64_t address = fixture_ok(reply);
        cr_assert_eq(at(address)->pages, 700);
        expect_frames(address, reply.word[1], 700);
        struct sim_reply gone = sim_request(DRIVER, PROTOCOL_unmap, address, 700 * P, 0);
        cr_assert_eq(gone.label, STATUS_OK);
        fixture_check(); /* the next machine's start asserts that every frame came back */
    }
}

/* A duplicate has nothing there, nor the right to ask for more; what a device may know of is the parent's alone, with its rights, and cannot be shared. */
Test(pager_contiguous, a_duplicate_has_none_of_it)
{
    begin();
    uint64_t endpoint = fixture_ok(sim_request(OTHER, PROTOCOL_endpoint_create, 0, 0, 0));
    fixture_ok(sim_request_text(OTHER, PROTOCOL_name_publish, endpoint, "other", 5));
    uint64_t to = fixture_ok(sim_request_text(DRIVER, PROTOCOL_name_find, 0, "other", 5));
    struct sim_reply reply = ask(DRIVER, 4 * P, 0, 0);
    uint64_t address = fixture_ok(reply);
    const uint64_t word[MESSAGE_WORDS] = { address, 4 * P, to, PROTECTION_WRITE };
    EXPECT(IMMUTABLE, sim_call(DRIVER, HANDLE_PAGER, tag_make(PROTOCOL_segment_share, 0), word, nullptr, 0));
    fixture_ok(sim_request(DRIVER, PROTOCOL_process_duplicate, SIM_IMAGE_FIRST, LAYOUT_STACK_TOP - 8, 0));
    uint32_t twin = sim_pager.next_number;
    fixture_check();
    cr_assert_null(segment_find(&sim_process(twin)->segments, address));
    cr_assert_eq(ask(twin, P, 0, 0).label, STATUS_NO_RIGHT);
    expect_frames(address, reply.word[1], 4);
    uint64_t frame;
    uint32_t attributes;
    cr_assert(sim_page(DRIVER, address, &frame, &attributes) && attributes == ATTRIBUTE_WRITE);
    cr_assert_null(sim_touch(twin, address, FAULT_READ));
    fixture_check();
}
