/* The pager's audit: in a kernel built for tests it checks kernel and ledger, and each with the other, whenever a process has ended. */
#include "pager_fixture.h"

#include "process.h"

static void start(void)
{
    fixture_start_with(&(struct sim_options){ .audits = true });
}

static struct process *init_process(void)
{
    for (uint32_t i = 0; i < PROCESS_LIMIT; i++) {
        if (sim_pager.process[i] != nullptr && sim_pager.process[i]->number == INIT) return sim_pager.process[i];
    }
    return nullptr;
}

static void end_wx(void)
{
    sim_request(WX, PROTOCOL_exit, 0, 0, 0);
}

Test(pager_audit, says_nothing_while_all_is_well)
{
    start();
    end_wx();
    cr_assert_not(fixture_logged("check: failed"));
    cr_assert_not(sim_pager.has_failed);
    sim_stop();
}

Test(pager_audit, names_pages_that_the_kernel_does_not_have)
{
    start();
    sim_segment(init_process(), 0)->pages++;
    end_wx();
    sim_segment(init_process(), 0)->pages--;
    cr_assert(fixture_logged("check: failed kernel=0"));
    cr_assert(sim_pager.has_failed);
    sim_stop();
}

Test(pager_audit, names_a_count_of_its_own_that_is_wrong)
{
    start();
    sim_pager.next_number -= 2;
    end_wx();
    sim_pager.next_number += 2;
    cr_assert(fixture_logged("ledger=\"index or number of a process\""));
    sim_stop();
}

Test(pager_audit, names_charges_that_are_not_what_is_held)
{
    static const struct { uint64_t *sum; uint64_t wrong; const char *text; } cases[] = {
        { &sim_pager.family[0].pages.charged, 1, "pages that a family is charged" },
        { &sim_pager.family[0].processes.charged, 1, "processes of a family" },
        { &sim_pager.pages.spare, 1, "sums of all families" },
        { &sim_pager.pages.promised, (uint64_t)-1, "sums of all families" },
        { &sim_pager.slots_free.spare, (uint64_t)-1, "sums of all families" },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        start();
        *cases[i].sum += cases[i].wrong;
        end_wx();
        *cases[i].sum -= cases[i].wrong;
        cr_assert(fixture_logged(cases[i].text), "%zu: %s", i, sim_log());
        fixture_check();
    }
}

/* The ledger alone cannot see it: its sums fit each other, and the frames are not there. */
Test(pager_audit, names_frames_that_nobody_is_charged_for)
{
    start();
    sim_pager.pages.all += sim_free_frames();
    sim_pager.pages.spare += sim_free_frames();
    end_wx();
    cr_assert(fixture_logged("ledger=\"frames that nobody is charged for\""), "%s", sim_log());
}

Test(pager_audit, is_left_out_with_any_other_kernel)
{
    fixture_start();
    sim_segment(init_process(), 0)->pages++;
    end_wx();
    sim_segment(init_process(), 0)->pages--;
    cr_assert_not(fixture_logged("check: "));
    sim_stop();
}
