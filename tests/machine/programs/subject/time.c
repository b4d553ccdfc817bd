/* Time as programs see it: the clock, sleeping, timers as bits, gifts. */
#include "subject.h"

#include <quire/endpoint.h>
#include <quire/time.h>

#include "../victim.h"

void case_clock(void)
{
    uint64_t before = time_now();
    for (unsigned i = 0; i < 10'000; i++) {
        uint64_t now = time_now();
        expect(now >= before);
        before = now;
    }
}

/* At least as long as asked: how much longer is the machine's affair. */
void case_sleep(void)
{
    static const uint64_t times[] = { 1, TIME_MILLISECOND, 30 * TIME_MILLISECOND };
    for (unsigned i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        uint64_t before = time_now();
        expect_status(time_sleep(times[i]), STATUS_OK);
        expect(time_now() - before >= times[i]);
    }
    expect_status(time_sleep(UINT64_MAX), STATUS_BAD_ARGUMENT);
}

void case_timer_bits(void)
{
    uint32_t endpoint;
    struct message message;
    expect_status(endpoint_create(&endpoint), STATUS_OK);
    expect_status(time_after(endpoint, 0, TIME_MILLISECOND), STATUS_BAD_ARGUMENT);
    expect_status(time_after(endpoint, 1, UINT64_MAX), STATUS_BAD_ARGUMENT);
    expect_status(time_after(endpoint, 4, 1000 * TIME_SECOND), STATUS_OK);
    expect_status(time_after(endpoint, 6, TIME_MILLISECOND), STATUS_OK); /* replaces it */
    expect_status(receive(endpoint, RECEIVE_WAIT, &message), STATUS_OK);
    expect((message.tag & TAG_NOTIFICATION) != 0 && message.word[0] == 6);
    uint64_t before = time_now();
    expect_status(time_after(endpoint, 1, TIME_MILLISECOND), STATUS_OK);
    expect_status(time_after(endpoint, 1, 0), STATUS_OK); /* none */
    bool is_late = time_now() - before >= TIME_MILLISECOND; /* the machine may have stood still: then the bits may have been set before */
    expect_status(time_sleep(3 * TIME_MILLISECOND), STATUS_OK);
    enum status status = receive(endpoint, RECEIVE_DO_NOT_WAIT, &message);
    expect(status == STATUS_WOULD_BLOCK || (is_late && status == STATUS_OK && message.word[0] == 1));
    expect_status(handle_close(endpoint), STATUS_OK);
    expect_status(time_after(endpoint, 1, TIME_MILLISECOND), STATUS_STALE);
}

/* To ourselves, and to an endpoint where nobody has received: what is refused. The victim serves its own. */
void case_gifts(void)
{
    uint32_t endpoint, victim;
    struct message message;
    expect_status(endpoint_create(&endpoint), STATUS_OK);
    expect_status(time_give(endpoint, TIME_MILLISECOND), STATUS_NOT_FOUND);
    expect_status(receive(endpoint, RECEIVE_DO_NOT_WAIT, &message), STATUS_WOULD_BLOCK);
    expect_status(time_give(endpoint, TIME_MILLISECOND), STATUS_BAD_STATE);
    expect_status(name_find(VICTIM_NAME, false, &victim), STATUS_OK);
    expect_status(time_give(victim, UINT64_MAX), STATUS_BAD_ARGUMENT);
    expect_status(time_give(victim, TIME_MILLISECOND), STATUS_OK);
    expect_status(time_take_back(victim), STATUS_OK);
    expect_status(time_take_back(victim), STATUS_OK);
    expect_status(time_give(victim, TIME_MILLISECOND), STATUS_OK);
    message = (struct message){ .tag = tag_make(0, 0) };
    expect_status(call(victim, &message), STATUS_OK);
    expect_status(time_give(0x7fff00, TIME_MILLISECOND), STATUS_BAD_HANDLE);
}
