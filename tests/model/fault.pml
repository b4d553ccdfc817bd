/* Faults: page faults and handle faults, kept until the pager answers.
 *
 * Two threads of one space and a thread of another touch a page and use a handle; the pager has one thread and a higher priority. It answers at once or
 * later, in any order, with any token that the kernel takes: it resolves (which may find the page mapped meanwhile, or no memory), maps first and answers
 * RETRY, refuses, or leaves the thread stopped and ends it. In between it unmaps pages, empties rows, ends threads and makes new ones in their frames.
 * At last an outer pager may end it while faults are with it.
 *
 * Properties: the assertions of kernel.pml; the fault that the pager is told and that it answers is the one that happened; an answer is taken for the fault of
 * its token, once; nobody goes on from a fault without an answer, nor from a resolved one without a mapping; a call whose handle was missing is made again or
 * ends with the pager's status; at rest no fault is left without an answer, unless its pager has ended; and (liveness) each fault is answered at last.
 *
 * run answers safety -DFAULTS=2 -DTAKES=1 -DDEATHS=1 -DINTERRUPTS=1
 * run three-faults safety -DFAULTS=3 -DTAKES=0 -DDEATHS=1 -DINTERRUPTS=0
 * run busy-pager safety -DEQUAL=1 -DFAULTS=2 -DTAKES=0 -DDEATHS=1 -DINTERRUPTS=0
 * run pager-ends safety -DFAULTS=2 -DTAKES=0 -DDEATHS=0 -DINTERRUPTS=1 -DENDS=1
 * run answered-at-last liveness -DFAULTS=2 -DTAKES=1 -DDEATHS=0 -DINTERRUPTS=1
 * bugs answers TOKEN_WITHOUT_SEQUENCE NEW_THREAD_COUNTS_FROM_ZERO STOPPED_STAYS_CALLER HEIR_FORGOTTEN
 * bugs answers HANDLE_RESOLVE_WITHOUT_ROW RESOLVE_RELEASES_FIRST RESOLVE_RELEASES_TWICE RETRY_BEFORE_MAPPING CALL_NOT_RESTARTED FAULT_KEPT_IN_SPACE
 * bugs busy-pager STOPPED_STAYS_QUEUED BUSY_RECEIVER_LOSES_REQUEST
 * bugs pager-ends END_RELEASES_FAULTS END_FORGETS_CALLERS ENDPOINT_ENDS_WITH_QUEUE
 * bugs answered-at-last DEFERRED_FAULT_FORGOTTEN */
#define THREADS 4
#define SPACES 3
#define ENDPOINTS 1
#define PAGER 0

#define SPACE_OF(t) (t == 0 -> 0 : (t == 3 -> 2 : 1))
#ifndef EQUAL
#define EQUAL 0 /* 1: the pager has the priority of the programs, so that faults come while it works */
#endif
#define PRIORITY(t) (t == 0 && !EQUAL)
#define HAS_BUFFER(t) true
#define END_STEP 1

/* What a thread is at, and enum fault_kind */
#define NOTHING 0
#define FAULT_PAGE 1
#define FAULT_HANDLE 2

#ifdef BUG_FAULT_KEPT_IN_SPACE
#define KEPT(t) SPACE_OF(t)
#else
#define KEPT(t) t
#endif
#define on_delivery(sender, receiver) assert(fault_kind[KEPT(sender)] == at[sender]) /* the pager is told what happened */

byte fault_kind[4];         /* thread->fault */
byte at[4];                 /* the instruction or call that the thread stands at */
bit is_restarted[4];        /* arch_context_restart_call() has been done */
bit is_refused[4];          /* the call has the status of the pager */
bit g_is_answered[4];       /* the pager has let it go on */

#include "kernel.pml"

#ifndef ENDS
#define ENDS 0
#endif

bit is_mapped[SPACES];      /* the page of each space */
bit has_row[SPACES];        /* the row of each space's handle */
bit is_doomed[THREADS];     /* the pager will end it */
byte faults_left = FAULTS, takes_left = TAKES, deaths_left = DEATHS, births_left = DEATHS, interrupts_left = INTERRUPTS;
bit timers, pager_ends;
byte token_thread, token_sequence;
hidden byte me, heir, goes_on;

/* --- kernel.c --- */

inline kernel_on_fault(t, kind)
{
    fault_kind[KEPT(t)] = kind;
    g_is_answered[t] = false;
    is_restarted[t] = false;
    is_refused[t] = false;
    if
    :: !(rows[0] >> SPACE_OF(t) & 1) -> /* a fault without a pager */
        state[t] = STOPPED;
        schedule_switch(NONE)
    :: else ->
        request[t] = REQUEST_FAULT;
        message_send(t, 0)
    fi
}

/* --- What a program does: an instruction or call that goes through, or faults --- */

/* The thread goes on: with what it stood at, if it was stopped by a fault. */
inline program_goes_on()
{
    me = current;
    timers = 0;
    assert(g_is_answered[me]); /* nobody goes on from a fault without an answer */
    if
    :: at[me] == FAULT_PAGE && !is_mapped[SPACE_OF(me)] -> kernel_on_fault(me, FAULT_PAGE)
    :: at[me] == FAULT_HANDLE && is_restarted[me] && !has_row[SPACE_OF(me)] -> kernel_on_fault(me, FAULT_HANDLE)
    :: else ->
        assert(at[me] != FAULT_HANDLE || is_restarted[me] || is_refused[me]); /* the call is made, or has a status */
        at[me] = NOTHING;
        is_restarted[me] = false;
        is_refused[me] = false;
        g_is_answered[me] = false
    fi;
    check()
}

inline program_faults(kind)
{
    me = current;
    timers = 0;
    faults_left--;
    at[me] = kind;
    kernel_on_fault(me, kind);
    check()
}

/* --- The pager's calls --- */

inline find_caller()
{
    me = PAGER;
    heir = token_thread;
    assert(g_asks[heir] && g_issued[heir] == token_sequence); /* an answer is taken once, and for the fault of its token */
    assert(request[heir] == REQUEST_FAULT && server[heir] == SPACE_OF(PAGER));
    assert(fault_kind[KEPT(heir)] == at[heir])                /* the fault has been kept */
}

inline go_on_after_answer()
{
    g_asks[heir] = false;
    g_is_answered[heir] = true;
    message_release(heir)
}

#define HOLDS(t) (state[t] == WAITING && server[t] == 0)
#define LEFT_OF(t) (is_doomed[t] || (token_thread != t && HOLDS(t)))
/* An answer also waits: who has more to do notifies itself first, so that it does not wait for ever. */
inline stay_awake()
{
    if
#ifndef BUG_DEFERRED_FAULT_FORGOTTEN
    :: (LEFT_OF(1) || LEFT_OF(2) || LEFT_OF(3)) && first[0] == NONE && bits[0] == 0 && interrupts_left == 0 -> message_notify(0, 1)
#endif
    :: else
    fi
}

/* sys_resolve(): `fails` is NO_MEMORY. On a failure nothing has happened. */
inline sys_resolve(fails)
{
    find_caller();
#ifdef BUG_RESOLVE_RELEASES_FIRST
    go_on_after_answer();
    if
    :: fails -> schedule_ready(heir)
    :: else
    fi;
#endif
    if
    :: is_mapped[SPACE_OF(heir)] || fails /* ALREADY_MAPPED, NO_MEMORY */
    :: else ->
        is_mapped[SPACE_OF(heir)] = true;
#ifndef BUG_RESOLVE_RELEASES_FIRST
        go_on_after_answer();
#endif
#ifdef BUG_RESOLVE_RELEASES_TWICE
        schedule_wake(heir);
#endif
        message_receive(me, 0, true, heir)
    fi;
    assert(!g_is_answered[heir] || is_mapped[SPACE_OF(heir)]) /* no thread goes on before its page is mapped */
}

/* sys_handle_resolve(): whether the kernel makes the call at once or the thread does when it runs is the same here. */
inline sys_handle_resolve()
{
    find_caller();
#ifndef BUG_HANDLE_RESOLVE_WITHOUT_ROW
    has_row[SPACE_OF(heir)] = true;
#endif
    is_restarted[heir] = true;
    go_on_after_answer();
    assert(has_row[SPACE_OF(heir)]); /* no call goes on before its handle has a row */
    message_receive(me, 0, true, heir)
}

/* sys_reply_receive() with answer_fault(). */
#define RETRY 0
#define REFUSE 1
#define OTHER 2
inline sys_reply_receive(answer)
{
    find_caller();
    goes_on = true;
    if
    :: answer == RETRY ->
        assert(at[heir] == FAULT_PAGE -> is_mapped[SPACE_OF(heir)] : has_row[SPACE_OF(heir)]);
#ifndef BUG_CALL_NOT_RESTARTED
        is_restarted[heir] = fault_kind[KEPT(heir)] == FAULT_HANDLE
#endif
    :: answer == REFUSE && fault_kind[KEPT(heir)] == FAULT_HANDLE ->
        is_refused[heir] = true
    :: else ->
        goes_on = false
    fi;
    go_on_after_answer();
    if
    :: goes_on
    :: else ->
        g_is_answered[heir] = false;
        heir = NONE
    fi;
    message_receive(me, 0, true, heir)
}

inline thread_ends(t)
{
    at[t] = NOTHING;
    is_doomed[t] = false;
    is_restarted[t] = false;
    is_refused[t] = false;
    g_is_answered[t] = false;
    thread_destroy(t);
    check()
}

inline thread_begins(t)
{
    births_left--;
    thread_create(t);
    schedule_wake(t);
    check()
}

/* An outer pager, before whoever runs: ends the pager's thread, then its endpoint, then its space. */
inline outer_step()
{
    me = current;
    if
    :: me != NONE ->
        current = NONE;
        queue_push(me, true)
    :: else
    fi;
    if
    :: state[PAGER] != FREE -> sys_thread_destroy(PAGER)
    :: else ->
        if
        :: is_used[0] -> endpoint_destroy(0)
        :: else ->
            message_end_callers(0);
            is_ended[0] = is_done
        fi
    fi;
    schedule_switch(NONE);
    check()
}

/* --- What may happen --- */

#define PAGER_RUNS (current == PAGER && (rows[0] & 1))
#define PROGRAM_RUNS (current != NONE && current != PAGER)
#define TOKEN(t, s) :: FINDS_CALLER(PAGER, t, s) -> token_thread = t; token_sequence = s
#define TOKENS(t) TOKEN(t, 1) TOKEN(t, 2) TOKEN(t, 3) TOKEN(t, 4) TOKEN(t, 5) TOKEN(t, 6)
#define HOLDS_ANY (HOLDS(1) || HOLDS(2) || HOLDS(3))
#define NEEDS(s, what) ((HOLDS(1) && s == 1 && at[1] == what) || (HOLDS(2) && s == 1 && at[2] == what) || (HOLDS(3) && s == 2 && at[3] == what))
#define IS_RIGHT_FOR_RETRY (at[token_thread] == FAULT_PAGE -> is_mapped[SPACE_OF(token_thread)] : has_row[SPACE_OF(token_thread)])
#ifdef BUG_RETRY_BEFORE_MAPPING
#define MAY_RETRY true
#else
#define MAY_RETRY IS_RIGHT_FOR_RETRY
#endif
/* The pager waits with a fault in hand only while it knows that something will come. */
#ifdef BUG_DEFERRED_FAULT_FORGOTTEN
#define MAY_WAIT true
#else
#define MAY_WAIT (!HOLDS_ANY || first[0] != NONE || bits[0] != 0 || interrupts_left > 0)
#endif
#define FORGET token_thread = 0; token_sequence = 0

#define EACH_SPACE(guard, act) :: PAGER_RUNS && guard(1) -> d_step { act(1) } :: PAGER_RUNS && guard(2) -> d_step { act(2) }
#define EACH_PROGRAM(guard, act) \
    :: PAGER_RUNS && guard(1) -> d_step { act(1) } :: PAGER_RUNS && guard(2) -> d_step { act(2) } :: PAGER_RUNS && guard(3) -> d_step { act(3) }
#define CAN_MAP(s) (!is_mapped[s] && NEEDS(s, FAULT_PAGE))
#define CAN_FILL(s) (!has_row[s] && NEEDS(s, FAULT_HANDLE))
#define CAN_UNMAP(s) (is_mapped[s] && takes_left > 0)
#define CAN_EMPTY(s) (has_row[s] && takes_left > 0)
#define CAN_END(t) (state[t] != FREE && (deaths_left > 0 || is_doomed[t]))
#define CAN_BEGIN(t) (state[t] == FREE && births_left > 0)
#define DO_MAP(s) is_mapped[s] = true
#define DO_FILL(s) has_row[s] = true
#define DO_UNMAP(s) is_mapped[s] = false; takes_left--
#define DO_EMPTY(s) has_row[s] = false; takes_left--
#define DO_END(t) if :: is_doomed[t] :: else -> deaths_left-- fi; thread_ends(t)
#define DO_BEGIN(t) thread_begins(t)

/* Notification bits for the pager, also while nobody runs. */
inline interrupt()
{
    interrupts_left--;
    message_notify(0, 1);
    if
    :: current == NONE -> schedule_switch(NONE)
    :: else
    fi;
    check()
}

inline begin()
{
    kernel_begin();
    is_used[0] = true;
    rows[0] = 7;
    me = 0;
    do
    :: me < THREADS -> schedule_ready(me); me++
    :: else -> break
    od;
    schedule_switch(NONE);
    check()
}

/* Nothing can happen any more: no fault is left without an answer, unless nobody is left to give one. */
inline at_rest()
{
    assert(!pager_ends || is_ended[0]);
    me = 1;
    do
    :: me < THREADS ->
        assert(state[me] == FREE || pager_ends && state[me] == STOPPED);
        me++
    :: else -> break
    od
}

active proctype machine()
{
    d_step { begin() };
    do
    :: PROGRAM_RUNS && at[current] != NOTHING -> d_step { program_goes_on() }
    :: PROGRAM_RUNS && at[current] == NOTHING && faults_left > 0 && !is_mapped[SPACE_OF(current)] -> d_step { program_faults(FAULT_PAGE) }
    :: PROGRAM_RUNS && at[current] == NOTHING && faults_left > 0 && !has_row[SPACE_OF(current)] -> d_step { program_faults(FAULT_HANDLE) }
    :: PROGRAM_RUNS && at[current] == NOTHING -> d_step { me = current; timers = 0; state[me] = STOPPED; schedule_switch(NONE); thread_ends(me) }
    :: current != NONE && BEST_READY != NONE && !timers -> d_step { timers = 1; schedule_on_timer(); check() }
    :: interrupts_left > 0 && is_used[0] && current != PAGER -> d_step { interrupt() }
    :: PAGER_RUNS && HOLDS_ANY ->
        atomic {
            if
            TOKENS(1)
            TOKENS(2)
            TOKENS(3)
            fi;
            if
            :: fault_kind[KEPT(token_thread)] == FAULT_PAGE && !is_mapped[SPACE_OF(token_thread)] -> d_step { stay_awake(); sys_resolve(false); FORGET; check() }
            :: fault_kind[KEPT(token_thread)] == FAULT_PAGE && !is_doomed[token_thread] ->
                d_step { is_doomed[token_thread] = true; sys_resolve(true); FORGET; check() }
            :: MAY_RETRY -> d_step { stay_awake(); sys_reply_receive(RETRY); FORGET; check() }
            :: fault_kind[KEPT(token_thread)] == FAULT_HANDLE -> d_step { stay_awake(); sys_reply_receive(REFUSE); FORGET; check() }
            :: fault_kind[KEPT(token_thread)] == FAULT_HANDLE -> d_step { stay_awake(); sys_handle_resolve(); FORGET; check() }
            :: true -> d_step { is_doomed[token_thread] = true; stay_awake(); sys_reply_receive(OTHER); FORGET; check() }
            fi
        }
    :: PAGER_RUNS && MAY_WAIT && !(is_doomed[1] || is_doomed[2] || is_doomed[3]) -> d_step { me = PAGER; message_receive(me, 0, true, NONE); check() }
    EACH_SPACE(CAN_MAP, DO_MAP)
    EACH_SPACE(CAN_FILL, DO_FILL)
    EACH_SPACE(CAN_UNMAP, DO_UNMAP)
    EACH_SPACE(CAN_EMPTY, DO_EMPTY)
    EACH_PROGRAM(CAN_END, DO_END)
    EACH_PROGRAM(CAN_BEGIN, DO_BEGIN)
    :: ENDS && !pager_ends -> pager_ends = true
    :: pager_ends && !is_ended[0] -> d_step { outer_step() }
    :: timeout -> break
    od;
    skip;
    d_step { at_rest() }
}

ltl every_fault_is_answered { [] (g_asks[3] -> <> !g_asks[3]) }
