/* Deadlines of faults: the look through all threads. See deadline.h.
 *
 * A round goes through the list in steps of LOOK_STEP threads, or up to one that is told; one step in each interrupt. FAULT_UNWATCHED is set where a round
 * begins, so a fault in the middle of it, of a thread that was looked at already, brings another round. */
#include "deadline.h"

#include "endpoint.h"
#include "log.h"
#include "space.h"

constexpr unsigned LOOK_STEP = 64;
constexpr unsigned TOLD_THREADS = 4; /* of the pager, in a line */

uint32_t fault_marks;
struct link *deadline_threads;

static struct timer look_timer = { .kind = TIMER_DEADLINE };
static uint64_t interval;         /* cycles between two rounds */
static const struct link *cursor; /* whom a round looks at next; nullptr: no round is under way */
static bool is_waiting;           /* somebody whom the round has looked at waits and is not told yet */

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

/* The space and what its threads are at, one behind the other: STATE, or STATE@NUMBER with the endpoint where it sends or receives, or the space that owes it
 * an answer. */
static void add_pager(const struct space *space)
{
    static const char names[][10] = { [THREAD_STOPPED] = "stopped", [THREAD_READY] = "ready", [THREAD_RUNNING] = "running", [THREAD_SENDING] = "sending",
                                      [THREAD_WAITING] = "waiting", [THREAD_RECEIVING] = "receiving", [THREAD_EXHAUSTED] = "exhausted" };
    const struct link *link = space->threads;
    log_add("pager=0x%x threads=%s", space->frame.number, link == nullptr ? "none" : "");
    for (unsigned i = 0; link != nullptr && i < TOLD_THREADS; link = link->next, i++) {
        const struct thread *thread = thread_of(link);
        uint64_t at = 0;
        if (thread->state == THREAD_WAITING) at = thread->server->frame.number;
        else if (thread->state == THREAD_SENDING || thread->state == THREAD_RECEIVING) at = endpoint_name(thread->endpoint);
        log_add(at == 0 ? "%s%s" : "%s%s@0x%lx", &","[i == 0], names[thread->state], (unsigned long)at);
    }
}

static void tell(const struct thread *thread, uint64_t cycles)
{
    bool is_received = thread->state == THREAD_WAITING;
    log_begin("kernel");
    log_add("fault unanswered label=0x%lx thread=0x%x space=0x%x kind=%u addr=0x%lx ip=0x%lx received=%u seconds=%lu ", (unsigned long)thread->label,
            thread->frame.number, thread->space->frame.number, thread->fault.kind, (unsigned long)thread->fault.word[1],
            (unsigned long)thread->fault.word[2], is_received, (unsigned long)(cycles / arch_cycles_per_second()));
    const struct thread *receiver = is_received ? nullptr : budget_find(thread->endpoint->server);
    if (is_received || receiver != nullptr) add_pager(is_received ? thread->server : receiver->space);
    else log_add("pager=0x0 threads=unknown");
    log_end();
}

[[gnu::noinline]] uint64_t deadline_age(struct thread *thread, uint64_t now)
{
    if (thread->seen_token != thread->token) {
        thread->seen_token = thread->token;
        thread->seen_cycles = now;
    }
    return now - thread->seen_cycles;
}

/* Returns how much of a step it was. */
static unsigned look_at(struct thread *thread, uint64_t now)
{
    if (thread->request != REQUEST_FAULT || thread->told_token == thread->token) return 1;
    uint64_t cycles = deadline_age(thread, now);
    if (cycles < 2 * interval) {
        is_waiting = true;
        return 1;
    }
    thread->told_token = thread->token;
    tell(thread, cycles);
    return LOOK_STEP; /* a line is slow */
}

void deadline_look(uint64_t now)
{
    if (cursor == nullptr) {
        cursor = deadline_threads;
        fault_marks |= FAULT_UNWATCHED;
        is_waiting = false;
    }
    for (unsigned done = 0; done < LOOK_STEP && cursor != nullptr;) {
        struct thread *thread = thread_of(cursor);
        cursor = cursor->next;
        done += look_at(thread, now);
    }
    if (cursor != nullptr) return timer_set(&look_timer, now + 1); /* the others in the next interrupt */
    if (is_waiting) fault_marks &= ~FAULT_UNWATCHED;
    if (!(fault_marks & FAULT_UNWATCHED)) timer_set(&look_timer, now + interval);
}

void deadline_forget(const struct thread *thread)
{
    if (cursor == &thread->every) cursor = thread->every.next;
    link_remove(&thread->every);
}

const struct timer *deadline_timer(void)
{
    return &look_timer;
}
