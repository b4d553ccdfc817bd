/* Scripts: any bytes, read as what several programs do. One reader for the fuzzer and for seeded random tests. */
#ifndef QUIRE_SIM_SCRIPT_H
#define QUIRE_SIM_SCRIPT_H

#include <stddef.h>
#include <stdint.h>

/* Plays the bytes on a machine that was started with program 1 running; other programs come and go. Checks ledger and kernel every `check_every` steps and at
 * the end: nullptr, or what does not hold. */
const char *sim_script(const uint8_t *bytes, size_t size, unsigned check_every);

/* One deed of one program, from as many of the bytes as it takes; at most `most_processes` run at a time. Program 1 runs. */
void sim_script_step(const uint8_t *bytes, size_t size, uint32_t most_processes);

/* Deeds so far that came between two steps of the pager's work. */
uint64_t sim_script_count_between(void);

/* Programs 1 to this one never end by their own doing, and their first threads wait for nothing but the pager's work while time stands still, so that there is
 * always somebody to start others. Only want of memory ends them. */
constexpr uint32_t SIM_SCRIPT_STAY = 4;
/* Memory that is short for what scripts do. */
constexpr uint64_t SIM_SCRIPT_MEMORY = 8 << 20;

/* Starts the machine that scripts are played on. */
void sim_script_start(uint64_t memory_bytes);

#endif
