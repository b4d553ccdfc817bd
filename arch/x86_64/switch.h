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
    uint64_t root_address;             /* of the root table that is loaded */
};
extern struct switch_state switch_state;
static_assert(offsetof(struct switch_state, vectors_user) == SWITCH_VECTORS_USER && offsetof(struct switch_state, vectors_owner) == SWITCH_VECTORS_OWNER);

/* Root table and trap stack of the thread that goes on. */
static inline void switch_to(struct thread *to, const struct space *space)
{
    uint64_t root_address = space->root_address;
    if (root_address != switch_state.root_address) {
        switch_state.root_address = root_address;
        counter_add(COUNTER_ROOT_LOADS, 1);
        cpu_write_cr3(root_address);
    }
    cpu_set_trap_stack(&to->context);
}

/* Makes the vector registers as the thread needs them, its own state or blocked where it has none, if nothing has to be saved or loaded: the thread has no
 * vector state, or its own is still in them. So it is between a program and its pager. False: it is not so, and nothing has changed. */
[[gnu::always_inline]] static inline bool switch_vectors_easily(const struct thread *to)
{
    const struct thread *user = to->vectors_user;
    if (__builtin_expect(switch_state.vectors_user == user, true)) return true;
    register const struct thread *thread __asm__("r10") = to;
    /* It changes no other register. */
    __asm__ goto("call switch_vectors_over\n\tjne %l[not_easy]" : "+b"(user), "+m"(switch_state) : "r"(thread) : "cc" : not_easy);
    return true;
not_easy:
    return false;
}

#endif
