/* Against the protection of a segment: each case does what its kind does not allow, and ends. */
#include "subject.h"

#include <stdio.h>

#include <quire/pager_call.h>

static uint8_t in_data[64] = { 0xc3 };
static const uint8_t in_rodata[64] = { 0xc3 };
constexpr uint8_t RETURN = 0xc3; /* the instruction RET */

static void write_at(uint64_t address)
{
    aim(address);
    *byte_at(address) = 1;
}

static void execute_at(uint64_t address)
{
    aim(address);
    __asm__ volatile("call *%0" : : "r"(address) : "memory");
}

/* One page of the mmap area. */
static uint64_t page_of(uint32_t protection)
{
    uint64_t address = 0;
    expect_status(memory_map(PAGE_BYTES, protection, &address), STATUS_OK);
    return address;
}

static uint64_t autogen_page(void)
{
    uint64_t lowest = 0;
    expect_status(autogen_move(PAGE_BYTES, &lowest), STATUS_OK);
    return lowest;
}

void case_write_code(void) { write_at((uintptr_t)case_write_code); }
void case_write_rodata(void) { write_at((uintptr_t)in_rodata); }
void case_execute_data(void) { execute_at((uintptr_t)in_data); }
void case_execute_rodata(void) { execute_at((uintptr_t)in_rodata); }

void case_execute_stack(void)
{
    volatile uint8_t code[16] = { RETURN };
    execute_at((uintptr_t)code);
}

void case_execute_brk(void)
{
    uint64_t start = 0;
    expect_status(memory_brk(PAGE_BYTES, &start), STATUS_OK);
    *byte_at(start) = RETURN;
    execute_at(start);
}

void case_execute_mmap(void)
{
    uint64_t page = page_of(PROTECTION_WRITE);
    *byte_at(page) = RETURN;
    execute_at(page);
}

void case_execute_mmap_untouched(void) { execute_at(page_of(PROTECTION_WRITE)); }

void case_execute_buffer(void)
{
    uint64_t buffer = segment_of(SEGMENT_BUFFER).first;
    aim(buffer);
    *byte_at(buffer) = RETURN;
    __asm__ volatile("call *%0" : : "r"(buffer) : "memory");
}

void case_execute_autogen(void)
{
    uint64_t page = autogen_page();
    *byte_at(page) = RETURN;
    execute_at(page);
}

void case_write_autogen_flipped(void)
{
    uint64_t page = autogen_page();
    expect_status(autogen_flip(true), STATUS_OK);
    write_at(page);
}

void case_write_mmap_read_only(void)
{
    uint64_t page = page_of(PROTECTION_WRITE);
    *byte_at(page) = 1;
    expect_status(memory_protect(page, PAGE_BYTES, PROTECTION_READ), STATUS_OK);
    write_at(page);
}

void case_write_mmap_executable(void)
{
    uint64_t page = page_of(PROTECTION_WRITE);
    *byte_at(page) = RETURN;
    expect_status(memory_protect(page, PAGE_BYTES, PROTECTION_EXECUTE), STATUS_OK);
    __asm__ volatile("call *%0" : : "r"(page) : "memory");
    write_at(page);
}

void case_write_module(void)
{
    uint64_t address = 0, size = 0;
    expect_status(module_map("some.data", &address, &size), STATUS_OK);
    expect(*byte_at(address) == 's');
    expect_status(memory_protect(address, PAGE_BYTES, PROTECTION_WRITE), STATUS_IMMUTABLE);
    write_at(address);
}

void case_read_mmap_unmapped(void)
{
    uint64_t page = page_of(PROTECTION_WRITE);
    *byte_at(page) = 1;
    expect_status(memory_unmap(page, PAGE_BYTES), STATUS_OK);
    aim(page);
    (void)*byte_at(page);
}

void case_read_autogen_given_back(void)
{
    uint64_t lowest, page = autogen_page();
    *byte_at(page) = 1;
    expect_status(autogen_move(-(int64_t)PAGE_BYTES, &lowest), STATUS_OK);
    aim(page);
    (void)*byte_at(page);
}
