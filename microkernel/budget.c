/* Budgets: charge, find who pays, give. See budget.h. */
#include "budget.h"

#include <assert.h>

#include "frame.h"
#include "schedule.h"
#include "space.h"
#include "thread.h"

constexpr unsigned GIVERS_LOOKED = 64; /* threads of a process that may have given, the newest; the pager lets it have no more */

static uint32_t births; /* upper half of the latest account's name */

void budget_initialise(struct thread *thread)
{
    births++;
    thread->account = thread->payer = (uint64_t)births << 32 | thread->frame.number;
    thread->budget.capacity = TIME_UNLIMITED;
    thread->budget.timer.kind = TIMER_RENEW;
}

[[gnu::noinline]] struct thread *budget_find(uint64_t account)
{
    struct thread *thread = thread_find((uint32_t)account);
    return thread != nullptr && thread->account == account ? thread : nullptr;
}

void budget_pay_from(struct thread *thread, const struct thread *purse)
{
    thread->budget.purse = purse->account;
    thread->budget.capacity = 0;
    thread->budget.period = TIME_LIMIT;
}

/* The account that is charged for the thread: its own or its purse's. */
static struct budget *charged_for(struct thread *thread)
{
    struct thread *purse = thread->budget.purse != 0 ? budget_find(thread->budget.purse) : nullptr;
    return purse != nullptr ? &purse->budget : &thread->budget;
}

/* What the paying account may still be charged. */
[[gnu::noinline]] static uint64_t *paying(void)
{
    if (processor.is_gift) return &processor.payer->budget.gift;
    struct budget *budget = charged_for(processor.payer);
    return budget->capacity == TIME_UNLIMITED ? nullptr : &budget->left;
}

[[gnu::noinline]] uint64_t budget_charge(void)
{
    uint64_t now = arch_cycles();
    struct thread *payer = processor.payer;
    if (payer != nullptr) {
        uint64_t used = now - processor.paid_until, *left = paying();
        payer->budget.paid += used;
        if (payer->budget.purse != 0) charged_for(payer)->paid += used;
        if (left != nullptr) *left -= used < *left ? used : *left;
    }
    processor.paid_until = now;
    return now;
}

/* What pays has something left; the timer is asked for when it will not have. */
static bool has_left(void)
{
    const uint64_t *left = paying();
    if (left == nullptr) return true;
    if (*left == 0) return false;
    timer_need(processor.paid_until + *left);
    return true;
}

/* The account pays from now on, if it can. All is charged up to now. */
static bool pay(struct thread *payer, bool is_gift)
{
    if (payer->budget.gift_to != 0 && budget_find(payer->budget.gift_to) == nullptr) budget_return(payer); /* whom it was for has ended */
    struct budget *budget = charged_for(payer);
    bool is_limited = budget->capacity != TIME_UNLIMITED;
    if (is_limited && processor.paid_until >= budget->renewal) {
        budget->left = budget->capacity - budget->gift;
        budget->renewal = processor.paid_until + budget->period;
    }
    processor.payer = payer;
    processor.is_gift = is_gift;
    processor.is_unlimited = !is_limited && !is_gift && payer->budget.purse == 0;
    return has_left();
}

bool budget_begin(struct thread *thread)
{
    budget_charge();
    struct thread *payer = thread->payer == thread->account ? thread : budget_find(thread->payer);
    if (payer == nullptr) { /* it has ended; the server goes on by itself */
        payer = thread;
        thread->payer = thread->account;
    }
    processor.paid_for = thread->payer;
    if (pay(payer, false)) return true;
    processor.paid_for = 0; /* what now pays is of this thread alone: the next one is looked at again */
    const struct link *link = payer->space->threads;
    for (unsigned i = 0; link != nullptr && i < GIVERS_LOOKED; link = link->next, i++) {
        struct thread *giver = thread_of(link);
        if (giver->budget.gift_to != thread->account) continue;
        if (pay(giver, true)) return true;
        budget_return(giver);
    }
    if (payer != thread && pay(thread, false)) return true;
    budget_pause();
    /* Also where both are granted nothing now: the payer's pager may grant it time while others run on it, and cannot find them. */
    uint64_t when = charged_for(payer)->renewal, own = charged_for(thread)->renewal;
    timer_set(&thread->budget.timer, own < when ? own : when);
    return false;
}

void budget_pause(void)
{
    budget_charge();
    processor.payer = nullptr;
    processor.is_unlimited = false;
    processor.paid_for = 0;
}

void budget_on_timer(void)
{
    if (processor.payer != nullptr && !has_left()) processor.paid_for = 0;
}

void budget_limit(struct thread *thread, uint64_t capacity, uint64_t period)
{
    uint64_t now = budget_charge();
    budget_return(thread);
    struct budget *budget = arch_near(&thread->budget);
    budget->purse = 0;
    budget->capacity = budget->left = capacity;
    budget->period = period;
    budget->renewal = now + period;
    processor.paid_for = 0;
    processor.is_unlimited = false;
    if (thread->state == THREAD_EXHAUSTED) schedule_resume(thread);
}

[[gnu::noinline]] uint64_t budget_return(struct thread *giver)
{
    struct budget *budget = arch_near(&giver->budget);
    if (budget->gift_to == 0) return 0;
    budget_charge();
    uint64_t unused = budget->gift;
    if (budget->capacity != TIME_UNLIMITED) budget->left += unused;
    budget->gift = budget->gift_to = 0;
    schedule_set_limit(giver);
    if (processor.payer == giver) processor.paid_for = 0; /* it may be the gift that paid */
    return unused;
}

void budget_answered(struct thread *giver)
{
    const struct thread *to = budget_find(giver->budget.gift_to);
    if (to == nullptr || to->space == giver->server) budget_return(giver);
}

enum status budget_give(struct thread *giver, struct thread *to, uint64_t cycles)
{
    struct budget *budget = arch_near(&giver->budget);
    if (giver == to) return STATUS_BAD_STATE;
    budget_charge();
    if (budget->gift_to != to->account) budget_return(giver);
    bool is_limited = budget->capacity != TIME_UNLIMITED;
    if (cycles > (is_limited ? budget->left : TIME_LIMIT - budget->gift)) return STATUS_LIMIT;

    // Commit: nothing below may fail.
    if (is_limited) budget->left -= cycles;
    budget->gift += cycles;
    budget->gift_to = to->account;
    schedule_set_limit(giver);
    processor.paid_for = 0; /* the giver has less left: the timer is asked again */
    if (to->state == THREAD_EXHAUSTED) schedule_resume(to);
    return STATUS_OK;
}

void budget_forget(struct thread *thread)
{
    if (processor.payer == thread) budget_pause();
    budget_return(thread);
    timer_cancel(&thread->budget.timer);
    thread->account = 0; /* gifts to it: the givers find nobody */
}

bool budget_check(const struct thread *thread)
{
    const struct budget *budget = &thread->budget;
    if (budget->gift_to == 0 && budget->gift != 0) return false;
    if (budget->gift_to != 0 && (budget->gift_to == thread->account || thread->priority_limit != 0)) return false;
    if (budget->purse != 0 && budget->capacity != 0) return false;
    if (budget->capacity == TIME_UNLIMITED) return budget->gift <= TIME_LIMIT;
    return budget->left <= budget->capacity && budget->gift <= budget->capacity - budget->left && budget->period != 0;
}
