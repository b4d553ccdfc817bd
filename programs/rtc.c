/* A driver: the clock of the machine, by ports and an interrupt line. `rtc [TICKS]`, started as driver:rtc, prints the date, lets the clock interrupt
 * 64 times a second, counts TICKS of them (32), and ends.
 *
 * What a driver does, in order: an endpoint of its own; the line is claimed before the device may interrupt; each bit is served, the device first, then the
 * line; the device is silenced before the line goes. Registers: Motorola MC146818A data sheet, table 3 and figures 14 to 16. */
#include <stdio.h>
#include <stdlib.h>

#include <quire/device.h>
#include <quire/endpoint.h>
#include <quire/syscall.h>

constexpr uint16_t PORT_INDEX = 0x70, PORT_DATA = 0x71;
constexpr uint32_t LINE = 8;
constexpr uint64_t BIT_TICK = 1;
enum : uint32_t { SECONDS = 0, MINUTES = 2, HOURS = 4, DAY = 7, MONTH = 8, YEAR = 9, REGISTER_A = 10, REGISTER_B = 11, REGISTER_C = 12 };
enum : uint32_t { A_UPDATES = 0x80, A_RATE = 0x0f, RATE_64 = 10, B_BINARY = 0x04, B_PERIODIC = 0x40, C_PERIODIC = 0x40 };

static void must(enum status status, const char *what)
{
    if (status == STATUS_OK) return;
    printf("rtc: %s status=%s\n", what, status_name(status));
    exit(1);
}

static uint32_t clock_read(uint32_t number)
{
    uint32_t value = 0;
    must(port_write(PORT_INDEX, 1, number), "port_write");
    must(port_read(PORT_DATA, 1, &value), "port_read");
    return value;
}

static void clock_write(uint32_t number, uint32_t value)
{
    must(port_write(PORT_INDEX, 1, number), "port_write");
    must(port_write(PORT_DATA, 1, value), "port_write");
}

/* Most machines keep decimal digits in four bits each. */
static uint32_t plain(uint32_t value, uint32_t register_b) { return register_b & B_BINARY ? value : value / 16 * 10 + value % 16; }

static void print_date(uint32_t register_b)
{
    while (clock_read(REGISTER_A) & A_UPDATES) {
    }
    uint32_t field[6];
    static const uint32_t numbers[] = { YEAR, MONTH, DAY, HOURS, MINUTES, SECONDS };
    for (unsigned i = 0; i < 6; i++) field[i] = plain(clock_read(numbers[i]), register_b);
    printf("rtc: date 20%02u-%02u-%02u %02u:%02u:%02u\n", field[0], field[1], field[2], field[3], field[4], field[5]);
}

static unsigned count_ticks(uint32_t handle, unsigned wanted)
{
    unsigned ticks = 0;
    while (ticks < wanted) {
        struct message message = {};
        must(receive(handle, RECEIVE_WAIT, &message), "receive");
        if (!(message.word[0] & BIT_TICK)) continue;
        if (clock_read(REGISTER_C) & C_PERIODIC) ticks++; /* reading lets the device ask again */
        must(interrupt_acknowledge(LINE), "interrupt_acknowledge");
    }
    return ticks;
}

int main(int count, char **arguments)
{
    unsigned wanted = count > 1 ? (unsigned)strtoul(arguments[1], nullptr, 10) : 32;
    uint32_t handle = 0;
    must(endpoint_create(&handle), "endpoint_create");
    must(interrupt_claim(LINE, handle, BIT_TICK), "interrupt_claim");
    uint32_t register_b = clock_read(REGISTER_B);
    print_date(register_b);
    clock_write(REGISTER_A, (clock_read(REGISTER_A) & ~A_RATE) | RATE_64);
    clock_write(REGISTER_B, register_b | B_PERIODIC);
    (void)clock_read(REGISTER_C);
    unsigned ticks = count_ticks(handle, wanted);
    clock_write(REGISTER_B, register_b & ~B_PERIODIC);
    must(interrupt_release(LINE), "interrupt_release");
    print_date(register_b);
    printf("rtc: ticks %u\n", ticks);
    return 0;
}
