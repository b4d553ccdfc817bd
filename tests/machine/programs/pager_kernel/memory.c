/* No memory: every call that needs frames, with too few of them, says so and changes nothing; with enough it works. */
#include "worker.h"

constexpr unsigned BLOCKS = 4096;
constexpr uint64_t FAR = KIT_FREE + ((uint64_t)5 << 39); /* needs tables of its own on each level */

static struct {
    uint32_t frame, order;
} blocks[BLOCKS];
static unsigned count_blocks;

/* Takes every free frame but `spare`. */
static void memory_take(uint64_t spare)
{
    count_blocks = 0;
    for (uint32_t order = 19; order-- > 0;) {
        uint64_t block;
        while (count_blocks < BLOCKS && kernel_frame_allocate(order, &block) == STATUS_OK) {
            blocks[count_blocks].frame = (uint32_t)block;
            blocks[count_blocks++].order = order;
        }
    }
    expect(count_blocks < BLOCKS);
    expect_equal(case_count_free(), 0);
    if (spare == 0) return;
    /* Frames one by one from the first, largest block: its first 2 MiB become single frames. */
    if (blocks[0].order < 9) kit_must(STATUS_LIMIT, "memory_take");
    kit_must(kernel_frame_split(blocks[0].frame, 0), "frame_split");
    for (uint64_t i = 0; i < spare; i++) kit_must(kernel_frame_free(blocks[0].frame + i, 0), "frame_free");
}

static void memory_give_back(uint64_t spare)
{
    for (unsigned i = 0; i < count_blocks; i++) {
        if (i != 0 || spare == 0) {
            kit_must(kernel_frame_free(blocks[i].frame, blocks[i].order), "frame_free");
            continue;
        }
        for (uint64_t j = spare; j < 512; j++) kit_must(kernel_frame_free(blocks[0].frame + j, 0), "frame_free");
        for (uint32_t order = 9; order < blocks[0].order; order++) kit_must(kernel_frame_free(blocks[0].frame + (1u << order), order), "frame_free");
    }
}

enum need : uint32_t { NEED_SPACE, NEED_THREAD, NEED_FILL_1, NEED_FILL_MANY, NEED_FILL_TO_THE_EDGE, NEED_MAP, NEED_UNMAP_SPLIT, NEED_PROTECT_SPLIT, NEEDS };

struct subject {
    uint64_t space, frame, large;
    uint64_t made;
};

static enum status attempt(enum need need, struct subject *subject)
{
    uint64_t done, second, third;
    enum status status;
    switch (need) {
    case NEED_SPACE: return kernel_space_create(kit_info->endpoint, 0, &subject->made);
    case NEED_THREAD: return kernel_thread_create(subject->space, 0, FRAME_NONE, 0, 0, &subject->made);
    case NEED_FILL_1: return kernel_space_fill(subject->space, FAR, 1, ATTRIBUTE_WRITE, &done);
    case NEED_FILL_MANY: return kernel_space_fill(subject->space, FAR, 6, ATTRIBUTE_WRITE, &done);
    case NEED_FILL_TO_THE_EDGE: /* of a table: a step goes no further */
        status = kernel_space_fill(subject->space, FAR + ((uint64_t)1 << 39) - 2 * PAGE_BYTES, 4, ATTRIBUTE_WRITE, &done);
        return status == STATUS_AGAIN && done == 2 ? STATUS_OK : status;
    case NEED_MAP: return kernel_space_map(subject->space, FAR, subject->frame, 1, ATTRIBUTE_WRITE, &done);
    case NEED_UNMAP_SPLIT: return kernel_space_unmap(subject->space, KIT_FREE + PAGE_BYTES, 1, UNMAP_KEEP, &done, &second, &third);
    case NEED_PROTECT_SPLIT: return kernel_space_protect(subject->space, KIT_FREE + PAGE_BYTES, 1, ATTRIBUTE_READ, &done, &second);
    case NEEDS: break;
    }
    return STATUS_BAD_ARGUMENT;
}

static void subject_make(struct subject *subject)
{
    uint64_t done;
    kit_must(kernel_space_create(kit_info->endpoint, BADGE, &subject->space), "space_create");
    kit_must(kernel_frame_allocate(0, &subject->frame), "frame_allocate");
    kit_must(kernel_frame_allocate(9, &subject->large), "frame_allocate");
    kit_must(kernel_space_map(subject->space, KIT_FREE, subject->large, STEP_PAGES, ATTRIBUTE_WRITE, &done), "space_map");
}

static void subject_end(struct subject *subject, enum need need)
{
    if (need == NEED_SPACE) worker_space_end(subject->made);
    if (need == NEED_THREAD) kit_must(kernel_thread_destroy(subject->made), "thread_destroy");
    worker_space_end(subject->space);
    if (need != NEED_MAP) kit_must(kernel_frame_free(subject->frame, 0), "frame_free");
}

/* With 0, 1, 2 ... free frames until it works: each failure leaves the number as it was. */
static void expect_needs(enum need need)
{
    for (uint64_t spare = 0;; spare++) {
        struct subject subject = {};
        subject_make(&subject);
        memory_take(spare);
        uint64_t free = case_count_free();
        expect_equal(free, spare);
        enum status status = attempt(need, &subject);
        bool is_done = status == STATUS_OK;
        if (!is_done) {
            expect_status(status, STATUS_NO_MEMORY);
            expect_equal(case_count_free(), free);
        } else if (!expect(spare > 0)) {
            kit_log("test", "needs no memory need=%u", need);
        }
        memory_give_back(spare);
        if (!is_done && spare < 16) {
            expect_status(attempt(need, &subject), STATUS_OK);
            is_done = true;
            subject_end(&subject, need);
            continue;
        }
        subject_end(&subject, need);
        expect(spare < 16);
        return;
    }
}

void case_memory_space_create(void) { expect_needs(NEED_SPACE); }
void case_memory_thread_create(void) { expect_needs(NEED_THREAD); }
void case_memory_fill(void)
{
    expect_needs(NEED_FILL_1);
    expect_needs(NEED_FILL_MANY);
    expect_needs(NEED_FILL_TO_THE_EDGE);
}
void case_memory_map(void) { expect_needs(NEED_MAP); }
void case_memory_split(void)
{
    expect_needs(NEED_UNMAP_SPLIT);
    expect_needs(NEED_PROTECT_SPLIT);
}

static void touch(uint64_t address)
{
    *(volatile uint8_t *)address = 1;
}

/* A fault that cannot be resolved now can be later. */
void case_memory_resolve(void)
{
    struct worker worker = worker_make(BADGE, PRIORITY_FIRST, THREAD_PLAIN);
    struct message message;
    worker_start(&worker, touch, FAR);
    worker_take(&message);
    for (uint64_t spare = 0; spare < 4; spare++) { /* three tables and the page */
        memory_take(spare);
        expect_status(worker_resolve(message.token, FAR | ATTRIBUTE_WRITE, FRAME_FRESH, 1), STATUS_NO_MEMORY);
        expect_status(worker_resolve(message.token, FAR | ATTRIBUTE_WRITE, FRAME_FRESH, 2), STATUS_NO_MEMORY);
        expect_equal(case_count_free(), spare);
        memory_give_back(spare);
    }
    memory_take(4);
    expect_status(worker_resolve(message.token, FAR | ATTRIBUTE_WRITE, FRAME_FRESH, 1), STATUS_OK);
    expect_equal(case_count_free(), 0);
    worker_take_done(&worker);
    memory_give_back(4);
    worker_end(&worker);
}

static uint64_t frame_at(uint64_t space, uint64_t address)
{
    uint64_t frame = 0, page_bytes;
    uint32_t attributes;
    expect_status(kernel_space_query(space, address, &frame, &attributes, &page_bytes), STATUS_OK);
    return frame;
}

/* Two spaces see the same pages, lazily copied: a write in one of them is one fault and one kernel entry of the pager, and the other's page stays as it
 * is. Who is
 * left alone with a frame gets it without a copy. Shared for good, both see what either writes. */
void case_memory_copy(void)
{
    struct worker worker = worker_make(BADGE, PRIORITY_FIRST, THREAD_PLAIN);
    uint64_t other = worker_space(BADGE + 1), done, shared, unmapped, freed, free;
    struct message message;
    kit_must(kernel_space_fill(other, FAR, 3, ATTRIBUTE_WRITE, &done), "space_fill");
    kit_must(kernel_space_share(other, FAR, kit_info->space, FAR, 3, ATTRIBUTE_WRITE, &done, &shared), "space_share");
    expect_equal(shared, 3);
    volatile uint8_t *bytes = (volatile uint8_t *)FAR;
    for (unsigned page = 0; page < 3; page++) bytes[page * PAGE_BYTES] = bytes[page * PAGE_BYTES + 9] = 7;
    kit_must(kernel_space_unmap(kit_info->space, FAR, 1, UNMAP_FREE, &done, &unmapped, &freed), "space_unmap");
    kit_must(kernel_space_share(other, FAR, worker.space, FAR, 3, SHARE_COPY, &done, &shared), "space_share");
    uint64_t frame = frame_at(other, FAR);
    expect_equal(frame_at(worker.space, FAR), frame);
    free = case_count_free();
    worker_start(&worker, touch, FAR);
    worker_take(&message);
    expect_equal(message.word[0] & 0xff, FAULT_WRITE | FAULT_PRESENT);
    expect_status(worker_resolve(message.token, FAR | ATTRIBUTE_WRITE, FRAME_COPY, 2), STATUS_BAD_LENGTH);
    memory_take(0);
    expect_status(worker_resolve(message.token, FAR | ATTRIBUTE_WRITE, FRAME_COPY, 1), STATUS_NO_MEMORY);
    memory_give_back(0);
    expect_status(worker_resolve(message.token, FAR + 3 * PAGE_BYTES, FRAME_COPY, 1), STATUS_NOT_MAPPED);
    expect_status(worker_resolve(message.token, FAR | ATTRIBUTE_WRITE, FRAME_COPY, 1), STATUS_OK);
    worker_take_done(&worker);
    expect_equal(case_count_free(), free - 1);
    expect_equal(frame_at(other, FAR), frame);
    expect(frame_at(worker.space, FAR) != frame);
    kit_must(kernel_space_share(worker.space, FAR, kit_info->space, FAR, 1, 0, &done, &shared), "space_share");
    expect(bytes[0] == 1 && bytes[9] == 7 && bytes[PAGE_BYTES] == 7);
    worker_space_end(other);
    frame = frame_at(worker.space, FAR + 2 * PAGE_BYTES);
    kit_must(kernel_space_unmap(kit_info->space, FAR, 3, UNMAP_FREE, &done, &unmapped, &freed), "space_unmap");
    expect_equal(freed, 0);
    worker_restart(&worker, touch, FAR + 2 * PAGE_BYTES);
    worker_take(&message);
    expect_status(worker_resolve(message.token, (FAR + 2 * PAGE_BYTES) | ATTRIBUTE_WRITE, FRAME_COPY, 1), STATUS_OK);
    worker_take_done(&worker);
    expect_equal(frame_at(worker.space, FAR + 2 * PAGE_BYTES), frame);
    worker_end(&worker);
}

/* What needs no memory goes on without it: messages, faults, ends. */
void case_memory_without(void)
{
    struct worker worker = worker_make(BADGE, PRIORITY_FIRST, THREAD_PLAIN);
    uint64_t endpoints[ENDPOINTS_PER_FRAME + 1], frame;
    unsigned count = 0;
    memory_take(0);
    expect_refused(STATUS_NO_MEMORY, CALL_frame_allocate, 0);
    expect_refused(STATUS_NO_MEMORY, CALL_frame_allocate, 18);
    while (count <= ENDPOINTS_PER_FRAME && kernel_endpoint_create(&endpoints[count]) == STATUS_OK) count++;
    expect(count <= ENDPOINTS_PER_FRAME);
    expect_refused(STATUS_NO_MEMORY, CALL_endpoint_create);
    struct message message;
    worker_start(&worker, touch, FAR);
    worker_take(&message);
    expect_equal(message.word[1], FAR);
    while (count > 0) kit_must(kernel_endpoint_destroy(endpoints[--count]), "endpoint_destroy");
    worker_end(&worker); /* gives some back */
    expect(case_count_free() > 0);
    expect_status(kernel_frame_allocate(0, &frame), STATUS_OK);
    expect_status(kernel_frame_free(frame, 0), STATUS_OK);
    memory_give_back(0);
}

/* --- Every frame --- */

constexpr uint64_t LOOK = KIT_FREE + ((uint64_t)7 << 39);

/* Lets `visit` see each frame that memory_take() took, at LOOK. Tables for that are there already. */
static void memory_visit(void (*visit)(uint64_t *words, uint64_t frame))
{
    uint64_t done, unmapped, freed;
    for (unsigned i = 0; i < count_blocks; i++) {
        for (uint64_t frame = blocks[i].frame; frame < blocks[i].frame + ((uint64_t)1 << blocks[i].order); frame++) {
            kit_must(kernel_space_map(kit_info->space, LOOK, frame, 1, ATTRIBUTE_WRITE, &done), "space_map");
            visit((uint64_t *)LOOK, frame);
            kit_must(kernel_space_unmap(kit_info->space, LOOK, 1, UNMAP_KEEP, &done, &unmapped, &freed), "space_unmap");
        }
    }
}

static void frame_write(uint64_t *words, uint64_t frame)
{
    for (unsigned i = 0; i < PAGE_BYTES / sizeof *words; i++) words[i] = ~frame;
}

static void frame_compare(uint64_t *words, uint64_t frame)
{
    uint64_t differs = 0;
    for (unsigned i = 0; i < PAGE_BYTES / sizeof *words; i++) differs |= words[i] ^ ~frame;
    if (!expect_equal(differs, 0)) kit_log("test", "overwritten frame=0x%lx", frame);
}

/* Every frame that there is, taken and written from end to end: none is somebody else's, and none is two. The kernel's checker runs while all are held;
 * there test_twin.py compares them with the loader's map of memory and the kernel's text with its file. Of large memories only the names are looked at. */
void case_memory_every_frame(void)
{
    constexpr uint64_t most = 0x10000; /* 256 MiB */
    uint64_t beside, done, unmapped, freed;
    kit_must(kernel_frame_allocate(0, &beside), "frame_allocate");
    kit_must(kernel_space_map(kit_info->space, LOOK + PAGE_BYTES, beside, 1, ATTRIBUTE_READ, &done), "space_map"); /* keeps the tables of LOOK */
    uint64_t free = case_count_free(), taken = 0;
    memory_take(0);
    for (unsigned i = 0; i < count_blocks; i++) {
        taken += (uint64_t)1 << blocks[i].order;
        while (free <= most && kernel_frame_zero(blocks[i].frame) == STATUS_AGAIN) {}
        for (uint64_t frame = blocks[i].frame; free <= most && frame < blocks[i].frame + ((uint64_t)1 << blocks[i].order); frame++)
            expect(frame != beside && !case_frame_is_own(frame));
    }
    expect_equal(taken, free);
    if (free <= most) {
        memory_visit(frame_write);
        memory_visit(frame_compare);
        case_check();
    }
    memory_give_back(0);
    kit_must(kernel_space_unmap(kit_info->space, LOOK + PAGE_BYTES, 1, UNMAP_FREE, &done, &unmapped, &freed), "space_unmap");
}

/* Everything taken, filled, given back, taken again: no frame holds what was in it. */
void case_memory_all_zero_again(void)
{
    constexpr uint64_t pages = 1024;
    uint64_t done, unmapped, freed;
    for (unsigned round = 0; round < 2; round++) {
        for (uint64_t at = 0; at < pages; at += done) {
            enum status status = kernel_space_fill(kit_info->space, KIT_FREE + at * PAGE_BYTES, pages - at, ATTRIBUTE_WRITE, &done);
            expect(status == STATUS_OK || status == STATUS_AGAIN);
        }
        for (uint64_t i = 0; i < pages * 512; i += 64) {
            uint64_t *word = (uint64_t *)KIT_FREE + i + i / 64 % 64;
            if (!expect_equal(*word, 0)) break;
            *word = ~(uint64_t)0;
        }
        for (uint64_t at = 0; at < pages; at += done)
            expect(kernel_space_unmap(kit_info->space, KIT_FREE + at * PAGE_BYTES, pages - at, UNMAP_FREE, &done, &unmapped, &freed) != STATUS_BAD_ARGUMENT);
    }
}
