/* Reports: the pager's lines in the serial log. docs/log-format.md lists them. */
#ifndef QUIRE_PAGER_REPORT_H
#define QUIRE_PAGER_REPORT_H

#include "pager.h"

/* One line, "subsystem: event key=value ...". Longer than REPORT_BYTES is cut. */
constexpr size_t REPORT_BYTES = 400;
[[gnu::format(printf, 1, 2)]] void report(const char *format, ...);

/* What was found at the address of a fault. */
struct fault_view {
    const struct process *process;
    const struct pager_message *message;
    const struct segment *segment; /* that holds the address, or nullptr */
};

/* A page fault that was resolved. `action`: "map", or "copy" of the frame. */
void report_resolved(const struct fault_view *view, const char *action, uint64_t frame, uint64_t pages);
/* A page fault that ends its process. */
void report_fatal(const struct fault_view *view, enum process_end reason);
/* The stack that has overflowed then; `high` is the lowest page that it has. */
void report_overflow(const struct fault_view *view, const struct segment *stack, uint64_t high);
/* A page was touched that the family may not have: which member ends, and the numbers that say why. */
void report_shortage(const struct pager *pager, const struct process *toucher, const struct process *chosen);
/* An exception that ends its process. */
void report_exception(const struct fault_view *view);
/* A handle fault. */
void report_handle(const struct fault_view *view, enum status status);

/* A request of a program and its answer. */
void report_request(uint32_t process_number, const struct pager_message *message, enum status status, bool is_deferred, uint64_t word0);

#endif
