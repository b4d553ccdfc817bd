/* Interval timer. See pit.h. Source: Intel 8254 data sheet. */
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
