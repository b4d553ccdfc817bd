/* Groups and handles at random: whatever several programs do, and die of, each status leaves the ledger whole. Seeds are fixed and logged. */
#include "group_play.h"

static uint64_t seed;

static uint32_t draw(uint32_t limit)
{
    seed = seed * 6364136223846793005 + 1442695040888963407;
    return (uint32_t)((seed >> 33) % limit);
}

/* A handle of a process, or one that it never had. */
static uint64_t draw_handle(uint32_t number)
{
    const struct process *process = sim_process(number);
    uint32_t slot = HOLDING_FIRST + draw(14);
    return slot < process->holdings.capacity ? slot | process->holdings.rows[slot].generation << HOLDING_SLOT_BITS : slot | 1u << HOLDING_SLOT_BITS;
}

/* Invites a process that one has a handle for to a new group or one of the others; half of them accept at once. */
static struct sim_reply invite(uint32_t number, uint32_t *count_joined)
{
    uint64_t to = draw_handle(number), handle = draw_handle(number);
    if (draw(2) == 0) handle = sim_request(number, PROTOCOL_group_create, 0, 0, 0).word[1];
    struct sim_reply reply = pass(number, handle, draw(2) == 0 ? RIGHT_CALL : RIGHT_CALL | RIGHT_PASS, to);
    if (reply.label != STATUS_OK || draw(2) == 0) return reply;
    const struct process *receiver = sim_pager.process[row_of(number, to)->process_index];
    if (sim_look(receiver->number).outcome != SIM_GOES_ON) return reply;
    *count_joined += join(receiver->number, reply.word[0]).label == STATUS_OK;
    return reply;
}

static uint64_t draw_group(uint32_t number)
{
    uint32_t group = group_set_next(&sim_process(number)->groups, GROUP_NONE);
    return draw(4) == 0 ? 0 : draw(8) == 0 ? GROUP_BIT | draw(9) : draw(2) == 0 ? group : group_set_next(&sim_process(number)->groups, group);
}

/* Three programs that stay in the groups of the boot and never wait, more that come and go; whatever they do, each status leaves the ledger whole. */
static void one_step(uint32_t number, uint32_t done[])
{
    static const char *const names[] = { "x", "y", "z" };
    static const uint64_t rights[] = { RIGHT_CALL, RIGHT_CALL | RIGHT_PASS | RIGHT_NARROW, RIGHTS_ALL & ~RIGHT_RECEIVE, RIGHTS_ALL };
    const char *name = names[draw(3)];
    struct sim_reply reply = { .outcome = SIM_GONE };
    uint32_t what = draw(18);
    switch (what) {
    case 0: reply = sim_request(number, PROTOCOL_endpoint_create, 0, 0, 0); break;
    case 1: reply = publish(number, draw_handle(number), draw_group(number), name); break;
    case 2: case 3: reply = find(number, draw_group(number), name); break;
    case 4: reply = sim_request(number, PROTOCOL_handle_duplicate, draw_handle(number), rights[draw(4)], draw(2)); break;
    case 5: reply = sim_request(number, PROTOCOL_handle_narrow, draw_handle(number), rights[draw(4)], 0); break;
    case 6: reply = pass(number, draw_handle(number), rights[draw(4)], draw_handle(number)); break;
    case 7: reply = invite(number, &done[11]); break;
    case 8: reply = sim_request(number, PROTOCOL_handle_revoke, draw_handle(number), 0, 0); break;
    case 9: reply = sim_request(number, PROTOCOL_handle_close, draw_handle(number), 0, 0); break;
    case 10: reply = draw(3) == 0 ? sim_request(number, PROTOCOL_group_create, 0, 0, 0) : reply; break;
    case 11: case 12: reply = join(number, draw_handle(number)); break;
    case 13: {
        uint64_t group = draw_group(number);
        if (draw(3) == 0 && (number > 3 || group > (GROUP_BIT | 1))) reply = leave(number, group);
        break;
    }
    case 14: reply = draw(6) == 0 ? end_group(number, draw_handle(number)) : reply; break;
    case 15: reply = sim_request(number, PROTOCOL_process_watch, draw_handle(number), 1, 0); break;
    case 16:
        if (sim_pager.count_running < 9) reply = sim_request_text(number, PROTOCOL_process_start, draw_group(number), "child", sizeof("child"));
        break;
    default:
        if (number > 3 && draw(8) == 0) reply = call_it(number, draw_handle(number));
        else (void)!sim_notify(number, (uint32_t)draw_handle(number), 1);
        break;
    }
    if (reply.outcome == SIM_GOES_ON && reply.call == STATUS_OK && reply.label == STATUS_OK) done[what]++;
}

Test(pager_group_random, anything_in_any_order, .timeout = 1200)
{
    uint32_t done[18] = { 0 };
    for (seed = 1; seed <= 6; seed++) {
        uint64_t first = seed;
        begin();
        for (unsigned step = 0; step < 6000; step++) {
            const struct process *process = sim_pager.process[draw(12)];
            if (process == nullptr || process->state != PROCESS_RUNNING) continue;
            if (sim_look(process->number).outcome == SIM_WAITS) {
                if (draw(4) == 0) sim_end(process->number); /* dies in the middle of a call */
                continue;
            }
            if (draw(20) == 0) sim_fail_allocation(1 + draw(2));
            one_step(process->number, done);
            sim_fail_allocation(0);
            if (step % 8 == 0) fixture_check();
        }
        fixture_check();
        cr_log_info("until seed %lu: joined %u, passed %u, found %u, ended %u", first, done[11] + done[12], done[6] + done[7], done[2] + done[3], done[14]);
        sim_stop();
        seed = first;
    }
    cr_assert(done[11] + done[12] > 20 && done[6] + done[7] > 300 && done[2] + done[3] > 300 && done[14] > 10, "it reaches little");
}
