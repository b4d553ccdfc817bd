/* Hostile arguments to the calls of a pager: each has its status, and nothing changes. Messages and frames have their own in messages.c and frames.c. */
#include "worker.h"

static const uint64_t bad_spans[][2] = { /* address, pages */
    { KIT_FREE, 0 }, { KIT_FREE + 1, 1 }, { KIT_FREE + 0xfff, 1 }, { KIT_FREE + 0x800, 1 }, { 0, 1 }, { 0xf000, 1 }, { 0xf000, 2 }, { USER_LIMIT, 1 },
    { USER_LIMIT - 0x1000, 2 }, { USER_LIMIT + 0x1000, 1 }, { ADDRESS_NOT_CANONICAL, 1 }, { ADDRESS_KERNEL, 1 }, { 0xffffffff80200000, 1 },
    { 0xfffffffffffff000, 1 }, { 0xfffffffffffff000, 2 }, { KIT_FREE, (uint64_t)1 << 52 }, { KIT_FREE, (uint64_t)1 << 51 }, { KIT_FREE, ~(uint64_t)0 },
    { KIT_FREE, (uint64_t)1 << 63 }, { KIT_FREE, 0x000fffffffffffff }, { KIT_FREE, USER_LIMIT / PAGE_BYTES }, { 0x1000, ~(uint64_t)0 },
};
static const enum status span_statuses[] = {
    STATUS_BAD_LENGTH, STATUS_BAD_ALIGNMENT, STATUS_BAD_ALIGNMENT, STATUS_BAD_ALIGNMENT, STATUS_BAD_ADDRESS, STATUS_BAD_ADDRESS, STATUS_BAD_ADDRESS,
    STATUS_BAD_ADDRESS, STATUS_BAD_ADDRESS, STATUS_BAD_ADDRESS, STATUS_BAD_ADDRESS, STATUS_BAD_ADDRESS, STATUS_BAD_ADDRESS, STATUS_RANGE_WRAPS,
    STATUS_RANGE_WRAPS, STATUS_RANGE_WRAPS, STATUS_BAD_ADDRESS, STATUS_RANGE_WRAPS, STATUS_RANGE_WRAPS, STATUS_RANGE_WRAPS, STATUS_BAD_ADDRESS,
    STATUS_RANGE_WRAPS,
};
constexpr unsigned SPANS = sizeof bad_spans / sizeof bad_spans[0];
static_assert(sizeof span_statuses / sizeof span_statuses[0] == SPANS);

static const uint64_t bad_attributes[] = { 8, 16, 24, 32, 64, 128, 0xf0, 0x100, (uint64_t)1 << 32, (uint64_t)1 << 63, ~(uint64_t)0 };

void case_hostile_ranges(void)
{
    uint64_t frame, space = kit_info->space;
    kit_must(kernel_frame_allocate(0, &frame), "frame_allocate");
    for (unsigned i = 0; i < SPANS; i++) {
        uint64_t address = bad_spans[i][0], pages = bad_spans[i][1];
        enum status status = span_statuses[i];
        expect_refused(status, CALL_space_map, space, address, frame, pages, ATTRIBUTE_WRITE);
        expect_refused(status, CALL_space_fill, space, address, pages, ATTRIBUTE_WRITE);
        expect_refused(status, CALL_space_unmap, space, address, pages, UNMAP_KEEP);
        expect_refused(status, CALL_space_unmap, space, address, pages, UNMAP_FREE);
        expect_refused(status, CALL_space_protect, space, address, pages, ATTRIBUTE_READ);
        if (pages == 1) expect_refused(status, CALL_space_query, space, address);
        expect_refused(status, CALL_space_harvest, space, address, pages);
        expect_refused(status, CALL_space_count, space, address, pages);
        expect_refused(status, CALL_space_move, space, address, space, KIT_FREE, pages);
        expect_refused(status, CALL_space_move, space, KIT_FREE, space, address, pages);
        expect_refused(status, CALL_space_share, space, address, space, KIT_FREE, pages, 0);
        expect_refused(status, CALL_space_share, space, KIT_FREE, space, address, pages, SHARE_COPY);
    }
    kit_must(kernel_frame_free(frame, 0), "frame_free");
}

/* What only harvesting and moving know: lengths, and ranges that meet. */
void case_hostile_moves(void)
{
    uint64_t other, space = kit_info->space, frame, done;
    kit_must(kernel_space_create(kit_info->endpoint, BADGE, &other), "space_create");
    for (uint64_t pages = 65; pages < 0x100000; pages = pages * 3 - 1) expect_refused(STATUS_BAD_LENGTH, CALL_space_harvest, other, KIT_FREE, pages);
    expect_refused(STATUS_BAD_ARGUMENT, CALL_space_move, space, KIT_FREE, space, KIT_FREE, 1);
    expect_refused(STATUS_BAD_ARGUMENT, CALL_space_move, space, KIT_FREE, space, KIT_FREE + PAGE_BYTES, 2);
    expect_refused(STATUS_BAD_ARGUMENT, CALL_space_move, space, KIT_FREE + 511 * PAGE_BYTES, space, KIT_FREE, 512);
    expect_refused(STATUS_BAD_ARGUMENT, CALL_space_share, space, KIT_FREE, space, KIT_FREE + PAGE_BYTES, 2, 0);
    expect_refused(STATUS_BAD_ARGUMENT, CALL_space_share, space, KIT_FREE, other, KIT_FREE, 2, SHARE_COPY | ATTRIBUTE_WRITE);
    expect_refused(STATUS_BAD_ARGUMENT, CALL_space_share, space, KIT_FREE, other, KIT_FREE, 2, SHARE_COPY << 1);
    expect_refused(STATUS_WRITE_EXECUTE, CALL_space_share, space, KIT_FREE, other, KIT_FREE, 2, ATTRIBUTE_WRITE | ATTRIBUTE_EXECUTE);
    kit_must(kernel_frame_allocate(0, &frame), "frame_allocate");
    kit_must(kernel_space_map(space, KIT_FREE, frame, 1, ATTRIBUTE_WRITE, &done), "space_map");
    kit_must(kernel_space_map(other, KIT_FREE + 511 * PAGE_BYTES, frame, 1, ATTRIBUTE_WRITE, &done), "space_map");
    expect_refused(STATUS_ALREADY_MAPPED, CALL_space_move, space, KIT_FREE, other, KIT_FREE + 511 * PAGE_BYTES, 1);
    expect_refused(STATUS_ALREADY_MAPPED, CALL_space_move, space, KIT_FREE, other, KIT_FREE, 512);
    expect_refused(STATUS_ALREADY_MAPPED, CALL_space_share, space, KIT_FREE, other, KIT_FREE + 511 * PAGE_BYTES, 1, 0);
    uint64_t found, page_bytes, unmapped, freed;
    uint32_t attributes;
    kit_must(kernel_space_query(space, KIT_FREE, &found, &attributes, &page_bytes), "space_query");
    expect_equal(found, frame);
    kit_must(kernel_space_unmap(space, KIT_FREE, 1, UNMAP_FREE, &done, &unmapped, &freed), "space_unmap");
    worker_space_end(other);
}

/* Every frame that is no space, page tables and the kernel's own among them. */
void case_hostile_frames_as_spaces(void)
{
    uint64_t space = kit_info->space;
    for (uint64_t frame = 0; frame < 4096; frame++) {
        if (frame == space) continue;
        expect_refused(STATUS_BAD_OBJECT, CALL_space_harvest, frame, KIT_FREE, 1);
        expect_refused(STATUS_BAD_OBJECT, CALL_space_move, frame, KIT_FREE, space, KIT_FREE + PAGE_BYTES, 1);
        expect_refused(STATUS_BAD_OBJECT, CALL_space_move, space, KIT_FREE, frame, KIT_FREE, 1);
        expect_refused(STATUS_BAD_OBJECT, CALL_space_share, space, KIT_FREE, frame, KIT_FREE, 1, 0);
        expect_refused(STATUS_BAD_OBJECT, CALL_space_share, frame, KIT_FREE, space, KIT_FREE + PAGE_BYTES, 1, 0);
    }
}

void case_hostile_attributes(void)
{
    uint64_t frame, space = kit_info->space, page_bytes;
    kit_must(kernel_frame_allocate(0, &frame), "frame_allocate");
    for (unsigned i = 0; i < sizeof bad_attributes / sizeof bad_attributes[0]; i++) {
        expect_refused(STATUS_BAD_ARGUMENT, CALL_space_map, space, KIT_FREE, frame, 1, bad_attributes[i]);
        expect_refused(STATUS_BAD_ARGUMENT, CALL_space_fill, space, KIT_FREE, 1, bad_attributes[i]);
        expect_refused(STATUS_BAD_ARGUMENT, CALL_space_protect, space, kit_info->image_first, 1, bad_attributes[i]);
    }
    static const uint64_t both = ATTRIBUTE_WRITE | ATTRIBUTE_EXECUTE;
    expect_refused(STATUS_WRITE_EXECUTE, CALL_space_map, space, KIT_FREE, frame, 1, both);
    expect_refused(STATUS_WRITE_EXECUTE, CALL_space_fill, space, KIT_FREE, 1, both);
    expect_refused(STATUS_WRITE_EXECUTE, CALL_space_protect, space, kit_info->image_first, 1, both);
    expect_refused(STATUS_NOT_MAPPED, CALL_space_query, space, KIT_FREE);
    uint64_t found;
    uint32_t attributes;
    kit_must(kernel_space_query(space, kit_info->image_first, &found, &attributes, &page_bytes), "space_query");
    expect_equal(attributes & ATTRIBUTES_ALL, ATTRIBUTE_EXECUTE);
    for (uint64_t flags = 2; flags != 0; flags <<= 1) expect_refused(STATUS_BAD_ARGUMENT, CALL_space_unmap, space, KIT_FREE, 1, flags);
    kit_must(kernel_frame_free(frame, 0), "frame_free");
}

/* Numbers that are no space, thread or endpoint, the objects of each other kind among them. */
void case_hostile_names(void)
{
    struct worker worker = worker_make(BADGE, PRIORITY_PROGRAM, THREAD_PLAIN);
    uint64_t endpoint, frame, space = kit_info->space;
    kit_must(kernel_endpoint_create(&endpoint), "endpoint_create");
    kit_must(kernel_frame_allocate(0, &frame), "frame_allocate");
    uint64_t pool = endpoint / ENDPOINTS_PER_FRAME;
    const uint64_t names[] = { 0, 1, frame, pool, 0x200, 0xb8, 0xfee00, 0x3fffffff, UINT32_MAX, (uint64_t)1 << 32, (uint64_t)1 << 63, ~(uint64_t)0,
                               ((uint64_t)1 << 32) + worker.space, ((uint64_t)1 << 32) + worker.thread, worker.thread, worker.space };
    constexpr unsigned count = sizeof names / sizeof names[0];
    for (unsigned i = 0; i < count; i++) {
        uint64_t name = names[i];
        if (name != worker.space) {
            expect_refused(STATUS_BAD_OBJECT, CALL_space_destroy, name);
            expect_refused(STATUS_BAD_OBJECT, CALL_space_map, name, KIT_FREE, frame, 1, 0);
            expect_refused(STATUS_BAD_OBJECT, CALL_space_fill, name, KIT_FREE, 1, 0);
            expect_refused(STATUS_BAD_OBJECT, CALL_space_unmap, name, KIT_FREE, 1, 0);
            expect_refused(STATUS_BAD_OBJECT, CALL_space_protect, name, KIT_FREE, 1, 0);
            expect_refused(STATUS_BAD_OBJECT, CALL_space_query, name, KIT_FREE);
            expect_refused(STATUS_BAD_OBJECT, CALL_space_harvest, name, KIT_FREE, 1);
            expect_refused(STATUS_BAD_OBJECT, CALL_space_count, name, KIT_FREE, 1);
            expect_refused(STATUS_BAD_OBJECT, CALL_space_move, name, KIT_FREE, space, KIT_FREE, 1);
            expect_refused(STATUS_BAD_OBJECT, CALL_space_move, space, KIT_FREE, name, KIT_FREE, 1);
            expect_refused(STATUS_BAD_OBJECT, CALL_thread_create, name, 0, FRAME_NONE, 0, 0);
            expect_refused(STATUS_BAD_OBJECT, CALL_handle_map, name, 9, endpoint, RIGHT_CALL, 0);
            expect_refused(STATUS_BAD_OBJECT, CALL_handle_unmap, name, 9);
        }
        if (name != worker.thread) {
            expect_refused(STATUS_BAD_OBJECT, CALL_thread_destroy, name);
            expect_refused(STATUS_BAD_OBJECT, CALL_thread_stop, name);
            expect_refused(STATUS_BAD_OBJECT, CALL_thread_start, name, 0x400000, 0, 0);
        }
    }
    const uint64_t endpoints[] = { 0, 1, pool * ENDPOINTS_PER_FRAME, pool * ENDPOINTS_PER_FRAME + 31, frame * ENDPOINTS_PER_FRAME + 1,
                                   worker.thread * ENDPOINTS_PER_FRAME + 1, worker.space * ENDPOINTS_PER_FRAME + 1, endpoint + ((uint64_t)1 << 37),
                                   endpoint + ((uint64_t)1 << 63), ~(uint64_t)0, (uint64_t)1 << 37 };
    for (unsigned i = 0; i < sizeof endpoints / sizeof endpoints[0]; i++) {
        expect_refused(STATUS_BAD_OBJECT, CALL_endpoint_destroy, endpoints[i]);
        expect_refused(STATUS_BAD_OBJECT, CALL_space_create, endpoints[i], 0);
        expect_refused(STATUS_BAD_OBJECT, CALL_handle_map, space, 9, endpoints[i], RIGHT_CALL, 0);
    }
    worker_end(&worker);
    kit_must(kernel_frame_free(frame, 0), "frame_free");
    kit_must(kernel_endpoint_destroy(endpoint), "endpoint_destroy");
}

/* Frames that hold objects are no data: not as themselves, not in the middle of a run that begins well. */
void case_hostile_frames(void)
{
    struct worker worker = worker_make(BADGE, PRIORITY_PROGRAM, THREAD_PLAIN);
    uint64_t space = kit_info->space, block;
    const uint64_t frames[] = { 0, 1, worker.space, worker.thread, kit_info->thread, kit_info->space, kit_info->endpoint / ENDPOINTS_PER_FRAME, 0x200, 0xb8,
                                0xfee00, 0xfffffffe, UINT32_MAX, (uint64_t)1 << 32, (uint64_t)1 << 63, ~(uint64_t)0 };
    for (unsigned i = 0; i < sizeof frames / sizeof frames[0]; i++) {
        expect_refused(STATUS_BAD_FRAME, CALL_space_map, space, KIT_FREE, frames[i], 1, ATTRIBUTE_WRITE);
        expect_refused(STATUS_BAD_FRAME, CALL_space_map, space, KIT_FREE, frames[i], 512, ATTRIBUTE_WRITE);
        expect_refused(STATUS_BAD_FRAME, CALL_frame_free, frames[i], 0);
        expect_refused(STATUS_BAD_FRAME, CALL_frame_zero, frames[i]);
        if (frames[i] != FRAME_NONE) expect_refused(STATUS_BAD_FRAME, CALL_thread_create, worker.space, 0, frames[i], 0, 0);
    }
    kit_must(kernel_frame_allocate(3, &block), "frame_allocate");
    kit_must(kernel_frame_free(block + 7, 0), "frame_free");
    expect_refused(STATUS_BAD_FRAME, CALL_space_map, space, KIT_FREE, block, 8, ATTRIBUTE_WRITE);
    expect_refused(STATUS_BAD_FRAME, CALL_frame_free, block, 3);
    expect_refused(STATUS_NOT_MAPPED, CALL_space_query, space, KIT_FREE);
    for (unsigned i = 0; i < 7; i++) kit_must(kernel_frame_free(block + i, 0), "frame_free");
    worker_end(&worker);
}

void case_hostile_flags(void)
{
    struct worker worker = worker_make(BADGE, PRIORITY_PROGRAM, THREAD_PLAIN);
    static const uint64_t numbers[] = { PRIORITY_LIMIT, PRIORITY_LIMIT + 1, 255, 256, (uint64_t)1 << 32, (uint64_t)1 << 63, ~(uint64_t)0 };
    for (unsigned i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        expect_refused(STATUS_BAD_ARGUMENT, CALL_thread_create, worker.space, 0, FRAME_NONE, numbers[i], 0);
        expect_refused(STATUS_BAD_ARGUMENT, CALL_thread_create, worker.space, 0, FRAME_NONE, 0, numbers[i]);
        expect_refused(STATUS_BAD_ARGUMENT, CALL_handle_map, worker.space, 9, kit_info->endpoint, numbers[i] << 5, 0);
    }
    expect_refused(STATUS_BAD_ARGUMENT, CALL_thread_create, worker.space, 0, FRAME_NONE, 0, 2);
    expect_refused(STATUS_BAD_ARGUMENT, CALL_handle_map, worker.space, 9, kit_info->endpoint, 0, 0);
    expect_refused(STATUS_BAD_ARGUMENT, CALL_handle_map, worker.space, 9, kit_info->endpoint, RIGHTS_ALL + 1, 0);
    expect_refused(STATUS_BAD_HANDLE, CALL_handle_map, worker.space, HANDLE_NONE, kit_info->endpoint, RIGHT_CALL, 0);
    expect_refused(STATUS_BAD_HANDLE, CALL_handle_map, worker.space, (uint64_t)1 << 32, kit_info->endpoint, RIGHT_CALL, 0);
    expect_refused(STATUS_BAD_HANDLE, CALL_handle_map, worker.space, ((uint64_t)1 << 32) + 9, kit_info->endpoint, RIGHT_CALL, 0);
    expect_refused(STATUS_BAD_HANDLE, CALL_handle_unmap, worker.space, HANDLE_NONE);
    expect_refused(STATUS_BAD_HANDLE, CALL_handle_unmap, worker.space, 9);
    expect_refused(STATUS_BAD_HANDLE, CALL_handle_unmap, worker.space, ~(uint64_t)0);
    expect_refused(STATUS_BAD_ARGUMENT, CALL_test_counter, COUNTERS);
    expect_refused(STATUS_BAD_ARGUMENT, CALL_test_counter, ~(uint64_t)0);
    expect_refused(STATUS_BAD_LENGTH, CALL_log, 0);
    expect_refused(STATUS_BAD_LENGTH, CALL_log, MESSAGE_BUFFER_BYTES + 1);
    expect_refused(STATUS_BAD_LENGTH, CALL_log, ~(uint64_t)0);
    worker_end(&worker);
}

static bool call_exists(uint64_t number)
{
#define SYSCALL(row, name, who, how, in, out, text) if (number == (row)) return true;
#include <abi/syscall.def>
#undef SYSCALL
    return false;
}

void case_hostile_numbers(void)
{
    for (uint64_t number = 0; number < 4 * CALL_LIMIT; number++) {
        if (!call_exists(number)) expect_refused(STATUS_BAD_CALL, number, 1, 2, 3, 4, 5, 6, 7, 8, 9);
    }
    for (unsigned bit = 6; bit < 64; bit++) {
        expect_refused(STATUS_BAD_CALL, (uint64_t)1 << bit, 1, 2, 3, 4, 5, 6, 7, 8, 9);
        expect_refused(STATUS_BAD_CALL, (uint64_t)1 << bit | CALL_version, 1, 2, 3, 4, 5, 6, 7, 8, 9);
        expect_refused(STATUS_BAD_CALL, (uint64_t)1 << bit | CALL_machine_end, 0, 2, 3, 4, 5, 6, 7, 8, 9);
    }
    expect_refused(STATUS_BAD_CALL, ~(uint64_t)0, 1, 2, 3, 4, 5, 6, 7, 8, 9);
}

/* Pages that are mapped stay as they are: no call maps over them. */
void case_hostile_mapped_twice(void)
{
    uint64_t block, done = 0, unmapped = 0, freed = 0, space = kit_info->space, found, page_bytes;
    uint32_t attributes;
    kit_must(kernel_frame_allocate(1, &block), "frame_allocate");
    kit_must(kernel_space_map(space, KIT_FREE + 0x5000, block, 1, ATTRIBUTE_READ, &done), "space_map");
    expect_refused(STATUS_ALREADY_MAPPED, CALL_space_map, space, KIT_FREE + 0x5000, block + 1, 1, ATTRIBUTE_WRITE);
    expect_refused(STATUS_ALREADY_MAPPED, CALL_space_map, space, KIT_FREE + 0x4000, block, 2, ATTRIBUTE_WRITE);
    expect_refused(STATUS_ALREADY_MAPPED, CALL_space_fill, space, KIT_FREE + 0x5000, 1, ATTRIBUTE_WRITE);
    expect_refused(STATUS_ALREADY_MAPPED, CALL_space_fill, space, KIT_FREE, 512, ATTRIBUTE_WRITE);
    kit_must(kernel_space_query(space, KIT_FREE + 0x5000, &found, &attributes, &page_bytes), "space_query");
    expect(found == block && (attributes & ATTRIBUTES_ALL) == ATTRIBUTE_READ && page_bytes == PAGE_BYTES);
    expect_status(kernel_space_unmap(space, KIT_FREE, 512, UNMAP_FREE, &done, &unmapped, &freed), STATUS_OK);
    expect(done == 512 && unmapped == 1 && freed == 2); /* the block that the page was part of */
}
