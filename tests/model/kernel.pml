/* The message core of the kernel, function by function: schedule.c, endpoint.c, thread.c, message.c of microkernel/, and the fast paths.
 *
 * Both models include this file. A kernel entry runs with interrupts off on the one processor, so each is one d_step of the including model, and check() runs
 * after each. Names are those of the sources; queues are the same doubly linked lists over arrays, with NONE for nullptr; the ring of a space's callers has
 * RING(space) among the threads; the list of an endpoint's clients is the set of those whose client_of it is. Names that begin with g_ belong to the properties: no kernel function reads them.
 *
 * The including model defines THREADS, SPACES, ENDPOINTS, SPACE_OF(t), PRIORITY(t) (0 or 1), HAS_BUFFER(t), END_STEP and SEQUENCE_LIMIT.
 * Each BUG_... takes something away from the kernel; the model must then fail. */
#define NONE 255
#define RING(s) (THREADS + s)

/* enum thread_state, and FREE for a frame in which no thread lives */
#define STOPPED 0
#define READY 1
#define RUNNING 2
#define SENDING 3
#define WAITING 4
#define RECEIVING 5
#define FREE 6

/* enum thread_request */
#define REQUEST_NONE 0
#define REQUEST_CALL 1
#define REQUEST_FAULT 2

byte current = NONE;                  /* processor.current */
byte ready_first[2] = NONE;
byte ready_last[2] = NONE;

byte state[THREADS] = FREE;
byte request[THREADS];
byte queue_next[THREADS] = NONE;
byte queue_previous[THREADS] = NONE;
byte endpoint[THREADS] = NONE;
byte server[THREADS] = NONE;
byte caller_next[THREADS + SPACES] = NONE;
byte caller_previous[THREADS + SPACES] = NONE;
byte client_of[THREADS] = NONE;
byte sequence[THREADS];               /* the sequence number in thread->token; the thread is the other half */
bit has_part[THREADS];                /* the request has a part in the message buffer */
byte sequences_used;

byte first[ENDPOINTS] = NONE;
byte last[ENDPOINTS] = NONE;
byte bits[ENDPOINTS];
bit queue_is_receivers[ENDPOINTS];
bit is_used[ENDPOINTS];
byte rows[ENDPOINTS];                 /* bit s: space s has a filled row for it */

bit is_ended[SPACES];                 /* space_destroy has come to its end */

bit g_asks[THREADS];                  /* has made a request and is owed an answer */
byte g_target[THREADS] = NONE;        /* the endpoint to which its latest request went */
byte g_issued[THREADS];               /* the sequence number of the latest token with this thread, whoever lived in the frame */
byte g_bits[ENDPOINTS];               /* notified and not yet received */

/* Written before they are read in each d_step: no part of a state. */
hidden byte switch_best, send_receiver, receive_sender, notify_receiver, end_caller, end_steps, end_was_call, end_client;
hidden byte check_thread, check_previous, check_count, check_list, deliver_word, wake_current, timer_current;
hidden byte received, is_done;
hidden byte check_hits[THREADS];

/* --- schedule.c --- */

#define BEST_READY (ready_first[1] != NONE -> 1 : (ready_first[0] != NONE -> 0 : NONE))
/* schedule_is_best() */
#define IS_BEST(t) (PRIORITY(t) == 1 || ready_first[1] == NONE)

inline queue_push(t, at_front)
{
    if
    :: at_front ->
        queue_next[t] = ready_first[PRIORITY(t)];
        queue_previous[t] = NONE;
        if
        :: queue_next[t] == NONE -> ready_last[PRIORITY(t)] = t
        :: else -> queue_previous[queue_next[t]] = t
        fi;
        ready_first[PRIORITY(t)] = t
    :: else ->
        queue_next[t] = NONE;
        queue_previous[t] = ready_last[PRIORITY(t)];
        if
        :: queue_previous[t] == NONE -> ready_first[PRIORITY(t)] = t
        :: else -> queue_next[queue_previous[t]] = t
        fi;
        ready_last[PRIORITY(t)] = t
    fi;
    state[t] = READY
}

inline queue_remove(t)
{
    if
    :: queue_previous[t] != NONE -> queue_next[queue_previous[t]] = queue_next[t]
    :: else -> ready_first[PRIORITY(t)] = queue_next[t]
    fi;
    if
    :: queue_next[t] != NONE -> queue_previous[queue_next[t]] = queue_previous[t]
    :: else -> ready_last[PRIORITY(t)] = queue_previous[t]
    fi;
    queue_next[t] = NONE;
    queue_previous[t] = NONE
}

inline run_thread(t)
{
    state[t] = RUNNING;
    current = t
}

inline schedule_ready(t)
{
    queue_push(t, false)
}

inline schedule_wake(t)
{
    wake_current = current;
    if
    :: wake_current != NONE && PRIORITY(t) > PRIORITY(wake_current) ->
        queue_push(wake_current, true);
        run_thread(t)
    :: else ->
        queue_push(t, false)
    fi
}

inline schedule_switch(heir)
{
    switch_best = BEST_READY;
    if
    :: heir != NONE && (switch_best == NONE || PRIORITY(heir) >= switch_best) ->
        run_thread(heir)
#ifdef BUG_HEIR_QUEUED_TOO
        ;
        if
        :: switch_best != NONE -> queue_push(heir, true)
        :: else
        fi
#endif
    :: else ->
        if
        :: heir != NONE -> queue_push(heir, true)
        :: else
        fi;
        if
        :: switch_best == NONE ->
            current = NONE
        :: else ->
            current = ready_first[switch_best];
            queue_remove(current);
            run_thread(current)
        fi
    fi
}

inline schedule_on_timer()
{
    timer_current = current;
    queue_push(timer_current, false);
    schedule_switch(NONE)
}

/* --- endpoint.c --- */

inline endpoint_push(e, t, is_receiver)
{
    assert(first[e] == NONE || queue_is_receivers[e] == is_receiver);
    queue_is_receivers[e] = is_receiver;
    endpoint[t] = e;
    queue_next[t] = NONE;
    queue_previous[t] = last[e];
    if
    :: last[e] != NONE -> queue_next[last[e]] = t
    :: else -> first[e] = t
    fi;
    last[e] = t
}

inline endpoint_remove(e, t)
{
    assert(endpoint[t] == e);
    if
    :: queue_previous[t] != NONE -> queue_next[queue_previous[t]] = queue_next[t]
    :: else -> first[e] = queue_next[t]
    fi;
    if
    :: queue_next[t] != NONE -> queue_previous[queue_next[t]] = queue_previous[t]
    :: else -> last[e] = queue_previous[t]
    fi;
#ifndef BUG_EMPTY_QUEUE_HOLDS_RECEIVERS
    if
    :: first[e] == NONE -> queue_is_receivers[e] = false
    :: else
    fi;
#endif
    queue_next[t] = NONE;
    queue_previous[t] = NONE;
    endpoint[t] = NONE /* the source leaves it: it means nothing outside the two states */
}

/* --- thread.c --- */

inline caller_remove(t)
{
    caller_next[caller_previous[t]] = caller_next[t];
    caller_previous[caller_next[t]] = caller_previous[t];
    caller_next[t] = NONE;
    caller_previous[t] = NONE;
    server[t] = NONE /* the source leaves the three: they mean nothing outside WAITING */
}

inline thread_stop(t)
{
    assert(state[t] != RUNNING);
    if
    :: state[t] == READY ->
        queue_remove(t)
#ifndef BUG_STOPPED_STAYS_QUEUED
    :: state[t] == SENDING || state[t] == RECEIVING ->
        endpoint_remove(endpoint[t], t)
#endif
#ifndef BUG_STOPPED_STAYS_CALLER
    :: state[t] == WAITING ->
        caller_remove(t)
#endif
    :: else
    fi;
    state[t] = STOPPED;
    request[t] = REQUEST_NONE;
    has_part[t] = false
}

inline thread_create(t)
{
    assert(state[t] == FREE);
    state[t] = STOPPED;
#ifdef BUG_NEW_THREAD_COUNTS_FROM_ZERO
    sequence[t] = 0
#else
    sequence[t] = sequences_used
#endif
}

inline thread_destroy(t)
{
    thread_stop(t);
    if
    :: sequence[t] > sequences_used -> sequences_used = sequence[t]
    :: else
    fi;
    sequence[t] = 0;
    client_of[t] = NONE;
    g_target[t] = NONE;
    g_asks[t] = false;
    state[t] = FREE
}

/* The request of the thread is over. */
inline g_answer(t)
{
    assert(g_asks[t]);
    g_asks[t] = false
}

#define CLIENT(e) (client_of[0] == e -> 0 : (client_of[1] == e -> 1 : (client_of[2] == e -> 2 : (client_of[3] == e -> 3 : NONE))))

/* Who waited for the endpoint does so no more: its call answers PEER_ENDED, its fault has nobody to decide. */
inline end_answer()
{
    if
    :: end_was_call ->
        if
        :: g_asks[end_caller] -> g_answer(end_caller)
        :: else /* a receiver */
        fi;
        schedule_ready(end_caller)
    :: else -> g_asks[end_caller] = false
    fi
}

/* --- endpoint_destroy() of endpoint.c --- */

#ifdef BUG_ENDPOINT_ENDS_WITH_QUEUE
#define ENDS_CLIENTS(e) true
#else
#define ENDS_CLIENTS(e) (first[e] == NONE)
#endif

/* One endpoint_destroy(): `is_done` when it answers OK, not when it answers AGAIN. */
inline endpoint_destroy(e)
{
    is_done = false;
    end_steps = 0;
    do
    :: end_steps < END_STEP && !is_done ->
        end_steps++;
        if
        :: rows[e] != 0 -> rows[e] = rows[e] & (rows[e] - 1)
#ifndef BUG_ENDPOINT_ENDS_WITH_QUEUE
        :: rows[e] == 0 && first[e] != NONE ->
            end_caller = first[e];
            if
            :: state[end_caller] == SENDING -> client_of[end_caller] = NONE
            :: else
            fi;
            end_was_call = request[end_caller] != REQUEST_FAULT;
            thread_stop(end_caller);
            end_answer()
#endif
#ifndef BUG_ENDPOINT_FORGETS_WAITING
        :: rows[e] == 0 && ENDS_CLIENTS(e) && CLIENT(e) != NONE ->
            end_caller = CLIENT(e);
            client_of[end_caller] = NONE;
            end_was_call = request[end_caller] == REQUEST_CALL;
            if
            :: state[end_caller] == WAITING -> thread_stop(end_caller); end_answer()
            :: else
            fi
#endif
        :: else ->
            is_used[e] = false;
            bits[e] = 0;
            g_bits[e] = 0;
            is_done = true
        fi
    :: else -> break
    od
}

/* --- message.c --- */

/* message_find_caller(): the token names a caller that the receiver may answer. */
#ifdef BUG_TOKEN_WITHOUT_SEQUENCE
#define SEQUENCE_IS_GOOD(t, s) (s != 0)
#else
#define SEQUENCE_IS_GOOD(t, s) (sequence[t] == s)
#endif
#ifdef BUG_TOKEN_OF_ANY_SPACE
#define SERVER_IS_GOOD(receiver, t) (receiver != t)
#else
#define SERVER_IS_GOOD(receiver, t) (server[t] == SPACE_OF(receiver))
#endif
#define FINDS_CALLER(receiver, t, s) (state[t] == WAITING && SEQUENCE_IS_GOOD(t, s) && SERVER_IS_GOOD(receiver, t))

#define FITS(sender, receiver) (!has_part[sender] || HAS_BUFFER(receiver))

inline caller_insert(t, s)
{
    server[t] = s;
    caller_next[t] = caller_next[RING(s)];
    caller_previous[t] = RING(s);
    caller_previous[caller_next[t]] = t;
    caller_next[RING(s)] = t
}

inline deliver(sender, receiver)
{
    assert(sequence[sender] != 0 && g_asks[sender]);
    assert(FITS(sender, receiver)); /* nothing is copied to or from nullptr */
    on_delivery(sender, receiver);
    has_part[sender] = false; /* it has been copied */
    state[sender] = WAITING;
    caller_insert(sender, SPACE_OF(receiver))
}

inline deliver_bits(receiver, e)
{
#ifdef BUG_BITS_CLEARED_BEFORE_DELIVERY
    bits[e] = 0;
#endif
    deliver_word = bits[e];
    bits[e] = 0;
    g_bits[e] = g_bits[e] & ~deliver_word
}

/* A request begins: the next token of the thread. */
inline token_next(t)
{
    sequence[t]++;
    assert(sequence[t] > g_issued[t]); /* no token is given out twice */
    g_issued[t] = sequence[t]
}

/* The list of clients moves with the request. */
inline endpoint_take_client(e, t)
{
    g_target[t] = e;
#ifdef BUG_CLIENT_OF_THE_FIRST
    if
    :: client_of[t] == NONE -> client_of[t] = e
    :: else
    fi
#else
    client_of[t] = e
#endif
}

inline message_send(sender, e)
{
    g_asks[sender] = true;
    send_receiver = (queue_is_receivers[e] -> first[e] : NONE);
    if
    :: send_receiver != NONE && !FITS(sender, send_receiver) ->
        request[sender] = REQUEST_NONE;
        has_part[sender] = false;
        g_answer(sender)
    :: else ->
        token_next(sender);
        endpoint_take_client(e, sender);
        if
        :: send_receiver == NONE ->
#ifdef BUG_BUSY_RECEIVER_LOSES_REQUEST
            state[sender] = STOPPED;
#else
            state[sender] = SENDING;
            endpoint_push(e, sender, false);
#endif
            schedule_switch(NONE)
        :: else ->
            endpoint_remove(e, send_receiver);
            deliver(sender, send_receiver);
            schedule_switch(send_receiver)
        fi
    fi
}

/* Leaves the sender in receive_sender. */
inline next_sender(e, receiver)
{
    receive_sender = NONE;
    do
    :: receive_sender == NONE && !queue_is_receivers[e] && first[e] != NONE ->
        receive_sender = first[e];
        endpoint_remove(e, receive_sender);
        if
        :: FITS(receive_sender, receiver)
        :: else ->
            state[receive_sender] = STOPPED;
            request[receive_sender] = REQUEST_NONE;
            has_part[receive_sender] = false;
            g_answer(receive_sender);
            schedule_ready(receive_sender);
            receive_sender = NONE
        fi
    :: else -> break
    od
}

/* Leaves in `received` what the function returns. */
inline message_receive(receiver, e, wait, heir)
{
    received = true;
    if
#ifndef BUG_RECEIVE_FORGETS_BITS
    :: bits[e] != 0 ->
        deliver_bits(receiver, e)
#endif
    :: else ->
        next_sender(e, receiver);
        if
        :: receive_sender != NONE -> deliver(receive_sender, receiver)
        :: else -> received = false
        fi
    fi;
    if
    :: received || !wait ->
#ifndef BUG_HEIR_FORGOTTEN
        if
        :: heir != NONE -> schedule_wake(heir)
        :: else
        fi
#else
        skip
#endif
    :: else ->
        state[receiver] = RECEIVING;
        endpoint_push(e, receiver, true);
        schedule_switch(heir)
    fi
}

inline message_release(t)
{
    assert(state[t] == WAITING);
    thread_stop(t)
}

/* One message_end_callers(): `is_done` when it answers OK, not when it answers AGAIN. */
inline message_end_callers(s)
{
    is_done = false;
    end_steps = 0;
    do
    :: end_steps < END_STEP && !is_done ->
        end_steps++;
        if
#ifdef BUG_END_NEVER_DONE
        :: caller_next[RING(s)] != RING(s)
#elif !defined BUG_END_FORGETS_CALLERS
        :: caller_next[RING(s)] != RING(s) ->
            end_caller = caller_previous[RING(s)];
#ifdef BUG_END_RELEASES_FAULTS
            end_was_call = true;
#else
            end_was_call = request[end_caller] == REQUEST_CALL;
#endif
            thread_stop(end_caller);
            if
            :: end_was_call ->
                g_answer(end_caller);
#ifndef BUG_ENDED_CALLER_STAYS_STOPPED
                schedule_ready(end_caller)
#endif
            :: else -> g_asks[end_caller] = false
            fi
#endif
        :: else -> is_done = true
        fi
    :: else -> break
    od
}

#define LIVES_IN(t, s) (state[t] != FREE && SPACE_OF(t) == s)
#define COUNT_THREADS(s) (LIVES_IN(0, s) + LIVES_IN(1, s) + LIVES_IN(2, s) + LIVES_IN(3, s))

/* One sys_thread_destroy(): `is_done` when it answers OK. */
inline sys_thread_destroy(t)
{
    is_done = true;
#ifndef BUG_LAST_THREAD_FORGETS_CALLERS
    if
    :: COUNT_THREADS(SPACE_OF(t)) == 1 ->
        thread_stop(t);
        g_asks[t] = false;
        message_end_callers(SPACE_OF(t))
    :: else
    fi;
#endif
    if
    :: is_done -> thread_destroy(t)
    :: else
    fi
}

inline message_notify(e, word)
{
#ifdef BUG_BITS_REPLACED
    bits[e] = word;
#else
    bits[e] = bits[e] | word;
#endif
    g_bits[e] = g_bits[e] | word;
    if
#ifdef BUG_NOTIFY_WAKES_NOBODY
    :: true
#else
    :: bits[e] == 0 || !queue_is_receivers[e]
#endif
    :: else ->
        notify_receiver = first[e];
        endpoint_remove(e, notify_receiver);
        deliver_bits(notify_receiver, e);
        schedule_wake(notify_receiver)
    fi
}

/* --- fast.c of arch/x86_64 --- */

inline take_receiver(e, t)
{
    first[e] = queue_next[t];
    if
    :: first[e] == NONE ->
        last[e] = NONE;
        queue_is_receivers[e] = false
    :: else ->
        queue_previous[first[e]] = NONE;
#ifndef BUG_FAST_RECEIVER_KEEPS_LINK
        queue_next[t] = NONE
#endif
    fi;
    endpoint[t] = NONE
}

inline wait_for_reply(t, what, e, s)
{
    endpoint_take_client(e, t);
    request[t] = what;
    state[t] = WAITING;
    token_next(t);
    g_asks[t] = true;
    caller_insert(t, s)
}

inline end_waiting(t)
{
    caller_remove(t);
    request[t] = REQUEST_NONE;
    state[t] = RUNNING
}

inline wait_for_message(t, e)
{
    state[t] = RECEIVING;
    endpoint[t] = e;
    first[e] = t;
    last[e] = t;
    queue_is_receivers[e] = true
}

/* --- The invariants, after each kernel entry --- */

/* Follows one list from `from`; each thread in it is in the state, and its back link is right. */
inline check_queue(from, at_end, wanted, owner)
{
    check_previous = NONE;
    check_thread = from;
    check_count = 0;
    do
    :: check_thread != NONE ->
        assert(check_count < THREADS);
        check_count++;
        check_hits[check_thread]++;
        assert(state[check_thread] == wanted && queue_previous[check_thread] == check_previous && (owner == NONE || endpoint[check_thread] == owner));
        check_previous = check_thread;
        check_thread = queue_next[check_thread]
    :: else -> break
    od;
    assert(at_end == check_previous)
}

inline check_callers(s)
{
    check_previous = RING(s);
    check_thread = caller_next[RING(s)];
    check_count = 0;
    do
    :: check_thread != RING(s) ->
        assert(check_count < THREADS);
        check_count++;
        check_hits[check_thread]++;
        assert(state[check_thread] == WAITING && server[check_thread] == s && caller_previous[check_thread] == check_previous);
        check_previous = check_thread;
        check_thread = caller_next[check_thread]
    :: else -> break
    od;
    assert(caller_previous[RING(s)] == check_previous)
}

inline check_one_thread(t)
{
    /* Each thread is in exactly one queue or list, or in none where its state says so. */
    assert(check_hits[t] == (state[t] == READY || state[t] == SENDING || state[t] == WAITING || state[t] == RECEIVING));
    /* Who asks waits; who waits asks; nobody goes on, or stays behind, without an answer. */
    assert(g_asks[t] == (state[t] == SENDING || state[t] == WAITING));
    /* thread_check() */
    assert((request[t] != REQUEST_NONE) == (state[t] == SENDING || state[t] == WAITING));
    assert((state[t] == RUNNING) == (current == t));
    assert(check_hits[t] && state[t] != WAITING || queue_next[t] == NONE && queue_previous[t] == NONE);
    assert(state[t] != WAITING || !is_ended[server[t]]);
    /* Nobody waits for an answer that nobody can give: the endpoint is there, and a thread of the space that received it. */
    assert(state[t] != WAITING || (client_of[t] == g_target[t] && is_used[client_of[t]] && COUNT_THREADS(server[t]) > 0));
    check_hits[t] = 0
}

inline check_one_endpoint(e)
{
    check_queue(first[e], last[e], (queue_is_receivers[e] -> RECEIVING : SENDING), e);
    assert(first[e] != NONE || !queue_is_receivers[e]);
    assert(bits[e] == 0 || !queue_is_receivers[e]); /* no wake-up is lost: nobody waits beside bits */
    assert(bits[e] == g_bits[e]);                   /* nor a bit */
    assert(is_used[e] || first[e] == NONE)
}

inline check()
{
    check_queue(ready_first[0], ready_last[0], READY, NONE);
    check_queue(ready_first[1], ready_last[1], READY, NONE);
    check_list = 0;
    do
    :: check_list < ENDPOINTS -> check_one_endpoint(check_list); check_list++
    :: else -> break
    od;
    check_list = 0;
    do
    :: check_list < SPACES -> check_callers(check_list); check_list++
    :: else -> break
    od;
    check_list = 0;
    do
    :: check_list < THREADS -> check_one_thread(check_list); check_list++
    :: else -> break
    od;
    assert(current != NONE || (ready_first[0] == NONE && ready_first[1] == NONE)) /* no ready thread beside an idle processor */
}

inline kernel_begin()
{
    check_list = 0;
    do
    :: check_list < SPACES ->
        caller_next[RING(check_list)] = RING(check_list);
        caller_previous[RING(check_list)] = RING(check_list);
        check_list++
    :: else -> break
    od
}
