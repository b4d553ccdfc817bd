/* Ports that drivers may use: all but those of the kernel's own devices, and those that end the machine or lay out its physical space.
 *
 * The rest is a driver's own affair: one that may program a device may have it write anywhere. */
#include "arch.h"
#include "machine.h"
#include "port_io.h"

static const struct {
    uint16_t first, last;
} kept[] = {
    { 0x20, 0x21 },   /* first interrupt controller */
    { 0x40, 0x43 },   /* interval timer */
    { 0x61, 0x61 },   /* its gate */
    { 0x92, 0x92 },   /* reset */
    { 0xa0, 0xa1 },   /* second interrupt controller */
    { 0x3f8, 0x3ff }, /* serial port of the log */
    { 0x4d0, 0x4d1 }, /* levels of the interrupt controllers */
    { 0xcf8, 0xcff }, /* configuration of PCI, reset */
};

bool arch_port_exists(uint64_t port, unsigned width)
{
    if (port > UINT16_MAX || port + width > UINT16_MAX + 1) return false;
    uint64_t last = port + width - 1, exit = machine_exit_port();
    if (exit != 0 && port < exit + 4 && last >= exit) return false;
    for (unsigned i = 0; i < sizeof kept / sizeof kept[0]; i++)
        if (port <= kept[i].last && last >= kept[i].first) return false;
    return true;
}

uint32_t arch_port_read(uint16_t port, unsigned width)
{
    return width == 1 ? port_read8(port) : width == 2 ? port_read16(port) : port_read32(port);
}

void arch_port_write(uint16_t port, unsigned width, uint32_t value)
{
    if (width == 1) port_write8(port, (uint8_t)value);
    else if (width == 2) port_write16(port, (uint16_t)value);
    else port_write32(port, value);
}
