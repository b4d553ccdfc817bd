/* The simulated machine inside: what sim*.c share. */
#ifndef QUIRE_SIM_MACHINE_H
#define QUIRE_SIM_MACHINE_H

#include "microkernel/schedule.h"
#include "microkernel/space.h"
#include "sim.h"

/* The pager's own thread, space, endpoint. */
extern struct thread *sim_thread;
extern struct space *sim_space;

/* Enters the kernel with the registers of a thread, which runs; comes back when the kernel is left, or waits for an interrupt. */
void sim_enter(struct thread *thread, enum call_number number, const uint64_t argument[CALL_ARGUMENTS]);
/* The pager may be lost here (sim_lose). While it is whole, it is not. */
void sim_point(void);
void sim_be_whole(bool whole);
/* Runs the pager if it has something to do. */
void sim_run_pager(void);
/* sim_hold_time(). */
extern bool sim_holds_time;
/* sim_options.audits of the machine that runs. */
extern bool sim_audits;
/* A call of the pager that returns: its status, results in `argument`. */
enum status sim_pager_call(enum call_number number, uint64_t argument[CALL_ARGUMENTS]);
/* The pager's next action is done by a call that may fail on purpose. */
bool sim_takes_failure(enum call_number number, enum status *status);

#endif
