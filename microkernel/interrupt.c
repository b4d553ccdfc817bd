/* Interrupts of devices. See interrupt.h. */
#include "interrupt.h"

#include "message.h"

static struct line {
    struct endpoint *endpoint; /* nullptr: nobody's */
    uint64_t bits;
} interrupt_lines[INTERRUPT_LINES];

enum status interrupt_map(struct endpoint *endpoint, uint64_t line, uint64_t bits)
{
    if (line >= INTERRUPT_LINES || !arch_interrupt_exists((unsigned)line) || bits == 0) return STATUS_BAD_ARGUMENT;
    if (interrupt_lines[line].endpoint != nullptr) return STATUS_EXISTS;

    // Commit: nothing below may fail.
    interrupt_lines[line] = (struct line){ endpoint, bits };
    arch_interrupt_open((unsigned)line, true);
    return STATUS_OK;
}

/* Opens or closes a line that is somebody's. */
static enum status set_open(uint64_t line, bool is_open)
{
    if (line >= INTERRUPT_LINES) return STATUS_BAD_ARGUMENT;
    if (interrupt_lines[line].endpoint == nullptr) return STATUS_NOT_FOUND;
    arch_interrupt_open((unsigned)line, is_open);
    return STATUS_OK;
}

enum status interrupt_unmap(uint64_t line)
{
    enum status status = set_open(line, false);
    if (status == STATUS_OK) interrupt_lines[line].endpoint = nullptr;
    return status;
}

enum status interrupt_acknowledge(uint64_t line)
{
    return set_open(line, true);
}

void interrupt_deliver(unsigned line)
{
    if (interrupt_lines[line].endpoint != nullptr) message_notify(interrupt_lines[line].endpoint, interrupt_lines[line].bits);
}

const struct endpoint *interrupt_endpoint(unsigned line, uint64_t *bits)
{
    *bits = interrupt_lines[line].bits;
    return interrupt_lines[line].endpoint;
}

void interrupt_forget(const struct endpoint *endpoint)
{
    for (unsigned line = 0; line < INTERRUPT_LINES; line++)
        if (interrupt_lines[line].endpoint == endpoint) (void)interrupt_unmap(line);
}
