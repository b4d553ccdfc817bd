/* Budgets: who pays for what runs, what a call lends, gifts, and ends in every state.
 *
 * Two clients and a server, each with so many units of time in each period. A unit passes in the running thread and is charged to one account; the clients
 * call, give time and take it back, the server answers, the pager sets other budgets, ends threads and makes new ones in their frames. Who runs is
 * anybody's choice. The clients are threads of one process (FRIENDS) or of two. The functions are those of microkernel/budget.c, `leave` is find_and_switch() of microkernel/kernel.c; `due` is the hardware timer as
 * far as budgets set it, `resume_in` the timer of an EXHAUSTED thread.
 *
 * Properties: what an account has, what it has set aside and what it has used since its period began are together what it was granted, always: nobody makes
 * time and none is lost; each unit that passes in a thread is charged to somebody who has it; it is charged to the thread itself, to whose request it works
 * on, or to a thread of that one's process which gives to it, and to no thread that came into such a one's frame later; an answered giver has its gift back, and nobody runs out
 * with a gift for one that has ended; a thread is EXHAUSTED only while none of these has time, except that it looks at the end of a period whether its payer was granted some.
 *
 * run lend safety -DOWN=1 -DCALLS=2 -DGIVES=0 -DDEATHS=1 -DLIMITS=0 -DNOTICES=1 -DFRIENDS=0
 * run give safety -DOWN=1 -DCALLS=2 -DGIVES=2 -DDEATHS=0 -DLIMITS=0 -DNOTICES=0 -DFRIENDS=1
 * run strangers safety -DOWN=1 -DCALLS=2 -DGIVES=2 -DDEATHS=0 -DLIMITS=0 -DNOTICES=0 -DFRIENDS=0
 * run ends safety -DOWN=0 -DCALLS=1 -DGIVES=1 -DDEATHS=2 -DLIMITS=0 -DNOTICES=0 -DFRIENDS=1
 * run limits safety -DOWN=0 -DCALLS=1 -DGIVES=1 -DDEATHS=0 -DLIMITS=1 -DNOTICES=0 -DFRIENDS=1
 * bugs lend PAYER_WITHOUT_BIRTH PAYER_STAYS ENDED_PAYER_PAYS RENEWED_TOO_EARLY WAITS_FOR_PAYER_ALONE
 * bugs give GIFT_STAYS_WITH_GIVER RENEWAL_FORGETS_GIFT RETURNED_TWICE GIVING_KEEPS_TIMER NOT_RESUMED_BY_GIFT GIFT_STAYS_AFTER_REPLY GIFT_USED_TWICE
 * bugs strangers STRANGER_PAYS
 * bugs ends GIFT_LOST_WITH_RECEIVER END_KEEPS_PAYING END_KEEPS_TIMER
 * bugs limits LIMIT_KEEPS_GIFT LIMIT_KEEPS_PAYING NO_TIMER_WITHOUT_GRANT */
#define THREADS 3
#define SERVER 2
#define NONE 3
#define PERIOD 4
#define GRANT(t) (t == SERVER -> OWN : 2)

#define FREE 0
#define READY 1
#define RUNNING 2
#define SENDING 3
#define WAITING 4
#define RECEIVING 5
#define EXHAUSTED 6

byte state[4], current = NONE;
byte birth[4];                      /* upper half of an account's name */
byte payer[4], payer_birth[4];      /* thread->payer */
byte capacity[4], left[4], until[4]; /* until: units before the period ends */
byte gift[4], gift_to[4], gift_birth[4];
byte resume_in[4];                  /* 0: not set */
byte paid_for = NONE, paid_for_birth; /* processor.paid_for; NONE: 0 */
byte pays = NONE;                   /* processor.payer */
bit is_gift;
byte due;                           /* 0: not set */
byte calls_left = CALLS, gives_left = GIVES, deaths_left = DEATHS, limits_left = LIMITS, notices_left = NOTICES;

byte g_used[4];                     /* of this period */
byte g_client = NONE, g_client_birth; /* whose request the server works on */

hidden byte i, can_pay, giver, when, has, who;

/* budget_find(): the account of a name. */
#ifdef BUG_PAYER_WITHOUT_BIRTH
#define LIVES(t, b) (t != NONE && state[t] != FREE)
#else
#ifdef BUG_ENDED_PAYER_PAYS
#define LIVES(t, b) (t != NONE)
#else
#define LIVES(t, b) (t != NONE && state[t] != FREE && birth[t] == b)
#endif
#endif
#define REALLY_LIVES(t, b) (t != NONE && state[t] != FREE && birth[t] == b)
#define OF_ONE_PROCESS(a, b) (a == b || FRIENDS && a != SERVER && b != SERVER)
/* Whether what g gives may be used when p is the payer. */
#ifdef BUG_STRANGER_PAYS
#define PAYS_FOR(g, p) true
#else
#define PAYS_FOR(g, p) OF_ONE_PROCESS(g, p)
#endif
#define GIVES_TO(g, t) (state[g] != FREE && gift_to[g] == t && gift_birth[g] == birth[t])

/* The timer is needed when what the account has is used up: `has`. */
inline timer_need()
{
    if
    :: due == 0 || has < due -> due = has
    :: else
    fi
}

inline resume(t)
{
    resume_in[t] = 0;
    state[t] = READY
}

inline budget_return(t)
{
    if
    :: gift_to[t] != NONE ->
        left[t] = left[t] + gift[t];
#ifndef BUG_RETURNED_TWICE
        gift[t] = 0;
#endif
        gift_to[t] = NONE;
        if
        :: pays == t -> paid_for = NONE
        :: else
        fi
    :: else
    fi
}

/* The account pays from now on, if it can. */
inline pay(t, of_gift)
{
#ifndef BUG_GIFT_LOST_WITH_RECEIVER
    if
    :: gift_to[t] != NONE && !REALLY_LIVES(gift_to[t], gift_birth[t]) -> budget_return(t)
    :: else
    fi;
#endif
    if
#ifdef BUG_RENEWED_TOO_EARLY
    :: until[t] <= 1 ->
#else
    :: until[t] == 0 ->
#endif
#ifdef BUG_RENEWAL_FORGETS_GIFT
        left[t] = capacity[t];
#else
        left[t] = capacity[t] - gift[t];
#endif
        assert(until[t] == 0); /* no period begins before the last one has ended */
        until[t] = PERIOD;
        g_used[t] = 0
    :: else
    fi;
    pays = t;
    is_gift = of_gift;
    has = (of_gift -> gift[t] : left[t]);
    can_pay = has > 0;
    if
    :: can_pay -> timer_need()
    :: else
    fi
}

inline budget_begin(t)
{
    if
    :: payer[t] != t && !LIVES(payer[t], payer_birth[t]) ->
        payer[t] = t;
        payer_birth[t] = birth[t]
    :: else
    fi;
    paid_for = payer[t];
    paid_for_birth = payer_birth[t];
    who = payer[t];
    pay(who, false);
    if
    :: !can_pay ->
        paid_for = NONE;
        giver = 0;
        do
        :: !can_pay && giver < THREADS && GIVES_TO(giver, t) && PAYS_FOR(giver, who) ->
            pay(giver, true);
            if
            :: !can_pay -> budget_return(giver)
            :: else
            fi;
            giver++
        :: !can_pay && giver < THREADS && !(GIVES_TO(giver, t) && PAYS_FOR(giver, who)) -> giver++
        :: else -> break
        od;
        if
        :: !can_pay && payer[t] != t -> pay(t, false)
        :: else
        fi;
        if
        :: !can_pay ->
            pays = NONE;
            when = until[payer[t]];
#ifndef BUG_WAITS_FOR_PAYER_ALONE
            if
            :: until[t] < when -> when = until[t]
            :: else
            fi;
#endif
#ifdef BUG_NO_TIMER_WITHOUT_GRANT
            if
            :: capacity[t] == 0 && capacity[payer[t]] == 0 -> when = 0
            :: else
            fi;
#endif
            resume_in[t] = when
        :: else
        fi
    :: else
    fi
}

/* The way out of the kernel. Who runs next, if nobody can pay for this one, is chosen by the next step. */
inline leave()
{
    if
    :: current == NONE ->
        pays = NONE;
        paid_for = NONE
    :: current != NONE && (paid_for == NONE || paid_for != payer[current] || paid_for_birth != payer_birth[current]) ->
        budget_begin(current);
        if
        :: !can_pay ->
            assert(gift_to[current] == NONE || REALLY_LIVES(gift_to[current], gift_birth[current])); /* what was for one that has ended has been used */
            state[current] = EXHAUSTED;
            current = NONE;
            paid_for = NONE
        :: else
        fi
    :: else
    fi;
    check()
}

/* g has set something aside for what t does. */
#define HELPS(g, t) (GIVES_TO(g, t) && gift[g] > 0 && REALLY_LIVES(payer[t], payer_birth[t]) && OF_ONE_PROCESS(g, payer[t]))

/* budget_check(), and what can be said of everybody at once. */
inline check()
{
    i = 0;
    do
    :: i < THREADS ->
        if
        :: state[i] != FREE ->
            assert(left[i] + gift[i] + g_used[i] == capacity[i]); /* no time is made or lost */
            assert(gift[i] == 0 || gift_to[i] != NONE);
            if
            :: state[i] == EXHAUSTED ->
                assert(resume_in[i] > 0);                          /* it looks again */
                assert(left[i] == 0 && until[i] > 0);              /* it has no time, */
                assert(!HELPS(0, i) && !HELPS(1, i));              /* nor anybody who gives to it for what it does, */
                assert(LIMITS > 0 || !REALLY_LIVES(payer[i], payer_birth[i]) || left[payer[i]] == 0) /* nor who pays, unless that was granted time meanwhile */
            :: else
            fi
        :: else
        fi;
        i++
    :: else -> break
    od;
    i = 0
}

inline work_alone(t)
{
    payer[t] = t;
    payer_birth[t] = birth[t]
}

inline deliver(c)
{
    payer[SERVER] = payer[c];
    payer_birth[SERVER] = payer_birth[c];
    state[c] = WAITING;
    g_client = c;
    g_client_birth = birth[c]
}

inline answered(c)
{
#ifndef BUG_GIFT_STAYS_AFTER_REPLY
    if
    :: gift_to[c] != NONE && (!REALLY_LIVES(gift_to[c], gift_birth[c]) || gift_to[c] == SERVER) -> budget_return(c)
    :: else
    fi;
#endif
    assert(gift_to[c] == NONE && gift[c] == 0) /* who was answered has its gift back */
}

/* --- What may happen --- */

inline sys_call()
{
    calls_left--;
    if
    :: state[SERVER] == RECEIVING ->
        deliver(current);
        state[SERVER] = RUNNING;
        current = SERVER
    :: else ->
        state[current] = SENDING;
        current = NONE
    fi;
    leave()
}

/* The server answers the client it works for, if any, and receives the next one: `c`, or nobody. */
inline sys_reply_receive(c)
{
    if
    :: g_client != NONE ->
        if
        :: REALLY_LIVES(g_client, g_client_birth) && state[g_client] == WAITING ->
            answered(g_client);
            state[g_client] = READY
        :: else
        fi;
        g_client = NONE
    :: else
    fi;
    if
    :: c != NONE -> deliver(c)
    :: else ->
        state[SERVER] = RECEIVING;
        current = NONE
    fi;
    leave()
}

/* Bits come for the waiting server: it works for nobody but itself. */
inline message_notify()
{
    notices_left--;
#ifndef BUG_PAYER_STAYS
    work_alone(SERVER);
#endif
    state[SERVER] = READY;
    leave()
}

inline sys_give_time(units)
{
    gives_left--;
    if
    :: gift_to[current] != SERVER || gift_birth[current] != birth[SERVER] -> budget_return(current)
    :: else
    fi;
    if
    :: units > left[current] /* LIMIT */
    :: else ->
#ifndef BUG_GIFT_STAYS_WITH_GIVER
        left[current] = left[current] - units;
#endif
        gift[current] = gift[current] + units;
        gift_to[current] = SERVER;
        gift_birth[current] = birth[SERVER];
#ifndef BUG_GIVING_KEEPS_TIMER
        paid_for = NONE;
#endif
        if
#ifndef BUG_NOT_RESUMED_BY_GIFT
        :: state[SERVER] == EXHAUSTED -> resume(SERVER)
#endif
        :: else
        fi
    fi;
    leave()
}

inline take_back()
{
    gives_left--;
    budget_return(current);
    leave()
}

/* budget_limit(): the pager sets another budget. */
inline sys_thread_budget(t, units)
{
    limits_left--;
#ifndef BUG_LIMIT_KEEPS_GIFT
    budget_return(t);
#endif
    capacity[t] = units;
    left[t] = units;
    until[t] = PERIOD;
    g_used[t] = 0;
#ifndef BUG_LIMIT_KEEPS_PAYING
    paid_for = NONE;
#endif
    if
    :: state[t] == EXHAUSTED -> resume(t)
    :: else
    fi;
    leave()
}

inline thread_begins(t)
{
    birth[t]++;
    state[t] = READY;
    capacity[t] = GRANT(t);
    left[t] = GRANT(t);
    until[t] = PERIOD;
    g_used[t] = 0;
    gift_to[t] = NONE;
    gift[t] = 0;
    resume_in[t] = 0;
    work_alone(t)
}

/* thread_destroy() of one that does not run; its clients are answered that it has ended. */
inline thread_ends(t)
{
    deaths_left--;
    if
    :: t == SERVER ->
        i = 0;
        do
        :: i < SERVER ->
            if
            :: state[i] == WAITING ->
                answered(i);
                state[i] = READY
            :: else
            fi;
            i++
        :: else -> break
        od;
        g_client = NONE
    :: else
    fi;
#ifndef BUG_END_KEEPS_PAYING
    if
    :: pays == t ->
        pays = NONE;
        paid_for = NONE
    :: else
    fi;
#endif
    budget_return(t);
#ifndef BUG_END_KEEPS_TIMER
    resume_in[t] = 0;
#endif
    state[t] = FREE;
    leave()
}

#define IS_MEANT (pays == current && !is_gift \
    || current == SERVER && pays == g_client && REALLY_LIVES(g_client, g_client_birth) && !is_gift \
    || current == SERVER && is_gift && GIVES_TO(pays, SERVER) && REALLY_LIVES(g_client, g_client_birth) && OF_ONE_PROCESS(pays, g_client))

/* A unit of time passes, in the running thread or in none; then what is due happens. */
inline time_passes()
{
    if
    :: current != NONE ->
        assert(pays != NONE && state[pays] != FREE && IS_MEANT);      /* nobody pays for what is not its own affair */
        assert((is_gift -> gift[pays] : left[pays]) > 0); /* nothing runs on time that nobody has */
#ifdef BUG_GIFT_USED_TWICE
        if
        :: is_gift && left[pays] > 0 -> left[pays]--
        :: else
        fi;
#endif
        if
        :: is_gift -> gift[pays]--
        :: else -> left[pays]--
        fi;
        g_used[pays]++
    :: else
    fi;
    i = 0;
    do
    :: i < THREADS ->
        if
        :: until[i] > 0 -> until[i]--
        :: else
        fi;
        if
        :: resume_in[i] == 1 ->
            assert(state[i] == EXHAUSTED); /* schedule_resume() */
            resume(i)
        :: resume_in[i] > 1 -> resume_in[i]--
        :: else
        fi;
        i++
    :: else -> break
    od;
    if
    :: due == 1 -> /* kernel_on_timer(): budget_on_timer() */
        due = 0;
        has = (pays == NONE -> 0 : (is_gift -> gift[pays] : left[pays]));
        if
        :: pays == NONE
        :: pays != NONE && has == 0 -> paid_for = NONE
        :: else -> timer_need()
        fi
    :: due > 1 -> due--
    :: else
    fi;
    leave()
}

inline begin()
{
    i = 0;
    do
    :: i < THREADS -> thread_begins(i); i++
    :: else -> break
    od;
    state[SERVER] = RECEIVING;
    check()
}

#define RUNS_CLIENT (current != NONE && current != SERVER)
#define NOBODY_READY (state[0] != READY && state[1] != READY && state[2] != READY)
#define EACH(guard, act) :: guard(0) -> d_step { act(0) } :: guard(1) -> d_step { act(1) } :: guard(2) -> d_step { act(2) }
#define CAN_RUN(t) (current == NONE && state[t] == READY)
#define DO_RUN(t) state[t] = RUNNING; current = t; leave()
#define CAN_END(t) (deaths_left > 0 && state[t] != FREE && current != t)
#define DO_END(t) thread_ends(t)
#define CAN_BEGIN(t) (deaths_left == 0 && state[t] == FREE)
#define DO_BEGIN(t) thread_begins(t)
#define CAN_LIMIT(t) (limits_left > 0 && state[t] != FREE)
#define DO_LIMIT_0(t) sys_thread_budget(t, 0)
#define DO_LIMIT_1(t) sys_thread_budget(t, 1)
#define DO_LIMIT_3(t) sys_thread_budget(t, 3)

active proctype machine()
{
    d_step { begin() };
    do
    EACH(CAN_RUN, DO_RUN)
    :: current != NONE -> d_step { state[current] = READY; current = NONE; leave() }
    :: current != NONE || NOBODY_READY -> d_step { time_passes() }
    :: RUNS_CLIENT && calls_left > 0 && state[SERVER] != FREE -> d_step { sys_call() }
    :: RUNS_CLIENT && gives_left > 0 && state[SERVER] != FREE -> d_step { sys_give_time(1) }
    :: RUNS_CLIENT && gives_left > 0 && state[SERVER] != FREE -> d_step { sys_give_time(2) }
    :: RUNS_CLIENT && gives_left > 0 && gift_to[current] != NONE -> d_step { take_back() }
    :: current == SERVER && state[0] == SENDING -> d_step { sys_reply_receive(0) }
    :: current == SERVER && state[1] == SENDING -> d_step { sys_reply_receive(1) }
    :: current == SERVER && state[0] != SENDING && state[1] != SENDING -> d_step { sys_reply_receive(NONE) }
    :: state[SERVER] == RECEIVING && notices_left > 0 -> d_step { message_notify() }
    EACH(CAN_END, DO_END)
    EACH(CAN_BEGIN, DO_BEGIN)
    EACH(CAN_LIMIT, DO_LIMIT_0)
    EACH(CAN_LIMIT, DO_LIMIT_1)
    EACH(CAN_LIMIT, DO_LIMIT_3)
    od
}
