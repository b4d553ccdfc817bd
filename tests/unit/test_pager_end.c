/* The end of a process with much memory: it goes in steps, others go on, and who waits for the end is answered when all is back. */
#include "pager_fixture.h"

#include "work.h"

constexpr uint64_t PAGES = 3 * STEP_PAGES + 5;

/* Memory of a process, all of it there, page by page: entries of lowest tables. */
static void touched(uint32_t number, uint64_t pages)
{
    uint64_t first = fixture_ok(sim_request(number, PROTOCOL_map, pages * PAGE_BYTES, PROTECTION_WRITE, 0));
    for (uint64_t i = 0; i < pages; i++) cr_assert_not_null(sim_touch(number, first + i * PAGE_BYTES, FAULT_WRITE));
}

/* The same at once, by large entries where they fit. */
static uint64_t filled(uint32_t number, uint64_t pages)
{
    uint64_t first = fixture_ok(sim_request(number, PROTOCOL_map, pages * PAGE_BYTES, PROTECTION_WRITE, 0));
    fixture_ok(fixture_whole(number, PROTOCOL_populate, first, pages * PAGE_BYTES, 0));
    return first;
}

static struct sim_reply wait_for(uint32_t handle)
{
    const uint64_t word[MESSAGE_WORDS] = { 0 };
    return sim_call(INIT, handle, tag_make(PROTOCOL_process_wait, 0), word, nullptr, 0);
}

static void exits(uint32_t number, uint64_t value) { cr_assert_eq(sim_request(number, PROTOCOL_exit, value, 0, 0).outcome, SIM_GONE); }

/* How many steps an end has; each is one call of the kernel for a segment at most, and nobody's request brings one. */
static unsigned steps_beside(uint32_t other, uint64_t address, uint64_t calls_most)
{
    unsigned pauses = 0;
    for (; sim_pager.count_going > 0; pauses++) {
        uint64_t unmaps = sim_count_call(CALL_space_unmap), free = sim_free_frames();
        *(uint64_t *)sim_touch(other, address + pauses * PAGE_BYTES, FAULT_WRITE) = pauses;
        cr_assert_eq(sim_count_call(CALL_space_unmap), unmaps);
        cr_assert_leq(sim_free_frames(), free);
        fixture_check();
        unmaps = sim_count_call(CALL_space_unmap);
        free = sim_free_frames();
        sim_pause();
        cr_assert_leq(sim_count_call(CALL_space_unmap) - unmaps, calls_most, "%u", pauses);
        cr_assert_leq(sim_free_frames() - free, STEP_PAGES + 20); /* tables, records */
    }
    return pauses;
}

Test(pager_end, large_memory_goes_in_bounded_steps)
{
    fixture_start();
    uint64_t own = fixture_ok(sim_request(WX, PROTOCOL_map, 64 * PAGE_BYTES, PROTECTION_WRITE, 0));
    uint64_t begin = sim_free_frames();
    uint32_t number;
    uint32_t handle = fixture_child(&number);
    touched(number, PAGES);
    sim_hold_time(true);
    cr_assert_eq(wait_for(handle).outcome, SIM_WAITS);
    uint64_t before = sim_free_frames();
    exits(number, 7);
    cr_assert_leq(sim_free_frames() - before, 16); /* its thread, pages of the pager: the memory is still to come */
    cr_assert_eq(sim_process(number)->state, PROCESS_ENDED);
    cr_assert_eq(sim_look(INIT).outcome, SIM_WAITS);
    cr_assert_eq(sim_process(number)->family->pages.charged >= PAGES, true, "what is not back is charged");
    unsigned steps = steps_beside(WX, own, 16);
    cr_assert_geq(steps, 4);
    cr_assert_leq(steps, 8);
    struct sim_reply reply = sim_look(INIT);
    fixture_ok(reply);
    cr_assert_eq(reply.word[0], PROCESS_EXITED);
    cr_assert_eq(reply.word[1], 7);
    fixture_ended(handle, PROCESS_EXITED, 7);
    EXPECT(OK, sim_request(INIT, PROTOCOL_handle_close, handle, 0, 0));
    cr_assert_null(sim_process(number));
    sim_hold_time(false);
    for (unsigned i = 0; i < steps; i++) cr_assert_eq(*(uint64_t *)sim_touch(WX, own + i * PAGE_BYTES, FAULT_READ), i);
    cr_assert_leq(begin - sim_free_frames(), segment_find(&sim_process(WX)->segments, own)->pages + 4); /* what was touched meanwhile */
    fixture_check();
}

Test(pager_end, small_memory_goes_at_once)
{
    fixture_start();
    uint32_t number;
    uint32_t handle = fixture_child(&number);
    filled(INIT, PAGES); /* the family has much, the child has not */
    filled(number, STEP_PAGES / 2);
    sim_hold_time(true);
    exits(number, 0);
    cr_assert_null(sim_pager.work_first);
    fixture_ended(handle, PROCESS_EXITED, 0);
    sim_hold_time(false);
    fixture_check();
}

/* What nobody is charged for takes as long: pages of a module. */
Test(pager_end, pages_of_modules_count_too)
{
    static unsigned char file[STEP_PAGES * PAGE_BYTES];
    static struct sim_image image;
    sim_image_make(&image, &fixture_shape);
    struct sim_module modules[] = {
        { "init", image.bytes, image.size_bytes }, { "other", image.bytes, image.size_bytes }, { "data:large", file, sizeof(file) },
    };
    sim_start(&(struct sim_options){ 0 }, modules, 3);
    for (unsigned i = 0; i < 3; i++) {
        uint64_t first = fixture_ok(sim_request_text(WX, PROTOCOL_module_map, 0, "large", 5));
        fixture_ok(fixture_whole(WX, PROTOCOL_populate, first, sizeof(file), 0));
    }
    cr_assert_leq(sim_process(WX)->family->pages.charged, STEP_PAGES);
    sim_hold_time(true);
    exits(WX, 0);
    cr_assert_eq(sim_pager.count_going, 1);
    while (sim_pager.count_going > 0) {
        uint64_t unmaps = sim_count_call(CALL_space_unmap);
        sim_pause();
        cr_assert_leq(sim_count_call(CALL_space_unmap) - unmaps, 16);
        fixture_check();
    }
    sim_hold_time(false);
}

/* Who asks after the end, while memory is going, waits as well; and so does the slot when nobody has a handle. */
Test(pager_end, who_asks_meanwhile_waits)
{
    for (unsigned with_handle = 0; with_handle < 2; with_handle++) {
        fixture_start();
        uint32_t number;
        uint32_t handle = fixture_child(&number);
        filled(number, PAGES);
        sim_hold_time(true);
        exits(number, 3);
        sim_pause();
        if (with_handle == 1) cr_assert_eq(wait_for(handle).outcome, SIM_WAITS);
        else EXPECT(OK, sim_request(INIT, PROTOCOL_handle_close, handle, 0, 0));
        fixture_check();
        cr_assert_not_null(sim_process(number));
        uint32_t next;
        if (with_handle == 0) fixture_child(&next); /* in another slot */
        sim_hold_time(false);
        sim_run();
        if (with_handle == 1) cr_assert_eq(fixture_ok(sim_look(INIT)), PROCESS_EXITED);
        else cr_assert_null(sim_process(number));
        fixture_check();
    }
}

/* Small segments go many with a step: what each costs is bounded, and nobody waits for a pause between two pages. */
Test(pager_end, many_segments_share_a_step)
{
    fixture_start();
    uint64_t own = fixture_ok(sim_request(WX, PROTOCOL_map, 64 * PAGE_BYTES, PROTECTION_WRITE, 0));
    constexpr uint64_t segments = 400;
    uint32_t number;
    fixture_child(&number);
    uint64_t first = filled(number, 2 * segments);
    for (uint64_t i = 0; i < segments; i++) fixture_ok(sim_request(number, PROTOCOL_protect, first + 2 * i * PAGE_BYTES, PAGE_BYTES, 0));
    cr_assert_geq(sim_process(number)->segments.count, 2 * segments);
    sim_hold_time(true);
    exits(number, 0);
    unsigned steps = steps_beside(WX, own, 2 * STEP_PAGES / 9);
    cr_assert_leq(steps, 2 * segments * 9 / STEP_PAGES + 8);
    sim_hold_time(false);
    fixture_check();
}

/* Unmapping goes the same way. */
Test(pager_end, many_segments_of_an_unmap_share_a_step)
{
    fixture_start();
    constexpr uint64_t segments = 400;
    uint64_t first = filled(INIT, 2 * segments);
    for (uint64_t i = 0; i < segments; i++) fixture_ok(sim_request(INIT, PROTOCOL_protect, first + 2 * i * PAGE_BYTES, PAGE_BYTES, 0));
    sim_hold_time(true);
    cr_assert_eq(sim_request(INIT, PROTOCOL_unmap, first, 2 * segments * PAGE_BYTES, 0).outcome, SIM_WAITS);
    unsigned pauses = 0;
    for (; sim_look(INIT).outcome == SIM_WAITS; pauses++) {
        fixture_check();
        sim_pause();
    }
    cr_assert_eq(pauses, (2 * segments + STEP_PAGES / 9 - 1) / (STEP_PAGES / 9));
    fixture_ok(sim_look(INIT));
}

/* A member that needs a page while another's memory is going gets it from there: each fault brings a step, and nobody ends for it. */
Test(pager_end, who_needs_the_memory_brings_the_steps)
{
    for (unsigned is_unmap = 0; is_unmap < 2; is_unmap++) {
        fixture_start_with(&(struct sim_options){ .arguments = "around=1 guarantee=1000 limit=2000" });
        uint32_t toucher, number;
        fixture_child(&toucher);
        fixture_child(&number);
        uint64_t first = filled(number, PAGES);
        uint64_t own = fixture_ok(sim_request(toucher, PROTOCOL_map, 1000 * PAGE_BYTES, PROTECTION_WRITE, 0));
        const struct quota *quota = &sim_process(INIT)->family->pages;
        uint64_t touched = 0;
        for (; quota_left(quota) > 0; touched++) cr_assert_not_null(sim_touch(toucher, own + touched * PAGE_BYTES, FAULT_WRITE));
        sim_hold_time(true);
        if (is_unmap == 1) cr_assert_eq(sim_request(number, PROTOCOL_unmap, first, PAGES * PAGE_BYTES, 0).outcome, SIM_WAITS);
        else exits(number, 0);
        for (uint64_t i = 0; i < 600; i++) cr_assert_not_null(sim_touch(toucher, own + (touched + i) * PAGE_BYTES, FAULT_WRITE), "%lu", i);
        cr_assert(!fixture_logged("memory: short"), "%s", sim_log());
        fixture_check();
        sim_hold_time(false);
        sim_run();
        cr_assert_null(sim_pager.work_first);
        fixture_check();
    }
}

/* The machine is idle when the memory of the last program is back, and not before. */
Test(pager_end, idle_comes_last)
{
    fixture_start_with(&(struct sim_options){ .arguments = "end=exit", .audits = true });
    filled(INIT, PAGES);
    exits(WX, 0);
    sim_hold_time(true);
    exits(INIT, 0);
    cr_assert(!fixture_logged("pager: idle"));
    cr_assert_eq(sim_ended(), 0);
    while (sim_pager.count_going > 0) sim_pause();
    cr_assert(fixture_logged("pager: idle"), "%s", sim_log());
    cr_assert(fixture_logged("check: ok after=idle"), "%s", sim_log());
    cr_assert_eq(sim_ended(), 1);
}

/* The pager is lost at every step of the end: who waits is answered, and all memory is back. */
Test(pager_end, the_pager_may_be_lost_meanwhile)
{
    uint64_t at = 1;
    for (bool is_lost = true; is_lost; at += 1 + at / 40) {
        fixture_start();
        uint64_t begin = sim_free_frames();
        uint32_t number;
        uint32_t handle = fixture_child(&number);
        filled(number, STEP_PAGES + 100);
        cr_assert_eq(wait_for(handle).outcome, SIM_WAITS);
        uint64_t lost = sim_count_lost();
        sim_lose(at, 0, nullptr);
        exits(number, 9);
        is_lost = sim_count_lost() > lost;
        sim_lose(0, 0, nullptr);
        struct sim_reply reply = sim_look(INIT);
        fixture_ok(reply);
        cr_assert_eq(reply.word[0], PROCESS_EXITED);
        cr_assert_eq(reply.word[1], 9);
        fixture_ended(handle, PROCESS_EXITED, 9);
        fixture_check();
        EXPECT(OK, sim_request(INIT, PROTOCOL_handle_close, handle, 0, 0));
        cr_assert_leq(begin - sim_free_frames(), 4);
    }
    cr_assert_gt(at, 40);
}
