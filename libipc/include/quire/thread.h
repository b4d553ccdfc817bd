/* Threads: more than one in a process, and how they wait for each other.
 *
 * All threads of a process have the same memory, handles and groups; each has a stack, a message buffer, and waits for its own answers. They take turns: there
 * is one processor, and a thread may be interrupted between any two instructions. What two threads change needs a mutex (mutex.h). The heap and the streams of
 * libc-min have theirs; everything else of libc-min and libipc that has no state of its own may be called by all threads at once.
 *
 * A thread is told by its stack. So a program with several threads does not move the stack pointer to memory that is not its thread's stack.
 *
 * The process ends when one thread ends it (process_exit, exit, or main returns), when one faults, or with its last thread. */
#ifndef QUIRE_THREAD_H
#define QUIRE_THREAD_H

#include <stdint.h>

#include <abi/status.h>

constexpr uint64_t THREAD_STACK_USUAL = 256 << 10;
constexpr uint64_t THREAD_STACK_MOST = (4 << 20) - (64 << 10);

/* Runs function(argument) as another thread of this process, with a stack of at least `stack_bytes` (0: THREAD_STACK_USUAL) of which pages come when they
 * are touched. Below the stack lie at least 64 KiB that nobody may write to: a thread that overflows its stack ends the process
 * (PROCESS_STACK_OVERFLOW). `*thread` is its number, which is never used again. It ends when the function returns, and is to be joined: its stack stays
 * until then. STATUS_BAD_LENGTH: more than THREAD_STACK_MOST. STATUS_LIMIT: 64 threads, or no more memory in the mmap area. STATUS_NO_MEMORY.
 * STATUS_BAD_ADDRESS: `function` is no address of a program. Nothing was changed. */
enum status thread_start(uint64_t (*function)(void *argument), void *argument, uint64_t stack_bytes, uint32_t *thread);

/* Ends the calling thread; thread_join delivers the value. In the first thread of a process it ends that one alone, and the others go on; the last one to end
 * ends the process with the value as exit status. */
[[noreturn]] void thread_exit(uint64_t value);

/* Waits until a thread has ended, gives its stack back, and delivers what its function returned or thread_exit() was given. One thread joins another, once.
 * STATUS_NOT_FOUND: no such thread was started, or it has been joined. STATUS_BAD_ARGUMENT: the calling thread. */
enum status thread_join(uint32_t thread, uint64_t *value);

/* Ends another thread whatever it does, for emergencies: locks that it holds stay locked, what it was changing stays half done. thread_join() delivers
 * 0 then. STATUS_NOT_FOUND: there never was one. STATUS_BAD_ARGUMENT: the calling thread, which calls thread_exit(). */
enum status thread_end(uint32_t thread);

/* The number of the calling thread; 1 is the first of a process. */
uint32_t thread_self(void);

#endif
