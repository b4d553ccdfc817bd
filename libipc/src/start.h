/* Between the first instruction of a program and its main(). */
#ifndef QUIRE_START_H
#define QUIRE_START_H

#include <abi/status.h>
#include <pager/protocol.h>

/* Called by _start, once. `info` lies at the start of the message buffer. */
[[noreturn]] void program_start(const struct start_info *info);

/* time.c: what the cycle counter means. */
void time_initialise(const struct start_info *info);
/* Nanoseconds. */
uint64_t time_of_cycles(uint64_t cycles);

/* duplicate.S: returns twice, in the caller and in its duplicate. */
enum status duplicate_here(uint32_t *process);
/* process.c: asks for a duplicate that begins at an instruction with a stack pointer. */
enum status duplicate_ask(uint64_t instruction, uint64_t stack, uint32_t *process);

/* thread.c: where the message buffer of the first thread is; and so where its stack is. */
void message_buffer_set(char *address);

#endif
