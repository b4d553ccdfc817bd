/* Between the first instruction of a program and its main(). */
#ifndef QUIRE_START_H
#define QUIRE_START_H

#include <pager/protocol.h>

/* Called by _start, once. `info` lies at the start of the message buffer. */
[[noreturn]] void program_start(const struct start_info *info);

/* time.c: what the cycle counter means. */
void time_initialise(const struct start_info *info);

/* buffer.c: where the message buffer is. */
void message_buffer_set(char *address);

#endif
