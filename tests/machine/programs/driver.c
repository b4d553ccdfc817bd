/* Started as driver:driver and as driver: what drivers may have on the machine, and what the same program may not have without the right. `driver` alone:
 * with it; `driver stranger`: without. The text screen of the PC stands for a device (0xb8000), the interval timer for one of the kernel's. */
#include <stdio.h>
#include <string.h>

#include <quire/device.h>
#include <quire/endpoint.h>
#include <quire/memory.h>

static unsigned broken;

static void expect_status(enum status seen, enum status wanted, const char *what)
{
    if (seen == wanted) return;
    broken++;
    printf("driver: broken %s got=%u wanted=%u\n", what, seen, wanted);
}

static void expect(bool holds, const char *what) { expect_status(holds ? STATUS_OK : STATUS_BAD_STATE, STATUS_OK, what); }

constexpr uint64_t SCREEN = 0xb8000, SCREEN_BYTES = 80 * 25 * 2;

static void play_screen(void)
{
    uint64_t address = 0, again = 0;
    expect_status(device_map(SCREEN + 2, SCREEN_BYTES - 2, PROTECTION_WRITE, ATTRIBUTE_UNCACHED, false, &address), STATUS_OK, "screen");
    expect(address % PAGE_BYTES == 2, "offset");
    volatile uint16_t *cell = (volatile uint16_t *)(uintptr_t)address;
    for (unsigned i = 0; i < 100; i++) cell[i] = (uint16_t)(0x0700 | ('A' + i % 26));
    for (unsigned i = 0; i < 100; i++) expect(cell[i] == (0x0700 | ('A' + i % 26)), "cell");
    expect_status(device_map(SCREEN, PAGE_BYTES, PROTECTION_READ, ATTRIBUTE_UNCACHED, false, &again), STATUS_EXISTS, "screen twice");
    expect_status(memory_unmap(address - 2, PAGE_BYTES), STATUS_OK, "unmap");
    expect_status(device_map(SCREEN, PAGE_BYTES, PROTECTION_READ, ATTRIBUTE_WRITE_COMBINING, false, &again), STATUS_OK, "screen again");
    expect(*(volatile uint16_t *)(uintptr_t)(again + 2) == (0x0700 | 'A'), "what was written is there");
}

static void play_memory(void)
{
    uint64_t address = 0, physical = 0, seen = 0, plain = 0;
    expect_status(memory_map_contiguous(300'000, PROTECTION_WRITE, 1 << 16, 16 << 20, &address, &physical), STATUS_OK, "contiguous");
    expect(physical % (1 << 16) == 0 && physical + 300'000 <= 16 << 20, "where it is");
    for (uint64_t at = 0; at < 300'000; at += PAGE_BYTES) {
        expect_status(memory_physical(address + at + 5, &seen), STATUS_OK, "physical");
        expect(seen == physical + at + 5, "side by side");
        expect(*(volatile uint64_t *)(uintptr_t)(address + at) == 0, "zero");
    }
    expect_status(memory_discard(address, PAGE_BYTES), STATUS_IMMUTABLE, "discard");
    expect_status(device_map(physical, PAGE_BYTES, PROTECTION_READ, 0, false, &seen), STATUS_BAD_FRAME, "memory as a device");
    expect_status(device_map(0xfee00000, PAGE_BYTES, PROTECTION_READ, 0, false, &seen), STATUS_BAD_FRAME, "interrupt controller as a device");
    expect_status(memory_map(PAGE_BYTES, PROTECTION_WRITE, &plain), STATUS_OK, "map");
    expect_status(memory_physical(plain, &seen), STATUS_BAD_STATE, "not pinned");
}

static void play_ports(uint32_t handle)
{
    static const uint16_t kept[] = { 0x20, 0x21, 0x40, 0x43, 0x61, 0x92, 0xa0, 0xa1, 0xf4, 0xf7, 0x3f8, 0x3ff, 0x4d0, 0x4d1, 0xcf8, 0xcfc, 0xcff };
    uint32_t value;
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++) {
        expect_status(port_read(kept[i], 1, &value), STATUS_BAD_ARGUMENT, "kept port");
        expect_status(port_write(kept[i], 1, 0), STATUS_BAD_ARGUMENT, "kept port");
    }
    expect_status(port_read(0x1e, 4, &value), STATUS_BAD_ARGUMENT, "over a kept port");
    expect_status(port_read(0xffff, 2, &value), STATUS_BAD_ARGUMENT, "last port");
    expect_status(port_read(0x70, 3, &value), STATUS_BAD_ARGUMENT, "width");
    expect_status(interrupt_claim(2, handle, 1), STATUS_BAD_ARGUMENT, "cascade");
    expect_status(interrupt_claim(16, handle, 1), STATUS_BAD_ARGUMENT, "no line");
    expect_status(interrupt_claim(5, handle, 1), STATUS_OK, "line");
    expect_status(interrupt_claim(5, handle, 1), STATUS_EXISTS, "line twice");
    expect_status(interrupt_release(5), STATUS_OK, "release");
    expect_status(interrupt_acknowledge(5), STATUS_NOT_FOUND, "acknowledge");
}

static void play_stranger(uint32_t handle)
{
    uint64_t address = 0, physical = 0;
    uint32_t value;
    expect_status(device_map(SCREEN, PAGE_BYTES, PROTECTION_READ, 0, false, &address), STATUS_NO_RIGHT, "device_map");
    expect_status(memory_map_contiguous(1, PROTECTION_WRITE, 0, 0, &address, &physical), STATUS_NO_RIGHT, "contiguous");
    expect_status(memory_physical((uintptr_t)&broken, &physical), STATUS_NO_RIGHT, "physical");
    expect_status(interrupt_claim(5, handle, 1), STATUS_NO_RIGHT, "line");
    expect_status(interrupt_acknowledge(5), STATUS_NOT_FOUND, "acknowledge");
    expect_status(port_read(0x70, 1, &value), STATUS_NO_RIGHT, "port_read");
    expect_status(port_write(0x70, 1, 0), STATUS_NO_RIGHT, "port_write");
}

int main(int count, char **arguments)
{
    uint32_t handle = 0;
    expect_status(endpoint_create(&handle), STATUS_OK, "endpoint");
    if (count > 1 && strcmp(arguments[1], "stranger") == 0) {
        play_stranger(handle);
    } else {
        play_screen();
        play_memory();
        play_ports(handle);
    }
    printf("driver: broken=%u\n", broken);
    return broken == 0 ? 0 : 1;
}
