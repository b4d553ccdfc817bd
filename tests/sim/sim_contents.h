/* What is in the memory of programs: a model beside it, as small as what was written.
 *
 * Every page that a script writes to gets a stamp, a number that was never used before, in one of two words. The model knows the two words of each such page of
 * each process, by what the processes asked for and were told: it is moved, shared, copied, given back and made as new with the memory. All other pages that
 * begin as zeroes are zero. Whatever the pager and the kernel do, faults, copies, losses, pages mapped ahead, each page has to say the same as the model.
 *
 * A process of which the model does not know what becomes, since a request of it takes more than one step, is not compared any more, and neither is who gets
 * memory from it. */
#ifndef QUIRE_SIM_CONTENTS_H
#define QUIRE_SIM_CONTENTS_H

#include "sim.h"

/* From now on, on this machine: sim_check() compares contents too. */
void sim_contents_begin(void);
/* Another machine begins: nothing is compared. */
void sim_contents_end(void);
/* What a program asked the pager for, and what became of it. */
void sim_contents_asked(uint32_t number, uint64_t tag, const uint64_t word[MESSAGE_WORDS], const struct sim_reply *reply);
/* A program writes a stamp to a page, if there is a model of it; false: it has ended. */
bool sim_contents_write(uint32_t number, uint64_t address);
/* nullptr, or which page of which process is not as it should be. */
const char *sim_contents_check(void);
/* Pages that were compared with a stamp, and with zero, in all. */
uint64_t sim_contents_count_stamped(void);
uint64_t sim_contents_count_zero(void);

#endif
