/* Interrupt controllers. See pic.h. Source: Intel 8259A data sheet.
 *
 * A line is closed before the end of its interrupt is told, so that a device that goes on asking is not heard until its driver says so. A request that
 * is gone when the processor asks for its vector is told as line 7 of its controller, without standing in service. */
#include "pic.h"

#include "arch.h"
#include "boot.h"
#include "counter.h"
#include "port_io.h"

constexpr uint16_t FIRST_COMMAND = 0x20, FIRST_DATA = 0x21, SECOND_COMMAND = 0xa0, SECOND_DATA = 0xa1;
constexpr uint8_t INITIALISE = 0x11, END_OF_INTERRUPT = 0x20, READ_IN_SERVICE = 0x0b;
constexpr unsigned CASCADE = 2; /* the second controller is here */

static uint16_t closed; /* a bit for each line */

static void write_closed(void)
{
    port_write8(FIRST_DATA, (uint8_t)closed);
    port_write8(SECOND_DATA, (uint8_t)(closed >> 8));
}

BOOT_ONLY void pic_initialise(void)
{
    port_write8(FIRST_COMMAND, INITIALISE); /* four words follow */
    port_write8(SECOND_COMMAND, INITIALISE);
    port_write8(FIRST_DATA, PIC_VECTOR);
    port_write8(SECOND_DATA, PIC_VECTOR + 8);
    port_write8(FIRST_DATA, 1 << CASCADE);
    port_write8(SECOND_DATA, CASCADE);
    port_write8(FIRST_DATA, 1);
    port_write8(SECOND_DATA, 1);
    closed = (uint16_t)~(1u << CASCADE);
    write_closed();
}

bool arch_interrupt_exists(unsigned line)
{
    return line < PIC_LINES && line != CASCADE;
}

void arch_interrupt_open(unsigned line, bool is_open)
{
    closed = (uint16_t)(is_open ? closed & ~(1u << line) : closed | 1u << line);
    write_closed();
}

bool pic_take(unsigned line)
{
    bool is_second = line >= 8, is_real = true;
    uint16_t command = is_second ? SECOND_COMMAND : FIRST_COMMAND;
    if (line % 8 == 7) {
        port_write8(command, READ_IN_SERVICE);
        is_real = (port_read8(command) & 0x80) != 0;
    }
    if (is_real) {
        arch_interrupt_open(line, false);
        port_write8(command, END_OF_INTERRUPT);
    } else {
        counter_add(COUNTER_SPURIOUS, 1);
    }
    if (is_second) port_write8(FIRST_COMMAND, END_OF_INTERRUPT); /* the first one saw its cascade in any case */
    return is_real;
}
