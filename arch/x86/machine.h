/* Ending the machine: the way QEMU's debug-exit device hears of it. */
#ifndef QUIRE_MACHINE_H
#define QUIRE_MACHINE_H

#include <stdint.h>

/* Values written to the device; QEMU's exit status is 2 * value + 1. Only MACHINE_SUCCESS (33) means success. */
enum machine_end : uint32_t { MACHINE_SUCCESS = 0x10, MACHINE_PANIC = 0x11, MACHINE_FAILURE = 0x12 };

/* Sets the device's port, from the kernel argument debug-exit=; 0: there is none. */
void machine_set_exit_port(uint16_t port);
uint16_t machine_exit_port(void);
/* Tells the device, if there is one, and halts for ever. */
[[noreturn]] void machine_stop(enum machine_end end);

#endif
