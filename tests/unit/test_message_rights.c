/* Every set of rights with every call that takes a handle, on the kernel and in the model; and every number that is no handle.
 *
 * The bits that the kernel itself asks for are call, receive and notify; pass and narrow are the pager's, and open nothing here. */
#include "message_both.h"

constexpr uint32_t HANDLE = 8;
constexpr unsigned CLIENT = 2, SERVER = 3;

static void begin(void)
{
    model_begin((uint64_t)256 << 10, 3, 2);
    model_add(1, world_thread(model.space[1], PRIORITY_PROGRAM, true), true);
    model_add(2, world_thread(model.space[2], PRIORITY_PROGRAM, true), true);
    model_fill(2, HANDLE, 1, RIGHTS_ALL);
}

/* The client makes the call; what it should come to is the model's business, and `expected` says the statuses that matter once more. */
static enum status client_calls(uint64_t number, uint64_t handle, uint64_t token)
{
    model_start(CLIENT);
    while (model.current != CLIENT) model_call(CALL_yield, (const uint64_t[CALL_ARGUMENTS]){});
    uint64_t argument[CALL_ARGUMENTS] = { handle, number == CALL_receive ? RECEIVE_DO_NOT_WAIT : 1, 2, 3, 4, 5, 6, 7, token };
    if (number == CALL_resolve) argument[1] = WORLD_PLACE;
    model_call(number, argument);
    model_compare();
    return (enum status)model.thread[CLIENT].number;
}

static const struct {
    uint64_t number;
    uint32_t right;
} calls[] = { { CALL_call, RIGHT_CALL }, { CALL_reply_receive, RIGHT_RECEIVE }, { CALL_receive, RIGHT_RECEIVE }, { CALL_notify, RIGHT_NOTIFY } };

Test(message_rights, every_set_of_rights_with_every_call)
{
    for (uint32_t rights = 1; rights <= RIGHTS_ALL; rights++) {
        for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
            begin();
            model_fill(1, HANDLE, 1, rights);
            enum status status = client_calls(calls[i].number, HANDLE, 0);
            bool is_refused = status == STATUS_NO_RIGHT && model.thread[CLIENT].state == THREAD_RUNNING;
            cr_assert_eq(is_refused, (rights & calls[i].right) == 0, "rights %u, call %lu: status %u", rights, (unsigned long)calls[i].number, status);
            world_end_all();
        }
    }
}

/* Without the right nothing comes through by a good token either. */
Test(message_rights, a_token_is_no_right)
{
    begin();
    model_fill(1, HANDLE, 1, RIGHT_RECEIVE);
    model_fill(2, HANDLE, 1, RIGHT_CALL);
    model_start(CLIENT);
    while (model.current != CLIENT) model_call(CALL_yield, (const uint64_t[CALL_ARGUMENTS]){});
    model_call(CALL_receive, (const uint64_t[CALL_ARGUMENTS]){ HANDLE });
    model_start(SERVER);
    while (model.current != SERVER) model_call(CALL_yield, (const uint64_t[CALL_ARGUMENTS]){});
    model_call(CALL_call, (const uint64_t[CALL_ARGUMENTS]){ HANDLE });
    uint64_t token = model.thread[SERVER].token;
    cr_assert_eq(model.current, CLIENT);
    model_fill(1, HANDLE, 1, RIGHTS_ALL & ~RIGHT_RECEIVE);
    model_call(CALL_reply_receive, (const uint64_t[CALL_ARGUMENTS]){ HANDLE, [8] = token });
    cr_assert_eq(model.thread[CLIENT].number, STATUS_NO_RIGHT);
    cr_assert_eq(model.thread[SERVER].state, THREAD_WAITING);
    model_compare();
    world_end_all();
}

/* Whether a number is refused at once or goes to the pager; it never reaches an endpoint. */
Test(message_rights, numbers_that_are_no_handles)
{
    static const uint64_t numbers[] = { 0, 1, 63, 64, HANDLE + 1, HANDLE + HANDLE_ROWS, HANDLE | 0x7fffffc0, 0x7fffffff, 0x80000000, 0xffffffff,
                                        0x100000000, 0x100000000 | HANDLE, (uint64_t)HANDLE << 32 | HANDLE, UINT64_MAX, UINT64_MAX - 63 + HANDLE };
    for (size_t n = 0; n < sizeof numbers / sizeof numbers[0]; n++) {
        for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
            for (unsigned is_emptied = 0; is_emptied < 2; is_emptied++) { /* a row that has been there, or is */
                begin();
                model_fill(1, HANDLE, 1, RIGHTS_ALL);
                if (is_emptied) model_empty(1, HANDLE);
                enum status status = client_calls(calls[i].number, numbers[n], 0);
                bool is_fault = model.thread[CLIENT].request == REQUEST_FAULT;
                bool is_number = numbers[n] != HANDLE_NONE && numbers[n] <= UINT32_MAX;
                cr_assert_eq(is_fault, is_number, "number 0x%lx, call %lu", (unsigned long)numbers[n], (unsigned long)calls[i].number);
                if (!is_fault) cr_assert_eq(status, STATUS_BAD_HANDLE);
                cr_assert_eq(model.bits[1], 0);
                    world_end_all();
            }
        }
    }
}

/* A pager's handles are its own: nobody is asked. */
Test(message_rights, a_pager_without_the_row)
{
    begin();
    model_call(CALL_yield, (const uint64_t[CALL_ARGUMENTS]){});
    static const uint64_t numbers[] = { 0, 2, 63, 64, 65, 0x7fffffff, 0xffffffff, UINT64_MAX };
    message_notify(world.endpoint, 1);
    kernel_switch(nullptr);
    cr_assert_eq(processor.current, world.pager);
    for (size_t n = 0; n < sizeof numbers / sizeof numbers[0]; n++) {
        for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
            const uint64_t argument[CALL_ARGUMENTS] = { numbers[n], 0 };
            cr_assert_eq(world_call(world.pager, calls[i].number, argument), STATUS_BAD_HANDLE);
        }
        cr_assert_eq(play(world.pager, resolve, numbers[n]), STATUS_BAD_HANDLE);
        cr_assert_eq(play(world.pager, handle_resolve, numbers[n]), STATUS_BAD_HANDLE);
    }
    world_end_all();
}
