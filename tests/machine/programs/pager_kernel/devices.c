/* Mappings of devices. The one that every machine of the tests has is the firmware's chip, whose last 16 bytes, below 4 GiB, begin with the far jump
 * (0xea) that a processor starts with. */
#include "worker.h"

constexpr uint64_t CHIP = 0xfffff; /* frame */
constexpr unsigned START = 0xff0;  /* in it */
constexpr uint8_t JUMP = 0xea;

static uint8_t chip_read(uint64_t address) { return *(volatile uint8_t *)(address + START); }

static enum status map(uint64_t space, uint64_t address, uint64_t first, uint64_t count, uint32_t attributes, uint64_t flags)
{
    uint64_t done = 0;
    enum status status = kernel_device_map(space, address, first, count, attributes, flags, &done);
    if (status == STATUS_OK) expect_equal(done, count);
    return status;
}

static void unmap(uint64_t space, uint64_t address, uint64_t count)
{
    uint64_t done = 0;
    expect_status(kernel_device_unmap(space, address, count, &done), STATUS_OK);
    expect_equal(done, count);
}

void case_devices_firmware(void)
{
    uint64_t space = kit_info->space, free = case_count_free(), second = KIT_FREE + 0x10000, frame, page_bytes, done;
    for (uint32_t attributes = 0; attributes <= ATTRIBUTES_DEVICE; attributes++) {
        if ((attributes & ~(uint32_t)ATTRIBUTES_DEVICE) != 0) continue;
        uint32_t found;
        expect_status(map(space, KIT_FREE, CHIP, 1, attributes, DEVICE_ALONE), STATUS_OK);
        expect_status(kernel_space_query(space, KIT_FREE, &frame, &found, &page_bytes), STATUS_OK);
        expect(frame == CHIP && (found & ~(uint32_t)(ATTRIBUTE_ACCESSED | ATTRIBUTE_DIRTY)) == attributes);
        expect_equal(chip_read(KIT_FREE), JUMP);
        expect_status(map(space, second, CHIP, 1, attributes, DEVICE_ALONE), STATUS_EXISTS);
        expect_status(map(space, second, CHIP, 1, attributes, DEVICE_SHARED), STATUS_OK);
        expect_equal(chip_read(second), JUMP);
        case_check_sometimes();
        unmap(space, second, 1);
        unmap(space, KIT_FREE, 1);
        expect_status(kernel_device_unmap(space, KIT_FREE, 1, &done), STATUS_NOT_MAPPED);
        expect_status(kernel_space_query(space, KIT_FREE, &frame, &found, &page_bytes), STATUS_NOT_MAPPED);
    }
    expect_equal(case_count_free(), free);
}

void case_devices_hostile(void)
{
    struct worker worker = worker_make(BADGE, PRIORITY_PROGRAM, THREAD_PLAIN);
    uint64_t frame, space = kit_info->space;
    kit_must(kernel_frame_allocate(0, &frame), "frame_allocate");
    const uint64_t frames[] = { 0, 15, 0x200, 0x210, 0xfee00, 0xfec00, 0xfecff, 0xfee01, frame, space, worker.space, worker.thread, kit_info->buffer_frame,
                                UINT32_MAX, (uint64_t)1 << 32, (uint64_t)1 << 40, (uint64_t)1 << 52, (uint64_t)1 << 63, ~(uint64_t)0 };
    for (unsigned i = 0; i < sizeof frames / sizeof frames[0]; i++)
        expect_refused(STATUS_BAD_FRAME, CALL_device_map, space, KIT_FREE, frames[i], 1, ATTRIBUTE_UNCACHED, DEVICE_ALONE);
    expect_refused(STATUS_BAD_FRAME, CALL_device_map, space, KIT_FREE, CHIP, (uint64_t)1 << 33, 0, DEVICE_ALONE);
    expect_refused(STATUS_BAD_LENGTH, CALL_device_map, space, KIT_FREE, CHIP, 0, 0, DEVICE_ALONE);
    expect_refused(STATUS_BAD_ALIGNMENT, CALL_device_map, space, KIT_FREE + 8, CHIP, 1, 0, DEVICE_ALONE);
    expect_refused(STATUS_BAD_ADDRESS, CALL_device_map, space, ADDRESS_KERNEL, CHIP, 1, 0, DEVICE_ALONE);
    expect_refused(STATUS_BAD_ADDRESS, CALL_device_map, space, ADDRESS_NOT_CANONICAL, CHIP, 1, 0, DEVICE_ALONE);
    expect_refused(STATUS_BAD_ADDRESS, CALL_device_map, space, 0, CHIP, 1, 0, DEVICE_ALONE);
    expect_refused(STATUS_RANGE_WRAPS, CALL_device_map, space, KIT_FREE, CHIP, (uint64_t)1 << 52, 0, DEVICE_ALONE);
    expect_refused(STATUS_ALREADY_MAPPED, CALL_device_map, space, kit_info->image_first, CHIP, 1, 0, DEVICE_ALONE);
    for (uint64_t bit = 2; bit != 0; bit <<= 1) {
        if (bit & ATTRIBUTES_DEVICE) continue;
        expect_refused(STATUS_BAD_ARGUMENT, CALL_device_map, space, KIT_FREE, CHIP, 1, bit, DEVICE_ALONE);
        expect_refused(STATUS_BAD_ARGUMENT, CALL_device_map, space, KIT_FREE, CHIP, 1, 0, bit);
    }
    const uint64_t names[] = { 0, frame, worker.thread, 0x200, CHIP, ((uint64_t)1 << 32) + space, ~(uint64_t)0 };
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
        expect_refused(STATUS_BAD_OBJECT, CALL_device_map, names[i], KIT_FREE, CHIP, 1, 0, DEVICE_ALONE);
        expect_refused(STATUS_BAD_OBJECT, CALL_device_unmap, names[i], KIT_FREE, 1);
    }
    expect_refused(STATUS_NOT_MAPPED, CALL_device_unmap, space, kit_info->image_first, 1);
    expect_refused(STATUS_BAD_LENGTH, CALL_device_unmap, space, KIT_FREE, 0);
    expect_refused(STATUS_BAD_ADDRESS, CALL_device_unmap, space, ADDRESS_KERNEL, 1);
    case_check_sometimes();
    kit_must(kernel_frame_free(frame, 0), "frame_free");
    worker_end(&worker);
}

void case_devices_end(void)
{
    struct worker worker = worker_make(BADGE, PRIORITY_PROGRAM, THREAD_PLAIN);
    uint64_t done = 0, unmapped = 1, freed = 1, moved = 1;
    uint64_t far = KIT_FREE + 0x40000000;
    expect_status(map(worker.space, far, CHIP - 1, 2, ATTRIBUTE_UNCACHED, DEVICE_ALONE), STATUS_OK);
    expect_status(kernel_space_unmap(worker.space, far, 2, UNMAP_FREE, &done, &unmapped, &freed), STATUS_OK);
    expect(done == 2 && unmapped == 0 && freed == 0);
    expect_status(kernel_space_move(worker.space, far, kit_info->space, far, 2, &done, &moved), STATUS_OK);
    expect(done == 2 && moved == 0);
    expect_status(map(kit_info->space, KIT_FREE, CHIP, 1, 0, DEVICE_ALONE), STATUS_EXISTS);
    case_check_sometimes();
    worker_end(&worker);
    expect_status(map(kit_info->space, KIT_FREE, CHIP, 1, 0, DEVICE_ALONE), STATUS_OK);
    unmap(kit_info->space, KIT_FREE, 1);
}
