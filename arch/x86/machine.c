/* Ending the machine. See machine.h. */
#include "machine.h"

#include "arch.h"
#include "boot.h"
#include "port_io.h"

static uint16_t exit_port = 0xf4; /* until the kernel arguments say otherwise: a panic before that must end an unattended QEMU too */

BOOT_ONLY void machine_set_exit_port(uint16_t port)
{
    exit_port = port;
}

uint16_t machine_exit_port(void) { return exit_port; }

void machine_stop(enum machine_end end)
{
    if (exit_port != 0) port_write32(exit_port, end);
    static const char text[] = "halted\n";
    arch_log_write(text, sizeof text - 1);
    for (;;) __asm__ volatile("cli\n\thlt");
}

void arch_machine_end(uint32_t code)
{
    machine_stop(code == 0 ? MACHINE_SUCCESS : MACHINE_FAILURE);
}
