/* What test pagers share: a log line, and twins of themselves.
 *
 * A test pager is booted in place of the pager, so it may make every call. A twin is another address space with the same image at the same
 * addresses, code and data shared: a thread in it runs a function of this program, and what it writes is seen here. */
#ifndef QUIRE_KIT_H
#define QUIRE_KIT_H

#include <quire/kernel_calls.h>

#include <abi/boot_info.h>
#include <abi/memory.h>

constexpr unsigned KIT_TWINS = 10;
constexpr uint64_t KIT_FREE = 0x100000000; /* addresses from here on are used by nobody: in the pager and in twins */

extern const struct boot_info *kit_info; /* set before kit_main is called */

struct twin {
    uint64_t space, thread;
};

/* What each test pager brings; returns the code for machine_end. */
uint32_t kit_main(void);

/* Writes "subsystem: text" as one line. */
[[gnu::format(printf, 2, 3)]] void kit_log(const char *subsystem, const char *format, ...);

/* Ends the machine with a line when the status is not OK. */
void kit_must(enum status status, const char *what);

/* Makes a twin whose faults go to the endpoint with the badge; at most KIT_TWINS. Its thread is stopped. */
struct twin kit_twin(uint64_t endpoint, uint64_t badge, uint32_t priority);
/* Starts the twin's thread in a function, on a stack of its own. */
void kit_start(const struct twin *twin, void (*function)(uint64_t), uint64_t argument);

static inline uint64_t kit_cycles(void)
{
    uint32_t low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high)::"memory");
    return (uint64_t)high << 32 | low;
}

#endif
