/* Time: the clock, waiting, and time that one program gives another.
 *
 * Reading the clock is no call: it is the processor's cycle counter and two numbers that a program is told at its start. Timers are notification
 * bits, so a server waits for them and for messages together. A call lends the caller's budget to the server anyway; time_give() adds to that. */
#ifndef QUIRE_TIME_H
#define QUIRE_TIME_H

#include <quire/syscall.h>

constexpr uint64_t TIME_MILLISECOND = 1'000'000; /* in nanoseconds, as all times here */
constexpr uint64_t TIME_SECOND = 1'000'000'000;

/* Nanoseconds since the kernel started. */
uint64_t time_now(void);

/* Sets bits at the endpoint of the handle, once, when so many nanoseconds have passed; an endpoint has one timer, which a new time replaces. 0
 * nanoseconds: no timer. Needs RIGHT_RECEIVE. STATUS_BAD_ARGUMENT: no bits, or more than TIME_LIMIT_NANOSECONDS. STATUS_BAD_HANDLE, STATUS_NO_RIGHT,
 * STATUS_STALE: the handle. */
enum status time_after(uint32_t handle, uint64_t bits, uint64_t nanoseconds);

/* Waits for so many nanoseconds, at an endpoint of the thread's own. STATUS_BAD_ARGUMENT: more than TIME_LIMIT_NANOSECONDS. STATUS_LIMIT, STATUS_NO_MEMORY:
 * there is no endpoint to wait at. */
enum status time_sleep(uint64_t nanoseconds);

/* Sets nanoseconds of this thread's budget aside for the thread that serves the endpoint of the handle: it may use them when it works on a request of
 * any thread of this process and the budget of that thread is used up; requests of other processes get nothing from it. What is left comes back when a
 * call of this thread to that server is answered, when either ends, or by time_take_back(). A further gift to the same thread adds; one to another takes
 * back the first. Needs RIGHT_CALL.
 * STATUS_LIMIT: more than is left in this period, or the time of the caller's family is limited (family_time): such a thread has none of its own.
 * STATUS_NOT_FOUND: nobody has received at the endpoint yet. STATUS_BAD_STATE: it is this thread itself.
 * STATUS_BAD_ARGUMENT: more than TIME_LIMIT_NANOSECONDS. STATUS_BAD_LENGTH: 0 nanoseconds. STATUS_BAD_HANDLE, STATUS_NO_RIGHT, STATUS_STALE: the
 * handle. */
enum status time_give(uint32_t handle, uint64_t nanoseconds);

/* Takes back what is left of a gift; nothing happens when there is none. The handle is any with RIGHT_CALL: STATUS_BAD_HANDLE, STATUS_NO_RIGHT,
 * STATUS_STALE. */
enum status time_take_back(uint32_t handle);

#endif
