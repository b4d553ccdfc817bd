/* Interval timer and interrupt controllers. See pit.h. Sources: Intel 8254 and 8259A data sheets. */
#include "pit.h"

#include "port_io.h"

constexpr uint32_t PIT_HERTZ = 1'193'182;
constexpr uint16_t PIT_CHANNEL2 = 0x42, PIT_COMMAND = 0x43, PIT_GATE = 0x61;
constexpr uint8_t COMMAND_CHANNEL2_ONE_SHOT = 0xb0; /* channel 2, low then high byte, mode 0 */
constexpr uint8_t GATE_ON = 1, SPEAKER_ON = 2, GATE_OUTPUT = 0x20;

void pit_start(uint32_t microseconds)
{
    uint32_t ticks = (uint32_t)((uint64_t)PIT_HERTZ * microseconds / 1'000'000);
    port_write8(PIT_GATE, (uint8_t)((port_read8(PIT_GATE) & ~SPEAKER_ON) | GATE_ON));
    port_write8(PIT_COMMAND, COMMAND_CHANNEL2_ONE_SHOT);
    port_write8(PIT_CHANNEL2, (uint8_t)ticks);
    port_write8(PIT_CHANNEL2, (uint8_t)(ticks >> 8));
}

bool pit_is_done(void)
{
    return (port_read8(PIT_GATE) & GATE_OUTPUT) != 0;
}

void pic_mask(void)
{
    constexpr uint16_t first_command = 0x20, first_data = 0x21, second_command = 0xa0, second_data = 0xa1;
    port_write8(first_command, 0x11); /* initialise, four words follow */
    port_write8(second_command, 0x11);
    port_write8(first_data, 0xf0); /* vectors that have no gate */
    port_write8(second_data, 0xf8);
    port_write8(first_data, 4);
    port_write8(second_data, 2);
    port_write8(first_data, 1);
    port_write8(second_data, 1);
    port_write8(first_data, 0xff);
    port_write8(second_data, 0xff);
}
