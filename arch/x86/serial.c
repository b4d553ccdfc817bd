/* The first serial port. See serial.h. */
#include "serial.h"

#include <stdint.h>

#include "arch.h"
#include "boot.h"
#include "port_io.h"

constexpr uint16_t PORT = 0x3f8;
constexpr uint16_t DATA = PORT, INTERRUPTS = PORT + 1, FIFO = PORT + 2, LINE = PORT + 3, MODEM = PORT + 4, STATE = PORT + 5;
constexpr uint8_t LINE_DIVISOR_ACCESS = 0x80, LINE_8N1 = 0x03;
constexpr uint8_t STATE_CAN_WRITE = 0x20;
constexpr unsigned WAIT_LIMIT = 100'000; /* polls before a byte is given up: above 16 byte times at 115,200 baud */

BOOT_ONLY void serial_initialise(void)
{
    port_write8(INTERRUPTS, 0);
    port_write8(LINE, LINE_DIVISOR_ACCESS);
    port_write8(DATA, 1); /* divisor 1: 115,200 baud */
    port_write8(INTERRUPTS, 0);
    port_write8(LINE, LINE_8N1);
    port_write8(FIFO, 0xc7); /* on, cleared */
    port_write8(MODEM, 0x03); /* DTR, RTS */
}

static void write_byte(char byte)
{
    for (unsigned i = 0; i < WAIT_LIMIT && (port_read8(STATE) & STATE_CAN_WRITE) == 0; i++) {
    }
    port_write8(DATA, (uint8_t)byte);
}

void arch_log_write(const char *text, size_t length_bytes)
{
    for (size_t i = 0; i < length_bytes; i++) {
        if (text[i] == '\n') write_byte('\r');
        write_byte(text[i]);
    }
}
