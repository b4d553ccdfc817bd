/* A load through the processor's translation buffer is what a walk of the tables says (I11): random operations on a window of pages, and after each of them
 * loads that are compared with space_query and with the frame's content.
 *
 * Every frame of the pool holds its own number, so a load tells which frame it came from. In the pager's own space nothing lies between an operation and
 * the load but the kernel's invalidations, since the root table stays loaded. There pages that are not mapped cannot be tried (the pager's fault would be
 * the end); a program's can, and its rights.
 *
 * 1. Before an operation pages of its range are loaded, so that the buffer has something to remember. */
#include "worker.h"

constexpr uint64_t FIRST = KIT_FREE;                /* aligned to 2 MiB, so large leaves fit */
constexpr uint64_t WINDOW = 1024;                   /* pages */
constexpr uint64_t LARGE = 512;
constexpr unsigned OPERATIONS = 3000;
constexpr unsigned OPERATIONS_PROGRAM = 600;

static struct random numbers;
static uint64_t pool; /* first frame of WINDOW frames */

static uint64_t below(uint64_t limit)
{
    return random_below(&numbers, limit);
}

static uint64_t address_of(uint64_t page)
{
    return FIRST + page * PAGE_BYTES;
}

/* Each frame of the pool gets its number as its first word. */
static void pool_take(void)
{
    uint64_t done;
    kit_must(kernel_frame_allocate(10, &pool), "frame_allocate");
    enum status status;
    do status = kernel_frame_zero(pool);
    while (status == STATUS_AGAIN);
    kit_must(status, "frame_zero");
    for (uint64_t i = 0; i < WINDOW; i += LARGE) {
        kit_must(kernel_space_map(kit_info->space, FIRST, pool + i, LARGE, ATTRIBUTE_WRITE, &done), "space_map");
        for (uint64_t page = 0; page < LARGE; page++) *(volatile uint64_t *)address_of(page) = pool + i + page;
        uint64_t unmapped, freed;
        kit_must(kernel_space_unmap(kit_info->space, FIRST, LARGE, UNMAP_KEEP, &done, &unmapped, &freed), "space_unmap");
    }
}

/* A range of the window: one page, some, or all of a large leaf. */
struct range { uint64_t page, count; };
static struct range range_any(void)
{
    switch (below(4)) {
    case 0: return (struct range){ below(WINDOW / LARGE) * LARGE, LARGE };
    case 1: return (struct range){ below(WINDOW - 64), 1 + below(64) };
    default: return (struct range){ below(WINDOW), 1 };
    }
}

/* A range may take more than one step; the first is enough here. */
static void expect_step(enum status status)
{
    if (status != STATUS_AGAIN) expect_status(status, STATUS_OK);
}

static void expect_step_unless_mapped(enum status status)
{
    if (status != STATUS_ALREADY_MAPPED) expect_step(status);
}

static void unmap(uint64_t space, struct range range)
{
    uint64_t done, unmapped, freed;
    expect_status(kernel_space_unmap(space, address_of(range.page), range.count, UNMAP_KEEP, &done, &unmapped, &freed), STATUS_OK);
}

/* Takes the pool out of the space and gives it back. */
static void pool_give(uint64_t space)
{
    for (uint64_t page = 0; page < WINDOW; page += LARGE) unmap(space, (struct range){ page, LARGE });
    kit_must(kernel_frame_free(pool, 10), "frame_free");
}

static void map(uint64_t space, struct range range)
{
    uint64_t done, first = pool + (range.count == LARGE ? below(WINDOW / LARGE) * LARGE : below(WINDOW - range.count));
    uint32_t attributes = below(2) ? ATTRIBUTE_WRITE : ATTRIBUTE_READ;
    expect_step_unless_mapped(kernel_space_map(space, address_of(range.page), first, range.count, attributes, &done));
}

static void operate(uint64_t space, struct range range)
{
    uint64_t done, other, more;
    switch (below(6)) {
    case 0: unmap(space, range); break;
    case 1:
    case 2:
        unmap(space, range); /* other frames at the same addresses */
        map(space, range);
        break;
    case 3: map(space, range); break;
    case 4:
        expect_step(kernel_space_protect(space, address_of(range.page), range.count, below(2) ? ATTRIBUTE_WRITE : ATTRIBUTE_READ, &done, &other));
        break;
    default:
        more = below(WINDOW - range.count + 1);
        if (range.count == LARGE) more = (range.page + LARGE) % WINDOW;
        if (more < range.page + range.count && range.page < more + range.count) return; /* they overlap */
        expect_step_unless_mapped(kernel_space_move(space, address_of(range.page), space, address_of(more), range.count, &done, &other));
    }
}

/* What the tables say of a page: the frame, or 0. */
static uint64_t frame_by_walk(uint64_t space, uint64_t page, uint32_t *attributes)
{
    uint64_t frame, page_bytes;
    return kernel_space_query(space, address_of(page), &frame, attributes, &page_bytes) == STATUS_OK ? frame : 0;
}

static void expect_own_load(uint64_t page)
{
    uint32_t attributes;
    uint64_t frame = frame_by_walk(kit_info->space, page, &attributes);
    if (frame != 0) expect_equal(*(volatile uint64_t *)address_of(page), frame);
}

/* Loads pages at both ends of a range, inside it and anywhere. */
static void expect_own_loads(struct range range)
{
    expect_own_load(range.page);
    expect_own_load(range.page + range.count - 1);
    for (unsigned i = 0; i < 4; i++) expect_own_load(range.page + below(range.count));
    for (unsigned i = 0; i < 2; i++) expect_own_load(below(WINDOW));
}

void case_translations_of_the_pager(void)
{
    numbers.state = 11;
    pool_take();
    for (unsigned i = 0; i < OPERATIONS; i++) {
        struct range range = range_any();
        expect_own_loads(range);
        operate(kit_info->space, range);
        expect_own_loads(range);
    }
    pool_give(kit_info->space);
}

static volatile uint64_t loaded;

static void load_word(uint64_t address)
{
    loaded = *(volatile uint64_t *)address;
}

static void store_word(uint64_t address)
{
    *(volatile uint64_t *)address = *(volatile uint64_t *)address; /* the frame keeps its number */
}

/* The program does one access; whether it faults, and what it sees, is what the tables say. */
static void expect_access(const struct worker *worker, uint64_t page, bool is_write)
{
    struct message message;
    uint32_t attributes = 0;
    uint64_t frame = frame_by_walk(worker->space, page, &attributes);
    loaded = 0;
    worker_restart(worker, is_write ? store_word : load_word, address_of(page));
    if (!worker_take(&message)) return;
    if (frame == 0 || (is_write && !(attributes & ATTRIBUTE_WRITE))) {
        expect_equal(message.word[1], address_of(page));
        uint64_t access = frame == 0 ? FAULT_READ : FAULT_WRITE | FAULT_PRESENT; /* a store reads first */
        expect_equal(message.word[0] & 0xff, access);
        return;
    }
    expect_equal(message.word[1], 0); /* it has returned */
    if (!is_write) expect_equal(loaded, frame);
}

void case_translations_of_a_program(void)
{
    struct worker worker = worker_make(BADGE, PRIORITY_FIRST, THREAD_PLAIN);
    numbers.state = 13;
    pool_take();
    for (unsigned i = 0; i < OPERATIONS_PROGRAM; i++) {
        struct range range = range_any();
        expect_access(&worker, range.page, below(2));
        operate(worker.space, range);
        expect_access(&worker, range.page, below(2));
        expect_access(&worker, range.page + below(range.count), false);
    }
    pool_give(worker.space);
    worker_end(&worker);
}
