/* Scripts: any bytes, read as what several programs do. One reader for the fuzzer and for seeded random tests. */
#ifndef QUIRE_SIM_SCRIPT_H
#define QUIRE_SIM_SCRIPT_H

#include <stddef.h>
#include <stdint.h>

/* Plays the bytes on a machine that was started with program 1 running; other programs come and go. Checks ledger and kernel every `check_every` steps and at
 * the end: nullptr, or what does not hold. */
const char *sim_script(const uint8_t *bytes, size_t size, unsigned check_every);

/* Starts the machine that scripts are played on. */
void sim_script_start(void);

#endif
