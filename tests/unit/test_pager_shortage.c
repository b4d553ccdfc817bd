/* Before the memory of a family ends, who asked for it is told; when it has ended, one member does, and it is clear which. */
#include "pager_fixture.h"

#include "shortage.h"
#include "sim_script.h"

constexpr uint64_t BITS = 0x30;

static void start_small(const char *arguments)
{
    fixture_start_with(&(struct sim_options){ .memory_bytes = 16 << 20, .arguments = arguments });
}

static struct quota *pages_of(uint32_t number) { return &sim_process(number)->family->pages; }
static uint64_t left_of(uint32_t number) { return sim_request(number, PROTOCOL_memory_info, 0, 0, 0).word[0]; }

static uint64_t endpoint_of(uint32_t number) { return fixture_ok(sim_request(number, PROTOCOL_endpoint_create, 0, 0, 0)); }

static uint64_t bits_at(uint32_t number, uint64_t endpoint)
{
    struct pager_message message;
    return sim_receive(number, (uint32_t)endpoint, &message) == STATUS_OK ? message.word[0] : 0;
}

/* Memory of which every page can be touched; a lowest table's worth. */
static uint64_t area_of(uint32_t number) { return fixture_ok(sim_request(number, PROTOCOL_map, LAYOUT_TABLE_BYTES, PROTECTION_WRITE, 0)); }

/* --- Alarms --- */

/* Touches page after page until the bits come: then as few pages are left as were asked for. */
static void touch_until_told(uint32_t toucher, uint32_t watcher, uint64_t endpoint, uint64_t pages)
{
    uint64_t first = area_of(toucher);
    for (uint64_t at = first; bits_at(watcher, endpoint) == 0; at += PAGE_BYTES) {
        cr_assert_geq(quota_left(pages_of(watcher)), pages);
        cr_assert_lt(at, first + LAYOUT_TABLE_BYTES);
        cr_assert_not_null(sim_touch(toucher, at, FAULT_WRITE));
        fixture_check();
    }
    cr_assert_lt(quota_left(pages_of(watcher)), pages);
    cr_assert_geq(quota_left(pages_of(watcher)) + SEGMENT_LEVELS + 3, pages);
}

Test(pager_shortage, a_family_is_told_before_its_limit)
{
    start_small("around=1 guarantee=100 limit=300");
    uint64_t endpoint = endpoint_of(INIT);
    EXPECT(OK, sim_request(INIT, PROTOCOL_memory_watch, endpoint, BITS, 50));
    cr_assert_eq(bits_at(INIT, endpoint), 0);
    touch_until_told(INIT, INIT, endpoint, 50);
    cr_assert_eq(bits_at(INIT, endpoint), 0); /* once */
    fixture_check();
}

/* Within the guarantee a limit may be near as well. */
Test(pager_shortage, within_the_guarantee_too)
{
    start_small("around=1 guarantee=300 limit=300");
    uint64_t endpoint = endpoint_of(INIT);
    EXPECT(OK, sim_request(INIT, PROTOCOL_memory_watch, endpoint, BITS, 200));
    touch_until_told(INIT, INIT, endpoint, 200);
}

/* Whatever others take that nobody was promised is taken from what one may have. */
Test(pager_shortage, others_may_be_why)
{
    start_small("around=1 guarantee=100");
    uint64_t endpoint = endpoint_of(INIT);
    while (left_of(WX) >= 128) fixture_ok(sim_request(WX, PROTOCOL_brk, 32 * PAGE_BYTES, 0, 0)); /* it can still take the 30 below */
    uint64_t left = left_of(INIT);
    cr_assert_gt(left, 30);
    EXPECT(OK, sim_request(INIT, PROTOCOL_memory_watch, endpoint, BITS, left - 30));
    cr_assert_eq(bits_at(INIT, endpoint), 0);
    touch_until_told(WX, INIT, endpoint, left - 30);
}

Test(pager_shortage, again_only_after_it_has_risen)
{
    start_small("guarantee=100 limit=300");
    uint64_t endpoint = endpoint_of(INIT);
    uint64_t left = left_of(INIT);
    EXPECT(OK, sim_request(INIT, PROTOCOL_memory_watch, endpoint, BITS, left - 10));
    fixture_ok(sim_request(INIT, PROTOCOL_brk, 20 * PAGE_BYTES, 0, 0));
    cr_assert_eq(bits_at(INIT, endpoint), BITS);
    fixture_ok(sim_request(INIT, PROTOCOL_brk, 20 * PAGE_BYTES, 0, 0));
    fixture_ok(sim_request(INIT, PROTOCOL_brk, (uint64_t)-(int64_t)(20 * PAGE_BYTES), 0, 0));
    cr_assert_eq(bits_at(INIT, endpoint), 0);
    fixture_ok(sim_request(INIT, PROTOCOL_brk, (uint64_t)-(int64_t)(20 * PAGE_BYTES), 0, 0));
    fixture_check();
    cr_assert_eq(bits_at(INIT, endpoint), 0);
    fixture_ok(sim_request(INIT, PROTOCOL_brk, 20 * PAGE_BYTES, 0, 0));
    cr_assert_eq(bits_at(INIT, endpoint), BITS);
    fixture_check();
}

Test(pager_shortage, several_members_are_told_each_in_its_turn)
{
    start_small("guarantee=100 limit=400");
    uint32_t child;
    fixture_child(&child);
    uint64_t own = endpoint_of(INIT), other = endpoint_of(child);
    uint64_t left = left_of(INIT);
    EXPECT(OK, sim_request(INIT, PROTOCOL_memory_watch, own, 1, left - 100));
    EXPECT(OK, sim_request(child, PROTOCOL_memory_watch, other, 2, left - 50));
    fixture_ok(sim_request(child, PROTOCOL_brk, 60 * PAGE_BYTES, 0, 0));
    cr_assert_eq(bits_at(INIT, own), 0);
    cr_assert_eq(bits_at(child, other), 2);
    fixture_ok(sim_request(INIT, PROTOCOL_brk, 60 * PAGE_BYTES, 0, 0));
    cr_assert_eq(bits_at(INIT, own), 1);
    cr_assert_eq(bits_at(child, other), 0);
    fixture_check();
    sim_request(child, PROTOCOL_exit, 0, 0, 0);
    fixture_ok(sim_request(INIT, PROTOCOL_brk, 90 * PAGE_BYTES, 0, 0));
    cr_assert_eq(bits_at(INIT, own), 1); /* the child's end gave more back than it took: risen, and fallen again */
    fixture_check();
}

Test(pager_shortage, an_alarm_that_is_due_goes_off_at_once)
{
    start_small("");
    uint64_t endpoint = endpoint_of(INIT);
    EXPECT(OK, sim_request(INIT, PROTOCOL_memory_watch, endpoint, BITS, UINT64_MAX));
    cr_assert_eq(bits_at(INIT, endpoint), BITS);
    fixture_check();
    cr_assert_eq(sim_pager.pages.floor, 0); /* and binds nobody */
}

Test(pager_shortage, wrong_alarms)
{
    start_small("");
    uint64_t endpoint = endpoint_of(INIT);
    uint64_t caller = fixture_ok(sim_request(INIT, PROTOCOL_handle_duplicate, endpoint, RIGHT_CALL, 0));
    EXPECT(BAD_ARGUMENT, sim_request(INIT, PROTOCOL_memory_watch, endpoint, 0, 10));
    EXPECT(BAD_HANDLE, sim_request(INIT, PROTOCOL_memory_watch, 7777, BITS, 10));
    EXPECT(NO_RIGHT, sim_request(INIT, PROTOCOL_memory_watch, caller, BITS, 10));
    EXPECT(OK, sim_request(INIT, PROTOCOL_memory_watch, 0, 0, 0)); /* there is none: fine */
    EXPECT(OK, sim_request(INIT, PROTOCOL_memory_watch, endpoint, BITS, 10));
    cr_assert_eq(sim_pager.count_alarms, 1);
    EXPECT(OK, sim_request(INIT, PROTOCOL_memory_watch, 0, 0, 0));
    cr_assert_eq(sim_pager.count_alarms, 0);
    EXPECT(OK, sim_request(INIT, PROTOCOL_memory_watch, endpoint, BITS, 10));
    EXPECT(OK, sim_request(INIT, PROTOCOL_handle_close, endpoint, 0, 0)); /* with its endpoint it ends */
    cr_assert_eq(sim_pager.count_alarms, 0);
    fixture_check();
    EXPECT(STALE, sim_request(INIT, PROTOCOL_memory_watch, endpoint, BITS, 10));
    uint64_t another = endpoint_of(WX);
    EXPECT(OK, sim_request(WX, PROTOCOL_memory_watch, another, BITS, 10));
    sim_request(WX, PROTOCOL_exit, 0, 0, 0);
    cr_assert_eq(sim_pager.count_alarms, 0);
    fixture_check();
}

/* A fault that does not come near an alarm is decided as quickly as without one. */
Test(pager_shortage, far_from_an_alarm_faults_stay_quick)
{
    start_small("around=1");
    uint64_t endpoint = endpoint_of(INIT);
    EXPECT(OK, sim_request(INIT, PROTOCOL_memory_watch, endpoint, BITS, 10));
    uint64_t first = area_of(INIT);
    uint64_t pages = LAYOUT_TABLE_BYTES / PAGE_BYTES;
    for (uint64_t i = 0; i < 4; i++) cr_assert_not_null(sim_touch(INIT, first + i * PAGE_BYTES, FAULT_WRITE));
    const struct quota *quota = pages_of(INIT);
    cr_assert_gt(quota->quick_limit - quota->charged, 300);
    for (uint64_t i = 4; i < pages; i++) {
        uint64_t bound = quota->quick_limit;
        cr_assert_not_null(sim_touch(INIT, first + i * PAGE_BYTES, FAULT_WRITE));
        cr_assert(bound == quota->quick_limit); /* nobody has looked */
        if (quota->charged > quota->guarantee / 2) break;
    }
    fixture_check();
}

Test(pager_shortage, alarms_survive_the_loss_of_the_pager)
{
    fixture_start_with(&(struct sim_options){ .memory_bytes = 6 << 20, .arguments = "guarantee=100 limit=300" });
    uint64_t endpoint = endpoint_of(INIT);
    uint64_t left = left_of(INIT);
    EXPECT(OK, sim_request(INIT, PROTOCOL_memory_watch, endpoint, BITS, left - 10));
    sim_lose(1, 0, nullptr);
    fixture_ok(sim_request(INIT, PROTOCOL_brk, 20 * PAGE_BYTES, 0, 0));
    sim_lose(0, 0, nullptr);
    fixture_check();
    cr_assert_eq(bits_at(INIT, endpoint), BITS);
    cr_assert(sim_process(INIT)->alarm.is_told);
    sim_lose(1, 0, nullptr);
    fixture_ok(sim_request(INIT, PROTOCOL_brk, PAGE_BYTES, 0, 0));
    sim_lose(0, 0, nullptr);
    fixture_check();
    cr_assert_eq(bits_at(INIT, endpoint), 0);
}

/* --- Before the fact --- */

/* Ten thousand random deeds where memory is short: whatever the pager's bound said there is, the kernel had. So a request that is refused is refused before
 * anything has changed, and what one was granted nobody else took meanwhile. */
Test(pager_shortage, what_the_bound_grants_the_kernel_has)
{
    uint64_t state = 38, refused = sim_count_refused(), least = UINT64_MAX;
    sim_script_start(SIM_SCRIPT_MEMORY);
    for (unsigned step = 0; step < 10'000; step++) {
        uint8_t bytes[96];
        for (size_t i = 0; i < sizeof(bytes); i++) {
            state = state * 6364136223846793005 + 1442695040888963407; /* Knuth's MMIX */
            bytes[i] = (uint8_t)(state >> 56);
        }
        sim_script_step(bytes, sizeof(bytes), 60);
        cr_assert_eq(sim_count_refused(), refused, "step %u\n%s", step, sim_log());
        cr_assert_geq(sim_free_frames(), pool_free(&sim_pager.pages), "step %u", step);
        if (sim_pager.pages.spare < least) least = sim_pager.pages.spare;
        if (step % 500 == 0) {
            fixture_check();
            sim_log_clear();
        }
        if (sim_process(1) == nullptr) sim_script_start(SIM_SCRIPT_MEMORY);
    }
    cr_assert_lt(least, 4, "%lu", least); /* it was short */
    fixture_check();
}

/* --- Who ends --- */

/* Uses up what a family may have, by one of its members. */
static void fill(uint32_t number)
{
    for (uint64_t pages = 64; pages > 0; pages /= 2)
        while (sim_request(number, PROTOCOL_brk, pages * PAGE_BYTES, 0, 0).label == STATUS_OK) {}
}

static uint64_t stack_page(unsigned number) { return LAYOUT_STACK_TOP - 8 - (uint64_t)number * PAGE_BYTES; }

Test(pager_shortage, the_member_that_is_charged_most_ends_and_the_toucher_goes_on)
{
    start_small("guarantee=100 limit=300");
    uint32_t small, large;
    uint32_t small_handle = fixture_child(&small), large_handle = fixture_child(&large);
    fixture_ok(sim_request(small, PROTOCOL_brk, 10 * PAGE_BYTES, 0, 0));
    fill(large);
    uint64_t charge = process_charge(sim_process(large));
    const struct quota *quota = pages_of(INIT);
    char line[200];
    snprintf(line, sizeof(line), "memory: short pid=%u ends=%u pages=%lu family=0 charged=%lu guarantee=100 limit=300 free=%lu promised=%lu", small, large,
             charge, quota->charged, pool_free(&sim_pager.pages), sim_pager.pages.promised);
    cr_assert_not_null(sim_touch(small, stack_page(0), FAULT_WRITE));
    cr_assert(fixture_logged(line), "%s\n%s", line, sim_log());
    fixture_ended(large_handle, PROCESS_OUT_OF_MEMORY, 0);
    cr_assert_eq(sim_process(small)->state, PROCESS_RUNNING);
    (void)small_handle;
    fixture_check();
}

Test(pager_shortage, of_those_that_are_charged_the_same_the_youngest)
{
    start_small("guarantee=100 limit=300");
    uint32_t first, second, third;
    fixture_child(&first);
    fixture_child(&second);
    fixture_child(&third);
    cr_assert_eq(process_charge(sim_process(INIT)), process_charge(sim_process(third)));
    cr_assert_eq(shortage_choose(&sim_pager, sim_process(INIT)->family)->number, third);
    fixture_ok(sim_request(second, PROTOCOL_brk, 20 * PAGE_BYTES, 0, 0));
    cr_assert_eq(shortage_choose(&sim_pager, sim_process(INIT)->family)->number, second);
    fixture_ok(sim_request(third, PROTOCOL_brk, 20 * PAGE_BYTES, 0, 0));
    cr_assert_eq(shortage_choose(&sim_pager, sim_process(INIT)->family)->number, third);
    fixture_ok(sim_request(first, PROTOCOL_brk, 20 * PAGE_BYTES, 0, 0));
    cr_assert_eq(shortage_choose(&sim_pager, sim_process(INIT)->family)->number, third);
}

Test(pager_shortage, the_toucher_ends_when_it_is_the_one)
{
    start_small("guarantee=100 limit=300");
    uint32_t child;
    uint32_t handle = fixture_child(&child);
    fill(child);
    cr_assert_null(sim_touch(child, stack_page(0), FAULT_WRITE));
    fixture_ended(handle, PROCESS_OUT_OF_MEMORY, stack_page(0));
    char line[60];
    snprintf(line, sizeof(line), "memory: short pid=%u ends=%u ", child, child);
    cr_assert(fixture_logged(line), "%s", sim_log());
    fixture_check();
}

/* A family that has all that it may, and in it one that has twice as much as its child, less some pages. Returns what that is in all. */
static uint64_t start_full(uint64_t limit, uint64_t pages_less, uint32_t *child)
{
    char arguments[60];
    snprintf(arguments, sizeof(arguments), "guarantee=100 limit=%lu", limit);
    start_small(arguments);
    fixture_child(child);
    fixture_ok(sim_request(*child, PROTOCOL_brk, 10 * PAGE_BYTES, 0, 0));
    uint64_t charge = 2 * process_charge(sim_process(*child)) - pages_less;
    while (process_charge(sim_process(INIT)) < charge) fixture_ok(sim_request(INIT, PROTOCOL_brk, PAGE_BYTES, 0, 0));
    cr_assert_eq(process_charge(sim_process(INIT)), charge);
    return pages_of(INIT)->charged;
}

/* Who ends when the child touches one page more. */
static uint32_t who_ends(uint64_t pages_less)
{
    uint32_t child;
    uint64_t all = start_full(1000, pages_less, &child);
    cr_assert_eq(start_full(all, pages_less, &child), all);
    bool is_mapped = sim_touch(child, stack_page(0), FAULT_WRITE) != nullptr;
    fixture_check();
    cr_assert_eq(is_mapped, sim_process(child) != nullptr && sim_process(child)->state == PROCESS_RUNNING);
    cr_assert_neq(is_mapped, sim_process(INIT) != nullptr && sim_process(INIT)->state == PROCESS_RUNNING);
    return is_mapped ? INIT : child;
}

Test(pager_shortage, the_largest_ends_where_it_has_twice_as_much) { cr_assert_eq(who_ends(0), INIT); }
Test(pager_shortage, the_toucher_ends_where_nobody_has_twice_as_much) { cr_assert_neq(who_ends(1), INIT); }

/* What members keep for later is given back first: then nobody ends. */
Test(pager_shortage, what_is_kept_for_later_goes_first)
{
    start_small("guarantee=100 limit=300");
    uint32_t child;
    fixture_child(&child);
    uint64_t first = fixture_ok(sim_request(child, PROTOCOL_map, PAGE_BYTES, PROTECTION_WRITE, 0));
    uint64_t endpoint = endpoint_of(child);
    fixture_ok(sim_request(child, PROTOCOL_brk, PAGE_BYTES, 0, 0));
    EXPECT(OK, sim_request(child, PROTOCOL_unmap, first, PAGE_BYTES, 0)); /* its region and its run stay */
    EXPECT(OK, sim_request(child, PROTOCOL_handle_close, endpoint, 0, 0)); /* so does the page of endpoints */
    fill(INIT);
    cr_assert_eq(pages_of(INIT)->charged, 300);
    unsigned touched = 0;
    while (sim_touch(child, stack_page(touched), FAULT_WRITE) != nullptr && !fixture_logged("memory: short")) touched++;
    cr_assert_geq(touched, 1);
    cr_assert_null(sim_process(child)->segments.directory.area);
    cr_assert(fixture_logged("ends=1 "), "%s", sim_log());
    fixture_check();
}

/* Ends one after the other, until there is enough. */
Test(pager_shortage, as_many_end_as_must)
{
    start_small("guarantee=60 limit=200");
    uint32_t number[4];
    for (unsigned i = 0; i < 4; i++) fixture_child(&number[i]);
    fill(number[0]);
    unsigned page = 0;
    while (sim_process(number[3])->state == PROCESS_RUNNING && page < 200 && sim_touch(number[3], stack_page(page), FAULT_WRITE) != nullptr) {
        page++;
        fixture_check();
    }
    cr_assert_eq(sim_process(number[0]) == nullptr || sim_process(number[0])->state == PROCESS_ENDED, true);
    cr_assert(fixture_logged("reason=out-of-memory"));
    cr_assert_eq(sim_process(WX)->state, PROCESS_RUNNING);
    fixture_check();
}

/* A founded family has its own end: its founder is not asked. */
Test(pager_shortage, other_families_lose_nothing)
{
    start_small("guarantee=200 limit=600");
    const uint64_t terms[MESSAGE_WORDS] = { 20, 80, 1, 4 };
    struct sim_reply made = sim_call(INIT, HANDLE_PAGER, tag_make(PROTOCOL_family_create, 0), terms, nullptr, 0);
    uint64_t family = fixture_ok(made);
    const uint64_t word[MESSAGE_WORDS] = { 0, family };
    uint64_t handle = fixture_ok(sim_call(INIT, HANDLE_PAGER, tag_make(PROTOCOL_process_start, sizeof("child")), word, "child", sizeof("child")));
    uint32_t child = sim_pager.next_number;
    fixture_ok(sim_request(INIT, PROTOCOL_brk, 300 * PAGE_BYTES, 0, 0)); /* has more than the child */
    fill(child);
    cr_assert_null(sim_touch(child, stack_page(0), FAULT_WRITE));
    fixture_ended((uint32_t)handle, PROCESS_OUT_OF_MEMORY, stack_page(0));
    cr_assert_eq(sim_process(INIT)->state, PROCESS_RUNNING);
    fixture_check();
}

/* The pager is lost at every step of a fault that ends somebody: one ends, no more, and the toucher has its page. */
Test(pager_shortage, the_pager_may_be_lost_meanwhile)
{
    for (uint64_t at = 1;; at++) {
        fixture_start_with(&(struct sim_options){ .memory_bytes = 6 << 20, .arguments = "guarantee=100 limit=200" });
        uint32_t small, large;
        fixture_child(&small);
        uint32_t handle = fixture_child(&large);
        fill(large);
        uint64_t lost = sim_count_lost();
        sim_lose(at, 0, nullptr);
        cr_assert_not_null(sim_touch(small, stack_page(0), FAULT_WRITE), "%lu", at);
        sim_lose(0, 0, nullptr);
        fixture_check();
        fixture_ended(handle, PROCESS_OUT_OF_MEMORY, 0);
        cr_assert_eq(sim_process(INIT)->state, PROCESS_RUNNING);
        if (sim_count_lost() == lost) break;
    }
}
