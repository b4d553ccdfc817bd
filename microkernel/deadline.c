/* Deadlines of faults: the look through all threads. See deadline.h.
 *
 * A round goes through the ring in steps of LOOK_STEP threads, or up to one that is told; one step in each interrupt. FAULT_UNWATCHED is set where a round
 * begins, so a fault in the middle of it, of a thread that was looked at already, brings another round. */
#include "deadline.h"

#include "endpoint.h"
#include "log.h"
#include "space.h"

constexpr unsigned LOOK_STEP = 64;
constexpr unsigned TOLD_THREADS = 4; /* of the pager, in a line */

uint32_t fault_marks;
struct caller_link deadline_threads = { &deadline_threads, &deadline_threads };

static struct timer look_timer = { .kind = TIMER_DEADLINE };
static uint64_t interval;                             /* cycles between two rounds */
static struct caller_link *cursor = &deadline_threads; /* whom a round looks at next; the ring's head: no round is under way */
static bool is_waiting;                               /* somebody whom the round has looked at waits and is not told yet */

void deadline_begin(bool is_traced, uint64_t seconds)
{
    interval = seconds * (arch_cycles_per_second() / 2);
    fault_marks = (is_traced ? FAULT_TRACED : 0) | (seconds != 0 ? FAULT_UNWATCHED : 0);
}

[[gnu::noinline]] uint64_t deadline_note(void)
{
    uint64_t now = arch_cycles();
    if (fault_marks & FAULT_UNWATCHED) {
        fault_marks &= ~FAULT_UNWATCHED;
        if (look_timer.rank == 0) timer_set(&look_timer, now + interval);
    }
    return fault_marks & FAULT_TRACED ? now : 0;
}

/* What the threads of a space are at, one behind the other: STATE, or STATE@NUMBER with the endpoint where it sends or receives, or the space that owes it an
 * answer. */
static void add_states(const struct space *space)
{
    static const char names[][10] = { [THREAD_STOPPED] = "stopped", [THREAD_READY] = "ready", [THREAD_RUNNING] = "running", [THREAD_SENDING] = "sending",
                                      [THREAD_WAITING] = "waiting", [THREAD_RECEIVING] = "receiving", [THREAD_EXHAUSTED] = "exhausted" };
    const struct thread *thread = space == nullptr ? nullptr : space->threads;
    if (thread == nullptr) log_add(space == nullptr ? "unknown" : "none");
    for (unsigned i = 0; thread != nullptr && i < TOLD_THREADS; thread = thread->space_next, i++) {
        uint64_t at = 0;
        if (thread->state == THREAD_WAITING) at = thread->server->frame.number;
        else if (thread->state == THREAD_SENDING || thread->state == THREAD_RECEIVING) at = endpoint_name(thread->endpoint);
        log_add(at == 0 ? "%s%s" : "%s%s@0x%lx", i == 0 ? "" : ",", names[thread->state], (unsigned long)at);
    }
}

static void tell(const struct thread *thread, uint64_t cycles)
{
    const struct thread *receiver = thread->state == THREAD_SENDING ? budget_find(thread->endpoint->server) : nullptr;
    const struct space *pager = thread->state == THREAD_WAITING ? thread->server : receiver == nullptr ? nullptr : receiver->space;
    log_begin("kernel");
    log_add("fault unanswered label=0x%lx thread=0x%x space=0x%x kind=%u addr=0x%lx ip=0x%lx received=%u seconds=%lu pager=0x%x threads=",
            (unsigned long)thread->label, thread->frame.number, thread->space->frame.number, thread->fault.kind, (unsigned long)thread->fault.word[1],
            (unsigned long)thread->fault.word[2], thread->state == THREAD_WAITING, (unsigned long)(cycles / arch_cycles_per_second()),
            pager == nullptr ? 0 : pager->frame.number);
    add_states(pager);
    log_end();
}

/* Returns how much of a step it was. */
static unsigned look_at(struct thread *thread, uint64_t now)
{
    if (thread->request != REQUEST_FAULT || thread->told_token == thread->token) return 1;
    if (thread->seen_token != thread->token) {
        thread->seen_token = thread->token;
        thread->seen_cycles = now;
    }
    if (now - thread->seen_cycles < 2 * interval) {
        is_waiting = true;
        return 1;
    }
    thread->told_token = thread->token;
    tell(thread, now - thread->seen_cycles);
    return LOOK_STEP; /* a line is slow */
}

void deadline_look(uint64_t now)
{
    if (cursor == &deadline_threads) {
        cursor = deadline_threads.next;
        fault_marks |= FAULT_UNWATCHED;
        is_waiting = false;
    }
    for (unsigned done = 0; done < LOOK_STEP && cursor != &deadline_threads;) {
        struct thread *thread = thread_of_caller(cursor);
        cursor = cursor->next;
        done += look_at(thread, now);
    }
    if (cursor != &deadline_threads) return timer_set(&look_timer, now + 1); /* the others in the next interrupt */
    if (is_waiting) fault_marks &= ~FAULT_UNWATCHED;
    if (!(fault_marks & FAULT_UNWATCHED)) timer_set(&look_timer, now + interval);
}

void deadline_forget(const struct thread *thread)
{
    if (cursor == &thread->every) cursor = thread->every.next;
    caller_remove(&thread->every);
}

const struct timer *deadline_timer(void)
{
    return &look_timer;
}
