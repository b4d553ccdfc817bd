/* The first serial port, for the log: 115,200 baud, 8 bits, no parity. Registers: National Semiconductor PC16550D data sheet, table II. */
#ifndef QUIRE_SERIAL_H
#define QUIRE_SERIAL_H

void serial_initialise(void);
/* arch_log_write() writes to it: it waits for the port, but never for ever, and a port that is not there loses the bytes. */

#endif
