/* Calls, replies, notification bits, and the end of whoever takes part.
 *
 * Two server threads in one space (one of a higher priority, one without a message buffer) answer two clients in spaces of their own; the second client has
 * an endpoint too, where bits and calls arrive. Whoever runs does whatever the rights in its space allow: call, answer any token good or not, in any
 * order and as late as it likes, wait, notify, leave. The pager, of the highest priority, comes in between at any time: it stops and starts threads, ends
 * them and makes new ones in the same frames, ends the endpoint and the server's space in steps that others may come between.
 *
 * Properties: the assertions of kernel.pml; a reply answers the request of its token, once; when all has come to rest nobody waits at an endpoint or for a
 * space that has ended; and (liveness) once the pager ends the server, nobody who waits for it waits for ever.
 *
 * run ends safety -DCALLS=3 -DPARTS=1 -DDEATHS=1 -DENDS=2
 * run bits safety -DCALLS=2 -DPARTS=1 -DNOTIFIES=2 -DSTOPS=1 -DENDS=1
 * run waits liveness -DCALLS=2 -DENDS=2
 * bugs ends TOKEN_WITHOUT_SEQUENCE NEW_THREAD_COUNTS_FROM_ZERO TOKEN_OF_ANY_SPACE STOPPED_STAYS_CALLER STOPPED_STAYS_QUEUED END_FORGETS_CALLERS
 * bugs ends ENDED_CALLER_STAYS_STOPPED REPLY_FORGETS_RELEASE REPLY_RELEASES_TWICE HEIR_FORGOTTEN HEIR_QUEUED_TOO EMPTY_QUEUE_HOLDS_RECEIVERS
 * bugs bits ENDPOINT_ENDS_WITH_QUEUE BITS_CLEARED_BEFORE_DELIVERY BITS_REPLACED NOTIFY_WAKES_NOBODY RECEIVE_FORGETS_BITS FAST_RECEIVER_KEEPS_LINK
 * bugs ends ENDPOINT_FORGETS_WAITING CLIENT_OF_THE_FIRST LAST_THREAD_FORGETS_CALLERS REPLY_ALONE_WAKES_NOBODY
 * bugs waits END_NEVER_DONE */
#define THREADS 4
#define SPACES 3
#define ENDPOINTS 2
#define SERVER_HIGH 0
#define SERVER_LOW 1
#define CLIENT_LOW 2
#define CLIENT_HIGH 3
#define SERVER_SPACE 0

#define SPACE_OF(t) (t < 2 -> 0 : t - 1)
#define PRIORITY(t) (t == 0 || t == 3)
#define HAS_BUFFER(t) (t != 1)
#define END_STEP 1
#define SEQUENCE_LIMIT 7
#define on_delivery(sender, receiver) skip

#include "kernel.pml"

#ifndef CALLS
#define CALLS 3
#endif
#ifndef PARTS
#define PARTS 0
#endif
#ifndef NOTIFIES
#define NOTIFIES 0
#endif
#ifndef STOPS
#define STOPS 0
#endif
#ifndef DEATHS
#define DEATHS 0
#endif
#ifndef ENDS
#define ENDS 0
#endif
#define TIMERS 1

/* Rights: the server receives at endpoint 0, both clients call and notify it; client 3 receives at endpoint 1, the others notify it, client 2 calls it. */
#define ROW(e) (rows[e] >> SPACE_OF(current) & 1)
#define MAY_CALL(e) (ROW(e) && (e == 0 -> current >= 2 : current == 2))
#define MAY_RECEIVE(e) (ROW(e) && (e == 0 -> current < 2 : current == 3))
#define MAY_NOTIFY(e) (ROW(e) && (e == 0 -> current >= 2 : current != 3))

byte calls_left = CALLS, parts_left = PARTS, notifies_left = NOTIFIES, stops_left = STOPS, deaths_left = DEATHS, births_left = DEATHS;
byte timers;                  /* timer interrupts since a thread last did something */
bit is_stopped[THREADS];      /* by the pager, which may start it again */
bit is_ending[THREADS];       /* the pager has begun to end it */
bit endpoint_ends, space_ends; /* the pager has begun to end them */
byte token_thread, token_sequence;
hidden byte me, heir;

/* --- System calls (calls_message.c) --- */

inline sys_call(e, part)
{
    me = current;
    calls_left--;
    request[me] = REQUEST_CALL;
    has_part[me] = part;
    message_send(me, e)
}

/* The caller of the token, or NONE; fails when the token must not be good. */
inline find_caller()
{
    heir = NONE;
    if
    :: token_sequence != 0 ->
        heir = token_thread;
        assert(g_asks[heir]);                        /* a reply is delivered at most once */
        assert(g_issued[heir] == token_sequence);    /* and to the request that it answers */
        assert(server[heir] == SPACE_OF(me))         /* by the space that received it */
    :: else
    fi
}

inline sys_reply_receive(e)
{
    me = current;
    find_caller();
    if
    :: heir != NONE ->
        g_answer(heir);
#ifndef BUG_REPLY_FORGETS_RELEASE
        message_release(heir)
#endif
    :: else
    fi;
    message_receive(me, e, true, heir)
#ifdef BUG_REPLY_RELEASES_TWICE
    ;
    if
    :: heir != NONE && state[heir] != READY -> schedule_ready(heir)
    :: else
    fi
#endif
}

/* sys_reply_receive() without a handle: the answer alone. */
inline sys_reply()
{
    me = current;
    find_caller();
    g_answer(heir);
    message_release(heir);
#ifndef BUG_REPLY_ALONE_WAKES_NOBODY
    schedule_wake(heir)
#endif
}

inline sys_receive(e)
{
    me = current;
    message_receive(me, e, false, NONE)
}

inline sys_notify(e)
{
    notifies_left--;
    message_notify(e, 1 << (notifies_left & 1))
}

/* --- The fast paths (fast.c) --- */

#define FAST_CALL_APPLIES (queue_is_receivers[0] && IS_BEST(first[0]))

inline fast_call(e)
{
    me = current;
    calls_left--;
    heir = first[e];
    take_receiver(e, heir);
    wait_for_reply(me, REQUEST_CALL, e, SPACE_OF(heir));
    run_thread(heir)
}

#define FAST_REPLY_APPLIES (first[0] == NONE && bits[0] == 0 && token_sequence != 0 && IS_BEST(token_thread))

inline fast_reply_receive(e)
{
    me = current;
    find_caller();
    g_answer(heir);
    end_waiting(heir);
    wait_for_message(me, e);
    run_thread(heir)
}

/* --- The pager comes and goes: it is woken before whoever runs, and nothing ready comes before it --- */

inline pager_begin()
{
    me = current;
    if
    :: me != NONE ->
        current = NONE;
        queue_push(me, true)
    :: else
    fi
}

inline pager_end()
{
    schedule_switch(NONE);
    check()
}

inline pager_stops(t)
{
    stops_left--;
    pager_begin();
    thread_stop(t);
    g_asks[t] = false;
    is_stopped[t] = true;
    pager_end()
}

inline pager_starts(t)
{
    is_stopped[t] = false;
    pager_begin();
    schedule_wake(t);
    pager_end()
}

inline pager_destroys(t)
{
    is_stopped[t] = false;
    pager_begin();
    sys_thread_destroy(t);
    is_ending[t] = !is_done;
    pager_end()
}

inline pager_creates(t)
{
    births_left--;
    pager_begin();
    thread_create(t);
    schedule_wake(t);
    pager_end()
}

inline pager_ends_endpoint()
{
    pager_begin();
    endpoint_destroy(0);
    pager_end()
}

/* sys_space_destroy(): its threads are gone. */
inline pager_ends_space()
{
    pager_begin();
    message_end_callers(SERVER_SPACE);
    if
    :: is_done ->
        rows[0] = rows[0] & ~(1 << SERVER_SPACE);
        rows[1] = rows[1] & ~(1 << SERVER_SPACE);
        is_ended[SERVER_SPACE] = true
    :: else
    fi;
    pager_end()
}

/* --- What may happen --- */

#define SERVER_IS_EMPTY (state[SERVER_HIGH] == FREE && state[SERVER_LOW] == FREE)
#define CAN_STOP(t) (state[t] != FREE && state[t] != STOPPED)
#define CAN_CREATE(t) (state[t] == FREE && !(SPACE_OF(t) == SERVER_SPACE && space_ends))
#define TOKEN(t, s) :: FINDS_CALLER(current, t, s) -> token_thread = t; token_sequence = s
#define TOKENS(t) TOKEN(t, 1) TOKEN(t, 2) TOKEN(t, 3) TOKEN(t, 4) TOKEN(t, 5) TOKEN(t, 6) TOKEN(t, 7)

#define OWES(t, caller) (state[caller] == WAITING && server[caller] == SPACE_OF(t))

/* Any token that the kernel takes, or none. */
inline choose_token()
{
    if
    TOKENS(CLIENT_LOW)
    TOKENS(CLIENT_HIGH)
    :: token_sequence = 0
    fi
}

#define EACH_THREAD(guard, act) \
    :: guard(0) -> d_step { act(0) } \
    :: guard(1) -> d_step { act(1) } \
    :: guard(2) -> d_step { act(2) } \
    :: guard(3) -> d_step { act(3) }

#define STOPS_NOW(t) (stops_left > 0 && CAN_STOP(t))
#define STARTS_NOW(t) (is_stopped[t] && state[t] == STOPPED)
#define DIES_NOW(t) (state[t] != FREE && (deaths_left > 0 || is_ending[t] || (space_ends && SPACE_OF(t) == SERVER_SPACE)))
#define IS_BORN_NOW(t) (births_left > 0 && CAN_CREATE(t))

inline dies(t)
{
    if
    :: is_ending[t] || (space_ends && SPACE_OF(t) == SERVER_SPACE)
    :: else -> deaths_left--
    fi;
    pager_destroys(t)
}

/* The pager ends who has left, in as many steps as it takes. */
inline leave()
{
    do
    :: sys_thread_destroy(me);
        if
        :: is_done -> break
        :: else
        fi
    od;
    if
    :: current == NONE && BEST_READY != NONE -> schedule_switch(NONE)
    :: else
    fi
}

inline begin()
{
    kernel_begin();
    is_used[0] = true;
    is_used[1] = true;
    rows[0] = 7;
    rows[1] = 7;
    schedule_ready(SERVER_LOW);
    schedule_ready(CLIENT_LOW);
    schedule_ready(SERVER_HIGH);
    schedule_ready(CLIENT_HIGH);
    schedule_switch(NONE);
    check()
}

/* Nothing can happen any more: every thread has gone, or waits for something that is still there. */
inline at_rest()
{
    assert(current == NONE);
    assert(!endpoint_ends || !is_used[0]);
    assert(!space_ends || is_ended[SERVER_SPACE]);
    me = 0;
    do
    :: me < THREADS ->
        assert(state[me] == FREE || state[me] == RECEIVING || state[me] == SENDING || state[me] == WAITING);
        me++
    :: else -> break
    od
}

active proctype machine()
{
    d_step { begin() };
    do
    :: current != NONE && calls_left > 0 && MAY_CALL(0) -> d_step { timers = 0; sys_call(0, 0); check() }
    :: current != NONE && calls_left > 0 && MAY_CALL(1) -> d_step { timers = 0; sys_call(1, 0); check() }
    :: current != NONE && calls_left > 0 && parts_left > 0 && MAY_CALL(0) -> d_step { timers = 0; parts_left--; sys_call(0, 1); check() }
    :: current != NONE && calls_left > 0 && MAY_CALL(0) && FAST_CALL_APPLIES -> d_step { timers = 0; fast_call(0); check() }
    :: current != NONE && MAY_RECEIVE(0) ->
        atomic {
            choose_token();
            if
            :: d_step { timers = 0; sys_reply_receive(0); token_thread = 0; token_sequence = 0; check() }
            :: FAST_REPLY_APPLIES -> d_step { timers = 0; fast_reply_receive(0); token_thread = 0; token_sequence = 0; check() }
            fi
        }
    :: current != NONE && MAY_RECEIVE(1) ->
        atomic {
            choose_token();
            d_step { timers = 0; sys_reply_receive(1); token_thread = 0; token_sequence = 0; check() }
        }
    :: current != NONE && MAY_RECEIVE(0) && (bits[0] != 0 || (first[0] != NONE && !queue_is_receivers[0])) -> d_step { timers = 0; sys_receive(0); check() }
    :: current != NONE && notifies_left > 0 && MAY_NOTIFY(0) -> d_step { timers = 0; sys_notify(0); check() }
    :: current != NONE && notifies_left > 0 && MAY_NOTIFY(1) -> d_step { timers = 0; sys_notify(1); check() }
    :: current != NONE && (OWES(current, CLIENT_LOW) || OWES(current, CLIENT_HIGH)) ->
        atomic {
            if
            TOKENS(CLIENT_LOW)
            TOKENS(CLIENT_HIGH)
            fi;
            d_step { timers = 0; sys_reply(); token_thread = 0; token_sequence = 0; check() }
        }
    :: current != NONE -> d_step { timers = 0; me = current; state[me] = STOPPED; schedule_switch(NONE); leave(); check() }
    :: current != NONE && BEST_READY != NONE && timers < TIMERS -> d_step { timers++; schedule_on_timer(); check() }
    EACH_THREAD(STOPS_NOW, pager_stops)
    EACH_THREAD(STARTS_NOW, pager_starts)
    EACH_THREAD(DIES_NOW, dies)
    EACH_THREAD(IS_BORN_NOW, pager_creates)
    :: ENDS == 1 && !endpoint_ends -> endpoint_ends = true
    :: endpoint_ends && is_used[0] -> d_step { pager_ends_endpoint() }
    :: ENDS == 2 && !space_ends -> d_step { space_ends = true; endpoint_ends = true }
    :: space_ends && !is_ended[SERVER_SPACE] && SERVER_IS_EMPTY -> d_step { pager_ends_space() }
    :: timeout -> break
    od;
    skip;
    d_step { at_rest() }
}

#define WAITS(t) (state[t] == WAITING && server[t] == SERVER_SPACE)
ltl nobody_waits_for_ever { [] (space_ends -> <> (!WAITS(CLIENT_LOW) && !WAITS(CLIENT_HIGH))) }
