/* Spaces on the machine: what the processor remembers of translations is never older than the tables; long ranges go in steps. The algorithm itself
 * is tested on the host (tests/unit/test_space*.c). */
#include "worker.h"

constexpr uint64_t FIRST = KIT_FREE;

static uint64_t frames_take(uint32_t order)
{
    uint64_t block;
    kit_must(kernel_frame_allocate(order, &block), "frame_allocate");
    enum status status; /* a block of more than 2 MiB is zeroed in steps before it can be mapped */
    do status = order > 9 ? kernel_frame_zero(block) : STATUS_OK;
    while (status == STATUS_AGAIN);
    kit_must(status, "frame_zero");
    return block;
}

static void map(uint64_t space, uint64_t address, uint64_t frame, uint64_t pages, uint32_t attributes)
{
    uint64_t done = 0;
    kit_must(kernel_space_map(space, address, frame, pages, attributes, &done), "space_map");
    expect_equal(done, pages);
}

static void unmap(uint64_t space, uint64_t address, uint64_t pages, uint64_t flags)
{
    uint64_t done, unmapped = 0, freed;
    kit_must(kernel_space_unmap(space, address, pages, flags, &done, &unmapped, &freed), "space_unmap");
    expect_equal(unmapped, pages);
}

static volatile uint64_t *word_of(uint64_t page)
{
    return (volatile uint64_t *)(FIRST + page * PAGE_BYTES);
}

static void write_pages(uint64_t pages, uint64_t seed)
{
    for (uint64_t i = 0; i < pages; i++) *word_of(i) = seed + i;
}

static void expect_pages(uint64_t first, uint64_t limit, uint64_t seed)
{
    for (uint64_t i = first; i < limit; i++) {
        if (!expect_equal(*word_of(i), seed + i)) return;
    }
}

/* Other frames at the same addresses of this running space, so often that a translation kept too long would show. */
static void remap(uint64_t pages, uint64_t shift)
{
    uint64_t one = frames_take(10), other = frames_take(10), space = kit_info->space;
    map(space, FIRST, one + shift, pages, ATTRIBUTE_WRITE);
    write_pages(pages, 1000);
    unmap(space, FIRST, pages, UNMAP_KEEP);
    map(space, FIRST, other + shift, pages, ATTRIBUTE_WRITE);
    expect_equal(*word_of(0), 0);
    expect_equal(*word_of(pages - 1), 0);
    write_pages(pages, 2000);
    unmap(space, FIRST, pages, UNMAP_KEEP);
    map(space, FIRST, one + shift, pages, ATTRIBUTE_READ);
    expect_pages(0, pages, 1000);
    unmap(space, FIRST, pages, UNMAP_KEEP);
    kit_must(kernel_frame_free(one, 10), "frame_free");
    kit_must(kernel_frame_free(other, 10), "frame_free");
}

void case_spaces_remapped(void)
{
    remap(1, 0);
    remap(32, 0); /* invalidated one by one */
    remap(33, 0); /* flushed */
    remap(512, 1);
    remap(512, 0); /* one large leaf */
}

/* A table of small leaves goes, a large leaf comes in its place, and the other way round: the processor may remember the table too. */
void case_spaces_large_and_small(void)
{
    uint64_t large = frames_take(9), small = frames_take(9), space = kit_info->space;
    for (unsigned round = 0; round < 3; round++) {
        map(space, FIRST, small, 256, ATTRIBUTE_WRITE);
        map(space, FIRST + 256 * PAGE_BYTES, small + 256, 256, ATTRIBUTE_WRITE);
        write_pages(512, 3000);
        unmap(space, FIRST, 512, UNMAP_KEEP);
        map(space, FIRST, large, 512, ATTRIBUTE_WRITE);
        expect_equal(*word_of(7), round == 0 ? 0 : 4007);
        write_pages(512, 4000);
        unmap(space, FIRST, 512, UNMAP_KEEP);
    }
    map(space, FIRST, small, 512, ATTRIBUTE_READ);
    expect_pages(0, 512, 3000);
    unmap(space, FIRST, 512, UNMAP_FREE);
    kit_must(kernel_frame_free(large, 9), "frame_free");
}

/* One page of a large leaf is replaced: the others stay what they are. */
void case_spaces_split(void)
{
    uint64_t large = frames_take(9), single = frames_take(0), space = kit_info->space, frame, page_bytes, done, changed;
    uint32_t attributes;
    map(space, FIRST, large, 512, ATTRIBUTE_WRITE);
    write_pages(512, 5000);
    unmap(space, FIRST + 100 * PAGE_BYTES, 1, UNMAP_KEEP);
    map(space, FIRST + 100 * PAGE_BYTES, single, 1, ATTRIBUTE_WRITE);
    expect_equal(*word_of(100), 0);
    *word_of(100) = 6000;
    expect_pages(0, 100, 5000);
    expect_pages(101, 512, 5000);
    kit_must(kernel_space_protect(space, FIRST + 200 * PAGE_BYTES, 1, ATTRIBUTE_READ, &done, &changed), "space_protect");
    kit_must(kernel_space_protect(space, FIRST + 200 * PAGE_BYTES, 1, ATTRIBUTE_WRITE, &done, &changed), "space_protect");
    *word_of(200) = 5200; /* allowed again at once */
    kit_must(kernel_space_query(space, FIRST + 511 * PAGE_BYTES, &frame, &attributes, &page_bytes), "space_query");
    expect(frame == large + 511 && page_bytes == PAGE_BYTES);
    unmap(space, FIRST, 512, UNMAP_FREE); /* the last page of the block takes all of it along */
    expect_refused(STATUS_BAD_FRAME, CALL_frame_free, large + 100, 0);
}

static void write_word(uint64_t address)
{
    *(volatile uint64_t *)address = 1;
}

/* Rights that are taken are taken, also when the worker has just used them. */
void case_spaces_rights_taken(void)
{
    struct worker worker = worker_make(BADGE, PRIORITY_FIRST, THREAD_PLAIN);
    struct message message;
    uint64_t block = frames_take(9), done, changed;
    map(worker.space, FIRST, block, 512, ATTRIBUTE_WRITE);
    worker_start(&worker, write_word, FIRST);
    worker_take_done(&worker);
    kit_must(kernel_space_protect(worker.space, FIRST, 512, ATTRIBUTE_READ, &done, &changed), "space_protect");
    expect_equal(changed, 512);
    worker_restart(&worker, write_word, FIRST);
    worker_take(&message);
    expect_equal(message.word[0] & 0xff, FAULT_WRITE | FAULT_PRESENT);
    kit_must(kernel_space_protect(worker.space, FIRST, 512, ATTRIBUTE_WRITE, &done, &changed), "space_protect");
    static const uint64_t nothing[MESSAGE_WORDS];
    expect_status(worker_answer(message.token, FAULT_RETRY, nothing), STATUS_OK);
    worker_take_done(&worker);
    unmap(worker.space, FIRST, 512, UNMAP_KEEP);
    worker_restart(&worker, write_word, FIRST);
    worker_take(&message);
    expect_equal(message.word[0] & 0xff, FAULT_WRITE);
    worker_end(&worker);
    kit_must(kernel_frame_free(block, 9), "frame_free");
}

/* What the processor notes in an entry is told. */
void case_spaces_accessed_and_dirty(void)
{
    struct worker worker = worker_make(BADGE, PRIORITY_FIRST, THREAD_PLAIN);
    uint64_t frame = frames_take(0), found, page_bytes;
    uint32_t attributes = 0;
    map(worker.space, FIRST, frame, 1, ATTRIBUTE_WRITE);
    kit_must(kernel_space_query(worker.space, FIRST, &found, &attributes, &page_bytes), "space_query");
    expect_equal(attributes, ATTRIBUTE_WRITE);
    worker_start(&worker, write_word, FIRST);
    worker_take_done(&worker);
    kit_must(kernel_space_query(worker.space, FIRST, &found, &attributes, &page_bytes), "space_query");
    expect_equal(attributes, ATTRIBUTE_WRITE | ATTRIBUTE_ACCESSED | ATTRIBUTE_DIRTY);
    worker_end(&worker);
}

/* Each step handles a bounded number of pages and says how many; a hole of any size is quick. */
void case_spaces_steps(void)
{
    constexpr uint64_t pages = 1300;
    uint64_t space = kit_info->space, at, steps, done = 0, changed, unmapped, freed;
    for (at = 0, steps = 0; at < pages; at += done, steps++) {
        enum status status = kernel_space_fill(space, FIRST + at * PAGE_BYTES, pages - at, ATTRIBUTE_WRITE, &done);
        expect(done > 0 && done <= STEP_PAGES);
        expect_status(status, at + done == pages ? STATUS_OK : STATUS_AGAIN);
    }
    expect_equal(steps, 3);
    for (at = 0, steps = 0; at < pages; at += done, steps++) {
        enum status status = kernel_space_protect(space, FIRST + at * PAGE_BYTES, pages - at, ATTRIBUTE_READ, &done, &changed);
        expect(done > 0 && changed == done);
        expect_status(status, at + done == pages ? STATUS_OK : STATUS_AGAIN);
    }
    expect(steps <= 3); /* an entry may be a large leaf, so that a step may be more pages */
    constexpr uint64_t all = (USER_LIMIT - FIRST) / PAGE_BYTES;
    uint64_t total = 0;
    for (at = 0, steps = 0; at < all; at += done, steps++) {
        enum status status = kernel_space_unmap(space, FIRST + at * PAGE_BYTES, all - at, UNMAP_FREE, &done, &unmapped, &freed);
        if (!expect(status == STATUS_OK || status == STATUS_AGAIN) || !expect(done > 0)) return;
        expect(freed == unmapped);
        total += unmapped;
    }
    expect_equal(total, pages);
    expect(steps < 100);
}

/* A space with much in it ends in steps, and meanwhile is a space still. */
void case_spaces_destroyed_in_steps(void)
{
    uint64_t space, done, steps = 1;
    kit_must(kernel_space_create(kit_info->endpoint, BADGE, &space), "space_create");
    for (uint64_t i = 0; i < 6; i++) kit_must(kernel_space_fill(space, FIRST + i * ((uint64_t)1 << 36), 300, ATTRIBUTE_WRITE, &done), "space_fill");
    uint64_t free = case_count_free();
    while (kernel_space_destroy(space) == STATUS_AGAIN) {
        expect(case_count_free() > free); /* each step gives something back */
        steps++;
        if (steps == 3) kit_must(kernel_space_fill(space, FIRST, 3, ATTRIBUTE_WRITE, &done), "space_fill");
        free = case_count_free();
    }
    expect(steps > 5);
    expect_refused(STATUS_BAD_OBJECT, CALL_space_destroy, space);
}

/* One frame in many places: counted, and free only when the last is gone. */
void case_spaces_shared_frame(void)
{
    uint64_t frame = frames_take(0), done = 0, unmapped = 0, freed = 0;
    for (uint64_t i = 0; i < 1000; i++) map(kit_info->space, FIRST + i * PAGE_BYTES, frame, 1, ATTRIBUTE_WRITE);
    *word_of(3) = 77;
    for (uint64_t i = 0; i < 1000; i++) expect_equal(*word_of(i), 77);
    for (uint64_t i = 0; i < 1000; i++) {
        expect_refused(STATUS_FRAME_BUSY, CALL_frame_free, frame, 0);
        kit_must(kernel_space_unmap(kit_info->space, FIRST + i * PAGE_BYTES, 1, UNMAP_FREE, &done, &unmapped, &freed), "space_unmap");
        expect_equal(freed, i == 999 ? 1 : 0);
    }
    expect_refused(STATUS_BAD_FRAME, CALL_frame_free, frame, 0);
}
