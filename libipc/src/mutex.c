/* Mutexes: who waits, and who is told. See mutex.h.
 *
 * A thread that finds the mutex taken puts itself into the list and looks again before it waits; one that gives it back looks into the list after it has
 * done so. Whichever comes second sees the other, so nobody waits for a mutex that is free. The list is changed under a guard, which is held for some
 * instructions only: who finds it taken lets its holder run. */
#include <quire/mutex.h>

#include <quire/syscall.h>

#include "thread_control.h"

static void guard(struct mutex *mutex)
{
    while (__atomic_exchange_n(&mutex->is_guarded, 1, __ATOMIC_ACQUIRE) != 0) yield();
}

static void unguard(struct mutex *mutex) { __atomic_store_n(&mutex->is_guarded, 0, __ATOMIC_RELEASE); }

/* Puts the caller into the list, unless it got the mutex. */
static bool mutex_queue(struct mutex *mutex, struct thread_control *self)
{
    guard(mutex);
    self->next = nullptr;
    if (mutex->first == nullptr) __atomic_store_n(&mutex->first, self, __ATOMIC_SEQ_CST);
    else mutex->last->next = self;
    struct thread_control *before = mutex->last;
    mutex->last = self;
    bool is_mine = __atomic_exchange_n(&mutex->is_locked, 1, __ATOMIC_SEQ_CST) == 0;
    if (is_mine) {
        if (mutex->first == self) mutex->first = nullptr;
        else before->next = nullptr;
        mutex->last = before;
    }
    unguard(mutex);
    return !is_mine;
}

void mutex_wait(struct mutex *mutex)
{
    uint32_t handle;
    do {
        if (thread_endpoint(&handle) != STATUS_OK) yield();
        else if (mutex_queue(mutex, thread_control())) thread_wait_for(handle, THREAD_BIT_MUTEX);
        else return;
    } while (__atomic_exchange_n(&mutex->is_locked, 1, __ATOMIC_ACQUIRE) != 0);
}

void mutex_tell(struct mutex *mutex)
{
    guard(mutex);
    struct thread_control *told = mutex->first;
    uint32_t handle = told != nullptr ? told->endpoint : HANDLE_NONE;
    if (told != nullptr) mutex->first = told->next;
    unguard(mutex);
    if (handle != HANDLE_NONE) (void)!notify(handle, THREAD_BIT_MUTEX);
}
