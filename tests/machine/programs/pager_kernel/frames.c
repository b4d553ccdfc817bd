/* Frames: blocks of every order, what may be freed and mapped, and that nothing old is ever in a frame of a new owner. */
#include "worker.h"

#include <string.h>

constexpr uint64_t WINDOW = KIT_FREE + 0x40000000; /* where this program looks at a frame */
constexpr uint64_t SECRET = 0x5ec2e75ec2e75ec2;

static uint64_t *window_open(uint64_t frame)
{
    uint64_t done;
    kit_must(kernel_space_map(kit_info->space, WINDOW, frame, 1, ATTRIBUTE_WRITE, &done), "window: space_map");
    return (uint64_t *)WINDOW;
}

static void window_close(void)
{
    uint64_t done, unmapped, freed;
    kit_must(kernel_space_unmap(kit_info->space, WINDOW, 1, UNMAP_KEEP, &done, &unmapped, &freed), "window: space_unmap");
}

static void window_fill(uint64_t frame, uint64_t value)
{
    uint64_t *words = window_open(frame);
    for (unsigned i = 0; i < PAGE_BYTES / sizeof *words; i++) words[i] = value;
    window_close();
}

static bool words_are(const uint64_t *words, uint64_t value)
{
    for (unsigned i = 0; i < PAGE_BYTES / sizeof *words; i++) {
        if (words[i] != value) return false;
    }
    return true;
}

static void expect_zero(uint64_t frame)
{
    expect(words_are(window_open(frame), 0));
    window_close();
}

void case_frames_orders(void)
{
    uint64_t free = case_count_free(), block;
    for (uint32_t order = 0; order <= 10; order++) {
        if (kernel_frame_allocate(order, &block) != STATUS_OK) break;
        expect_equal(block % (1u << order), 0);
        expect_equal(free - case_count_free(), 1u << order);
        expect_refused(STATUS_BAD_FRAME, CALL_frame_free, block, order + 1);
        if (order != 0) expect_refused(STATUS_BAD_FRAME, CALL_frame_free, block + 1, order);
        expect_status(kernel_frame_free(block, order), STATUS_OK);
        expect_refused(STATUS_BAD_FRAME, CALL_frame_free, block, order);
        expect_refused(STATUS_BAD_FRAME, CALL_frame_free, block, 0);
    }
    expect_refused(STATUS_BAD_ARGUMENT, CALL_frame_allocate, 19);
    expect_refused(STATUS_BAD_ARGUMENT, CALL_frame_allocate, 63);
    expect_refused(STATUS_BAD_ARGUMENT, CALL_frame_allocate, (uint64_t)1 << 32);
    expect_refused(STATUS_BAD_ARGUMENT, CALL_frame_allocate, ~(uint64_t)0);
}

/* A page of a block that is mapped keeps all of it. An unmapped one can be given back in pieces, or the pieces together. */
void case_frames_pieces(void)
{
    uint64_t block;
    kit_must(kernel_frame_allocate(4, &block), "frame_allocate");
    window_open(block + 5);
    expect_refused(STATUS_FRAME_BUSY, CALL_frame_free, block, 4);
    expect_refused(STATUS_FRAME_BUSY, CALL_frame_free, block + 6, 1);
    expect_refused(STATUS_FRAME_BUSY, CALL_frame_split, block + 4, 2);
    window_close();
    expect_refused(STATUS_BAD_FRAME, CALL_frame_free, block + 5, 1);
    expect_status(kernel_frame_free(block + 6, 1), STATUS_OK);
    expect_refused(STATUS_BAD_FRAME, CALL_frame_free, block, 4);
    expect_status(kernel_frame_free(block, 2), STATUS_OK);
    expect_status(kernel_frame_free(block + 4, 1), STATUS_OK);
    expect_status(kernel_frame_free(block + 8, 3), STATUS_OK);
    expect_refused(STATUS_BAD_FRAME, CALL_frame_split, block, 0);

    kit_must(kernel_frame_allocate(4, &block), "frame_allocate");
    expect_refused(STATUS_BAD_ALIGNMENT, CALL_frame_split, block + 5, 2);
    expect_status(kernel_frame_split(block + 4, 2), STATUS_OK);
    window_open(block + 5);
    expect_refused(STATUS_FRAME_BUSY, CALL_frame_free, block, 4);
    expect_status(kernel_frame_free(block, 2), STATUS_OK);
    window_close();
    expect_status(kernel_frame_free(block + 4, 2), STATUS_OK);
    expect_status(kernel_frame_free(block + 8, 3), STATUS_OK);
}

/* One frame of somebody else: no call takes it. */
static bool frame_is_refused(uint64_t frame, uint64_t own)
{
    uint64_t done, thread;
    return kernel_space_map(kit_info->space, WINDOW, frame, 1, ATTRIBUTE_READ, &done) == STATUS_BAD_FRAME && kernel_frame_free(frame, 0) == STATUS_BAD_FRAME
           && kernel_frame_zero(frame) == STATUS_BAD_FRAME && kernel_frame_copy(own, 0, frame, 0, 8) == STATUS_BAD_FRAME
           && kernel_frame_copy(frame, 0, own, 0, 8) == STATUS_BAD_FRAME
           && (frame == FRAME_NONE || kernel_thread_create(kit_info->space, 0, frame, 0, 0, &thread) == STATUS_BAD_FRAME);
}

/* Goes through all of low memory (kernel image, tables, objects, free frames, holes) and samples above: only this program's frames are for it. */
void case_frames_of_others(void)
{
    uint64_t own, count_own = 0;
    kit_must(kernel_frame_allocate(0, &own), "frame_allocate");
    for (uint64_t frame = 0; frame < 0x400000; frame += frame < 0x8000 ? 1 : 257) {
        if (frame == own || case_frame_is_own(frame)) count_own++;
        else if (!expect(frame_is_refused(frame, own))) kit_log("test", "not refused frame=0x%lx", frame);
    }
    expect(count_own > 16);
    static const uint64_t wild[] = { 0xfffffffe, 0xffffffff, (uint64_t)1 << 32, ((uint64_t)1 << 32) + 0x200, (uint64_t)1 << 63, ~(uint64_t)0 };
    for (unsigned i = 0; i < sizeof wild / sizeof wild[0]; i++) expect(frame_is_refused(wild[i], own));
    expect(frame_is_refused(((uint64_t)1 << 32) + own, own));
    kit_must(kernel_frame_free(own, 0), "frame_free");
}

void case_frames_copy(void)
{
    uint64_t one, other;
    kit_must(kernel_frame_allocate(0, &one), "frame_allocate");
    kit_must(kernel_frame_allocate(0, &other), "frame_allocate");
    uint64_t *words = window_open(one);
    for (unsigned i = 0; i < 512; i++) words[i] = i;
    window_close();
    expect_status(kernel_frame_copy(other, 8, one, 16, 24), STATUS_OK);
    words = window_open(other);
    expect(words[0] == 0 && words[1] == 2 && words[2] == 3 && words[3] == 4 && words[4] == 0);
    window_close();
    expect_status(kernel_frame_copy(other, 0, one, 0, 4096), STATUS_OK);
    expect_status(kernel_frame_copy(one, 4095, one, 8, 1), STATUS_OK);
    expect_status(kernel_frame_copy(other, 8, other, 0, 4088), STATUS_OK); /* overlapping */
    words = window_open(other);
    expect(words[0] == 0 && words[1] == 0 && words[511] == 510);
    window_close();
    expect_refused(STATUS_BAD_LENGTH, CALL_frame_copy, other, 0, one, 0, 0);
    expect_refused(STATUS_BAD_LENGTH, CALL_frame_copy, other, 0, one, 0, 4097);
    expect_refused(STATUS_BAD_LENGTH, CALL_frame_copy, other, 1, one, 0, 4096);
    expect_refused(STATUS_BAD_LENGTH, CALL_frame_copy, other, 0, one, 1, 4096);
    expect_refused(STATUS_BAD_LENGTH, CALL_frame_copy, other, 4096, one, 0, 1);
    expect_refused(STATUS_BAD_LENGTH, CALL_frame_copy, other, ~(uint64_t)0, one, 0, 2);
    expect_refused(STATUS_BAD_LENGTH, CALL_frame_copy, other, 0, one, ~(uint64_t)0, 2);
    expect_refused(STATUS_BAD_LENGTH, CALL_frame_copy, other, 0, one, 0, ~(uint64_t)0);
    expect_refused(STATUS_BAD_LENGTH, CALL_frame_copy, other, 0, one, 0, (uint64_t)1 << 32);
    kit_must(kernel_frame_free(one, 0), "frame_free");
    kit_must(kernel_frame_free(other, 0), "frame_free");
}

/* frame_zero zeroes what a program has written since. */
void case_frames_zero(void)
{
    uint64_t frame;
    kit_must(kernel_frame_allocate(0, &frame), "frame_allocate");
    window_fill(frame, SECRET);
    expect_status(kernel_frame_zero(frame), STATUS_OK);
    expect_zero(frame);
    kit_must(kernel_frame_free(frame, 0), "frame_free");
}

/* --- Old content --- */

constexpr unsigned SECRETS = 64;
static uint64_t secret_frames[SECRETS];

/* Fills and frees many frames; the next ones that anyone gets are among them. */
static void leave_secrets(void)
{
    for (unsigned i = 0; i < SECRETS; i++) {
        kit_must(kernel_frame_allocate(0, &secret_frames[i]), "frame_allocate");
        window_fill(secret_frames[i], SECRET);
    }
    for (unsigned i = SECRETS; i > 0; i--) kit_must(kernel_frame_free(secret_frames[i - 1], 0), "frame_free");
}

static bool held_secret(uint64_t frame)
{
    for (unsigned i = 0; i < SECRETS; i++) {
        if (secret_frames[i] == frame) return true;
    }
    return false;
}

/* Takes a frame that held a secret; which frames are given out next is the allocator's business, so some others may come first. */
static uint64_t secret_take(void)
{
    constexpr unsigned tries = 4096;
    static uint64_t passed_over[tries];
    uint64_t frame = 0;
    unsigned count = 0;
    while (count < tries) {
        kit_must(kernel_frame_allocate(0, &frame), "frame_allocate");
        if (held_secret(frame)) break;
        passed_over[count++] = frame;
    }
    expect(count < tries); /* else the case shows nothing */
    while (count > 0) kit_must(kernel_frame_free(passed_over[--count], 0), "frame_free");
    return frame;
}

void case_frames_content_mapped(void)
{
    leave_secrets();
    uint64_t frame = secret_take();
    expect_zero(frame);
    window_fill(frame, SECRET);
    expect(words_are(window_open(frame), SECRET)); /* and what its owner wrote stays */
    window_close();
    kit_must(kernel_frame_free(frame, 0), "frame_free");
}

void case_frames_content_filled(void)
{
    leave_secrets();
    uint64_t done, unmapped, freed;
    constexpr uint64_t first = KIT_FREE, pages = SECRETS;
    kit_must(kernel_space_fill(kit_info->space, first, pages, ATTRIBUTE_WRITE, &done), "space_fill");
    for (uint64_t i = 0; i < pages; i++) expect(words_are((const uint64_t *)(first + i * PAGE_BYTES), 0));
    kit_must(kernel_space_unmap(kit_info->space, first, pages, UNMAP_FREE, &done, &unmapped, &freed), "space_unmap");
    expect_equal(freed, pages);
}

static volatile uint64_t seen;

static void read_page(uint64_t address)
{
    for (unsigned i = 0; i < 512; i++) seen |= ((const volatile uint64_t *)address)[i];
}

void case_frames_content_resolved(void)
{
    struct worker worker = worker_make(BADGE, PRIORITY_FIRST, THREAD_PLAIN);
    struct message message;
    leave_secrets();
    seen = 0;
    worker_start(&worker, read_page, KIT_FREE);
    worker_take(&message);
    expect_status(worker_resolve(message.token, KIT_FREE, FRAME_FRESH, 1), STATUS_OK);
    worker_take_done(&worker);
    leave_secrets();
    uint64_t frame = secret_take();
    worker_restart(&worker, read_page, KIT_FREE + PAGE_BYTES);
    worker_take(&message);
    expect_status(worker_resolve(message.token, KIT_FREE + PAGE_BYTES, frame, 1), STATUS_OK);
    worker_take_done(&worker);
    expect_equal(seen, 0);
    worker_end(&worker);
}

void case_frames_content_buffer(void)
{
    uint64_t thread;
    leave_secrets();
    uint64_t frame = secret_take();
    kit_must(kernel_thread_create(kit_info->space, 0, frame, 0, 0, &thread), "thread_create");
    expect_zero(frame);
    kit_must(kernel_thread_destroy(thread), "thread_destroy");
    kit_must(kernel_frame_free(frame, 0), "frame_free");
}

/* The rest of a frame into which something was copied, and a copy out of a frame that was never cleaned. */
void case_frames_content_copied(void)
{
    leave_secrets();
    uint64_t one = secret_take(), other = secret_take();
    expect_status(kernel_frame_copy(one, 100, other, 0, 8), STATUS_OK);
    expect_zero(one);
    expect_zero(other);
    kit_must(kernel_frame_free(one, 0), "frame_free");
    kit_must(kernel_frame_free(other, 0), "frame_free");
}
