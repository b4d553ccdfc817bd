/* What a program keeps for each of its threads: at the top of its stack, or for the first one in a variable. Between the files of libipc only. */
#ifndef QUIRE_THREAD_CONTROL_H
#define QUIRE_THREAD_CONTROL_H

#include <stdint.h>

#include <abi/status.h>

struct thread_control {
    char *buffer;             /* the message buffer */
    uint32_t number;          /* 0: thread_start() has not heard it yet */
    uint32_t endpoint;        /* where it waits for bits; HANDLE_NONE: it has not waited yet */
    uint64_t (*function)(void *argument);
    void *argument;
    uint64_t value;           /* that it ended with */
    struct thread_control *next; /* in a mutex: who waits after it */
    struct thread_control *next_started; /* among those that were started and not joined */
};

/* Bits at `endpoint`. */
enum : uint64_t { THREAD_BIT_TIMER = 1, THREAD_BIT_MUTEX = 2 };

/* The caller's. */
struct thread_control *thread_control(void);
/* Its endpoint, made when it is asked for first. STATUS_LIMIT, STATUS_NO_MEMORY. */
enum status thread_endpoint(uint32_t *handle);
/* The caller is the duplicate of a thread, the first and only one of a process. */
void thread_is_alone(void);
/* Waits there until one of the bits comes. */
void thread_wait_for(uint32_t handle, uint64_t bits);

#endif
