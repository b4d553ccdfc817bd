/* The machine as a whole. */
#ifndef QUIRE_SYSTEM_H
#define QUIRE_SYSTEM_H

#include <stdint.h>

#include <abi/status.h>

struct system_info {
    uint64_t free_frames; /* of 4 KiB */
    uint64_t all_frames;
    uint64_t processes;
    uint64_t faults; /* that the pager has resolved since it started */
};

/* Describes the machine. STATUS_OK, or what the call itself was refused with (call, in syscall.h). */
enum status system_info(struct system_info *info);

struct system_waits {
    uint64_t processes; /* that wait for others */
    uint64_t deadlocks; /* circles among them */
};

/* Writes to the log who waits for whom among the processes of the caller's groups, and which of them wait in a circle (docs/log-format.md).
 * STATUS_OK, or what the call itself was refused with (call, in syscall.h). */
enum status system_report_waits(struct system_waits *waits);

#endif
