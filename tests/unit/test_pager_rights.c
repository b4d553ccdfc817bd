/* What may be done with a handle, by its rights; and what becomes of those that were derived from it. */
#include "pager_fixture.h"

/* init has an endpoint; wx has found it by name, so that init can pass things on: the other way there is an endpoint of wx that init has found. */
static uint32_t own, theirs;

static uint64_t new_endpoint(uint32_t number) { return fixture_ok(sim_request(number, PROTOCOL_endpoint_create, 0, 0, 0)); }

static struct sim_reply publish(uint32_t number, uint64_t handle, const char *name)
{
    return sim_request_text(number, PROTOCOL_name_publish, handle, name, strlen(name));
}

static struct sim_reply find(uint32_t number, const char *name)
{
    return sim_request_text(number, PROTOCOL_name_find, 0, name, strlen(name));
}

static struct sim_reply ask(uint32_t number, enum protocol label, uint64_t handle, uint64_t word1, uint64_t word2)
{
    return sim_request(number, label, handle, word1, word2);
}
#define duplicate(number, handle, rights) ask(number, PROTOCOL_handle_duplicate, handle, rights, 0)
#define narrow(number, handle, rights) ask(number, PROTOCOL_handle_narrow, handle, rights, 0)
#define pass(number, handle, rights, to) ask(number, PROTOCOL_handle_pass, handle, rights, to)
#define close_handle(number, handle) ask(number, PROTOCOL_handle_close, handle, 0, 0)
#define revoke(number, handle) ask(number, PROTOCOL_handle_revoke, handle, 0, 0)

static void begin(void)
{
    fixture_start();
    own = (uint32_t)new_endpoint(INIT);
    fixture_ok(publish(INIT, own, "own"));
    fixture_ok(publish(WX, new_endpoint(WX), "theirs"));
    theirs = (uint32_t)fixture_ok(find(INIT, "theirs"));
}

/* The status that a call through a handle gets; OK: it was queued, and was taken and answered by init. */
static enum status call_through(uint32_t number, uint32_t handle, uint64_t *badge)
{
    uint64_t word[MESSAGE_WORDS] = { 0 };
    struct sim_reply reply = sim_call(number, handle, tag_make(1, 0), word, nullptr, 0);
    if (reply.outcome == SIM_GOES_ON) return reply.call;
    struct pager_message message;
    cr_assert_eq(sim_receive(INIT, own, &message), STATUS_OK);
    *badge = message.badge;
    sim_reply_to(INIT, own, &message);
    return STATUS_OK;
}

static enum status notify_through(uint32_t number, uint32_t handle)
{
    return sim_notify(number, handle, 1);
}

/* Every set of rights with every operation, beside what the documents say. */
Test(pager_rights, every_right_with_every_operation)
{
    begin();
    for (uint64_t rights = 1; rights <= RIGHTS_ALL; rights++) {
        uint32_t handle = (uint32_t)fixture_ok(duplicate(INIT, own, rights));
        struct pager_message message;
        enum status received = sim_receive(INIT, handle, &message);
        cr_assert_eq(received, rights & RIGHT_RECEIVE ? STATUS_WOULD_BLOCK : STATUS_NO_RIGHT, "receive by %lx: %u", rights, received);
        cr_assert_eq(notify_through(INIT, handle), rights & RIGHT_NOTIFY ? STATUS_OK : STATUS_NO_RIGHT, "notify by %lx", rights);
        if (rights & RIGHT_NOTIFY) cr_assert_eq(sim_receive(INIT, own, &message), STATUS_OK, "the bits");
        for (uint64_t wanted = 1; wanted <= RIGHTS_ALL; wanted++) {
            bool within = (wanted & ~rights) == 0 && (wanted == rights || rights & RIGHT_NARROW);
            struct sim_reply copy = duplicate(INIT, handle, wanted);
            cr_assert_eq(copy.label, within ? STATUS_OK : STATUS_NO_RIGHT, "duplicate %lx of %lx", wanted, rights);
            if (within) fixture_ok(close_handle(INIT, copy.word[0]));
            bool passes = within && rights & RIGHT_PASS && !(wanted & RIGHT_RECEIVE);
            struct sim_reply passed = pass(INIT, handle, wanted, theirs);
            cr_assert_eq(passed.label, passes ? STATUS_OK : STATUS_NO_RIGHT, "pass %lx of %lx: %s", wanted, rights, status_name(passed.label));
            if (passes) fixture_ok(close_handle(WX, passed.word[0]));
        }
        bool publishes = rights & RIGHT_RECEIVE && rights != RIGHT_RECEIVE;
        uint32_t second = (uint32_t)new_endpoint(INIT);
        uint32_t named = (uint32_t)fixture_ok(duplicate(INIT, second, rights));
        cr_assert_eq(publish(INIT, named, "second").label, publishes ? STATUS_OK : STATUS_NO_RIGHT, "publish by %lx", rights);
        struct sim_reply badged = sim_request(INIT, PROTOCOL_handle_duplicate, named, rights, 77);
        cr_assert_eq(badged.label, rights & RIGHT_RECEIVE ? STATUS_OK : STATUS_NO_RIGHT, "badge by %lx", rights);
        fixture_ok(close_handle(INIT, second));
        EXPECT(STALE, close_handle(INIT, named));
        for (uint64_t less = RIGHTS_ALL; less > 0; less--) {
            if ((less & ~rights) != 0 || less == rights) continue;
            cr_assert_eq(narrow(INIT, handle, less).label, rights & RIGHT_NARROW ? STATUS_OK : STATUS_NO_RIGHT, "narrow %lx to %lx", rights, less);
            break;
        }
        fixture_ok(close_handle(INIT, handle));
    }
    fixture_check();
}

Test(pager_rights, a_call_needs_its_right)
{
    begin();
    for (uint64_t rights = 1; rights < RIGHTS_ALL; rights++) {
        if (rights & RIGHT_RECEIVE) continue;
        uint32_t handle = (uint32_t)fixture_ok(pass(INIT, own, rights, theirs));
        uint64_t badge = 0;
        cr_assert_eq(call_through(WX, handle, &badge), rights & RIGHT_CALL ? STATUS_OK : STATUS_NO_RIGHT, "%lx", rights);
        if (rights & RIGHT_CALL) cr_assert_eq(badge, HOLDING_BADGE_USUAL | WX);
        fixture_ok(close_handle(WX, handle));
    }
    fixture_check();
}

Test(pager_rights, wrong_rights_and_handles)
{
    begin();
    static const uint64_t wrong[] = { 0, RIGHTS_ALL + 1, RIGHT_CALL | (uint64_t)1 << 32, UINT64_MAX };
    for (unsigned i = 0; i < 4; i++) {
        EXPECT(BAD_ARGUMENT, duplicate(INIT, own, wrong[i]));
        EXPECT(BAD_ARGUMENT, narrow(INIT, own, wrong[i]));
        EXPECT(BAD_ARGUMENT, pass(INIT, own, wrong[i], theirs));
    }
    uint32_t closed = (uint32_t)fixture_ok(duplicate(INIT, own, RIGHT_CALL));
    fixture_ok(close_handle(INIT, closed));
    const struct { uint64_t handle; enum status status; } bad[] = {
        { 0, STATUS_BAD_HANDLE }, { HANDLE_PAGER, STATUS_BAD_HANDLE }, { closed, STATUS_STALE }, { closed + (1 << HOLDING_SLOT_BITS), STATUS_BAD_HANDLE },
        { own | (uint64_t)1 << 40, STATUS_BAD_HANDLE }, { 200, STATUS_BAD_HANDLE }, { UINT64_MAX, STATUS_BAD_HANDLE },
    };
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        cr_assert_eq(duplicate(INIT, bad[i].handle, RIGHT_CALL).label, bad[i].status, "%u", i);
        cr_assert_eq(narrow(INIT, bad[i].handle, RIGHT_CALL).label, bad[i].status, "%u", i);
        cr_assert_eq(pass(INIT, bad[i].handle, RIGHT_CALL, theirs).label, bad[i].status, "%u", i);
        cr_assert_eq(pass(INIT, own, RIGHT_CALL, bad[i].handle).label, bad[i].status, "%u", i);
        cr_assert_eq(revoke(INIT, bad[i].handle).label, bad[i].status, "%u", i);
        cr_assert_eq(close_handle(INIT, bad[i].handle).label, bad[i].status, "%u", i);
    }
    fixture_check();
}

/* --- Passing --- */

Test(pager_rights, the_receiver_has_its_own_number_and_badge)
{
    begin();
    for (unsigned i = 0; i < 5; i++) fixture_ok(find(WX, "own"));
    uint32_t badged = (uint32_t)fixture_ok(sim_request(INIT, PROTOCOL_handle_duplicate, own, RIGHT_CALL | RIGHT_PASS, 0x1234));
    uint32_t handle = (uint32_t)fixture_ok(pass(INIT, badged, RIGHT_CALL | RIGHT_PASS, theirs));
    uint64_t badge = 0;
    cr_assert_eq(call_through(WX, handle, &badge), STATUS_OK);
    cr_assert_eq(badge, 0x1234);
    EXPECT(BAD_ARGUMENT, sim_request(INIT, PROTOCOL_handle_duplicate, own, RIGHT_CALL, HOLDING_BADGE_USUAL));
    EXPECT(NO_RIGHT, sim_request(WX, PROTOCOL_handle_duplicate, handle, RIGHT_CALL | RIGHT_PASS, 5));
    /* One that is passed on further keeps the badge: nobody but the owner changes it. */
    uint32_t number;
    uint32_t child = fixture_child(&number);
    uint32_t to_child = (uint32_t)fixture_ok(pass(INIT, child, RIGHT_CALL, theirs));
    uint32_t third = (uint32_t)fixture_ok(pass(WX, handle, RIGHT_CALL | RIGHT_PASS, to_child));
    cr_assert_eq(call_through(number, third, &badge), STATUS_OK);
    cr_assert_eq(badge, 0x1234);
    fixture_check();
}

Test(pager_rights, a_process_handle_is_passed_on)
{
    begin();
    uint32_t number;
    uint32_t child = fixture_child(&number);
    uint32_t theirs_too = (uint32_t)fixture_ok(pass(INIT, child, RIGHT_CALL, theirs));
    EXPECT(BAD_ARGUMENT, pass(INIT, child, RIGHT_CALL, child));
    EXPECT(NO_RIGHT, pass(WX, theirs_too, RIGHT_CALL, theirs_too));
    uint64_t word[MESSAGE_WORDS] = { 0 };
    cr_assert_eq(sim_call(WX, theirs_too, PROTOCOL_process_wait, word, nullptr, 0).outcome, SIM_WAITS);
    fixture_ok(close_handle(INIT, child));
    fixture_check();
    sim_request(number, PROTOCOL_exit, 3, 0, 0);
    cr_assert_eq(sim_look(WX).word[1], 3);
    EXPECT(STALE, pass(WX, (uint32_t)fixture_ok(find(WX, "own")), RIGHT_CALL | RIGHT_NOTIFY | RIGHT_PASS | RIGHT_NARROW, theirs_too));
    fixture_ok(close_handle(WX, theirs_too));
    cr_assert_null(sim_process(number));
    fixture_check();
}

/* Others may fill half of a table; the process's own half stays its own. */
Test(pager_rights, passing_has_a_limit)
{
    begin();
    for (uint32_t i = 0; i < HOLDING_PASSED_MOST; i++) fixture_ok(pass(INIT, own, RIGHT_CALL, theirs));
    EXPECT(LIMIT, pass(INIT, own, RIGHT_CALL, theirs));
    for (uint32_t i = 0; i < 100; i++) fixture_ok(find(WX, "own"));
    fixture_check();
    cr_assert_eq(fixture_ok(revoke(INIT, own)), HOLDING_PASSED_MOST + 100);
    fixture_ok(pass(INIT, own, RIGHT_CALL, theirs));
    fixture_check();
}

Test(pager_rights, passing_without_memory_changes_nothing)
{
    begin();
    uint32_t number;
    uint32_t child = fixture_child(&number);
    fixture_fill_handles(number);
    uint64_t charge = process_charge(sim_process(number)), free = sim_free_frames();
    sim_fail_allocation(1);
    EXPECT(NO_MEMORY, pass(INIT, own, RIGHT_CALL, child));
    sim_fail_allocation(0);
    fixture_check();
    cr_assert(process_charge(sim_process(number)) == charge && sim_free_frames() == free);
    fixture_ok(pass(INIT, own, RIGHT_CALL, child));
    fixture_check();
}

/* --- Closing and revoking --- */

Test(pager_rights, revoking_takes_all_that_was_derived)
{
    begin();
    uint32_t parent = (uint32_t)fixture_ok(duplicate(INIT, own, RIGHT_CALL | RIGHT_PASS | RIGHT_NARROW));
    uint32_t number;
    uint32_t child = fixture_child(&number);
    uint32_t first = (uint32_t)fixture_ok(pass(INIT, parent, RIGHT_CALL | RIGHT_PASS, theirs));
    uint32_t to_child = (uint32_t)fixture_ok(pass(INIT, child, RIGHT_CALL, theirs));
    uint32_t second = (uint32_t)fixture_ok(pass(WX, first, RIGHT_CALL | RIGHT_PASS, to_child));
    uint32_t beside = (uint32_t)fixture_ok(pass(INIT, own, RIGHT_CALL, theirs));
    uint64_t badge = 0;
    cr_assert_eq(call_through(WX, first, &badge), STATUS_OK);
    cr_assert_eq(call_through(number, second, &badge), STATUS_OK);
    cr_assert_eq(fixture_ok(revoke(INIT, parent)), 2);
    fixture_check();
    cr_assert_eq(call_through(WX, first, &badge), STATUS_STALE);
    cr_assert_eq(call_through(number, second, &badge), STATUS_STALE);
    EXPECT(STALE, close_handle(number, second));
    cr_assert_eq(call_through(WX, beside, &badge), STATUS_OK);
    cr_assert_eq(fixture_ok(revoke(INIT, parent)), 0);
    fixture_check();
}

/* What was derived from a closed handle belongs to the one before it, which can still take it back. */
Test(pager_rights, closing_leaves_what_was_derived)
{
    begin();
    uint32_t parent = (uint32_t)fixture_ok(duplicate(INIT, own, RIGHTS_ALL));
    uint32_t middle = (uint32_t)fixture_ok(duplicate(INIT, parent, RIGHTS_ALL));
    uint32_t beside = (uint32_t)fixture_ok(duplicate(INIT, own, RIGHTS_ALL));
    uint32_t last = (uint32_t)fixture_ok(pass(INIT, middle, RIGHT_CALL, theirs));
    uint64_t badge = 0;
    fixture_ok(close_handle(INIT, middle));
    fixture_check();
    cr_assert_eq(call_through(WX, last, &badge), STATUS_OK);
    cr_assert_eq(fixture_ok(revoke(INIT, beside)), 0);
    cr_assert_eq(fixture_ok(revoke(INIT, parent)), 1);
    cr_assert_eq(call_through(WX, last, &badge), STATUS_STALE);
    fixture_check();
}

/* Calls in the middle: one that was received is answered, one that is queued and one that comes later are STALE. */
Test(pager_rights, revoking_in_the_middle_of_calls)
{
    begin();
    uint32_t number[2];
    uint32_t handle[2];
    uint64_t word[MESSAGE_WORDS] = { 0 };
    for (unsigned i = 0; i < 2; i++) {
        uint32_t child = fixture_child(&number[i]);
        handle[i] = (uint32_t)fixture_ok(pass(INIT, own, RIGHT_CALL, child));
        cr_assert_eq(sim_call(number[i], handle[i], tag_make(1, 0), word, nullptr, 0).outcome, SIM_WAITS);
    }
    struct pager_message message;
    cr_assert_eq(sim_receive(INIT, own, &message), STATUS_OK);
    cr_assert_eq(fixture_ok(revoke(INIT, own)), 2);
    cr_assert_eq(sim_look(number[0]).outcome, SIM_WAITS);
    cr_assert_eq(sim_look(number[1]).call, STATUS_STALE);
    message.word[0] = 42;
    sim_reply_to(INIT, own, &message);
    cr_assert_eq(sim_look(number[0]).word[0], 42);
    for (unsigned i = 0; i < 2; i++) cr_assert_eq(sim_call(number[i], handle[i], tag_make(1, 0), word, nullptr, 0).call, STATUS_STALE);
    cr_assert_eq(sim_receive(INIT, own, &message), STATUS_WOULD_BLOCK);
    fixture_check();
}

/* The kernel's row is emptied when rights are dropped: the next call is refused although the last one was let through. */
Test(pager_rights, narrowing_is_seen_by_the_next_call)
{
    begin();
    uint32_t handle = (uint32_t)fixture_ok(pass(INIT, own, RIGHT_CALL | RIGHT_NOTIFY | RIGHT_NARROW, theirs));
    uint64_t badge = 0;
    cr_assert_eq(call_through(WX, handle, &badge), STATUS_OK);
    fixture_ok(narrow(WX, handle, RIGHT_NOTIFY));
    cr_assert_eq(call_through(WX, handle, &badge), STATUS_NO_RIGHT);
    cr_assert_eq(notify_through(WX, handle), STATUS_OK);
    EXPECT(NO_RIGHT, narrow(WX, handle, RIGHT_CALL));
    EXPECT(NO_RIGHT, duplicate(WX, handle, RIGHT_NOTIFY | RIGHT_CALL));
    fixture_check();
}

Test(pager_rights, an_owner_that_ends_takes_all_with_it)
{
    begin();
    uint32_t handle = (uint32_t)fixture_ok(pass(INIT, own, RIGHT_CALL | RIGHT_PASS, theirs));
    uint64_t word[MESSAGE_WORDS] = { 0 };
    uint32_t number;
    uint32_t child = fixture_child(&number);
    uint32_t to_child = (uint32_t)fixture_ok(pass(INIT, child, RIGHT_CALL, theirs));
    uint32_t third = (uint32_t)fixture_ok(pass(WX, handle, RIGHT_CALL | RIGHT_PASS, to_child));
    cr_assert_eq(sim_call(number, third, tag_make(1, 0), word, nullptr, 0).outcome, SIM_WAITS);
    sim_request(WX, PROTOCOL_exit, 0, 0, 0);
    fixture_check();
    cr_assert_eq(sim_look(number).outcome, SIM_WAITS, "who passed it on does not matter any more");
    sim_request(INIT, PROTOCOL_exit, 0, 0, 0);
    cr_assert_eq(sim_look(number).call, STATUS_PEER_ENDED);
    cr_assert_eq(sim_call(number, third, tag_make(1, 0), word, nullptr, 0).call, STATUS_STALE);
    fixture_check();
    sim_stop();
}

Test(pager_rights, a_name_lasts_as_long_as_its_handle)
{
    begin();
    uint32_t endpoint = (uint32_t)new_endpoint(INIT);
    uint32_t published = (uint32_t)fixture_ok(duplicate(INIT, endpoint, RIGHT_RECEIVE | RIGHT_NOTIFY | RIGHT_NARROW));
    fixture_ok(publish(INIT, published, "narrow"));
    uint32_t found = (uint32_t)fixture_ok(find(WX, "narrow"));
    cr_assert_eq(notify_through(WX, found), STATUS_OK);
    uint64_t word[MESSAGE_WORDS] = { 0 };
    cr_assert_eq(sim_call(WX, found, tag_make(1, 0), word, nullptr, 0).call, STATUS_NO_RIGHT, "finders have the rights of what was published");
    fixture_ok(close_handle(INIT, published));
    EXPECT(NOT_FOUND, find(WX, "narrow"));
    fixture_ok(publish(INIT, endpoint, "narrow"));
    fixture_check();
    cr_assert_eq(fixture_ok(revoke(INIT, endpoint)), 1);
    cr_assert_eq(notify_through(WX, found), STATUS_STALE);
    fixture_check();
}

/* Derivations at random beside a naive tree: parents by index, closed ones give their children to their parent. */
Test(pager_rights, random_derivations_beside_a_naive_tree)
{
    begin();
    struct { uint32_t process, handle; int parent; bool lives; } node[600] = { { INIT, own, -1, true } };
    unsigned count = 1, revoked = 0;
    uint32_t seed = 4711;
    for (unsigned step = 0; step < 3000 && count < 600; step++) {
        seed = seed * 1664525 + 1013904223;
        unsigned at = (seed >> 8) % count;
        if (!node[at].lives) continue;
        unsigned what = (seed >> 24) % 16;
        if (what < 11) {
            bool passes = what < 6 && node[at].process == INIT;
            struct sim_reply made = passes ? pass(INIT, node[at].handle, RIGHTS_ALL & ~RIGHT_RECEIVE, theirs)
                                           : duplicate(node[at].process, node[at].handle, RIGHTS_ALL & ~RIGHT_RECEIVE);
            if (made.label == STATUS_LIMIT) continue;
            cr_assert_eq(made.label, STATUS_OK);
            node[count].process = passes ? WX : node[at].process;
            node[count].handle = (uint32_t)made.word[0];
            node[count].parent = (int)at;
            node[count++].lives = true;
        } else if (what < 14 && at != 0) {
            fixture_ok(close_handle(node[at].process, node[at].handle));
            node[at].lives = false;
            for (unsigned i = 0; i < count; i++)
                if (node[i].parent == (int)at) node[i].parent = node[at].parent;
        } else if (at != 0) {
            unsigned expected = 0;
            for (unsigned i = at + 1; i < count; i++) { /* a parent comes before its children */
                int up = node[i].parent;
                while (up > (int)at) up = node[up].parent;
                if (!node[i].lives || up != (int)at) continue;
                node[i].lives = false;
                expected++;
            }
            cr_assert_eq(fixture_ok(revoke(node[at].process, node[at].handle)), expected, "step %u", step);
            revoked += expected;
        }
        if (step % 100 == 0) fixture_check();
    }
    for (unsigned i = 0; i < count; i++) {
        struct holding *row;
        sim_enter_pager();
        enum status status = holding_find(sim_process(node[i].process), node[i].handle, &row);
        sim_leave_pager();
        cr_assert_eq(status, node[i].lives ? STATUS_OK : STATUS_STALE, "node %u", i);
    }
    cr_log_info("seed 4711: %u made, %u revoked", count, revoked);
    cr_assert(revoked > 50);
    fixture_check();
}
