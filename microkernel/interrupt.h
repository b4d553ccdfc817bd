/* Interrupts of devices: lines of an interrupt controller that set notification bits.
 *
 *               interrupt_map                 the device asks: bits at the endpoint
 *     nobody's ---------------> open          <-------------------------------+
 *        ^                       |  \                                         |
 *        |  interrupt_unmap,     |   +--> waits for interrupt_acknowledge ----+
 *        +--the endpoint ends----+------------------+
 *
 * Invariants:
 *  1. A line is open at the controller only in the state above: a device that nobody serves interrupts once at most. */
#ifndef QUIRE_INTERRUPT_H
#define QUIRE_INTERRUPT_H

#include "endpoint.h"

constexpr unsigned INTERRUPT_LINES = 16;

/* The line sets the bits at the endpoint. BAD_ARGUMENT: no such line, one of the kernel's own, or no bits. EXISTS: the line is somebody's. */
enum status interrupt_map(struct endpoint *endpoint, uint64_t line, uint64_t bits);
/* The line is nobody's. BAD_ARGUMENT, NOT_FOUND: it was nobody's. */
enum status interrupt_unmap(uint64_t line);
/* The line may interrupt again. BAD_ARGUMENT, NOT_FOUND. */
enum status interrupt_acknowledge(uint64_t line);

/* The port: the device has asked, and its line is closed now. */
void interrupt_deliver(unsigned line);
/* The endpoint ends: its lines are nobody's. */
void interrupt_forget(const struct endpoint *endpoint);
/* For the checker: where the line's bits go, or nullptr, and the bits. */
const struct endpoint *interrupt_endpoint(unsigned line, uint64_t *bits);

#endif
