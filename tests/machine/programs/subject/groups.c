/* Groups and rights as programs see them: strangers, invitations, leaving in the middle of calls, handles passed on and taken back, events, late replies. */
#include "subject.h"

#include <quire/endpoint.h>
#include <quire/pager_call.h>
#include <quire/server.h>

static uint32_t start_in(group_t group, const char *role)
{
    uint32_t process = HANDLE_NONE;
    expect_status(process_start_in(group, "subject", 1, &role, &process), STATUS_OK);
    return process;
}

static void expect_end_of(uint32_t process, uint64_t status)
{
    struct process_result result = {};
    expect_status(process_wait(process, &result), STATUS_OK);
    expect(result.reason == PROCESS_EXITED && result.value == status);
    expect_status(handle_close(process), STATUS_OK);
}

/* A group of our own, beside the one that everybody is in. */
static group_t own_group(uint32_t *handle)
{
    group_t group = GROUP_ANY;
    expect_status(group_create(&group, handle), STATUS_OK);
    expect((group & GROUP_BIT) != 0);
    return group;
}

/* --- Roles --- */

/* Asks "grouped" once: ends with the status of the call, or of the answer, as its exit status. */
void case_group_asker(void)
{
    uint32_t handle;
    struct message message = {};
    enum status status = name_find("grouped", true, &handle);
    if (status == STATUS_OK) status = call(handle, &message);
    process_exit(status == STATUS_OK ? tag_label(message.tag) : status);
}

/* Has no group but "boot": ends with what looking for the name gave. */
void case_group_stranger(void)
{
    uint32_t handle;
    process_exit(name_find("grouped", false, &handle));
}

/* Waits for a number in a message, which is its own handle by then, and calls that. */
void case_group_receiver(void)
{
    uint32_t own;
    struct message message = {};
    expect_status(endpoint_create(&own), STATUS_OK);
    expect_status(name_publish(own, "receiver"), STATUS_OK);
    expect_status(receive(own, RECEIVE_WAIT, &message), STATUS_OK);
    uint32_t handle = (uint32_t)message.word[0];
    message.tag = tag_make(STATUS_OK, 0);
    expect(message.token != 0);
    expect_status(server_reply(&message), STATUS_OK);
    message = (struct message){};
    enum status status = call(handle, &message);
    if (status == STATUS_OK) status = call(handle, &message);
    process_exit(status);
}

/* --- Cases --- */

void case_strangers(void)
{
    uint32_t handle, endpoint, asker, found;
    struct message message;
    group_t group = own_group(&handle);
    expect_status(endpoint_create(&endpoint), STATUS_OK);
    expect_status(name_publish_in(endpoint, group, "grouped"), STATUS_OK);
    expect_end_of(start_in(GROUP_ANY, "group_stranger"), STATUS_NOT_FOUND);
    uint32_t stranger = start_in(GROUP_ANY, "sleeper");
    asker = start_in(group, "group_asker");
    expect_status(receive(endpoint, RECEIVE_WAIT, &message), STATUS_OK);
    message.tag = tag_make(STATUS_OK, 0);
    expect_status(server_reply(&message), STATUS_OK);
    expect_end_of(asker, STATUS_OK);
    /* A handle for a member of the group cannot be given to who is not in it. */
    asker = start_in(group, "group_asker");
    expect_status(handle_pass(asker, RIGHT_CALL | RIGHT_PASS | RIGHT_NARROW, stranger, &found), STATUS_NOT_MEMBER);
    expect_status(receive(endpoint, RECEIVE_WAIT, &message), STATUS_OK);
    expect_status(server_reply(&message), STATUS_OK);
    expect_end_of(asker, STATUS_OK);
    expect_status(endpoint_create(&endpoint), STATUS_OK);
    expect_status(name_publish(endpoint, "morning"), STATUS_OK);
    expect_end_of(stranger, 0);
}

void case_dropped_replies(void)
{
    uint32_t handle, endpoint, asker;
    struct message message;
    group_t group = own_group(&handle);
    expect_status(endpoint_create(&endpoint), STATUS_OK);
    expect_status(name_publish_in(endpoint, group, "grouped"), STATUS_OK);
    asker = start_in(group, "group_asker");
    expect_status(receive(endpoint, RECEIVE_WAIT, &message), STATUS_OK);
    expect_status(server_drop(message.token), STATUS_OK);
    expect_status(server_drop(message.token), STATUS_STALE);
    expect_status(server_drop(0), STATUS_STALE);
    expect_end_of(asker, STATUS_PEER_ENDED);
}

void case_leaving_with_calls(void)
{
    constexpr unsigned askers = 3;
    uint32_t handle, endpoint, asker[askers];
    struct message message, last;
    group_t group = own_group(&handle);
    expect_status(endpoint_create(&endpoint), STATUS_OK);
    expect_status(name_publish_in(endpoint, group, "grouped"), STATUS_OK);
    for (unsigned i = 0; i < askers; i++) asker[i] = start_in(group, "group_asker");
    expect_status(receive(endpoint, RECEIVE_WAIT, &message), STATUS_OK);
    expect_status(receive(endpoint, RECEIVE_WAIT, &last), STATUS_OK); /* a member as long as it waits: so the group stays */
    for (unsigned i = 0; i < 100; i++) yield(); /* the third has called, or has not found the name yet */
    expect_status(group_leave(group), STATUS_OK);
    expect_status(group_leave(group), STATUS_NOT_MEMBER);
    message.tag = tag_make(STATUS_OK, 0);
    expect_status(server_reply(&message), STATUS_OK);
    expect_status(receive(endpoint, RECEIVE_DO_NOT_WAIT, &message), STATUS_WOULD_BLOCK);
    struct process_result result;
    for (unsigned i = 0; i < askers; i++) expect_status(process_wait(asker[i], &result), STATUS_STALE);
    /* Their handles went with the group; back in it by our own, and the group's end takes the rest. */
    group_t again = GROUP_ANY;
    expect_status(group_join(handle, &again), STATUS_OK);
    expect(again == group);
    last.tag = tag_make(STATUS_OK, 0);
    expect_status(server_reply(&last), STATUS_OK);
    expect_status(group_end(handle), STATUS_OK);
    expect_status(group_join(handle, &again), STATUS_STALE);
}

void case_passed_and_revoked(void)
{
    uint32_t endpoint, made, to, passed = 0, receiver = start_in(GROUP_ANY, "group_receiver");
    struct message message = {};
    expect_status(endpoint_create(&endpoint), STATUS_OK);
    expect_status(name_find("receiver", true, &to), STATUS_OK);
    expect_status(handle_make(endpoint, RIGHT_CALL | RIGHT_PASS, 0x77, &made), STATUS_OK);
    expect_status(handle_make(endpoint, RIGHT_CALL, 0, &passed), STATUS_BAD_ARGUMENT);
    expect_status(handle_pass(made, RIGHT_CALL, to, &passed), STATUS_NO_RIGHT);
    expect_status(handle_pass(made, RIGHT_CALL | RIGHT_PASS, to, &passed), STATUS_OK);
    message.word[0] = passed;
    expect_status(call(to, &message), STATUS_OK);
    expect_status(receive(endpoint, RECEIVE_WAIT, &message), STATUS_OK);
    expect(message.badge == 0x77);
    uint64_t count = 0;
    expect_status(handle_revoke(made, &count), STATUS_OK);
    expect(count == 1);
    message.tag = tag_make(STATUS_OK, 0);
    expect_status(server_reply(&message), STATUS_OK); /* it was received: it is answered; the next one is refused */
    expect_status(server_reply(&message), STATUS_STALE);
    expect_end_of(receiver, STATUS_STALE);
}

void case_rights_of_copies(void)
{
    uint32_t endpoint, copy, other;
    struct message message;
    expect_status(endpoint_create(&endpoint), STATUS_OK);
    for (uint64_t rights = 1; rights <= RIGHTS_ALL; rights++) {
        expect_status(handle_duplicate(endpoint, rights, &copy), STATUS_OK);
        expect_status(notify(copy, 1), rights & RIGHT_NOTIFY ? STATUS_OK : STATUS_NO_RIGHT);
        expect_status(receive(copy, RECEIVE_DO_NOT_WAIT, &message),
                      !(rights & RIGHT_RECEIVE) ? STATUS_NO_RIGHT : rights & RIGHT_NOTIFY ? STATUS_OK : STATUS_WOULD_BLOCK);
        if (!(rights & RIGHT_RECEIVE)) (void)!receive(endpoint, RECEIVE_DO_NOT_WAIT, &message);
        expect_status(handle_duplicate(copy, rights, &other), STATUS_OK);
        expect_status(handle_close(other), STATUS_OK);
        if (rights != RIGHTS_ALL) expect_status(handle_duplicate(copy, RIGHTS_ALL, &other), STATUS_NO_RIGHT);
        if (rights & RIGHT_NOTIFY && rights != RIGHT_NOTIFY) {
            expect_status(handle_narrow(copy, rights & ~RIGHT_NOTIFY), rights & RIGHT_NARROW ? STATUS_OK : STATUS_NO_RIGHT);
            expect_status(notify(copy, 1), rights & RIGHT_NARROW ? STATUS_NO_RIGHT : STATUS_OK);
            (void)!receive(endpoint, RECEIVE_DO_NOT_WAIT, &message);
        }
        expect_status(handle_close(copy), STATUS_OK);
        expect_status(notify(copy, 1), STATUS_STALE);
    }
}

void case_process_events(void)
{
    uint32_t endpoint, handle, ended;
    struct message message;
    struct process_news news;
    group_t group = own_group(&handle);
    expect_status(process_next_event(&news), STATUS_BAD_STATE);
    expect_status(endpoint_create(&endpoint), STATUS_OK);
    expect_status(process_watch(endpoint, 8), STATUS_OK);
    ended = start_in(group, "nothing");
    expect_end_of(ended, 0);
    expect_status(receive(endpoint, RECEIVE_WAIT, &message), STATUS_OK);
    expect((message.tag & TAG_NOTIFICATION) != 0 && message.word[0] == 8);
    expect_status(process_next_event(&news), STATUS_OK);
    expect(news.kind == PROCESS_EVENT_STARTED && news.group == group && news.count_lost == 0);
    expect(news.name[0] == 's' && news.name[7] == '\0');
    uint32_t number = news.number;
    expect_status(process_next_event(&news), STATUS_OK);
    expect(news.kind == PROCESS_EVENT_ENDED && news.number == number && news.result.reason == PROCESS_EXITED && news.result.value == 0);
    expect_status(process_next_event(&news), STATUS_NOT_FOUND);
    expect_status(process_watch(HANDLE_NONE, 0), STATUS_OK);
    expect_status(process_next_event(&news), STATUS_BAD_STATE);
}

/* As many groups as there may be: pages come, are charged, and go. */
void case_many_groups(void)
{
    uint32_t handle;
    struct process_self before, many, after;
    group_t group = GROUP_ANY, previous = GROUP_ANY;
    expect_status(endpoint_create(&handle), STATUS_OK); /* the page of handles is there */
    expect_status(process_self(&before), STATUS_OK);
    unsigned count = 0;
    while (group_create(&group, &handle) == STATUS_OK && count < 4000) {
        count++;
        expect_status(handle_close(handle), STATUS_OK);
    }
    expect(count == 1 + 3 * 1022);
    expect_status(process_self(&many), STATUS_OK);
    expect(many.charged_pages == before.charged_pages + 3);
    expect_status(group_find("boot", &previous), STATUS_OK);
    while (group_next(previous, &group) == STATUS_OK) expect_status(group_leave(group), STATUS_OK);
    expect_status(process_self(&after), STATUS_OK);
    expect(after.charged_pages == before.charged_pages);
}
