/* The first serial port, for the log: 115,200 baud, 8 bits, no parity. Registers: National Semiconductor PC16550D data sheet, table II. */
#ifndef QUIRE_SERIAL_H
#define QUIRE_SERIAL_H

#include <stddef.h>

void serial_initialise(void);
/* Writes bytes; waits for the port, but never for ever: a port that is not there loses them. */
void serial_write(const char *text, size_t length_bytes);

#endif
