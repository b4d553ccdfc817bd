/* The checker: walks everything that the kernel holds and says whether its invariants hold. Kernels built for tests only.
 *
 * The numbers are those of the invariants: 1 present entries, 2 map counts, 3 bitmap tiers, 4 the sum of all frames, 5 rights and limits, 6 tables,
 * 8 handle rows and lines of devices, 9 threads and queues, 11 time: accounts, gifts, timers. 7, 10 and 12 are not the kernel's to check: ledger, charges,
 * stacks.
 *
 * It has a twin on the host, which reads the same in a dump of the machine's memory (tools/memory_check.py, docs/adr/0013-twin.md); the two must agree. */
#ifndef QUIRE_CHECK_H
#define QUIRE_CHECK_H

#include <stdint.h>

#ifdef QUIRE_TEST
/* The number of the first invariant that does not hold, after a log line `check: ...` with the details; 0 when all hold. Its time grows with memory:
 * not for the paths of a call. Changes nothing that outlives it. */
uint32_t check_run(void);
#endif

#endif
