/* Interrupts of devices: which lines are open, and where their bits go. */
#include <criterion/criterion.h>

#include "interrupt.h"
#include "message_play.h"

TestSuite(interrupt, .init = message_begin);

constexpr unsigned LINE = 5;

static void ask(unsigned line)
{
    arch_interrupt_open(line, false); /* as the port does */
    kernel_on_interrupt(line, true);
    world_check_now();
}

Test(interrupt, bits_until_acknowledged)
{
    cr_assert_eq(host_open_lines(), 0);
    cr_assert_eq(interrupt_map(endpoint, LINE, 6), STATUS_OK);
    cr_assert_eq(host_open_lines(), 1 << LINE);
    ask(LINE);
    cr_assert_eq(server->state, THREAD_READY, "it waited for something");
    cr_assert_eq(server->context.call.argument[2], 6);
    cr_assert_eq(host_open_lines(), 0);
    cr_assert_eq(interrupt_acknowledge(LINE), STATUS_OK);
    cr_assert_eq(host_open_lines(), 1 << LINE);
    ask(LINE);
    cr_assert_eq(endpoint->bits, 6, "nobody waits: they stay");
    cr_assert_eq(interrupt_unmap(LINE), STATUS_OK);
    cr_assert_eq(host_open_lines(), 0);
    world_end_all();
}

Test(interrupt, refused)
{
    static const uint64_t bad[] = { HOST_OWN_LINE, INTERRUPT_LINES, 0x100000000, UINT64_MAX };
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) cr_assert_eq(interrupt_map(endpoint, bad[i], 1), STATUS_BAD_ARGUMENT);
    for (unsigned i = 1; i < sizeof bad / sizeof bad[0]; i++) {
        cr_assert_eq(interrupt_unmap(bad[i]), STATUS_BAD_ARGUMENT);
        cr_assert_eq(interrupt_acknowledge(bad[i]), STATUS_BAD_ARGUMENT);
    }
    cr_assert(!arch_interrupt_exists(HOST_OWN_LINE) && arch_interrupt_exists(LINE));
    cr_assert_eq(interrupt_map(endpoint, LINE, 0), STATUS_BAD_ARGUMENT);
    cr_assert_eq(interrupt_acknowledge(LINE), STATUS_NOT_FOUND);
    cr_assert_eq(interrupt_unmap(LINE), STATUS_NOT_FOUND);
    cr_assert_eq(host_open_lines(), 0, "nobody's line is never opened");
    cr_assert_eq(interrupt_map(endpoint, LINE, 1), STATUS_OK);
    cr_assert_eq(interrupt_map(endpoint, LINE, 2), STATUS_EXISTS);
    world_end_all();
}

Test(interrupt, an_endpoint_that_ends_gives_its_lines_back)
{
    for (unsigned line = 0; line < INTERRUPT_LINES; line++)
        if (line != HOST_OWN_LINE) cr_assert_eq(interrupt_map(endpoint, line, 1), STATUS_OK);
    cr_assert_eq(host_open_lines(), 0xffff & ~(1 << HOST_OWN_LINE));
    world_end_all(); /* interrupt_forget() */
    cr_assert_eq(host_open_lines(), 0);
    interrupt_deliver(LINE); /* one that was under way finds nobody */
}
