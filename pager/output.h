/* Output: what programs write, in the log line by line.
 *
 * A line of a program is `out: pid=P name=NAME | text`. One that is longer than OUTPUT_LINE_BYTES goes on in lines with ` + ` in place of ` | `. Bytes outside
 * 0x20 to 0x7e, and the backslash, appear as \xNN. */
#ifndef QUIRE_PAGER_OUTPUT_H
#define QUIRE_PAGER_OUTPUT_H

#include "process.h"

constexpr uint32_t OUTPUT_WRITE_BYTES = 1024; /* of one message */

void output_write(struct process *process, const char *text, uint32_t length_bytes);
/* Writes out a line that has no end yet. */
void output_flush(struct process *process);

#endif
