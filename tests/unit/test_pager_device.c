/* What drivers may have: device memory, lines, ports. Who may, what is refused, and that all comes back. */
#include "pager_fixture.h"

#include "arch.h"
#include "host.h"
#include "interrupt.h"
#include "microkernel/calls.h"
#include "microkernel/space.h"

constexpr uint64_t P = PAGE_BYTES;
constexpr uint32_t DRIVER = 1, SECOND = 2, OTHER = 3; /* process numbers; the first two are drivers */
constexpr uint64_t DEVICE = (uint64_t)3 << 30; /* beyond the machine's memory */

static void begin(void)
{
    sim_image_make(&fixture_image, &fixture_shape);
    struct sim_module modules[] = {
        { "driver:init", fixture_image.bytes, fixture_image.size_bytes },
        { "driver:second", fixture_image.bytes, fixture_image.size_bytes },
        { "other", fixture_image.bytes, fixture_image.size_bytes },
        { "image:child", fixture_image.bytes, fixture_image.size_bytes },
    };
    sim_start(&(struct sim_options){ 0 }, modules, sizeof(modules) / sizeof(modules[0]));
}

static struct sim_reply map(uint32_t number, uint64_t physical, uint64_t bytes, uint64_t protection, uint64_t cache, uint64_t shared)
{
    uint64_t word[MESSAGE_WORDS] = { physical, bytes, protection, cache, shared };
    return sim_call(number, HANDLE_PAGER, tag_make(PROTOCOL_device_map, 0), word, nullptr, 0);
}

static struct sim_reply plain(uint32_t number, uint64_t physical, uint64_t bytes)
{
    return map(number, physical, bytes, PROTECTION_WRITE, ATTRIBUTE_UNCACHED, 0);
}

/* The entry that the processor would use for a page of the driver. */
static pte_t entry_at(uint64_t address, unsigned *level)
{
    struct host_translation found;
    cr_assert(host_walk(space_find(process_memory(sim_process(DRIVER)).number)->root, address, &found));
    *level = found.level;
    return found.entry;
}

static const struct segment *at(uint64_t address) { return segment_find(&sim_process(DRIVER)->segments, address); }

Test(pager_device, whole_pages_and_the_offset_stays)
{
    begin();
    static const uint32_t caches[] = { 0, ATTRIBUTE_UNCACHED, ATTRIBUTE_WRITE_THROUGH, ATTRIBUTE_WRITE_COMBINING };
    for (size_t i = 0; i < 4; i++) {
        for (uint32_t protection = PROTECTION_READ; protection <= PROTECTION_WRITE; protection++) {
            uint64_t physical = DEVICE + 64 * P * i + 0xffc;
            uint64_t address = fixture_ok(map(DRIVER, physical, 8, protection, caches[i], 0));
            cr_assert_eq(address % P, 0xffc);
            cr_assert_eq(at(address)->pages, 2); /* it goes over the end of a page */
            uint64_t frame;
            uint32_t attributes;
            cr_assert(sim_page(DRIVER, address + 4, &frame, &attributes));
            cr_assert_eq(frame, physical / P + 1);
            cr_assert_eq((attributes & ATTRIBUTE_WRITE) != 0, protection == PROTECTION_WRITE);
            cr_assert_eq(fixture_ok(sim_request(DRIVER, PROTOCOL_segment_physical, address, 0, 0)), physical);
            fixture_check();
            EXPECT(OK, sim_request(DRIVER, PROTOCOL_unmap, address - 0xffc, 2 * P, 0));
            cr_assert_not(sim_page(DRIVER, address, &frame, &attributes));
            fixture_check();
        }
    }
    fixture_ok(plain(DRIVER, DEVICE, (uint64_t)5 << 20)); /* more than a step, aligned as it may be */
    fixture_check();
}

/* Every page of what a driver asks for has the bits of the manual, spelt out: PWT 3, PCD 4, PAT 7 or, in a large leaf,
 * 12; writing 1, users 2, no code 63. */
Test(pager_device, entries_say_the_attribute_that_was_asked)
{
    static const struct { uint32_t cache; pte_t small, large; } wanted[] = {
        { 0, 0, 0 }, { ATTRIBUTE_UNCACHED, 0x18, 0x18 }, { ATTRIBUTE_WRITE_THROUGH, 0x08, 0x08 }, { ATTRIBUTE_WRITE_COMBINING, 0x98, 0x1018 },
    };
    begin();
    unsigned levels[2] = { 0 };
    for (size_t i = 0; i < 4; i++) {
        for (uint32_t protection = PROTECTION_READ; protection <= PROTECTION_WRITE; protection++) {
            constexpr uint64_t bytes = LARGE_PAGE_BYTES + 3 * P;
            uint64_t first = fixture_ok(map(DRIVER, DEVICE, bytes, protection, wanted[i].cache, 0));
            for (uint64_t offset = 0; offset < bytes; offset += P) {
                unsigned level;
                pte_t entry = entry_at(first + offset, &level);
                cr_assert_lt(level, 2);
                levels[level]++;
                pte_t choosing = level == 0 ? 0x98 : 0x1018, bits = level == 0 ? wanted[i].small : wanted[i].large;
                cr_assert_eq(entry & choosing, bits, "cache %u entry %lx", wanted[i].cache, entry);
                cr_assert_eq((entry & 2) != 0, protection == PROTECTION_WRITE);
                cr_assert((entry & 4) != 0 && entry >> 63 == 1);
            }
            EXPECT(OK, sim_request(DRIVER, PROTOCOL_unmap, first, bytes, 0));
            fixture_check();
        }
    }
    cr_assert(levels[0] > 0 && levels[1] > 0, "%u small, %u in large pages", levels[0], levels[1]);
    /* What is no device is write-back, as all memory is. */
    uint64_t memory = fixture_ok(sim_request(DRIVER, PROTOCOL_map, P, PROTECTION_WRITE, 0));
    unsigned level;
    sim_touch(DRIVER, memory, FAULT_WRITE);
    cr_assert_eq(entry_at(memory, &level) & 0x98, 0);
}

Test(pager_device, memory_is_refused)
{
    begin();
    uint64_t free = sim_free_frames();
    uint64_t charged = sim_process(DRIVER)->family->pages.charged;
    for (uint64_t physical = 0x10000; physical < (uint64_t)64 << 20; physical += (uint64_t)1777 * P) EXPECT(BAD_FRAME, plain(DRIVER, physical, P));
    EXPECT(BAD_FRAME, plain(DRIVER, ((uint64_t)64 << 20) - P, 2 * P)); /* half of it */
    EXPECT(BAD_FRAME, plain(DRIVER, (uint64_t)1 << 44, P));
    EXPECT(BAD_FRAME, plain(DRIVER, ((uint64_t)1 << 63), P));
    EXPECT(RANGE_WRAPS, plain(DRIVER, UINT64_MAX, P));
    EXPECT(BAD_LENGTH, plain(DRIVER, DEVICE, 0));
    EXPECT(LIMIT, plain(DRIVER, DEVICE, ((uint64_t)1 << 30) + 1));
    EXPECT(BAD_ARGUMENT, map(DRIVER, DEVICE, P, PROTECTION_EXECUTE, 0, 0));
    EXPECT(BAD_ARGUMENT, map(DRIVER, DEVICE, P, 0, 1, 0));
    EXPECT(BAD_ARGUMENT, map(DRIVER, DEVICE, P, 0, ATTRIBUTE_DIRTY, 0));
    EXPECT(BAD_ARGUMENT, map(DRIVER, DEVICE, P, 0, 0, 2));
    fixture_check();
    cr_assert_geq(sim_free_frames() + 16, free); /* the area begins */
    cr_assert_leq(sim_process(DRIVER)->family->pages.charged, charged + 16);
}

Test(pager_device, only_drivers_may)
{
    begin();
    uint32_t child;
    fixture_child(&child);
    static const enum protocol labels[] = { PROTOCOL_device_map, PROTOCOL_interrupt_claim, PROTOCOL_port_read, PROTOCOL_port_write };
    for (size_t i = 0; i < sizeof(labels) / sizeof(labels[0]); i++) {
        EXPECT(NO_RIGHT, sim_request(OTHER, labels[i], DEVICE, 1, 0));
        EXPECT(NO_RIGHT, sim_request(child, labels[i], DEVICE, 1, 0));
    }
    EXPECT(NOT_FOUND, sim_request(OTHER, PROTOCOL_interrupt_acknowledge, 5, 0, 0));
    EXPECT(NOT_FOUND, sim_request(OTHER, PROTOCOL_interrupt_release, 5, 0, 0));
    fixture_check();
}

Test(pager_device, once_unless_both_share)
{
    begin();
    uint64_t first = fixture_ok(plain(DRIVER, DEVICE, 3 * P));
    EXPECT(EXISTS, plain(DRIVER, DEVICE + 2 * P, P));
    EXPECT(EXISTS, plain(SECOND, DEVICE, P));
    EXPECT(EXISTS, map(SECOND, DEVICE + P, 8 * P, PROTECTION_READ, ATTRIBUTE_UNCACHED, 1)); /* the first one did not */
    EXPECT(OK, sim_request(DRIVER, PROTOCOL_unmap, first, 3 * P, 0));
    fixture_ok(map(DRIVER, DEVICE, 3 * P, PROTECTION_WRITE, ATTRIBUTE_UNCACHED, 1));
    fixture_ok(map(SECOND, DEVICE + P, P, PROTECTION_READ, ATTRIBUTE_UNCACHED, 1));
    EXPECT(EXISTS, plain(SECOND, DEVICE + P, P));
    fixture_check();
    sim_end(DRIVER);
    fixture_check();
    EXPECT(OK, plain(SECOND, DEVICE, P)); /* what only the other one had is free again */
    fixture_check();
}

Test(pager_device, it_goes_as_a_whole)
{
    begin();
    uint64_t first = fixture_ok(plain(DRIVER, DEVICE, 4 * P)), second = fixture_ok(plain(DRIVER, DEVICE + 4 * P, 4 * P));
    cr_assert(at(first) != at(second));
    uint64_t frame;
    uint32_t attributes;
    static const struct { enum protocol label; uint64_t from, pages, word2; } deeds[] = {
        { PROTOCOL_unmap, 0, 1, 0 }, { PROTOCOL_unmap, 1, 2, 0 }, { PROTOCOL_unmap, 3, 1, 0 }, { PROTOCOL_protect, 0, 4, PROTECTION_READ },
        { PROTOCOL_protect, 1, 1, PROTECTION_READ }, { PROTOCOL_discard, 0, 4, 0 }, { PROTOCOL_map_over, 0, 4, PROTECTION_WRITE },
        { PROTOCOL_advise, 0, 4, ADVICE_DO_NOT_NEED }, { PROTOCOL_seal, 0, 2, 0 }, { PROTOCOL_advise, 1, 1, ADVICE_RANDOM },
    };
    for (size_t i = 0; i < sizeof(deeds) / sizeof(deeds[0]); i++) {
        EXPECT(IMMUTABLE, sim_request(DRIVER, deeds[i].label, first + deeds[i].from * P, deeds[i].pages * P, deeds[i].word2));
        for (uint64_t page = 0; page < 4; page++) cr_assert(sim_page(DRIVER, first + page * P, &frame, &attributes) && frame == DEVICE / P + page);
        fixture_check();
    }
    uint64_t endpoint = fixture_ok(sim_request(SECOND, PROTOCOL_endpoint_create, 0, 0, 0));
    fixture_ok(sim_request_text(SECOND, PROTOCOL_name_publish, endpoint, "second", 6));
    uint64_t handle = fixture_ok(sim_request_text(DRIVER, PROTOCOL_name_find, 0, "second", 6));
    EXPECT(IMMUTABLE, sim_request(DRIVER, PROTOCOL_segment_move, first, 4 * P, handle));
    EXPECT(OK, sim_request(DRIVER, PROTOCOL_populate, first, 4 * P, 0));
    EXPECT(OK, sim_request(DRIVER, PROTOCOL_unmap, first, 4 * P, 0));
    EXPECT(OK, plain(SECOND, DEVICE, 4 * P));
    fixture_check();
}

Test(pager_device, every_allocation_fails_once)
{
    for (uint64_t fail = 1;; fail++) {
        cr_assert_lt(fail, 40);
        begin();
        if (!FAILS_AT(fail, plain(DRIVER, DEVICE + 511 * P, 700 * P))) break; /* over the ends of tables, in steps */
        EXPECT(OK, plain(SECOND, DEVICE + 511 * P, 700 * P)); /* nothing of it was left */
        fixture_check();
    }
}

Test(pager_device, survives_a_loss_of_the_pager)
{
    for (uint64_t point = 1; point <= 16; point++) {
        begin();
        sim_lose(point, 0, nullptr);
        struct sim_reply reply = plain(DRIVER, DEVICE + 511 * P, 700 * P);
        sim_lose(0, 0, nullptr);
        fixture_check();
        uint64_t address = fixture_ok(reply);
        cr_assert_eq(at(address)->pages, 700);
        sim_lose(point, 0, nullptr);
        reply = sim_request(DRIVER, PROTOCOL_unmap, address, 700 * P, 0);
        sim_lose(0, 0, nullptr);
        cr_assert_eq(reply.label, STATUS_OK);
        cr_assert_null(at(address));
        fixture_check();
        uint64_t handle = fixture_ok(sim_request(DRIVER, PROTOCOL_endpoint_create, 0, 0, 0));
        for (unsigned turn = 0; turn < 2; turn++) {
            sim_lose(point, 0, nullptr);
            reply = sim_request(DRIVER, turn == 0 ? PROTOCOL_interrupt_claim : PROTOCOL_interrupt_release, 5, handle, 1);
            sim_lose(0, 0, nullptr);
            cr_assert_eq(reply.label, STATUS_OK, "%s", status_name(reply.label));
            cr_assert_eq(host_open_lines(), turn == 0 ? 1 << 5 : 0);
            fixture_check();
        }
    }
    cr_assert_gt(sim_count_lost(), 0);
}

static void ask(unsigned line)
{
    sim_enter_pager();
    arch_interrupt_open(line, false); /* as the port does */
    interrupt_deliver(line);
    sim_leave_pager();
}

Test(pager_device, lines_set_bits_until_they_are_given_back)
{
    begin();
    uint64_t handle = fixture_ok(sim_request(DRIVER, PROTOCOL_endpoint_create, 0, 0, 0));
    uint64_t second = fixture_ok(sim_request(SECOND, PROTOCOL_endpoint_create, 0, 0, 0));
    EXPECT(BAD_HANDLE, sim_request(DRIVER, PROTOCOL_interrupt_claim, 5, handle + 1, 1));
    EXPECT(BAD_ARGUMENT, sim_request(DRIVER, PROTOCOL_interrupt_claim, 5, handle, 0));
    static const uint64_t bad[] = { HOST_OWN_LINE, INTERRUPT_LINES, 31, 32, 64 + 5, UINT64_MAX };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        EXPECT(BAD_ARGUMENT, sim_request(DRIVER, PROTOCOL_interrupt_claim, bad[i], handle, 1));
        EXPECT(NOT_FOUND, sim_request(DRIVER, PROTOCOL_interrupt_release, bad[i], 0, 0));
        EXPECT(NOT_FOUND, sim_request(DRIVER, PROTOCOL_interrupt_acknowledge, bad[i], 0, 0));
    }
    EXPECT(OK, sim_request(DRIVER, PROTOCOL_interrupt_claim, 5, handle, 6));
    EXPECT(EXISTS, sim_request(SECOND, PROTOCOL_interrupt_claim, 5, second, 1));
    EXPECT(EXISTS, sim_request(DRIVER, PROTOCOL_interrupt_claim, 5, handle, 1));
    EXPECT(NOT_FOUND, sim_request(SECOND, PROTOCOL_interrupt_acknowledge, 5, 0, 0)); /* another's */
    EXPECT(NOT_FOUND, sim_request(SECOND, PROTOCOL_interrupt_release, 5, 0, 0));
    for (unsigned i = 0; i < 3; i++) {
        struct pager_message message;
        ask(5);
        cr_assert_eq(sim_receive(DRIVER, (uint32_t)handle, &message), STATUS_OK);
        cr_assert_eq(message.word[0], 6);
        cr_assert_eq(host_open_lines(), 0);
        EXPECT(OK, sim_request(DRIVER, PROTOCOL_interrupt_acknowledge, 5, 0, 0));
        cr_assert_eq(host_open_lines(), 1 << 5);
    }
    EXPECT(OK, sim_request(DRIVER, PROTOCOL_interrupt_release, 5, 0, 0));
    EXPECT(NOT_FOUND, sim_request(DRIVER, PROTOCOL_interrupt_release, 5, 0, 0));
    EXPECT(OK, sim_request(SECOND, PROTOCOL_interrupt_claim, 5, second, 1));
    EXPECT(OK, sim_request(DRIVER, PROTOCOL_interrupt_claim, 6, handle, 1));
    fixture_check();
    EXPECT(OK, sim_request(DRIVER, PROTOCOL_handle_close, handle, 0, 0)); /* the endpoint goes, */
    cr_assert_eq(host_open_lines(), 1 << 5);
    sim_end(SECOND); /* the process goes */
    cr_assert_eq(host_open_lines(), 0);
    fixture_check();
}

Test(pager_device, ports)
{
    begin();
    for (uint64_t width = 1; width <= 4; width *= 2) {
        EXPECT(OK, sim_request(DRIVER, PROTOCOL_port_write, 0x300, width, 0x1122334455667788));
        cr_assert_eq(fixture_ok(sim_request(DRIVER, PROTOCOL_port_read, 0x300, width, 0)), 0x55667788 & (UINT64_MAX >> (64 - 8 * width)));
    }
    static const struct { uint64_t port, width; } bad[] = {
        { 0x300, 0 }, { 0x300, 3 }, { 0x300, 8 }, { 0x300, UINT64_MAX }, { 0x10000, 1 }, { 0xffff, 2 }, { 0xfffd, 4 }, { UINT64_MAX, 1 }, { UINT64_MAX, 4 },
        { HOST_OWN_PORT, 1 }, { HOST_OWN_PORT - 1, 2 }, { HOST_OWN_PORT - 3, 4 }, { (uint64_t)1 << 32 | 0x300, 1 },
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        EXPECT(BAD_ARGUMENT, sim_request(DRIVER, PROTOCOL_port_read, bad[i].port, bad[i].width, 0));
        EXPECT(BAD_ARGUMENT, sim_request(DRIVER, PROTOCOL_port_write, bad[i].port, bad[i].width, 0));
    }
    cr_assert(arch_port_exists(0x300, 4) && !arch_port_exists(HOST_OWN_PORT, 1)); /* what the kernel asks */
    arch_port_write(0x300, 2, 0x1234);
    cr_assert_eq(arch_port_read(0x300, 1), 0x34);
    fixture_check();
}
