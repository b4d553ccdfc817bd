/* The local APIC. See apic.h. */
#include "apic.h"

#include "boot.h"

constexpr unsigned REGISTER_END = 0xb0, REGISTER_SPURIOUS = 0xf0, REGISTER_TIMER = 0x320, REGISTER_LINT0 = 0x350, REGISTER_LINT1 = 0x360;
constexpr unsigned REGISTER_INITIAL = 0x380, REGISTER_CURRENT = 0x390, REGISTER_DIVIDE = 0x3e0;
constexpr uint32_t SPURIOUS_ENABLE = 0x100, LINE_NMI = 0x400, LINE_EXTERNAL = 0x700, DIVIDE_BY_16 = 3;

static volatile uint8_t *page;

static volatile uint32_t *reg(unsigned offset)
{
    return (volatile uint32_t *)(page + offset);
}

BOOT_ONLY void apic_initialise(volatile void *registers)
{
    page = registers;
    *reg(REGISTER_LINT0) = LINE_EXTERNAL; /* the old interrupt controllers, pic.h */
    *reg(REGISTER_LINT1) = LINE_NMI;
    *reg(REGISTER_DIVIDE) = DIVIDE_BY_16;
    *reg(REGISTER_TIMER) = APIC_TIMER_VECTOR;
    *reg(REGISTER_INITIAL) = 0;
    *reg(REGISTER_SPURIOUS) = SPURIOUS_ENABLE | APIC_SPURIOUS_VECTOR;
}

void apic_end_of_interrupt(void)
{
    *reg(REGISTER_END) = 0;
}

void apic_timer_set(uint32_t ticks)
{
    *reg(REGISTER_INITIAL) = ticks;
}

uint32_t apic_timer_left(void)
{
    return *reg(REGISTER_CURRENT);
}
