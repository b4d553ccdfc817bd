/* A mutex: one thread at a time has it, the others wait without using the processor.
 *
 * A mutex that nobody has is taken, and one that nobody waits for given back, without a call. Who waits does so at an endpoint of its own, which it makes
 * when it waits for the first time; where no endpoint is to be had it lets others run and tries again. Who has waited longest is told first, and tries
 * again with those who come at that moment.
 *
 *     static struct mutex lock;     all zero: nobody has it */
#ifndef QUIRE_MUTEX_H
#define QUIRE_MUTEX_H

#include <stdint.h>

struct thread_control;

struct mutex {
    uint32_t is_locked;
    uint32_t is_guarded;                 /* the list below is being changed */
    struct thread_control *first, *last; /* who waits */
};

/* The ways with waiting, and with somebody to tell. */
void mutex_wait(struct mutex *mutex);
void mutex_tell(struct mutex *mutex);

/* Takes the mutex; waits while another thread has it. A thread that has it does not take it again: it would wait for ever. */
static inline void mutex_lock(struct mutex *mutex)
{
    if (__atomic_exchange_n(&mutex->is_locked, 1, __ATOMIC_ACQUIRE) != 0) mutex_wait(mutex);
}

/* Gives it back; the caller has it. */
static inline void mutex_unlock(struct mutex *mutex)
{
    __atomic_store_n(&mutex->is_locked, 0, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&mutex->first, __ATOMIC_SEQ_CST) != nullptr) mutex_tell(mutex);
}

#endif
