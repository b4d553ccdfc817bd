/* Switching threads on this processor: what the way out of the kernel and the fast paths have in common. */
#ifndef QUIRE_SWITCH_H
#define QUIRE_SWITCH_H

#include "counter.h"
#include "cpu.h"
#include "space.h"
#include "thread.h"

struct switch_state {
    const struct thread *vectors_user; /* who may use the vector registers now; nullptr: nobody, CR0.TS is set */
    struct thread *vectors_owner;      /* whose state is in them */
    frame_t root;                      /* loaded */
};
extern struct switch_state switch_state;

/* Root table and trap stack of the thread that goes on. */
static inline void switch_to(struct thread *to, const struct space *space)
{
    frame_t root = space->root;
    if (root.number != switch_state.root.number) {
        switch_state.root = root;
        counter_add(COUNTER_ROOT_LOADS, 1);
        cpu_write_cr3(frame_to_physical(root).address);
    }
    cpu_set_trap_stack(&to->context);
}

/* The vector registers are as the thread needs them: its own state, or blocked where it has none. */
static inline bool switch_vectors_are_right(const struct thread *to)
{
    return switch_state.vectors_user == to->vectors_user;
}

/* Makes them so. */
void switch_vectors(struct thread *to);

#endif
